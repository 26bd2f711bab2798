"""ReAct: one thought and one action at a time, as text (Yao et al., arXiv 2210.03629; the step mode of m&m's,
ToolLLM's chain).

The model sees the rules, the tools as signatures and the conversation as `Thought / Action / Action Input /
Observation`; it needs no function-calling endpoint. A thought is kept as the message's reasoning: the user never
hears it, and the next prompt shows it again. The agent keeps nothing itself. The prompt's wording is ours; that
arguments must come from what was read, not from the imagination, is Deep Video Discovery's rule.

An endpoint that answers with native calls all the same is read as if it had written the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import msgspec

from artificer.agents.asking import Asking, call_message, calls_by_id, said, sampling_of, told, toolbox, unreadable
from artificer.agents.base import Agent, View
from artificer.agents.function_calling import timed
from artificer.agents.react_text import react_text, read_react
from artificer.core.messages import Message
from artificer.models.base import GONE, Model, Reply, Request, Sampling
from artificer.models.prompt import FULL, Style

RULES = """You solve what the user asks, one step at a time. Each of your replies is one step, in one of two forms.

To use a tool:
Thought: what you know and what to find out or do next
Action: the name of one tool
Action Input: its arguments, as one JSON object

To speak to the user (an answer, a question, a request for confirmation):
Thought: why nothing is left to do, or what is missing
Answer: what you say to the user

After an action you get its result as `Observation:`; never write one yourself. Pass only values that the user
or an observation told you."""


class ReAct(Agent):
    """See the module docstring.

    Args:
        model: who answers.
        sampling: how.
        style: how much is told of each tool.
    """

    def __init__(self, model: Model, sampling: Sampling = Sampling(max_tokens=1024), style: Style = FULL) -> None:  # noqa: B008
        self._model = model
        self._sampling = sampling
        self._style = style

    async def act(self, view: View) -> Reply:
        asking = Asking(view)
        reply = await asking.ask(self._model, Request(self._prompt(view), sampling=self._sampling))
        if reply.error in GONE:
            return asking.gone(reply)
        repairs: list[str] = []
        step = read_react(said(reply, repairs), repairs)
        author = self._model.name
        if step.name is not None:
            message = call_message(view, [(step.name, step.arguments)], author, step.thought)
        elif step.answer is not None:
            message = Message("assistant", step.answer, reasoning=step.thought or None, author=author)
        else:
            message = unreadable(view, said(reply, []), step.problem, author, step.thought)
        return asking.done(msgspec.structs.replace(reply, repairs=()), message, repairs)

    def fork(self) -> Self:
        return self  # it remembers nothing

    def _prompt(self, view: View) -> tuple[Message, ...]:
        head = "\n\n".join(part for part in (view.policy, RULES, f"Tools:\n{toolbox(view.tools, self._style)}" if view.tools else "") if part)
        return (Message("system", head), *conversation(view.messages))


def conversation(messages: Sequence[Message]) -> list[Message]:
    """Messages as ReAct text: the agent's steps as assistant messages, results as observations (those of one message
    together), the rest as it is.
    """
    calls = calls_by_id(messages)
    shown: list[Message] = []
    observed: list[str] = []
    for message in [*messages, None]:
        if message is not None and message.role == "tool":
            observed.append(f"Observation: {told(message, calls)}")
            continue
        if observed:
            shown.append(Message("user", "\n".join(observed)))
            observed = []
        if message is not None:
            shown.append(Message("assistant", _step(message)) if message.role == "assistant" else timed(message))
    return shown


def _step(message: Message) -> str:
    if not message.calls:
        return react_text(message.reasoning, answer=message.text)
    steps = [react_text(None, call.name, msgspec.json.encode(call.arguments).decode()) for call in message.calls]
    thought = "\n".join(part for part in (message.reasoning, message.text) if part)
    return "\n".join([*([f"Thought: {thought}"] if thought else []), *steps])


def open_agent(model: Model, tokens: str = "1024", temperature: str = "0", seed: str = "0") -> ReAct:
    """`react:MODEL`. Options: `tokens` of a reply at most, `temperature`, `seed`."""
    return ReAct(model, sampling_of(tokens, temperature, seed))
