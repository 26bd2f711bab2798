"""Our own form, `json`: one line of JSON a call, `{"name": ..., "arguments": {...}}`; anything else is text for the user.

It costs the fewest tokens, and any model that writes JSON at all can learn it from one line of prompt.
"""

from __future__ import annotations

from collections.abc import Sequence

from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.formats.calls.reading import THINK, Parsed, Reading, broken, thought
from artificer.formats.calls.records import record_text, search

RULE = 'Reply with text, or call a tool with one JSON line: {"name": ..., "arguments": {...}}'


def write(message: Message, tools: Sequence[ToolSpec] = ()) -> str:
    """The message's text, then one line for each call."""
    lines = [broken(message.text, THINK)] if message.text else []
    return thought(message) + "\n".join(lines + [record_text(call) for call in message.calls])


def parse(text: str, prefix: str = "c", tools: Sequence[ToolSpec] = ()) -> Parsed:
    """Reads what a model wrote; words beside a call are named as a repair, since the form has either."""
    reading = Reading(text, prefix)
    search(reading)
    parsed = reading.done()
    if parsed.calls and parsed.text:
        reading.repair("text beside the call")
        return reading.done()
    return parsed
