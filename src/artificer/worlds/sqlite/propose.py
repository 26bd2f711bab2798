"""Which requests can be made of any relational database, in the state it is in: answers first, words later.

A row is drawn, an operation that the schema allows is chosen for it, and the write calls with exact ids are kept as
gold (the caller executes them). Everything the user must know is turned into facts that a person could say; every
reference is a description proven to fit exactly one row. What cannot be done is made on purpose too, and proven: a
description that fits no row, one that fits several and cannot be completed, a delete that the database's own rules
forbid.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from random import Random

import apsw
from msgspec import Struct, structs

from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tasks import Want
from artificer.core.tools import ToolSpec
from artificer.worlds.guide import Demand, Dropped, Request, Said, allowed
from artificer.worlds.sqlite.describe import (
    Description,
    Key,
    condition_sql,
    describe,
    fetch,
    matches,
    nameable,
    resolves,
    sayable,
    target_of,
    tellable,
)
from artificer.worlds.sqlite.phrases import Phrases
from artificer.worlds.sqlite.procedures import Toolbox, spoken
from artificer.worlds.sqlite.schema import Column, ForeignKey, Schema, Table, quote

_KEYS = 20_000
_LISTED = 8
_NOT_FOUND = (
    "could not find",
    "couldn't find",
    "cannot find",
    "can't find",
    "no such",
    "not found",
    "does not exist",
    "doesn't exist",
    "no record",
    "no matching",
)
_SEVERAL = ("more than one", "several", "multiple", "ambiguous", "not unique", "which one you mean")
_REFERRED = ("refer to it", "refers to it", "still refer", "referenced", "cannot be deleted", "can't be deleted", "depend on", "in use")


class Draft(Struct, frozen=True):
    """A proposal before it is checked against the demand's shares."""

    op: str
    said: tuple[Said, ...]
    gold: tuple[ToolCall, ...] = ()
    tell: tuple[tuple[str, ...], ...] = ()
    entities: tuple[str, ...] = ()
    lookups: int = 1


Maker = Callable[[Table, Demand], "Draft | Dropped"]


class Proposer:
    """Draws requests in one session's state. One object serves one task."""

    def __init__(self, connection: apsw.Connection, schema: Schema, tools: Toolbox, phrases: Phrases, known: Known, rng: Random) -> None:
        self.connection = connection
        self.schema = schema
        self.tools = tools
        self.phrases = phrases
        self.keys = known.keys
        self.repeats = known.repeats
        self.rng = rng

    async def requests(self, demand: Demand) -> AsyncIterator[Request | Dropped]:
        """One after another, for ever; see `Guide.propose`."""
        names = [name for name in sorted(self.keys) if self.keys[name] and name not in demand.without and (not demand.only or name in demand.only)]
        if not names:
            while True:
                yield Dropped("no table to draw from")
        weights = [min(len(self.keys[name]), 400) ** 0.5 for name in names]
        while True:
            table = self.schema.tables[self.rng.choices(names, weights)[0]]
            yield self.request(table, demand)

    def request(self, table: Table, demand: Demand) -> Request | Dropped:
        if demand.impossible is not None:
            draft, want = self.impossible(table, demand)
        else:
            makers: list[tuple[Maker, int]] = [(self.update, 7), (self.create, 3), (self.delete, 3), (self.read, 4), (self.children, 3)]
            maker = self.rng.choices([maker for maker, _ in makers], [weight for _, weight in makers])[0]
            draft, want = maker(table, demand), None
        if isinstance(draft, Dropped):
            return draft
        if want is None:
            want = Want(draft.op, outcome="done" if draft.gold else "answered", tell=draft.tell, gold=draft.gold)
        return Request(want, draft.said, draft.entities, draft.lookups)

    # what can be done

    def update(self, table: Table, demand: Demand) -> Draft | Dropped:
        tool = self.tools.get("update", table.name)
        drawn = self.draw(table, demand)
        if tool is None or isinstance(drawn, Dropped):
            return drawn if isinstance(drawn, Dropped) else Dropped("no tool")
        description, row = drawn
        names = [name for name in tool.parameters["properties"] if name in table.columns and name not in table.key and self.writable(table, name)]
        self.rng.shuffle(names)
        changes: dict[str, Json] = {}
        said: list[Said] = []
        for name in names[: self.rng.choice((1, 1, 1, 2))]:
            value, facts = self.value(table, name, row[name], demand)
            if facts:
                changes[name] = value
                said += facts
        if not changes:
            return Dropped("no column to change")
        op = f"update:{table.name}:{','.join(changes)}"
        gold = (ToolCall("g", tool.name, dict(zip(table.key, description.key, strict=True)) | changes),)
        intent = self.phrases.intent("update", table.name, list(changes))
        return self.draft(op, intent, [*self.described(table.name, description), *said], gold, (), description)

    def create(self, table: Table, demand: Demand) -> Draft | Dropped:
        tool = self.tools.get("create", table.name)
        drawn = self.sample(table, demand)
        if tool is None or isinstance(drawn, Dropped):
            return drawn if isinstance(drawn, Dropped) else Dropped("no tool")
        key, _ = drawn
        required = list(tool.parameters.get("required", []))
        optional = [name for name in tool.parameters["properties"] if name not in required and self.writable(table, name)]
        chosen = required + self.rng.sample(optional, min(len(optional), self.rng.choice((0, 1, 1, 2))))
        if not chosen:
            return Dropped("nothing to say about a new row")
        if table.surrogate and table.key[0] in required:
            return Dropped("nobody chooses a machine-made id")
        values: dict[str, Json] = {}
        said: list[Said] = []
        for name in chosen:
            value, facts = self.value(table, name, None, demand)
            if facts:
                values[name] = value
                # nobody asks for what may be left out, so it is said at once
                said += facts if name in required else [structs.replace(fact, reveal="opening") for fact in facts]
            elif name in required:
                return Dropped(f"no value for the required column {name}")
        gold = (ToolCall("g", tool.name, values),)
        entities = (f"{table.name}:new:{key}",)
        draft = Draft(f"create:{table.name}", (), gold, (), entities, lookups=sum(1 for fact in said if fact.path.count(".") > 1))
        intent = self.phrases.intent("create", table.name, [])
        return Draft(draft.op, (Said("", None, intent), *said), gold, (), entities, draft.lookups)

    def delete(self, table: Table, demand: Demand) -> Draft | Dropped:
        tool = self.tools.get("delete", table.name)
        drawn = self.draw(table, demand)
        if tool is None or isinstance(drawn, Dropped):
            return drawn if isinstance(drawn, Dropped) else Dropped("no tool")
        description, row = drawn
        if self.referred(table, row):
            return Dropped("other rows refer to it")
        gold = (ToolCall("g", tool.name, dict(zip(table.key, description.key, strict=True))),)
        return self.draft(
            f"delete:{table.name}", self.phrases.intent("delete", table.name, []), self.described(table.name, description), gold, (), description
        )

    def read(self, table: Table, demand: Demand) -> Draft | Dropped:
        drawn = self.draw(table, demand)
        if isinstance(drawn, Dropped):
            return drawn
        description, row = drawn
        told = {condition.column for condition in description.conditions if "." not in condition.path}
        said_through = {condition.path.split(".")[0] for condition in description.conditions if "." in condition.path}
        answers = [
            (column.name, row[column.name]) for column in tellable(self.schema, table) if column.name not in told and sayable(row[column.name])
        ]
        for name in table.columns:
            foreign = target_of(self.schema, table, name)
            if foreign is not None and row[name] is not None and name not in said_through and foreign.table not in demand.without:
                answers += self.through(foreign, name, row[name])
        if not answers:
            return Dropped("nothing to ask about the row")
        column, answer = self.rng.choice(answers)
        tell = ((spoken(answer),),)
        intent = self.phrases.intent("read", table.name, [column])
        facts = self.described(table.name, description)
        lookups = description.lookups + ("." in column)
        return self.draft(f"read:{table.name}:{column}", intent, facts, (), tell, description, lookups)

    def children(self, table: Table, demand: Demand) -> Draft | Dropped:
        """Questions about the rows of `table` that refer to one row of another table."""
        vias = [
            (name, foreign)
            for name in table.columns
            if (foreign := target_of(self.schema, table, name)) is not None
            and self.tools.children(table.name, name)
            and foreign.table not in demand.without
        ]
        if not vias:
            return Dropped("nothing refers to another table")
        via, foreign = self.rng.choice(vias)
        parent = self.schema.tables[foreign.table]
        drawn = self.draw(parent, demand)
        if isinstance(drawn, Dropped):
            return drawn
        description, _ = drawn
        named = next((column.name for column in tellable(self.schema, table)), None)
        where, values = condition_sql(table, {via: description.key[0]})
        shown = quote(named) if named else "1"
        rows = [row[0] for row in self.connection.execute(f"SELECT {shown} FROM {quote(table.name)} WHERE {where} LIMIT 200", values)]
        if not rows or len(rows) == 200:
            return Dropped("no rows, or too many, refer to it")
        facts = self.described(parent.name, description)
        if named and len(rows) <= _LISTED and all(isinstance(row, str) and sayable(row) for row in rows) and self.rng.random() < 0.6:
            op = f"list:{table.name}:{via}:{named}"
            intent = self.phrases.intent("list", table.name, [parent.name, named])
            return self.draft(op, intent, facts, (), tuple((row,) for row in sorted(set(rows))), description, description.lookups + 1)
        intent = self.phrases.intent("count", table.name, [parent.name])
        return self.draft(f"count:{table.name}:{via}", intent, facts, (), ((str(len(rows)),),), description, description.lookups + 1)

    # what cannot be done

    def impossible(self, table: Table, demand: Demand) -> tuple[Draft | Dropped, Want | None]:
        if demand.impossible == "forbidden":
            draft = self.forbidden(table, demand)
            reason, outcome, tell = "referred", "refused", _REFERRED
        elif demand.impossible == "missing":
            draft = self.missing(table, demand)
            reason, outcome, tell = "missing", "refused", _NOT_FOUND
        else:
            draft = self.ambiguous(table, demand)
            reason, outcome, tell = "ambiguous", "unclear", _SEVERAL
        if isinstance(draft, Dropped):
            return draft, None
        return draft, Want(draft.op, outcome=outcome, reason=reason, tell=(tell,))

    def forbidden(self, table: Table, demand: Demand) -> Draft | Dropped:
        """A delete that a foreign key forbids, proven by trying it."""
        tool = self.tools.get("delete", table.name)
        drawn = self.draw(table, demand)
        if tool is None or isinstance(drawn, Dropped):
            return drawn if isinstance(drawn, Dropped) else Dropped("no tool")
        description, row = drawn
        if not self.referred(table, row) or not self.refused(table, description.key):
            return Dropped("nothing forbids it")
        facts = self.described(table.name, description)
        return self.draft(f"delete:{table.name}", self.phrases.intent("delete", table.name, []), facts, (), (), description)

    def missing(self, table: Table, demand: Demand) -> Draft | Dropped:
        """A row that is not there: a name made of two others, proven to fit nothing."""
        drawn = self.sample(table, demand)
        column = next((column for column in tellable(self.schema, table) if column.kind == "text" and not column.choices), None)
        if isinstance(drawn, Dropped) or column is None:
            return drawn if isinstance(drawn, Dropped) else Dropped("no column of names")
        name = self.blend(table, column.name)
        if name is None or matches(self.connection, table, {column.name: name}):
            return Dropped("the invented name exists")
        made = self.any_op(table)
        if made is None:
            return Dropped("no tool")
        op, intent, extra = made
        fact = Said(f"{table.name}.{column.name}", name, self.phrases.condition(table.name, column.name, name, ()), "asked")
        return Draft(op, (Said("", None, intent), fact, *extra), entities=(f"{table.name}:missing:{name}",))

    def ambiguous(self, table: Table, demand: Demand) -> Draft | Dropped:
        """A true but insufficient description: at least two rows fit, and the user knows no more."""
        drawn = self.sample(table, demand)
        made = self.any_op(table)
        if isinstance(drawn, Dropped) or made is None:
            return drawn if isinstance(drawn, Dropped) else Dropped("no tool")
        key, row = drawn
        for column in tellable(self.schema, table):
            value = row[column.name]
            if sayable(value) and matches(self.connection, table, {column.name: value}) > 1:
                op, intent, extra = made
                fact = Said(f"{table.name}.{column.name}", value, self.phrases.condition(table.name, column.name, value, ()), "asked")
                return Draft(op, (Said("", None, intent), fact, *extra), entities=(entity(table, key),))
        return Dropped("every description of the row is unique")

    def any_op(self, table: Table) -> tuple[str, tuple[str, ...], list[Said]] | None:
        """Something that needs one row of the table: its deletion, or one of its values."""
        if self.tools.get("delete", table.name) and self.rng.random() < 0.5:
            return f"delete:{table.name}", self.phrases.intent("delete", table.name, []), []
        columns = [column.name for column in tellable(self.schema, table)]
        if len(columns) < 2:
            return None
        column = self.rng.choice(columns[1:])
        return f"read:{table.name}:{column}", self.phrases.intent("read", table.name, [column]), []

    # parts

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

    def draft(
        self,
        op: str,
        intent: tuple[str, ...],
        facts: list[Said],
        gold: tuple[ToolCall, ...],
        tell: tuple[tuple[str, ...], ...],
        description: Description,
        lookups: int | None = None,
    ) -> Draft:
        entities = (f"{description.table}:{','.join(map(str, description.key))}",)
        return Draft(op, (Said("", None, intent), *facts), gold, tell, entities, description.lookups if lookups is None else lookups)

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

    def through(self, foreign: ForeignKey, name: str, key: Json) -> list[tuple[str, Json]]:
        """What may be asked about the row that a foreign key leads to."""
        parent = self.schema.tables[foreign.table]
        row = fetch(self.connection, parent, (key,))
        if row is None or self.tools.get("get", parent.name) is None:
            return []
        return [(f"{name}.{column.name}", row[column.name]) for column in tellable(self.schema, parent)[:2] if sayable(row[column.name])]

    def referred(self, table: Table, row: Mapping[str, Json]) -> bool:
        """Whether any row of another table refers to this one."""
        for child, foreign in self.schema.referrers(table.name):
            targets = foreign.target or table.key
            values = {column: row[target] for column, target in zip(foreign.columns, targets, strict=True)}
            if all(value is not None for value in values.values()) and matches(self.connection, self.schema.tables[child], values, 1):
                return True
        return False

    def refused(self, table: Table, key: Key) -> bool:
        """Whether the database itself refuses to delete the row; tried and rolled back."""
        where = " AND ".join(f"{quote(name)} = ?" for name in table.key)
        self.connection.execute("SAVEPOINT probe")
        try:
            self.connection.execute(f"DELETE FROM {quote(table.name)} WHERE {where}", key)
        except apsw.ConstraintError:
            return True
        finally:
            self.connection.execute("ROLLBACK TO probe")
            self.connection.execute("RELEASE probe")
        return False


def entity(table: Table, key: Key) -> str:
    """The name of a row, for keeping train and test apart."""
    return f"{table.name}:{','.join(map(str, key))}"


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
