"""A suite's row as a trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.formats.base import Item, toolset_digest


class Turn(Struct, frozen=True):
    """What is said, and the calls that answer it: the agent's, and a user's own."""

    said: tuple[str, ...]
    calls: tuple[ToolCall, ...] = ()
    own: tuple[ToolCall, ...] = ()


def row(name: str, world: str, turns: Iterable[Turn], tools: Sequence[ToolSpec] = (), rules: Sequence[str] = ()) -> Item:
    """A row as a trace.

    Args:
        name: the suite's own name of it. rules: system messages.
    """
    said = [Message("system", text) for text in rules if text]
    for turn in turns:
        said += [Message("user", text) for text in turn.said if text]
        said += [Message("user", calls=turn.own)] if turn.own else []
        said += [Message("assistant", calls=turn.calls)] if turn.calls else []
    nodes = tuple(Node(at - 1 if at else None, message) for at, message in enumerate(said))
    return Item(Trace(name, name, world, toolset_digest(tools), nodes, lineage={"suite": world}), tuple(tools))
