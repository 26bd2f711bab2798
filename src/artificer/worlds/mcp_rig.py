"""What one session holds: a folder of its own and a connection to each server of the world; and where they come from.

Servers are started a few at a time: hundreds of interpreters that start at once would all miss their time limit.
"""

from __future__ import annotations

import asyncio
import os

from artificer.worlds.mcp_link import Connection
from artificer.worlds.mcp_target import Source
from artificer.worlds.servers import Scratch

_IDLE = 8
"""Rigs kept for the next session, where that is allowed."""
_AT_ONCE = 2 * (os.cpu_count() or 1)


class Rig:
    """A session's servers, in the order of the source."""

    def __init__(self, source: Source, scratch: Scratch, seed: int) -> None:
        self.scratch = scratch
        self.links = [Connection(target, source.limits, scratch, seed) for target in source.targets]

    @property
    def reusable(self) -> bool:
        return all(link.reusable for link in self.links)

    async def start(self, gate: asyncio.Semaphore) -> None:
        """Raises: SourceError: a server does not start; then none runs."""

        async def begin(link: Connection) -> None:
            async with gate:
                await link.start()

        outcomes = await asyncio.gather(*(begin(link) for link in self.links), return_exceptions=True)
        failed = next((outcome for outcome in outcomes if isinstance(outcome, BaseException)), None)
        if failed is not None:
            await self.close()
            raise failed

    async def close(self) -> None:
        """Ends the servers and removes the folder."""
        await asyncio.gather(*(link.close() for link in self.links))
        await asyncio.get_running_loop().run_in_executor(None, self.scratch.remove)


class Rigs:
    """Where sessions get their rigs: new ones, or with `state=folder` ones that another session has left."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._idle: list[Rig] = []
        self._gate: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None

    async def take(self, folder: str | None, seed: int) -> Rig:
        """A running rig whose folder is a copy of `folder` (None: empty).

        Raises:
            SourceError: a server does not start, or the folder cannot be copied.
        """
        while self._idle:
            rig = self._idle.pop()
            if rig.reusable:
                await asyncio.to_thread(rig.scratch.refill, folder)
                return rig
            await rig.close()
        scratch = await asyncio.to_thread(Scratch, folder, wanted=self._source.needs_scratch)
        rig = Rig(self._source, scratch, seed)
        try:
            await rig.start(self.gate())
        except BaseException:
            await rig.close()
            raise
        return rig

    async def give_back(self, rig: Rig) -> None:
        """Ends a rig, or keeps it for the next session."""
        if self._source.forks == "exact" and rig.reusable and len(self._idle) < _IDLE:
            self._idle.append(rig)
        else:
            await rig.close()

    def gate(self) -> asyncio.Semaphore:
        """How many servers may be starting at a time in the event loop that asks."""
        loop = asyncio.get_running_loop()
        if self._gate is None or self._gate[0] is not loop:
            self._gate = (loop, asyncio.Semaphore(_AT_ONCE))
        return self._gate[1]

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()
