"""Rewards by what is wrong with one call: TL-Training's classes (26), and how the kinds of our taxonomy fall into them.

The classes are the source's evaluation taxonomy as well as its reward (IRM). The first that fits counts:

    cannot be parsed -2; a tool that was not given -2; another tool -1.5; then, with hal = an argument that the tool does not
    have, red = one that it has and the reference leaves out, mis = one of the reference's that is missing:
    hal, red and mis -1.8; hal and one of the others -1.3; red and mis -1.0; hal -0.8; red or mis -0.5;
    names right, a value differs -0.25; identical +1

(arXiv 2412.15495; values from the code.) The last token gets clip(reward, -5, 5), which none of these reaches.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import cast

from artificer.checks.calls.base import Expected
from artificer.checks.values import same
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind


class CallClass(StrEnum):
    """TL-Training's classes."""

    unparsable = "unparsable"
    unknown_tool = "unknown_tool"
    wrong_tool = "wrong_tool"
    hallucinated_redundant_missing = "hallucinated_redundant_missing"
    hallucinated_and_more = "hallucinated_and_more"  # hallucinated, and either redundant or missing
    redundant_missing = "redundant_missing"
    hallucinated = "hallucinated"
    redundant_or_missing = "redundant_or_missing"
    wrong_value = "wrong_value"
    right = "right"


REWARDS: Mapping[CallClass, float] = {
    CallClass.unparsable: -2.0,
    CallClass.unknown_tool: -2.0,
    CallClass.wrong_tool: -1.5,
    CallClass.hallucinated_redundant_missing: -1.8,
    CallClass.hallucinated_and_more: -1.3,
    CallClass.redundant_missing: -1.0,
    CallClass.hallucinated: -0.8,
    CallClass.redundant_or_missing: -0.5,
    CallClass.wrong_value: -0.25,
    CallClass.right: 1.0,
}


def class_of(made: ToolCall | None, expected: Expected, tools: Sequence[ToolSpec]) -> CallClass:
    """The class of a call against a call of the reference.

    Args:
        made: None when what was written could not be parsed.
        expected: an argument that may be left out is never missing, and never redundant.
        tools: those that were given.
    """
    if made is None:
        return CallClass.unparsable
    spec = next((tool for tool in tools if tool.name == made.name), None)
    if spec is None:
        return CallClass.unknown_tool
    if made.name != expected.name:
        return CallClass.wrong_tool
    has = spec.parameters.get("properties")
    known = frozenset(cast("dict[str, object]", has) if isinstance(has, dict) else ())
    given = frozenset(made.arguments)
    extra = given - frozenset(expected.arguments) - expected.optional
    hallucinated, redundant = bool(given - known), bool(extra & known)
    missing = bool(frozenset(expected.arguments) - expected.optional - given)
    names = _names(hallucinated, redundant, missing)
    if names is not None:
        return names
    right = all(any(same(made.arguments[name], value) for value in values) for name, values in expected.arguments.items() if name in given)
    return CallClass.right if right else CallClass.wrong_value


def _names(hallucinated: bool, redundant: bool, missing: bool) -> CallClass | None:
    """The class of a call's argument names; None when they are right."""
    if hallucinated:
        if redundant and missing:
            return CallClass.hallucinated_redundant_missing
        return CallClass.hallucinated_and_more if redundant or missing else CallClass.hallucinated
    if redundant and missing:
        return CallClass.redundant_missing
    return CallClass.redundant_or_missing if redundant or missing else None


def class_of_kinds(kinds: Collection[ErrorKind]) -> CallClass:
    """The class that error kinds amount to, where only they are known (a matcher's faults, a session's refusal).

    An `extra_argument` counts as hallucinated: kinds do not say if the tool has it. `class_of`, which knows, is exact. A call
    that was not made, or of a tool that was not asked for, is another tool's.
    """
    found = frozenset(kinds)
    for kind, name in _FIRST:
        if kind in found:
            return name
    names = _names(ErrorKind.extra_argument in found, False, ErrorKind.missing_argument in found)
    if names is not None:
        return names
    return CallClass.wrong_value if found else CallClass.right


_FIRST = (
    (ErrorKind.unparsable_call, CallClass.unparsable),
    (ErrorKind.bad_grammar, CallClass.unparsable),
    (ErrorKind.unknown_tool, CallClass.unknown_tool),
    (ErrorKind.wrong_tool, CallClass.wrong_tool),
    (ErrorKind.no_call, CallClass.wrong_tool),
    (ErrorKind.missing_call, CallClass.wrong_tool),
    (ErrorKind.extra_call, CallClass.wrong_tool),
    (ErrorKind.needless_call, CallClass.wrong_tool),
)


def error_reward(made: ToolCall | None, expected: Expected, tools: Sequence[ToolSpec], rewards: Mapping[CallClass, float] = REWARDS) -> float:
    """The reward of one call."""
    return rewards[class_of(made, expected, tools)]
