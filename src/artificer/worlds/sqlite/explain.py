"""Why a write was refused, in words an agent can act on: which constraint, which column, which row is missing or in
the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import apsw

from artificer.core.verdicts import ErrorKind
from artificer.worlds.sqlite.schema import Schema, Table
from artificer.worlds.sqlite.session import Refusal
from artificer.worlds.sqlite.values import quote, shown


def missing(table: Table, key: Sequence[Any]) -> Refusal:
    """No row has this key."""
    return Refusal(ErrorKind.not_found, f"no row in {table.name} with {named(table.key, key)}")


def refused_write(connection: apsw.Connection, schema: Schema, table: Table, values: Mapping[str, Any], error: apsw.ConstraintError) -> Refusal:
    """A create or an update that a constraint stopped. The failed statement is undone already."""
    text = str(error)
    if text.startswith("FOREIGN KEY"):
        for foreign in table.foreign:
            told = [values.get(column) for column in foreign.columns]
            if None not in told and not _exists(connection, foreign.table, foreign.target, told):
                return Refusal(
                    ErrorKind.constraint,
                    f"no row in {foreign.table} with {named(foreign.target, told)}, to which {', '.join(foreign.columns)} must refer",
                )
        return Refusal(ErrorKind.constraint, f"a foreign key of {table.name}, or one that leads to it, would be broken")
    if text.startswith("UNIQUE constraint failed: "):
        columns = [part.rpartition(".")[2] for part in text.removeprefix("UNIQUE constraint failed: ").split(", ")]
        return Refusal(ErrorKind.constraint, f"there already is a row in {table.name} with the same {' and '.join(columns)}; it must be unique")
    if text.startswith("NOT NULL constraint failed: "):
        return Refusal(ErrorKind.constraint, f"{text.rpartition('.')[2]} must not be null")
    if text.startswith("CHECK constraint failed: "):
        return Refusal(ErrorKind.constraint, f"the values break the rule of {table.name}: {text.removeprefix('CHECK constraint failed: ')}")
    return Refusal(ErrorKind.constraint, text)


def refused_delete(connection: apsw.Connection, schema: Schema, table: Table, key: Sequence[Any], error: apsw.ConstraintError) -> Refusal:
    """A delete that a constraint stopped: counts the rows that refer to it."""
    if not str(error).startswith("FOREIGN KEY"):
        return Refusal(ErrorKind.constraint, str(error))
    where = " AND ".join(f"{quote(name)} = ?" for name in table.key)
    reasons: list[str] = []
    for child, foreign in schema.referrers(table.name):
        if foreign.on_delete in {"CASCADE", "SET NULL"}:
            continue
        row = connection.execute(f"SELECT {', '.join(map(quote, foreign.target))} FROM {quote(table.name)} WHERE {where}", tuple(key)).fetchone()
        match = " AND ".join(f"{quote(name)} = ?" for name in foreign.columns)
        count = connection.execute(f"SELECT count(*) FROM {quote(child)} WHERE {match}", row).fetchone() if row else None
        if count and count[0]:
            reasons.append(f"{_counted(count[0], child)} to it by {', '.join(foreign.columns)}")
    return Refusal(
        ErrorKind.constraint, f"{table.name} with {named(table.key, key)} cannot be deleted: {'; '.join(reasons) or 'rows still refer to it'}"
    )


def _counted(count: int, table: str) -> str:
    return f"1 row of {table} still refers" if count == 1 else f"{count} rows of {table} still refer"


def named(columns: Sequence[str], values: Sequence[Any]) -> str:
    """`album_id 9999`, or `order_id 7 and line 2`."""
    return " and ".join(f"{name} {shown(value)!r}" for name, value in zip(columns, values))


def _exists(connection: apsw.Connection, table: str, columns: Sequence[str], values: Sequence[Any]) -> bool:
    where = " AND ".join(f"{quote(name)} = ?" for name in columns)
    return connection.execute(f"SELECT 1 FROM {quote(table)} WHERE {where}", tuple(values)).fetchone() is not None
