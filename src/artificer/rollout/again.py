"""Playing tasks that exist: the stages of a rollout, which copies a run's tasks and lets another agent try them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from msgspec import Struct

from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.models.base import Model
from artificer.rollout.agents import check, spec_of
from artificer.rollout.constraining import Constrain
from artificer.rollout.metered import Budget
from artificer.rollout.play import GuideMaker, Judge, Play, own_guide
from artificer.rollout.search import search_of
from artificer.rollout.telling import telling
from artificer.run.stage import RowFunction, Stage, each


class Rollout(Struct, frozen=True):
    """What a rollout does: the knobs that its `run.toml` holds.

    Args:
        world, options: where the tasks are played; see `World.of`.
        agent: its name; see `rollout.agents`.
        user: the simulated user.
        errors: how often the oracle makes a plausible mistake first.
        trials: plays of each task.
        keep_failed: keep traces that fail a check, with their verdicts, instead of rejecting them.
        search: how each play is explored; see `rollout.search`.
        rules: that every task must keep, as text; see `checks.constraints.text`.
        constrain: how many rules each task gets besides, drawn by `rules_seed`.
        judge: the model that decides what no rule can, "" for none. votes: how often it is asked each question.
    """

    world: str
    options: dict[str, str] = {}
    agent: str = "scripted:oracle"
    user: str = "goal"
    errors: float = 0.0
    trials: int = 1
    keep_failed: bool = False
    search: str = "linear"
    rules: str = ""
    constrain: int = 0
    rules_seed: int = 0
    judge: str = ""
    votes: int = 1

    def __post_init__(self) -> None:
        check(self.agent)  # before a run folder is made
        self.constraining()

    def constraining(self) -> Constrain | None:
        """What gives the tasks rules; None when nothing does.

        Raises:
            ArtificerError: the rules cannot be read.
        """
        return Constrain(self.world, self.options, self.rules, self.constrain, self.rules_seed) if self.rules or self.constrain else None


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
        each("tasks", k.constraining() or Copied(), keep="tasks", of=Task),
        each(
            "play",
            Play(k.world, k.options, k.agent, k.user, guide, k.errors, k.trials, search=k.search, budget=budget),
            tell=telling(k.agent),
        ),
        each("judge", Judge(k.world, k.options, k.keep_failed, k.judge, k.votes), keep="traces", of=Trace),
    ]


def check_search(search: str, agent: str) -> None:
    """Reads the words for a search before anything is made.

    Raises:
        ArtificerError: there is no such search, or it needs a model and there is none.
    """
    stand_in = Model.of("scripted:silent")
    search_of(search, stand_in if spec_of(agent).models else None, lambda text: stand_in)
