"""`| finish:turns=15`: forced finish. After so many calls without a word to the user, the agent must answer with what it knows.

On the last turn its rules demand the answer and no tools are shown (Deep Video Discovery, arXiv 2505.18079: at most
15 iterations, on the last one finish is demanded; MetaAgent, 2508.00271: 15 requests or 120,000 characters). An agent
that calls all the same is cut short: its words go to the user, or a fixed line (Tool-Star: a call too many is cut).
"""

from __future__ import annotations

from typing import Self

import msgspec

from artificer.agents.asking import Asking, number, taken, transcript, turn_start, with_rules
from artificer.agents.base import Agent, View
from artificer.core.messages import Message
from artificer.models.base import Reply

DEMAND = "You have used all your steps. Do not call any tool. Answer the user now with what you know, and say what you could not find out or do."
LINE = "I have to stop here; I could not finish this in the steps that I have."


class Finish(Agent):
    """See the module docstring."""

    def __init__(self, inner: Agent, turns: int, chars: int) -> None:
        self._inner = inner
        self._turns = turns
        self._chars = chars

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        done = sum(bool(message.calls) for message in view.messages[turn_start(view.messages) :])
        if done < self._turns - 1 and (not self._chars or len(transcript(view.messages)) <= self._chars):
            return asking.passed(asking.paid(taken(await self._inner.act(view))))
        asking.notes["forced"] = True
        last = msgspec.structs.replace(with_rules(view, DEMAND), tools=())
        reply = asking.paid(taken(await self._inner.act(last)))
        message = reply.message
        if not message.calls or reply.error is not None:
            return asking.passed(reply)
        text = message.text or message.reasoning or LINE
        return asking.done(reply, Message("assistant", text, author=message.author), ["a call after the last step"])

    def fork(self) -> Self:
        return type(self)(self._inner.fork(), self._turns, self._chars)


def around(inner: Agent, turns: str = "15", chars: str = "0") -> Finish:
    """Options: `turns` until the user must hear something, the last one being the answer; `chars` of conversation (0: any)."""
    return Finish(inner, number(turns, "turns", 1, 10_000), number(chars, "chars", 0, 10**8))
