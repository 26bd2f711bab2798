"""Sessions without a server: calls act on tables made up from the document.

What is created is got, listed, changed and deleted under the id that creating it returned; a missing item is
`not_found`, a taken key `constraint`; and every answer fits the document's response schema, or is an error that says so and changes nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast

from artificer.core.canon import Json, canonical, rng
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect, Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session
from artificer.worlds.openapi.answers import Answers, noun_of
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.operations import Operation
from artificer.worlds.openapi.plans import Plan, plan_of
from artificer.worlds.openapi.requests import body_of, filtered, known_of, lies_in, wrapped_body
from artificer.worlds.openapi.rows import Base, Key, Row, key_of, spelt
from artificer.worlds.openapi.state import State
from artificer.worlds.openapi.tables import Table, Tables, at_route, put_at, schema_at
from artificer.worlds.openapi.values import Maker

if TYPE_CHECKING:
    from artificer.worlds.openapi.world import Api

_SEEDS = 256
_MOST_BULK = 100


class Refused(Exception):
    """A call that the state does not allow; becomes a result."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class Memory:
    """What the sessions of one world share: tables, plans, and the rows of each seed. Made when the first session opens."""

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.name = name
        self.maker = Maker(api.shapes)
        self.tables = Tables(api.shapes, api.operations.values())
        self.answers = Answers(self.maker, api.accepts, name)
        self.base = lru_cache(maxsize=_SEEDS)(self._base)
        self._plans: dict[str, Plan] = {}

    def _base(self, seed: int) -> Base:
        return Base(self.tables, self.maker, self.name, seed)

    async def open(self, start: Start) -> MemorySession:
        """A session with the rows of the start's seed."""
        return MemorySession(self, State(self.base(start.seed)))

    def plan(self, operation: Operation) -> Plan:
        """What an operation does."""
        if operation.name not in self._plans:
            self._plans[operation.name] = plan_of(operation, self.tables, self.api.shapes)
        return self._plans[operation.name]


class MemorySession(Session):
    """One private state."""

    def __init__(self, memory: Memory, state: State, calls: int = 0) -> None:
        self.memory = memory
        self.state = state
        self._calls = calls

    @property
    def calls(self) -> int:
        return self._calls

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        self._calls += 1
        refusal = self.memory.api.refusal(call)
        if refusal is not None:
            return refusal
        operation = self.memory.api.operations[call.name]
        try:
            fits, content = self._perform(operation, self.memory.plan(operation), call.arguments)
        except Refused as refused:
            self.state.undo(self._calls)
            return ToolResult(call.id, None, refused.kind, refused.detail)
        if not fits:
            self.state.undo(self._calls)
            return ToolResult(call.id, None, ErrorKind.bad_output, "no answer could be made up that fits the response schema of this operation")
        return ToolResult(call.id, content)

    async def fork(self) -> MemorySession:
        return MemorySession(self.memory, self.state.fork(), self._calls)

    def digest(self) -> str:
        return self.state.digest()

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        return self.state.effects(since)

    async def close(self) -> None:
        pass

    def _perform(self, operation: Operation, plan: Plan, arguments: Object) -> tuple[bool, Json]:
        self._inside(plan, arguments)
        table = plan.table
        if plan.kind == "compute" or (table is None and plan.kind != "action"):
            return self._answered(operation, None, None, arguments)
        if plan.kind == "action":
            return self._act(operation, plan, arguments)
        assert table is not None
        if plan.kind == "list":
            return self._list(operation, plan, table, arguments)
        if plan.kind == "create":
            return self._create(operation, plan, table, arguments)
        if plan.kind == "clear":
            return self._clear(operation, plan, table, arguments)
        if plan.kind == "get":
            _, row = self._found(operation, plan, table, arguments)
            return self._shown(operation, plan, table, row)
        if plan.kind == "update":
            return self._update(operation, plan, table, arguments)
        return self._delete(operation, plan, table, arguments)

    def _inside(self, plan: Plan, arguments: Object) -> None:
        """Refuses a path through items that are not there."""
        for at, (step, names) in enumerate(plan.scope):
            table = self.memory.tables.by_place.get(step.place)
            if table is None:
                continue
            row = self.state.row(table, tuple(spelt(arguments[name]) for name in names))
            if row is None or not lies_in(row, plan.scope[:at], arguments):
                raise _missing(table, names, arguments)

    def _found(self, operation: Operation, plan: Plan, table: Table, arguments: Object) -> tuple[Key, Row]:
        """The row that a call names: by the keys of its path, by keys in its body, or the only one of its place."""
        key = self._key(operation, plan, table, arguments)
        row = self.state.row(table, key)
        if row is None or (table.keys and not lies_in(row, plan.scope, arguments)):
            raise _missing(table, plan.key, arguments)
        return key, row

    def _key(self, operation: Operation, plan: Plan, table: Table, arguments: Object) -> Key:
        if not table.keys:
            return tuple(spelt(arguments[name]) for _, names in plan.scope for name in names)
        given = [spelt(arguments[name]) for name in plan.key]
        known = wrapped_body(operation, table, self.memory.api.shapes, known_of(operation, arguments))
        for route in table.routes[len(given) :]:
            shown: Json = at_route(known, route) if route is not None else None
            if not isinstance(shown, (str, int, float)):
                named = ".".join(route) if route is not None else "a key"
                raise Refused(ErrorKind.missing_argument, f"which {noun_of(table)} is meant? {named} is missing")
            given.append(spelt(shown))
        return tuple(given)

    def _list(self, operation: Operation, plan: Plan, table: Table, arguments: Object) -> tuple[bool, Json]:
        assert plan.listing is not None
        listing = plan.listing
        prefix = tuple(spelt(arguments[name]) for name in plan.key)
        shapes = self.memory.api.shapes
        rows = [row for key, row in self.state.rows(table) if key[: len(prefix)] == prefix and lies_in(row, plan.scope, arguments)]
        rows = filtered(operation, rows, arguments, plan.paging, shapes, table.schema)
        total, after = len(rows), None
        if plan.paging is not None:
            keys = ["/".join(key_of(row.keys)) for row in rows]
            first, end = plan.paging.part(arguments, keys)
            after = keys[end - 1] if 0 < end < total and end > first else None
            rows = rows[first:end]
        answers = self.memory.answers
        return answers.fitted(operation, lambda level: answers.many(operation, table, rows, total, after, listing, level))

    def _create(self, operation: Operation, plan: Plan, table: Table, arguments: Object) -> tuple[bool, Json]:
        body = body_of(operation, arguments)
        if isinstance(body, list):
            items = cast("list[Json]", body)
            if len(items) > _MOST_BULK:
                raise Refused(ErrorKind.invalid_argument, f"at most {_MOST_BULK} can be created in one call")
            made = [self._insert(plan, table, cast("Object", item), arguments) for item in items if isinstance(item, dict)]
            return self._answered(operation, table, made[-1] if made else None, arguments)
        known = wrapped_body(operation, table, self.memory.api.shapes, known_of(operation, arguments))
        row = self._insert(plan, table, known, arguments)
        return self._shown(operation, plan, table, row)

    def _insert(self, plan: Plan, table: Table, known: Object, arguments: Object) -> Row:
        """A new row from what a call says, with the keys that it gives or new ones."""
        memory, shapes = self.memory, self.memory.api.shapes
        shape = shapes.of(table.schema)
        number = self.state.next_number(table.name)
        stream = rng("openapi made", memory.name, table.name, number)
        fresh: Json = memory.maker.value(table.schema, stream, full=False) if table.schema is not None else {}
        data = cast("Object", fresh) if isinstance(fresh, dict) else {}
        if shape is not None:
            data |= {
                name: memory.maker.value(part, stream, name, 1) for name, part in shape.properties.items() if name not in data and _server_side(part)
            }
            data |= {name: part["default"] for name, part in shape.properties.items() if isinstance(part, dict) and part.get("default") is not None}
            known = {name: value for name, value in known.items() if name in shape.properties or not shape.sealed}
        data = {**data, **known}
        if shape is not None:
            data = {name: data[name] for name in (*shape.properties, *data) if name in data}
        scope = {step.signature: tuple(spelt(arguments[name]) for name in names) for step, names in plan.scope}
        for step, names in plan.scope:
            field = next((name for name in (shape.properties if shape is not None else ()) if name == step.names[-1]), None)
            if field is not None and field not in known:
                data[field] = arguments[names[-1]]
        keys: list[Json] = [arguments[name] for name in plan.key]
        given = len(keys) == table.keys
        for index, key in enumerate(keys):
            data = _with_key(data, table, index, key)
        for index in range(len(keys), table.keys):
            route = table.routes[index]
            stated: Json = at_route(known, route) if route is not None else None
            given = given or isinstance(stated, (str, int, float))
            keys.append(stated if isinstance(stated, (str, int, float)) else self._fresh_key(table, index, number))
            data = _with_key(data, table, index, keys[-1])
        row = Row(tuple(keys), data, scope, made=True)
        key = key_of(row.keys)
        before = self.state.row(table, key)
        if before is not None:
            raise Refused(ErrorKind.constraint, f"there is already a {noun_of(table)} with {' / '.join(key)}")
        self.state.put(table.name, key, None, row, self._calls, generated=not given)
        return row

    def _fresh_key(self, table: Table, index: int, number: int) -> Json:
        """A key that nothing has: the next number, or a text as the schema wants it."""
        route, schema = table.routes[index], table.schemas[index]
        taken = self.state.rows(table)
        stated = None if route is None else schema_at(self.memory.api.shapes, table.schema, route)
        if self.memory.api.shapes.kind(schema if stated is None else stated) == "integer":
            numbers = [row.keys[index] for row in self.state.first(table) if isinstance(row.keys[index], int)]
            number += max(numbers, default=0)
            while any(row.keys[index] == number for _, row in taken):
                number += 1
            return number
        if self.memory.api.shapes.kind(schema) == "integer":
            while any(spelt(row.keys[index]) == str(number) for _, row in taken):
                number += 1
            return str(number)
        for turn in range(8):
            stream = rng("openapi new key", self.memory.name, table.name, number, turn)
            part: Json = schema if stated is None else stated
            made = self.memory.maker.value(part if part not in (None, {}, True) else {"type": "string"}, stream, "id")
            if isinstance(made, (str, int, float)) and made != "" and all(spelt(row.keys[index]) != spelt(made) for _, row in taken):
                return made
        raise Refused(ErrorKind.constraint, f"no key is left for another {noun_of(table)}")

    def _update(self, operation: Operation, plan: Plan, table: Table, arguments: Object) -> tuple[bool, Json]:
        shapes = self.memory.api.shapes
        body = body_of(operation, arguments)
        if isinstance(body, list) and len(plan.key) < table.keys:
            return self._update_many(operation, plan, table, cast("list[Json]", body), arguments)
        known = wrapped_body(operation, table, shapes, known_of(operation, arguments))
        try:
            key, row = self._found(operation, plan, table, arguments)
        except Refused as refused:
            if operation.method == "put" and refused.kind is ErrorKind.not_found and self._upserts(operation, table, arguments, plan):
                return self._shown(operation, plan, table, self._put_new(operation, plan, table, known, arguments))
            raise
        shape = shapes.of(table.schema)
        fitting = {name: value for name, value in known.items() if shape is None or name in shape.properties or not shape.sealed}
        data = {**row.data, **fitting}
        if operation.method == "put" and shape is not None:
            offered = {field.wire for field in operation.inputs.fields if field.place == "body"}
            data = {name: value for name, value in data.items() if name in known or name not in offered or name in shape.required}
        for index, one in enumerate(row.keys):
            data = _with_key(data, table, index, one)
        after = Row(row.keys, data, row.scope, row.made)
        if canonical(after.data) != canonical(row.data):
            self.state.put(table.name, key, row, after, self._calls)
        return self._shown(operation, plan, table, after)

    def _update_many(self, operation: Operation, plan: Plan, table: Table, items: list[Json], arguments: Object) -> tuple[bool, Json]:
        """Changes each row that a list names; all of them or none."""
        row: Row | None = None
        for item in items[: _MOST_BULK + 1]:
            known = cast("Object", item) if isinstance(item, dict) else {}
            parts = [at_route(known, route) if route is not None else None for route in table.routes[len(plan.key) :]]
            key = (*(spelt(arguments[name]) for name in plan.key), *(spelt(part) for part in parts))
            row = self.state.row(table, key)
            if row is None:
                raise Refused(ErrorKind.not_found, f"there is no {noun_of(table)} with {' / '.join(key)}"[:200])
            after = Row(row.keys, {**row.data, **known}, row.scope, row.made)
            if after.data != row.data:
                self.state.put(table.name, key, row, after, self._calls)
        return self._answered(operation, table, row, arguments)

    def _upserts(self, operation: Operation, table: Table, arguments: Object, plan: Plan) -> bool:
        """Whether PUT makes what is not there: where nothing else does, and nothing lies under that key elsewhere."""
        if not table.keys:
            return True
        posts = any(self.memory.tables.by_place.get(place) is table for place in table.places if (place[0], "post") in self.memory.api.methods)
        return not posts and len(plan.key) == table.keys and self.state.row(table, self._key(operation, plan, table, arguments)) is None

    def _put_new(self, operation: Operation, plan: Plan, table: Table, known: Object, arguments: Object) -> Row:
        if table.keys:
            return self._insert(plan, table, known, arguments)
        row = Row((), known, {}, made=True)
        self.state.put(table.name, self._key(operation, plan, table, arguments), None, row, self._calls)
        return row

    def _delete(self, operation: Operation, plan: Plan, table: Table, arguments: Object) -> tuple[bool, Json]:
        key, row = self._found(operation, plan, table, arguments)
        self.state.put(table.name, key, row, None, self._calls)
        same = self.memory.api.shapes.name(operation.answer.schema) == self.memory.api.shapes.name(table.schema) != ""
        return self._shown(operation, plan, table, row) if same else self._answered(operation, table, row, arguments)

    def _clear(self, operation: Operation, plan: Plan, table: Table, arguments: Object) -> tuple[bool, Json]:
        """Deletes what a listing with these parameters shows."""
        prefix = tuple(spelt(arguments[name]) for name in plan.key)
        rows = [row for key, row in self.state.rows(table) if key[: len(prefix)] == prefix and lies_in(row, plan.scope, arguments)]
        body = body_of(operation, arguments)
        if isinstance(body, list):
            named = {spelt(_last_key(table, part)) for part in cast("list[Json]", body)}
            rows = [row for row in rows if spelt(row.keys[-1]) in named]
        for row in filtered(operation, rows, arguments, None, self.memory.api.shapes, table.schema):
            self.state.put(table.name, key_of(row.keys), row, None, self._calls)
        return self._answered(operation, table, None, arguments)

    def _act(self, operation: Operation, plan: Plan, arguments: Object) -> tuple[bool, Json]:
        """Records the action; where it answers with the item it was called on, what it was given is written there."""
        table, shapes = plan.table, self.memory.api.shapes
        name = f"{table.name}.{plan.place.last}" if table is not None else plan.place.last or operation.name
        number = self.state.next_number(f"action {name}")
        self.state.put(f"action {name}", (str(number),), None, Row((number,), dict(arguments), {}, made=True), self._calls, generated=True)
        if table is None or not plan.scope or shapes.name(operation.answer.schema) != shapes.name(table.schema) or not shapes.name(table.schema):
            return self._answered(operation, None, None, arguments)
        key = tuple(spelt(arguments[one]) for one in plan.scope[-1][1])
        row = self.state.row(table, key)
        assert row is not None  # the path through it was looked at
        shape = shapes.of(table.schema)
        known = {one: value for one, value in known_of(operation, arguments).items() if shape is not None and one in shape.properties}
        after = Row(row.keys, {**row.data, **known}, row.scope, row.made)
        for index, one in enumerate(row.keys):
            after = Row(after.keys, _with_key(after.data, table, index, one), after.scope, after.made)
        if after.data != row.data:
            self.state.put(table.name, key, row, after, self._calls)
        return self._shown(operation, plan, table, after)

    def _shown(self, operation: Operation, plan: Plan, table: Table, row: Row) -> tuple[bool, Json]:
        answers = self.memory.answers
        return answers.fitted(operation, lambda level: answers.one(operation, table, row, plan.place.last, level))

    def _answered(self, operation: Operation, table: Table | None, row: Row | None, arguments: Object) -> tuple[bool, Json]:
        answers = self.memory.answers
        return answers.fitted(operation, lambda level: answers.acknowledged(operation, table, row, arguments, level))


def _last_key(table: Table, part: Json) -> Json:
    """The key that an entry of a list names: itself, or what it shows where rows show theirs."""
    return at_route(part, table.routes[-1] or ("id",)) if isinstance(part, dict) else part


def _server_side(part: Json) -> bool:
    """Whether a property is the server's to give, such as the time of creation."""
    return isinstance(part, dict) and cast("Object", part).get("readOnly") is True


def _with_key(data: Object, table: Table, index: int, key: Json) -> Object:
    route = table.routes[index]
    if route is None or at_route(data, route) == key:
        return data
    shown: Json = at_route(data, route)
    if isinstance(shown, int) and isinstance(key, str) and key.isascii() and key.lstrip("-").isdigit():
        key = int(key)
    return put_at(data, route, key)


def _missing(table: Table, names: tuple[str, ...], arguments: Object) -> Refused:
    given = " and ".join(f"{name} {spelt(arguments[name])[:80]!r}" for name in names if name in arguments)
    return Refused(ErrorKind.not_found, f"there is no {noun_of(table)}{f' with {given}' if given else ''}")
