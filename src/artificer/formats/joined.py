"""Several results in one turn, as data sets have them: blocks behind each other (Hermes, Qwen), records of names and results (ToolACE), a JSON
list as long as the calls before it (ShareGPT). Readers take them apart; writers see to it that one result is not taken for several.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import ToolResult
from artificer.core.trace import Node
from artificer.formats.parts import result_text, text_of

OPEN, CLOSE = "<tool_response>", "</tool_response>"
_JOINT = re.compile(r"\n?</tool_response>\s*<tool_response>\n?")
_RECORD = frozenset({"name", "results"})
UNEVEN = "results in one turn that are not as many as the calls before them"
AS_MANY = "one result that reads as a result of each call"


def unanswered(nodes: Sequence[Node]) -> int:
    """How many calls the next results may answer; below 0 where there were more results than calls."""
    behind = 0
    for one in reversed(nodes):
        if one.message.role != "tool":
            return len(one.message.calls) - behind
        behind += 1
    return -behind


# blocks


def blocks(text: str) -> list[str]:
    """What stands in a text that is blocks of results and nothing else; nothing where it is not."""
    bare = text.strip()
    if not bare.startswith(OPEN) or not bare.endswith(CLOSE):
        return []
    inner = bare[len(OPEN) : -len(CLOSE)].removeprefix("\n").removesuffix("\n")
    return _JOINT.split(inner) if OPEN in inner else [inner]


def only_blocks(text: str) -> list[str]:
    """The same for a text that may well be something else: no more tags than blocks."""
    found = blocks(text)
    return found if text.count(OPEN) == text.count(CLOSE) == len(found) else []


def block(result: ToolResult) -> str:
    """A result as a block.

    Raises:
        ValueError: see `unmarked`.
    """
    text = result_text(result)
    return f"{OPEN}\n{unmarked(result) if CLOSE in text and _JOINT.search(text) else text}\n{CLOSE}"


def bare(result: ToolResult) -> str:
    """A result as text that does not read as blocks.

    Raises:
        ValueError: see `unmarked`.
    """
    text = result_text(result)
    return unmarked(result) if blocks(text) else text


def unmarked(result: ToolResult) -> str:
    """A result as JSON without marks.

    Raises:
        ValueError: it is an error, which is no JSON.
    """
    if result.error is not None:
        raise ValueError("a result that holds what stands between results")
    return text_of(result.content).replace("<", "\\u003c")


# lists


def each(text: str, calls: int) -> list[str]:
    """The results in a JSON list that has one for each of several calls; else nothing."""
    found = json_list(text) if calls > 1 else []
    return [one if isinstance(one, str) else text_of(one) for one in found] if len(found) == calls else []


def json_list(text: str) -> list[Json]:
    """The values of a JSON list; none where the text is something else."""
    if text.lstrip(" \t\r\n")[:1] != "[":
        return []
    try:
        found: Any = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []
    return cast("list[Json]", found)


def is_record(value: Json) -> bool:
    """Whether a value is a result as ToolACE has it, with the name of its call."""
    return isinstance(value, dict) and value.keys() == _RECORD


def records(text: str) -> list[str]:
    """The results in a list of several such records; nothing where the text is something else."""
    found = json_list(text)
    return [text_of(one) for one in found] if len(found) > 1 and all(map(is_record, found)) else []
