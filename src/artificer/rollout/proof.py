"""Proving a whole run: every trace is replayed, in worker processes when there is enough to do, and every task is
accounted for.

A verification is itself a run, into a folder that is thrown away; the run it verifies is only read.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from tempfile import TemporaryDirectory

import msgspec
from msgspec import Struct

from artificer.checks.suite import by_name
from artificer.core.canon import canonical
from artificer.core.errors import ArtificerError, RunError
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.rollout.play import Played
from artificer.rollout.replay import Replay, replay
from artificer.run.engine import execute
from artificer.run.progress import Progress
from artificer.run.shards import Bad
from artificer.run.stage import RowFunction, each
from artificer.run.store import RunFolder
from artificer.worlds.base import World, begun


class Proof(Struct, frozen=True):
    """What verifying a run showed.

    Args:
        proven: number of traces whose every claim came out again.
        refuted: the others, with reasons.
        missing: tasks with neither a trace nor a reject.
        damaged: pieces of shards that could not be read.
        opinions: parts of verdicts that a judge gave and that were taken as recorded: they cannot be executed again.
    """

    proven: int
    refuted: tuple[Replay, ...]
    missing: int
    damaged: tuple[str, ...] = ()
    opinions: int = 0

    @property
    def holds(self) -> bool:
        """Whether there is something to prove and all of it is proven."""
        return self.proven > 0 and not self.refuted and not self.missing and not self.damaged


class Prove(Struct, frozen=True):
    """Builder: a `Played` becomes a `Replay`.

    Args:
        source, options: of the world; see `World.of`.
    """

    source: str
    options: dict[str, str] = {}

    def __call__(self) -> AbstractAsyncContextManager[RowFunction]:
        return self._made()

    @asynccontextmanager
    async def _made(self) -> AsyncGenerator[RowFunction]:
        world = World.of(self.source, **self.options)

        async def row(key: str, played: Played) -> Replay:
            return await prove(played.task, world, played.trace)

        try:
            yield row
        finally:
            await world.close()


async def prove(task: Task, world: World, trace: Trace) -> Replay:
    """Replays one trace, and the gold calls of its task. What cannot be replayed at all is refuted too."""
    try:
        shown = await replay(task, world, trace, by_name(task.checks))
        more = await _goal(task, world)
    except ArtificerError as error:
        return Replay(trace.id, False, (str(error),))
    if not task.checks:
        more.append("the task names no check")
    if set(trace.verdicts) != set(trace.leaves()) or not trace.verdicts:
        more.append("there is not one verdict for each leaf")
    return msgspec.structs.replace(shown, proven=shown.proven and not more, differences=(*shown.differences, *more))


async def _goal(task: Task, world: World) -> list[str]:
    """Whether the task's gold calls still reach the goal's effects."""
    if task.gold is None:
        return []
    session = await begun(world, task.start)
    try:
        mark = session.calls
        for call in task.gold:
            await session.call(call, actor="gold")
        reached = session.effects(mark)
    finally:
        await session.close()
    return [] if canonical(reached) == canonical(task.goal.effects) else ["the task's gold calls do not reach its goal"]


async def verify_run(run: RunFolder, source: str, options: dict[str, str], *, engine: str = "local", progress: Progress | None = None) -> Proof:
    """Replays every trace of a run.

    Args:
        source, options: the world to replay on.
        engine: where; see `run.engine.execute`.
    """
    rows = _Rows(run)
    with TemporaryDirectory(prefix="artificer-verify-") as place, RunFolder.create_or_continue(place, {"verify": str(run.path)}) as proofs:
        summary = await execute(
            [each("verify", Prove(source, options), keep="proofs", of=Replay)], rows, proofs, engine=engine, progress=progress, of=Played
        )
        if not summary.complete:
            raise KeyboardInterrupt
        replays = [shown for _, shown in proofs.read("proofs", Replay, ordered=True)]
    orphans = tuple(Replay(trace_id, False, ("its task is not in the run",)) for trace_id in rows.orphans)
    refuted = tuple(shown for shown in replays if not shown.proven) + orphans
    damaged = tuple(f"{torn.shard}: {torn.size} bytes at {torn.offset}" for torn in run.torn)
    return Proof(sum(shown.proven for shown in replays), refuted, _missing(run), damaged, sum(shown.opinions for shown in replays))


class _Rows:
    """The rows of a verification; counts them, and notes the traces that have no task."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self.orphans: list[str] = []

    def __len__(self) -> int:
        return len(self._run.keys("traces"))

    def __iter__(self) -> Iterator[tuple[str, Played]]:
        self.orphans = []
        return played_rows(self._run, self.orphans)


def played_rows(run: RunFolder, orphans: list[str] | None = None, bad: Callable[[Bad], None] | None = None) -> Iterator[tuple[str, Played]]:
    """A run's traces with their tasks, in key order, in bounded memory. Ids of traces whose task is not there are
    added to `orphans`; `bad` is told of lines that are no traces, which are an error otherwise.
    """
    tasks = TasksInOrder(run)
    for key, trace in run.read("traces", Trace, ordered=True, bad=bad):
        task = tasks.of(key)
        if task is not None:
            yield key, Played(task, trace)
        elif orphans is not None:
            orphans.append(trace.id)


class TasksInOrder:
    """The tasks of a run, asked for by the keys of its traces in their order; in bounded memory."""

    def __init__(self, run: RunFolder) -> None:
        self._tasks = run.read("tasks", Task, ordered=True)
        self._next: tuple[str, Task] | None = next(self._tasks, None)
        self._open: list[tuple[str, Task]] = []  # tasks whose keys begin the trace's: of `a` come traces before and behind those of `a-1`

    def of(self, key: str) -> Task | None:
        """The task of the trace with this key; None where it is not in the run."""
        while self._next is not None and self._next[0] <= key:
            _close(self._open, self._next[0])
            self._open.append(self._next)
            self._next = next(self._tasks, None)
        _close(self._open, key)
        return next((task for name, task in reversed(self._open) if _child(key, name)), None)


def _close(open_: list[tuple[str, Task]], key: str) -> None:
    """Forgets the tasks that no key from this one on begins with."""
    while open_ and not key.startswith(open_[-1][0]):
        open_.pop()


def _child(key: str, parent: str) -> bool:
    return key == parent or key.startswith(f"{parent}/")


def _missing(run: RunFolder) -> int:
    """Tasks that nothing came of: no trace, and no line in the rejects."""
    accounted = {key.split("/")[0] for key in run.keys("traces")} | {row.key.split("/")[0] for row in run.rejects()}
    return sum(key.split("/")[0] not in accounted for key in run.keys("tasks"))


def world_of(run: RunFolder) -> tuple[str, dict[str, str]]:
    """The source and options of the world a run was made in.

    Raises:
        RunError: its manifest names none.
    """
    knobs = run.manifest.get("knobs", {})
    source, options = knobs.get("world"), knobs.get("options", {})
    if not isinstance(source, str) or not isinstance(options, dict):
        raise RunError("this run names no world", where=str(run.path / "run.toml"), remedy="say which: --world SOURCE")
    return source, {str(name): str(value) for name, value in options.items()}  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
