"""A database's schema as frozen structs: tables, columns, keys, foreign keys, and what its CHECKs and its rows tell
of the values.

Declared types in SQLite are hints, so a column's `kind` also looks at a sample of its values: a TEXT column full of
ISO dates is a date, a DATE column full of integers is an integer. What cannot be used is named in `problems`.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import apsw
from msgspec import Struct, structs

from artificer.worlds.base import Problem
from artificer.worlds.sqlite.ddl import Bound, Definition, read_definition
from artificer.worlds.sqlite.values import Row, one, quote, rows

Kind = Literal["integer", "real", "text", "blob", "boolean", "date", "datetime", "any"]
_SAMPLE = 200
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?")
_MACHINE_MADE = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}|[0-9a-f]{16,64}|[0-9A-HJKMNP-TV-Z]{26}")
_LENGTH = re.compile(r"CHAR[A-Z ]*\(\s*(\d+)\s*\)")


class Column(Struct, frozen=True, omit_defaults=True):
    """One column. `type` is as declared; `default` is SQL text; `choices`, `minimum`, `maximum`, `max_length` come
    from CHECKs and `VARCHAR(n)`.
    """

    name: str
    type: str
    kind: Kind
    not_null: bool = False
    default: str | None = None
    generated: bool = False
    choices: tuple[int | float | str, ...] | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    max_length: int | None = None
    comment: str = ""
    example: Any = None


class ForeignKey(Struct, frozen=True):
    """`columns` of this table refer to `target` columns of `table`."""

    columns: tuple[str, ...]
    table: str
    target: tuple[str, ...]
    on_delete: str


class Table(Struct, frozen=True, omit_defaults=True):
    """A table or a view.

    Args:
        key: primary key columns, () when none.
        rowid_key: the key is one INTEGER PRIMARY KEY, which SQLite assigns.
        surrogate: the key is one column that no person knows: a `rowid_key`, an integer id, or text that looks
            machine-made.
        checks: the text of every CHECK.
    """

    name: str
    columns: dict[str, Column]
    key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    foreign: tuple[ForeignKey, ...] = ()
    rowid_key: bool = False
    surrogate: bool = False
    view: bool = False
    without_rowid: bool = False
    strict: bool = False
    checks: tuple[str, ...] = ()
    comment: str = ""
    sql: str = ""

    def refers(self, column: str) -> ForeignKey | None:
        """The single-column foreign key on `column`."""
        return next((foreign for foreign in self.foreign if foreign.columns == (column,)), None)


class Schema(Struct, frozen=True):
    """All usable tables and views, in name order, and what could not be used."""

    tables: dict[str, Table]
    problems: tuple[Problem, ...] = ()

    def referrers(self, table: str) -> list[tuple[str, ForeignKey]]:
        """Tables whose foreign keys lead to `table` (itself included), with those keys."""
        return [(name, foreign) for name, other in self.tables.items() for foreign in other.foreign if foreign.table == table]

    def surrogate_of(self, table: str, column: str) -> str | None:
        """`"table.column"` of the surrogate key that this column holds: its own table's, or the one its foreign key
        leads to.
        """
        seen: set[str] = set()
        while table not in seen:
            seen.add(table)
            here = self.tables[table]
            foreign = here.refers(column)
            parent = self.tables.get(foreign.table) if foreign else None
            if foreign is None or parent is None or parent.name == table or parent.key != foreign.target or not parent.surrogate:
                break
            table, column = parent.name, parent.key[0]  # a key that is also a foreign key holds the parent's id
        here = self.tables[table]
        if here.surrogate and here.key == (column,):
            return f"{table}.{column}"
        own = here.refers(column)
        return f"{table}.{here.key[0]}" if own and own.table == table and here.surrogate and here.key == own.target else None


def read_schema(connection: apsw.Connection) -> Schema:
    """Reads the main database's schema. Costs a few milliseconds; do it once for a world."""
    problems: list[Problem] = []
    names: dict[str, str] = {}
    listed: list[tuple[str, str, bool, bool]] = []
    for _, name, kind, _, without_rowid, strict in rows(connection, "PRAGMA main.table_list"):
        if name.lower().startswith("sqlite_"):
            continue
        if kind == "virtual":
            problems.append(Problem(f"table {name}", "a virtual table; it is left out, since its content is not kept as rows"))
        elif kind in {"table", "view"}:
            listed.append((name, kind, bool(without_rowid), bool(strict)))
            names[name.lower()] = name
    tables: dict[str, Table] = {}
    for name, kind, without_rowid, strict in sorted(listed):
        try:
            table = _table(connection, name, kind == "view", without_rowid, strict, problems)
        except (apsw.Error, UnicodeDecodeError) as error:
            problems.append(Problem(f"{kind} {name}", f"cannot be read ({error}); it is left out"))
            continue
        if table.columns:
            tables[name] = table
    for name, table in list(tables.items()):
        if not table.view:
            tables[name] = _with_foreign(connection, table, tables, names, problems)
    return Schema({name: _with_surrogate(connection, table) for name, table in tables.items()}, tuple(problems))


def _table(connection: apsw.Connection, name: str, view: bool, without_rowid: bool, strict: bool, problems: list[Problem]) -> Table:
    info = rows(connection, f"PRAGMA main.table_xinfo({quote(name)})")
    row = one(connection, "SELECT sql FROM main.sqlite_schema WHERE name = ? AND type IN ('table', 'view')", (name,))
    sql = str(row[0]) if row and row[0] else ""
    said = read_definition(sql) if not view else Definition((), (), "", {})
    visible = [item for item in info if item[6] != 1]
    if not visible:
        return Table(name, {})
    sample = rows(connection, f"SELECT {', '.join(quote(item[1]) for item in visible)} FROM main.{quote(name)} LIMIT {_SAMPLE}")
    columns: dict[str, Column] = {}
    for index, (_, column, declared, not_null, default, in_key, hidden) in enumerate(visible):
        values = [values[index] for values in sample if values[index] is not None]
        columns[column] = _column(column, declared or "", bool(not_null) or (without_rowid and bool(in_key)), default, hidden in {2, 3}, values, said)
    key = tuple(item[1] for item in sorted((item for item in visible if item[5]), key=lambda item: item[5]))
    rowid_key = len(key) == 1 and not without_rowid and columns[key[0]].type.upper() == "INTEGER" and not _descending(sql)
    if rowid_key:
        columns[key[0]] = _changed(columns[key[0]], not_null=True)
    unique = _unique(connection, name, view)
    table = Table(name, columns, key, unique, (), rowid_key, False, view, without_rowid, strict, said.checks, said.comment, sql)
    if open_key(table):
        problems.append(
            Problem(f"table {name}", f"its key {', '.join(key)} is not declared NOT NULL; rows whose key is NULL cannot be named or written")
        )
    return table


def open_key(table: Table) -> bool:
    """Whether the table's declared key allows NULL, which SQLite does for all but rowids and tables without rowid."""
    return not table.rowid_key and not table.without_rowid and any(not table.columns[part].not_null for part in table.key)


def _descending(sql: str) -> bool:
    """`INTEGER PRIMARY KEY DESC` is, for historical reasons, no alias of the rowid."""
    return re.search(r"INTEGER\s+(NOT\s+NULL\s+)?PRIMARY\s+KEY\s+DESC", sql, re.IGNORECASE) is not None


def _changed(column: Column, **changes: Any) -> Column:
    return structs.replace(column, **changes)


def _unique(connection: apsw.Connection, name: str, view: bool) -> tuple[tuple[str, ...], ...]:
    out: list[tuple[str, ...]] = []
    if not view:
        for _, index, unique, origin, partial in rows(connection, f"PRAGMA main.index_list({quote(name)})"):
            if unique and not partial and origin != "pk":
                columns = [item[2] for item in rows(connection, f"PRAGMA main.index_info({quote(index)})")]
                if None not in columns:
                    out.append(tuple(columns))
    return tuple(sorted(out))


def _column(name: str, declared: str, not_null: bool, default: str | None, generated: bool, values: list[Any], said: Definition) -> Column:
    kind = _kind(declared.upper(), values)
    limits = _limits([bound for bound in said.bounds if bound.column.lower() == name.lower()], kind)
    length = _LENGTH.search(declared.upper())
    max_length = limits.pop("max_length", int(length.group(1)) if length and kind == "text" else None)
    if max_length is not None and any(isinstance(value, str) and len(value) > max_length for value in values):
        max_length = None  # SQLite does not enforce a declared length, and these rows do not keep it
    return Column(
        name,
        declared,
        kind,
        not_null,
        default,
        generated,
        max_length=max_length,
        comment=said.comments.get(name.lower(), ""),
        example=next((value for value in values if not isinstance(value, bytes)), None),
        **limits,
    )


def _limits(bounds: list[Bound], kind: Kind) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for bound in bounds:
        value = bound.values[0]
        if bound.kind == "choices":
            limits["choices"] = bound.values
        elif bound.kind == "max_length":
            limits["max_length"] = value
        elif bound.kind in {"minimum", "above"} and kind in {"integer", "real"}:
            limits["minimum"] = int(value) + 1 if bound.kind == "above" and kind == "integer" and isinstance(value, int) else value
        elif bound.kind in {"maximum", "below"} and kind in {"integer", "real"}:
            limits["maximum"] = int(value) - 1 if bound.kind == "below" and kind == "integer" and isinstance(value, int) else value
    return limits


def _kind(declared: str, values: list[Any]) -> Kind:
    """SQLite's affinity rules, refined by the words of the declared type, corrected by the values."""
    types: set[type[Any]] = {type(value) for value in values}
    said = _declared_kind(declared)
    if said == "any" and types:
        said = _kind_of_values(types)
    if said in {"date", "datetime", "text"} and types == {str}:
        if all(_DATE.fullmatch(value) for value in values):
            return "date"
        if all(_DATETIME.fullmatch(value) for value in values):
            return "datetime"
        return "text"
    if said in {"date", "datetime"} and types:
        return _kind_of_values(types)
    if said == "boolean" and not all(value in (0, 1) for value in values):
        return _kind_of_values(types)
    if types - {int, float} and said in {"integer", "real"}:
        return _kind_of_values(types)
    if types - {str} and said == "text":
        return "any"
    return "real" if said == "integer" and float in types else said


def _kind_of_values(types: set[type[Any]]) -> Kind:
    if types <= {int}:
        return "integer"
    if types <= {int, float}:
        return "real"
    return "text" if types == {str} else "blob" if types == {bytes} else "any"


def _declared_kind(declared: str) -> Kind:
    table: tuple[tuple[str, Kind], ...] = (
        ("BOOL", "boolean"), ("DATETIME", "datetime"), ("TIMESTAMP", "datetime"), ("DATE", "date"), ("INT", "integer"), ("CHAR", "text"),
        ("CLOB", "text"),         ("TEXT", "text"), ("JSON", "text"), ("UUID", "text"), ("STRING", "text"), ("BLOB", "blob"), ("REAL", "real"),
        ("FLOA", "real"), ("DOUB", "real"),         ("NUM", "real"), ("DEC", "real"), ("MONEY", "real"), ("TIME", "text"),
    )  # fmt: skip
    for word, kind in table:
        if word in declared:
            return kind
    return "any"


def _with_foreign(connection: apsw.Connection, table: Table, tables: dict[str, Table], names: dict[str, str], problems: list[Problem]) -> Table:
    """The table with its foreign keys, names spelled as their owners spell them."""
    by_id: dict[int, list[Row]] = {}
    for row in rows(connection, f"PRAGMA main.foreign_key_list({quote(table.name)})"):
        by_id.setdefault(row[0], []).append(row)
    own = {name.lower(): name for name in table.columns}
    out: list[ForeignKey] = []
    for parts in by_id.values():
        parts.sort(key=lambda row: row[1])
        _, _, wanted, _, to, _, on_delete, _ = parts[0]
        parent = tables.get(names.get(wanted.lower(), ""))
        columns = tuple(own.get(row[3].lower(), str(row[3])) for row in parts)
        if parent is None or parent.view:
            problems.append(
                Problem(f"table {table.name}", f"{', '.join(columns)} refers to the table {wanted!r}, which is not there; writes will fail")
            )
            continue
        theirs = {name.lower(): name for name in parent.columns}
        target = tuple(theirs.get(row[4].lower(), str(row[4])) for row in parts) if to is not None else parent.key
        if len(target) != len(columns) or (set(target) != set(parent.key) and all(set(target) != set(group) for group in parent.unique)):
            problems.append(
                Problem(f"table {table.name}", f"{', '.join(columns)} refers to columns of {parent.name!r} that are not unique; writes will fail")
            )
            continue
        out.append(ForeignKey(columns, parent.name, target, on_delete))
    out.sort(key=lambda foreign: (foreign.columns, foreign.table))
    return _table_with(table, foreign=tuple(out))


def _with_surrogate(connection: apsw.Connection, table: Table) -> Table:
    if len(table.key) != 1:
        return table
    column = table.columns[table.key[0]]
    if table.rowid_key or (column.kind == "integer" and column.name.lower().endswith("id")):
        return _table_with(table, surrogate=True)
    if column.kind != "text":
        return table
    values = [row[0] for row in rows(connection, f"SELECT {quote(column.name)} FROM main.{quote(table.name)} LIMIT {_SAMPLE}")]
    made = bool(values) and all(isinstance(value, str) and _MACHINE_MADE.fullmatch(value) for value in values)
    return _table_with(table, surrogate=made)


def _table_with(table: Table, **changes: Any) -> Table:
    return structs.replace(table, **changes)
