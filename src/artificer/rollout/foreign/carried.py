"""Values that have another name now, such as the id that a server gives a new order."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Any, cast

from artificer.checks.values import freeze
from artificer.core.canon import Json

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
        self._named: dict[tuple[str, Hashable], Json] = {}
        self._back: dict[tuple[str, Hashable], Json] = {}

    def learn(self, name: str, recorded: Json, now: Json) -> None:
        """Notes that what was `recorded` in a field is `now` something else."""
        if not _carries(recorded) or not _carries(now):
            return
        if isinstance(recorded, str) and isinstance(now, str) and len(recorded) >= _SHORTEST:
            self.texts[recorded] = now
        self._named[name, freeze(recorded)] = now
        self._back[name, freeze(now)] = recorded
        if isinstance(now, str) and len(now) >= _SHORTEST:
            self._back["", freeze(now)] = recorded

    def now(self, name: str, value: Json) -> Json:
        """What a recorded value is called now."""
        if isinstance(value, str) and value in self.texts:
            return self.texts[value]
        return self._looked(self._named, name, value)

    def then(self, name: str, value: Json) -> Json:
        """What a value of now was called in the record."""
        if isinstance(value, str) and ("", value) in self._back:
            return self._back["", value]
        return self._looked(self._back, name, value)

    def _looked(self, known: dict[tuple[str, Hashable], Json], name: str, value: Json) -> Json:
        if not known or not _carries(value):
            return value
        frozen = freeze(value)
        if (name, frozen) in known:
            return known[name, frozen]
        last = name.rpartition("_")[2]  # an order's `id` is an `order_id` elsewhere
        return known.get((last, frozen), value) if last != name else value

    def replaced(self, value: Json, *, back: bool = False) -> Json:
        """A copy of a value, with everything in it as it is called now (or, `back`, as it was called)."""
        if not self._named:
            return value
        name_of = self.then if back else self.now
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
                holder[key] = name_of(name, item)
        return top[0]

    def text(self, text: str) -> str:
        """A text in which whole values are called what they are called now."""
        return _PIECE.sub(self._piece, text) if self.texts else text

    def _piece(self, found: re.Match[str]) -> str:
        piece = found[0]
        bare = piece.rstrip(_ENDS)
        return self.texts.get(piece) or self.texts.get(bare, bare) + piece[len(bare) :]


def _carries(value: Json) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
