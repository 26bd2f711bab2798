"""Small conversations for the rules' tests."""

from __future__ import annotations

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.formats.base import Item, toolset_digest

FIND = ToolSpec("find", "Finds.", {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"], "additionalProperties": False})
DROP = ToolSpec("drop", "Drops.", {"type": "object", "properties": {"why": {"type": "string"}}})


def user(text="Find 7, please."):
    return Message("user", text)


def says(text="It is there."):
    return Message("assistant", text)


def calls(*made, text="", reasoning=None):
    """Calls as (id, name, arguments)."""
    return Message("assistant", text, reasoning, tuple(ToolCall(*one) for one in made))


def result(call_id="a", content="open", error=None):
    return Message("tool", result=ToolResult(call_id, None if error else content, error, "no" if error else None))


def item(*said, tools=(FIND, DROP), name="t1", lineage=None):
    nodes = tuple(Node(at - 1 if at else None, one, sampled=one.role == "assistant") for at, one in enumerate(said))
    return Item(Trace(name, name, "", toolset_digest(tools), nodes, lineage=lineage or {}), tools)


GOOD = (user(), calls(("a", "find", {"id": 7}), text="I look."), result(), says())
