"""World and Session: tools with state, and how a source string becomes one.

A world is tools, rules and a way to start; a session is one private copy of its state. What one session writes no
other sees. A bad call is a `ToolResult` with an error, never a raise; only `World.of` and `World.open` raise, and
then `SourceError`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from typing import Literal, Protocol

from msgspec import Struct

from artificer.core.canon import digest
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect, Start, Task
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import CheckResult
from artificer.worlds.guide import Guide

Forks = Literal["exact", "replay", "none"]
TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

_BUILT_IN = {
    "sqlite": "sqlite",
    "mcp": "mcp",
    "python": "python",
    "domain": "domains",
    "bfcl": "imported.bfcl",
    "tau2": "imported.tau2",
    "agentdojo": "imported.agentdojo",
}


class Problem(Struct, frozen=True):
    """Something in a source that could not be used, or only in part: what, where, and what becomes of it."""

    where: str
    what: str


class Played(Struct, frozen=True):
    """One call of an episode, as a world's own judgement needs it.

    Args:
        turn: how many user messages came before it, less one.
        actor: `"agent"` or `"user"`.
    """

    turn: int
    call: ToolCall
    actor: str = "agent"


class Session(Protocol):
    """One private copy of a world's state."""

    @property
    def calls(self) -> int:
        """Calls made so far: the mark that `effects(since=...)` takes."""
        ...

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        """Runs one call. A wrong call, a refusal or a failure is a result with `error` set, and has changed nothing.

        Args:
            actor: `agent`; `user`, who has `World.user_tools`; `setup`, before anybody speaks; `gold`, a task's own
                calls, whose ever they are.
        """
        ...

    async def fork(self) -> Session:
        """An isolated copy of the state as it is now."""
        ...

    def digest(self) -> str:
        """Same state, same digest, whatever the order of operations that led to it."""
        ...

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        """Net effects of the calls after the first `since`, sorted by table and key."""
        ...

    async def close(self) -> None: ...


class World(Protocol):
    """Tools, rules and a way to start. Subclass it; `World.of` makes one from a source string."""

    name: str
    tools: Sequence[ToolSpec]
    policy: str
    forks: Forks
    problems: Sequence[Problem] = ()
    user_tools: Sequence[ToolSpec] = ()
    """Tools of the user's own (a phone, say): called with `actor="user"`, never offered to an agent."""
    guide: Guide | None = None
    """How a person who knows this world serves and invents requests, when the world knows; otherwise it is discovered
    by executing."""

    async def open(self, start: Start) -> Session: ...

    async def close(self) -> None:
        """Releases what the world holds (servers, files). Sessions must be closed before."""

    def tasks(self) -> Iterator[Task]:
        """Tasks that come with the world; most bring none."""
        return iter(())

    def judge(self, task: Task, played: Sequence[Played], says: Sequence[str]) -> CheckResult | None:
        """The world's own judgement of an episode on one of its tasks, for worlds that bring one (a published benchmark).

        Args:
            played: the calls in order.
            says: what the agent said, in order.
        """
        return None

    def toolset(self) -> str:
        """Digest of the tool specifications."""
        return digest(list(self.tools))

    @staticmethod
    def of(source: str, **options: str) -> World:
        """The world of a source string: `sqlite:shop.db`, `mcp:COMMAND`, `mcp:http://...`, `python:pkg.module`,
        `domain:retail`.

        Args:
            source: `SCHEME:REST`.
            options: what the scheme takes besides, e.g. `tools="tools.toml"`.

        Raises:
            SourceError: no such scheme, or the source cannot be used.
        """
        scheme, colon, rest = source.partition(":")
        outside = {point.name: point for point in entry_points(group="artificer.worlds")} if scheme not in _BUILT_IN else {}
        if not colon or not rest or (scheme not in _BUILT_IN and scheme not in outside):
            known = ", ".join(f"{name}:..." for name in sorted({*_BUILT_IN, *outside}))
            raise SourceError(f"{source!r} is not a tool source.", remedy=f"write SCHEME:REST with one of {known}")
        if scheme in outside:
            return outside[scheme].load()(rest, **options)
        module = importlib.import_module(f"artificer.worlds.{_BUILT_IN[scheme]}")
        try:
            return module.open_world(rest, **options)
        except TypeError as error:
            if "unexpected keyword" not in str(error):
                raise
            raise SourceError(f"{scheme}: worlds do not take that option: {error}", where=source) from error
