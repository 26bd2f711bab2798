"""An outside package: a world (`lamps:2`), a wrapper, a search, two users, a recipe made of CoVe's stages and one check of its own."""

from __future__ import annotations

from msgspec import Struct

from artificer.agents.base import User, View
from artificer.agents.users.modifiers import Modifier, again
from artificer.checks.base import Episode
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Start, Task
from artificer.core.trace import Trace
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason
from artificer.recipes import Anchor, Recipe
from artificer.recipes.synthesis import cove
from artificer.rollout.line import Line
from artificer.rollout.search import steps
from artificer.run.stage import Reject, each
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers.base import Wrapped, WrappedSession


class LampShop(World):
    """`lamps:N`: the sample database, with `N` at most as the limit of what one may ask for."""

    def __init__(self, inner: World) -> None:
        self.inner, self.name = inner, inner.name
        self.tools, self.policy, self.forks, self.guide = inner.tools, "Be brief.", inner.forks, inner.guide

    async def open(self, start: Start) -> Session:
        return await self.inner.open(start)


def open_world(rest: str, **options: str) -> World:
    return LampShop(World.of("sqlite:chinook", **options))


class Closed(Wrapped):
    """`| closed`: nothing can be changed, and the agent is told so when it tries."""

    def __init__(self, inner: World, why: str) -> None:
        super().__init__(inner, "closed", {"why": why})
        self.why = why
        self.writes = {tool.name for tool in inner.tools if tool.effect != "read"}

    def session(self, inner: Session, start: Start) -> WrappedSession:
        return ClosedSession(self, inner, start)


class ClosedSession(WrappedSession):
    async def answer(self, call: ToolCall, actor: str) -> ToolResult:
        if call.name not in self.world.writes:
            return await self.pass_on(call, actor)
        self.note("refused")
        return ToolResult(call.id, None, ErrorKind.forbidden, self.world.why)


def closed(world: World, *, why: str = "the shop is closed") -> World:
    return Closed(world, why)


class Brief(Struct, frozen=True):
    """A check: the agent never writes more than `most` characters at a time."""

    most: int = 400
    name: str = "brief"

    async def __call__(self, episode: Episode) -> CheckResult:
        longest = max((len(node.message.text) for node in episode.nodes if node.message.role == "assistant"), default=0)
        return CheckResult(self.name, float(longest <= self.most), longest <= self.most, (f"the longest message has {longest} characters",))


class Knobs(Struct, frozen=True):
    """The recipe's knobs.

    Args:
        world: where to play.
        options: of the world.
        n: number of tasks.
        seed: of everything random.
        turns: longest conversation that is kept, in assistant messages.
    """

    world: str = "lamps:1"
    options: dict[str, str] = {}
    n: int = 5
    seed: int = 0
    turns: int = 12


class Short(Struct, frozen=True):
    """Builder: drops long conversations."""

    turns: int

    def __call__(self):
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def made():
            async def row(key: str, trace: Trace) -> Trace | Reject:
                return trace if trace.usage.turns <= self.turns else Reject("long", f"{trace.usage.turns} messages")

            yield row

        return made()


def stages(k: Knobs):
    goals, words, play, judge = cove.stages(cove.Knobs(world=k.world, options=k.options, n=k.n, seed=k.seed, wants=(1, 2)))
    judge = each("judge", judge.build)
    return [goals, each("words", words.build, keep="tasks", of=Task), play, judge, each("short", Short(k.turns), keep="traces", of=Trace)]


recipe = Recipe("lamps", "0000.00000", "CoVe, but brief", Knobs, stages, cove.source, anchors=(Anchor("none", "-", "-"),))


class Twice:
    """Two first steps; the one whose calls did not fail goes on."""

    async def explore(self, line: Line) -> None:
        if not await steps.begin(line, False):
            return
        other = await line.fork()
        first = await steps.decide(line, await line.ask())
        second = await steps.decide(other, await other.ask(draw=1, temperature=1.0))
        kept, left = (other, line) if first.status and not second.status else (line, other)
        await left.leave(StopReason.pruned)
        taken = second if kept is other else first
        while taken.stop is None:
            taken = await steps.decide(kept, await kept.ask())
        kept.tree.lineage["chosen"] = await kept.end(taken.stop)


def twice(options: dict[str, str]) -> Twice:
    return Twice()


class Shouts(Modifier):
    """Says everything loudly, now and then."""

    name = "shouts"

    def change(self, view, said):
        return again(said.whole, said.text + "!") if self.happens() else said.whole


def mute(task: Task, trial: int, turns: str = "1") -> User:
    """A user who says the prompt, `turns` times."""

    class Mute(User):
        left = int(turns)

        async def speak(self, view: View) -> Message | None:
            self.left -= 1
            return Message("user", task.prompt) if self.left >= 0 else None

    return Mute()
