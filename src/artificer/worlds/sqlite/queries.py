"""What derived tools do: closures over prepared SQL text. Identifiers are quoted once, when a world is made; values
are only ever bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import apsw

from artificer.core.canon import Json
from artificer.core.verdicts import ErrorKind
from artificer.worlds.sqlite.columns import incoming, outgoing
from artificer.worlds.sqlite.explain import missing, refused_delete, refused_write
from artificer.worlds.sqlite.schema import Schema, Table
from artificer.worlds.sqlite.session import Refusal, Run
from artificer.worlds.sqlite.values import quote, rows

DEFAULT_ROWS = 20
MOST_ROWS = 100
Compare = Literal["is", "contains", "min", "max"]


class Filter(NamedTuple):
    """One search parameter: the column it looks at, and how."""

    column: str
    compare: Compare


class Through(NamedTuple):
    """A junction between two tables: rows of `table` whose `columns` equal the wanted rows' `target`."""

    table: str
    columns: tuple[str, ...]
    target: tuple[str, ...]


def search(table: Table, filters: Mapping[str, Filter], limit: str) -> Run:
    """Rows that satisfy all given filters, in key order, with the number of all that do."""
    conditions = {name: _condition(table, item) for name, item in filters.items()}
    escaped = {name for name, item in filters.items() if item.compare == "contains"}
    convert = incoming(table, [item.column for item in filters.values()])
    page = _Page(table, quote(table.name))

    def run(connection: apsw.Connection, arguments: dict[str, Any]) -> Json:
        given = convert({name: value for name, value in arguments.items() if name != limit})
        where = " AND ".join([conditions[name] for name in given])
        values = tuple(_pattern(value) if name in escaped else value for name, value in given.items())
        return page.rows(connection, where, values, arguments.get(limit, DEFAULT_ROWS))

    return run


def children(
    table: Table, columns: Sequence[str], parent: Table, target: Sequence[str], parameters: Sequence[str], limit: str, through: Through | None = None
) -> Run:
    """Rows that refer to one row of `parent`; `parameters` hold the values of its `target` columns."""
    if through is None:
        page, where = _Page(table, quote(table.name)), _equals(columns)
    else:
        join = " AND ".join(f"j.{quote(one)} = t.{quote(other)}" for one, other in zip(through.columns, through.target))
        page = _Page(table, f"{quote(table.name)} AS t JOIN {quote(through.table)} AS j ON {join}", "t.")
        where = " AND ".join(f"j.{quote(name)} = ?" for name in columns)
    there = f"SELECT 1 FROM {quote(parent.name)} WHERE {_equals(target)}"

    def run(connection: apsw.Connection, arguments: dict[str, Any]) -> Json:
        values = tuple(arguments[name] for name in parameters)
        if connection.execute(there, values).fetchone() is None:
            raise missing(parent, values)
        return page.rows(connection, where, values, arguments.get(limit, DEFAULT_ROWS))

    return run


def get(table: Table) -> Run:
    """The row with a key."""
    sql = f"SELECT {_columns(table)} FROM {quote(table.name)} WHERE {_equals(table.key)}"
    show, convert = outgoing(table), incoming(table, table.key)

    def run(connection: apsw.Connection, arguments: dict[str, Any]) -> Json:
        given = convert(arguments)
        key = tuple(given[name] for name in table.key)
        row = connection.execute(sql, key).fetchone()
        if row is None:
            raise missing(table, key)
        return show(row)

    return run


def parent_of(table: Table, columns: Sequence[str], parent: Table, target: Sequence[str]) -> Run:
    """The row of `parent` to which the row with a key refers; null when it refers to none."""
    own = f"SELECT {', '.join(map(quote, columns))} FROM {quote(table.name)} WHERE {_equals(table.key)}"
    other = f"SELECT {_columns(parent)} FROM {quote(parent.name)} WHERE {_equals(target)}"
    show, convert = outgoing(parent), incoming(table, table.key)

    def run(connection: apsw.Connection, arguments: dict[str, Any]) -> Json:
        given = convert(arguments)
        key = tuple(given[name] for name in table.key)
        reference = connection.execute(own, key).fetchone()
        if reference is None:
            raise missing(table, key)
        row = connection.execute(other, reference).fetchone()
        return None if row is None else show(row)

    return run


def create(schema: Schema, table: Table) -> Run:
    """Adds a row and returns it as it then stands (defaults, generated columns and triggers included)."""
    stored = {name for name, column in table.columns.items() if not column.generated}
    reread = f"SELECT {_columns(table)} FROM {quote(table.name)} WHERE "
    keyed = table.without_rowid or "_rowid_" in {name.lower() for name in table.columns}  # else the rowid finds it, whatever made its key
    by_key = f"{reread}{_equals(table.key)}" if keyed else f"{reread}_rowid_ = ?"
    show, convert = outgoing(table), incoming(table, stored)

    def run(connection: apsw.Connection, arguments: dict[str, Any]) -> Json:
        values = convert(arguments)
        names = [name for name in values if name in stored]
        into = f"({', '.join(map(quote, names))}) VALUES ({', '.join('?' * len(names))})" if names else "DEFAULT VALUES"
        try:
            connection.execute(f"INSERT INTO {quote(table.name)} {into}", tuple(values[name] for name in names))
        except apsw.ConstraintError as error:
            raise refused_write(connection, schema, table, values, error) from error
        key = tuple(values.get(name) for name in table.key) if keyed else (connection.last_insert_rowid(),)
        row = connection.execute(by_key, key).fetchone()
        return None if row is None else show(row)

    return run


def update(schema: Schema, table: Table) -> Run:
    """Changes columns of the row with a key and returns it as it then stands."""
    where = _equals(table.key)
    reread = f"SELECT {_columns(table)} FROM {quote(table.name)} WHERE {where}"
    show, convert = outgoing(table), incoming(table, table.columns)

    def run(connection: apsw.Connection, arguments: dict[str, Any]) -> Json:
        values = convert(arguments)
        key = tuple(values[name] for name in table.key)
        changes = {name: value for name, value in values.items() if name not in table.key}
        if connection.execute(reread, key).fetchone() is None:
            raise missing(table, key)
        try:
            connection.execute(
                f"UPDATE {quote(table.name)} SET {', '.join(f'{quote(name)} = ?' for name in changes)} WHERE {where}", (*changes.values(), *key)
            )
        except apsw.ConstraintError as error:
            raise refused_write(connection, schema, table, values, error) from error
        row = connection.execute(reread, key).fetchone()
        return None if row is None else show(row)

    return run


def delete(schema: Schema, table: Table) -> Run:
    """Deletes the row with a key and returns it as it stood."""
    where = _equals(table.key)
    reread = f"SELECT {_columns(table)} FROM {quote(table.name)} WHERE {where}"
    show, convert = outgoing(table), incoming(table, table.key)

    def run(connection: apsw.Connection, arguments: dict[str, Any]) -> Json:
        given = convert(arguments)
        key = tuple(given[name] for name in table.key)
        row = connection.execute(reread, key).fetchone()
        if row is None:
            raise missing(table, key)
        try:
            connection.execute(f"DELETE FROM {quote(table.name)} WHERE {where}", key)
        except apsw.ConstraintError as error:
            raise refused_delete(connection, schema, table, key, error) from error
        return {"deleted": show(row)}

    return run


class _Page:
    """The SQL of a page of rows, and of their number."""

    def __init__(self, table: Table, source: str, prefix: str = "") -> None:
        self.show = outgoing(table)
        columns = ", ".join(prefix + quote(name) for name in table.columns)
        order = ", ".join(prefix + quote(name) for name in table.key) or ("" if table.view else f"{prefix}_rowid_")
        self.select = f"SELECT {columns} FROM {source}"
        self.count = f"SELECT count(*) FROM {source}"
        self.order = f" ORDER BY {order}" if order else ""

    def rows(self, connection: apsw.Connection, where: str, values: tuple[Any, ...], limit: int) -> Json:
        where = f" WHERE {where}" if where else ""
        found = rows(connection, f"{self.select}{where}{self.order} LIMIT ?", (*values, int(limit) + 1))
        total = len(found)
        if total > limit:
            total = int(rows(connection, f"{self.count}{where}", values)[0][0])
        return {"rows": [self.show(row) for row in found[: int(limit)]], "total": total}


def _columns(table: Table) -> str:
    return ", ".join(map(quote, table.columns))


def _equals(columns: Sequence[str]) -> str:
    return " AND ".join(f"{quote(name)} = ?" for name in columns)


def _condition(table: Table, item: Filter) -> str:
    name = quote(item.column)
    if item.compare == "contains":
        return f"{name} LIKE ? ESCAPE '\\'"
    if item.compare == "min":
        return f"{name} >= ?"
    if item.compare == "max":
        return f"{name} <= ?"
    return f"{name} IS ? COLLATE NOCASE" if table.columns[item.column].kind == "text" else f"{name} IS ?"


def _pattern(value: str) -> str:
    if "\0" in value:  # LIKE would take the text only up to there, and find everything
        raise Refusal(ErrorKind.invalid_argument, "a text to look for may not contain the character U+0000")
    return "%" + value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
