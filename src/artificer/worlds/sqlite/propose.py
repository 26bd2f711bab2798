"""Which requests can be made of any relational database, in the state it is in: answers first, words later.

A row is drawn, an operation that the schema allows is chosen for it, and the write calls with exact ids are kept as
gold (the caller executes them). Everything the user must know is turned into facts that a person could say; every
reference is a description proven to fit exactly one row. What cannot be done is proposed in `unserved`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from msgspec import structs

from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tasks import Want
from artificer.worlds.guide import Demand, Dropped, Request, Said
from artificer.worlds.sqlite.describe import condition_sql, fetch, referred, sayable, target_of, tellable
from artificer.worlds.sqlite.draws import Draft, Draws, drafted
from artificer.worlds.sqlite.procedures import Toolbox, spoken
from artificer.worlds.sqlite.schema import ForeignKey, Table, quote
from artificer.worlds.sqlite.unserved import Unserved

_LISTED = 8
Maker = Callable[[Table, Demand], "Draft | Dropped"]


class Proposer:
    """Draws requests in one session's state. One object serves one task."""

    def __init__(self, draws: Draws, tools: Toolbox) -> None:
        self.draws = draws
        self.tools = tools
        self.connection = draws.connection
        self.schema = draws.schema
        self.phrases = draws.phrases
        self.keys = draws.keys
        self.rng = draws.rng
        self.impossible = Unserved(draws, tools)

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
        """One proposal about `table`."""
        if demand.impossible is not None:
            return self.impossible.request(table, demand, demand.impossible)
        makers: list[tuple[Maker, int]] = [(self.update, 7), (self.create, 3), (self.delete, 3), (self.read, 4), (self.children, 3)]
        maker = self.rng.choices([maker for maker, _ in makers], [weight for _, weight in makers])[0]
        draft = maker(table, demand)
        if isinstance(draft, Dropped):
            return draft
        want = Want(draft.op, outcome="done" if draft.gold else "answered", tell=draft.tell, gold=draft.gold)
        return Request(want, draft.said, draft.entities, draft.lookups)

    def update(self, table: Table, demand: Demand, column: str | None = None) -> Draft | Dropped:
        """A change of one or two columns; of `column` alone when it is given."""
        tool = self.tools.get("update", table.name)
        drawn = self.draws.draw(table, demand)
        if tool is None or isinstance(drawn, Dropped):
            return drawn if isinstance(drawn, Dropped) else Dropped("no tool")
        description, row = drawn
        names = [
            name
            for name in tool.parameters["properties"]
            if name in table.columns and name not in table.key and self.draws.writable(table, name) and column in (None, name)
        ]
        self.rng.shuffle(names)
        changes: dict[str, Json] = {}
        said: list[Said] = []
        for name in names[: self.rng.choice((1, 1, 1, 2))]:
            value, facts = self.draws.value(table, name, row[name], demand)
            if facts:
                changes[name] = value
                said += facts
        if not changes:
            return Dropped("no column to change")
        op = f"update:{table.name}:{','.join(changes)}"
        gold = (ToolCall("g", tool.name, dict(zip(table.key, description.key, strict=True)) | changes),)
        intent = self.phrases.intent("update", table.name, list(changes))
        return drafted(op, intent, [*self.draws.described(table.name, description), *said], gold, (), description)

    def create(self, table: Table, demand: Demand) -> Draft | Dropped:
        tool = self.tools.get("create", table.name)
        drawn = self.draws.sample(table, demand)
        if tool is None or isinstance(drawn, Dropped):
            return drawn if isinstance(drawn, Dropped) else Dropped("no tool")
        key, _ = drawn
        required = list(tool.parameters.get("required", []))
        optional = [name for name in tool.parameters["properties"] if name not in required and self.draws.writable(table, name)]
        chosen = required + self.rng.sample(optional, min(len(optional), self.rng.choice((0, 1, 1, 2))))
        if not chosen:
            return Dropped("nothing to say about a new row")
        if table.surrogate and table.key[0] in required:
            return Dropped("nobody chooses a machine-made id")
        values: dict[str, Json] = {}
        said: list[Said] = []
        for name in chosen:
            value, facts = self.draws.value(table, name, None, demand)
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
        drawn = self.draws.draw(table, demand)
        if tool is None or isinstance(drawn, Dropped):
            return drawn if isinstance(drawn, Dropped) else Dropped("no tool")
        description, row = drawn
        if referred(self.connection, self.schema, table, row):
            return Dropped("other rows refer to it")
        gold = (ToolCall("g", tool.name, dict(zip(table.key, description.key, strict=True))),)
        return drafted(
            f"delete:{table.name}",
            self.phrases.intent("delete", table.name, []),
            self.draws.described(table.name, description),
            gold,
            (),
            description,
        )

    def read(self, table: Table, demand: Demand) -> Draft | Dropped:
        drawn = self.draws.draw(table, demand)
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
        facts = self.draws.described(table.name, description)
        lookups = description.lookups + ("." in column)
        return drafted(f"read:{table.name}:{column}", intent, facts, (), tell, description, lookups)

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
        drawn = self.draws.draw(parent, demand)
        if isinstance(drawn, Dropped):
            return drawn
        description, _ = drawn
        named = next((column.name for column in tellable(self.schema, table)), None)
        where, values = condition_sql(table, {via: description.key[0]})
        shown = quote(named) if named else "1"
        rows = [row[0] for row in self.connection.execute(f"SELECT {shown} FROM {quote(table.name)} WHERE {where} LIMIT 200", values)]
        if not rows or len(rows) == 200:
            return Dropped("no rows, or too many, refer to it")
        facts = self.draws.described(parent.name, description)
        if named and len(rows) <= _LISTED and all(isinstance(row, str) and sayable(row) for row in rows) and self.rng.random() < 0.6:
            op = f"list:{table.name}:{via}:{named}"
            intent = self.phrases.intent("list", table.name, [parent.name, named])
            return drafted(op, intent, facts, (), tuple((row,) for row in sorted(set(rows))), description, description.lookups + 1)
        intent = self.phrases.intent("count", table.name, [parent.name])
        return drafted(f"count:{table.name}:{via}", intent, facts, (), ((str(len(rows)),),), description, description.lookups + 1)

    def through(self, foreign: ForeignKey, name: str, key: Json) -> list[tuple[str, Json]]:
        """What may be asked about the row that a foreign key leads to."""
        parent = self.schema.tables[foreign.table]
        row = fetch(self.connection, parent, (key,))
        if row is None or self.tools.get("get", parent.name) is None:
            return []
        return [(f"{name}.{column.name}", row[column.name]) for column in tellable(self.schema, parent)[:2] if sayable(row[column.name])]
