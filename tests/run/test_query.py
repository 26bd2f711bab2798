"""Runs and files as tables: what stands in them, what a question may do, and Parquet files with one schema."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import duckdb
import msgspec
import pytest

from artificer.api import stats
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Goal, Start, Task, Want
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace, Usage
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason, Verdict
from artificer.data import convert, dedup, export, merge, query, sample, split
from artificer.run.frames import Note
from artificer.run.query import ask, save
from artificer.run.store import Dropped, Rejected, RunFolder
from artificer.run.tables import SCHEMA, TABLES, columns

ODD = 'Grüße 🙂 \'); DROP TABLE traces; -- \x00\x1b[31m "quoted"\r\n{}'
TOOLS = (ToolSpec("find", "Finds it.", {"type": "object"}),)


def tree() -> Trace:
    """Two branches behind one message with two calls of the same id; the second is not answered on the second branch."""
    calls = (ToolCall("c", "find", {"id": 1}), ToolCall("c", "find", {"id": ODD}))
    nodes = (
        Node(None, Message("user", ODD)),
        Node(0, Message("assistant", "", "I look", calls), sampled=True),
        Node(1, Message("tool", result=ToolResult("c", {"n": [1.5, None]}))),
        Node(2, Message("tool", result=ToolResult("c", error=ErrorKind.not_found, detail="none"))),
        Node(3, Message("assistant", "It is 1.5"), sampled=True),
        Node(1, Message("assistant", "", calls=(ToolCall("d", "stop", {}),)), sampled=True),
    )
    parts = (CheckResult("told", 0.5, False, ("said 1.5", "not 2"), (ErrorKind.not_found,), {"n": 1}),)
    return Trace(
        "t", "task", "shop", "0f", nodes, {4: Verdict.of(parts), 5: Verdict(1.0, True)}, {4: StopReason.user_done},
        usage=Usage(2, 3, 1, 10**30, 7), seed=2**64 - 1, lineage={"chosen": 4, "from": {"file": "f", "row": ":3", "format": "chat"}},
    )  # fmt: skip


@pytest.fixture
def run(tmp_path) -> Path:
    encode = msgspec.json.encode
    with RunFolder.create_or_continue(tmp_path / "run", {"seed": 1}) as folder:
        for key in ("k/1", "k/0"):
            folder.commit("traces", Note(key, (key,)), encode({"key": key, "item": tree()}) + b"\n")
        task = Task("task", "shop", Start(), "Do it", Goal((Want("update:x"), Want("read:y", "answered")), (), ()), tags=("a",), tools=("find",))
        folder.commit("tasks", Note("k", ("k",)), encode({"key": "k", "item": task}) + b"\n")
        folder.reject("play", "r", Dropped.of([Rejected("r", "play", "not_done", ODD, {"a": 1})]))
        folder.put_json("tools.json", {"tools": TOOLS})
    return tmp_path / "run"


def test_what_stands_in_the_tables(run):
    (trace, _) = query(run, "SELECT * FROM traces ORDER BY key")
    assert (trace["key"], trace["passed"], trace["score"], trace["stop"], trace["branches"]) == ("k/0", False, 0.5, "user_done", 2)
    assert (trace["tokens_in"], trace["tokens_out"], trace["seed"]) == (None, 7, str(2**64 - 1))
    assert (trace["source_file"], trace["source_row"], trace["source_format"]) == ("f", ":3", "chat")
    assert json.loads(trace["lineage"])["chosen"] == 4
    calls = query(
        run, "SELECT node, position, name, arguments, answered, result_node, result, error, detail FROM calls WHERE key = 'k/0' ORDER BY 1, 2"
    )
    assert [tuple(call.values()) for call in calls] == [
        (1, 0, "find", '{"id":1}', True, 2, '{"n":[1.5,null]}', None, None),
        (1, 1, "find", msgspec.json.encode({"id": ODD}).decode(), True, 3, None, "not_found", "none"),
        (5, 0, "stop", "{}", False, None, None, None, None),
    ]
    said = query(run, "SELECT content, parent FROM messages WHERE key = 'k/0' ORDER BY node")
    assert [tuple(one.values()) for one in said][:4] == [(ODD, None), ("", 0), ('{"n":[1.5,null]}', 1), ("none", 2)]
    verdicts = query(run, "SELECT leaf, answer, passed, stop FROM verdicts WHERE key = 'k/0' ORDER BY leaf")
    assert [tuple(one.values()) for one in verdicts] == [(4, True, False, "user_done"), (5, False, True, None)]
    (check,) = query(run, "SELECT name, evidence, kinds, numbers FROM checks WHERE key = 'k/0'")
    assert tuple(check.values()) == ("told", ["said 1.5", "not 2"], ["not_found"], '{"n":1}')
    assert query(run, "SELECT stage, reason, detail, item FROM rejects") == [
        {"stage": "play", "reason": "not_done", "detail": ODD, "item": '{"a":1}'}
    ]
    (task,) = query(run, "SELECT id, wants, ops, outcomes, gold_calls, tools, tags FROM tasks")
    assert tuple(task.values()) == ("task", 2, ["update:x", "read:y"], ["done", "answered"], None, ["find"], ["a"])
    assert query(run, "SELECT name, description FROM tools") == [{"name": "find", "description": "Finds it."}]


def test_several_runs_and_files_are_asked_together(run, tmp_path):
    convert(run, tmp_path / "chat.jsonl", to="chat", every=True)
    found = query([run, tmp_path / "chat.jsonl"], "SELECT run, count(*) AS n FROM traces GROUP BY run ORDER BY run")
    assert found == [{"run": str(tmp_path / "chat.jsonl"), "n": 4}, {"run": str(run), "n": 2}]
    rows = query(tmp_path / "chat.jsonl", "SELECT DISTINCT key, source_row FROM traces ORDER BY source_row")
    assert [row["source_row"] for row in rows] == [":1", ":2", ":3", ":4"]
    assert len({row["key"] for row in rows}) == 2  # two traces, said twice each
    convert(tmp_path / "chat.jsonl", tmp_path / "imported", to="artificer")
    assert {row["key"] for row in query(tmp_path / "imported", "SELECT key FROM traces")} == {row["key"] for row in rows}


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT nothing FROM traces", "nothing"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("", "one statement"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled"),
        ("SELECT * FROM '/etc/passwd'", "disabled|does not exist"),
        ("SELECT * FROM glob('/*')", "disabled"),
        ("SELECT * FROM read_text('/etc/hostname')", "disabled"),
        ("COPY traces TO '/tmp/never.csv'", "disabled"),
        ("EXPORT DATABASE '/tmp/never'", "disabled|read-only"),
        ("ATTACH '/tmp/never.db'", "disabled"),
        ("INSTALL httpfs", "disabled"),
        ("LOAD httpfs", "disabled|not found"),
        ("SET enable_external_access = true", "locked|cannot be"),
        ("SET threads = 64", "locked"),
        ("PRAGMA memory_limit = '1TB'", "locked"),
        ("DELETE FROM traces", "read-only"),
        ("CREATE TABLE mine AS SELECT 1", "read-only"),
        ("SELECT * FROM run", "does not exist"),  # a variable of Python's
    ],
)
def test_a_question_reads_the_tables_and_nothing_else(run, sql, says):
    with pytest.raises(ArtificerError, match=f"(?is){says}"):
        query(run, sql)
    assert not list(Path("/tmp").glob("never*"))


def test_an_answer_is_saved_whole_and_over_nothing(run, tmp_path):
    out = tmp_path / "answer.parquet"
    count, _ = save([run], "SELECT name, count(*) AS n FROM calls GROUP BY name ORDER BY name", out)
    assert count == 2
    assert duckdb.read_parquet(str(out)).fetchall() == [("find", 4), ("stop", 2)]
    before = out.read_bytes()
    with pytest.raises(ArtificerError, match="there already"):
        save([run], "SELECT 1", out)
    with pytest.raises(ArtificerError, match=r"disabled"):
        save([run], f"COPY (SELECT 1) TO '{tmp_path / 'other.parquet'}'", tmp_path / "third.parquet")
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == ["answer.parquet"]
    assert out.read_bytes() == before


def test_what_could_not_be_read_is_said(run):
    shard = run / "traces-000.jsonl.zst"
    data = bytearray(shard.read_bytes())
    data[len(data) // 4] ^= 0xFF
    shard.write_bytes(data)
    with ask([run], "SELECT count(*) FROM traces") as (answer, filled):
        assert list(answer.rows) == [(1,)]
        assert re.search(r"traces-000\.jsonl\.zst: \d+ damaged bytes at \d+", filled.remarks()[0])


@pytest.mark.parametrize("empty", [False, True])
def test_parquet_files_have_one_schema(run, tmp_path, empty):
    source = tmp_path / "nothing" if empty else run
    if empty:
        RunFolder.create_or_continue(source, {"seed": 2}).close()
    done = export(source, tmp_path / "tables")
    assert done.rows["traces"] == (0 if empty else 2)
    assert sorted(path.stem for path in (tmp_path / "tables").iterdir()) == sorted(TABLES)
    for name, (_, by) in TABLES.items():
        path = str(tmp_path / "tables" / f"{name}.parquet")
        found = duckdb.read_parquet(path)
        assert dict(zip(found.columns, map(str, found.types))) == columns(name)
        keys = [row[: len(by)] for row in duckdb.sql(f"SELECT {', '.join(by)} FROM '{path}'").fetchall()]
        assert keys == sorted(keys)
        meta = dict(duckdb.sql(f"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{path}')").fetchall())
        assert (meta["artificer_table"], meta["artificer_schema"]) == (name, str(SCHEMA))
    with pytest.raises(ArtificerError, match="there already"):
        export(source, tmp_path / "tables")


def test_the_page_names_every_column_with_its_type():
    page = (Path(__file__).parents[2] / "docs" / "query.md").read_text("utf-8")
    for name in TABLES:
        section = page.split(f"### {name}\n")[1].split("\n##")[0]
        found = re.findall(r"^\| `(\w+)` \| (\S+) \|", section, re.MULTILINE)
        assert dict(found) == columns(name), name


def test_columns_of_one_name_are_told_apart(run, tmp_path):
    sql = "SELECT t.key, c.key, 1 AS key_1, name FROM traces t JOIN calls c USING (key) ORDER BY ALL"
    with ask([run], sql) as (answer, _):
        assert answer.columns == ("key", "key_2", "key_1", "name")
    assert query(run, sql)[0] == {"key": "k/0", "key_2": "k/0", "key_1": 1, "name": "find"}


def test_a_table_that_is_named_in_pieces_is_filled(run):
    for sql in ("SELECT key FROM query('SELECT * FROM tra' || 'ces')", "SELECT key FROM query_table('tra' || 'ces')"):
        assert sorted(row["key"] for row in query(run, sql)) == ["k/0", "k/1"]


def test_a_number_that_does_not_fit_is_null_and_hinders_no_other_row(run):
    """A stranger's run: a parent and a branch of 30 digits."""
    huge = 10**30
    part = CheckResult("told", 0.5, False)
    trace = Trace("t", "t", "", "", (Node(huge, Message("user", "hi")),), {huge: Verdict.of((part,))})
    with RunFolder.create_or_continue(run, {"seed": 1}) as folder:
        folder.commit("traces", Note("k/9", ("k/9",)), msgspec.json.encode({"key": "k/9", "item": trace}) + b"\n")
    assert query(run, "SELECT parent FROM messages WHERE key = 'k/9'") == [{"parent": None}]
    for table in ("verdicts", "checks"):
        assert query(run, f"SELECT leaf FROM {table} WHERE key = 'k/9'") == [{"leaf": None}]
        assert len(query(run, f"SELECT leaf FROM {table} WHERE key = 'k/0'")) > 0


def test_what_others_did_is_counted_on_their_traces(tmp_path):
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    said = [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "d"}]},
        {"role": "tool", "tool_call_id": "c", "content": "here"},
        {"role": "tool", "tool_call_id": "d", "content": "there"},
        {"role": "assistant", "content": "Here."},
    ]
    (tmp_path / "d.jsonl").write_text(json.dumps({"messages": said}) + "\n")
    convert(tmp_path / "d.jsonl", tmp_path / "imported", to="artificer")
    merge([tmp_path / "d.jsonl"], out=tmp_path / "merged")
    for source in ("d.jsonl", "imported", "merged"):
        assert query(tmp_path / source, "SELECT turns, calls, errors, passed, score FROM traces") == [
            {"turns": 2, "calls": 2, "errors": 0, "passed": None, "score": None}
        ]
        assert query(tmp_path / source, "SELECT count(*) AS n FROM calls") == [{"n": 2}]
    failed = msgspec.structs.replace(tree(), usage=Usage())
    assert (failed.took.turns, failed.took.calls, failed.took.errors, tree().took) == (3, 3, 1, tree().usage)
    found = stats(tmp_path / "merged")
    assert (found.averages["calls"], found.averages["turns"], found.passed, found.unjudged) == (2, 2, 0, 1)


def test_of_a_pair_the_better_one_is_the_answer(tmp_path):
    one, two = ([{"role": "assistant", "content": text}] for text in ("Yes.", "No."))
    row = {"prompt": [{"role": "user", "content": "Is it?"}], "chosen": one, "rejected": two}
    (tmp_path / "d.jsonl").write_text(json.dumps(row) + "\n")
    assert query(tmp_path / "d.jsonl", "SELECT passed, score FROM traces") == [{"passed": True, "score": 1.0}]
    assert [tuple(one.values()) for one in query(tmp_path / "d.jsonl", "SELECT answer, passed FROM verdicts ORDER BY leaf")] == [
        (True, True),
        (False, False),
    ]


@pytest.mark.parametrize("searched", [False, True])
def test_passed_is_what_the_verdict_of_the_answer_says(searched):
    for passing in ((), (4,), (5,), (4, 5)):
        for chosen in (4, 5, None) if searched else (None,):
            verdicts = {leaf: Verdict(float(leaf in passing), leaf in passing) for leaf in (4, 5)}
            trace = msgspec.structs.replace(tree(), verdicts=verdicts, lineage={"chosen": chosen} if searched else {})
            assert trace.passed == (trace.answer is not None and trace.verdicts[trace.answer].passed)
            assert trace.passed == (chosen in passing if searched else bool(passing))


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a file of two formats, one of them in a folder of its own and compressed."""
    (tmp_path / "data" / "inner").mkdir(parents=True)
    chat = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    turns = {"conversations": [{"from": "human", "value": "Where?"}, {"from": "gpt", "value": "Here."}]}
    (tmp_path / "data" / "inner" / "a.jsonl.gz").write_bytes(gzip.compress(b"\n" + json.dumps(chat).encode() + b"\n"))
    (tmp_path / "data" / "b.jsonl").write_text(json.dumps(turns) + "\n")
    return tmp_path / "data"


def test_every_trace_says_which_file_row_and_format_it_is_from(folder, tmp_path):
    a, b = folder / "inner" / "a.jsonl.gz", folder / "b.jsonl"
    came = {(str(a), ":2", "chat"), (str(b), ":1", "sharegpt")}
    convert(folder, tmp_path / "imported", to="artificer")
    for number, sources in enumerate(([folder], [a, b])):
        merge(sources, out=tmp_path / f"merged{number}")
        sample(sources, out=tmp_path / f"sampled{number}", n=2)
        dedup(sources, out=tmp_path / f"single{number}")
        split(sources, out=tmp_path / f"split{number}", parts={"all": 1.0})
    made = [path for path in tmp_path.iterdir() if path != folder]
    assert len(made) == 9
    for source in (folder, [a, b], *(path / "all" if path.name.startswith("split") else path for path in made)):
        rows = query(source, "SELECT source_file, source_row, source_format FROM traces")
        assert {tuple(row.values()) for row in rows} == came, source
    merge([tmp_path / "merged0"], out=tmp_path / "again")
    assert {tuple(row.values()) for row in query(tmp_path / "again", "SELECT source_file, source_row, source_format FROM traces")} == came
