"""Who plays: makers of agents from the names people type; `rollout.users` makes the users.

Here, and only here, a task's private goal meets the parties: the user gets it whole; the scripted oracle gets a
`Hearing` that finds the goal's facts in what the user says, and the list of op names that the heard wants stand for.
A model gets the view and nothing else. `scripted:gold` gets everything: it proves that tasks can be solved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from artificer.agents.base import Agent
from artificer.agents.gold import GoldAgent
from artificer.agents.hearing import Hearing
from artificer.agents.oracle import Oracle
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Task
from artificer.models.base import Model
from artificer.rollout.agents import composed, spec_of
from artificer.rollout.episode import AgentMaker, episode_rng
from artificer.rollout.users import user_maker
from artificer.worlds.base import World
from artificer.worlds.guide import Guide

__all__ = ["agent_maker", "user_maker"]


def agent_maker(
    name: str, guide: Guide | None, *, model: Model | None = None, models: Mapping[str, Model] | None = None, error_rate: float = 0.0
) -> AgentMaker:
    """The maker of an agent by its name; see `rollout.agents` for what names there are.

    Args:
        guide: of the world, for `scripted:oracle`.
        model: answers for every model in the name that `models` does not hold.
        models: who answers, by model string.
        error_rate: of the oracle's injected errors.

    Raises:
        ArtificerError: there is no such agent, the oracle was asked for in a world that nobody can guide it through, or
            a model is missing.
    """
    spec = spec_of(name)
    if spec.base == "scripted:oracle" and spec.kind is None and guide is None:
        raise ArtificerError("'scripted:oracle' needs a world with a guide", remedy="use a model, e.g. --agent openai:NAME@http://host/v1")
    known = {text: found for text in spec.models if (found := (models or {}).get(text, model)) is not None}
    if len(known) < len(spec.models):
        raise ArtificerError(f"no agent is called {name!r}", remedy="write scripted:oracle, or a model such as openai:NAME@http://host/v1")
    if spec.kind is not None:
        return composed(spec, known, None)
    scripted = _gold if spec.base == "scripted:gold" else _oracles(cast("Guide", guide), error_rate)
    return composed(spec, known, scripted) if spec.pipes else scripted


def _oracles(guide: Guide, error_rate: float) -> AgentMaker:
    def make(task: Task, world: World, trial: int) -> Agent:
        ops = tuple(want.op for want in task.goal.wants)
        return Oracle(guide, Hearing(task.goal.facts), ops, episode_rng(task, trial, "agent"), error_rate)

    return make


def _gold(task: Task, world: World, trial: int) -> Agent:
    return GoldAgent(task, {tool.name for tool in world.user_tools})
