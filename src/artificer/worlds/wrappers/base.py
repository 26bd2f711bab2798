"""What every wrapper has in common: a world and a session that pass everything on to those within.

A wrapper subclasses `Wrapped` and changes what it must: `tools`, `policy`, the class of its sessions, names on their
way in. Its sessions subclass `WrappedSession` and override `answer`, `heard`, `before` or `shown`. All that such a
session remembers stands in `state`, which forks with it. Chance comes from `chance`: it depends on the wrapper, its
seed, the start's seed, the number of the call and the call, and on no order among sessions. What was done to a call
is told to `note` and stands in the trace.

Only the parties of a conversation are disturbed. Calls of other actors (setup, gold, discovery, guides) are how a
task is made and proven; they pass, with names mapped, and are not counted.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from random import Random
from typing import Any, Self, cast

import msgspec

from artificer.core.canon import Json, rng, seed_of
from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Effect, Start, Task
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import CheckResult, Notes
from artificer.worlds.base import Attending, Forks, Played, Problem, Session, World
from artificer.worlds.guide import Call, Demand, Desk, Dropped, Guide, Procedure, Request, Step

PARTIES = frozenset({"agent", "user"})
"""The actors whose calls a wrapper may disturb."""


class Wrapped(World):
    """A world within a wrapper. Subclasses set `tools` and `policy` after `super().__init__` and override `session`.

    Args:
        inner: the world wrapped.
        label: the wrapper's name: in notes, in the seed of its chance, in the world's name.
        options: as they were given; with the label they make the name. (`World.of` sets the name as it was typed.)
        seed: of the wrapper's own chance.
    """

    def __init__(self, inner: World, label: str, options: Mapping[str, str] | None = None, seed: int = 0) -> None:
        told = ",".join(f"{key}={_quoted(value)}" for key, value in (options or {}).items())
        self.inner: World = inner
        self.label = label
        self.seed = seed
        self.name = f"{inner.name} | {label}{':' if told else ''}{told}"
        self.tools: Sequence[ToolSpec] = inner.tools
        self.policy = inner.policy
        self.forks: Forks = inner.forks
        self.problems: Sequence[Problem] = inner.problems
        self.offers = inner.offers
        self.notes = inner.notes
        self.user_tools = inner.user_tools
        self.guide: Guide | None = WrappedGuide(self, inner.guide) if inner.guide is not None else None

    def session(self, inner: Session, start: Start) -> WrappedSession:
        """The session around an inner one."""
        return WrappedSession(self, inner, start)

    def guided(self, guide: Guide) -> Guide:
        return self.inner.guided(guide)

    def tasks(self) -> Iterator[Task]:
        """The inner world's tasks, their setup and gold calls in this world's names."""
        for task in self.inner.tasks():
            setup = tuple(self.outward(call) for call in task.start.setup)
            gold = None if task.gold is None else tuple(self.outward(call) for call in task.gold)
            yield msgspec.structs.replace(task, world=self.name, start=msgspec.structs.replace(task.start, setup=setup), gold=gold)

    def judge(self, task: Task, played: Sequence[Played], says: Sequence[str]) -> CheckResult | None:
        return self.inner.judge(task, [msgspec.structs.replace(one, call=self.inward(one.call)) for one in played], says)

    def inward(self, call: ToolCall) -> ToolCall:
        """A call in this world's names, in the inner world's."""
        return call

    def outward(self, call: ToolCall) -> ToolCall:
        """A call in the inner world's names, in this world's."""
        return call

    def answered(self, result: ToolResult) -> ToolResult:
        """An inner result in this world's names."""
        return result

    def understood(self, result: ToolResult) -> ToolResult:
        """A result of this world as the inner world's guide knows it."""
        return result

    async def open(self, start: Start) -> WrappedSession:
        setup = tuple(self.inward(call) for call in start.setup)
        return self.session(await self.inner.open(msgspec.structs.replace(start, setup=setup) if setup else start), start)

    async def close(self) -> None:
        await self.inner.close()


def innermost(world: World) -> World:
    """The world within all wrappers."""
    while isinstance(world, Wrapped):
        world = world.inner
    return world


def innermost_call(world: World, call: ToolCall) -> ToolCall:
    """A call of `world` as the world within all wrappers knows it."""
    while isinstance(world, Wrapped):
        world, call = world.inner, world.inward(call)
    return call


class WrappedSession(Session):
    """A session around another. Whatever changes while it lives belongs into `state`, which is copied with a fork; what
    stands in `state` is replaced or changed in place, and is plain data.
    """

    def __init__(self, world: Wrapped, inner: Session, start: Start) -> None:
        self.world = world
        self.inner = inner
        self.start = start
        self.index = 0
        """Calls of the parties so far: the number of the next one."""
        self.state: dict[str, Any] = {}
        self._noted: Notes = {}
        self._attending = inner if isinstance(inner, Attending) else None

    async def answer(self, call: ToolCall, actor: str) -> ToolResult:
        """A party's call; override it. `pass_on` asks the inner world, in its own names."""
        return await self.pass_on(call, actor)

    def heard(self, message: Message) -> Message:
        """A message about to be recorded; override to take notice of it or to change it."""
        return message

    # for the wrapper's own use

    async def pass_on(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        """What the inner session answers, mapped inward; its notes join ours."""
        result = await self.inner.call(self.world.inward(call), actor)
        if self._attending is not None:
            for label, what in self._attending.notes().items():
                self._write(label, what)
        return self.world.answered(result)

    def note(self, what: Json) -> None:
        """Records what was done to the call that is being answered."""
        self._write(self.world.label, what)

    def _write(self, label: str, what: Json) -> None:
        name, number = label, 1
        while name in self._noted:
            number += 1
            name = f"{label}#{number}"
        self._noted[name] = what

    def chance(self, *parts: Json) -> Random:
        """The random stream of `parts` in this session: the same wherever and whenever it is played."""
        return rng(self.world.label, self.world.seed, self.start.seed, *parts)

    def draw(self, call: ToolCall) -> float:
        """A number from 0 up to 1 for the call that is being answered; a fifth of what a stream costs."""
        return seed_of(self.world.label, self.world.seed, self.start.seed, "draw", self.index, call.name, call.arguments) / 2**64

    def luck(self, call: ToolCall) -> Random:
        """The random stream of the call that is being answered, for what comes after `draw`."""
        return self.chance(self.index, call.name, call.arguments)

    # the session

    @property
    def calls(self) -> int:
        return self.inner.calls

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        self._noted = {}
        if actor not in PARTIES:
            return await self.pass_on(call, actor)
        result = await self.answer(call, actor)
        self.index += 1
        return result

    async def fork(self) -> Self:
        other = copy.copy(self)
        other.inner = await self.inner.fork()
        other.state = copy.deepcopy(self.state)
        other._noted = dict(self._noted)
        if self._attending is not None:  # forks are sessions of the same kind; to ask anew costs more than the fork
            other._attending = cast("Attending", other.inner)
        return other

    def digest(self) -> str:
        return self.inner.digest()

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        return self.inner.effects(since)

    async def close(self) -> None:
        await self.inner.close()

    def before(self) -> tuple[Message, ...]:
        return self._attending.before() if self._attending is not None else ()

    def hear(self, message: Message) -> Message:
        return self.heard(self._attending.hear(message) if self._attending is not None else message)

    def shown(self, tools: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        return self._attending.shown(tools) if self._attending is not None else tools

    def notes(self) -> Notes:
        return self._noted


class WrappedGuide:
    """The inner world's guide, in the wrapped world's names."""

    def __init__(self, world: Wrapped, inner: Guide) -> None:
        self._world = world
        self._inner = inner

    def procedure(self, op: str, desk: Desk) -> Procedure:
        steps = self._inner.procedure(op, desk)
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            answer = yield self._outward(step)
            if isinstance(answer, ToolResult):
                answer = self._world.understood(answer)

    def _outward(self, step: Step) -> Step:
        if not isinstance(step, Call):
            return step
        call = self._world.outward(ToolCall("", step.name, step.arguments))
        wrong = None if step.wrong is None else self._world.outward(ToolCall("", step.name, step.wrong)).arguments
        return Call(call.name, call.arguments, wrong)

    async def propose(self, session: Session, rng: Random, demand: Demand) -> AsyncIterator[Request | Dropped]:
        inner = session.inner if isinstance(session, WrappedSession) else session
        async for proposal in self._inner.propose(inner, rng, demand):
            if isinstance(proposal, Request) and proposal.want.gold:
                gold = tuple(self._world.outward(call) for call in proposal.want.gold)
                proposal = msgspec.structs.replace(proposal, want=msgspec.structs.replace(proposal.want, gold=gold))
            yield proposal


# options, which are texts


def number(text: str, name: str, low: float = 0.0, high: float = 1.0) -> float:
    """A number from `low` to `high`.

    Raises:
        SourceError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise SourceError(f"{name} must be a number from {low:g} to {high:g}, not {text!r}.", where=name, remedy=f"e.g. {name}={low:g}")
    return value


def whole(text: str, name: str, low: int = 0, high: int = 2**63 - 1) -> int:
    """A whole number from `low` to `high`.

    Raises:
        SourceError: it is none.
    """
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise SourceError(f"{name} must be a whole number from {low} to {high}, not {text!r}.", where=name, remedy=f"e.g. {name}={max(low, 1)}")
    return value


def flag(text: str, name: str) -> bool:
    """True or false.

    Raises:
        SourceError: it is neither.
    """
    if text.lower() not in {"true", "false", "yes", "no", "1", "0"}:
        raise SourceError(f"{name} must be true or false, not {text!r}.", where=name, remedy=f"e.g. {name}=true")
    return text.lower() in {"true", "yes", "1"}


def choices(text: str, name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Words joined by `+`, each one of `known`.

    Raises:
        SourceError: one is not.
    """
    words = tuple(dict.fromkeys(word.strip() for word in text.split("+") if word.strip()))
    for word in words:
        if word not in known:
            raise SourceError(f"{name} knows no {word!r}.", where=name, remedy=f"use {'+'.join(known) if len(known) < 20 else 'one that exists'}")
    return words


def _quoted(value: str) -> str:
    return f'"{value}"' if any(letter in value for letter in ",|\"'") or value != value.strip() else value
