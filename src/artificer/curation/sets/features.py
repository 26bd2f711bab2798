"""What of a trace decides where it goes: the groups that it belongs to, and the texts by which it is like another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

from artificer.core.canon import Json, canonical, scalars
from artificer.curation.sets.entries import Entry
from artificer.formats.base import Item

On = Literal["conversation", "calls", "first-user"]
SHORTEST = 3
"""Characters from which on an argument's value says which thing is meant."""


def called(item: Item) -> list[str]:
    """Names of the tools that a trace calls, each once, in order."""
    return sorted({call.name for node in item.trace.nodes for call in node.message.calls})


def entities(entry: Entry) -> list[str]:
    """The things a trace is about: the task's own list where it has one, else values of arguments."""
    task = entry.task
    told = task.lineage.get("entities") if task is not None else None
    if isinstance(told, list) and told:
        return sorted({str(one) for one in cast("list[Json]", told)})
    said = [call.arguments for node in entry.item.trace.nodes for call in node.message.calls]
    return sorted({str(one) for one in scalars(said) if not isinstance(one, bool) and one is not None and len(str(one)) >= SHORTEST})


def world_of(entry: Entry) -> str:
    """The world that a trace was played in, or its source where none is named."""
    return entry.item.trace.world or (entry.task.world if entry.task is not None else "") or f"source {entry.name}"


def length_of(entry: Entry) -> str:
    """Messages by powers of two: 1, 2, 3-4, 5-8, ..."""
    size = max(1, len(entry.item.trace.nodes))
    power = (size - 1).bit_length()
    return f"up to {1 << power} messages"


def text_of(item: Item, on: On = "conversation") -> str:
    """The words by which a trace is like another: of users and assistants with their calls, of calls alone, or of the first user message."""
    parts: list[str] = []
    for node in item.trace.nodes:
        message = node.message
        if on == "first-user":
            if message.role == "user" and message.text:
                return message.text
            continue
        if on == "conversation" and message.role in ("user", "assistant"):
            parts.append(message.text)
        parts += [f"{call.name} {canonical(call.arguments).decode()}" for call in message.calls]
    return "\n".join(parts)


BY: dict[str, Callable[[Entry], list[str]]] = {
    "trace": lambda entry: [entry.key],
    "task": lambda entry: [entry.task.id if entry.task is not None else entry.item.trace.task_id or entry.key],
    "world": lambda entry: [world_of(entry)],
    "source": lambda entry: [entry.name],
    "tool": lambda entry: called(entry.item),
    "entity": entities,
    "tag": lambda entry: sorted(entry.task.tags) if entry.task is not None else [],
    "length": lambda entry: [length_of(entry)],
}
"""What traces can be put together by."""
