"""Mistral: `[TOOL_CALLS][{"name": ..., "arguments": {...}, "id": "..."}]`, and since 2025 `[TOOL_CALLS]name[ARGS]{...}`.

Source: mistral-common's tokenizers v3 (a list), v11 (`name[CALL_ID]id[ARGS]{...}`, or `name{...}`) and v13 (`name[ARGS]{...}`). Both are read by one
reader; `write` gives the list and `write_named` the newer form. Ids are nine letters and digits; others are not written, and counted when read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.formats.calls.mend import Mender, Unreadable
from artificer.formats.calls.reading import Parsed, Reading, broken, thought
from artificer.formats.calls.records import encoded, search, take

MARK = "[TOOL_CALLS]"
RULE = f'Reply with text, or call tools with one list and nothing else: {MARK}[{{"name": the tool\'s name, "arguments": {{parameter: value}}}}]'
RULE_NAMED = f"Reply with text, or call tools, each in this form: {MARK}name_of_the_tool[ARGS]{{parameter: value}}"
_ID = re.compile(r"[A-Za-z0-9]{9}")
_NAME = re.compile(r"[\w.:/-]{1,200}")
_NAMED = re.compile(r"\s{0,8}([^\s\[\]{}\"',]{1,200})\s{0,4}(?:\[CALL_ID\]([^\s\[\]{}]{1,64}))?(\[ARGS\])?\s{0,8}(?=\{|$)")
_MARKS = re.compile(r"\[(?:TOOL_CALLS|ARGS|CALL_ID)\]|</?think>")


def write(message: Message, tools: Sequence[ToolSpec] = ()) -> str:
    """The text, then the list."""
    return _text(message) + (f"{MARK}[{', '.join(_record(call) for call in message.calls)}]" if message.calls else "")


def write_named(message: Message, tools: Sequence[ToolSpec] = ()) -> str:
    """The text, then each call behind its name. A name that cannot stand so is written as a list."""
    if not all(_NAME.fullmatch(call.name) for call in message.calls):
        return write(message)
    ids = [f"[CALL_ID]{call.id}" if _ID.fullmatch(call.id) else "" for call in message.calls]
    return _text(message) + "".join(
        f"{MARK}{call.name}{call_id}[ARGS]{encoded(call.arguments)}" for call, call_id in zip(message.calls, ids, strict=True)
    )


def _text(message: Message) -> str:
    return thought(message) + broken(message.text, _MARKS)


def _record(call: ToolCall) -> str:
    record: dict[str, Json] = {"name": call.name, "arguments": call.arguments}
    return encoded({**record, "id": call.id} if _ID.fullmatch(call.id) else record)


def parse(text: str, prefix: str = "c", tools: Sequence[ToolSpec] = ()) -> Parsed:
    """Reads what a model wrote, in either form."""
    reading = Reading(text, prefix)
    body = reading.body
    mender = Mender(body, reading)
    at = body.find(MARK)
    if at < 0:
        named = _NAMED.match(body)
        if named and named[3]:
            reading.repair("no mark of a call")
            at = _behind(reading, mender, 0)
            reading.words(body[at:])
        else:
            search(reading, repair="no mark of a call")
        return reading.done()
    reading.words(body[:at])
    while at >= 0 and not reading.problem:
        end = _behind(reading, mender, at + len(MARK))
        at = body.find(MARK, end)
        reading.words(body[end : at if at >= 0 else len(body)])
    return reading.done()


def _behind(reading: Reading, mender: Mender, at: int) -> int:
    """Reads what stands behind a mark; where it ends."""
    body = reading.body
    at = mender.skip(at)
    named = None if body[at : at + 1] in ("[", "{") else _NAMED.match(body, at)
    try:
        if named is None:
            value, end = mender.value(at)
            if not take(value, reading):
                reading.fail("what stands behind the mark is no call")
            return end
        value, end = mender.value(named.end())
        record: dict[str, Json] = {"name": named[1], "arguments": value}
        if not take({**record, "id": named[2]} if named[2] else record, reading):
            reading.fail(f"the arguments of {named[1][:40]!r} are not a record")
        return end
    except Unreadable as error:
        reading.fail(f"the call behind the mark is not valid JSON: {error}")
        return len(body)
