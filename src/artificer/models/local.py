"""A GGUF model in this process through xllamacpp (llama.cpp), with decoding under a schema.

The engine's own tool parsing is not relied on: templates of small models have no section for tools and ignore a required choice. Tools stand in our
rendering, and `Request.constrained` forces one valid call through a schema made of the tools. The engine is not asked over the network.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError, MissingExtra
from artificer.core.messages import Message
from artificer.core.verdicts import ErrorKind
from artificer.models import embedded
from artificer.models.base import Counts, Model, Reply, Request
from artificer.models.constrain import call_schema
from artificer.models.dialect import OURS, Dialect, asked, dialect
from artificer.models.prompt import turns

OPTIONS = ("dialect", "slots", "context")


class Local(Model):
    """See the module docstring.

    Args:
        name: what it is called in reports.
        gguf: the weights.
        slots: requests decoded side by side. With one, a reply depends on its request alone; several share the engine's batches and its cache of
            prompts, whose rounding can turn a reply's words, for hardly less work.
        context: tokens a slot can hold.
        threads: of the processor; 0 for `OMP_NUM_THREADS`, or one a core where that is not set.
        dialect: how calls are asked for and read.
    """

    def __init__(self, name: str, gguf: Path, *, slots: int = 1, context: int = 2048, threads: int = 0, dialect: Dialect = OURS) -> None:
        try:
            import xllamacpp
        except ImportError as error:
            raise MissingExtra("local", "A GGUF model") from error
        engine: Any = xllamacpp
        given = engine.CommonParams()
        given.model.path = str(gguf)
        given.n_ctx, given.n_parallel = context * slots, slots
        given.verbosity = -1
        given.warmup = False
        allowed = os.environ.get("OMP_NUM_THREADS", "")
        if threads := threads or (int(allowed) if allowed.isdecimal() else 0):  # more threads than free cores wait for each other
            given.cpuparams.n_threads = given.cpuparams_batch.n_threads = threads
        try:
            self._server: Any = engine.Server(given)
        except (RuntimeError, ValueError, OSError) as error:
            raise ArtificerError(
                f"The engine cannot load this file: {error}", where=str(gguf), remedy="give a GGUF file that llama.cpp can read"
            ) from error
        self.name = name
        self.parallel = slots
        self.dialect = dialect
        self._gate = asyncio.Semaphore(slots)

    async def reply(self, request: Request) -> Reply:
        spoken = OURS if request.constrained else self.dialect  # the schema of a forced call is our own form
        async with self._gate:
            answer = await asyncio.to_thread(self._server.handle_chat_completions, body_of(request, spoken, cached=self.parallel > 1))
        return reply_of(answer, request, spoken)

    async def close(self) -> None:
        self._server = None


def body_of(request: Request, spoken: Dialect = OURS, cached: bool = False) -> dict[str, Json]:
    """The engine's request; `cached` lets it begin where an earlier one was alike."""
    schema = request.schema or (call_schema(request.tools) if request.constrained and request.tools else None)
    body: dict[str, Json] = {
        "messages": [{"role": turn.role, "content": turn.text} for turn in turns(request.messages, request.tools, request.style, spoken)],
        "max_tokens": request.sampling.max_tokens,
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "seed": request.sampling.seed,
        "cache_prompt": cached,
    }
    if spoken.stops:
        body["stop"] = list(spoken.stops)
    if schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}
    return body


def reply_of(answer: Any, request: Request, spoken: Dialect = OURS) -> Reply:
    """The engine's answer (JSON text, or what it was decoded to)."""
    try:
        record: Any = msgspec.json.decode(answer) if isinstance(answer, (str, bytes)) else answer
        raw: str = record["choices"][0]["message"].get("content") or ""
        usage = Counts(record["usage"]["prompt_tokens"], record["usage"]["completion_tokens"])
    except (KeyError, IndexError, TypeError, AttributeError, msgspec.DecodeError):
        return Reply(Message("assistant"), raw=str(answer)[:500], error=ErrorKind.transport, detail=f"the engine answered {str(answer)[:200]}")
    parsed = spoken.parse(raw, tools=request.tools)
    return Reply(parsed.message, usage, raw, parsed.repairs, parsed.error, parsed.detail)


def open_model(rest: str) -> Local:
    """`local:smollm2` is the embedded model; anything else is a GGUF file. Options: `?dialect=hermes&slots=1&context=2048`.

    Raises:
        ArtificerError: there is no such file, the engine cannot load it, or an option is wrong.
        MissingExtra: xllamacpp is not installed.
    """
    path, options = asked(rest, OPTIONS)
    numbers: dict[str, int] = {}
    for name in ("slots", "context"):
        given = options.get(name)
        if given is not None and not (given.isdecimal() and 0 < int(given) <= 1 << 20):
            raise ArtificerError(f"{name}={given!r} is not a number.", where=rest, remedy=f"write {name}=4")
        if given is not None:
            numbers[name] = int(given)
    gguf = embedded.embedded_gguf() if path == embedded.NAME else Path(path).expanduser()
    if not gguf.is_file():
        raise ArtificerError("There is no such file.", where=str(gguf), remedy="give a GGUF file, or local:smollm2 for the embedded model")
    return Local(f"local:{rest}", gguf, dialect=dialect(options["dialect"]) if "dialect" in options else OURS, **numbers)
