"""A suite of one's own: a run folder, whose tasks count whether they were played or not, or traces in any known format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from artificer.core.tasks import Task
from artificer.curation.suites.rows import Turn, row
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.run import traded
from artificer.run.store import RunFolder


def rows(source: str, given: str | None = None) -> Iterator[Item]:
    """The tasks of a run, then its traces; or the traces of a file.

    Raises:
        ArtificerError: the source is of no known format, or cannot be read.
    """
    if (Path(source) / "run.toml").exists():
        with RunFolder.open(source) as folder:
            for _, task in folder.read("tasks", Task, ordered=True):
                yield _asked(task)
    with traded.opened(source, Account(), given=given) as data:
        yield from data.items


def _asked(task: Task) -> Item:
    """What a task's user says of the task, or is told to play, and its gold. Lines that any user says ("Yes, please.") are not the task's."""
    lines = [text for name, text in task.goal.script.items() if name.startswith(("open:", "ask:", "scenario"))]
    said = (task.prompt, *(text for text in lines if text != task.prompt))
    return row(task.id, task.world, [Turn(said, task.gold or tuple(call for want in task.goal.wants for call in want.gold))])
