"""The engine `ray:N`: N actors on a Ray cluster. The only file that imports ray, and only when it is asked for.

To the engine a remote row is one more awaitable: keys, stages, store and resume are the same code as everywhere. Ray
restarts a lost actor and plays its unfinished rows again; the writer passes over what had been written.
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from itertools import cycle
from typing import Any

import msgspec

from artificer.core.errors import MissingExtra
from artificer.run.chain import Chain, Commit, Outcome, Runner, Work, open_chain
from artificer.run.local import each_row

_outcomes = msgspec.msgpack.Decoder(list[Outcome])


class RayEngine:
    """Runs on the cluster that `RAY_ADDRESS` names, or on a local one made for the run."""

    def __init__(self, workers: int, source_type: Any) -> None:
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise MissingExtra("ray", "the engine 'ray'") from error
        self._count = workers
        self._source_type = source_type

    async def run(self, chain: Chain, works: Iterator[Work], commit: Commit, finished: Callable[[], None], concurrency: int) -> None:
        ray = self._ray
        ours = not ray.is_initialized()
        if ours:
            ray.init(logging_level="warning")
        concurrency = max(concurrency, 2 * self._count)
        actor = ray.remote(Actor).options(max_concurrency=-(-concurrency // self._count), max_restarts=-1, max_task_retries=3)
        crew = [actor.remote(pickle.dumps((chain, self._source_type))) for _ in range(self._count)]
        turns = cycle(crew)

        async def play(work: Work) -> None:
            try:
                encoded = await next(turns).play.remote(work.link, work.key, msgspec.json.encode(work.item))
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            for outcome in _outcomes.decode(encoded):
                commit(outcome)

        try:
            await each_row(play, works, finished, concurrency)
        finally:
            for worker in crew:
                ray.kill(worker)
            if ours:
                ray.shutdown()


class Actor:
    """A worker: enters the builders when its first row comes."""

    def __init__(self, setup: bytes) -> None:
        import asyncio

        self._chain, source_type = pickle.loads(setup)
        types = [source_type, *(link.last.of for link in self._chain)]
        self._decoders = [msgspec.json.Decoder(Any if of is None else of) for of in types]
        self._stack = AsyncExitStack()
        self._entering = asyncio.Lock()
        self._runner: Runner | None = None

    async def play(self, link: int, key: str, item: bytes) -> bytes:
        async with self._entering:
            if self._runner is None:
                self._runner = await self._stack.enter_async_context(open_chain(self._chain))
        outcomes: list[Outcome] = []
        await self._runner.play(Work(link, key, self._decoders[link].decode(item)), outcomes.append)
        return msgspec.msgpack.encode(outcomes)
