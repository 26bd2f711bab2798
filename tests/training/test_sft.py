from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from artificer.core.errors import ArtificerError
from artificer.models.hf import Tokens, load
from artificer.training.batches import Batch, batch
from artificer.training.render import Row
from artificer.training.sft import Settings, Step, Trained, loss_of, rate, train


def rows(tokens: Tokens, count: int = 24) -> list[Row]:
    made = []
    for at in range(count):
        prompt = tokens.tokenizer.encode(f"say {at % 6}:", add_special_tokens=False)
        answer = tokens.answer("abcdef"[at % 6] * 3)
        made.append(Row(f"r{at}", (*prompt, *answer), (False,) * len(prompt) + (True,) * len(answer)))
    return made


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def test_labels_that_are_masked_change_nothing(model: Any, tokens: Tokens) -> None:
    made = batch(rows(tokens, 4), tokens.pad)
    longer = Batch([ids + [7] * 32 for ids in made.ids], [labels + [-100] * 32 for labels in made.labels], made.real, made.learnt)
    short, long = loss_of(model, made), loss_of(model, longer)
    assert long.item() == pytest.approx(short.item(), abs=1e-5)  # what stands in the padding cannot be seen
    short.backward()
    gradient = model.lm_head.weight.grad.clone()
    model.zero_grad()
    whole = torch.nn.functional.cross_entropy(
        model(input_ids=torch.tensor(made.ids)).logits[:, :-1].flatten(0, 1), torch.tensor(made.labels)[:, 1:].flatten(), ignore_index=-100
    )
    whole.backward()
    assert whole.item() == pytest.approx(short.item(), abs=1e-5)
    torch.testing.assert_close(model.lm_head.weight.grad, gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "settings", [Settings(rank=0, lr=1e-2), Settings(rank=4, lr=2e-2), Settings(rank=4, lr=2e-2, layers=1), Settings(rank=0, lr=1e-2, layers=1)]
)
def test_the_loss_falls_and_the_log_tells(model: Any, tokens: Tokens, settings: Settings, tmp_path: Path) -> None:
    before = weights(model)
    seen: list[Step] = []
    settings = msgspec.structs.replace(settings, epochs=20, tokens=256, warmup=3)
    result = train(model, tokens, rows(tokens), settings, tmp_path, seen.append)
    assert result.last_loss < 0.8 * result.first_loss
    logged = [msgspec.json.decode(line, type=Step) for line in (tmp_path / "log.jsonl").read_bytes().splitlines()]
    assert logged == seen
    assert [line.step for line in seen] == list(range(1, result.steps + 1))
    after = weights(model)
    assert set(after) == set(before)
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert any("layers.1" in name for name in changed)
    assert settings.layers == 0 or not any("layers.0" in name or "embed" in name for name in changed)
    kept = load(tmp_path)
    torch.testing.assert_close(kept.model.state_dict()["model.norm.weight"], after["model.norm.weight"])
    assert msgspec.json.decode((tmp_path / "trained.json").read_bytes(), type=dict[str, Any])["result"]["steps"] == result.steps


@pytest.mark.parametrize("rank", [0, 4])
def test_a_training_that_was_interrupted_continues_bit_for_bit(model: Any, tokens: Tokens, rank: int, tmp_path: Path) -> None:
    settings = Settings(rank=rank, epochs=3, tokens=128, lr=5e-3, save_every=2)
    whole, broken = copy.deepcopy(model), copy.deepcopy(model)
    train(whole, tokens, rows(tokens), settings, tmp_path / "whole")

    class Stop(Exception):
        pass

    def interrupt(step: Step) -> None:
        if step.step == 5:
            raise Stop

    with pytest.raises(Stop):
        train(broken, tokens, rows(tokens), settings, tmp_path / "broken", interrupt)
    again = copy.deepcopy(model)
    seen: list[Step] = []
    train(again, tokens, rows(tokens), settings, tmp_path / "broken", seen.append)
    assert seen[0].step == 5
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(again)[name]), name


def test_another_trainings_checkpoint_is_refused(model: Any, tokens: Tokens, tmp_path: Path) -> None:
    settings = Settings(rank=4, tokens=128, save_every=1, steps=2)
    train(copy.deepcopy(model), tokens, rows(tokens), settings, tmp_path)
    with pytest.raises(ArtificerError, match="other rows or settings"):
        train(copy.deepcopy(model), tokens, rows(tokens), msgspec.structs.replace(settings, lr=1.0), tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes(b"junk")
    with pytest.raises(ArtificerError, match="cannot be read"):
        train(copy.deepcopy(model), tokens, rows(tokens), settings, tmp_path)


def test_time_runs_out(model: Any, tokens: Tokens, tmp_path: Path) -> None:
    result = train(model, tokens, rows(tokens), Settings(rank=4, epochs=10_000, tokens=64, minutes=0.02), tmp_path)
    assert 0 < result.steps < 10_000
    assert result.seconds < 5


def test_nothing_to_train_on_is_said(model: Any, tokens: Tokens, tmp_path: Path) -> None:
    with pytest.raises(ArtificerError, match="nothing to train on"):
        train(model, tokens, rows(tokens), Settings(longest=2), tmp_path)


def test_a_loss_that_is_lost_is_said(model: Any, tokens: Tokens, tmp_path: Path) -> None:
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(ArtificerError, match="loss is nan"):
        train(model, tokens, rows(tokens), Settings(rank=4), tmp_path)


def test_the_rate_rises_and_falls() -> None:
    settings = Settings(lr=1.0, warmup=4)
    assert [rate(settings, step, 14, 0.0) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert rate(settings, 4, 14, 0.0) == 1.0
    assert rate(settings, 14, 14, 0.0) == pytest.approx(0.1)
    assert rate(settings, 5, 1000, 0.5) == pytest.approx(0.55)
    assert isinstance(Trained(1, 1, 0, 1, 1.0, 1.0, 1.0, 1.0, 1, "cpu").steps, int)
