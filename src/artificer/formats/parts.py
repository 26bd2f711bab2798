"""Pieces that several formats share: results and arguments as text, tools, content in parts, unknown fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import File, Image, Message, Part, Text, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import CheckResult, ErrorKind, Verdict
from artificer.formats.account import Account
from artificer.formats.base import Item, content_id, toolset_digest
from artificer.formats.jsontext import Unreadable, loads

NO_PARAMETERS: dict[str, Json] = {"type": "object", "properties": {}}
_ERROR = re.compile(r"error: ([a-z_]{1,40})(?:: (.*))?", re.DOTALL)
_JSON_BEGINS = frozenset('{["-0123456789tfn \t\r\n')
_encode = msgspec.json.encode


def text_of(value: Json) -> str:
    """A value as JSON text."""
    return _encode(value).decode()


# results


def result_text(result: ToolResult) -> str:
    """A result as text, of which `result_of` makes the same result: bare text where that is clear, else JSON; `error: KIND: detail`."""
    if result.error is not None:
        return f"error: {result.error.value}" + (f": {result.detail}" if result.detail is not None else "")
    content = result.content
    if isinstance(content, str) and (_is_bare(content) or result_of("", content).content == content):
        return content
    return text_of(content)


def _is_bare(text: str) -> bool:
    return text[:1] not in _JSON_BEGINS and not text.startswith("error: ")


def result_of(call_id: str, text: str) -> ToolResult:
    """A result from its text: an error where it says so, JSON objects, lists and strings as such, other JSON where it is written the one way."""
    begins = text[:1]
    if begins == "e":
        found = _ERROR.fullmatch(text)
        if found and found[1] in ErrorKind.__members__:
            return ToolResult(call_id, error=ErrorKind(found[1]), detail=found[2])
    elif begins in _JSON_BEGINS:
        try:
            value = msgspec.json.decode(text)
            if isinstance(value, dict | list | str) or text_of(value) == text:
                return ToolResult(call_id, value)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass
    return ToolResult(call_id, text)


# calls


def arguments_of(given: Json, account: Account) -> dict[str, Json]:
    """Arguments that are an object, or a text of one.

    Raises:
        ValueError: they are neither.
    """
    if isinstance(given, str):
        given = loads(given.encode("utf-8", "surrogatepass"), account) if given.strip() else {}
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ValueError("arguments that are not a JSON object")
    return cast("dict[str, Json]", given)


def broken_call(name: str, call_id: str, given: Json, account: Account) -> ToolCall:
    """A call whose arguments cannot be read: they are kept as the text that they are, under a name no schema has."""
    account.lose("the form of arguments that are not JSON: kept under '$text'")
    return ToolCall(call_id, name, {"$text": given if isinstance(given, str) else text_of(given)})


def call_of(call_id: str, name: str, given: Json, account: Account) -> ToolCall:
    """A call, also one whose arguments are not JSON."""
    try:
        return ToolCall(call_id, name, arguments_of(given, account))
    except (Unreadable, ValueError):
        return broken_call(name, call_id, given, account)


def arguments_text(call: ToolCall) -> str:
    """A call's arguments as JSON text."""
    return cast("str", call.arguments["$text"]) if is_broken(call) else text_of(call.arguments)


def as_given(call: ToolCall) -> Json:
    """A call's arguments as an object; those of a `broken_call` as the text that they were, where it would be read as that again."""
    if not is_broken(call):
        return call.arguments
    given = call.arguments["$text"]
    return given if call_of("", "", given, Account()).arguments == call.arguments else call.arguments


def is_broken(call: ToolCall) -> bool:
    """Whether a call's arguments could not be read (`broken_call`)."""
    return len(call.arguments) == 1 and isinstance(call.arguments.get("$text"), str)


# content


def plain(content: Json) -> str:
    """Text content, given as text, as parts of text, or not at all.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join([_text_part(part) for part in cast("list[Any]", content)])
    raise TypeError(f"content is {type(content).__name__}, not text")


def _text_part(part: Any) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text")
    if not isinstance(text, str):
        raise TypeError(f"a part of type {part.get('type')!r} is no text")
    return text


_DATA = re.compile(r"data:([\w/+.-]{1,80})[;,]")


def image(uri: str) -> Image:
    """An image from where it is: a data URI says its type, else the name's ending does."""
    found = _DATA.match(uri)
    if found:
        return Image(uri, found[1])
    ending = uri.rpartition(".")[2].lower()
    return Image(uri, f"image/{'jpeg' if ending == 'jpg' else ending}" if ending in ("png", "jpg", "jpeg", "gif", "webp") else "image/*")


def source_image(source: Any) -> Image:
    """An image as Anthropic has it."""
    if source["type"] == "base64":
        return Image(f"data:{source['media_type']};base64,{source['data']}", source["media_type"])
    return image(source.get("url") or source.get("file_id") or "")


OPENAIS, ANTHROPICS = "messages of OpenAI's: read it with --from chat", "blocks of Anthropic's: read it with --from anthropic"
"""Why a row of these is not read as another format's."""
BLOCKS = frozenset(["tool_use", "tool_result", "thinking", "redacted_thinking", "server_tool_use", "web_search_tool_result", "mcp_tool_use"])
"""Blocks of Anthropic's that are calls, results or thoughts."""
_ITEMS = frozenset(["function_call", "function_call_output", "reasoning", "tool_call", "tool-call", "tool-result"])
"""Names of such parts elsewhere."""
_SHOWN = ("image_url", "input_image", "image")


PART_FIELDS = "fields of parts of content, beside text and address"


def _more(part: dict[str, Any], known: int) -> int:
    """How many fields say more than a part's first."""
    return max(0, sum(value is not None for value in part.values()) - known)


def openai_parts(content: Sequence[Any], account: Account) -> str | tuple[Part, ...]:
    """Content in OpenAI's parts: text and images; what is neither is kept as a file.

    Raises:
        ValueError: it holds calls, results or thoughts, which other formats have there.
    """
    parts: list[Part] = []
    for part in content:
        kind = part["type"]
        if kind in ("text", "input_text", "output_text"):
            parts.append(Text(part["text"]))
            account.lose(PART_FIELDS, _more(part, 2))
        elif kind in ("image_url", "input_image"):
            given = part["image_url"]
            parts.append(image(given if isinstance(given, str) else given["url"]))
            account.lose(PART_FIELDS, _more(part, 2) + (0 if isinstance(given, str) else _more(given, 1)))
        elif kind in BLOCKS:
            raise ValueError(ANTHROPICS)
        elif kind in _ITEMS:
            raise ValueError("calls, results or thoughts in parts of the content")
        elif kind == "image" and isinstance(part.get("source"), dict):
            parts.append(source_image(part["source"]))
        else:
            account.lose(f"parts of type {str(kind)[:40]!r}: kept as a file")
            parts.append(File(text_of(part), str(kind)))
    return tuple(parts)


# tools


def openai_tool(tool: ToolSpec) -> dict[str, Json]:
    """A tool as OpenAI has it."""
    return {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}


def bare_tool(tool: ToolSpec) -> dict[str, Json]:
    """A tool as a name, a description and parameters."""
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def tool_of(record: Any) -> ToolSpec:
    """A tool as OpenAI has it, or bare: a name with a description and parameters.

    Raises:
        ValueError, TypeError, AttributeError, KeyError: it is no tool.
    """
    function = record.get("function", record)
    if function is record and "parameters" not in record and "input_schema" not in record and _is_servers(record):
        raise ValueError("a tool of the server")
    name, about, parameters = function["name"], function.get("description"), function.get("parameters", function.get("input_schema"))
    if not isinstance(name, str) or not isinstance(about, str | None) or not isinstance(parameters, dict | None):
        raise TypeError("a tool's name and description are text, its parameters a schema")
    return ToolSpec(name, about or "", cast("dict[str, Json]", parameters) if parameters else NO_PARAMETERS)


KEPT = 1 << 14
"""Bytes up to which a tool set is remembered: with as many as are remembered, some tens of MiB."""


Toolset = tuple[str, tuple[ToolSpec, ...]]
"""The digest and the tools of a row."""
_TOOL = frozenset({"type", "function", "name", "description", "parameters", "input_schema"})
_SERVERS = re.compile(r".*_\d{8}")


@lru_cache(maxsize=512)
def _known(raw: bytes) -> tuple[Toolset, tuple[str, ...]]:
    return _read(msgspec.json.decode(raw))


@lru_cache(maxsize=64)
def _known_text(text: str) -> tuple[Toolset, tuple[str, ...]] | None:
    """The tool set of a text; None where there is something to say of the text, or it is no list."""
    said = Account()
    try:
        records = loads(text.encode("utf-8", "surrogatepass"), said)
        return _read(cast("list[Any]", records)) if isinstance(records, list) and not said.lost else None
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return None


def _read(records: list[Any]) -> tuple[Toolset, tuple[str, ...]]:
    """The tool set of records that were read from a text and that nobody else has, and what is left out of it, a name for each time."""
    tools: list[ToolSpec] = []
    left: list[str] = []
    for record in records:
        try:
            tools.append(tool_of(record))
        except (KeyError, TypeError, AttributeError, ValueError):
            left.append("tools of the server" if _is_servers(record) else "tools that cannot be read")
        else:
            left += [f"fields of tools: {name[:40]!r}" for name in besides(record)]
    return (toolset_digest(tools), tuple(tools)), tuple(left)


def besides(record: Any) -> list[str]:
    """The fields of a tool that say something and that a specification has no place for."""
    inner = record.get("function")
    found = [record] if inner is None else [record, inner]
    if record.keys() <= _TOOL and (inner is None or inner.keys() <= _TOOL):
        return []
    return [name for one in found for name, value in one.items() if name not in _TOOL and value is not None]


def _is_servers(record: Any) -> bool:
    """Whether a tool is one that Anthropic's server or client knows by its type, and that has no schema of its own."""
    return isinstance(record, dict) and _SERVERS.fullmatch(str(cast("dict[str, Any]", record).get("type"))) is not None


def toolset_of(records: list[Any]) -> Toolset | None:
    """The tool set of records that were read from a text and that nobody else has; None where something is left out of it."""
    found, left = _read(records)
    return None if left else found


def tools_of(records: Any, account: Account) -> Toolset:
    """The digest and the tools of a row: a list, or a text of one. What is no tool, and fields without a place, are left out by name."""
    if isinstance(records, str):
        known = _known_text(records) if len(records) <= KEPT else None
        if known is None:
            try:
                found: Any = loads(records.encode("utf-8", "surrogatepass"), account) if records.strip() else []
            except Unreadable as error:
                raise ValueError(f"the column 'tools' is {error}") from error
            return tools_of(found, account)
    else:
        if records is not None and not isinstance(records, list):
            raise TypeError("tools are a list")
        raw = _encode(records or [])
        known = _known(raw) if len(raw) <= KEPT else _read(msgspec.json.decode(raw))
    for name in known[1]:
        account.lose(name)
    return known[0]


# traces


def extra(record: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The fields of a record that its format does not name and that say something: a table gives each row its neighbours' fields, as null."""
    return {key: value for key, value in record.items() if value is not None and key not in known} if not record.keys() <= known else {}


def linear(nodes: Sequence[Node], tools: Toolset, *, name: Any = None, lineage: dict[str, Json] | None = None) -> Item:
    """A conversation as an item; without a name of its own it is named by its content."""
    if isinstance(name, str) and name:
        return Item(Trace(name, name, "", tools[0], tuple(nodes), lineage=lineage or {}), tools[1])
    return content_named(Item(Trace("", "", "", tools[0], tuple(nodes), lineage=lineage or {}), tools[1]), name)


def content_named(item: Item, name: Any = None) -> Item:
    """The item under its own name, if it has one, else under one made of its content."""
    found = name if isinstance(name, str) and name else str(name) if isinstance(name, int) and not isinstance(name, bool) else content_id(item)
    return Item(msgspec.structs.replace(item.trace, id=found, task_id=found), item.tools)


def node(parent: int, message: Message, *, sampled: bool | None = None, notes: dict[str, Any] | None = None) -> Node:
    """A node behind the node `parent`; -1 for a root."""
    chosen = message.role == "assistant" if sampled is None else sampled
    return Node(parent if parent >= 0 else None, message, sampled=chosen, notes={"extra": notes} if notes else {})


def extras(notes: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Fields that a reader kept beside, to be written again."""
    kept = notes.get("extra")
    return {key: value for key, value in cast("dict[str, Any]", kept).items() if key not in known} if isinstance(kept, dict) else {}


def texts(values: Iterable[Any]) -> bool:
    """Whether all values are text."""
    return all(isinstance(value, str) for value in values)


def speaks(content: Any, user: bool) -> bool:
    """Whether content in OpenAI's form has text, or something that a user shows."""
    if isinstance(content, list):
        return any(part.get("text") or (user and _is_image(part)) for part in cast("list[Any]", content))
    return bool(content)


def _is_image(part: Any) -> bool:
    kind = part.get("type")
    return kind in _SHOWN and (kind != "image" or isinstance(part.get("source"), dict))


def judged(rewards: dict[str, tuple[float, float]]) -> Verdict | None:
    """A verdict of named (score, weight) rewards, where all lie between 0 and 1; None where they do not, or there are none.

    The score is the weighted sum, cut at 1; passed when each reward with a weight is 1.
    """
    if not rewards or not all(0 <= score <= 1 and weight >= 0 for score, weight in rewards.values()):
        return None
    parts = tuple(CheckResult(name, score, score >= 1) for name, (score, _) in rewards.items())
    total = sum(weight for _, weight in rewards.values())
    score = sum(score * weight for score, weight in rewards.values()) / total if total else 0.0
    return Verdict(min(1.0, score), total > 0 and all(score >= 1 for score, weight in rewards.values() if weight), parts)


def labelled(trace: Trace, name: str, good: bool) -> Trace:
    """A trace whose source says (in a field called `name`) whether the answer is wanted, as the rows of KTO do."""
    if not trace.nodes:
        return trace
    part = CheckResult(name, float(good), good, () if good else ("the source says that the answer is not wanted",))
    return msgspec.structs.replace(trace, verdicts={len(trace.nodes) - 1: Verdict.of((part,))})


def fields(value: Any) -> dict[str, Any]:
    """An object's fields; none where there is no object.

    Raises:
        TypeError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError("a field that must be an object is not")
    return cast("dict[str, Any]", value)


def listed(value: Any) -> list[Any]:
    """A list's values; none where there is no list.

    Raises:
        TypeError: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError("a field that must be a list is not")
    return cast("list[Any]", value)
