"""Run folders and formats: the traces of a run with their tools, and imported traces as a run.

Imported traces are kept under ids made of their content, so that the same trace imported twice is one; where each came from stands in its lineage
under `from`. Their tools lie once for each set in the shards `toolsets`, by the digest that a trace names.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from artificer.core.canon import Json
from artificer.core.tools import ToolSpec
from artificer.core.trace import Trace
from artificer.formats import format_named, guess, parquet
from artificer.formats.account import Account
from artificer.formats.base import Format, Item, content_id, events, toolset_digest
from artificer.formats.convert import read as read_file
from artificer.formats.convert import render, write
from artificer.formats.holding import with_policy
from artificer.run.files import whole_file
from artificer.run.folders import all_of, found_in
from artificer.run.frames import Note
from artificer.run.rejects import Rejects
from artificer.run.shards import Bad, Family, Line
from artificer.run.store import Rejected, RunFolder

TOGETHER = 256
"""Traces written as one commit."""
SAME = "the same trace as an earlier one"
_encode = msgspec.json.encode


class _Described(msgspec.Struct, frozen=True):
    tools: tuple[ToolSpec, ...] = ()
    policy: str = ""


class Data(msgspec.Struct, frozen=True):
    """Data that somebody names: traces with their tools, read lazily. `form` is the format they are in, "artificer" for a run folder;
    several are named after one another.
    """

    source: str
    form: str
    items: Iterator[Item]


@contextmanager
def opened(source: str | Path, account: Account, *, given: str | None = None, policy: bool = False) -> Generator[Data]:
    """The traces of a run folder, of a file of any known format, or of a folder of such files.

    Args:
        account: of the reading; its `where` names the row under way.
        given: the format; guessed from the first rows of each file when None.
        policy: put the policy of a run's world in front as a system message.

    Raises:
        ArtificerError: no such format, the source is of none, is a folder of run folders, or cannot be read. A file of no format among others of
            some is only dropped by name.
    """
    if (Path(source) / "run.toml").exists():
        with RunFolder.open(source) as folder:
            yield Data(str(source), "artificer", iter(with_policy(traces_of(folder, account), policy_of(folder) if policy else "")))
        return
    chosen = format_named(given) if given is not None else None
    if not Path(source).is_dir():
        form = chosen or guess(source)[0]
        yield Data(str(source), form.name, read_file(Path(source), form, account))
        return
    found = found_in(Path(source), chosen)
    names = dict.fromkeys(form.name for _, form in found if isinstance(form, Format))
    yield Data(str(source), ", ".join(names), all_of(found, account))


def written(data: Data, out: str | Path, account: Account, read: Account, *, to: str, every: bool = False) -> None:
    """Writes data as another format, or as a run folder with `to="artificer"`. A file of which no row would come is not written.

    Args:
        account: of the writing; read: of the reading.
        every: also branches that did not pass.

    Raises:
        ArtificerError: the file is there already, or cannot be written.
    """
    if to == "artificer":
        with RunFolder.create_or_continue(out, {"recipe": "import", "knobs": {"source": data.source, "format": data.form}}) as target:
            keep(data.items, target, account, read, source=data.source, form=data.form)
        return
    form = format_named(to)
    with whole_file(out) as made:
        if form.file == "parquet":
            parquet.write(render(data.items, form, account, every=every), made, called=out)
            return
        with made.open("xb") as file:
            if form.packed is not None and str(out).endswith(form.ending):
                form.packed(render(data.items, form, account, every=every), file)
            else:
                write(data.items, file, form, account, every=every)
        if not account.rows_out:  # what holds nothing would only be in the way of the next try
            made.unlink()


def write_rows(rows: Iterable[bytes], out: str | Path | None) -> None:
    """Writes rows, each one JSON object as text: as JSON lines, or as Parquet where the name ends so. With None they are only gone through.

    Raises:
        ArtificerError: the file is there already, or cannot be written.
    """
    if out is None:
        for _ in rows:
            pass
        return
    with whole_file(out) as made:
        if Path(out).suffix == ".parquet":
            parquet.write(rows, made, called=out)
            return
        with made.open("xb") as file:
            file.writelines(row + b"\n" for row in rows)


def traces_of(folder: RunFolder, account: Account) -> Iterator[Item]:
    """The traces of a run in the order of their keys, each with its tools. Lines that are no traces, and damage, stand in the account."""
    for torn in folder.torn:
        if torn.shard.startswith("traces-"):
            account.rows_in += 1
            account.where = f"{folder.path}: {torn.shard}: {torn.size} bytes at {torn.offset}"
            account.drop_row("damaged")
    own = folder.get_json("tools.json", _Described) if folder.has("tools.json") else _Described()
    sets = dict(folder.read("toolsets", tuple[ToolSpec, ...]))

    def bad(line: Bad) -> None:
        account.rows_in += 1
        account.where = f"{folder.path}: {line}"
        account.drop_row("not a trace")

    for key, trace in folder.read("traces", Trace, ordered=True, bad=bad):
        account.where = key
        account.rows_in += 1
        account.rows_out += 1
        found = events(trace)
        account.events_in += found
        account.events_out += found
        yield Item(trace, sets.get(trace.tools, own.tools))


def own_tools(folder: RunFolder) -> tuple[ToolSpec, ...]:
    """The tools of a run's world."""
    return folder.get_json("tools.json", _Described).tools if folder.has("tools.json") else ()


def policy_of(folder: RunFolder) -> str:
    """The policy of a run's world."""
    return folder.get_json("tools.json", _Described).policy if folder.has("tools.json") else ""


def origin(read: Account, source: str, form: str) -> dict[str, Json]:
    """Where the row under way comes from: the file (of a folder the one under way), the place in it, and its format."""
    if read.files:
        source, form = read.files[-1].path, read.files[-1].form
    return {"file": source, "row": read.where.removeprefix(source), "format": form}


def keep(items: Iterable[Item], folder: RunFolder, account: Account, read: Account, *, source: str, form: str) -> None:
    """Writes imported traces into a run folder; each row that gives none, and each trace that is there already, stands in its rejects.

    Args:
        items: read lazily; `read` is the account of their reading, whose `where` names the row under way.
        source: the file's name; form: its format's.
    """
    kept, batch, writer = folder.family("traces").places, set[str](), Traces(folder, "import")
    earlier = _Earlier(folder.family("traces"))
    rejects = Rejects(folder, "import")
    rejects.hear(read)
    union: dict[str, ToolSpec] = {}
    place, nth = "", 0
    for item in items:
        place, nth = read.where, nth + 1 if read.where == place else 1
        account.rows_in += 1
        found = events(item.trace)
        account.events_in += found
        account.where = read.where
        key = content_id(item)
        if key in batch or key in kept:
            account.drop_row(SAME, found)
            if key in batch or not earlier.comes(key):
                rejects.add(Rejected(place if nth == 1 else f"{place} ({nth})", "import", SAME, key, {"key": key, "trace": item.trace.id}))
            continue
        batch.add(key)
        if writer.tools(item.trace.tools, item.tools):
            union |= {tool.name: tool for tool in item.tools if tool.name not in union}
        lineage = {**item.trace.lineage, "from": origin(read, source, form)}
        account.rows_out += 1
        account.events_out += found
        if writer.add(key, msgspec.structs.replace(item.trace, lineage=lineage)):
            batch.clear()
    writer.flush()
    rejects.flush()
    read.on_drop = None
    describe(folder, tuple(union.values()), f"imported from {source}")


class _Earlier:
    """What an earlier call imported: each trace is no duplicate of itself, once."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._commits = len(family)
        self._came: dict[int, int] = {}

    def comes(self, key: str) -> bool:
        """Whether a trace that is there was imported earlier, and comes for the first time in this call."""
        found = self._family.find(key, lambda note: key in note.keys)
        if found is None or found[0] >= self._commits:
            return False
        number, note = found
        row = 1 << note.keys.index(key)
        came = self._came.get(number, 0)
        self._came[number] = came | row
        return not came & row


class Traces:
    """Traces on their way into a run folder, many to a commit, with each set of tools once.

    Args:
        name: what the commits are called.
    """

    def __init__(self, folder: RunFolder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._sets = set(folder.keys("toolsets"))
        self._number = len(folder.family("traces"))
        self._lines: list[bytes] = []
        self._keys: list[str] = []

    def tools(self, toolset: str, tools: tuple[ToolSpec, ...]) -> bool:
        """Keeps a set of tools under the digest by which traces name it; False when it is there."""
        if toolset in self._sets:
            return False
        self._sets.add(toolset)
        self._folder.commit("toolsets", Note(toolset, (toolset,)), _encode(Line(toolset, tools)) + b"\n")
        return True

    def add(self, key: str, trace: Trace) -> bool:
        """Takes a trace; whether all that were taken are written by now."""
        self._keys.append(key)
        self._lines.append(_encode(Line(key, trace)) + b"\n")
        if len(self._lines) < TOGETHER:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Writes what was taken."""
        if self._lines:
            self._folder.commit("traces", Note(f"{self._name}-{self._number:06d}", tuple(self._keys)), b"".join(self._lines))
            self._lines, self._keys, self._number = [], [], self._number + 1


def describe(folder: RunFolder, tools: tuple[ToolSpec, ...], note: str) -> None:
    """Says of a run folder of no one world which tools there were, where nothing says it yet."""
    if not folder.has("tools.json"):
        about: dict[str, Any] = {"world": "", "toolset": toolset_digest(tools), "forks": "none", "policy": "", "tools": tools}
        folder.put_json("tools.json", about | {"notes": (note,)})
