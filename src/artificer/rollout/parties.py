"""Who plays: makers of agents from the names people type; `rollout.users` makes the users.

Here, and only here, a task's private goal meets the parties: the user gets it whole; the scripted oracle gets a
`Hearing` that finds the goal's facts in what the user says, and the list of op names that the heard wants stand for.
A model gets the view and nothing else. `scripted:gold` gets everything: it proves that tasks can be solved.
"""

from __future__ import annotations

from artificer.agents.base import Agent
from artificer.agents.function_calling import FunctionCalling
from artificer.agents.gold import GoldAgent
from artificer.agents.hearing import Hearing
from artificer.agents.oracle import Oracle
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Task
from artificer.models.base import Model
from artificer.rollout.episode import AgentMaker, episode_rng
from artificer.rollout.users import user_maker
from artificer.worlds.base import World
from artificer.worlds.guide import Guide

__all__ = ["agent_maker", "user_maker"]


def agent_maker(name: str, guide: Guide | None, *, model: Model | None = None, error_rate: float = 0.0) -> AgentMaker:
    """The maker of `scripted:oracle`, of `scripted:gold`, or of the function-calling agent over `model` for any other
    name.

    Raises:
        ArtificerError: the oracle was asked for in a world that nobody can guide it through, or no model was given.
    """
    if name == "scripted:oracle":
        if guide is None:
            raise ArtificerError("'scripted:oracle' needs a world with a guide", remedy="use a model, e.g. --agent openai:NAME@http://host/v1")
        return _oracles(guide, error_rate)
    if name == "scripted:gold":
        return _gold
    if model is None:
        raise ArtificerError(f"no agent is called {name!r}", remedy="write scripted:oracle, or a model such as openai:NAME@http://host/v1")
    return _models(model)


def _oracles(guide: Guide, error_rate: float) -> AgentMaker:
    def make(task: Task, world: World, trial: int) -> Agent:
        ops = tuple(want.op for want in task.goal.wants)
        return Oracle(guide, Hearing(task.goal.facts), ops, episode_rng(task, trial, "agent"), error_rate)

    return make


def _gold(task: Task, world: World, trial: int) -> Agent:
    return GoldAgent(task, {tool.name for tool in world.user_tools})


def _models(model: Model) -> AgentMaker:
    def make(task: Task, world: World, trial: int) -> Agent:
        return FunctionCalling(model)

    return make
