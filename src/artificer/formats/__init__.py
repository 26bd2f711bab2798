"""What others write traces in: one module a format, found by name and loaded when it is used; outsiders through the
entry points `artificer.formats`.

`base` says what a format is, `convert` reads and writes files with one, `source` opens files, `account` says what
became of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from artificer.core.errors import ArtificerError
from artificer.formats.base import Format

_BUILT_IN = {
    "chat": "chat",
    "trl": "trl",
    "anthropic": "anthropic",
    "responses": "responses",
    "sharegpt": "sharegpt",
    "llamafactory": "llamafactory",
    "axolotl": "axolotl",
    "nemotron": "nemotron",
    "adp": "adp",
    "atif": "atif",
    "verifiers": "verifiers",
    "agentdojo": "agentdojo",
    "inspect": "inspect_logs",
    "hermes": "texts:FORMATS",
    "qwen": "texts:FORMATS",
    "qwen3_coder": "texts:FORMATS",
    "llama": "texts:FORMATS",
    "mistral": "texts:FORMATS",
    "react": "texts:FORMATS",
    "toolace": "texts:FORMATS",
    "xml": "texts:FORMATS",
    "toolbench": "toolbench",
    "toolalpaca": "toolalpaca",
    "xlam": "xlam",
    "glaive": "glaive",
    "dpo": "pairs",
    "grpo": "prompts:FORMATS",
    "verl": "prompts:FORMATS",
    "bfcl": "bfcl",
    "tau2": "tau2",
    "tau2_tasks": "tau2_tasks",
}
"""The module of each format's name."""

ALIASES = {
    "openai": "chat",
    "messages": "chat",
    "apigen": "xlam",
    "apigen-mt": "sharegpt",
    "toolllama": "react",
    "toolpreference": "dpo",
}
"""Other names of formats: data sets and trainers that use them as they are."""
_NARROWER = {
    "sharegpt": ("axolotl", "llamafactory", "hermes", "qwen3_coder", "toolace", "react"),
    "chat": ("anthropic", "axolotl", "nemotron", "llamafactory", "qwen", "qwen3_coder", "mistral", "xml", "llama"),
}
"""Formats whose rows a more general one reads as well, with a loss."""
_READ_CHAT = ("axolotl", "nemotron", "llamafactory")
"""Those that read whatever the general one reads."""
_SPOKEN = ("hermes", "qwen", "qwen3_coder", "mistral", "xml")
"""Those whose calls stand in the text; a row without calls could be any one's."""
_DOUBTFUL = ("toolace", "react", "llama")
"""The same, with marks that other texts have by chance: they must stand in half of the rows."""
LEAST = 0.3
"""A guess needs this much; see `guess`."""


class NoFormat(ArtificerError):
    """A file is of no format that is known."""


def names() -> list[str]:
    """The names of all formats."""
    return [*_BUILT_IN, *sorted({point.name for point in entry_points(group="artificer.formats")} - set(_BUILT_IN))]


def format_named(name: str) -> Format:
    """The format called `name`.

    Raises:
        ArtificerError: there is none, or it does not load.
    """
    name = ALIASES.get(name, name)
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        found = getattr(importlib.import_module(f"artificer.formats.{module}"), attribute or "FORMAT")
        return found[name] if attribute else found
    for point in entry_points(group="artificer.formats", name=name):
        try:
            return point.load()
        except Exception as error:  # an outsider's code: whatever it raises is its own fault
            raise ArtificerError(f"the format {name!r} does not load: {error}", remedy="mend or uninstall the package it comes from") from error
    raise ArtificerError(f"there is no format {name!r}", remedy=f"use one of: {', '.join(names())}")


def guess(path: str | Path, beside: Sequence[str] = ()) -> tuple[Format, Mapping[str, float]]:
    """The format that a file's first rows look like most, and how much they look like each.

    Args:
        beside: the formats of the files beside it, which decide where its rows do not: the parts of a data set are of one format.

    Raises:
        NoFormat: it looks like none, or holds nothing that can be read.
        ArtificerError: it cannot be read.
    """
    from artificer.formats.convert import sample, sniff

    values: list[Any] = sample(Path(path))
    if not values:
        raise NoFormat("there is nothing in it that can be read", where=str(path), remedy="leave it out, or give JSON lines, JSON or Parquet")
    marks = {name: sniff(values, format_named(name)) for name in _BUILT_IN}
    best = max(marks, key=lambda name: (marks[name], name in beside))
    if marks[best] < LEAST:
        what = f"this looks like no format known here: {_looks(values)}"
        raise NoFormat(what, where=str(path), remedy=f"name it: --from {'|'.join(names())}")
    return format_named(_narrower(values, best, beside)), marks


def _narrower(values: Sequence[Any], best: str, beside: Sequence[str]) -> str:
    """The format that some of the rows (or files `beside`) are of beyond doubt and that reads the others as well, where the likeliest, a more
    general one, would read those few with a loss: calls that stay in the text, blocks that it does not know. Else the likeliest.
    """
    from artificer.formats.convert import sniff

    def marks(name: str) -> list[float]:
        return [sniff([value], format_named(name)) for value in values]

    if best not in _NARROWER:
        return best
    general, turns = marks(best), marks("qwen")
    found: dict[str, int] = {}
    for name in _NARROWER[best]:
        own = marks(name)
        clear = sum(mark > max(LEAST, other) for mark, other in zip(own, general, strict=True))
        if name in _READ_CHAT:
            wanted = clear > 0
        else:
            spoken = name in _SPOKEN or name in _DOUBTFUL
            reads = all(mark > 0 or (spoken and turn > 0) for mark, turn in zip(own, turns, strict=True))
            wanted = reads and (2 * clear >= len(values) if name in _DOUBTFUL else clear > 0 or name in beside)
        if wanted:
            found[name] = clear
    return max(found, key=lambda name: found[name], default=best)


def _looks(values: Sequence[Any]) -> str:
    """What the first row is, in words that help to see why it is of no format."""
    if not isinstance(values[0], dict):
        return f"its first row is a {type(values[0]).__name__}, where an object is expected"
    fields = [str(name)[:30] for name in cast("dict[str, Any]", values[0])]
    return f"its first row has the fields {', '.join(fields[:8])}{' ...' if len(fields) > 8 else ''}" if fields else "its first row is empty"
