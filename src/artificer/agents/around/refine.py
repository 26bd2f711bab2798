"""`| refine:chars=32000`: a conversation that grew too long is retold by the model (Tool-Star's refiner, arXiv 2505.16410).

When the messages exceed `chars` characters (published: 8,192 tokens), everything before the last `keep` messages
becomes one message: what users said stays word for word, the rest is a summary that keeps the facts needed. At most
`times` summaries (published: 1 a sample); each is made once and shown from then on. The trace keeps all messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import msgspec

from artificer.agents.asking import Asking, number, renumbered, said, taken, transcript
from artificer.agents.base import Agent, View
from artificer.agents.code_text import ends
from artificer.core.messages import Message
from artificer.models.base import GONE, Model, Reply, Request, Sampling

_PROMPT = """You shorten the record of an agent at work so that it can go on without the record. Keep every fact
it may still need (names, ids, amounts, results, what was tried and failed, what was agreed) exactly as it
stands, drop what led nowhere, add nothing. Answer with the summary alone."""
_MOST_READ = 60_000


class Refine(Agent):
    """See the module docstring."""

    def __init__(self, inner: Agent, model: Model, chars: int, keep: int, times: int) -> None:
        self._inner = inner
        self._model = model
        self._chars = chars
        self._keep = keep
        self._times = times
        self._told = ""
        """The last summary, with the users' words."""
        self._upto = 0
        """How many messages it stands for."""

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        messages = self._shown(view.messages)
        border = _border(view.messages, self._keep)
        if self._times and border > self._upto and len(transcript(messages)) > self._chars:
            head = messages[: len(messages) - (len(view.messages) - border)]
            asked = (Message("system", _PROMPT), Message("user", ends(transcript(head), _MOST_READ)))
            reply = await asking.ask(self._model, Request(asked, sampling=Sampling(max_tokens=1024)))
            if reply.error in GONE:
                return asking.gone(reply)
            self._times -= 1
            self._upto = border
            words = "\n".join(f"USER: {message.text}" for message in view.messages[:border] if message.role == "user")
            self._told = f"{words}\n\nWhat was done since, in short: {said(reply, [])}"
            asking.notes["refined"] = {"messages": border, "summary": self._told}
            messages = self._shown(view.messages)
        reply = asking.paid(taken(await self._inner.act(msgspec.structs.replace(view, messages=messages))))
        return asking.passed(msgspec.structs.replace(reply, message=renumbered(reply.message, view)))

    def fork(self) -> Self:
        other = type(self)(self._inner.fork(), self._model, self._chars, self._keep, self._times)
        other._told, other._upto = self._told, self._upto
        return other

    def _shown(self, messages: Sequence[Message]) -> list[Message]:
        if not self._upto:
            return list(messages)
        rest = list(messages[self._upto :])
        if rest and rest[0].role == "user":  # two user messages in a row are one
            rest[0] = msgspec.structs.replace(rest[0], content=f"{self._told}\n\n{rest[0].text}")
            return rest
        return [Message("user", self._told), *rest]


def _border(messages: Sequence[Message], keep: int) -> int:
    """Where the kept messages begin: at most `keep` of them, and no result without its call."""
    at = max(0, len(messages) - keep)
    while at < len(messages) and messages[at].role == "tool":
        at += 1
    return at if at < len(messages) else 0


def around(inner: Agent, model: Model, chars: str = "32000", keep: str = "4", times: str = "1") -> Refine:
    """Options: `chars` of conversation, `keep`: how many messages stay as they are, `times`."""
    return Refine(inner, model, number(chars, "chars", 100, 10**8), number(keep, "keep", 1, 1000), number(times, "times", 1, 1000))
