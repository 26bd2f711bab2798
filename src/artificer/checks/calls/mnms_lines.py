"""m&m's: an argument's value as the original writes it in a line of Python, and reads it back.

Its labels are made of source text: a plan in JSON is written as `output0 = tool(name="value")`, lines are parsed one by
one, and those that cannot be are dropped. Only quotes are escaped on the way, so a line break in a value loses the call,
and a backslash changes it. Nothing is evaluated here: lines are parsed into a tree and written again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from artificer.checks.calls.plain import valued
from artificer.core.canon import Json

_LONGEST = 1_000_000
_REFERENCE = re.compile(r"<node-\d{1,9}>\.\w+")
_ESCAPE = re.compile(r"\\([4-7][0-7][0-7]|[\s\S])")
_KNOWN = frozenset("\\'\"abfnrtvxuUN01234567\n")


def line_values(place: int, tool: str, arguments: Mapping[str, Json]) -> dict[str, str] | None:
    """The arguments of a call by their source text, None for a call that the original cannot read back, and so drops.

    Raises:
        ValueError: it cannot even be written; the original then takes the whole plan for empty.

    Args:
        place: where in the plan the call stands: the number of its output.
    """
    written = ", ".join(f"{name}={_written(value)}" for name, value in arguments.items())
    line = f"output{place} = {tool}({written})"
    if len(line) > _LONGEST or "\n" in line:
        return None  # the original splits at line breaks, and neither half is a line it can read
    try:
        tree = ast.parse(line.strip())
        return _read(tree, tool)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _read(tree: ast.Module, tool: str) -> dict[str, str] | None:
    first = next((node for node in ast.walk(tree) if isinstance(node, ast.Assign)), None)
    if first is None or not isinstance(first.targets[0], ast.Name) or not isinstance(first.value, ast.Call):
        return None
    called: Any = first.value.func
    if not isinstance(called, ast.Name) or called.id != tool:
        return None
    return {str(keyword.arg): ast.unparse(keyword.value) for keyword in first.value.keywords}


def _written(value: Json) -> str:
    """Raises ValueError for a reference that cannot be read."""
    if not isinstance(value, str):
        return f'"{valued(value)}"'
    if value.startswith("<node-") and " " not in value:
        end, dot = value.index(">"), value.index(".")
        return f"output{int(value[6:end])}['{value[dot + 1 :]}']"
    if "<node-" in value:
        # The original formats the text around references, so a brace elsewhere in it is an error there.
        around = _REFERENCE.sub("", value)
        if "{" in around or "}" in around:
            raise ValueError("a brace beside a reference")
        filled = _REFERENCE.sub(_output, value)
        return 'f"{}"'.format(_escaped(filled.replace('"', '\\"')))
    return '"{}"'.format(_escaped(value.replace('"', '\\"')))


def _output(found: re.Match[str]) -> str:
    number, key = found.group()[6:].split(">.", 1)
    return f"output{int(number)}['{key}']"


def _escaped(text: str) -> str:
    """The same text to Python, without escapes that it warns of: an unknown one stands for itself, and one beyond a byte is written in full."""

    def plain(found: re.Match[str]) -> str:
        after = found.group(1)
        if len(after) == 3:
            return f"\\u{int(after, 8):04x}"
        return found.group() if after in _KNOWN else "\\" + found.group()

    return _ESCAPE.sub(plain, text)
