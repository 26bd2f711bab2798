"""What a check is given and what it must be.

A check is deterministic, reads an `Episode` and nothing else, and returns a `CheckResult` with evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from artificer.core.tasks import Effect, Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.core.verdicts import CheckResult, StopReason
from artificer.worlds.base import Played, Session

T = TypeVar("T")


class Unseen(Struct, frozen=True):
    """Why a state cannot be looked at."""

    why: str


class Past(Protocol):
    """The world's state as it was at the start and at the end of an episode. Nothing is done before a check asks, and
    what is made for it is gone when its look is over: all that is wanted is taken in one look.
    """

    async def start(self, look: Callable[[Session], T]) -> T | Unseen:
        """What `look` finds in a session as it was before anybody spoke. It must not write; see `worlds.base.Seen`."""
        ...

    async def end(self, look: Callable[[Session], T]) -> T | Unseen:
        """What `look` finds in a session as it was after the last message. It must not write."""
        ...


class Episode(Struct, frozen=True):
    """One finished trajectory: the task, the tools there were, the branch's nodes in order, the net effects at its
    end, and why it stopped.

    Tool nodes of calls that changed something carry that call's own effects (`Node.effects`).
    """

    task: Task
    tools: Sequence[ToolSpec]
    nodes: Sequence[Node]
    effects: tuple[Effect, ...]
    stop: StopReason
    policy: str = ""
    own: Callable[[Task, Sequence[Played], Sequence[str]], CheckResult | None] | None = None
    """The judgement that the world itself brings, if it does (`World.judge`)."""
    user_tools: Sequence[ToolSpec] = ()
    """The user's own tools."""
    past: Past | None = None
    """The state at the start and at the end, for checks that ask for more than effects."""


class Check(Protocol):
    """Decides one thing about an episode. `name` is what stands in verdicts and in `Task.checks`."""

    @property
    def name(self) -> str: ...

    async def __call__(self, episode: Episode) -> CheckResult: ...
