"""Where the sessions of other people's traces begin: as the trace's own lineage says, as its task says, else at one seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Start
from artificer.core.trace import Trace
from artificer.run.store import RunFolder
from artificer.worlds.base import World


class _Named(Struct):
    """Of a run's trace, what leads to its task."""

    id: str
    task_id: str


class _Begun(Struct):
    """Of a run's task, where it begins."""

    id: str
    start: Start


class Starts:
    """Finds a trace's start.

    Args:
        world: whose own tasks are known by their ids; they are read when a trace names one.
        seed: where nothing else is said.
        tasks: a run folder whose tasks (and the traces played on them) are known by their ids as well; "" for none.

    Raises:
        RunError: there is no such folder.
    """

    def __init__(self, world: World, seed: int = 0, tasks: str = "") -> None:
        self._world = world
        self._seed = seed
        self._given: dict[str, Start] = {}
        self._own: tuple[dict[str, Start], dict[str, Start]] | None = None
        if tasks:
            with RunFolder.open(tasks) as folder:
                self._given = {task.id: task.start for _, task in folder.read("tasks", _Begun)}
                of = {trace.id: trace.task_id for _, trace in folder.read("traces", _Named)}
            self._given |= {trace: self._given[task] for trace, task in of.items() if task in self._given}

    def of(self, trace: Trace) -> Start:
        """Where a trace begins. What is said in a form that is none is passed over."""
        said = trace.lineage.get("start")
        if said is not None:
            try:
                return msgspec.convert(said, Start)
            except msgspec.ValidationError:
                pass
        named = [*_named(trace.lineage), *([trace.task_id] if trace.task_id != trace.id else [])]
        for name in (*named, trace.id):
            if name in self._given:
                return self._given[name]
        ids, upstream = self._tasks()
        for name in (*named, trace.id):
            if name in ids:
                return ids[name]
        return next((upstream[name] for name in named if name in upstream), Start(seed=self._seed))

    def _tasks(self) -> tuple[dict[str, Start], dict[str, Start]]:
        """The starts of the world's own tasks, by id and by the id they have upstream, which is often just a number: it
        counts only for a trace that names a task."""
        if self._own is None:
            ids, upstream = dict[str, Start](), dict[str, Start]()
            try:
                for task in self._world.tasks():
                    ids.setdefault(task.id, task.start)
                    theirs = task.lineage.get("id")
                    if isinstance(theirs, str):
                        upstream.setdefault(theirs, task.start)
            except ArtificerError:  # tasks that cannot be read begin nothing; the traces say so by how they come out
                pass
            self._own = ids, upstream
        return self._own


def _named(lineage: dict[str, Json]) -> Iterator[str]:
    """The task that a trace's lineage names: its own field, or a field of the format it was read from."""
    extra = lineage.get("extra")
    fields = cast("dict[str, Json]", extra) if isinstance(extra, dict) else {}
    for found in (lineage.get("task"), fields.get("task_id"), fields.get("task")):
        if isinstance(found, str | int) and not isinstance(found, bool):
            yield str(found)
