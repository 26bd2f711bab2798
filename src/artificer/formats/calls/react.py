"""ReAct text: lines of `Thought:`, `Action:`, `Action Input:` and `Final Answer:`.

Source: ReAct (arXiv 2210.03629) with LangChain's labels, which models know best. The thought is the message's reasoning, the final answer its text.
Read as well: the paper's `Action: search[words]` and `Finish[answer]`, and a JSON record as the action. What a model invents after `Observation:` is
cut off and said so, since only the world observes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.formats.calls.mend import Mender, Unreadable
from artificer.formats.calls.reading import THINK, Parsed, Reading, broken
from artificer.formats.calls.records import encoded, fenced, search, take

RULE = (
    "Answer in lines. To call a tool:\nThought: what to do next\nAction: the tool's name\nAction Input: its arguments as one JSON object\n"
    "To end:\nThought: why this is the answer\nFinal Answer: what to tell the user"
)
STOPS = ("\nObservation:",)
_LABEL = re.compile(
    r"^[ \t]{0,3}(\*{0,3})(Thought|Action Input|Action|Observation|Final Answer)(?: ?\d{1,3})?\*{0,3}[ \t]{0,3}:\*{0,3}[ \t]{0,8}", re.MULTILINE
)
_NAME = re.compile(r"[\w.:/-]{1,200}")
_BRACKET = re.compile(r"([\w.:/ -]{1,200}?)[ \t]{0,4}\[(.*)\]", re.DOTALL)


def write(message: Message, tools: Sequence[ToolSpec] = ()) -> str:
    """Thought, then actions, or the final answer. Words beside calls stand before them."""
    lines: list[str] = []
    if message.calls and message.text:
        lines.append(_unlabelled(message.text))
    if message.reasoning is not None:
        lines.append(f"Thought: {_unlabelled(message.reasoning)}")
    for call in message.calls:
        lines.append(_action(call))
    if not message.calls and (message.text or message.reasoning is not None):
        lines.append(f"Final Answer: {_unlabelled(message.text)}")
    return "\n".join(lines)


def _action(call: ToolCall) -> str:
    if _NAME.fullmatch(call.name):
        return f"Action: {call.name}\nAction Input: {encoded(call.arguments)}"
    return f"Action: {encoded({'action': call.name, 'action_input': call.arguments})}"


def _unlabelled(text: str) -> str:
    """`text` in which no line begins with a label."""
    return broken(broken(text, THINK), _LABEL)


def parse(text: str, prefix: str = "c", tools: Sequence[ToolSpec] = ()) -> Parsed:
    """Reads what a model wrote."""
    reading = Reading(text, prefix)
    labels = list(_LABEL.finditer(reading.body))
    if not labels:
        search(reading, repair="no labels")
        return reading.done()
    reading.words(reading.body[: labels[0].start()])
    _Steps(reading, labels, tools).read()
    return reading.done()


class _Steps:
    """A walk over the labelled lines."""

    def __init__(self, reading: Reading, labels: Sequence[re.Match[str]], tools: Sequence[ToolSpec]) -> None:
        self.reading, self.tools = reading, tools
        ends = [label.start() for label in labels[1:]] + [len(reading.body)]
        self.steps = [(label[2], reading.body[label.end() : end].strip()) for label, end in zip(labels, ends, strict=True)]
        if any(label[1] for label in labels):
            reading.repair("bold labels")

    def read(self) -> None:
        thoughts: list[str] = [self.reading.reasoning] if self.reading.reasoning else []
        answered = thinking = False
        pending = ""
        for index, (label, text) in enumerate(self.steps):
            if label == "Thought":
                thinking = True
                thoughts.append(text)
            elif label == "Observation":
                if index + 1 < len(self.steps) or text:
                    self.reading.repair("invented observation")
                break
            elif label == "Final Answer":
                self.reading.words(text if not answered else f"\n{text}")
                answered = True
            elif label == "Action":
                self._without_input(pending)
                pending = text
                answered = self._whole(text) or answered
                pending = "" if self._taken else text
            elif not pending:
                self.reading.fail("an action's input without the action")
            else:
                self._call(pending, text)
                pending = ""
        self._without_input(pending)
        self._finish(thoughts, thinking, answered)

    def _finish(self, thoughts: Sequence[str], thinking: bool, answered: bool) -> None:
        reading = self.reading
        if answered and reading.calls:
            reading.repair("answer beside the call")
        if not answered and not reading.calls and not reading.problem and thinking and thoughts[-1]:
            reading.repair("no final answer")  # a thought alone: the user hears it rather than nothing
            reading.words(thoughts[-1])
            thoughts = thoughts[:-1]
        if thinking:
            reading.reasoning = "\n".join(thoughts) if thoughts else None

    _taken = False

    def _whole(self, text: str) -> bool:
        """An action that needs no input line: a record, `name[words]` or `Finish[answer]`. True when it was an answer."""
        self._taken = False
        bare, was_fenced = fenced(text)
        if bare.startswith("{"):
            self._record(bare, was_fenced)
            self._taken = True
            return False
        found = _BRACKET.fullmatch(text)
        if found is None:
            return False
        self._taken = True
        if found[1].lower() == "finish":
            self.reading.words(found[2].strip())
            return True
        self._call(found[1].strip(), found[2].strip())
        return False

    def _record(self, text: str, was_fenced: bool) -> None:
        mender = Mender(text, self.reading)
        try:
            value, _ = mender.value(0)
        except Unreadable as error:
            self.reading.fail(f"the action is not valid JSON: {error}")
            return
        record = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        if isinstance(record.get("action"), str) and isinstance(record.get("action_input"), dict):
            self.reading.call(record["action"], record["action_input"])
        elif not take(value, self.reading):
            self.reading.fail("the action is no call")
        if was_fenced:
            self.reading.repair("code fence")

    def _without_input(self, name: str) -> None:
        if name:
            self.reading.repair("no arguments")
            self._named(name, {})

    def _call(self, name: str, text: str) -> None:
        """An action and its input."""
        text, was_fenced = fenced(text)
        if was_fenced:
            self.reading.repair("code fence")
        if not text:
            self._without_input(name)
            return
        mender = Mender(text, self.reading)
        if text.startswith("{"):
            try:
                value, end = mender.value(0)
            except Unreadable as error:
                self.reading.fail(f"the input of {name[:40]!r} is not valid JSON: {error}")
                return
            if text[end:].strip():
                self.reading.repair("text beside the call")
            self._named(name, cast("dict[str, Json]", value))
            return
        key = self._only_parameter(name.strip())
        if key is None:
            self.reading.fail(f"the input of {name[:40]!r} is not a JSON object")
            return
        self.reading.repair("bare text for the arguments")
        self._named(name, {key: text.strip("\"'") if text[:1] == text[-1:] and text[:1] in "\"'" else text})

    def _only_parameter(self, name: str) -> str | None:
        """The one parameter that bare text can be meant for."""
        spec = next((tool for tool in self.tools if tool.name == name), None)
        if spec is None:
            return None
        every = list(cast("dict[str, Json]", spec.parameters.get("properties") or {}))
        required = [key for key in every if key in (spec.parameters.get("required") or ())]
        return every[0] if len(every) == 1 else required[0] if len(required) == 1 else None

    def _named(self, name: str, arguments: dict[str, Json]) -> None:
        bare = name.strip().strip("`*\"'").removesuffix("()").strip()
        if not bare or "\n" in bare:
            self.reading.fail("an action is not a tool's name")
            return
        if bare != name:
            self.reading.repair("marks around the name")
        self.reading.call(bare, arguments)
