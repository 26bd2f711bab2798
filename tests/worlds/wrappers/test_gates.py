"""Budgets, approval, tools and parameters that are missing."""

from __future__ import annotations

import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import World
from artificer.worlds.wrappers.approval import ASK, NEVER, agrees


def genre(key: int) -> ToolCall:
    return ToolCall("c", "get_genre", {"genre_id": key})


def rename(key: int, name: str = "Folk") -> ToolCall:
    return ToolCall("c", "update_genre", {"genre_id": key, "name": name})


async def opened(pipe: str):
    world = World.of(f"sqlite:chinook | {pipe}")
    return world, await world.open(Start())


def say(session, role: str, text: str) -> str:
    return session.hear(Message(role, text)).text


# budget


@pytest.mark.parametrize(
    ("limit", "calls", "passed", "words"),
    [
        ("calls=2", [genre(1), genre(999), genre(2)], [True, False, False], "at most 2 calls"),
        ("each=1", [genre(1), rename(1), genre(2)], [True, True, False], "at most 1 calls of each tool"),
        ("writes=1", [rename(1), rename(2), genre(2)], [True, False, True], None),
        ("calls=0", [genre(1)], [False], "at most 0 calls"),
        ("tokens=20", [genre(1), genre(2), genre(3)], [True, True, False], "at most 20 tokens"),
    ],
)
async def test_budgets(limit, calls, passed, words):
    world, session = await opened(f"budget:{limit}")
    results = [await session.call(call) for call in calls]
    assert [result.error is None for result in results] == passed
    if words:
        assert results[-1].error is ErrorKind.forbidden
        assert results[-1].detail == f"the budget is spent: {words}"
        assert session.notes() == {"budget": {"refused": words}}
    assert "You may make at most" in world.policy or "may" in world.policy.splitlines()[-1] or "take at most" in world.policy


# approval


async def test_never_and_always():
    _, session = await opened("approval:policy=never")
    before = session.digest()
    result = await session.call(rename(1))
    assert (result.error, result.detail, session.digest()) == (ErrorKind.forbidden, NEVER, before)
    assert (await session.call(genre(1))).error is None
    _, session = await opened("approval:policy=always")
    assert (await session.call(rename(1))).error is None
    assert session.notes() == {}


async def test_asking():
    """A yes counts only as the reply to a question, and only until the user speaks again."""
    _, session = await opened("approval:policy=ask")

    async def passes() -> bool:
        return (await session.call(rename(1))).error is None

    say(session, "user", "Yes, yes, do it.")
    assert not await passes()
    say(session, "assistant", "I will rename it. Shall I?")
    assert not await passes()
    say(session, "user", "Yes, go ahead.")
    assert await passes()
    assert session.notes() == {"approval": "approved"}
    assert await passes()
    say(session, "user", "Yes, that is right.")
    assert not await passes()
    say(session, "assistant", "Done. And the other one?")
    say(session, "user", "No, wait.")
    result = await session.call(rename(2))
    assert (result.detail, session.notes()) == (ASK, {"approval": "refused"})


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("Yes.", True),
        ("Sure, go ahead", True),
        ("I confirm", True),
        ("No", False),
        ("yes, but not that one", False),
        ("Maybe", False),
        ("don\u2019t do it", False),
    ],
)
def test_what_a_yes_is(text, yes):
    assert agrees(text) is yes


async def test_rules(tmp_path):
    rules = tmp_path / "rules, of ours.toml"
    rules.write_text(
        '[[rule]]\ntool = "delete_*"\ndecide = "never"\n\n[[rule]]\ntool = "update_track"\nargument = "unit_price"\nabove = 5\ndecide = "never"\n\n'
        '[[rule]]\ntool = "update_genre"\nargument = "name"\nequals = "Rock"\ndecide = "never"\n'
    )
    _, session = await opened(f'approval:policy=always,rules="{rules}"')
    decided = [
        (ToolCall("c", "delete_genre", {"genre_id": 25}), False),
        (ToolCall("c", "update_track", {"track_id": 1, "unit_price": 9.5}), False),
        (ToolCall("c", "update_track", {"track_id": 1, "unit_price": 4.5}), True),
        (rename(2, "Rock"), False),
        (rename(2, "Folk"), True),
    ]
    for call, passed in decided:
        result = await session.call(call)
        assert ((result.error, result.detail) == (ErrorKind.forbidden, NEVER)) is not passed


@pytest.mark.parametrize(
    "text", ["", "[[rule]]\ndecide = 'ask'", "[[rule]]\ntool='update_track'\ndecide='maybe'", "[[rule]]\ntool='nothing'\ndecide='ask'", "x ="]
)
def test_bad_rules(text, tmp_path):
    rules = tmp_path / "rules.toml"
    if text:
        rules.write_text(text)
    with pytest.raises(SourceError):
        World.of(f"sqlite:chinook | approval:rules={rules}")


# missing functions and parameters


async def test_a_function_that_never_comes():
    world, session = await opened("missing_function:tools=*_genre")
    assert not any(tool.name.endswith("_genre") for tool in world.tools)
    assert (await session.call(genre(1))).error is ErrorKind.unknown_tool
    assert session.notes() == {"missing_function": "missing"}
    assert (await session.call(genre(1), actor="gold")).error is None


@pytest.mark.parametrize(
    ("until", "comes"), [("asked", [False, False, True, True]), ("1", [True, True, True, True]), ("2", [False, True, True, True])]
)
async def test_a_function_that_the_user_brings(until, comes):
    world, session = await opened(f"missing_function:tools=get_genre,until={until}")
    assert "get_genre" in {tool.name for tool in world.tools}
    said = [(None, "Hello."), ("I cannot.", "Please try."), ("Could you give me a function for that?", "Here."), ("Thanks.", "Good.")]
    notices = 0
    for (before, text), here in zip(said, comes):
        if before:
            say(session, "assistant", before)
        again = await session.fork()
        heard = say(session, "user", text)
        notices += heard != text
        assert say(again, "user", heard) == heard  # on replay it is not said twice
        assert ("get_genre" in {tool.name for tool in session.shown(world.tools)}) is here
        assert ((await session.call(genre(1))).error is None) is here
    assert notices == 1


async def test_a_parameter_that_the_user_brings():
    world, session = await opened("missing_parameter:parameters=update_track.unit_price,until=2")
    change = ToolCall("c", "update_track", {"track_id": 1, "unit_price": 3.5})

    def shown() -> bool:
        return "unit_price" in next(tool for tool in session.shown(world.tools) if tool.name == "update_track").parameters["properties"]

    say(session, "user", "Hello.")
    result = await session.call(change)
    assert (result.error, result.detail, shown()) == (ErrorKind.extra_argument, "arguments: 'unit_price' was unexpected", False)
    assert say(session, "user", "It is unit_price.").endswith("update_track.unit_price.)")
    assert ((await session.call(change)).error, shown()) == (None, True)


async def test_a_required_parameter_is_still_required():
    world, session = await opened("missing_parameter:parameters=get_genre.genre_id")
    spec = next(tool for tool in world.tools if tool.name == "get_genre")
    assert (spec.parameters["properties"], spec.parameters["required"]) == ({}, [])
    assert (await session.call(ToolCall("c", "get_genre", {}))).error is ErrorKind.missing_argument


@pytest.mark.parametrize(
    "pipe",
    [
        "budget",
        "budget:calls=-1",
        "budget:calls=many",
        "approval:policy=perhaps",
        "missing_function",
        "missing_function:tools=*",
        "missing_function:tools=no_such",
        "missing_function:tools=get_genre,until=soon",
        "missing_function:tools=get_genre,until=0",
        "missing_parameter:parameters=get_genre.colour",
        "missing_parameter:parameters=get_genre",
    ],
)
def test_bad_options(pipe):
    with pytest.raises(SourceError):
        World.of(f"sqlite:chinook | {pipe}")
