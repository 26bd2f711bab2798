"""What a check is given and what it must be.

A check is deterministic, reads an `Episode` and nothing else, and returns a `CheckResult` with evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from artificer.core.tasks import Effect, Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.core.verdicts import CheckResult, StopReason
from artificer.worlds.base import Played


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


class Check(Protocol):
    """Decides one thing about an episode. `name` is what stands in verdicts and in `Task.checks`."""

    @property
    def name(self) -> str: ...

    async def __call__(self, episode: Episode) -> CheckResult: ...
