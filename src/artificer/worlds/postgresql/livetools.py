"""What derived tools do on the server itself: the same parameters and results as on a sample, in PostgreSQL's SQL.

Identifiers come from the catalogs and are quoted; values are only ever bound. A key that a sequence would give is
counted up from the highest there is: sequences do not go back when a transaction does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from artificer.core.canon import Json
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.worlds.postgresql.places import Place
from artificer.worlds.sqlite.columns import incoming, outgoing
from artificer.worlds.sqlite.derive import search_filters
from artificer.worlds.sqlite.explain import missing
from artificer.worlds.sqlite.names import unique_name
from artificer.worlds.sqlite.queries import DEFAULT_ROWS
from artificer.worlds.sqlite.session import Refusal


class Server(Protocol):
    """Runs SQL in a session's transaction."""

    async def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...


class Written(NamedTuple):
    """What a write answers, and the key of the row it was about (None where the table has none)."""

    content: Json
    key: tuple[Any, ...] | None


Read = Callable[[Server, dict[str, Any]], Awaitable[Json]]
Write = Callable[[Server, dict[str, Any]], Awaitable[Written]]


def reader_of(spec: ToolSpec, places: Mapping[str, Place]) -> Read:
    """What a reading tool does."""
    place = places[str(spec.attributes["table"])]
    op = spec.attributes["op"]
    if op == "search":
        return _search(place)
    if op == "get":
        return _get(place)
    via = str(spec.attributes["via"]).split(",")
    parent = places[str(spec.attributes["parent"])]
    if op == "parent":
        return _parent(place, parent, via)
    through = spec.attributes.get("through")
    return _children(place, parent, via, places[str(through)] if through else None)


def writer_of(spec: ToolSpec, places: Mapping[str, Place]) -> Write:
    """What a writing tool does."""
    place = places[str(spec.attributes["table"])]
    return {"create": _create, "update": _update, "delete": _delete}[str(spec.attributes["op"])](place)


def _search(place: Place) -> Read:
    filters = search_filters(place.table)
    limit = unique_name("limit", filters)
    convert = incoming(place.table, [item.column for item in filters.values()])
    conditions: dict[str, str] = {}
    for name, item in filters.items():
        cell = place.cells[item.column]
        if item.compare == "contains":
            conditions[name] = f"strpos(lower({cell.sql}::text), lower(%s::text)) > 0"
        elif item.compare == "is" and place.table.columns[item.column].kind == "text":
            conditions[name] = f"lower({cell.sql}::text) IS NOT DISTINCT FROM lower(%s::text)"
        else:
            compare = {"is": "IS NOT DISTINCT FROM", "min": ">=", "max": "<="}[item.compare]
            conditions[name] = f"{cell.sql} {compare} {cell.bind}"

    async def run(server: Server, arguments: dict[str, Any]) -> Json:
        given = convert({name: value for name, value in arguments.items() if name != limit})
        where = " AND ".join(conditions[name] for name in given)
        values = [place.cells[filters[name].column].bound(value) for name, value in given.items()]
        return await _page(server, place, place.sql, where, values, int(arguments.get(limit, DEFAULT_ROWS)))

    return run


async def _page(server: Server, place: Place, source: str, where: str, values: Sequence[Any], limit: int) -> Json:
    show = outgoing(place.table)
    where = f" WHERE {where}" if where else ""
    sql = f"SELECT {place.shown} FROM {source}{where} ORDER BY {place.order} LIMIT %s"
    found = await server.rows(sql, (*values, limit + 1))
    total = len(found)
    if total > limit:
        total = (await server.rows(f"SELECT count(*) FROM {source}{where} LIMIT %s", (*values, 1)))[0][0]
    return {"rows": [show(place.stored(row)) for row in found[:limit]], "total": total}


async def _one(server: Server, place: Place, names: Sequence[str], values: Sequence[Any]) -> tuple[Any, ...] | None:
    bound = [place.cells[name].bound(value) for name, value in zip(names, values)]
    found = await server.rows(f"SELECT {place.shown} FROM {place.sql} WHERE {place.equals(names)} LIMIT %s", (*bound, 1))
    return place.stored(found[0]) if found else None


def _get(place: Place) -> Read:
    show = outgoing(place.table)

    async def run(server: Server, arguments: dict[str, Any]) -> Json:
        return show(await _there(server, place, _key(place, arguments)))

    return run


async def _there(server: Server, place: Place, key: Sequence[Any]) -> tuple[Any, ...]:
    row = await _one(server, place, place.table.key, key)
    if row is None:
        raise missing(place.table, key)
    return row


def _key(place: Place, arguments: dict[str, Any]) -> tuple[Any, ...]:
    given = incoming(place.table, place.table.key)(arguments)
    return tuple(given[name] for name in place.table.key)


def _target(place: Place, parent: Place, via: Sequence[str]) -> tuple[str, ...]:
    """The parent's columns to which `via` leads."""
    return next(foreign.target for foreign in place.table.foreign if foreign.columns == tuple(via) and foreign.table == parent.table.name)


def _parent(place: Place, parent: Place, via: Sequence[str]) -> Read:
    target, show = _target(place, parent, via), outgoing(parent.table)

    async def run(server: Server, arguments: dict[str, Any]) -> Json:
        row = dict(zip(place.cells, await _there(server, place, _key(place, arguments))))
        found = await _one(server, parent, target, [row[name] for name in via]) if all(row[name] is not None for name in via) else None
        return None if found is None else show(found)

    return run


def _children(place: Place, parent: Place, via: Sequence[str], through: Place | None) -> Read:
    limit = unique_name("limit", via)
    target = _target(through or place, parent, via)
    where = place.equals(via) if through is None else _linked(place, through, via)
    cells = (through or place).cells

    async def run(server: Server, arguments: dict[str, Any]) -> Json:
        values = [arguments[name] for name in via]
        if await _one(server, parent, target, values) is None:
            raise missing(parent.table, values)
        bound = [cells[name].bound(value) for name, value in zip(via, values)]
        return await _page(server, place, place.sql, where, bound, int(arguments.get(limit, DEFAULT_ROWS)))

    return run


def _linked(place: Place, through: Place, via: Sequence[str]) -> str:
    """Rows that a junction links to the parent."""
    far = next(foreign for foreign in through.table.foreign if foreign.table == place.table.name and foreign.columns != tuple(via))
    own = ", ".join(place.cells[name].sql for name in far.target)
    other = ", ".join(through.cells[name].sql for name in far.columns)
    return f"({own}) IN (SELECT {other} FROM {through.sql} WHERE {through.equals(via)})"


def _create(place: Place) -> Write:
    stored = {name for name, cell in place.cells.items() if not cell.column.generated}
    convert, show = incoming(place.table, stored), outgoing(place.table)

    async def run(server: Server, arguments: dict[str, Any]) -> Written:
        values = {name: value for name, value in convert(arguments).items() if name in stored}
        for name, cell in place.cells.items():
            if cell.counted and values.get(name) is None:
                values[name] = (await server.rows(f"SELECT coalesce(max({cell.sql}), 0) + 1 FROM {place.sql} WHERE %s", (True,)))[0][0]
        into = ", ".join(place.cells[name].sql for name in values)
        binds = ", ".join(place.cells[name].bind for name in values)
        body = f"({into}) OVERRIDING SYSTEM VALUE VALUES ({binds})" if values else "DEFAULT VALUES"
        bound = tuple(place.cells[name].bound(value) for name, value in values.items())
        found = await server.rows(f"INSERT INTO {place.sql} {body} RETURNING {place.shown}", bound)
        if not found:  # a trigger or a rule put it elsewhere
            return Written(None, None)
        row = place.stored(found[0])
        key = tuple(dict(zip(place.cells, row))[name] for name in place.table.key) or None
        again = await _one(server, place, place.table.key, key) if key is not None else row
        return Written(None if again is None else show(again), key)

    return run


def _update(place: Place) -> Write:
    convert, show = incoming(place.table, place.table.columns), outgoing(place.table)

    async def run(server: Server, arguments: dict[str, Any]) -> Written:
        values = convert(arguments)
        key = tuple(values[name] for name in place.table.key)
        await _there(server, place, key)
        changes = {name: value for name, value in values.items() if name not in place.table.key}
        sets = ", ".join(f"{place.cells[name].sql} = {place.cells[name].bind}" for name in changes)
        bound = [place.cells[name].bound(value) for name, value in (*changes.items(), *zip(place.table.key, key))]
        await server.rows(f"UPDATE {place.sql} SET {sets} WHERE {place.equals(place.table.key)} RETURNING 1", bound)
        row = await _one(server, place, place.table.key, key)
        return Written(None if row is None else show(row), key)

    return run


def _delete(place: Place) -> Write:
    show = outgoing(place.table)

    async def run(server: Server, arguments: dict[str, Any]) -> Written:
        key = _key(place, arguments)
        row = await _there(server, place, key)
        bound = [place.cells[name].bound(value) for name, value in zip(place.table.key, key)]
        gone = await server.rows(f"DELETE FROM {place.sql} WHERE {place.equals(place.table.key)} RETURNING 1", bound)
        if not gone:
            raise Refusal(ErrorKind.constraint, f"the database did not delete the row of {place.table.name}")
        return Written({"deleted": show(row)}, key)

    return run
