"""Requests read against the tables: what the arguments of a call say of the row concerned, and which rows they ask for."""

from __future__ import annotations

from typing import cast

from artificer.core.canon import Json
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.operations import Operation
from artificer.worlds.openapi.paging import Paging
from artificer.worlds.openapi.paths import Step
from artificer.worlds.openapi.rows import Row, spelt
from artificer.worlds.openapi.shapes import Shapes
from artificer.worlds.openapi.tables import Table, same_name

_SEARCH = {"q", "query", "search", "searchterm", "searchtext", "term", "keyword", "keywords", "text", "$search"}


def body_of(operation: Operation, arguments: Object) -> Json:
    """The request's body: an object of the arguments that are its properties, or the body itself; None when none was given."""
    fields = operation.inputs.fields
    for field in fields:
        if field.place == "whole":
            return arguments.get(field.name)
    found = {field.wire: arguments[field.name] for field in fields if field.place == "body" and field.name in arguments}
    return found if found or any(field.place == "body" for field in fields) else None


def known_of(operation: Operation, arguments: Object) -> Object:
    """What a call says of the row: its body, and query parameters (for APIs that write by them)."""
    body = body_of(operation, arguments)
    if isinstance(body, dict):
        return cast("Object", body)
    if body is not None or operation.method == "get":
        return {}
    return {field.wire: arguments[field.name] for field in operation.inputs.fields if field.place == "query" and field.name in arguments}


def wrapped_body(operation: Operation, table: Table, shapes: Shapes, known: Object) -> Object:
    """The body less an envelope such as `{"pet": {...}}` or `{"data": {...}}`, when the table's items have no such property."""
    shape = shapes.of(table.schema)
    if len(known) != 1 or shape is None:
        return known
    name, inner = next(iter(known.items()))
    return cast("Object", inner) if isinstance(inner, dict) and name not in shape.properties else known


def lies_in(row: Row, scope: tuple[tuple[Step, tuple[str, ...]], ...], arguments: Object) -> bool:
    """Whether a row lies in the items that a path names: by what is known of it, else by a field of the parameter's name."""
    for step, names in scope:
        given = tuple(spelt(arguments[name]) for name in names)
        held = row.scope.get(step.signature)
        if held is None:
            shown = [value for key, value in row.data.items() if same_name(key, step.names[-1]) and isinstance(value, (str, int, float))]
            if (shown and spelt(shown[0]) != given[-1]) or (not shown and row.made):
                return False
        elif held != given:
            return False
    return True


def filtered(operation: Operation, rows: list[Row], arguments: Object, paging: Paging | None, shapes: Shapes, schema: Json) -> list[Row]:
    """The rows that fit the query parameters: those named as a property must equal it (or be among several), a search text must occur."""
    shape = shapes.of(schema)
    taken = {paging.limit, paging.page, paging.offset, paging.cursor} if paging is not None else set[str]()
    for field in operation.inputs.fields:
        if field.place != "query" or field.name not in arguments or field.name in taken:
            continue
        value: Json = arguments[field.name]
        name = None if shape is None else next((one for one in shape.properties if same_name(one, field.wire)), None)
        if name is not None:
            wanted = {spelt(one).casefold() for one in (cast("list[Json]", value) if isinstance(value, list) else [value])}
            rows = [row for row in rows if _among(row.data.get(name), wanted)]
        elif field.wire.lower().replace("_", "") in _SEARCH and isinstance(value, str):
            rows = [row for row in rows if value.casefold() in _texts(row.data).casefold()]
    return rows


def _among(value: Json, wanted: set[str]) -> bool:
    if isinstance(value, list):
        return any(_among(part, wanted) for part in cast("list[Json]", value))
    if isinstance(value, dict):
        return any(_among(part, wanted) for part in cast("Object", value).values() if not isinstance(part, (dict, list)))
    return value is not None and spelt(value).casefold() in wanted


def _texts(value: Json) -> str:
    if isinstance(value, dict):
        return "\n".join(map(_texts, cast("Object", value).values()))
    if isinstance(value, list):
        return "\n".join(map(_texts, cast("list[Json]", value)))
    return value if isinstance(value, str) else ""
