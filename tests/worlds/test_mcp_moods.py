"""Servers that die, hang, report, change and tell: restarts by replay, progress, cancellation, frozen tools, secrets."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path

import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import World
from artificer.worlds.mcp import McpWorld
from artificer.worlds.mcp_session import McpSession
from artificer.worlds.observe import Probe

MOODY = f"{sys.executable} {Path(__file__).parent / 'servers' / 'moody.py'}"
ADD, PEEK, DIE = (ToolCall("c", name, {}) for name in ("add", "peek", "die"))


def moody(words: str = "moody", *probes: Probe, **options: str) -> McpWorld:
    world = World.of(f"mcp:{MOODY} {words}", **{"timeout": "1", **options})
    assert isinstance(world, McpWorld)
    world.probes = probes
    return world


@pytest.fixture(scope="module")
def plain() -> McpWorld:
    return moody()


async def test_a_server_that_died_comes_back_with_what_was_done() -> None:
    world = moody("moody", Probe("peek", {}))
    session = await world.open(Start())
    await session.call(ADD)
    await session.call(ADD)
    before = session.digest()
    died = await session.call(DIE)
    assert died.error is ErrorKind.transport
    assert died.detail == "the server closed the connection"
    assert session.digest() == before
    assert (await session.call(PEEK)).content == {"count": 2}
    assert (await session.call(ADD)).content == {"count": 3}
    assert [(effect.columns, effect.table) for effect in session.effects()] == [({"value": (0, 3)}, "peek")]
    fork = await session.fork()
    assert (fork.digest(), fork.calls) == (session.digest(), session.calls)
    await asyncio.gather(session.close(), fork.close())


async def test_a_server_that_dies_while_it_is_looked_at_is_looked_at_again(tmp_path: Path) -> None:
    session = await moody(f"moody {tmp_path / 'diary'}", Probe("blink", {})).open(Start())
    assert (await session.call(ADD)).content == {"count": 1}
    assert (tmp_path / "diary").exists()
    assert [effect.columns for effect in session.effects()] == [{"value": (0, 1)}]
    await session.close()


async def test_a_write_without_an_answer_has_not_happened(plain: McpWorld) -> None:
    session = await plain.open(Start())
    await session.call(ADD)
    assert (await session.call(ToolCall("c", "add_and_hang", {}))).error is ErrorKind.timeout
    fork = await session.fork()
    assert (await fork.call(PEEK)).content == {"count": 1}
    assert (await session.call(PEEK)).content == {"count": 1}
    await asyncio.gather(session.close(), fork.close())


async def test_a_cancelled_call_is_told_to_the_server_and_has_not_happened(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    session = await moody(f"moody {diary}", timeout="20").open(Start())
    waiting = asyncio.create_task(session.call(ToolCall("c", "add_and_hang", {})))
    await asyncio.sleep(0.3)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await session.call(PEEK)).content == {"count": 0}
    assert session.calls == 1
    await session.close()
    assert json.loads(diary.read_text())["method"] == "notifications/cancelled"


async def test_a_read_that_hangs_is_given_up_and_told_so(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    session = await moody(f"moody {diary}", **{"timeout": "20", "timeout.look_and_hang": "0.3"}).open(Start())
    await session.call(ADD)
    hung = await session.call(ToolCall("c", "look_and_hang", {}))
    assert (hung.error, hung.detail) == (ErrorKind.timeout, "no answer within 0.3 s")
    assert (await session.call(PEEK)).content == {"count": 1}
    assert session._restarts == 0
    await session.close()
    assert "notifications/cancelled" in diary.read_text()


async def test_a_replay_that_differs_loses_the_session_and_nothing_else(plain: McpWorld) -> None:
    session = await plain.open(Start())
    assert (await session.call(ToolCall("c", "fate", {}))).error is None
    await session.call(DIE)
    lost = await session.call(PEEK)
    assert lost.error is ErrorKind.transport
    assert "gave another result" in (lost.detail or "")
    await session.close()


async def test_restarts_come_to_an_end() -> None:
    session = await moody(restarts="1").open(Start())
    for _ in range(2):
        assert (await session.call(DIE)).error is ErrorKind.transport
    result = await session.call(PEEK)
    assert result.error is ErrorKind.transport
    assert "option restarts" in (result.detail or "")
    await session.close()


async def test_progress_is_heard_and_keeps_a_call_alive(plain: McpWorld) -> None:
    heard: list[tuple[str, float, float | None]] = []
    session = await plain.open(Start())
    session.on_progress = lambda call, progress, total, _: heard.append((call.name, progress, total))
    assert (await session.call(ToolCall("c", "slowly", {}))).content == {"steps": 5}  # two seconds, one of them allowed
    assert heard == [("slowly", float(step), 5.0) for step in range(5)]
    await session.close()


async def test_progress_without_an_end_is_given_up() -> None:
    session = await moody(timeout="0.8", longest="1.5").open(Start())
    assert (await session.call(ToolCall("c", "forever", {}))).error is ErrorKind.timeout
    await session.close()


async def test_an_answer_without_an_end_is_cut_off(plain: McpWorld) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    session = await moody(timeout="20").open(Start())
    endless = await session.call(ToolCall("c", "endless", {}))
    assert endless.error is ErrorKind.transport
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # kB
    assert (await session.call(PEEK)).content == {"count": 0}
    await session.close()


async def test_an_answer_nested_without_end_is_no_answer(plain: McpWorld) -> None:
    session = await plain.open(Start())
    assert (await session.call(ToolCall("c", "deep", {}))).error in (ErrorKind.timeout, ErrorKind.bad_output)
    assert (await session.call(PEEK)).content == {"count": 0}
    await session.close()


async def test_a_session_keeps_the_tools_it_began_with_and_says_so() -> None:
    world = moody()
    tools = world.toolset()
    session = await world.open(Start())
    assert (await session.call(ToolCall("c", "announce", {}))).content == {"changed": False}
    assert not any("changed its tools" in problem.what for problem in world.problems)
    assert (await session.call(ToolCall("c", "change", {}))).content == {"changed": True}
    (problem,) = [problem for problem in world.problems if "changed its tools" in problem.what]
    assert "gone: add; new: surprise" in problem.what
    assert world.toolset() == tools
    assert (await session.call(ToolCall("c", "surprise", {}))).error is ErrorKind.unknown_tool
    gone = await session.call(ToolCall("c", "both", {}))
    assert gone.error is ErrorKind.unknown_tool
    assert "keeps those it began with" in (gone.detail or "")
    await session.close()


async def test_a_server_that_asks_for_a_model_is_told_no(plain: McpWorld) -> None:
    session = await plain.open(Start())
    assert (await session.call(ToolCall("c", "ask", {}))).content == {"refused": True}
    await session.close()


SECRET = "s3cret-value-91"


async def told(world: World, seed: int = 0) -> ToolResult:
    session = await world.open(Start(seed))
    result = await session.call(ToolCall("c", "tell", {}))
    await session.close()
    return result


async def test_secrets_come_from_the_environment_and_show_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", SECRET)
    world = moody("moody file=${MY_TOKEN}", **{"env.TOKEN": "env:MY_TOKEN", "env.ACTING": "ana", "env.SEED": "{seed}"})
    result = await told(world, 7)
    assert result.content == {"args": ["file=[MY_TOKEN]"], "token": "[MY_TOKEN]", "user": "ana", "seed": "7"}
    assert SECRET not in f"{world.name} {world.source!r} {world.problems!r} {world.policy}"
    with pytest.raises(SourceError) as caught:
        moody("leaky", **{"env.TOKEN": "env:MY_TOKEN"})
    assert "cannot log in with [MY_TOKEN]" in str(caught.value)
    assert SECRET not in str(caught.value)


async def test_sessions_of_one_world_may_act_for_different_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENS_TOKEN", SECRET)
    world = moody("moody", **{"env.ACTING": "ana"})
    bens = world.acting({"env.ACTING": "ben", "env.TOKEN": "env:BENS_TOKEN"})
    assert (await told(world)).content["user"] == "ana"
    assert (await told(bens)).content == {"args": [], "token": "[BENS_TOKEN]", "user": "ben", "seed": None}
    for options, words in (({"env.TOKEN": SECRET}, "looks like a secret"), ({"timeout": "3"}, "who acts"), ({"header.X": "1"}, "with commands")):
        with pytest.raises(SourceError, match=words):
            world.acting(options)


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (f"{MOODY} x", {"env.API_TOKEN": SECRET}, "looks like a secret"),
        ("http://127.0.0.1:9/mcp", {"header.Authorization": f"Bearer {SECRET}"}, "looks like a secret"),
        (f"http://ana:{SECRET}@127.0.0.1:9/mcp", {}, "user and password"),
        (f"http://127.0.0.1:9/mcp?api_key={SECRET}", {}, "looks like a secret"),
        (f"{MOODY} x", {"env.TOKEN": "env:SURELY_NOT_SET"}, "SURELY_NOT_SET"),
        (f"{MOODY} x", {"header.X": "1"}, "cannot be with commands"),
        ("http://127.0.0.1:9/mcp", {"env.X": "1"}, "cannot be with URLs"),
        ("http://127.0.0.1:9/mcp", {"state": "folder"}, "cannot be with URLs"),
        (f"{MOODY} x", {"state": "elsewhere"}, "cannot be"),
        (f"{MOODY} x {{scratch}} {{seed}}", {"state": "folder"}, "cannot be"),
        (f"{MOODY} x", {"names": "short"}, "names=plain"),
        (f"{MOODY} x", {"timeout.nothing": "3"}, "does not offer"),
        (f"{MOODY} x", {"restarts": "-1"}, "not a positive number"),
        (f"{MOODY} x &&", {}, "no command"),
        ("/no/such/servers.json", {}, "cannot be read"),
    ],
)
def test_what_cannot_be_is_said_without_the_secret(source: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(SourceError) as caught:
        World.of(f"mcp:{source}", **options)
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_secret_that_no_header_can_hold_is_not_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAD_TOKEN", f"{SECRET}\n")
    with pytest.raises(SourceError) as caught:
        World.of("mcp:http://127.0.0.1:9/mcp", **{"header.Authorization": "Bearer ${BAD_TOKEN}"})
    assert SECRET not in f"{caught.value}"
    assert "cannot be used" in str(caught.value)


async def test_a_mark_of_the_session_is_private_and_not_told() -> None:
    world = moody("moody {session}")
    one, other = await asyncio.gather(world.open(Start()), world.open(Start()))
    assert isinstance(one, McpSession)
    assert isinstance(other, McpSession)
    assert one._rig.links[0]._mark != other._rig.links[0]._mark
    assert (await one.call(ToolCall("c", "tell", {}))).content["args"] == ["{session}"]
    await asyncio.gather(one.close(), other.close())
