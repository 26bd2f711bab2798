"""Content in Anthropic's blocks: what messages it is, and the blocks themselves where messages do not say all of them.

A message of ours has one thought, one text (with images where a user shows them) and its calls, in this order. Blocks that
are more than that (several thoughts, redacted ones, texts behind calls or apart, citations, marks of a cache, images in
results, text beside results) are kept in the notes of the last node that was made of them, under `blocks`, and are written
again as long as they say what the nodes say. A result that is an error (`is_error`) has no kind there: its text stays as it
is, and the notes say `is_error`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from msgspec import Struct

from artificer.core.messages import Image, Message, Part, Text, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import BLOCKS, FLAG
from artificer.formats.parts import call_of, extra, node, plain, result_of, source_image

_RESULT = frozenset({"type", "tool_use_id", "content", "is_error"})
_FIELDS = {"text": 2, "image": 2, "thinking": 3, "tool_use": 4}
"""Fields of blocks that say no more than a message does."""
CHANGED = "Anthropic's blocks of messages that were changed since"


class _Read(Struct):
    """What is gathered from the blocks of one message; `odd`: they are more than a message says."""

    results: list[Node]
    calls: list[ToolCall]
    thoughts: list[str]
    shown: list[Part]
    kept: list[Any]
    odd: bool = False
    passed: int = 0


def nodes_of(role: Any, blocks: Sequence[Any], notes: dict[str, Any], before: int, account: Account) -> list[Node]:
    """The results in blocks, and the message that is left, as nodes behind the node `before` (-1: there is none).

    Raises:
        ValueError, KeyError, TypeError, AttributeError: they are no such blocks.
    """
    read = _Read([], [], [], [], [])
    for block in blocks:
        _take(block, read, account)
    made = [_behind(one, before + at) for at, one in enumerate(read.results)]
    content = _content(read)
    if read.calls or read.thoughts or not (made or read.passed) or _says(content, role == "user"):
        thought = "\n".join([one for one in read.thoughts if one]) if read.thoughts else None
        if made or (len(read.shown) > 1 and isinstance(content, str)) or (read.shown and role != "user" and not isinstance(content, str)):
            read.odd = True
        signature = next((block["signature"] for block in blocks if block.get("signature")), None)
        told = notes if read.odd or signature is None else {**notes, "signature": signature}
        made.append(node(before + len(made), Message(role, content, thought, tuple(read.calls)), notes=told))
    else:
        read.odd = read.odd or bool(read.shown)
        account.lose("fields of messages that hold only results", len(notes))
    if read.odd and made:
        made[-1].notes[BLOCKS] = read.kept
    return made


def _behind(one: Node, before: int) -> Node:
    return Node(before if before >= 0 else None, one.message, sampled=False, notes=one.notes)


def _take(block: Any, read: _Read, account: Account) -> None:
    kind = block["type"]
    if kind == "tool_result":
        read.results.append(_result(block, read))
    elif kind == "tool_use":
        read.calls.append(call_of(block["id"], block["name"], block["input"], account))
    elif kind == "thinking":
        read.odd = read.odd or bool(read.thoughts or read.shown or read.calls)
        read.thoughts.append(block["thinking"])
    elif kind == "redacted_thinking":
        read.odd = True
        read.thoughts.append("")
    elif kind == "text":
        read.odd = read.odd or bool(read.calls)
        read.shown.append(Text(block["text"]))
    elif kind == "image":
        read.odd = read.odd or bool(read.calls) or block["source"]["type"] not in ("base64", "url")
        read.shown.append(source_image(block["source"]))
    else:
        account.drop(f"a block of the type {str(kind)[:40]!r}", 1)
        read.passed += 1
        return
    read.kept.append(block)
    if kind in _FIELDS and len(block) > _FIELDS[kind]:
        read.odd = True


def _content(read: _Read) -> str | tuple[Part, ...]:
    if len(read.shown) == 1 and isinstance(read.shown[0], Text):
        return read.shown[0].text
    if any(isinstance(part, Image) for part in read.shown):
        return tuple(read.shown)
    return "".join([part.text for part in read.shown if isinstance(part, Text)])


def _says(content: str | tuple[Part, ...], user: bool) -> bool:
    if isinstance(content, str):
        return content != ""
    return any(part.text if isinstance(part, Text) else user for part in content)


def _result(block: Any, read: _Read) -> Node:
    content, call_id = block.get("content"), block["tool_use_id"]
    if not isinstance(call_id, str):
        raise TypeError("an id is text")
    failed = block.get("is_error") is True
    parts = cast("list[Any]", content) if isinstance(content, list) else []
    read.odd = read.odd or any(part["type"] != "text" or len(part) > 2 for part in parts)
    shown = any(part["type"] != "text" for part in parts)
    result = ToolResult(call_id, parts) if shown else result_of(call_id, plain(content))
    made = node(-1, Message("tool", result=result), notes=extra(block, _RESULT))
    if failed and result.error is None:
        made.notes[FLAG] = True
    elif not failed and result.error is not None:
        read.odd = True
    return made


def written(nodes: Sequence[Node], one: Node, account: Account) -> tuple[int, list[Any]] | None:
    """The blocks that were kept with a node, and how many of the results before it (`nodes`) are in them; None where there are none, or where
    they no longer say what the nodes say.
    """
    kept = one.notes.get(BLOCKS)
    if kept is None:
        return None
    role = "user" if one.message.role == "tool" else one.message.role
    try:
        again = nodes_of(role, kept, {}, -1, Account())
    except (ValueError, KeyError, TypeError, AttributeError):
        again = []
    within = len(again) - 1
    group = [*nodes[len(nodes) - within :], one] if 0 <= within <= len(nodes) else []
    if group and all(a.message == b.message and a.notes.get(FLAG) == b.notes.get(FLAG) for a, b in zip(again, group, strict=True)):
        return within, kept
    account.lose(CHANGED)
    return None
