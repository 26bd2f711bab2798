"""The transformers model in use: batches, caches and stopping, on a tiny model."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.models.base import Model, Request, Sampling
from artificer.models.hf import HuggingFace, Tokens
from artificer.models.packed import Job, Writer, generate
from artificer.models.prompt import turns
from artificer.training.render import Row
from artificer.training.sft import Settings, train

PROMPTS = [(5, 6, 7), (9,), (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), (30, 31), (40, 41, 42, 43)]


def plainly(model: Any, ids: tuple[int, ...], end: int, limit: int) -> tuple[int, ...]:
    """Greedy decoding without cache, batch or padding."""
    text = list(ids)
    with torch.inference_mode():
        for _ in range(limit):
            token = int(model(input_ids=torch.tensor([text])).logits[0, -1].argmax())
            if token == end:
                break
            text.append(token)
    return tuple(text[len(ids) :])


def writer(model: Any, tokens: Tokens, end: int | None = None, batch: int = 24) -> Writer:
    return Writer(model, frozenset([tokens.end if end is None else end]), tokens.text, batch)


def test_a_batch_says_what_each_would_say_alone(model: Any, tokens: Tokens) -> None:
    jobs = [Job(ids, Sampling(max_tokens=limit)) for ids, limit in zip(PROMPTS, (12, 3, 12, 1, 7), strict=True)]
    expected = [plainly(model, job.ids, tokens.end, job.sampling.max_tokens) for job in jobs]
    assert generate(writer(model, tokens), jobs) == expected
    stop = expected[0][2]  # some token that is written early ends the reply, for all
    assert generate(writer(model, tokens, stop), jobs) == [plainly(model, job.ids, stop, job.sampling.max_tokens) for job in jobs]


def test_draws_depend_on_the_seed_alone(model: Any, tokens: Tokens) -> None:
    def draw(seed: int, company: list[tuple[int, ...]], **how: float) -> tuple[int, ...]:
        jobs = [Job(ids, Sampling(temperature=1.0, max_tokens=8, seed=seed, **how)) for ids in company]
        return generate(writer(model, tokens), jobs)[0]

    assert draw(1, [PROMPTS[0]]) == draw(1, PROMPTS)
    assert len({draw(seed, [PROMPTS[0]]) for seed in range(6)}) > 1
    greedy = plainly(model, PROMPTS[0], tokens.end, 8)
    assert draw(3, [PROMPTS[0]], top_p=1e-6) == greedy


async def test_requests_that_come_together_are_answered_together(model: Any, tokens: Tokens) -> None:
    whole = HuggingFace("hf:tiny", model, tokens, batch=3)
    asked = [Request((Message("user", "x" * size),), sampling=Sampling(max_tokens=5)) for size in (30, 1, 12, 7, 22, 3)]
    together = await whole.replies(asked)
    alone = [await whole.reply(request) for request in asked]
    assert [reply.raw for reply in together] == [reply.raw for reply in alone]
    assert [reply.usage.tokens_in for reply in together] == [len(tokens.prompt(turns(request.messages, ()))) for request in asked]


async def test_a_failure_reaches_everybody_who_waits(model: Any, tokens: Tokens) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("no memory")

    model.register_forward_pre_hook(broken)
    model = HuggingFace("hf:broken", model, tokens, batch=1)
    asked = [Request((Message("user", word),)) for word in ("a", "b")]
    outcomes = await asyncio.wait_for(asyncio.gather(*(model.reply(request) for request in asked), return_exceptions=True), 5)
    assert [str(outcome) for outcome in outcomes] == ["no memory", "no memory"]


async def test_what_is_learnt_is_said(model: Any, tokens: Tokens, tmp_path: Path) -> None:
    request = Request((Message("user", "lamp 1"),), sampling=Sampling(max_tokens=60))
    prompt = tokens.prompt(turns(request.messages, ()))
    answer = tokens.answer('{"name":"f","arguments":{"x":1}}')
    row = Row("r", prompt + answer, (False,) * len(prompt) + (True,) * len(answer))
    train(model, tokens, [row] * 2, Settings(rank=0, lr=5e-3, epochs=60, tokens=64), tmp_path / "out")
    taught = Model.of(f"hf:{tmp_path / 'out'}")
    reply = await taught.reply(request)
    assert [(call.name, call.arguments) for call in reply.message.calls] == [("f", {"x": 1})]
    assert (reply.error, reply.repairs, reply.raw) == (None, (), '{"name":"f","arguments":{"x":1}}')


def test_a_folder_that_is_no_model_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ArtificerError, match=r"config\.json, weights and a tokenizer"):
        Model.of(f"hf:{tmp_path}")
