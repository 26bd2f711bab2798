"""ACEBench: calls against an answer, by the rules of its normal and agent categories.

Source: arXiv 2501.12851 and its code, github ACEBench/ACEBench (model_eval/checker.py, utils.py, eval_main.py). Names of
errors are the source's. What is special is in `acebench_special`, values are in `acebench_values`.

- `code`: as the code decides, which stops at the first error. Its quirks, each of which lets a wrong call pass or a right
  one fail: numbers and booleans are compared by type alone; so is a value whose reference has another type than the
  schema; a float for a `number` passes whatever it is; an argument of the answer that the schema does not require may be
  left out; one call made may answer two of the answer; a call without arguments is wrong where the tool has optional
  ones; where a tool's properties are empty any argument passes; inside objects a value passes that
  contains the wanted one as text (12 for 1); a tool's schema is the first whose name stands in the wanted name;
  a number at the end of a wanted name is taken off, so that a tool that is really called `learn_2` cannot be called right.
- `strict` (ours): optimal pairing, exact names, every argument, values compared by type and value; texts still by the
  source's rule (the wanted text, normalised, stands in the given one). All errors are told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from artificer.checks.calls.acebench_values import KINDS, matches, value_fault
from artificer.checks.calls.base import CallFault, CallMatch, Expected
from artificer.checks.calls.pairing import argument_faults, leftover_faults, pair_up
from artificer.checks.calls.plain import short
from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

Mode = Literal["code", "strict"]
_NUMBER = re.compile(r"_\d+$")
"""What the source's answers put behind the name of a tool that is called several times."""


def match(
    made: Sequence[ToolCall], expected: Sequence[Expected], tools: Sequence[ToolSpec] = (), *, mode: Mode = "code", agent: bool = False
) -> CallMatch:
    """Calls against an answer.

    Args:
        tools: those offered; `code` reads types and what is required from their schemas, and skips both for a tool that
            is not among them (where the original fails).
        agent: texts have to be equal when normalised, as in its agent categories; else the wanted may stand in the given.

    Returns:
        `score` is 1 or 0, as in the source. Numbers: `right_calls`, the calls of the answer that some call made meets.
    """
    return _strict(made, expected, tools, agent=agent) if mode == "strict" else _code(made, expected, tools, agent=agent)


def match_any(
    made: Sequence[ToolCall], answers: Sequence[Sequence[Expected]], tools: Sequence[ToolSpec] = (), *, mode: Mode = "code", agent: bool = False
) -> CallMatch:
    """Against several answers: right when one is met, else what the first one found (the source's rule)."""
    found: CallMatch | None = None
    for answer in answers:
        result = match(made, answer, tools, mode=mode, agent=agent)
        if result.passed:
            return result
        found = found or result
    return found or match(made, (), tools, mode=mode, agent=agent)


def malformed(why: str) -> CallMatch:
    """An output that is no list of calls: `wrong_output_format`."""
    return CallMatch(passed=False, score=0.0, faults=(CallFault(ErrorKind.unparsable_call, why, source="wrong_output_format"),))


def turns(right: Sequence[bool]) -> tuple[float, float]:
    """(end to end, process) of a conversation of several turns: all are right; the share that is, to three places. 0, 0 of none."""
    return (float(all(right)), round(sum(right) / len(right), 3)) if right else (0.0, 0.0)


def overall(normal: float, special: float, agent: float) -> float:
    """The source's one figure, by the constants of its code (they sum to 1.0001)."""
    return 0.578 * normal + 0.2676 * special + 0.1545 * agent


def _code(made: Sequence[ToolCall], expected: Sequence[Expected], tools: Sequence[ToolSpec], *, agent: bool) -> CallMatch:
    bare = [Expected(_NUMBER.sub("", wanted.name), wanted.arguments, wanted.optional) for wanted in expected]
    fault = _counted(made, bare, tools)
    if fault is not None:
        return CallMatch(passed=False, score=0.0, faults=(fault,), numbers={"right_calls": 0})
    pairs: list[tuple[int, int]] = []
    for to, wanted in enumerate(bare):
        tool = _found(tools, expected[to].name)
        fault = None
        for at, call in enumerate(made):
            if call.name != wanted.name:
                fault = CallFault(ErrorKind.wrong_tool, f"not a call of {short(wanted.name)}", at, to, source="simple_function_checker:unclear")
                continue
            fault = _call_fault(call, wanted, tool, at, to, agent=agent)
            if fault is None:
                pairs.append((at, to))
                break
        if fault is not None:
            return CallMatch(passed=False, score=0.0, pairs=tuple(pairs), faults=(fault,), numbers={"right_calls": len(pairs)})
    return CallMatch(passed=True, score=1.0, pairs=tuple(pairs), numbers={"right_calls": len(pairs)})


def _counted(made: Sequence[ToolCall], expected: Sequence[Expected], tools: Sequence[ToolSpec]) -> CallFault | None:
    """The first error in how many calls there are, of which tools."""
    if len(made) != len(expected):
        kind = ErrorKind.missing_call if len(made) < len(expected) else ErrorKind.extra_call
        kind = ErrorKind.no_call if not made else ErrorKind.needless_call if not expected else kind
        return CallFault(kind, f"{len(made)} calls were made, {len(expected)} wanted", source="wrong functions number")
    given, wanted = Counter(call.name for call in made), Counter(call.name for call in expected)
    known = {tool.name for tool in tools}
    for at, call in enumerate(made):
        if call.name not in wanted:
            kind = ErrorKind.unknown_tool if tools and call.name not in known else ErrorKind.wrong_tool
            return CallFault(kind, f"{short(call.name)} is not in the answer", at, source="function_mismatch")
    for to, call in enumerate(expected):
        if call.name not in given:
            return CallFault(ErrorKind.missing_call, f"{short(call.name)} was not called", expected=to, source="function_mismatch")
    for at, call in enumerate(made):
        if given[call.name] != wanted[call.name]:
            kind = ErrorKind.extra_call if given[call.name] > wanted[call.name] else ErrorKind.missing_call
            why = f"{short(call.name)} was called {given[call.name]} times, wanted {wanted[call.name]}"
            return CallFault(kind, why, at, source="function_mismatch")
    return None


def _found(tools: Sequence[ToolSpec], name: str) -> ToolSpec | None:
    """The first tool whose name stands in a name, as the code looks it up."""
    return next((tool for tool in tools if tool.name in name), None)


def _call_fault(call: ToolCall, wanted: Expected, tool: ToolSpec | None, at: int, to: int, *, agent: bool) -> CallFault | None:
    schema: dict[str, Any] | None = None if tool is None else tool.parameters

    def fault(kind: ErrorKind, source: str, path: str = "", why: str = "") -> CallFault:
        return CallFault(kind, why or f"{short(call.name)}: {source} {short(path)}".strip(), at, to, path, source)

    raw: Any = None if schema is None else schema.get("properties")
    details: dict[str, Any] | None = cast("dict[str, Any]", raw) if isinstance(raw, dict) else None
    if schema is not None and (not call.arguments or not schema):
        if not call.arguments and not schema:
            return None
        return fault(ErrorKind.missing_argument if schema else ErrorKind.extra_argument, "wrong_param")
    # The code compares the answer with the schema's properties here; they can only be equal when both are empty, or an
    # answer was written as a schema.
    if details is not None and not wanted.arguments and not details:
        return None
    if schema is not None and not wanted.arguments:
        return fault(ErrorKind.extra_argument, "wrong_param")
    if tool is not None and tool.name != call.name:
        return fault(ErrorKind.wrong_tool, "wrong_function_name", tool.name)
    required: Any = schema.get("required", ()) if schema is not None else [name for name in wanted.arguments if name not in wanted.optional]
    for name in cast("Sequence[str]", required) if isinstance(required, list | tuple) else ():
        if name not in call.arguments:
            return fault(ErrorKind.missing_argument, "lack_args", str(name))
    for name, value in call.arguments.items():
        if (details is not None and name not in details) or name not in wanted.arguments:
            return fault(ErrorKind.extra_argument, "addition_args", name)
        source = _value_error(value, wanted.arguments[name], None if details is None else details[name], agent=agent)
        if source:
            why = f"{short(name)} is {short(value)}, wanted {short(list(wanted.arguments[name]))}"
            return fault(KINDS.get(source, ErrorKind.wrong_value), source, name, why)
    return None


def _value_error(value: Json, right: Sequence[Json], detail: Any, *, agent: bool) -> str:
    """The source's word for what is wrong with a value, by the first of those allowed; empty when one of them is met."""
    first = ""
    for candidate in right:
        found = value_fault(value, candidate, cast("Mapping[str, Any]", detail) if isinstance(detail, dict) else {}, agent=agent)
        if not found:
            return ""
        first = first or found
    return first or "value_error"


def _strict(made: Sequence[ToolCall], expected: Sequence[Expected], tools: Sequence[ToolSpec], *, agent: bool) -> CallMatch:
    def same(given: Json, wanted: Json) -> bool:
        return matches(given, wanted, agent=agent)

    pairs = pair_up(made, expected, same)
    faults: list[CallFault] = []
    details = {tool.name: cast("Mapping[str, Any]", tool.parameters.get("properties") or {}) for tool in tools}
    for at, to in pairs:
        for kind, name, why in argument_faults(made[at], expected[to], same):
            source = {ErrorKind.missing_argument: "lack_args", ErrorKind.extra_argument: "addition_args"}.get(kind, "")
            if not source:
                right = expected[to].arguments[name]
                detail = details.get(made[at].name, {}).get(name)
                source = _value_error(made[at].arguments[name], right, detail, agent=agent) or "value_error"
                kind = KINDS.get(source, ErrorKind.wrong_value)
            faults.append(CallFault(kind, why, at, to, name, source))
    rest = leftover_faults(made, expected, pairs, tools, "wrong functions number" if len(made) != len(expected) else "function_mismatch")
    wrong = {fault.call for fault in faults}
    right_calls = sum(at not in wrong for at, _ in pairs)
    every = tuple(sorted((*faults, *rest), key=lambda fault: (fault.call is None, fault.call or 0, fault.expected or 0)))
    return CallMatch(passed=not every, score=float(not every), pairs=tuple(pairs), faults=every, numbers={"right_calls": right_calls})
