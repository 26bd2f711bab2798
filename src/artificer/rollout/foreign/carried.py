"""Values that have another name now, such as the id that a server gives a new order."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any, cast

import msgspec

from artificer.checks.values import freeze
from artificer.core.canon import Json
from artificer.core.messages import Message, Part, Text

_SHORTEST = 4
_PIECE = re.compile(r"[^\s\"'`,;()\[\]{}<>=]+")
_ENDS = ".:!?*"


class Carried:
    """What values of a record are called now: learnt from fields that are ignored, since an id that differs there is used
    again in later calls and results. Texts of at least 4 letters are carried wherever they stand, other values only to
    fields and arguments of the same name.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._names: dict[str, str] = {}
        """Of the texts, those that people who say them can only mean as names: they have a digit; "open" is a word like any."""
        self._named: dict[tuple[str, Hashable], Json] = {}

    def learn(self, name: str, recorded: Json, now: Json) -> None:
        """Notes that what was `recorded` in a field is `now` something else."""
        if not _carries(recorded) or not _carries(now):
            return
        if isinstance(recorded, str) and isinstance(now, str) and len(recorded) >= _SHORTEST:
            self.texts[recorded] = now
            if any(letter.isdigit() for letter in recorded):
                self._names[recorded] = now
        self._named[name, freeze(recorded)] = now

    def now(self, name: str, value: Json) -> Json:
        """What a recorded value is called now."""
        if isinstance(value, str) and value in self.texts:
            return self.texts[value]
        if not _carries(value):
            return value
        frozen = freeze(value)
        if (name, frozen) in self._named:
            return self._named[name, frozen]
        last = name.rpartition("_")[2]  # an order's `id` is an `order_id` elsewhere
        return self._named.get((last, frozen), value) if last != name else value

    def replaced(self, value: Json) -> Json:
        """A copy of a value, with everything in it as it is called now."""
        if not self._named:
            return value
        top: list[Json] = [value]
        waiting: list[tuple[Any, Any, str]] = [(top, 0, "")]
        while waiting:
            holder, key, name = waiting.pop()
            item = holder[key]
            if isinstance(item, dict):
                holder[key] = copy = dict(cast("dict[str, Json]", item))
                waiting += [(copy, inner, inner) for inner in copy]
            elif isinstance(item, list | tuple):
                holder[key] = entries = list(cast("Sequence[Json]", item))
                waiting += [(entries, at, name) for at in range(len(entries))]
            else:
                holder[key] = self.now(name, item)
        return top[0]

    def text(self, text: str) -> str:
        """A text in which whole values are called what they are called now."""
        return _PIECE.sub(self._piece, text) if self.texts else text

    def said(self, message: Message) -> Message:
        """A message that calls things what they are called now; the same one when it names none."""
        if not self._names:
            return message

        def told(text: str) -> str:
            return _PIECE.sub(lambda found: _called(found[0], self._names), text)

        content = told(message.content) if isinstance(message.content, str) else tuple([_part(part, told) for part in message.content])
        reasoning = message.reasoning if message.reasoning is None else told(message.reasoning)
        if content == message.content and reasoning == message.reasoning:
            return message
        return msgspec.structs.replace(message, content=content, reasoning=reasoning)

    def _piece(self, found: re.Match[str]) -> str:
        return _called(found[0], self.texts)


def _called(piece: str, names: dict[str, str]) -> str:
    bare = piece.rstrip(_ENDS)
    return names.get(piece) or names.get(bare, bare) + piece[len(bare) :]


def _part(part: Part, told: Callable[[str], str]) -> Part:
    return Text(told(part.text)) if isinstance(part, Text) else part


def _carries(value: Json) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
