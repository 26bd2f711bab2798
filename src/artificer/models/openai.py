"""Any endpoint that speaks OpenAI's chat completions with tools (vLLM, SGLang, llama.cpp, hosted ones).

`openai:NAME@URL[,URL...][?OPTION=VALUE&...]`; the options are those of `endpoints.target`, and `docs/models.md` explains them.
This module is the words: a request as a body, whose parts are encoded once and spliced, and an answer as a reply. Where
requests go, how often and at what cost is the business of `endpoints.client`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.trace import Tokens
from artificer.core.verdicts import ErrorKind, Notes
from artificer.formats.openai import message_record, tool_record
from artificer.models.base import Counts, Reply, Request, Sampling
from artificer.models.dialect import parse
from artificer.models.endpoints.client import Dialect, Endpoint
from artificer.models.endpoints.kept import Kept, KeptList
from artificer.models.endpoints.target import Target, target_of

KEYS = ("ARTIFICER_API_KEY", "OPENAI_API_KEY")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_encode = msgspec.json.Encoder().encode


class ChatCompletions(Dialect):
    """OpenAI's words.

    Args:
        model: the name at the endpoint.
        extra: fields of the body besides ours, or in their place; None leaves a field out.
        token_ids: ask for the ids and log-probabilities of what is written.
    """

    form = "openai"
    path = "/chat/completions"
    keys = KEYS

    def __init__(self, model: str, extra: dict[str, Json] | None = None, token_ids: bool = False) -> None:
        self._head = b'{"model":' + _encode(model) + b',"messages":['
        self._extra: dict[str, Json] = ({"logprobs": True, "return_token_ids": True} if token_ids else {}) | (extra or {})
        self._message = Kept[Message](_message)
        self._tools = KeptList[ToolSpec](Kept[ToolSpec](_tool))
        self._tails: dict[tuple[Sampling, bool], bytes] = {}

    def headers(self, key: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"} if key else {}

    def encode(self, request: Request) -> bytes:
        pieces = [self._head, b",".join([self._message(message) for message in request.messages]), b"]"]
        if request.tools:
            pieces += (b',"tools":[', self._tools(request.tools), b"]")
        pieces.append(self._tail(request))
        return b"".join(pieces)

    def decode(self, answer: bytes, request: Request) -> Reply | None:
        return read(answer, bool(request.tools) and request.schema is None, request.tools)

    def _tail(self, request: Request) -> bytes:
        """What follows the tools; the same for all requests of an agent."""
        if request.schema is not None:
            schema = {"type": "json_schema", "json_schema": {"name": "reply", "schema": request.schema}}
            return self._fields(request, {"response_format": schema})
        key = (request.sampling, request.constrained and bool(request.tools))
        known = self._tails.get(key)
        if known is None:
            known = self._fields(request, {})
            if len(self._tails) < 4096:
                self._tails[key] = known
        return known

    def _fields(self, request: Request, more: dict[str, Json]) -> bytes:
        sampling = request.sampling
        fields: dict[str, Json] = {"temperature": sampling.temperature, "top_p": sampling.top_p, "max_tokens": sampling.max_tokens}
        fields["seed"] = sampling.seed
        if request.tools and request.constrained:
            fields["tool_choice"] = "required"
        said = {name: value for name, value in {**fields, **more, **self._extra}.items() if value is not None}
        return b"," + _encode(said)[1:] if said else b"}"


def _message(message: Message) -> bytes:
    """A message's JSON. The name of its author is sent only where the format allows such a name."""
    record = message_record(message)
    if message.author is not None and not _NAME.fullmatch(message.author):
        record.pop("name", None)
    return _encode(record)


def _tool(tool: ToolSpec) -> bytes:
    return _encode(tool_record(tool))


# the answer


class _Function(Struct):
    name: str
    arguments: Any = "{}"


class _Call(Struct):
    function: _Function
    id: str | None = None


class _Said(Struct):
    content: str | list[dict[str, Any]] | None = None
    reasoning_content: str | None = None
    reasoning: Any = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Likely(Struct):
    logprob: float = -9999.0
    token: str = ""
    id: int | None = None


class _Likelies(Struct):
    content: list[_Likely] | None = None


class _Choice(Struct):
    message: _Said
    finish_reason: str | None = None
    logprobs: _Likelies | None = None
    token_ids: list[int] | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Answer(Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


_decode = msgspec.json.Decoder(_Answer).decode
_ENDED = frozenset({None, "stop", "tool_calls", "function_call", ""})


def read(answer: bytes, calls_in_text: bool = True, tools: Sequence[ToolSpec] = ()) -> Reply | None:
    """The reply that an answer holds; None when it is none (cut off, no choice in it, not of this format).

    Args:
        calls_in_text: look for calls in the text when there are no others.
        tools: what was offered; tells which arguments are text where a dialect does not.
    """
    try:
        found = _decode(answer)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if not found.choices:
        return None
    choice = found.choices[0]
    usage = Counts(found.usage.prompt_tokens or 0, found.usage.completion_tokens or 0) if found.usage is not None else Counts()
    text, thoughts, repairs = _texts(choice.message)
    calls, problem = _calls(choice.message.tool_calls or ())
    notes: Notes = {} if choice.finish_reason in _ENDED else {"finish": choice.finish_reason}
    tokens = _tokens(choice)
    if problem or calls or not text or not calls_in_text:
        error = ErrorKind.unparsable_call if problem else None
        return Reply(Message("assistant", text, thoughts, calls), usage, text, repairs, error, problem, tokens, notes)
    parsed = parse(text, tools=tools)
    message = Message("assistant", parsed.text, thoughts or parsed.reasoning, parsed.calls)
    return Reply(message, usage, text, repairs + parsed.repairs, parsed.error, parsed.detail, tokens, notes)


def reply_of(answer: bytes) -> Reply:
    """The reply that an answer holds, or one with an error."""
    short = answer[:300].decode("utf-8", "replace")
    return read(answer) or Reply(Message("assistant"), raw=short, error=ErrorKind.transport, detail=f"the endpoint answered {short!r}")


def _texts(said: _Said) -> tuple[str, str | None, tuple[str, ...]]:
    """What was said and what was thought, and what had to be mended: thoughts that the server left in the text."""
    thoughts = said.reasoning_content or (said.reasoning if isinstance(said.reasoning, str) else None) or None
    if isinstance(said.content, list):
        text = "".join(str(part.get("text", "")) for part in said.content if part.get("type") == "text")
        thoughts = thoughts or "".join(_thinking(part) for part in said.content if part.get("type") == "thinking") or None
    else:
        text = said.content or said.refusal or ""
    if thoughts is None and text.lstrip().startswith("<think>") and "</think>" in text:
        thought, _, text = text.lstrip()[len("<think>") :].partition("</think>")
        return text.lstrip(), thought.strip() or None, ("thoughts in the text",)
    return text, thoughts, ()


def _thinking(part: dict[str, Any]) -> str:
    inner = part.get("thinking")
    if isinstance(inner, list):
        pieces = cast("list[Any]", inner)
        return "".join(str(cast("dict[str, Any]", piece).get("text", "")) for piece in pieces if isinstance(piece, dict))
    return inner if isinstance(inner, str) else ""


def _calls(entries: Sequence[_Call]) -> tuple[tuple[ToolCall, ...], str | None]:
    """The calls that can be read, and what is wrong with the others."""
    calls: list[ToolCall] = []
    problem: str | None = None
    for index, entry in enumerate(entries, 1):
        arguments: Any = entry.function.arguments
        if isinstance(arguments, str):
            try:
                arguments = msgspec.json.decode(arguments.strip() or "{}")
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                arguments = None
        if isinstance(arguments, dict):
            calls.append(ToolCall(entry.id or f"c{index}", entry.function.name[:200], cast("dict[str, Json]", arguments)))
        else:
            problem = problem or f"the arguments of call {index} are not a JSON object"
    return tuple(calls), problem


def _tokens(choice: _Choice) -> Tokens | None:
    """Ids (vLLM's `token_ids`, llama.cpp's `id`, or `token_id:N` as the token's text) and the log-probabilities that belong to them."""
    entries = choice.logprobs.content if choice.logprobs is not None else None
    ids = tuple(choice.token_ids) if choice.token_ids is not None else None
    if ids is None and entries:
        found = [_id(entry) for entry in entries]
        ids = tuple([one for one in found if one is not None])
        if len(ids) < len(found):
            return None
    if not ids:
        return None
    logprobs = tuple([entry.logprob for entry in entries]) if entries and len(entries) == len(ids) else None
    return Tokens(ids, logprobs)


def _id(entry: _Likely) -> int | None:
    if entry.id is not None:
        return entry.id
    kind, _, number = entry.token.partition(":")
    return int(number) if kind == "token_id" and number.isascii() and number.isdecimal() and len(number) < 12 else None


def endpoint(target: Target) -> Endpoint:
    """The model of a target."""
    return Endpoint(ChatCompletions(target.model, target.body, target.token_ids), target)


def open_model(rest: str) -> Endpoint:
    """`NAME@http://host/v1`, with options.

    Raises:
        ArtificerError: it names no endpoint, or an option is wrong.
    """
    return endpoint(target_of("openai", rest))
