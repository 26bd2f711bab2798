"""BFCL's names of types (Python's, and Java's and JavaScript's in their categories) as JSON Schema, and back.

Source: gorilla/berkeley-function-call-leaderboard, `bfcl_eval/constants/type_mappings.py` (Apache-2.0).
"""

from __future__ import annotations

from typing import Any, cast

from artificer.core.canon import Json
from artificer.formats.account import Account

DEEPEST = 64
"""Levels of a schema that are read."""
_TYPES: dict[str, str | None] = {
    "dict": "object",
    "float": "number",
    "tuple": "array",
    "any": None,
    "list": "array",
    "int": "integer",
    "str": "string",
    "bool": "boolean",
    "byte": "integer",
    "short": "integer",
    "long": "integer",
    "double": "number",
    "char": "string",
    "String": "string",
    "Boolean": "boolean",
    "Array": "array",
    "ArrayList": "array",
    "Queue": "array",
    "Stack": "array",
    "Set": "array",
    "HashMap": "object",
    "Hashtable": "object",
    "Bigint": "integer",
    "Any": None,
    "": None,
}
_BACK = {"object": "dict", "number": "float"}


def from_bfcl(schema: Any, deep: int = 0) -> dict[str, Json]:
    """A BFCL parameter document as JSON Schema: its type names mapped, the rest as it is.

    Raises:
        ValueError: it is nested too deeply.
    """
    if not isinstance(schema, dict):
        return {}
    if deep > DEEPEST:
        raise ValueError("a schema nested too deeply")
    made: dict[str, Json] = {}
    for key, value in cast("dict[str, Any]", schema).items():
        if key == "type" and isinstance(value, str):
            kind = _TYPES.get(value, value)
            if kind is not None:
                made["type"] = kind
        elif key == "properties" and isinstance(value, dict):
            made[key] = {name: from_bfcl(part, deep + 1) for name, part in cast("dict[str, Any]", value).items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            made[key] = from_bfcl(value, deep + 1)
        else:
            made[key] = value
    return made


def to_bfcl(schema: Any, account: Account, deep: int = 0) -> dict[str, Json]:
    """A JSON Schema as a BFCL parameter document; a value of any type, or of several, is `any`.

    Raises:
        ValueError: it is nested too deeply.
    """
    if deep > DEEPEST:
        raise ValueError("a schema nested too deeply")
    given = cast("dict[str, Any]", schema) if isinstance(schema, dict) else {}
    kind = given.get("type")
    if kind is not None and not isinstance(kind, str):
        account.lose("types of parameters that are several: written as any")
    made: dict[str, Json] = {"type": _BACK.get(kind, kind) if isinstance(kind, str) else "any" if deep else "dict"}
    for key, value in given.items():
        if key == "properties" and isinstance(value, dict):
            made[key] = {name: to_bfcl(part, account, deep + 1) for name, part in cast("dict[str, Any]", value).items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            made[key] = to_bfcl(value, account, deep + 1)
        elif key != "type":
            made[key] = value
    return made if deep else {"type": "dict", "properties": {}, "required": [], **made}
