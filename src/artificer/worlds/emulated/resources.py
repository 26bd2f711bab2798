"""Which tables a set of tools implies: found from names and schemas, once for a world.

A noun is a resource when something creates it or its rows bear an id. A resource's columns are what its tools show and
take. `attributes.table` and `x-ref: table.column` say outright what a name does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from artificer.core.tools import ToolSpec
from artificer.models.prompt import rows_of
from artificer.worlds.emulated.places import Place, columns_of, deep_names, id_column_of, place_of, plain, properties_of
from artificer.worlds.emulated.spec import Row
from artificer.worlds.emulated.verbs import Named, plural, read_name, shared_prefix, singular
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


class Tool(Struct):
    """A tool being read: its name's meaning, what it is about, and where its result shows rows."""

    spec: ToolSpec
    named: Named
    shape: Shape
    noun: str
    place: Place | None


class Reading:
    """A set of tools being read. `given` are rows that exist, by table."""

    def __init__(self, tools: Sequence[ToolSpec], given: dict[str, tuple[Row, ...]]) -> None:
        prefix = shared_prefix(tools)
        self._given = given
        self._tables = {plain(table): table for table in given}
        self.tools: list[Tool] = []
        for spec in tools:
            named = read_name(spec, prefix)
            table = spec.attributes.get("table")
            noun = noun_of_table(str(table)) if isinstance(table, str) else named.noun
            shape = Shape(spec.returns or {})
            self.tools.append(Tool(spec, named, shape, noun, None))
        self._spoken = Counter(tool.noun for tool in self.tools)
        self._taken = {plain(name) for tool in self.tools for name in properties_of(tool.spec.parameters)}
        self._refs: dict[str, list[str]] = {}
        for tool in self.tools:
            for part in properties_of(tool.spec.parameters).values():
                table, dot, column = str(part.get("x-ref", "")).partition(".")
                if dot:
                    self._refs.setdefault(table, []).append(column)

    def resources(self) -> dict[str, Resource]:
        """The resources by noun. Afterwards every tool has its noun and its place."""
        for tool in self.tools:
            tool.noun = self._created(tool)
            tool.place = self._place(tool)
        rooted = {tool.noun for tool in self.tools if tool.named.op in ("create", "update", "delete") or plain(f"{tool.noun}_id") in self._taken}
        speaking: dict[str, list[Tool]] = {}
        for tool in self.tools:
            tool.noun = _rooted(tool, rooted)
            speaking.setdefault(tool.noun, []).append(tool)
        found = {noun: one for noun, tools in speaking.items() if noun and (one := self._resource(noun, tools)) is not None}
        for table in self._given:  # rows that no tool's name speaks of
            noun = noun_of_table(table)
            if noun not in found:
                found[noun] = self._known(noun, table, [])
        return found

    def _created(self, tool: Tool) -> str:
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

    def _place(self, tool: Tool) -> Place | None:
        if tool.spec.returns is None:
            return None
        return place_of(tool.shape, tool.spec.returns, tool.noun, tool.named.op == "list", ())

    def _resource(self, noun: str, tools: list[Tool]) -> Resource | None:
        """The table of a noun, when it is one; `tools` speak of it."""
        ops = {tool.named.op for tool in tools}
        declared = any(isinstance(tool.spec.attributes.get("table"), str) for tool in tools) or plural(noun) in self._given or noun in self._given
        known = self._known(noun, self._tables.get(plain(plural(noun)), self._tables.get(plain(noun), plural(noun))), tools)
        if declared or "create" in ops or (plain(f"{noun}_id") in self._taken and known.read):
            return known
        if known.hidden and not known.single:
            return None
        return known if known.read or "delete" in ops else None

    def _known(self, noun: str, table: str, tools: list[Tool]) -> Resource:
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

    def _sole(self, tools: list[Tool], columns: dict[str, Schema]) -> str | None:
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

    def _about(self, tool: Tool, noun: str) -> bool:
        """Whether the result of a write shows the row, and not how it went."""
        assert tool.place is not None
        return bool({"id", plain(f"{noun}_id"), plain(f"{noun}_number")} & {plain(name) for name in properties_of(tool.place.item)})

    def _parent(self, tool: Tool) -> list[str]:
        """Required parameters of a list that are ids of something else: its rows belong to that."""
        required: list[str] = rows_of(tool.spec.parameters.get("required")) or []
        return [name for name in required if len(words_of(name)) > 1 and words_of(name)[-1] == "id" and plain(name) != plain(f"{tool.noun}_id")]


def _rooted(tool: Tool, rooted: set[str]) -> str:
    """The noun of a tool that only shows: of `list_user_tickets` ticket, where other tools make or change tickets."""
    words = tool.noun.split("_")
    if tool.noun in rooted or tool.named.op not in ("list", "get"):
        return tool.noun
    return next((noun for first in range(1, len(words)) if (noun := "_".join(words[first:])) in rooted), tool.noun)


def id_names(resources: dict[str, Resource]) -> dict[str, str]:
    """Names under which ids appear in rows and arguments, with the tables they are of."""
    found: dict[str, str] = {}
    for noun, resource in resources.items():
        if resource.single:
            continue
        found[plain(f"{noun}_id")] = found[plain(f"{noun}_ids")] = resource.table
        if len(words_of(resource.id)) > 1 and not resource.hidden:
            found[plain(resource.id)] = found[plain(plural(resource.id))] = resource.table
    return found


def noun_of_table(name: str) -> str:
    """`order_items` -> order_item."""
    words = words_of(name)
    return "_".join([*words[:-1], singular(words[-1])] if words else [name])
