"""Rows of an emulated world's tables: made true to their schemas, with ids that are new and references that exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from random import Random
from typing import cast

from artificer.core.canon import Json, canonical, rng
from artificer.models.prompt import record_of, rows_of
from artificer.worlds.base import Problem
from artificer.worlds.emulated.places import plain, referred_table
from artificer.worlds.emulated.plans import Plans
from artificer.worlds.emulated.resources import Resource
from artificer.worlds.emulated.spec import Change, Row, State, Table
from artificer.worlds.schema_shape import Schema, kinds_of
from artificer.worlds.schema_values import NoSample, Sampler

Gone = Set[tuple[str, str]]
"""Keys that were deleted, by table: never given again, never found again."""
_NUMBER = re.compile(r"(.*?)(\d{1,15})")
_SINGLE = ""


def key_text(value: Json) -> str:
    """A key as the text under which its row is kept: 7 and "7" are the same."""
    return value if isinstance(value, str) else canonical(value).decode()


def copied(value: Json) -> Json:
    """A copy that shares nothing that can be changed."""
    if isinstance(value, dict):
        return {name: copied(part) for name, part in cast("Row", value).items()}
    return [copied(part) for part in cast("list[Json]", value)] if isinstance(value, list) else value


def applied(state: State, changes: Iterable[Change]) -> State:
    """The state after changes; tables that do not change are shared."""
    after = dict(state)
    fresh: set[str] = set()
    for change in changes:
        if change.table not in fresh:
            after[change.table] = dict(after.get(change.table, {}))
            fresh.add(change.table)
        if change.row is None:
            after[change.table].pop(change.key, None)
        else:
            after[change.table][change.key] = change.row
    return after


class RowMaker:
    """Makes rows for the tables of a world. Chance comes from the seed and from names, never from order alone."""

    def __init__(self, plans: Plans, seed: int) -> None:
        self._plans = plans
        self._seed = seed
        self._samplers: dict[tuple[str, str], Sampler] = {}

    def filled(self, given: dict[str, tuple[Row, ...]], count: int, problems: list[Problem]) -> State:
        """The state at the start: what is given, and `count` rows in every other table that some tool shows."""
        state: State = {}
        for table, rows in given.items():
            state[table] = self._kept(table, rows, problems)
        for resource in _referred_first(self._plans):
            if resource.table in state or not resource.read:
                continue
            try:
                state[resource.table] = self._invented(resource, 1 if resource.single else count, state)
            except NoSample as error:
                problems.append(Problem(f"table {resource.table}", f"no row can be made: {error}"))
        return state

    def _kept(self, table: str, rows: tuple[Row, ...], problems: list[Problem]) -> Table:
        resource = self._plans.resources[table]
        kept: Table = {}
        for row in rows:
            key = _SINGLE if resource.single else key_text(row.get(resource.id))
            if row.get(resource.id) is None and not resource.single:
                typed = self._new_id(resource, kept, frozenset(), rng("given", self._seed, table, len(kept)))
                key, row = key_text(typed), {resource.id: typed, **row}
            if key in kept:
                problems.append(Problem(f"state.{table}", f"two rows have the {resource.id} {key!r}; the first is kept"))
            kept.setdefault(key, row)
        return kept

    def _invented(self, resource: Resource, count: int, state: State) -> Table:
        rows: Table = {}
        for index in range(count):
            random = rng("row", self._seed, resource.table, index)
            row = self.row(resource, {}, random, state, rows, frozenset())
            rows[_SINGLE if resource.single else key_text(row[resource.id])] = row
        return rows

    def row(self, resource: Resource, values: Row, random: Random, state: State, table: Table, gone: Gone) -> Row:
        """A new row: `values`, and for other columns their default, a reference to an existing row, or what fits.

        Raises:
            NoSample: a column's schema allows nothing.
        """
        made: Row = {}
        for name, schema in resource.columns.items():
            if name in values:
                made[name] = values[name]
            elif name == resource.id and not resource.single:
                made[name] = self._new_id(resource, table, gone, random)
            elif name != resource.id or not resource.hidden:
                made[name] = self._linked(self._value(resource, name, schema, random), random, state, name)
        return made | {name: value for name, value in values.items() if name not in made}

    def fresh(self, resource: Resource, values: Row, random: Random, state: State, table: Table, gone: Gone) -> Row:
        """A row that has just been created: as `row`, with a status that things begin with."""
        begun: Row = {}
        for name, schema in resource.columns.items():
            options = rows_of(schema.get("enum"))
            if name not in values and options and plain(name) in ("status", "state"):
                begun[name] = options[0]
            elif name not in values and "default" in schema:
                begun[name] = schema["default"]
        return self.row(resource, begun | values, random, state, table, gone)

    def _value(self, resource: Resource, name: str, schema: Schema, random: Random) -> Json:
        sampler = self._samplers.get((resource.table, name))
        if sampler is None:
            sampler = self._samplers[resource.table, name] = Sampler(schema or {"type": "string"}, depth=4)
        return sampler.sample(random, f"{resource.noun}_{name}" if name == "name" else name)

    def _linked(self, value: Json, random: Random, state: State, name: str) -> Json:
        """References within a value set to rows that exist, where the type of their ids is the same."""
        if isinstance(value, dict):
            return {key: self._linked(part, random, state, key) for key, part in cast("Row", value).items()}
        if isinstance(value, list):
            parts = [self._linked(part, random, state, name) for part in cast("list[Json]", value)]
            return list({canonical(part): part for part in parts}.values()) if referred_table(name, self._plans.names) is not None else parts
        table = referred_table(name, self._plans.names)
        rows = state.get(table) if table is not None else None
        if not rows or table is None or value is None:
            return value
        known = rows[random.choice(list(rows))].get(self._plans.resources[table].id)
        return known if type(known) is type(value) else value

    def _new_id(self, resource: Resource, table: Table, gone: Gone, random: Random) -> Json:
        """An id that no row has or had: the next number, or text in the manner of those there are."""
        schema = resource.columns[resource.id]
        free = kinds_of(schema) & {"integer", "number", "string"}

        def new(key: Json) -> bool:
            return key_text(key) not in table and (resource.table, key_text(key)) not in gone

        if "string" not in free or not {"pattern", "format", "enum", "const", "maxLength", "minLength"} & schema.keys():
            candidate = _next(resource, table, textual="string" in free)
            for _ in range(len(gone) + 1):
                if new(candidate) and _allowed(schema, candidate):
                    return candidate
                candidate = _after(candidate)
        for _ in range(200):
            candidate = self._value(resource, resource.id, schema, random)
            if new(candidate):
                return candidate
        raise NoSample(f"no {resource.id} is left that no row of {resource.table} has")


def _allowed(schema: Schema, value: Json) -> bool:
    least, most = schema.get("minimum"), schema.get("maximum")
    return isinstance(value, str) or ((least is None or value >= least) and (most is None or value <= most))


def _next(resource: Resource, table: Table, *, textual: bool) -> Json:
    """The id after the last: 1013 after 1012, ORD-1013 after ORD-1012; the first of a table ends in 1001."""
    last = next(reversed(table), None)
    found = _NUMBER.fullmatch(last) if last is not None else None
    if found is not None:
        number = str(int(found[2]) + 1).zfill(len(found[2]))
        return f"{found[1]}{number}" if textual else int(number)
    start = 1001 + len(table)
    return f"{re.sub('[^A-Z]', '', resource.noun.upper())[:3] or 'ID'}-{start}" if textual else start


def _after(candidate: Json) -> Json:
    if not isinstance(candidate, str):
        return candidate + 1
    found = _NUMBER.fullmatch(candidate)
    return f"{candidate}-2" if found is None else f"{found[1]}{int(found[2]) + 1}"


def _referred_first(plans: Plans) -> list[Resource]:
    """Resources in an order in which what a row refers to stands before it, as far as there is one."""
    ordered: list[Resource] = []
    waiting = dict(plans.resources)
    while waiting:
        ready = [name for name, one in waiting.items() if not (referred_tables(one, plans) & waiting.keys()) - {name}] or [next(iter(waiting))]
        ordered += [waiting.pop(name) for name in ready]
    return ordered


def referred_tables(resource: Resource, plans: Plans) -> set[str]:
    """Tables that a resource's columns, or objects within them, refer to."""
    found: set[str] = set()
    queue: list[tuple[str, Json, int]] = [(name, schema, 0) for name, schema in resource.columns.items() if name != resource.id]
    while queue:
        name, schema, depth = queue.pop()
        fields = record_of(schema) or {}
        table = referred_table(name, plans.names)
        found |= {table} if table is not None else set()
        if depth < 3:
            queue += [(key, part, depth + 1) for key, part in (record_of(fields.get("properties")) or {}).items()]
            queue += [(name, fields["items"], depth + 1)] if "items" in fields else []
    return found
