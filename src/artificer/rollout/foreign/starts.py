"""Where the sessions of other people's traces begin: as the trace's own lineage says, as its task says, else at one seed."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.core.tasks import Start, Task
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
        self._own: dict[str, Start] | None = None
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
        named = trace.lineage.get("task")
        names = [name for name in (named, trace.task_id, trace.id) if isinstance(name, str)]
        for name in names:
            if name in self._given:
                return self._given[name]
        own = self._tasks() if trace.task_id != trace.id or named is not None else {}
        return next((own[name] for name in names if name in own), Start(seed=self._seed))

    def _tasks(self) -> dict[str, Start]:
        """The starts of the world's own tasks: by id, and by the id they have upstream."""
        if self._own is None:
            self._own = {}
            try:
                for task in self._world.tasks():
                    self._own.setdefault(task.id, task.start)
                    upstream = _upstream(task)
                    if upstream:
                        self._own.setdefault(upstream, task.start)
            except ArtificerError:  # tasks that cannot be read begin nothing; the traces say so by how they come out
                pass
        return self._own


def _upstream(task: Task) -> str:
    found = task.lineage.get("id")
    return found if isinstance(found, str) else ""
