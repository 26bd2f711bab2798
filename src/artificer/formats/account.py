"""What became of a file: every event that went in came out, or was dropped for a reason that is named.

An *event* is what somebody did: said something, thought, called a tool, was answered. The number of events in a raw
row is counted by its format's `count`, which looks at the row alone; the number that came out is counted on the
traces (`artificer.formats.base.events`). The two are made by different code, so that an account which does not
balance means that something was lost in silence: a bug, and reported as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from msgspec import Struct, field

SHOWN = 3
"""Places named for each reason."""
FILES = 40
"""Files of a folder that are shown one by one."""


class File(Struct):
    """What became of one file of a folder; `dropped` counts events. The counts are those of its `Account`."""

    path: str
    form: str
    rows_in: int = 0
    rows_out: int = 0
    events_in: int = 0
    events_out: int = 0
    dropped: int = 0

    def line(self) -> str:
        """The file for people."""
        rows = f"rows {self.rows_in:,} -> {self.rows_out:,}"
        return f"{self.path} ({self.form}): {rows}, events in {self.events_in:,} = out {self.events_out:,} + dropped {self.dropped:,}"


class Account(Struct):
    """The account of one conversion; `where` is the row under way.

    Args:
        rows_in, rows_out: rows read, and traces or rows made of them.
        rows_dropped: rows of which nothing came out.
        damage: takes what is said of files that break off, of which the rows before are read; None where such a file is refused.
        events_in, events_out: see the module.
        shared: events written more than once, since several branches go through them.
        dropped: events that were dropped, by reason. `places`: the first places of each reason, and of each loss.
        rows_by: rows of which nothing came out, by reason.
        lost: what the traces (or rows) no longer have although no event is missing, e.g. a verdict; how many times.
        files: of a folder, each file that was read.
        on_drop: hears the reason of each row of which nothing comes out, while `where` names it.
    """

    rows_in: int = 0
    rows_out: int = 0
    rows_dropped: int = 0
    damage: list[str] | None = None
    events_in: int = 0
    events_out: int = 0
    shared: int = 0
    dropped: Counter[str] = field(default_factory=Counter[str])
    rows_by: Counter[str] = field(default_factory=Counter[str])
    lost: Counter[str] = field(default_factory=Counter[str])
    places: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    files: list[File] = []
    where: str = ""
    on_drop: Callable[[str], None] | None = None

    def drop(self, reason: str, events: int) -> None:
        """Names events that do not come out."""
        if events:
            self.dropped[reason] += events
            self.place(reason)

    def lose(self, what: str, times: int = 1) -> None:
        """Names what is left out of an event that does come out."""
        if times:
            self.lost[what] += times
            self.place(what)

    def drop_row(self, reason: str, events: int = 0) -> None:
        """Names a row of which nothing comes out: `events` is 0 where it could not even be counted."""
        self.rows_dropped += 1
        self.rows_by[reason] += 1
        self.dropped[reason] += events
        self.place(reason)
        if self.on_drop is not None:
            self.on_drop(reason)

    def place(self, reason: str) -> None:
        known = self.places.setdefault(reason, [])
        if len(known) < SHOWN and self.where and self.where not in known:
            known.append(self.where)

    @contextmanager
    def file(self, path: str, form: str) -> Generator[File]:
        """A file of a folder is read: what is counted meanwhile is its own."""
        began = File(path, form, self.rows_in, self.rows_out, self.events_in, self.events_out, self.dropped.total())
        self.files.append(one := File(path, form))
        try:
            yield one
        finally:
            one.rows_in, one.rows_out = self.rows_in - began.rows_in, self.rows_out - began.rows_out
            one.events_in, one.events_out = self.events_in - began.events_in, self.events_out - began.events_out
            one.dropped = self.dropped.total() - began.dropped

    @property
    def balanced(self) -> bool:
        """Whether every event is accounted for."""
        return self.events_in + self.shared == self.events_out + self.dropped.total()

    def lines(self) -> list[str]:
        """The account for people."""
        shared = f" + shared by branches {self.shared:,}" if self.shared else ""
        shown = [f"events in {self.events_in:,}{shared} = out {self.events_out:,} + dropped {self.dropped.total():,}"]
        if not self.balanced:
            missing = self.events_in + self.shared - self.events_out - self.dropped.total()
            shown.append(f"NOT ACCOUNTED FOR: {missing:+,} events. This is a defect of the format's reader or writer; please report it.")
        if self.rows_dropped:
            shown.append(f"rows of which nothing came out: {self.rows_dropped:,}")
        for reason in sorted(self.dropped, key=lambda one: (-self.dropped[one], -self.rows_by[one], one)):
            shown.append(f"dropped: {reason} ({_times(self.dropped[reason], self.rows_by[reason])}){self._shown(reason)}")
        for what, times in sorted(self.lost.items(), key=lambda pair: (-pair[1], pair[0])):
            shown.append(f"not kept: {what} ({times:,}){self._shown(what)}")
        shown += [file.line() for file in self.files[:FILES]]
        if len(self.files) > FILES:
            shown.append(f"and {len(self.files) - FILES:,} more files")
        return shown

    def _shown(self, reason: str) -> str:
        places = self.places.get(reason, [])
        return f", e.g. {', '.join(places)}" if places else ""


def _times(events: int, rows: int) -> str:
    """How much was dropped for a reason: events, whole rows, or both; the events of rows that could not be read are not known."""
    if not rows:
        return f"{events:,}"
    whole = f"{rows:,} row{'s' * (rows != 1)}"
    return f"{whole}, {events:,} event{'s' * (events != 1)}" if events else whole
