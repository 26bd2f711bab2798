"""One conversation with everything, and rows of each format: written from it, or fixtures for formats that are only read."""

from __future__ import annotations

from pathlib import Path

from artificer.core.messages import Image, Message, Text, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import ErrorKind
from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.formats.base import Item, toolset_digest
from artificer.formats.convert import render

FIXTURES = Path(__file__).parent / "fixtures"
TOOLS = (
    ToolSpec(
        "find_order",
        "Finds an order.",
        {"type": "object", "properties": {"id": {"type": "integer", "description": "Its number."}}, "required": ["id"]},
    ),
    ToolSpec("cancel", "Cancels it.", {"type": "object", "properties": {"id": {"type": "integer"}, "why": {"type": "string"}}}),
)
SAID = (
    Message("system", "Be brief."),
    Message("user", (Text("Cancel 7, Grüße 🙂"), Image("data:image/png;base64,AA", "image/png"))),
    Message("assistant", "I look.", "First the order.", (ToolCall("c1", "find_order", {"id": 7}), ToolCall("c2", "find_order", {"id": 8}))),
    Message("tool", result=ToolResult("c1", {"id": 7, "state": "open"})),
    Message("tool", result=ToolResult("c2", error=ErrorKind.not_found, detail="no order 8")),
    Message("assistant", "", calls=(ToolCall("c3", "cancel", {"id": 7, "why": "wish"}),)),
    Message("tool", result=ToolResult("c3", "done")),
    Message("assistant", "Cancelled.", "That was all."),
)


PLAIN = tuple(Message("assistant", "I look.", "First the order.", said.calls[:1]) if len(said.calls) > 1 else said for said in SAID[:4] + SAID[5:])
"""The same with one call at a time."""


CROSSED = (*SAID[:3], SAID[4], SAID[3], *SAID[5:])
"""The same with the results of calls made together in another order."""
UNANSWERED = (*SAID[:3], SAID[4], *SAID[5:])
"""The same without an answer to the first of two calls."""


def conversation(name: str = "t1", said: tuple[Message, ...] = SAID) -> Item:
    nodes = tuple(Node(at - 1 if at else None, one, sampled=one.role == "assistant") for at, one in enumerate(said))
    return Item(Trace(name, name, "", toolset_digest(TOOLS), nodes), TOOLS)


def question(name: str = "t3") -> Item:
    """A question and the calls that answer it."""
    return conversation(name, (SAID[1], Message("assistant", calls=SAID[2].calls)))


def rows_of(name: str) -> list[bytes]:
    """Good rows of a format."""
    found = [path for path in (FIXTURES / f"{name}.jsonl", *sorted(FIXTURES.glob(f"{name}-*.jsonl"))) if path.exists()]
    rows = [line for path in found for line in path.read_bytes().splitlines() if line.strip()]
    form = format_named(name)
    told = [conversation(), conversation("t2", PLAIN), question()]
    return rows + ([] if form.render is None or form.name == "dpo" else list(render(told, form, Account())))
