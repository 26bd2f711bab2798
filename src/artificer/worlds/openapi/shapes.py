"""Shapes: the properties an object schema has once its references and `allOf` parts are put together.

Requests are flattened by it into arguments, and rows of the stateful world are made by it. Definitions are looked up when needed and remembered.
"""

from __future__ import annotations

from typing import cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.schemas import PREFIX, Schemas

_DEEPEST = 12
_BESIDE = ("patternProperties", "not", "if", "propertyNames")


class Shape(Struct, frozen=True):
    """An object's properties.

    Args:
        properties: converted schemas by name.
        required: names, in order; not all of them need be among the properties.
        plain: whether this is all there is to it: no alternatives, no other names.
        sealed: whether other properties are refused.
        name: of the definition it is made from, "" for one written in place.
    """

    properties: Object
    required: tuple[str, ...]
    plain: bool
    sealed: bool = False
    name: str = ""


class Shapes:
    """Shapes of one document's schemas."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self._known: dict[str, Shape | None] = {}

    def of(self, schema: Json, depth: int = 0) -> Shape | None:
        """The shape of a converted schema; None when it is no object, or an object without properties."""
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return None
        entries = cast("Object", schema)
        ref: Json = entries.get("$ref")
        if not isinstance(ref, str):
            return self._made(entries, depth)
        name = ref.removeprefix(PREFIX)
        if name not in self._known:
            self._known[name] = None  # for what consists of itself
            target = self.schemas.follow(entries)
            found = self._made(target, depth)
            self._known[name] = None if found is None else Shape(found.properties, found.required, found.plain, found.sealed, name)
        return self._known[name]

    def _made(self, entries: Object, depth: int) -> Shape | None:
        properties: Object = {}
        required: dict[str, None] = {}
        plain = not any(key in entries for key in _BESIDE)
        for part in cast("list[Json]", entries.get("allOf", [])):
            shape = self.of(part, depth + 1)
            if shape is None:
                required |= dict.fromkeys(cast("list[str]", self.schemas.follow(part).get("required", [])))
                plain = plain and not isinstance(part, bool) and bool(part) and "type" not in self.schemas.follow(part)
                continue
            properties |= shape.properties
            required |= dict.fromkeys(shape.required)
            plain = plain and shape.plain
        choices = cast("list[Json]", entries.get("anyOf", []))
        if choices and not properties and "properties" not in entries:
            return self._chosen(choices, depth)
        plain = plain and all(isinstance(choice, dict) and set(cast("Object", choice)) <= {"required"} for choice in choices)
        properties |= cast("Object", entries.get("properties", {}))
        required |= dict.fromkeys(cast("list[str]", entries.get("required", [])))
        others: Json = entries.get("additionalProperties")
        plain = plain and not (isinstance(others, dict) and others)
        if not properties:
            return None
        return Shape(properties, tuple(required), plain, others is False)

    def _chosen(self, choices: list[Json], depth: int) -> Shape | None:
        """The first alternative that is an object; plain when the only other one is null."""
        others = [choice for choice in choices if choice != {"type": "null"}]
        for choice in others:
            shape = self.of(choice, depth + 1)
            if shape is not None:
                return Shape(shape.properties, shape.required, shape.plain and len(others) == 1, shape.sealed, shape.name)
        return None

    def kind(self, schema: Json, depth: int = 0) -> str:
        """The type of what fits a schema: `array`, `object`, `string`, ...; "" when it may be anything."""
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return ""
        entries = self.schemas.follow(schema)
        stated: Json = entries.get("type")
        types = cast("list[str]", stated) if isinstance(stated, list) else [cast("str", stated)] if stated else []
        named = [one for one in types if one != "null"]
        if named or types:
            return named[0] if named else "null"
        if "properties" in entries:
            return "object"
        if "items" in entries:
            return "array"
        for key in ("allOf", "anyOf"):
            for part in cast("list[Json]", entries.get(key, [])):
                found = self.kind(part, depth + 1)
                if found and found != "null":
                    return found
        return ""

    def items(self, schema: Json, depth: int = 0) -> Json:
        """What an array schema says of its items; None when it says nothing."""
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return None
        entries = self.schemas.follow(schema)
        if "items" in entries:
            return entries["items"]
        for key in ("allOf", "anyOf"):
            for part in cast("list[Json]", entries.get(key, [])):
                found = self.items(part, depth + 1)
                if found is not None:
                    return found
        return None

    def name(self, schema: Json) -> str:
        """The name of the definition that a schema is (through nullable wrappings), "" when it is written in place."""
        if not isinstance(schema, dict):
            return ""
        entries = cast("Object", schema)
        if isinstance(entries.get("$ref"), str):
            return cast("str", entries["$ref"]).removeprefix(PREFIX)
        parts = [part for part in cast("list[Json]", entries.get("anyOf", entries.get("allOf", []))) if part != {"type": "null"}]
        return self.name(parts[0]) if len(parts) == 1 else ""
