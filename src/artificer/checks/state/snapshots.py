"""The states that an episode went through: a snapshot at each message, rebuilt from the start and what each call changed.

The conversation is a table too, `@messages`; its snapshot at a message is that message alone, as in ToolSandbox, so
that what was said and called can be asked of like any other state.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import cast

import msgspec

from artificer.checks.base import Episode
from artificer.core.canon import Json
from artificer.core.tasks import Effect
from artificer.core.trace import Node
from artificer.worlds.base import Rows

MESSAGES = "@messages"
_TEXT = 1 << 16
"""Letters of a message that are looked at: more is no message, and every milestone reads each of them."""


class Snapshots:
    """Tables at every message.

    Args:
        start: the tables that may be asked for, as they were before anybody spoke; those left out began empty.
        messages: a row for each message.
        effects: what each message's call changed, () for most.
        first: the first message of the user: where the conversation begins.
    """

    def __init__(self, start: Rows, messages: Sequence[dict[str, Json]], effects: Sequence[Sequence[Effect]], first: int = 0) -> None:
        self.first = first
        self._messages = messages
        self._versions = {table: [list(rows.values())] for table, rows in start.items()}
        self._changes: dict[str, list[int]] = {}
        now = {table: dict(rows) for table, rows in start.items()}
        for at, made in enumerate(effects):
            touched = {effect.table for effect in made}
            for effect in made:
                _apply(now.setdefault(effect.table, {}), effect)
            for table in touched:
                self._versions.setdefault(table, [[]]).append(list(now[table].values()))
                self._changes.setdefault(table, []).append(at)

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def touched(self) -> frozenset[str]:
        """The tables that changed at some message."""
        return frozenset(self._changes)

    def version(self, table: str, at: int) -> int:
        """How often a table had changed by a message: equal numbers mean equal rows."""
        if table == MESSAGES:
            return at
        return bisect_right(self._changes.get(table, ()), at)

    def rows(self, table: str, version: int) -> list[dict[str, Json]]:
        """A table's rows in a version of it."""
        if table == MESSAGES:
            return [self._messages[version]]
        return self._versions.get(table, [[]])[version]


def _apply(rows: dict[tuple[Json, ...], dict[str, Json]], effect: Effect) -> None:
    """Makes one net change. An insert of a row that is there, or an update of one that is not, is taken as it comes."""
    if effect.change == "delete":
        rows.pop(effect.key, None)
        return
    new = {name: new for name, (_, new) in effect.columns.items()}
    rows[effect.key] = (rows.get(effect.key, {}) | new) if effect.change == "update" else new


def touched_by(nodes: Iterable[Node]) -> set[str]:
    """The tables that a branch's calls changed, one by one."""
    return {effect.table for node in nodes for effect in node.effects}


def started(nodes: Iterable[Node]) -> Rows:
    """What calls tell of the start: of each row that was changed or deleted, the columns that were. Enough to see what
    came, went and changed, where a world does not show its state.
    """
    rows: Rows = {}
    seen: set[tuple[str, tuple[Json, ...]]] = set()
    for node in nodes:
        for effect in node.effects:
            if (effect.table, effect.key) not in seen:
                seen.add((effect.table, effect.key))
                if effect.change != "insert":
                    rows.setdefault(effect.table, {})[effect.key] = {}
            row = rows.get(effect.table, {}).get(effect.key)
            if row is not None:
                for name, (old, _) in effect.columns.items():
                    row.setdefault(name, old)
    return rows


def snapshots_of(episode: Episode, start: Rows) -> Snapshots:
    """An episode's snapshots, from its tables at the start."""
    nodes = episode.nodes
    first = next((at for at, node in enumerate(nodes) if node.message.role == "user"), 0)
    return Snapshots(start, message_rows(nodes), [node.effects for node in nodes], first)


def message_rows(nodes: Sequence[Node]) -> list[dict[str, Json]]:
    """Messages as rows: `sender` and `recipient` (`system`, `user`, `agent`, `tools`), `content`, `tool_trace`, `error`.

    A call's content is what stands before it, then a line for each call, `NAME({"argument": value})`. A result's
    content is what the tool answered, and its `tool_trace` the call with its result, where it did not fail.
    """
    rows: list[dict[str, Json]] = []
    calls: dict[str, tuple[str, dict[str, Json]]] = {}
    caller = "agent"
    for node in nodes:
        message = node.message
        speaker = {"assistant": "agent", "tool": "tools"}.get(message.role, message.role)
        if message.calls:
            caller = speaker
            calls = {call.id: (call.name, call.arguments) for call in message.calls}
            lines = [message.text, *(f"{call.name}({_written(call.arguments)})" for call in message.calls)]
            rows.append(_row(speaker, "tools", "\n".join(line for line in lines if line)))
        elif message.result is not None:
            result = message.result
            failed = result.error is not None
            name, arguments = calls.pop(result.call_id, ("", cast("dict[str, Json]", {})))
            trace: Json = None if failed or not name else [{"tool_name": name, "arguments": arguments, "result": result.content}]
            rows.append(_row("tools", caller, result.detail or "" if failed else _written(result.content), trace, result.error))
        else:
            rows.append(_row(speaker, "user" if speaker == "agent" else "agent", message.text))
    return rows


def _row(sender: str, recipient: str, content: str, trace: Json = None, error: str | None = None) -> dict[str, Json]:
    return {"sender": sender, "recipient": recipient, "content": content[:_TEXT], "tool_trace": trace, "error": error}


def _written(value: Json) -> str:
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value).decode()
    except (RecursionError, UnicodeError, OverflowError, TypeError, ValueError):
        return "(a value that cannot be written)"


def turn_count(rows: Sequence[dict[str, Json]]) -> int:
    """Messages less those of the system and what passes between a user and tools: upstream's effective turns."""
    return sum(row["sender"] != "system" and {row["sender"], row["recipient"]} != {"user", "tools"} for row in rows)
