"""Several sources as one world: routing, state, forks, effects, names; and files that cannot be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.many import ManyWorld

ROOT = Path(__file__).parents[2]
INVENTORY = ROOT / "examples" / "inventory.py"
FILE = """
[[source]]
name = "music"
world = "sqlite:chinook | docs:level=signature"
prefix = "music_"
hide = ["delete_*", "list_*"]

[[source]]
name = "stock"
world = "python:{folder}/inventory.py"
only = ["*product*", "place_order"]

[[attributes]]
tools = ["*search*", "get_*", "list_*"]
set = { intent = "informational" }

[[attributes]]
tools = ["place_order"]
set = { intent = "transactional", domains = ["orders"] }

[vocabulary]
intent = ["informational", "advisory", "transactional"]
"""


def written(tmp_path: Path, text: str) -> str:
    (tmp_path / "inventory.py").write_text(INVENTORY.read_text("utf-8"), "utf-8")
    (tmp_path / "all.toml").write_text(text, "utf-8")
    return f"many:{tmp_path}/all.toml"


@pytest.fixture
def world(tmp_path: Path) -> ManyWorld:
    found = World.of(written(tmp_path, FILE))
    assert isinstance(found, ManyWorld)
    return found


async def ask(session: Session, name: str, /, **arguments: object) -> ToolResult:
    return await session.call(ToolCall("c1", name, arguments))


def test_tools_names_and_attributes(world: ManyWorld) -> None:
    tools = {tool.name: tool for tool in world.tools}
    assert {"music_search_tracks", "music_update_track", "list_products", "place_order"} <= set(tools)
    assert not [name for name in tools if "delete" in name or name.startswith("music_list")]
    assert tools["music_search_tracks"].attributes["source"] == "music"
    assert tools["music_search_tracks"].attributes["intent"] == tools["list_products"].attributes["intent"] == "informational"
    assert tools["place_order"].attributes["domains"] == ["orders"]
    assert "intent" not in tools["music_update_track"].attributes
    assert tools["music_update_track"].parameters["properties"]["track_id"]["x-ref"] == "music.track.track_id"
    assert "music.track.track_id" in str(tools["music_search_tracks"].returns)
    assert world.forks == "exact"
    assert world.policy.startswith("# music\nYou help")
    assert world.problems == ()


async def test_calls_go_where_they_belong_and_nothing_is_shared(world: ManyWorld) -> None:
    session, other = await world.open(Start(seed=4)), await world.open(Start(seed=4))
    before = session.digest()
    product = (await ask(session, "list_products")).content[0]
    assert (await ask(session, "music_get_track", track_id=1)).content["track_id"] == 1
    assert session.digest() == before == other.digest()
    fork = await session.fork()
    mark = session.calls
    assert (await ask(session, "music_update_track", track_id=1, unit_price=0.5)).error is None
    assert (await ask(session, "place_order", product_id=product["product_id"], quantity=1)).error is None
    assert mark == 2
    assert session.calls == 4
    effects = session.effects()
    assert [effect.table for effect in effects] == ["music.track", "stock.orders", "stock.products"]
    assert list(effects[0].columns) == ["unit_price"]
    assert effects[0].columns["unit_price"][1] == 0.5
    assert session.effects(mark) == effects
    assert [effect.table for effect in session.effects(3)] == ["stock.orders", "stock.products"]
    assert session.effects(4) == fork.effects() == other.effects() == ()
    assert fork.digest() == other.digest() == before != session.digest()
    await ask(fork, "place_order", product_id=product["product_id"], quantity=1)
    await ask(fork, "music_update_track", track_id=1, unit_price=0.5)
    assert fork.digest() == session.digest()
    assert fork.effects() == effects
    for one in (session, other, fork):
        await one.close()
    await world.close()


async def test_unknown_hidden_and_wrong_calls_are_results(world: ManyWorld) -> None:
    session = await world.open(Start())
    for name in ("nothing", "search_tracks", "music_delete_track", "delete_track", "show", "music/search_tracks"):
        assert (await ask(session, name)).error is ErrorKind.unknown_tool
    assert (await ask(session, "music_get_track", track_id="x")).error is ErrorKind.mistyped_argument
    assert session.calls == 7
    assert session.effects() == ()


async def test_wrapped_sources_show_their_tools_as_they_do_alone(world: ManyWorld) -> None:
    session = await world.open(Start())
    shown = {tool.name: tool for tool in session.shown(world.tools)}
    assert set(shown) == {tool.name for tool in world.tools}
    told = shown["music_update_track"]
    assert told.description == ""
    assert told.parameters["properties"]["track_id"] == {"type": "integer", "x-ref": "music.track.track_id"}
    assert shown["list_products"].description
    assert session.before() == ()


async def test_synthesis_and_proof_over_two_guided_sources(tmp_path: Path) -> None:
    """Requests of both sources in one conversation, played by the oracle and proven by replay."""
    from artificer import synth, verify

    text = FILE.replace(', "list_*"', "").replace('"python:{folder}/inventory.py"\nonly = ["*product*", "place_order"]', '"domain:retail"')
    source = written(tmp_path, text)  # all that is needed to serve people is there; what deletes is not, and is not asked for
    synth("cove", world=source, n=12, seed=3, out=tmp_path / "run")
    proof = verify(tmp_path / "run")
    assert (proof.proven, len(proof.refuted), proof.missing) == (12, 0, 0)
    from artificer.core.tasks import Task
    from artificer.run.store import RunFolder

    with RunFolder.open(tmp_path / "run") as run:
        tasks = [task for _, task in run.read("tasks", Task)]
    assert {want.op.partition("/")[0] for task in tasks for want in task.goal.wants} == {"music", "stock"}
    assert all(effect.table.partition(".")[0] in ("music", "stock") for task in tasks for effect in task.goal.effects)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "no list of sources"),
        ("source = []", "lists no source"),
        ("[[source]]\nname = 'a'", "no list of sources"),
        ("[[source]]\nname = 'a'\nworld = 'sqlite:chinook'\nmore = 1", "no list of sources"),
        ("[[source]]\nname = 'a.b'\nworld = 'sqlite:chinook'", "is no name for a source"),
        ("[[source]]\nname = 'a'\nworld = 'sqlite:chinook'\n[[source]]\nname = 'a'\nworld = 'domain:retail'", "given twice"),
        ("[[source]]\nname = 'a'\nworld = 'sqlite:chinook'\n[[source]]\nname = 'b'\nworld = 'sqlite:chinook'", "both have a tool"),
        ("[[source]]\nname = 'a'\nworld = 'many:all.toml'", "itself a list"),
        ("[[source]]\nname = 'a'\nworld = 'nothing:x'", "not a tool source"),
        ("[[source]]\nname = 'a'\nworld = 'sqlite:{folder}/none.db'", "none.db"),
        ("[[source]]\nname = 'a'\nworld = 'sqlite:chinook'\nonly = ['x*']", "none of the sources offers a tool"),
        ("folder = '/'\n[[source]]\nname = 'a'\nworld = 'sqlite:chinook'", "sets 'folder'"),
        ("[[source]]\nname='a'\nworld='sqlite:chinook'\n[[attributes]]\ntools=['*']\nset={i='x'}\n[vocabulary]\ni=['y']", "cannot be 'x'"),
        ("[[source]", "no TOML"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str, wrong: str) -> None:
    source = written(tmp_path, text)
    with pytest.raises(SourceError, match=re.escape(wrong)) as raised:
        World.of(source)
    assert "all.toml" in str(raised.value)
    assert raised.value.remedy


def test_options_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="do not take that option"):
        World.of(written(tmp_path, "[[source]]\nname = 'a'\nworld = 'sqlite:chinook'\noptions = { nonsense = '1' }"))
    with pytest.raises(SourceError, match="take no options"):
        World.of(written(tmp_path, FILE), tools="x")
    with pytest.raises(SourceError, match="cannot be read"):
        World.of(f"many:{tmp_path}/none.toml")


def test_what_could_not_be_taken_is_reported(tmp_path: Path) -> None:
    text = "[[source]]\nname = 'a'\nworld = 'sqlite:chinook'\nprefix = '" + "long_" * 9 + "'\nhide = ['nothing_*']"
    world = World.of(written(tmp_path, text))
    assert any(problem.where == "a: nothing_*" for problem in world.problems)
    left_out = [problem for problem in world.problems if "no name of a tool" in problem.what]
    assert left_out
    assert not {problem.where.partition(": ")[2] for problem in left_out} & {tool.name.removeprefix("long_" * 9) for tool in world.tools}
