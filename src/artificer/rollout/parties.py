"""Who plays: makers of agents and users from the names people type.

Here, and only here, a task's private goal meets the parties: the user gets it whole; the scripted oracle gets a
`Hearing` that finds the goal's facts in what the user says, and the list of op names that the heard wants stand for.
A model gets the view and nothing else. `scripted:gold` gets everything: it proves that tasks can be solved.
"""

from __future__ import annotations

from artificer.agents.base import Agent, User
from artificer.agents.function_calling import FunctionCalling
from artificer.agents.gold import GoldAgent
from artificer.agents.hearing import Hearing
from artificer.agents.oracle import Oracle
from artificer.agents.users.goal import GoalUser
from artificer.agents.users.lines import LinesUser
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Task
from artificer.models.base import Keyed, Model
from artificer.rollout.episode import AgentMaker, UserMaker, episode_rng
from artificer.worlds.base import World
from artificer.worlds.guide import Guide


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


def user_maker(name: str = "goal") -> UserMaker:
    """The maker of simulated users; `goal` is the scripted goal user, or, for tasks whose turns are fixed (`Want.op` is
    `"turn"`), one who says just these.
    """
    if name != "goal":
        raise ArtificerError(f"no user is called {name!r}", remedy="write --user goal")

    def make(task: Task, trial: int) -> User:
        if task.goal.wants and all(want.op == "turn" for want in task.goal.wants):
            return LinesUser(task.goal)
        return GoalUser(task.goal, episode_rng(task, trial, "user"))

    return make


def _oracles(guide: Guide, error_rate: float) -> AgentMaker:
    def make(task: Task, world: World, trial: int) -> Agent:
        ops = tuple(want.op for want in task.goal.wants)
        return Oracle(guide, Hearing(task.goal.facts), ops, episode_rng(task, trial, "agent"), error_rate)

    return make


def _gold(task: Task, world: World, trial: int) -> Agent:
    return GoldAgent(task)


def _models(model: Model) -> AgentMaker:
    def make(task: Task, world: World, trial: int) -> Agent:
        return FunctionCalling(Keyed(model, f"{task.id}/{trial}/agent"))

    return make
