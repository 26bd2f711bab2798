"""What counts as a failure in somebody else's record: the one place that says so.

Few recorders have a kind for it. A result says that its call failed by an error of its own, by a text that begins so
("Error: no such order", "ValueError: ..."), or by an object's `error` or `success`, be the object written as text or not.
"""

from __future__ import annotations

import ast
import re
from typing import cast

import msgspec

from artificer.core.canon import Json
from artificer.core.messages import ToolResult

_LONGEST_LITERAL = 1_000_000
_LITERAL_BEGINS = frozenset("[{('\"-.0123456789TFN \n\t")
_BEGINS = re.compile(
    r"\W{0,3}(?:(?i:(?:an?\s+(?:\w+\s+)?)?(?:error|exception|failed|failure|traceback)\b)|[A-Za-z_][\w.]*(?:Error|Exception)\b(?=\s*[:(]|\s*$))"
)
_TELLS = ("message", "msg", "detail", "reason", "error")
"""The fields in which an object says what went wrong."""
_FAILED = (("success", False), ("ok", False), ("is_error", True), ("isError", True))


def failure(result: ToolResult) -> str | None:
    """What a result says of a failure; None when it says of none."""
    if result.error is not None:
        return result.detail or ""
    content = result.content
    if isinstance(content, str):
        read = json_in(content) or literal_in(content) if content.lstrip()[:1] == "{" else None
        if read is None:
            return content if begins_so(content) else None
        content = read[0]
    return _object(cast("dict[str, Json]", content)) if isinstance(content, dict) else None


def begins_so(text: str) -> bool:
    """Whether a text begins as one that tells of a failure does."""
    return _BEGINS.match(text) is not None


def _object(found: dict[str, Json]) -> str | None:
    said = found.get("error")
    if isinstance(said, str) and said:
        return said
    if isinstance(said, dict) and said:
        return _told(cast("dict[str, Json]", said))
    return _told(found) if said is True or any(found.get(name) is value for name, value in _FAILED) else None


def _told(found: dict[str, Json]) -> str:
    return next((said for name in _TELLS if isinstance(said := found.get(name), str)), "")


def json_in(text: str) -> tuple[Json] | None:
    """The value that a text writes as JSON."""
    try:
        return (msgspec.json.decode(text),)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def literal_in(text: str) -> tuple[Json] | None:
    """The value that a text writes as a Python literal."""
    if len(text) > _LONGEST_LITERAL or text[:1] not in _LITERAL_BEGINS:
        return None
    try:
        return (msgspec.to_builtins(ast.literal_eval(text.strip()), str_keys=True),)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, OverflowError):
        return None
