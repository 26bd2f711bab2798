"""Servers that misbehave: always a typed error or a SourceError that says what to do, and never a process left over."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import World

ROGUE = f"{sys.executable} {Path(__file__).parent / 'servers' / 'rogue.py'}"


def rogue(mode: str, **options: str) -> World:
    return World.of(f"mcp:{ROGUE} {mode}", **options)


@pytest.fixture(scope="module")
def plain() -> World:
    return rogue("plain", timeout="3")


@pytest.mark.parametrize(
    ("tool", "kind", "words"),
    [
        ("die", ErrorKind.transport, "closed the connection"),
        ("hang", ErrorKind.timeout, "3 s"),
        ("flood", ErrorKind.bad_output, "10000002 bytes"),
        ("shapeless", ErrorKind.bad_output, "no content"),
        ("refuse", ErrorKind.not_found, "no such thing"),
        ("change", ErrorKind.unknown_tool, "Unknown tool"),
    ],
)
async def test_a_failing_call_is_a_result(plain: World, tool: str, kind: ErrorKind, words: str) -> None:
    session = await plain.open(Start())
    result = await session.call(ToolCall("c1", tool, {}))
    assert result.error is kind
    assert result.content is None
    assert words in (result.detail or "")
    after = await session.call(ToolCall("c2", "work", {}))
    assert after.error is None  # a server that has died was started again
    await session.close()


async def test_results_are_json_where_they_are_json(plain: World) -> None:
    session = await plain.open(Start())
    assert (await session.call(ToolCall("c", "work", {}))).content == {"ok": True}
    assert (await session.call(ToolCall("c", "number", {}))).content == "42"
    assert (await session.call(ToolCall("c", "mixed", {}))).content == "a\n[image]\n"
    assert (await session.call(ToolCall("c", "junk", {}))).content == "after junk"
    assert (await session.call(ToolCall("c", "work", {"extra": "\ud800"}))).error is not None
    assert (await session.call(ToolCall("c", "nothing", {}))).error is ErrorKind.unknown_tool
    await session.close()


def test_invalid_schemas_leave_their_tools_out() -> None:
    world = rogue("schemas")
    assert [tool.name for tool in world.tools] == ["good", "output", "strict"]
    problems = {problem.where.rpartition(" ")[2]: problem.what for problem in world.problems}
    assert "another document" in problems["remote"]
    assert "type" in problems["typeless"]
    assert "JSON Schema" in problems["broken"]
    assert "twice" in problems["good"]
    assert "not an object" in problems["none"]
    assert "ignored" in problems["output"]
    assert {"5", "7"} <= set(problems)


async def test_names_that_trick_the_eye_are_left_out_and_hidden_words_removed() -> None:
    world = rogue("tricks")
    assert [tool.name for tool in world.tools] == ["read_file_2", "read_file", "read_file_3", "x" * 64, "__proto__"]
    assert {tool.description for tool in world.tools} == {"Read it."}
    problems = "\n".join(f"{problem.where}: {problem.what}" for problem in world.problems)
    assert problems.isascii()
    for said in (r"r\u0435ad", r"\uff52ead", r"re\u200bad", r"\u202edaer", r"'read\n'", "16 invisible character(s)", "name 7"):
        assert said in problems
    session = await world.open(Start())
    assert (await session.call(ToolCall("c", "read_file", {}))).error is None
    assert (await session.call(ToolCall("c", "read.file", {}))).error is ErrorKind.unknown_tool
    await session.close()


async def test_a_server_without_a_handshake_is_spoken_to_in_its_own_way() -> None:
    world = rogue("modern")
    assert world.policy == "No greetings."
    session = await world.open(Start())
    assert (await session.call(ToolCall("c", "work", {}))).content == {"ok": True}
    await session.close()


async def test_an_answer_against_its_own_schema_is_bad_output() -> None:
    session = await rogue("schemas").open(Start())
    assert (await session.call(ToolCall("c", "strict", {}))).error is ErrorKind.bad_output
    await session.close()


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (f"mcp:{ROGUE} exit", {}, "I need a configuration file"),
        (f"mcp:{ROGUE} chatter", {"start_timeout": "1"}, "Welcome! This program"),
        (f"mcp:{ROGUE} mute", {"start_timeout": "0.5"}, "did not answer within 0.5 s"),
        (f"mcp:{ROGUE} empty", {}, "no usable tool"),
        ("mcp:/no/such/program", {}, "cannot be started"),
        ("mcp:'unclosed", {}, "cannot be read"),
        ("mcp:http://127.0.0.1:9/mcp", {"start_timeout": "5"}, "cannot be used"),
        (f"mcp:{ROGUE} plain", {"timeout": "soon"}, "not a positive number"),
        (f"mcp:{ROGUE} plain", {"colour": "red"}, "colour"),
        (f"mcp:{ROGUE} plain", {"state": "folder"}, "cannot be"),
        (f"mcp:{ROGUE} plain", {"template": "/no/such/folder"}, "not a folder"),
        (f"mcp:{ROGUE} plain", {"probes": "/no/such/file"}, "probes cannot be read"),
    ],
)
def test_a_source_that_cannot_be_used_says_why_and_what_to_do(source: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(SourceError) as caught:
        World.of(source, **options)
    assert words in str(caught.value)
    assert caught.value.remedy


async def test_a_slow_start_is_waited_for() -> None:
    world = rogue("slow")
    session = await world.open(Start())
    assert (await session.call(ToolCall("c", "work", {}))).error is None
    await session.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z" if Path("/proc").exists() else True
    except (ProcessLookupError, FileNotFoundError):
        return False


async def test_children_of_a_server_end_with_the_session(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    world = rogue(f"children {pids}")
    session = await world.open(Start())
    assert alive(int(pids.read_text().split()[-1]))
    await session.close()
    until = time.monotonic() + 3
    while any(alive(int(pid)) for pid in pids.read_text().split()) and time.monotonic() < until:
        await asyncio.sleep(0.02)
    assert not any(alive(int(pid)) for pid in pids.read_text().split())


async def test_a_session_may_be_closed_in_another_task_and_twice(plain: World) -> None:
    session = await asyncio.create_task(plain.open(Start()))
    await asyncio.create_task(session.close())
    await session.close()
    assert (await session.call(ToolCall("c", "work", {}))).error is ErrorKind.transport


async def test_a_cancelled_call_leaves_the_session_usable(plain: World) -> None:
    session = await plain.open(Start())
    waiting = asyncio.create_task(session.call(ToolCall("c", "hang", {})))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (await session.call(ToolCall("c", "work", {}))).error is None
    await session.close()


def test_without_the_extra_the_error_names_it() -> None:
    code = """
import sys
sys.modules["mcp"] = None
from artificer import World
from artificer.core.errors import MissingExtra
try:
    World.of("mcp:anything")
except MissingExtra as error:
    print(error.remedy)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "pip install 'artificer[mcp]'\n", done.stderr
