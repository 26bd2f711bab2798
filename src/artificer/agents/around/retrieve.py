"""`| retrieve:k=5`: first the tools are retrieved, then the agent within works with these (ToolLLM, arXiv 2307.16789).

What a user says is the query; the `k` best tools for each user message are shown, and those that were called before.
The index is BM25 over names, descriptions and parameters (`worlds.catalogue`); the published dense retriever is
`mode=meaning` (static embeddings, extra `text`), both together `mode=both`. A call of a tool that was not shown still
goes through: it is the world that says which tools exist. In a world that must itself be searched (`W | search`), the
agent searches with the user's words before it is asked anything.

The notes say which tools were shown (`retrieved`), whenever that changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, cast

import msgspec

from artificer.agents.asking import Asking, call_message, choice, number, taken
from artificer.agents.base import Agent, View
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.models.base import Reply
from artificer.worlds.catalogue.catalogue import MODES, Catalogue, Mode

SEARCH = "search_tools"
_LONGEST = 2000


class Retrieve(Agent):
    """See the module docstring."""

    def __init__(self, inner: Agent, k: int, mode: Mode) -> None:
        self._inner = inner
        self._k = k
        self._mode: Mode = mode
        self._last: list[str] = []
        """The tools shown last."""

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        last = view.messages[-1] if view.messages else None
        if any(tool.name == SEARCH for tool in view.tools):
            if last is not None and last.role == "user" and last.text.strip():
                return asking.done(Reply(Message("assistant")), call_message(view, [(SEARCH, {"query": last.text.strip()[:_LONGEST]})], "retrieve"))
            return asking.passed(asking.paid(taken(await self._inner.act(view))))
        shown = self._found(view)
        names = [tool.name for tool in shown]
        if names != self._last:
            self._last = names
            asking.notes["retrieved"] = names
        return asking.passed(asking.paid(taken(await self._inner.act(msgspec.structs.replace(view, tools=shown)))))

    def fork(self) -> Self:
        other = type(self)(self._inner.fork(), self._k, self._mode)
        other._last = list(self._last)
        return other

    def _found(self, view: View) -> Sequence[ToolSpec]:
        if len(view.tools) <= self._k:
            return view.tools
        catalogue = _INDEXES.of(view.tools, self._mode)
        wanted = {call.name for message in view.messages for call in message.calls}
        for message in view.messages:
            if message.role == "user" and message.text.strip():
                wanted |= {hit.tool.name for hit in catalogue.search(message.text[:_LONGEST], self._k)}
        return [tool for tool in view.tools if tool.name in wanted]


class _Indexes:
    """Indexes by the tools in them: the episodes of a world share one. The tools are kept alive with it, so that their
    identities stay their own.
    """

    def __init__(self, size: int = 8) -> None:
        self._size = size
        self._known: dict[tuple[Mode, tuple[int, ...]], tuple[list[ToolSpec], Catalogue]] = {}

    def of(self, tools: Sequence[ToolSpec], mode: Mode) -> Catalogue:
        key = (mode, tuple(id(tool) for tool in tools))
        if key not in self._known:
            if len(self._known) >= self._size:
                self._known.pop(next(iter(self._known)))
            self._known[key] = (list(tools), Catalogue(tools, mode=mode))
        return self._known[key][1]


_INDEXES = _Indexes()


def around(inner: Agent, k: str = "5", mode: str = "words") -> Retrieve:
    """Options: `k` tools for each user message, `mode` (words, meaning, both)."""
    return Retrieve(inner, number(k, "k", 1, 1000), cast("Mode", choice(mode, "mode", tuple(MODES))))
