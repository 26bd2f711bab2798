"""Tool specifications, and the validation of a call's arguments against them.

Validators are compiled once for each schema (jsonschema-rs, draft 2020-12) and shared. Three annotations of ours stand
in schemas, ignored by validators, and are what grounding and the scripted oracle read:

- `x-ref: "table.column"` marks a value that is a surrogate id: something no person knows and an agent must have been
  shown by a tool before it may use it (on parameters), or a place where such an id is shown (on properties of
  `returns`).
- `x-label: "..."` is what people call the parameter or field.
- `x-free: true` marks a value that an agent words itself (a query, a program): nothing that had to be looked up.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import jsonschema_rs
from msgspec import Struct

from artificer.core.canon import Json, canonical
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.verdicts import ErrorKind

EffectKind = Literal["read", "write", "unknown"]


class ToolSpec(Struct, frozen=True, omit_defaults=True):
    """What is known of a tool before it is called.

    Args:
        name: unique in its world; matches `[A-Za-z0-9_-]{1,64}`.
        description: what it does, for the agent.
        parameters: JSON Schema of the arguments (an object schema).
        returns: JSON Schema of the result's content, when known.
        effect: whether a call can change the world's state.
        attributes: tags, e.g. `{"table": "track", "op": "search"}`; visible to agents.
        examples: argument objects that work.
    """

    name: str
    description: str
    parameters: dict[str, Json]
    returns: dict[str, Json] | None = None
    effect: EffectKind = "unknown"
    attributes: dict[str, Json] = {}
    examples: tuple[dict[str, Json], ...] = ()


class ArgumentError(Struct, frozen=True):
    """Why arguments do not fit a schema; `path` is a JSON pointer into them ("" for the whole)."""

    kind: ErrorKind
    path: str
    detail: str


@lru_cache(maxsize=65536)
def _compiled(schema: bytes) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema.decode())


def compile_schema(schema: dict[str, Json], where: str) -> jsonschema_rs.Draft202012Validator:
    """The compiled validator of a schema.

    Raises:
        SourceError: the schema itself is invalid; `where` says whose it is.
    """
    try:
        return _compiled(canonical(schema))
    except (ValueError, TypeError) as error:
        raise SourceError(f"invalid JSON Schema: {str(error).splitlines()[0]}", where=where, remedy="correct the schema") from error


_KINDS: dict[str, ErrorKind] = {
    "required": ErrorKind.missing_argument,
    "additionalProperties": ErrorKind.extra_argument,
    "unevaluatedProperties": ErrorKind.extra_argument,
    "type": ErrorKind.mistyped_argument,
}


def validate_arguments(validator: jsonschema_rs.Draft202012Validator, arguments: dict[str, Json]) -> ArgumentError | None:
    """The first way in which `arguments` break the schema, or None. About 1 microsecond when they fit."""
    try:
        if validator.is_valid(arguments):
            return None
        error = next(iter(validator.iter_errors(arguments)))
    except (ValueError, TypeError, OverflowError, RecursionError) as problem:  # lone surrogates, NaN, endless nesting
        return ArgumentError(ErrorKind.invalid_argument, "", f"the arguments are not JSON: {problem}")
    path = "".join(f"/{step}" for step in error.instance_path)
    keyword = str(error.schema_path[-1]) if error.schema_path else ""
    return ArgumentError(_KINDS.get(keyword, ErrorKind.invalid_argument), path, error.message[:500])


def not_json(value: Json) -> str | None:
    """Why a value that fits a schema still cannot be written as JSON (lone surrogates, endless nesting); None when it can."""
    try:
        canonical(value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        return f"the arguments are not JSON: {type(error).__name__}"
    return None


def unfit(call: ToolCall, validator: jsonschema_rs.Draft202012Validator) -> ToolResult | None:
    """The answer to a call whose arguments break the schema, or None when they keep it."""
    wrong = validate_arguments(validator, call.arguments)
    return None if wrong is None else ToolResult(call.id, None, wrong.kind, f"{wrong.path or 'arguments'}: {wrong.detail}")


def refusal(call: ToolCall, validator: jsonschema_rs.Draft202012Validator | None) -> ToolResult | None:
    """The answer to a call that cannot be made, whatever the state; None when it can.

    There is no such tool (no validator), the arguments break its schema, or they cannot be written as JSON.
    """
    if validator is None:
        return ToolResult(call.id, None, ErrorKind.unknown_tool, f"there is no tool {call.name!r}")
    wrong = unfit(call, validator)
    if wrong is not None:
        return wrong
    garbled = not_json(call.arguments)
    return None if garbled is None else ToolResult(call.id, None, ErrorKind.invalid_argument, garbled)
