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

from artificer.core.messages import Image, Message, Part, Text, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import BLOCKS, FLAG
from artificer.formats.parts import call_of, extra, node, plain, result_of, source_image

_RESULT = frozenset({"type", "tool_use_id", "content", "is_error"})
_FIELDS = {"text": 2, "image": 2, "thinking": 3, "redacted_thinking": 2, "tool_use": 4}
"""Fields of blocks that say no more than a message does."""
_HERE = frozenset({*_FIELDS, "tool_result"})
CHANGED = "Anthropic's blocks of messages that were changed since"


def nodes_of(role: Any, blocks: Sequence[Any], notes: dict[str, Any], before: int, account: Account) -> list[Node]:
    """The results in blocks, and the message that is left, as nodes behind the node `before` (-1: there is none).

    Raises:
        ValueError, KeyError, TypeError, AttributeError: they are no such blocks.
    """
    made: list[Node] = []
    calls: list[ToolCall] = []
    thoughts: list[str] = []
    shown: list[Part] = []
    odd, passed, signature = False, 0, None
    for block in blocks:
        kind = block["type"]
        if kind == "tool_result":
            one, strange = _result(block, before + len(made))
            made.append(one)
            odd = odd or strange
            continue
        if kind == "tool_use":
            calls.append(call_of(block["id"], block["name"], block["input"], account))
        elif kind == "thinking":
            odd = odd or bool(thoughts or shown or calls)
            thoughts.append(block.get("thinking", ""))
            signature = block.get("signature")
        elif kind == "redacted_thinking":
            odd = True
            thoughts.append("")
        elif kind == "text":
            odd = odd or bool(calls)
            shown.append(Text(block["text"]))
        elif kind == "image":
            odd = odd or bool(calls) or block["source"]["type"] not in ("base64", "url")
            shown.append(source_image(block["source"]))
        else:
            account.drop(f"a block of the type {str(kind)[:40]!r}", 1)
            passed += 1
            continue
        odd = odd or len(block) > _FIELDS[kind]
    content = _content(shown)
    if calls or thoughts or not (made or passed) or _says(content, role == "user"):
        odd = odd or bool(made) or (len(shown) > 1 and isinstance(content, str)) or (role != "user" and not isinstance(content, str))
        thought = "\n".join([one for one in thoughts if one]) if thoughts else None
        told = {**notes, "signature": signature} if signature and not odd else notes
        made.append(node(before + len(made), Message(role, content, thought, tuple(calls)), notes=told))
    else:
        odd = odd or bool(shown)
        account.lose("fields of messages that hold only results", len(notes))
    if odd and made:
        made[-1].notes[BLOCKS] = [block for block in blocks if block["type"] in _HERE] if passed else blocks
    return made


def _content(shown: list[Part]) -> str | tuple[Part, ...]:
    if not shown:
        return ""
    if len(shown) == 1 and isinstance(shown[0], Text):
        return shown[0].text
    return tuple(shown) if any(isinstance(part, Image) for part in shown) else "".join([part.text for part in shown if isinstance(part, Text)])


def _says(content: str | tuple[Part, ...], user: bool) -> bool:
    if isinstance(content, str):
        return content != ""
    return any(part.text if isinstance(part, Text) else user for part in content)


def _result(block: Any, before: int) -> tuple[Node, bool]:
    """A result as a node, and whether its block is more than that."""
    content, call_id = block.get("content"), block["tool_use_id"]
    if not isinstance(call_id, str):
        raise TypeError("an id is text")
    odd = shown = False
    if isinstance(content, list):
        parts = cast("list[Any]", content)
        shown = any(part["type"] != "text" for part in parts)
        odd = shown or any(len(part) > 2 for part in parts)
    result = ToolResult(call_id, content) if shown else result_of(call_id, plain(content))
    made = node(before, Message("tool", result=result), notes=extra(block, _RESULT))
    if block.get("is_error") is True:
        if result.error is None:
            made.notes[FLAG] = True
    elif result.error is not None:
        odd = True
    return made, odd


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
