"""Tools that must be searched for, and levels of documentation, as wrappers."""

from __future__ import annotations

from pathlib import Path

import pytest

from artificer.agents.base import View
from artificer.agents.function_calling import FunctionCalling
from artificer.checks.grounded import Grounded
from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Goal, Start, Task
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind, StopReason
from artificer.models.prompt import PAGE
from artificer.rollout.episode import play
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers.search import SEARCH, SearchedSession

SOURCE = "sqlite:chinook | search:k=3"


async def opened(source: str = SOURCE) -> tuple[World, SearchedSession]:
    world = World.of(source)
    session = await world.open(Start(seed=1))
    assert isinstance(session, SearchedSession)
    return world, session


async def ask(session: Session, name: str, /, actor: str = "agent", **arguments: object) -> ToolResult:
    return await session.call(ToolCall("c1", name, arguments), actor)


def shown(world: World, session: SearchedSession) -> list[str]:
    return [tool.name for tool in session.shown(world.tools)]


async def test_only_what_was_found_is_seen_and_can_be_called() -> None:
    world, session = await opened()
    assert len(world.tools) > 50
    assert world.tools[0].name == SEARCH
    assert shown(world, session) == [SEARCH]
    refused = await ask(session, "get_track", track_id=1)
    assert refused.error is ErrorKind.unknown_tool
    assert SEARCH in str(refused.detail)
    found = (await ask(session, SEARCH, query="one track by its id")).content["tools"]
    assert len(found) == 3
    assert "get_track" in [tool["name"] for tool in found]
    assert set(shown(world, session)) == {SEARCH, *(tool["name"] for tool in found)}
    assert (await ask(session, "get_track", track_id=1)).content["track_id"] == 1
    assert (await ask(session, "delete_employee", employee_id=1)).error is ErrorKind.unknown_tool
    await ask(session, SEARCH, query="delete an employee", limit=1)
    assert len(session.found) == 4
    assert session.found[-1] == "delete_employee"


async def test_the_found_belong_to_the_session_and_fork_with_it() -> None:
    world, session = await opened()
    before = session.digest()
    await ask(session, SEARCH, query="get one track", limit=1)
    fork, (_, other) = await session.fork(), await opened()
    await ask(fork, SEARCH, query="search artists", limit=1)
    assert shown(world, session) == [SEARCH, "get_track"]
    assert sorted(shown(world, fork)) == ["get_track", "search_artists", SEARCH]
    assert shown(world, other) == [SEARCH]
    assert session.digest() == fork.digest() == other.digest() == before
    assert session.effects() == fork.effects() == ()


async def test_others_than_the_agent_need_not_search() -> None:
    _, session = await opened()
    for actor in ("setup", "gold", "discovery", "user"):
        assert (await ask(session, "get_track", actor, track_id=1)).error is None
    assert session.found == []


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({}, ErrorKind.missing_argument),
        ({"query": ""}, ErrorKind.invalid_argument),
        ({"query": 3}, ErrorKind.mistyped_argument),
        ({"query": "x", "more": 1}, ErrorKind.extra_argument),
        ({"query": "x", "limit": 4}, ErrorKind.invalid_argument),
        ({"query": "x", "limit": 0}, ErrorKind.invalid_argument),
        ({"query": "x" * 2001}, ErrorKind.invalid_argument),
        ({"query": "\ud800"}, ErrorKind.invalid_argument),
    ],
)
async def test_wrong_searches_are_results(arguments: dict[str, object], kind: ErrorKind) -> None:
    _, session = await opened()
    assert (await session.call(ToolCall("c", SEARCH, arguments))).error is kind
    assert session.found == []


async def test_a_search_that_finds_nothing() -> None:
    _, session = await opened()
    assert (await ask(session, SEARCH, query="xyzzy \u200b \0 '; DROP TABLE track")).content["tools"] is not None
    assert (await ask(session, SEARCH, query="xyzzy")).content == {"tools": []}


@pytest.mark.parametrize("level", ["name", "signature", "summary", "full", "demos"])
async def test_results_tell_as_much_as_the_level_says(level: str) -> None:
    _, session = await opened(f"sqlite:chinook | search:k=1,level={level}")
    (found,) = (await ask(session, SEARCH, query="search tracks")).content["tools"]
    told = {"name"} | ({"parameters"} if level != "name" else set()) | ({"description"} if level not in ("name", "signature") else set())
    assert set(found) - {"returns"} == told
    assert ("returns" in found) is (level in ("full", "demos"))
    assert ("description" in str(found.get("parameters"))) is (level in ("full", "demos"))


async def test_conditions_keep_tools_out(tmp_path: Path) -> None:
    (tmp_path / "where.toml").write_text('[[all]]\nfield = "effect"\nop = "is"\nvalue = "read"\n')
    _, session = await opened(f"sqlite:chinook | search:k=5,where={tmp_path}/where.toml")
    found = [tool["name"] for tool in (await ask(session, SEARCH, query="delete track")).content["tools"]]
    assert found
    assert not [name for name in found if name.startswith(("delete", "update", "create"))]


async def test_an_index_is_kept_and_is_of_these_tools(tmp_path: Path) -> None:
    source = f"sqlite:chinook | search:index={tmp_path}/index"
    _, first = await opened(source)
    written = (tmp_path / "index").read_bytes()
    _, second = await opened(source)
    query = "who bought what"
    assert (await ask(first, SEARCH, query=query)).content == (await ask(second, SEARCH, query=query)).content
    assert (tmp_path / "index").read_bytes() == written
    with pytest.raises(SourceError, match="other tools"):
        World.of(f"domain:retail | search:index={tmp_path}/index")
    (tmp_path / "index").write_bytes(b"no index")
    with pytest.raises(SourceError, match="damaged"):
        World.of(source)


@pytest.mark.parametrize("options", ["k=0", "k=x", "mode=magic", "level=all", "demos=-1", "where=none.toml", "nonsense=1"])
def test_options_that_cannot_be(options: str) -> None:
    with pytest.raises(SourceError) as raised:
        World.of(f"sqlite:chinook | search:{options}")
    assert raised.value.remedy


def test_one_search_is_enough() -> None:
    with pytest.raises(SourceError, match="already"):
        World.of("sqlite:chinook | search | search")


class Script:
    """An agent that searches, calls what it found, and keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    async def act(self, view: View) -> Message:
        self.seen.append([tool.name for tool in view.tools])
        if len(self.seen) == 1:
            return Message("assistant", calls=(ToolCall("c1", SEARCH, {"query": "get a track", "limit": 1}),))
        if len(self.seen) == 2:
            return Message("assistant", calls=(ToolCall("c2", view.tools[-1].name, {"track_id": 1}),))
        return Message("assistant", "Here it is.")


class Brief:
    """A user with one thing to say."""

    def __init__(self) -> None:
        self.said = False

    async def speak(self, view: View) -> Message | None:
        self.said, done = True, self.said
        return None if done else Message("user", "Show me track 1.")


async def test_in_an_episode_the_agent_sees_tools_as_it_finds_them() -> None:
    world, agent = World.of(SOURCE), Script()
    task = Task("t1", SOURCE, Start(), "", Goal((), (), ()))
    trace = await play(task, world, lambda *_: agent, lambda *_: Brief())
    assert agent.seen == [[SEARCH], [SEARCH, "get_track"], [SEARCH, "get_track"]]
    assert trace.usage.errors == 0
    assert trace.world == SOURCE


async def test_a_query_need_not_be_grounded_and_shows_no_ids() -> None:
    """The agent's own words are free; what it passes to a tool it found is not."""
    from artificer.checks.base import Episode

    world = World.of(SOURCE)

    def episode(track: int) -> Episode:
        made = (ToolCall("c1", SEARCH, {"query": "anything at all", "limit": 2}), ToolCall("c2", "search_tracks", {"name": "Arc"}))
        results = ToolResult("c1", {"tools": [{"name": "x", "description": f"e.g. {track}"}]}), ToolResult("c2", [{"track_id": 7}])
        last = ToolCall("c3", "get_track", {"track_id": track})
        messages = [Message("user", "Find Arc"), Message("assistant", calls=(made[0],)), Message("tool", result=results[0])]
        messages += [Message("assistant", calls=(made[1],)), Message("tool", result=results[1])]
        messages += [Message("assistant", calls=(last,)), Message("tool", result=ToolResult("c3", {}))]
        nodes = tuple(Node(at - 1 if at else None, message) for at, message in enumerate(messages))
        return Episode(Task("t", SOURCE, Start(), "", Goal((), (), ())), tuple(world.tools), nodes, (), StopReason.user_done)

    assert not (await Grounded()(episode(8))).passed
    verdict = await Grounded()(episode(8))
    assert "get_track.track_id" in verdict.evidence[0]
    assert len(verdict.evidence) == 1


@pytest.mark.parametrize(("source", "least"), [(SOURCE, 12), ("python:examples/inventory.py | search:k=2 | budget:calls=99", 9)])
def test_synthesis_and_proof(tmp_path: Path, monkeypatch, source: str, least: int) -> None:
    """The oracle searches before it calls, by the world's own guide or by one that was discovered; every trace is proven by replay."""
    from artificer import synth, verify
    from artificer.core.trace import Trace
    from artificer.run.store import RunFolder

    monkeypatch.chdir(Path(__file__).parents[3])
    synth("cove", world=source, n=12, seed=5, out=tmp_path / "run")
    proof = verify(tmp_path / "run")
    assert proof.proven >= least
    assert (len(proof.refuted), proof.missing) == (0, 0)
    with RunFolder.open(tmp_path / "run") as run:
        traces = [trace for _, trace in run.read("traces", Trace)]
    for trace in traces:
        found: set[str] = {SEARCH}
        for node in trace.nodes:
            found |= {tool["name"] for tool in node.message.result.content["tools"]} if _searched(node) else set()
            assert {call.name for call in node.message.calls} <= found


def _searched(node: Node) -> bool:
    result = node.message.result
    return result is not None and isinstance(result.content, dict) and "tools" in result.content


# levels of documentation


async def test_a_level_changes_what_is_shown_and_nothing_else() -> None:
    plain, world = World.of("sqlite:chinook"), World.of("sqlite:chinook | docs:level=name")
    assert list(world.tools) == list(plain.tools)
    session = await world.open(Start())
    told = session.shown(world.tools)  # type: ignore[attr-defined]
    assert [tool.name for tool in told] == [tool.name for tool in plain.tools]
    assert all(tool.parameters == {"type": "object"} and tool.description == "" for tool in told)
    assert (await ask(session, "get_track", track_id="x")).error is ErrorKind.mistyped_argument
    assert (await ask(session, "get_track", track_id=1)).content["track_id"] == 1


async def test_levels_and_search_together() -> None:
    world, session = await opened("sqlite:chinook | docs:level=signature | search:k=1,level=full")
    (found,) = (await ask(session, SEARCH, query="search tracks")).content["tools"]
    assert "description" not in found
    assert [tool.description for tool in session.shown(world.tools)][1:] == [""]


async def test_attributes_are_told_only_when_asked_for() -> None:
    world = World.of("sqlite:chinook | docs:level=full,tags=table+op")
    session = await world.open(Start())
    (told,) = session.shown([tool for tool in world.tools if tool.name == "search_tracks"])  # type: ignore[attr-defined]
    assert told.description.endswith("\n[table: track; op: search]")
    assert "[table" not in next(tool for tool in world.tools if tool.name == "search_tracks").description


def test_demonstrations_that_are_not_there_are_reported() -> None:
    assert "no examples" in World.of("domain:retail | docs:level=demos").problems[-1].what
    for options in ("level=most", "demos=x", "words=0", "nonsense=1"):
        with pytest.raises(SourceError):
            World.of(f"domain:retail | docs:{options}")


async def test_an_agent_can_be_shown_whole_pages() -> None:
    from artificer.models.base import Model, Reply, Request

    class Keeps(Model):
        name = "keeps"

        async def reply(self, request: Request) -> Reply:
            self.asked = request
            return Reply(Message("assistant", "ok"))

    model = Keeps()
    await FunctionCalling(model, style=PAGE).act(View([Message("user", "hi")]))
    assert model.asked.style is PAGE
