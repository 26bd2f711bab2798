"""Verdicts of the originals, recorded by running them, and ours on the same."""

import importlib.util
import json
from pathlib import Path

import pytest

from artificer.checks.state.rouge import rouge_l
from artificer.checks.state.stem import stem

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("parity_toolsandbox", ROOT / "benchmarks" / "parity_toolsandbox.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_milestones_are_as_near_as_toolsandbox_found_them(bench):
    recorded = json.loads(Path(__file__).with_name("toolsandbox.json").read_text("utf-8"))
    assert sum(0 < one["upstream"]["milestones"] < 1 for one in recorded) > 30
    for number, one in enumerate(recorded):
        found = bench.ours(one["case"], "code")
        assert found["milestones"] == pytest.approx(one["upstream"]["milestones"], abs=1e-6), number
        assert found["similarity"] == pytest.approx(one["upstream"]["similarity"], abs=1e-6), number


def test_words_are_stemmed_and_texts_scored_as_by_nltk_and_rouge_score():
    recorded = json.loads(Path(__file__).with_name("words.json").read_text("utf-8"))
    assert {word: stem(word) for word in recorded["stems"]} == recorded["stems"]
    assert [rouge_l(target, text) for target, text, _ in recorded["rouge_l"]] == pytest.approx([score for _, _, score in recorded["rouge_l"]])
    assert sum(0 < score < 1 for _, _, score in recorded["rouge_l"]) > 30
