"""Python's names of types as JSON Schema, and back: `List[Union[int, str]]`, `Optional[int]`, `Tuple[int, str]`, `Set[int]`, `Dict[str, int]`.

A type that JSON does not have (`Callable`) has no schema. A schema that no name says gets a shorter one: a reader compares the two (`same`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, cast

from artificer.core.canon import Json

TYPES = {
    "str": "string",
    "string": "string",
    "text": "string",
    "int": "integer",
    "integer": "integer",
    "float": "number",
    "number": "number",
    "bool": "boolean",
    "boolean": "boolean",
    "list": "array",
    "array": "array",
    "tuple": "array",
    "set": "array",
    "dict": "object",
    "object": "object",
}
"""Python's names of types, and JSON's."""
_PYTHON = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list", "object": "dict"}
_NAMED = re.compile(r"\s*([A-Za-z]+)\s*(?:\[(.{0,200})\])?\s*")
_WORD = re.compile(r"[a-z]+")
_DEEP = frozenset({"anyOf", "items", "uniqueItems", "prefixItems", "additionalProperties"})
DEEPEST = 8
"""Brackets within each other that are read."""


@lru_cache(maxsize=1024)
def read(named: str) -> tuple[dict[str, Json] | None, bool]:
    """The schema of a type by its name, and whether it says all that the name says. It is shared: copy it before it is changed."""
    schema = schema_of(named)
    return schema, schema is not None and same(name_of(schema), named)


def schema_of(named: str, deep: int = 0) -> dict[str, Json] | None:
    """The schema of a type by its name; None where JSON has no such type."""
    found = _NAMED.fullmatch(named)
    if found is None or deep > DEEPEST:
        return None
    name, inside = found[1].lower(), found[2]
    kind = TYPES.get(name)
    if inside is None or not inside.strip():
        return None if kind is None else {"type": kind} | ({"uniqueItems": True} if name == "set" else {})
    inner = [schema_of(part, deep + 1) for part in _parts(inside)]
    known = [one for one in inner if one is not None]
    if name in ("union", "optional"):
        nothing: list[Json] = [{"type": "null"}] if name == "optional" else []
        return {"anyOf": [*known, *nothing]} if len(known) == len(inner) else None
    if kind == "object":
        return {"type": kind} | ({"additionalProperties": inner[1]} if len(inner) == 2 and inner[1] and inner[0] == {"type": "string"} else {})
    if kind != "array":
        return None if kind is None else {"type": kind}
    if name == "tuple":
        return {"type": kind} | ({"prefixItems": [*known], "minItems": len(known), "maxItems": len(known)} if len(known) == len(inner) else {})
    return {"type": kind} | ({"items": known[0]} if len(inner) == 1 and known else {}) | ({"uniqueItems": True} if name == "set" else {})


def _parts(inside: str) -> list[str]:
    """What stands between the commas that are in no bracket."""
    parts, deep = [""], 0
    for mark in inside:
        deep += (mark == "[") - (mark == "]")
        if mark == "," and deep == 0:
            parts.append("")
        else:
            parts[-1] += mark
    return parts


def name_of(schema: Any, deep: int = 0) -> str:
    """The name of the type of a schema, "" where there is none."""
    if not isinstance(schema, dict) or deep > DEEPEST:
        return ""
    one = cast("dict[str, Any]", schema)
    if _DEEP.isdisjoint(one):
        kind = one.get("type")
        return _PYTHON.get(kind, "") if isinstance(kind, str) else ""
    either = one.get("anyOf")
    if isinstance(either, list) and either:
        names = [name_of(part, deep + 1) for part in cast("list[Any]", either) if part != {"type": "null"}]
        if not all(names):
            return ""
        if len(names) == len(cast("list[Any]", either)):
            return f"Union[{', '.join(names)}]"
        return f"Optional[{', '.join(names)}]" if len(names) == 1 else ""
    kind, inner = one.get("type"), name_of(one.get("items"), deep + 1)
    if not isinstance(kind, str):
        return ""
    if kind == "array" and one.get("uniqueItems") is True:
        return f"Set[{inner}]" if inner else "set"
    if kind == "array" and isinstance(one.get("prefixItems"), list):
        return f"Tuple[{', '.join([name_of(part, deep + 1) for part in one['prefixItems']])}]"
    if kind == "array" and inner:
        return f"List[{inner}]"
    values = name_of(one.get("additionalProperties"), deep + 1)
    return f"Dict[str, {values}]" if kind == "object" and values else _PYTHON.get(kind, "")


def same(a: str, b: str) -> bool:
    """Whether two names are of one type, but for case, white space and synonyms."""
    return _plain(a) == _plain(b)


def _plain(name: str) -> str:
    def known(found: re.Match[str]) -> str:
        word = found[0]
        return word if word in ("tuple", "set") else TYPES.get(word, word)

    return _WORD.sub(known, re.sub(r"\s", "", name.lower()))
