"""How much is told of a tool: levels of documentation, as a pure function of its specification (arXiv 2308.00675 compares them).

| level | an agent is shown |
|---|---|
| `name` | the name; nothing of its parameters |
| `signature` | name, parameters with their types, which are required |
| `summary` | a signature, and the first sentence of the description |
| `full` | everything that is documented |
| `demos` | everything, and calls that work (`ToolSpec.examples`) |

A documented specification is a ToolSpec like any other, so endpoints, prompts and exports show it as they show tools; `text` writes it by the one
renderer of prompts (`models.prompt`). It is for showing only: calls are validated, and checks judge, by the whole specification.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, cast, get_args

import msgspec

from artificer.core.canon import Json, canonical
from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec
from artificer.models.dialect import call_text
from artificer.models.prompt import FULL, PAGE, signature

Level = Literal["name", "signature", "summary", "full", "demos"]
LEVELS: tuple[Level, ...] = get_args(Level)
_TOLD = frozenset({"description", "title", "examples", "x-label", "$comment"})
_SCHEMAS = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_SENTENCE = re.compile(r"(?<=[.!?])\s")


def level_of(text: str) -> Level:
    """A level by its name.

    Raises:
        SourceError: there is none of that name.
    """
    for level in LEVELS:
        if level == text:
            return level
    raise SourceError(f"{text!r} is no level of documentation", where="level", remedy=f"use one of {', '.join(LEVELS)}")


def documented(tool: ToolSpec, level: Level, demos: int = 2, words: int | None = None) -> ToolSpec:
    """The specification as it is shown at a level.

    Args:
        level: see the module docstring.
        demos: how many examples `demos` shows, the first ones; a tool without examples is shown as at `full`.
        words: a longer description is cut there, at `full` and `demos`, and ends in "...". A call in backquotes is never cut in two.
    """
    if level == "name":
        return ToolSpec(tool.name, "", {"type": "object"}, effect=tool.effect)
    if level in ("signature", "summary"):
        about = _SENTENCE.split(tool.description.strip(), maxsplit=1)[0] if level == "summary" else ""
        return ToolSpec(tool.name, about, _untold(tool.parameters), effect=tool.effect)
    about = tool.description if words is None else _cut(tool.description, words)
    shown = tool.examples[:demos] if level == "demos" else ()
    if shown:
        calls = "\n".join(call_text(tool.name, example) for example in shown)
        about = f"{about}\n\nCalls that work:\n{calls}".strip()
    return msgspec.structs.replace(tool, description=about, examples=())


def tagged(tool: ToolSpec, names: Sequence[str], attributes: Mapping[str, Json] | None = None) -> ToolSpec:
    """The specification with attributes told in words after the description, as FinToolBench's tool cards do. One that the tool does not have is not
    told.

    Args:
        names: which, in this order.
        attributes: whose values are told; the specification's own when None.
    """
    held = tool.attributes if attributes is None else attributes
    tags = "; ".join(f"{name}: {_told(held[name])}" for name in names if name in held)
    return msgspec.structs.replace(tool, description=f"{tool.description}\n[{tags}]".strip()) if tags else tool


def _told(value: Json) -> str:
    items = cast("list[Json]", value) if isinstance(value, list) else [value]
    return ", ".join(item if isinstance(item, str) else canonical(item).decode() for item in items)


def text(tool: ToolSpec, level: Level, demos: int = 2, words: int | None = None) -> str:
    """The documentation as text, by the renderer of prompts."""
    return tool.name if level == "name" else signature(documented(tool, level, demos, words), PAGE if level in ("full", "demos") else FULL)


def _untold(schema: dict[str, Json]) -> dict[str, Json]:
    """A schema without the words in it: what may be passed, and nothing of what it means. (`x-ref` stays: it is what a value is.)"""
    kept: dict[str, Json] = {}
    for key, value in schema.items():
        if key in _TOLD:
            continue
        if key in _SCHEMAS and isinstance(value, dict):  # names of properties, which may be any, even "description"
            named = cast("dict[str, Json]", value)
            kept[key] = {name: _untold(cast("dict[str, Json]", part)) if isinstance(part, dict) else part for name, part in named.items()}
        elif isinstance(value, dict) and key not in ("const", "enum"):
            kept[key] = _untold(cast("dict[str, Json]", value))
        elif isinstance(value, list) and key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            parts = cast("list[Json]", value)
            kept[key] = [_untold(cast("dict[str, Json]", part)) if isinstance(part, dict) else part for part in parts]
        else:
            kept[key] = value
    return kept


def _cut(about: str, words: int) -> str:
    pieces = re.findall(r"`[^`]*`\S*|\S+", about)
    if len(pieces) <= words:
        return about
    ends = [match.end() for match in re.finditer(r"`[^`]*`\S*|\S+", about)]
    return f"{about[: ends[words - 1]] if words else ''} ...".strip()
