"""What a call changed on the server: rows before and after it, of exactly those tables that it touched.

The server itself counts the rows that a transaction inserts, updates and deletes in each table
(`pg_stat_xact_user_tables`), triggers and cascades included. A call is run once, rows are compared where it is known
to have worked; when the server counted more than that explains, the call is taken back and run again with the touched
tables watched as a whole. What still cannot be explained is refused: an effect is never left out silently.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from artificer.core.canon import Json
from artificer.core.verdicts import ErrorKind
from artificer.worlds.postgresql.livetools import Server
from artificer.worlds.postgresql.places import Place
from artificer.worlds.sqlite.changes import RowChange
from artificer.worlds.sqlite.session import Refusal
from artificer.worlds.sqlite.values import same, to_json

MOST_WATCHED = 20_000
"""Rows of a table that is watched as a whole."""
Rows = dict[tuple[Any, ...], tuple[Any, ...]]
Snapshot = dict[str, Rows]
_COUNTED = "SELECT relid::int8, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"


async def counted(server: Server) -> Counter[int]:
    """Rows written in this transaction so far, by table."""
    return Counter(dict(await server.rows(_COUNTED)))


class Watch:
    """Follows one call.

    Args:
        places: of all tables.
        by_oid: names of tables by the oid under which the server counts (partitions under their own).
    """

    def __init__(self, places: Mapping[str, Place], by_oid: Mapping[int, str]) -> None:
        self._places = places
        self._by_oid = by_oid

    def key(self, name: str) -> tuple[str, ...]:
        """Names of a table's key columns."""
        return self._places[name].table.key

    async def row(self, server: Server, name: str, key: Sequence[Any] | None) -> Snapshot:
        """The row of a table with this key, if it is there."""
        place = self._places[name]
        if key is None or not place.table.key:
            return {name: {}}
        bound = [place.cells[part].bound(value) for part, value in zip(place.table.key, key)]
        return {name: await self._read(server, place, f" WHERE {place.equals(place.table.key)} LIMIT %s", (*bound, 2))}

    async def whole(self, server: Server, names: Sequence[str]) -> Snapshot:
        """All rows of tables.

        Raises:
            Refusal: a table has too many.
        """
        out: Snapshot = {}
        for name in names:
            out[name] = await self._read(server, self._places[name], " LIMIT %s", (MOST_WATCHED + 1,))
            if len(out[name]) > MOST_WATCHED:
                raise Refusal(
                    ErrorKind.internal, f"the call changes rows of {name} that cannot be followed, since it has too many; it was taken back"
                )
        return out

    def touched(self, before: Counter[int], after: Counter[int]) -> Counter[str]:
        """Rows written between two counts, by the table's name; `?` for what is no table of this world."""
        out: Counter[str] = Counter()
        for oid, count in (after - before).items():
            out[self._by_oid.get(oid, "?")] += count
        return out

    async def _read(self, server: Server, place: Place, rest: str, values: Sequence[Any]) -> Rows:
        out: Rows = {}
        for row in await server.rows(f"SELECT {place.shown} FROM {place.sql}{rest}", values):
            stored = place.stored(row)
            if place.table.key:
                cells = dict(zip(place.cells, stored))
                out[tuple(cells[name] for name in place.table.key)] = stored
            else:  # equal rows are told apart by their number alone
                plain = tuple(to_json(value) for value in stored)
                number = 1
                while (*plain, number) in out:
                    number += 1
                out[*plain, number] = stored
        return out

    def changes(self, before: Snapshot, after: Snapshot, given: Mapping[str, Json]) -> list[RowChange]:
        """The differences of two snapshots of the same tables. `given` are the call's arguments."""
        out: list[RowChange] = []
        for name, rows in after.items():
            place, earlier = self._places[name], before.get(name, {})
            names = [column for column, cell in place.cells.items() if not cell.column.generated]
            for key in {**earlier, **rows}:
                change = _change(place, key, _named(place, names, earlier.get(key)), _named(place, names, rows.get(key)), given)
                if change is not None:
                    out.append(change)
        return out


def _named(place: Place, names: Sequence[str], row: tuple[Any, ...] | None) -> dict[str, Any] | None:
    """A row's columns that are stored, not computed."""
    if row is None:
        return None
    cells = dict(zip(place.cells, row))
    return {name: cells[name] for name in names}


def _change(
    place: Place, key: tuple[Any, ...], old: dict[str, Any] | None, new: dict[str, Any] | None, given: Mapping[str, Json]
) -> RowChange | None:
    table = place.table
    if old is None and new is not None:
        counted = not table.key or (len(table.key) == 1 and table.columns[table.key[0]].default is not None) or table.rowid_key
        return RowChange(table.name, key, "insert", {}, new, counted and not (table.key and same(given.get(table.key[0]), key[0])))
    if old is not None and new is None:
        return RowChange(table.name, key, "delete", old, {}, False)
    if old is None or new is None:
        return None
    differing = [name for name in old if not same(old[name], new[name])]
    if not differing:
        return None
    return RowChange(table.name, key, "update", {name: old[name] for name in differing}, {name: new[name] for name in differing}, False)
