"""Tool specifications from what the sets publish: annotated functions, pydantic's JSON Schemas (BFCL's: `formats.bfcl_schemas`)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

from docstring_parser import parse

from artificer.core.canon import Json
from artificer.core.tools import EffectKind

_VERBS = ("get", "find", "list", "search", "check", "view", "show", "display", "retrieve", "read", "calculate", "compute", "estimate", "can")
_NAMES = ("ls", "cat", "pwd", "du", "grep", "wc", "tail", "diff", "transfer_to_human_agents", "run_speed_test")


def declared(name: str, writes: frozenset[str] = frozenset()) -> EffectKind:
    """What a name says of a tool, for sets that do not say it themselves: `get_order` reads. `writes` are exceptions."""
    first = name.partition("_")[0]
    return "read" if (first in _VERBS or name in _NAMES) and name not in writes else "unknown"


def arguments_schema(schema: dict[str, Json]) -> dict[str, Json]:
    """A schema of arguments: an object that takes no others."""
    made: dict[str, Json] = {"type": "object", "properties": {}}
    return made | schema | {"additionalProperties": False}


def from_function(function: Callable[..., Any], create_model: Callable[..., Any], field: Callable[..., Any]) -> tuple[str, dict[str, Json]]:
    """Description and arguments of an annotated function with a docstring, by pydantic, as upstream does it.

    Args:
        create_model, field: pydantic's `create_model` and `Field`.
    """
    documented = parse(inspect.cleandoc(function.__doc__ or ""))
    words = {one.arg_name: one.description for one in documented.params}
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        kind = Any if parameter.annotation is inspect.Parameter.empty else parameter.annotation
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[name] = (kind, field(default, description=words.get(name)))
    schema = create_model("arguments", **fields).model_json_schema()
    text = "\n\n".join(part for part in (documented.short_description, documented.long_description) if part)
    return text or function.__name__, arguments_schema(without_titles(schema))


def without_titles(schema: Any) -> Any:
    """A pydantic schema less the titles it makes of names."""
    if isinstance(schema, list):
        return [without_titles(part) for part in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    given = cast("dict[str, Any]", schema)
    made: dict[str, Any] = {}
    for key, value in given.items():
        if key in ("properties", "$defs"):
            made[key] = {name: without_titles(part) for name, part in value.items()}
        elif not (key == "title" and isinstance(value, str)):
            made[key] = without_titles(value)
    return made
