"""The text form of calls: one line of JSON a call, `{"name": ..., "arguments": {...}}`; anything else is text for the user.

Written exactly, read with tolerance. What small models commonly get wrong (a code fence, words around the call, a trailing comma, a bracket left
open, another key for the arguments) is mended, and every mend is named in `Parsed.repairs`, so that a strict reader can refuse it. Text is hostile:
it is never evaluated, at most `LIMIT` characters are read and at most `TRIES` places are tried, so that no input takes long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from msgspec import Struct
from msgspec import json as fast

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.verdicts import ErrorKind

LIMIT = 100_000
TRIES = 32
MOST_CALLS = 32

_FENCE = re.compile(r"```[a-z_]{0,12}")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input")
_LOOKS_LIKE_CALL = re.compile(r'\{\s{0,20}["\'](name|arguments|tool|function)["\']')


class Parsed(Struct, frozen=True, omit_defaults=True):
    """What a text says: calls, the text beside them, the repairs that were needed, and an error when a call was meant but cannot be read."""

    calls: tuple[ToolCall, ...] = ()
    text: str = ""
    repairs: tuple[str, ...] = ()
    error: ErrorKind | None = None
    detail: str | None = None


def call_text(name: str, arguments: dict[str, Json]) -> str:
    """One call on one line; arguments in their given order."""
    return fast.encode({"name": name, "arguments": arguments}).decode()


def message_text(message: Message) -> str:
    """An assistant message in the dialect: its text, then one line for each call."""
    lines = [message.text] if message.text else []
    return "\n".join(lines + [call_text(call.name, call.arguments) for call in message.calls])


def parse(text: str, prefix: str = "c") -> Parsed:
    """Reads what a model wrote. Call ids are `prefix` and a number, from 1. Never raises."""
    repairs: list[str] = []
    if len(text) > LIMIT:
        text = text[:LIMIT]
        repairs.append("truncated")
    body = text.strip()
    if "```" in body and _LOOKS_LIKE_CALL.search(body):
        body = _FENCE.sub("", body).strip()
        repairs.append("code fence")
    calls, rest = _read_calls(body, repairs, prefix)
    if calls:
        if rest:
            repairs.append("text beside the call")
        return Parsed(tuple(calls), rest, _unique(repairs))
    if _LOOKS_LIKE_CALL.search(body):
        return Parsed(text=body, repairs=_unique(repairs), error=ErrorKind.unparsable_call, detail="a call was begun but is not valid JSON")
    return Parsed(text=body, repairs=_unique(repairs))


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _read_calls(body: str, repairs: list[str], prefix: str) -> tuple[list[ToolCall], str]:
    """The calls in `body` and what stands outside them."""
    calls: list[ToolCall] = []
    outside: list[str] = []
    at = 0
    for _ in range(TRIES):
        start = body.find("{", at)
        if start < 0 or len(calls) >= MOST_CALLS:
            break
        value, end = _read_object(body, start, repairs)
        call = _as_call(value, f"{prefix}{len(calls) + 1}", repairs)
        outside.append(body[at:start] if call is not None else body[at:end])
        if call is not None:
            calls.append(call)
        at = end
    outside.append(body[at:])
    return calls, "".join(outside).strip(" \n\t,;[]")


def _reject(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_reject, strict=False)


def _read_object(body: str, start: int, repairs: list[str]) -> tuple[Any, int]:
    """The JSON value that starts at `start` and where it ends; (None, start + 1) when there is none."""
    try:
        return _DECODER.raw_decode(body, start)
    except (ValueError, RecursionError):
        pass
    piece, end = _balanced(body, start)
    mended = re.sub(r",(\s{0,50})([}\]])", r"\1\2", piece)
    try:
        value = _DECODER.decode(mended)
    except (ValueError, RecursionError):
        return None, start + 1
    repairs.append("open bracket" if end >= len(body) and len(piece) > end - start else "trailing comma")
    return value, end


def _balanced(body: str, start: int) -> tuple[str, int]:
    """The text from `start` to its matching bracket, or to the end with the missing brackets added; at most 4,000 characters."""
    stack: list[str] = []
    inside = escaped = False
    stop = min(len(body), start + 4000)
    for index in range(start, stop):
        letter = body[index]
        if inside:
            escaped, inside = (letter == "\\" and not escaped), (letter != '"' or escaped)
        elif letter == '"':
            inside = True
        elif letter in "{[":
            stack.append("}" if letter == "{" else "]")
        elif letter in "}]":
            if not stack or stack.pop() != letter:
                return body[start : index + 1], index + 1
            if not stack:
                return body[start : index + 1], index + 1
    return body[start:stop].rstrip(" ,\n") + ('"' if inside else "") + "".join(reversed(stack)), stop


def _as_call(value: Any, call_id: str, repairs: list[str]) -> ToolCall | None:
    """A JSON value as a call, when it has a name and arguments."""
    if not isinstance(value, dict):
        return None
    record = cast("dict[str, Any]", value)
    wrapped = record.get("function")
    if isinstance(wrapped, dict) and "name" not in record:
        record = cast("dict[str, Any]", wrapped)
        repairs.append("function wrapper")
    name = record.get("name")
    key = next((key for key in _ARGUMENT_KEYS if key in record), None)
    if not isinstance(name, str) or key is None:
        return None
    arguments = record[key]
    if isinstance(arguments, str):
        try:
            arguments = _DECODER.decode(arguments)
        except (ValueError, RecursionError):
            return None
        repairs.append("arguments as a string")
    if not isinstance(arguments, dict):
        return None
    if key != "arguments":
        repairs.append(f"key {key!r} for the arguments")
    return ToolCall(call_id, name[:200], cast("dict[str, Any]", arguments))
