"""What the Berkeley Function Calling Leaderboard lets pass for one argument: types, alternatives, the "" that means
"may be left out".

A reference is compiled once (texts normalised, alternatives sorted by what they are); a call is then compared in a few
microseconds. The rules are upstream's, oddities included, where `mode` is `code`; `strict` mends those that let pass
what is another value, or refuse what is the same (docs/checks-bfcl.md lists them).

Source: gorilla/berkeley-function-call-leaderboard, `eval_checker/ast_eval/ast_checker.py` (code).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from artificer.checks.calls.bfcl_decode import Mode
from artificer.checks.calls.bfcl_literals import java, javascript
from artificer.checks.calls.bfcl_parameters import Keys, Language, Parameter, plain, same, same_text, smoothed
from artificer.core.canon import Json

Wrong = tuple[str, str]
"""Upstream's name for an error, and the parameter (with the key within it, where there is one)."""

_READ: dict[Language, Callable[[str, str, str | None], Json]] = {"java": java, "javascript": javascript}
_NOT_STRING: dict[Language, str] = {"java": "type_error:java", "javascript": "type_error:js"}


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
    return None if smoothed(value) in one.lists else ("value_error:list/tuple", name)


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
