"""Anthropic's messages: content in blocks, results in the user's next message, the system prompt beside (`system`).

Kept: text, thinking (its signature in notes), images, calls (`tool_use`) and results (`tool_result`, `is_error`). Results behind each other are
written as one message, as the API wants them for parallel calls. Blocks of other types (documents, citations, tools of the server) are dropped by
name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.messages import Image, Message, Part, Text, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind
from artificer.formats.account import Account
from artificer.formats.base import Format, Item
from artificer.formats.parts import call_of, extra, extras, linear, node, plain, result_of, result_text, source_image, tools_of

_ROW = frozenset({"messages", "system", "tools", "id"})
_MESSAGE = frozenset({"role", "content"})
_TEXT = frozenset({"type", "text"})
_RESULT = frozenset({"type", "tool_use_id", "content", "is_error"})
_HERE = ("text", "image", "thinking", "redacted_thinking", "tool_use", "tool_result")
BLOCKS = ("tool_use", "tool_result", "thinking", "redacted_thinking")
_ROLES = ("user", "assistant", "system")
_OPENAI = ("tool_calls", "function_call", "reasoning_content")
UNMARKED = 0.1
"""How much a row of nothing but texts looks like Anthropic's: it could be one of its rows, and nothing says that it is."""


def fits(row: Any) -> float:
    """Blocks of calls, results or thoughts, or images with a source; or a system prompt beside messages; or tools with an input schema."""
    messages = row["messages"]
    blocks = [part for message in messages if isinstance(message["content"], list) for part in message["content"]]
    if any(_is_own(part) for part in blocks) or any("input_schema" in tool for tool in row.get("tools") or ()):
        return 0.95
    if any(message["role"] not in _ROLES or any(message.get(name) for name in _OPENAI) for message in messages):
        return 0.0
    system = row.get("system") if all(message["role"] != "system" for message in messages) else None
    return 0.95 if isinstance(system, list) else 0.7 if system is not None else UNMARKED


def _is_own(block: Any) -> bool:
    return block["type"] in BLOCKS or (block["type"] == "image" and isinstance(block.get("source"), dict))


def count(row: Any) -> int:
    """System texts, and of each message its results, calls, its thought, and its text."""
    system = row.get("system")
    return (len(cast("list[Any]", system)) if isinstance(system, list) else system is not None) + sum([_count(one) for one in row["messages"]])


def _count(message: Any) -> int:
    content = message["content"]
    if not isinstance(content, list):
        return 1
    kinds = [part["type"] for part in cast("list[Any]", content)]
    apart = sum([kind in ("tool_use", "tool_result") or kind not in _HERE for kind in kinds])
    thought = any(kind in ("thinking", "redacted_thinking") for kind in kinds)
    return apart + thought + (1 if not (apart or thought) or _shows(cast("list[Any]", content), message["role"] == "user") else 0)


def _shows(blocks: Sequence[Any], user: bool) -> bool:
    return any((part["type"] == "text" and part["text"]) or (user and part["type"] == "image") for part in blocks)


# reading


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The conversation of a row."""
    nodes: list[Node] = []
    system = row.get("system")
    for text in cast("list[Any]", system) if isinstance(system, list) else [] if system is None else [system]:
        notes = {} if isinstance(text, str) else extra(text, _TEXT)
        nodes.append(node(len(nodes) - 1, Message("system", plain(text if isinstance(text, str) else [text])), notes=notes))
    for record in row["messages"]:
        role, content = record["role"], record["content"]
        if role in ("tool", "function") or any(record.get(name) for name in _OPENAI):
            raise ValueError("messages of OpenAI's: read it with --from chat")
        if role not in _ROLES:
            account.drop(f"a message of the role {str(role)[:40]!r}", _count(record))
        elif isinstance(content, list):
            _blocks(role, cast("list[Any]", content), extra(record, _MESSAGE), nodes, account)
        else:
            nodes.append(node(len(nodes) - 1, Message(role, plain(content)), notes=extra(record, _MESSAGE)))
    kept = extra(row, _ROW)
    yield linear(nodes, tools_of(row.get("tools"), account), name=row.get("id"), lineage={"extra": kept} if kept else None)


def _blocks(role: Any, blocks: list[Any], notes: dict[str, Any], nodes: list[Node], account: Account) -> None:
    calls: list[ToolCall] = []
    thoughts: list[str] = []
    shown: list[Part] = []
    results = 0
    for block in blocks:
        kind = block["type"]
        if kind == "tool_result":
            results += 1
            nodes.append(node(len(nodes) - 1, Message("tool", result=_result(block)), notes=extra(block, _RESULT)))
        elif kind == "tool_use":
            calls.append(call_of(block["id"], block["name"], block["input"], account))
        elif kind in ("thinking", "redacted_thinking"):
            thoughts.append(block.get("thinking", ""))
            hidden = block.get("signature") or block.get("data")
            notes |= {"signature": hidden} if hidden else {}
        elif kind in ("text", "image"):
            if calls and kind == "text" and block["text"]:
                account.lose("the order of text and calls: text comes first")
            shown.append(Text(block["text"]) if kind == "text" else source_image(block["source"]))
        else:
            account.drop(f"a block of the type {str(kind)[:40]!r}", 1)
            results += 1
    if calls or thoughts or not results or _shows(blocks, role == "user"):
        content = tuple(shown) if any(isinstance(part, Image) for part in shown) else "".join([part.text for part in shown if isinstance(part, Text)])
        thought = "\n".join(thoughts) if thoughts else None
        nodes.append(node(len(nodes) - 1, Message(role, content, thought, tuple(calls)), notes=notes))


def _result(block: Any) -> ToolResult:
    content = block.get("content")
    call_id = block["tool_use_id"]
    if not isinstance(call_id, str):
        raise TypeError("an id is text")
    if isinstance(content, list) and any(part["type"] != "text" for part in cast("list[Any]", content)):
        return ToolResult(call_id, content)
    text = plain(content)
    found = result_of(call_id, text)
    if block.get("is_error") is True and found.error is None:
        return ToolResult(call_id, error=ErrorKind.internal, detail=text)
    return found


# writing


def render(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch."""
    nodes = item.trace.nodes
    start = next((at for at, one in enumerate(nodes) if one.message.role != "system"), len(nodes))
    row: dict[str, Json] = {"id": item.trace.id}
    if start:
        row["system"] = [{"type": "text", "text": one.message.text} | extras(one.notes, _TEXT) for one in nodes[:start]]
    row["messages"] = list(_messages(nodes[start:]))
    if item.tools:
        row["tools"] = [{"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in item.tools]
    yield row | extras(item.trace.lineage, _ROW)


def _messages(nodes: Sequence[Node]) -> Iterator[dict[str, Json]]:
    results: list[Json] = []
    for one in nodes:
        message = one.message
        if message.role == "tool":
            results.append(_result_block(message) | extras(one.notes, _RESULT))
            continue
        if results:
            yield {"role": "user", "content": results}
            results = []
        yield _record(one)
    if results:
        yield {"role": "user", "content": results}


def _result_block(message: Message) -> dict[str, Json]:
    result = message.result or ToolResult("", message.text)
    block: dict[str, Json] = {"type": "tool_result", "tool_use_id": result.call_id, "content": result_text(result)}
    return block | ({"is_error": True} if result.error is not None else {})


def _record(one: Node) -> dict[str, Json]:
    message = one.message
    notes = extras(one.notes, _MESSAGE)
    blocks: list[Json] = []
    if message.reasoning is not None:
        blocks.append({"type": "thinking", "thinking": message.reasoning, "signature": notes.pop("signature", "")})
    pictures = message.role == "user" and not isinstance(message.content, str) and any(isinstance(part, Image) for part in message.content)
    if pictures:
        parts = [part for part in message.content if isinstance(part, Text | Image)]
        blocks += [{"type": "text", "text": part.text} if isinstance(part, Text) else _image_block(part) for part in parts]
    elif message.text and (blocks or message.calls):
        blocks.append({"type": "text", "text": message.text})
    if message.role == "assistant":
        blocks += [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in message.calls]
    return {"role": message.role, "content": blocks if blocks else message.text} | notes


def _image_block(part: Image) -> dict[str, Json]:
    head, comma, data = part.uri.partition(";base64,")
    if comma and head.startswith("data:"):
        return {"type": "image", "source": {"type": "base64", "media_type": head[5:], "data": data}}
    return {"type": "image", "source": {"type": "url", "url": part.uri}}


FORMAT = Format(
    "anthropic",
    "Anthropic messages in blocks",
    fits,
    count,
    parse,
    render,
    frozenset(["id", "reasoning", "images", "call_ids", "parallel", "beside", "errors", "results", "opening", "empty", "words", "tools", "adjacent"]),
    ("system messages behind the beginning are dropped by name", "white space in results that are JSON"),
)
