"""A run folder that traces of other sources go into: with their tasks and tools, and with what became of those that did not go in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from artificer.core.canon import Json, digest
from artificer.core.tasks import Task
from artificer.core.tools import ToolSpec
from artificer.curation.sets.entries import Entry, Origin
from artificer.formats.account import Account
from artificer.run.frames import Note
from artificer.run.rejects import Rejects
from artificer.run.shards import Line
from artificer.run.store import Rejected, RunFolder
from artificer.run.traded import Traces, describe


class Writing:
    """One set that is being written; the same command continues one that was interrupted.

    Args:
        out: the folder.
        stage: what is done, as the rejects name it: merge, split, sample, dedup.
        how: the settings, which must be the same when it is continued.
        origins: where the traces come from. Where all are runs of one world, the set names it, and `artificer verify` proves it as it proves them.

    Raises:
        RunError: the folder holds something else, or cannot be written.
    """

    def __init__(self, out: str | Path, stage: str, how: dict[str, Any], origins: Sequence[Origin]) -> None:
        self._stage = stage
        one_world = _common(origins)
        world = {"world": one_world.world, "options": one_world.options} if one_world is not None else {}
        self._folder = RunFolder.create_or_continue(out, {"recipe": stage, "knobs": {**how, **world, "sources": [one.name for one in origins]}})
        self._files = one_world.files if one_world is not None else {}
        self._traces = Traces(self._folder, "set")
        self._seen = set(self._folder.keys("traces"))
        self._tasks = {key: digest(task) for key, task in self._folder.read("tasks", Task)}
        self._written = set(self._tasks)
        self._tools: dict[str, ToolSpec] = {}
        self._rejects = Rejects(self._folder, stage)
        self._passed: set[str] = set()
        self.kept = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if error is None:
                self._traces.flush()
                self._rejects.flush()
                self._finish()
        finally:
            self._folder.close()

    def keep(self, entry: Entry, lineage: dict[str, Json], key: str | None = None) -> bool:
        """Takes a trace in; False when this very trace was taken in before.

        Args:
            lineage: added to the trace's own.
            key: under another key than the entry's, for a trace that goes in twice; its first part then names the task.
        """
        key = self._apart(entry.key if key is None else key, entry.task)
        if key in self._passed:
            return False
        self._passed.add(key)
        self.kept += 1
        trace = entry.item.trace
        if entry.task is not None:
            self._task(key.rpartition("/")[0], entry.task)
        self._traces.tools(trace.tools, entry.item.tools)
        self._tools |= {tool.name: tool for tool in entry.item.tools if tool.name not in self._tools}
        if key not in self._seen:
            self._traces.add(key, msgspec.structs.replace(trace, lineage=trace.lineage | lineage))
        return True

    def drop(self, entry: Entry, reason: str, detail: str = "") -> None:
        """Records a trace that does not go in, and why."""
        item = {"key": entry.key, "trace": entry.item.trace.id}
        self._rejects.add(Rejected(f"{entry.source}:{entry.where}", self._stage, reason, detail, item))

    def hear(self, accounts: Sequence[Account]) -> None:
        """From now on records the rows that the reading of each source drops, too."""
        for number, account in enumerate(accounts):
            self._rejects.hear(account, f"{number}:")

    def _apart(self, key: str, task: Task | None) -> str:
        """The key, with a mark where another task of the same id is already in the set."""
        if task is None:
            return key
        head, _, name = key.rpartition("/")
        what = digest(task)
        if self._tasks.setdefault(head, what) == what:
            return key
        head = f"{head}~{what[:8]}"
        self._tasks[head] = what
        return f"{head}/{name}"

    def _task(self, key: str, task: Task) -> None:
        if key not in self._written:
            self._written.add(key)
            self._folder.commit("tasks", Note(key, (key,)), msgspec.json.encode(Line(key, task)) + b"\n")

    def _finish(self) -> None:
        for name, value in self._files.items():
            if not self._folder.has(name):
                self._folder.put_json(name, value)
        describe(self._folder, tuple(self._tools.values()), "of several sources")


def _common(origins: Sequence[Origin]) -> Origin | None:
    """The origin that stands for all, when all are runs of one world with the same tools."""
    first = origins[0]
    told = (first.world, first.options, first.files.get("tools.json"))
    same = all((one.world, one.options, one.files.get("tools.json")) == told for one in origins)
    return first if first.world and same else None
