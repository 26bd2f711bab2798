"""The engine `ray:N`: up to N actors on a Ray cluster, one CPU each. The only file that imports ray, and only when it
is asked for.

Each actor supplies itself with rows (see `ray_worker`): one call at a time carries its report here and new rows back,
so a slow actor holds nobody up and the source is pulled no further than there is room. Rows and results above
`BY_REFERENCE` travel through the object store, each once. A lost actor is replaced and what was unfinished in its
hand is played again (see `inflight`). Keys, stages, store and resume are the same code as everywhere: one process
decides and writes, and the cluster keeps nothing that could be lost.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import chain as joined
from typing import Any

import msgspec

from artificer.core.errors import ArtificerError, MissingExtra, RunError
from artificer.run.chain import Chain, Commit, Work
from artificer.run.failures import Failure, raised
from artificer.run.inflight import Feed, Hand, UnderWay
from artificer.run.ray_cluster import address, connected, environment
from artificer.run.ray_worker import Actor, Finished, Given, Leg, Order, Report, Setup, encode, versions

BY_REFERENCE = 256 << 10
"""Items of more bytes than this are put into the object store, once, however often they are sent."""

BYTES_AT_ONCE = 256 << 20
"""Of the source's items, over all workers."""

DEATHS_AT_START = 3
"""So many workers in a row may die before they have entered their builders."""

ROOM_S = 300.0
"""How long to wait for a first worker when the cluster has no room for one."""

LEAVING_S = 10.0
"""How long a worker may take to leave its builders."""

_log = logging.getLogger(__name__)
_reports = msgspec.msgpack.Decoder(Report)
_entered = msgspec.msgpack.Decoder(Failure | None)


class RayEngine:
    """Runs on the cluster that `RAY_ADDRESS` names, or on a local one made for the run. `source_type` is the type of
    the source's items, None for plain JSON values.
    """

    def __init__(self, workers: int, source_type: Any, *, by_reference: int = BY_REFERENCE, room_s: float = ROOM_S) -> None:
        with environment():
            try:
                self._ray: Any = importlib.import_module("ray")
            except ImportError as error:
                raise MissingExtra("ray", "the engine 'ray'") from error
        self._count = workers
        self._source_type = source_type
        self._by_reference = by_reference
        self._room_s = room_s
        self._connection = ExitStack()

    async def run(self, chain: Chain, works: Iterator[Work], commit: Commit, finished: Callable[[], None], concurrency: int) -> None:
        window = -(-max(concurrency, 2 * self._count) // self._count)
        setup = encode(Setup(*self._pickled(chain), window, os.getcwd(), tuple(map(os.path.abspath, sys.path))))
        if (first := next(works, None)) is None:
            return  # nothing is left to do
        if not self._ray.is_initialized():
            self._connection.enter_context(connected(self._ray, self._count))
        store = int(self._ray.cluster_resources().get("object_store_memory", 2 * BYTES_AT_ONCE))
        feed = Feed(joined([first], works), self.payload, min(BYTES_AT_ONCE, store // 2))
        crew = Crew(self._ray, setup, chain, feed, self.payload, commit, finished, self._room_s)
        try:
            await _together([crew.keep_one_working] * self._count)
            await crew.leave()
        except Exception:
            await crew.leave()
            raise
        finally:
            crew.stop()

    async def aclose(self) -> None:
        """Leaves the cluster, unless the program had connected to it before."""
        self._connection.close()

    def _pickled(self, chain: Chain) -> tuple[bytes, str]:
        """The chain, and the script that it needs, if any: workers run that as a module, as `multiprocessing` does.
        What an interactive session has defined is sent along.
        """
        script = str(getattr(sys.modules["__main__"], "__file__", None) or "")
        try:
            data = (pickle if script else self._ray.cloudpickle).dumps((chain, self._source_type))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ArtificerError(
                f"a stage cannot be sent to a worker: {error}",
                remedy="make its builder a functools.partial of a module's function, or use engine=local",
            ) from error
        return data, os.path.abspath(script) if script and b"__main__" in data else ""

    def payload(self, item: bytes) -> Any:
        """What travels: the JSON itself, or a reference to it in the object store."""
        return self._ray.put(item) if len(item) > self._by_reference else item


async def _together(tasks: Sequence[Callable[[], Any]]) -> None:
    """All of them; the first error cancels the others and is raised, with its own cause."""
    failure: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(task())
    except BaseExceptionGroup as errors:
        failure = errors.exceptions[0]
    if failure is not None:
        raise failure


class Crew:
    """The workers of one chain, as many as the cluster has room for."""

    def __init__(
        self,
        ray: Any,
        setup: bytes,
        chain: Chain,
        feed: Feed,
        pack: Callable[[bytes], Any],
        commit: Commit,
        finished: Callable[[], None],
        room_s: float,
    ) -> None:
        self._ray = ray
        self._setup = setup
        self._chain = chain
        self._feed = feed
        self._pack = pack
        self._commit = commit
        self._finished = finished
        self._room_s = room_s
        self._actors: set[Any] = set()
        self._inside: set[Any] = set()  # those that were told to enter their builders
        self._working = 0
        self._kind = ray.remote(Actor).options(num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=8, scheduling_strategy="SPREAD")

    async def keep_one_working(self) -> None:
        """One place in the crew: a worker, and another when that is lost, until everything is through."""
        deaths = 0
        while not self._feed.over:
            actor = self._kind.remote(self._setup)
            self._actors.add(actor)
            hand, node = Hand(2), ""
            try:
                if (node := await self._placed(actor)) is None:
                    return
                self._inside.add(actor)  # before it is: a failure elsewhere may end this wait, and it must still leave
                if (failure := _entered.decode(await _told(actor.enter.remote()))) is not None:
                    raise raised(failure)
                deaths = 0
                await self._trade(actor, hand)
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except self._ray.exceptions.RayError as error:
                self._drop(actor)
                with_node = bool(node) and not any(one["Alive"] for one in self._ray.nodes() if one["NodeID"] == node)
                deaths += not hand.rows and not with_node
                self._lost(hand, error, with_node=with_node, deaths=deaths)

    async def _placed(self, actor: Any) -> str | None:
        """Waits until the cluster has room for it; gives the id of its node, or None when nothing is left to do.

        Raises:
            RunError: there is not even room for a first worker. ArtificerError: it cannot work there.
        """
        hello = asyncio.create_task(_told(actor.hello.remote()))
        waited = 0.0
        try:
            while not self._feed.over:
                bell = self._feed.changed.next()
                done, _ = await asyncio.wait({hello, bell}, timeout=min(10.0, self._room_s), return_when=asyncio.FIRST_COMPLETED)
                bell.cancel()
                if hello in done:
                    return self._checked(hello.result())
                if not done and not self._working:
                    waited += min(10.0, self._room_s)
                    self._say_no_room(waited)
        finally:
            hello.cancel()
        return None

    def _say_no_room(self, waited: float) -> None:
        total, free = self._ray.cluster_resources().get("CPU", 0.0), self._ray.available_resources().get("CPU", 0.0)
        what = f"the cluster has no room for a worker: {free:g} of its {total:g} CPUs are free"
        if waited >= self._room_s:
            raise RunError(what, where=address(), remedy="add machines or end other jobs; the same command continues")
        _log.warning("%s; waiting", what)

    def _checked(self, hello: dict[str, str]) -> str:
        node = hello.pop("node")
        other = [f"{name} {hello[name]} there, {version} here" for name, version in versions().items() if hello[name] != version]
        if other:
            raise ArtificerError(
                f"a machine of the cluster has other versions: {'; '.join(other)}",
                where=f"node {node[:12]}",
                remedy="install the same versions on every machine",
            )
        return node

    async def _trade(self, actor: Any, hand: Hand) -> None:
        """Supplies one worker until everything is through: its report asks for the next rows."""
        asking: set[asyncio.Task[bytes]] = set()
        self._working += 1
        try:
            while not self._feed.over:
                bell = self._feed.changed.next()
                new = self._feed.take(hand)
                if new or (hand.rows and not asking):
                    asking.add(asyncio.create_task(self._ask(actor, hand, new)))
                await asyncio.wait({*asking, bell}, return_when=asyncio.FIRST_COMPLETED)
                bell.cancel()
                for task in [task for task in asking if task.done()]:
                    asking.discard(task)
                    self._hear(hand, _reports.decode(task.result()))
        finally:
            self._working -= 1
            for task in asking:
                task.cancel()

    async def _ask(self, actor: Any, hand: Hand, new: Sequence[UnderWay]) -> bytes:
        orders: list[Order] = []
        refs: list[Any] = []
        for row in new:
            legs: list[Leg] = []
            for link, key, item in row.legs():
                payload = row.payload if item is None else self._pack(item)
                if isinstance(payload, bytes):
                    legs.append(Leg(link, key, payload))
                else:
                    legs.append(Leg(link, key, b"", len(refs)))
                    refs.append(payload)
            orders.append(Order(row.number, tuple(legs)))
        return await _told(actor.trade.remote(encode(orders), refs, hand.limited))

    def _hear(self, hand: Hand, report: Report) -> None:
        for reply in report.replies:
            if isinstance(reply, Given):
                self._commit(reply.outcome)
                hand.rows[reply.id].gave(reply.outcome, len(self._chain))
            elif isinstance(reply, Finished):
                self._through(hand.rows.pop(reply.id))
            else:
                raise raised(reply)
        hand.limit = report.limit

    def _through(self, row: UnderWay) -> None:
        self._feed.through(row)
        self._finished()

    def _lost(self, hand: Hand, error: Exception, *, with_node: bool, deaths: int) -> None:
        """What a worker that is gone had in hand is played again, or given up."""
        if "creation task" in str(error):
            raise RuntimeError(f"a worker could not start: {str(error).strip().splitlines()[-1]}") from error
        why = "out of memory" if "low on memory" in str(error) else "killed, or crashed"
        if deaths >= DEATHS_AT_START:
            raise RunError(
                f"{deaths} workers died before they could begin: {why}", remedy="look at Ray's logs; the same command continues"
            ) from error
        whose = "a worker was lost with its machine" if with_node else "a worker was lost"
        _log.warning("%s (%s); the rows in its hand are played again: %d", whose, why, len(hand.rows))
        back: list[UnderWay] = []
        for row in hand.rows.values():
            row.lost(with_node=with_node)
            if row.hopeless:
                outcome = row.given_up(self._chain, why)
                self._commit(outcome)
                row.gave(outcome, len(self._chain))
            if row.through:
                self._through(row)
            else:
                back.append(row)
        self._feed.back(back)

    async def leave(self) -> None:
        """Lets the workers end what they do and leave their builders."""
        if self._inside:
            told = [asyncio.create_task(_told(actor.leave.remote())) for actor in self._inside]
            _, late = await asyncio.wait(told, timeout=LEAVING_S)
            for task in told:
                task.cancel() if task in late else task.exception()

    def _drop(self, actor: Any) -> None:
        """Ends a worker at once, should it still live: nobody listens to it any more."""
        self._actors.discard(actor)
        self._inside.discard(actor)
        with suppress(Exception):  # the cluster may be gone
            self._ray.kill(actor)

    def stop(self) -> None:
        """Ends all workers at once. They hold nothing that could be lost."""
        for actor in list(self._actors):
            self._drop(actor)


async def _told(ref: Any) -> Any:
    return await ref
