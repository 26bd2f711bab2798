"""Model: whoever writes the next message. What it is asked, what it answers, and how a model string becomes one.

A model that says something malformed is no exception: the reply carries the text, the calls that could be read, and what was wrong. Only a mistake of
the user (an unknown string, no such file, a refused key) is raised, as `ArtificerError`.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Protocol, Self

from msgspec import Struct
from msgspec.structs import replace

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.tools import ToolSpec
from artificer.core.trace import Tokens
from artificer.core.verdicts import ErrorKind, Notes
from artificer.models.prompt import FULL, Style

_BUILT_IN = ("anthropic", "hf", "local", "openai", "record", "replay", "scripted")
FORMS = (
    "hf:PATH, hf:smollm2, local:FILE.gguf, local:smollm2, openai:NAME@http://HOST/v1, anthropic:NAME, record:FILE:MODEL, replay:FILE or scripted:NAME"
)


class Sampling(Struct, frozen=True, omit_defaults=True):
    """How to choose tokens. Temperature 0 is greedy; `max_tokens` bounds one reply."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    seed: int = 0


class Request(Struct, frozen=True, omit_defaults=True):
    """What a model is asked.

    Args:
        messages: the conversation so far; a system message, if any, first.
        tools: what it may call.
        sampling: how to choose tokens.
        schema: JSON Schema that the whole reply must satisfy; engines that can, decode under it.
        constrained: reply with one valid call of `tools` and nothing else, where the engine can enforce that.
        style: how much a text model is told of each tool.
        key: names the conversation it belongs to (a row, a side, a line), or "". Endpoints keep what they computed for a conversation
            where its requests come together, and cassettes tell equal requests of different conversations apart by it. The model never sees it.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    sampling: Sampling = Sampling()
    schema: dict[str, Json] | None = None
    constrained: bool = False
    style: Style = FULL
    key: str = ""


class Counts(Struct, frozen=True):
    """Tokens read and written."""

    tokens_in: int = 0
    tokens_out: int = 0


class Spent(Struct, frozen=True):
    """What a model took so far: requests that were answered, tokens, and US dollars where prices are known."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0


class Reply(Struct, frozen=True, omit_defaults=True):
    """What a model answered.

    Args:
        message: the assistant message: text, calls, or both.
        usage: tokens.
        raw: the text as it was written, where there is one.
        repairs: what had to be mended to read the calls.
        error: set when a call was meant but could not be read (`unparsable_call`), or the engine failed (`transport`, `timeout`).
        detail: what was wrong, in words.
        tokens: ids and log-probabilities of what was written, where the engine tells them.
        notes: what else should stand beside the message in a trace.
    """

    message: Message
    usage: Counts = Counts()
    raw: str = ""
    repairs: tuple[str, ...] = ()
    error: ErrorKind | None = None
    detail: str | None = None
    tokens: Tokens | None = None
    notes: Notes = {}


GONE = frozenset({ErrorKind.transport, ErrorKind.timeout, ErrorKind.internal})
"""Errors of a reply after which there is nobody to go on with."""


class Model(Protocol):
    """Writes the next message. Subclass it; `Model.of` makes one from a model string."""

    name: str
    parallel: int = 16
    """How many requests `replies` keeps in flight."""

    async def reply(self, request: Request) -> Reply:
        """The answer to one request."""
        ...

    async def replies(self, requests: Sequence[Request]) -> list[Reply]:
        """The answers to many requests, in their order. Models that can work on several at a time override this."""
        gate = asyncio.Semaphore(self.parallel)

        async def one(request: Request) -> Reply:
            async with gate:
                return await self.reply(request)

        return list(await asyncio.gather(*(one(request) for request in requests)))

    @property
    def spent(self) -> Spent | None:
        """What it took so far; None where nobody counts."""
        return None

    async def close(self) -> None:
        """Releases what the model holds."""

    def __deepcopy__(self, memo: object) -> Self:
        """Models are shared by the copies of what holds them."""
        return self

    @staticmethod
    def of(text: str) -> Model:
        """The model of a model string.

        Raises:
            ArtificerError: no such form, or the model cannot be used as it is.
        """
        form, colon, rest = text.partition(":")
        if colon and rest and form in _BUILT_IN:
            return importlib.import_module(f"artificer.models.{form}").open_model(rest)
        outside = {point.name: point for point in entry_points(group="artificer.models")}
        if colon and rest and form in outside:
            return outside[form].load()(rest)
        raise ArtificerError(f"{text!r} is not a model.", remedy=f"write one of {FORMS}")


class Keyed(Model):
    """A model as one conversation knows it: requests that have no key get this one. Whoever made the model closes it.

    Args:
        model: who answers.
        key: see `Request.key`.
    """

    def __init__(self, model: Model, key: str) -> None:
        self.name = model.name
        self.parallel = model.parallel
        self._model = model
        self._key = key

    async def reply(self, request: Request) -> Reply:
        return await self._model.reply(request if request.key else replace(request, key=self._key))

    @property
    def spent(self) -> Spent | None:
        return self._model.spent
