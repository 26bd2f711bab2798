"""OpenAI's chat format as data sets have it: one JSON object a line with `messages` and, where there are any,
`tools`.

Read besides: `conversation` or `conversations` for `messages`, `prompt` and `completion` (TRL; what a model said in a
prompt is not its own here), tools as text, arguments as objects, functions (`function_call`, `functions`, role
`function`) of the old API, reasoning under `reasoning_content`, `reasoning` or `thinking`, `developer` as system, text in
parts, a system prompt beside the messages (`system`). Rows whose content holds calls, results or thoughts in parts are
another format's, and left out by name. Fields that the format does not name are kept in notes and lineage under `extra`
and are written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.messages import Message, Role, Text, ToolCall
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import Format, Item
from artificer.formats.holding import answered as next_answered
from artificer.formats.parts import (
    arguments_text,
    call_of,
    extra,
    extras,
    labelled,
    linear,
    node,
    openai_parts,
    openai_tool,
    plain,
    result_of,
    result_text,
    speaks,
    tools_of,
)

_LISTS = ("messages", "conversation", "conversations")
_ROW = frozenset({*_LISTS, "tools", "functions", "id"})
_PAIR = frozenset({"prompt", "completion"})
_ASSISTANT = frozenset({"role", "content", "tool_calls", "reasoning_content", "name", "weight"})
_TOOL = frozenset({"role", "content", "tool_call_id", "name"})
_OTHER = frozenset({"role", "content", "name"})
_PLAIN = frozenset({"role", "content"})
_OPENAI = frozenset({"tool_calls", "tool_call_id", "function_call"})
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
THOUGHTS = ("reasoning_content", "reasoning", "thinking")


def fits(row: Any) -> float:
    """Messages with roles; under ShareGPT's name only where there are calls or results as OpenAI has them."""
    messages = given(row)
    if _list(row) == _LISTS[2]:
        return 0.96 if any(message.keys() & _OPENAI for message in messages) and all("role" in message for message in messages) else 0.0
    if not isinstance(messages, list) or not messages or not all("role" in message for message in cast("list[Any]", messages)):
        return 0.0
    return 0.9 if all(isinstance(message.get("content"), str | None) for message in cast("list[Any]", messages)) else 0.6


def given(row: Any) -> Any:
    """The messages of a row: a system prompt beside them goes before them, those of a prompt and its completion together."""
    name = _list(row)
    if name or not row.keys() >= _PAIR:
        found = row.get(name)
        return [{"role": "system", "content": row["system"]}, *found] if _prompted(row, found) else found
    before, behind = (
        [{"role": role, "content": row[name]}] if isinstance(row[name], str) else row[name]
        for role, name in (("user", "prompt"), ("assistant", "completion"))
    )
    return [*({"weight": 0, **one} if one["role"] == "assistant" else one for one in before), *behind]


def _list(row: Any) -> str:
    """The name under which a row has its messages; "" where it has none, or a prompt and its completion."""
    return "messages" if "messages" in row else next((name for name in _LISTS if name in row), "")


def _prompted(row: Any, messages: Any) -> bool:
    """Whether a system prompt stands beside messages that have none."""
    system = row.get("system")
    if not system or not isinstance(system, str | list) or not isinstance(messages, list):
        return False
    return all(message.get("role") not in ("system", "developer") for message in cast("list[Any]", messages))


def count(row: Any) -> int:
    """Results, calls, thoughts, and texts (or messages with nothing in them)."""
    return sum([count_message(message) for message in given(row)])


def count_message(message: Any) -> int:
    """The events of one message."""
    if message.get("role") in ("tool", "function"):
        return 1
    found = len(message.get("tool_calls") or ()) + (message.get("function_call") is not None)
    if message.get("reasoning_content") is not None or message.get("reasoning") is not None or message.get("thinking") is not None:
        found += 1  # `THOUGHTS`
    return found + 1 if not found or speaks(message.get("content"), message.get("role") == "user") else found


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The conversation of a row."""
    tools = tools_of(row.get("tools", row.get("functions")), account)
    nodes = messages_of(given(row), account)
    name = _list(row)
    split = not name
    kept = extra(row, _ROW | _PAIR if split else _ROW)
    if "system" in kept and not split and _prompted(row, row[name]):
        del kept["system"]
    item = linear(nodes, tools, name=row.get("id"), lineage={"extra": kept} if kept else None)
    if split and isinstance(row.get("label"), bool):  # TRL's unpaired preferences
        item = Item(labelled(item.trace, "label", row["label"]), item.tools)
    yield item


def messages_of(messages: Sequence[Any], account: Account) -> list[Node]:
    """Messages as nodes behind each other."""
    nodes: list[Node] = []
    last_call = ""
    for index, record in enumerate(messages):
        role = _ROLES.get(record["role"] if "role" in record else _item(record))
        if role is None:
            account.drop(f"a message of the role {str(record['role'])[:40]!r}", count_message(record))
            continue
        if role == "tool":
            answered = record.get("tool_call_id")
            call_id = answered if isinstance(answered, str) else next_answered(nodes) or last_call
            message = Message("tool", result=result_of(call_id, plain(record.get("content"))), author=_name(record))
            nodes.append(node(len(nodes) - 1, message, notes=extra(record, _TOOL)))
            continue
        content = record.get("content")
        shown: Any = content
        if not isinstance(content, str):
            shown = openai_parts(cast("list[Any]", content), account) if isinstance(content, list) else plain(content)
        calls = _calls(record, index, account)
        if calls:
            last_call = calls[0].id
        thought, at = _thought(record) if role == "assistant" or not _PLAIN.issuperset(record) else (None, "")
        sampled = role == "assistant" and record.get("weight") != 0
        known = _ASSISTANT if role == "assistant" else _OTHER
        kept = extra(record, known)
        if kept:
            for used in (at, "function_call", "tool_calls"):
                kept.pop(used, None)
        if role == "system" and record["role"] != role:
            account.lose("the role 'developer': read as system")
        message = Message(role, shown, thought, calls, author=_name(record))
        nodes.append(node(len(nodes) - 1, message, sampled=sampled, notes=kept))
    return nodes


def _item(record: Any) -> str:
    """No role: where there is a type, items of the Responses API.

    Raises:
        KeyError, ValueError: always.
    """
    if "type" in record:
        raise ValueError("items of the Responses API, which are no messages")
    return record["role"]


def _name(record: Any) -> str | None:
    name = record.get("name")
    if name is None:
        return None
    if not isinstance(name, str):
        raise TypeError("a name is text")
    return name or None


def _thought(record: Any) -> tuple[str | None, str]:
    for name in THOUGHTS:
        found = record.get(name)
        if found is not None:
            if not isinstance(found, str):
                raise TypeError("reasoning is text")
            return found, name
    return None, ""


def _calls(record: Any, index: int, account: Account) -> tuple[ToolCall, ...]:
    given = record.get("tool_calls")
    if given:
        account.drop("a function_call beside tool_calls", record.get("function_call") is not None)
        return tuple([_call(entry, f"c{index}.{at}", account) for at, entry in enumerate(given)])
    old = record.get("function_call")
    return (call_of(f"c{index}", _text(old["name"]), old.get("arguments"), account),) if old is not None else ()


def _call(entry: Any, otherwise: str, account: Account) -> ToolCall:
    function = entry.get("function", entry)
    call_id = entry.get("id")
    return call_of(call_id if isinstance(call_id, str) and call_id else otherwise, _text(function["name"]), function.get("arguments"), account)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a name is text")
    return value


def render(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch."""
    trace = item.trace
    record: dict[str, Json] = {"id": trace.id, "messages": [message_record(one) for one in trace.nodes]}
    if item.tools:
        record["tools"] = [openai_tool(tool) for tool in item.tools]
    yield record | extras(trace.lineage, _ROW) if trace.lineage else record


def message_record(one: Node) -> dict[str, Json]:
    """A message as the format has it."""
    message = one.message
    record: dict[str, Json]
    if message.role == "tool":
        result = message.result
        record = {"role": "tool", "content": message.text if result is None else result_text(result)}
        if result is not None:
            record["tool_call_id"] = result.call_id
        known = _TOOL
    else:
        record = {"role": message.role, "content": _content(message)}
        if message.reasoning is not None:
            record["reasoning_content"] = message.reasoning
        if message.calls:
            record["content"] = record["content"] or None
            record["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments_text(call)}} for call in message.calls
            ]
        known = _OTHER
        if message.role == "assistant":
            known = _ASSISTANT
            if not one.sampled:
                record["weight"] = 0
    if message.author:
        record["name"] = message.author
    return record | extras(one.notes, known) if one.notes else record


def _content(message: Message) -> Json:
    if isinstance(message.content, str):
        return message.content
    if not any(part for part in message.content if not isinstance(part, Text)):
        return message.text
    from artificer.core.messages import Image

    shown: list[Json] = []
    for part in message.content:
        if isinstance(part, Text):
            shown.append({"type": "text", "text": part.text})
        elif isinstance(part, Image) and message.role == "user":
            shown.append({"type": "image_url", "image_url": {"url": part.uri}})
    return shown if any(isinstance(part, Image) for part in message.content) and message.role == "user" else message.text


LINEAR = frozenset(
    ["id", "reasoning", "author", "images", "call_ids", "parallel", "beside", "errors", "results", "user_calls", "system", "empty", "tools"]
)
"""What a list of messages in OpenAI's form can hold."""

FORMAT = Format(
    "chat",
    "OpenAI chat messages with tools, as most trainers and endpoints read them",
    fits,
    count,
    parse,
    render,
    frozenset(
        {
            "id",
            "opening",
            "words",
            "sampled",
            "reasoning",
            "author",
            "images",
            "call_ids",
            "parallel",
            "beside",
            "errors",
            "results",
            "user_calls",
            "system",
            "empty",
            "tools",
        }
    ),
    ("white space and the order of keys in arguments and results", "a result that is text but reads as JSON is read as JSON"),
)
