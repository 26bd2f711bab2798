"""What crosses the wire of the Model Context Protocol, read with suspicion: tool listings become specifications, answers become results.

Knows JSON and our nouns, not the SDK.
"""

from __future__ import annotations

import re
from typing import cast

import jsonschema_rs
import msgspec

from artificer.core.canon import Json, canonical
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tools import EffectKind, ToolSpec, compile_schema
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import TOOL_NAME, Problem

_DETAIL = 500
_QUOTED = re.compile(r"'([\w.-]{1,30})'")

_REFUSALS = (
    (ErrorKind.unknown_tool, ("unknown tool",)),
    (ErrorKind.not_found, ("not found", "does not exist", "no such", "did not resolve", "doesn't exist", "cannot find", "unknown ", "no item named")),
    (ErrorKind.forbidden, ("permission", "forbidden", "not allowed", "denied", "outside", "unauthorized")),
    (ErrorKind.invalid_argument, ("invalid", "validation error", "must be", "should be", "expected")),
)


def refusal(text: str, otherwise: ErrorKind) -> ErrorKind:
    """A kind for a server's error text: the protocol has no codes for tools' own errors, so its words decide."""
    lowered = text.lower()
    return next((kind for kind, words in _REFUSALS if any(word in lowered for word in words)), otherwise)


def result(call: ToolCall, answer: Json, limit: int, returns: jsonschema_rs.Draft202012Validator | None) -> ToolResult:
    """A server's answer as a result: structured content, else text read as JSON where it is JSON, else text."""
    entry = cast("dict[str, Json]", answer)
    blocks: Json = entry.get("content")
    if not isinstance(blocks, list):
        return ToolResult(call.id, None, ErrorKind.bad_output, "the answer holds no content")
    texts = [_text(block) for block in cast("list[Json]", blocks)]
    text = "\n".join(texts)
    if entry.get("isError") is True:
        return ToolResult(call.id, None, refusal(text, ErrorKind.constraint), text[:_DETAIL] or "the tool failed and did not say why")
    content: Json = entry.get("structuredContent")
    if content is None:
        content = _parsed(text)
    size = len(canonical(content))
    if size > limit:
        return ToolResult(call.id, None, ErrorKind.bad_output, f"the answer has {size} bytes, more than the {limit} allowed (option max_bytes)")
    if returns is not None and not returns.is_valid(content):
        return ToolResult(call.id, None, ErrorKind.bad_output, "the answer breaks the tool's own output schema")
    return ToolResult(call.id, content)


def _text(block: Json) -> str:
    if not isinstance(block, dict):
        return ""
    entry = cast("dict[str, Json]", block)
    if isinstance(entry.get("text"), str):
        return entry["text"]
    resource = entry.get("resource")
    if isinstance(resource, dict) and isinstance(cast("dict[str, Json]", resource).get("text"), str):
        return cast("dict[str, Json]", resource)["text"]
    return f"[{entry.get('type', 'content')}]"


def _parsed(text: str) -> Json:
    """Text as JSON when it is an object or a list in JSON; a bare number stays text, for it may be a name."""
    if text[:1] in ("{", "["):
        try:
            return msgspec.json.decode(text.encode("utf-8", "replace"))
        except (msgspec.DecodeError, RecursionError):
            return text
    return text


def specs(offered: list[Json], where: str) -> tuple[list[ToolSpec], list[Problem]]:
    """Usable tools in the order listed, and why the others are not."""
    found: list[ToolSpec] = []
    problems: list[Problem] = []
    for index, raw in enumerate(offered):
        entry = cast("dict[str, Json]", raw) if isinstance(raw, dict) else {}
        name: Json = entry.get("name")
        if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
            problems.append(Problem(f"{where} tool {index}", f"its name {name!r:.80} is not a tool name; left out"))
        elif any(spec.name == name for spec in found):
            problems.append(Problem(name, "listed twice; the second is left out"))
        else:
            fault = _fault(entry.get("inputSchema"), name, needs_object=True)
            if fault is not None:
                problems.append(Problem(name, f"{fault}; left out"))
                continue
            returns = entry.get("outputSchema")
            fault = None if returns is None else _fault(returns, name, needs_object=False)
            if fault is not None:
                problems.append(Problem(name, f"output: {fault}; ignored"))
                returns = None
            found.append(_spec(name, entry, returns))
    return found, problems


def _spec(name: str, entry: dict[str, Json], returns: Json) -> ToolSpec:
    described = entry.get("description")
    hints: Json = entry.get("annotations")
    return ToolSpec(
        name=name,
        description=described.strip() if isinstance(described, str) and described.strip() else name.replace("_", " "),
        parameters=_with_examples(entry["inputSchema"]),
        returns=returns,
        effect=_effect(cast("dict[str, Json]", hints) if isinstance(hints, dict) else {}),
    )


def _with_examples(schema: dict[str, Json]) -> dict[str, Json]:
    """The schema with `examples` where a parameter's description puts words in quotes: many servers name their options in prose only."""
    properties: Json = schema.get("properties")
    if not isinstance(properties, dict):
        return schema
    found = dict(cast("dict[str, Json]", properties))
    for name, raw in found.items():
        part = cast("dict[str, Json]", raw) if isinstance(raw, dict) else {}
        described: Json = part.get("description")
        quoted = list(dict.fromkeys(_QUOTED.findall(described))) if isinstance(described, str) else []
        if quoted and part.get("type") == "string" and not {"enum", "const", "examples"}.intersection(part):
            found[name] = {**part, "examples": quoted[:8]}
    return {**schema, "properties": found}


def _effect(hints: dict[str, Json]) -> EffectKind:
    if hints.get("readOnlyHint") is True:
        return "read"
    return "write" if hints.get("readOnlyHint") is False or hints.get("destructiveHint") is True else "unknown"


def _fault(schema: Json, name: str, *, needs_object: bool) -> str | None:
    """Why a schema cannot be used; None when it can. References to elsewhere are refused, never fetched."""
    if not isinstance(schema, dict):
        return "its schema is not an object"
    if needs_object and cast("dict[str, Json]", schema).get("type") != "object":
        return 'its schema does not say "type": "object"'
    try:
        if _refers_elsewhere(schema):
            return "its schema refers to another document"
        compile_schema(cast("dict[str, Json]", schema), name)
    except (SourceError, RecursionError) as error:
        return error.what if isinstance(error, SourceError) else "its schema is nested too deep"
    return None


def _refers_elsewhere(schema: Json) -> bool:
    if isinstance(schema, dict):
        entries = cast("dict[str, Json]", schema)
        links = [entries.get(key) for key in ("$ref", "$dynamicRef")]
        return any(isinstance(link, str) and not link.startswith("#") for link in links) or any(map(_refers_elsewhere, entries.values()))
    return isinstance(schema, list) and any(map(_refers_elsewhere, cast("list[Json]", schema)))
