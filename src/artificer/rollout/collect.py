"""Collect: play tasks out and judge them. Synthesis, evaluation and reinforcement learning are this motion with other
tasks and other uses of the verdicts.

Inside a run the same two steps are the stages `Play` and `Judge` (`rollout.play`), which adds persistence, resume and
other engines; here they are a plain asynchronous iterator for a program of one's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence

from artificer.checks.base import Check
from artificer.checks.suite import standard
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.rollout.episode import AgentMaker, UserMaker, play
from artificer.rollout.line import Limits
from artificer.rollout.replay import judged
from artificer.worlds.base import World


async def collect(
    tasks: Iterable[Task],
    world: World,
    *,
    agent: AgentMaker,
    user: UserMaker,
    checks: Sequence[Check] | None = None,
    trials: int = 1,
    concurrency: int = 64,
    limits: Limits = Limits(),  # noqa: B008
) -> AsyncGenerator[Trace]:
    """Plays every task `trials` times, at most `concurrency` episodes at a time, and yields judged traces as they
    end.

    A trace depends on its task and trial alone, never on the order or on `concurrency`. Leaving the iteration early
    cancels what is in flight.

    Args:
        tasks: pulled as there is room.
        agent, user: made afresh for every episode; see `rollout.parties`.
        checks: those that CoVe proves a trace with, when None.
    """
    chosen = standard() if checks is None else checks
    waiting = ((task, trial) for task in tasks for trial in range(trials))
    done: asyncio.Queue[Trace] = asyncio.Queue(maxsize=concurrency)

    async def lane() -> None:
        for task, trial in waiting:
            trace = await play(task, world, agent, user, trial=trial, limits=limits)
            await done.put(await judged(task, world, trace, chosen))

    async def lanes() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, concurrency)):
                group.create_task(lane())

    running = asyncio.create_task(lanes())
    try:
        while not running.done() or not done.empty():
            taken = asyncio.create_task(done.get())
            await asyncio.wait({taken, running}, return_when=asyncio.FIRST_COMPLETED)
            if taken.done():
                yield taken.result()
            else:
                taken.cancel()
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
