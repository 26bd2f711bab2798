"""A tokenizer with its chat template, asked for texts and for ids. Nothing here knows about training.

A template is a program that came with a model: transformers runs it in Jinja's sandbox, and what it refuses is one error that says which message it
stopped at. What a conversation says cannot form a control token: see `models.tokens.Tokens.harmless`. Dates that templates print are not today's but
the conversation's own, or a fixed one, so that the same trace gives the same ids on every day.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from artificer.core.canon import Json, stable_id
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.formats.openai import tool_record
from artificer.models.prompt import result_text
from artificer.models.tokens import Tokens

DAY = "2024-07-26"
"""The day for templates that print one; the day that Llama 3.1's own template falls back to."""
_NINE = re.compile(r"\bids?\b.*\b9\b|\b9\b.*\bids?\b", re.IGNORECASE | re.DOTALL)
"""What Mistral's templates say of call ids that are not nine letters and digits."""


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

    def __init__(
        self, tokenizer: Any, template: str | None = None, options: Mapping[str, Json] | None = None, ends: Sequence[int] = ()
    ) -> None:
        if template is None and not tokenizer.chat_template:
            raise ArtificerError("the tokenizer has no chat template", remedy="give one: --template FILE.jinja")
        self.tokenizer = tokenizer
        self.special = frozenset(index for index, token in tokenizer.added_tokens_decoder.items() if token.special)
        self.ends = frozenset({tokenizer.eos_token_id, *ends} - {None})
        self._own = template
        self._options = dict(options or {})
        self._harmless = Tokens(tokenizer).harmless if tokenizer.chat_template else _guarded(tokenizer)
        self._encode = _encoder(tokenizer)
        self.short_ids = False

    def text(self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, prompt: bool) -> str:
        """The conversation as the template writes it; with `prompt`, and what opens the assistant's turn.

        Raises:
            ArtificerError: the template refuses it.
        """
        try:
            return self._rendered(messages, tools, prompt)
        except ArtificerError as error:
            if self.short_ids or not _NINE.search(error.what) or not any(message.calls for message in messages):
                raise
        self.short_ids = True
        return self._rendered(messages, tools, prompt)

    def _rendered(self, messages: Sequence[Message], tools: Sequence[ToolSpec], prompt: bool) -> str:
        import jinja2

        records = self.records(messages)
        specs = [self._all(tool_record(tool)) for tool in tools]
        day = next((message.at for message in messages if message.at), DAY)
        try:
            return self.tokenizer.apply_chat_template(
                records,
                tools=specs or None,
                chat_template=self._own,
                add_generation_prompt=prompt,
                tokenize=False,
                strftime_now=_clock(day),
                **self._options,
            )
        except (jinja2.TemplateError, TypeError, KeyError, ValueError, AttributeError, IndexError) as error:
            last = f"{len(messages)} messages, the last of them {messages[-1].role!r}" if messages else "no message"
            raise ArtificerError(f"the chat template refuses the conversation: {error}", where=last, remedy="another template: --template") from error

    def records(self, messages: Sequence[Message]) -> list[dict[str, Json]]:
        """Messages as templates take them: arguments as records, results as text, each with the name of the tool."""
        names = {call.id: call.name for message in messages for call in message.calls}
        return [cast("dict[str, Json]", self._all(self._record(message, names))) for message in messages]

    def _record(self, message: Message, names: Mapping[str, str]) -> dict[str, Json]:
        if message.result is not None:
            call_id = message.result.call_id
            name = names.get(call_id, message.author or "tool")
            return {"role": "tool", "name": name, "content": result_text(message.result), "tool_call_id": self._id(call_id)}
        record: dict[str, Json] = {"role": message.role, "content": message.text}
        if message.reasoning is not None:
            record["reasoning_content"] = message.reasoning
        if message.calls:
            record["tool_calls"] = [
                {"id": self._id(call.id), "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in message.calls
            ]
        return record

    def _id(self, call_id: str) -> str:
        return re.sub(r"[^A-Za-z0-9]", "", stable_id("call", call_id))[-9:].rjust(9, "0") if self.short_ids else call_id

    def _all(self, value: Json) -> Json:
        if isinstance(value, str):
            return self._harmless(value)
        if isinstance(value, list):
            return [self._all(entry) for entry in cast("list[Json]", value)]
        if isinstance(value, dict):
            return {self._harmless(key): self._all(entry) for key, entry in cast("dict[str, Json]", value).items()}
        return value

    def ids(self, text: str) -> tuple[int, ...]:
        """The ids of a text in which control tokens stand as the template wrote them; nothing is added at its ends."""
        return self._encode(text)

    def said(self, ids: Sequence[int]) -> str:
        """What ids say, control tokens too."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=False)


def _guarded(tokenizer: Any) -> Callable[[str], str]:
    """`harmless` of a tokenizer without a template of its own, which is left without one."""
    try:
        return Tokens(tokenizer).harmless
    finally:
        tokenizer.chat_template = None


def _clock(day: str) -> Callable[[str], str]:
    try:
        now = datetime.fromisoformat(day)
    except ValueError:
        now = datetime.fromisoformat(DAY)
    return now.strftime


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
