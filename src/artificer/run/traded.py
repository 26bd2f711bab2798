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

from artificer.core.tools import ToolSpec
from artificer.core.trace import Trace
from artificer.formats import format_named, guess, parquet
from artificer.formats.account import Account
from artificer.formats.base import Item, content_id, events, toolset_digest
from artificer.formats.convert import read as read_file
from artificer.formats.convert import render, write
from artificer.formats.holding import with_policy
from artificer.run.files import writing
from artificer.run.frames import Note
from artificer.run.shards import Bad, Line
from artificer.run.store import RunFolder

TOGETHER = 256
"""Traces written as one commit."""
SAME = "the same trace as an earlier one"


class _Described(msgspec.Struct, frozen=True):
    tools: tuple[ToolSpec, ...] = ()
    policy: str = ""


class Data(msgspec.Struct, frozen=True):
    """Data that somebody names: traces with their tools, read lazily; `form` is the format they are in, "artificer" for a run folder."""

    source: str
    form: str
    items: Iterator[Item]


@contextmanager
def opened(source: str | Path, account: Account, *, given: str | None = None, policy: bool = False) -> Generator[Data]:
    """The traces of a run folder, of a file of any known format, or of a folder of such files.

    Args:
        account: of the reading; its `where` names the row under way.
        given: the format; guessed from the first rows when None.
        policy: put the policy of a run's world in front as a system message.

    Raises:
        ArtificerError: no such format, the source is of none, or cannot be read.
    """
    if (Path(source) / "run.toml").exists():
        with RunFolder.open(source) as folder:
            yield Data(str(source), "artificer", iter(with_policy(traces_of(folder, account), policy_of(folder) if policy else "")))
        return
    form = format_named(given) if given is not None else guess(source)[0]
    yield Data(str(source), form.name, read_file(Path(source), form, account))


def written(data: Data, out: str | Path, account: Account, read: Account, *, to: str, every: bool = False) -> None:
    """Writes data as another format, or as a run folder with `to="artificer"`.

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
    with writing(out):
        if form.file == "parquet":
            parquet.write(render(data.items, form, account, every=every), Path(out))
            return
        with Path(out).open("xb") as file:
            if form.packed is not None and str(out).endswith(form.ending):
                form.packed(render(data.items, form, account, every=every), file)
                return
            write(data.items, file, form, account, every=every)


def write_rows(rows: Iterable[bytes], out: str | Path | None) -> None:
    """Writes rows, each one JSON object as text: as JSON lines, or as Parquet where the name ends so. With None they are only gone through.

    Raises:
        ArtificerError: the file is there already, or cannot be written.
    """
    if out is None:
        for _ in rows:
            pass
        return
    with writing(out):
        if Path(out).suffix == ".parquet":
            parquet.write(rows, Path(out))
            return
        with Path(out).open("xb") as file:
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


def keep(items: Iterable[Item], folder: RunFolder, account: Account, read: Account, *, source: str, form: str) -> None:
    """Writes imported traces into a run folder.

    Args:
        items: read lazily; `read` is the account of their reading, whose `where` names the row under way.
        source: the file's name; form: its format's.
    """
    encode, kept, batch = msgspec.json.encode, folder.family("traces").places, set[str]()
    sets = set(folder.keys("toolsets"))
    union: dict[str, ToolSpec] = {}
    lines, keys, number = list[bytes](), list[str](), len(folder.family("traces"))
    for item in items:
        account.rows_in += 1
        found = events(item.trace)
        account.events_in += found
        account.where = read.where
        key = content_id(item)
        if key in batch or key in kept:
            account.drop_row(SAME, found)
            continue
        batch.add(key)
        keys.append(key)
        if item.trace.tools not in sets:
            sets.add(item.trace.tools)
            folder.commit("toolsets", Note(item.trace.tools, (item.trace.tools,)), encode(Line(item.trace.tools, item.tools)) + b"\n")
            union |= {tool.name: tool for tool in item.tools if tool.name not in union}
        lineage = {**item.trace.lineage, "from": {"file": source, "row": read.where.removeprefix(source), "format": form}}
        trace = msgspec.structs.replace(item.trace, lineage=lineage)
        lines.append(encode(Line(key, trace)) + b"\n")
        account.rows_out += 1
        account.events_out += found
        if len(lines) >= TOGETHER:
            folder.commit("traces", Note(f"import-{number:06d}", tuple(keys)), b"".join(lines))
            lines, keys, number = [], [], number + 1
            batch.clear()
    if lines:
        folder.commit("traces", Note(f"import-{number:06d}", tuple(keys)), b"".join(lines))
    if not folder.has("tools.json"):
        offered = tuple(union.values())
        about: dict[str, Any] = {"world": "", "toolset": toolset_digest(offered), "forks": "none", "policy": "", "tools": offered}
        folder.put_json("tools.json", about | {"notes": (f"imported from {source}",)})
