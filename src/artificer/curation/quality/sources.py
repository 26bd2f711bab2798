"""Values in arguments that come from nowhere: `checks.grounded`'s look, at data that no world stands behind.

All calls are looked at, answered or not. Values that an agent words itself (a message, a query, code) are told by
their length and counted apart, since nothing in foreign schemas says which they are (`x-free` is ours).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from artificer.checks.grounded import values_of
from artificer.checks.values import clip, shown
from artificer.core.canon import Json
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.curation.quality.findings import Finding, found

_WORDED, _LONG = 6, 60
"""So many words, or characters, are an agent's own words rather than a value looked up."""
_LOOKED, _SIZE = 2_000, 500
"""Calls of one branch, and scalars of one call, beyond which no more are looked at: hostile rows, which are not worth their time."""


class Grounds:
    """Counts of one trace."""

    __slots__ = ("loose", "values", "worded")

    def __init__(self) -> None:
        self.values = self.loose = self.worded = 0

    def look(self, nodes: Sequence[Node], tools: Sequence[ToolSpec], mask: Callable[[str], str]) -> Iterator[Finding]:
        """Values of one branch that nobody said and no result showed."""
        for number, (at, place, values, loose) in enumerate(values_of(nodes, {tool.name: tool for tool in tools}, every=True)):
            self.values += values
            for one in loose[:_SIZE]:
                if _is_worded(one.value):
                    self.worded += 1
                    continue
                self.loose += 1
                value = mask(one.value[:400]) if isinstance(one.value, str) else one.value
                yield found("ungrounded_argument", at, f"{clip(nodes[at].message.calls[place].name)}.{clip(one.where)} = {shown(value)}")
            if number >= _LOOKED:
                return


def _is_worded(value: Json) -> bool:
    return isinstance(value, str) and (len(value) > _LONG or value.count(" ") >= _WORDED - 1)
