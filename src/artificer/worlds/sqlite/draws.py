"""Rows and values for requests: which row it is about, how it is described, what a column could become.

Rows come from the demanded share only. New values look like the column's own: another choice, another of the few
values it repeats, a text blended from
two others, a number nearby. Whatever is drawn is turned into facts that a person could say.
"""

from __future__ import annotations

from random import Random

import apsw
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.worlds.guide import Demand, Dropped, Said, allowed
from artificer.worlds.sqlite.describe import Description, Key, describe, fetch, nameable, resolves, sayable, target_of
from artificer.worlds.sqlite.phrases import Phrases
from artificer.worlds.sqlite.schema import Column, ForeignKey, Schema, Table, quote

_KEYS = 20_000


class Known(Struct, frozen=True):
    """What is learnt of a database once, in its first state: the keys of every table (at most 20,000), and which text
    columns repeat their values (countries, states), so that an invented one would be strange.
    """

    keys: dict[str, list[Key]]
    repeats: frozenset[tuple[str, str]]


def learn(connection: apsw.Connection, schema: Schema, tools: list[ToolSpec]) -> Known:
    """Looks at every table that has tools and can be addressed."""
    named = {tool.attributes.get("table") for tool in tools}
    keys: dict[str, list[Key]] = {}
    repeats: set[tuple[str, str]] = set()
    for name, table in schema.tables.items():
        if name not in named or not table.key or table.view or not nameable(name):
            continue
        columns = ", ".join(map(quote, table.key))
        keys[name] = [tuple(row) for row in connection.execute(f"SELECT {columns} FROM {quote(name)} ORDER BY {columns} LIMIT {_KEYS}")]
        for column in table.columns.values():
            if column.kind == "text":
                rows = f"SELECT {quote(column.name)} AS value FROM {quote(name)} WHERE value IS NOT NULL LIMIT 1000"
                count, distinct = connection.execute(f"SELECT count(*), count(DISTINCT value) FROM ({rows})").fetchone() or (0, 0)
                if count > 20 and distinct < count / 2:
                    repeats.add((name, column.name))
    return Known(keys, frozenset(repeats))


def entity(table: Table, key: Key) -> str:
    """The name of a row, for keeping train and test apart."""
    return f"{table.name}:{','.join(map(str, key))}"


class Draft(Struct, frozen=True):
    """A request in the making."""

    op: str
    said: tuple[Said, ...]
    gold: tuple[ToolCall, ...] = ()
    tell: tuple[tuple[str, ...], ...] = ()
    entities: tuple[str, ...] = ()
    lookups: int = 1


def drafted(
    op: str,
    intent: tuple[str, ...],
    facts: list[Said],
    gold: tuple[ToolCall, ...],
    tell: tuple[tuple[str, ...], ...],
    description: Description,
    lookups: int | None = None,
) -> Draft:
    """A draft about the row that `description` describes."""
    entities = (f"{description.table}:{','.join(map(str, description.key))}",)
    return Draft(op, (Said("", None, intent), *facts), gold, tell, entities, description.lookups if lookups is None else lookups)


class Draws:
    """Draws in one session's state. One object serves one task."""

    def __init__(self, connection: apsw.Connection, schema: Schema, phrases: Phrases, known: Known, rng: Random) -> None:
        self.connection = connection
        self.schema = schema
        self.phrases = phrases
        self.keys = known.keys
        self.repeats = known.repeats
        self.rng = rng

    def sample(self, table: Table, demand: Demand) -> tuple[Key, dict[str, Json]] | Dropped:
        """A row of the demanded share that still exists."""
        for _ in range(4):
            key = self.rng.choice(self.keys[table.name]) if self.keys.get(table.name) else None
            if key is None or not allowed(demand.part, entity(table, key)):
                continue
            row = fetch(self.connection, table, key)
            if row is not None:
                return key, row
        return Dropped("no row of this share")

    def draw(self, table: Table, demand: Demand) -> tuple[Description, dict[str, Json]] | Dropped:
        """A row and a description that fits it alone."""
        drawn = self.sample(table, demand)
        if isinstance(drawn, Dropped):
            return drawn
        key, row = drawn
        description = describe(self.connection, self.schema, table, key, self.rng, demand.depth, frozenset(demand.without))
        if description is None or resolves(self.connection, self.schema, table, description) != [key]:
            return Dropped("no description fits the row alone")
        return description, row

    def described(self, path: str, description: Description) -> list[Said]:
        """The description as facts; any of them may be withheld until asked."""
        return [
            Said(
                f"{path}.{condition.path}",
                condition.value,
                self.phrases.condition(condition.table, condition.column, condition.value, tuple(condition.path.split(".")[:-1])),
                "asked",
            )
            for condition in description.conditions
        ]

    def writable(self, table: Table, name: str) -> bool:
        """Whether people would give the column a value of their own."""
        column = table.columns[name]
        if column.generated or column.kind in ("blob", "boolean", "any") or not nameable(name):
            return False
        return name not in table.key or not table.surrogate

    def value(self, table: Table, name: str, old: Json, demand: Demand) -> tuple[Json, list[Said]]:
        """A new value for a column, different from `old`, and how it is said; no facts when none was found."""
        column = table.columns[name]
        foreign = target_of(self.schema, table, name)
        if foreign is not None:
            return self.reference(foreign, name, old, demand)
        value = self.fresh(table, column, old)
        if value is None or not sayable(value) or value == old or (isinstance(value, str) and isinstance(old, str) and value.lower() == old.lower()):
            return None, []
        return value, [Said(f"set.{name}", value, self.phrases.setting(name, value), "asked")]

    def reference(self, foreign: ForeignKey, name: str, old: Json, demand: Demand) -> tuple[Json, list[Said]]:
        """Another row to refer to, with its description under `set.<name>`."""
        parent = self.schema.tables[foreign.table]
        if not self.keys.get(parent.name) or parent.name in demand.without:
            return None, []
        drawn = self.draw(parent, demand)
        if isinstance(drawn, Dropped) or drawn[0].key[0] == old:
            return None, []
        facts = [
            Said(
                f"set.{name}.{condition.path}",
                condition.value,
                self.phrases.assigned(name, condition.table, condition.column, condition.value, tuple(condition.path.split(".")[:-1])),
                "asked",
            )
            for condition in drawn[0].conditions
        ]
        return drawn[0].key[0], facts

    def fresh(self, table: Table, column: Column, old: Json) -> Json:
        """A plausible value that the column may hold."""
        if column.choices:
            others = [choice for choice in column.choices if choice != old]
            return self.rng.choice(others) if others else None
        other = self.other(table, column.name)
        if column.kind == "text":
            return other if (table.name, column.name) in self.repeats else self.blend(table, column.name)
        if column.kind == "integer" and isinstance(other, int):
            value = other + self.rng.choice((-3, -2, -1, 1, 2, 3, 5, 10))
            return (
                value
                if value >= (column.minimum if column.minimum is not None else 0) and (column.maximum is None or value <= column.maximum)
                else None
            )
        if column.kind == "real" and isinstance(other, int | float):
            value = round(float(other) * self.rng.choice((0.5, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0)) + self.rng.choice((0.0, 0.1, 0.25)), 2)
            return value if (column.minimum is None or value >= column.minimum) and (column.maximum is None or value <= column.maximum) else None
        return other

    def other(self, table: Table, name: str) -> Json:
        """The column's value in another row."""
        key = self.rng.choice(self.keys[table.name])
        row = fetch(self.connection, table, key)
        return row[name] if row else None

    def blend(self, table: Table, name: str) -> str | None:
        """A text in the column's own manner that no row need have: the beginning of one value and the end of
        another."""
        first, second = self.other(table, name), self.other(table, name)
        if not isinstance(first, str) or not isinstance(second, str):
            return None
        if "@" in first and "@" in second:
            text = first.split("@")[0] + "@" + second.split("@")[1]
        else:
            head, tail = first.split(), second.split()
            text = " ".join(head[: (len(head) + 1) // 2] + tail[len(tail) // 2 :]) if len(head) + len(tail) > 2 else f"{first} {second}"
        return text if sayable(text) else None
