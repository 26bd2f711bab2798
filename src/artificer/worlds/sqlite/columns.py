"""JSON Schemas of columns and rows, and the values that go in and out through them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any

from artificer.core.canon import Json
from artificer.core.verdicts import ErrorKind
from artificer.worlds.sqlite.names import humanised
from artificer.worlds.sqlite.schema import Column, Schema, Table
from artificer.worlds.sqlite.session import Refusal
from artificer.worlds.sqlite.values import shown

_TYPES: dict[str, list[str]] = {
    "integer": ["integer"],
    "real": ["number"],
    "boolean": ["boolean"],
    "any": ["string", "number"],
}


def parameter(schema: Schema, table: Table, column: Column, nullable: bool, note: str = "") -> dict[str, Json]:
    """The JSON Schema of a value that is put into, or compared with, a column."""
    out = _typed(column, nullable)
    if column.minimum is not None:
        out["minimum"] = column.minimum
    if column.maximum is not None:
        out["maximum"] = column.maximum
    if column.max_length is not None:
        out["maxLength"] = column.max_length
    if column.kind == "date":
        out["pattern"] = r"^\d{4}-\d{2}-\d{2}$"
    said = ". ".join(filter(None, [column.comment.rstrip("."), _refers(table, column), _form(column), note]))
    if said:
        out["description"] = said
    return out | marks(schema, table, column)


def returned(schema: Schema, table: Table, column: Column) -> dict[str, Json]:
    """The JSON Schema of a column's value in a result."""
    return _typed(column, not column.not_null, choices=False) | marks(schema, table, column)


def marks(schema: Schema, table: Table, column: Column) -> dict[str, Json]:
    """Our annotations: what people call the column, and which surrogate id it holds."""
    out: dict[str, Json] = {"x-label": humanised(column.name)}
    ref = schema.surrogate_of(table.name, column.name) or (_of_view(schema, column) if table.view else None)
    if ref is not None:
        out["x-ref"] = ref
    return out


def row_schema(schema: Schema, table: Table) -> dict[str, Json]:
    """The JSON Schema of a row as results show it."""
    return {
        "type": "object",
        "properties": {name: returned(schema, table, column) for name, column in table.columns.items()},
        "required": list(table.columns),
    }


def object_schema(properties: dict[str, Json], required: Iterable[str] = (), least: int = 0) -> dict[str, Json]:
    """A closed object schema."""
    out: dict[str, Json] = {"type": "object", "properties": properties, "additionalProperties": False}
    required = list(required)
    return out | ({"required": required} if required else {}) | ({"minProperties": least} if least else {})


def incoming(table: Table, names: Iterable[str]) -> Callable[[dict[str, Json]], dict[str, Any]]:
    """Turns arguments into stored values: base64 into BLOBs, everything else as it is."""
    blobs = {name for name in names if name in table.columns and table.columns[name].kind == "blob"}
    if not blobs:
        return lambda arguments: arguments
    return lambda arguments: {name: _blob(name, value) if name in blobs else value for name, value in arguments.items()}


def outgoing(table: Table) -> Callable[[tuple[Any, ...]], dict[str, Json]]:
    """Turns a stored row into the object that results show."""
    names = tuple(table.columns)
    booleans = {name for name, column in table.columns.items() if column.kind == "boolean"}
    if not booleans:
        return lambda row: {name: shown(value) for name, value in zip(names, row)}
    return lambda row: {name: bool(value) if name in booleans and value in (0, 1) else shown(value) for name, value in zip(names, row)}


def _blob(name: str, value: Json) -> bytes | None:
    if value is None:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(ErrorKind.invalid_argument, f"{name} is not valid base64: {error}") from error


def _typed(column: Column, nullable: bool, choices: bool = True) -> dict[str, Json]:
    types = _TYPES.get(column.kind, ["string"]) + (["null"] if nullable else [])
    out: dict[str, Json] = {"type": types[0] if len(types) == 1 else types}
    if choices and column.choices is not None and column.kind != "boolean":
        out["enum"] = [*column.choices, *([None] if nullable else [])]
    if column.kind == "date":
        out["format"] = "date"
    elif column.kind == "datetime":
        out["format"] = "date-time"
    elif column.kind == "blob":
        out["contentEncoding"] = "base64"
    return out


def _refers(table: Table, column: Column) -> str:
    foreign = table.refers(column.name)
    return f"Refers to {foreign.table}.{foreign.target[0]}" if foreign is not None else ""


def _form(column: Column) -> str:
    if column.kind == "datetime" and isinstance(column.example, str):
        return f"Written like {column.example!r}"
    return "BLOB as base64" if column.kind == "blob" else ""


def _of_view(schema: Schema, column: Column) -> str | None:
    """A view's column that has the name of exactly one table's surrogate key shows that key."""
    owners = [table.name for table in schema.tables.values() if table.surrogate and table.key == (column.name,)]
    return f"{owners[0]}.{column.name}" if len(owners) == 1 and column.name.lower() != "id" else None
