"""Playing tasks that exist: the stages of a rollout, which copies a run's tasks and lets another agent try them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from msgspec import Struct

from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.rollout.metered import Budget
from artificer.rollout.play import GuideMaker, Judge, Play, own_guide
from artificer.rollout.telling import telling
from artificer.run.stage import RowFunction, Stage, each


class Rollout(Struct, frozen=True):
    """What a rollout does: the knobs that its `run.toml` holds.

    Args:
        world, options: where the tasks are played; see `World.of`.
        agent: scripted:oracle, or a model string.
        user: the simulated user.
        errors: how often the oracle makes a plausible mistake first.
        trials: plays of each task.
        keep_failed: keep traces that fail a check, with their verdicts, instead of rejecting them.
    """

    world: str
    options: dict[str, str] = {}
    agent: str = "scripted:oracle"
    user: str = "goal"
    errors: float = 0.0
    trials: int = 1
    keep_failed: bool = False


class Copied(Struct, frozen=True):
    """Builder: passes a row on as it is, so that a stage can keep it."""

    def __call__(self) -> AbstractAsyncContextManager[RowFunction]:
        return self._made()

    @asynccontextmanager
    async def _made(self) -> AsyncGenerator[RowFunction]:
        async def row(key: str, item: object) -> object:
            return item

        yield row


def rollout_stages(k: Rollout, guide: GuideMaker = own_guide, budget: Budget = Budget()) -> list[Stage]:  # noqa: B008
    """The stages over a source of tasks. `budget` is of each worker, and of this attempt: no knob of the run."""
    return [
        each("tasks", Copied(), keep="tasks", of=Task),
        each("play", Play(k.world, k.options, k.agent, k.user, guide, k.errors, k.trials, budget=budget), tell=telling(k.agent)),
        each("judge", Judge(k.world, k.options, k.keep_failed), keep="traces", of=Trace),
    ]
