"""Llama 3.1 to 3.3: `{"name": ..., "parameters": {...}}`, several parted by `; `, sometimes behind `<|python_tag|>`.

Source: the chat templates and prompt-format pages of meta-llama/Llama-3.1 to 3.3. Read as well: the built-in form
`<|python_tag|>tool.call(query="...")` and the user-defined `<function=NAME>{...}</function>`. (Llama 4 writes Python calls: `python`.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.formats.calls import python
from artificer.formats.calls.mend import Mender, Unreadable
from artificer.formats.calls.reading import Parsed, Reading, broken, thought
from artificer.formats.calls.records import LOOKS_LIKE_CALL, record_text, search, take

TAG = "<|python_tag|>"
RULE = 'Reply with text, or call a tool with one JSON object and nothing else: {"name": the tool\'s name, "parameters": {parameter: value}}'
_KEYS = ("parameters", "arguments")  # which of the two depends on the prompt
_FUNCTION = re.compile(r"<function=([^<>\n]{1,200})>")
_MARKS = re.compile(r"<\|python_tag\|>|</?function\b|</?think>")
_PYTHON = re.compile(r"\s{0,20}[^\W\d][\w.]{0,200}\(")


def write(message: Message, tools: Sequence[ToolSpec] = ()) -> str:
    """The text, then the records."""
    text = broken(message.text, _MARKS)
    calls = ["; ".join(_record(call) for call in message.calls)] if message.calls else []
    return thought(message) + "\n".join(([text] if text else []) + calls)


def _record(call: ToolCall) -> str:
    """A call as a record in whose texts nothing reads as one of the family's marks."""
    text = record_text(call, "parameters")
    return text.replace("<function=", "\\u003cfunction=").replace(TAG, "\\u003c" + TAG[1:])


def parse(text: str, prefix: str = "c", tools: Sequence[ToolSpec] = ()) -> Parsed:
    """Reads what a model wrote."""
    reading = Reading(text, prefix)
    if _FUNCTION.search(reading.body):
        _functions(reading)
        return reading.done()
    before, tag, after = reading.body.partition(TAG)
    if tag and _PYTHON.match(after):
        return _built_in(reading, before, after, prefix, tools)
    if tag and not LOOKS_LIKE_CALL.search(after):
        reading.fail("code stands behind the tag, not a call")
        return reading.done()
    reading.body = f"{before}{after}" if tag else reading.body
    search(reading, native=_KEYS)
    return reading.done()


def _built_in(reading: Reading, before: str, after: str, prefix: str, tools: Sequence[ToolSpec]) -> Parsed:
    """`tool.call(query="...")` calls `tool`."""
    found = python.parse(after, prefix, tools)
    for repair in found.repairs:
        if repair != "no list around the calls":
            reading.repair(repair)
    if not found.calls:
        reading.fail(found.detail or "code stands behind the tag, not a call")
    for call in found.calls:
        reading.call(call.name.removesuffix(".call"), call.arguments)
    reading.words(before)
    return reading.done()


def _functions(reading: Reading) -> None:
    """`<function=NAME>{...}</function>`."""
    body = reading.body
    mender = Mender(body, reading)
    at = 0
    while not reading.problem:
        opening = _FUNCTION.search(body, at)
        if opening is None:
            break
        reading.words(body[at : opening.start()])
        at = mender.skip(opening.end())
        try:
            value, at = mender.value(at)
        except Unreadable as error:
            reading.fail(f"the arguments of a call are not valid JSON: {error}")
            break
        if not take({"name": opening[1].strip(), "parameters": value}, reading, native=_KEYS):
            reading.fail("the arguments of a call are not a record")
        if body.startswith("</function>", mender.skip(at)):
            at = mender.skip(at) + len("</function>")
        else:
            reading.repair("missing closing tag")
    reading.words(body[at:])
