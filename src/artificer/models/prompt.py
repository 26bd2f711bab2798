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
from artificer.models.dialect import OURS, Dialect

_CONTROL = re.compile(r"<(\||/?s\b)")
_SPECIAL = re.compile(r"<(\||/?(?:s|tool_call|think)\b)")
_TYPES = {"integer": "int", "number": "number", "boolean": "bool", "array": "list", "object": "object"}


class Turn(Struct, frozen=True):
    """One turn of a chat as text."""

    role: str
    text: str


class Style(Struct, frozen=True):
    """How much is told of a tool: characters of its description, and how many of its optional parameters; or with `page` all of it, on several
    lines."""

    about: int = 120
    optional: int = 24
    page: bool = False


FULL = Style()
BRIEF = Style(about=0, optional=6)
"""Names and parameters only: for a model that is trained on the tools it will use, and pays for every token."""
PAGE = Style(page=True)
"""Everything: for a model that must learn a tool from its documentation. (Levels between: `artificer.worlds.catalogue.docs`.)"""


def plain(text: str) -> str:
    """Text in which nothing can pass for a control token of a chat template."""
    return _SPECIAL.sub(r"< \1", text)


def turns(messages: Sequence[Message], tools: Sequence[ToolSpec], style: Style = FULL, dialect: Dialect = OURS) -> list[Turn]:
    """A conversation as turns: one system turn (the caller's system text, the dialect's rule, the tools), then the messages.

    Earlier reasoning is left out, as the families' templates do.
    """
    system = [plain(message.text) for message in messages if message.role == "system"]
    head = "\n".join([*system, dialect.rule, "Tools:", *(plain(signature(tool, style)) for tool in tools)] if tools else system)
    shown = [Turn("system", head)] if head else []
    return shown + [Turn(message.role, _body(message, tools, dialect)) for message in messages if message.role != "system"]


def _body(message: Message, tools: Sequence[ToolSpec], dialect: Dialect) -> str:
    if message.role == "tool":
        return plain(result_text(message.result) if message.result is not None else message.text)
    if message.role != "assistant":
        return plain(message.text)
    written = dialect.write(Message("assistant", message.text, calls=message.calls), tools)
    # the dialect's own tags must stay; it has broken those that stood in the text
    return plain(written) if dialect is OURS else _CONTROL.sub(r"< \1", written)


def result_text(result: ToolResult) -> str:
    """A tool result as one line: its JSON, or `error: ...`."""
    if result.error is not None:
        return f"error: {result.detail or result.error.value}"
    return fast.encode(result.content).decode()


def signature(tool: ToolSpec, style: Style = FULL) -> str:
    """`name(required, optional?: type) - first sentence of the description`. Required parameters first; `...` stands for those left out."""
    if style.page:
        return _page(tool)
    names: set[str] = set(tool.parameters.get("required") or ())
    properties = record_of(tool.parameters.get("properties")) or {}
    required = [_parameter(name, schema, True) for name, schema in properties.items() if name in names]
    optional = [_parameter(name, schema, False) for name, schema in properties.items() if name not in names]
    untold = not properties and "properties" not in tool.parameters and tool.parameters.get("additionalProperties") is not False
    more = ["..."] if len(optional) > style.optional or untold else []
    shown = f"{tool.name}({', '.join([*required, *optional[: style.optional], *more])})"
    if not style.about:
        return shown
    about = re.split(r"(?<=[.!?;:])\s|\n", tool.description.strip(), maxsplit=1)[0].rstrip(" .;:")
    return f"{shown} - {about[: style.about]}" if about else shown


def _page(tool: ToolSpec) -> str:
    """A tool's whole documentation: signature, description, each parameter's schema in words and JSON, what comes back."""
    required: set[str] = set(tool.parameters.get("required") or ())
    lines = [signature(tool, Style(about=0, optional=10**6)), *(f"  {line}" for line in tool.description.strip().splitlines())]
    for name, schema in (record_of(tool.parameters.get("properties")) or {}).items():
        fields = record_of(schema) or {}
        about = str(fields.get("description") or "")
        rest = {key: value for key, value in fields.items() if key != "description"}
        lines.append(f"  - {name} ({'required' if name in required else 'optional'}): {about} {fast.encode(rest).decode() if rest else ''}".rstrip())
    if tool.returns is not None:
        lines.append(f"  returns {fast.encode(tool.returns).decode()}")
    return "\n".join(lines)


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
_WORD = re.compile(r"[^\W_]{3,}")
_LEAST = 40


def words_of(text: str) -> set[str]:
    """Words and numbers of three letters or more, in lower case."""
    return set(_WORD.findall(text.lower()))


def compact(value: Json, said: set[str], budget: int = 300, rows: int = 5) -> Json:
    """A result cut to about `budget` characters, deterministically.

    Of a list stay `rows` entries, those that share words with what the user `said` before others. Of a record stay ids, then fields that share words,
    then what is nested, then the other fields, while there is room. Text is cut at 48 characters; nulls go.
    """
    entries, record = rows_of(value), record_of(value)
    if entries is not None:
        order = sorted(range(len(entries)), key=lambda index: -_shared(entries[index], said))[:rows]
        kept = [compact(entries[index], said, max(_LEAST, budget // max(1, len(order))), 3) for index in sorted(order)]
        return kept if len(entries) <= rows else [*kept, f"+{len(entries) - rows} more"]
    if record is not None:
        return _compact_record(record, said, budget)
    if isinstance(value, str) and len(value) > 48:
        return value[:47] + "…"
    return value


def _shared(value: Json, said: set[str]) -> int:
    """How many of the words said stand in a value."""
    return len(said & words_of(value if isinstance(value, str) else fast.encode(value).decode())) if said else 0


def _compact_record(record: dict[str, Json], said: set[str], budget: int) -> dict[str, Json]:
    def rank(key: str) -> int:
        if _ID.search(key):
            return 0
        nested = isinstance(record[key], (list, dict))
        return (1 if _shared(record[key], said) else 3) + (1 if nested else 0)

    keys = [key for key, value in record.items() if value is not None and value != {} and value != []]
    kept: dict[str, Json] = {}
    left = budget - 2
    for key in sorted(keys, key=rank):
        value = compact(record[key], said, max(_LEAST, left - len(key) - 4), 3)
        size = len(key) + 4 + len(fast.encode(value))
        if size <= left or not kept or (size <= left + _LEAST and rank(key) < 3):
            kept[key] = value
            left -= size
    return {key: kept[key] for key in keys if key in kept}


def shortened(messages: Sequence[Message], budget: int = 300) -> list[Message]:
    """The conversation with every tool result cut by `compact`; each depends only on what stands before it."""
    said: set[str] = set()
    short: list[Message] = []
    for message in messages:
        if message.role == "user":
            said |= words_of(message.text)
        result = message.result
        if result is not None and result.error is None:
            result = ToolResult(result.call_id, compact(result.content, said, budget))
            message = Message("tool", result=result)
        short.append(message)
    return short
