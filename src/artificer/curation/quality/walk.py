"""Reading a message: its text, its values, its branches. Iterative, because depth is chosen by strangers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from artificer.core.canon import Json
from artificer.core.messages import Message
from artificer.core.trace import Trace

BRANCHES = 64
"""Branches of one trace that are looked at."""


def paths(trace: Trace) -> list[list[int]]:
    """The branches of a trace as node indices, at most `BRANCHES` of them. A node whose parent does not come before it begins anew."""
    nodes = trace.nodes
    if all(node.parent == (at - 1 if at else None) for at, node in enumerate(nodes)):
        return [list(range(len(nodes)))] if nodes else []
    found: list[list[int]] = []
    for leaf in trace.leaves()[:BRANCHES]:
        path: list[int] = []
        at: int | None = leaf
        while at is not None:
            path.append(at)
            parent = nodes[at].parent
            at = parent if parent is not None and 0 <= parent < at else None
        found.append(path[::-1])
    return found


def lines(value: Json) -> Iterator[str]:
    """Every scalar of a value that people could read, with its key where it has one: `key: text`."""
    waiting: list[tuple[str, Json]] = [("", value)]
    while waiting:
        key, item = waiting.pop()
        if isinstance(item, str):
            yield f"{key}: {item}" if key else item
        elif isinstance(item, dict):
            waiting.extend(reversed(cast("dict[str, Json]", item).items()))
        elif isinstance(item, (list, tuple)):
            waiting.extend([(key, one) for one in reversed(cast("list[Json]", item))])
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            yield f"{key}: {number(item)}" if key else number(item)


def number(value: float) -> str:
    """A number as text; of an integer too long to be anything, nothing."""
    return str(value) if not isinstance(value, int) or abs(value) < 10**40 else ""


def everything(message: Message) -> str:
    """All words of a message: text, reasoning, arguments and results, a scalar a line."""
    parts: list[str] = [message.text]
    if message.reasoning:
        parts.append(message.reasoning)
    for call in message.calls:
        parts.extend(lines(call.arguments))
    if message.result is not None:
        parts.extend(lines(message.result.content))
        if message.result.detail:
            parts.append(message.result.detail)
    return "\n".join(parts) if len(parts) > 1 else parts[0]
