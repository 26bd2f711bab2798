"""The user that a model plays: a private brief, a persona, a way of revealing, and a flag when it is done.

The model is told what the person wants and knows, in words, and nothing else: no gold calls, no checks, no effects, no
exact ids, not how a request must end. The conversation is turned round for it (what the agent said is what it hears,
what the user said is its own), and with tools of the user's own it may call them before it speaks. The rules it plays
by have the intent of the user guidelines of tau2-bench (sierra-research/tau2-bench, `data/tau2/user_simulator`), in our
own words; the flag of arXiv 2601.08225 is `done="flag"`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast, get_args

import msgspec
from msgspec import Struct

from artificer.agents.base import User, View
from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Task
from artificer.core.verdicts import ErrorKind, Notes
from artificer.models.base import Counts, Model, Reply, Request, Sampling

Reveals = Literal["asked", "gradually", "openly"]
Done = Literal["token", "flag"]

STOP = "###STOP###"
"""Said when everything is dealt with."""
TRANSFER = "###TRANSFER###"
"""Said when the agent has handed over to a person."""
OUT_OF_SCOPE = "###OUT-OF-SCOPE###"
"""Said when the brief does not tell how to go on."""
TOKENS = (STOP, TRANSFER, OUT_OF_SCOPE)
_TRIES = 3
_RULES = """You play a person who is talking to a service agent. Stay that person: never speak as the agent, never offer help, and never
mention that you play a part or were given a brief.

- Say one thing at a time, in your own words, in one to three sentences. Do not recite the brief.
- {reveals}
- Everything you state must be in the brief (or on your own devices, where you have tools for them). If you are asked for
  something that is not there, say that you do not know it. Never make up a name, a number, a date or an identifier.
- If the agent asks whether to go ahead with what you want, agree; if it is not what you want, say what is wrong.
- If something cannot be done, accept it once the agent has told you why.
{tools}- {done}"""
_REVEALS: dict[Reveals, str] = {
    "asked": "Begin with the first thing you want and nothing more. Give a detail only when the agent asks for it.",
    "gradually": "Bring up one want at a time, with one detail at most; the rest comes out as you are asked, or a little with each turn.",
    "openly": "Begin with all that you want and all the details that you know.",
}
_TOOLS = """- You have tools of your own, for your own devices. Use one only when the agent asks you to do or to look at something, one
  call at a time, and then tell the agent what you see. The agent cannot see your tools or their results.
"""
_DONE: dict[Done, str] = {
    "token": (
        f"When all that you want has been done, answered or refused, reply with {STOP} alone. When the agent hands you over to a person, "
        f"reply with {TRANSFER} alone. When the brief does not tell you how to go on, reply with {OUT_OF_SCOPE} alone."
    ),
    "flag": (
        'Reply in JSON: {"user_message": what you say, "is_task_complete": true once all that you want has been done, answered or refused '
        "(then you say nothing more), else false}."
    ),
}
_SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {"user_message": {"type": "string"}, "is_task_complete": {"type": "boolean"}},
    "required": ["user_message", "is_task_complete"],
    "additionalProperties": False,
}


class Manner(Struct, frozen=True):
    """How a model plays a user.

    Args:
        persona: who the person is and how they talk, if it matters.
        reveals: when details come out.
        done: how the end is flagged: by a token in the text, or by a field of a JSON reply.
        sampling: of the model.
    """

    persona: str = ""
    reveals: Reveals = "asked"
    done: Done = "token"
    sampling: Sampling = Sampling(max_tokens=512)


class Flagged(Struct, frozen=True):
    """A reply in JSON."""

    user_message: str
    is_task_complete: bool


def brief_of(task: Task) -> str:
    """What the person wants and knows, in words. Of the task, only the user's own lines are read: its scenario where it
    has one, else how each want is opened and what is known when asked.
    """
    script = task.goal.script
    if "scenario" in script:
        return script["scenario"]
    lines: list[str] = []
    for index in range(len(task.goal.wants)):
        lines.append(f"You want, in your own words: {script.get(f'open:{index}', task.prompt)}")
        known = [script[f"ask:{fact.path}"] for fact in task.goal.facts if _of(fact.path) == index and f"ask:{fact.path}" in script]
        lines += [f"  What you know about it, when it matters: {line}" for line in dict.fromkeys(known)]
    return "\n".join(lines)


def _of(path: str) -> int:
    return int(path.partition(".")[0])


class LLMUser(User):
    """See the module docstring.

    Args:
        model: plays the user; shared between copies.
        brief: see `brief_of`.
        manner: how.
        seed: of the sampling, so that trials differ.
    """

    def __init__(self, model: Model, brief: str, manner: Manner = Manner(), seed: int = 0) -> None:  # noqa: B008
        self._model = model
        self._brief = brief
        self._manner = manner
        self._sampling = msgspec.structs.replace(manner.sampling, seed=seed)
        self._calls = 0

    def prompt(self, view: View) -> Message:
        """The system message of the model that plays the user."""
        manner = self._manner
        rules = _RULES.format(reveals=_REVEALS[manner.reveals], tools=_TOOLS if view.tools else "", done=_DONE[manner.done])
        who = f"\n\nWho you are: {manner.persona}" if manner.persona else ""
        return Message("system", f"{rules}{who}\n\nThe brief, which only you know:\n{self._brief}")

    async def speak(self, view: View) -> Reply | None:
        said = [_turned(message) for message in view.messages]
        opening = [] if said else [Message("user", "Hello, how can I help you?")]
        request = Request(
            (self.prompt(view), *opening, *said),
            tuple(view.tools),
            self._sampling,
            schema=_SCHEMA if self._manner.done == "flag" and not view.tools else None,
        )
        spent = Counts()
        wrong: list[str] = []
        for attempt in range(_TRIES):
            again = msgspec.structs.replace(request, sampling=msgspec.structs.replace(request.sampling, seed=request.sampling.seed + attempt))
            reply = await self._model.reply(again)
            spent = Counts(spent.tokens_in + reply.usage.tokens_in, spent.tokens_out + reply.usage.tokens_out)
            if reply.error in (ErrorKind.transport, ErrorKind.timeout):
                return msgspec.structs.replace(reply, message=Message("user", author="llm-user"), usage=spent)
            text, done = self._read(reply.message.text)
            if done and view.messages:
                return None
            if reply.error is None and not done and (text or (reply.message.calls and view.tools)):
                return self._said(view, text, reply, spent, wrong)
            wrong.append("ended before it began" if done else "said nothing" if reply.error is None else "wrote a call that cannot be read")
        detail = f"the model that plays the user {wrong[-1]}, {_TRIES} times"
        return Reply(Message("user", author="llm-user"), spent, repairs=tuple(wrong), error=ErrorKind.internal, detail=detail)

    def _said(self, view: View, text: str, reply: Reply, spent: Counts, wrong: Sequence[str]) -> Reply:
        """The turn as it is recorded: calls and words do not go together, since the agent would see neither."""
        calls: list[ToolCall] = []
        for call in reply.message.calls if view.tools else ():
            self._calls += 1
            calls.append(ToolCall(f"u{self._calls}", call.name, call.arguments))
        message = Message("user", "" if calls else text, calls=tuple(calls), author="llm-user")
        thought: Notes = {"reasoning": reply.message.reasoning} if reply.message.reasoning else {}  # the agent must not read it
        repairs = (*(f"asked again: the model {one}" for one in wrong), *reply.repairs)
        return Reply(message, spent, reply.raw, repairs, tokens=reply.tokens, notes=reply.notes | thought)

    def _read(self, text: str) -> tuple[str, bool]:
        """What was said and whether it was the last: words beside the token are dropped, as the agent answers nobody."""
        if self._manner.done == "flag":
            try:
                flagged = msgspec.json.decode(text, type=Flagged)
                return flagged.user_message.strip(), flagged.is_task_complete
            except (msgspec.MsgspecError, UnicodeError):
                pass  # taken at its word
        return text.strip(), any(token in text for token in TOKENS)


def _turned(message: Message) -> Message:
    """A message as the model that plays the user has it."""
    if message.role == "user":
        return Message("assistant", message.content, calls=message.calls)
    return Message("user", message.text) if message.role == "assistant" else message


def reveals_of(text: str) -> Reveals | None:
    """A way of revealing by its name."""
    return cast("Reveals", text) if text in get_args(Reveals) else None


def done_of(text: str) -> Done | None:
    """A way of flagging the end by its name."""
    return cast("Done", text) if text in get_args(Done) else None
