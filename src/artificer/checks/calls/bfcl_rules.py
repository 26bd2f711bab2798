"""What the Berkeley Function Calling Leaderboard lets pass for one argument: types, alternatives, the "" that means
"may be left out".

A reference is compiled once (texts normalised, alternatives sorted by what they are); a call is then compared in a few
microseconds. The rules are upstream's, oddities included, where `mode` is `code`; `strict` mends those that let pass
what is another value, or refuse what is the same (docs/checks-bfcl.md lists them).

Source: gorilla/berkeley-function-call-leaderboard, `eval_checker/ast_eval/ast_checker.py` (code).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

from msgspec import Struct

from artificer.checks.calls.bfcl_decode import Mode
from artificer.checks.calls.bfcl_literals import java, javascript
from artificer.core.canon import Json
from artificer.core.errors import SourceError

Language = Literal["python", "java", "javascript"]
Wrong = tuple[str, str]
"""Upstream's name for an error, and the parameter (with the key within it, where there is one)."""

_PYTHON: dict[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "number": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "object": dict,
    "any": str,
}
_JAVA: dict[str, type] = {
    "byte": int,
    "short": int,
    "integer": int,
    "float": float,
    "double": float,
    "long": int,
    "boolean": bool,
    "char": str,
    "Array": list,
    "ArrayList": list,
    "Set": set,
    "HashMap": dict,
    "Hashtable": dict,
    "Queue": list,
    "Stack": list,
    "String": str,
    "any": str,
}
_SCRIPT: dict[str, type] = {
    "String": str,
    "integer": int,
    "float": float,
    "Bigint": int,
    "Boolean": bool,
    "dict": dict,
    "array": list,
    "any": str,
}
_TYPES: dict[Language, dict[str, type]] = {"python": _PYTHON, "java": _JAVA, "javascript": _SCRIPT}
_HOLDERS: dict[Language, frozenset[str]] = {
    "python": frozenset({"array", "tuple"}),
    "java": frozenset({"Array", "ArrayList"}),
    "javascript": frozenset({"array"}),
}
_READ: dict[Language, Callable[[str, str, str | None], Json]] = {"java": java, "javascript": javascript}
_NOT_STRING: dict[Language, str] = {"java": "type_error:java", "javascript": "type_error:js"}

_DROPPED = str.maketrans("", "", " ,./-_*^")
_NUMBER = re.compile(r"\s*[+-]?\d{1,30}(\.\d{1,30})?\s*")


def plain(text: str) -> str:
    """A text as it is compared: without blanks and `,./-_*^`, in lower case, with double quotes."""
    return text.translate(_DROPPED).lower().replace("'", '"')


def same_text(left: str, right: str) -> bool:
    """Whether two texts are the same in `strict`: as in `plain`, except that numbers are (`1.5` is not `15`, nor `-3`
    `3`), and that a text of dropped signs alone is not an empty one.
    """
    if _NUMBER.fullmatch(left) and _NUMBER.fullmatch(right):
        return float(left) == float(right)
    return plain(left) == plain(right) and (not left.strip()) == (not right.strip())


def same(left: Json, right: Json) -> bool:
    """Whether two values are the same in `strict`: truth is no number, and nor is it within lists."""
    if isinstance(left, str) and isinstance(right, str):
        return same_text(left, right)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        ones, others = cast("Sequence[Json]", left), cast("Sequence[Json]", right)
        return len(ones) == len(others) and all(map(_alike, ones, others))
    return _alike(left, right)


def _alike(left: Json, right: Json) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return same_text(left, right)
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _smoothed(values: Any) -> list[Json]:
    """A list's own texts normalised. Upstream walks whatever it finds: a text by its letters."""
    if not isinstance(values, list | tuple | str):
        return [values]
    return [plain(value) if isinstance(value, str) else value for value in cast("Sequence[Json]", values)]


class Keys(Struct, frozen=True):
    """One allowed object: what each key may be, and which keys must be there."""

    values: dict[Any, list[Json]]
    needed: tuple[Any, ...]
    raw: dict[Any, Any]

    @classmethod
    def of(cls, allowed: Mapping[Any, Any]) -> Keys:
        return cls(
            {key: _smoothed(values) for key, values in allowed.items()},
            tuple(key for key, values in allowed.items() if not _leavable(values)),
            dict(allowed),
        )


def _leavable(values: Any) -> bool:
    return "" in values if isinstance(values, list | tuple | str) else False


class Parameter(Struct, frozen=True):
    """What one parameter of one reference call may be. Made by `parameter`."""

    named: str
    of: type
    items: type | None
    possible: list[Json]
    first: type | None
    """The type of the first alternative that is no "": upstream takes a value of this type even where the schema says another."""
    variable: bool
    sort: str
    inner: tuple[tuple[type | None, bool], ...]
    """For each alternative: the type its elements show, and whether it is a list at all."""
    texts: frozenset[str]
    lists: list[list[Json]]
    objects: tuple[Keys | None, ...]
    rows: tuple[tuple[Keys | None, ...], ...]
    item_name: str | None


def parameter(schema: Mapping[str, Any], possible: Sequence[Json], language: Language, where: str) -> Parameter:
    """Compiles a parameter.

    Args:
        schema: of the parameter, in upstream's words (`dict`, `float`, `tuple`) or JSON Schema's.
        possible: the values that are right; "" among them when it may be left out.

    Raises:
        SourceError: a type that the language does not have.
    """
    types = _TYPES[language]
    named = _named(schema, language)
    if named not in types:
        raise SourceError(f"there is no type {named!r}", where=where, remedy=f"use one of {', '.join(sorted(types))}")
    item_name: str | None = None
    if named in _HOLDERS[language] and isinstance(schema.get("items"), Mapping):
        item_name = _named(schema["items"], language)
        if item_name not in types:
            raise SourceError(f"there is no type {item_name!r}", where=where, remedy=f"use one of {', '.join(sorted(types))}")
    of, items = types[named], types[item_name] if item_name is not None else None
    alternatives = list(possible)
    first = _first(alternatives)
    sort = "object" if of is dict else "rows" if of is list and items is dict else "text" if of is str else "list" if of is list else "other"
    return Parameter(
        named=named,
        of=of,
        items=items,
        possible=alternatives,
        first=first,
        variable=first is not None and first is not of,
        sort=sort,
        inner=tuple((_first(one), True) if isinstance(one, list) else (None, False) for one in alternatives) if items else (),
        texts=frozenset(plain(one) for one in alternatives if isinstance(one, str)),
        lists=[_smoothed(one) for one in alternatives] if sort == "list" else [],
        objects=tuple(_keys(one) for one in alternatives if one != "") if sort == "object" else (),
        rows=tuple(map(_rows_of, alternatives)) if sort == "rows" else (),
        item_name=item_name,
    )


def _named(schema: Mapping[str, Any], language: Language) -> str:
    """A schema's type; what says none, or several, is `any`."""
    named = schema.get("type")
    return named if isinstance(named, str) else "any"


def _first(values: Any) -> type | None:
    return next((type(value) for value in cast("Sequence[object]", values) if value != ""), None)


def _keys(allowed: Any) -> Keys | None:
    return Keys.of(cast("Mapping[Any, Any]", allowed)) if isinstance(allowed, Mapping) else None


def _rows_of(one: Any) -> tuple[Keys | None, ...]:
    return tuple(map(_keys, cast("Sequence[Any]", one))) if isinstance(one, list | str) else ()


def wrong_value(one: Parameter, name: str, value: Any, language: Language, mode: Mode) -> Wrong | None:
    """Why a value is not one that the parameter may have; None when it may."""
    if language != "python":
        if type(value) is not str:
            return _NOT_STRING[language], name
        value = _READ[language](value, one.named, None if mode == "strict" and one.item_name == "any" else one.item_name)
    elif one.of is float:
        if type(value) is int:
            value = _lifted(value)
    elif one.named == "tuple" and type(value) is tuple:
        value = list(cast("tuple[Any, ...]", value))
    if mode == "strict" and one.items is float and type(value) is list:
        value = [_lifted(part) if type(part) is int else part for part in cast("list[Any]", value)]
    # the type: the schema's, or that of the reference's own alternatives
    variable = one.variable
    if type(value) is one.of:
        if one.items is not None and not (mode == "strict" and one.item_name == "any") and not _items_fit(one, value):
            return ("type_error:nested" if type(value) is one.first else "type_error:simple"), name
    elif one.first is not None and type(value) is one.first:
        variable = True
    else:
        return "type_error:simple", name
    return _COMPARED[mode][one.sort if not variable else "other"](one, name, value)


def _lifted(value: int) -> Json:
    try:
        return float(value)
    except OverflowError:  # upstream raises
        return value


def _items_fit(one: Parameter, value: list[Json]) -> bool:
    """Whether elements have the items' type, or that of an alternative's elements. An alternative that is no list lets
    all pass."""
    for shown, is_list in one.inner:
        if not is_list or all(type(part) is one.items or (shown is not None and type(part) is shown) for part in value):
            return True
    return False


def _text(one: Parameter, name: str, value: str) -> Wrong | None:
    return None if plain(value) in one.texts else ("value_error:string", name)


def _list(one: Parameter, name: str, value: list[Json]) -> Wrong | None:
    return None if _smoothed(value) in one.lists else ("value_error:list/tuple", name)


def _other(one: Parameter, name: str, value: Json) -> Wrong | None:
    return None if value in one.possible else ("value_error:others", name)


def _object(one: Parameter, name: str, value: dict[Any, Json]) -> Wrong | None:
    return _one_of(one.objects, name, value, _in)


def _rows(one: Parameter, name: str, value: list[Any]) -> Wrong | None:
    return _one_of_rows(one, name, value, _in)


Held = Callable[[Json, Keys, Any], bool]


def _in(value: Json, allowed: Keys, key: Any) -> bool:
    return (plain(value) if type(value) is str else value) in allowed.values[key]


def _in_strict(value: Json, allowed: Keys, key: Any) -> bool:
    raw = allowed.raw[key]
    return any(same(value, one) for one in (cast("list[Json]", raw) if isinstance(raw, list) else [raw]))


def _one_of(allowed: Sequence[Keys | None], name: str, value: dict[Any, Json], held: Held) -> Wrong | None:
    """An object that must be one of several: the last one's complaint stands."""
    found: Wrong = ("dict_checker:unclear", name)
    for one in allowed:
        wrong = _unlike(one, name, value, held)
        if wrong is None:
            return None
        found = wrong
    return found


def _unlike(allowed: Keys | None, name: str, value: dict[Any, Json], held: Held) -> Wrong | None:
    if allowed is None:
        return "value_error:dict_key", name
    wrong: Wrong | None = None
    for key, part in value.items():
        if key not in allowed.values:
            wrong = ("value_error:dict_key", f"{name}.{key}")
            break
        if not held(part, allowed, key):
            wrong = ("value_error:dict_value", f"{name}.{key}")
            break
    for key in allowed.needed:
        if key not in value:
            return "value_error:dict_key", f"{name}.{key}"
    return wrong


def _one_of_rows(one: Parameter, name: str, value: list[Any], held: Held) -> Wrong | None:
    """A list of objects, in order, that must be one of several lists."""
    found: Wrong = ("list_dict_checker:unclear", name)
    for rows in one.rows:
        if len(rows) != len(value):
            found = ("value_error:list_dict_count", name)
            continue
        wrong = None
        for at, (allowed, part) in enumerate(zip(rows, value, strict=True)):
            if type(part) is not dict:
                return NO_OBJECT, f"{name}[{at}]"
            wrong = _unlike(allowed, f"{name}[{at}]", cast("dict[Any, Json]", part), held)
            if wrong is not None:
                found = wrong
                break
        if wrong is None:
            return None
    return found


NO_OBJECT = "value_error:no_object"
"""Not upstream's: where an object is wanted stands something else, of which upstream asks `.items()`, and raises."""


def _text_strict(one: Parameter, name: str, value: str) -> Wrong | None:
    held = plain(value) in one.texts and any(same_text(value, other) for other in one.possible if isinstance(other, str))
    return None if held else ("value_error:string", name)


def _list_strict(one: Parameter, name: str, value: list[Json]) -> Wrong | None:
    held = any(same(value, other) if isinstance(other, list) else other == "" and not value for other in one.possible)
    return None if held else ("value_error:list/tuple", name)


def _other_strict(one: Parameter, name: str, value: Json) -> Wrong | None:
    exact = isinstance(value, str)
    held = any((value == other) if exact else same(value, other) for other in one.possible)
    return None if held else ("value_error:others", name)


def _object_strict(one: Parameter, name: str, value: dict[Any, Json]) -> Wrong | None:
    return _one_of(one.objects, name, value, _in_strict)


def _rows_strict(one: Parameter, name: str, value: list[Any]) -> Wrong | None:
    return _one_of_rows(one, name, value, _in_strict)


_COMPARED: dict[Mode, dict[str, Callable[[Parameter, str, Any], Wrong | None]]] = {
    "code": {"text": _text, "list": _list, "other": _other, "object": _object, "rows": _rows},
    "strict": {"text": _text_strict, "list": _list_strict, "other": _other_strict, "object": _object_strict, "rows": _rows_strict},
}
