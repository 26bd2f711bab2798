"""Calls that are JSON records, the core of most families: `{"name": ..., "arguments": {...}}` under one key or another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from msgspec import json as fast

from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.formats.calls.mend import Mender, Unreadable
from artificer.formats.calls.reading import Reading

TRIES = 32
_NAME_KEYS = ("name", "tool", "function", "tool_name", "action")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input", "action_input")
FENCE = re.compile(r"```[A-Za-z_]{0,12}")
LOOKS_LIKE_CALL = re.compile(r'\{\s{0,20}["\'](name|arguments|tool|function|action)["\']')


def unfenced(pieces: Sequence[str], reading: Reading) -> list[str]:
    """The pieces of text around calls, without a code fence that stands next to a call."""
    kept: list[str] = []
    for index, piece in enumerate(pieces):
        if index and (found := FENCE.match(piece.lstrip())):
            piece = piece.lstrip()[found.end() :]
            reading.repair("code fence")
        start = piece.rfind("```")
        if index + 1 < len(pieces) and start >= 0 and FENCE.fullmatch(piece.rstrip(), start):
            piece = piece[:start]
            reading.repair("code fence")
        kept.append(piece)
    return kept


def fenced(text: str) -> tuple[str, bool]:
    """A text that is all fence without its fence, and whether it was."""
    found = FENCE.match(text)
    return (text[found.end() :].rstrip().removesuffix("```").strip(), True) if found else (text, False)


def encoded(record: dict[str, Json]) -> str:
    """Compact JSON, keys in their order."""
    return fast.encode(record).decode()


def record_text(call: ToolCall, key: str = "arguments") -> str:
    """One call as a record."""
    return encoded({"name": call.name, key: call.arguments})


def take(value: Json, reading: Reading, *, native: Sequence[str] = ("arguments",), tagged: bool = False) -> bool:
    """Takes a JSON value as a call, or a list of them; False when it is none.

    Args:
        native: keys of the arguments that are the family's own; another one is named as a repair.
        tagged: a mark of the family says that this is a call, so it may lack arguments.
    """
    if isinstance(value, list):
        entries = cast("list[Json]", value)
        return bool(entries) and all(take(entry, reading, native=native, tagged=tagged) for entry in entries)
    if not isinstance(value, dict):
        return False
    record = cast("dict[str, Json]", value)
    wrapped = record.get("function")
    if isinstance(wrapped, dict) and "name" not in record:
        call_id = record.get("id")
        record = cast("dict[str, Json]", wrapped)
        record = {**record, "id": call_id} if isinstance(call_id, str) else record
        reading.repair("function wrapper")
    name_key = next((key for key in _NAME_KEYS if isinstance(record.get(key), str)), None)
    key = next((key for key in _ARGUMENT_KEYS if key in record), None)
    if name_key is None or not record[name_key] or (key is None and not tagged):
        return False
    arguments = _arguments(record[key] if key is not None else None, reading, tagged)
    if arguments is None:
        return False
    if name_key != "name":
        reading.repair(f"key {name_key!r} for the name")
    if key is not None and key not in native:
        reading.repair(f"key {key!r} for the arguments")
    call_id = record.get("id")
    reading.call(record[name_key], arguments, call_id if isinstance(call_id, str) else "")
    return True


def _arguments(value: Json, reading: Reading, tagged: bool) -> dict[str, Json] | None:
    if isinstance(value, str):
        inner = Mender(value, reading)
        try:
            value, end = inner.value(inner.skip(0))
        except Unreadable:
            return None
        if inner.skip(end) < len(value if isinstance(value, str) else inner.text):
            return None
        reading.repair("arguments as a string")
    if value is None and tagged:
        reading.repair("no arguments")
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def search(reading: Reading, *, native: Sequence[str] = ("arguments",), repair: str = "") -> bool:
    """Looks for records anywhere in the body; True when it found calls. What stands around them becomes words.

    Args:
        native: see `take`.
        repair: named when calls are found: what the family would have had around them.
    """
    body = reading.body
    outside = _search(body, reading, native)
    if reading.calls:
        outside = _unlisted(unfenced(outside, reading))
        if repair:
            reading.repair(repair)
        for piece in outside:
            reading.words(piece)
        return True
    if LOOKS_LIKE_CALL.search(body):
        reading.fail("a call was begun but is not valid JSON")
        return False
    reading.words(body)
    return False


def _unlisted(pieces: list[str]) -> list[str]:
    """The pieces of text around records, without what makes a list of them: a bracket before and behind, commas or semicolons between."""
    first, *between, last = pieces
    if first.rstrip().endswith("[") and last.lstrip().startswith("]"):
        first, last = first.rstrip()[:-1], last.lstrip()[1:]
    return [first, *(piece.strip(" \n\t\r,;") for piece in between), "" if last.strip() in (",", ";") else last]


def _search(body: str, reading: Reading, native: Sequence[str]) -> list[str]:
    """Takes the calls in `body`; what stands outside them."""
    mender = Mender(body, reading)
    outside: list[str] = []
    at = 0
    for _ in range(TRIES):
        start = body.find("{", at)
        if start < 0:
            break
        before = dict(reading.repairs)
        try:
            value, end = mender.value(start)
        except Unreadable:
            value, end = None, start + 1
        if take(value, reading, native=native):
            outside.append(body[at:start])
        else:
            reading.repairs = before  # what is no call needed no repair
            outside.append(body[at:end])
        at = end
    outside.append(body[at:])
    return outside
