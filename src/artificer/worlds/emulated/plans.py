"""Which tables a set of tools implies, and what each tool does to them: found from names and schemas, once for a world.

A noun is a resource when something creates it or its rows bear an id. A resource's columns are what its tools show and
take. Parameters named after a resource's id refer to it; `x-ref: table.column` says so outright, and `attributes`
(`table`, `op`) say what a name does not. What cannot be read is computed from the arguments alone, or logged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from artificer.core.tools import ToolSpec
from artificer.models.prompt import rows_of
from artificer.worlds.base import Problem
from artificer.worlds.emulated.places import Place, columns_of, deep_names, id_column_of, place_of, plain, properties_of, referred_table
from artificer.worlds.emulated.spec import Row
from artificer.worlds.emulated.verbs import CLEARS, READS, Named, Op, plural, read_name, shared_prefix, singular
from artificer.worlds.schema_shape import Schema, Shape, kinds_of
from artificer.worlds.schema_texts import words_of


class Resource(Struct, frozen=True):
    """A table.

    Args:
        noun: in the singular.
        id: the column that holds the key; `hidden` when no result shows it.
        columns: schemas by column.
        single: there is one row, and no key: a profile, settings.
        read: some tool shows it.
    """

    table: str
    noun: str
    id: str
    columns: dict[str, Schema]
    single: bool = False
    read: bool = True
    hidden: bool = False


class Plan(Struct, frozen=True):
    """What a tool does.

    Args:
        table: the resource it is about, if any.
        key: the parameter that names the row it is about.
        refs: other parameters that must name rows, with their tables.
        place: where its result holds rows of `table`.
        returns: schema of its result, given or inferred.
        writes: other tables that it may change, as `attributes.writes` declares.
    """

    tool: str
    op: Op
    verb: str
    table: str | None
    key: str | None
    refs: dict[str, str]
    place: Place | None
    returns: Schema
    inferred: bool = False
    writes: tuple[str, ...] = ()

    @property
    def reads(self) -> bool:
        return self.op in READS


class Plans(Struct, frozen=True):
    """All of it. `names` maps the names under which ids appear inside rows and arguments to tables."""

    resources: dict[str, Resource]
    plans: dict[str, Plan]
    names: dict[str, str]
    problems: tuple[Problem, ...]


def plan(tools: Sequence[ToolSpec], given: dict[str, tuple[Row, ...]]) -> Plans:
    """Reads all tools; `given` are rows that exist, by table."""
    return _Planner(tools, given).made()


class _Tool(Struct):
    spec: ToolSpec
    named: Named
    shape: Shape
    noun: str
    place: Place | None


class _Planner:
    def __init__(self, tools: Sequence[ToolSpec], given: dict[str, tuple[Row, ...]]) -> None:
        prefix = shared_prefix(tools)
        self._given = given
        self._tables = {plain(table): table for table in given}
        self._tools: list[_Tool] = []
        for spec in tools:
            named = read_name(spec, prefix)
            table = spec.attributes.get("table")
            noun = "_".join(_singular_words(str(table))) if isinstance(table, str) else named.noun
            shape = Shape(spec.returns or {})
            self._tools.append(_Tool(spec, named, shape, noun, None))
        self._spoken = Counter(tool.noun for tool in self._tools)
        self._taken = {plain(name) for tool in self._tools for name in properties_of(tool.spec.parameters)}
        self._refs: dict[str, list[str]] = {}
        for tool in self._tools:
            for part in properties_of(tool.spec.parameters).values():
                table, dot, column = str(part.get("x-ref", "")).partition(".")
                if dot:
                    self._refs.setdefault(table, []).append(column)
        self._problems: list[Problem] = []

    def made(self) -> Plans:
        for tool in self._tools:
            tool.noun = self._created(tool)
            tool.place = self._place(tool)
        rooted = {tool.noun for tool in self._tools if tool.named.op in ("create", "update", "delete") or plain(f"{tool.noun}_id") in self._taken}
        for tool in self._tools:
            tool.noun = _rooted(tool, rooted)
        speaking: dict[str, list[_Tool]] = {}
        for tool in self._tools:
            speaking.setdefault(tool.noun, []).append(tool)
        resources = {noun: found for noun, tools in speaking.items() if noun and (found := self._resource(noun, tools)) is not None}
        for table in self._given:  # rows that no tool's name speaks of
            noun = "_".join(_singular_words(table))
            if noun not in resources:
                resources[noun] = self._known(noun, table, [])
        names = _names(resources)
        tables = {resource.table: resource for resource in resources.values()}
        plans = {tool.spec.name: self._plan(tool, resources, tables, names) for tool in self._tools}
        self._consistent()
        for made in plans.values():  # logs of what no resource stands for
            if made.table is not None and made.table not in tables:
                tables[made.table] = Resource(
                    made.table, "_".join(_singular_words(made.table)), "id", {"id": {"type": "integer"}}, read=False, hidden=True
                )
        return Plans(tables, plans, names, tuple(self._problems))

    # nouns

    def _created(self, tool: _Tool) -> str:
        """The noun of a tool: what it creates is what its result bears the id of, when that is another than its argument's.

        `book_flight(flight_id)` that returns a `booking_id` creates a booking.
        """
        if tool.named.op not in ("create", "act"):
            return tool.noun
        taken = {plain(name) for name in properties_of(tool.spec.parameters)}
        own = plain(f"{tool.noun}_id")
        shown = [name for name in deep_names(tool.shape, tool.spec.returns or {}) if len(words_of(name)) > 1 and words_of(name)[-1] == "id"]
        others = [name for name in shown if plain(name) not in taken]
        if own in taken and len(others) == 1:
            return "_".join(words_of(others[0])[:-1])
        if tool.named.op == "create" and own in taken and tool.named.verb:
            return f"{tool.named.verb}_{tool.noun}"
        if tool.named.op == "create" and own not in {plain(name) for name in others} and len(others) == 1 and self._spoken[tool.noun] < 2:
            return "_".join(words_of(others[0])[:-1])
        return tool.noun

    def _place(self, tool: _Tool) -> Place | None:
        if tool.spec.returns is None:
            return None
        return place_of(tool.shape, tool.spec.returns, tool.noun, tool.named.op == "list", ())

    def _resource(self, noun: str, tools: list[_Tool]) -> Resource | None:
        """The table of a noun, when it is one; `tools` speak of it."""
        ops = {tool.named.op for tool in tools}
        declared = any(isinstance(tool.spec.attributes.get("table"), str) for tool in tools) or plural(noun) in self._given or noun in self._given
        known = self._known(noun, self._tables.get(plain(plural(noun)), self._tables.get(plain(noun), plural(noun))), tools)
        if declared or "create" in ops or (plain(f"{noun}_id") in self._taken and known.read):
            return known
        if known.hidden and not known.single:
            return None
        return known if known.read or "delete" in ops else None

    def _known(self, noun: str, table: str, tools: list[_Tool]) -> Resource:
        columns: dict[str, Schema] = {}
        for tool in sorted(tools, key=lambda tool: tool.named.op not in ("get", "list")):
            if tool.place is not None and (tool.named.op in ("get", "list") or self._about(tool, noun)):
                for name, schema in columns_of(Shape(tool.place.item), tool.place.item).items():
                    columns.setdefault(name, schema)
        for tool in tools:
            taken = columns_of(Shape(tool.spec.parameters), tool.spec.parameters)
            wanted = (
                taken
                if tool.named.op == "create"
                else {name: taken[name] for name in self._parent(tool) if name in taken}
                if tool.named.op == "list"
                else {}
            )
            for name, schema in wanted.items():
                inner = properties_of(schema)
                wrapped = columns.keys() & inner.keys()  # an object that holds the row's columns is none of them
                for column, part in (columns_of(Shape(schema), schema) if wrapped else {name: schema}).items():
                    columns.setdefault(column, part)
        for row in self._given.get(table, ())[:20]:
            columns |= {name: {} for name in row if name not in columns}
        params = {plain(name) for tool in tools if tool.named.op != "list" for name in properties_of(tool.spec.parameters)}
        id_column = self._declared_id(table, columns) or id_column_of(noun, columns, params) or self._sole(tools, columns)
        read = any(tool.named.op in ("get", "list") for tool in tools)
        keyed = any(tool.named.op in ("get", "update") and tool.spec.parameters.get("required") for tool in tools)
        single = read and id_column is None and not keyed and not any(tool.named.op in ("list", "create", "delete") for tool in tools)
        name = id_column or "id"
        columns = {name: columns.get(name) or {"type": "string"}} | columns
        return Resource(table, noun, name, columns, single, read, id_column is None)

    def _declared_id(self, table: str, columns: dict[str, Schema]) -> str | None:
        """The column that an `x-ref` to the table names."""
        return next((column for column in self._refs.get(table, ()) if column in columns), None)

    def _sole(self, tools: list[_Tool], columns: dict[str, Schema]) -> str | None:
        """The column by which a tool finds its row, when that is all it requires and something makes or declares rows."""
        if not any(tool.named.op in ("create", "update", "delete") or "table" in tool.spec.attributes for tool in tools):
            return None  # the weather of a city is computed, not kept
        for tool in tools:
            required: list[str] = rows_of(tool.spec.parameters.get("required")) or []
            if (
                tool.named.op in ("get", "delete")
                and len(required) == 1
                and required[0] in columns
                and kinds_of(columns[required[0]]) & {"string", "integer"}
            ):
                return required[0]
        return None

    def _about(self, tool: _Tool, noun: str) -> bool:
        """Whether the result of a write shows the row, and not how it went."""
        assert tool.place is not None
        return bool({"id", plain(f"{noun}_id"), plain(f"{noun}_number")} & {plain(name) for name in properties_of(tool.place.item)})

    def _parent(self, tool: _Tool) -> list[str]:
        """Required parameters of a list that are ids of something else: its rows belong to that."""
        required: list[str] = rows_of(tool.spec.parameters.get("required")) or []
        return [name for name in required if len(words_of(name)) > 1 and words_of(name)[-1] == "id" and plain(name) != plain(f"{tool.noun}_id")]

    # plans

    def _plan(self, tool: _Tool, resources: dict[str, Resource], tables: dict[str, Resource], names: dict[str, str]) -> Plan:
        resource = resources.get(tool.noun)
        properties = properties_of(tool.spec.parameters)
        op, key = tool.named.op, None
        if resource is not None and not resource.single:
            key = _key(resource, properties, op)
        refs = {name: table for name, part in properties.items() if name != key and (table := _referred(name, part, names, tables)) is not None}
        if resource is None and op in ("get", "list"):
            op = "answer"
        if op == "update" and key is None and (resource is None or not resource.single):
            op = "act"
        if op == "get" and key is None and resource is not None and not resource.single:
            op = "list" if (tool.place is not None and tool.place.many) or not properties else "answer"
        table = resource.table if resource is not None else None
        if op == "act" and key is None:
            owner = next((name for name in refs if properties[name].get("type") != "array"), None)
            acted = tables.get(refs[owner]) if owner is not None else None
            if acted is not None and (resource is None or resource.read):
                table, key = acted.table, owner
                del refs[str(owner)]
            else:
                op = "create"
        clears = op == "delete" and key is None and tool.named.verb in CLEARS and not properties
        if op == "delete" and (table is None or (key is None and not clears)):
            op = "create"
        if op == "create" and op != tool.named.op and resource is not None:  # it names no row of it, so what it did is logged
            table = f"{tool.named.verb}_{tool.noun}"
        if op == "create" and table is None:
            table = plural(tool.noun) if tool.noun else tool.spec.name
        returns = tool.spec.returns
        writes = tuple(str(one) for one in rows_of(tool.spec.attributes.get("writes")) or ())
        made = Plan(tool.spec.name, op, tool.named.verb, table, key, refs, tool.place, returns or {}, returns is None, writes)
        return made if returns is not None else _inferred(made, resource, tables)

    def _consistent(self) -> None:
        """Names whose type differs between tools: a value that one shows, another would refuse."""
        first: dict[str, tuple[str, str]] = {}
        for tool in self._tools:
            places = [(Shape(tool.spec.parameters), tool.spec.parameters), (tool.shape, tool.place.item if tool.place else tool.spec.returns or {})]
            for shape, schema in places:
                for name, part in columns_of(shape, schema).items():
                    kinds = kinds_of(part) - {"null"}
                    if words_of(name)[-1:] != ["id"] or len(words_of(name)) < 2 or len(kinds) != 1:
                        continue
                    kind = kinds.pop()
                    known = first.setdefault(plain(name), (kind, tool.spec.name))
                    if known[0] != kind and {known[0], kind} != {"integer", "number"}:
                        self._problems.append(Problem(tool.spec.name, f"{name} is {kind} here and {known[0]} in {known[1]}"))


def _inferred(made: Plan, resource: Resource | None, tables: dict[str, Resource]) -> Plan:
    """A plan with a result schema, for a tool that declares none."""
    if resource is None or made.table != resource.table:
        resource = tables.get(made.table or "", resource)
    if resource is None or made.op in ("answer", "delete"):
        part: Schema = {"type": "boolean"} if made.op not in READS else {"type": "string"}
        name = "success" if made.op not in READS else "result"
        return _replaced(made, None, {"type": "object", "properties": {name: part}, "required": [name]})
    item: Schema = {
        "type": "object",
        "properties": {name: {} for name in resource.columns if not (resource.hidden and name == resource.id and made.op in READS)},
    }
    if made.op == "list":
        return _replaced(made, Place((), True, item), {"type": "array", "items": item})
    return _replaced(made, Place((), False, item), item)


def _replaced(made: Plan, place: Place | None, returns: Schema) -> Plan:
    return Plan(made.tool, made.op, made.verb, made.table, made.key, made.refs, place, returns, True, made.writes)


def _key(resource: Resource, properties: dict[str, Schema], op: Op) -> str | None:
    """The parameter that names a row of the resource."""
    wanted = [plain(f"{resource.noun}_id"), plain(resource.id), "id", *([plain(resource.noun)] if op != "create" else [])]
    kinds = kinds_of(resource.columns[resource.id]) if not resource.hidden else {"string", "integer", "number"}
    for name, part in properties.items():
        if str(part.get("x-ref", "")).partition(".")[0] == resource.table:
            return name
    for want in wanted if op != "list" else ():
        for name, part in properties.items():
            if plain(name) == want and kinds_of(part) & {"string", "integer", "number"} & kinds:
                return name
    return None


def _rooted(tool: _Tool, rooted: set[str]) -> str:
    """The noun of a tool that only shows: of `list_user_tickets` ticket, where other tools make or change tickets."""
    words = tool.noun.split("_")
    if tool.noun in rooted or tool.named.op not in ("list", "get"):
        return tool.noun
    return next((noun for first in range(1, len(words)) if (noun := "_".join(words[first:])) in rooted), tool.noun)


def _names(resources: dict[str, Resource]) -> dict[str, str]:
    found: dict[str, str] = {}
    for noun, resource in resources.items():
        if resource.single:
            continue
        found[plain(f"{noun}_id")] = found[plain(f"{noun}_ids")] = resource.table
        if len(words_of(resource.id)) > 1 and not resource.hidden:
            found[plain(resource.id)] = found[plain(plural(resource.id))] = resource.table
    return found


def _referred(name: str, part: Schema, names: dict[str, str], tables: dict[str, Resource]) -> str | None:
    """The table that a parameter's values are keys of."""
    declared = str(part.get("x-ref", "")).partition(".")[0]
    if declared in tables:
        return declared
    return referred_table(name, names)


def _singular_words(name: str) -> list[str]:
    words = words_of(name)
    return [*words[:-1], singular(words[-1])] if words else [name]
