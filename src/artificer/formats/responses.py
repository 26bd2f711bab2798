"""OpenAI's Responses items: `input` (or `items`, or an `output` behind it) as a list of messages, reasoning, calls
and results; `instructions` beside.

An assistant's message is what stands together: a thought, a text, calls. Items of other types (searches, files, computers, MCP) are dropped by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.messages import Image, Message, Part, Text, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import Format, Item
from artificer.formats.parts import (
    ANTHROPICS,
    BLOCKS,
    OPENAIS,
    arguments_text,
    call_of,
    extra,
    extras,
    image,
    linear,
    listed,
    node,
    plain,
    result_of,
    result_text,
    text_of,
    tools_of,
)

_ROW = frozenset({"input", "items", "output", "tools", "id", "instructions"})
_ITEM = frozenset({"type", "role", "content", "id", "status", "call_id", "name", "arguments", "output", "summary"})
_TYPES = ("message", "reasoning", "function_call", "function_call_output")
_ROLES: dict[str, Any] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def _items(row: Any) -> list[Any]:
    if not row.keys() & {"input", "items", "output"}:
        raise KeyError("input")
    given = row.get("input", row.get("items"))
    start: list[Any] = [{"role": "user", "content": given}] if isinstance(given, str) else list(given or ())
    return start + list(row.get("output") or ())


def _type(item: Any) -> str:
    return item.get("type") or ("message" if "role" in item else "")


def fits(row: Any) -> float:
    """Items with types."""
    if row.get("input") is None and row.get("items") is None:
        return 0.0
    kinds = [_type(item) for item in _items(row)]
    return 0.95 if any(kind in _TYPES[1:] for kind in kinds) else 0.6 if kinds and all(kind == "message" for kind in kinds) else 0.0


def count(row: Any) -> int:
    """An event an item, and one for instructions; a message without text that only holds calls or a thought together is none."""
    items = _items(row)
    found = 1 if row.get("instructions") is not None else 0
    for at, item in enumerate(items):
        before, after = (_type(items[at - 1]) if at else ""), (_type(items[at + 1]) if at + 1 < len(items) else "")
        joins = _type(item) == "message" and item.get("role") == "assistant" and not _speaks(item)
        found += 0 if joins and (before == "reasoning" or after == "function_call") else 1
    return found


def _speaks(item: Any) -> bool:
    content = item.get("content")
    if not isinstance(content, list):
        return bool(content)
    user = item.get("role") == "user"
    return any(part.get("text") or part.get("refusal") or (user and part.get("type") == "input_image") for part in cast("list[Any]", content))


# reading


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The conversation of a row."""
    nodes: list[Node] = []
    if row.get("instructions") is not None:
        nodes.append(node(-1, Message("system", plain(row["instructions"])), notes={"instructions": True}))
    parts = _Turn()
    for item in _items(row):
        kind = _type(item)
        if kind in ("reasoning", "function_call") or (kind == "message" and item["role"] == "assistant"):
            if parts.closed_to(kind):
                parts.flush(nodes)
            parts.take(kind, item, account)
            continue
        parts.flush(nodes)
        if kind == "message":
            _own(item)
            content = item["content"]
            shown = _content(cast("list[Any]", content)) if isinstance(content, list) else plain(content)
            account.lose("the role 'developer': read as system", item["role"] == "developer")
            nodes.append(node(len(nodes) - 1, Message(_ROLES[item["role"]], shown), notes=extra(item, _ITEM)))
        elif kind == "function_call_output":
            nodes.append(node(len(nodes) - 1, Message("tool", result=_result(item)), notes=extra(item, _ITEM)))
        else:
            account.drop(f"an item of the type {kind[:40]!r}", 1)
    parts.flush(nodes)
    kept = extra(row, _ROW)
    tools = row.get("tools")
    if isinstance(tools, list) and any(tool.get("type", "function") != "function" for tool in cast("list[Any]", tools)):
        account.lose("tools of the server")
        tools = [tool for tool in cast("list[Any]", tools) if tool.get("type", "function") == "function"]
    yield linear(nodes, tools_of(tools, account), name=row.get("id"), lineage={"extra": kept} if kept else None)


def _own(item: Any) -> None:
    """A message is what this API has.

    Raises:
        ValueError: it holds calls or results as other APIs have them, which would be lost.
    """
    if not item.keys() <= _ITEM and any(item.get(name) for name in ("tool_calls", "function_call", "reasoning_content")):
        raise ValueError(OPENAIS)
    content = item["content"]
    if isinstance(content, list) and any(part.get("type") in BLOCKS for part in cast("list[Any]", content)):
        raise ValueError(ANTHROPICS)


class _Turn:
    """What stands together as one message of the assistant."""

    def __init__(self) -> None:
        self.thought: str | None = None
        self.text: str | None = None
        self.calls: list[ToolCall] = []
        self.notes: dict[str, Any] = {}

    def closed_to(self, kind: str) -> bool:
        """Whether an item begins a new message."""
        if kind == "reasoning":
            return self.thought is not None or self.text is not None or bool(self.calls)
        return kind == "message" and (self.text is not None or bool(self.calls))

    def take(self, kind: str, item: Any, account: Account) -> None:
        if kind == "reasoning":
            given = listed(item.get("content") or item.get("summary"))
            self.thought = plain(given)
            if item.get("encrypted_content"):
                self.notes["encrypted_content"] = item["encrypted_content"]
        elif kind == "message":
            _own(item)
            content = item["content"]
            said = [part.get("text") or part.get("refusal") or "" for part in listed(content)] if isinstance(content, list) else [plain(content)]
            self.text = "".join(said)
            self.notes |= extra(item, _ITEM)
        else:
            self.calls.append(call_of(_text(item["call_id"]), _text(item["name"]), item["arguments"], account))

    def flush(self, nodes: list[Node]) -> None:
        if self.thought is not None or self.text is not None or self.calls:
            nodes.append(node(len(nodes) - 1, Message("assistant", self.text or "", self.thought, tuple(self.calls)), notes=self.notes))
        self.__init__()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a name or an id is text")
    return value


def _content(parts: list[Any]) -> str | tuple[Part, ...]:
    found: list[Part] = []
    for part in parts:
        if part["type"] == "input_image":
            found.append(image(_text(part.get("image_url") or part.get("file_id"))))
        elif "text" in part:
            found.append(Text(_text(part["text"])))
        else:
            found.append(Text(text_of(part)))
    return tuple(found) if any(isinstance(part, Image) for part in found) else "".join([part.text for part in found if isinstance(part, Text)])


def _result(item: Any) -> ToolResult:
    output = item["output"]
    if isinstance(output, list) and any(part.get("type") not in ("input_text", "output_text", "text") for part in cast("list[Any]", output)):
        return ToolResult(_text(item["call_id"]), output)
    return result_of(_text(item["call_id"]), plain(output))


# writing


def render(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch."""
    nodes = _telling(item.trace.nodes, account)
    row: dict[str, Json] = {"id": item.trace.id, "input": [made for one in nodes for made in _record(one)]}
    if item.tools:
        row["tools"] = [
            {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in item.tools
        ]
    yield row | extras(item.trace.lineage, _ROW)


def _telling(nodes: Sequence[Node], account: Account) -> list[Node]:
    """Nodes without empty messages of the assistant that stand beside another of the assistant's.

    A reader joins the two, and nothing would be left of them: they are dropped by name.
    """
    kept: list[Node] = []
    for at, one in enumerate(nodes):
        message = one.message
        idle = message.role == "assistant" and not (message.text or message.calls or one.notes) and message.reasoning is None
        beside = (kept[-1].message.role if kept else "", nodes[at + 1].message.role if at + 1 < len(nodes) else "")
        if idle and "assistant" in beside:
            account.drop("messages with nothing in them, beside others of the assistant", 1)
        else:
            kept.append(one)
    return kept


def _record(one: Node) -> Iterator[dict[str, Json]]:
    message, notes = one.message, extras(one.notes, _ITEM)
    if message.role == "tool":
        result = message.result or ToolResult("", message.text)
        yield {"type": "function_call_output", "call_id": result.call_id, "output": result_text(result)} | notes
        return
    if message.role != "assistant":
        yield {"type": "message", "role": message.role, "content": _shown(message)} | notes
        return
    if message.reasoning is not None:
        yield {"type": "reasoning", "summary": [{"type": "summary_text", "text": message.reasoning}]}
    if message.text or notes or not message.calls:
        yield {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": message.text}]} | notes
    for call in message.calls:
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments_text(call)}


def _shown(message: Message) -> Json:
    if isinstance(message.content, str) or message.role != "user" or not any(isinstance(part, Image) for part in message.content):
        return message.text
    return [
        {"type": "input_text", "text": part.text} if isinstance(part, Text) else {"type": "input_image", "image_url": part.uri}
        for part in message.content
        if isinstance(part, Text | Image)
    ]


FORMAT = Format(
    "responses",
    "items of OpenAI's Responses API",
    fits,
    count,
    parse,
    render,
    frozenset(["id", "reasoning", "images", "call_ids", "parallel", "beside", "errors", "results", "system", "opening", "empty", "words", "tools"]),
    ("ids and states of items", "which thoughts were a summary"),
)
