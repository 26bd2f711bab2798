"""xLAM's rows (Salesforce/xlam-function-calling-60k, made by APIGen): a query, the tools, and the calls that answer it.

    {"id", "query": text, "tools": JSON text of tools, "answers": JSON text of [{"name", "arguments"}]}

Tools describe their parameters by name (`{"type": "str, optional", "description", "default"}`), which becomes JSON Schema and is written where it
says all that the schema does; a type that is no JSON type is kept in the description. A row holds one question and one answer in calls, nothing
else: a conversation with results, or with several turns, cannot be written, by name. APIGen-MT's conversations are `sharegpt`, and so is the name
`apigen-mt`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.formats import python_types as types
from artificer.formats.account import Account
from artificer.formats.base import Format, Item, toolset_digest
from artificer.formats.jsontext import loads
from artificer.formats.parts import as_given, besides, call_of, extra, extras, linear, node, text_of

_ROW = frozenset({"id", "query", "tools", "answers"})
TYPES = types.TYPES
_PARAMETER = frozenset({"type", "description", "default", "required"})
_NO_TYPE = "types of parameters that JSON does not have: kept in the description"
_OPTIONAL = re.compile(r"(.{1,200}?)\s*,\s*optional\s*")


def fits(row: Any) -> float:
    """A query with answers and tools."""
    return 0.98 if isinstance(row["query"], str) and "answers" in row and "tools" in row else 0.0


def _read(value: Any, account: Account) -> list[Any]:
    """A list, or a text of one."""
    found: Any = loads(value.encode("utf-8", "surrogatepass"), account) if isinstance(value, str) else value
    if not isinstance(found, list):
        raise TypeError("answers and tools are lists")
    return cast("list[Any]", found)


def count(row: Any) -> int:
    """The query, and each call; an answer without calls is an empty message."""
    return 1 + max(1, len(_read(row["answers"], Account())))


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The question and the calls of a row."""
    tools = tuple(tool(record, account) for record in _read(row["tools"], account))
    calls = tuple(_call(record, f"c1.{at}", account) for at, record in enumerate(_read(row["answers"], account)))
    kept = extra(row, _ROW)
    nodes: list[Node] = [node(-1, Message("user", row["query"])), node(0, Message("assistant", calls=calls))]
    yield linear(nodes, (toolset_digest(tools), tools), name=row.get("id"), lineage={"extra": kept} if kept else None)


def _call(record: Any, call_id: str, account: Account) -> ToolCall:
    if not isinstance(record["name"], str):
        raise TypeError("a name is text")
    return call_of(call_id, record["name"], record.get("arguments"), account)


def tool(record: Any, account: Account | None = None) -> ToolSpec:
    """A tool, its parameters by name or as JSON Schema. What is not kept of it is named, where there is an account."""
    name, about = record["name"], record.get("description") or ""
    given: dict[str, Any] = record.get("parameters") or {}
    if not isinstance(name, str) or not isinstance(about, str):
        raise TypeError("a tool's name and description are text")
    if account is not None:
        for field in besides(record):
            account.lose(f"fields of tools: {field[:40]!r}")
    if "properties" in given and isinstance(given.get("type"), str):
        return ToolSpec(name, about, given)
    properties: dict[str, Json] = {}
    required: list[Json] = []
    for key, described in given.items():
        schema, optional = _schema(described, account)
        properties[key] = schema
        if not optional:
            required.append(key)
    parameters: dict[str, Json] = {"type": "object", "properties": properties}
    return ToolSpec(name, about, parameters | ({"required": required} if required else {}))


def _schema(described: Any, account: Account | None) -> tuple[dict[str, Json], bool]:
    """A parameter as JSON Schema, and whether it may be left out: it says so, or has a default.

    A default "" of what is no text means that there is none, as APIGen writes it.
    """
    written = str(described.get("type") or "str")
    found = _OPTIONAL.fullmatch(written) if "optional" in written else None
    named = found[1].strip() if found else written.strip()
    about = described.get("description") or ""
    known, exact = types.read(named)
    schema: dict[str, Json] = dict(known or {})
    if known is None:
        about = f"{about} ({written})".strip()
    if not exact and account is not None:
        account.lose(_NO_TYPE if known is None else f"types of parameters as Python has them: {named[:40]!r}")
    if about:
        schema["description"] = about
    if "default" in described:
        if described["default"] == "" and schema.get("type") not in (None, "string"):
            if account is not None:
                account.lose("defaults '' of parameters that are no text")
        else:
            schema["default"] = described["default"]
    if not _PARAMETER.issuperset(described):
        schema |= {key: value for key, value in described.items() if key not in _PARAMETER and value is not None}
    return schema, bool(found) or "optional" in written or "default" in described or described.get("required") is False


def record_of(one: ToolSpec) -> dict[str, Json]:
    """A tool with its parameters by name, where these say all that its schema does; else with the schema itself."""
    properties: Any = one.parameters.get("properties")
    required: Any = one.parameters.get("required")
    needed = {name for name in cast("list[Any]", required) if isinstance(name, str)} if isinstance(required, list) else set[str]()
    record: dict[str, Json] = {"name": one.name, "description": one.description}
    if isinstance(properties, dict):
        parts = cast("dict[str, Any]", properties)
        record["parameters"] = {name: _described(part, name in needed) for name, part in parts.items() if isinstance(part, dict)}
        try:
            if tool(record) == one:
                return record
        except (ValueError, TypeError, KeyError, AttributeError):
            pass
    return record | {"parameters": one.parameters}


def _described(part: Any, needed: bool) -> dict[str, Json]:
    written = types.name_of(part) + ("" if needed or "default" in part else ", optional")
    return {"description": part.get("description", ""), "type": written} | ({"default": part["default"]} if "default" in part else {})


def render(item: Item, account: Account) -> Iterable[Json]:
    """The row of a question and its calls.

    Raises:
        ValueError: it is more than that.
    """
    said = [one.message for one in item.trace.nodes]
    if [one.role for one in said] != ["user", "assistant"] or said[0].calls or said[1].text or said[1].reasoning is not None:
        raise ValueError("more than one question and its calls")
    row: dict[str, Json] = {
        "id": item.trace.id,
        "query": said[0].text,
        "tools": text_of([record_of(one) for one in item.tools]),
        "answers": text_of([{"name": call.name, "arguments": as_given(call)} for call in said[1].calls]),
    }
    yield row | extras(item.trace.lineage, _ROW)


FORMAT = Format(
    "xlam",
    "xLAM and APIGen: a query, tools, calls",
    fits,
    count,
    parse,
    render,
    frozenset(["id", "parallel", "tools", "words", "empty"]),
    ("all but one question and the calls that answer it",),
    bare=True,
)
