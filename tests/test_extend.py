"""An outside package adds a world and a recipe through entry points; a broken one is listed as broken and harms nobody."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from artificer.core.trace import Trace
from artificer.run.store import RunFolder

PLUGIN = Path(__file__).parent / "plugin"
PAGE = Path(__file__).parents[1] / "docs" / "extend.md"
WRAPPERS = PAGE.with_name("wrappers.md")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> dict[str, str]:
    """An environment in which the package is installed: its files and its entry points, as an installer lays them out."""
    place = tmp_path_factory.mktemp("site")
    source = (PLUGIN / "lamp_shop" / "__init__.py").read_text("utf-8")
    (place / "lamp_shop").mkdir()
    (place / "lamp_shop" / "__init__.py").write_text(source, "utf-8")
    about = place / "lamp_shop-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lamp-shop\nVersion: 0.1.0\n")
    points = re.findall(r'\[project\.entry-points\."(.+?)"\]\n((?:\w.*\n)+)', (PLUGIN / "pyproject.toml").read_text("utf-8"))
    assert {group for group, _ in points} == {"artificer.worlds", "artificer.wrappers", "artificer.recipes", "artificer.searches", "artificer.users"}
    (about / "entry_points.txt").write_text("\n".join(f"[{group}]\n{lines.replace(chr(34), '')}" for group, lines in points))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(place), os.environ.get("PYTHONPATH"))))}


def artificer(installed: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "artificer", *words], env=installed, capture_output=True, text=True)


def test_a_world_and_a_recipe_from_outside(installed, tmp_path):
    assert "update_track" in artificer(installed, "tools", "lamps:1").stdout
    listed = artificer(installed, "recipes").stdout
    assert "CoVe, but brief" in listed
    assert re.search(r"broken +- +broken +AttributeError", listed)
    made = artificer(installed, "synth", "lamps", "-n", "8", "--turns", "9", "--quiet", "-o", str(tmp_path / "r"))
    assert made.returncode == 0, made.stderr
    with RunFolder.open(tmp_path / "r") as run:
        traces = [trace for _, trace in run.read("traces", Trace)]
    assert traces
    assert all(trace.usage.turns <= 9 for trace in traces)
    proof = artificer(installed, "verify", str(tmp_path / "r"), "--quiet")
    assert "0 refuted" in proof.stdout


def test_a_user_and_a_manner_from_outside(installed, tmp_path):
    artificer(installed, "synth", "cove", "--world", "sqlite:chinook", "-n", "3", "--quiet", "-o", str(tmp_path / "r"))
    for number, user in enumerate(("goal | shouts:rate=1", "mute:turns=2")):
        made = artificer(installed, "rollout", str(tmp_path / "r"), "--user", user, "--keep-failed", "--quiet", "-o", str(tmp_path / str(number)))
        assert made.returncode == 0, made.stderr
        with RunFolder.open(tmp_path / str(number)) as run:
            traces = [trace for _, trace in run.read("traces", Trace)]
        said = [node.message.text for trace in traces for node in trace.nodes if node.message.role == "user"]
        assert len(traces) == 3
        assert all(text.endswith("!") for text in said) if number == 0 else len(said) == 6


def test_a_search_from_outside(installed, tmp_path):
    artificer(installed, "synth", "cove", "--world", "sqlite:chinook", "-n", "3", "--quiet", "-o", str(tmp_path / "r"))
    made = artificer(installed, "rollout", str(tmp_path / "r"), "--search", "twice", "--quiet", "-o", str(tmp_path / "twice"))
    assert made.returncode == 0, made.stderr
    with RunFolder.open(tmp_path / "twice") as run:
        assert {len(trace.leaves()) for _, trace in run.read("traces", Trace)} == {2}
    assert "3 proven, 0 refuted" in artificer(installed, "verify", str(tmp_path / "twice"), "--quiet").stdout
    refused = artificer(installed, "rollout", str(tmp_path / "r"), "--search", "thrice", "--quiet", "-o", str(tmp_path / "x"))
    assert "twice" in refused.stderr
    assert refused.returncode


def test_a_wrapper_from_outside(installed, tmp_path):
    made = artificer(installed, "synth", "cove", "--world", "domain:retail | closed", "-n", "20", "--quiet", "-o", str(tmp_path / "r"))
    assert made.returncode == 0, made.stderr
    with RunFolder.open(tmp_path / "r") as run:
        traces = [trace for _, trace in run.read("traces", Trace)]
        refused = [node for row in run.rejects() for node in row.item["nodes"] if node.get("notes") == {"wrapper": {"closed": "refused"}}]
    assert 0 < len(traces) < 20
    assert not any(effects for trace in traces for effects in trace.effects.values())
    assert {node["message"]["result"]["detail"] for node in refused} == {"the shop is closed"}
    assert "0 refuted" in artificer(installed, "verify", str(tmp_path / "r"), "--quiet").stdout
    unknown = artificer(installed, "tools", "lamps:1 | clozed").stderr
    assert "there is no wrapper 'clozed'" in unknown
    assert "closed" in unknown
    assert "takes no option 'because'" in artificer(installed, "tools", "lamps:1 | closed:because=x").stderr


def test_the_page_on_wrappers_shows_the_wrapper_of_this_package():
    source = (PLUGIN / "lamp_shop" / "__init__.py").read_text("utf-8")
    manifest = (PLUGIN / "pyproject.toml").read_text("utf-8")
    own = WRAPPERS.read_text("utf-8").partition("## A wrapper of your own")[2]
    blocks = re.findall(r"```(python|toml)\n(.*?)```", own, re.DOTALL)
    assert {language for language, _ in blocks} == {"python", "toml"}
    for language, block in blocks:
        assert block.strip() in (source if language == "python" else manifest)


def test_a_broken_recipe_says_so_when_named(installed, tmp_path):
    done = artificer(installed, "recipes", "broken")
    assert done.returncode == 1
    assert "'broken' does not load" in done.stderr
    assert "Traceback" not in done.stderr
    assert artificer(installed, "synth", "cove", "-n", "2", "--quiet", "-o", str(tmp_path / "r")).returncode == 0


def test_without_the_package_its_names_are_unknown():
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    assert artificer(bare, "tools", "lamps:1").returncode == 1
    assert artificer(bare, "recipes", "lamps").returncode == 1


def test_the_page_shows_this_package():
    """Every code block of the page stands in the package as it is."""
    source = (PLUGIN / "lamp_shop" / "__init__.py").read_text("utf-8")
    manifest = (PLUGIN / "pyproject.toml").read_text("utf-8")
    blocks = re.findall(r"```(python|toml)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 4
    for language, block in blocks:
        assert block.strip() in (source if language == "python" else manifest)


def test_the_check_of_the_package_decides(installed, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(installed["PYTHONPATH"].partition(os.pathsep)[0])
    from lamp_shop import Brief  # type: ignore[import-not-found]

    from artificer.checks.base import Episode
    from artificer.core.messages import Message
    from artificer.core.tasks import Goal, Start, Task
    from artificer.core.trace import Node
    from artificer.core.verdicts import StopReason

    task = Task("t", "w", Start(), "", Goal((), (), ()))
    for length, passed in ((400, True), (401, False)):
        nodes = (Node(None, Message("user", "x" * 999)), Node(0, Message("assistant", "x" * length)))
        assert asyncio.run(Brief()(Episode(task, (), nodes, (), StopReason.user_done))).passed is passed
