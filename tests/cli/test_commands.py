"""The commands as people type them, on small real runs: exit codes, what is printed, and that a run goes through all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from artificer.cli import main
from artificer.cli.app import app
from artificer.worlds.base import _BUILT_IN


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> str:
    out = str(tmp_path_factory.mktemp("cli") / "shop")
    assert main(["synth", "cove", "--world", "domain:retail", "-n", "30", "--seed", "3", "--quiet", "-o", out]) == 0
    return out


def test_help_names_every_command_and_each_has_an_example(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in app:
        if name.startswith("-"):
            continue
        assert re.search(rf"\b{name}\b", shown)
        assert main([name, "--help"]) == 0
        assert f"Example: artificer {name}" in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize("command", ["tools", "serve"])
def test_help_names_every_kind_of_source(capsys, command):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    for scheme in _BUILT_IN.keys() - {"postgres"}:
        assert f"{scheme}:" in shown


def test_a_format_that_is_none_is_told_which_there_are(tmp_path, capsys):
    assert main(["convert", str(tmp_path), str(tmp_path / "out"), "--to", "nosuch"]) == 1
    said = capsys.readouterr().err
    assert "there is no format 'nosuch'" in said
    assert "artificer (a run folder), chat, " in said


def test_one_is_not_many(tmp_path, capsys):
    row = {"messages": [{"role": "user", "content": "Open?"}, {"role": "assistant", "content": "Yes."}]}
    (tmp_path / "in.jsonl").write_text(json.dumps(row) + "\n")
    for words, said in (
        (["convert", "IN", "OUT.jsonl"], "1 conversation: "),
        (["query", "IN", "SELECT count(*) FROM traces"], "1 row\n"),
        (["query", "IN", "SELECT * FROM messages"], "2 rows\n"),
        (["merge", "IN", "-o", "OUT", "--quiet"], "1 trace: "),
        (["stats", "IN"], "1 trace, 0 calls of 0 tools, 0 tools offered"),
        (["tokens", "IN"], "1 trace -> 1 row, "),
        (["verify", "IN", "--world", "domain:retail", "--quiet"], "1 trace on domain:retail: "),
    ):
        main([word.replace("IN", str(tmp_path / "in.jsonl")).replace("OUT", str(tmp_path / "out")) for word in words])
        assert said in capsys.readouterr().out


def test_tools_lists_them_and_their_arguments(capsys):
    assert main(["tools", "sqlite:chinook"]) == 0
    shown = capsys.readouterr().out
    assert "update_track" in shown
    assert "write" in shown
    assert main(["tools", "sqlite:chinook", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {tool["effect"] for tool in found["tools"]} == {"read", "write"}


def test_every_knob_of_a_recipe_is_a_flag(capsys):
    from artificer.recipes.synthesis.cove import Knobs

    assert main(["synth", "cove", "--help"]) == 0
    shown = capsys.readouterr().out
    for name in Knobs.__struct_fields__:
        assert (f"-{name} " if len(name) == 1 else f"--{name.replace('_', '-')}") in shown


def test_knobs_reach_the_manifest_and_defaults_stay(tmp_path, capsys):
    import tomllib

    out = tmp_path / "r"
    words = ["synth", "cove", "--world", "sqlite:chinook", "-n", "3", "--wants", "1", "2", "--only", "track", "--errors", "0.5", "--quiet"]
    assert main([*words, "-o", str(out)]) == 0
    knobs = tomllib.loads((out / "run.toml").read_text())["knobs"]
    assert (knobs["n"], knobs["wants"], knobs["only"], knobs["errors"], knobs["seed"]) == (3, [1, 2], ["track"], 0.5, 0)
    assert (out / "tools.json").exists()
    assert "next: artificer verify" in capsys.readouterr().out


def test_the_same_command_again_does_nothing_twice(run, capsys):
    before = sorted((path.name, path.read_bytes()) for path in Path(run).glob("*.zst"))
    assert main(["synth", "cove", "--world", "domain:retail", "-n", "30", "--seed", "3", "--quiet", "-o", run]) == 0
    assert sorted((path.name, path.read_bytes()) for path in Path(run).glob("*.zst")) == before
    capsys.readouterr()
    assert main(["synth", "cove", "--world", "domain:retail", "-n", "31", "--seed", "3", "--quiet", "-o", run]) == 1
    assert "knobs.n: was 30, now 31" in capsys.readouterr().err


def test_verify_proves_and_counts(run, capsys):
    assert main(["verify", run, "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^(\d+) proven, 0 refuted, 0 missing$", shown, re.MULTILINE)
    assert main(["verify", run, "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["refuted"] == []


def test_stats_counts_as_text_and_as_json(run, capsys):
    assert main(["stats", run, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tasks"] >= found["traces"] == found["passed"] > 0
    assert main(["stats", run]) == 0
    assert f"{found['traces']} traces" in capsys.readouterr().out


def test_rollout_plays_the_tasks_of_a_run_again(run, tmp_path, capsys):
    out = str(tmp_path / "again")
    assert main(["rollout", run, "-n", "5", "--errors", "1.0", "--quiet", "-o", out]) == 0
    assert main(["verify", out, "--quiet"]) == 0
    assert "5 proven" in capsys.readouterr().out
    assert main(["rollout", run, "--agent", "nobody", "--quiet", "-o", str(tmp_path / "none")]) == 1
    assert "'nobody'" in capsys.readouterr().err


def test_curate_writes_decisions_and_convert_conversations(run, tmp_path, capsys):
    rows, chat = str(tmp_path / "rows"), tmp_path / "chat.jsonl"
    assert main(["curate", run, "--quiet", "--texts", "0.2", "-o", rows]) == 0
    assert re.search(r"^\d+ rows of \d+ decisions from \d+ traces", capsys.readouterr().out)
    assert main(["convert", run, str(chat)]) == 0
    first = json.loads(chat.read_text().splitlines()[0])
    assert {message["role"] for message in first["messages"]} >= {"user", "assistant"}
    assert main(["convert", run, str(chat)]) == 1  # never overwritten
    assert "there already" in capsys.readouterr().err


def test_report_is_written_into_the_run(run, capsys):
    assert main(["report", run]) == 0
    assert Path(capsys.readouterr().out.strip()) == Path(run) / "report.html"


def test_recipes_lists_and_shows(capsys):
    assert main(["recipes"]) == 0
    assert "cove" in capsys.readouterr().out
    assert main(["recipes", "cove"]) == 0
    assert "2603.01940" in capsys.readouterr().out


def test_a_python_world_gets_its_guide_by_executing(tmp_path, capsys):
    out = tmp_path / "inventory"
    source = f"python:{Path(__file__).parents[2] / 'examples' / 'inventory.py'}"
    assert main(["synth", "cove", "--world", source, "-n", "20", "--quiet", "-o", str(out)]) == 0
    assert (out / "dataflow.json").exists()
    assert main(["verify", str(out), "--quiet"]) == 0
    assert "0 refuted, 0 missing" in capsys.readouterr().out


def test_the_demo_is_made_of_commands_that_exist(tmp_path, capsys):
    assert main(["demo", "--dry", "-o", str(tmp_path / "demo")]) == 0
    typed = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    assert typed[0] == "tools"
    assert typed[-1] == "report"
    assert {"synth", "verify", "curate", "train", "eval"} <= set(typed)
    assert not (tmp_path / "demo").exists()


def test_a_small_demo_without_learning_runs_and_is_not_done_twice(tmp_path, capfd):
    words = ["demo", "--small", "--without-mcp", "--without-training", "-o", str(tmp_path / "demo")]
    assert main(words) == 0
    assert (tmp_path / "demo" / "report.html").exists()
    shown = capfd.readouterr().out
    assert "$ artificer verify" in shown
    assert main(words) == 0
    assert "$ artificer" not in capfd.readouterr().out


def test_a_conversion_of_which_nothing_comes_fails_and_leaves_no_file(tmp_path, capsys):
    asked = {"role": "user", "content": [{"type": "text", "value": "hi"}]}
    (tmp_path / "v1.jsonl").write_text(json.dumps({"messages": [asked]}))
    out = tmp_path / "out.jsonl"
    assert main(["convert", str(tmp_path / "v1.jsonl"), str(out), "--from", "sharegpt"]) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert not out.exists()
    assert main(["convert", str(tmp_path / "v1.jsonl"), str(out)]) == 0
    for _ in range(2):  # a second import is the same run
        assert main(["convert", str(out), str(tmp_path / "run"), "--to", "artificer"]) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "there is nothing in it that can be read"), ('{"data": []}', "has the fields data"), ("[[1]]\n", "first row is a list")],
)
def test_a_file_of_no_known_format_is_described(tmp_path, capsys, text, said):
    (tmp_path / "odd.jsonl").write_text(text)
    assert main(["convert", str(tmp_path / "odd.jsonl"), str(tmp_path / "out.jsonl")]) == 1
    assert said in capsys.readouterr().err
