"""Plans: what each operation does to the tables, decided once from its method, its path and what it answers."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from artificer.core.canon import Json
from artificer.worlds.openapi.operations import Operation
from artificer.worlds.openapi.paging import Paging, paging_of
from artificer.worlds.openapi.paths import Place, Step, place_of
from artificer.worlds.openapi.shapes import Shapes
from artificer.worlds.openapi.specs import effect_of
from artificer.worlds.openapi.tables import Listing, Table, Tables, list_in

Kind = Literal["list", "get", "create", "update", "delete", "clear", "action", "compute"]


class Plan(Struct, frozen=True):
    """What an operation does.

    Args:
        kind: `list`, `get`, `create`, `update`, `delete` act on `table`; `clear` deletes all of a listing; an `action` is recorded, and
            changes the item it is called on where it answers with it; `compute` answers and changes nothing.
        key: arguments that name the row, in the table's order; fewer for a part of them.
        scope: the items on the path, each with its arguments.
    """

    kind: Kind
    table: Table | None
    place: Place
    key: tuple[str, ...]
    scope: tuple[tuple[Step, tuple[str, ...]], ...]
    listing: Listing | None = None
    paging: Paging | None = None


def plan_of(operation: Operation, tables: Tables, shapes: Shapes) -> Plan:
    """The plan of an operation."""
    place = place_of(operation.path)
    arguments = {field.wire: field.name for field in operation.inputs.fields if field.place == "path"}
    scope = tuple((step, tuple(arguments[name] for name in step.names)) for step in place.scope)
    key = tuple(arguments[name] for name in place.keys)
    answer: Json = operation.answer.schema if operation.answer.media else None
    listing = list_in(shapes, answer, place.last) if operation.method == "get" and answer is not None else None
    kind, table = _decided(operation, place, listing, tables, shapes)
    return Plan(kind, table, place, key, scope, listing, paging_of(operation, shapes))


def _decided(operation: Operation, place: Place, listing: Listing | None, tables: Tables, shapes: Shapes) -> tuple[Kind, Table | None]:
    method = operation.method
    whole = tables.by_place.get((place.signature, len(place.keys)))
    larger = [table for keys in range(len(place.keys) + 1, len(place.keys) + 4) if (table := tables.by_place.get((place.signature, keys)))]
    collection = larger[0] if larger else None
    if method in ("get", "head"):
        return _reading(place, listing, whole, collection, tables, shapes)
    if whole is not None and (place.keys or method != "post"):
        return ("delete" if method == "delete" else "update"), whole
    if collection is not None:
        if method == "delete":
            return "clear", collection
        if method == "post":
            return "create", collection
        return ("update", collection) if _names_one(operation, place, collection, shapes) else ("action", None)
    if effect_of(operation) == "unknown":
        return "compute", None
    return "action", tables.by_place.get(place.scope[-1].place) if place.scope else None


def _names_one(operation: Operation, place: Place, table: Table, shapes: Shapes) -> bool:
    """Whether a change sent to a collection says in its body, or its query, which item is meant."""
    body = operation.inputs.body
    listed = None if body is None else shapes.of(shapes.items(body.schema))
    given = set(listed.properties) if listed is not None else set[str]()
    given |= {field.wire for field in operation.inputs.fields if field.place in ("query", "body")}
    return all(route is not None and route[0] in given for route in table.routes[len(place.keys) :])


def _reading(
    place: Place, listing: Listing | None, whole: Table | None, collection: Table | None, tables: Tables, shapes: Shapes
) -> tuple[Kind, Table | None]:
    if whole is not None:
        return "get", whole
    if listing is not None and collection is not None:
        return "list", collection
    if listing is not None:
        found = tables.by_schema.get(shapes.name(listing.items), [])
        if len(found) == 1:
            return "list", found[0]
    return "compute", None
