"""The chat format of OpenAI: one JSON object a line, `{"messages": [...], "tools": [...]}`, as most trainers and
endpoints read it.

Kept: roles, text, images, calls with their ids and arguments, results with the call they answer, reasoning
(`reasoning_content`), the author (`name`), a tool's name, description and parameters. Lost, as the format has no
place for it: see `LOSSES`. A line written here and read again gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.messages import File, Image, Message, Part, Role, Text, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.trace import Trace, agent_side
from artificer.formats.parts import result_of, result_text

LOSSES = (
    "branches: each passed branch becomes a conversation of its own",
    "verdicts, effects, states, token streams and notes",
    "calls that a user makes with tools of their own, which the agent does not see",
    "the world's clock of a message (at), files, images in other messages than the user's",
    "a tool's returns, effect, attributes and examples",
    "the kind of a tool's error, unless it is one that Artificer wrote (error: KIND: detail)",
)
"""What the format cannot hold."""

_ROLES = ("system", "user", "assistant", "tool")


class Conversation(Struct, frozen=True):
    """Messages and the tools there were. `id` is a free name that is kept."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    id: str = ""


def conversations(trace: Trace, tools: Sequence[ToolSpec], policy: str = "") -> Iterator[Conversation]:
    """The passed branches of a trace, each as the conversation that the agent saw; the policy, if any, as its system
    message. Tools that a search added (`Finish`) stand after the others.
    """
    tools = [*tools, *(msgspec.convert(spec, ToolSpec) for spec in cast("list[Json]", trace.lineage.get("own_tools") or []))]
    head = (Message("system", policy),) if policy else ()
    for leaf, nodes in trace.branches():
        if leaf in trace.verdicts and trace.verdicts[leaf].passed:
            seen = tuple(nodes[index].message for index in agent_side(nodes))
            yield Conversation(head + seen, tuple(tools), f"{trace.id}/{leaf}")


def write(items: Iterable[Conversation], out: BinaryIO) -> int:
    """Writes conversations as JSON lines; how many."""
    count = 0
    for item in items:
        record: dict[str, Json] = {"id": item.id} if item.id else {}
        record["messages"] = [message_record(message) for message in item.messages]
        if item.tools:
            record["tools"] = [tool_record(tool) for tool in item.tools]
        out.write(msgspec.json.encode(record) + b"\n")
        count += 1
    return count


def read(path: Path) -> Iterator[Conversation]:
    """Reads conversations.

    Raises:
        ArtificerError: the file or a line of it cannot be read; `where` names the line.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _conversation(line, f"{path}:{number}")
    except OSError as error:
        raise ArtificerError(f"The file cannot be read: {error.strerror}.", where=str(path), remedy="check the path") from error


def _conversation(line: bytes, where: str) -> Conversation:
    try:
        record: Any = msgspec.json.decode(line)
        found = [from_record(message) for message in record["messages"]]
        tools = tuple(tool_from(tool) for tool in record.get("tools") or ())
        problem = next((problem for _, problem in found if problem), "")
        name = str(record.get("id", ""))
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ArtificerError(f"This line is no conversation: {error}", where=where, remedy="write {'messages': [...]} a line") from error
    if problem:
        raise ArtificerError(f"This line is no conversation: {problem}", where=where, remedy="write arguments as a JSON object in a string")
    return Conversation(tuple(message for message, _ in found), tools, name)


# one message


def message_record(message: Message) -> dict[str, Json]:
    """A message as the format has it."""
    if message.role == "tool":
        result = message.result
        record: dict[str, Json] = {"role": "tool", "content": message.text if result is None else result_text(result)}
        return record | ({"tool_call_id": result.call_id} if result is not None else {}) | _author(message)
    record = {"role": message.role, "content": _content(message)}
    if message.calls:
        record["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": msgspec.json.encode(call.arguments).decode()}}
            for call in message.calls
        ]
        record["content"] = record["content"] or None
    if message.reasoning is not None:
        record["reasoning_content"] = message.reasoning
    return record | _author(message)


def _author(message: Message) -> dict[str, Json]:
    return {"name": message.author} if message.author else {}


def _content(message: Message) -> Json:
    if isinstance(message.content, str) or not any(isinstance(part, Image) for part in message.content) or message.role != "user":
        return message.text
    shown: list[Json] = []
    for part in message.content:
        if isinstance(part, Text):
            shown.append({"type": "text", "text": part.text})
        elif isinstance(part, Image):
            shown.append({"type": "image_url", "image_url": {"url": part.uri}})
    return shown


def from_record(record: Any) -> tuple[Message, str]:
    """A message of the format, and what could not be read of its calls ("" when all could).

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is no message.
    """
    role = record["role"]
    role = "system" if role == "developer" else role
    if role not in _ROLES:
        raise ValueError(f"unknown role {role!r}")
    author = record.get("name")
    if role == "tool":
        return Message("tool", result=result_of(record.get("tool_call_id", ""), _plain(record.get("content"))), author=author), ""
    calls: list[ToolCall] = []
    problem = ""
    for index, entry in enumerate(record.get("tool_calls") or (), 1):
        call = _call(entry, index)
        if call is None:
            problem = f"the arguments of call {index} are not a JSON object"
        else:
            calls.append(call)
    content = record.get("content")
    parts = _parts(cast("list[Any]", content)) if role == "user" and isinstance(content, list) else _plain(content)
    reasoning = record.get("reasoning_content")
    return Message(cast("Role", role), parts, reasoning=reasoning, calls=tuple(calls), author=author), problem


def _call(entry: Any, index: int) -> ToolCall | None:
    function = entry["function"]
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = msgspec.json.decode(arguments or "{}")
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
    if not isinstance(arguments, dict):
        return None
    return ToolCall(str(entry.get("id") or f"c{index}"), str(function["name"]), cast("dict[str, Json]", arguments))


def _plain(content: Json) -> str:
    """Text content, given as text, as parts, or not at all."""
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in cast("list[dict[str, Any]]", content))
    if not isinstance(content, str):
        raise TypeError(f"content is {type(content).__name__}, not text")
    return content


def _parts(content: list[Any]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for part in content:
        if part["type"] == "text":
            parts.append(Text(str(part["text"])))
        elif part["type"] == "image_url":
            uri = str(part["image_url"]["url"])
            kind = re.match(r"data:([\w/+.-]{1,80})[;,]", uri)
            parts.append(Image(uri, kind[1] if kind else "image/*"))
        else:
            parts.append(File(str(part.get(part["type"], "")), str(part["type"])))
    return tuple(parts)


# one tool


def tool_record(tool: ToolSpec) -> dict[str, Json]:
    """A tool as the format has it."""
    return {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}


def tool_from(record: Any) -> ToolSpec:
    """A tool of the format; without parameters it takes none."""
    function = record["function"]
    parameters: dict[str, Json] = function.get("parameters") or {"type": "object", "properties": {}}
    return ToolSpec(str(function["name"]), str(function.get("description") or ""), parameters)
