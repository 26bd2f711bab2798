"""Looking at a database without touching it: one query that can only read, and all rows by key.

That a query only reads is not judged by its text. SQLite asks an authorizer about everything that a statement would
do, and what is no reading is refused; commits are refused besides. Chance is refused too, so that the same state
always gives the same answer; the time is the world's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import apsw

from artificer.core.canon import Json
from artificer.worlds.base import Rows, Selected
from artificer.worlds.sqlite.changes import Layout
from artificer.worlds.sqlite.values import quote, rows, to_json

ROWS = 10_000
"""Rows that a query may give."""
SIZE = 16 << 20
"""Bytes of text and BLOBs that a query may give."""
_READS = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_RECURSIVE, apsw.SQLITE_FUNCTION})
_REFUSED = frozenset(
    {
        *("random", "randomblob", "load_extension", "fts3_tokenizer"),
        *("changes", "total_changes", "last_insert_rowid"),
        *("sqlite_version", "sqlite_source_id", "sqlite_compileoption_get", "sqlite_compileoption_used"),
    }
)
"""Functions that do something, or whose value is not one of the state."""


class _Stopped(Exception):
    """Raised out of a query; says why."""


def _allowed(what: int, first: str | None, second: str | None, database: str | None, inner: str | None) -> int:
    """SQLite's question whether a statement may do something."""
    if what == apsw.SQLITE_FUNCTION and (second or "").lower() in _REFUSED:
        return apsw.SQLITE_DENY
    return apsw.SQLITE_OK if what in _READS else apsw.SQLITE_DENY


def select(connection: apsw.Connection, sql: str, parameters: Sequence[Json] | Mapping[str, Json] = ()) -> Selected:
    """Runs one query; see the module docstring. The connection's own progress handler limits its time.

    Args:
        sql: one statement. With `?` marks `parameters` are a list, with `:name` a mapping.
    """
    statements = 0

    def traced(cursor: apsw.Cursor, statement: str, bindings: Any) -> bool:
        nonlocal statements
        statements += cursor.has_vdbe  # a comment has none
        if statements > 1:
            raise _Stopped("it is more than one statement")
        if cursor.is_explain:
            raise _Stopped("it asks how, not what")
        return True

    cursor = connection.cursor()
    cursor.exec_trace = traced
    before = connection.authorizer
    connection.authorizer = _allowed
    try:
        found = _fetched(cursor, sql, parameters)
        return found if statements else Selected(failed="it is no statement")
    except _Stopped as stopped:
        return Selected(failed=str(stopped))
    except apsw.AuthError as error:
        return Selected(failed=f"it does more than to read: {error}")
    except apsw.InterruptError:
        return Selected(failed="it took too many steps and was stopped")
    except apsw.BindingsError as error:
        return Selected(failed=f"its parameters do not fit: {error}")
    except (apsw.Error, OverflowError, TypeError, ValueError) as error:  # UnicodeError is a ValueError
        return Selected(failed=str(error).encode("utf-8", "replace").decode()[:500])
    finally:
        cursor.close(True)
        connection.authorizer = before


def _fetched(cursor: apsw.Cursor, sql: str, parameters: Sequence[Json] | Mapping[str, Json]) -> Selected:
    bound: Any = dict(parameters) if isinstance(parameters, Mapping) else tuple(parameters)
    found: list[tuple[Json, ...]] = []
    size = 0
    columns: tuple[str, ...] = ()
    for row in cursor.execute(sql, bound, can_cache=False):
        if not found:
            columns = tuple(str(part[0]) for part in cursor.get_description())
        size += sum(len(cell) for cell in row if isinstance(cell, (str, bytes)))
        if len(found) >= ROWS or size > SIZE:
            raise _Stopped(f"it gives more than {ROWS} rows or {SIZE >> 20} MiB")
        found.append(tuple(to_json(cell) for cell in row))
    return Selected(columns, tuple(found))


def keyed(connection: apsw.Connection, layouts: Mapping[str, Layout], tables: Collection[str] | None) -> Rows:
    """All rows of the tables, by the keys that effects name them by."""
    found: Rows = {}
    for table, layout in layouts.items():
        if tables is None or table in tables:
            found[table] = _table(connection, table, layout)
    return found


def _table(connection: apsw.Connection, table: str, layout: Layout) -> dict[tuple[Json, ...], dict[str, Json]]:
    columns = ", ".join(map(quote, layout.columns))
    places = [layout.columns.index(name) for name in layout.key]
    found: dict[tuple[Json, ...], dict[str, Json]] = {}
    for row in rows(connection, f"SELECT {'_rowid_, ' if layout.rowid else ''}{columns} FROM main.{quote(table)}"):
        cells = [to_json(cell) if type(cell) is bytes or type(cell) is float else cell for cell in row]  # most are as they are
        key = (cells.pop(0),) if layout.rowid else tuple([cells[place] for place in places])
        found[key] = dict(zip(layout.columns, cells, strict=True))
    return found
