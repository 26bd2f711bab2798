"""Episodes as checks see them, in one place, and the state that they may ask for.

A trace holds what was said, done and changed, not the state. A check that needs the state gets it by doing the same
again: a fresh session, the recorded calls in their order (`repeated`, which proof by replay uses too). So a check that
does not ask costs nothing, and one that asks looks at a session that did exactly what the trace says, or is told why not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from artificer.checks.base import Episode, Past, Unseen
from artificer.checks.constraints.session import AUTHOR, kept
from artificer.checks.constraints.stated import stated
from artificer.core.canon import canonical
from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Effect, Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.core.verdicts import StopReason
from artificer.rollout.line import BEFORE, WRAPPER, Line, offered
from artificer.rollout.search.steps import again
from artificer.worlds.base import Attending, Attributed, Queried, Seen, Session, World, begun, innermost

T = TypeVar("T")


class Offers(Protocol):
    """What of a world stands in an episode."""

    @property
    def tools(self) -> Sequence[ToolSpec]: ...

    @property
    def user_tools(self) -> Sequence[ToolSpec]: ...

    @property
    def policy(self) -> str: ...


def conversation(nodes: Sequence[Node]) -> Sequence[Node]:
    """The nodes as checks see them: what a wrapper put before the conversation nobody said, so it is blanked out; so are
    the words that give an answer back, which are no user's.
    """
    since = before(nodes)
    if not since and not any(node.message.author == AUTHOR for node in nodes):
        return nodes
    return [*(Node(node.parent, Message("system", "...")) for node in nodes[:since]), *(_blanked(node) for node in nodes[since:])]


def _blanked(node: Node) -> Node:
    message = node.message
    return Node(node.parent, Message("user", "...", author=AUTHOR)) if message.role == "user" and message.author == AUTHOR else node


def before(nodes: Sequence[Node]) -> int:
    """How many messages stand before the conversation."""
    return next((index for index, node in enumerate(nodes) if node.notes.get(WRAPPER) != BEFORE), len(nodes))


def episode_of(
    task: Task,
    world: World,
    nodes: Sequence[Node],
    effects: tuple[Effect, ...],
    stop: StopReason,
    own: Sequence[ToolSpec] = (),
    past: Past | None = None,
) -> Episode:
    """A finished branch as checks see it.

    Args:
        own: the tools that the branch's lines answered themselves.
        past: where the state is to be had, when not by doing all again.
    """
    told = told_of(task, world, nodes, effects, stop, own)
    return msgspec.structs.replace(told, own=world.judge, past=past or Repeated(task, world, nodes, own))


def told_of(task: Task, world: Offers, nodes: Sequence[Node], effects: tuple[Effect, ...], stop: StopReason, own: Sequence[ToolSpec] = ()) -> Episode:
    """The same of a world that is only known by what it offers: without its judgement, and without its state."""
    tools = [*offered(world.tools, task), *own]
    return Episode(task, tools, conversation(nodes), effects, stop, world.policy, user_tools=world.user_tools)


def episode_of_line(line: Line, stop: StopReason) -> Episode:
    """A line that has come to its end, as checks see it; its session is still there to be looked at."""
    own, nodes = [tool.spec for tool in line.own.values()], line.path()
    return episode_of(line.task, line.world, nodes, line.effects(), stop, own, Standing(line, nodes, own))


class Repeated:
    """Implements `checks.base.Past` for a finished branch."""

    def __init__(self, task: Task, world: World, nodes: Sequence[Node], own: Sequence[ToolSpec]) -> None:
        self._task = task
        self._world = world
        self._nodes = nodes
        self._own = own

    async def start(self, look: Callable[[Session], T]) -> T | Unseen:
        return await self._looked(look, ())

    async def end(self, look: Callable[[Session], T]) -> T | Unseen:
        return await self._looked(look, self._nodes)

    async def _looked(self, look: Callable[[Session], T], nodes: Sequence[Node]) -> T | Unseen:
        try:
            session = await opened(self._task, self._world, self._own)
        except SourceError as error:
            return Unseen(str(error))
        try:
            inner = innermost(session)
            if not isinstance(inner, (Seen, Queried, Attributed)):  # before anything is called: it may be somebody's server
                return Unseen(f"the world {self._world.name!r} does not show its state")
            differences = await repeated(session, nodes, self._own) if nodes else []
            if differences:
                return Unseen(f"the calls cannot be repeated: {differences[0]}")
            return look(inner)
        finally:
            await session.close()


class Standing(Repeated):
    """The same for a line whose session is still open: its end is looked at as it stands."""

    def __init__(self, line: Line, nodes: Sequence[Node], own: Sequence[ToolSpec]) -> None:
        super().__init__(line.task, line.world, nodes, own)
        self._session = line.session

    async def end(self, look: Callable[[Session], T]) -> T | Unseen:
        inner = innermost(self._session)
        if not isinstance(inner, (Seen, Queried, Attributed)):
            return Unseen(f"the world {self._world.name!r} does not show its state")
        return look(inner)


async def opened(task: Task, world: World, own: Sequence[ToolSpec] = ()) -> Session:
    """A session in which an episode of a task begins, under the rules that the task states, to do again what was done in another.

    Args:
        own: tools that the lines answered themselves.

    Raises:
        SourceError: it cannot begin.
    """
    return kept(await begun(world, task.start), stated(task), [*offered(world.tools, task), *own])


async def repeated(session: Session, nodes: Sequence[Node], own: Sequence[ToolSpec]) -> list[str]:
    """Makes a branch's calls again in a session that has just begun; what came out differently.

    Args:
        own: tools that the branch's lines answered themselves.
    """
    out: list[str] = []
    own_tools = {spec.name: tool for spec in own if (tool := again(spec)) is not None}
    waiting: dict[str, tuple[ToolCall, str]] = {}
    attending = session if isinstance(session, Attending) else None
    since = before(nodes)
    if canonical(attending.before() if attending is not None else ()) != canonical([node.message for node in nodes[:since]]):
        out.append("something else stands before the conversation now")
    for index, node in enumerate(nodes[since:], since):
        actor = "user" if node.message.role == "user" else "agent"
        waiting |= {call.id: (call, actor) for call in node.message.calls}
        recorded = node.message.result
        if recorded is None:
            out += _heard(attending, index, node)
            continue
        made = waiting.pop(recorded.call_id, None)
        if made is None:
            out.append(f"message {index}: a result of no call")
            continue
        call, by = made
        tool = own_tools.get(call.name) if by == "agent" else None
        if tool is not None:
            out += [] if canonical(tool.result(call)) == canonical(recorded) else [f"message {index}: {call.name!r} returns something else"]
        else:
            out += await _called(session, attending, index, call, by, node)
        out += _heard(attending, index, node)
    if waiting:
        out.append(f"calls without a result: {', '.join(sorted(waiting))}")
    return out


async def _called(session: Session, attending: Attending | None, index: int, call: ToolCall, actor: str, node: Node) -> list[str]:
    """Makes a recorded call; what came out differently."""
    out: list[str] = []
    mark = session.calls
    result = await session.call(call, actor)
    if canonical(result) != canonical(node.message.result):
        out.append(f"message {index}: {call.name!r} now returns something else")
    if node.effects and canonical(session.effects(mark)) != canonical(node.effects):
        out.append(f"message {index}: {call.name!r} now has other effects")
    if attending is not None and canonical(attending.notes()) != canonical(node.notes.get(WRAPPER, {})):
        out.append(f"message {index}: a wrapper now does something else to {call.name!r}")
    return out


def _heard(attending: Attending | None, index: int, node: Node) -> list[str]:
    """Lets a session hear a recorded message; whether it would be recorded otherwise now."""
    if attending is None or canonical(attending.hear(node.message)) == canonical(node.message):
        return []
    return [f"message {index}: it would be recorded otherwise now"]
