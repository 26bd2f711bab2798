"""A JSON Schema that holds exactly the calls a set of tools allows, for engines that decode under a schema.

A schema cannot make a small model stop inside a text or a number, so both are bounded: a text to `TEXT` characters, an integer to nine digits, a
list to `ITEMS` entries. Only keywords that grammar-based engines understand are kept; what they would not enforce is left to the session, which
validates anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

from artificer.core.canon import Json
from artificer.core.tools import ToolSpec
from artificer.models.prompt import record_of, rows_of

TEXT = 80
ITEMS = 6
_DEPTH = 6
_LARGEST = 999_999_999


def call_schema(tools: Sequence[ToolSpec]) -> dict[str, Json]:
    """One call of one of the tools: `{"name": const, "arguments": {...}}`."""
    return {"oneOf": [_call(tool) for tool in tools]}


def _call(tool: ToolSpec) -> dict[str, Json]:
    definitions = record_of(tool.parameters.get("$defs")) or record_of(tool.parameters.get("definitions")) or {}
    arguments = bounded(tool.parameters, definitions)
    return {
        "type": "object",
        "properties": {"name": {"const": tool.name}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def bounded(schema: Json, definitions: dict[str, Json], depth: int = 0) -> dict[str, Json]:
    """A schema in the keywords that grammars know, with bounds where there were none. Recursive definitions end after a few levels in a text."""
    fields = record_of(schema)
    if fields is None or depth > _DEPTH:
        return _text({})
    reference = fields.get("$ref")
    if isinstance(reference, str):
        return bounded(definitions.get(reference.rpartition("/")[2]), definitions, depth + 1)
    for keyword in ("const", "enum"):
        if keyword in fields:
            return {keyword: fields[keyword]}
    for keyword in ("anyOf", "oneOf"):
        options = rows_of(fields.get(keyword))
        if options:
            return {"oneOf": [bounded(option, definitions, depth + 1) for option in options]}
    kind = fields.get("type")
    kinds = rows_of(kind)
    if kinds is not None:
        return {"oneOf": [bounded({**fields, "type": one}, definitions, depth + 1) for one in kinds]} if kinds else _text(fields)
    if kind == "object" or "properties" in fields:
        return _object(fields, definitions, depth)
    if kind == "array":
        return {"type": "array", "items": bounded(fields.get("items"), definitions, depth + 1), "maxItems": ITEMS} | _kept(fields, "minItems")
    if kind == "integer":
        return {"type": "integer", "minimum": -_LARGEST, "maximum": _LARGEST} | _kept(fields, "minimum", "maximum")
    return {"type": kind} if kind in ("number", "boolean", "null") else _text(fields)


def _object(fields: dict[str, Json], definitions: dict[str, Json], depth: int) -> dict[str, Json]:
    properties = record_of(fields.get("properties")) or {}
    required = [name for name in rows_of(fields.get("required")) or [] if isinstance(name, str) and name in properties]
    return {
        "type": "object",
        "properties": {name: bounded(schema, definitions, depth + 1) for name, schema in properties.items()},
        "required": required,
        "additionalProperties": False,
    }


def _text(fields: dict[str, Json]) -> dict[str, Json]:
    return {"type": "string", "maxLength": TEXT} | _kept(fields, "minLength", "maxLength")


def _kept(fields: dict[str, Json], *names: str) -> dict[str, Json]:
    return {name: fields[name] for name in names if isinstance(fields.get(name), int)}
