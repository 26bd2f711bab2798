"""Takes rows so that every reference among them holds: a sample of each table, and all rows that those refer to.

Tables are gone through with those referred to first, and rows whose parents were already taken come before others, so
that a small sample still hangs together. Which rows is a matter of the seed and of the rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from artificer.worlds.postgresql.carry import Schemas
from artificer.worlds.postgresql.catalog import PgColumn, PgConstraint, PgRelation
from artificer.worlds.postgresql.connect import Reader

_HUGE = 2_000_000
"""Estimated rows from which a table is not looked at as a whole, but in blocks."""
_ROUNDS = 50
Row = tuple[Any, ...]


class Taken(NamedTuple):
    """Rows of one table, as selected; `whole` when there are no others."""

    rows: list[Row]
    whole: bool


def sampled(reader: Reader, schemas: Schemas, most: int, seed: int) -> dict[int, Taken]:
    """Rows by the relation's oid, at most `most` of each table besides what others refer to."""
    taker = _Taker(reader, schemas, most, seed)
    for relation in taker.ordered():
        taker.take(relation)
    taker.close()
    return {relation.oid: Taken(list(taker.rows[relation.oid].values()), taker.whole[relation.oid]) for relation in schemas.ordinary()}


class _Link(NamedTuple):
    """A foreign key as a way from rows to rows: places of its columns in the child's rows, columns of the parent."""

    parent: PgRelation
    places: tuple[int, ...]
    own: tuple[PgColumn, ...]
    target: tuple[PgColumn, ...]


class _Taker:
    def __init__(self, reader: Reader, schemas: Schemas, most: int, seed: int) -> None:
        self.reader = reader
        self.schemas = schemas
        self.most = most
        self.seed = seed
        self.tables = schemas.ordinary()
        self.by_oid = {relation.oid: relation for relation in self.tables}
        self.links = {relation.oid: self._links(relation) for relation in self.tables}
        self.rows: dict[int, dict[str, Row]] = {relation.oid: {} for relation in self.tables}
        self.whole: dict[int, bool] = {}
        self.fresh: dict[int, list[Row]] = {relation.oid: [] for relation in self.tables}

    def ordered(self) -> list[PgRelation]:
        """Parents before children, as far as there are no circles."""
        out: list[PgRelation] = []
        left = list(self.tables)
        while left:
            waiting = {relation.oid for relation in left}
            ready = [one for one in left if not any(link.parent.oid in waiting and link.parent.oid != one.oid for link in self.links[one.oid])]
            out += ready or left[:1]
            gone = {relation.oid for relation in ready or left[:1]}
            left = [relation for relation in left if relation.oid not in gone]
        return out

    def take(self, relation: PgRelation) -> None:
        """The table's own share: at most `most` rows, first those whose parents are all there."""
        found = self._select(relation, f"{self._source(relation)} ORDER BY {self._order(relation)} LIMIT %s", (str(self.seed), self.most + 1))
        self.whole[relation.oid] = len(found) <= self.most and relation.rows < _HUGE
        links = [link for link in self.links[relation.oid] if link.parent.oid != relation.oid and self.rows[link.parent.oid]]
        if not self.whole[relation.oid] and links:
            near = self._near(relation, links)
            found = near + found
        for row in found:
            if len(self.rows[relation.oid]) >= self.most:
                break
            self._add(relation, row)

    def close(self) -> None:
        """Adds what is referred to, and what that refers to, until nothing is missing."""
        for _ in range(_ROUNDS):
            wanted = {relation.oid: rows for relation in self.tables if (rows := self.fresh[relation.oid])}
            if not wanted:
                return
            self.fresh = {relation.oid: [] for relation in self.tables}
            for oid, rows in wanted.items():
                for link in self.links[oid]:
                    self._fetch(link, rows)

    def _near(self, relation: PgRelation, links: list[_Link]) -> list[Row]:
        """Rows that refer only to rows that were taken (or to none)."""
        conditions: list[str] = []
        values: list[Any] = []
        for link in links:
            listed = self._keys_of(link)
            own = ", ".join(_quoted(column) for column in link.own)
            nothing = " OR ".join(f"{_quoted(column)} IS NULL" for column in link.own)
            conditions.append(
                f"({nothing} OR ({own}) IN (SELECT {_casts(link.target)} FROM unnest({_marks(link.target)}) AS u({_letters(link.target)})))"
            )
            values += listed
        sql = f"{self._source(relation)} WHERE {' AND '.join(conditions)} ORDER BY {self._order(relation)} LIMIT %s"
        return self._select(relation, sql, (*values, str(self.seed), self.most))

    def _fetch(self, link: _Link, rows: list[Row]) -> None:
        """Parents of the rows, except those that are there."""
        there = set(zip(*self._keys_of(link)))
        wanted = {tuple(_text(row[place]) for place in link.places) for row in rows if all(row[place] is not None for place in link.places)}
        missing = sorted(wanted - there)
        if not missing:
            return
        target = ", ".join(_quoted(column) for column in link.target)
        where = f"({target}) IN (SELECT {_casts(link.target)} FROM unnest({_marks(link.target)}) AS u({_letters(link.target)}))"
        for row in self._select(link.parent, f"{self._name(link.parent)} WHERE {where}", [list(part) for part in zip(*missing)]):
            self._add(link.parent, row)

    def _keys_of(self, link: _Link) -> list[list[str]]:
        """Values of the parent's columns in the rows taken, column by column, as text."""
        numbers = [column.number for column, _, _ in self.schemas.columns(link.parent)]
        places = [numbers.index(column.number) for column in link.target]
        rows = self.rows[link.parent.oid].values()
        return [[_text(row[place]) for row in rows] for place in places]

    def _add(self, relation: PgRelation, row: Row) -> None:
        # the last value is the row's place in the table: a name for it that every table has
        if row[-1] not in self.rows[relation.oid]:
            self.rows[relation.oid][row[-1]] = row
            self.fresh[relation.oid].append(row)

    def _select(self, relation: PgRelation, source: str, values: Sequence[Any]) -> list[Row]:
        shown = [kind.select.format(_quoted(column)) for column, _, kind in self.schemas.columns(relation)]
        place = self._place(relation)
        return self.reader.rows(f"SELECT {', '.join([*shown, place])} FROM {source}", values)

    def _place(self, relation: PgRelation) -> str:
        """SQL of a text that names a row: its key, its place where it has none, all of it where even that is not to be seen."""
        named = {column.number: column for column, _, _ in self.schemas.columns(relation)}
        key = next((one for one in relation.constraints if one.kind == "p" and all(number in named for number in one.columns)), None)
        if key is None and relation.whole:
            return "tableoid::text || ctid::text"
        columns = [named[number] for number in key.columns] if key is not None else list(named.values())
        return f"ROW({', '.join(_quoted(column) for column in columns)})::text"

    def _name(self, relation: PgRelation) -> str:
        only = "ONLY " if relation.kind == "r" else ""
        return f"{only}{_identifier(relation.schema)}.{_identifier(relation.name)}"

    def _source(self, relation: PgRelation) -> str:
        if relation.rows < _HUGE:
            return self._name(relation)
        share = min(100.0, max(0.001, 100.0 * 50 * self.most / relation.rows))
        return f"{self._name(relation)} TABLESAMPLE SYSTEM ({share:.4f}) REPEATABLE ({self.seed % 10_000})"

    def _order(self, relation: PgRelation) -> str:
        """An order that depends on the seed and the key (on all values where there is none)."""
        key = next((one for one in relation.constraints if one.kind == "p"), None)
        named = {column.number: column for column, _, _ in self.schemas.columns(relation)}
        columns = [named[number] for number in key.columns if number in named] if key is not None else list(named.values())
        texts = ", ".join(f"{_quoted(column)}::text" for column in columns)
        return f"md5(concat_ws('|', %s::text, {texts})), {texts}"

    def _links(self, relation: PgRelation) -> tuple[_Link, ...]:
        out: list[_Link] = []
        places = {column.number: (at, column) for at, (column, _, _) in enumerate(self.schemas.columns(relation))}
        for one in relation.constraints:
            parent = self.by_oid.get(one.target) if one.kind == "f" else None
            if parent is not None and all(number in places for number in one.columns) and self._has(parent, one):
                target = {column.number: column for column in parent.columns}
                own = [places[number] for number in one.columns]
                out.append(
                    _Link(
                        parent, tuple(at for at, _ in own), tuple(column for _, column in own), tuple(target[number] for number in one.target_columns)
                    )
                )
        return tuple(out)

    def _has(self, parent: PgRelation, one: PgConstraint) -> bool:
        kept = {column.number for column, _, _ in self.schemas.columns(parent)}
        return all(number in kept for number in one.target_columns)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def _quoted(column: PgColumn) -> str:
    return _identifier(column.name)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else format(value, "f") if hasattr(value, "is_nan") else str(value)


def _casts(columns: Sequence[PgColumn]) -> str:
    """The keys with the types of their columns, so that an index can be used."""
    return ", ".join(f"{letter}::{column.declared.replace('%', '%%')}" for letter, column in zip(_letters(columns).split(", "), columns))


def _marks(columns: Sequence[PgColumn]) -> str:
    return ", ".join("%s::text[]" for _ in columns)


def _letters(columns: Sequence[PgColumn]) -> str:
    return ", ".join(f"k{at}" for at in range(len(columns)))
