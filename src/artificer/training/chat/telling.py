"""How a template is told a conversation: which of the records that are in use it takes, and what it leaves out.

Templates want ids of nine letters and digits (Mistral), arguments as a text (DeepSeek V3), no text at all beside calls
(DeepSeek R1), contents as lists of parts (vision models), or a list where there are no tools (Hermes). Some refuse what
they are told otherwise, others leave it out in silence. So a little conversation with a mark in each of its parts is asked
for in each way, and the first way that shows most marks is taken: for the template, once, whatever conversations come.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from artificer.core.canon import Json, stable_id
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.models.prompt import result_text

Ways = frozenset[str]
TOOLS, CALLS, RESULTS = (f"the template does not show {what}" for what in ("the tools", "the calls of earlier messages", "the results of tools"))
_ALL = tuple(frozenset(ways.split()) for ways in ("", "short", "none", "text", "none text", "short text", "parts", "parts text", "parts short"))
"""short: nine letters and digits as ids; none: no text beside calls is None; text: arguments as text; parts: contents as lists of parts."""


class Telling(Struct, frozen=True):
    """The ways that a template is told a conversation in, and what it does not show in any: `TOOLS`, `CALLS`, `RESULTS`."""

    ways: Ways = frozenset()
    unseen: frozenset[str] = frozenset()

    def gone(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> tuple[str, ...]:
        """What of a conversation and its tools is not shown."""
        there = {TOOLS: bool(tools), CALLS: any(one.calls for one in messages), RESULTS: any(one.role == "tool" for one in messages)}
        return tuple(what for what in (TOOLS, CALLS, RESULTS) if there[what] and what in self.unseen)


def record(message: Message, names: Mapping[str, str], ways: Ways) -> dict[str, Json]:
    """A message, told in some ways. `names`: of the tools, by the ids of their calls."""
    if message.result is not None:
        call_id = message.result.call_id
        name = names.get(call_id, message.author or "tool")
        return {"role": "tool", "name": name, "content": _content(result_text(message.result), ways), "tool_call_id": _id(call_id, ways)}
    made: dict[str, Json] = {"role": message.role, "content": _content(message.text, ways)}
    if message.reasoning is not None:
        made |= {"reasoning_content": message.reasoning, "thinking": message.reasoning, "reasoning": message.reasoning}
    if message.calls:
        made["tool_calls"] = [
            {"id": _id(call.id, ways), "type": "function", "function": {"name": call.name, "arguments": _arguments(call, ways)}}
            for call in message.calls
        ]
        if "none" in ways and not message.text:
            made["content"] = None
    return made


def _content(text: str, ways: Ways) -> Json:
    return [{"type": "text", "text": text}] if "parts" in ways else text


def _arguments(call: ToolCall, ways: Ways) -> Json:
    return json.dumps(call.arguments, ensure_ascii=False) if "text" in ways else call.arguments


def _id(call_id: str, ways: Ways) -> str:
    return stable_id("call", call_id)[-9:] if "short" in ways else call_id


# the little conversation

_ASKED, _CALLED, _KEY, _VALUE, _GOT, _SAID, _ABOUT = (f"Qx7v{word}" for word in ("Asked", "Called", "Key", "Value", "Got", "Said", "About"))
_TOOL = ToolSpec(_CALLED, f"{_ABOUT}.", {"type": "object", "properties": {_KEY: {"type": "string", "description": f"{_KEY}."}}, "required": [_KEY]})
_PLAIN = (Message("user", _ASKED), Message("assistant", _SAID))
_CALLING = (
    _PLAIN[0],
    Message("assistant", "", calls=(ToolCall("call_1", _CALLED, {_KEY: _VALUE}),)),
    Message("tool", result=ToolResult("call_1", _GOT)),
    _PLAIN[1],
)


def told(rendered: Callable[[Sequence[Message], Sequence[ToolSpec], Ways], str | None]) -> Telling:
    """The best way for a template.

    Args:
        rendered: a conversation as it writes it, or None where it refuses.
    """
    calling = [(rendered(_CALLING, (_TOOL,), ways), ways) for ways in _ALL]
    if all(text is None for text, _ in calling):  # it knows of no tools
        plain = [(rendered(_PLAIN, (), ways), ways) for ways in _ALL]
        return Telling(_listed(rendered, _most(plain, (_ASKED, _SAID))), frozenset({TOOLS, CALLS, RESULTS}))
    best = _most(calling, (_ASKED, _CALLED, _KEY, _VALUE, _GOT, _SAID))
    text = next(text for text, ways in calling if ways == best) or ""
    marks = {TOOLS: _ABOUT, CALLS: _VALUE, RESULTS: _GOT}
    return Telling(_listed(rendered, best), frozenset(what for what, mark in marks.items() if mark not in text))


def _most(shown: Sequence[tuple[str | None, Ways]], marks: Sequence[str]) -> Ways:
    """The first way that shows most marks."""
    return max(shown, key=lambda one: -1 if one[0] is None else sum(mark in one[0] for mark in marks))[1]


def _listed(rendered: Callable[[Sequence[Message], Sequence[ToolSpec], Ways], str | None], ways: Ways) -> Ways:
    """With an empty list for no tools, where a template refuses to be told of none."""
    listed = ways | {"list"}
    return listed if rendered(_PLAIN, (), ways) is None and rendered(_PLAIN, (), listed) is not None else ways
