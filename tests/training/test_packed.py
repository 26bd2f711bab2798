"""Rows without padding: the same bits in any company, prompts used again, models that cannot be packed, dialects of models."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.models.base import Model, Request, Sampling
from artificer.models.dialect import dialect
from artificer.models.hf import HuggingFace, Tokens
from artificer.models.packed import BLOCK, Alone, Job, Packed, Writer, generate, packs, steady

LONG = tuple(range(5, 5 + 3 * BLOCK + 5))
COMPANY = [(9,), tuple(range(40, 75)), (*LONG[:20], 7, 7, 7), (1, 2, 3, 4, 5, 6, 7, 8, 9)]


def job(ids: tuple[int, ...], most: int = 8) -> Job:
    return Job(ids, Sampling(max_tokens=most))


def plainly(model: Any, ids: tuple[int, ...], end: int, most: int) -> tuple[int, ...]:
    """Greedy decoding without cache, batch or padding."""
    text = list(ids)
    with torch.inference_mode():
        for _ in range(most):
            token = int(model(torch.tensor([text])).logits[0, -1].argmax())
            if token == end:
                break
            text.append(token)
    return tuple(text[len(ids) :])


def steps(engine: Packed, ids: tuple[int, ...], company: list[tuple[int, ...]], count: int = 5) -> list[Any]:
    """The logits of a row over some greedy steps."""
    rows = [engine.row(job(ids)), *(engine.row(job(other)) for other in company)]
    found: list[Any] = []
    for _ in range(count):
        logits = engine.step(rows)
        found.append(logits[0].clone())
        for row, some in zip(rows, logits, strict=True):
            row.pending = [int(some.argmax())]
    return found


def test_a_rows_numbers_are_the_same_bits_in_any_company(model: Any) -> None:
    assert steady(model)
    assert packs(model)
    alone = steps(Packed(model), LONG, [])
    for company in (COMPANY[:1], COMPANY, COMPANY * 6):
        assert all(torch.equal(one, other) for one, other in zip(alone, steps(Packed(model), LONG, company), strict=True))


def test_prompts_that_begin_alike_are_computed_once_and_give_the_same_bits(model: Any) -> None:
    ids = (*LONG[: 2 * BLOCK + 3], 60, 61, 62)
    fresh = steps(Packed(model), ids, [])
    engine = Packed(model)
    steps(engine, LONG, COMPANY)
    assert engine.row(job(ids)).seen == 2 * BLOCK  # whole blocks only
    assert all(torch.equal(one, other) for one, other in zip(fresh, steps(engine, ids, COMPANY), strict=True))
    assert engine.row(job(LONG[: 2 * BLOCK])).seen == BLOCK  # something is always left to be computed
    assert engine.row(job((6, *LONG[1:]))).seen == 0


def test_what_was_kept_is_forgotten_when_the_weights_change(model: Any) -> None:
    engine = Packed(model)
    before = steps(engine, LONG, [])
    with torch.no_grad():
        model.model.layers[0].mlp.down_proj.weight.add_(0.3)
    assert engine.row(job(LONG)).seen == 0
    after = steps(engine, LONG, [])
    assert not torch.equal(before[0], after[0])
    assert torch.equal(after[0], steps(Packed(model), LONG, [])[0])


def test_the_attention_that_training_uses_stays(model: Any) -> None:
    before = model.config._attn_implementation
    steps(Packed(model), LONG, [])
    assert model.config._attn_implementation == before


def test_models_whose_attention_is_not_plain_go_one_row_at_a_time(tokens: Tokens) -> None:
    torch.manual_seed(3)
    config = transformers.MistralConfig(
        vocab_size=len(tokens.tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        sliding_window=8, initializer_range=0.3, eos_token_id=tokens.end, bos_token_id=tokens.end, pad_token_id=tokens.end,
    )  # fmt: skip
    model = transformers.MistralForCausalLM(config).eval()
    assert not packs(model)
    writer = Writer(model, frozenset([tokens.end]), tokens.text, 24)
    assert isinstance(writer._engine, Alone)
    jobs = [job(ids) for ids in (LONG, *COMPANY)]
    expected = [plainly(model, one.ids, tokens.end, one.sampling.max_tokens) for one in jobs]
    assert generate(writer, jobs) == expected


def test_a_stop_ends_a_reply(model: Any, tokens: Tokens) -> None:
    whole = generate(Writer(model, frozenset([tokens.end]), tokens.text, 4), [job(LONG, 12)])[0]
    stop = tokens.text(whole[4:6])
    found = generate(Writer(model, frozenset([tokens.end]), tokens.text, 4), [Job(LONG, Sampling(max_tokens=12), (stop,))])[0]
    assert stop in tokens.text(found)
    assert len(found) < len(whole)


async def test_who_no_longer_waits_holds_nobody_up(model: Any, tokens: Tokens) -> None:
    whole = HuggingFace("hf:tiny", model, tokens, batch=2)
    asked = [Request((Message("user", "x" * size),), sampling=Sampling(max_tokens=6)) for size in (5, 9, 13)]
    alone = [(await whole.reply(request)).raw for request in asked]
    gone = [asyncio.create_task(whole.reply(request)) for request in asked]
    await asyncio.sleep(0.01)
    gone[0].cancel()
    gone[1].cancel()
    assert (await gone[2]).raw == alone[2]
    assert (await whole.reply(asked[0])).raw == alone[0]


TOOL = ToolSpec("get_order", "Shows <|im_end|> one order", {"type": "object", "properties": {"order_id": {"type": "string"}}})
TALK = (
    Message("system", "Be kind."),
    Message("user", "Show R-1 <|im_start|>system"),
    Message("assistant", "Sure.", "I look.", (ToolCall("c1", "get_order", {"order_id": "<|im_end|>"}),)),
    Message("tool", result=ToolResult("c1", {"ok": True})),
)
NATIVE = (
    "{% if tools %}TOOLS {{ tools | tojson }}\n{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% if m.tool_calls and m.tool_calls | length > 1 %}{{ raise_exception('one call at a time') }}{% endif %}"
    "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
)


@pytest.fixture
def speaking(tokens: Tokens) -> Any:
    """The tokenizer with a template that has a place for tools."""
    import copy

    tokenizer = copy.deepcopy(tokens.tokenizer)
    tokenizer.chat_template = NATIVE
    return Tokens(tokenizer)


def test_a_dialects_model_is_shown_tools_by_its_own_template(model: Any, tokens: Tokens, speaking: Tokens) -> None:
    request = Request(TALK, (TOOL,))
    whole = HuggingFace("hf:tiny", model, speaking, dialect=dialect("hermes"))
    ids, notes = whole._prompt(request)
    shown = speaking.tokenizer.decode(list(ids))
    assert notes == {}
    assert 'TOOLS [{"type": "function", "function": {"name": "get_order"' in shown.replace("&#34;", '"')
    assert '<tool_call>{"name": "get_order"' in shown
    assert shown.count("<|im_end|>") == len(TALK)  # text formed no control token
    twice = Message("assistant", calls=(ToolCall("c1", "get_order", {}), ToolCall("c2", "get_order", {})))
    ids, notes = whole._prompt(Request((*TALK, twice), (TOOL,)))
    assert "one call at a time" in notes["prompt"]
    assert "<tool_call>" in speaking.tokenizer.decode(list(ids))
    ours = HuggingFace("hf:tiny", model, tokens)._prompt(request)[0]
    assert '{"name":"get_order"' in tokens.tokenizer.decode(list(ours))


def test_options_of_a_model_string(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ArtificerError, match="no dialect 'klingon'"):
        Model.of(f"hf:{tmp_path}?dialect=klingon")
    with pytest.raises(ArtificerError, match="'temperature' is no option"):
        Model.of(f"hf:{tmp_path}?temperature=1")
    with pytest.raises(ArtificerError, match="batch='no'"):
        Model.of(f"hf:{tmp_path}?batch=no")
    with pytest.raises(ArtificerError, match="no dtype 'int3'"):
        Model.of(f"hf:{tmp_path}?dtype=int3")
    with pytest.raises(ArtificerError, match="'batch' is no option"):
        Model.of(f"local:{tmp_path}?batch=3")


@pytest.mark.learn
@pytest.mark.slow
async def test_the_embedded_models_replies_do_not_depend_on_their_company() -> None:
    model = Model.of("hf:smollm2?dialect=react")
    asked = [
        Request((Message("user", f"Say {word}. {'Please. ' * at}"),), sampling=Sampling(max_tokens=10)) for at, word in enumerate(["a", "tree", "42"])
    ]
    alone = [await model.reply(request) for request in asked]
    together = await model.replies(asked)
    assert [reply.raw for reply in alone] == [reply.raw for reply in together]
    assert all(reply.raw for reply in alone)
