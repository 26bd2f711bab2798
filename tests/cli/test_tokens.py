"""`artificer tokens`: what a person is shown, and what is written."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import duckdb
import pytest

import artificer
from artificer.cli import main
from artificer.core.errors import ArtificerError

TEMPLATE = Path(__file__).parents[1] / "training" / "templates" / "qwen25.jinja"
CALL = {"id": "a", "type": "function", "function": {"name": "find", "arguments": '{"id": 7}'}}
ROW = {
    "messages": [
        {"role": "user", "content": "Is order 7 open? \u001b[31m<b>&"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "find", "arguments": '{"id": 7}'}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": '{"state": "open"}'},
        {"role": "assistant", "content": "It is."},
    ]
}


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps(ROW | {"id": "other"}) + "\n")
    return path


def test_learnt_stretches_stand_between_brackets(rows, capsys):
    assert main(["tokens", str(rows), "--template", str(TEMPLATE)]) == 0
    said = capsys.readouterr().out
    assert '⟦<tool_call>\n{"name": "find", "arguments": {"id": 7}}\n</tool_call><|im_end|>⟧' in said
    assert "⟦It is.<|im_end|>⟧" in said
    assert "\u001b" not in said
    assert "2 traces -> 2 rows" in said


def test_no_text_can_look_as_if_it_were_learnt(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "⟦learn me⟧"}, {"role": "assistant", "content": "No."}]}))
    assert main(["tokens", str(path), "--template", str(TEMPLATE)]) == 0
    said = capsys.readouterr().out
    assert "[learn me]" in said
    assert said.count("⟦") == 1


def test_reasoning_stands_in_front_where_asked(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    reply = {"role": "assistant", "content": "Four.", "reasoning_content": "2 + 2"}
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "2 + 2?"}, reply]}))
    words = ["tokens", str(path), "--template", str(TEMPLATE)]
    assert main(words) == 1
    assert "the template does not show the reasoning" in capsys.readouterr().out
    assert main([*words, "--hidden", "inline"]) == 0
    assert "⟦<think>\n2 + 2\n</think>\n\nFour.<|im_end|>⟧" in capsys.readouterr().out
    assert main([*words, "--hidden", "drop"]) == 0
    assert "⟦Four.<|im_end|>⟧" in capsys.readouterr().out


def test_pages_are_escaped_and_rows_are_written(rows, tmp_path, capsys):
    words = ["tokens", str(rows), "--template", str(TEMPLATE), "--html", str(tmp_path / "t.html"), "-o", str(tmp_path / "rows.parquet")]
    assert main(words) == 0
    page = (tmp_path / "t.html").read_text()
    assert "&lt;b&gt;&amp;" in page
    assert "<b>" not in page
    assert page.count("<mark") == 2
    found = duckdb.sql(f"SELECT input_ids, labels, owner, weight_loss FROM '{tmp_path / 'rows.parquet'}'").fetchall()
    assert len(found) == 2
    for ids, labels, owner, loss in found:
        assert [token if weight else -100 for token, weight in zip(ids, loss, strict=True)] == labels
        assert {who for who, weight in zip(owner, loss, strict=True) if weight} == {1, 3}
    assert main(words) == 1
    assert "there already" in capsys.readouterr().err


def test_what_is_not_trained_is_said(rows, capsys):
    assert main(["tokens", str(rows), "-n", "0"]) == 0  # the embedded model's template shows no calls
    told = capsys.readouterr()
    assert "not trained: the template does not show all calls of a message 2" in told.out
    assert "--template" in told.err


def test_one_trace_and_mistakes(rows, tmp_path):
    assert artificer.tokenize(rows, template=TEMPLATE, only="other").traces == 1
    with pytest.raises(ArtificerError, match="there is no trace 'x'"):
        artificer.tokenize(rows, template=TEMPLATE, only="x")
    with pytest.raises(ArtificerError, match="has no tokenizer here"):
        artificer.tokenize(rows, model="openai:gpt@http://localhost")
    with pytest.raises(ArtificerError, match="The template cannot be read"):
        artificer.tokenize(rows, template=tmp_path / "none.jinja")
    with pytest.raises(ArtificerError, match="not a tokenizer"):
        artificer.tokenize(rows, model=f"hf:{tmp_path}")


def test_what_helps_against_an_unknown_trace_lists_them(rows, capsys):
    assert main(["tokens", str(rows), "--template", str(TEMPLATE), "--trace", "x"]) == 1
    advice = capsys.readouterr().err.partition("see which there are: ")[2].splitlines()[0]
    words = shlex.split(advice)
    assert words[0] == "artificer"
    assert main(words[1:]) == 0
    assert "other" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reply", "hint"),
    [
        ({"content": "Four.", "reasoning_content": "2 + 2"}, "--hidden drop"),
        ({"content": None, "tool_calls": [CALL | {"function": {"name": "find", "arguments": "not json"}}]}, ""),
    ],
)
def test_hints_name_what_helps(reply, hint, tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant"} | reply]}))
    assert main(["tokens", str(path), "--template", str(TEMPLATE), "-n", "0"]) == 1
    told = capsys.readouterr().err
    assert hint in told
    assert ("--hidden" in told) == ("--template" in told) == bool(hint)


def test_a_page_that_is_there_is_never_overwritten(rows, tmp_path, capsys):
    page = tmp_path / "t.html"
    page.write_text("mine")
    assert main(["tokens", str(rows), "--template", str(TEMPLATE), "--html", str(page)]) == 1
    assert "there already" in capsys.readouterr().err
    assert page.read_text() == "mine"


def test_a_folder_that_is_not_there_is_not_looked_for_elsewhere(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"messages": [{"role": "user", "content": "a"}]}')
    assert main(["tokens", str(tmp_path / "a.jsonl"), "--model", "hf:someone/some-model"]) == 1
    assert "there is no such folder" in capsys.readouterr().err
