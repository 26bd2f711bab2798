"""Rows that were read and dropped stand in the rejects: each once, with its stage, its reason and its place."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from artificer.data import convert, merge, query, sample
from artificer.run.store import RunFolder
from artificer.run.traded import SAME


def chat(text):
    return json.dumps({"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "Yes."}]})


@pytest.fixture
def data(tmp_path):
    rows = [chat("a"), '{"messages": [', chat("b"), "{}", chat("a"), *[chat(f"c{number}") for number in range(300)], '{"messages": 4}']
    (tmp_path / "d.jsonl").write_text("\n".join(rows) + "\n")
    return tmp_path / "d.jsonl"


def rejects(folder):
    with RunFolder.open(folder) as run:
        return [(row.stage, row.reason, row.key, row.detail) for row in run.rejects()]


def test_an_import_names_every_row_it_dropped(data, tmp_path):
    done = convert(data, tmp_path / "run", to="artificer")
    found = rejects(tmp_path / "run")
    assert [(stage, key) for stage, _, key, _ in found] == [
        ("read", f"{data}:2"), ("read", f"{data}:4"), ("import", f"{data}:5"), ("read", f"{data}:306")
    ]  # fmt: skip
    assert Counter(reason for _, reason, _, _ in found) == done.read.rows_by + done.written.rows_by
    assert found[2][1] == SAME
    assert found[2][3] in {row["key"] for row in query(tmp_path / "run", "SELECT key FROM traces")}
    convert(data, tmp_path / "run", to="artificer")  # the same again: nothing is a duplicate of itself
    assert rejects(tmp_path / "run") == found
    assert query(tmp_path / "run", "SELECT stage, count(*) AS n FROM rejects GROUP BY 1 ORDER BY 1") == [
        {"stage": "import", "n": 1},
        {"stage": "read", "n": 3},
    ]


@pytest.mark.parametrize("do", [lambda sources, out: merge(sources, out=out), lambda sources, out: sample(sources, out=out, n=1000)])
def test_sets_name_every_row_of_each_source_that_was_not_read(data, tmp_path, do):
    (tmp_path / "e.jsonl").write_text(f"{chat('e')}\nprose\n")
    for _ in range(2):
        found = do([data, tmp_path / "e.jsonl"], tmp_path / "set")
        rows = rejects(tmp_path / "set")
        assert [key for stage, _, key, _ in rows if stage == "read"] == [
            f"0:{data}:2", f"0:{data}:4", f"0:{data}:306", f"1:{tmp_path / 'e.jsonl'}:2"
        ]  # fmt: skip
        assert len(rows) == found.unread_rows + found.dropped.total() == 5


def test_damage_of_a_run_is_named_where_its_traces_go(data, tmp_path):
    convert(data, tmp_path / "run", to="artificer")
    (shard,) = (tmp_path / "run").glob("traces-*")
    shard.write_bytes(shard.read_bytes()[:-20])
    found = merge([tmp_path / "run"], out=tmp_path / "set")
    assert found.unread_rows
    assert [(stage, reason) for stage, reason, _, _ in rejects(tmp_path / "set")] == [("read", "damaged")]
