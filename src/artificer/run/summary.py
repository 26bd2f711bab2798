"""What a run did, stage by stage: counted from the shards, so that it covers every attempt. Timings come from
`stats.json`, never from rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Self

from msgspec import Struct

from artificer.core.errors import RunError
from artificer.run.chain import Link, Outcome, parts_of
from artificer.run.stage import Stage
from artificer.run.store import RunFolder

STATS = "stats.json"


class StageSummary(Struct, frozen=True):
    """One stage: rows in and out, rejects by reason, and seconds (summed over rows, waiting included)."""

    name: str
    rows_in: int
    rows_out: int
    rejects: dict[str, int]
    seconds: float


class Summary(Struct, frozen=True):
    """A run so far. `seconds` is wall time over all attempts; `complete` is False when it was stopped and something
    is left to do; `stopped` is why, where it was not Ctrl-C.
    """

    stages: tuple[StageSummary, ...]
    complete: bool
    seconds: float
    stopped: str = ""

    def __getitem__(self, name: str) -> StageSummary:
        return next(stage for stage in self.stages if stage.name == name)


class Stats(Struct):
    """`stats.json`: seconds over all attempts."""

    seconds: float = 0.0
    attempts: int = 0
    stages: dict[str, float] = {}


class Timer:
    """Gathers timings, and the counts of stages whose rows are not kept."""

    def __init__(self, before: Stats) -> None:
        self._before = before
        self._began = perf_counter()
        self.seconds: defaultdict[str, float] = defaultdict(float, before.stages)
        self.counts: dict[str, tuple[int, int]] = {}

    @classmethod
    def of(cls, folder: RunFolder) -> Self:
        try:
            return cls(folder.get_json(STATS, Stats))
        except RunError:  # none yet, or damaged: only timings are lost
            return cls(Stats())

    @contextmanager
    def stage(self, name: str) -> Generator[None, None, None]:
        began = perf_counter()
        yield
        self.seconds[name] += perf_counter() - began

    def add(self, link: Link, outcome: Outcome) -> None:
        rows_in = 1
        for stage, rows_out, seconds in zip(link.stages, outcome.outs, outcome.seconds):
            self.seconds[stage.name] += seconds
            if link.last.keep is None:
                taken, made = self.counts.get(stage.name, (0, 0))
                self.counts[stage.name] = (taken + rows_in, made + rows_out)
            rows_in = rows_out

    def whole(self, name: str, rows_in: int, rows_out: int) -> None:
        self.counts[name] = (rows_in, rows_out)

    def wall(self) -> float:
        return self._before.seconds + perf_counter() - self._began

    def save(self, folder: RunFolder) -> None:
        folder.put_json(STATS, Stats(round(self.wall(), 3), self._before.attempts + 1, {k: round(v, 3) for k, v in self.seconds.items()}))


def summarise(stages: Sequence[Stage], folder: RunFolder, timer: Timer, *, complete: bool, stopped: str = "") -> Summary:
    """Counts what the folder holds."""
    counts = dict(timer.counts)
    links = [link for part in parts_of(stages) if not isinstance(part, Stage) for link in part]
    for link in links:
        if link.last.keep is not None:
            counts |= _counts(link, folder)
    for stage in stages:
        if stage.kind == "whole" and stage.keep is not None and (closing := folder.family(stage.keep).done.get("")) is not None:
            counts[stage.name] = (closing.note.ins, closing.note.outs[0])
    rejects: dict[str, Counter[str]] = {stage.name: Counter() for stage in stages}
    for commit in folder.family("rejects").commits:
        for stage_name, reason in commit.note.why:
            rejects.setdefault(stage_name, Counter())[reason] += 1
    parts = tuple(
        StageSummary(stage.name, *counts.get(stage.name, (0, 0)), dict(rejects[stage.name].most_common()), round(timer.seconds[stage.name], 3))
        for stage in stages
    )
    return Summary(parts, complete, round(timer.wall(), 3), stopped)


def _counts(link: Link, folder: RunFolder) -> dict[str, tuple[int, int]]:
    taken, made = [0] * len(link.stages), [0] * len(link.stages)
    for commit in folder.family(link.last.keep or "").done.values():
        rows_in = 1
        for index, rows_out in enumerate(commit.note.outs or [1] * len(link.stages)):
            taken[index] += rows_in
            made[index] += rows_out
            rows_in = rows_out
    return {stage.name: (taken[index], made[index]) for index, stage in enumerate(link.stages)}
