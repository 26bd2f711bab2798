"""Qwen3-Coder: `<tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call>`, values between line breaks.

Source: the chat template of Qwen/Qwen3-Coder-30B-A3B-Instruct. Values are bare (`artificer.formats.calls.values`); the models often leave out the
opening `<tool_call>`. Names that cannot stand in a tag are written, and read, as a record between the outer tags, as Qwen's other models do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.formats.calls import hermes
from artificer.formats.calls.mend import Mender
from artificer.formats.calls.reading import Parsed, Reading, broken, properties_of, thought
from artificer.formats.calls.records import record_text, search
from artificer.formats.calls.values import text_of, value_of

RULE = (
    "Reply with text, or call tools, each in this form:\n"
    "<tool_call>\n<function=name_of_the_tool>\n<parameter=name_of_a_parameter>\nits value\n</parameter>\n</function>\n</tool_call>"
)
_TOKEN = re.compile(r"<tool_call>|</tool_call>|<function=[^<>\n]{1,200}>|</function>|<parameter=[^<>\n]{1,200}>|</parameter>")
_MARKS = re.compile(r"</?tool_call>|</?function\b|</?parameter\b|</?think>")
_NAME = re.compile(r"[^<>\s=][^<>\n]{0,150}")


def write(message: Message, tools: Sequence[ToolSpec] = ()) -> str:
    """The text, then the tags of each call."""
    text = broken(message.text, _MARKS)
    return thought(message) + "\n".join(([text] if text else []) + [_call_text(call, tools) for call in message.calls])


def _call_text(call: ToolCall, tools: Sequence[ToolSpec]) -> str:
    if not all(_NAME.fullmatch(name) and name == name.strip() for name in (call.name, *call.arguments)):
        return f"<tool_call>\n{record_text(call)}\n</tool_call>"
    schemas = properties_of(call.name, tools)
    lines = [f"<parameter={key}>\n{text_of(value, schemas.get(key), _MARKS)}\n</parameter>\n" for key, value in call.arguments.items()]
    return f"<tool_call>\n<function={call.name}>\n{''.join(lines)}</function>\n</tool_call>"


def parse(text: str, prefix: str = "c", tools: Sequence[ToolSpec] = ()) -> Parsed:
    """Reads what a model wrote."""
    reading = Reading(text, prefix)
    tokens = list(_TOKEN.finditer(reading.body))
    if not any(token[0].startswith(("<function=", "<tool_call>")) for token in tokens):
        if "<function=" in reading.body:
            reading.fail("a call was begun but has no name")
        else:
            search(reading, repair="no tags")
        return reading.done()
    _Tags(reading, tokens, tools).read()
    return reading.done()


class _Tags:
    """A walk over the tags of one text."""

    def __init__(self, reading: Reading, tokens: Sequence[re.Match[str]], tools: Sequence[ToolSpec]) -> None:
        self.reading, self.tokens, self.tools = reading, tokens, tools
        self.body = reading.body
        self.mender = Mender(reading.body, reading)
        self.at = self.next = 0

    def read(self) -> None:
        inside = False
        while self.next < len(self.tokens) and not self.reading.problem:
            token = self.tokens[self.next]
            mark = token[0]
            self._between(token.start(), inside)
            self.next += 1
            if token.start() < self.at:  # inside a record that was read
                continue
            self.at = token.end()
            if mark == "<tool_call>":
                inside = self._opened(token.end())
            elif mark == "</tool_call>":
                inside = False
            elif mark.startswith("<function="):
                if not inside:
                    self.reading.repair("missing opening tag")
                self._function(mark[10:-1].strip())
                if not self._follows("</tool_call>"):
                    self.reading.repair("missing closing tag")
                inside = self._follows("<function=")
            else:
                self.reading.repair("stray tag")
        self._between(len(self.body), inside)

    def _follows(self, mark: str) -> bool:
        return self.body.startswith(mark, self.mender.skip(self.at)) or (mark == "</tool_call>" and self._follows("<function="))

    def _between(self, end: int, inside: bool) -> None:
        """Takes the text up to the next tag as words."""
        if end > self.at:
            piece = self.body[self.at : end]
            if inside and piece.strip():
                self.reading.repair("text inside the tags")
            self.reading.words(piece)
            self.at = end

    def _opened(self, at: int) -> bool:
        """After `<tool_call>`: True when tags follow; a record is read here."""
        start = self.mender.skip(at)
        if self.body[start : start + 1] in ("{", "[") and start < len(self.body):
            self.at = hermes.tagged(self.reading, self.mender, at)
            return False
        if not self.body.startswith("<", start):
            if "</tool_call>" in self.body[start:]:
                self.reading.fail("what stands between the tags is no call")
            else:
                self.reading.words("<tool_call>")  # a word about the tag, not a tag
            return False
        return True

    def _function(self, name: str) -> None:
        """Reads one call behind its `<function=NAME>`."""
        schemas = properties_of(name, self.tools)
        arguments: dict[str, Json] = {}
        while self.next < len(self.tokens):
            token = self.tokens[self.next]
            mark = token[0]
            if self.body[self.at : token.start()].strip():
                self.reading.fail("text stands between the parameters")
                return
            if not mark.startswith("<parameter="):
                break
            self.next += 1
            key = mark[11:-1].strip()
            if key in arguments:
                self.reading.repair("repeated key")
            arguments[key] = value_of(self._value(token.end()), schemas.get(key), self.reading)
        if self.next < len(self.tokens) and self.tokens[self.next][0] == "</function>":
            self.at = self.tokens[self.next].end()
            self.next += 1
        else:
            self.reading.repair("missing closing tag")
            if self.body[self.at :].strip() and self.next >= len(self.tokens):
                self.reading.fail("a call was begun but not finished")
                return
        self.reading.call(name, arguments)

    def _value(self, start: int) -> str:
        """A value's text, up to its closing tag or the next one, without the line breaks around it."""
        if self.next < len(self.tokens):
            token = self.tokens[self.next]
            end = token.start()
            if token[0] == "</parameter>":
                self.next += 1
                self.at = token.end()
            else:
                self.reading.repair("missing closing tag")
                self.at = end
        else:
            self.reading.repair("missing closing tag")
            self.reading.repair("cut text")
            end = self.at = len(self.body)
        text = self.body[start:end]
        text = text[1:] if text.startswith("\n") else text
        return text[:-1] if text.endswith("\n") else text
