"""A transformers model in this process: prompts of our rendering or of the model's own template, greedy or sampled, many rows at a time.

Requests that arrive together are answered together, and new ones join while others are under way (`artificer.models.packed`). What comes out does
not depend on the company a request had, not even by rounding. torch and transformers are imported when a model is opened, not before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.models import embedded
from artificer.models.base import Counts, Model, Reply, Request
from artificer.models.dialect import OURS, Dialect, asked, dialect
from artificer.models.prompt import turns
from artificer.models.tokens import Tokens, transformers_quietly

if TYPE_CHECKING:
    from artificer.models.packed import Job, Row, Writer

BATCH = 24
OPTIONS = ("dialect", "batch", "dtype")
_DTYPES = {"float32": "float32", "fp32": "float32", "bfloat16": "bfloat16", "bf16": "bfloat16"}
_ROUND = 64
"""So many of those who wait are put in an order in which like prompts follow each other."""
_REMEDY = "give a folder with config.json, weights and a tokenizer"


class HuggingFace(Model):
    """See the module docstring.

    Args:
        name: what it is called in reports.
        model: a causal language model of transformers, in evaluation mode.
        tokens: its tokenizer.
        batch: most prompts worked on at once.
        dialect: how calls are asked for and read. With another than our own, the model's template shows the tools, where it can.
    """

    def __init__(self, name: str, model: Any, tokens: Tokens, batch: int = BATCH, dialect: Dialect = OURS) -> None:
        self.name = name
        self.model = model
        self.tokens = tokens
        self.dialect = dialect
        self._batch = batch
        self._writer: Writer | None = None
        self._waiting: list[tuple[Job, asyncio.Future[tuple[int, ...]]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def reply(self, request: Request) -> Reply:
        from artificer.models.packed import Job

        ids, notes = self._prompt(request)
        job = Job(ids, request.sampling, self.dialect.stops)
        done: asyncio.Future[tuple[int, ...]] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, done))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        written = await done
        raw = self.tokens.text(written, marks=self.dialect is not OURS)
        parsed = self.dialect.parse(raw, tools=request.tools)
        return Reply(parsed.message, Counts(len(ids), len(written)), raw, parsed.repairs, parsed.error, parsed.detail, notes=notes)

    def _prompt(self, request: Request) -> tuple[tuple[int, ...], dict[str, Json]]:
        """Ids of a request, and what is to be noted of how they came about."""
        notes: dict[str, Json] = {}
        if self.dialect is not OURS and self.tokens.knows_tools:
            try:
                return self.tokens.native(request.messages, request.tools), notes
            except ValueError as error:
                notes = {"prompt": f"not the model's own template: {error}"}
        return self.tokens.prompt(turns(request.messages, request.tools, request.style, self.dialect), self.dialect), notes

    async def replies(self, requests: Sequence[Request]) -> list[Reply]:
        return list(await asyncio.gather(*(self.reply(request) for request in requests)))

    async def _work(self) -> None:
        """Writes replies, many at a time, until nobody waits."""
        await asyncio.sleep(0)  # lets everybody who asks in the same moment in
        futures: dict[Row, asyncio.Future[tuple[int, ...]]] = {}
        coming: list[tuple[Job, asyncio.Future[tuple[int, ...]]]] = []
        try:
            if self._writer is None:
                self._writer = await asyncio.to_thread(self._open)
            while futures or coming or self._waiting:
                if not coming:
                    coming, self._waiting = self._waiting[:_ROUND], self._waiting[_ROUND:]
                    coming.sort(key=lambda entry: entry[0].ids, reverse=True)
                self._let_in(self._writer, futures, coming)
                try:
                    ended = await asyncio.to_thread(self._writer.step)
                except Exception as error:  # the waiting side must hear of it, whatever it is
                    self._writer.active = []
                    for done in futures.values():
                        if not done.done():
                            done.set_exception(error)
                    futures.clear()
                    continue
                for row in ended:
                    done = futures.pop(row)
                    if not done.done():
                        done.set_result(tuple(row.written))
        finally:
            for done in [*futures.values(), *(done for _, done in coming), *(done for _, done in self._waiting)]:
                done.cancel()  # nobody is left who would answer; after a failure to open, this worker's own error says why
            self._waiting = []
            if self._writer is not None:
                self._writer.active = []

    def _open(self) -> Writer:
        from artificer.models.packed import Writer

        config: Any = getattr(self.model, "generation_config", None)
        told: Any = getattr(config, "eos_token_id", None)
        ends = {self.tokens.end} | {end for end in cast("list[Any]", told if isinstance(told, list) else [told]) if isinstance(end, int)}
        return Writer(self.model, frozenset(ends), self.tokens.text, self._batch)

    @staticmethod
    def _let_in(
        writer: Writer, futures: dict[Row, asyncio.Future[tuple[int, ...]]], coming: list[tuple[Job, asyncio.Future[tuple[int, ...]]]]
    ) -> None:
        """Lets in as many as there is room for. Who no longer waits gets nothing."""
        left = {row for row, done in futures.items() if done.done()}
        writer.active = [row for row in writer.active if row not in left]
        for row in left:
            del futures[row]
        while coming and writer.room:
            job, done = coming.pop()
            if not done.done():
                futures[writer.admit(job)] = done


def load(folder: Path, name: str | None = None, *, dialect: Dialect = OURS, batch: int = BATCH, dtype: str = "float32") -> HuggingFace:
    """The model in a transformers folder.

    Raises:
        ArtificerError: it cannot be read as one.
        MissingExtra: torch or transformers is not installed.
    """
    transformers = transformers_quietly()
    try:
        tokens = Tokens.load(folder)
        model = transformers.AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype, local_files_only=True).eval()
    except (OSError, ValueError, KeyError, msgspec.MsgspecError) as error:
        what = f"This is not a model that transformers can load: {str(error).splitlines()[0]}"
        raise ArtificerError(what, where=str(folder), remedy=_REMEDY) from error
    return HuggingFace(name or f"hf:{folder}", model, tokens, batch, dialect)


def open_model(rest: str) -> HuggingFace:
    """`hf:smollm2` is the embedded model; anything else is a folder. Options: `?dialect=hermes&batch=24&dtype=bf16`.

    Raises:
        ArtificerError: there is no model, or an option is wrong.
        MissingExtra: torch or transformers is not installed.
    """
    path, options = asked(rest, OPTIONS)
    batch, dtype = options.get("batch", str(BATCH)), options.get("dtype", "float32")
    if not batch.isdecimal() or not 0 < int(batch) <= 4096:
        raise ArtificerError(f"batch={batch!r} is not a number of rows.", where=rest, remedy="write batch=24")
    if dtype not in _DTYPES:
        raise ArtificerError(f"There is no dtype {dtype!r}.", where=rest, remedy=f"use one of {', '.join(_DTYPES)}")
    folder = embedded.embedded_folder() if path == embedded.NAME else Path(path).expanduser()
    if not (folder / "config.json").is_file():
        raise ArtificerError(
            "There is no transformers model here.", where=str(folder), remedy="give a folder with config.json, weights and a tokenizer"
        )
    chosen = dialect(options["dialect"]) if "dialect" in options else OURS
    name = f"hf:{rest}" if path == embedded.NAME or options else f"hf:{folder}"
    return load(folder, name, dialect=chosen, batch=int(batch), dtype=_DTYPES[dtype])
