"""Tools as Python functions: names, signatures and documentation for a program that calls them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from typing import Any, cast

from artificer.core.canon import Json, canonical
from artificer.core.tools import ToolSpec

_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list", "object": "dict", "null": "None"}
_TAKEN = frozenset({"display", "ToolError", "print"})


def functions_of(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """What a program needs of each tool: `function` (its Python name), `name`, `parameters` in order, `doc`."""
    found: list[dict[str, Any]] = []
    used = set(_TAKEN)
    for tool in tools:
        function = _identifier(tool.name)
        while function in used:
            function += "_"
        used.add(function)
        found.append(
            {"function": function, "name": tool.name, "parameters": _parameters(tool), "doc": f"{signature(function, tool)}\n\n{_doc(tool)}"}
        )
    return found


def manual(functions: Sequence[dict[str, Any]]) -> str:
    """Signatures and documentation of all functions, as one text."""
    return "\n\n".join(str(function["doc"]).replace("\n\n", "\n", 1) for function in functions)


def signature(function: str, tool: ToolSpec) -> str:
    """E.g. `search_tracks(name: str, limit: int = ...) -> list`."""
    required = cast("list[str]", tool.parameters.get("required", []))
    properties = _properties(tool)
    slots = [f"{name}: {_type(properties[name])}{'' if name in required else ' = ...'}" for name in _parameters(tool)]
    return f"{function}({', '.join(slots)}){f' -> {_type(tool.returns)}' if tool.returns else ''}"


def _parameters(tool: ToolSpec) -> list[str]:
    required = cast("list[str]", tool.parameters.get("required", []))
    return sorted(_properties(tool), key=lambda name: name not in required)


def _properties(tool: ToolSpec) -> dict[str, Json]:
    return cast("dict[str, Json]", tool.parameters.get("properties", {}))


def _doc(tool: ToolSpec) -> str:
    lines = [f"    {tool.description}"]
    for name in _parameters(tool):
        about = _properties(tool)[name]
        said = str(about.get("description", "")) if isinstance(about, dict) else ""  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        if said:
            lines.append(f"    {name}: {said}")
    return "\n".join(lines)


def _type(schema: Json) -> str:
    if not isinstance(schema, dict):
        return "object"
    fields = cast("dict[str, Json]", schema)
    if "enum" in fields:
        return f"Literal{canonical(fields['enum']).decode()}"
    kinds = fields.get("type", "object")
    names = cast("list[str]", kinds) if isinstance(kinds, list) else [str(kinds)]
    return " | ".join(_TYPES.get(name, "object") for name in names)


def _identifier(name: str) -> str:
    found = re.sub(r"\W", "_", name, flags=re.ASCII)
    found = f"_{found}" if found[:1].isdigit() or not found else found
    return f"{found}_" if keyword.iskeyword(found) else found
