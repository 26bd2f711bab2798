"""A transformers model in this process: prompts of our rendering, greedy or sampled, in batches with one key-value cache.

Requests that arrive together are answered together: whoever asks while a batch runs waits for the next one. What comes out does not depend on the
company a request had, up to floating-point rounding. torch and transformers are imported when a model is opened, not before.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from artificer.core.canon import rng
from artificer.core.errors import ArtificerError, MissingExtra
from artificer.core.messages import Message
from artificer.models import embedded
from artificer.models.base import Counts, Model, Reply, Request, Sampling
from artificer.models.dialect import parse
from artificer.models.prompt import Turn, turns

BATCH = 24
_REMEDY = "give a folder with config.json, weights and a tokenizer"
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Job(Struct, frozen=True):
    """One prompt to be continued: token ids, how to choose tokens, and the random stream's name."""

    ids: tuple[int, ...]
    sampling: Sampling


class Tokens:
    """A tokenizer with a chat template: turns to ids and back. `end` are the ids that end a reply."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        if not tokenizer.chat_template:
            tokenizer.chat_template = _TEMPLATE
        self.end: int = tokenizer.eos_token_id
        self.pad: int = self.end if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        words = sorted({token.content for token in tokenizer.added_tokens_decoder.values()}, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, words))) if words else None

    @classmethod
    def load(cls, folder: Path) -> Tokens:
        transformers = _transformers()
        return cls(transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True))

    def prompt(self, conversation: Sequence[Turn]) -> tuple[int, ...]:
        """Ids of the conversation and of the words that open the assistant's turn. Text cannot form control tokens."""
        chat = [{"role": turn.role, "content": self.harmless(turn.text)} for turn in conversation]
        text: str = self.tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    def answer(self, text: str) -> tuple[int, ...]:
        """Ids of a reply, ended."""
        return (*self.tokenizer.encode(self.harmless(text), add_special_tokens=False), self.end)

    def harmless(self, text: str) -> str:
        """`text` with a space put into whatever would be read as a control token."""
        return self._control.sub(lambda found: found[0][0] + " " + found[0][1:], text) if self._control else text

    def text(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(list(ids), skip_special_tokens=True)


class HuggingFace(Model):
    """See the module docstring.

    Args:
        name: what it is called in reports.
        model: a causal language model of transformers, in evaluation mode.
        tokens: its tokenizer.
        batch: most prompts worked on at once.
    """

    def __init__(self, name: str, model: Any, tokens: Tokens, batch: int = BATCH) -> None:
        self.name = name
        self.model = model
        self.tokens = tokens
        self._batch = batch
        self._waiting: list[tuple[Job, asyncio.Future[tuple[int, ...]]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def reply(self, request: Request) -> Reply:
        job = Job(self.tokens.prompt(turns(request.messages, request.tools, request.style)), request.sampling)
        done: asyncio.Future[tuple[int, ...]] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, done))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        ids = await done
        raw = self.tokens.text(ids)
        parsed = parse(raw)
        return Reply(
            Message("assistant", parsed.text, calls=parsed.calls),
            Counts(len(job.ids), len(ids)),
            raw,
            parsed.repairs,
            parsed.error,
            parsed.detail,
        )

    async def replies(self, requests: Sequence[Request]) -> list[Reply]:
        return list(await asyncio.gather(*(self.reply(request) for request in requests)))

    async def _work(self) -> None:
        """Answers what waits, shortest prompts first so that a batch holds little padding, until nothing does."""
        await asyncio.sleep(0)  # lets everybody who asks in the same moment in
        while self._waiting:
            self._waiting.sort(key=lambda entry: len(entry[0].ids))
            taken, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
            try:
                answers = await asyncio.to_thread(generate, self.model, [job for job, _ in taken], self.tokens.end, self.tokens.pad)
            except Exception as error:  # the waiting side must hear of it, whatever it is
                for _, done in taken:
                    if not done.done():
                        done.set_exception(error)
                continue
            for (_, done), answer in zip(taken, answers, strict=True):
                if not done.done():
                    done.set_result(answer)


def generate(model: Any, jobs: Sequence[Job], end: int, pad: int) -> list[tuple[int, ...]]:
    """Continues prompts until `end` or their `max_tokens`; the end token is not in the answers. Prompts are padded on the left."""
    import torch
    from transformers import DynamicCache

    written: list[list[int]] = [[] for _ in jobs]
    chance = [rng("sample", job.sampling.seed, list(job.ids)) for job in jobs]
    width = max(len(job.ids) for job in jobs)
    ids = torch.tensor([[pad] * (width - len(job.ids)) + list(job.ids) for job in jobs])
    mask = torch.tensor([[0] * (width - len(job.ids)) + [1] * len(job.ids) for job in jobs])
    alive: list[int] = list(range(len(jobs)))
    cache: Any = DynamicCache(config=model.config)
    # transformers 5.24 renamed the parameter; the old name warns there and is the only one before
    slot = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
    with torch.inference_mode():
        while alive:
            positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
            out = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True, logits_to_keep=1, **{slot: cache})
            chosen = [_choose(logits, jobs[row].sampling, chance[row]) for row, logits in zip(alive, out.logits[:, -1].float(), strict=True)]
            stay: list[int] = []
            for at, (row, token) in enumerate(zip(alive, chosen, strict=True)):
                if token != end:
                    written[row].append(token)
                    if len(written[row]) < jobs[row].sampling.max_tokens:
                        stay.append(at)
            if len(stay) < len(alive):
                kept = torch.tensor(stay, dtype=torch.long)
                mask = mask[kept]
                if stay:
                    cache.batch_select_indices(kept)
            alive = [alive[at] for at in stay]
            ids = torch.tensor([[chosen[at]] for at in stay])
            mask = torch.cat([mask, mask.new_ones(len(stay), 1)], dim=1)
    return [tuple(answer) for answer in written]


def _choose(logits: Any, sampling: Sampling, chance: Random) -> int:
    """One token from logits (V,): the greatest at temperature 0, else drawn from the smallest set of tokens that holds `top_p` of the probability."""
    if sampling.temperature <= 0:
        return int(logits.argmax())
    probabilities, order = (logits / sampling.temperature).softmax(-1).sort(descending=True)
    total = probabilities.cumsum(-1)
    inside = int((total < sampling.top_p).sum()) + 1
    draw = chance.random() * float(total[min(inside, len(total)) - 1])
    return int(order[min(int((total < draw).sum()), len(order) - 1)])


def load(folder: Path, name: str | None = None) -> HuggingFace:
    """The model in a transformers folder.

    Raises:
        ArtificerError: it cannot be read as one.
        MissingExtra: torch or transformers is not installed.
    """
    transformers = _transformers()
    try:
        tokens = Tokens.load(folder)
        model = transformers.AutoModelForCausalLM.from_pretrained(str(folder), dtype="float32", local_files_only=True).eval()
    except (OSError, ValueError, KeyError, msgspec.MsgspecError) as error:
        what = f"This is not a model that transformers can load: {str(error).splitlines()[0]}"
        raise ArtificerError(what, where=str(folder), remedy=_REMEDY) from error
    return HuggingFace(name or f"hf:{folder}", model, tokens)


def open_model(rest: str) -> HuggingFace:
    """`hf:smollm2` is the embedded model; anything else is a folder."""
    if rest == embedded.NAME:
        return load(embedded.embedded_folder(), f"hf:{rest}")
    folder = Path(rest).expanduser()
    if not (folder / "config.json").is_file():
        raise ArtificerError(
            "There is no transformers model here.", where=str(folder), remedy="give a folder with config.json, weights and a tokenizer"
        )
    return load(folder, f"hf:{rest}")


def _transformers() -> Any:
    """transformers, without its progress bars."""
    try:
        import torch  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import transformers
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtra("train", "A transformers model") from error
    logging.disable_progress_bar()
    return transformers
