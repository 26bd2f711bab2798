"""State: what a session has changed, over rows that it shares with all sessions of its seed.

A fork copies the changes, not the rows. The journal of changes gives the net effects since any call; the digest is of what differs from the start.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from artificer.core.canon import Json, canonical, digest
from artificer.core.tasks import Effect
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.rows import Base, Key, Row
from artificer.worlds.openapi.tables import Table


class Change(Struct, frozen=True):
    """One row before and after the call with this number."""

    call: int
    table: str
    key: Key
    before: Row | None
    after: Row | None
    generated: bool = False


class State:
    """See the module docstring."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._changed: dict[str, dict[Key, Row | None]] = {}
        self._made: dict[str, int] = {}
        self._journal: list[Change] = []

    def fork(self) -> State:
        """A copy that shares nothing that changes."""
        other = State(self._base)
        other._changed = {name: dict(rows) for name, rows in self._changed.items()}
        other._made = dict(self._made)
        other._journal = list(self._journal)
        return other

    def row(self, table: Table, key: Key) -> Row | None:
        """The row of a key, as it is now."""
        changed = self._changed.get(table.name, {})
        if key in changed:
            return changed[key]
        return self._base.rows(table).get(key) if table.keys else self._base.single(table, key)

    def rows(self, table: Table) -> list[tuple[Key, Row]]:
        """All rows of a table, those that it began with first."""
        changed = self._changed.get(table.name, {})
        base = self._base.rows(table)
        found = [(key, changed.get(key, row)) for key, row in base.items()]
        found += [(key, row) for key, row in changed.items() if key not in base]
        return [(key, row) for key, row in found if row is not None]

    def first(self, table: Table) -> list[Row]:
        """The rows that a table began with."""
        return list(self._base.rows(table).values())

    def next_number(self, table: str) -> int:
        """1, 2, 3, ...: how many rows calls have made in a table, this one included."""
        self._made[table] = self._made.get(table, 0) + 1
        return self._made[table]

    def put(self, table: str, key: Key, before: Row | None, after: Row | None, call: int, *, generated: bool = False) -> None:
        """Writes a row; None takes it away."""
        self._changed.setdefault(table, {})[key] = after
        self._journal.append(Change(call, table, key, before, after, generated))

    def undo(self, call: int) -> None:
        """Takes back what the call with this number changed."""
        while self._journal and self._journal[-1].call == call:
            change = self._journal.pop()
            self._changed[change.table][change.key] = change.before

    def digest(self) -> str:
        """Digest of the rows that differ from those of the start."""
        net = self._net(0)
        return digest("openapi", [(change.table, change.key, None if change.after is None else _columns(change.after)) for change in net])

    def effects(self, since: int) -> tuple[Effect, ...]:
        """Net effects of the calls after the first `since`."""
        return tuple(_effect(change) for change in self._net(since))

    def _net(self, since: int) -> list[Change]:
        net: dict[tuple[str, Key], Change] = {}
        for change in self._journal:
            if change.call > since:
                first = net.get((change.table, change.key), change)
                generated = first.generated or change.generated
                net[change.table, change.key] = Change(change.call, change.table, change.key, first.before, change.after, generated)
        kept = [change for change in net.values() if change.before != change.after]
        return sorted(kept, key=lambda change: (change.table, canonical(change.key)))


def _effect(change: Change) -> Effect:
    kind: Literal["insert", "update", "delete"] = "insert" if change.before is None else "delete" if change.after is None else "update"
    before = _columns(change.before) if change.before is not None else {}
    after = _columns(change.after) if change.after is not None else {}
    columns = {name: (before.get(name), after.get(name)) for name in sorted({*before, *after}) if before.get(name) != after.get(name)}
    row = change.after or change.before
    keys = row.keys if row is not None and row.keys else change.key
    return Effect(change.table, tuple(keys), kind, columns, generated=change.generated and kind == "insert")


def _columns(row: Row) -> Object:
    """A row's data as columns, nested objects with dotted names; the items it lies in as `in COLLECTION`."""
    columns = _flat(row.data, "")
    for signature, keys in row.scope.items():
        columns[f"in {'/'.join(signature)}"] = keys[0] if len(keys) == 1 else list(keys)
    return columns


def _flat(value: Object, prefix: str) -> dict[str, Json]:
    columns: dict[str, Json] = {}
    for name, part in value.items():
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(part, dict) and part:
            columns |= _flat(part, path)  # type: ignore[arg-type]
        else:
            columns[path] = part
    return columns
