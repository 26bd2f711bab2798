"""Glaive's rows (glaiveai/glaive-function-calling-v2): one text with speakers, calls after `<functioncall>`, tools in the system's text.

    {"system": "SYSTEM: ... functions -\\n{...}\\n{...}",
     "chat": "USER: ...\\n\\n\\nASSISTANT: <functioncall> {...} <|endoftext|>\\n\\n\\nFUNCTION RESPONSE: {...}\\n\\n\\nASSISTANT: ... <|endoftext|>"}

Arguments are mostly a text in single quotes inside the record, which no JSON reader takes: that is undone here, by position and not by guessing. A
call that cannot be read stays a text, by name. Only read: `hermes` says all that Glaive's form can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.trace import Node
from artificer.formats.account import Account
from artificer.formats.base import Format, Item, toolset_digest
from artificer.formats.calls.mend import Mender, Unreadable
from artificer.formats.calls.reading import LIMIT, Reading
from artificer.formats.holding import answered
from artificer.formats.parts import extra, linear, node, result_of, tools_of

_ROW = frozenset({"system", "chat", "id"})
_SPEAKER = re.compile(r"(?:^|\n)[ \t]{0,4}(USER|ASSISTANT|FUNCTION RESPONSE|SYSTEM):[ \t]?")
_END = "<|endoftext|>"
_CALL = "<functioncall>"
_RECORD = re.compile(r'\{\s{0,20}"name"\s{0,4}:\s{0,4}"([^"\\]{1,200})"\s{0,4},\s{0,4}"arguments"\s{0,4}:\s{0,4}(.*)\}', re.DOTALL)


def fits(row: Any) -> float:
    """A chat in one text, with speakers."""
    return 0.98 if isinstance(row["chat"], str) and _SPEAKER.match(row["chat"].lstrip()) else 0.0


def turns(chat: str) -> list[tuple[str, str]]:
    """Speakers and what they say."""
    marks = list(_SPEAKER.finditer(chat))
    ends = [mark.start() for mark in marks[1:]] + [len(chat)]
    return [(mark[1], chat[mark.end() : end].replace(_END, "").strip()) for mark, end in zip(marks, ends, strict=True)]


def count(row: Any) -> int:
    """The system's text; each turn, of the assistant its call and what is said beside."""
    found = bool(_system(row)[0])
    total = int(found)
    for who, text in turns(row["chat"]):
        before, mark, _ = text.partition(_CALL) if who == "ASSISTANT" else (text, "", "")
        total += 1 + bool(mark and before.strip() and call_in(text) is not None)
    return total


def call_in(text: str) -> tuple[str, dict[str, Json]] | None:
    """The call behind the mark: the record's name, and its arguments, which may stand in single quotes."""
    found = _RECORD.fullmatch(text.partition(_CALL)[2][:LIMIT].strip())
    if found is None:
        return None
    given = found[2].strip()
    if len(given) > 1 and given[0] == given[-1] == "'":
        given = given[1:-1].replace("\\'", "'")
    try:
        value: Any = msgspec.json.decode(given.encode("utf-8", "surrogatepass"))
        if isinstance(value, str):
            value = msgspec.json.decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return (found[1], cast("dict[str, Json]", value)) if isinstance(value, dict) else None


def _system(row: Any) -> tuple[str, list[Any]]:
    """The system's words, and the records of tools that stand behind them."""
    given = row.get("system") or ""
    if not isinstance(given, str):
        raise TypeError("a system prompt is text")
    text = given[:LIMIT].strip().removeprefix("SYSTEM:").strip()
    begun = text.find("{")
    if begun < 0:
        return text, []
    mender, records, at = Mender(text, Reading("", "")), list[Any](), begun
    try:
        while at >= 0 and len(records) < 256:
            value, at = mender.value(at)
            records.append(value)
            rest = text[at:]
            at = at + len(rest) - len(rest.lstrip()) if rest.lstrip().startswith("{") else -1
    except Unreadable:
        return text, []
    return text[:begun].strip(), records


def parse(row: Any, account: Account) -> Iterable[Item]:
    """The conversation of a row."""
    words, records = _system(row)
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
    found = call_in(text)
    if found is None:
        account.lose("calls that cannot be read: kept as text")
        return Message("assistant", text)
    return Message("assistant", text.partition(_CALL)[0].strip(), calls=(ToolCall(f"c{index}.0", *found),))


FORMAT = Format("glaive", "Glaive v2: one text with speakers and <functioncall> (only read)", fits, count, parse)
