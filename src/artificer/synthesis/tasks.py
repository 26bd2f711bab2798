"""Row functions that make tasks: sample a goal, put it into words.

A task carries the names of the checks that prove it (`checks.suite`), so that whoever plays it later judges it alike.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from msgspec import Struct, structs

from artificer.checks.leaks import goal_leaks, gold_ids
from artificer.core.canon import rng, stable_id
from artificer.core.tasks import Goal, Start, Task
from artificer.models.base import Model
from artificer.rollout.play import GuideMaker, own_guide
from artificer.run.stage import Reject, RowFunction
from artificer.synthesis.goals import GoalSpec, Sampled, sample, spread
from artificer.synthesis.rewrite import rewrite, writer
from artificer.synthesis.wording import word
from artificer.worlds.base import World
from artificer.worlds.guide import Part


class Goals(Struct, frozen=True):
    """Builder: from a key alone, a `Sampled` goal.

    Args:
        source, options: of the world; see `World.of`.
        spec: what kind of goals.
        seed: of the run.
        guide: finds the world's guide.
    """

    source: str
    options: dict[str, str] = {}
    spec: GoalSpec = GoalSpec()
    seed: int = 0
    guide: GuideMaker = own_guide

    def __call__(self) -> AbstractAsyncContextManager[RowFunction]:
        return self._made()

    @asynccontextmanager
    async def _made(self) -> AsyncGenerator[RowFunction]:
        world = World.of(self.source, **self.options)
        guide = self.guide(world)
        assert guide is not None, "a recipe that samples goals gives a guide"

        async def row(key: str, item: object) -> Sampled | Reject:
            return await sample(world, guide, key, self.spec, self.seed)

        try:
            yield row
        finally:
            await world.close()


class Words(Struct, frozen=True):
    """Builder: a `Sampled` goal becomes a `Task`, worded by the grammar, and proven not to give away an id.

    Args:
        source, options: of the world; see `World.of`.
        checks: names of the checks that will decide.
        seed: of the run.
        pace: fewest and most wants that the user brings up at a time.
        phrasing: which share of the phrasings is used; None for the share that the rows come from.
    """

    source: str
    options: dict[str, str]
    checks: tuple[str, ...]
    seed: int = 0
    pace: tuple[int, int] = (1, 2)
    phrasing: Part | None = None

    def __post_init__(self) -> None:
        spread("pace", self.pace)

    def __call__(self) -> AbstractAsyncContextManager[RowFunction]:
        return self._made()

    @asynccontextmanager
    async def _made(self) -> AsyncGenerator[RowFunction]:
        world = World.of(self.source, **self.options)

        async def row(key: str, sampled: Sampled) -> Task | Reject:
            task = worded(sampled, self.checks, self.seed, self.pace, self.phrasing)
            leaks = goal_leaks(task, gold_ids(task, world.tools)) if isinstance(task, Task) else ()
            return Reject("leak", "; ".join(leaks[:3]), item=task) if leaks else task

        try:
            yield row
        finally:
            await world.close()


class Rewords(Struct, frozen=True):
    """Builder: a model rewords a `Task`'s lines, each of which stays as it was unless nothing of its meaning can have
    changed (`synthesis.rewrite`). What became of the lines is counted in `lineage["reworded"]`.

    Args:
        model: a model string; see `Model.of`.
    """

    model: str

    def __call__(self) -> AbstractAsyncContextManager[RowFunction]:
        return self._made()

    @asynccontextmanager
    async def _made(self) -> AsyncGenerator[RowFunction]:
        model = Model.of(self.model)
        write = writer(model)

        async def row(key: str, task: Task) -> Task:
            reworded = await rewrite(task, write)
            lineage = task.lineage | {"reworded": reworded.counts, "writer": model.name}
            made = reworded.task
            return structs.replace(made, id=task_id(made.world, made.start, made.prompt, made.goal), lineage=lineage)

        try:
            yield row
        finally:
            await model.close()


def task_id(world: str, start: Start, prompt: str, goal: Goal) -> str:
    """An id by content: the same task made twice is one, and what differs in a word is another."""
    return stable_id("task", world, start, prompt, goal)


def worded(sampled: Sampled, checks: tuple[str, ...], seed: int, pace: tuple[int, int], phrasing: Part | None = None) -> Task | Reject:
    """The task of a sampled goal, or why it cannot be worded."""
    random = rng("words", seed, sampled.world, sampled.key)
    each = random.randint(*pace)
    words = word(sampled.requests, random, part=phrasing or sampled.demand.part, pace=each, vagueness=sampled.demand.vagueness)
    if words is None:
        return Reject("wording", "no set of phrases in which none contains another")
    wants = tuple(request.want for request in sampled.requests)
    gold = tuple(call for want in wants for call in want.gold)
    goal = Goal(wants, words.facts, sampled.effects, words.script, each)
    return Task(
        id=task_id(sampled.world, sampled.start, words.prompt, goal),
        world=sampled.world,
        start=sampled.start,
        prompt=words.prompt,
        goal=goal,
        checks=checks,
        gold=gold,
        difficulty={
            "wants": len(wants),
            "lookups": sum(request.lookups for request in sampled.requests),
            "withheld": sum(fact.reveal == "asked" for fact in words.facts),
            "vagueness": sampled.demand.vagueness,
            "impossible": float(sampled.demand.impossible is not None),
        },
        tags=tuple(sorted({want.op.partition(":")[0] for want in wants} | ({sampled.demand.impossible} if sampled.demand.impossible else set()))),
        lineage={
            "key": sampled.key,
            "seed": seed,
            "draws": sampled.draws,
            "part": sampled.demand.part,
            "phrasing": phrasing or sampled.demand.part,
            "entities": sorted({name for request in sampled.requests for name in request.entities}),
        },
    )
