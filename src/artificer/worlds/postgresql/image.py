"""The private SQLite image of a PostgreSQL database: its schema, and a sample of its rows.

What the translated rules would forbid among rows that PostgreSQL holds is no rule of PostgreSQL's: such a rule is left
out and told, never the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from artificer.core.errors import SourceError
from artificer.worlds.base import Problem
from artificer.worlds.postgresql.address import Address
from artificer.worlds.postgresql.carry import Carried, Schemas
from artificer.worlds.postgresql.catalog import PgRelation, read_catalog
from artificer.worlds.postgresql.connect import Reader, reading
from artificer.worlds.postgresql.kinds import MOST_TEXT, rounded
from artificer.worlds.postgresql.sample import Taken, sampled
from artificer.worlds.sqlite.build import Builder
from artificer.worlds.sqlite.values import quote

_COMPARED = 2000
_PARTITIONS = "SELECT c.oid::int8, coalesce(pg_partition_root(c.oid), c.oid)::int8 FROM pg_class c WHERE c.relkind IN ('r', 'p')"


class Sample(NamedTuple):
    """An image, what could not be carried over, and the schema it was made from; `partitions` are oids by their
    table's.
    """

    image: bytes
    problems: list[Problem]
    schemas: Schemas
    partitions: dict[int, int]


def image_of(address: Address, schemas: Sequence[str], rows: int, seed: int, timeout_s: float) -> Sample:
    """The image of a database.

    Args:
        schemas: names of schemas; () takes all that the role may use.
        rows: the most rows of each table, besides those that others refer to.

    Raises:
        SourceError, MissingExtra: the database cannot be used, or has no table that could be taken.
    """
    with reading(address, timeout_s) as reader:
        carried = Schemas(read_catalog(reader, schemas))
        if not carried.ordinary():
            why = "; ".join(f"{problem.where}: {problem.what}" for problem in carried.problems[:5]) or "it has none, or the role may see none"
            raise SourceError(
                f"the database has no usable table: {why}", where=address.shown, remedy="check the database's name, schemas= and the role's rights"
            )
        taken = sampled(reader, carried, rows, seed)
        builder = Builder()
        for table in map(carried.table, carried.ordinary()):
            _put(builder, carried, table, taken[table.relation.oid], rows)
        _references(builder, carried)
        for view in carried.views():
            _view(builder, carried, view, reader, whole=all(one.whole for one in taken.values()))
        partitions = dict(reader.rows(_PARTITIONS))
    return Sample(builder.image(), carried.problems, carried, partitions)


def _put(builder: Builder, carried: Schemas, table: Carried, taken: Taken, most: int) -> None:
    """One table with its rows; constraints that SQLite or the rows refuse are left out."""
    relation = table.relation
    stored = [(at, name, kind) for at, (_, name, kind) in enumerate(table.columns) if not _computed(table, at)]
    rows = [tuple(kind.convert(row[at]) for at, _, kind in stored) for row in taken.rows]
    for at, name, kind in stored:
        if any(rounded(row[at]) for row in taken.rows):
            carried.told(relation, f"{name} has numbers of more digits than SQLite keeps: they are rounded")
        if kind.declared in {"TEXT", "BLOB"} and any(isinstance(row[at], str | bytes) and len(row[at]) >= MOST_TEXT for row in taken.rows):
            carried.told(relation, f"{name} has values longer than {MOST_TEXT}: they are cut off there")
    without: list[str] = []
    refused = _made(builder, table, without, [name for _, name, _ in stored], rows)
    if refused is not None:  # one after another, so that only what is broken is left out
        for name, _ in table.checks:
            if _made(
                builder, table, [other for other, _ in table.checks if other not in {name, *without}] + without, [n for _, n, _ in stored], rows
            ):
                without.append(name)
                carried.told(relation, f"the rule {name} is not carried over: rows do not keep it in SQLite, or SQLite does not know it")
        refused = _made(builder, table, without, [name for _, name, _ in stored], rows)
    if refused is not None:
        builder.refusal(f"DROP TABLE IF EXISTS {quote(table.name)}")
        carried.told(relation, f"cannot be kept in SQLite ({refused}); it is left out")
        return
    for name, sql in table.indexes:
        if builder.refusal(sql) is not None:
            carried.told(relation, f"the unique index {name} is not carried over: SQLite refuses it")
    if not taken.whole:
        carried.told(relation, f"a sample: {len(rows)} rows were taken ({most} by chance, and those that others refer to)")


def _computed(table: Carried, at: int) -> bool:
    return " GENERATED ALWAYS AS " in table.lines[at]


def _made(builder: Builder, table: Carried, without: Sequence[str], columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str | None:
    """Makes the table anew; why that fails, or None."""
    builder.refusal(f"DROP TABLE IF EXISTS {quote(table.name)}")
    why = builder.refusal(table.sql(without))
    if why is None:
        try:
            builder.insert(table.name, columns, rows)
        except ValueError as error:
            why = str(error)
    return why


def _references(builder: Builder, carried: Schemas) -> None:
    """Rows whose parents PostgreSQL does not have either (a key that was never validated) are told."""
    for table in sorted({str(row[0]) for row in builder.broken()}):
        carried.problems.append(Problem(f"table {table}", "has rows that refer to rows which are not there: its foreign key was not valid"))


def _view(builder: Builder, carried: Schemas, view: PgRelation, reader: Reader, *, whole: bool) -> None:
    """A view, when SQLite understands its query, and, where all rows were taken, when it shows the same."""
    sql = carried.view(view)
    name = carried.tables[view.oid]
    if sql is None or builder.refusal(sql) is not None or builder.refusal(f"SELECT * FROM {quote(name)} LIMIT 1") is not None:
        builder.refusal(f"DROP VIEW IF EXISTS {quote(name)}")
        carried.told(view, "its query means nothing, or something else, in SQLite; it is left out")
        return
    if whole and not _alike(builder, carried, view, reader):
        builder.refusal(f"DROP VIEW {quote(name)}")
        carried.told(view, "its query shows other rows in SQLite; it is left out")
    elif view.kind == "m":
        carried.told(view, "its rows are computed anew with every query")


def _alike(builder: Builder, carried: Schemas, view: PgRelation, reader: Reader) -> bool:
    columns = carried.columns(view)
    if len(columns) != len(view.columns):
        return False
    quoted = ['"' + column.name.replace('"', '""') + '"' for column, _, _ in columns]
    shown = ", ".join(kind.select.format(name) for name, (_, _, kind) in zip(quoted, columns))
    source = '"' + view.schema.replace('"', '""') + '"."' + view.name.replace('"', '""') + '"'
    theirs = [
        tuple(kind.convert(value) for value, (_, _, kind) in zip(row, columns))
        for row in reader.rows(f"SELECT {shown} FROM {source} LIMIT {_COMPARED}")
    ]
    ours = builder.read(f"SELECT {', '.join(quoted)} FROM {quote(carried.tables[view.oid])} LIMIT {_COMPARED}")
    return len(theirs) == len(ours) and (len(theirs) == _COMPARED or sorted(map(_plain, theirs)) == sorted(map(_plain, ours)))


def _plain(row: tuple[Any, ...]) -> str:
    return repr([float(f"{value:.9g}") if isinstance(value, int | float) else value for value in row])
