"""Answers: rows in the form that an operation's response schema asks for, with whatever the document wraps around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import cast

from artificer.core.canon import Json, rng
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.operations import Operation
from artificer.worlds.openapi.paths import singular
from artificer.worlds.openapi.rows import Row
from artificer.worlds.openapi.tables import Listing, Route, Table, put_at, row_in, same_name
from artificer.worlds.openapi.texts import words_in
from artificer.worlds.openapi.values import Maker

LEVELS = 4
"""Ways to fit a row into a schema, tried in turn: all it has, its plain values, its keys, nothing but the keys over a fresh value."""
_TOTALS = ("total", "count", "totalcount", "totalitems", "totalresults", "totalelements", "size", "totalsize", "length", "@odata.count")
_MORE = ("hasmore", "more", "hasnext", "hasnextpage", "truncated", "istruncated")
_YES = {"deleted", "success", "ok", "done", "acknowledged", "succeeded", "successful"}


class Part:
    """The part of a listing that is answered: rows as shown, how many there are in all, and the key of the last when more follow."""

    def __init__(self, rows: Sequence[Json], total: int, after: str | None) -> None:
        self.rows = list(rows)
        self.total = total
        self.after = after


class Answers:
    """Makes answers of one world's operations."""

    def __init__(self, maker: Maker, accepts: Callable[[str, Json], bool], world: str) -> None:
        self._maker = maker
        self._shapes = maker.shapes
        self._accepts = accepts
        self._world = world

    def fitted(self, operation: Operation, make: Callable[[int], Json]) -> tuple[bool, Json]:
        """The first of the ways that fits the operation's schema; False when none does."""
        if not operation.answer.media or operation.method == "head":
            return True, None
        for level in range(LEVELS):
            content = make(level)
            if self._accepts(operation.name, content):
                return True, content
        return False, None

    def one(self, operation: Operation, table: Table, row: Row, last: str, level: int) -> Json:
        """A row as an answer."""
        route, schema = row_in(self._shapes, operation.answer.schema, last)
        shown = self.shown(table, row, schema, level)
        return shown if not route else self._wrapped(operation, route, shown, level, row)

    def many(self, operation: Operation, table: Table, rows: Sequence[Row], total: int, after: str | None, listing: Listing, level: int) -> Json:
        """Rows as a listing."""
        shown = [self.shown(table, row, listing.items, level) for row in rows]
        if not listing.route:
            return shown
        return self._filled(operation.answer.schema, listing.route, Part(shown, total, after), self._stream(operation, level), level)

    def acknowledged(self, operation: Operation, table: Table | None, row: Row | None, arguments: Object, level: int) -> Json:
        """What is answered when there is nothing to show but that it was done: keys and arguments where the schema has them, and yes."""
        made: Json = self._maker.value(operation.answer.schema, self._stream(operation, level, arguments), full=level % 2 == 0)
        if not isinstance(made, dict) or level > 1:
            return cast("Json", made)
        out = cast("Object", made)
        shape = self._shapes.of(operation.answer.schema)
        for name in shape.properties if shape is not None else ():
            kind = self._shapes.kind(shape.properties[name]) if shape is not None else ""
            if kind == "boolean" and _YES.intersection(words_in(name)):
                out[name] = True
            for argument, value in arguments.items():
                if same_name(name, argument) and kind == _kind(value) and name in out:
                    out[name] = value
        if table is not None and row is not None and shape is not None:
            for route, key in zip(table.routes, row.keys):
                if route is not None and len(route) == 1 and route[0] in shape.properties:
                    out[route[0]] = key
        return out

    def shown(self, table: Table, row: Row, schema: Json, level: int) -> Json:
        """A row in the form of a schema."""
        name = self._shapes.name(schema)
        if level == 0 and (schema is table.schema or (name and name == self._shapes.name(table.schema))):
            return row.data
        stream = rng("openapi shown", self._world, table.name, row.keys, name)
        fresh: Json = self._maker.value(schema, stream, full=False)
        shape = self._shapes.of(schema)
        if not isinstance(fresh, dict) or shape is None:
            return cast("Json", row.data if schema in (None, {}, True) else fresh)
        out = cast("Object", fresh)
        for key, value in row.data.items() if level < 2 else ():
            part = shape.properties.get(key)
            plain = not isinstance(value, (dict, list))
            if part is not None and (level == 0 or plain) and self._shapes.kind(part) in ("", _kind(value)):
                out[key] = value
        for route, key in zip(table.routes, row.keys):
            if route is not None and level < 3 and route[0] in shape.properties:
                out = put_at(out, route, key)
        return out

    def _wrapped(self, operation: Operation, route: Route, shown: Json, level: int, row: Row) -> Json:
        made = self._maker.value(operation.answer.schema, self._stream(operation, level, row.keys), full=False)
        return put_at(cast("Object", made) if isinstance(made, dict) else {}, route, shown)

    def _filled(self, schema: Json, route: Route, part: Part, stream: Random, level: int) -> Json:
        """The object around a list: counts, whether there is more, and where to go on."""
        shape = self._shapes.of(schema)
        if shape is None:
            return {route[0]: part.rows}
        out: Object = {}
        for name, inner in shape.properties.items():
            kind, plain = self._shapes.kind(inner), "".join(filter(str.isalnum, name.lower()))
            needed = name in shape.required
            if name == route[0]:
                out[name] = part.rows if len(route) == 1 else self._filled(inner, route[1:], part, stream, level)
            elif kind == "integer" and (plain in _TOTALS or name in _TOTALS):
                out[name] = part.total
            elif kind == "boolean" and plain in _MORE:
                out[name] = part.after is not None
            elif kind == "string" and ("cursor" in plain or "token" in plain or plain in ("after", "marker", "continue")) and part.after is not None:
                out[name] = part.after
            elif needed:
                out[name] = self._maker.value(inner, stream, name, 1, full=level == 0)
        return out

    def _stream(self, operation: Operation, level: int, *more: Json) -> Random:
        return rng("openapi answer", self._world, operation.name, level, *more)


def _kind(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "integer" if isinstance(value, int) else "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "null" if value is None else "object"


def noun_of(table: Table) -> str:
    """What one row of a table is called."""
    return singular(table.name.rpartition(".")[2]).replace("_", " ")
