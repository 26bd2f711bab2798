"""What a text model is shown: tools as short signatures in the system turn, calls in our dialect, results cut to what matters.

The embedded model's chat template has no section for tools, and full JSON Schemas would be most of its prompt; a signature such as
`search_tracks(name?, album_id?: int) - Find tracks` says the same in a tenth of the tokens. The same rendering serves training and inference,
so that a model is asked as it was taught. Turns are (role, text); tokens and masks are `artificer.training.render`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from msgspec import Struct
from msgspec import json as fast

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolResult
from artificer.core.tools import ToolSpec
from artificer.models.dialect import message_text

RULE = 'Reply with text, or call a tool with one JSON line: {"name": ..., "arguments": {...}}'
_SPECIAL = re.compile(r"<(\||/?(?:s|tool_call|think)\b)")
_TYPES = {"integer": "int", "number": "number", "boolean": "bool", "array": "list", "object": "object"}


class Turn(Struct, frozen=True):
    """One turn of a chat as text."""

    role: str
    text: str


def plain(text: str) -> str:
    """Text in which nothing can pass for a control token of a chat template."""
    return _SPECIAL.sub(r"< \1", text)


def turns(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[Turn]:
    """A conversation as turns: one system turn (the caller's system text, the rule, the tools), then the messages."""
    system = [message.text for message in messages if message.role == "system"]
    head = "\n".join([*system, RULE, "Tools:", *map(signature, tools)] if tools else system)
    shown = [Turn("system", plain(head))] if head else []
    return shown + [Turn(message.role, plain(_body(message))) for message in messages if message.role != "system"]


def _body(message: Message) -> str:
    if message.role == "tool":
        return result_text(message.result) if message.result is not None else message.text
    return message_text(message) if message.role == "assistant" else message.text


def result_text(result: ToolResult) -> str:
    """A tool result as one line: its JSON, or `error: ...`."""
    if result.error is not None:
        return f"error: {result.detail or result.error.value}"
    return fast.encode(result.content).decode()


def signature(tool: ToolSpec) -> str:
    """`name(required, optional?: type) - first sentence of the description`."""
    required: set[str] = set(tool.parameters.get("required") or ())
    shown = [_parameter(name, schema, name in required) for name, schema in (record_of(tool.parameters.get("properties")) or {}).items()]
    about = re.split(r"(?<=[.!?;:])\s|\n", tool.description.strip(), maxsplit=1)[0].rstrip(" .;:")
    return f"{tool.name}({', '.join(shown)})" + (f" - {about[:120]}" if about else "")


def record_of(value: Json) -> dict[str, Any] | None:
    """`value` when it is a JSON object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def rows_of(value: Json) -> list[Any] | None:
    """`value` when it is a JSON array."""
    return cast("list[Any]", value) if isinstance(value, list) else None


def _parameter(name: str, schema: Json, required: bool) -> str:
    kind = _type(schema)
    return name + ("" if required else "?") + (f": {kind}" if kind else "")


def _type(schema: Json) -> str:
    """A short word for a schema's type; "" for a string."""
    fields = record_of(schema) or {}
    choices = rows_of(fields.get("enum"))
    if choices is not None:
        return "|".join(fast.encode(value).decode().strip('"') for value in choices[:8])
    kinds = rows_of(fields.get("type"))
    kind = fields.get("type") if kinds is None else next((kind for kind in kinds if kind != "null"), "")
    return _TYPES.get(str(kind), "")


# Results. What is kept depends on the result and on what was said before it, never on what comes after, so a model in use can be shown the same.

_ID = re.compile(r"(^|_)(id|key|code|number|sku)s?$", re.IGNORECASE)


def compact(value: Json, said: str, budget: int = 240, rows: int = 5) -> Json:
    """A result cut to about `budget` characters: at most `rows` entries of a list; in each entry ids first, then what the user has
    mentioned, then the other fields in order. Text is cut at 48 characters, nulls go. Deterministic."""
    entries, record = rows_of(value), record_of(value)
    if entries is not None:
        kept = [compact(entry, said, max(48, budget // max(1, min(len(entries), rows))), 3) for entry in entries[:rows]]
        return kept if len(entries) <= rows else [*kept, f"+{len(entries) - rows} more"]
    if record is not None:
        return _compact_record(record, said, budget)
    if isinstance(value, str) and len(value) > 48:
        return value[:47] + "…"
    return value


def _compact_record(record: dict[str, Json], said: str, budget: int) -> dict[str, Json]:
    def rank(entry: tuple[int, str]) -> tuple[int, int]:
        index, key = entry
        if _ID.search(key):
            return 0, index
        value = record[key]
        heard = isinstance(value, (str, int, float)) and len(str(value)) > 1 and str(value).lower() in said
        return (1 if heard or isinstance(value, (list, dict)) else 2), index

    keys = [key for key, value in record.items() if value is not None and value != {} and value != []]
    kept: dict[str, Json] = {}
    spent = 2
    for _, key in sorted(enumerate(keys), key=rank):
        value = compact(record[key], said, max(48, budget // 2), 3)
        size = len(key) + 4 + len(fast.encode(value))
        if spent + size <= budget or not kept:
            kept[key] = value
            spent += size
    return {key: kept[key] for key in keys if key in kept}


def shortened(messages: Sequence[Message], budget: int = 240) -> list[Message]:
    """The conversation with every tool result cut by `compact`; each depends only on what stands before it."""
    said = ""
    short: list[Message] = []
    for message in messages:
        if message.role == "user":
            said += " " + message.text.lower()
        result = message.result
        if result is not None and result.error is None:
            result = ToolResult(result.call_id, compact(result.content, said, budget))
            message = Message("tool", result=result)
        short.append(message)
    return short
