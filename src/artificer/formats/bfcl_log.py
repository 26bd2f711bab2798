"""The log of a multi-turn BFCL result: what was asked in each turn, each step of the model, and the results of calls.

[[states], {"begin_of_turn_query": [messages], "step_0": [{"role": "assistant"}, {"role": "handler_log"}, {"role": "tool"}]}, [states], ...]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from artificer.core.messages import Message
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import message_events
from artificer.formats.bfcl_calls import step
from artificer.formats.parts import listed, node, plain, result_of

_QUERY, _STEP = "begin_of_turn_query", "step_"


def turns_of(log: Any) -> list[dict[str, Any]]:
    """The turns of a log; none where there is no log of turns."""
    entries = cast("list[Any]", log) if isinstance(log, list) else []
    return [cast("dict[str, Any]", entry) for entry in entries if isinstance(entry, dict) and isinstance(cast("Any", entry).get(_QUERY), list)]


def _entries(turn: dict[str, Any]) -> Iterator[Any]:
    """What was asked, then what was done, step by step."""
    yield from turn[_QUERY]
    at = 0
    while f"{_STEP}{at}" in turn:
        for entry in listed(turn[f"{_STEP}{at}"]):
            if entry["role"] in ("assistant", "tool"):
                yield entry
        at += 1


def count(turns: Sequence[dict[str, Any]]) -> int:
    """The events of a log: messages, calls, thoughts and results."""
    return sum([_count(entry) for turn in turns for entry in _entries(turn)])


def _count(entry: Any) -> int:
    return message_events(_said(entry, "c", Account())) if entry["role"] == "assistant" else 1


def _said(entry: Any, prefix: str, account: Account) -> Message:
    """A step of the model."""
    message, thought = step(entry.get("content"), prefix, account), entry.get("reasoning_content")
    if not isinstance(thought, str | None):
        raise TypeError("reasoning is text")
    return message if not thought else Message("assistant", message.content, thought, message.calls)


def nodes_of(turns: Sequence[dict[str, Any]], account: Account) -> list[Node]:
    """The conversation of a log; results answer the calls before them in order."""
    nodes: list[Node] = []
    waiting: list[str] = []
    for entry in [entry for turn in turns for entry in _entries(turn)]:
        role, at = entry["role"], len(nodes)
        if role == "assistant":
            message = _said(entry, f"c{at}", account)
            waiting = [call.id for call in message.calls]
        elif role == "tool":
            message = Message("tool", result=result_of(waiting.pop(0) if waiting else "", plain(entry.get("content"))))
        elif role in ("system", "user"):
            message = Message(role, plain(entry.get("content")))
        else:
            raise ValueError("an unknown role")
        nodes.append(node(at - 1, message))
    return nodes
