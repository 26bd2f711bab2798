"""Where rows and their ids stand in schemas: the parts of reading that concern one schema alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

from artificer.core.canon import Json
from artificer.models.prompt import record_of
from artificer.worlds.emulated.verbs import plural
from artificer.worlds.schema_shape import Schema, Shape, kinds_of
from artificer.worlds.schema_texts import words_of

_SEPARATORS = re.compile(r"[^a-z0-9]")
_STRONG = ("id", "uuid", "number", "code", "key", "sku", "reference")
_WEAK = ("name", "username", "email", "title", "path")
_QUERIES = frozenset({"query", "q", "text", "keyword", "keywords", "search", "term", "search_term", "search_query"})


class Place(Struct, frozen=True):
    """Where a result holds rows: under the keys of `path`; `item` is the schema of one, and `many` says it is a list."""

    path: tuple[str, ...]
    many: bool
    item: Schema


def place_of(shape: Shape, schema: Json, noun: str, many: bool, path: tuple[str, ...]) -> Place | None:
    """Where rows stand in a result: in the first list for tools that list, in the object that bears an id for others."""
    fields = record_of(schema)
    if fields is None or len(path) > 3:
        return None
    flat = shape.flat(fields)
    kinds = kinds_of(flat)
    if "array" in kinds:
        items = record_of(flat.get("items"))
        return Place(path, True, shape.closed(shape.flat(items))) if items is not None else None
    if "object" not in kinds:
        return None
    properties = properties_of(flat)
    parts = {name: shape.flat(part) for name, part in properties.items()}
    if many:
        ordered = sorted(
            parts,
            key=lambda name: (
                plain(name) not in (plain(noun), plain(plural(noun)), "items", "results", "data"),
                "array" not in kinds_of(parts[name]),
            ),
        )
        for name in ordered:
            if kinds_of(parts[name]) & {"array", "object"}:
                found = place_of(shape, properties[name], noun, many, (*path, name))
                if found is not None and found.many:
                    return found
        return Place(path, False, shape.closed(flat))
    inner = [name for name in parts if kinds_of(parts[name]) == {"object"} and properties_of(parts[name])]
    bears = any(plain(name) in ("id", plain(f"{noun}_id")) for name in parts)
    for name in inner:
        if not bears and (len(inner) == 1 or plain(name) in (plain(noun), "data", "result", "item", "record")):
            return Place((*path, name), False, shape.closed(parts[name]))
    return Place(path, False, shape.closed(flat))


def columns_of(shape: Shape, schema: Json) -> dict[str, Schema]:
    """An object schema's properties, merged, each a schema that stands for itself."""
    fields = record_of(schema)
    return {} if fields is None else {name: shape.closed(shape.flat(part)) for name, part in properties_of(shape.flat(fields)).items()}


def properties_of(schema: Schema) -> dict[str, Schema]:
    """An object schema's properties as they stand."""
    found = record_of(schema.get("properties")) or {}
    return {name: record_of(part) or {} for name, part in found.items()}


def deep_names(shape: Shape, schema: Json, depth: int = 0) -> Iterator[str]:
    """Property names of objects within objects."""
    for name, part in columns_of(shape, schema).items():
        yield name
        if depth < 2 and "properties" in part:
            yield from deep_names(shape, part, depth + 1)


def id_column_of(noun: str, columns: dict[str, Schema], params: set[str]) -> str | None:
    """The column that tells rows apart; names and titles only when a tool takes one to find a row by."""
    by_name = {plain(name): name for name, schema in columns.items() if kinds_of(schema) & {"string", "integer", "number"}}
    last = noun.rpartition("_")[2]
    for suffix in _STRONG:
        for wanted in (f"{noun}_{suffix}", f"{last}_{suffix}", suffix):
            if plain(wanted) in by_name:
                return by_name[plain(wanted)]
    for suffix in _WEAK:
        for wanted in (f"{noun}_{suffix}", suffix):
            if plain(wanted) in by_name and plain(wanted) in params:
                return by_name[plain(wanted)]
    return None


def is_query(name: str) -> bool:
    """Whether a parameter is for words to look for anywhere in a row."""
    return "_".join(words_of(name)) in _QUERIES


def plain(name: str) -> str:
    """A name without case and separators, so that `orderId` is `order_id`."""
    return _plain(name) if len(name) <= 64 else _SEPARATORS.sub("", name.lower())


@lru_cache(maxsize=8192)
def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name.lower())


def referred_table(name: str, names: dict[str, str]) -> str | None:
    """The table whose ids a field called `name` holds: `order_id`, and `from_order_id` too."""
    words = words_of(name)
    for first in range(max(len(words) - 1, 1)):
        found = names.get("".join(words[first:]))
        if found is not None:
            return found
    return None
