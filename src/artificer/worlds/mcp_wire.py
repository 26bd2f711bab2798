"""What crosses the wire of the Model Context Protocol, read with suspicion: tool listings become specifications, answers become results.

Knows JSON and our nouns, not the SDK.
"""

from __future__ import annotations

import re
from typing import Literal, cast

import jsonschema_rs
import msgspec
from msgspec import Struct

from artificer.core.canon import Json, canonical
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tools import EffectKind, ToolSpec, compile_schema
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import TOOL_NAME, Offer, Problem

META_ATTRIBUTES = "artificer/attributes"
META_EXAMPLES = "artificer/examples"
META_RETURNS = "artificer/returns"
META_WRAPPED = "artificer/wrapped"
META_ERROR = "artificer/error"
"""What our own server adds for our own client, so that a world that is served is the same at the other end."""

_DETAIL = 500
_MOST = 10_000
"""Tools that are read of a server's list."""
_RAW_NAME = re.compile(r"[A-Za-z0-9_./:-]{1,128}")
_UNUSUAL = re.compile(r"[^A-Za-z0-9_-]")
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")
_HINTS = {"destructiveHint": "destructive", "idempotentHint": "idempotent", "openWorldHint": "open_world"}
_KINDS = {str(kind): kind for kind in ErrorKind}
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
    meta = _object(entry.get("_meta"))
    if entry.get("isError") is True:
        kind = _KINDS.get(str(meta.get(META_ERROR))) or refusal(text, ErrorKind.constraint)
        return ToolResult(call.id, None, kind, text[:_DETAIL] or "the tool failed and did not say why")
    content: Json = entry.get("structuredContent")
    if content is None:
        content = _parsed(text)
    elif meta.get(META_WRAPPED) is True:
        content = _object(content).get("result")
    try:
        size = len(canonical(content))
    except (ValueError, RecursionError) as error:
        return ToolResult(call.id, None, ErrorKind.bad_output, f"the answer is not JSON: {type(error).__name__}")
    if size > limit:
        return ToolResult(call.id, None, ErrorKind.bad_output, f"the answer has {size} bytes, more than the {limit} allowed (option max_bytes)")
    if returns is not None and not returns.is_valid(content):
        return ToolResult(call.id, None, ErrorKind.bad_output, "the answer breaks the tool's own output schema")
    return ToolResult(call.id, content)


def _object(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


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


class Offered(Struct, frozen=True):
    """A usable tool: the name its server knows it by, and its specification, whose name is one for agents."""

    raw: str
    spec: ToolSpec


def specs(offered: list[Json], where: str) -> tuple[list[Offered], list[Problem]]:
    """Usable tools in the order listed, and why the others are not, or not as they are."""
    found: dict[str, Offered] = {}
    problems: list[Problem] = []
    names = {name for raw in offered[:_MOST] if isinstance(name := _object(raw).get("name"), str) and TOOL_NAME.fullmatch(name)}
    for index, raw in enumerate(offered[:_MOST]):
        entry = _object(raw)
        name: Json = entry.get("name")
        if not isinstance(name, str) or not _RAW_NAME.fullmatch(name):
            problems.append(Problem(f"{where} tool {index}", f"its name {ascii(name)[:80]} is not a tool name; left out"))
        elif name in found:
            problems.append(Problem(name, "listed twice; the second is left out"))
        else:
            fault = _fault(entry.get("inputSchema"), name, needs_object=True)
            if fault is not None:
                problems.append(Problem(name, f"{fault}; left out"))
                continue
            given = name if name in names else _usual(name, names)
            if given != name:
                names.add(given)
                problems.append(Problem(name, f"offered as {given!r}, since its own name is not one for agents"))
            found[name] = Offered(name, _spec(given, name, entry, problems))
    if len(offered) > _MOST:
        problems.append(Problem(where, f"it lists {len(offered)} tools; those after the first {_MOST} are left out"))
    return list(found.values()), problems


def _usual(name: str, taken: set[str]) -> str:
    """A name for agents for a tool with an unusual one, that no other tool has."""
    base = _UNUSUAL.sub("_", name)
    candidates = (base[:64], *(f"{base[:58]}_{number}" for number in range(2, _MOST)))
    return next(candidate for candidate in candidates if candidate not in taken)


def _spec(given: str, name: str, entry: dict[str, Json], problems: list[Problem]) -> ToolSpec:
    meta, hints = _object(entry.get("_meta")), _object(entry.get("annotations"))
    returns: Json = meta.get(META_RETURNS, entry.get("outputSchema"))
    fault = None if returns is None else _fault(returns, name, needs_object=False)
    if fault is not None:
        problems.append(Problem(name, f"output: {fault}; ignored"))
        returns = None
    if hints.get("readOnlyHint") is True and hints.get("destructiveHint") is True:
        problems.append(Problem(name, "says that it only reads and that it destroys; taken as unknown"))
    ours = META_ATTRIBUTES in meta
    examples: Json = meta.get(META_EXAMPLES)
    listed = cast("list[Json]", examples) if isinstance(examples, list) else []
    return ToolSpec(
        name=given,
        description=_described(name, entry.get("description"), problems),
        parameters=entry["inputSchema"] if ours else _with_examples(entry["inputSchema"]),
        returns=returns,
        effect=_effect(hints),
        attributes=_object(meta.get(META_ATTRIBUTES)) if ours else _hints(hints),
        examples=tuple(cast("dict[str, Json]", example) for example in listed if isinstance(example, dict)),
    )


def _described(name: str, text: Json, problems: list[Problem]) -> str:
    """A description without characters that a person does not see and a model reads."""
    if not isinstance(text, str) or not text.strip():
        return name.replace("_", " ")
    seen, hidden = _INVISIBLE.subn("", text)
    if hidden:
        problems.append(Problem(name, f"its description holds {hidden} invisible character(s); removed"))
    return seen.strip() or name.replace("_", " ")


def _hints(hints: dict[str, Json]) -> dict[str, Json]:
    """What a server says of a tool besides reading or writing, where it says it."""
    return {ours: hints[theirs] for theirs, ours in _HINTS.items() if isinstance(hints.get(theirs), bool)}


def others(kind: Literal["resource", "template", "prompt"], listed: list[Json]) -> list[Offer]:
    """Resources, templates and prompts as they are shown to a person."""
    found: list[Offer] = []
    for raw in listed[:_MOST]:
        entry = _object(raw)
        name = entry.get("uri") or entry.get("uriTemplate") or entry.get("name")
        if isinstance(name, str):
            described = entry.get("description") or entry.get("title") or entry.get("name")
            found.append(Offer(kind, _INVISIBLE.sub("", name)[:500], _INVISIBLE.sub("", str(described or ""))[:500]))
    return found


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
    if hints.get("readOnlyHint") is True and hints.get("destructiveHint") is True:
        return "unknown"
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
