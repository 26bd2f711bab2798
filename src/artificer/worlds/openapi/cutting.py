"""Cutting: a tool's schema with the definitions it needs, within a number of bytes.

Real documents refer to graphs of definitions of many megabytes. Definitions are added breadth first, whole, else cut below their second level, else
as a stub that names the type alone. What is cut off is taken as it comes. Definitions are shared between tools, never copied.
"""

from __future__ import annotations

from typing import cast

import msgspec

from artificer.core.canon import Json
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.schemas import LISTS, MAPS, PARTS, PREFIX, Schemas

_LEVELS = (5, 4, 3, 2, 1)
_INNER = ("items", "additionalProperties", "contains")
_KEPT = ("type", "enum", "const")
_encode = msgspec.json.encode


def refs_of(schema: Json, found: dict[str, None] | None = None) -> dict[str, None]:
    """Names of the definitions that a schema refers to, in order."""
    found = {} if found is None else found
    if isinstance(schema, dict):
        for key, value in cast("Object", schema).items():
            if key == "$ref" and isinstance(value, str):
                found[value.removeprefix(PREFIX)] = None
            elif key in LISTS:
                for part in cast("list[Json]", value):
                    refs_of(part, found)
            elif key in MAPS:
                for part in cast("Object", value).values():
                    refs_of(part, found)
            elif key in PARTS:
                refs_of(value, found)
    return found


def pruned(schema: Json, levels: int) -> Json:
    """A schema cut below `levels` levels of properties and items; deeper prose is left out."""
    if not isinstance(schema, dict):
        return schema
    entries = cast("Object", schema)
    if levels <= 0:
        return {key: entries[key] for key in _KEPT if key in entries and len(str(entries[key])) < 200}
    out: Object = {}
    for key, value in entries.items():
        if key == "properties":
            out[key] = {name: pruned(part, levels - 1) for name, part in cast("Object", value).items()}
        elif key in _INNER:
            out[key] = pruned(value, levels - 1)
        elif key in ("allOf", "anyOf", "prefixItems"):
            out[key] = [pruned(part, levels - 1 if key == "prefixItems" else levels) for part in cast("list[Json]", value)]
        elif key == "description":
            out[key] = f"{value[:79]}…" if len(value) > 80 else value
        elif key not in ("examples", "title", "patternProperties", "dependentSchemas", "not", "if", "then", "else", "unevaluatedProperties"):
            out[key] = value
    return out


class Cutter:
    """Bundles schemas of one document; see the module docstring."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._known: dict[tuple[str, bool], tuple[Json, int, tuple[str, ...]]] = {}
        self._stubs: dict[str, Object] = {}
        self._bundles: dict[tuple[tuple[str, ...], int], tuple[Object, bool]] = {}

    def bundled(self, schema: Object, most: int) -> tuple[Object, bool]:
        """`schema` with `$defs`, in about `most` bytes, and whether anything was cut."""
        whole = True
        size = len(_encode(schema))
        if size > most:
            whole = False
            for levels in _LEVELS:
                schema = cast("Object", pruned(schema, levels))
                size = len(_encode(schema))
                if size <= most:
                    break
        refs = tuple(refs_of(schema))
        if not refs:
            return schema, not whole
        definitions, cut = self._definitions(refs, max(most - size, 0) // 512 * 512)
        return {**schema, "$defs": definitions}, cut or not whole

    def _definitions(self, refs: tuple[str, ...], most: int) -> tuple[Object, bool]:
        key = (refs, most)
        if key not in self._bundles:
            self._bundles[key] = self._gathered(refs, most)
        return self._bundles[key]

    def _gathered(self, refs: tuple[str, ...], most: int) -> tuple[Object, bool]:
        found: Object = {}
        cut = False
        waiting = list(refs)
        seen = set(waiting)
        for name in waiting:  # grows while it is walked
            for slim in (False, True):
                schema, size, more = self._measured(name, slim)
                if size <= most:
                    most -= size
                    found[name] = schema
                    cut = cut or slim
                    fresh = [ref for ref in more if ref not in seen]
                    waiting += fresh
                    seen.update(fresh)
                    break
            else:
                found[name] = self._stub(name)
                cut = True
        return found, cut

    def _measured(self, name: str, slim: bool) -> tuple[Json, int, tuple[str, ...]]:
        key = (name, slim)
        if key not in self._known:
            schema = self._schemas.definition(name)
            if slim:
                schema = pruned(schema, 2)
            self._known[key] = (schema, len(_encode(schema)) + len(name), tuple(refs_of(schema)))
        return self._known[key]

    def _stub(self, name: str) -> Object:
        if name not in self._stubs:
            schema = pruned(self._schemas.follow(self._schemas.definition(name)), 0)
            self._stubs[name] = cast("Object", schema) if isinstance(schema, dict) else {}
        return self._stubs[name]
