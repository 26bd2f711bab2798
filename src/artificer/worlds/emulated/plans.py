"""What each tool of a set does to the tables that the set implies; see `resources`.

Parameters named after a resource's id refer to it; `x-ref: table.column` says so outright, and `attributes` (`table`, `op`,
`writes`) say what a name does not. What cannot be read is computed from the arguments alone, or logged.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from artificer.core.tools import ToolSpec
from artificer.models.prompt import rows_of
from artificer.worlds.base import Problem
from artificer.worlds.emulated.places import Place, columns_of, plain, properties_of, referred_table
from artificer.worlds.emulated.resources import Reading, Resource, Tool, id_names, noun_of_table
from artificer.worlds.emulated.spec import Row
from artificer.worlds.emulated.verbs import CLEARS, READS, Op, plural
from artificer.worlds.schema_shape import Schema, Shape, kinds_of
from artificer.worlds.schema_texts import words_of


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
    reading = Reading(tools, given)
    resources = reading.resources()
    names = id_names(resources)
    tables = {resource.table: resource for resource in resources.values()}
    plans = {tool.spec.name: _plan(tool, resources, tables, names) for tool in reading.tools}
    for made in plans.values():  # logs of what no resource stands for
        if made.table is not None and made.table not in tables:
            tables[made.table] = Resource(made.table, noun_of_table(made.table), "id", {"id": {"type": "integer"}}, read=False, hidden=True)
    return Plans(tables, plans, names, tuple(_disagreements(reading.tools)))


def _plan(tool: Tool, resources: dict[str, Resource], tables: dict[str, Resource], names: dict[str, str]) -> Plan:
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


def _referred(name: str, part: Schema, names: dict[str, str], tables: dict[str, Resource]) -> str | None:
    """The table that a parameter's values are keys of."""
    declared = str(part.get("x-ref", "")).partition(".")[0]
    if declared in tables:
        return declared
    return referred_table(name, names)


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


def _disagreements(tools: Sequence[Tool]) -> list[Problem]:
    """Names whose type differs between tools: a value that one shows, another would refuse."""
    problems: list[Problem] = []
    first: dict[str, tuple[str, str]] = {}
    for tool in tools:
        places = [(Shape(tool.spec.parameters), tool.spec.parameters), (tool.shape, tool.place.item if tool.place else tool.spec.returns or {})]
        for shape, schema in places:
            for name, part in columns_of(shape, schema).items():
                kinds = kinds_of(part) - {"null"}
                if words_of(name)[-1:] != ["id"] or len(words_of(name)) < 2 or len(kinds) != 1:
                    continue
                kind = kinds.pop()
                known = first.setdefault(plain(name), (kind, tool.spec.name))
                if known[0] != kind and {known[0], kind} != {"integer", "number"}:
                    problems.append(Problem(tool.spec.name, f"{name} is {kind} here and {known[0]} in {known[1]}"))
    return problems
