"""The engine protocol, and the engine `local`: all rows in this process, on this event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol, TypeVar

from artificer.core.errors import BudgetSpent
from artificer.run.chain import Chain, Commit, Work, open_chain

W = TypeVar("W")

_AT_ONCE = 8


class Engine(Protocol):
    """Somewhere to run rows.

    `commit` is called, in this process, for what a row gives on its way (perhaps twice for the same row and link when
    a worker was lost), and `finished` when it is through the chain. Returns when all work is done; raises the first
    error after cancelling the rows in flight. `aclose` comes last, after any number of runs.
    """

    async def run(self, chain: Chain, works: Iterator[Work], commit: Commit, finished: Callable[[], None], concurrency: int) -> None: ...

    async def aclose(self) -> None: ...


async def each_row(play: Callable[[W], Awaitable[None]], works: Iterator[W], finished: Callable[[], None], concurrency: int) -> None:
    """Plays rows, `concurrency` at a time, each pulled when there is room for it. The first error cancels the others
    and is raised; `BudgetSpent` is raised when the others have ended.

    Lanes are begun a few at a time, with what has arrived in between served first: the first rows end early, and a
    server is not met by all connections at once.
    """
    spent: list[BudgetSpent] = []
    over = False

    async def lane() -> None:
        nonlocal over
        while not spent:
            work = next(works, None)
            if work is None:
                over = True
                return
            try:
                await play(work)
            except BudgetSpent as error:
                spent.append(error)
                return
            finished()
            await asyncio.sleep(0)  # rows that never wait would otherwise keep signals and progress waiting

    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for begun in range(1, max(1, concurrency) + 1):
                group.create_task(lane())
                if begun % _AT_ONCE == 0:
                    await asyncio.sleep(0)
                if over or spent:
                    break
    except BaseExceptionGroup as errors:
        failure = errors.exceptions[0]
    if failure is None and spent:
        failure = spent[0]
    if failure is not None:  # raised out here, so that its own cause stays with it
        raise failure


class LocalEngine:
    """Rows share the event loop: right for rows that wait (for a model, a server) and for one core's worth of work."""

    async def run(self, chain: Chain, works: Iterator[Work], commit: Commit, finished: Callable[[], None], concurrency: int) -> None:
        async with open_chain(chain) as runner:
            await each_row(lambda work: runner.play(work, commit), works, finished, concurrency)

    async def aclose(self) -> None:
        """Nothing is held."""
