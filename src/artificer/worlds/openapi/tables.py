"""Tables: the collections that a document's paths speak of, and what an operation does to them.

A collection is known by its place, by the schema of its items, and by where an item shows its keys. Collections of one name and one item schema
are one table, reached from several places (`/orders/{id}`, `/users/{id}/orders`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.names import ascii_name, unique
from artificer.worlds.openapi.operations import Operation
from artificer.worlds.openapi.paths import Place, Signature, Step, place_of, singular
from artificer.worlds.openapi.shapes import Shape, Shapes

Route = tuple[str, ...]
"""Names of nested properties."""
_LISTS = ("data", "items", "value", "results", "result", "records", "entries", "values", "list", "content", "rows", "resources")
_WRAPS = ("data", "result", "item", "value", "record", "response", "resource", "entry")
_KEYS = ("id", "name", "slug", "key", "code", "number", "uuid", "sid", "uid", "login", "username", "identifier", "ref", "guid", "sku")
_OWNERS = ("login", "username", "slug", "name", "key", "id")
_HOLDERS = ("metadata", "attributes", "meta", "properties")


class Table(Struct):
    """One table.

    Args:
        name: as effects report it.
        places: the collections that it is, with the number of keys.
        keys: how many keys an item has; 0 for a place that holds a single thing.
        schema: of an item, converted; None when the document does not say.
        routes: where an item shows each key; None for a key that it does not show.
        scopes: the items that each of its places lies in.
        schemas: of each key, as the paths declare it.
        examples: of items, from the document.
        listed: whether what is there at first is a list of rows, and not one thing or nothing.
    """

    name: str
    places: list[tuple[Signature, int]]
    keys: int
    schema: Json
    routes: tuple[Route | None, ...] = ()
    scopes: list[tuple[Step, ...]] = []
    schemas: tuple[Json, ...] = ()
    examples: list[Json] = []
    listed: bool = True


class Listing(Struct, frozen=True):
    """Where an answer holds its list, and the schema of the items."""

    route: Route
    items: Json


def list_in(shapes: Shapes, schema: Json, last: str, depth: int = 0) -> Listing | None:
    """The list that an answer is, or holds under a usual name, or as its only list."""
    kind = shapes.kind(schema)
    if kind == "array":
        return Listing((), shapes.items(schema))
    shape = shapes.of(schema) if kind in ("object", "") else None
    if shape is None or depth > 2:
        return None
    lists = [name for name, part in shape.properties.items() if shapes.kind(part) == "array" and shapes.kind(shapes.items(part)) == "object"]
    wanted = (last.lower(), *_LISTS)
    named = sorted((name for name in lists if name.lower() in wanted), key=lambda name: wanted.index(name.lower()))
    if named:
        return Listing((named[0],), shapes.items(shape.properties[named[0]]))
    for name in _WRAPS:
        if name in shape.properties and len(shape.properties) <= 6:
            inner = list_in(shapes, shape.properties[name], last, depth + 1)
            if inner is not None:
                return Listing((name, *inner.route), inner.items)
    only = len(lists) == 1 and len(shape.properties) <= 8 and not _looks_like_row(shapes, shape)
    return Listing((lists[0],), shapes.items(shape.properties[lists[0]])) if only else None


def row_in(shapes: Shapes, schema: Json, last: str) -> tuple[Route, Json]:
    """Where an answer holds the one thing it is about, and that thing's schema; mostly the answer itself."""
    shape = shapes.of(schema)
    if shape is None or _looks_like_row(shapes, shape) or len(shape.properties) > 5:
        return (), schema
    for name in (singular(last), *_WRAPS):
        part = shape.properties.get(name)
        if part is not None and shapes.kind(part) == "object" and shapes.of(part) is not None:
            return (name,), part
    return (), schema


def _looks_like_row(shapes: Shapes, shape: Shape) -> bool:
    return any(name.lower() in _KEYS and shapes.kind(part) in ("string", "integer", "number") for name, part in shape.properties.items())


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same but for case and punctuation."""
    return one == other or _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def route_of(shapes: Shapes, shape: Shape, wire: str, schema: Json, last: str) -> Route | None:
    """Where an item shows the key that the paths call `wire`; None when it does not."""
    wanted = shapes.kind(schema)
    stem = _plain(singular(last))
    plain = _plain(wire)
    bare = plain.removeprefix(stem) if plain.removeprefix(stem) else "id"
    bare = bare.rstrip("0123456789") or bare
    candidates = [wire, plain, bare, *(name for name in _KEYS if name in plain), *_KEYS[:1]]
    candidates += [plain.removesuffix("id"), *_KEYS] if wanted in ("string", "") else []

    def fits(part: Json) -> bool:
        kind = shapes.kind(part)
        return kind in ("string", "integer", "number") and (wanted in ("", kind) or {wanted, kind} <= {"integer", "number"})

    for candidate in candidates:
        for name, part in shape.properties.items():
            if same_name(name, candidate) and fits(part):
                return (name,)
    for holder in (wire, *_HOLDERS):
        inner = shapes.of(shape.properties.get(holder))
        for candidate in (_OWNERS if holder == wire else candidates) if inner is not None else ():
            for name, part in cast("Shape", inner).properties.items():
                if same_name(name, candidate) and fits(part):
                    return (holder, name)
    for name, part in shape.properties.items():  # an id whose declared type differs: the value decides
        if name.lower() in ("id", "key") and shapes.kind(part) in ("string", "integer"):
            return (name,)
    return None


def schema_at(shapes: Shapes, schema: Json, route: Route) -> Json:
    """The schema of what stands at a route; None when it is not declared."""
    for name in route:
        shape = shapes.of(schema)
        schema = None if shape is None else shape.properties.get(name)
    return schema


class Tables:
    """The tables of a document: by place, and by the name of their items' schema."""

    def __init__(self, shapes: Shapes, operations: Iterable[Operation]) -> None:
        self._shapes = shapes
        self.by_place: dict[tuple[Signature, int], Table] = {}
        self.by_schema: dict[str, list[Table]] = {}
        self._taken: set[str] = set()
        self._merged: dict[tuple[str, str, tuple[Route | None, ...]], Table] = {}
        places = [(operation, place_of(operation.path)) for operation in operations]
        at: dict[tuple[Signature, int], list[tuple[Operation, Place]]] = {}
        for operation, place in places:
            if place.keys and self._list(operation, place) is None:
                at.setdefault((place.signature, len(place.keys)), []).append((operation, place))
        held = {signature for signature, _ in at}
        listings: dict[Signature, list[tuple[Operation, Place]]] = {}
        for operation, place in places:
            if operation.method == "get" and self._list(operation, place) is not None:
                listings.setdefault(place.signature, []).append((operation, place))
        posts: dict[Signature, list[tuple[Operation, Place]]] = {}
        for operation, place in places:
            if operation.method == "post" and not place.keys:
                posts.setdefault(place.signature, []).append((operation, place))
        for (signature, keys), found in at.items():
            self._add(signature, keys, found, listings.get(signature, []), posts.get(signature, []))
        for signature, found in listings.items():
            if signature not in held and self._adds(found, signature in posts):
                self._add(signature, len(found[0][1].keys) + 1, [], found, posts.get(signature, []))
        self._singles(places, set(at), set(listings))

    def _list(self, operation: Operation, place: Place) -> Listing | None:
        return list_in(self._shapes, operation.answer.schema, place.last) if operation.method == "get" and operation.answer.media else None

    def _adds(self, found: list[tuple[Operation, Place]], grows: bool) -> bool:
        """Whether a listing that has no items of its own is a table: one of another table's items is a search in that one."""
        operation, place = found[0]
        listing = cast("Listing", self._list(operation, place))
        name = self._shapes.name(listing.items)
        return self._shapes.of(listing.items) is not None and (grows or len(self.by_schema.get(name, [])) != 1 or name == "")

    def _add(
        self,
        signature: Signature,
        keys: int,
        items: list[tuple[Operation, Place]],
        listings: list[tuple[Operation, Place]],
        posts: list[tuple[Operation, Place]],
    ) -> None:
        last = next((step for step in reversed(signature) if step != "{}"), "items")
        schema, examples = self._item(items, listings, posts, last)
        name = self._shapes.name(schema)
        declared: list[tuple[str, Json]] = [("id", {})] * keys
        if items:
            operation, place = items[0]
            declared = [(wire, self._declared(operation, wire)) for wire in place.keys]
            steps = place.scope
        else:  # a listing alone: rows are told apart by what its path asks for, and an id
            operation, place = listings[0]
            declared[: len(place.keys)] = [(wire, self._declared(operation, wire)) for wire in place.keys]
            steps = place.scope
        shape = self._shapes.of(schema)
        routes = tuple(None if shape is None else route_of(self._shapes, shape, wire, one, last) for wire, one in declared)
        routes = tuple(route if route not in routes[:index] else None for index, route in enumerate(routes))
        merged = self._merged.get((last, name, routes)) if name else None
        if merged is not None:
            merged.places.append((signature, keys))
            merged.scopes.append(steps)
            self.by_place[signature, keys] = merged
            return
        table = Table(self._named(signature, last), [(signature, keys)], keys, schema, routes, [steps], tuple(one for _, one in declared), examples)
        self._keep(table, last, name)

    def _keep(self, table: Table, last: str, name: str) -> None:
        self.by_place[table.places[0]] = table
        if name:
            self._merged[last, name, table.routes] = table
            self.by_schema.setdefault(name, []).append(table)

    def _named(self, signature: Signature, last: str) -> str:
        """The last word; with the words before it where that is taken."""
        words = [ascii_name(step) for step in signature if step != "{}"]
        name = ascii_name(last) or "items"
        if name.lower() in self._taken:
            name = ".".join(word for word in words if word) or name
        name = unique(name, self._taken, 120)
        self._taken.add(name.lower())
        return name

    def _declared(self, operation: Operation, wire: str) -> Json:
        field = next((field for field in operation.inputs.fields if field.place == "path" and field.wire == wire), None)
        return {} if field is None else operation.inputs.properties[field.name]

    def _item(
        self, items: list[tuple[Operation, Place]], listings: list[tuple[Operation, Place]], posts: list[tuple[Operation, Place]], last: str
    ) -> tuple[Json, list[Json]]:
        """The schema of an item, from whoever shows one, best first; and examples."""
        ordered = sorted(items, key=lambda one: ("get", "patch", "put", "post", "head", "delete").index(one[0].method))
        for operation, _ in [*ordered, *posts]:
            if operation.answer.media and operation.method != "delete":
                route, schema = row_in(self._shapes, operation.answer.schema, last)
                if self._shapes.of(schema) is not None:
                    return schema, [found for one in operation.answer.examples if isinstance(found := at_route(one, route), dict)]
        for operation, place in listings:
            listing = self._list(operation, place)
            if listing is not None and self._shapes.of(listing.items) is not None:
                shown = [at_route(one, listing.route) for one in operation.answer.examples]
                return listing.items, [row for rows in shown if isinstance(rows, list) for row in cast("list[Json]", rows) if isinstance(row, dict)]
        for operation, _ in [*posts, *ordered]:
            body = operation.inputs.body
            if body is not None and self._shapes.of(body.schema) is not None:
                return body.schema, []
        return None, []

    def _singles(self, places: list[tuple[Operation, Place]], items: set[tuple[Signature, int]], listings: set[Signature]) -> None:
        """Places that hold a single thing: those without keys that are written to other than by POST."""
        gets: dict[Signature, Operation] = {place.signature: operation for operation, place in places if _single_get(operation, place)}
        for operation, place in places:
            taken = (place.signature, 0) in self.by_place or place.signature in listings or any(one[0] == place.signature for one in items)
            if place.keys or taken or operation.method not in ("put", "patch", "delete"):
                continue
            get = gets.get(place.signature)
            schema: Json = None
            if get is not None:
                schema = row_in(self._shapes, get.answer.schema, place.last)[1]
            elif operation.inputs.body is not None:
                schema = operation.inputs.body.schema
            shown = get is not None and bool(get.answer.media)
            table = Table(self._named(place.signature, place.last), [(place.signature, 0)], 0, schema, (), [place.scope], (), [], listed=shown)
            self.by_place[place.signature, 0] = table


def _single_get(operation: Operation, place: Place) -> bool:
    return operation.method in ("get", "head") and not place.keys


def at_route(value: Json, route: Route) -> Json:
    """What stands at a route in a value; None when there is nothing."""
    for name in route:
        value = cast("Object", value).get(name) if isinstance(value, dict) else None
    return value


def put_at(value: Object, route: Route, part: Json) -> Object:
    """A copy of `value` with `part` at a route."""
    head, rest = route[0], route[1:]
    if not rest:
        return {**value, head: part}
    inner: Json = value.get(head)
    return {**value, head: put_at(cast("Object", inner) if isinstance(inner, dict) else {}, rest, part)}
