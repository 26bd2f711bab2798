"""Where a live world's tables are: PostgreSQL's names for what the derived tools name, and the SQL to read them as the
sampled world would show them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from artificer.worlds.postgresql.carry import Schemas
from artificer.worlds.postgresql.catalog import PgColumn, PgRelation
from artificer.worlds.postgresql.kinds import Kind, base_type
from artificer.worlds.sqlite.schema import Schema, Table

_MODIFIERS = re.compile(r"\([\d,-]+\)")
_TEXTUAL = frozenset({"text", "varchar", "bpchar", "char", "citext", "name"})


class Cell(NamedTuple):
    """One column: SQLite's name and kind, PostgreSQL's column, and how a value is bound to it."""

    name: str
    column: PgColumn
    kind: Kind
    bind: str
    """SQL of a value given as text, `%s`; bytes are bound as they are."""
    textual: bool

    @property
    def sql(self) -> str:
        return identifier(self.column.name)

    @property
    def counted(self) -> bool:
        """Whether a sequence gives its values."""
        return bool(self.column.identity) or (self.column.default or "").startswith("nextval(")

    @property
    def order(self) -> str:
        if self.textual:
            return f'{self.sql} COLLATE "C"'
        return self.sql if self.kind.declared != "JSON TEXT" and not self.kind.loss else f"{self.sql}::text"  # not all types have an order

    def bound(self, value: Any) -> Any:
        """A value of JSON as it is bound."""
        if value is None or isinstance(value, bytes | str):
            return value
        return json.dumps(value)


class Place(NamedTuple):
    """One table or view."""

    table: Table
    relation: PgRelation
    cells: dict[str, Cell]

    @property
    def sql(self) -> str:
        return f"{identifier(self.relation.schema)}.{identifier(self.relation.name)}"

    @property
    def shown(self) -> str:
        """SQL of all columns, as they are shown."""
        return ", ".join(cell.kind.select.format(cell.sql) for cell in self.cells.values())

    @property
    def order(self) -> str:
        return ", ".join(self.cells[name].order for name in self.table.key or self.cells)

    def stored(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """A selected row, as the sampled world would store it."""
        return tuple(cell.kind.convert(value) for cell, value in zip(self.cells.values(), row))

    def equals(self, names: Iterable[str]) -> str:
        return " AND ".join(f"{self.cells[name].sql} = {self.cells[name].bind}" for name in names)


def places_of(schemas: Schemas, schema: Schema) -> dict[str, Place]:
    """The places of all tables and views that have tools, by SQLite's name."""
    relations = {schemas.tables[relation.oid]: relation for relation in schemas.kept}
    return {name: _place(schemas, table, relations[name]) for name, table in schema.tables.items()}


def _place(schemas: Schemas, table: Table, relation: PgRelation) -> Place:
    cells: dict[str, Cell] = {}
    for column, name, kind in schemas.columns(relation):
        if name in table.columns:
            cells[name] = _cell(schemas, name, column, kind)
    return Place(table, relation, cells)


def _cell(schemas: Schemas, name: str, column: PgColumn, kind: Kind) -> Cell:
    types = schemas.catalog.types
    base = base_type(types[column.type], types)
    declared = _MODIFIERS.sub("", column.declared)
    if base.name in _TEXTUAL:
        bind = "%s::text"  # a cast to varchar(2) would cut what an assignment refuses
    elif base.name == "bytea":
        bind = "%s::bytea"
    elif base.category == "A":
        bind = f"ARRAY(SELECT jsonb_array_elements_text(%s::text::jsonb))::text[]::{_doubled(declared)}"
    else:
        bind = f"%s::text::{_doubled(declared)}"
    return Cell(name, column, kind, bind, base.name in _TEXTUAL)


def identifier(name: str) -> str:
    """A quoted identifier, for SQL with values."""
    return '"' + _doubled(name.replace('"', '""')) + '"'


def _doubled(text: str) -> str:
    return text.replace("%", "%%")
