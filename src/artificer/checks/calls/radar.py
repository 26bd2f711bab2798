"""MCP-RADAR (card 33): its fuzzy tasks are decided by the last call, and its process figures by where calls first go wrong.

RA of a fuzzy task: the final, decisive call has the reference's tool and arguments. The benchmark calls the comparison
fuzzy and publishes no measure; here texts need only be nearly the same (`texts`), numbers and structures by value.

Over tasks (its v1 code; N are the tasks in which a tool was called):

    RA = successes / N
    FEP = mean of 1 for a success, else (first wrong call, from 0) / calls     (`TFTD` in the code)
    TCPA = 1 - sum over failures of (wrong calls / calls) / N                  (`DTSR` in the code)

There a model says which calls were wrong; here the match does, where a reference exists: `process` of `firsts`. A failure
that no call explains counts as 1 and as no wrong call, as in the source. `DTSR` of v2 is successful calls / turns.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from artificer.checks.calls.base import CallFault, CallMatch, Expected
from artificer.checks.calls.pairing import argument_faults, leftover_faults
from artificer.checks.calls.plain import same_json, short
from artificer.checks.calls.strict import typed
from artificer.checks.calls.texts import nearly
from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind


def fuzzy(given: Json, wanted: Json) -> bool:
    """Whether two values are nearly the same; see the module."""
    return same_json(given, wanted, nearly)


def match(made: Sequence[ToolCall], expected: Sequence[Expected], tools: Sequence[ToolSpec] = ()) -> CallMatch:
    """Score: 1 when the last call is the reference's last, else 0. Earlier calls do not count."""
    if not made or not expected:
        faults = leftover_faults(made, expected, (), tools)
        return CallMatch(not faults, float(not faults), (), faults)
    row, column = len(made) - 1, len(expected) - 1
    last, wanted = made[row], expected[column]
    if last.name != wanted.name:
        known = not tools or any(tool.name == last.name for tool in tools)
        kind = ErrorKind.wrong_tool if known else ErrorKind.unknown_tool
        fault = CallFault(kind, f"the decisive call is {short(last.name)}, wanted {short(wanted.name)}", row, column)
        return CallMatch(False, 0.0, (), (fault,))
    schemas = {tool.name: tool.parameters for tool in tools}
    found = [typed(last, wanted, fault, schemas) for fault in argument_faults(last, wanted, fuzzy)]
    faults = tuple(CallFault(kind, why, row, column, path) for kind, path, why in found)
    return CallMatch(not faults, float(not faults), ((row, column),), faults)


class Row(Struct, frozen=True):
    """One task's run.

    Args:
        passed: whether it succeeded.
        calls: calls made.
        first_wrong: the first wrong call, from 0; None where no call explains the failure.
        wrong: how many calls were wrong.
    """

    passed: bool
    calls: int
    first_wrong: int | None = None
    wrong: int = 0


class Radar(Struct, frozen=True):
    """The figures over tasks; None where no task had a call. `n`: tasks with a call, `silent`: those without."""

    n: int
    silent: int
    ra: float | None
    fep: float | None
    tcpa: float | None


def over(rows: Sequence[Row]) -> Radar:
    """RA, FEP and TCPA, as the module says."""
    counted = [row for row in rows if row.calls > 0]
    n = len(counted)
    if not n:
        return Radar(0, len(rows), None, None, None)
    fep = sum(1.0 if row.passed or row.first_wrong is None else row.first_wrong / row.calls for row in counted) / n
    tcpa = 1 - sum(row.wrong / row.calls for row in counted if not row.passed) / n
    return Radar(n, len(rows) - n, sum(row.passed for row in counted) / n, fep, tcpa)


def normalised(values: Sequence[float]) -> list[float]:
    """CRE and RTE: 1 - (x - min) / (max - min) over the models compared (the form is inferred); 1 where all are equal."""
    if not values:
        return []
    low, high = min(values), max(values)
    return [1.0 if high == low else 1 - (value - low) / (high - low) for value in values]
