"""Executing stages over a source into a run folder, so that whatever happens the run can be continued.

An engine only carries rows through a chain, in any order; what is done, what is written and what comes next is decided here, in one process with
one writer. So a run's rows do not depend on the engine or on how many rows are in flight: the same source and stages give the same bytes once
the lines are sorted. Rows never wait for each other; a `whole` waits for all.

A row function that raises stops the run: rows in flight are cancelled, everything finished is kept, and the error says which row and stage.
Ctrl-C once: the rows in flight are finished and the run returns, incomplete. Twice: it stops at once. Either way it continues.
"""

from __future__ import annotations

import asyncio
import inspect
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence, Sized
from contextlib import asynccontextmanager
from itertools import groupby
from types import FrameType
from typing import Any, Protocol

import msgspec

from artificer.core.errors import ArtificerError
from artificer.run.chain import Chain, Commit, Outcome, Work, encode, link_up, open_chain, rejected
from artificer.run.frames import Note
from artificer.run.progress import Progress
from artificer.run.shards import Line
from artificer.run.stage import Reject, Row, Stage, check_stages
from artificer.run.store import Rejected, RunFolder
from artificer.run.summary import Summary, Timer, summarise

Play = Callable[[Work], Awaitable[None]]


class Engine(Protocol):
    """Somewhere to run rows. `finished` is called when a row is through the chain; `commit` for what it gives on the way, perhaps twice for the same
    row and link when a worker was lost."""

    async def run(self, chain: Chain, works: Iterator[Work], commit: Commit, finished: Callable[[], None], concurrency: int) -> None: ...


async def each_row(play: Play, works: Iterator[Work], finished: Callable[[], None], concurrency: int) -> None:
    """Plays rows, `concurrency` at a time, each pulled when there is room for it. The first error cancels the others and is raised."""

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
    """All rows in this process, on this event loop."""

    async def run(self, chain: Chain, works: Iterator[Work], commit: Commit, finished: Callable[[], None], concurrency: int) -> None:
        async with open_chain(chain) as runner:
            await each_row(lambda work: runner.play(work, commit), works, finished, concurrency)


def engine_of(name: str, source_type: Any) -> Engine:
    """An engine by its name.

    Raises:
        ArtificerError: there is none of that name. MissingExtra: it needs a part that is not installed.
    """
    kind, _, count = name.partition(":")
    if name == "local":
        return LocalEngine()
    if kind in ("processes", "ray") and count.isdecimal() and int(count) > 0:
        if kind == "ray":
            from artificer.run.ray import RayEngine

            return RayEngine(int(count), source_type)
        from artificer.run.processes import ProcessEngine

        return ProcessEngine(int(count), source_type)
    raise ArtificerError(f"there is no engine {name!r}", remedy="use local, processes:N or ray:N, with N the number of workers")


async def execute(
    stages: Sequence[Stage],
    source: Iterable[Row],
    folder: RunFolder,
    *,
    engine: str = "local",
    concurrency: int = 64,
    progress: Progress | None = None,
    of: Any = None,
) -> Summary:
    """Runs stages over a source, or what is left of it.

    Args:
        stages: as made by `each` and `whole`, in order.
        source: (key, item) pairs, the same whenever the run is continued; keys are not empty and differ. Pulled as rows are needed.
        engine: `"local"`, `"processes:N"` or `"ray:N"`.
        concurrency: rows in flight, over all workers.
        of: the type of the source's items, when they are not plain JSON values and the engine has workers.

    Returns:
        What went in, came out and was dropped at every stage, over all attempts; `complete` is False after Ctrl-C.

    Raises:
        RowFailed: a stage has a bug. ArtificerError: from a stage, or the source has a key twice. RunError: the folder cannot be written.
    """
    check_stages(stages)
    place = engine_of(engine, of)
    timer = Timer.of(folder)
    rows: Iterable[Row] = source
    async with _interruptible() as stop:
        run = _Run(folder, place, max(1, concurrency), stop, progress, timer)
        for kind, group in groupby(stages, lambda stage: stage.kind):
            if kind == "each":
                rows = await run.chain(link_up(list(group)), rows)
            else:
                for stage in group:
                    rows = rows if stop.asked else await run.whole(stage, rows)
            if stop.asked:
                break
    timer.save(folder)
    return summarise(stages, folder, timer, complete=not stop.asked)


class Stop:
    """Whether somebody has pressed Ctrl-C. `blocking` is set while code runs that does not return to the event loop."""

    def __init__(self) -> None:
        self.asked = False
        self.blocking = False


@asynccontextmanager
async def _interruptible() -> AsyncGenerator[Stop, None]:
    """First Ctrl-C: `stop.asked`. Second: cancels this task, which leaves the block as KeyboardInterrupt."""
    stop, loop, task, cancelled = Stop(), asyncio.get_running_loop(), asyncio.current_task(), False

    def pressed(_signal: int, _frame: FrameType | None) -> None:
        nonlocal cancelled
        if stop.asked and (stop.blocking or cancelled or task is None):
            raise KeyboardInterrupt
        if stop.asked and task is not None:
            cancelled = True
            loop.call_soon_threadsafe(task.cancel)
        stop.asked = True
        loop.call_soon_threadsafe(lambda: None)  # wakes the loop

    try:
        before = signal.signal(signal.SIGINT, pressed)
    except ValueError:  # not the main thread: Ctrl-C is somebody else's
        yield stop
        return
    try:
        yield stop
    except asyncio.CancelledError:
        if cancelled:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)


class _Run:
    """One call of `execute`."""

    def __init__(self, folder: RunFolder, engine: Engine, concurrency: int, stop: Stop, progress: Progress | None, timer: Timer) -> None:
        self._folder = folder
        self._engine = engine
        self._concurrency = concurrency
        self._stop = stop
        self._progress = progress
        self._timer = timer

    async def chain(self, chain: Chain, rows: Iterable[Row]) -> Iterable[Row]:
        """Runs a chain of `each` stages; gives the rows of its end."""
        last = chain[-1].last
        ends: list[bytes] = []
        title = " > ".join(link.last.name for link in chain)
        if self._progress is not None:
            self._progress.begin(title, len(rows) if isinstance(rows, Sized) else None, 0)

        def finished() -> None:
            if self._progress is not None:
                self._progress.row(0, (), finished=True)

        def commit(outcome: Outcome) -> None:
            self._timer.add(chain[outcome.link], outcome)
            if chain[outcome.link].last.keep is None:
                ends.append(outcome.lines)
            self._keep(chain, outcome)

        def works() -> Iterator[Work]:
            for work in pending(chain, rows, self._folder, finished):
                if self._stop.asked:
                    return
                yield work

        try:
            await self._engine.run(chain, works(), commit, finished, self._concurrency)
        finally:
            if self._progress is not None:
                self._progress.end()
        if last.keep is not None:
            return self._folder.read(last.keep, Any if last.of is None else last.of, ordered=True)
        return _decoded(ends, last)

    def _keep(self, chain: Chain, outcome: Outcome) -> None:
        """Writes an outcome: its rejects first, then the commit that makes the row done."""
        stage = chain[outcome.link].last
        if stage.keep is not None and outcome.of in self._folder.family(stage.keep).done:
            return  # a lost worker had got this far
        self._folder.reject(stage.name, outcome.of, outcome.rejects)
        if stage.keep is not None:
            outs = () if all(n == 1 for n in outcome.outs) else outcome.outs
            self._folder.commit(stage.keep, Note(outcome.of, outcome.keys, outs), outcome.lines)
        if self._progress is not None:
            made = len(outcome.keys) if outcome.link == len(chain) - 1 else 0
            self._progress.row(made, [row.reason for row in outcome.rejects], finished=False)

    async def whole(self, stage: Stage, rows: Iterable[Row]) -> Iterable[Row]:
        """Runs a `whole` stage, unless its closing note says that it was done."""
        kept = Any if stage.of is None else stage.of
        if stage.keep is not None and "" in self._folder.family(stage.keep).done:
            return self._folder.read(stage.keep, kept, ordered=True)
        given = sorted(rows, key=lambda row: row[0])
        if self._progress is not None:
            self._progress.begin(stage.name, len(given), 0)
        self._stop.blocking = True
        with self._timer.stage(stage.name):
            result = stage.fn(given) if stage.fn is not None else given
            if inspect.isawaitable(result):
                self._stop.blocking = False
                result = await result
            made, dropped = _sorted_out(stage, given, result)
        self._stop.blocking = False
        self._folder.reject(stage.name, "", dropped)
        if stage.keep is not None:
            self._keep_whole(stage, stage.keep, made, len(given))
        self._timer.whole(stage.name, len(given), len(made))
        if self._progress is not None:
            self._progress.row(len(made), [row.reason for row in dropped], finished=False)
            self._progress.end()
        return made

    def _keep_whole(self, stage: Stage, family: str, made: list[Row], given: int) -> None:
        before = self._folder.family(family).done
        for key, item in made:
            if key not in before:
                unwritable: list[Rejected] = []
                lines, rows = encode(stage, [(key, item)], unwritable)
                self._folder.reject(stage.name, key, unwritable)
                self._folder.commit(family, Note(key, tuple(k for k, _ in rows)), lines)
        self._folder.commit(family, Note("", ins=given, outs=(len(made),)), b"")


def pending(chain: Chain, source: Iterable[Row], folder: RunFolder, finished: Callable[[], None]) -> Iterator[Work]:
    """The work that is left: source rows that were never begun, and kept rows that have not gone on. `finished` is called for rows that are through.

    Raises:
        ArtificerError: a key is empty or comes twice.
    """
    seen: set[str] = set()
    for key, item in source:
        if not key or key in seen:
            raise ArtificerError(
                f"the source gives the key {key!r} twice" if key else "the source gives an empty key", remedy="give every row its own key"
            )
        seen.add(key)
        left = False
        for work in _left(chain, 0, key, item, folder):
            left = True
            yield work
        if not left:
            finished()


def _left(chain: Chain, link: int, key: str, item: Any, folder: RunFolder) -> Iterator[Work]:
    stage = chain[link].last
    done = folder.family(stage.keep).done.get(key) if stage.keep is not None else None
    if done is None or stage.keep is None:
        yield Work(link, key, item)
    elif link + 1 < len(chain) and any(_unfinished(chain, link + 1, child, folder) for child in done.note.keys):
        for child, made in folder.given(stage.keep, key, Any if stage.of is None else stage.of):
            yield from _left(chain, link + 1, child, made, folder)


def _unfinished(chain: Chain, link: int, key: str, folder: RunFolder) -> bool:
    """Whether anything is left to do for a row; decided from keys alone, without reading items."""
    keep = chain[link].last.keep
    done = folder.family(keep).done.get(key) if keep is not None else None
    if done is None:
        return True
    return link + 1 < len(chain) and any(_unfinished(chain, link + 1, child, folder) for child in done.note.keys)


def _decoded(ends: list[bytes], stage: Stage) -> list[Row]:
    """The rows at the end of a chain that are kept only in memory."""
    decoder = msgspec.json.Decoder(Line[Any if stage.of is None else stage.of])
    return [(line.key, line.item) for lines in ends for line in decoder.decode_lines(lines)]


def _sorted_out(stage: Stage, given: list[Row], result: Iterable[Row | Reject]) -> tuple[list[Row], list[Rejected]]:
    """What a `whole` passes on, and its rejects: those it states, and every row it passes over in silence."""
    made: dict[str, Any] = {}
    dropped: list[Rejected] = []
    for row in result:
        if isinstance(row, Reject):
            dropped.append(rejected(stage.name, row.key or "", row))
        elif row[0] in made:
            raise ArtificerError(f"stage {stage.name!r} gives the key {row[0]!r} twice", remedy="give every row its own key")
        else:
            made[row[0]] = row[1]
    stated = {row.key for row in dropped}
    dropped += [Rejected(key, stage.name, "not_kept") for key, _ in given if key not in made and key not in stated]
    return list(made.items()), dropped
