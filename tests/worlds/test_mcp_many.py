"""Several MCP servers in one world: names that lead to exactly one tool, files of servers, annotations, resources and prompts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.api import described
from artificer.cli import main
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import TOOL_NAME, World
from artificer.worlds.mcp_names import labels_of, names_of
from artificer.worlds.observe import Probe

SERVERS = Path(__file__).parent / "servers"
MOODY = f"{sys.executable} {SERVERS / 'moody.py'}"
ROGUE = f"{sys.executable} {SERVERS / 'rogue.py'} plain"


@pytest.fixture(scope="module")
def pair() -> World:
    return World.of(f"mcp:{MOODY} left && {MOODY} right && {ROGUE}")


async def test_names_that_meet_get_their_servers_name_and_lead_to_it(pair: World) -> None:
    names = [tool.name for tool in pair.tools]
    assert "left_add" in names
    assert "right_add" in names
    assert "work" in names
    assert "add" not in names
    assert {tool.attributes["server"] for tool in pair.tools} == {"left", "right", "rogue"}
    assert pair.policy == "left: Be left.\nright: Be right."
    session = await pair.open(Start())
    await session.call(ToolCall("c", "left_add", {}))
    await session.call(ToolCall("c", "left_add", {}))
    assert (await session.call(ToolCall("c", "left_peek", {}))).content == {"count": 2}
    assert (await session.call(ToolCall("c", "right_peek", {}))).content == {"count": 0}
    assert (await session.call(ToolCall("c", "peek", {}))).error is ErrorKind.unknown_tool
    assert (await session.call(ToolCall("c", "work", {}))).content == {"ok": True}
    await session.close()


async def test_one_server_that_dies_is_brought_back_with_the_others_states(pair: World) -> None:
    session = await pair.open(Start())
    await session.call(ToolCall("c", "left_add", {}))
    await session.call(ToolCall("c", "right_add", {}))
    assert (await session.call(ToolCall("c", "left_die", {}))).error is ErrorKind.transport
    assert (await session.call(ToolCall("c", "left_peek", {}))).content == {"count": 1}
    assert (await session.call(ToolCall("c", "right_peek", {}))).content == {"count": 1}
    await session.close()


def test_annotations_become_effects_and_attributes() -> None:
    world = World.of(f"mcp:{MOODY} one")
    tools = {tool.name: (tool.effect, tool.attributes) for tool in world.tools}
    assert tools["add"] == ("write", {"destructive": False, "idempotent": False, "open_world": True})
    assert tools["peek"] == ("read", {"open_world": False})
    assert tools["both"] == ("unknown", {"destructive": True})
    assert any(problem.where == "both" and "unknown" in problem.what for problem in world.problems)


def test_resources_and_prompts_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools", f"mcp:{MOODY} one"]) == 0
    shown = capsys.readouterr().out
    assert "2 things besides tools" in shown
    assert "note://1" in shown
    found = described(f"mcp:{MOODY} one")
    assert [(offer.kind, offer.name, offer.description) for offer in found.offers] == [
        ("resource", "note://1", "The first note."),
        ("prompt", "greet", "Say hello."),
    ]


def test_a_list_without_an_end_is_left() -> None:
    assert len(World.of(f"mcp:{MOODY} paging").tools) == 16


async def test_a_file_of_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "s3cret-value")
    file = tmp_path / "servers.json"
    entry = {"command": sys.executable, "args": [str(SERVERS / "moody.py"), "x"], "env": {"TOKEN": "${MY_TOKEN}", "ACTING": "${WHO:-ana}"}}
    file.write_text(json.dumps({"mcpServers": {"Shop Floor": entry, "till": entry, "off": {"command": "/no/such", "disabled": True}}}))
    world = World.of(f"mcp:{file}", names="prefixed")
    assert world.name == f"mcp:{file}"
    assert {tool.attributes["server"] for tool in world.tools} == {"shop_floor", "till"}
    session = await world.open(Start())
    assert (await session.call(ToolCall("c", "till_tell", {}))).content == {"args": [], "token": "[MY_TOKEN]", "user": "ana", "seed": None}
    await session.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "names no servers"),
        ('{"mcpServers": {}}', "names no servers"),
        ('{"mcpServers": {"a": {"disabled": true}}}', "names no servers"),
        ('{"mcpServers": {"a": 7}}', "not an object"),
        ('{"mcpServers": {"a": {"args": []}}}', "neither a command nor a url"),
        ('{"mcpServers": {"a": {"command": "x", "env": {"A": []}}}}', "objects of texts"),
        ('{"mcpServers": {"a": {"type": "sse", "url": "http://127.0.0.1:9/sse"}}}', "SSE"),
        ('{"mcpServers": {"a": {"command": "x", "env": {"A": "${NOT_SET_ANYWHERE}"}}}}', "NOT_SET_ANYWHERE"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "servers.json"
    file.write_text(content)
    with pytest.raises(SourceError) as caught:
        World.of(f"mcp:{file}")
    assert words in str(caught.value)
    assert caught.value.remedy


def test_no_server_takes_the_place_of_another_by_its_names() -> None:
    offered = [["status", "log"], ["status"], ["git_status"]]
    assert names_of(offered, ["git", "shop", "evil"]) == [["git_status", "log"], ["shop_status"], ["evil_git_status"]]
    assert names_of([["b_c"], ["c"]], ["a", "a_b"], prefixed=True) == [["a_b_c"], ["a_b_c_2"]]
    assert names_of([["add"]], ["only"]) == [["add"]]
    assert labels_of(["Git Server!", "git server", "", "\u202egit"]) == ["git_server", "git_server_2", "server3", "git"]


NAMES = st.text(alphabet="ab_", min_size=1, max_size=4)


@given(st.lists(st.lists(NAMES, unique=True, max_size=5), min_size=1, max_size=4), st.booleans())
def test_every_name_is_unique_allowed_and_the_same_again(offered: list[list[str]], prefixed: bool) -> None:
    labels = labels_of(["a"] * len(offered))
    names = names_of(offered, labels, prefixed=prefixed)
    flat = [name for part in names for name in part]
    assert len(set(flat)) == len(flat)
    assert [len(part) for part in names] == [len(part) for part in offered]
    assert all(TOOL_NAME.fullmatch(name) for name in flat)
    assert names == names_of(offered, labels, prefixed=prefixed)
    counts = [name for part in offered for name in part]
    if not prefixed:
        kept = {name for name in counts if counts.count(name) == 1 and not any(name == f"{label}_{other}" for label in labels for other in counts)}
        assert kept <= set(flat)


async def test_probes_of_several_servers_see_both() -> None:
    world = World.of(f"mcp:{MOODY} left && {MOODY} right")
    world.probes = (Probe("left_peek", {}), Probe("right_peek", {}))
    session = await world.open(Start())
    await session.call(ToolCall("c", "right_add", {}))
    assert [(effect.table, effect.columns) for effect in session.effects()] == [("right_peek", {"value": (0, 1)})]
    fork = await session.fork()
    assert fork.digest() == session.digest()
    await session.close()
    await fork.close()
