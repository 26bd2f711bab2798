"""What the audit of a failed run says: faults with their evidence, and whose fault it was."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from msgspec import Struct

from artificer.checks.base import Episode
from artificer.checks.talk import Talk
from artificer.core.kinds import ErrorGroup
from artificer.core.trace import Node
from artificer.core.verdicts import CheckResult, ErrorKind

Side = Literal["user", "agent", "world"]
Label = Literal["user", "agent", "both", "world", "undecided"]
LABELS: tuple[Label, ...] = ("user", "agent", "both", "world", "undecided")
BROKEN = frozenset(kind for kind in ErrorKind if kind.side is ErrorGroup.world)
"""Errors of the world's own."""


class Fault(Struct, frozen=True, omit_defaults=True):
    """Something that went wrong.

    Args:
        side: whose it is.
        kind: a short fixed word.
        evidence: a sentence for a person.
        at: the message, where it is one.
        cause: whether it explains the failure.
    """

    side: Side
    kind: str
    evidence: str
    at: int | None = None
    cause: bool = True


class Blame(Struct, frozen=True, omit_defaults=True):
    """What the audit of one failed branch came to. `by`: the rules, or the name of the model that settled it."""

    label: Label
    faults: tuple[Fault, ...] = ()
    by: str = "rules"

    @property
    def causes(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.faults if fault.cause)


class Case(Struct, frozen=True):
    """What rules look at: the conversation and what failed. `parts` are the checks that did not pass, by name."""

    talk: Talk
    parts: dict[str, CheckResult]

    @property
    def episode(self) -> Episode:
        return self.talk.episode

    @property
    def nodes(self) -> Sequence[Node]:
        return self.talk.episode.nodes

    def failed(self, names: Collection[str]) -> bool:
        """Whether one of these checks failed, or the world's own judgement, which says not why."""
        return bool(self.parts.keys() & {*names, "tau2", "upstream"})
