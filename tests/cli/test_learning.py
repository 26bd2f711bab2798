"""Curate, train, evaluate and report as commands, on a random model of two tiny layers: that the steps fit together, not that anything is learnt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artificer.cli import main

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with training rows, rows to be examined on, and a model."""
    place = tmp_path_factory.mktemp("learning")
    for name, part in (("train", "train"), ("test", "test")):
        run, rows = str(place / name), str(place / f"{name}-rows")
        assert main(["synth", "cove", "--world", "sqlite:chinook", "-n", "6", "--part", part, "--wants", "1", "1", "--quiet", "-o", run]) == 0
        assert main(["curate", run, "--part", part, "--texts", "0", "--limit", "6", "--quiet", "-o", rows]) == 0
    tiny_model(place / "model")
    return place


def tiny_model(folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(letters)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(word, special=True) for word in ("<|im_start|>", "<|im_end|>")])
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>")
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def test_the_steps_fit_together(place, capsys):
    base, trained, results = f"hf:{place / 'model'}", place / "trained", str(place / "results")
    examined = ["eval", str(place / "test-rows"), "--max-tokens", "4", "--quiet", "-o", results]
    assert main([*examined, "--model", base, "--name", "1-before"]) == 0
    settings = ["--steps", "2", "--longest", "7000", "--tokens", "7000", "--lr", "0.01"]
    assert main(["train", str(place / "train-rows"), "--model", base, *settings, "--quiet", "-o", str(trained)]) == 0
    assert "next: artificer eval" in capsys.readouterr().out
    assert json.loads((trained / "trained.json").read_text())["settings"]["lr"] == 0.01
    assert main([*examined, "--model", f"hf:{trained}", "--name", "2-after"]) == 0
    shown = capsys.readouterr().out
    assert "before to after, all:" in shown
    assert "test-rows" in shown
    assert main(["report", str(place / "train"), "--results", results, "--trained", str(trained)]) == 0
    page = (place / "train" / "report.html").read_text()
    assert "What the model learnt" in page
    assert "learning rate 0.01" in page


def test_rows_of_the_two_parts_share_no_entity(place):
    from artificer.learn import decisions_in

    train, _ = decisions_in(place / "train-rows")
    test, _ = decisions_in(place / "test-rows")
    assert train
    assert test
    assert {row.part for row in train} == {"train"}
    assert {row.part for row in test} == {"test"}
    assert {entity for row in train for entity in row.entities}.isdisjoint({entity for row in test for entity in row.entities})


def test_mistakes_in_learning_are_said(place, tmp_path, capsys):
    rows = str(place / "train-rows")
    for words, expected in (
        (["train", rows, "--model", "nonsense", "-o", str(tmp_path / "m")], "nonsense"),
        (["train", rows, "--model", f"hf:{tmp_path}", "-o", str(tmp_path / "m")], "no transformers model"),
        (["train", str(place / "train"), "--model", f"hf:{place / 'model'}", "-o", str(tmp_path / "m")], "holds no decisions"),
        (["train", rows, "--model", f"hf:{place / 'model'}", "--style", "loud", "-o", str(tmp_path / "m")], "'loud'"),
        (["train", "-o", str(tmp_path / "m")], "nothing to train on"),
        (["eval", rows, "--model", "gpt", "-o", str(tmp_path / "r")], "'gpt'"),
        (["eval", "--model", "gpt", "-o", str(tmp_path / "r")], "nothing to examine on"),
        (["curate", "-o", str(tmp_path / "rows")], "nothing to curate"),
        (["curate", rows, "-o", str(tmp_path / "rows")], "names no world"),
        (["report", str(place / "train"), "--results", str(tmp_path)], "no examinations"),
    ):
        assert main(words) == 1, words
        message = capsys.readouterr().err
        assert expected in message
        assert "Traceback" not in message
        assert "do:" in message
