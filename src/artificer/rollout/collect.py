"""Collect: play tasks out and judge them. Synthesis, evaluation and reinforcement learning are this motion with other
tasks and other uses of the verdicts.

Inside a run the same two steps are the stages `Play` and `Judge` (`rollout.play`), which adds persistence, resume and
other engines; here they are a plain asynchronous iterator for a program of one's own. Rows are scheduled by the same
code in both (`run.local.each_row`).
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
from artificer.run.local import each_row
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

    A trace depends on its task and trial alone, never on the order or on `concurrency`. An episode whose model is gone
    is yielded with its stop reason. Leaving the iteration early cancels what is in flight.

    Args:
        tasks: pulled as there is room.
        agent, user: made afresh for every episode; see `rollout.parties`.
        checks: those that CoVe proves a trace with, when None.

    Raises:
        BudgetSpent: a limit is reached; what could still be finished has been yielded before.
        ArtificerError: a model or the world cannot be used; the other episodes are cancelled.
    """
    chosen = standard() if checks is None else checks
    waiting = ((task, trial) for task in tasks for trial in range(trials))
    done: asyncio.Queue[Trace | None] = asyncio.Queue()
    room = asyncio.Semaphore(max(1, concurrency))

    async def once(work: tuple[Task, int]) -> None:
        task, trial = work
        trace = await play(task, world, agent, user, trial=trial, limits=limits)
        trace = await judged(task, world, trace, chosen)
        await room.acquire()  # a slow reader is waited for
        done.put_nowait(trace)

    async def all_of_them() -> None:
        try:
            await each_row(once, waiting, _nothing, concurrency)
        finally:
            done.put_nowait(None)

    running = asyncio.create_task(all_of_them())
    try:
        while (trace := await done.get()) is not None:
            room.release()
            yield trace
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _nothing() -> None:
    """Nobody counts."""
