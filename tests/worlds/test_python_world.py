"""Python worlds: schemas, state, forks, and whatever a tool may raise."""

from __future__ import annotations

from pathlib import Path

import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World

MODULE = str(Path(__file__).parent / "servers" / "typed_tools.py")
GOOD = {
    "name": "n",
    "colour": "red",
    "size": "s",
    "place": {"street": "High Street", "number": 3},
    "box": {"width": 2},
    "at": {"x": 1},
    "tags": ["a"],
    "weights": {"a": 0.5},
}


@pytest.fixture
def world() -> World:
    return World.of(f"python:{MODULE}")


def spec(world: World, name: str) -> ToolSpec:
    return next(tool for tool in world.tools if tool.name == name)


async def ask(session: Session, name: str, /, **arguments: object) -> ToolResult:
    return await session.call(ToolCall("c", name, arguments))


def test_schemas_come_from_annotations_and_docstrings(world: World) -> None:
    tool = spec(world, "describe")
    properties = tool.parameters["properties"]
    assert tool.description == "Describe everything. The long part."
    assert properties["name"] == {"type": "string", "description": "what it is called."}
    assert properties["size"]["enum"] == ["l", "s"]
    assert properties["ratio"] == {"type": "number", "minimum": 0, "maximum": 1, "x-label": "share", "default": 0.5}
    assert properties["limit"]["anyOf"] == [{"type": "integer"}, {"type": "string"}] or "integer" in str(properties["limit"])
    assert tool.parameters["required"] == ["name", "colour", "size", "place", "box", "at", "tags", "weights"]
    assert tool.parameters["additionalProperties"] is False
    assert set(tool.parameters["$defs"]) == {"Colour", "Place", "Box", "Point"}
    assert tool.returns == {"type": "object", "additionalProperties": {"type": "string"}}
    assert world.policy == "Be kind."
    assert spec(world, "show").effect == "read"
    assert spec(world, "pay").effect == "unknown"


def test_what_cannot_be_offered_is_reported(world: World) -> None:
    assert {problem.where for problem in world.problems} == {"untyped", "scattered", "odd", "NeedsMore"}
    assert "no annotation" in next(problem.what for problem in world.problems if problem.where == "untyped")
    assert not {"untyped", "scattered", "odd", "read"} & {tool.name for tool in world.tools}


async def test_arguments_become_typed_values(world: World) -> None:
    session = await world.open(Start())
    assert (await ask(session, "describe", **GOOD)).content == {"colour": "red", "box": "Box", "at": "1", "note": "None"}
    assert (await ask(session, "later", value=1)).content == 2


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"name": 3}, ErrorKind.mistyped_argument),
        ({"colour": "green"}, ErrorKind.invalid_argument),
        ({"ratio": 2}, ErrorKind.invalid_argument),
        ({"place": {"street": "x"}}, ErrorKind.missing_argument),
        ({"at": {"x": "1"}}, ErrorKind.mistyped_argument),
        ({"more": 1}, ErrorKind.extra_argument),
        ({"name": "\ud800"}, ErrorKind.invalid_argument),
    ],
)
async def test_wrong_arguments_are_refused(world: World, change: dict[str, object], kind: ErrorKind) -> None:
    session = await world.open(Start())
    result = await ask(session, "describe", **(GOOD | change))
    assert result.error is kind
    assert result.content is None


@pytest.mark.parametrize(
    ("how", "kind", "detail"),
    [
        ("key", ErrorKind.not_found, "not found: EUR"),
        ("value", ErrorKind.invalid_argument, "too much"),
        ("permission", ErrorKind.forbidden, "not yours"),
        ("exit", ErrorKind.internal, "bye"),
        ("deep", ErrorKind.internal, "maximum recursion depth exceeded"),
    ],
)
async def test_what_a_tool_raises_is_a_result(world: World, how: str, kind: ErrorKind, detail: str) -> None:
    session = await world.open(Start())
    before = session.digest()
    result = await ask(session, "fail", how=how)
    assert result.error is kind
    assert (result.detail or "").startswith(detail)
    assert session.digest() == before


async def test_a_failed_call_leaves_no_half_change(world: World) -> None:
    session = await world.open(Start(seed=5))
    result = await ask(session, "pay", amount=13)
    assert result.error is ErrorKind.internal
    assert " at 0x" not in (result.detail or "")
    assert (await ask(session, "show")).content == {"EUR": 5}
    assert session.effects() == ()


async def test_results_are_always_json(world: World) -> None:
    session = await world.open(Start())
    assert (await ask(session, "fail", how="secret")).content == {"it": "<object>", "bad": None, "set": [1, 2, 3]}
    assert (await ask(session, "nothing")).error is ErrorKind.unknown_tool


async def test_sessions_and_forks_are_private(world: World) -> None:
    one, other = await world.open(Start(seed=1)), await world.open(Start(seed=1))
    await ask(one, "pay", amount=2)
    mark = one.calls
    fork = await one.fork()
    await ask(fork, "pay", amount=3)
    assert (await ask(one, "show")).content == {"EUR": 3}
    assert (await ask(other, "show")).content == {"EUR": 1}
    assert [(effect.table, effect.key, effect.columns) for effect in fork.effects(mark)] == [
        ("Account.balance", ("EUR",), {"value": (3, 6)}),
        ("Account.log", ("paid 3", 0), {"value": (None, "paid 3")}),
    ]
    assert [effect.columns for effect in fork.effects() if effect.table == "Account.balance"] == [{"value": (1, 6)}]
    assert one.digest() != other.digest()
    await ask(other, "pay", amount=2)
    assert one.digest() == other.digest()


async def test_declared_copies_and_states_are_used(world: World) -> None:
    session = await world.open(Start())
    fork = await session.fork()
    assert (await ask(fork, "copies_made")).content == 1
    assert fork.digest() == session.digest()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("python:no.such.module", "cannot be imported"),
        ("python:os path", "not a module name"),
        ("python:missing/tools.py", "no file"),
        ("python:artificer.core.canon_", "cannot be imported"),
        ("python:colorsys", "no typed function"),
    ],
)
def test_a_module_that_cannot_be_used_says_why(source: str, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        World.of(source)
    assert words in str(caught.value)
    assert caught.value.remedy


def test_a_broken_module_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import sys\nsys.exit('no')\n")
    with pytest.raises(SourceError, match="SystemExit"):
        World.of(f"python:{tmp_path / 'broken.py'}")
    with pytest.raises(SourceError, match="no options"):
        World.of(f"python:{MODULE}", colour="red")
