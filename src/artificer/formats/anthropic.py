"""Anthropic's messages: content in blocks, results in the user's next message, the system prompt beside (`system`).

Kept: text, thinking (its signature in notes), images, calls (`tool_use`) and results (`tool_result`, `is_error`); where the
blocks of a message are more than a message of ours says, they are kept beside it (`anthropic_blocks`). Results behind each
other are written as one message, as the API wants them for parallel calls. Blocks of other types (documents, tools of the
server) and tools of the server are dropped by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.messages import Image, Message, Text, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.anthropic_blocks import nodes_of, written
from artificer.formats.base import BLOCKS, FLAG, Format, Item
from artificer.formats.parts import OPENAIS, extra, extras, is_broken, linear, node, plain, result_text, tools_of

_ROW = frozenset({"messages", "system", "tools", "id"})
_MESSAGE = frozenset({"role", "content"})
_TEXT = frozenset({"type", "text"})
_RESULT = frozenset({"type", "tool_use_id", "content", "is_error"})
_HERE = ("text", "image", "thinking", "redacted_thinking", "tool_use", "tool_result")
_THEIRS = ("tool_use", "tool_result", "thinking", "redacted_thinking")
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
    return block["type"] in _THEIRS or "citations" in block or (block["type"] == "image" and isinstance(block.get("source"), dict))


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
            raise ValueError(OPENAIS)
        if role not in _ROLES:
            account.drop(f"a message of the role {str(role)[:40]!r}", _count(record))
        elif isinstance(content, list) and role == "system":
            account.lose("fields of texts in a system message", sum(len(part) > 2 for part in cast("list[Any]", content)))
            nodes.append(node(len(nodes) - 1, Message("system", plain(content)), notes=extra(record, _MESSAGE)))
        elif isinstance(content, list):
            nodes += nodes_of(role, cast("list[Any]", content), extra(record, _MESSAGE), len(nodes) - 1, account)
        else:
            nodes.append(node(len(nodes) - 1, Message(role, plain(content)), notes=extra(record, _MESSAGE)))
    kept = extra(row, _ROW)
    yield linear(nodes, tools_of(row.get("tools"), account), name=row.get("id"), lineage={"extra": kept} if kept else None)


# writing


def render(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch.

    Raises:
        ValueError: the arguments of a call are no object.
    """
    nodes = item.trace.nodes
    start = next((at for at, one in enumerate(nodes) if one.message.role != "system"), len(nodes))
    row: dict[str, Json] = {"id": item.trace.id}
    if start:
        row["system"] = [{"type": "text", "text": one.message.text} | extras(one.notes, _TEXT) for one in nodes[:start]]
    row["messages"] = list(_messages(nodes[start:], account))
    if item.tools:
        row["tools"] = [{"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in item.tools]
    yield row | extras(item.trace.lineage, _ROW)


def _messages(nodes: Sequence[Node], account: Account) -> Iterator[dict[str, Json]]:
    results: list[Node] = []
    for one in nodes:
        tool = one.message.role == "tool"
        kept = written(results, one, account) if BLOCKS in one.notes else None
        if kept is not None:
            within, blocks = kept
            yield from _results(results[: len(results) - within])
            yield {"role": "user" if tool else one.message.role, "content": blocks} | ({} if tool else extras(one.notes, _MESSAGE))
            results = []
        elif tool:
            results.append(one)
        else:
            yield from _results(results)
            yield _record(one)
            results = []
    yield from _results(results)


def _results(nodes: Sequence[Node]) -> Iterator[dict[str, Json]]:
    """Results behind each other, as one message."""
    if nodes:
        yield {"role": "user", "content": [_result_block(one) | extras(one.notes, _RESULT) for one in nodes]}


def _result_block(one: Node) -> dict[str, Json]:
    result = one.message.result or ToolResult("", one.message.text)
    block: dict[str, Json] = {"type": "tool_result", "tool_use_id": result.call_id, "content": result_text(result)}
    return block | ({"is_error": True} if result.error is not None or one.notes.get(FLAG) is True else {})


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
        blocks += [{"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call)} for call in message.calls]
    return {"role": message.role, "content": blocks if blocks else message.text} | notes


def _input(call: ToolCall) -> dict[str, Json]:
    if "$text" in call.arguments and is_broken(call):
        raise ValueError("a call whose arguments are no object")
    return call.arguments


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
    frozenset(
        [
            "id",
            "reasoning",
            "images",
            "call_ids",
            "parallel",
            "beside",
            "errors",
            "results",
            "opening",
            "empty",
            "words",
            "tools",
            "adjacent",
            "flagged",
            "blocks",
        ]
    ),
    (
        "system messages behind the beginning are dropped by name",
        "white space in results that are JSON",
        "whether a text alone stands in a block, and which results stood in a message of their own",
        "tools of the server, and fields of tools other than name, description and schema",
    ),
)
