"""What agents share that ask models in words: asking with the costs kept, and reading what came back.

A model's text is hostile. It is read up to `LIMIT` characters, never evaluated; JSON in it is found and decoded by
depth and size limits; what cannot be written as JSON becomes no call. Whatever had to be mended or cut is named in
`Reply.repairs`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgspec

from artificer.agents.base import View
from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec, not_json
from artificer.core.verdicts import ErrorKind, Notes
from artificer.models.base import Counts, Model, Reply, Request, Sampling
from artificer.models.dialect import LIMIT, message_text
from artificer.models.prompt import FULL, Style, result_text, signature

UNREADABLE = "unreadable_call"
"""The name under which a call that could not be read is made; the session refuses it, and the model sees why."""
DEEPEST = 64
"""Levels of nesting that arguments may have."""


class Asking:
    """The requests behind one message: asks, varied as the view says (`drawn`), and adds up what was paid."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._in = self._out = 0
        self.notes: Notes = {}

    async def ask(self, model: Model, request: Request) -> Reply:
        """The model's answer, its cost taken down."""
        return self.paid(await model.reply(msgspec.structs.replace(request, sampling=drawn(request.sampling, self._view))))

    def paid(self, reply: Reply) -> Reply:
        """Takes down the cost of a reply that was had otherwise (from the agent within)."""
        self._in += reply.usage.tokens_in
        self._out += reply.usage.tokens_out
        return reply

    def done(self, reply: Reply, message: Message, repairs: Iterable[str] = (), error: ErrorKind | None = None) -> Reply:
        """`message` as what came of `reply` and of all that was asked before it."""
        return msgspec.structs.replace(
            reply,
            message=message,
            usage=Counts(self._in, self._out),
            raw="",
            repairs=tuple(dict.fromkeys([*reply.repairs, *repairs])),
            error=error,
            detail=reply.detail if error is not None else None,
            notes={**reply.notes, **self.notes},
        )

    def gone(self, reply: Reply) -> Reply:
        """The reply of a model that did not answer, with what was paid until then."""
        return self.done(reply, Message("assistant"), error=reply.error)

    def passed(self, reply: Reply) -> Reply:
        """The reply of an agent within as it is, with all costs and notes."""
        return self.done(reply, reply.message, error=reply.error)


def drawn(sampling: Sampling, view: View) -> Sampling:
    """How to choose tokens for this attempt: another seed for each, and the temperature that a search asks for."""
    if not view.draw and view.temperature is None:
        return sampling
    temperature = sampling.temperature if view.temperature is None else view.temperature
    return msgspec.structs.replace(sampling, seed=sampling.seed + view.draw, temperature=temperature)


def taken(answer: Message | Reply) -> Reply:
    """What an agent answered, as a reply."""
    return answer if isinstance(answer, Reply) else Reply(answer)


def said(reply: Reply, repairs: list[str]) -> str:
    """The text as the model wrote it, at most `LIMIT` characters, with nothing that UTF-8 cannot hold."""
    text = reply.raw or message_text(reply.message)
    if len(text) > LIMIT:
        text = text[:LIMIT]
        repairs.append("truncated")
    return text.encode("utf-8", "replace").decode().strip()


def cut_at(text: str, marks: Sequence[str], repairs: list[str]) -> str:
    """Text up to the first of `marks`: where a model that is stopped there would have been stopped."""
    found = {mark: text.find(mark) for mark in marks}
    places = [(at, mark) for mark, at in found.items() if at >= 0]
    if not places:
        return text
    at, mark = min(places)
    repairs.append(f"cut at {mark.strip()!r}")
    return text[:at]


# JSON in text


def _reject(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_reject, strict=False)
_TRIES = 16


def json_in(text: str, kind: type = dict) -> tuple[Any, int]:
    """The first JSON object (or array, `kind=list`) in a text and where it ends; (None, 0) when there is none.

    At most 16 opening brackets are tried.
    """
    bracket = "{" if kind is dict else "["
    at = -1
    for _ in range(_TRIES):
        at = text.find(bracket, at + 1)
        if at < 0:
            break
        try:
            return _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
    return None, 0


def arguments_of(value: Any) -> tuple[dict[str, Json] | None, str]:
    """A decoded value as a call's arguments; otherwise None and what is wrong with it."""
    if isinstance(value, str):
        value, _ = json_in(value)
    if not isinstance(value, dict):
        return None, "the arguments are no JSON object"
    if depth(value) > DEEPEST:
        return None, f"the arguments are nested deeper than {DEEPEST} levels"
    arguments = cast("dict[str, Json]", value)
    garbled = not_json(arguments)
    return (None, garbled) if garbled is not None else (arguments, "")


def depth(value: Any) -> int:
    """Levels of nesting, counted without recursion; stops at one more than `DEEPEST`."""
    level, row = 0, [value]
    while row and level <= DEEPEST:
        inner: list[Any] = []
        for one in row:
            if isinstance(one, dict):
                inner += cast("dict[str, Any]", one).values()
            elif isinstance(one, list):
                inner += cast("list[Any]", one)
        level, row = level + bool(inner), inner
    return level


# calls


def made(view: View) -> int:
    """How many calls the agent has made."""
    return sum(len(message.calls) for message in view.messages)


def call_message(view: View, calls: Sequence[tuple[str, dict[str, Json]]], author: str, reasoning: str = "", text: str = "") -> Message:
    """A message of calls, with ids that no earlier call has."""
    before = made(view)
    numbered = tuple(ToolCall(f"c{before + index}", name[:200], arguments) for index, (name, arguments) in enumerate(calls, 1))
    return Message("assistant", text, reasoning=reasoning or None, calls=numbered, author=author)


def unreadable(view: View, text: str, problem: str, author: str, reasoning: str = "") -> Message:
    """The message for a call that was meant and cannot be read: a call of no tool. `problem` is what the model is told."""
    return call_message(view, [(UNREADABLE, {"text": text[:400], "problem": problem})], author, reasoning)


def renumbered(message: Message, view: View) -> Message:
    """A message of an agent that was shown fewer messages than `view` has, with call ids that are new in `view`."""
    return (
        call_message(view, [(call.name, call.arguments) for call in message.calls], message.author or "", message.reasoning or "", message.text)
        if message.calls
        else message
    )


def turn_start(messages: Sequence[Message]) -> int:
    """Index of what follows the last user message."""
    return next((index + 1 for index in range(len(messages) - 1, -1, -1) if messages[index].role == "user"), 0)


def user_turns(messages: Sequence[Message]) -> int:
    """How many user messages there are."""
    return sum(message.role == "user" for message in messages)


# prompts


def told(message: Message, calls: dict[str, ToolCall]) -> str:
    """A tool message as an observation: the result, or for a call that could not be read, why."""
    result = message.result
    if result is None:
        return message.text
    call = calls.get(result.call_id)
    if call is not None and call.name == UNREADABLE and "problem" in call.arguments:
        return f"error: {call.arguments['problem']}"
    return result_text(result)


def calls_by_id(messages: Sequence[Message]) -> dict[str, ToolCall]:
    """All calls of a conversation."""
    return {call.id: call for message in messages for call in message.calls}


def transcript(messages: Sequence[Message]) -> str:
    """A conversation as plain text for somebody who reads it from outside (a planner, a critic)."""
    calls = calls_by_id(messages)
    lines: list[str] = []
    for message in messages:
        if message.role == "tool":
            lines.append(f"RESULT: {told(message, calls)}")
            continue
        if message.text:
            lines.append(f"{message.role.upper()}: {message.text}")
        lines += [f"CALL: {call.name} {msgspec.json.encode(call.arguments).decode()}" for call in message.calls]
    return "\n".join(lines)


def toolbox(tools: Sequence[ToolSpec], style: Style = FULL) -> str:
    """Tools, a line each (or a page, by `style`)."""
    return "\n".join(_SIGNATURES.of(tool, style) for tool in tools)


class _Signatures:
    """Signatures by specification: a world's tools are shown again and again. Each specification is kept alive so that
    its identity stays its own.
    """

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._known: dict[tuple[int, Style], tuple[ToolSpec, str]] = {}

    def of(self, tool: ToolSpec, style: Style) -> str:
        found = self._known.get((id(tool), style))
        if found is None or found[0] is not tool:
            if len(self._known) >= self._size:
                self._known.clear()
            found = self._known[id(tool), style] = (tool, signature(tool, style))
        return found[1]


_SIGNATURES = _Signatures()


def with_rules(view: View, *more: str) -> View:
    """The view with something added to its rules, which every agent shows its model."""
    return msgspec.structs.replace(view, policy="\n\n".join(part for part in (view.policy, *more) if part))


# options, all text


def number(text: str, name: str, least: int, most: int) -> int:
    """An option that is a whole number.

    Raises:
        ArtificerError: it is none, or out of range.
    """
    if not text.isascii() or not text.isdigit() or not least <= int(text[:12]) <= most:
        raise ArtificerError(f"{name}={text!r} is out of range.", remedy=f"take a whole number from {least} to {most}")
    return int(text)


def choice(text: str, name: str, choices: Sequence[str]) -> str:
    """An option that is one of a few words.

    Raises:
        ArtificerError: it is none of them.
    """
    if text not in choices:
        raise ArtificerError(f"{name}={text!r} is not to be had.", remedy=f"use one of {', '.join(choices)}")
    return text


def sampling_of(tokens: str, temperature: str = "0", seed: str = "0") -> Sampling:
    """How a model is asked, from options.

    Raises:
        ArtificerError: an option is out of range.
    """
    try:
        heat = float(temperature)
    except ValueError:
        heat = -1.0
    if not 0 <= heat <= 2:
        raise ArtificerError(f"temperature={temperature!r} is out of range.", remedy="take a number from 0 to 2")
    return Sampling(heat, max_tokens=number(tokens, "tokens", 1, 1_000_000), seed=number(seed, "seed", 0, 10**9))
