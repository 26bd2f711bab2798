"""What a text says: `Parsed`, and `Reading`, the place where a reader of a family collects it.

Text is hostile. At most `LIMIT` characters are read, at most `MOST_CALLS` calls and `DEPTH` levels of nesting are kept, nothing is ever evaluated,
and what had to be mended is named. Every reader begins with `Reading(text)`, which takes off what all families share: reasoning between
`<think>` and `</think>`, the end tokens that an engine left in the text, and halves of surrogate pairs, which no file could hold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol, cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

LIMIT = 100_000
MOST_CALLS = 32
DEPTH = 64
LONGEST_NAME = 200

_HALVES = re.compile("[\ud800-\udfff]")
_ENDS = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|eot|>", "<|eom|>", "<|endoftext|>", "<|end_of_text|>", "<|end|>", "</s>")
_THOUGHT = ("<think>", "</think>")


class Parsed(Struct, frozen=True, omit_defaults=True):
    """What a text says: calls, the text beside them, the repairs that were needed, and an error when a call was meant but cannot be read.

    `repairs` is never silent about a repair: a strict reader refuses whatever has one. `reasoning` is what stood between `<think>` and `</think>`
    (or after `Thought:`), None where there was none.
    """

    calls: tuple[ToolCall, ...] = ()
    text: str = ""
    repairs: tuple[str, ...] = ()
    error: ErrorKind | None = None
    detail: str | None = None
    reasoning: str | None = None

    @property
    def message(self) -> Message:
        """The assistant message that was read."""
        return Message("assistant", self.text, self.reasoning, self.calls)


class Write(Protocol):
    """Writes an assistant message; `tools`, where they are known, tell which arguments are text."""

    def __call__(self, message: Message, tools: Sequence[ToolSpec] = ()) -> str: ...


class Parse(Protocol):
    """Reads what a model wrote. Call ids are `prefix` and a number, from 1, where the family has none. Never raises."""

    def __call__(self, text: str, prefix: str = "c", tools: Sequence[ToolSpec] = ()) -> Parsed: ...


class Dialect(Struct, frozen=True):
    """A family's text form of calls.

    Args:
        name: what it is called.
        write: an assistant message as the family's text.
        parse: the other way round.
        rule: what a model is told of the form, where its chat template does not tell it.
        stops: text after which nothing of the message follows.
    """

    name: str
    write: Write
    parse: Parse
    rule: str
    stops: tuple[str, ...] = ()


class Reading:
    """What a reader has found so far.

    Args:
        text: what the model wrote.
        prefix: of call ids.
    """

    def __init__(self, text: str, prefix: str) -> None:
        self.repairs: dict[str, None] = {}
        self.calls: list[ToolCall] = []
        self.problem = ""
        self.reasoning: str | None = None
        self._prefix = prefix
        self._words: list[str] = []
        if len(text) > LIMIT:
            text = text[:LIMIT]
            self.repair("truncated")
        self.body = _without_ends(self._without_thought(self.whole(text))).strip()

    def repair(self, name: str) -> None:
        self.repairs[name] = None

    def whole(self, text: str) -> str:
        """`text` with halves of surrogate pairs replaced."""
        if text.isascii() or not _HALVES.search(text):
            return text
        self.repair("lone surrogate")
        return _HALVES.sub("\ufffd", text)

    def _without_thought(self, text: str) -> str:
        begun, ended = (text.find(mark) for mark in _THOUGHT)
        if begun < 0 and ended < 0:
            return text
        if begun >= 0 and (ended < 0 or ended > begun) and text[:begun].strip():
            return text  # words come first: a text about thinking, not a thought
        if begun < 0 or 0 <= ended < begun:  # some templates write the opening themselves
            start, after = 0, text[ended + len(_THOUGHT[1]) :]
            if after and not after.startswith(("\n", "\r")):
                return text  # inside a call's argument, say
        else:
            start = begun + len(_THOUGHT[0])
        if ended < 0:
            self.repair("missing closing tag")
            self.reasoning = text[start:].strip()
            return ""
        self.reasoning = text[start:ended].strip()
        return text[ended + len(_THOUGHT[1]) :]

    def words(self, text: str) -> None:
        """Text for the user."""
        self._words.append(text)

    def call(self, name: str, arguments: dict[str, Json], call_id: str = "") -> None:
        """A call that was read."""
        if len(self.calls) >= MOST_CALLS:
            self.repair("too many calls")
            return
        name = self.whole(name)
        if len(name) > LONGEST_NAME:
            name = name[:LONGEST_NAME]
            self.repair("long name")
        if call_id and any(call.id == call_id for call in self.calls):
            self.repair("repeated id")
            call_id = ""
        self.calls.append(ToolCall(call_id[:LONGEST_NAME] or f"{self._prefix}{len(self.calls) + 1}", name, arguments))

    def fail(self, problem: str) -> None:
        """A call was meant but cannot be read; the first problem is the one that is told."""
        self.problem = self.problem or problem

    def done(self) -> Parsed:
        """All of it. A problem leaves no call standing: half of what was meant is not what was meant."""
        if self.problem:
            calls = ErrorKind.unparsable_call
            return Parsed((), self.body, tuple(self.repairs), calls, self.problem, self.reasoning)
        text = "".join(self._words).strip()
        return Parsed(tuple(self.calls), text, tuple(self.repairs), reasoning=self.reasoning)


def _without_ends(text: str) -> str:
    """`text` without the end tokens that an engine left at its end."""
    end = len(text)
    while True:
        while end and text[end - 1].isspace():
            end -= 1
        mark = next((mark for mark in _ENDS if text.endswith(mark, 0, end)), None)
        if mark is None:
            return text[:end]
        end -= len(mark)


def thought(message: Message) -> str:
    """A message's reasoning as families with `<think>` write it. What would end it early is broken by a space."""
    if message.reasoning is None:
        return ""
    return f"<think>\n{message.reasoning.replace('</think>', '< /think>')}\n</think>\n\n"


THINK = re.compile(r"</?think>")
"""The marks that all families share."""


def broken(text: str, marks: re.Pattern[str]) -> str:
    """`text` with a space put behind the first sign of everything that would be read as a mark of the family."""
    return marks.sub(lambda found: (sign := found[0].lstrip(" \t"))[:1] + " " + sign[1:], text)


def properties_of(name: str, tools: Sequence[ToolSpec]) -> dict[str, Json]:
    """The parameters' schemas of a tool, {} when it is not known."""
    spec = next((tool for tool in tools if tool.name == name), None)
    found: Any = spec.parameters.get("properties") if spec is not None else None
    return cast("dict[str, Json]", found) if isinstance(found, dict) else {}
