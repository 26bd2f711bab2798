"""The worker of the engine `ray:N`: an actor that keeps itself supplied with rows.

It enters the builders itself, so worlds and models live here and a tool call never leaves the process. It starts one
row at a time, whenever its event loop has nothing else to do, and asks for more as it starts them: rows that wait
soon fill its window, rows that compute do not pile up behind each other while another worker could take them. Kept
free of `ray`, which hands it its messages.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import pickle
import platform
import sys
from collections import deque
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from multiprocessing import spawn
from time import monotonic
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.run.chain import Chain, Outcome, Runner, Work, open_chain
from artificer.run.failures import Failure, failure_of
from artificer.run.inflight import Bell

REPORT_BYTES = 8 << 20
"""A report is sent when it has grown to this; what is left goes with the next."""

AHEAD_S = 0.05
"""A worker has rows for about so long in hand beside those that it plays: enough to bridge the way to the parent, too
little for another worker to miss them at the end.
"""

TELL_S = 0.02
"""A worker whose rows are shorter than this reports about so often, not after each of them."""

UNTOLD_BYTES = 64 << 20
"""With so much to report a worker starts no row: the writer is slower than the workers."""


class Leg(Struct, frozen=True, array_like=True):
    """A part of an order: play `key` from `link` on. The item is JSON: `item`, or what the reference `ref` stands for."""

    link: int
    key: str
    item: bytes
    ref: int = -1


class Order(Struct, frozen=True, array_like=True):
    """Parent to worker: a row, or what is left of it when another worker has been lost under it."""

    id: int
    legs: tuple[Leg, ...]


class Given(Struct, frozen=True, tag="given"):
    """Worker to parent: what the row gave at one link."""

    id: int
    outcome: Outcome


class Finished(Struct, frozen=True, tag="finished"):
    """Worker to parent: the row is through."""

    id: int


class Report(Struct, frozen=True):
    """Worker to parent: what has happened since the last one, and how many rows it would have in hand."""

    replies: list[Given | Finished | Failure]
    limit: int


class Setup(Struct, frozen=True):
    """Parent to worker. `chain` is a pickle of the chain and the type of the source's items, `script` the program that
    it speaks of as `__main__`; `folder` and `path` are where the parent works and finds its modules, for machines that
    have the same folders.
    """

    chain: bytes
    script: str
    window: int
    folder: str
    path: tuple[str, ...]


def versions() -> dict[str, str]:
    """What decides the bytes of a row, besides the stages themselves."""
    return {"artificer": importlib.metadata.version("artificer"), "msgspec": msgspec.__version__, "Python": platform.python_version()}


encode = msgspec.msgpack.Encoder().encode
_orders = msgspec.msgpack.Decoder(list[Order])


class Actor:
    """See the module. Calls come from one parent, in order."""

    def __init__(self, setup: bytes) -> None:
        self._setup = msgspec.msgpack.decode(setup, type=Setup)
        self._inbox: deque[tuple[Order, Sequence[Awaitable[bytes]]]] = deque()
        self._playing: set[asyncio.Task[None]] = set()
        self._begun = 0  # rows that are begun and not through
        self._outbox: deque[Given | Finished | Failure] = deque()
        self._untold = 0
        self._changed = Bell()  # something to report, something to start, a newer call, time to leave
        self._calls = 0
        self._pace = 0.0  # rows a second
        self._told_at = monotonic()
        self._leaving = False
        self._serving: asyncio.Task[None] | None = None

    async def hello(self) -> dict[str, str]:
        """Where it runs, and with what."""
        ray = sys.modules.get("ray")  # it is there, unless a test plays the parent
        return {"node": ray.get_runtime_context().get_node_id() if ray else "", **versions()}

    async def enter(self) -> bytes:
        """Enters the builders; says nothing, or why it could not."""
        self._move_in()
        entered: asyncio.Future[Failure | None] = asyncio.get_running_loop().create_future()
        self._serving = asyncio.create_task(self._serve(entered))
        return encode(await entered)

    def _move_in(self) -> None:
        with suppress(OSError):  # a machine without that folder: there, relative paths mean something else
            os.chdir(self._setup.folder)
        sys.path += [place for place in self._setup.path if place not in sys.path and os.path.exists(place)]

    async def trade(self, orders: bytes, refs: list[Awaitable[bytes]], more: bool) -> bytes:
        """Takes orders and reports: when something has happened, when there is `more` to be had and room for
        it, or when a newer call has come.
        """
        self._calls += 1
        call = self._calls
        self._inbox.extend((order, refs) for order in _orders.decode(orders))
        self._changed.ring()
        while not self._has_news() and call == self._calls and not (more and self._has_room()):
            await self._changed.next()
        replies: list[Given | Finished | Failure] = []
        size = 0
        while self._outbox and size < REPORT_BYTES:
            replies.append(self._outbox.popleft())
            size += _size(replies[-1])
        self._untold -= size
        self._changed.ring()
        self._measure(sum(isinstance(reply, Finished) for reply in replies))
        return encode(Report(replies, self._limit()))

    async def leave(self) -> None:
        """Ends rows in flight and leaves the builders: closes worlds, ends servers."""
        self._leaving = True
        self._changed.ring()
        if self._serving is not None:
            await asyncio.wait({self._serving})

    def _measure(self, rows: int) -> None:
        if rows:
            now = monotonic()
            self._pace, self._told_at = rows / max(now - self._told_at, 1e-6), now

    def _limit(self) -> int:
        """Rows that wait leave the loop free, so that all in hand are begun and as many again are asked for."""
        return min(self._setup.window, max(2, 2 * self._begun + 1, int(self._pace * AHEAD_S)))

    def _has_news(self) -> bool:
        """Whether to report now. Short rows are told of together while others wait to be begun: each report costs as
        much as a few of them.
        """
        waits = self._inbox and self._pace * TELL_S > 1 and monotonic() - self._told_at < TELL_S and self._untold < UNTOLD_BYTES
        return bool(self._outbox) and not waits

    def _has_room(self) -> bool:
        return not self._inbox and self._begun < self._limit()

    async def _serve(self, entered: asyncio.Future[Failure | None]) -> None:
        """Builders are left by the task that entered them, as some (of MCP worlds) demand."""
        try:
            if self._setup.script:
                spawn.prepare({"init_main_from_path": self._setup.script})
            chain, source_type = cast("tuple[Chain, Any]", pickle.loads(self._setup.chain))
            types = [source_type, *(link.last.of for link in chain)]
            decoders = [msgspec.json.Decoder(Any if of is None else of) for of in types]
            async with open_chain(chain) as runner:
                entered.set_result(None)
                await self._start_rows(runner, decoders)
        except Exception as error:
            failure = failure_of(-1, error)
            if not entered.done():
                entered.set_result(failure)
            else:
                self._tell(failure)

    async def _start_rows(self, runner: Runner, decoders: list[msgspec.json.Decoder[Any]]) -> None:
        while not self._leaving:
            if self._inbox and self._untold < UNTOLD_BYTES:
                task = asyncio.create_task(self._play(runner, decoders, *self._inbox.popleft()))
                self._begun += 1
                self._playing.add(task)
                task.add_done_callback(self._playing.discard)
                await asyncio.sleep(0)  # the row, and whoever else is ready, goes first
                self._changed.ring()
            else:
                await self._changed.next()
        for task in self._playing:
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)

    async def _play(self, runner: Runner, decoders: list[msgspec.json.Decoder[Any]], order: Order, refs: Sequence[Awaitable[bytes]]) -> None:
        try:
            for leg in order.legs:
                item = leg.item if leg.ref < 0 else await refs[leg.ref]
                work = Work(leg.link, leg.key, decoders[leg.link].decode(item))
                await runner.play(work, lambda outcome: self._tell(Given(order.id, outcome)))
            end: Finished | Failure = Finished(order.id)
        except Exception as error:
            end = failure_of(order.id, error)
        self._begun -= 1
        self._tell(end)

    def _tell(self, reply: Given | Finished | Failure) -> None:
        self._outbox.append(reply)
        self._untold += _size(reply)
        self._changed.ring()


def _size(reply: Given | Finished | Failure) -> int:
    return len(reply.outcome.lines) + len(reply.outcome.dropped.lines) if isinstance(reply, Given) else 0
