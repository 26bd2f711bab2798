"""The tree that the lines of an episode share, and the tools that lines answer themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect
from artificer.core.tools import ToolSpec, compile_schema, refusal
from artificer.core.trace import Node, Trace, Usage
from artificer.core.verdicts import StopReason

if TYPE_CHECKING:
    from artificer.rollout.line import Line

SEARCH = "search"
"""The key of a node's notes under which a search says what it did: order, visits, value, prior."""


class OwnTool(Struct, frozen=True):
    """A tool that a line answers itself, the world knows nothing of it: how a search lets an agent say that it is done.

    Args:
        spec: what the agent is shown.
        answer: what it is told, of a call whose arguments fit the schema; it depends on the call alone.
    """

    spec: ToolSpec
    answer: Callable[[ToolCall], ToolResult]

    def result(self, call: ToolCall) -> ToolResult:
        return refusal(call, compile_schema(self.spec.parameters, self.spec.name)) or self.answer(call)


def own_specs(trace: Trace) -> tuple[ToolSpec, ...]:
    """The tools that the lines of a trace answered themselves."""
    return tuple(msgspec.convert(spec, ToolSpec) for spec in cast("list[Json]", trace.lineage.get("own_tools") or ()))


class Tree:
    """The nodes of an episode as they come, how its lines ended, and what they took together."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.stop: dict[int, StopReason] = {}
        self.effects: dict[int, tuple[Effect, ...]] = {}
        self.state: dict[int, str] = {}
        self.turns = self.calls = self.errors = self.tokens_in = self.tokens_out = 0
        self.base = Usage()
        """What was taken already when the tree was set apart from another."""
        self.open: set[Line] = set()
        """Lines that are neither ended nor dropped."""
        self.lineage: dict[str, Json] = {}
        """What a search says of itself in the trace: `chosen`, the leaf that is its answer, and `search`, its account."""

    def note(self, index: int, **what: Json) -> None:
        """Adds to what a search says of a node (`notes["search"]`)."""
        node = self.nodes[index]
        self.nodes[index] = msgspec.structs.replace(node, notes=node.notes | {SEARCH: node.notes.get(SEARCH, {}) | what})

    def followed(self, index: int) -> bool:
        """Whether something follows a node: then it is no leaf."""
        return any(node.parent == index for node in self.nodes[index + 1 :])

    def apart(self) -> Tree:
        """A tree that begins with the nodes of this one, for a line that is played beside others. See `graft`."""
        other = Tree()
        other.nodes, other.open = list(self.nodes), self.open
        other.base = self.usage()
        other.turns, other.calls, other.errors = self.turns, self.calls, self.errors
        other.tokens_in, other.tokens_out = self.tokens_in, self.tokens_out
        return other

    def graft(self, other: Tree, since: int) -> int:
        """Takes over what `other`, set apart when there were `since` nodes, has more. Whoever grafts in a fixed order gets
        the same trace however long each took. By how much the indices from `since` on moved.
        """
        moved = len(self.nodes) - since
        for node in other.nodes[since:]:
            at = node.parent
            self.nodes.append(msgspec.structs.replace(node, parent=at + moved) if moved and at is not None and at >= since else node)
        self.stop.update({index + moved * (index >= since): value for index, value in other.stop.items()})
        self.effects.update({index + moved * (index >= since): value for index, value in other.effects.items()})
        self.state.update({index + moved * (index >= since): value for index, value in other.state.items()})
        self.turns += other.turns - other.base.turns
        self.calls += other.calls - other.base.calls
        self.errors += other.errors - other.base.errors
        self.tokens_in += other.tokens_in - other.base.tokens_in
        self.tokens_out += other.tokens_out - other.base.tokens_out
        return moved

    def usage(self) -> Usage:
        return Usage(self.turns, self.calls, self.errors, self.tokens_in, self.tokens_out)
