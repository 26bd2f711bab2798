"""Whatever is wrong with what a user gives: one clear message with what to do, exit code 1, no traceback, and nothing lost."""

from __future__ import annotations

import os
import resource
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artificer.cli import main
from artificer.core.canon import canonical
from artificer.core.trace import Trace
from artificer.run.store import RunFolder

ROGUE = f"mcp:{sys.executable} {Path(__file__).parents[1] / 'worlds' / 'servers' / 'rogue.py'}"


def refused(capsys, words: list[str], *expected: str, code: int = 1) -> str:
    """Runs a command that must be refused; its message, which names what is wrong and says what to do."""
    assert main(words) == code
    message = capsys.readouterr().err
    assert message.startswith("artificer: ")
    assert "Traceback" not in message
    assert "\n  do:    " in message
    for text in expected:
        assert text in message
    return message


def synth(world: str, out: Path | str, *more: str) -> list[str]:
    return ["synth", "cove", "--world", world, "-n", "5", "--quiet", *more, "-o", str(out)]


@pytest.fixture
def database(tmp_path) -> Path:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table lamp (id integer primary key, name text not null unique, price real)")
        connection.executemany("insert into lamp (name, price) values (?, ?)", [(f"lamp {n}", n) for n in range(20)])
    connection.close()
    return path


def test_a_database_that_is_not_there(capsys, tmp_path):
    for words in (["tools", f"sqlite:{tmp_path}/none.db"], synth(f"sqlite:{tmp_path}/none.db", tmp_path / "r")):
        refused(capsys, words, "none.db")
    assert not (tmp_path / "r").exists()
    assert not (tmp_path / "none.db").exists()


def test_a_corrupt_database(capsys, tmp_path, database):
    text = tmp_path / "text.db"
    text.write_text("this is no database, " * 1000)
    refused(capsys, ["tools", f"sqlite:{text}"], "text.db")
    broken = bytearray(database.read_bytes())
    broken[200:] = os.urandom(len(broken) - 200)
    (tmp_path / "broken.db").write_bytes(broken)
    refused(capsys, synth(f"sqlite:{tmp_path}/broken.db", tmp_path / "r"), "broken.db")
    (tmp_path / "short.db").write_bytes(database.read_bytes()[:5000])
    assert main(["tools", f"sqlite:{tmp_path}/short.db"]) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err


def test_a_database_without_a_usable_table(capsys, tmp_path):
    sqlite3.connect(tmp_path / "empty.db").execute("vacuum").connection.close()
    refused(capsys, ["tools", f"sqlite:{tmp_path}/empty.db"], "table")


def test_the_database_is_never_written(capsys, tmp_path, database):
    before = database.read_bytes()
    assert main(synth(f"sqlite:{database}", tmp_path / "r", "--without", "nothing")) == 0
    assert main(["verify", str(tmp_path / "r"), "--quiet"]) == 0
    assert database.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r", "shop.db"]


@pytest.mark.parametrize(
    ("server", "options", "expected"),
    [
        ("exit", [], "I need a configuration file"),
        ("chatter", ["start_timeout=1"], "Welcome! This program"),
        ("mute", ["start_timeout=0.5"], "did not answer within 0.5 s"),
        ("empty", [], "no usable tool"),
        ("plain", ["timeout=soon"], "not a positive number"),
    ],
)
def test_an_mcp_server_that_cannot_be_used(capsys, tmp_path, server, options, expected):
    flags = [word for option in options for word in ("--options", option)]
    refused(capsys, ["tools", f"{ROGUE} {server}", *flags], expected)
    refused(capsys, synth(f"{ROGUE} {server}", tmp_path / "r", *flags), expected)
    assert not (tmp_path / "r").exists()


def test_tools_with_invalid_schemas_are_named_and_left_out(capsys):
    assert main(["tools", f"{ROGUE} schemas"]) == 0
    assert "could not be used" in capsys.readouterr().out


def test_a_server_that_dies_hangs_or_talks_junk_in_a_call_stops_nothing(capsys, tmp_path):
    words = synth(f"{ROGUE} plain", tmp_path / "r", "--options", "timeout=1", "--wants", "1", "1")
    assert main(words) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err


def test_an_output_folder_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    refused(capsys, synth("domain:retail", tmp_path / "file" / "r"), str(tmp_path / "file"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    refused(capsys, synth("domain:retail", tmp_path / "mine"), "not empty", "thesis.txt")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"
    assert main(synth("domain:retail", tmp_path / "r")) == 0
    capsys.readouterr()
    refused(capsys, ["report", str(tmp_path / "r"), "-o", str(tmp_path / "file" / "x.html")], "cannot be written")


def typed(words: list[str], **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "artificer", *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def traces(run: Path) -> dict[str, bytes]:
    with RunFolder.open(run) as folder:
        return {key: canonical(trace) for key, trace in folder.read("traces", Trace)}


def test_a_full_disk_is_said_and_the_run_continues(capsys, tmp_path):
    words = ["synth", "cove", "--world", "domain:retail", "-n", "120", "--quiet", "-o"]
    full = typed([*words, str(tmp_path / "r")], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)))
    _, message = full.communicate(timeout=120)
    assert full.returncode == 1
    assert message.startswith("artificer: ")
    assert "Traceback" not in message
    assert "do:" in message
    kept = traces(tmp_path / "r")
    assert main([*words, str(tmp_path / "r")]) == 0
    assert main([*words, str(tmp_path / "whole")]) == 0
    finished = traces(tmp_path / "r")
    assert finished == traces(tmp_path / "whole")
    assert kept.items() <= finished.items()
    assert kept


def test_ctrl_c_ends_with_130_and_the_same_command_continues(tmp_path):
    words = ["synth", "cove", "--world", "domain:retail", "-n", "100000", "--quiet", "-o", str(tmp_path / "r")]
    process = typed(words)
    until = time.monotonic() + 60
    while time.monotonic() < until and not list(tmp_path.glob("r/traces-*")):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    shown, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in message
    assert "the same command continues it" in shown
    assert traces(tmp_path / "r")


def test_names_that_nothing_answers_to(capsys, tmp_path):
    refused(capsys, ["synth", "covet", "--world", "domain:retail", "-o", str(tmp_path / "r")], "'covet'", "cove")
    for source in ("retail", "domain:retial", "sqlite:", "oracle:x", "mcp:/no/such/program", "python:no_such_module"):
        refused(capsys, ["tools", source], source.partition(":")[2] or source)
        refused(capsys, synth(source, tmp_path / "r"))
    refused(capsys, synth("domain:retail", tmp_path / "r", "--agent", "gpt"), "gpt")
    refused(capsys, synth("domain:retail", tmp_path / "r2", "--engine", "cluster"), "cluster")
    refused(capsys, ["recipes", "covet"], "'covet'")
    refused(capsys, ["convert", str(tmp_path), str(tmp_path / "x"), "--to", "excel"], "excel")


def test_knobs_out_of_range(capsys, tmp_path):
    for flags, expected in (
        (["--wants", "3", "1"], "wants"),
        (["--wants", "0", "2"], "wants"),
        (["--pace", "0", "0"], "pace"),
        (["--vagueness", "7"], "vagueness"),
        (["--impossible", "-0.5"], "impossible"),
        (["--model", "nonsense"], "'nonsense' is not a model"),
    ):
        refused(capsys, synth("domain:retail", tmp_path / flags[0], *flags), expected)
    assert [path.name for path in tmp_path.iterdir()] == ["--model"]  # a model is only opened where it is used


def test_when_nothing_came_of_it_the_reasons_are_said(capsys, tmp_path):
    assert main(synth("sqlite:chinook", tmp_path / "r", "--only", "nosuchtable")) == 1
    assert "no_goal" in capsys.readouterr().err


def test_values_that_do_not_fit_are_usage_errors(capsys, tmp_path):
    refused(capsys, ["synth", "cove", "-n", "many", "-o", str(tmp_path / "r")], "many", code=2)
    refused(capsys, ["synth", "cove"], "--out", code=2)
    refused(capsys, ["tools"], code=2)
    refused(capsys, ["nosuch"], "nosuch", code=2)
    refused(capsys, ["tools", "domain:retail", "--nosuch"], "--nosuch", code=2)
    refused(capsys, ["tools", "domain:retail", "--options", "tools.toml"], "tools.toml")


def test_a_run_folder_of_another_version_or_none_at_all(capsys, tmp_path):
    run = tmp_path / "r"
    assert main(synth("domain:retail", run)) == 0
    capsys.readouterr()
    manifest = (run / "run.toml").read_text()
    (run / "run.toml").write_text(manifest.replace("format = 1", "format = 99"))
    for words in (["verify", str(run)], ["stats", str(run)], ["report", str(run)], synth("domain:retail", run)):
        refused(capsys, words, "format 99")
    (run / "run.toml").write_text("format = [")
    refused(capsys, ["stats", str(run)], "run.toml")
    (run / "run.toml").write_text(manifest)
    assert main(["verify", str(run), "--quiet"]) == 0
    capsys.readouterr()
    refused(capsys, ["rollout", str(tmp_path), "-o", str(tmp_path / "x")], "not a run folder")
    refused(capsys, ["verify", str(tmp_path)], "--world SOURCE")  # a folder of files is data that others made
    for command in ("verify", "stats"):
        refused(capsys, [command, str(tmp_path / "none")], str(tmp_path / "none"))


def test_nothing_to_prove_is_not_proven(capsys, tmp_path):
    assert main(["synth", "cove", "--world", "domain:retail", "-n", "0", "--quiet", "-o", str(tmp_path / "r")]) == 0
    assert main(["verify", str(tmp_path / "r"), "--quiet"]) == 1
    assert "no trace to prove" in capsys.readouterr().out


def test_what_is_printed_cannot_steer_the_terminal(capsys, tmp_path):
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute('create table "a\x1b[2Jb" (id integer primary key, name text)')
    connection.close()
    main(["tools", f"sqlite:{tmp_path}/x.db"])
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err


def test_the_printed_command_makes_the_same_run(tmp_path):
    import tomllib

    words = synth("domain:retail", tmp_path / "r", "--wants", "2", "2", "--vagueness", "0.9")
    assert main(words) == 0
    command = tomllib.loads((tmp_path / "r" / "run.toml").read_text())["about"]["command"]
    again = [word.replace(str(tmp_path / "r"), str(tmp_path / "again")) for word in shlex.split(command)[1:]]
    assert main([*again, "--quiet"]) == 0
    assert traces(tmp_path / "again") == traces(tmp_path / "r")
