"""Shapes of an answer, told by looking at each line once: JSON, tables, lists, headings, bold, code, paragraphs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

import msgspec

from artificer.checks.constraints.rules import Format, Shape
from artificer.checks.constraints.values import shown

_BULLET = re.compile(r" {0,12}[-*+] +\S")
_NUMBERED = re.compile(r" {0,12}[0-9]{1,9}[.)] +\S")
_HEADING = re.compile(r" {0,3}#{1,6} +\S")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_RULE = re.compile(r" {0,3}\|? *:?-{3,}+:? *(?:\| *:?-{3,}+:? *)*+\|? *$")
_SENTENCE = re.compile(r"[.!?]++(?=\s|$)")
SHOWN_TABLES = 50


def misshapen(text: str, rule: Format) -> str | None:
    """Why an answer has not the shape that is asked for; None when it has."""
    if rule.shape == "json":
        return _json(text, rule)
    if rule.shape == "table":
        return _table(text, rule)
    found = COUNT[rule.shape](text)
    if found < rule.least:
        return f"it has {found} {rule.shape}, and must have at least {rule.least}"
    if rule.most is not None and found > rule.most:
        return f"it has {found} {rule.shape}, and may have at most {rule.most}"
    return None


def _json(text: str, rule: Format) -> str | None:
    try:
        value: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "it is not JSON as a whole"
    if not isinstance(value, dict):
        return "it is not a JSON object"
    keys = cast("dict[str, Any]", value)
    missing = [name for name in rule.keys if name not in keys]
    if missing:
        return f"the JSON object lacks {', '.join(map(shown, missing))}"
    if rule.only and len(keys) > len(set(rule.keys)):
        extra = next(name for name in keys if name not in rule.keys)
        return f"the JSON object has the key {shown(extra)}, which was not asked for"
    return None


def _table(text: str, rule: Format) -> str | None:
    found = tables(text)
    if not found:
        return "it has no Markdown table (a heading row, a row of dashes, and rows)"
    if any(set(rule.keys) <= set(head) and rule.least <= rows and (rule.most is None or rows <= rule.most) for head, rows in found):
        return None
    span = f"at least {rule.least}" if rule.most is None else f"{rule.least} to {rule.most}"
    columns = f" and the columns {', '.join(map(shown, rule.keys))}" if rule.keys else ""
    return f"its table must have {span} rows, with the heading{columns}"


def tables(text: str) -> list[tuple[list[str], int]]:
    """The Markdown tables in a text: the cells of each heading, and the number of rows with it."""
    lines = text.split("\n")
    found: list[tuple[list[str], int]] = []
    at = 1
    while at < len(lines) and len(found) < SHOWN_TABLES:
        if "|" not in lines[at] or "|" not in lines[at - 1] or not _RULE.match(lines[at]):
            at += 1
            continue
        head = [cell.strip() for cell in lines[at - 1].strip().strip("|").split("|")]
        end = at + 1
        while end < len(lines) and "|" in lines[end]:
            end += 1
        if end > at + 1:
            found.append((head, end - at))
        at = end + 1
    return found


def _matching(pattern: re.Pattern[str]) -> Callable[[str], int]:
    """Counts the lines that match, those within code fences not among them."""

    def count(text: str) -> int:
        number, fenced = 0, False
        for line in text.split("\n"):
            if _FENCE.match(line):
                fenced = not fenced
            elif not fenced and pattern.match(line):
                number += 1
        return number

    return count


def bold(text: str) -> int:
    """Pieces between two `**` on one line."""
    return sum(sum(1 for piece in line.split("**")[1:-1:2] if piece.strip()) for line in text.split("\n"))


def fences(text: str) -> int:
    """Code blocks that are opened and closed, and code between single backticks."""
    number, fenced = 0, False
    for line in text.split("\n"):
        if _FENCE.match(line):
            number += fenced
            fenced = not fenced
        elif not fenced:
            number += sum(1 for piece in line.split("`")[1:-1:2] if piece.strip())
    return number


def lines(text: str) -> int:
    """Lines that are not empty."""
    return sum(1 for line in text.split("\n") if line.strip())


def paragraphs(text: str) -> int:
    """Blocks between empty lines."""
    number, open_ = 0, False
    for line in text.split("\n"):
        number += bool(line.strip()) and not open_
        open_ = bool(line.strip())
    return number


def sentences(text: str) -> int:
    """Marks that end a sentence, with space or nothing after them."""
    return sum(1 for _ in _SENTENCE.finditer(text))


_BULLETS, _NUMBERS, _HEADINGS = _matching(_BULLET), _matching(_NUMBERED), _matching(_HEADING)


def markdown(text: str) -> int:
    """Elements of Markdown of any kind."""
    return bold(text) + fences(text) + _BULLETS(text) + _NUMBERS(text) + _HEADINGS(text) + len(tables(text))


COUNT: dict[Shape, Callable[[str], int]] = {
    "markdown": markdown,
    "bullets": _BULLETS,
    "numbered": _NUMBERS,
    "headings": _HEADINGS,
    "bold": bold,
    "code": fences,
    "lines": lines,
    "paragraphs": paragraphs,
    "sentences": sentences,
}
