"""`artificer verify DATA --world SOURCE` as people type it: a run of ours in other formats, tampered with, mended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artificer.cli import main

WORLD = ["--world", "domain:retail", "--quiet"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("verify") / "shop"
    assert main(["synth", "cove", "--world", "domain:retail", "-n", "12", "--seed", "2", "--quiet", "-o", str(out)]) == 0
    return out


@pytest.mark.parametrize("form", ["chat", "anthropic", "sharegpt", "atif", "adp", "responses", "artificer"])
def test_a_run_of_ours_in_another_format_replays_exactly(run, tmp_path, form, capsys):
    assert main(["convert", str(run), str(tmp_path / "data"), "--to", form]) == 0
    capsys.readouterr()
    assert main(["verify", str(tmp_path / "data"), *WORLD]) == 0
    assert "12 traces on domain:retail: 12 exact, 0 alike, 0 differ, 0 cannot run" in capsys.readouterr().out


@pytest.fixture(scope="module")
def tampered(run) -> Path:
    out = run.parent / "tampered.jsonl"
    assert main(["convert", str(run), str(run.parent / "chat.jsonl"), "--to", "chat"]) == 0
    rows = [json.loads(line) for line in (run.parent / "chat.jsonl").read_text().splitlines()]
    at = next(at for at, message in enumerate(rows[1]["messages"]) if message["role"] == "tool" and message["content"].startswith("{"))
    rows[1]["messages"][at]["content"] = json.dumps(json.loads(rows[1]["messages"][at]["content"]) | {"colour": "blue"})
    rows[1]["at"] = at
    for message in rows[2]["messages"]:
        for call in message.get("tool_calls", ()):
            call["function"]["name"] = f"shop.{call['function']['name']}"
    out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return out


def test_what_was_tampered_with_is_told_with_its_place(tampered, capsys):
    rows = [json.loads(line) for line in tampered.read_text().splitlines()]
    assert main(["verify", str(tampered), *WORLD]) == 1
    shown = capsys.readouterr().out
    assert f"differs here: {rows[1]['id']} ({tampered}:2)\n  message {rows[1]['at']}: " in shown
    assert '/colour: was "blue", now absent' in shown
    assert f"cannot run: {rows[2]['id']} ({tampered}:3)" in shown
    assert "perhaps --map shop." in shown
    assert "12 traces on domain:retail: 10 exact, 0 alike, 1 differ, 1 cannot run" in shown


def test_as_json_and_each_by_itself(tampered, tmp_path, capsys):
    assert main(["verify", str(tampered), *WORLD, "--json", "--shown", "1", "--each", str(tmp_path / "each.jsonl")]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["traces"], found["exact"], found["differs"], found["cannot"], len(found["problems"])) == (12, 10, 1, 1, 1)
    verdicts = [json.loads(line).get("verdict", "exact") for line in (tmp_path / "each.jsonl").read_text().splitlines()]
    assert verdicts == ["exact", "differs", "cannot", *["exact"] * 9]


def test_mended_with_names_it_holds(tampered, tmp_path, capsys):
    names = tmp_path / "names.toml"
    rows = [json.loads(line) for line in tampered.read_text().splitlines()]
    called = {call["function"]["name"] for message in rows[2]["messages"] for call in message.get("tool_calls", ())}
    names.write_text("[tools]\n" + "".join(f'"{name}" = "{name.removeprefix("shop.")}"\n' for name in sorted(called)))
    out = str(tmp_path / "mended")
    assert main(["verify", str(tampered), *WORLD, "--map", str(names), "--like", "/colour", "--repair", out]) == 0
    assert "of the 12 traces" in capsys.readouterr().out
    assert main(["verify", out, "--quiet", "--like", "/colour"]) == 0
    assert main(["convert", out, str(tmp_path / "mended.jsonl"), "--to", "chat"]) == 0
    capsys.readouterr()
    assert main(["verify", str(tampered), *WORLD, "--map", str(names), "--repair", str(tmp_path / "other")]) == 1
    assert main(["verify", str(tmp_path / "other"), "--quiet"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["DATA"], "--world SOURCE"),
        (["DATA", "--world", "nowhere:x"], "is not a tool source"),
        (["DATA", "--world", "domain:retail", "--map", "a=b"], "has no tool 'b'"),
        (["DATA", "--world", "domain:retail", "--like", "/"], "names no field"),
        (["DATA", "--world", "domain:retail", "--near", "2"], "near"),
        (["DATA", "--world", "domain:retail", "--from", "nothing"], "nothing"),
        (["DATA", "--world", "domain:retail", "--tasks", "missing"], "not a run folder"),
        (["DATA", "--world", "domain:retail", "--repair", "RUN"], "there already"),
        (["RUN", "--repair", "x"], "proven as it stands"),
        (["missing.jsonl"], "there is no such run or file\n  where: missing.jsonl\n"),
        (["missing.jsonl", "--world", "domain:retail"], "there is no such run or file\n  where: missing.jsonl\n"),
    ],
)
def test_mistakes_are_one_message(run, tampered, words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [{"DATA": str(tampered), "RUN": str(run)}.get(word, word) for word in words]
    assert main(["verify", *given, "--quiet"]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_a_file_of_sqlite_is_a_world_like_any(tmp_path, capsys):
    import sqlite3

    with sqlite3.connect(tmp_path / "shop.db") as base:
        base.execute("create table part (id integer primary key, name text not null, stock integer not null)")
        base.executemany("insert into part values (?, ?, ?)", [(1, "bolt", 5), (2, "nut", 7)])
    base.close()
    source = f"sqlite:{tmp_path / 'shop.db'}"
    run = str(tmp_path / "run")
    assert main(["synth", "cove", "--world", source, "-n", "6", "--seed", "1", "--quiet", "-o", run]) == 0
    assert main(["convert", run, str(tmp_path / "data.jsonl"), "--to", "chat"]) == 0
    capsys.readouterr()
    code = main(["verify", str(tmp_path / "data.jsonl"), "--world", source, "--quiet", "--tasks", run])
    assert "0 alike, 0 differ, 0 cannot run" in capsys.readouterr().out
    assert code == 0
    with sqlite3.connect(tmp_path / "shop.db") as base:
        base.execute("update part set stock = stock + 100, name = name || 'x'")
    base.close()
    assert main(["verify", str(tmp_path / "data.jsonl"), "--world", source, "--quiet"]) == 1
    assert "gives something else now" in capsys.readouterr().out
