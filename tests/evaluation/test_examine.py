from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.curation.decisions import Decision
from artificer.evaluation.comparison import compare
from artificer.evaluation.decisions import examine, load, save
from artificer.evaluation.outcomes import examined
from artificer.models.base import Request
from artificer.models.scripted import Scripted
from artificer.worlds.base import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE lamp (lamp_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL NOT NULL CHECK (price > 0));"
        "INSERT INTO lamp VALUES (1, 'Dawn', 10.0), (2, 'Dusk', 20.0);"
    )
    connection.close()
    return World.of(f"sqlite:{path}")


def row(at: int, world: World, target: Message, prefix: tuple[ToolCall, ...] = ()) -> Decision:
    names = tuple(tool.name for tool in world.tools)
    return Decision(f"d{at}", "t", "k", world.name, (Message("user", f"row {at}"),), names, target, Start(), prefix)


def wanted(tool: str, **arguments: object) -> Message:
    return Message("assistant", calls=(ToolCall("c1", tool, dict(arguments)),))


async def answers(world: World, target: Message, said: str, prefix: tuple[ToolCall, ...] = ()):
    model = Scripted.saying([said])
    found = await examine(model, {"kind": [row(1, world, target, prefix)]}, {world.name: world})
    return found.predictions[0]


UPDATE = wanted("update_lamp", lamp_id=1, price=12.0)


@pytest.mark.parametrize(
    ("said", "exact", "reached", "error"),
    [
        ('{"name":"update_lamp","arguments":{"price":12,"lamp_id":1}}', True, True, None),  # 12 is 12.0, order is free
        ('{"name":"update_lamp","arguments":{"lamp_id":1,"price":12.0,"name":"Dawn"}}', False, True, None),  # the same effect
        ('{"name":"update_lamp","arguments":{"lamp_id":1,"price":13.0}}', False, False, ErrorKind.wrong_value),
        ('{"name":"update_lamp","arguments":{"lamp_id":"1","price":12.0}}', False, False, ErrorKind.mistyped_argument),
        ('{"name":"update_lamp","arguments":{"lamp_id":9,"price":12.0}}', False, False, ErrorKind.not_found),
        ('{"name":"update_lamp","arguments":{"lamp_id":1,"price":-1.0}}', False, False, ErrorKind.constraint),
        ('{"name":"get_lamp","arguments":{"lamp_id":1}}', False, False, ErrorKind.wrong_tool),
        ('{"name":"burn_lamp","arguments":{"lamp_id":1}}', False, False, ErrorKind.unknown_tool),
        ('{"name":"update_lamp","arguments":', False, False, ErrorKind.unparsable_call),
        ("I changed it.", False, False, ErrorKind.no_call),
    ],
)
async def test_writes(world: World, said: str, exact: bool, reached: bool, error: ErrorKind | None) -> None:
    found = await answers(world, UPDATE, said)
    assert (found.exact, found.reached) == (exact, reached)
    assert found.error == error or (error is ErrorKind.constraint and found.error is ErrorKind.invalid_argument)
    assert found.parsed == (error is not ErrorKind.unparsable_call)
    assert found.raw == said


async def test_reads_that_show_the_same_count_as_reached(world: World) -> None:
    target = wanted("search_lamps", name="Dusk")
    found = await answers(world, target, '{"name":"search_lamps","arguments":{"lamp_id":2}}')
    assert (found.exact, found.reached, found.tool) == (False, True, True)
    found = await answers(world, target, '{"name":"search_lamps","arguments":{"lamp_id":1}}')
    assert (found.reached, found.error) == (False, ErrorKind.wrong_value)


async def test_the_state_before_is_made_again(world: World) -> None:
    made = ToolCall("c0", "create_lamp", {"name": "Noon", "price": 5.0})
    target = wanted("update_lamp", lamp_id=3, price=6.0)
    right = '{"name":"update_lamp","arguments":{"lamp_id":3,"price":6.0,"name":"Noon"}}'
    assert (await answers(world, target, right, (made,))).reached
    assert (await answers(world, target, right)).error is ErrorKind.not_found


async def test_words_where_words_are_due(world: World) -> None:
    words = Message("assistant", "Which lamp?")
    assert (await answers(world, words, "Which one, please?")).exact  # words are not compared, only that no call was made
    needless = await answers(world, words, '{"name":"get_lamp","arguments":{"lamp_id":1}}')
    assert (needless.exact, needless.error) == (False, ErrorKind.needless_call)


async def test_summary_comparison_and_files(world: World, tmp_path: Path) -> None:
    rows = {"near": [row(at, world, wanted("get_lamp", lamp_id=1 + at % 2)) for at in range(8)], "far": [row(9, world, UPDATE)]}

    def knows_some(request: Request) -> str:
        number = int(request.messages[0].text.split()[1])
        return f'{{"name":"get_lamp","arguments":{{"lamp_id":{1 + number % 2 if number < 6 else 7}}}}}'

    before = await examine(Scripted.saying(["no"]), rows, {world.name: world})
    after = await examine(Scripted("some", knows_some), rows, {world.name: world}, block=3)
    near = after.summary.kinds["near"]
    assert (near.exact.hits, near.exact.n, near.errors) == (6, 8, {"not_found": 2})
    assert after.summary.kinds["all"].exact.n == 9
    gains = compare(examined(before.predictions), examined(after.predictions)).gains
    assert (gains["near"].gained, gains["near"].lost, gains["near"].points) == (6, 0, 75.0)
    assert gains["near"].low > 0
    save(after, tmp_path / "eval", "after")
    assert msgspec.json.encode(load(tmp_path / "eval", "after")) == msgspec.json.encode(after)
    with pytest.raises(ArtificerError, match="no examination"):
        load(tmp_path / "eval", "before")


async def test_a_world_that_is_not_there_is_said(world: World) -> None:
    with pytest.raises(ArtificerError, match="need the world"):
        await examine(Scripted.saying(["no"]), {"kind": [row(1, world, UPDATE)]}, {})
