"""Python-call lists: `[f(a=1), shop.g(b="x")]`, as BFCL prompts for them and ToolACE and Llama 4 write them.

Nothing is evaluated. The text is split into Python's own tokens first, and only names, texts, numbers, brackets and commas pass, in an order that
cannot nest deeper than the brackets do; then `ast` reads it, and only calls with literals are taken. Dotted names stay as they are.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import cast

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.formats.calls.literals import NotALiteral, call_of, extent
from artificer.formats.calls.reading import THINK, Parsed, Reading, broken, thought
from artificer.formats.calls.records import fenced, search, unfenced

RULE = "Reply with text, or call tools with one list of Python calls and nothing else: [name_of_the_tool(parameter=value), ...]"
_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*){0,8}")
_SPACED = r"[^\W\d][\w.]{0,60}(?: [^\W\d][\w.]{0,60}){1,8}\((?=\s{0,4}(?:\)|[^\W\d]\w{0,60}\s{0,4}=))"
_BEGUN = re.compile(rf"\[\s{{0,20}}(?:[^\W\d][\w.]{{0,200}}\s{{0,4}}\(|\{{\s{{0,20}}[\"']|{_SPACED})")
_BARE = re.compile(r"[^\W\d][\w.]{0,200}\(")
_WRAPPED = ("<|python_start|>", "<|python_end|>", "<|python_tag|>")


def write(message: Message, tools: Sequence[ToolSpec] = ()) -> str:
    """The text, then the list of calls."""
    text = broken(message.text, THINK)
    calls = [f"[{', '.join(_call_text(call) for call in message.calls)}]"] if message.calls else []
    return thought(message) + "\n".join(([text] if text else []) + calls)


def _call_text(call: ToolCall) -> str:
    """One call; a name that Python could not have is written as a record."""
    if not _fits(call.name):
        return literal({"name": call.name, "arguments": call.arguments})
    named = [f"{key}={literal(value)}" for key, value in call.arguments.items() if _fits(key) and "." not in key]
    other = {key: value for key, value in call.arguments.items() if not (_fits(key) and "." not in key)}
    if other:  # in Python too these can only stand in a record, and the order must stay
        named = [f"**{literal(call.arguments)}"]
    return f"{call.name}({', '.join(named)})"


def _fits(name: str) -> bool:
    import keyword

    return bool(_NAME.fullmatch(name)) and name.isascii() and not any(keyword.iskeyword(part) for part in name.split("."))


def literal(value: Json) -> str:
    """A JSON value as a Python literal, texts in double quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(entry)}" for key, entry in cast("dict[str, Json]", value).items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(entry) for entry in cast("list[Json]", value)) + "]"
    if isinstance(value, str):  # a reader takes the family's marks off wherever they stand
        return json.dumps(value, ensure_ascii=False).replace("<|python", "\\u003c|python")
    return repr(value)


def parse(text: str, prefix: str = "c", tools: Sequence[ToolSpec] = ()) -> Parsed:
    """Reads what a model wrote."""
    reading = Reading(text, prefix)
    body = reading.body
    for mark in _WRAPPED:
        body = body.replace(mark, "")
    bare, was_fenced = fenced(body.strip())
    if was_fenced and (_BEGUN.match(bare) or _BARE.match(bare)):
        body = bare
        reading.repair("code fence")
    body = body.strip()
    begun = _BEGUN.search(body)
    if begun:
        end = _list(reading, body, begun.start(), tools)
        for piece in unfenced((body[: begun.start()], body[end:]), reading):
            reading.words(piece)
    elif not (_BARE.match(body) and _bare(reading, body, tools)):
        search(reading, repair="no list of calls")
    return reading.done()


def _list(reading: Reading, body: str, start: int, tools: Sequence[ToolSpec]) -> int:
    """Reads the list that begins at `start`; where it ends."""
    try:
        source, end = extent(body, start, reading)
        tree = _tree(source)
        for element in tree.elts if isinstance(tree, ast.List) else [tree]:
            name, arguments = call_of(element, reading, tools)
            reading.call(name, arguments)
    except NotALiteral as error:
        reading.fail(f"the list of calls cannot be read: {error}")
        return len(body)
    return end


def _bare(reading: Reading, body: str, tools: Sequence[ToolSpec]) -> bool:
    """Calls without the list around them, when nothing else stands in the text."""
    scratch = Reading("", "")
    found: list[tuple[str, dict[str, Json]]] = []
    at = 0
    try:
        while at < len(body) and len(found) <= 64:
            source, at = extent(body, at, scratch)
            found.append(call_of(_tree(source), scratch, tools))
            at += len(body[at:]) - len(body[at:].lstrip(" ,;\t\r\n"))
    except NotALiteral:
        return False
    reading.repair("no list around the calls")
    for repair in scratch.repairs:
        reading.repair(repair)
    for name, arguments in found:
        reading.call(name, arguments)
    return True


def _tree(source: str) -> ast.expr:
    try:
        return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotALiteral(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
