"""Row functions of a run: play a task, judge what was played. Builders are small and picklable; worlds and models are
made in the worker.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from msgspec import Struct

from artificer.checks.judges.panel import Panel
from artificer.checks.suite import by_name
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.models.base import Model
from artificer.rollout.agents import check, opened
from artificer.rollout.episode import play
from artificer.rollout.line import Limits
from artificer.rollout.metered import Budget, metered
from artificer.rollout.parties import agent_maker, user_maker
from artificer.rollout.replay import judged
from artificer.rollout.search import close_models, search_of
from artificer.rollout.telling import gone
from artificer.rollout.users import user_model
from artificer.run.stage import Reject, RowFunction
from artificer.worlds.base import World
from artificer.worlds.guide import Guide

GuideMaker = Callable[[World], Guide | None]
"""Finds a world's guide; picklable (a module-level function, or a partial of one)."""


def own_guide(world: World) -> Guide | None:
    """The guide the world brings itself."""
    return world.guide


class Played(Struct, frozen=True):
    """A task and what happened on it."""

    task: Task
    trace: Trace


class Play(Struct, frozen=True):
    """Builder: plays a `Task`, `trials` times.

    Args:
        source, options: of the world; see `World.of`.
        agent: `scripted:oracle`, a model string, or any other name of an agent (`rollout.agents`).
        user: name of the simulated user.
        error_rate: of the oracle's injected errors.
        trials: plays of each task; above 1 the children of a row's key are numbered.
        search: how each play is explored; see `rollout.search`.
        budget: what the agent's models may take here.
    """

    source: str
    options: dict[str, str] = {}
    agent: str = "scripted:oracle"
    user: str = "goal"
    guide: GuideMaker = own_guide
    error_rate: float = 0.0
    trials: int = 1
    limits: Limits = Limits()
    search: str = "linear"
    budget: Budget = Budget()

    def __post_init__(self) -> None:
        check(self.agent)

    def __call__(self) -> AbstractAsyncContextManager[RowFunction]:
        return self._made()

    @asynccontextmanager
    async def _made(self) -> AsyncGenerator[RowFunction]:
        world = World.of(self.source, **self.options)
        models = metered(opened(self.agent), self.budget)
        model = next(iter(models.values()), None)
        guide = self.guide(world) if self.agent.startswith("scripted:oracle") else None
        agent = agent_maker(self.agent, guide, models=models, error_rate=self.error_rate)
        speaker = user_model(self.user)
        user = user_maker(self.user, speaker)
        search = search_of(self.search, model)

        async def row(key: str, task: Task) -> Played | list[Played]:
            once = partial(play, task, world, agent, user, limits=self.limits, search=search)
            if self.trials == 1:
                return Played(task, await once())
            return [Played(task, await once(trial=trial)) for trial in range(self.trials)]

        try:
            yield row
        finally:
            await close_models(search, model)
            for one in (*models.values(), speaker):
                if one is not None:
                    await one.close()
            await world.close()


class Judge(Struct, frozen=True):
    """Builder: judges a `Played` by its task's checks; what does not pass is rejected with the name of the first
    check that failed, and what ended because a model, a user or a world was gone with that reason (`agent_error`, ...).

    Args:
        keep_failed: pass failed traces on (with their verdicts) instead, e.g. for evaluation; never those where
            somebody was gone, which say nothing of the agent.
        judge: the model that decides what no rule can, as a model string; "" for none.
        votes: how often it is asked each question (in each order, where order may sway it).
    """

    source: str
    options: dict[str, str] = {}
    keep_failed: bool = False
    judge: str = ""
    votes: int = 1

    def __call__(self) -> AbstractAsyncContextManager[RowFunction]:
        return self._made()

    @asynccontextmanager
    async def _made(self) -> AsyncGenerator[RowFunction]:
        world = World.of(self.source, **self.options)
        model = Model.of(self.judge) if self.judge else None
        panel = Panel(model, self.votes) if model is not None else None

        async def row(key: str, played: Played) -> Trace | Reject:
            if (ended := gone(played.trace)) is not None:
                return Reject(ended[0].value, ended[1], item=played.trace)
            trace = await judged(played.task, world, played.trace, by_name(played.task.checks, panel))
            if "chosen" in trace.lineage and trace.answer is None and not self.keep_failed:
                return Reject("search", "it found no answer", item=trace)
            judgements = [trace.verdicts[trace.answer]] if "chosen" in trace.lineage and trace.answer is not None else trace.verdicts.values()
            failed = [part for verdict in judgements for part in verdict.parts if not part.passed]
            if failed and not self.keep_failed:
                return Reject(failed[0].name, "; ".join(failed[0].evidence[:3]), item=trace)
            return trace

        try:
            yield row
        finally:
            if model is not None:
                await model.close()
            await world.close()
