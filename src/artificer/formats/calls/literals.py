"""Python's literals, read strictly: which text may be given to `ast`, and which trees are data.

`ast.parse` is no sandbox problem, since it runs nothing, but a long chain of operators, attributes or calls nests its trees deeply. So `extent`
lets through only tokens in an order in which nothing nests but brackets, and these at most `DEPTH` deep.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from typing import cast

from artificer.core.canon import Json
from artificer.core.tools import ToolSpec
from artificer.formats.calls.reading import DEPTH, Reading

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<text>(?P<raw>[rR]?)(?:\"\"\"|'''|\"|'))
    |(?P<number>(?:0|[1-9][0-9]{0,400})(?:\.[0-9]{0,400})?(?:[eE][+-]?[0-9]{1,5})?(?![\w.]))
    |(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*){0,8}(?![\w."']))
    |(?P<mark>\*\*(?=\{)|[-+](?=[0-9])|[()\[\]{},:=])""",
    re.VERBOSE,
)
_QUOTES = {'"': r"\n", "'": r"\n", '"""': "", "'''": ""}
"""Quotes, and what else may not stand inside them."""
_WITHIN = {quote: re.compile(rf"[^{quote[0]}\\{line}]*(?:\\.[^{quote[0]}\\{line}]*)*", re.DOTALL) for quote, line in _QUOTES.items()}
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_ESCAPE = re.compile(r"\\(.)([0-7]{0,2})", re.DOTALL)
_RIGHT = frozenset("\\\n'\"abfnrtvxuNU01234567")
_OPERAND = frozenset({"text", "number", "name", "closed"})
SPACE = "·"
"""Stands for a space in a name (ToolACE has `[Market Trends API(...)]`): Python's names may hold it, and no token here does."""
_CONSTANTS: dict[str, Json] = {"true": True, "false": False, "null": None}


class NotALiteral(ValueError):
    """The text is not a call with literals."""


def extent(body: str, start: int, reading: Reading) -> tuple[str, int]:
    """The source from `start` to the end of the bracket that opens there (or behind the name there), and where it ends in `body`.

    Missing brackets at the end of the text are added; wrong escapes are doubled. Spaces in a name become `SPACE`.

    Raises:
        NotALiteral: something stands there that no literal has.
    """
    pieces: list[str] = []
    brackets: list[str] = []
    at, before = start, ""
    while at < len(body):
        token = _TOKEN.match(body, at)
        if token is None:
            raise NotALiteral(f"{body[at : at + 12]!r} is not part of a literal")
        kind = cast("str", "text" if token["text"] else token.lastgroup)
        piece, at = _text(body, token, reading) if kind == "text" else (token[0], token.end())
        if kind == "space":
            pieces.append(" ")
            continue
        if kind == before == "name" and len(brackets) <= 1 and pieces[-1] == " ":
            pieces[-1:] = [SPACE, piece]
            continue
        before = _next(kind, piece, before, brackets)
        pieces.append(piece)
        if not brackets and before == "closed":
            return "".join(pieces).strip(), at
    if not brackets:
        raise NotALiteral("no call")
    reading.repair("open bracket")
    return "".join(pieces).strip().rstrip(",") + "".join(reversed(brackets)), at


def _next(kind: str, piece: str, before: str, brackets: list[str]) -> str:
    """Whether a token may follow; what it is for the next one. `brackets` are those that are open."""
    if kind != "mark":
        if before in _OPERAND and not (kind == before == "text"):
            raise NotALiteral(f"two values beside each other at {piece[:12]!r}")
        return kind
    if piece in _CLOSES:
        if before in _OPERAND and not (piece == "(" and before == "name"):
            raise NotALiteral("a value is called or indexed")
        brackets.append(_CLOSES[piece])
        if len(brackets) > DEPTH:
            raise NotALiteral(f"nested more than {DEPTH} levels deep")
    elif piece in ")]}":
        if not brackets or brackets.pop() != piece:
            raise NotALiteral("brackets do not match")
        return "closed"
    elif piece in "+-" and before in _OPERAND:
        raise NotALiteral("arithmetic is not evaluated")
    return kind


def _text(body: str, token: re.Match[str], reading: Reading) -> tuple[str, int]:
    """A text literal's source and where it ends."""
    raw = cast("str", token["raw"])
    quote = token[0][len(raw) :]
    at = token.end()
    pieces: list[str] = []
    while True:
        found = _WITHIN[quote].match(body, at)
        piece = found[0] if found else ""
        at += len(piece)
        pieces.append(piece)
        if body.startswith(quote, at):
            source = "".join(pieces)
            return f"{raw}{quote}{source if raw else _escaped(source, reading)}{quote}", at + len(quote)
        if at >= len(body):
            reading.repair("cut text")
            return f"{raw}{quote}{_escaped(''.join(pieces), reading)}{quote}", at
        if raw and (len(quote) == 1 or body[at] == "\\"):
            raise NotALiteral("a raw text that does not end")
        if raw:
            pieces.append(body[at])
        elif len(quote) == 1 and body[at] == "\n":
            reading.repair("line break in a text")
            pieces.append("\\n")
        else:  # one or two quotes inside a text in three
            pieces.append("\\" + body[at])
        at += 1


def _escaped(source: str, reading: Reading) -> str:
    """A text's source with the backslash doubled of escapes that Python does not have."""

    def right(found: re.Match[str]) -> str:
        if found[1] in _RIGHT and not (found[1] in "4567" and len(found[2]) == 2):
            return found[0]
        reading.repair("wrong escape")
        return "\\" + found[0]

    return _ESCAPE.sub(right, source) if "\\" in source else source


def call_of(node: ast.expr, reading: Reading, tools: Sequence[ToolSpec]) -> tuple[str, dict[str, Json]]:
    """A call's name and arguments; a record with a name and arguments is one too.

    Raises:
        NotALiteral: it is neither.
    """
    if isinstance(node, ast.Dict):
        record = _record(node, reading)
        name, given = record.get("name"), record.get("arguments", record.get("parameters"))
        if isinstance(name, str) and isinstance(given, dict):
            return name, cast("dict[str, Json]", given)
    if not isinstance(node, ast.Call):
        raise NotALiteral("an entry of the list is no call")
    name = _dotted(node.func)
    if SPACE in name:
        name = name.replace(SPACE, " ")
        reading.repair("spaces in a name")
    arguments: dict[str, Json] = {}
    _positional(node, name, arguments, reading, tools)
    for keyword in node.keywords:
        value = value_of(keyword.value, reading)
        if keyword.arg is None and not isinstance(value, dict):
            raise NotALiteral("** without a record")
        given = cast("dict[str, Json]", value if keyword.arg is None else {keyword.arg: value})
        for key, entry in given.items():
            if key in arguments:
                reading.repair("repeated key")
            arguments[key] = entry
    return name, arguments


def _positional(node: ast.Call, name: str, arguments: dict[str, Json], reading: Reading, tools: Sequence[ToolSpec]) -> None:
    """Arguments without names take those of the tool, in its order."""
    if not node.args:
        return
    spec = next((tool for tool in tools if tool.name == name), None)
    names = list(cast("dict[str, Json]", spec.parameters.get("properties") or {})) if spec is not None else []
    if len(names) < len(node.args):
        raise NotALiteral("an argument has no name")
    reading.repair("positional arguments")
    for key, argument in zip(names, node.args, strict=False):
        arguments[key] = value_of(argument, reading)


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    raise NotALiteral("what is called is not a name")


def value_of(node: ast.expr, reading: Reading) -> Json:
    """A literal's value as JSON has it.

    Raises:
        NotALiteral: it is none, or JSON has no such value.
    """
    if isinstance(node, ast.Constant):
        return _constant(node.value, reading)
    if isinstance(node, (ast.List, ast.Tuple)):
        if isinstance(node, ast.Tuple):
            reading.repair("tuple")
        return [value_of(entry, reading) for entry in node.elts]
    if isinstance(node, ast.Dict):
        return _record(node, reading)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = value_of(node.operand, reading)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Name) and node.id in _CONSTANTS:
        reading.repair("JSON constants")
        return _CONSTANTS[node.id]
    raise NotALiteral("an argument is not a literal")


def _constant(value: object, reading: Reading) -> Json:
    if isinstance(value, str):
        return reading.whole(value)
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise NotALiteral("an argument is a value that JSON does not have")


def _record(node: ast.Dict, reading: Reading) -> dict[str, Json]:
    record: dict[str, Json] = {}
    for key, entry in zip(node.keys, node.values, strict=True):
        name = value_of(key, reading) if key is not None else None
        if not isinstance(name, str):
            raise NotALiteral("a record's key is not a text")
        if name in record:
            reading.repair("repeated key")
        record[name] = value_of(entry, reading)
    return record
