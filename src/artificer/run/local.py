"""The engine protocol, and the engine `local`: all rows in this process, on this event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

from artificer.run.chain import Chain, Commit, Work, open_chain

Play = Callable[[Work], Awaitable[None]]


class Engine(Protocol):
    """Somewhere to run rows.

    `commit` is called, in this process, for what a row gives on its way (perhaps twice for the same row and link when
    a worker was lost), and `finished` when it is through the chain. Returns when all work is done; raises the first
    error after cancelling the rows in flight. `aclose` comes last, after any number of runs.
    """

    async def run(self, chain: Chain, works: Iterator[Work], commit: Commit, finished: Callable[[], None], concurrency: int) -> None: ...

    async def aclose(self) -> None: ...


async def each_row(play: Play, works: Iterator[Work], finished: Callable[[], None], concurrency: int) -> None:
    """Plays rows, `concurrency` at a time, each pulled when there is room for it. The first error cancels the others
    and is raised.
    """

    async def lane() -> None:
        for work in works:
            await play(work)
            finished()
            await asyncio.sleep(0)  # rows that never wait would otherwise keep signals and progress waiting

    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, concurrency)):
                group.create_task(lane())
    except BaseExceptionGroup as errors:
        failure = errors.exceptions[0]
    if failure is not None:  # raised out here, so that its own cause stays with it
        raise failure


class LocalEngine:
    """Rows share the event loop: right for rows that wait (for a model, a server) and for one core's worth of work."""

    async def run(self, chain: Chain, works: Iterator[Work], commit: Commit, finished: Callable[[], None], concurrency: int) -> None:
        async with open_chain(chain) as runner:
            await each_row(lambda work: runner.play(work, commit), works, finished, concurrency)

    async def aclose(self) -> None:
        """Nothing is held."""
