"""An episode: one task, one agent, one user, one private session, played out by a search (one line, by default)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Protocol

import msgspec

from artificer.agents.base import Agent, User
from artificer.checks.constraints.rules import Rounds
from artificer.checks.constraints.session import kept
from artificer.checks.constraints.stated import Rules, stated
from artificer.core.canon import rng, stable_id
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.core.verdicts import StopReason
from artificer.rollout.line import CannotFork, Limits, Line, offered
from artificer.rollout.tree import SEARCH, Tree
from artificer.worlds.base import World, begun

AgentMaker = Callable[[Task, World, int], Agent]
"""Makes the agent of one episode from the task, the world and the episode's seed. It hands the agent nothing
private."""
UserMaker = Callable[[Task, int], User]


class Search(Protocol):
    """How an episode is explored."""

    async def explore(self, line: Line) -> None:
        """Plays the line and those it forks until every one of them is ended or dropped."""
        ...


class Linear:
    """One line to its end: a conversation."""

    async def explore(self, line: Line) -> None:
        await line.end(await conversed(line))


async def conversed(line: Line) -> StopReason:
    """Plays a line on until the user is done or a limit is reached."""
    while (over := await line.hear()) is None:
        stop = await answered(line)
        if stop is not None:
            return stop
    return over


async def answered(line: Line) -> StopReason | None:
    """The agent's part of a turn: it calls until it speaks. A reason when the line ends here."""
    if line.turns >= line.limits.turns:
        return StopReason.max_turns
    while True:
        message = await line.act()
        if message is None:
            return StopReason.agent_error
        if not message.calls:
            return None
        await line.run(message)
        if (over := line.exceeded()) is not None:
            return over


async def play(
    task: Task,
    world: World,
    agent: AgentMaker,
    user: UserMaker,
    *,
    trial: int = 0,
    limits: Limits = Limits(),  # noqa: B008
    search: Search = Linear(),  # noqa: B008
) -> Trace:
    """Plays one task once and returns its trace, not yet judged.

    Raises:
        CannotFork: the search forks, and the world never can.
        ArtificerError: the task's constraints cannot be read.

    Args:
        task: what is to be played; only the user maker reads its goal.
        world: where it is played; a fresh session is opened from `task.start`.
        trial: number of the attempt; with the task's id it seeds everything random.
        limits: when to give up.
        search: how lines are played and forked.
    """
    rules = stated(task)
    session = kept(await begun(world, task.start), rules, offered(world.tools, task))
    tree = Tree()
    try:
        await _explored(search, Line(tree, task, world, session, agent(task, world, trial), user(task, trial), _within(limits, rules)))
        return Trace(
            id=stable_id("trace", task.id, trial),
            task_id=task.id,
            world=world.name,
            tools=world.toolset(),
            nodes=tuple(tree.nodes),
            stop=tree.stop,
            effects=tree.effects,
            state=tree.state,
            usage=tree.usage(),
            seed=trial,
            lineage=tree.lineage,
        )
    finally:
        for line in list(tree.open):
            await line.drop()
        await session.close()


def _within(limits: Limits, rules: Rules | None) -> Limits:
    """The limits, with no more messages than a task's rules allow."""
    most = [rule.most for rule in (rules.rules if rules is not None else ()) if isinstance(rule, Rounds) and rule.most is not None]
    return msgspec.structs.replace(limits, turns=min(limits.turns, *most)) if most else limits


async def _explored(search: Search, line: Line) -> None:
    """Lets a search play. In a world that forks by replay and once did something else, the search ends there, and says so."""
    tree = line.tree
    try:
        await search.explore(line)
    except CannotFork as error:
        if line.world.forks == "none":
            raise
        for left in list(tree.open):
            await left.leave(StopReason.world_error)
        tree.lineage |= {"chosen": None, SEARCH: tree.lineage.get(SEARCH, {}) | {"name": "broken", "failed": error.what}}


def episode_rng(task: Task, trial: int, side: str) -> Random:
    """The random stream of one side of one episode."""
    return rng(side, task.id, trial)
