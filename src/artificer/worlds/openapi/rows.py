"""Rows: what a table holds at first, made from examples and schemas, a function of the seed alone.

Nothing is stored at the start: rows are made when somebody looks, once for each seed, and shared by all sessions that start with it.
"""

from __future__ import annotations

from typing import cast

from msgspec import Struct

from artificer.core.canon import Json, rng
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.paths import Signature, Step
from artificer.worlds.openapi.tables import Table, Tables, at_route, put_at, schema_at
from artificer.worlds.openapi.texts import said
from artificer.worlds.openapi.values import Maker

Key = tuple[str, ...]
"""Keys as texts: how rows are found, whether a caller writes 7 or "7"."""
_TOP = 6
_NESTED = 10
_TRIES = 4
_FIRST = 1001


class Row(Struct, frozen=True):
    """One row.

    Args:
        keys: as the data show them.
        data: what is known of it; never changed in place.
        scope: keys of the items it lies in, by their collection.
        made: whether a call made it.
    """

    keys: tuple[Json, ...]
    data: Object
    scope: dict[Signature, Key]
    made: bool = False


def key_of(keys: tuple[Json, ...]) -> Key:
    """Keys as texts."""
    return tuple(spelt(key) for key in keys)


def spelt(value: Json) -> str:
    """A scalar as it stands in a path."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(int(value)) if _whole(value) else str(value)


def _whole(value: Json) -> bool:
    return isinstance(value, float) and value.is_integer() and abs(value) < 1e15


def _number(schema: Object, index: int) -> int:
    """A number as a key: from 1001 on, as ids that nobody guesses; from the least one on where the schema says they are small."""
    least, most = schema.get("minimum"), schema.get("maximum")
    small = isinstance(most, (int, float)) and most < _FIRST + _NESTED
    first = int(least) if isinstance(least, (int, float)) and (small or least > _FIRST) else 1 if small else _FIRST
    return first + index


class Base:
    """The rows that a seed begins with."""

    def __init__(self, tables: Tables, maker: Maker, world: str, seed: int) -> None:
        self._tables = tables
        self._maker = maker
        self._name = (world, seed)
        self._rows: dict[str, dict[Key, Row]] = {}
        self._singles: dict[tuple[str, Key], Row | None] = {}

    def rows(self, table: Table) -> dict[Key, Row]:
        """A table's rows, by key, in order."""
        if table.name not in self._rows:
            self._rows[table.name] = {}  # for a table that lies within itself
            plain = self._plain(table)
            self._rows[table.name] = {key: Row(row.keys, row.data, {}) for key, row in plain.items()}
            placed = {key: self._placed(table, index, row) for index, (key, row) in enumerate(plain.items())}
            self._rows[table.name] = placed
        return self._rows[table.name]

    def single(self, table: Table, scope: Key) -> Row | None:
        """What a place without keys holds, for the items it lies in."""
        known = (table.name, scope)
        if known not in self._singles:
            row = None
            if table.listed:
                made: Json = self._maker.value(table.schema, rng("openapi", *self._name, table.name, scope)) if table.schema is not None else {}
                row = Row((), cast("Object", made if isinstance(made, dict) else {"value": made}), {})
            self._singles[known] = row
        return self._singles[known]

    def _plain(self, table: Table) -> dict[Key, Row]:
        """Rows with data and keys, not yet placed within others."""
        wanted = _TOP if any(not steps for steps in table.scopes) else _NESTED
        found: dict[Key, Row] = {}
        for index in range(wanted):
            for turn in range(_TRIES):
                row = self._row(table, index, turn)
                if key_of(row.keys) not in found:
                    found[key_of(row.keys)] = row
                    break
        return found

    def _row(self, table: Table, index: int, turn: int) -> Row:
        stream = rng("openapi", *self._name, table.name, index, turn)
        made: Json = self._maker.value(table.schema, stream) if table.schema is not None else {}
        data = cast("Object", made) if isinstance(made, dict) else {}
        if turn == 0 and index < len(table.examples):
            data = {**data, **cast("Object", table.examples[index])}
        keys: list[Json] = []
        for route, schema in zip(table.routes, table.schemas, strict=True):
            shown: Json = at_route(data, route) if route is not None else None
            stated = None if route is None else schema_at(self._maker.shapes, table.schema, route)
            options: Json = self._maker.shapes.schemas.follow(schema).get("enum")
            whole = self._maker.shapes.kind(schema if stated is None else stated) == "integer"
            if isinstance(options, list) and options:
                keys.append(options[index % len(cast("list[Json]", options))])
                data = data if route is None else put_at(data, route, keys[-1])
                continue
            if not whole and self._maker.shapes.kind(schema) == "integer":
                shown = str(_FIRST + index)  # the paths say it is a number, the rows that it is a text
            if whole and (turn or index >= len(table.examples) or not isinstance(shown, int)):
                shown = _number(self._maker.shapes.schemas.follow(schema if stated is None else stated), index)
            elif not isinstance(shown, (str, int, float)) or shown == "":
                shown = self._invented(schema if stated is None else stated, table, index, turn)
            if route is not None:
                data = put_at(data, route, shown)
            keys.append(shown)
        return Row(tuple(keys), data, {})

    def _invented(self, schema: Json, table: Table, index: int, turn: int) -> Json:
        stream = rng("openapi key", *self._name, table.name, index, turn)
        made = self._maker.value(schema, stream, "slug") if schema not in ({}, True) else said("slug", stream)
        return made if isinstance(made, (str, int, float)) and made != "" else said("slug", stream)

    def _placed(self, table: Table, index: int, row: Row) -> Row:
        """The row with the items it lies in, of every place that the table has."""
        scope: dict[Signature, Key] = {}
        data = row.data
        for steps in table.scopes:
            found = self._within(table, index, steps)
            scope |= found
        return Row(row.keys, data, scope)

    def _within(self, table: Table, index: int, steps: tuple[Step, ...]) -> dict[Signature, Key]:
        """Keys of the items on the way to a row: the innermost is drawn, and lies where it lies itself."""
        if not steps:
            return {}
        step = steps[-1]
        holder = self._tables.by_place.get(step.place)
        rows = list(self.rows(holder).items()) if holder is not None and holder is not table else []
        if not rows:
            return self._within(table, index, steps[:-1])
        drawn = rng("openapi place", *self._name, table.name, step.signature, index).randrange(len(rows))
        at = index if index < len(rows) else drawn  # everything that can hold something holds one, as far as the rows go
        key, row = rows[at]
        outer = {signature: keys for signature, keys in row.scope.items() if any(one.signature == signature for one in steps[:-1])}
        return {**outer, step.signature: key}
