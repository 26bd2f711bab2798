"""Is the dialogue well formed?"""

from __future__ import annotations

from collections.abc import Sequence

import jsonschema_rs
from msgspec import Struct

from artificer.checks.base import Episode
from artificer.checks.episodes import Actor, Made, made, tools_by_name
from artificer.checks.values import clip
from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec, compile_schema, validate_arguments
from artificer.core.trace import Node
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason

_ENDED = (StopReason.user_done, StopReason.agent_done)


class Grammar(Struct, frozen=True):
    """The dialogue is one that could be shown to a model as it stands.

    System messages stand first; then the user speaks. An assistant message with calls is followed by exactly their
    results, in the calls' order; an assistant message without calls is followed by the user. A user who has tools of
    their own may call them before speaking, and ends a turn with words. No message is empty, call ids are unique, and
    a finished conversation ends with the assistant's words. No call to an unknown tool, and none whose arguments break
    the tool's schema, was accepted; either side calls its own tools.

    Kinds: `bad_grammar`; `unknown_tool` and the kinds of argument errors for accepted calls.
    """

    name: str = "grammar"

    async def __call__(self, episode: Episode) -> CheckResult:
        faults: list[tuple[ErrorKind, str]] = [(ErrorKind.bad_grammar, fault) for fault in _turns(episode.nodes)]
        last = episode.nodes[-1].message if episode.nodes else None
        if episode.stop in _ENDED and (last is None or last.role != "assistant" or last.calls):
            faults.append((ErrorKind.bad_grammar, "a finished conversation must end with the assistant's words"))
        calls = made(episode.nodes)
        faults += _ids(calls)
        faults += [(kind, text) for _, kind, text in accepted_wrongly(episode, calls)]
        return CheckResult(
            name=self.name,
            score=float(not faults),
            passed=not faults,
            evidence=tuple(text for _, text in faults[:20]),
            kinds=tuple(sorted({kind for kind, _ in faults})),
        )


def _turns(nodes: Sequence[Node]) -> list[str]:
    faults: list[str] = []
    expected: list[str] = []
    before = "start"
    whose = "calls"
    for index, node in enumerate(nodes):
        message = node.message
        state = ("calls" if message.role == "assistant" else "user's calls") if message.calls else message.role
        whose = state if message.calls else whose
        if message.role not in _FOLLOWS[before] if not expected else message.role != "tool":
            faults.append(f"message {index}: {message.role} may not follow {before}")
        if message.role == "tool":
            if message.result is None:
                faults.append(f"message {index}: a tool message without a result")
            elif not expected or message.result.call_id != expected.pop(0):
                faults.append(f"message {index}: not the result of the next open call")
        else:
            expected = [call.id for call in message.calls]
            if message.result is not None or (message.calls and message.role == "system"):
                faults.append(f"message {index}: {message.role} messages hold no results, and system messages no calls")
            blank = not message.content.strip() if isinstance(message.content, str) else not message.content
            if blank and not message.calls:
                faults.append(f"message {index}: empty {message.role} message")
        before = f"results of {whose}" if message.role == "tool" else state
    if expected:
        faults.append(f"{len(expected)} calls at the end have no result")
    return faults


_FOLLOWS: dict[str, tuple[str, ...]] = {
    "start": ("system", "user"),
    "system": ("system", "user"),
    "user": ("assistant",),
    "assistant": ("user",),
    "calls": ("tool",),
    "user's calls": ("tool",),
    "results of calls": ("assistant",),
    "results of user's calls": ("user",),
}


def _ids(calls: Sequence[Made]) -> list[tuple[ErrorKind, str]]:
    faults: list[tuple[ErrorKind, str]] = []
    seen: set[str] = set()
    for one in calls:
        if one.call.id in seen or not one.call.id:
            faults.append((ErrorKind.bad_grammar, f"call id {clip(one.call.id)!r} is empty or not unique"))
        seen.add(one.call.id)
    return faults


def accepted_wrongly(episode: Episode, calls: Sequence[Made]) -> list[tuple[Made, ErrorKind, str]]:
    """Calls that the world accepted though there is no such tool or their arguments break its schema, and why."""
    tools: dict[Actor, dict[str, ToolSpec]] = {"agent": tools_by_name(episode), "user": {tool.name: tool for tool in episode.user_tools}}
    faults: list[tuple[Made, ErrorKind, str]] = []
    for one in calls:
        call = one.call
        if not one.accepted:
            continue
        tool = tools[one.actor].get(call.name)
        if tool is None:
            faults.append((one, ErrorKind.unknown_tool, f"a call to {clip(call.name)!r}, which is not among the {one.actor}'s tools, was accepted"))
            continue
        validator = _VALIDATORS.of(tool)
        error = validate_arguments(validator, call.arguments) if validator is not None else None
        if error is not None:
            faults.append((one, error.kind, f"{clip(call.name)}{clip(error.path)}: {clip(error.detail, 200)}, yet the call was accepted"))
    return faults


class _Validators:
    """Compiled schemas by specification; each specification is kept alive so that its identity stays its own."""

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._known: dict[int, tuple[ToolSpec, jsonschema_rs.Draft202012Validator | None]] = {}

    def of(self, tool: ToolSpec) -> jsonschema_rs.Draft202012Validator | None:
        found = self._known.get(id(tool))
        if found is None or found[0] is not tool:
            if len(self._known) >= self._size:
                self._known.clear()
            try:
                found = (tool, compile_schema(tool.parameters, tool.name))
            except SourceError:  # the world reports such tools; there is nothing to hold arguments against
                found = (tool, None)
            self._known[id(tool)] = found
        return found[1]


_VALIDATORS = _Validators()
