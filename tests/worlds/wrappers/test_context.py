"""Distractors, scrambled names, noise and the clock: what an agent is shown, and that what it needs is still there."""

from __future__ import annotations

import re

import msgspec
import pytest

from artificer.agents.base import View
from artificer.agents.function_calling import FunctionCalling
from artificer.core.canon import rng
from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Start
from artificer.core.tools import compile_schema
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Model, Reply
from artificer.worlds.base import World
from artificer.worlds.wrappers._areas import catalogue
from artificer.worlds.wrappers._filler import _CHAT, _DOCUMENTS, _HARD
from artificer.worlds.wrappers._plausible import plausible

GENRE = ToolCall("c", "get_genre", {"genre_id": 1})


async def opened(pipe: str, seed: int = 0):
    world = World.of(f"sqlite:chinook | {pipe}")
    return world, await world.open(Start(seed))


# distractors


@pytest.mark.parametrize("kind", ["far", "near", "mixed"])
@pytest.mark.parametrize("k", [1, 15, 100])
async def test_needed_tools_stay_in_their_order(kind, k):
    plain = [tool.name for tool in World.of("sqlite:chinook").tools]
    world, session = await opened(f"distractors:k={k},kind={kind}")
    names = [tool.name for tool in world.tools]
    assert len(set(names)) == len(names) == len(plain) + k
    assert [name for name in names if name in plain] == plain
    assert world.toolset() == World.of(world.name).toolset() != World.of(f"{world.name},seed=1").toolset()
    more = [tool for tool in world.tools if tool.name not in plain]
    before = session.digest()
    for tool in more:
        arguments = plausible(tool.parameters, rng(tool.name))
        arguments = arguments if compile_schema(tool.parameters, "").is_valid(arguments) else {}
        result = await session.call(ToolCall("c", tool.name, arguments))
        assert session.notes() == {"distractors": "distractor"}
        assert result.error in {None, ErrorKind.missing_argument}
        if result.error is None and kind == "far":
            assert compile_schema(tool.returns, "").is_valid(result.content)
        assert b"x-ref" not in msgspec.json.encode(tool.returns)
        assert (await session.call(ToolCall("c", tool.name, {"no_such": 1}))).error is not None
    assert (session.digest(), session.effects()) == (before, ())


async def test_distractors_of_another_source_and_refused():
    world, session = await opened('distractors:k=23,source="domain:retail",answer=refused')
    other = {tool.name for tool in World.of("domain:retail").tools}
    assert len(other & {tool.name for tool in world.tools}) == 24  # 23, and one whose name both have
    result = await session.call(ToolCall("c", "find_customer_by_email", {"email": "a@example.com"}))
    assert (result.error, result.detail) == (ErrorKind.forbidden, "'find_customer_by_email' is not available to you")
    await world.close()


def test_the_catalogue_is_of_valid_and_different_tools():
    tools = list(catalogue())
    assert len({tool.name for tool in tools}) == len(tools) > 300
    for tool in tools:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", tool.name)
        compile_schema(tool.parameters, tool.name)
        compile_schema(tool.returns, tool.name)


# scramble


async def test_old_names_are_gone():
    world, session = await opened("scramble:seed=3")
    shown = msgspec.json.encode([(tool.name, tool.description, tool.parameters, tool.returns) for tool in world.tools]).decode() + world.policy
    plain = World.of("sqlite:chinook")
    for tool in plain.tools:
        assert tool.name not in shown
        assert (await session.call(ToolCall("c", tool.name, {}))).error is ErrorKind.unknown_tool
    assert not re.search(r'"(track_id|unit_price)":', shown)
    renamed = world.outward(GENRE)
    half = ToolCall("c", renamed.name, GENRE.arguments)
    result = await session.call(half)
    assert (result.error, result.detail) == (ErrorKind.extra_argument, "arguments: 'genre_id' was unexpected")
    assert session.notes() == {"scramble": "old name"}
    (key,) = renamed.arguments
    assert (await session.call(renamed)).content[key] == 1
    wrong = await session.call(ToolCall("c", renamed.name, {key: "one"}))
    assert "genre_id" not in wrong.detail
    assert key in wrong.detail


async def test_descriptions_can_go_too():
    world, _ = await opened("scramble:what=descriptions+arguments+types")
    assert all(tool.description == "" for tool in world.tools)
    parts = [part for tool in world.tools for part in tool.parameters["properties"].values()]
    assert parts
    assert not any({"description", "type", "title"} & part.keys() for part in parts)


# noise


async def test_noise_stands_beside_what_was_answered():
    world, session = await opened("noise:results=1")
    plain = await World.of("sqlite:chinook").open(Start())
    result = await session.call(GENRE)
    assert world.understood(result).content == (await plain.call(GENRE)).content != result.content
    assert session.notes()["noise"] in {"documents", "hard"}
    assert compile_schema(next(tool for tool in world.tools if tool.name == "get_genre").returns, "").is_valid(result.content)
    assert (await session.call(ToolCall("c", "get_genre", {"genre_id": 999}))).error is ErrorKind.not_found


@pytest.mark.parametrize("kind", ["documents", "history", "hard"])
async def test_noise_before_the_conversation(kind):
    _, session = await opened(f"noise:before=5,kinds={kind}")
    before = session.before()
    assert [message.role for message in before] == ["user", "assistant"] * 5
    assert before == (await opened(f"noise:before=5,kinds={kind}"))[1].before()
    assert before != (await opened(f"noise:before=5,kinds={kind}", seed=1))[1].before()
    assert all(message.author is None for message in before)


def test_our_noise_can_pass_for_no_fact():
    texts = [*(text for texts in _DOCUMENTS.values() for text in texts), *(text for pair in _CHAT for text in pair), *_HARD]
    assert not [text for text in texts if any(letter.isdigit() for letter in text)]


async def test_documents_of_ones_own(tmp_path):
    file = tmp_path / "docs.txt"
    file.write_text("First one.\n\nSecond one.\n\n\n")
    _, session = await opened(f"noise:before=8,kinds=documents,file={file}")
    told = {message.text.partition(":\n\n")[2] for message in session.before() if message.role == "user"}
    assert told == {"First one.", "Second one."}


# the clock


async def test_time_passes():
    _, session = await opened("clock:start=2026-03-01T08:00:00,message=60,call=5")
    stamps = [session.hear(Message(role, "x")).at for role in ("user", "assistant")]
    await session.call(GENRE)
    stamps.append(session.hear(Message("tool")).at)
    fork = await session.fork()
    stamps.append(session.hear(Message("user", "x")).at)
    assert stamps == ["2026-03-01T08:00:00", "2026-03-01T08:01:00", "2026-03-01T08:01:05", "2026-03-01T08:02:05"]
    assert fork.now() == "2026-03-01T08:01:05"


async def test_gaps_change_nothing_but_the_clock():
    _, session = await opened("clock:gap=1,gaps=3600,message=0,call=0")
    assert [session.hear(Message("user", "x")).at[11:] for _ in range(3)] == ["12:00:00", "13:00:00", "14:00:00"]
    _, endless = await opened("clock:start=9990-01-01T00:00:00,gap=1,gaps=300000000")
    assert {endless.hear(Message("user", "x")).at[:4] for _ in range(9)} == {"9990", "9999"}


async def test_results_age():
    _, session = await opened("clock:call=10,fresh=15,cache=15")
    change = ToolCall("c", "update_genre", {"genre_id": 1, "name": "Folk"})
    seen = []
    for call in (GENRE, change, GENRE, GENRE):  # read at 10 s, written at 20, asked again at 30 and 40
        result = await session.call(call)
        seen.append((result.content["name"], session.notes()))
    assert seen[0][0] == "Rock"
    assert seen[2:] == [("Folk", {"clock": {"age": 20.0, "fresh": False}}), ("Folk", {"clock": {"cached": True, "age": 10.0}})]
    _, session = await opened("clock:call=10,cache=30")
    assert [(await session.call(call)).content["name"] for call in (GENRE, change, GENRE)][2] == "Rock"


class Echo(Model):
    """Answers with the texts that it was shown."""

    name = "echo"

    async def reply(self, request):
        return Reply(Message("assistant", "|".join(message.text for message in request.messages)))


async def test_agents_are_shown_the_time():
    messages = (Message("user", "Hi", at="2026-01-15T12:00:00"), Message("assistant", "", calls=(GENRE,), at="2026-01-15T12:00:20"))
    assert (await FunctionCalling(Echo()).act(View(messages))).message.text == "[2026-01-15T12:00:00] Hi|"
    assert (await FunctionCalling(Echo(), times=False).act(View(messages))).message.text == "Hi|"


@pytest.mark.parametrize(
    "pipe",
    [
        "distractors:k=100000",
        "distractors:k=-1",
        "distractors:kind=odd",
        "distractors:answer=maybe",
        "distractors:source=nowhere",
        "scramble:what=everything",
        "scramble:seed=x",
        "noise:results=2",
        'noise:kinds=""',
        "noise:kinds=loud",
        "noise:before=x",
        "noise:file=/nowhere/at/all",
        "clock:start=noon",
        "clock:message=-1",
        "clock:gaps=",
        "clock:gaps=1e99",
        "weather",
    ],
)
def test_bad_options(pipe):
    with pytest.raises(SourceError) as error:
        World.of(f"sqlite:chinook | {pipe}")
    assert error.value.remedy
