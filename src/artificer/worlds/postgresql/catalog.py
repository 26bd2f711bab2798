"""What PostgreSQL's catalogs say of a database, as frozen structs: relations, columns, types, constraints, triggers.

Everything is read, nothing is judged: `carry` decides what SQLite can hold of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from artificer.worlds.postgresql.connect import Reader


class PgType(Struct, frozen=True):
    """A type: `kind` is pg_type.typtype (b base, c composite, d domain, e enum, r range, m multirange)."""

    oid: int
    name: str
    kind: str
    category: str
    base: int
    element: int
    not_null: bool
    default: str | None
    labels: tuple[str, ...]
    checks: tuple[str, ...]


class PgColumn(Struct, frozen=True):
    """A column. `declared` is the type with its modifiers as SQL; `identity` and `generated` are the catalogs' letters."""

    name: str
    number: int
    type: int
    declared: str
    not_null: bool
    identity: str
    generated: str
    default: str | None
    comment: str
    readable: bool


class PgConstraint(Struct, frozen=True):
    """A constraint, or a unique index: `kind` is p, u, f, c or x; `text` is its expression or definition."""

    name: str
    kind: str
    columns: tuple[int, ...]
    target: int
    target_columns: tuple[int, ...]
    on_update: str
    on_delete: str
    full: bool
    text: str
    predicate: str = ""
    nulls_alike: bool = False


class PgRelation(Struct, frozen=True):
    """A table (`kind` r, p or f) or a view (v, m). `readable` says whether the role may read any of it, `whole`
    all of it; `rows` is the planner's estimate, -1 when it has none.
    """

    oid: int
    schema: str
    name: str
    kind: str
    comment: str
    readable: bool
    whole: bool
    secured: bool
    inherits: bool
    rows: int
    definition: str
    columns: tuple[PgColumn, ...]
    constraints: tuple[PgConstraint, ...]
    triggers: tuple[str, ...]

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"


class Catalog(Struct, frozen=True):
    """Relations in name order, and all types that their columns have, by oid."""

    relations: tuple[PgRelation, ...]
    types: dict[int, PgType]


_RELATIONS = """
SELECT c.oid::int8, n.nspname, c.relname, c.relkind::text, coalesce(obj_description(c.oid, 'pg_class'), ''),
       has_any_column_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'SELECT'), c.relrowsecurity,
       EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid), c.reltuples::int8,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) ELSE '' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND has_schema_privilege(n.oid, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname
"""
_COLUMNS = """
SELECT a.attrelid::int8, a.attname, a.attnum::int4, a.atttypid::int8, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,
       a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid), coalesce(col_description(a.attrelid, a.attnum), ''),
       has_column_privilege(a.attrelid, a.attnum, 'SELECT')
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY(%s::int8[]::oid[]) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""
_CONSTRAINTS = """
SELECT conrelid::int8, conname, contype::text, coalesce(conkey, '{}')::int4[], confrelid::int8, coalesce(confkey, '{}')::int4[], confupdtype::text,
       confdeltype::text, confmatchtype = 'f', coalesce(pg_get_expr(conbin, conrelid), pg_get_constraintdef(oid)), '',
       pg_get_constraintdef(oid) LIKE '%%NULLS NOT DISTINCT%%'
FROM pg_constraint WHERE conrelid = ANY(%s::int8[]::oid[]) AND contype IN ('p', 'u', 'f', 'c', 'x') ORDER BY conrelid, contype, conname
"""
_INDEXES = """
SELECT i.indrelid::int8, c.relname, 'u', CASE WHEN i.indexprs IS NULL THEN i.indkey::int2[]::int4[] ELSE '{}' END, 0::int8, '{}'::int4[],
       '', '', false, coalesce(pg_get_expr(i.indexprs, i.indrelid), ''), coalesce(pg_get_expr(i.indpred, i.indrelid), ''),
       pg_get_indexdef(i.indexrelid) LIKE '%%NULLS NOT DISTINCT%%'
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY(%s::int8[]::oid[]) AND i.indisunique
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY i.indrelid, c.relname
"""
_TYPES = """
SELECT t.oid::int8, t.typname, t.typtype::text, t.typcategory::text, t.typbasetype::int8, t.typelem::int8, t.typnotnull, t.typdefault,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
       ARRAY(SELECT pg_get_expr(k.conbin, 0) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c' ORDER BY k.conname)
FROM pg_type t
"""
_TRIGGERS = """
SELECT tgrelid::int8, tgname FROM pg_trigger
WHERE tgrelid = ANY(%s::int8[]::oid[]) AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY tgrelid, tgname
"""


def read_catalog(reader: Reader, schemas: Sequence[str] = ()) -> Catalog:
    """The relations of the schemas named, of all that the role may use when none is."""
    found = [row for row in reader.rows(_RELATIONS) if not schemas or row[1] in schemas]
    oids = [row[0] for row in found]
    columns = _by_owner(reader.rows(_COLUMNS, (oids,)))
    constraints = _by_owner([*reader.rows(_CONSTRAINTS, (oids,)), *reader.rows(_INDEXES, (oids,))])
    triggers = _by_owner(reader.rows(_TRIGGERS, (oids,)))
    relations: list[PgRelation] = []
    for row in found:
        oid: int = row[0]
        parts = (
            tuple(PgColumn(*one) for one in columns.get(oid, ())),
            tuple(_constraint(one) for one in constraints.get(oid, ())),
            tuple(one[0] for one in triggers.get(oid, ())),
        )
        whole: tuple[Any, ...] = (*row, *parts)
        relations.append(PgRelation(*whole))
    return Catalog(tuple(relations), _types(reader, {column.type for relation in relations for column in relation.columns}))


def _by_owner(found: list[tuple[Any, ...]]) -> dict[int, list[tuple[Any, ...]]]:
    out: dict[int, list[tuple[Any, ...]]] = {}
    for owner, *rest in found:
        out.setdefault(owner, []).append(tuple(rest))
    return out


def _constraint(parts: tuple[Any, ...]) -> PgConstraint:
    name, kind, columns, target, targets, *rest = parts
    return PgConstraint(name, kind, tuple(columns), target, tuple(targets), *rest)


def _types(reader: Reader, wanted: set[int]) -> dict[int, PgType]:
    """The types, and those that they are made of."""
    out: dict[int, PgType] = {}
    while wanted - set(out):
        missing = sorted(wanted - set(out))
        for row in reader.rows(f"{_TYPES} WHERE t.oid = ANY(%s::int8[]::oid[])", (missing,)):
            out[row[0]] = PgType(*row[:-2], *map(tuple, row[-2:]))
        wanted = {oid for one in out.values() for oid in (one.oid, one.base, one.element) if oid}
        wanted -= {oid for oid in missing if oid not in out}
    return out
