"""A tokenizer with a chat template: conversations to token ids, in our rendering or in the model's own, and ids to text.

Whatever a conversation says, it cannot form a control token: text that reads as one is broken by a space before it is put into a template.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.errors import MissingExtra
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.formats.openai import tool_record
from artificer.formats.parts import result_text
from artificer.models.dialect import OURS, Dialect
from artificer.models.prompt import Turn

_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Tokens:
    """A tokenizer with a chat template: turns to ids and back. `end` is the id that ends a reply."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        if not tokenizer.chat_template:
            tokenizer.chat_template = _TEMPLATE
        self.end: int = tokenizer.eos_token_id
        self.pad: int = self.end if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        added = tokenizer.added_tokens_decoder.values()
        self._control = _any_of({token.content for token in added})
        self._special = _any_of({token.content for token in added if token.special})

    @classmethod
    def load(cls, folder: Path) -> Tokens:
        transformers = transformers_quietly()
        return cls(transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True))

    @property
    def knows_tools(self) -> bool:
        """Whether the chat template has a place for tools."""
        template: Any = self.tokenizer.chat_template
        return "tools" in template if isinstance(template, str) else "tool_use" in template

    def prompt(self, conversation: Sequence[Turn], dialect: Dialect = OURS) -> tuple[int, ...]:
        """Ids of the conversation and of the words that open the assistant's turn. Text cannot form control tokens."""
        ours = dialect is OURS  # another dialect's tags may be tokens of the model, and must stay where we wrote them
        chat = [{"role": turn.role, "content": self.harmless(turn.text, everything=ours or turn.role in ("user", "tool"))} for turn in conversation]
        return self._ids(self.tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False))

    def native(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> tuple[int, ...]:
        """Ids of the conversation as the model's own template writes it, tools and calls included.

        Raises:
            ValueError: the template refuses it; with its reason.
        """
        import jinja2

        chat = [self.harmless_all(_record(message)) for message in messages]
        specs = [self.harmless_all(tool_record(tool)) for tool in tools]
        try:
            text: str = self.tokenizer.apply_chat_template(chat, tools=specs or None, add_generation_prompt=True, tokenize=False)
        except (jinja2.TemplateError, TypeError, KeyError) as error:
            raise ValueError(str(error)) from error
        return self._ids(text)

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    def answer(self, text: str) -> tuple[int, ...]:
        """Ids of a reply, ended."""
        return (*self._ids(self.harmless(text)), self.end)

    def harmless(self, text: str, everything: bool = True) -> str:
        """`text` with a space put into whatever would be read as a control token (with `everything`, as any token that was added)."""
        pattern = self._control if everything else self._special
        return pattern.sub(lambda found: found[0][0] + " " + found[0][1:], text) if pattern else text

    def harmless_all(self, value: Json) -> Json:
        """A value with all its texts, and keys, made harmless."""
        if isinstance(value, str):
            return self.harmless(value)
        if isinstance(value, list):
            return [self.harmless_all(entry) for entry in cast("list[Json]", value)]
        if isinstance(value, dict):
            return {self.harmless(key): self.harmless_all(entry) for key, entry in cast("dict[str, Json]", value).items()}
        return value

    def text(self, ids: Sequence[int], marks: bool = False) -> str:
        """What ids say; with `marks`, control tokens too, since some families' marks of calls are such."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=not marks)


def _any_of(words: set[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True)))) if words else None


def _record(message: Message) -> dict[str, Json]:
    """A message as chat templates take it: arguments as records, results as text."""
    if message.role == "tool" and message.result is not None:
        return {"role": "tool", "content": result_text(message.result), "tool_call_id": message.result.call_id, "name": message.author or "tool"}
    record: dict[str, Json] = {"role": message.role, "content": message.text}
    if message.calls:
        record["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in message.calls
        ]
    return record


def transformers_quietly() -> Any:
    """transformers, without its progress bars.

    Raises:
        MissingExtra: torch or transformers is not installed.
    """
    try:
        import torch  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import transformers
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtra("train", "A transformers model") from error
    logging.disable_progress_bar()
    return transformers
