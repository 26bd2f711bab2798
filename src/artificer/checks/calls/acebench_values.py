"""ACEBench: one argument's value against the answer's, as its `type_checker` and value checkers decide.

Nothing here recurses on what a model wrote deeper than `DEEPEST` levels; what is deeper is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from artificer.checks.calls.plain import DEEPEST, deep, same_json
from artificer.core.canon import Json
from artificer.core.verdicts import ErrorKind

KINDS = {
    "type_error": ErrorKind.mistyped_argument,
    "value_error": ErrorKind.wrong_value,
    "value_error:string": ErrorKind.wrong_value,
    "value_error:list/tuple": ErrorKind.wrong_value,
    "value_error:list_dict_count": ErrorKind.wrong_value,
    "value_error:dict_items": ErrorKind.wrong_value,
}
"""What each of the source's words for a wrong value is."""
_TYPES: dict[str, type | None] = {
    "string": str,
    "any": str,
    "integer": int,
    "int": int,
    "number": int,  # the code's own: a float is let through by another rule, whatever its value
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "list": list,
    "objectArray": list,
    "list(string)": list,
    "list(enum)": list,
    "dict": dict,
    "object": dict,
    "enum": None,  # a type that no value has
}
_NESTED = frozenset({"array", "tuple", "list(string)", "list(enum)", "object", "objectArray"})
_DROPPED = {ord(letter): None for letter in " ,./-_*^"} | {ord("'"): '"'}
_UNSET = object


def normalised(text: str) -> str:
    """The source's normaliser: without spaces and `,./-_*^`, in lower case, `'` as `"`."""
    return text.translate(_DROPPED).lower().replace("'", '"')


def matches(given: Json, wanted: Json, *, agent: bool = False) -> bool:
    """Ours: like in type and value; a text when the wanted one, normalised, stands in the given (equals it, for agents).
    Texts right in a list have to be equal when normalised, as in the source's `list_checker`; an empty text is met by an empty
    one alone: it stands in all."""

    def equal(one: str, two: str) -> bool:
        return normalised(one) == normalised(two)

    def within(one: str, two: str) -> bool:
        left, right = normalised(one), normalised(two)
        return left == right if agent or not right else right in left

    return same_json(given, wanted, within, equal)


def value_fault(value: Json, wanted: Json, detail: Mapping[str, Any], *, agent: bool) -> str:
    """The code's word for what is wrong, empty when nothing is.

    Args:
        detail: the parameter's schema; without a type that the source knows only the value decides.
    """
    named = detail.get("type")
    if not isinstance(named, str) or named not in _TYPES:
        return "" if matches(value, wanted, agent=agent) else "value_error"
    if deep(value, DEEPEST) or deep(wanted, DEEPEST):
        return "value_error"
    outer = _TYPES[named]
    inner = _inner(named, detail)
    if named == "float" and type(value) is int:
        value = _float(value)
    valid, variable = _typed(value, wanted, outer, inner)
    if not valid:
        return "type_error"
    if variable:
        return ""  # the answer has another type than the schema: the code compares no further
    if outer is dict:
        return _object_fault(value, cast("dict[str, Json]", wanted)) if isinstance(wanted, dict) else "value_error"
    if outer is list and inner is dict:
        return _objects_fault(value, wanted, named)
    if outer is str:
        left, right = normalised(cast("str", value)), normalised(cast("str", wanted))
        return "" if (left == right if agent else right in left) else "value_error:string"
    if outer is list:
        return "" if _listed(value) == _listed(wanted) else "value_error:list/tuple"
    return ""  # numbers and booleans: the code compares types alone


def _float(value: int) -> Json:
    try:
        return float(value)
    except OverflowError:
        return value


def _inner(named: str, detail: Mapping[str, Any]) -> type | None:
    """The type of what a container holds; `_UNSET`, which is a type that no value has, where the source's table lacks it."""
    if named not in _NESTED:
        return None
    items: Any = detail.get("items")
    held: Any = cast("dict[str, Any]", items).get("type") if isinstance(items, dict) else None
    if held is None:
        held = "string" if "string" in named else "enum" if "enum" in named else "dict"
    found = _TYPES.get(held, _UNSET) if isinstance(held, str) else _UNSET
    return _UNSET if found is None else found


def _typed(value: Json, wanted: Json, outer: type | None, inner: type | None) -> tuple[bool, bool]:
    """(valid, variable) as `type_checker` says. It looks into lists of lists one level at a time, and takes an empty
    list or object in the answer for a wrong type."""
    kind: type | None = None if isinstance(wanted, str) and not wanted else cast("type", type(wanted))
    variable = kind is not None and kind is not outer
    if value == "true":
        value = True
    if value == "false":
        value = False
    if type(value) is outer:
        if inner is None:
            return True, variable
        if not isinstance(wanted, list | dict | str):
            return False, kind is not None and type(value) is kind
        for item in cast("Sequence[Json]", wanted):
            if not isinstance(item, list) or all(_typed_inside(part, cast("list[Json]", item), inner) for part in cast("list[Json]", value)):
                return True, variable
        return False, False
    return kind is not None and (type(value) is kind or value == wanted), True  # 1 is true here


def _typed_inside(part: Json, item: list[Json], inner: type) -> bool:
    """A part of the value against a list in the answer: the inner type, or a list too."""
    if part == "true":
        part = True
    if part == "false":
        part = False
    return type(part) is inner or isinstance(part, list)


def _listed(value: Json) -> list[Json]:
    items: list[Json] = list(cast("list[Json]", value)) if isinstance(value, list) else [value]
    return [normalised(item) if isinstance(item, str) else item for item in items]


def _text(value: Json) -> str:
    if isinstance(value, str):
        return normalised(value)
    try:
        return str(value)
    except ValueError:  # an integer of more digits than Python writes
        return ""


def _object_fault(value: Json, wanted: dict[str, Json]) -> str:
    """`dict_checker`, without its recursion: as many keys, all of them known, inner objects alike, all else as text."""
    stack: list[tuple[Json, dict[str, Json]]] = [(value, wanted)]
    while stack:
        one, other = stack.pop()
        if not isinstance(one, dict):
            return "value_error"
        given = cast("dict[str, Json]", one)
        if len(given) != len(other):
            return "value_error"
        for key, inside in given.items():
            if key not in other:
                return "value_error"
            if isinstance(inside, str):
                inside = {"true": True, "false": False}.get(inside, inside)
            right = other[key]
            if isinstance(right, dict):
                stack.append((inside, cast("dict[str, Json]", right)))
            elif _text(right) not in _text(inside):
                return "value_error"
    return ""


def _objects_fault(value: Json, wanted: Json, named: str) -> str:
    """`list_dict_checker`. The code fails on a list whose parts are no objects, and on every `objectArray`; both are errors
    of value here, the second only when the objects differ."""
    given, right = cast("list[Json]", value), cast("list[Json]", wanted)
    if len(given) != len(right):
        return "value_error:dict_items" if named == "objectArray" else "value_error:list_dict_count"
    for one, two in zip(given, right, strict=True):
        if not isinstance(two, dict):
            return "value_error"
        found = _object_fault(one, cast("dict[str, Json]", two))
        if found:
            return "value_error:dict_items" if named == "objectArray" else found
    return ""
