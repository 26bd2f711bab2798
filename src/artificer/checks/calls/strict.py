"""`strict`, ours: calls as a multiset, values by type, the assignment with the fewest faults.

A call is right when it has the tool and exactly the arguments of a call of the reference, optional ones aside. Values are
compared as JSON: 1 and 1.0 are the same, 1 and "1" and true are not; numbers may differ by a relative tolerance where one
is asked for. Which call answers which is decided so that the fewest arguments are wrong (`pairing.pair_up`), hence the
verdict does not depend on the order of equal calls. With `ordered` right calls must also come in the reference's order;
the fewest that would have to move are out of order, among the pairings with the fewest faults.

Score: F1 of right calls. Numbers: `right`, `precision`, `recall`, and `argument_f1` (see `f1`).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from artificer.checks.calls.base import CallFault, CallMatch, Expected
from artificer.checks.calls.f1 import argument_f1
from artificer.checks.calls.pairing import Same, argument_faults, leftover_faults, pair_up
from artificer.checks.calls.plain import f1, same_json, short
from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def match(
    made: Sequence[ToolCall], expected: Sequence[Expected], tools: Sequence[ToolSpec] = (), *, ordered: bool = False, rel: float = 0.0
) -> CallMatch:
    """See the module.

    Args:
        ordered: whether the order of calls counts.
        rel: relative tolerance of numbers, at any depth.
    """
    same = same_json if rel <= 0 else within(rel)
    pairs = pair_up(made, expected, same, ordered=ordered)
    schemas = {tool.name: tool.parameters for tool in tools}
    faults: list[CallFault] = []
    wrong: set[int] = set()
    for row, column in pairs:
        found = [typed(made[row], expected[column], fault, schemas) for fault in argument_faults(made[row], expected[column], same)]
        if found:
            wrong.add(row)
        faults += [CallFault(kind, why, row, column, path) for kind, path, why in found]
    faults += leftover_faults(made, expected, pairs, tools)
    if ordered:
        faults += _disorder(made, pairs)
    faults.sort(key=lambda fault: (fault.call is None, fault.call or 0, fault.expected or 0))
    right = len(pairs) - len(wrong)
    numbers: dict[str, int | float] = {
        "right": right,
        "precision": right / len(made) if made else float(not expected),
        "recall": right / len(expected) if expected else float(not made),
        "argument_f1": argument_f1(made, expected, pairs, same),
    }
    return CallMatch(not faults, f1(right, len(made), len(expected)), tuple(pairs), tuple(faults), numbers)


def within(rel: float) -> Same:
    """Equality of JSON values whose numbers may differ by a share of the wanted one."""
    return lambda given, wanted: same_json(given, wanted, near=lambda one, other: _near(one, other, rel))


def _near(given: Json, wanted: Json, rel: float) -> bool:
    if not isinstance(given, int | float) or not isinstance(wanted, int | float):
        return False
    try:
        off, size = float(given) - float(wanted), abs(float(wanted))
    except OverflowError:
        return False
    return math.isfinite(off) and abs(off) <= rel * size


def typed(call: ToolCall, wanted: Expected, fault: tuple[ErrorKind, str, str], schemas: Mapping[str, dict[str, Json]]) -> tuple[ErrorKind, str, str]:
    """A wrong value of a wrong type is a mistyped argument: no allowed value has its type, or the schema has another."""
    kind, name, why = fault
    if kind is not ErrorKind.wrong_value:
        return fault
    value = call.arguments[name]
    allowed = {_type(one) for one in wanted.arguments[name]}
    if _type(value) in allowed and _fits(value, schemas.get(call.name), name):
        return fault
    return ErrorKind.mistyped_argument, name, f"{short(name)} is of type {_type(value)}, wanted {' or '.join(sorted(allowed))}" if allowed else why


def _type(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object" if isinstance(value, dict) else "null"


def _fits(value: Json, schema: dict[str, Json] | None, name: str) -> bool:
    """Whether a value has the type that a tool's schema gives the argument, as far as it says one."""
    stated = _record(_record((schema or {}).get("properties")).get(name))
    kind = stated.get("type")
    kinds = cast("list[Json]", kind) if isinstance(kind, list) else [kind]
    known = [_TYPES[one] for one in kinds if isinstance(one, str) and one in _TYPES]
    if "integer" in kinds and "number" not in kinds and isinstance(value, float) and not value.is_integer():
        return False
    return not known or any(isinstance(value, types) and (bool in types or not isinstance(value, bool)) for types in known)


def _record(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


def _disorder(made: Sequence[ToolCall], pairs: Sequence[tuple[int, int]]) -> Iterator[CallFault]:
    """The calls that would have to move: those outside the longest run that is in order."""
    kept = _longest_rise([column for _, column in pairs])
    for at, (row, column) in enumerate(pairs):
        if at not in kept:
            yield CallFault(ErrorKind.wrong_order, f"{short(made[row].name)} came out of order", row, column)


def _longest_rise(values: Sequence[int]) -> set[int]:
    """Places of a longest increasing subsequence (Fredman 1975: patience sorting)."""
    tails: list[int] = []
    places: list[int] = []
    before: list[int | None] = []
    for at, value in enumerate(values):
        spot = bisect_left(tails, value)
        before.append(places[spot - 1] if spot else None)
        if spot == len(tails):
            tails.append(value)
            places.append(at)
        else:
            tails[spot], places[spot] = value, at
    kept: set[int] = set()
    last: int | None = places[-1] if places else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return kept
