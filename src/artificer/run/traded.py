"""Run folders and formats: the traces of a run with their tools, and imported traces as a run.

Imported traces are kept under ids made of their content, so that the same trace imported twice is one; where each came from stands in its lineage
under `from`. Their tools lie once for each set in the shards `toolsets`, by the digest that a trace names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from artificer.core.tools import ToolSpec
from artificer.core.trace import Trace
from artificer.formats.account import Account
from artificer.formats.base import Item, content_id, events, toolset_digest
from artificer.run.frames import Note
from artificer.run.shards import Line
from artificer.run.store import RunFolder

TOGETHER = 256
"""Traces written as one commit."""
SAME = "the same trace as an earlier one"


class _Described(msgspec.Struct, frozen=True):
    tools: tuple[ToolSpec, ...] = ()
    policy: str = ""


def traces_of(folder: RunFolder, account: Account) -> Iterator[Item]:
    """The traces of a run in the order of their keys, each with its tools."""
    own = folder.get_json("tools.json", _Described) if folder.has("tools.json") else _Described()
    sets = dict(folder.read("toolsets", tuple[ToolSpec, ...]))
    for key, trace in folder.read("traces", Trace, ordered=True):
        account.where = key
        account.rows_in += 1
        account.rows_out += 1
        found = events(trace)
        account.events_in += found
        account.events_out += found
        yield Item(trace, sets.get(trace.tools, own.tools))


def policy_of(folder: RunFolder) -> str:
    """The policy of a run's world."""
    return folder.get_json("tools.json", _Described).policy if folder.has("tools.json") else ""


def keep(items: Iterable[Item], folder: RunFolder, account: Account, read: Account, *, source: str, form: str) -> None:
    """Writes imported traces into a run folder.

    Args:
        items: read lazily; `read` is the account of their reading, whose `where` names the row under way.
        source: the file's name; form: its format's.
    """
    encode, seen = msgspec.json.encode, set(folder.keys("traces"))
    sets = set(folder.keys("toolsets"))
    union: dict[str, ToolSpec] = {}
    lines, keys, number = list[bytes](), list[str](), len(folder.family("traces").commits)
    for item in items:
        account.rows_in += 1
        found = events(item.trace)
        account.events_in += found
        account.where = read.where
        key = content_id(item)
        if key in seen:
            account.drop_row(SAME, found)
            continue
        seen.add(key)
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
    if lines:
        folder.commit("traces", Note(f"import-{number:06d}", tuple(keys)), b"".join(lines))
    if not folder.has("tools.json"):
        offered = tuple(union.values())
        about: dict[str, Any] = {"world": "", "toolset": toolset_digest(offered), "forks": "none", "policy": "", "tools": offered}
        folder.put_json("tools.json", about | {"notes": (f"imported from {source}",)})
