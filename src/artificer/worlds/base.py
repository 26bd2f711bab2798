"""World and Session: tools with state, and how a source string becomes one.

A world is tools, rules and a way to start; a session is one private copy of its state. What one session writes no
other sees. A bad call is a `ToolResult` with an error, never a raise; only `World.of` and `World.open` raise, and
then `SourceError`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct

from artificer.core.canon import Json, digest
from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Effect, Start, Task
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import CheckResult, Notes
from artificer.worlds.guide import Guide

Forks = Literal["exact", "replay", "none"]
Rows = dict[str, dict[tuple[Json, ...], dict[str, Json]]]
"""Rows by table and key, with their columns: named as effects name them."""
TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

_BUILT_IN = {
    "agentdojo": "imported.agentdojo",
    "bfcl": "imported.bfcl",
    "code": "code",
    "domain": "domains",
    "emulated": "emulated",
    "enterprise": "enterprise",
    "many": "many",
    "mcp": "mcp",
    "openapi": "openapi",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "python": "python",
    "sqlite": "sqlite",
    "tau2": "imported.tau2",
}


def without_password(source: str) -> str:
    """A source string for messages: what stands before the `@` of a URL in it may be a password."""
    return re.sub(r"(//[^\s/:@]*):\S*@", r"\1:***@", source)


class Problem(Struct, frozen=True):
    """Something in a source that could not be used, or only in part: what, where, and what becomes of it."""

    where: str
    what: str


class Offer(Struct, frozen=True):
    """What a source offers besides tools: shown to people, not to agents."""

    kind: Literal["resource", "template", "prompt"]
    name: str
    description: str = ""


class Played(Struct, frozen=True):
    """One call of an episode, as a world's own judgement needs it.

    Args:
        turn: how many user messages came before it, less one.
        actor: `"agent"` or `"user"`.
        failed: whether the session refused it, so that it changed nothing; None when that is not known.
    """

    turn: int
    call: ToolCall
    actor: str = "agent"
    failed: bool | None = None


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


class Selected(Struct, frozen=True):
    """What a query gave: its columns and rows, or why it gave nothing (`failed`)."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Json, ...], ...] = ()
    failed: str = ""


@runtime_checkable
class Seen(Protocol):
    """A session whose whole state can be looked at, as most worlds of this machine allow. Looking changes nothing."""

    def rows(self, tables: Collection[str] | None = None) -> Rows:
        """The state as rows: what `effects` are differences of.

        Args:
            tables: those wanted, None for all. One that is not there is left out.
        """
        ...


@runtime_checkable
class Queried(Protocol):
    """A session whose state answers SQL."""

    def select(self, sql: str, parameters: Sequence[Json] | Mapping[str, Json] = ()) -> Selected:
        """Runs one query that can read and do nothing else, within limits of time and size."""
        ...


@runtime_checkable
class Attributed(Protocol):
    """A session over objects."""

    def objects(self) -> dict[str, dict[str, Json]]:
        """What each object shows of itself: attributes by the name of its class."""
        ...


@runtime_checkable
class Around(Protocol):
    """A session around another, which holds the state."""

    @property
    def inner(self) -> Session: ...


def innermost(session: Session) -> Session:
    """The session within all that stand around it: what there is to see of the state."""
    while isinstance(session, Around):
        session = session.inner
    return session


@runtime_checkable
class Attending(Protocol):
    """A session that also follows the conversation, as sessions of wrapped worlds do. It may say more than a result:
    what it did, what stood before the conversation, what time a message was sent, which tools are shown by now.
    """

    def before(self) -> tuple[Message, ...]:
        """Messages that stand before the first words. Agents see them, users do not."""
        ...

    def hear(self, message: Message) -> Message:
        """Takes in a message that is about to be recorded; what is returned is recorded instead. Called once for
        each message, in order, those of `before` not included. On replay it hears what was recorded, so what it adds
        to a message it must add only once.
        """
        ...

    def shown(self, tools: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        """Of the tools offered, those an agent sees now, as it sees them."""
        ...

    def notes(self) -> Notes:
        """What was done to the last call, by the name of who did it. Recorded in the trace, never shown to an agent."""
        ...


class World(Protocol):
    """Tools, rules and a way to start. Subclass it; `World.of` makes one from a source string."""

    name: str
    tools: Sequence[ToolSpec]
    policy: str
    forks: Forks
    problems: Sequence[Problem] = ()
    offers: Sequence[Offer] = ()
    notes: Sequence[str] = ()
    """What else a user should know of this world on this machine; never shown to an agent."""
    user_tools: Sequence[ToolSpec] = ()
    """Tools of the user's own (a phone, say): called with `actor="user"`, never offered to an agent."""
    guide: Guide | None = None
    """How a person who knows this world serves and invents requests, when the world knows; otherwise it is discovered
    by executing."""

    async def open(self, start: Start) -> Session:
        """A session on the world's first state. The start's setup calls are not yet made: see `begun`."""
        ...

    async def close(self) -> None:
        """Releases what the world holds (servers, files). Sessions must be closed before."""

    def guided(self, guide: Guide) -> Guide:
        """The guide of this world, made of one that knows its tools: where tools must be found first, one that finds them."""
        return guide

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
        """Digest of the tool specifications. Kept while `tools` is the same tuple: every trace states it."""
        kept: tuple[Sequence[ToolSpec], str] | None = vars(self).get("_toolset")
        if kept is not None and kept[0] is self.tools:
            return kept[1]
        found = digest(list(self.tools))
        if isinstance(self.tools, tuple):
            vars(self)["_toolset"] = (self.tools, found)
        return found

    def reading(self) -> frozenset[str]:
        """Names of tools, the user's among them, that change nothing. Kept like the digest."""
        kept: tuple[Sequence[ToolSpec], Sequence[ToolSpec], frozenset[str]] | None = vars(self).get("_reads")
        if kept is not None and kept[0] is self.tools and kept[1] is self.user_tools:
            return kept[2]
        found = frozenset(tool.name for tools in (self.tools, self.user_tools) for tool in tools if tool.effect == "read")
        if isinstance(self.tools, tuple) and isinstance(self.user_tools, tuple):
            vars(self)["_reads"] = (self.tools, self.user_tools, found)
        return found

    @staticmethod
    def of(source: str, **options: str) -> World:
        """The world of a source string: `sqlite:shop.db`, `mcp:COMMAND`, `mcp:http://...`, `python:pkg.module`,
        `domain:retail`, `openapi:FILE`, `postgresql://...`, `enterprise:SOURCE`, `code:python`, `emulated:FILE`, `many:FILE.toml`,
        `bfcl:NAME`, `tau2:NAME`, `agentdojo:NAME`; with wrappers after bars, as in
        `domain:retail | faults:rate=0.1 | budget:calls=20`.

        Args:
            source: `SCHEME:REST`, or `SCHEME:REST | WRAPPER:key=value,key=value | ...`. Bars within quotes belong to
                the source.
            options: what the scheme takes besides, e.g. `tools="tools.toml"`.

        Raises:
            SourceError: no such scheme or wrapper, or the source cannot be used.
        """
        if " | " not in source:
            return _opened(source, options)
        wrappers = importlib.import_module("artificer.worlds.wrappers")
        shown = without_password(source)
        first, *rest = wrappers.split(source)
        pipes = [wrappers.pipe_of(text, shown) for text in rest]
        wraps = [wrappers.checked(pipe, shown) for pipe in pipes]  # before anything is opened
        world = _opened(first, options)
        name = first
        for pipe, wrap in zip(pipes, wraps, strict=True):
            world = wrap(world, **pipe.options)
            name = world.name = f"{name} | {pipe.text}"  # what makes this world again
        return world


async def begun(world: World, start: Start) -> Session:
    """A session as an episode begins: opened, and the start's setup calls made.

    Raises:
        SourceError: a setup call fails.
    """
    session = await world.open(start)
    for call in start.setup:
        result = await session.call(call, "setup")
        if result.error is not None:
            await session.close()
            raise SourceError(f"the setup call {call.name!r} fails: {result.detail}", where=world.name)
    return session


def _opened(source: str, options: dict[str, str]) -> World:
    """The world of a source without wrappers."""
    scheme, colon, rest = source.partition(":")
    outside = {point.name: point for point in entry_points(group="artificer.worlds")} if scheme not in _BUILT_IN else {}
    if not colon or not rest or (scheme not in _BUILT_IN and scheme not in outside):
        known = ", ".join(f"{name}:..." for name in sorted({*_BUILT_IN, *outside}))
        raise SourceError(f"{without_password(source)!r} is not a tool source.", remedy=f"write SCHEME:REST with one of {known}")
    if scheme in outside:
        return outside[scheme].load()(rest, **options)
    module = importlib.import_module(f"artificer.worlds.{_BUILT_IN[scheme]}")
    try:
        return module.open_world(rest, **options)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise SourceError(f"{scheme}: worlds do not take that option: {error}", where=without_password(source)) from error
