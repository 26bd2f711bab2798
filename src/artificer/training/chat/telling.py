"""How a template is told a conversation: which of the records that are in use it takes, and what it leaves out.

Templates want ids of nine letters and digits (Mistral) or with the tool's name (Kimi K2), arguments as a text (DeepSeek V3),
no text at all beside calls
(DeepSeek R1), contents as lists of parts (vision models), or a list where there are no tools (Hermes). Some refuse what
they are told otherwise, others leave it out in silence. So a little conversation with a mark in each of its parts is asked
for in each way, and the first way that shows most marks is taken: for the template, once, whatever conversations come.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from artificer.core.canon import Json, stable_id
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.formats.broken import keyed
from artificer.formats.parts import result_text

Ways = frozenset[str]
TOOLS, CALLS, RESULTS = (f"the template does not show {what}" for what in ("the tools", "the calls of earlier messages", "the results of tools"))
BROKEN, UNREADABLE = "a call whose arguments are no JSON", "a call that could not be read"
IDS = "the ids of calls, in place of which the template takes others"
SPACED = "control tokens in the words of a message: a space breaks each"
_WORDS = ("", "named", "short", "none", "text", "none text", "short text", "parts", "parts text", "parts short")
_ALL = tuple(frozenset(ways.split()) for ways in _WORDS)
"""named: `functions.NAME:COUNT` as ids; short: nine letters and digits; none: no text beside calls is None; text: arguments as
text; parts: contents as lists of parts."""


class Telling(Struct, frozen=True):
    """The ways that a template is told a conversation in, and what it does not show in any: `TOOLS`, `CALLS`, `RESULTS`.

    Some show tools only where a system message opens the conversation (Phi-4-mini).
    """

    ways: Ways = frozenset()
    unseen: frozenset[str] = frozenset()
    unseen_behind_system: frozenset[str] = frozenset()

    def gone(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> tuple[str, ...]:
        """What of a conversation and its tools is not shown."""
        there = {TOOLS: bool(tools), CALLS: any(one.calls for one in messages), RESULTS: any(one.role == "tool" for one in messages)}
        unseen = self.unseen_behind_system if messages and messages[0].role == "system" else self.unseen
        return tuple(what for what in (TOOLS, CALLS, RESULTS) if there[what] and what in unseen)


def records(messages: Sequence[Message], ways: Ways) -> list[dict[str, Json]]:
    """Messages as templates take them, told in some ways: arguments as records, results as in trainers' rows, with their tool's name."""
    names: dict[str, str] = {}
    ids: dict[str, str] = {}
    made: list[dict[str, Json]] = []
    for message, own in zip(messages, _ids(messages, ways), strict=True):
        names |= {call.id: call.name for call in message.calls}
        ids |= own
        made.append(_record(message, names, ids, ways))
    return made


def renamed(messages: Sequence[Message], ways: Ways) -> Counter[str]:
    """How many calls of the last message are told by other ids than their own."""
    if not ways & {"named", "short"}:
        return Counter()
    *_, last = _ids(messages, ways)
    return Counter({IDS: others}) if (others := sum(last[call.id] != call.id for call in messages[-1].calls)) else Counter()


def _ids(messages: Sequence[Message], ways: Ways) -> Iterator[dict[str, str]]:
    """For each message, what its calls' ids are told as. An id that the template takes is told as it is, no two ids as one, and none
    otherwise because of what follows."""
    taken: dict[str, str] = {}
    number = 0
    for message in messages:
        own: dict[str, str] = {}
        for call in message.calls:
            told = next(one for one in _candidates(call, number, ways) if taken.get(one, call.id) == call.id)
            taken[told] = call.id
            own[call.id] = told
            number += 1
        yield own


def _candidates(call: ToolCall, number: int, ways: Ways) -> Iterator[str]:
    """Ids that a template takes for a call, the best first."""
    if "named" in ways:
        if call.id.startswith(f"functions.{call.name}:") and call.id.rpartition(":")[2].isdecimal():
            yield call.id
        yield from (f"functions.{call.name}:{at}" for at in itertools.count(number))
    elif "short" in ways:
        if len(call.id) == 9 and call.id.isascii() and call.id.isalnum():
            yield call.id
        yield from (stable_id("call", call.id, *range(1, at))[-9:] for at in itertools.count(1))
    else:
        yield call.id


def _record(message: Message, names: Mapping[str, str], ids: Mapping[str, str], ways: Ways) -> dict[str, Json]:
    result = message.result
    if result is not None:
        name = names.get(result.call_id, message.author or "tool")
        return {"role": "tool", "name": name, "content": content(result_text(result), ways), "tool_call_id": ids.get(result.call_id, result.call_id)}
    made: dict[str, Json] = {"role": message.role, "content": content(message.text, ways)}
    if message.reasoning is not None:
        made |= {"reasoning_content": message.reasoning, "thinking": message.reasoning, "reasoning": message.reasoning}
    if message.calls:
        made["tool_calls"] = [
            {"id": ids[call.id], "type": "function", "function": {"name": call.name, "arguments": _arguments(call, ways)}} for call in message.calls
        ]
        if "none" in ways and not message.text:
            made["content"] = None
    return made


def content(text: str, ways: Ways) -> Json:
    """A text as the content of a message."""
    return [{"type": "text", "text": text}] if "parts" in ways else text


def _arguments(call: ToolCall, ways: Ways) -> Json:
    given: Json = call.arguments["$text"] if keyed(call) else call.arguments
    return json.dumps(given, ensure_ascii=False) if "text" in ways and not isinstance(given, str) else given


def unwritten(message: Message) -> str | None:
    """Why a message cannot be told in the words in which the model wrote it, if it cannot."""
    if any(keyed(call) for call in message.calls):
        return BROKEN
    if any(call.name == "unreadable_call" and call.arguments.keys() <= {"text", "problem"} for call in message.calls):  # `agents.asking.UNREADABLE`
        return UNREADABLE
    return None


# the little conversation

_ASKED, _CALLED, _KEY, _VALUE, _GOT, _SAID, _ABOUT = (f"Qx7v{word}" for word in ("Asked", "Called", "Key", "Value", "Got", "Said", "About"))
_TOOL = ToolSpec("declared", f"{_ABOUT}.", {"type": "object", "properties": {"given": {"type": "string", "description": "A word."}}, "required": []})
_SHOWN = {TOOLS: _ABOUT, CALLS: _VALUE, RESULTS: _GOT}
_PLAIN = (Message("user", _ASKED), Message("assistant", _SAID))
_CALLING = (
    _PLAIN[0],
    Message("assistant", "", calls=(ToolCall("call_1", "declared", {"given": "word"}),)),
    Message("tool", result=ToolResult("call_1", _GOT)),
    _PLAIN[1],
    Message("user", "again"),
    Message("assistant", "", calls=(ToolCall("call_2", _CALLED, {_KEY: _VALUE}),)),
)
"""The tool of the last call stands nowhere else."""


def told(rendered: Callable[[Sequence[Message], Sequence[ToolSpec], Ways], str | None]) -> Telling:
    """The best way for a template.

    Args:
        rendered: a conversation as it writes it, or None where it refuses.
    """
    calling = [(rendered(_CALLING, (_TOOL,), ways), ways) for ways in _ALL]
    if all(text is None for text, _ in calling):  # it knows of no tools
        plain = [(rendered(_PLAIN, (), ways), ways) for ways in _ALL]
        return Telling(_listed(rendered, _most(plain, (_ASKED, _SAID))), frozenset(_SHOWN), frozenset(_SHOWN))
    best = _most(calling, (_ASKED, _CALLED, _KEY, _VALUE, _GOT, _SAID))
    alone = next(text for text, ways in calling if ways == best) or ""
    behind = rendered((Message("system", _ASKED), *_CALLING), (_TOOL,), best) or alone
    return Telling(_listed(rendered, best), _not_in(alone), _not_in(behind))


def _not_in(text: str) -> frozenset[str]:
    return frozenset(what for what, mark in _SHOWN.items() if mark not in text)


def _most(shown: Sequence[tuple[str | None, Ways]], marks: Sequence[str]) -> Ways:
    """The first way that shows most marks."""
    return max(shown, key=lambda one: -1 if one[0] is None else sum(mark in one[0] for mark in marks))[1]


def _listed(rendered: Callable[[Sequence[Message], Sequence[ToolSpec], Ways], str | None], ways: Ways) -> Ways:
    """With an empty list for no tools, where a template refuses to be told of none."""
    listed = ways | {"list"}
    return listed if rendered(_PLAIN, (), ways) is None and rendered(_PLAIN, (), listed) is not None else ways
