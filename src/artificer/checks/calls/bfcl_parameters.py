"""What one argument may be by the rules of the Berkeley Function Calling Leaderboard, compiled once.

Source: gorilla/berkeley-function-call-leaderboard, `eval_checker/ast_eval/ast_checker.py`, `constants/type_mappings.py` (code).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import SourceError

Language = Literal["python", "java", "javascript"]
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


def smoothed(values: Any) -> list[Json]:
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
            {key: smoothed(values) for key, values in allowed.items()},
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
        lists=[smoothed(one) for one in alternatives] if sort == "list" else [],
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
