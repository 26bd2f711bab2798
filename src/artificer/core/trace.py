"""Traces: a graph of message nodes. A branch, one path from the root to a leaf, is a trajectory.

A plain conversation is a trace with one leaf; tree search, forks and best-of-n are the same type with more. Nothing
is copied between branches. Traces hold no wall-clock time, so that the same run gives the same bytes; timings go to
the run's own statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.tasks import Effect
from artificer.core.verdicts import Notes, StopReason, Verdict


class Tokens(Struct, frozen=True, omit_defaults=True):
    """Token ids of one node with engine log-probabilities and named weight streams (`loss`, `advantage`, ...), all of
    one length (T,)."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None = None
    weights: dict[str, tuple[float, ...]] = {}

    def __post_init__(self) -> None:
        streams = dict(self.weights) | ({"logprobs": self.logprobs} if self.logprobs is not None else {})
        for name, stream in streams.items():
            if len(stream) != len(self.ids):
                raise ArtificerError(f"token stream {name!r} has {len(stream)} entries for {len(self.ids)} tokens")


class Node(Struct, frozen=True, omit_defaults=True):
    """One message in a trace.

    Args:
        parent: index of the node before it, None for a root.
        state: digest of the world after it, where it was taken.
        sampled: whether a model or agent produced it (and may be trained on it).
        effects: what the call changed in the world, on tool nodes of writes.
        notes: a reserved space, e.g. `{"error": "injected"}`.
    """

    parent: int | None
    message: Message
    state: str | None = None
    sampled: bool = False
    effects: tuple[Effect, ...] = ()
    tokens: Tokens | None = None
    notes: Notes = {}


def agent_side(nodes: Sequence[Node]) -> list[int]:
    """Indices of the nodes that the agent sees: all but the calls a user makes with tools of their own, and their
    results.
    """
    seen: list[int] = []
    hidden = False
    for index, node in enumerate(nodes):
        if node.message.role != "tool":
            hidden = node.message.role == "user" and bool(node.message.calls)
        if not hidden:
            seen.append(index)
    return seen


class Usage(Struct, frozen=True, omit_defaults=True):
    """What the episode took."""

    turns: int = 0
    calls: int = 0
    errors: int = 0
    tokens_in: int = 0
    tokens_out: int = 0


class Trace(Struct, frozen=True, omit_defaults=True):
    """Everything that happened on one task.

    `tools` is the digest of the tool set; the specifications are kept once in the run folder. `verdicts`, `stop` are
    keyed by leaf index; `effects` are the net effects at each leaf.
    """

    id: str
    task_id: str
    world: str
    tools: str
    nodes: tuple[Node, ...]
    verdicts: dict[int, Verdict] = {}
    stop: dict[int, StopReason] = {}
    effects: dict[int, tuple[Effect, ...]] = {}
    state: dict[int, str] = {}
    usage: Usage = Usage()
    seed: int = 0
    lineage: dict[str, Json] = {}

    def leaves(self) -> list[int]:
        """Indices of nodes that nothing follows, in order."""
        parents = {node.parent for node in self.nodes}
        return [index for index in range(len(self.nodes)) if index not in parents]

    def path(self, leaf: int) -> list[int]:
        """Node indices from the root to `leaf`.

        Raises:
            ArtificerError: a parent does not come before its child.
        """
        path: list[int] = []
        at: int | None = leaf
        while at is not None:
            path.append(at)
            parent = self.nodes[at].parent
            if parent is not None and not 0 <= parent < at:
                raise ArtificerError(f"trace {self.id!r}: node {at} has the parent {parent}, which does not come before it")
            at = parent
        return path[::-1]

    def branch(self, leaf: int | None = None) -> list[Node]:
        """The trajectory that ends at `leaf` (the last node when None)."""
        return [self.nodes[index] for index in self.path(len(self.nodes) - 1 if leaf is None else leaf)]

    def branches(self) -> Iterator[tuple[int, list[Node]]]:
        for leaf in self.leaves():
            yield leaf, self.branch(leaf)

    @property
    def answer(self) -> int | None:
        """The leaf that is the answer: the one that a search chose (None when it found none), else the first that passed, else the last."""
        if "chosen" in self.lineage:
            return self.lineage["chosen"]
        passed = [leaf for leaf, verdict in self.verdicts.items() if verdict.passed and 0 <= leaf < len(self.nodes)]
        return min(passed) if passed else len(self.nodes) - 1 if self.nodes else None

    @property
    def took(self) -> Usage:
        """`usage`; where it says nothing of what was done, as in traces that others made, what the nodes show: tokens are not known then."""
        if self.usage.turns or self.usage.calls or self.usage.errors:
            return self.usage
        messages = [node.message for node in self.nodes]
        return Usage(
            sum([message.role == "assistant" for message in messages]),
            sum([len(message.calls) for message in messages]),
            sum([message.result is not None and message.result.error is not None for message in messages]),
            self.usage.tokens_in,
            self.usage.tokens_out,
        )

    @property
    def passed(self) -> bool:
        """Whether the answer passed all its checks; without a search that chose it, whether some branch did. Nothing passes unjudged."""
        if "chosen" in self.lineage:
            verdict = self.verdicts.get(self.lineage["chosen"])
            return verdict is not None and verdict.passed
        return any(verdict.passed for verdict in self.verdicts.values())
