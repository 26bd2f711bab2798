"""Executing stages over a source into a run folder, so that whatever happens the run can be continued.

An engine only carries rows through a chain, in any order; what is done, what is written and what comes next is
decided here, in one process with one writer. So a run's rows do not depend on the engine or on how many rows are in
flight: the same source and stages give the same bytes once the lines are sorted. Rows never wait for each other; a
`whole` waits for all.

A row function that raises stops the run: rows in flight are cancelled, everything finished is kept, and the error
says which row and stage. Ctrl-C once: the rows in flight are finished and the run returns, incomplete. Twice: it
stops at once. A budget that is spent (`BudgetSpent`), and the end of the minutes it was given, are like Ctrl-C once.
Whatever stopped it, it continues.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence, Sized
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec

from artificer.core.errors import ArtificerError, BudgetSpent
from artificer.run.chain import Chain, Outcome, Work, encode, parts_of, rejected
from artificer.run.frames import Note
from artificer.run.interrupt import Stop, interruptible
from artificer.run.local import Engine, LocalEngine
from artificer.run.progress import Progress
from artificer.run.resume import pending
from artificer.run.room import room_for
from artificer.run.shards import Line
from artificer.run.stage import Reject, Row, Stage, check_stages
from artificer.run.store import Dropped, Rejected, RunFolder
from artificer.run.summary import Summary, Timer, summarise


def engine_of(name: str, source_type: Any = None) -> Engine:
    """An engine by its name; `source_type` is the type of the source's items.

    Raises:
        ArtificerError: there is none of that name. MissingExtra: it needs a part that is not installed.
    """
    kind, _, count = name.partition(":")
    if name == "local":
        return LocalEngine()
    if count.isascii() and count.isdecimal() and 0 < int(count) <= 4096:
        if kind == "processes":
            from artificer.run.processes import ProcessEngine

            return ProcessEngine(int(count), source_type)
        if kind == "ray":
            from artificer.run.ray import RayEngine

            return RayEngine(int(count), source_type)
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
    total: int | None = None,
    minutes: float | None = None,
) -> Summary:
    """Runs stages over a source, or what is left of it.

    Args:
        stages: as made by `each` and `whole`, in order.
        source: (key, item) pairs, the same whenever the run is continued; keys are not empty and differ. Pulled as
            rows are needed.
        engine: `"local"`, `"processes:N"` or `"ray:N"`.
        concurrency: rows in flight, over all workers.
        of: the type of the source's items, when they are not plain JSON values and the engine has workers.
        total: how many rows the source has, for progress, when it cannot be asked by `len`.
        minutes: after so long no more rows are begun.

    Returns:
        What went in, came out and was dropped at every stage, over all attempts; `complete` is False when something
        is left to do: after Ctrl-C, when a budget was spent, when the minutes were over.

    Raises:
        RowFailed: a stage has a bug. ArtificerError: from a stage, or the source has a key twice. RunError: the
            folder cannot be written.
    """
    check_stages(stages)
    chosen = engine_of(engine, of)
    run = _Run(folder, chosen, concurrency, progress)
    rows: Iterable[Row] = source
    with room_for(concurrency):
        async with interruptible(_silent if progress is None else progress.say) as stop, aclosing(chosen), _within(minutes, stop):
            for part in parts_of(stages):
                if stop.asked:
                    stop.cut = True
                    break
                count = len(rows) if isinstance(rows, Sized) else total if rows is source else None
                try:
                    rows = await (run.whole(part, rows, stop) if isinstance(part, Stage) else run.chain(part, rows, count, stop))
                except BudgetSpent as spent:
                    stop.ask(str(spent))
                    stop.cut = True
                    break
    run.timer.save(folder)
    return summarise(stages, folder, run.timer, complete=not stop.cut, stopped=stop.why if stop.cut else "")


@asynccontextmanager
async def _within(minutes: float | None, stop: Stop) -> AsyncGenerator[None, None]:
    """Asks the run to stop when its time is over."""
    if minutes is None:
        yield
        return
    alarm = asyncio.get_running_loop().call_later(60 * minutes, stop.ask, f"the {minutes:g} minutes are over")
    try:
        yield
    finally:
        alarm.cancel()


def _silent(_text: str) -> None:
    """Nobody watches."""


class _Run:
    """One call of `execute`."""

    def __init__(self, folder: RunFolder, engine: Engine, concurrency: int, progress: Progress | None) -> None:
        self.timer = Timer.of(folder)
        self._folder = folder
        self._engine = engine
        self._concurrency = max(1, concurrency)
        self._progress = progress

    async def chain(self, chain: Chain, rows: Iterable[Row], count: int | None, stop: Stop) -> Iterable[Row]:
        """Runs a chain of `each` stages over `count` rows (None: unknown); gives the rows of its end."""
        last = chain[-1].last
        ends: list[bytes] = []

        def finished(*, before: bool = False) -> None:
            if self._progress is not None:
                self._progress.finished(before=before)

        def commit(outcome: Outcome) -> None:
            self.timer.add(chain[outcome.link], outcome)
            self._keep(chain, outcome)
            if chain[outcome.link].last.keep is None:
                ends.append(outcome.lines)

        def works() -> Iterator[Work]:
            for work in pending(chain, rows, self._folder, lambda: finished(before=True)):
                if stop.asked:
                    stop.cut = True
                    return
                yield work

        title = " > ".join(link.last.name for link in chain)
        async with _shown(self._progress, title, count):
            await self._engine.run(chain, works(), commit, finished, self._concurrency)
        return _decoded(ends, last) if last.keep is None else self._kept(last)

    def _keep(self, chain: Chain, outcome: Outcome) -> None:
        """Writes an outcome: its rejects first, then the commit that makes the row done."""
        stage = chain[outcome.link].last
        if stage.keep is not None and outcome.of in self._folder.family(stage.keep).done:
            return  # a lost worker had got this far
        self._folder.reject(stage.name, outcome.of, outcome.dropped)
        if stage.keep is not None:
            outs = () if all(n == 1 for n in outcome.outs) else outcome.outs
            self._folder.commit(stage.keep, Note(outcome.of, outcome.keys, outs), outcome.lines)
        if self._progress is not None:
            made = len(outcome.keys) if outcome.link == len(chain) - 1 else 0
            self._progress.written(made, [reason for _, reason in outcome.dropped.why], outcome.told)

    def _kept(self, stage: Stage) -> Iterable[Row]:
        return self._folder.read(stage.keep or "", Any if stage.of is None else stage.of, ordered=True)

    async def whole(self, stage: Stage, rows: Iterable[Row], stop: Stop) -> Iterable[Row]:
        """Runs a `whole` stage, unless its closing note says that it was done."""
        if stage.keep is not None and self._is_whole(stage.keep):
            return self._kept(stage)
        given = sorted(rows, key=lambda row: row[0])
        async with _shown(self._progress, stage.name, None):
            with self.timer.stage(stage.name):
                made, dropped = await _call_whole(stage, given, stop)
            self._folder.reject(stage.name, "", Dropped.of(dropped))
            self.timer.whole(stage.name, len(given), len(made))
            if self._progress is not None:
                self._progress.written(len(made), [row.reason for row in dropped])
            if stage.keep is None:
                return made
            self._keep_whole(stage, stage.keep, made, len(given))
            return self._kept(stage)

    def _is_whole(self, family: str) -> bool:
        """Whether the closing note is there, and every row it speaks of."""
        kept = self._folder.family(family)
        return "" in kept.done and kept.done[""].note.outs[0] == len(kept.places)

    def _keep_whole(self, stage: Stage, family: str, made: list[Row], given: int) -> None:
        """One commit a row, then the closing note: a run killed in between does the stage again and writes what is
        missing.
        """
        before = self._folder.family(family).done
        for key, item in made:
            if key not in before:
                unwritable: list[Rejected] = []
                lines, rows = encode(stage, [(key, item)], unwritable)
                self._folder.reject(stage.name, key, Dropped.of(unwritable))
                self._folder.commit(family, Note(key, tuple([k for k, _ in rows])), lines)
        written = len(self._folder.family(family).places)
        self._folder.commit(family, Note("", ins=given, outs=(written,)), b"")


async def _call_whole(stage: Stage, given: list[Row], stop: Stop) -> tuple[list[Row], list[Rejected]]:
    stop.blocking = True
    try:
        result = stage.fn(given) if stage.fn is not None else given
        if inspect.isawaitable(result):
            stop.blocking = False
            result = await result
        return _sorted_out(stage, given, result)
    except Exception as error:
        error.add_note(f"in stage {stage.name!r}, which was given all {len(given)} rows")
        raise
    finally:
        stop.blocking = False


def _sorted_out(stage: Stage, given: list[Row], result: Iterable[Row | Reject]) -> tuple[list[Row], list[Rejected]]:
    """What a `whole` passes on, and its rejects: those it states, and every row it passes over in silence."""
    made: dict[str, Any] = {}
    dropped: list[Rejected] = []
    for row in result:
        if isinstance(row, Reject):
            dropped.append(rejected(stage.name, row.key or "", row))
        elif not row[0] or row[0] in made:
            raise ArtificerError(f"stage {stage.name!r} gives the key {row[0]!r}, which is empty or taken", remedy="give every row its own key")
        else:
            made[row[0]] = row[1]
    stated = {row.key for row in dropped}
    dropped += [Rejected(key, stage.name, "not_kept") for key, _ in given if key not in made and key not in stated]
    return list(made.items()), dropped


def _decoded(ends: list[bytes], stage: Stage) -> list[Row]:
    """The rows at the end of a chain that are kept only in memory."""
    decoder = msgspec.json.Decoder(Line[Any if stage.of is None else stage.of])
    return [(line.key, line.item) for lines in ends for line in decoder.decode_lines(lines)]


@asynccontextmanager
async def _shown(progress: Progress | None, title: str, total: int | None) -> AsyncGenerator[None, None]:
    """Progress while the block runs, also when no row finishes for long."""
    if progress is None:
        yield
        return

    async def ticking() -> None:
        while True:
            await asyncio.sleep(0.5)
            progress.tick()

    progress.begin(title, total)
    ticker = asyncio.create_task(ticking())
    try:
        yield
    finally:
        ticker.cancel()
        progress.end()
