"""Messages of Inspect AI's logs (UKGovernmentBEIS/inspect_ai, `model/_chat_message.py`, `_util/content.py`,
`tool/_tool_call.py` of 0.3.285, and what earlier versions wrote): to nodes and back.

Content is text or blocks: text, reasoning, images, audio, video, documents, and calls that the provider ran itself
(`tool_use`), which become calls with results: what stood behind them is a message of its own. Whatever a message says
besides (its id, source, model, metadata, signatures and citations in blocks) stays in notes under `extra.inspect` and
is written again; blocks only where the message still says what they say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import File, Image, Message, Part, Role, Text, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind
from artificer.formats.account import Account
from artificer.formats.holding import answered
from artificer.formats.parts import call_of, image, result_of, result_text, text_of

NOTES = "inspect"
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_READ = frozenset({"role", "content", "tool_calls", "tool_call_id", "error", "tool_error", "reasoning", "function"})
_MEDIA = {"image": "image", "audio": "audio", "video": "video", "document": "document"}
"""Blocks that point at something, and the field that says where it is."""

_KINDS = {
    "parsing": ErrorKind.invalid_argument,
    "timeout": ErrorKind.timeout,
    "unicode_decode": ErrorKind.bad_output,
    "permission": ErrorKind.forbidden,
    "approval": ErrorKind.forbidden,
    "file_not_found": ErrorKind.not_found,
    "is_a_directory": ErrorKind.constraint,
    "limit": ErrorKind.bad_output,
    "output_limit": ErrorKind.bad_output,
    "cancelled": ErrorKind.internal,
    "sandbox_unavailable": ErrorKind.transport,
}
"""What Inspect calls errors. Its `unknown` is what a tool itself raised: a refusal of its state."""
_TYPES = {
    ErrorKind.invalid_argument: "parsing",
    ErrorKind.timeout: "timeout",
    ErrorKind.bad_output: "unicode_decode",
    ErrorKind.forbidden: "permission",
    ErrorKind.not_found: "file_not_found",
    ErrorKind.transport: "sandbox_unavailable",
    ErrorKind.constraint: "unknown",
}


class _Segment(Struct):
    """What one message of ours says: of a message without the provider's own calls, all of it."""

    parts: list[Part]
    thoughts: list[str]
    used: list[Any]
    odd: bool = False

    def content(self) -> str | tuple[Part, ...]:
        if not self.parts:
            return ""
        first = self.parts[0]
        return first.text if len(self.parts) == 1 and isinstance(first, Text) else tuple(self.parts)

    def reasoning(self) -> str | None:
        return "\n".join(self.thoughts) if self.thoughts else None


def count_message(record: Any) -> int:
    """The events of one message."""
    if record["role"] == "tool":
        return 1
    user, content = record["role"] == "user", record.get("content")
    blocks: list[Any] = cast("list[Any]", content) if isinstance(content, list) else [{"type": "text", "text": content}]
    found = 0
    thinks, speaks, used = record.get("reasoning") is not None, False, False
    for block in blocks:
        kind = block["type"]
        if kind == "tool_use":
            found, used = found + 2, True
            continue
        if used:
            found, thinks, speaks, used = found + thinks + speaks, False, False, False
        if kind == "reasoning":
            thinks = thinks or not block.get("redacted") or bool(block.get("summary"))
        else:
            speaks = speaks or bool(block.get("text") if kind == "text" else user and kind == "image")
    return (found + thinks + speaks + len(record.get("tool_calls") or ())) or 1


# reading


def messages_of(records: Sequence[Any], account: Account) -> list[Node]:
    """Messages as nodes behind each other."""
    nodes: list[Node] = []
    for record in records:
        role = _ROLES.get(record["role"])
        if role is None:
            account.drop(f"a message of the role {str(record['role'])[:40]!r}", count_message(record))
        elif role == "tool":
            _read_result(record, nodes, account)
        else:
            _read_said(record, role, nodes, account)
    return nodes


def _add(nodes: list[Node], message: Message, sampled: bool, notes: dict[str, Any]) -> None:
    nodes.append(Node(len(nodes) - 1 if nodes else None, message, sampled=sampled, notes={"extra": {NOTES: notes}} if notes else {}))


def _read_said(record: Any, role: Role, nodes: list[Node], account: Account) -> None:
    sampled = role == "assistant" and record.get("source") != "input"
    notes = _besides(record, "generate" if sampled else "input" if role == "assistant" else None)
    content = record.get("content")
    *before, last = list(_segments(content, role, account))
    if before:
        account.lose("a message with calls that the provider ran: several messages", 1)
    elif last.odd:
        notes["content"] = content
    thought = record.get("reasoning")
    if thought is not None:
        (before[0] if before else last).thoughts.insert(0, _text(thought))
    for at, segment in enumerate([*before, *([last] if last.used else ())]):
        calls = tuple([_used_call(used, account) for used in segment.used])
        kept: dict[str, Any] = dict(notes) if at == 0 else {}
        kept["used"] = {call.id: _rest(used) for call, used in zip(calls, segment.used, strict=True)}
        _add(nodes, Message(role, segment.content(), segment.reasoning(), calls), sampled, kept)
        for call, used in zip(calls, segment.used, strict=True):
            _add(nodes, Message("tool", result=_used_result(call.id, used)), False, {})
    given: Any = record.get("tool_calls") or ()
    if last.used and not given:
        return
    calls = tuple([_call(entry, f"c{len(nodes)}.{at}", notes, account) for at, entry in enumerate(given)])
    if last.used:
        last = _Segment([], [], [])
    elif before and not (last.parts or last.thoughts or calls):
        return
    _add(nodes, Message(role, last.content(), last.reasoning(), calls), sampled, notes if not before else _calls_only(notes))


def _calls_only(notes: dict[str, Any]) -> dict[str, Any]:
    return {"calls": notes["calls"]} if "calls" in notes else {}


def _segments(content: Any, role: Role, account: Account) -> Iterator[_Segment]:
    """The pieces of a content between the calls that its provider ran; at least one."""
    here = _Segment([], [], [])
    if isinstance(content, str) or content is None:
        if content:
            here.parts.append(Text(content))
        yield here
        return
    if not isinstance(content, list):
        raise TypeError("content is text or blocks")
    for block in cast("list[Any]", content):
        if block["type"] == "tool_use":
            if role != "assistant":
                raise TypeError("only an assistant calls")
            here.used.append(block)
            continue
        if here.used:
            yield here
            here = _Segment([], [], [])
        _read_block(block, here, account)
    if len(here.thoughts) > 1:
        account.lose("the borders between thoughts", len(here.thoughts) - 1)
    yield here


def _read_block(block: Any, into: _Segment, account: Account) -> None:
    kind = block["type"]
    known = {"type", kind, "text" if kind == "text" else kind}
    if kind == "text":
        into.parts.append(Text(_text(block["text"])))
    elif kind == "reasoning":
        if not block.get("redacted"):
            into.thoughts.append(_text(block["reasoning"]))
        elif block.get("summary"):
            into.thoughts.append(_text(block["summary"]))
        else:
            account.lose("thoughts that are sealed: kept beside")
        known -= {"reasoning"} if block.get("redacted") else set()
    elif kind == "image":
        into.parts.append(image(_text(block["image"])))
    elif kind in _MEDIA:
        mime = block.get("mime_type") or f"{kind}/{block.get('format') or '*'}"
        into.parts.append(File(_text(block[kind]), _text(mime)))
        known |= {"mime_type", "format", "filename"}
    else:
        account.lose(f"parts of type {str(kind)[:40]!r}: kept as a file")
        into.parts.append(File(text_of(block), _text(kind)))
    into.odd = into.odd or any(value is not None for name, value in block.items() if name not in known)


def _used_call(used: Any, account: Account) -> ToolCall:
    return call_of(_text(used["id"]), _text(used["name"]), used.get("arguments"), account)


def _used_result(call_id: str, used: Any) -> ToolResult:
    error = used.get("error")
    return ToolResult(call_id, error=ErrorKind.constraint, detail=_text(error)) if error else result_of(call_id, _text(used.get("result") or ""))


def _rest(used: Any) -> dict[str, Any]:
    return {name: value for name, value in used.items() if name in ("tool_type", "context", "internal") and value is not None}


def _call(entry: Any, otherwise: str, notes: dict[str, Any], account: Account) -> ToolCall:
    found = entry.get("id")
    call_id = found if isinstance(found, str) and found else otherwise
    known = ("id", "function", "arguments")
    rest = {name: value for name, value in entry.items() if name not in known and value is not None and (name, value) != ("type", "function")}
    if rest:
        notes.setdefault("calls", {})[call_id] = rest
    return call_of(call_id, _text(entry["function"]), entry.get("arguments"), account)


def _read_result(record: Any, nodes: list[Node], account: Account) -> None:
    notes = _besides(record, None)
    call_id = record.get("tool_call_id")
    if not isinstance(call_id, str):
        call_id = answered(nodes)
    asked = _asked(call_id, nodes)
    if isinstance(record.get("function"), str) and (asked is None or asked.name != record["function"]):
        notes["function"] = record["function"]
    said = _shown(record.get("content"), account)
    error = record.get("error")
    if error is None and record.get("tool_error"):
        error = {"type": "unknown", "message": record["tool_error"]}
    if error is None:
        found = result_of(call_id, said) if isinstance(said, str) else ToolResult(call_id, said)
    else:
        found = _failed(call_id, error["type"], _text(error["message"]))
        if said:
            notes["said"] = said
        if _error(found)["type"] != error["type"]:
            notes["error"] = _text(error["type"])
    _add(nodes, Message("tool", result=found), False, notes)


def _shown(content: Any, account: Account) -> Json:
    """What a tool showed: text, or blocks where there is more."""
    if isinstance(content, str) or content is None:
        return content or ""
    if not isinstance(content, list):
        raise TypeError("content is text or blocks")
    blocks = cast("list[Any]", content)
    if not all(block["type"] == "text" for block in blocks):
        return blocks
    if len(blocks) > 1:
        account.lose("the borders between pieces of a result", len(blocks) - 1)
    return "\n".join([_text(block["text"]) for block in blocks])


def _failed(call_id: str, kind: Any, message: str) -> ToolResult:
    ours = result_of(call_id, message)
    if ours.error is not None:
        return ours
    if kind == "parsing" and message.startswith("Tool ") and message.endswith(" not found"):
        return ToolResult(call_id, error=ErrorKind.unknown_tool, detail=message)
    return ToolResult(call_id, error=_KINDS.get(kind, ErrorKind.constraint), detail=message)


def _asked(call_id: str, nodes: Sequence[Node]) -> ToolCall | None:
    for one in reversed(nodes):
        if one.message.role != "tool":
            return next((call for call in one.message.calls if call.id == call_id), None)
    return None


def _besides(record: Any, implied: str | None) -> dict[str, Any]:
    """Fields that have no place in a message of ours."""
    found = {name: value for name, value in record.items() if name not in _READ and value is not None}
    if found.get("source") == implied:
        found.pop("source", None)
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is text")
    return value


# writing


def message_records(nodes: Sequence[Node]) -> list[dict[str, Any]]:
    """Messages as Inspect has them."""
    return [_record(one, nodes[:at] if one.message.role == "tool" else ()) for at, one in enumerate(nodes)]


def _record(one: Node, before: Sequence[Node]) -> dict[str, Any]:
    message, notes = one.message, notes_of(one.notes)
    plain = {name: value for name, value in notes.items() if name in ("id", "source", "model", "metadata")}
    if message.role == "tool":
        return _result_record(message, notes, before) | plain
    record: dict[str, Any] = {"role": message.role, "content": _content(message, notes.get("content"))}
    if message.role == "assistant":
        record["source"] = "generate" if one.sampled else "input"
        if message.calls:
            record["tool_calls"] = [_call_record(call, notes) for call in message.calls]
    return record | plain


def notes_of(notes: dict[str, Any]) -> dict[str, Any]:
    """What a reader of Inspect's logs kept beside."""
    kept = notes.get("extra")
    found = cast("dict[str, Any]", kept).get(NOTES) if isinstance(kept, dict) else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _content(message: Message, given: Any) -> Json:
    if isinstance(given, list):
        segments = list(_segments(cast("Any", given), message.role, Account()))
        if len(segments) == 1 and (segments[0].content(), segments[0].reasoning()) == (message.content, message.reasoning):
            return cast("list[Any]", given)
    if isinstance(message.content, str) and message.reasoning is None:
        return message.content
    blocks: list[Json] = [{"type": "reasoning", "reasoning": message.reasoning}] if message.reasoning is not None else []
    parts = message.content if not isinstance(message.content, str) else [Text(message.content)] if message.content else []
    return blocks + [_block(part) for part in parts]


def _block(part: Part) -> Json:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        return {"type": "image", "image": part.uri}
    kind, _, form = part.mime.partition("/")
    if (kind == "audio" and form in ("wav", "mp3")) or (kind == "video" and form in ("mp4", "mpeg", "mov")):
        return {"type": kind, kind: part.uri, "format": form}
    return {"type": "document", "document": part.uri, "mime_type": part.mime}


def _call_record(call: ToolCall, notes: dict[str, Any]) -> dict[str, Any]:
    given = notes.get("calls")
    rest: Any = cast("dict[str, Any]", given).get(call.id) if isinstance(given, dict) else None
    more = cast("dict[str, Any]", rest) if isinstance(rest, dict) else {}
    return more | {"id": call.id, "function": call.name, "arguments": call.arguments, "type": more.get("type", "function")}


def _result_record(message: Message, notes: dict[str, Any], before: Sequence[Node]) -> dict[str, Any]:
    result = message.result or ToolResult("", message.text)
    asked, named, said = _asked(result.call_id, before), notes.get("function"), notes.get("said", "")
    record: dict[str, Any] = {"role": "tool", "content": said, "tool_call_id": result.call_id}
    if isinstance(named, str) or asked is not None:
        record["function"] = named if isinstance(named, str) else asked.name if asked is not None else None
    if result.error is None:
        content = result.content
        record["content"] = content if _is_blocks(content) else result_text(result)
        return record
    record["error"] = _error(result)
    kind = notes.get("error")
    if isinstance(kind, str) and _failed("", kind, result.detail or "") == ToolResult("", error=result.error, detail=result.detail):
        record["error"] = {"type": kind, "message": result.detail}
    return record


def _is_blocks(content: Json) -> bool:
    """Whether a result is blocks of which not all are text, as Inspect has them."""
    if not isinstance(content, list) or not content:
        return False
    blocks: list[Any] = [block if isinstance(block, dict) else {} for block in cast("list[Any]", content)]
    kinds = [block.get("type") for block in blocks]
    fits = [kind in ("text", *_MEDIA) and isinstance(block.get(kind), str) for kind, block in zip(kinds, blocks, strict=True)]
    return all(fits) and set(kinds) != {"text"}


def _error(result: ToolResult) -> dict[str, Any]:
    assert result.error is not None
    kind = _TYPES.get(result.error, "unknown")
    detail = result.detail or ""
    clear = result.detail is not None and _failed(result.call_id, kind, detail) == ToolResult(result.call_id, error=result.error, detail=detail)
    return {"type": kind, "message": detail if clear else result_text(result)}
