"""A tokenizer with its chat template, asked for texts and for ids. Nothing here knows about training.

A template is a program that came with a model: it is run in Jinja's sandbox (`sandbox`), and what it refuses is one error
that says which message it stopped at. Templates differ in what they take; where one refuses, it is asked again in another
of the ways that are in use: with ids of nine letters and digits (Mistral), with arguments as a text (DeepSeek), with
contents as lists of parts (vision models).

What a conversation says cannot form a control token: see `models.tokens.Tokens.harmless`. Dates that templates print are
not today's but the conversation's own, or a fixed one, so that the same trace gives the same ids on every day.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from artificer.core.canon import Json, stable_id
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.formats.openai import tool_record
from artificer.models.prompt import result_text
from artificer.models.tokens import Tokens
from artificer.training.chat.sandbox import clock, compiled

DAY = "2024-07-26"
"""The day for templates that print one; the day that Llama 3.1's own template falls back to."""
_WAYS = tuple(frozenset(ways.split()) for ways in ("short", "text", "short text", "parts", "parts text"))
"""Other ways to tell a conversation: nine letters and digits as ids, arguments as text, contents as parts."""


class Template:
    """See the module.

    Args:
        tokenizer: a tokenizer of transformers, or whatever has its `apply_chat_template`, `encode`, `decode`, `eos_token_id` and
            `added_tokens_decoder`.
        template: a template to use instead of the tokenizer's own.
        options: variables for the template, e.g. `{"enable_thinking": False}`.
        ends: ids that end a turn besides the tokenizer's `eos_token_id`, e.g. those of a generation config.

    Raises:
        ArtificerError: the tokenizer has no template and none is given.
    """

    def __init__(self, tokenizer: Any, template: str | None = None, options: Mapping[str, Json] | None = None, ends: Sequence[int] = ()) -> None:
        self.tokenizer = tokenizer
        self._template = compiled(template if template is not None else _source(tokenizer.chat_template))
        self.special = frozenset(index for index, token in tokenizer.added_tokens_decoder.items() if token.special)
        self.ends = frozenset({tokenizer.eos_token_id, *ends} - {None})
        self._options: dict[str, Any] = {**tokenizer.special_tokens_map, **(options or {})}
        self.harmless = Tokens(tokenizer).harmless if tokenizer.chat_template else _guarded(tokenizer)
        self._encode = _encoder(tokenizer)
        self.ways = frozenset[str]()
        self._tools: tuple[Sequence[ToolSpec], list[Json]] | None = None

    def text(self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, prompt: bool) -> str:
        """The conversation as the template writes it; with `prompt`, and what opens the assistant's turn.

        Raises:
            ArtificerError: the template refuses it.
        """
        try:
            return self._rendered(messages, tools, prompt, self.ways)
        except ArtificerError:
            for ways in _WAYS:
                try:
                    shown = self._rendered(messages, tools, prompt, ways)
                except ArtificerError:
                    continue
                self.ways = ways
                return shown
            raise

    def _rendered(self, messages: Sequence[Message], tools: Sequence[ToolSpec], prompt: bool, ways: frozenset[str]) -> str:
        import jinja2

        day = next((message.at for message in messages if message.at), DAY)
        given: dict[str, Any] = {
            "messages": self.records(messages, ways),
            "tools": self._specs(tools) or None,
            "documents": None,
            "add_generation_prompt": prompt,
            "strftime_now": clock(day, DAY),
        }
        try:
            return self._template.render(**(self._options | given))
        except (jinja2.TemplateError, TypeError, KeyError, ValueError, AttributeError, IndexError, RecursionError) as error:
            last = f"{len(messages)} messages, the last of them {messages[-1].role!r}" if messages else "no message"
            raise ArtificerError(f"the chat template refuses the conversation: {error}", where=last, remedy="another template: --template") from error

    def _specs(self, tools: Sequence[ToolSpec]) -> list[Json]:
        """Tools as templates take them; those of one trace are made once."""
        if self._tools is None or self._tools[0] is not tools:
            self._tools = (tools, [self._all(tool_record(tool)) for tool in tools])
        return self._tools[1]

    def records(self, messages: Sequence[Message], ways: frozenset[str] = frozenset()) -> list[Json]:
        """Messages as templates take them: arguments as records, results as text, each with the name of the tool."""
        names = {call.id: call.name for message in messages for call in message.calls}
        return [self._all(_record(message, names, ways)) for message in messages]

    def _all(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.harmless(value)
        if isinstance(value, list):
            return [self._all(entry) for entry in cast("list[Json]", value)]
        if isinstance(value, dict):
            return {self.harmless(key): self._all(entry) for key, entry in cast("dict[str, Json]", value).items()}
        return value

    def ids(self, text: str) -> tuple[int, ...]:
        """The ids of a text in which control tokens stand as the template wrote them; nothing is added at its ends."""
        return self._encode(text)

    def said(self, ids: Sequence[int]) -> str:
        """What ids say, control tokens too."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=False)


def _source(own: Any) -> str:
    """A tokenizer's template; the one for tools where there are several.

    Raises:
        ArtificerError: there is none.
    """
    named = cast("dict[str, str]", own) if isinstance(own, dict) else {"default": own}
    source = named.get("tool_use") or named.get("default")
    if not source:
        raise ArtificerError("the tokenizer has no chat template", remedy="give one: --template FILE.jinja")
    return source


def _guarded(tokenizer: Any) -> Callable[[str], str]:
    """`harmless` of a tokenizer without a template of its own, which is left without one."""
    try:
        return Tokens(tokenizer).harmless
    finally:
        tokenizer.chat_template = None


def _record(message: Message, names: Mapping[str, str], ways: frozenset[str]) -> Json:
    """A message, told in some ways."""
    if message.result is not None:
        call_id = message.result.call_id
        name = names.get(call_id, message.author or "tool")
        return {"role": "tool", "name": name, "content": _content(result_text(message.result), ways), "tool_call_id": _id(call_id, ways)}
    record: dict[str, Json] = {"role": message.role, "content": _content(message.text, ways)}
    if message.reasoning is not None:
        record |= {"reasoning_content": message.reasoning, "thinking": message.reasoning, "reasoning": message.reasoning}
    if message.calls:
        record["tool_calls"] = [
            {"id": _id(call.id, ways), "type": "function", "function": {"name": call.name, "arguments": _arguments(call, ways)}}
            for call in message.calls
        ]
    return record


def _content(text: str, ways: frozenset[str]) -> Json:
    return [{"type": "text", "text": text}] if "parts" in ways else text


def _arguments(call: ToolCall, ways: frozenset[str]) -> Json:
    return json.dumps(call.arguments, ensure_ascii=False) if "text" in ways else call.arguments


def _id(call_id: str, ways: frozenset[str]) -> str:
    return stable_id("call", call_id)[-9:] if "short" in ways else call_id


def _encoder(tokenizer: Any) -> Callable[[str], tuple[int, ...]]:
    """How to encode: by pieces between control tokens where that is sure to be the same.

    Byte-level tokenizers cut a text at its added tokens before anything else and look at no piece's neighbours. A piece that was encoded once is
    remembered: turns of one conversation share most of their text.
    """

    def whole(text: str) -> tuple[int, ...]:
        return tuple(tokenizer.encode(text, add_special_tokens=False))

    added = {token.content: index for index, token in tokenizer.added_tokens_decoder.items()}
    if not added or not _cuts_cleanly(tokenizer):
        return whole
    mark = re.compile("(" + "|".join(map(re.escape, sorted(added, key=len, reverse=True))) + ")")
    piece = lru_cache(maxsize=8192)(whole)

    def pieces(text: str) -> tuple[int, ...]:
        found: list[int] = []
        for at, part in enumerate(mark.split(text)):
            if at % 2:
                found.append(added[part])
            elif part:
                found.extend(piece(part))
        return tuple(found)

    return pieces


def _cuts_cleanly(tokenizer: Any) -> bool:
    """Whether encoding the pieces between added tokens gives what encoding the whole gives."""
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return False
    told: Any = json.loads(backend.to_str())
    if any(token.get("lstrip") or token.get("rstrip") or token.get("single_word") for token in told["added_tokens"]):
        return False
    steps: Any = told.get("pre_tokenizer") or {}
    kinds: list[Any] = steps.get("pretokenizers", [steps])
    by_bytes = any(one.get("type") == "ByteLevel" for one in kinds) and not any(one.get("add_prefix_space") for one in kinds)
    return by_bytes and told.get("normalizer") in (None, {"type": "NFC"}) and told["model"].get("type") == "BPE"
