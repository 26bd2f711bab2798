"""Whether a conversation is well formed: schemas and arguments, links of calls and results, who speaks after whom.

The link rules are those that the Agent Data Protocol's trajectory validates (schema/trajectory.py,
`validate_tool_call_links`, schema version 1.x), each with the index of the node; where ADP stops at the first, all are
told. A call at the very end without a result is told apart (`call_open`): ADP refuses it when it has an id, and data
sets of single calls consist of nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence

import jsonschema_rs
import msgspec
from msgspec import Struct

from artificer.checks.values import clip
from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec, compile_schema, not_json, validate_arguments
from artificer.core.trace import Node
from artificer.core.verdicts import Verdict
from artificer.curation.quality.findings import Finding, found
from artificer.curation.quality.thoughts import FINISH
from artificer.formats.base import says
from artificer.formats.broken import keyed

Mask = Callable[[str], str]
_MARKS = re.compile(r"</?(?:tool_call|tool_response|function_call|observation)>|<\|(?:tool_call|python_tag)\|>|\[TOOL_(?:CALLS|RESULTS)\]")
_KEPT = 256
"""Tool sets whose validators are kept."""


class Toolset(Struct, frozen=True):
    """Tools of one kind of conversation, their validators by name (None where the schema is broken), and their faults."""

    tools: tuple[ToolSpec, ...]
    validators: dict[str, jsonschema_rs.Draft202012Validator | None]
    faults: tuple[Finding, ...]


class Toolsets:
    """Tool sets, each looked at once: readers make new specifications for every row, and whatever is derived from a specification is kept for the
    first that said the same.
    """

    def __init__(self) -> None:
        self._kept: dict[bytes, Toolset] = {}

    def of(self, tools: Sequence[ToolSpec]) -> Toolset:
        """The set that says the same as `tools`."""
        try:
            name = hashlib.blake2b(msgspec.json.encode(tools), digest_size=16).digest()
        except (ValueError, TypeError, RecursionError, OverflowError):  # it cannot be written as JSON, so it is not kept
            return _look_at(tools)
        kept = self._kept.get(name)
        if kept is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            kept = self._kept[name] = _look_at(tools)
        return kept


def _look_at(tools: Sequence[ToolSpec]) -> Toolset:
    validators: dict[str, jsonschema_rs.Draft202012Validator | None] = {}
    faults: list[Finding] = []
    for tool in tools:
        if tool.name in validators:
            faults.append(found("tool_twice", None, clip(tool.name)))
            continue
        try:
            validators[tool.name] = compile_schema(tool.parameters, tool.name)
        except (SourceError, RecursionError, OverflowError) as error:
            validators[tool.name] = None
            faults.append(found("tool_schema", None, f"{clip(tool.name)}: {clip(str(error).splitlines()[0], 160)}"))
    return Toolset(tuple(tools), validators, tuple(faults))


def schema(nodes: Sequence[Node], offered: Toolset, mask: Mask) -> Iterator[Finding]:
    """Faults of an agent's calls against its tools along one branch. Of a call that the tool refused it is only a note: a mistake that the agent was
    told of is something to learn from. Calls that users make with tools of their own are not judged.
    """
    by_name = offered.validators
    refused = _refused(nodes)
    told = False
    for at, node in enumerate(nodes):
        if node.message.role == "user":
            continue
        for place, call in enumerate(node.message.calls):
            excused = "note" if (at, place) in refused else None
            if not offered.tools:
                if not told:
                    told = True
                    yield found("tools_missing", at, f"{clip(call.name)} is called")
            elif call.name not in by_name:
                yield found("unknown_tool", at, clip(call.name), excused)
            wrong = _arguments(call, by_name.get(call.name), mask)
            if wrong is not None:
                yield found(wrong[0], at, wrong[1], excused)


def _refused(nodes: Sequence[Node]) -> set[tuple[int, int]]:
    """The calls, by message and place in it, that failed. Ids that come again, as in data that number the calls of each turn, belong to the last
    message with them.
    """
    waiting: dict[str, tuple[int, deque[int]]] = {}
    refused = set[tuple[int, int]]()
    for at, node in enumerate(nodes):
        for place, call in enumerate(node.message.calls):
            since, places = waiting.get(call.id, (-1, deque[int]()))
            if since != at:
                waiting[call.id] = at, deque([place])
            else:
                places.append(place)
        result = node.message.result
        since, places = waiting.get(result.call_id, (-1, deque[int]())) if result is not None else (-1, deque[int]())
        if result is not None and places:
            place = places.popleft()
            if result.error is not None:
                refused.add((since, place))
    return refused


def _arguments(call: ToolCall, validator: jsonschema_rs.Draft202012Validator | None, mask: Mask) -> tuple[str, str] | None:
    """The rule that a call's arguments break and the evidence, or None."""
    if keyed(call):  # how `formats.parts.broken_call` keeps what it could not read
        return "arguments_unreadable", f"{clip(call.name)}: {clip(mask(str(call.arguments['$text'])[:400]))}"
    if validator is None:
        return None
    error = validate_arguments(validator, call.arguments)
    if error is not None:
        return "arguments_invalid", f"{clip(call.name)}{clip(error.path)}: {error.kind.value}: {clip(mask(error.detail), 160)}"
    garbled = not_json(call.arguments)
    return None if garbled is None else ("arguments_invalid", f"{clip(call.name)}: {garbled}")


def links(nodes: Sequence[Node]) -> Iterator[Finding]:
    """Faults of the links between calls and results along one branch."""
    made: dict[str, int] = {}
    later = Counter(call.id for node in nodes for call in node.message.calls)
    answered: dict[str, int] = {}
    unnamed: list[int] = []
    end = len(nodes)
    while end and nodes[end - 1].message.role == "tool":
        end -= 1  # the last message that is no result
    for at, node in enumerate(nodes):
        for call in node.message.calls:
            if not call.id:
                unnamed.append(at)
            elif call.id in made:
                yield found("call_id_twice", at, f"{clip(call.id)!r} is the id of a call in message {made[call.id]}, too")
            else:
                made[call.id] = at
        result = node.message.result
        if result is None:
            continue
        if not result.call_id or result.call_id not in made:
            rule = "result_before_call" if later[result.call_id] and result.call_id else "result_of_no_call"
            if unnamed and not result.call_id:
                yield found("call_without_id", unnamed.pop(), "the call that is answered has no id")
                continue
            yield found(rule, at, f"{clip(result.call_id)!r}")
        elif result.call_id in answered:
            yield found("result_twice", at, f"{clip(result.call_id)!r} is answered in message {answered[result.call_id]}, too")
        else:
            answered[result.call_id] = at
    for name, at in made.items():
        if name not in answered:
            last = at == end - 1
            yield found("call_open" if last else "call_unanswered", at, f"{clip(name)!r}")


_FOLLOWS: dict[str, frozenset[str]] = {
    "start": frozenset({"system", "user"}),
    "system": frozenset({"system", "user"}),
    "user": frozenset({"assistant"}),
    "assistant": frozenset({"user"}),
    "calls": frozenset({"tool"}),
    "tool": frozenset({"assistant", "tool"}),
    "user's calls": frozenset({"tool"}),
    "user's tool": frozenset({"user", "tool"}),
}
"""Who may speak next: ADP's alternation of (human, observation) with (gpt, function_call), with results one by one. A user may have tools of their
own, and words come after them.
"""


def grammar(nodes: Sequence[Node], verdict: Verdict | None = None) -> Iterator[Finding]:
    """Faults in who speaks when, along one branch. A branch that was judged and failed need not have come to an end."""
    if not nodes:
        yield found("empty", None, "no message")
        return
    before, theirs = "start", False
    for at, node in enumerate(nodes):
        message = node.message
        role = message.role
        if role == "system" and before not in ("start", "system"):
            yield found("several_system", at, f"behind a message of the role {before!r}")
        elif role not in _FOLLOWS[before]:
            yield found(
                "opening" if at == 0 else "role_order", at, f"{role} may not follow {before}" if at else f"the first message is of the role {role!r}"
            )
        yield from _alone(at, message)
        if message.calls:
            theirs = role == "user"
            before = "user's calls" if theirs else "calls"
        elif role == "tool":
            before = "user's tool" if theirs else "tool"
        elif role != "system" or before in ("start", "system"):
            before = role
    last = nodes[-1].message
    if last.role != "assistant" and not (last.role == "tool" and _finished(nodes)) and (verdict is None or verdict.passed):
        yield found("ending", len(nodes) - 1, f"it is of the role {last.role!r}")


def _finished(nodes: Sequence[Node]) -> bool:
    """Whether the last message with calls ends the episode by a call, whose result then stands last."""
    calls = next((node.message.calls for node in reversed(nodes) if node.message.calls), ())
    return any(call.name.lower() in FINISH for call in calls)


def _alone(at: int, message: Message) -> Iterator[Finding]:
    """Faults of one message by itself."""
    role = message.role
    if role == "tool":
        if message.result is None or message.calls:
            yield found("misplaced", at, "a tool message without a result" if message.result is None else "a tool message with a call")
        return
    if message.result is not None or (message.calls and role == "system"):
        yield found("misplaced", at, f"a message of the role {role!r} with a {'result' if message.result is not None else 'call'}")
    if not message.calls and not _speaks(message):
        yield found("empty_turn", at, role)
    if role == "assistant":
        marked = _MARKS.search(message.text)
        if marked is not None:
            yield found("result_in_text", at, marked[0])


def _speaks(message: Message) -> bool:
    if isinstance(message.content, str):
        return bool(message.content) and not message.content.isspace()
    return says(message) or any(part for part in message.content if not hasattr(part, "text"))
