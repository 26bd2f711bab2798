"""Code as action: a world's tools as functions of sandboxed code."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.code.functions import functions_of, signature
from artificer.worlds.wrappers.code import CodeAction, wrap

NEW = "create_artist(name='Nova')"


@pytest.fixture(scope="module")
def inner() -> World:
    return World.of("sqlite:chinook")


@pytest.fixture(scope="module", params=["stateless", "notebook"])
def world(request: pytest.FixtureRequest, inner: World) -> Iterator[CodeAction]:
    found = wrap(inner, mode=request.param, timeout="30", calls="5")
    yield found
    found.sandbox.close()


async def run(session: Session, code: str, actor: str = "agent") -> ToolResult:
    return await session.call(ToolCall("c", "run_python", {"code": code}), actor)


async def test_functions_give_values_and_count_as_calls(world: CodeAction) -> None:
    session = await world.open(Start())
    result = await run(
        session, "artist = get_artist(1)\nalbums = list_albums_of_artist(artist_id=artist['artist_id'])\nprint(artist['name'], albums['total'])"
    )
    assert result.content["stdout"] == "AC/DC 2\n"
    assert result.content["calls"] == [
        {"name": "get_artist", "arguments": {"artist_id": 1}},
        {"name": "list_albums_of_artist", "arguments": {"artist_id": 1}},
    ]
    assert session.calls == 2
    await session.close()


async def test_what_is_written_is_the_inner_sessions(world: CodeAction, inner: World) -> None:
    session, plain = await world.open(Start()), await inner.open(Start())
    await run(session, NEW)
    await plain.call(ToolCall("c", "create_artist", {"name": "Nova"}))
    assert session.effects() == plain.effects() != ()
    if world.forks == "exact":
        assert session.digest() == plain.digest()
    fork = await session.fork()
    assert fork.digest() == session.digest()
    await run(fork, "create_artist(name='Other')")
    assert len(fork.effects()) == 2
    assert len(session.effects()) == 1
    await fork.close()
    await session.close()


async def test_refusals_are_exceptions(world: CodeAction) -> None:
    session = await world.open(Start())
    code = """
for arguments in ({'artist_id': 99999}, {'artist_id': 'x'}, {}, {'artist_id': 1, 'more': 2}):
    try: get_artist(**arguments)
    except ToolError as error: print(error.kind, '|', error.detail)
for wrong in (lambda: get_artist(1, 2), lambda: get_artist(1, artist_id=1), lambda: get_artist(object())):
    try: wrong()
    except TypeError as error: print(error)
"""
    lines = (await run(session, code)).content["stdout"].splitlines()
    kinds = ["not_found", "mistyped_argument", "missing_argument", "extra_argument"]
    assert [line.split(" | ")[0] for line in lines[:4]] == kinds
    assert lines[4:6] == ["get_artist() takes at most 1 arguments, got 2", "get_artist() got two values for 'artist_id'"]
    error = (await run(session, "get_artist(99999)")).content["error"]
    assert error.endswith("ToolError: not_found: no row in artist with artist_id 99999")
    assert "inside" not in error
    await session.close()


@pytest.mark.parametrize("mode", ["stateless", "notebook"])
async def test_a_program_that_is_ended_has_written_nothing(inner: World, mode: str) -> None:
    hasty = wrap(inner, mode=mode, timeout="0.8")
    session = await hasty.open(Start())
    await run(session, NEW)
    state, calls = session.digest(), session.calls
    result = await run(session, "create_artist(name='Gone')\nwhile True: pass")
    assert result.error is ErrorKind.timeout
    assert (session.digest(), session.calls) == (state, calls)
    assert (await run(session, "search_artists(name='Gone')['total']")).content["result"] == "0"
    await session.close()
    hasty.sandbox.close()


async def test_an_exception_keeps_what_was_done_before(world: CodeAction) -> None:
    session = await world.open(Start())
    result = await run(session, f"{NEW}\n1 / 0")
    assert result.content["error"].endswith("ZeroDivisionError: division by zero")
    assert len(session.effects()) == 1
    await session.close()


async def test_calls_are_limited_and_cannot_be_forged(world: CodeAction) -> None:
    session = await world.open(Start())
    result = await run(session, "for n in range(9): get_artist(1)")
    assert "forbidden: a program may make at most 5 calls" in result.content["error"]
    assert len(result.content["calls"]) == 5
    code = """
import os, struct, json
def say(frame):
    t = json.dumps(frame).encode(); os.write(3, struct.pack('>II', len(t), 0) + t); os.read(3, 100000)
say({'call': 'drop_everything', 'arguments': {}})
say({'call': 'get_artist', 'arguments': {'artist_id': "1; DROP TABLE artist"}})
print('done')
"""
    result = await run(session, code)
    assert result.content["stdout"] == "done\n"
    assert [call["error"] for call in result.content["calls"]] == ["unknown_tool", "mistyped_argument"]
    bad = await run(
        session, "import os, struct, json\nt = json.dumps({'call': 3}).encode(); os.write(3, struct.pack('>II', len(t), 0) + t)\nwhile True: pass"
    )
    assert bad.error is ErrorKind.constraint
    assert session.effects() == ()
    await session.close()


async def test_only_code_is_offered_to_an_agent_and_setup_goes_through(world: CodeAction) -> None:
    assert [tool.name for tool in world.tools] == ["run_python"]
    session = await world.open(Start())
    call = ToolCall("c", "create_artist", {"name": "Nova"})
    assert (await session.call(call)).error is ErrorKind.unknown_tool
    assert (await session.call(call, actor="setup")).error is None
    assert len(session.effects()) == 1
    await session.close()


async def test_a_notebook_is_played_again_without_calling_again(inner: World) -> None:
    world = wrap(inner, mode="notebook", timeout="0.8")
    assert world.forks == "replay"
    session = await world.open(Start())
    await run(session, f"made = {NEW}\nother = 'x'")
    fork = await session.fork()
    assert (await run(fork, "made['name'], other")).content["result"] == "('Nova', 'x')"
    assert len(fork.effects()) == 1
    assert (await run(session, "while True: pass")).error is ErrorKind.timeout
    assert (await run(session, "made['name']")).content["result"] == "'Nova'"
    assert len(session.effects()) == 1
    await fork.close()
    await session.close()
    world.sandbox.close()


async def test_worlds_that_cannot_be_copied_say_what_stays_done(tmp_path: Path) -> None:
    module = tmp_path / "notes_once.py"
    shutil.copy(Path(__file__).parents[1] / "servers" / "typed_tools.py", module)
    inner = World.of(f"python:{module}")
    inner.forks = "none"
    world = wrap(inner, timeout="0.8")
    session = await world.open(Start())
    ended = await run(session, "try: nothing_there\nexcept NameError: pass\nwhile True: pass")
    assert ended.error is ErrorKind.timeout
    name = next(function["function"] for function in world.functions if function["name"] == "show")
    result = await run(session, f"try: {name}()\nexcept ToolError: pass\nwhile True: pass")
    assert result.error is None
    assert "Calls it had made by then stay made." in result.content["error"]
    assert result.content["calls"]
    await session.close()
    await world.close()


def test_names_become_identifiers() -> None:
    tools = [ToolSpec(name, "d", {"type": "object", "properties": {}}) for name in ("a-b", "a_b", "class", "3d", "display", "ToolError", "ok")]
    assert [function["function"] for function in functions_of(tools)] == ["a_b", "a_b_", "class_", "_3d", "display_", "ToolError_", "ok"]
    properties = {"limit": {"type": "integer"}, "name": {"type": "string", "enum": ["x", "y"]}, "any": {"type": ["string", "null"]}}
    spec = ToolSpec("t", "d", {"type": "object", "properties": properties, "required": ["name"]}, {"type": "array"})
    assert signature("t", spec) == 't(name: Literal["x","y"], limit: int = ..., any: str | None = ...) -> list'


@pytest.mark.parametrize("calls", ["0", "x", "-1", "10001", "¹"])
def test_wrong_options(inner: World, calls: str) -> None:
    with pytest.raises(SourceError, match="out of range"):
        wrap(inner, calls=calls)
