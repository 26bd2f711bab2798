"""A PostgreSQL schema as CREATE statements for SQLite, and what could not be carried over.

Everything that SQLite can keep is kept: keys, NOT NULL, UNIQUE, foreign keys with their actions, choices, lengths,
CHECKs, generated columns, constants and clocks as defaults, comments. Each thing that it cannot keep is a problem that
is told, and what is left still works.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from msgspec import Struct

from artificer.worlds.base import Problem
from artificer.worlds.postgresql.catalog import Catalog, PgColumn, PgConstraint, PgRelation
from artificer.worlds.postgresql.expressions import Names, constant, translated
from artificer.worlds.postgresql.kinds import Kind, base_type, kind_of
from artificer.worlds.sqlite.values import quote

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_CLOCK = re.compile(
    r"^\(?\s*(now\(\)|current_timestamp|transaction_timestamp\(\)|statement_timestamp\(\)|clock_timestamp\(\)|localtimestamp)", re.IGNORECASE
)
_TODAY = re.compile(r"^\(?\s*(current_date|\(?now\(\)\)?::date)", re.IGNORECASE)
_UUID = re.compile(r"^([\w.\"]+\.)?(gen_random_uuid|uuid_generate_v4)\(\)$", re.IGNORECASE)
_NEW_UUID = (
    "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' "
    "|| hex(randomblob(6))))"
)


class Carried(Struct, frozen=True):
    """One table on its way: SQLite's `name`, its columns (PostgreSQL's, SQLite's name, kind), and the pieces of its
    CREATE statement: `checks` and `foreign` are tried one by one, and left out where rows break them.
    """

    relation: PgRelation
    name: str
    columns: tuple[tuple[PgColumn, str, Kind], ...]
    lines: tuple[str, ...]
    comments: tuple[str, ...]
    keys: tuple[str, ...]
    checks: tuple[tuple[str, str], ...]
    foreign: tuple[tuple[str, str], ...]
    indexes: tuple[tuple[str, str], ...]

    def sql(self, without: Iterable[str] = ()) -> str:
        """The CREATE TABLE statement, without the constraints named."""
        gone = set(without)
        parts = [*self.lines, *self.keys, *(text for name, text in (*self.checks, *self.foreign) if name not in gone)]
        comments = [*self.comments, *[""] * (len(parts) - len(self.comments))]
        body = "\n".join(
            f"{part}{',' if at + 1 < len(parts) else ''}{' -- ' + comment if comment else ''}"
            for at, (part, comment) in enumerate(zip(parts, comments))
        )
        head = f" -- {_line(self.relation.comment)}" if self.relation.comment else ""
        return f"CREATE TABLE {quote(self.name)} ({head}\n{body}\n)"


class Schemas:
    """The whole schema on its way; problems are added to as things turn out."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.problems: list[Problem] = []
        self.kept = [relation for relation in catalog.relations if self._usable(relation)]
        self.tables = {relation.oid: name for relation, name in zip(self.kept, _unique([_plain(r, self.kept) for r in self.kept]))}
        self.names = {relation.full_name: self.tables[relation.oid] for relation in self.kept}
        self._columns = {relation.oid: self._kinds(relation) for relation in self.kept}
        self._by_oid = {relation.oid: relation for relation in self.kept}
        self._enums = frozenset(one.name for one in catalog.types.values() if one.kind == "e")

    def told(self, relation: PgRelation, what: str) -> None:
        """Notes a problem."""
        kind = {"v": "view", "m": "materialized view"}.get(relation.kind, "table")
        self.problems.append(Problem(f"{kind} {relation.full_name}", what))

    def ordinary(self) -> list[PgRelation]:
        """Tables, in name order."""
        return [relation for relation in self.kept if relation.kind in {"r", "p"}]

    def views(self) -> list[PgRelation]:
        return [relation for relation in self.kept if relation.kind in {"v", "m"}]

    def columns(self, relation: PgRelation) -> tuple[tuple[PgColumn, str, Kind], ...]:
        return self._columns[relation.oid]

    def view(self, relation: PgRelation) -> str | None:
        """The CREATE VIEW statement, or None when its query means something else in SQLite."""
        definition = translated(relation.definition.rstrip("; \n"), Names({}, self.names, self._enums))
        return f"CREATE VIEW {quote(self.tables[relation.oid])} AS {definition}" if definition is not None else None

    def table(self, relation: PgRelation) -> Carried:
        """The pieces of a table."""
        if relation.triggers:
            self.told(relation, f"its triggers {', '.join(relation.triggers)} are not carried over: what they do is not done")
        if relation.secured:
            self.told(relation, "has row security: only the rows that the role may see were taken, and its rules are not carried over")
        columns = self._columns[relation.oid]
        names = self._names(relation)
        key = next((one for one in relation.constraints if one.kind == "p"), None)
        rowid = self._rowid(relation, key)
        lines = [self._line(relation, column, name, kind, rowid, names) for column, name, kind in columns]
        checks: list[tuple[str, str]] = []
        for column, name, kind in columns:
            if kind.choices:
                listed = ", ".join("'" + choice.replace("'", "''") + "'" for choice in kind.choices)
                checks.append((f"choices of {column.name}", f"CHECK ({quote(name)} IN ({listed}))"))
            if kind.check:
                checks.append((f"type of {column.name}", f"CHECK ({kind.check.format(quote(name))})"))
            checks += self._domain(relation, column, name)
        checks += self._checks(relation, names)
        keys, indexes = self._uniques(relation, key if not rowid else None, names)
        comments = tuple(_line(column.comment) for column, _, _ in columns)
        return Carried(relation, self.tables[relation.oid], columns, tuple(lines), comments, keys, tuple(checks), self._foreign(relation), indexes)

    def _usable(self, relation: PgRelation) -> bool:
        if relation.kind == "f":
            self.told(relation, "a foreign table; it is left out, since its rows are elsewhere")
        elif not relation.readable:
            self.told(relation, "the role may not read it; it is left out")
        elif not any(column.readable for column in relation.columns):
            self.told(relation, "has no columns; it is left out")
        else:
            if relation.inherits:
                self.told(relation, "inherits from another table; it is kept as a table of its own, and the other does not show its rows")
            return True
        return False

    def _kinds(self, relation: PgRelation) -> tuple[tuple[PgColumn, str, Kind], ...]:
        out: list[tuple[PgColumn, Kind]] = []
        for column in relation.columns:
            kind = kind_of(column, self.catalog.types)
            if not column.readable:
                self.told(relation, f"the role may not read {column.name}; the column is left out")
            elif kind is None:
                self.told(relation, f"{column.name} is of the type {column.declared}, which is left out")
            else:
                if kind.loss and relation.kind in {"r", "p"}:
                    self.told(relation, f"{column.name} is {kind.loss}")
                out.append((column, kind))
        names = _unique([column.name for column, _ in out])
        return tuple((column, name, kind) for (column, kind), name in zip(out, names))

    def _names(self, relation: PgRelation) -> Names:
        return Names({column.name: name for column, name, _ in self._columns[relation.oid]}, {}, self._enums)

    def _named(self, relation: PgRelation, numbers: Iterable[int]) -> list[str] | None:
        """SQLite's names of columns by number; None when one of them was left out."""
        names = {column.number: name for column, name, _ in self._columns[relation.oid]}
        found = [names.get(number) for number in numbers]
        return [name for name in found if name is not None] if None not in found else None

    def _rowid(self, relation: PgRelation, key: PgConstraint | None) -> str | None:
        """The column whose values PostgreSQL counts up, when it is the key: SQLite's INTEGER PRIMARY KEY does that."""
        named = self._named(relation, key.columns) if key is not None else None
        if named is None or len(named) != 1:
            return None
        column, kind = next((column, kind) for column, name, kind in self._columns[relation.oid] if name == named[0])
        counts = bool(column.identity) or (column.default or "").startswith("nextval(")
        return named[0] if counts and kind.declared == "INTEGER" else None

    def _is_key(self, relation: PgRelation, column: PgColumn) -> bool:
        return any(one.kind == "p" and one.columns == (column.number,) for one in relation.constraints)

    def _line(self, relation: PgRelation, column: PgColumn, name: str, kind: Kind, rowid: str | None, names: Names) -> str:
        if name == rowid:
            return f"{quote(name)} INTEGER PRIMARY KEY"
        # INTEGER PRIMARY KEY would be counted up by SQLite, which a key without a sequence is not
        declared = "BIGINT" if kind.declared == "INTEGER" and self._is_key(relation, column) else kind.declared
        line = f"{quote(name)} {declared}{' COLLATE ' + kind.collate if kind.collate else ''}"
        if column.generated:
            expression = translated(column.default or "", names)
            if expression is not None:
                return f"{line} GENERATED ALWAYS AS ({expression}) STORED"
            self.told(relation, f"{column.name} is generated by {column.default!r}, which SQLite does not know: it is kept as an ordinary column")
            return line
        counted = bool(column.identity) or (column.default or "").startswith("nextval(")
        if counted:
            self.told(relation, f"{column.name} is counted up by a sequence, which SQLite does only for a key: it may be left empty")
            return line
        domain = self.catalog.types[column.type]
        default = self._default(relation, column, kind, column.default or (domain.default if domain.kind == "d" else None), names)
        not_null = " NOT NULL" if column.not_null or (domain.kind == "d" and domain.not_null) else ""
        return line + not_null + (f" DEFAULT {default}" if default is not None else "")

    def _default(self, relation: PgRelation, column: PgColumn, kind: Kind, default: str | None, names: Names) -> str | None:
        if default is None:
            return None
        base = base_type(self.catalog.types[column.type], self.catalog.types).name
        plain = constant(default, names)
        if kind.loss and plain is not None:  # an array's or composite's own notation; only the empty array is written alike
            plain = (
                "'[]'" if default.startswith("'{}'::") and kind.declared.startswith("JSON") else None if kind.declared.startswith("JSON") else plain
            )
        if plain is not None:
            return plain if base != "bool" else {"TRUE": "1", "FALSE": "0"}.get(plain.upper(), plain)
        if _TODAY.match(default) and base == "date":
            return "(date('now'))"
        if _CLOCK.match(default):
            moment = {
                "timestamptz": "strftime('%Y-%m-%d %H:%M:%SZ', 'now')",
                "timestamp": "datetime('now')",
                "date": "date('now')",
                "time": "time('now')",
            }
            if base in moment:
                return f"({moment[base]})"
        if _UUID.match(default):
            return _NEW_UUID
        self.told(relation, f"{column.name} has the default {default!r}, which SQLite does not know: new rows must say it" if column.not_null
                  else f"{column.name} has the default {default!r}, which SQLite does not know: left out, it is NULL")  # fmt: skip
        return None

    def _domain(self, relation: PgRelation, column: PgColumn, name: str) -> list[tuple[str, str]]:
        """CHECKs of the column's domain, and of those it is built on."""
        out: list[tuple[str, str]] = []
        found = self.catalog.types[column.type]
        while found.kind == "d":
            for check in found.checks:
                text = translated(check, Names({"VALUE": name}, {}, self._enums))
                if text is None:
                    self.told(relation, f"the rule of the domain {found.name} on {column.name} is not carried over: {check}")
                else:
                    out.append((f"{found.name} of {column.name}", f"CHECK ({text})"))
            found = self.catalog.types[found.base]
        return out

    def _checks(self, relation: PgRelation, names: Names) -> list[tuple[str, str]]:
        out: list[tuple[str, str]] = []
        for one in relation.constraints:
            if one.kind == "x":
                self.told(relation, f"the constraint {one.name} is not carried over: {one.text}")
            if one.kind == "c":
                text = translated(one.text, names)
                if text is None:
                    self.told(relation, f"the CHECK {one.name} is not carried over: {one.text}")
                else:
                    out.append((one.name, f"CHECK ({text})"))
        return out

    def _uniques(self, relation: PgRelation, key: PgConstraint | None, names: Names) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """PRIMARY KEY and UNIQUE in the statement, and unique indexes for what only those can say."""
        inside: list[str] = []
        indexes: list[tuple[str, str]] = []
        named = self._named(relation, key.columns) if key is not None else None
        if named:
            inside.append(f"PRIMARY KEY ({', '.join(map(quote, named))})")
        elif key is not None:
            self.told(relation, "its key has a column that was left out: rows cannot be named")
        for one in relation.constraints:
            if one.kind != "u":
                continue
            if one.nulls_alike:
                self.told(relation, f"{one.name} takes two NULLs for the same, which SQLite does not")
            listed = self._named(relation, one.columns)
            shown = ", ".join(map(quote, listed)) if listed else translated(one.text, names) if not one.columns else None
            where = translated(one.predicate, names) if one.predicate else ""
            if not shown or where is None:
                self.told(relation, f"the unique index {one.name} is not carried over")
            elif one.columns and not where:
                inside.append(f"UNIQUE ({shown})")
            else:
                name = quote(f"{self.tables[relation.oid]} {one.name}")
                indexes.append(
                    (one.name, f"CREATE UNIQUE INDEX {name} ON {quote(self.tables[relation.oid])} ({shown}){' WHERE ' + where if where else ''}")
                )
        return tuple(inside), tuple(indexes)

    def _foreign(self, relation: PgRelation) -> tuple[tuple[str, str], ...]:
        out: list[tuple[str, str]] = []
        for one in relation.constraints:
            if one.kind != "f":
                continue
            parent = self._by_oid.get(one.target)
            own = self._named(relation, one.columns)
            target = self._named(parent, one.target_columns) if parent is not None else None
            if parent is None or own is None or target is None:
                self.told(relation, f"the foreign key {one.name} leads to something that is not here: it is not kept")
                continue
            if one.full and len(own) > 1:
                self.told(relation, f"the foreign key {one.name} is MATCH FULL, which SQLite does not know: it may be NULL in part")
            text = f"FOREIGN KEY ({', '.join(map(quote, own))}) REFERENCES {quote(self.tables[parent.oid])} ({', '.join(map(quote, target))})"
            if one.on_delete != "a":
                text += f" ON DELETE {_ACTIONS[one.on_delete]}"
            if one.on_update != "a":
                text += f" ON UPDATE {_ACTIONS[one.on_update]}"
            out.append((one.name, text))
        return tuple(out)


def _plain(relation: PgRelation, all_of: list[PgRelation]) -> str:
    """A table's own name; with its schema where two schemas have one of that name."""
    same = [other for other in all_of if other.name.lower() == relation.name.lower()]
    name = relation.name if len(same) == 1 or relation.schema == "public" else f"{relation.schema}_{relation.name}"
    return f"t_{name}" if name.lower().startswith("sqlite_") else name


def _unique(names: list[str]) -> list[str]:
    """Names that differ in more than case, which is all that SQLite tells apart."""
    taken: set[str] = set()
    out: list[str] = []
    for name in names:
        new, number = name, 2
        while new.lower() in taken:
            new, number = f"{name}_{number}", number + 1
        taken.add(new.lower())
        out.append(new)
    return out


_line: Callable[[str], str] = lambda text: " ".join("".join(char if char.isprintable() else " " for char in text).split())  # noqa: E731
