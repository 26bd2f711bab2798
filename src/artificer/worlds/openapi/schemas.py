"""Schemas: OpenAPI's and Swagger's dialects as JSON Schema 2020-12, converted once each and only when needed.

What comes out is accepted by validators by construction: every keyword is checked, and what makes no sense is left out and reported. References stay
references, to `#/$defs/NAME`; `definition` gives such a definition when somebody needs it. `oneOf` becomes `anyOf`: alternatives overlap in most
documents, and no server refuses what fits two of them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import cast

import jsonschema_rs

from artificer.core.canon import Json, canonical
from artificer.worlds.openapi.document import Document, Object
from artificer.worlds.openapi.names import ascii_name, clean, shortened, unique

PREFIX = "#/$defs/"
ANNOTATIONS = {"description", "title", "default", "examples", "readOnly", "writeOnly", "deprecated"}
_DEEPEST = 40
_TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}
_ALIASES = {
    "file": "string",
    "int": "integer",
    "int32": "integer",
    "int64": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "bool": "boolean",
    "date": "string",
    "datetime": "string",
    "date-time": "string",
    "uuid": "string",
    "enum": "string",
    "text": "string",
    "list": "array",
    "map": "object",
    "dict": "object",
}
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
PARTS = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else", "unevaluatedProperties", "unevaluatedItems")
MAPS = ("properties", "patternProperties", "dependentSchemas")


class Schemas:
    """The schemas of one document; see the module docstring."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._names: dict[str, str] = {}
        self._refs: dict[str, str] = {}
        self._taken: set[str] = set()
        self._made: dict[str, Json] = {}

    def convert(self, schema: Json, where: str, depth: int = 0) -> Json:
        """A schema (object, true or false) as JSON Schema."""
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            if schema is not None:
                self._document.problem(where, "a schema is no object; anything is taken there")
            return {}
        if depth > _DEEPEST:
            self._document.problem(where, f"a schema is nested more than {_DEEPEST} deep; cut there")
            return {}
        entries = cast("Object", schema)
        ref: Json = entries.get("$ref")
        if isinstance(ref, str):
            return self._reference(ref, entries, where, depth)
        return self._converted(entries, where, depth)

    def definition(self, name: str) -> Json:
        """The definition that `#/$defs/NAME` stands for."""
        if name not in self._made:
            ref = self._refs[name]
            self._made[name] = {}  # for what refers to itself while it is being made: references are made lazily, so nothing reads it
            self._made[name] = self.convert(self._document.at(ref), name)
        return self._made[name]

    def follow(self, schema: Json) -> Object:
        """A converted schema with its own reference followed to the end; `{}` for true, and when it leads to itself."""
        seen: set[str] = set()
        while isinstance(schema, dict):
            entries = cast("Object", schema)
            ref: Json = entries.get("$ref")
            if not isinstance(ref, str):
                return entries
            if ref in seen:
                return {}
            seen.add(ref)
            schema = self.definition(ref.removeprefix(PREFIX))
        return {}

    def _reference(self, ref: str, entries: Object, where: str, depth: int) -> Json:
        name = self._named(ref, where)
        if name is None:
            return {}
        out: Object = {"$ref": f"{PREFIX}{name}"}
        if entries.get("nullable") is True or entries.get("x-nullable") is True:
            out = {"anyOf": [out, {"type": "null"}]}
        beside = {key: value for key, value in entries.items() if key != "$ref"}
        if beside and self._document.version != "3.1":
            beside = {key: beside[key] for key in ("description", "readOnly", "writeOnly", "default") if key in beside}
        more = self._converted(beside, where, depth) if beside else {}
        if set(more) <= ANNOTATIONS:
            return {**more, **out}
        return {"allOf": [out, more]}  # a reference stands alone but for annotations

    def _named(self, ref: str, where: str) -> str | None:
        name = self._names.get(ref)
        if name is None:
            target = self._document.at(ref)
            if not isinstance(target, (dict, bool)):
                lost = "lies outside the document" if not ref.startswith("#") else "points at nothing"
                self._document.problem(where, f"the reference {ref!r} {lost}; anything is taken there")
                return None
            last = ref.rpartition("/")[2].replace("~1", "_").replace("~0", "_")
            name = unique(shortened(ascii_name(last, ".") or "schema"), self._taken)
            self._taken.add(name.lower())
            self._names[ref], self._refs[name] = name, ref
        return name

    def _converted(self, entries: Object, where: str, depth: int) -> Object:
        out: Object = {}
        self._typed(entries, out, where)
        for key, value in entries.items():
            if key in PARTS:
                if isinstance(value, (dict, bool)):
                    out[key] = self.convert(cast("Json", value), where, depth + 1)
                elif key == "items" and isinstance(value, list):
                    out["prefixItems"] = [self.convert(part, where, depth + 1) for part in cast("list[Json]", value)] or [{}]
            elif key in LISTS and isinstance(value, list) and value:
                out[key] = [self.convert(part, where, depth + 1) for part in cast("list[Json]", value)]
            elif key in MAPS and isinstance(value, dict):
                out[key] = self._map(key, cast("Object", value), where, depth)
        self._checked(entries, out, where)
        self._prose(entries, out)
        nullable = entries.get("nullable") is True or entries.get("x-nullable") is True
        return _or_null(_tidied(out)) if nullable and "type" not in out else _tidied(out)

    def _map(self, key: str, parts: Object, where: str, depth: int) -> Object:
        made: Object = {}
        for name, part in parts.items():
            if key == "patternProperties" and not valid_pattern(name):
                self._document.problem(where, f"the pattern {name[:80]!r} is not one that validators accept; left out")
            else:
                made[name] = self.convert(part, f"{where}.{name}" if depth == 0 else where, depth + 1)
        return made

    def _typed(self, entries: Object, out: Object, where: str) -> None:
        stated: Json = entries.get("type")
        wanted = cast("list[Json]", stated) if isinstance(stated, list) else [] if stated is None else [stated]
        types: list[str] = []
        for one in wanted:
            name = _ALIASES.get(one, one) if isinstance(one, str) else ""
            if name not in _TYPES:
                if one not in ("any", ""):
                    self._document.problem(where, f"{one!r:.60} is not a type; anything is taken there")
                types = []
                break
            if name != one and one != "file":
                self._document.problem(where, f"{one!r:.60} is not a type; read as {name!r}")
            types += [name] if name not in types else []
        if types and (entries.get("nullable") is True or entries.get("x-nullable") is True) and "null" not in types:
            types.append("null")
        if types:
            out["type"] = types[0] if len(types) == 1 else types
        if "object" in types or "array" in types or not isinstance(entries.get("enum"), list):
            return
        options = cast("list[Json]", entries["enum"])
        if types == ["string"] and any(isinstance(option, (int, float)) for option in options):
            out["enum"] = list(dict.fromkeys(option if isinstance(option, str) else _spelt(option) for option in options if option is not None))

    def _checked(self, entries: Object, out: Object, where: str) -> None:
        """Keywords with scalar values: those that mean what JSON Schema says."""
        for key in _COUNTS:
            value: Json = entries.get(key)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1 << 53:
                out[key] = int(value)
        for key in ("minimum", "maximum"):
            value = entries.get(key)
            strict = f"exclusive{key.capitalize()}"
            if _number(value):
                out[strict if entries.get(strict) is True else key] = value
            if _number(entries.get(strict)):
                out[strict] = entries[strict]
        multiple: Json = entries.get("multipleOf")
        if _number(multiple) and cast("float", multiple) > 0:
            out["multipleOf"] = multiple
        pattern: Json = entries.get("pattern")
        if isinstance(pattern, str):
            if valid_pattern(pattern):
                out["pattern"] = pattern
            else:
                self._document.problem(where, f"the pattern {pattern[:80]!r} is not one that validators accept; left out")
        required: Json = entries.get("required")
        if isinstance(required, list):
            hidden = _one_way(entries.get("properties"))
            names = [name for name in cast("list[Json]", required) if isinstance(name, str) and name not in hidden]
            out["required"] = list(dict.fromkeys(names))
        elif required is not None and not isinstance(required, bool):
            self._document.problem(where, "`required` is no list of names; left out")
        self._values(entries, out, where)

    def _values(self, entries: Object, out: Object, where: str) -> None:
        if "const" in entries:
            out["const"] = entries["const"]
        options: Json = entries.get("enum")
        if isinstance(options, list) and options and "enum" not in out:
            out["enum"] = list({canonical(option): option for option in cast("list[Json]", options)}.values())
        elif options is not None and "enum" not in out:
            self._document.problem(where, "`enum` lists nothing; left out")
        types = cast("Json", out.get("type"))
        if "enum" in out and isinstance(types, list) and "null" in types and None not in out["enum"]:
            out["enum"] = [*cast("list[Json]", out["enum"]), None]
        for key in ("uniqueItems", "readOnly", "writeOnly", "deprecated"):
            if entries.get(key) is True:
                out[key] = True
        if "default" in entries:
            out["default"] = entries["default"]
        examples: Json = entries.get("examples", entries.get("x-examples"))
        if isinstance(examples, list) and examples:
            out["examples"] = cast("list[Json]", examples)[:4]
        elif "example" in entries:
            out["examples"] = [entries["example"]]

    def _prose(self, entries: Object, out: Object) -> None:
        for key, most in (("title", 80), ("description", 400)):
            value: Json = entries.get(key)
            if isinstance(value, str) and value.strip():
                out[key] = clean(value, most)
        value = entries.get("format")
        if isinstance(value, str):
            out["format"] = value[:40]


def _tidied(out: Object) -> Object:
    """`oneOf` as `anyOf`; an `allOf` of a single part, as it wraps a reference to say something beside it, less its wrapping."""
    choices: Json = out.pop("oneOf", None)
    if choices is not None:
        if "anyOf" in out:
            out["allOf"] = [*cast("list[Json]", out.get("allOf", [])), {"anyOf": choices}]
        else:
            out["anyOf"] = choices
    parts: Json = out.get("allOf")
    if isinstance(parts, list) and len(cast("list[Json]", parts)) == 1 and isinstance(parts[0], dict):
        only = cast("Object", parts[0])
        alone = "$ref" not in only or set(out) - {"allOf"} <= ANNOTATIONS
        clash = set(only).intersection(out) - {"description", "title", "type"}
        if alone and not clash and only.get("type", out.get("type")) == out.get("type", only.get("type")):
            del out["allOf"]
            return {**only, **out}
    return out


def _or_null(out: Object) -> Object:
    """A schema without a type of its own that may be null besides."""
    if not {"$ref", "allOf", "anyOf"}.intersection(out):
        return out
    beside = {key: out.pop(key) for key in ("description", "title", "default", "examples") if key in out}
    return {**beside, "anyOf": [out, {"type": "null"}]}


def _one_way(properties: Json) -> set[str]:
    """Properties that stand only in requests, or only in answers: neither side can be asked to give them."""
    if not isinstance(properties, dict):
        return set()
    found = cast("Object", properties).items()
    return {name for name, part in found if isinstance(part, dict) and (part.get("readOnly") is True or part.get("writeOnly") is True)}


def _number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _spelt(value: Json) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


@lru_cache(maxsize=4096)
def valid_pattern(pattern: str) -> bool:
    """Whether our validator takes a regular expression (of at most 2,000 characters)."""
    if len(pattern) > 2000:
        return False
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern})
    except ValueError:
        return False
    return True
