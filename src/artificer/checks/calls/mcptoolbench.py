"""MCPToolBench++: whether the right tool was called with the right parameters ("AST"), and whether it answered.

Source: arXiv 2508.07575 and its code, github mcp-tool-bench/MCPToolBenchPP (check_functions.py, evaluation_utils.py).

- `code`: only the last call made and the last of the reference are looked at. The tool is right when its name is the
  reference's or one of its similar tools'. Parameters are the judgement of a model there; here the rules of its prompt
  that need no model decide (equal lists are right; only parameters that were given are judged; those that the reference
  gives no value for are skipped; a wrong tool makes parameters wrong; coordinates are compared to one decimal), and
  `same` may add one that knows paraphrases.
- `strict` (ours; the code reads no more than the last call of a chain): the whole graph. Calls of one step may run side by
  side, each step needs those before it; every call of the reference has to be made, with every argument, and none else.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

import msgspec
from msgspec import Struct

from artificer.checks.calls.base import CallFault, CallMatch, Expected
from artificer.checks.calls.pairing import argument_faults, leftover_faults, pair_up
from artificer.checks.calls.plain import f1, same_json, short
from artificer.checks.values import unified
from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

Mode = Literal["code", "strict"]
Similar = Mapping[str, Sequence[str]]
"""For a tool of the reference those that do the same."""
_COORDINATES = frozenset({"lat", "lon", "lng", "long", "latitude", "longitude", "coordinates", "location", "origin", "destination"})


def match(
    made: Sequence[ToolCall],
    expected: Sequence[Expected],
    tools: Sequence[ToolSpec] = (),
    *,
    similar: Similar | None = None,
    same: Callable[[str, Json, Json], bool] | None = None,
    mode: Mode = "code",
    steps: Sequence[int] | None = None,
    made_steps: Sequence[int] | None = None,
) -> CallMatch:
    """Calls against a label.

    Args:
        similar: tools that stand for one of the reference (the records' `similar_tools`).
        same: (argument, given, wanted): whether two values that differ mean the same, e.g. a cached model judge.
        steps: the step of each call of the reference (the records' `step`; equal ones may run in parallel); a chain
            without them. Read by `strict` only, as is `made_steps`, the turn in which each call was made.

    Returns:
        `score` is 1 or 0 in `code`; in `strict` the mean of node F1 and edge F1. Numbers: `tool_ok`, `param_ok` of the
        last calls, and in `strict` `node_f1`, `edge_f1`, `all_match`.
    """
    alike = {name: frozenset(others) for name, others in (similar or {}).items()}

    def named(given: str, wanted: str) -> bool:
        return given == wanted or given in alike.get(wanted, ())

    def equal(argument: str, given: Json, wanted: Json) -> bool:
        return _alike(argument, given, wanted) or (same is not None and same(argument, given, wanted))

    if mode == "strict":
        return _graph(made, expected, tools, named, equal, steps, made_steps)
    return _last(made, expected, tools, named, equal)


def _last(
    made: Sequence[ToolCall],
    expected: Sequence[Expected],
    tools: Sequence[ToolSpec],
    named: Callable[[str, str], bool],
    equal: Callable[[str, Json, Json], bool],
) -> CallMatch:
    if not made or not expected:
        faults = leftover_faults(made, expected, (), tools, "tool_correctness")
        # The code calls two empty lists equal, and then not: its check of tools fails. No task of it wants no call.
        return CallMatch(passed=not faults, score=float(not faults), faults=faults, numbers={"tool_ok": int(not faults), "param_ok": int(not faults)})
    call, wanted = made[-1], expected[-1]
    at, to = len(made) - 1, len(expected) - 1
    if not named(call.name, wanted.name):
        unknown = bool(tools) and all(tool.name != call.name for tool in tools)
        kind = ErrorKind.unknown_tool if unknown else ErrorKind.wrong_tool
        fault = CallFault(kind, f"{short(call.name)} was called last, wanted {short(wanted.name)}", at, to, source="tool_correctness")
        return CallMatch(passed=False, score=0.0, pairs=((at, to),), faults=(fault,), numbers={"tool_ok": 0, "param_ok": 0})
    faults = tuple(
        CallFault(ErrorKind.wrong_value, f"{short(name)} is {short(value)}", at, to, name, "parameter_correctness")
        for name, value in call.arguments.items()
        if name in wanted.arguments and not any(equal(name, value, right) for right in wanted.arguments[name])
    )
    ok = not faults
    return CallMatch(passed=ok, score=float(ok), pairs=((at, to),), faults=faults, numbers={"tool_ok": 1, "param_ok": int(ok)})


def _graph(
    made: Sequence[ToolCall],
    expected: Sequence[Expected],
    tools: Sequence[ToolSpec],
    named: Callable[[str, str], bool],
    equal: Callable[[str, Json, Json], bool],
    steps: Sequence[int] | None,
    made_steps: Sequence[int] | None,
) -> CallMatch:
    pairs = pair_up(made, expected, same_json, named)
    wanted_at = _levels(len(expected), steps)
    made_at = _levels(len(made), made_steps)
    faults: list[CallFault] = []
    whole: list[tuple[int, int]] = []
    for at, to in pairs:
        found = [
            fault for fault in argument_faults(made[at], expected[to], lambda one, two: False) if not _excused(fault, made[at], expected[to], equal)
        ]
        faults.extend(CallFault(kind, why, at, to, name, "parameter_correctness") for kind, name, why in found)
        if not found:
            whole.append((at, to))
    faults.extend(_order_faults(pairs, made_at, wanted_at))
    faults.extend(leftover_faults(made, expected, pairs, tools, "tool_correctness"))
    node_f1 = f1(len(whole), len(made), len(expected))
    edge_f1 = _edge_f1(dict(whole), made_at, wanted_at)
    last = _last(made, expected, tools, named, equal).numbers
    numbers = {"node_f1": node_f1, "edge_f1": edge_f1, "all_match": int(not faults), "tool_ok": last["tool_ok"], "param_ok": last["param_ok"]}
    ordered = tuple(sorted(faults, key=lambda fault: (fault.call is None, fault.call or 0, fault.expected or 0)))
    return CallMatch(passed=not faults, score=(node_f1 + edge_f1) / 2, pairs=tuple(pairs), faults=ordered, numbers=numbers)


def _excused(fault: tuple[ErrorKind, str, str], call: ToolCall, wanted: Expected, equal: Callable[[str, Json, Json], bool]) -> bool:
    kind, name, _ = fault
    return kind is ErrorKind.wrong_value and any(equal(name, call.arguments[name], right) for right in wanted.arguments[name])


def _levels(size: int, steps: Sequence[int] | None) -> list[int]:
    """The rank of each call's step: 0, 1, ... without gaps; each call is a step of its own where none (or too few) are given."""
    if steps is None or len(steps) != size:
        return list(range(size))
    ranks = {step: rank for rank, step in enumerate(sorted(set(steps)))}
    return [ranks[step] for step in steps]


def _order_faults(pairs: Sequence[tuple[int, int]], made_at: Sequence[int], wanted_at: Sequence[int]) -> list[CallFault]:
    """A call made no later than one that its step needs."""
    latest: dict[int, int] = {}
    for at, to in pairs:
        latest[wanted_at[to]] = max(latest.get(wanted_at[to], -1), made_at[at])
    needs: dict[int, int] = {}
    highest = -1
    for level in sorted(latest):
        needs[level] = highest
        highest = max(highest, latest[level])
    return [
        CallFault(ErrorKind.wrong_order, "made before, or together with, a call that it needs", at, to, source="dag")
        for at, to in pairs
        if made_at[at] <= needs[wanted_at[to]]
    ]


def _edge_f1(whole: dict[int, int], made_at: Sequence[int], wanted_at: Sequence[int]) -> float:
    """Edges lead from each call of a step to each of the next. Recall: those of the reference whose ends were made, the
    first in an earlier step. Precision: those made whose ends are right and stand in the reference's order, or side by
    side there (what may run in parallel may run in turn)."""
    made_edges, wanted_edges = _edges(made_at), _edges(wanted_at)
    if not made_edges and not wanted_edges:
        return 1.0
    kept = _ordered([wanted_at[to] for to in whole.values()], [made_at[at] for at in whole], strictly=True)
    right = _ordered([made_at[at] for at in whole], [wanted_at[to] for to in whole.values()], strictly=False)
    precision = right / made_edges if made_edges else 1.0
    recall = kept / wanted_edges if wanted_edges else 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _edges(levels: Sequence[int]) -> int:
    sizes = Counter(levels)
    return sum(size * sizes.get(level + 1, 0) for level, size in sizes.items())


def _ordered(levels: Sequence[int], places: Sequence[int], *, strictly: bool) -> int:
    """Of the edges between calls of neighbouring levels, those whose places rise (or do not fall)."""
    by_level: dict[int, list[int]] = {}
    for level, place in zip(levels, places, strict=True):
        by_level.setdefault(level, []).append(place)
    count = 0
    for level, here in by_level.items():
        earlier = sorted(here)
        for place in by_level.get(level + 1, ()):
            count += bisect_left(earlier, place if strictly else place + 1)
    return count


def _alike(argument: str, given: Json, wanted: Json) -> bool:
    """The rules of the judge's prompt that need no judge."""
    if same_json(given, wanted, lambda one, two: _folded(one) == _folded(two)):
        return True
    if argument.casefold() not in _COORDINATES:
        return False
    one, two = _numbers(given), _numbers(wanted)
    return one is not None and two is not None and len(one) == len(two) and all(_tenth(a) == _tenth(b) for a, b in zip(one, two, strict=True))


def _folded(text: str) -> str:
    return " ".join(unified(text).casefold().split())


def _tenth(value: float) -> int:
    return math.floor(abs(value) * 10 + 1e-9) * (-1 if value < 0 else 1)


def _numbers(value: Json) -> list[float] | None:
    """The numbers of a coordinate: a number, a text of one or of several with commas, or a list of them."""
    parts: Sequence[Json] = (
        value.split(",") if isinstance(value, str) and len(value) <= 100 else cast("Sequence[Json]", value) if isinstance(value, list) else [value]
    )
    found: list[float] = []
    for part in parts[:5]:
        if isinstance(part, bool) or not isinstance(part, int | float | str):
            return None
        try:
            number = float(part)
        except (ValueError, OverflowError):
            return None
        if not math.isfinite(number):
            return None
        found.append(number)
    return found if 0 < len(parts) <= 5 else None


def answered(status: int, result: Json) -> tuple[bool, str]:
    """Whether a server answered a call well, and the source's word for it (`base_error_analysis`).

    Args:
        status: of the HTTP response.
        result: its body: `{"success", "data", "error"}`, or that as JSON text.
    """
    if status != 200:
        return False, "HTTP Request Failed..."
    body: Json = result
    if isinstance(result, str):
        try:
            body = msgspec.json.decode(result.encode("utf-8", "replace"))
        except (msgspec.DecodeError, RecursionError):
            body = {}
    fields = cast("dict[str, Json]", body) if isinstance(body, dict) else {}
    if fields.get("success"):
        if _empty(fields.get("data", {})):
            return False, "EMPTY RESULT|Response Empty Result"
        return True, "SUCCESS|Request Result success true"
    error = fields.get("error", "")
    # The code lets an error of null through as the word None; so does this.
    return False, short(error, 500) if error != "" else "Empty Error Message.."


def _empty(data: Json) -> bool:
    if isinstance(data, list):
        items = cast("list[Json]", data)
        return not items or (isinstance(items[0], str | list | dict) and not items[0])
    if isinstance(data, dict):
        return all(value == "" for value in cast("dict[str, Json]", data).values())
    return isinstance(data, str) and data in ("", "[]", '""', '"[]"')


class Trial(Struct, frozen=True):
    """One run of a task."""

    tool_ok: bool
    param_ok: bool
    exec_ok: bool


def tally(trials: Sequence[Trial]) -> dict[str, int]:
    """What pass@k is estimated from: of n trials those with the right tool, with right parameters too, and answered too."""
    return {
        "n": len(trials),
        "tool": sum(trial.tool_ok for trial in trials),
        "parameter": sum(trial.tool_ok and trial.param_ok for trial in trials),
        "pass": sum(trial.tool_ok and trial.param_ok and trial.exec_ok for trial in trials),
    }
