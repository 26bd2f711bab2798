"""`query` and `export` as people type them."""

from __future__ import annotations

import csv
import io
import json

import pytest

from artificer.cli import main

FUNCTION = {"name": "find", "arguments": '{"id": 7}'}
ROW = {
    "messages": [
        {"role": "user", "content": "Is 7 open?\x1b[2J"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": FUNCTION}],
        },
        {"role": "tool", "tool_call_id": "a", "content": '{"state": "open"}'},
        {"role": "assistant", "content": "It is. " * 60},
    ]
}


@pytest.fixture
def file(tmp_path) -> str:
    path = tmp_path / "theirs.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps({"messages": 5}) + "\n" + json.dumps(ROW) + "\n")
    return str(path)


def test_help(capsys):
    for name in ("query", "export"):
        assert main([name, "--help"]) == 0
        assert f"artificer {name}" in capsys.readouterr().out.replace("\n", " ")


def test_a_table_fits_the_terminal_and_cannot_change_it(file, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["query", file, "SELECT role, content FROM messages ORDER BY node", "--rows", "3"]) == 0
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    assert shown.out.splitlines()[-1].startswith("8 rows, 3 shown")
    assert "1 of 3 rows could not be read" in shown.err


def test_json_csv_and_parquet(file, tmp_path, capsys):
    odd = f"{2**127 - 1}::HUGEINT AS big, 'nan'::DOUBLE AS odd, [1] AS some, NULL AS none"
    asked = f"SELECT content, {odd} FROM messages LIMIT 1"
    assert main(["query", file, asked, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"content": ROW["messages"][0]["content"], "big": 2**127 - 1, "odd": None, "some": [1], "none": None}
    assert main(["query", file, "SELECT DISTINCT name, arguments FROM calls", "--csv"]) == 0
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [["name", "arguments"], ["find", '{"id":7}']]
    out = tmp_path / "o.parquet"
    assert main(["query", file, "SELECT * FROM calls", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"2 rows: {out}\n"
    assert main(["query", file, "SELECT * FROM calls", "--out", str(out)]) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "no data or no question"),
        (["SELECT 1"], "no data or no question"),
        (["{file}", "SELECT 1", "--json", "--csv"], "more than one of"),
        (["{file}", "SELECT nope FROM calls"], "DESCRIBE calls"),
        (["/nowhere/at/all", "SELECT 1 FROM calls"], "/nowhere/at/all"),
    ],
)
def test_mistakes_are_one_message(file, capsys, words, says):
    assert main(["query", *(word.replace("{file}", file) for word in words)]) == 1
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said


def test_export_says_what_it_wrote(file, tmp_path, capsys):
    assert main(["export", file, str(tmp_path / "new" / "tables")]) == 0
    shown = capsys.readouterr().out
    assert "messages.parquet  8" in shown
    assert main(["export", file, str(tmp_path / "new" / "tables")]) == 1
    assert "there already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["tables"]


def test_what_a_stranger_wrote_is_no_formula_in_csv(file, capsys):
    cells = ["=1+1", "+cmd|x", "@SUM(1)", "\t=1", "-x", "\uff1d1", "-1.5e3", "+49", "a=b", "", "ok"]
    texts = " UNION ALL ".join(f"SELECT '{cell}' AS \"=x\", -{n} AS n" for n, cell in enumerate(cells))
    assert main(["query", file, texts, "--csv"]) == 0
    head, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert head == ["'=x", "n"]
    assert [row[0] for row in rows] == [*(f"'{cell}" for cell in cells[:6]), *cells[6:]]
    assert [row[1] for row in rows] == [str(-n) for n in range(len(cells))]


def test_the_ending_of_a_file_says_what_is_written(file, tmp_path, capsys):
    asked = "SELECT role, content FROM messages ORDER BY ALL LIMIT 3"
    for ending, flag in ((".csv", "--csv"), (".jsonl", "--json")):
        assert main(["query", file, asked, flag]) == 0
        shown = capsys.readouterr().out
        out = tmp_path / f"o{ending}"
        assert main(["query", file, asked, "--out", str(out)]) == 0
        assert f"3 rows: {out}" in capsys.readouterr().out.replace("\n", " ")
        assert out.read_bytes().decode() == shown
        assert main(["query", file, asked, "--out", str(out)]) == 1
        assert "already" in capsys.readouterr().err
    for name in ("o.txt", "o", "o.csv.gz"):
        assert main(["query", file, asked, "--out", str(tmp_path / name)]) == 1
        assert "name a file .parquet, .csv or .jsonl" in capsys.readouterr().err.replace("\n", " ")
        assert not (tmp_path / name).exists()
    assert main(["query", file, "SELECT nothing FROM messages", "--out", str(tmp_path / "n.csv")]) == 1
    assert not (tmp_path / "n.csv").exists()
