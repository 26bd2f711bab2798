"""How a text model writes calls: the readers and writers of `artificer.formats.calls`, as models use them.

`parse` guesses the family, for texts of models that were asked for none; a model that is opened with a dialect (`hf:PATH?dialect=hermes`) reads with
that family's reader. Our own form, one line of JSON a call, is what a model is asked for where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.formats.calls import DIALECTS, Dialect, Parsed, auto, dialect, lines
from artificer.formats.calls.reading import LIMIT, MOST_CALLS
from artificer.formats.calls.records import encoded

__all__ = ["DIALECTS", "LIMIT", "MOST_CALLS", "OURS", "Dialect", "Parsed", "asked", "call_text", "dialect", "message_text", "parse"]

parse = auto.parse
OURS = Dialect("json", lines.write, auto.parse, lines.RULE)
"""What models are asked for where nothing else is said: our own form, read with tolerance for another."""


def call_text(name: str, arguments: dict[str, Json]) -> str:
    """One call in our own form; arguments in their given order."""
    return encoded({"name": name, "arguments": arguments})


def message_text(message: Message) -> str:
    """An assistant message in our own form, without its reasoning: its text, then one line for each call."""
    return lines.write(Message("assistant", message.text, calls=message.calls))


def asked(rest: str, known: Sequence[str]) -> tuple[str, dict[str, str]]:
    """A model string's path and its options: `PATH?dialect=hermes&batch=8`.

    Raises:
        ArtificerError: an option is not one of `known`.
    """
    path, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in known:
            raise ArtificerError(f"{name!r} is no option of this model.", where=rest, remedy=f"use {', '.join(known)}")
    return path, options
