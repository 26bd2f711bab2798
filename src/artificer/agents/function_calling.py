"""The function-calling agent: shows a model the conversation and the tools, and passes on what it says.

It has no memory and no plan of its own. What it adds to the view: the world's policy as the system message, tool
results cut to what matters when asked to (`compact`), the time at which something was said where the world's clock
tells it (`[2026-01-15T12:00:00] ` before the text), and distinct ids for calls. A call that cannot be read becomes
a call of no tool, which the session refuses with a reason that the model then sees.
"""

from __future__ import annotations

from typing import Self

import msgspec

from artificer.agents.asking import UNREADABLE, drawn, number, sampling_of
from artificer.agents.base import Agent, View
from artificer.core.messages import Message, ToolCall
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Model, Reply, Request, Sampling
from artificer.models.prompt import FULL, Style, shortened


class FunctionCalling(Agent):
    """See the module docstring.

    Args:
        model: who answers.
        sampling: how.
        compact: about how many characters of each tool result are shown; None shows all.
        policy: show the world's policy.
        times: show the times of messages that have one.
        style: how much a text model is told of each tool that it is shown.
    """

    def __init__(
        self,
        model: Model,
        sampling: Sampling | None = None,
        *,
        compact: int | None = None,
        policy: bool = True,
        times: bool = True,
        style: Style = FULL,
    ) -> None:
        self._model = model
        self._sampling = sampling or Sampling()
        self._compact = compact
        self._policy = policy
        self._times = times
        self._style = style

    async def act(self, view: View) -> Reply:
        messages = list(view.messages) if self._compact is None else shortened(view.messages, self._compact)
        if self._times:
            messages = [timed(message) for message in messages]
        if self._policy and view.policy:
            messages.insert(0, Message("system", view.policy))
        reply = await self._model.reply(Request(tuple(messages), tuple(view.tools), drawn(self._sampling, view), style=self._style))
        message = reply.message
        made = sum(len(earlier.calls) for earlier in view.messages)
        calls = tuple(ToolCall(f"c{made + index}", call.name, call.arguments) for index, call in enumerate(message.calls, 1))
        if reply.error is ErrorKind.unparsable_call and not calls:
            calls = (ToolCall(f"c{made + 1}", UNREADABLE, {"text": message.text[:400]}),)
        message = msgspec.structs.replace(message, calls=calls, author=self._model.name)
        return msgspec.structs.replace(reply, message=message, raw="")

    def fork(self) -> Self:
        return self  # it remembers nothing


def timed(message: Message) -> Message:
    """A text with the time at which it was said before it; calls and results as they are."""
    if message.at is None or message.calls or not isinstance(message.content, str) or not message.content:
        return message
    return msgspec.structs.replace(message, content=f"[{message.at}] {message.content}")


def open_agent(model: Model, compact: str = "", tokens: str = "256", temperature: str = "0", seed: str = "0") -> FunctionCalling:
    """`calls:MODEL`, and what a model's name alone stands for. Options: `compact` (characters of a result), `tokens`, `temperature`, `seed`."""
    cut = number(compact, "compact", 20, 10**6) if compact else None
    return FunctionCalling(model, sampling_of(tokens, temperature, seed), compact=cut)
