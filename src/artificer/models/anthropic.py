"""Anthropic's messages, as a second vocabulary of the same client: `anthropic:NAME[@URL][?OPTION=VALUE&...]`.

What differs from chat completions: the system text stands apart; turns alternate and begin with the user, so
neighbours of one role are joined and a conversation that the assistant opens gets `(start)` before it; calls and
results are blocks; a schema is asked for as the one tool that must be called, whose input then is the text; there is no seed. Thoughts come
with a signature and must be sent back with it, as they came: this object remembers them by what was said with them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json, digest
from artificer.core.messages import Image, Message, Text, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind, Notes
from artificer.formats.parts import result_text
from artificer.models.base import Counts, Reply, Request
from artificer.models.endpoints.client import Dialect, Endpoint
from artificer.models.endpoints.kept import Kept, KeptList
from artificer.models.endpoints.target import target_of

KEYS = ("ANTHROPIC_API_KEY",)
ADDRESS = "https://api.anthropic.com/v1"
VERSION = "2023-06-01"
REPLY = "reply"
"""The tool that stands for a schema."""
_MOST_THOUGHTS = 50_000
_DATA = re.compile(r"data:([\w/+.-]{1,80});base64,(.*)", re.DOTALL)
_encode = msgspec.json.Encoder().encode
Blocks = list[dict[str, Json]]


class Messages(Dialect):
    """Anthropic's words.

    Args:
        model: the name at the endpoint.
        extra: fields of the body besides ours, or in their place; None leaves a field out.
    """

    form = "anthropic"
    path = "/messages"
    keys = KEYS

    def __init__(self, model: str, extra: dict[str, Json] | None = None) -> None:
        self._model = model
        self._extra: dict[str, Json] = extra or {}
        self._blocks = Kept[Message](lambda message: _encode(_blocks(message)))
        self._tools = KeptList[ToolSpec](Kept[ToolSpec](_tool))
        self._thoughts: dict[str, bytes] = {}

    def headers(self, key: str | None) -> dict[str, str]:
        return {"anthropic-version": VERSION} | ({"x-api-key": key} if key else {})

    def encode(self, request: Request) -> bytes:
        system = "\n\n".join(message.text for message in request.messages if message.role == "system" and message.text)
        pieces = [_encode(self._fields(request, system))[:-1]]
        if request.tools or request.schema is not None:
            tools = [self._tools(request.tools)] if request.tools else []
            tools += (
                [_encode({"name": REPLY, "description": "Gives the reply.", "input_schema": request.schema})] if request.schema is not None else []
            )
            pieces += (b',"tools":[', b",".join(tools), b"]")
        pieces += (b',"messages":[', b",".join(self._turns(request.messages)), b"]}")
        return b"".join(pieces)

    def _fields(self, request: Request, system: str) -> dict[str, Json]:
        sampling = request.sampling
        fields: dict[str, Json] = {"model": self._model, "max_tokens": sampling.max_tokens, "temperature": sampling.temperature}
        if sampling.top_p < 1:
            fields["top_p"] = sampling.top_p
        if system:
            fields["system"] = system
        if request.schema is not None:
            fields["tool_choice"] = {"type": "tool", "name": REPLY}
        elif request.tools and request.constrained:
            fields["tool_choice"] = {"type": "any"}
        return {name: value for name, value in {**fields, **self._extra}.items() if value is not None}

    def _turns(self, messages: Sequence[Message]) -> list[bytes]:
        """Alternating turns, the user's first."""
        turns: list[tuple[str, list[bytes]]] = []
        for message in messages:
            if message.role == "system":
                continue
            role = "assistant" if message.role == "assistant" else "user"
            blocks = self._blocks(message)[1:-1]
            if role == "assistant" and self._thoughts and (known := self._thoughts.get(_said_with(message))):
                blocks = known + (b"," + blocks if blocks else b"")
            if not blocks:
                continue
            if turns and turns[-1][0] == role:
                turns[-1][1].append(blocks)
            else:
                turns.append((role, [blocks]))
        if not turns or turns[0][0] != "user":
            turns.insert(0, ("user", [b'{"type":"text","text":"(start)"}']))
        return [b'{"role":"' + role.encode() + b'","content":[' + b",".join(blocks) + b"]}" for role, blocks in turns]

    def decode(self, answer: bytes, request: Request) -> Reply | None:
        try:
            found = _decode(answer)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        if not found.content and found.stop_reason not in ("end_turn", "refusal", "max_tokens", "stop_sequence"):
            return None
        reply = _reply(found, request.schema is not None)
        signed = [block for block in found.content if block.type in ("thinking", "redacted_thinking")]
        if signed:
            if len(self._thoughts) >= _MOST_THOUGHTS:
                self._thoughts.clear()
            self._thoughts[_said_with(reply.message)] = b",".join([_encode(_raw(block)) for block in signed])
        return reply


def _said_with(message: Message) -> str:
    """What thoughts are remembered by: what was thought, said and called, without the ids of calls, which agents change."""
    return digest(message.reasoning, message.text, [(call.name, call.arguments) for call in message.calls])


def _tool(tool: ToolSpec) -> bytes:
    return _encode({"name": tool.name, "description": tool.description, "input_schema": {"type": "object", **tool.parameters}})


def _blocks(message: Message) -> Blocks:
    """A message as blocks; none when it is empty."""
    if message.role == "tool" and message.result is not None:
        result = message.result
        block: dict[str, Json] = {"type": "tool_result", "tool_use_id": result.call_id, "content": result_text(result)}
        return [block | ({"is_error": True} if result.error is not None else {})]
    if message.role == "user" and not isinstance(message.content, str):
        blocks = [_part(part) for part in message.content if isinstance(part, Image) or (isinstance(part, Text) and part.text.strip())]
    else:
        blocks: Blocks = [{"type": "text", "text": message.text}] if message.text.strip() else []
    return blocks + [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in message.calls]


def _part(part: Text | Image) -> dict[str, Json]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    data = _DATA.fullmatch(part.uri)
    source = {"type": "base64", "media_type": data[1], "data": data[2]} if data else {"type": "url", "url": part.uri}
    return {"type": "image", "source": source}


# the answer


class _Block(Struct, omit_defaults=True):
    type: str
    text: str = ""
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str = ""
    name: str = ""
    input: Any = None


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Answer(Struct):
    content: list[_Block]
    stop_reason: str | None = None
    usage: _Usage = msgspec.field(default_factory=_Usage)


_decode = msgspec.json.Decoder(_Answer).decode


def _raw(block: _Block) -> dict[str, Json]:
    """A thought as it came."""
    if block.type == "redacted_thinking":
        return {"type": block.type, "data": block.data}
    return {"type": block.type, "thinking": block.thinking or "", "signature": block.signature or ""}


def _reply(found: _Answer, as_schema: bool) -> Reply:
    usage = found.usage
    read = (usage.input_tokens or 0) + (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
    text = "".join(block.text for block in found.content if block.type == "text")
    thoughts = "\n\n".join(block.thinking for block in found.content if block.type == "thinking" and block.thinking) or None
    used = [block for block in found.content if block.type == "tool_use"]
    if as_schema and used and used[0].name == REPLY:
        text, used = _encode(used[0].input).decode(), []
    inputs = [cast("dict[str, Json]", block.input) if isinstance(block.input, dict) else None for block in used]
    calls = tuple(
        [ToolCall(block.id or f"c{at}", block.name[:200], given) for at, (block, given) in enumerate(zip(used, inputs), 1) if given is not None]
    )
    problem = "a call's input is not a JSON object" if len(calls) < len(used) else None
    notes: Notes = {} if found.stop_reason in (None, "end_turn", "tool_use", "stop_sequence") else {"finish": found.stop_reason}
    message = Message("assistant", text, thoughts, calls)
    error = ErrorKind.unparsable_call if problem else None
    return Reply(message, Counts(read, usage.output_tokens or 0), text, (), error, problem, None, notes)


def open_model(rest: str) -> Endpoint:
    """`NAME`, or `NAME@https://host/v1`, with options.

    Raises:
        ArtificerError: it names no endpoint, or an option is wrong.
    """
    target = target_of("anthropic", rest, ADDRESS)
    return Endpoint(Messages(target.model, target.body), target)
