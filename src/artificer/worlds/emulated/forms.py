"""Tool specifications in the forms people have them: ours, OpenAI's (and MCP's, which differ in a key), ToolEmu's toolkits.

Files are hostile: sizes are bounded, names are cleaned, schemas must compile. What cannot be used is left out with the
reason; only a file without any usable tool is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from artificer.core.canon import Json, canonical
from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec, compile_schema
from artificer.worlds.base import TOOL_NAME, Problem

_MOST_TOOLS = 20_000
_TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "dict": "object",
    "list": "array",
    "tuple": "array",
    "text": "string",
}
_JSON_TYPES = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})


def tools_of(records: list[Json], problems: list[Problem]) -> tuple[ToolSpec, ...]:
    """The tools of records in any of the forms; what was wrong is added to `problems`."""
    found: dict[str, ToolSpec] = {}
    for where, record in _flattened(records):
        if len(found) >= _MOST_TOOLS:
            problems.append(Problem("file", f"only the first {_MOST_TOOLS} tools are used"))
            break
        tool = _tool(where, record, problems)
        if tool is None:
            continue
        if tool.name in found:
            problems.append(Problem(tool.name, "there is another tool of this name, so it is left out"))
            continue
        found[tool.name] = tool
    return tuple(found.values())


def _flattened(records: list[Json]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Single tools, with where they stand; toolkits are taken apart."""
    for at, value in enumerate(records):
        record = _record(value)
        if "toolkit" in record or ("tools" in record and "name_for_model" in record):
            prefix = str(record.get("name_for_model") or record.get("toolkit") or "")
            for inner, tool in enumerate(_list(record.get("tools"))):
                yield f"{prefix}.tools[{inner}]", _from_toolkit(prefix, _record(tool))
        else:
            function = _record(record.get("function")) if isinstance(record.get("function"), dict) else record
            yield f"tools[{at}]", function


def _from_toolkit(prefix: str, tool: dict[str, Any]) -> dict[str, Any]:
    """A tool of a ToolEmu toolkit in our form; its full name is the toolkit's and its own."""
    parameters = [_record(part) for part in _list(tool.get("parameters"))]
    returns = [_record(part) for part in _list(tool.get("returns"))]
    return {
        "name": f"{prefix}{tool.get('name', '')}",
        "description": tool.get("summary") or tool.get("description") or "",
        "parameters": _object(parameters, closed=True),
        "returns": _object([{"required": True, **part} for part in returns], closed=False) if returns else None,
        "attributes": {"toolkit": prefix, "exceptions": [part for part in _list(tool.get("exceptions")) if isinstance(part, dict)]},
    }


def _object(parts: list[dict[str, Any]], *, closed: bool) -> dict[str, Json]:
    properties = {str(part.get("name", "")): _argument(part) for part in parts if part.get("name")}
    required = [str(part["name"]) for part in parts if part.get("name") and part.get("required", True) is not False]
    schema: dict[str, Json] = {"type": "object", "properties": properties, "required": required}
    return schema | ({"additionalProperties": False} if closed else {})


def _argument(part: dict[str, Any]) -> dict[str, Json]:
    """A parameter's or return value's type in words: `string`, `integer`, `array`, `list of strings`, `object`."""
    words = re.findall(r"[a-z]+", str(part.get("type", "")).lower())[:8]
    kinds = [kind for kind in (_TYPES.get(word.rstrip("s"), word.rstrip("s")) for word in words) if kind in _JSON_TYPES]
    schema: dict[str, Json] = {"type": kinds[0]} if kinds else {}
    if len(kinds) > 1 and kinds[0] == "array":
        schema["items"] = {"type": kinds[1]}
    for key in ("enum", "description", "minimum", "maximum", "pattern", "format", "items", "properties"):
        if key in part:
            schema[key] = part[key]
    return schema


def _tool(where: str, record: dict[str, Any], problems: list[Problem]) -> ToolSpec | None:
    name = _name(record.get("name"), where, problems)
    if name is None:
        return None
    stated: list[Json] = [record[key] for key in ("parameters", "input_schema", "inputSchema") if record.get(key)]
    parameters = _record(stated[0]) if stated else _record({"properties": {}})
    if (stated and not parameters) or _TYPES.get(str(parameters.get("type", "object")), parameters.get("type", "object")) != "object":
        problems.append(Problem(name, "its parameters are no object schema, so it is left out"))
        return None
    parameters = {"type": "object", **parameters}
    if _wrong(parameters, name):
        parameters = _record(_typed(parameters, 0))
    wrong = _wrong(parameters, name)
    if wrong:
        problems.append(Problem(name, f"left out: {wrong}"))
        return None
    returns: Json = next((record[key] for key in ("returns", "output_schema", "outputSchema", "response") if record.get(key)), None)
    if isinstance(returns, dict) and _wrong(cast("dict[str, Json]", returns), name):
        returns = _typed(returns, 0)
    if returns is not None and (not isinstance(returns, dict) or _wrong(cast("dict[str, Json]", returns), name)):
        problems.append(Problem(name, "what it returns is no JSON Schema, and is inferred instead"))
        returns = None
    effect = record.get("effect")
    return ToolSpec(
        name=name,
        description=str(record.get("description") or "")[:20_000],
        parameters=parameters,
        returns=cast("dict[str, Json] | None", returns),
        effect=effect if effect in ("read", "write") else _hinted(record),
        attributes=_record(record.get("attributes")),
        examples=tuple(_record(one) for one in _list(record.get("examples")) if isinstance(one, dict)),
    )


def _typed(schema: Json, depth: int) -> Json:
    """A schema whose types have the names of Python's, with those of JSON Schema: `dict` is an object, `any` is no type."""
    if depth > 50:
        return schema
    if isinstance(schema, list):
        return [_typed(part, depth + 1) for part in cast("list[Json]", schema)]
    if not isinstance(schema, dict):
        return schema
    typed = {key: part if key in ("enum", "const", "default", "examples") else _typed(part, depth + 1) for key, part in _record(schema).items()}
    kind = typed.get("type")
    if isinstance(kind, str):
        typed["type"] = _TYPES.get(kind.lower(), kind)
        if kind.lower() == "any":
            del typed["type"]
    return typed


def _hinted(record: dict[str, Any]) -> Any:
    """MCP's annotation says of some tools that they only read."""
    hint = _record(record.get("annotations")).get("readOnlyHint")
    return "read" if hint is True else "write" if hint is False else "unknown"


def _name(value: object, where: str, problems: list[Problem]) -> str | None:
    if not isinstance(value, str) or not value.strip():
        problems.append(Problem(where, "a tool without a name is left out"))
        return None
    if TOOL_NAME.fullmatch(value):
        return value
    clean = re.sub(r"[^A-Za-z0-9_-]+", "_", value.strip())[:64].strip("_")
    if not re.search(r"[A-Za-z0-9]", clean):
        problems.append(Problem(where, f"{value[:80]!r} cannot be the name of a tool, so it is left out"))
        return None
    problems.append(Problem(where, f"{value[:80]!r} is called {clean!r}: a tool's name has letters, digits, _ and - only"))
    return clean


def _wrong(schema: dict[str, Json], name: str) -> str | None:
    """Why a schema cannot be used."""
    try:
        canonical(schema)
        compile_schema(schema, name)
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        return f"its schema cannot be read ({type(error).__name__})"
    except SourceError as error:
        return error.what
    return None


def _record(value: Json) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: Json) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
