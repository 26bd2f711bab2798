"""`| compress:chars=2000`: long observations are cut before the agent within sees them; the trace keeps them whole.

A text is cut in its middle, as ToRA shows outputs (first half, `...`, last half). In a result that is a record or a
list the long texts in it are cut first, then long lists at their ends; what is still too long is cut as text. With
`by=model` the model reads a long result in view of the conversation and passes on the evidence in it, or that there
is none (MetaAgent's page reader, arXiv 2508.00271; prompt ours). Each result is read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, cast

import msgspec

from artificer.agents.asking import Asking, choice, number, said, taken, transcript
from artificer.agents.base import Agent, View
from artificer.agents.code_text import ends
from artificer.core.canon import Json
from artificer.core.messages import Message, ToolResult
from artificer.models.base import GONE, Model, Reply, Request, Sampling

NOTHING = "No relevant information."
_READER = """You read one long result for an agent that is serving a user. Copy out what bears on what the agent
needs now: exact values, names, ids, and where they stand. Change nothing and add nothing. If nothing bears on
it, answer exactly: No relevant information."""
_MOST_READ = 30_000
_KEPT_ROWS = 20


class Compress(Agent):
    """See the module docstring."""

    def __init__(self, inner: Agent, chars: int, recent: int, model: Model | None) -> None:
        self._inner = inner
        self._chars = chars
        self._recent = recent
        self._model = model
        self._read: dict[str, str] = {}
        """What the reader found in results, by call id."""

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        results = [index for index, message in enumerate(view.messages) if message.result is not None]
        whole = set(results[len(results) - self._recent :]) if self._recent else set[int]()
        messages = list(view.messages)
        cut = 0
        for index in results:
            result = cast("ToolResult", messages[index].result)
            if index in whole or length(result.content) <= self._chars:
                continue
            if self._model is not None and result.call_id not in self._read:
                reply = await asking.ask(self._model, Request(_question(view.messages[: index + 1], result), sampling=Sampling(max_tokens=1024)))
                if reply.error in GONE:
                    return asking.gone(reply)
                self._read[result.call_id] = ends(said(reply, []) or NOTHING, self._chars)
            content = self._read.get(result.call_id) if self._model is not None else shortened(result.content, self._chars)
            messages[index] = msgspec.structs.replace(messages[index], result=msgspec.structs.replace(result, content=content))
            cut += 1
        if cut:
            asking.notes["compressed"] = cut
        return asking.passed(asking.paid(taken(await self._inner.act(msgspec.structs.replace(view, messages=messages)))))

    def fork(self) -> Self:
        other = type(self)(self._inner.fork(), self._chars, self._recent, self._model)
        other._read = dict(self._read)
        return other


def _question(messages: Sequence[Message], result: ToolResult) -> tuple[Message, ...]:
    *before, _ = messages
    asked = f"{ends(transcript(before), 4000)}\n\nThe long result:\n{ends(_text(result.content), _MOST_READ)}"
    return Message("system", _READER), Message("user", asked)


def length(content: Json) -> int:
    """Characters of a result as it is shown."""
    return len(_text(content))


def _text(content: Json) -> str:
    return content if isinstance(content, str) else msgspec.json.encode(content).decode()


def shortened(content: Json, chars: int) -> Json:
    """A result of at most about `chars` characters."""
    if length(content) <= chars:
        return content
    if isinstance(content, str):
        return ends(content, chars)
    cut = _cut(content, max(40, chars // 4))
    return cut if length(cut) <= chars else ends(_text(cut), chars)


def _cut(value: Json, text: int) -> Json:
    if isinstance(value, str):
        return ends(value, text)
    if isinstance(value, dict):
        return {key: _cut(item, text) for key, item in cast("dict[str, Json]", value).items()}
    if isinstance(value, list):
        rows = cast("list[Json]", value)
        kept: list[Json] = [_cut(item, text) for item in rows[:_KEPT_ROWS]]
        return kept if len(rows) <= _KEPT_ROWS else [*kept, f"+{len(rows) - _KEPT_ROWS} more"]
    return value


def around(inner: Agent, model: Model | None = None, chars: str = "2000", by: str = "cut", recent: str = "0") -> Compress:
    """Options: `chars` a result may have, `by` (cut, model), `recent`: how many of the last results stay whole."""
    reads = choice(by, "by", ("cut", "model")) == "model"
    return Compress(inner, number(chars, "chars", 20, 10**7), number(recent, "recent", 0, 1000), model if reads else None)
