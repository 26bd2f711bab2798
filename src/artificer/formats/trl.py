"""TRL's conversational rows for supervised fine-tuning: `messages`, and `tools` as a text.

They are chat messages with two differences, which decide what a model is taught. Arguments of calls are objects: chat templates encode them
themselves, and many encode a text a second time. Tools are one JSON text, which TRL decodes: `datasets` gives every row of a column the same
fields, so that tools as objects come back with each other's parameters, empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from artificer.core.canon import Json, scalars
from artificer.core.trace import Node
from artificer.formats import chat
from artificer.formats.account import Account
from artificer.formats.base import Format, Item
from artificer.formats.parts import extras, openai_tool, text_of

_ROW = frozenset({"messages", "tools", "id"})
WEIGHT = "messages that are not to be learnt, for TRL: it passes over their `weight` of 0, which only comes back here"
WHOLE = 1 << 63
"""`datasets` reads no whole number beyond 64 bits, and nothing of a file that has one."""


def fits(row: Any) -> float:
    """Messages whose calls have objects for arguments, with tools as a text."""
    if not isinstance(row.get("tools", ""), str) or "messages" not in row:
        return 0.0
    calls = [call for message in row["messages"] for call in message.get("tool_calls") or ()]
    return 0.95 if chat.fits(row) and calls and all(isinstance(call["function"]["arguments"], dict) for call in calls) else 0.0


def message_record(one: Node) -> dict[str, Json]:
    """A message as TRL's templates take it."""
    record = chat.message_record(one)
    for call, written in zip(one.message.calls, cast("list[Any]", record.get("tool_calls") or ()), strict=False):
        if not isinstance(call.arguments.get("$text"), str) and not _too_large(call.arguments):
            written["function"]["arguments"] = call.arguments
    return record


def _too_large(value: Json) -> bool:
    """Whether there is a whole number that `datasets` refuses."""
    return any(isinstance(one, int) and not -WHOLE <= one < WHOLE for one in scalars(value))


def render(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch."""
    trace = item.trace
    messages = [message_record(one) for one in trace.nodes]
    if any("weight" in message for message in messages):
        account.lose(WEIGHT)
    record: dict[str, Json] = {"id": trace.id, "messages": cast("list[Json]", messages)}
    if item.tools:
        record["tools"] = text_of([openai_tool(tool) for tool in item.tools])
    yield record | extras(trace.lineage, _ROW) if trace.lineage else record


FORMAT = Format(
    "trl",
    "TRL's conversational rows: arguments as objects, tools as a text",
    fits,
    chat.count,
    chat.parse,
    render,
    chat.FORMAT.holds,
    (*chat.FORMAT.losses, "`datasets`, which TRL reads with, rounds numbers to about ten digits"),
)
