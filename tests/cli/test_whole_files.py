"""What commands write is there whole or not at all, whatever ends them; after Ctrl-C they say truly what is kept."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time

import pytest

from artificer.cli import main
from artificer.cli.stopped import interrupted

ASK = {"role": "user", "content": "Is it open?"}
SAID = {"role": "assistant", "content": "It is."}


def rows(number: int) -> bytes:
    return b"".join(json.dumps({"id": f"t{at}", "messages": [ASK, SAID, ASK, SAID]}).encode() + b"\n" for at in range(number))


@pytest.fixture
def torn(tmp_path):
    """A folder with a compressed file that breaks off."""
    noise = b"".join(
        json.dumps({"id": f"t{at}", "messages": [ASK, {**SAID, "content": f"{at * 7919 % 10007:x}"}]}).encode() + b"\n" for at in range(5000)
    )
    path = tmp_path / "in" / "torn.jsonl.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(noise)[:-2000])
    return path


@pytest.mark.parametrize("to", ["sharegpt", "artificer"])
def test_of_a_file_that_breaks_off_the_rows_before_are_converted(torn, tmp_path, capsys, to):
    assert main(["convert", str(torn), str(tmp_path / "out"), "--to", to]) == 1
    shown = capsys.readouterr()
    assert "dropped: what is behind the place where a file breaks off (" in shown.out
    assert f"{torn}: The file cannot be unpacked to its end: " in shown.err
    assert "the rows before that are written" in shown.err
    kept = int(shown.out.split(" conversations:")[0].replace(",", ""))
    assert 1000 < kept < 5000
    assert main(["query", str(tmp_path / "out"), "SELECT count(*) AS n FROM traces", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"n": kept}


def test_of_a_folder_the_other_files_are_converted_too(torn, tmp_path, capsys):
    (torn.parent / "whole.jsonl").write_bytes(rows(3))
    assert main(["convert", str(torn.parent), str(tmp_path / "out.jsonl"), "--to", "sharegpt"]) == 1
    assert "whole.jsonl (chat): rows 3 -> 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["tokens", "IN", "-o", "OUT"],
        ["tokens", "IN", "-o", "OUT.parquet"],
        ["stats", "IN", "--findings", "OUT", "-o", "OUT.md"],
        ["query", "IN", "SELECT id FROM traces", "--out", "OUT.parquet"],
        ["export", "IN", "OUT"],
    ],
)
def test_other_commands_refuse_such_a_file_and_leave_nothing(torn, tmp_path, capsys, words):
    assert main([word.replace("IN", str(torn)).replace("OUT", str(tmp_path / "new" / "out")) for word in words]) == 1
    assert "cannot be unpacked to its end" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    "words",
    [
        ["convert", "IN", "OUT.jsonl", "--to", "sharegpt"],
        ["convert", "IN", "OUT", "--to", "artificer"],
        ["stats", "IN", "-o", "OUT.html"],
        ["stats", "IN", "--findings", "OUT"],
        ["query", "IN", "SELECT id FROM traces", "--out", "OUT.parquet"],
        ["export", "IN", "OUT"],
        ["tokens", "IN", "-o", "OUT"],
        ["tokens", "IN", "--html", "OUT"],
    ],
)
def test_folders_on_the_way_are_made(tmp_path, words):
    (tmp_path / "in.jsonl").write_bytes(rows(2))
    assert main([word.replace("IN", str(tmp_path / "in.jsonl")).replace("OUT", str(tmp_path / "new" / "er" / "out")) for word in words]) == 0
    assert len(list((tmp_path / "new" / "er").iterdir())) == 1


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["synth", "cove"], True),
        (["merge", "a", "b", "-o", "c"], True),
        (["convert", "a", "b", "--to", "artificer"], True),
        (["convert", "a", "b", "--to=artificer"], True),
        (["convert", "a", "artificer", "--to", "chat"], False),
        (["convert", "a", "b"], False),
        (["query", "a", "SELECT 1"], False),
        ([], False),
    ],
)
def test_what_is_said_after_ctrl_c(words, kept):
    assert ("the same command continues" in interrupted(words)) == kept
    assert ("no unfinished file is left" in interrupted(words)) != kept


def started(*words):
    return subprocess.Popen([sys.executable, "-m", "artificer", *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def test_a_conversion_that_is_interrupted_leaves_nothing(tmp_path):
    (tmp_path / "in.jsonl").write_bytes(rows(100_000))
    (tmp_path / "new").mkdir()
    running = started("convert", str(tmp_path / "in.jsonl"), str(tmp_path / "new" / "out.jsonl"), "--to", "sharegpt")
    until = time.monotonic() + 60
    while not any(path.stat().st_size for path in (tmp_path / "new").iterdir()) and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    assert (running.returncode, said) == (130, "artificer: interrupted; no unfinished file is left, and the same command begins anew\n")
    assert list((tmp_path / "new").iterdir()) == []


def test_an_interrupt_while_all_is_being_imported_is_one_line():
    code = "import sys, builtins\nfrom artificer.cli import main\n"
    code += (
        "real = builtins.__import__\ndef imported(name, *rest):\n    if name == 'cyclopts': raise KeyboardInterrupt\n    return real(name, *rest)\n"
    )
    code += "builtins.__import__ = imported\nsys.exit(main(['convert', 'a', 'b']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (130, 1)
    assert "interrupted" in done.stderr
