"""Values in arguments that come from nowhere: `checks.grounded`'s look, at data that no world stands behind.

All calls are looked at, answered or not. Values that an agent words itself (a message, a query, code) are told by
their length and counted apart, since nothing in foreign schemas says which they are (`x-free` is ours).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from artificer.checks.grounded import values_of
from artificer.checks.values import clip, shown
from artificer.core.canon import Json
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.curation.quality.findings import Finding, found
from artificer.curation.quality.walk import everything, number

_WORDED, _LONG = 6, 60
"""So many words, or characters, are an agent's own words rather than a value looked up."""
_RUNNING = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese."""
_ASKED, _SEARCHED = 1_000, 100_000
_LOOKED, _SIZE = 2_000, 500
"""Calls of one branch, and scalars of one call, beyond which no more are looked at: hostile rows, which are not worth their time."""


class Grounds:
    """Counts of one trace."""

    __slots__ = ("loose", "values", "worded")

    def __init__(self) -> None:
        self.values = self.loose = self.worded = 0

    def look(self, nodes: Sequence[Node], tools: Sequence[ToolSpec], mask: Callable[[str], str]) -> Iterator[Finding]:
        """Values of one branch that nobody said and no result showed."""
        running = _Running(nodes)
        for looked, (at, place, values, loose) in enumerate(values_of(nodes, {tool.name: tool for tool in tools}, every=True)):
            self.values += values
            for one in loose[:_SIZE]:
                if running.holds(one.value, at):
                    continue
                if _is_worded(one.value):
                    self.worded += 1
                    continue
                self.loose += 1
                value = mask(one.value[:400]) if isinstance(one.value, str) else one.value
                yield found("ungrounded_argument", at, f"{clip(nodes[at].message.calls[place].name)}.{clip(one.where)} = {shown(value)}")
            if looked >= _LOOKED:
                return


class _Running:
    """What was said and shown in scripts without spaces, in which there are no ends of words to look at: there a value is looked for anywhere."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._texts: list[tuple[int, str]] | None = None
        self._nodes = nodes
        self._asked = 0

    def holds(self, value: Json, before: int) -> bool:
        """Whether a value stands in the texts before a node. Of a branch only the first thousand questions are answered."""
        wanted = value if isinstance(value, str) else number(value) if isinstance(value, (int, float)) else ""
        self._asked += 1
        if not wanted or len(wanted) > _LONG or self._asked > _ASKED:
            return False
        if self._texts is None:
            said = ((at, everything(node.message)) for at, node in enumerate(self._nodes) if node.message.role != "assistant")
            self._texts = [(at, text[:_SEARCHED].casefold()) for at, text in said if not text.isascii() and _RUNNING.search(text) is not None]
        folded = wanted.casefold()
        return any(at < before and folded in text for at, text in self._texts)


def _is_worded(value: Json) -> bool:
    return isinstance(value, str) and (len(value) > _LONG or value.count(" ") >= _WORDED - 1)
