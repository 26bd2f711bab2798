"""Hermes, and with it Qwen2.5 and Qwen3: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, words before it.

Source: the chat templates of NousResearch/Hermes-2-Pro and Qwen/Qwen2.5-Instruct. Several calls are several tags; JSON ends a call, so that text
inside it may hold the closing tag.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.formats.calls.mend import Mender, Unreadable
from artificer.formats.calls.reading import Parsed, Reading, broken, thought
from artificer.formats.calls.records import FENCE, encoded, search, take

OPEN, CLOSE = "<tool_call>", "</tool_call>"
RULE = (
    "Reply with text, or call tools, each with one JSON object between tags:\n"
    '<tool_call>\n{"name": "the tool\'s name", "arguments": {"parameter": "value"}}\n</tool_call>'
)
_MARKS = re.compile(r"</?tool_call>|</?think>")


def write(message: Message, tools: Sequence[ToolSpec] = ()) -> str:
    """The text, then a tagged record for each call."""
    calls = [f"{OPEN}\n{encoded({'name': call.name, 'arguments': call.arguments})}\n{CLOSE}" for call in message.calls]
    text = broken(message.text, _MARKS)
    return thought(message) + "\n".join(([text] if text else []) + calls)


def parse(text: str, prefix: str = "c", tools: Sequence[ToolSpec] = ()) -> Parsed:
    """Reads what a model wrote."""
    reading = Reading(text, prefix)
    if OPEN not in reading.body:
        if CLOSE in reading.body:
            reading.body = reading.body.replace(CLOSE, "\n")
        search(reading, repair="no tags")
        return reading.done()
    mender = Mender(reading.body, reading)
    at = 0
    while not reading.problem:
        start = reading.body.find(OPEN, at)
        if start < 0:
            break
        reading.words(reading.body[at:start])
        at = tagged(reading, mender, start + len(OPEN))
    reading.words(reading.body[at:])
    return reading.done()


def tagged(reading: Reading, mender: Mender, at: int) -> int:
    """Reads the record, or records, behind an opening tag; where the tag ends."""
    body = reading.body
    start = at
    at = mender.skip(at)
    fence = FENCE.match(body, at)
    if fence:
        reading.repair("code fence")
        at = mender.skip(fence.end())
    count = 0
    while body[at : at + 1] in ("{", "[", '"', "'") and at < len(body):
        try:
            value, end = mender.value(at)
        except Unreadable as error:
            reading.fail(f"the call between the tags is not valid JSON: {error}")
            break
        if not take(value, reading, tagged=True):
            reading.fail("what stands between the tags is no call")
        at, count = mender.skip(end), count + 1
    if count > 1:
        reading.repair("several calls in one tag")
    if fence and body.startswith("```", at):
        at = mender.skip(at + 3)
    if body.startswith(CLOSE, at):
        if not count:
            reading.fail("nothing stands between the tags")
        return at + len(CLOSE)
    return _unclosed(reading, start, at, count)


def _unclosed(reading: Reading, start: int, at: int, count: int) -> int:
    """What to do where the closing tag is not behind the record."""
    body = reading.body
    following = body.find(OPEN, at)
    limit = len(body) if following < 0 else following
    close = body.find(CLOSE, at, limit)
    if close >= 0:
        if not count:
            reading.fail("what stands between the tags is no JSON")
        elif body[at:close].strip(" \n\t\r}]"):
            reading.words(body[at:close])
            reading.repair("text inside the tags")
        else:
            reading.repair("needless bracket")
        return close + len(CLOSE)
    if count:
        reading.repair("missing closing tag")
        return at
    reading.words(OPEN)  # a word about the tag, not a tag
    return start
