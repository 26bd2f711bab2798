"""Traces of several sources in one stream, each with its task, and under a key that is made of what it is.

A key is `TASK/TRACE` where the trace has a task, else `TRACE`: ids that depend on the content alone, so that the same trace in two sources is one.
(A task's own id may hold slashes; that of a trace holds none.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.core.tasks import Task
from artificer.formats.account import Account
from artificer.formats.base import Item, content_id
from artificer.rollout.proof import TasksInOrder
from artificer.run import traded
from artificer.run.store import RunFolder


class Entry(Struct, frozen=True):
    """One trace of a source.

    Args:
        source: which source, counted from 0. name: as it was typed.
        key: see the module. where: its key or place in the source; no two of a source have the same.
    """

    source: int
    key: str
    where: str
    item: Item
    task: Task | None = None
    name: str = ""


class Origin(Struct, frozen=True):
    """Where traces come from.

    Args:
        name: as it was typed.
        world, options: of the run that it is, "" where it is none or the run names none.
        files: small files of the run that must go where its traces go, e.g. what its tools are.
    """

    name: str
    world: str = ""
    options: dict[str, str] = {}
    files: dict[str, Any] = {}


FILES = ("tools.json", "dataflow.json")


def origin(source: str | Path) -> Origin:
    """What is known of a source beside its traces.

    Raises:
        ArtificerError: it is not there.
    """
    if not Path(source).exists():
        raise ArtificerError("there is no such run or file", where=str(source), remedy="check the path")
    if not (Path(source) / "run.toml").exists():
        return Origin(str(source))
    with RunFolder.open(source) as folder:
        knobs = folder.manifest.get("knobs", {})
        world, options = knobs.get("world", ""), knobs.get("options", {})
        files: dict[str, Any] = {name: folder.get_json(name) for name in FILES if folder.has(name)}
        return Origin(str(source), str(world), {str(key): str(value) for key, value in options.items()}, files)


def entries(sources: Sequence[str | Path], accounts: Sequence[Account], given: str | None = None) -> Iterator[Entry]:
    """The traces of sources, one source after the other, in the order of their keys or rows.

    Args:
        accounts: of the reading of each source; filled anew.
        given: the format of files; guessed when None.
    """
    for number, (source, account) in enumerate(zip(sources, accounts, strict=True)):
        times: dict[str, int] = {}
        for entry in _of_run(number, source, account) if (Path(source) / "run.toml").exists() else _of_file(number, source, account, given):
            seen = times[entry.where] = times.get(entry.where, 0) + 1
            yield entry if seen == 1 else msgspec.structs.replace(entry, where=f"{entry.where} ({seen})")  # a row may give several traces


def _of_file(number: int, source: str | Path, account: Account, given: str | None) -> Iterator[Entry]:
    with traded.opened(source, account, given=given) as data:
        for item in data.items:
            lineage = {**item.trace.lineage, "from": traded.origin(account, str(source), data.form)}
            kept = Item(msgspec.structs.replace(item.trace, lineage=lineage), item.tools)
            yield Entry(number, content_id(item), account.where, kept, name=str(source))


def _of_run(number: int, source: str | Path, account: Account) -> Iterator[Entry]:
    with RunFolder.open(source) as folder:
        tasks = TasksInOrder(folder)
        for item in traded.traces_of(folder, account):
            where = account.where
            task = tasks.of(where)
            name = content_id(item)
            yield Entry(number, f"{task.id}/{name}" if task is not None else name, where, item, task, str(source))
