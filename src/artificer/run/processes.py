"""The engine `processes:N`: N worker processes on this machine, from the standard library alone.

Workers are spawned, never forked, so that none inherits a lock or a database handle. Each enters the builders itself
and plays rows on its own event loop; rows go in and encoded outcomes come back as msgpack over a socket, and the
parent only compresses and writes. A worker that dies is replaced and its unfinished rows are played again elsewhere;
a row that was in flight in three deaths stops the run.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from itertools import count
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.core.errors import ArtificerError, RunError
from artificer.run.chain import Chain, Commit, Outcome, Work, open_chain
from artificer.run.failures import Failure, failure_of, raised
from artificer.run.local import each_row

DEATHS = 3
"""A row that was in flight when this many workers died is taken for the cause."""

LEAVING_S = 10.0
"""How long a worker may take to leave its builders."""


class Order(Struct, frozen=True, tag="order"):
    """Parent to worker: play this row. `item` is JSON, as on disk."""

    id: int
    link: int
    key: str
    item: bytes


class Given(Struct, frozen=True, tag="given"):
    """Worker to parent: what the row gave at one link."""

    id: int
    outcome: Outcome


class Finished(Struct, frozen=True, tag="finished"):
    """Worker to parent: the row is through."""

    id: int


Reply = Given | Finished | Failure

_encode = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder().encode
_orders = msgspec.msgpack.Decoder(Order)
_replies = msgspec.msgpack.Decoder(Reply)


class WorkerDied(Exception):
    """A worker is gone; its unfinished rows are played again."""


class ProcessEngine:
    """See the module. `source_type` is the type of the source's items, None for plain JSON values."""

    def __init__(self, workers: int, source_type: Any) -> None:
        self._count = workers
        self._source_type = source_type

    async def run(self, chain: Chain, works: Iterator[Work], commit: Commit, finished: Callable[[], None], concurrency: int) -> None:
        try:
            setup = pickle.dumps((chain, self._source_type))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ArtificerError(
                f"a stage cannot be sent to a worker: {error}",
                remedy="make its builder a functools.partial of a module's function, or use engine=local",
            ) from error
        crew = [Worker(setup, commit) for _ in range(self._count)]
        try:
            await each_row(lambda work: _play(crew, work), works, finished, max(concurrency, 2 * self._count))
            await asyncio.gather(*(worker.leave() for worker in crew))
        finally:
            for worker in crew:
                worker.stop()

    async def aclose(self) -> None:
        """Nothing is held between runs."""


async def _play(crew: list[Worker], work: Work) -> None:
    """Plays one row on the least busy worker, again when that dies."""
    item = _json(work.item)
    for _ in range(DEATHS):
        worker = min(crew, key=lambda worker: worker.busy)
        try:
            return await worker.play(work, item)
        except WorkerDied:
            continue
    raise RunError(
        f"{DEATHS} workers died while they played row {work.key!r}",
        remedy="look above for what ends them (memory, a crashing library, no `if __name__ == '__main__':` in a script); the same command continues",
    )


class Worker:
    """The parent's side of one worker process; starts it when it is first needed, and again after it died."""

    def __init__(self, setup: bytes, commit: Commit) -> None:
        self._setup = setup
        self._commit = commit
        self._ids = count()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._starting = asyncio.Lock()
        self._process: BaseProcess | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None
        self.busy = 0

    async def play(self, work: Work, item: bytes) -> None:
        self.busy += 1
        try:
            async with self._starting:
                if self._writer is None:
                    self._writer = await self._start()
            number = next(self._ids)
            done = self._waiting[number] = asyncio.get_running_loop().create_future()
            try:
                _send(self._writer, Order(number, work.link, work.key, item))
                await done
            finally:
                self._waiting.pop(number, None)
        finally:
            self.busy -= 1

    async def _start(self) -> asyncio.StreamWriter:
        ours, theirs = socket.socketpair()
        process = multiprocessing.get_context("spawn").Process(target=_worker, args=(theirs, self._setup), daemon=True)
        resource_tracker.ensure_running()  # it would unblock the signal
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C while a worker imports would be a traceback in it
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        self._process = process
        self._listener = asyncio.create_task(self._listen(reader))
        return writer

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Until the worker is gone: hands on what it says."""
        try:
            while True:
                self._heard(_replies.decode(await _receive(reader)))
        except (asyncio.IncompleteReadError, ConnectionError):
            self._settle(WorkerDied())
        except Exception as error:  # the commit failed: whoever waits for a row must know
            self._settle(error)
        self.stop()

    def _heard(self, reply: Reply) -> None:
        if isinstance(reply, Given):
            self._commit(reply.outcome)
        elif isinstance(reply, Finished):
            if (done := self._waiting.get(reply.id)) is not None and not done.done():
                done.set_result(None)
        elif reply.id < 0:
            self._settle(raised(reply))
        elif (done := self._waiting.get(reply.id)) is not None and not done.done():
            done.set_exception(raised(reply))

    def _settle(self, error: Exception) -> None:
        for done in self._waiting.values():
            if not done.done():
                done.set_exception(error)

    async def leave(self) -> None:
        """Lets the process leave its builders (close its worlds, end its servers) and end by itself."""
        if self._writer is not None and self._process is not None and self._listener is not None:
            self._listener.cancel()
            self._writer.close()
            await asyncio.to_thread(self._process.join, LEAVING_S)

    def stop(self) -> None:
        """Ends the process at once. It holds nothing that could be lost."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._listener is not None and self._listener is not asyncio.current_task():
            self._listener.cancel()
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _send(writer: asyncio.StreamWriter, message: Struct) -> None:
    data = _encode(message)
    writer.write(len(data).to_bytes(4, "big") + data)


async def _receive(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))


# the worker's side


def _worker(channel: socket.socket, setup: bytes) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what it means
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        asyncio.run(_serve(channel, setup))
    except (ConnectionError, asyncio.CancelledError):
        sys.exit(0)  # the parent is gone


async def _serve(channel: socket.socket, setup: bytes) -> None:
    reader, writer = await asyncio.open_connection(sock=channel)
    playing: set[asyncio.Task[None]] = set()
    try:
        chain, source_type = cast("tuple[Chain, Any]", pickle.loads(setup))
        types = [source_type, *(link.last.of for link in chain)]
        decoders = [msgspec.json.Decoder(Any if of is None else of) for of in types]
        async with open_chain(chain) as runner, asyncio.TaskGroup() as rows:

            async def play(order: Order) -> None:
                try:
                    work = Work(order.link, order.key, decoders[order.link].decode(order.item))
                    await runner.play(work, lambda outcome: _send(writer, Given(order.id, outcome)))
                    _send(writer, Finished(order.id))
                except Exception as error:
                    _send(writer, failure_of(order.id, error))
                await writer.drain()

            while True:
                try:
                    order = _orders.decode(await _receive(reader))
                except asyncio.IncompleteReadError:  # the parent is done with us, or gone
                    for task in playing:
                        task.cancel()
                    break
                task = rows.create_task(play(order))
                playing.add(task)
                task.add_done_callback(playing.discard)
    except* (ConnectionError, asyncio.CancelledError):
        pass
    except* Exception as problems:
        _send(writer, failure_of(-1, problems.exceptions[0]))
        await writer.drain()
