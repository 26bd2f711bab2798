"""A JSON Schema made easy to draw from: `$ref`s followed, `allOf` merged, and closed over what it refers to.

References are JSON pointers into the schema itself (`#/$defs/Pet`, `#/properties/a`, `#`), or, where there is no such
place, names of given definitions. Merging keeps the meaning or makes it stricter: what cannot be merged stays in
`allOf`, and the validator judges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from artificer.core.canon import Json

Schema = dict[str, Any]
_KINDS = ("object", "array", "string", "integer", "number", "boolean", "null")
_HARD = ("allOf", "oneOf", "not", "if", "contains", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems", "patternProperties")
_DATA = ("const", "enum", "examples", "example", "default")
_DEEP = 100
_HINTS: dict[str, str] = {
    **dict.fromkeys(("properties", "required", "additionalProperties", "minProperties", "patternProperties", "propertyNames"), "object"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "uniqueItems", "contains"), "array"),
    **dict.fromkeys(("pattern", "minLength", "maxLength", "format"), "string"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "number"),
}


def kinds_of(flat: Schema) -> set[str]:
    """The types that a merged schema allows; where it names none, the one that its keywords are about."""
    named = flat.get("type")
    if isinstance(named, str):
        return {named} & set(_KINDS)
    if isinstance(named, list):
        return set(cast("list[str]", named)) & set(_KINDS)
    return {next((kind for keyword, kind in _HINTS.items() if keyword in flat), "string")}


def is_hard(flat: Schema) -> bool:
    """Whether a value made by construction may still not fit."""
    if any(keyword in flat for keyword in _HARD) or ("const" in flat and len(flat) > 1):
        return True
    if "anyOf" in flat and len(flat) > 1:
        return True
    return ("pattern" in flat and ("format" in flat or "(?" in str(flat["pattern"]))) or (
        "format" in flat and ("minLength" in flat or "maxLength" in flat)
    )


class Shape:
    """One schema and the definitions it may name."""

    def __init__(self, root: Json, defs: Mapping[str, Json] | None = None) -> None:
        self._root = root
        self._defs: Mapping[str, Json] = defs or {}
        self._flat: dict[int, Schema] = {}
        self._kept: list[Json] = []
        self._parts: dict[tuple[int, int | str], Schema] = {}

    def keep(self, schema: Json) -> None:
        """Keeps an object alive, so that its id names it."""
        self._kept.append(schema)

    def both(self, one: Schema, other: Json) -> Schema:
        """A schema for what satisfies both; the same object for the same two."""
        known = self._parts.get((id(one), id(other)))
        if known is None:
            known = dict(one) if other is True else {"allOf": [one, other]}
            self._parts[id(one), id(other)] = known
            self._kept += [one, other]
        return known

    def less(self, flat: Schema, keyword: str) -> Schema:
        """The schema without a keyword; the same object for the same two."""
        known = self._parts.get((id(flat), keyword))
        if known is None:
            known = {key: value for key, value in flat.items() if key != keyword}
            self._parts[id(flat), keyword] = known
            self.keep(flat)
        return known

    def only(self, pattern: str) -> Schema:
        """A schema for texts of a pattern; the same object for the same pattern."""
        return self._parts.setdefault((0, pattern), {"pattern": pattern})

    def target(self, reference: object) -> Json:
        """What a `$ref` points to; False, which nothing satisfies, when it points nowhere."""
        if not isinstance(reference, str):
            return False
        path, _, pointer = reference.partition("#")
        steps = [step.replace("~1", "/").replace("~0", "~").replace("%25", "%") for step in pointer.split("/")[1:]]
        found: Json = self._root if not path else None
        for step in steps:
            if isinstance(found, dict):
                found = cast("Schema", found).get(step)
            elif isinstance(found, list) and step.isdecimal() and int(step) < len(cast("list[Json]", found)):
                found = cast("list[Json]", found)[int(step)]
            else:
                found = None
        if found is None:
            found = self._defs.get(steps[-1] if steps else path)
        return cast("Json", found) if isinstance(found, (dict, bool)) else False

    def flat(self, schema: Schema) -> Schema:
        """The schema merged with what it refers to and with its `allOf`."""
        known = self._flat.get(id(schema))
        if known is None:
            known = self._merged(schema, 0)
            self._flat[id(schema)] = known
            self.keep(schema)
            self._flat.setdefault(id(known), known)
        return known

    def _merged(self, schema: Schema, depth: int) -> Schema:
        if depth > _DEEP:
            return {"not": {}}  # refers to itself without end: nothing fits
        merged = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "$defs", "definitions")}
        parts: list[Json] = [self.target(schema["$ref"])] if "$ref" in schema else []
        if isinstance(schema.get("allOf"), list):
            parts += cast("list[Json]", schema["allOf"])
        for part in parts:
            if part is False:
                return {"not": {}}
            if isinstance(part, dict):
                merged = _both(merged, self._merged(cast("Schema", part), depth + 1))
        return merged

    def closed(self, schema: Json) -> Schema:
        """The schema as one that stands for itself: all it refers to lies in its own `$defs`."""
        if not isinstance(schema, dict):
            return {} if schema is True else {"not": {}}
        found: dict[int, tuple[str, Json]] = {}
        queue: list[Json] = []
        closed = cast("Schema", self._rewritten(schema, found, queue, 0))
        definitions: dict[str, Json] = {}
        while queue:
            target = queue.pop()
            definitions[found[id(target)][0]] = self._rewritten(target, found, queue, 0)
        return {**closed, "$defs": definitions} if definitions else closed

    def _rewritten(self, value: Json, found: dict[int, tuple[str, Json]], queue: list[Json], depth: int, *, names: bool = False) -> Json:
        """A copy whose `$ref`s name entries of `found`. `names`: the keys are names, not keywords."""
        if depth > 4 * _DEEP:
            raise RecursionError("a schema nests too deeply")
        if isinstance(value, list):
            return [self._rewritten(part, found, queue, depth + 1) for part in cast("list[Json]", value)]
        if not isinstance(value, dict):
            return value
        copy: Schema = {}
        for key, part in cast("Schema", value).items():
            if names:
                copy[key] = self._rewritten(part, found, queue, depth + 1)
            elif key == "$ref":
                target: Json = self.target(part)
                if isinstance(target, bool):
                    copy |= {} if target else {"not": {}}
                    continue
                if id(target) not in found:
                    found[id(target)] = (f"d{len(found)}", target)
                    queue.append(target)
                copy |= {"$ref": f"#/$defs/{found[id(target)][0]}"}
            elif key in _DATA:
                copy[key] = part
            elif key not in ("$id", "$schema", "$anchor", "$defs", "definitions", "components"):
                inner = key in ("properties", "patternProperties", "dependentSchemas")
                copy[key] = self._rewritten(part, found, queue, depth + 1, names=inner)
        return copy


def _both(one: Schema, other: Schema) -> Schema:
    """A schema for what satisfies both."""
    merged = dict(one)
    left: list[Json] = []
    for key, value in other.items():
        if key not in merged:
            merged[key] = value
        elif merged[key] != value and not _joined(merged, key, value):
            left.append({key: value})
    if left:
        merged["allOf"] = [*cast("list[Json]", merged.get("allOf") or []), *left]
    return merged


def _joined(merged: Schema, key: str, value: Json) -> bool:
    """Joins two values of a keyword in place; False when there is no such value."""
    held = merged[key]
    if key == "properties":
        merged[key] = {**held, **{name: {"allOf": [held[name], part]} if name in held else part for name, part in value.items()}}
    elif key == "required":
        merged[key] = list(dict.fromkeys([*held, *value]))
    elif key in ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"):
        merged[key] = max(held, value)
    elif key in ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"):
        merged[key] = min(held, value)
    elif key == "enum":
        merged[key] = [option for option in held if option in value]
    elif key == "type":
        merged[key] = _types(held, value)
    elif key in ("items", "additionalProperties", "propertyNames") and isinstance(held, (dict, bool)) and isinstance(value, (dict, bool)):
        merged[key] = False if False in (held, value) else {"allOf": [held, value]}
    else:  # of words about it the outer one's stand
        return key in ("description", "title", "examples", "example", "default", "x-label", "x-ref", "$comment")
    return True


def _types(one: str | Sequence[str], other: str | Sequence[str]) -> list[str]:
    left = [one] if isinstance(one, str) else list(one)
    right = [other] if isinstance(other, str) else list(other)
    found = [kind for kind in left if kind in right]
    if "integer" not in found and (("integer" in left and "number" in right) or ("number" in left and "integer" in right)):
        found.append("integer")
    return found
