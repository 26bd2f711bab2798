"""Arguments against a tool's schema and a task's limits: what is missing, what is too much, which value is wrong.

As CCTU's checker has it: types (a truth value is no number), enumerations, and of nested objects the required fields
and fields that the schema does not know; items of lists. Nothing else of JSON Schema: the world itself checks that. Unlike
there, fields are free where a schema lists none or expressly allows more. The walk keeps its own stack and stops at a depth that no honest call has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

from artificer.checks.constraints.rules import Keys, Limit
from artificer.checks.constraints.templates import template
from artificer.core.canon import Json
from artificer.core.verdicts import ErrorKind

DEPTH = 64
SHOWN = 60
"""Characters of a value or name in a message."""
FAULTS = 20
"""Faults of one call that are told."""
Fault = tuple[ErrorKind, str]


def _is(value: Json, kind: str) -> bool:
    """Whether a value is of a type; of one that JSON Schema does not know, every value is."""
    match kind:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "null":
            return value is None
        case _:
            return True


def shown(value: object, longest: int = SHOWN) -> str:
    """A value for a message: short, on one line, whatever it holds."""
    if isinstance(value, str):
        text = repr(value[:longest]) + ("..." if len(value) > longest else "")
    elif isinstance(value, dict | list):
        text = f"{'an object' if isinstance(value, dict) else 'a list'} of {len(cast('list[Any]', value))}"
    elif isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        text = "a very long number"
    else:
        text = {None: "null", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)
    return text


def wrong_keys(arguments: dict[str, Json], schema: dict[str, Json], keys: Keys | None) -> Iterator[Fault]:
    """Arguments that are missing, and those that the tool does not take or the task does not allow."""
    known = _object(schema.get("properties"))
    required = [*_names(schema.get("required")), *(keys.required if keys is not None else ())]
    missing = [name for name in dict.fromkeys(required) if name not in arguments]
    closed = "properties" in schema and schema.get("additionalProperties") in (None, False)
    extra = sorted(name for name in arguments if closed and name not in known)
    barred = sorted(name for name in arguments if name in known and keys is not None and keys.allowed is not None and name not in keys.allowed)
    if missing:
        yield ErrorKind.missing_argument, f"{_listed(missing)} must be given"
    if extra:
        yield ErrorKind.extra_argument, f"it takes no {_listed(extra)}"
    if barred:
        yield ErrorKind.extra_argument, f"{_listed(barred)} may not be given"


def wrong_values(arguments: dict[str, Json], schema: dict[str, Json], limits: dict[str, Limit]) -> list[Fault]:
    """Values that do not fit, each with where it stands, in the order of the schema; at most `FAULTS`."""
    found: list[Fault] = []
    known = _object(schema.get("properties"))
    for name, value in arguments.items():
        if name in known:
            found += _nested(name, value, _object(known[name]))
        if name in limits:
            found += [(ErrorKind.invalid_argument, f"{name}: {why}") for why in _beyond(value, limits[name])]
        if len(found) >= FAULTS:
            break
    return found[:FAULTS]


def _nested(name: str, value: Json, schema: dict[str, Json]) -> list[Fault]:
    """A value against its schema, at every depth."""
    found: list[Fault] = []
    waiting: list[tuple[str, Json, dict[str, Json], int]] = [(name, value, schema, 0)]
    while waiting and len(found) < FAULTS:
        path, at, asked, depth = waiting.pop()
        if depth > DEPTH:
            found.append((ErrorKind.invalid_argument, f"{path}: it is nested too deeply"))
            continue
        types = _kinds(asked.get("type"))
        if types and not any(_is(at, kind) for kind in types):
            found.append((ErrorKind.mistyped_argument, f"{path}: {' or '.join(types)} is asked for, not {shown(at)}"))
            continue
        allowed = asked.get("enum")
        if isinstance(allowed, list) and not among(at, tuple(cast("list[Json]", allowed))):
            found.append((ErrorKind.invalid_argument, f"{path}: {shown(at)} is none of {_options(cast('list[Json]', allowed))}"))
        if isinstance(at, dict) and (not types or "object" in types):
            fields = cast("dict[str, Json]", at)
            found += [(kind, f"{path}: {why}") for kind, why in wrong_keys(fields, asked, None)]
            properties = _object(asked.get("properties"))
            deeper = [(f"{path}.{key}", fields[key], _object(inner), depth + 1) for key, inner in properties.items() if key in fields]
            waiting += reversed(deeper)
        elif isinstance(at, list) and (not types or "array" in types) and isinstance(asked.get("items"), dict):
            items = cast("list[Json]", at)
            waiting += [(f"{path}[{index}]", items[index], _object(asked["items"]), depth + 1) for index in range(len(items) - 1, -1, -1)]
    return found


def _beyond(value: Json, limit: Limit) -> Iterator[str]:
    """In which ways a value breaks a task's limit."""
    if limit.one_of is not None and not among(value, limit.one_of):
        yield f"{shown(value)} is none of {_options(limit.one_of)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, float) and math.isnan(value) and (limit.least is not None or limit.most is not None):
            yield "it is not a number"
        if limit.least is not None and value < limit.least:
            yield f"{shown(value)} is less than {limit.least:g}"
        if limit.most is not None and value > limit.most:
            yield f"{shown(value)} is more than {limit.most:g}"
    if limit.longest is not None and isinstance(value, str | list) and len(cast("str", value)) > limit.longest:
        yield f"it has {len(cast('str', value))} parts or characters, and may have {limit.longest}"
    if limit.like is not None and isinstance(value, str) and (len(value) > 100_000 or not template(limit.like).fits(value, "whole")):
        yield f"{shown(value)} is not of the form {shown(limit.like)}"


def among(value: Json, allowed: tuple[Json, ...]) -> bool:
    """Whether a value is one of those allowed; true is not 1, and no list is compared deeper than it is allowed to be."""
    return any(isinstance(value, bool) == isinstance(one, bool) and _same(value, one) for one in allowed)


def _same(value: Json, other: Json) -> bool:
    try:
        return bool(value == other)
    except RecursionError:
        return False


def _kinds(said: Json) -> list[str]:
    return [said] if isinstance(said, str) else _names(said)


def _names(said: Json) -> list[str]:
    return [name for name in cast("list[Json]", said) if isinstance(name, str)] if isinstance(said, list | tuple) else []


def _object(said: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", said) if isinstance(said, dict) else {}


def _listed(names: list[str]) -> str:
    told = ", ".join(shown(name) for name in names[:8])
    return told if len(names) <= 8 else f"{told} and {len(names) - 8} more"


def _options(values: list[Json] | tuple[Json, ...]) -> str:
    told = ", ".join(shown(value) for value in values[:12])
    return told if len(values) <= 12 else f"{told} or {len(values) - 12} more"
