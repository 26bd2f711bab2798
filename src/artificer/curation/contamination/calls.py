"""Calls as they are compared: with their names and values written alike, or by names and arguments alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from artificer.core.canon import Json, canonical, scalars
from artificer.core.messages import ToolCall
from artificer.core.trace import Trace

DEEPEST = 20
"""Levels of an argument in which texts are written alike; deeper ones stay as they are."""


def calls_of(trace: Trace) -> list[ToolCall]:
    """The calls of a trace in the order of its nodes, the agent's and a user's own."""
    return [call for node in trace.nodes for call in node.message.calls]


def called(name: str) -> str:
    """A tool's name as models are shown it: without case, and with _ for what many models' interfaces refuse (`math.hypot`)."""
    return "".join(sign if sign.isalnum() else "_" for sign in name).lower()


def exact(call: ToolCall) -> str:
    """A call by its name and values; texts without case and with single spaces, whole numbers as such (5.0 is 5)."""
    return called(call.name) + canonical(_alike(call.arguments, 0)).decode()


def shape(call: ToolCall) -> str:
    """A call by its name and the names of its arguments."""
    return called(call.name) + canonical(sorted(call.arguments)).decode()


def _alike(value: Json, level: int) -> Json:
    if isinstance(value, str):
        return " ".join(value.lower().split())
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if level >= DEEPEST:
        return value
    if isinstance(value, dict):
        return {key: _alike(part, level + 1) for key, part in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_alike(part, level + 1) for part in cast("list[Any]", value)]
    return value


def values(calls: Sequence[ToolCall]) -> set[str]:
    """The different values in the arguments of calls: what says that two have them in common not by chance."""
    said = scalars([_alike(call.arguments, 0) for call in calls])
    return {str(one) for one in said if one is not None and not isinstance(one, bool) and one != ""}


def within(wanted: Sequence[str], made: Sequence[str]) -> bool:
    """Whether all that is wanted was made in this order, whatever else was in between."""
    rest = iter(made)
    return all(one in rest for one in wanted)
