"""How people describe a row, proven to describe exactly one.

Nobody knows that a track has the id 1337; they say "the track called 'Black Dog', on the album 'IV'". A description
is a set of conditions on the row's own columns, and on rows it refers to, each of which is described in turn. It is
built condition by condition and kept only when a query with the same meaning as the search tools' (text is compared
without regard to case) finds this row and no other: the inverse query of CoVe (arXiv 2603.01940), generalised to any
schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

import apsw
from msgspec import Struct

from artificer.core.canon import Json
from artificer.worlds.sqlite.schema import Column, ForeignKey, Schema, Table
from artificer.worlds.sqlite.values import quote

_NAMES = ("name", "title", "label", "code", "email", "subject", "headline", "slug", "username")
Key = tuple[Json, ...]


class Condition(Struct, frozen=True):
    """`path` is relative to the described row's own path ("title", "album_id.title"); `table` is where the column
    stands."""

    path: str
    table: str
    column: str
    value: Json


class Description(Struct, frozen=True):
    """What is said of one row. `lookups` counts the searches needed to find it, its own included."""

    table: str
    key: Key
    conditions: tuple[Condition, ...]
    lookups: int


def sayable(value: Json) -> bool:
    """Whether a person would say the value as it is."""
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, int):
        return abs(value) < 10**9
    if isinstance(value, float):
        return len(repr(value)) <= 10
    return (
        isinstance(value, str)
        and 0 < len(value) <= 60
        and value == value.strip()
        and value.isprintable()
        and '"' not in value
        and any(char.isalnum() for char in value[:1])
        and any(char.isalnum() for char in value[-1:])
    )


def target_of(schema: Schema, table: Table, column: str) -> ForeignKey | None:
    """The single-column foreign key on `column` whose target is a surrogate id, if there is one."""
    foreign = table.refers(column)
    if foreign is None or foreign.table not in schema.tables:
        return None
    parent = schema.tables[foreign.table]
    return foreign if parent.surrogate and parent.key == foreign.target else None


def tellable(schema: Schema, table: Table) -> list[Column]:
    """Columns whose values people know: no surrogate ids, no blobs, nothing that only the machine reads; names
    first."""
    out = [column for name, column in table.columns.items() if column.kind not in ("blob", "boolean") and _said(schema, table, name)]
    return sorted(out, key=_rank)


def _said(schema: Schema, table: Table, name: str) -> bool:
    return nameable(name) and not _technical(name) and schema.surrogate_of(table.name, name) is None and target_of(schema, table, name) is None


def nameable(name: str) -> bool:
    """Whether a name can stand in a fact's path and in an op."""
    return not any(mark in name for mark in ".:,")


def _technical(name: str) -> bool:
    lowered = name.lower()
    return lowered in {"password", "hash", "uuid", "guid", "token", "salt"} or lowered.endswith(("_hash", "_token", "_uuid"))


def _rank(column: Column) -> tuple[int, str]:
    name = column.name.lower()
    if name in _NAMES or name.endswith("_name"):
        return (0, name)
    order = {"text": 1, "date": 2, "datetime": 3, "integer": 4, "real": 5, "boolean": 6}
    return (order.get(column.kind, 7), name)


def condition_sql(table: Table, columns: dict[str, Json]) -> tuple[str, tuple[Json, ...]]:
    """A WHERE clause with the search tools' meaning, and its values."""
    parts = [
        f"{quote(name)} = ? COLLATE NOCASE" if table.columns[name].kind == "text" and isinstance(value, str) else f"{quote(name)} = ?"
        for name, value in columns.items()
    ]
    return " AND ".join(parts) or "1", tuple(columns.values())


def matches(connection: apsw.Connection, table: Table, columns: dict[str, Json], limit: int = 2) -> int:
    """How many rows satisfy the conditions; counts no further than `limit`."""
    where, values = condition_sql(table, columns)
    row = connection.execute(f"SELECT count(*) FROM (SELECT 1 FROM {quote(table.name)} WHERE {where} LIMIT {int(limit)})", values).fetchone()
    return int(row[0]) if row else 0


def fetch(connection: apsw.Connection, table: Table, key: Key) -> dict[str, Json] | None:
    """The row with this key."""
    names = list(table.columns)
    where = " AND ".join(f"{quote(name)} = ?" for name in table.key)
    row = connection.execute(f"SELECT {', '.join(map(quote, names))} FROM {quote(table.name)} WHERE {where}", key).fetchone()
    return dict(zip(names, row, strict=True)) if row else None


def describe(
    connection: apsw.Connection, schema: Schema, table: Table, key: Key, rng: Random, depth: int, avoid: frozenset[str] = frozenset()
) -> Description | None:
    """A description that fits this row and no other, or None when there is none within `depth` look-ups through other
    tables but those in `avoid`."""
    row = fetch(connection, table, key)
    if row is None:
        return None
    conditions: list[Condition] = []
    found: dict[str, Json] = {}
    lookups = 1
    left = matches(connection, table, found, 1000)
    for column, options in _candidates(connection, schema, table, row, rng, depth, avoid):
        narrowed = {**found, column: row[column]}
        now = matches(connection, table, narrowed, 1000)
        if now >= left and found:
            continue  # tells nothing new
        found, left = narrowed, now
        conditions += options[0]
        lookups += options[1]
        if left == 1:
            return Description(table.name, key, tuple(conditions), lookups)
    return None


def _candidates(
    connection: apsw.Connection, schema: Schema, table: Table, row: dict[str, Json], rng: Random, depth: int, avoid: frozenset[str]
) -> Iterator[tuple[str, tuple[list[Condition], int]]]:
    """Conditions that may describe the row, in the order in which people would think of them."""
    own = [column for column in tellable(schema, table) if sayable(row[column.name])]
    for column in own[:1]:
        yield column.name, ([Condition(column.name, table.name, column.name, row[column.name])], 0)
    rest: list[str] = [column.name for column in own[1:5]]
    if depth > 0:
        rest += [
            name
            for name in table.columns
            if row[name] is not None and (foreign := target_of(schema, table, name)) is not None and foreign.table not in avoid
        ]
    rng.shuffle(rest)
    for name in rest:
        foreign = target_of(schema, table, name)
        if foreign is None:
            yield name, ([Condition(name, table.name, name, row[name])], 0)
            continue
        parent = describe(connection, schema, schema.tables[foreign.table], (row[name],), rng, depth - 1, avoid)
        if parent is not None:
            yield (
                name,
                ([Condition(f"{name}.{part.path}", part.table, part.column, part.value) for part in parent.conditions], parent.lookups),
            )


def resolves(connection: apsw.Connection, schema: Schema, table: Table, description: Description) -> list[Key]:
    """The inverse query: keys of all rows (at most 3) that the description fits, found as an agent would, parents
    first."""
    return _resolve(connection, schema, table, [(part.path, part.value) for part in description.conditions])


def _resolve(connection: apsw.Connection, schema: Schema, table: Table, said: list[tuple[str, Json]]) -> list[Key]:
    columns: dict[str, Json] = {path: value for path, value in said if "." not in path}
    for name in dict.fromkeys(path.split(".", 1)[0] for path, _ in said if "." in path):
        foreign = target_of(schema, table, name)
        assert foreign is not None
        nested = [(path.split(".", 1)[1], value) for path, value in said if path.startswith(name + ".")]
        parents = _resolve(connection, schema, schema.tables[foreign.table], nested)
        if len(parents) != 1:
            return []
        columns[name] = parents[0][0]
    where, values = condition_sql(table, columns)
    keys = ", ".join(map(quote, table.key))
    return [tuple(row) for row in connection.execute(f"SELECT {keys} FROM {quote(table.name)} WHERE {where} LIMIT 3", values)]


def referred(connection: apsw.Connection, schema: Schema, table: Table, row: Mapping[str, Json]) -> bool:
    """Whether any row of another table refers to this one."""
    for child, foreign in schema.referrers(table.name):
        targets = foreign.target or table.key
        values = {column: row[target] for column, target in zip(foreign.columns, targets, strict=True)}
        if all(value is not None for value in values.values()) and matches(connection, schema.tables[child], values, 1):
            return True
    return False
