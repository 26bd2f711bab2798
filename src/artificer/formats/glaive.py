"""Glaive's rows (glaiveai/glaive-function-calling-v2): one text with speakers, calls after `<functioncall>`, tools in the system's text.

    {"system": "SYSTEM: ... functions -\\n{...}\\n{...}",
     "chat": "USER: ...\\n\\n\\nASSISTANT: <functioncall> {...} <|endoftext|>\\n\\n\\nFUNCTION RESPONSE: {...}\\n\\n\\nASSISTANT: ... <|endoftext|>"}

Arguments are mostly a text in single quotes inside the record, which no JSON reader takes: that is undone here, by position and not by guessing,
and written so. A call that cannot be read stays a text, by name. A turn holds one call at most; a text with a speaker's mark cannot be written. What
a text cannot say as it stands (white space at its ends, end marks, words that read as a call) is declared lost, message by message: `told`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import HOLDS, Format, Item, message_events, toolset_digest
from artificer.formats.broken import unbroken
from artificer.formats.calls.mend import Mender, Unreadable
from artificer.formats.calls.reading import LIMIT, Reading
from artificer.formats.holding import answered
from artificer.formats.jsontext import Unreadable as NoJson
from artificer.formats.jsontext import loads
from artificer.formats.parts import arguments_text, bare_tool, extra, extras, linear, node, result_of, result_text, text_of, tools_of

_ROW = frozenset({"system", "chat", "id"})
_SPEAKER = re.compile(r"(?:^|\n)[ \t]{0,4}(USER|ASSISTANT|FUNCTION RESPONSE|SYSTEM):[ \t]?")
_END = "<|endoftext|>"
_SPEAKERS = {"system": "SYSTEM", "user": "USER", "assistant": "ASSISTANT", "tool": "FUNCTION RESPONSE"}
_CALL = "<functioncall>"
_BETWEEN = re.compile(r"\s*")
_EXACT = json.JSONDecoder()
_RECORD = re.compile(r'\{\s{0,20}"name"\s{0,4}:\s{0,4}"([^"\\]{1,200})"\s{0,4},\s{0,4}"arguments"\s{0,4}:\s{0,4}(.*)\}', re.DOTALL)


def fits(row: Any) -> float:
    """A chat in one text, with speakers."""
    return 0.98 if isinstance(row["chat"], str) and _SPEAKER.match(row["chat"].lstrip()) else 0.0


def turns(chat: str) -> list[tuple[str, str]]:
    """Speakers and what they say.

    Raises:
        ValueError: there are words before the first speaker.
    """
    marks = list(_SPEAKER.finditer(chat))
    if chat[: marks[0].start() if marks else None].strip():
        raise ValueError("a chat begins with a speaker")
    if not marks:
        return []
    ends = [mark.start() for mark in marks[1:]] + [len(chat)]
    return [(mark[1], chat[mark.end() : end].replace(_END, "").strip()) for mark, end in zip(marks, ends, strict=True)]


def count(row: Any) -> int:
    """The system's text; each turn, of the assistant its call and what is said beside."""
    found = bool(_system(row, Account())[0])
    total = int(found)
    for who, text in turns(row["chat"]):
        before, mark, _ = text.partition(_CALL) if who == "ASSISTANT" else (text, "", "")
        total += 1 + bool(mark and before.strip() and call_in(text, Account()) is not None)
    return total


def call_in(text: str, account: Account) -> tuple[str, dict[str, Json]] | None:
    """The call behind the mark: the record's name, and its arguments, which may stand in single quotes."""
    found = _RECORD.fullmatch(text.partition(_CALL)[2][:LIMIT].strip())
    if found is None:
        return None
    given = found[2].strip()
    if len(given) > 1 and given[0] == given[-1] == "'":
        given = given[1:-1].replace("\\'", "'")
    try:
        value: Any = loads(given.encode("utf-8", "surrogatepass"), account)
        if isinstance(value, str):
            value = loads(value.encode("utf-8", "surrogatepass"), account)
    except NoJson:
        return None
    return (found[1], cast("dict[str, Json]", value)) if isinstance(value, dict) else None


def _system(row: Any, account: Account) -> tuple[str, list[Any]]:
    """The system's words, and the records of tools that stand behind them."""
    given = row.get("system") or ""
    if not isinstance(given, str):
        raise TypeError("a system prompt is text")
    text = given.strip().removeprefix("SYSTEM:").strip()
    begun = text.find("{")
    if begun < 0:
        return text, []
    try:
        return text[:begun].strip(), _records(text, begun, account)
    except (NoJson, Unreadable, ValueError, RecursionError):
        return text, []


def _records(text: str, at: int, account: Account) -> list[Any]:
    """JSON objects behind each other: as they stand, or mended where they are not JSON."""
    records: list[Any] = []
    mender = None if len(text) > LIMIT else Mender(text, Reading("", ""))
    while at < len(text):
        try:
            end = _EXACT.raw_decode(text, at)[1]
            records.append(loads(text[at:end].encode("utf-8", "surrogatepass"), account))
        except (ValueError, RecursionError):
            if mender is None:
                raise
            value, end = mender.value(at)
            account.lose("tools that had to be mended")
            records.append(value)
        at = _BETWEEN.match(text, end).end()  # pyright: ignore[reportOptionalMemberAccess]
        if at < len(text) and text[at] != "{":
            raise ValueError("words behind the tools")
    return records


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The conversation of a row."""
    words, records = _system(row, account)
    tools = tools_of(records, account) if records else (toolset_digest(()), ())
    nodes: list[Node] = [node(-1, Message("system", words))] if words else []
    for who, text in turns(row["chat"]):
        at = len(nodes) - 1
        if who == "ASSISTANT":
            nodes.append(node(at, _said(text, len(nodes), account)))
        elif who == "FUNCTION RESPONSE":
            nodes.append(node(at, Message("tool", result=result_of(answered(nodes), text))))
        else:
            nodes.append(node(at, Message("user" if who == "USER" else "system", text)))
    kept = extra(row, _ROW)
    yield linear(nodes, tools, name=row.get("id"), lineage={"extra": kept} if kept else None)


def _said(text: str, index: int, account: Account) -> Message:
    if _CALL not in text:
        return Message("assistant", text)
    found = call_in(text, account)
    if found is None:
        account.lose("calls that cannot be read: kept as text")
        return Message("assistant", text)
    return Message("assistant", text.partition(_CALL)[0].strip(), calls=(ToolCall(f"c{index}.0", *found),))


# writing


def told(message: Message) -> Message:
    """What a reader of the text takes a message for."""
    message = unbroken(message)
    text = _body(message).replace(_END, "").strip()
    if message.role == "tool":
        return msgspec.structs.replace(message, result=result_of(message.result.call_id if message.result is not None else "", text))
    if message.role != "assistant":
        return msgspec.structs.replace(message, content=text)
    found = _said(text, 0, Account())
    calls = tuple(msgspec.structs.replace(call, id=had.id) for call, had in zip(found.calls, message.calls, strict=False))
    return msgspec.structs.replace(message, content=found.text, calls=calls or found.calls)


def _body(message: Message) -> str:
    """What stands behind the speaker's name."""
    if message.role == "tool":
        return result_text(message.result or ToolResult("", message.text))
    if not message.calls:
        return message.text
    call = message.calls[0]
    quoted = arguments_text(call).replace("'", "\\'")
    record = f'{{"name": {text_of(call.name)}, "arguments": \'{quoted}\'}}'
    return f"{message.text}{' ' if message.text else ''}{_CALL} {record}"


def _turn(message: Message, account: Account) -> str:
    """A message as its turn.

    Raises:
        ValueError: it has several calls, or reads as more than it says.
    """
    if len(message.calls) > 1:
        raise ValueError("several calls in one message")
    written = f"{_SPEAKERS[message.role]}: {_body(message)}" + (f" {_END}" if message.role == "assistant" else "")
    if len(turns(written)) != 1:
        raise ValueError("its text has a speaker's mark in it")
    had = message_events(message)
    has = message_events(msgspec.structs.replace(told(message), reasoning=None))
    if has > had:
        raise ValueError("its text reads as more than it says")
    thought = min(had - has, int(message.reasoning is not None))
    account.drop(HOLDS["reasoning"], thought)
    account.drop("what the text reads otherwise", had - has - thought)
    return written


def render(item: Item, account: Account) -> Iterable[Json]:
    """The row of a branch.

    Raises:
        ValueError: see `_turn`.
    """
    said = [one.message for one in item.trace.nodes]
    words = said[0].text.strip() if said and said[0].role == "system" else ""
    if "{" in words or _END in words or words.startswith("SYSTEM:"):  # would read as tools, or otherwise: it is a turn like others
        words = ""
    tools = "\n\n".join(msgspec.json.format(text_of(bare_tool(tool)), indent=4) for tool in item.tools)
    row: dict[str, Json] = {"id": item.trace.id}
    if words or tools:
        row["system"] = "SYSTEM: " + "\n".join(part for part in (words, tools) if part)
    row["chat"] = "".join(_turn(message, account) + "\n\n\n" for message in (said[1:] if words else said))
    yield row | extras(item.trace.lineage, _ROW)


FORMAT = Format(
    "glaive",
    "Glaive v2: one text with speakers and <functioncall>",
    fits,
    count,
    parse,
    render,
    frozenset(["id", "beside", "errors", "results", "system", "opening", "adjacent", "empty", "tools"]),
    ("several calls in one message, and texts with a speaker's mark: a trace that has them is not written",),
    told=told,
    bare=True,
)
