"""A tokenizer with its chat template, asked for texts and for ids. Nothing here knows about training.

A template is a program that came with a model: it is run in Jinja's sandbox (`sandbox`), and what it refuses is one error
that says which message it stopped at. Templates differ in how they are told a conversation, and some of them leave out in
silence what they are told otherwise; a little conversation is asked for in all the ways that are in use, and the first way
in which most of it is shown is taken (`telling`).

What a conversation says cannot form a control token: see `models.tokens.Tokens.harmless`. Dates that templates print are
not today's but the conversation's own, or a fixed one, so that the same trace gives the same ids on every day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, cast

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.formats.openai import tool_record
from artificer.models.tokens import Tokens
from artificer.training.chat.encoding import Encoding
from artificer.training.chat.sandbox import clock, compiled
from artificer.training.chat.telling import Telling, Ways, content, records, told

DAY = "2024-07-26"
"""The day for templates that print one; the day that Llama 3.1's own template falls back to."""


class Template:
    """See the module.

    Args:
        tokenizer: a tokenizer of transformers, or whatever has its `apply_chat_template`, `encode`, `decode`, `eos_token_id` and
            `added_tokens_decoder`.
        template: a template to use instead of the tokenizer's own.
        options: variables for the template, e.g. `{"enable_thinking": False}`.
        ends: ids that end a turn besides the tokenizer's `eos_token_id`, e.g. those of a generation config.
        inline: reasoning stands in front of the text, between `<think>` and `</think>`: for models that write it where their template knows of none.

    Raises:
        ArtificerError: the tokenizer has no template and none is given.
    """

    def __init__(
        self,
        tokenizer: Any,
        template: str | None = None,
        options: Mapping[str, Json] | None = None,
        ends: Sequence[int] = (),
        *,
        inline: bool = False,
    ) -> None:
        self.tokenizer = tokenizer
        self._template = compiled(template if template is not None else _source(tokenizer.chat_template))
        self.special = frozenset(index for index, token in tokenizer.added_tokens_decoder.items() if token.special)
        self.ends = frozenset({tokenizer.eos_token_id, *ends} - {None})
        self._options: dict[str, Any] = {**tokenizer.special_tokens_map, **(options or {})}
        guard = Tokens(tokenizer) if tokenizer.chat_template else _guarded(tokenizer)
        self.harmless, self._all = guard.harmless, guard.harmless_all
        encoding = Encoding(tokenizer)
        self.ids, self.behind, self.said = encoding.ids, encoding.behind, encoding.said
        self._inline = inline
        self._tools: tuple[Sequence[ToolSpec], list[Json]] | None = None

    @cached_property
    def telling(self) -> Telling:
        """How the template is told a conversation, and what it leaves out of it."""

        def tried(messages: Sequence[Message], tools: Sequence[ToolSpec], ways: Ways) -> str | None:
            try:
                return self._rendered(messages, tools, False, ways)
            except ArtificerError:
                return None

        return told(tried)

    @cached_property
    def opening(self) -> str:
        """What opens the assistant's turn behind a user's, but for white space around it."""
        said = (Message("user", "Hi."),)
        try:
            return self.text(said, (), prompt=True).removeprefix(self.text(said, (), prompt=False)).strip()
        except ArtificerError:
            return ""

    def text(self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, prompt: bool) -> str:
        """The conversation as the template writes it; with `prompt`, and what opens the assistant's turn.

        Raises:
            ArtificerError: the template refuses it.
        """
        return self._rendered(messages, tools, prompt, self.telling.ways)

    def _rendered(self, messages: Sequence[Message], tools: Sequence[ToolSpec], prompt: bool, ways: Ways) -> str:
        import jinja2

        day = next((message.at for message in messages if message.at), DAY)
        given: dict[str, Any] = {
            "messages": self.records(messages, ways),
            "tools": self._specs(tools) or ([] if "list" in ways else None),
            "documents": None,
            "add_generation_prompt": prompt,
            "strftime_now": clock(day, DAY),
        }
        try:
            return self._template.render(**(self._options | given))
        except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError, MemoryError) as error:
            last = f"{len(messages)} messages, the last of them {messages[-1].role!r}" if messages else "no message"
            raise ArtificerError(f"the chat template refuses the conversation: {error}", where=last, remedy="another template: --template") from error

    def _specs(self, tools: Sequence[ToolSpec]) -> list[Json]:
        """Tools as templates take them; those of one trace are made once."""
        if self._tools is None or self._tools[0] is not tools:
            self._tools = (tools, [self._all(tool_record(tool)) for tool in tools])
        return self._tools[1]

    def records(self, messages: Sequence[Message], ways: Ways | None = None) -> list[Json]:
        """Messages as templates take them: arguments as records, results as text, each with the name of the tool."""
        ways = self.telling.ways if ways is None else ways
        made = [cast("dict[str, Json]", self._all(one)) for one in records(messages, ways)]
        if self._inline:
            for message, one in zip(messages, made, strict=True):
                if message.reasoning is not None:  # these marks are meant, and stay what they are
                    opening = f"<think>\n{self.harmless(message.reasoning)}\n</think>\n\n"
                    one["content"] = content(opening + self.harmless(message.text), ways)
                    for name in ("reasoning_content", "thinking", "reasoning"):
                        del one[name]
        return [*made]


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


def _guarded(tokenizer: Any) -> Tokens:
    """What makes text harmless for a tokenizer without a template of its own, which is left without one."""
    try:
        return Tokens(tokenizer)
    finally:
        tokenizer.chat_template = None
