"""The syntax of wrapped sources, and what the base passes on."""

from __future__ import annotations

import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds.base import World
from artificer.worlds.wrappers import pipe_of, split
from artificer.worlds.wrappers.base import Wrapped


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("sqlite:a.db", ["sqlite:a.db"]),
        ("sqlite:a.db | faults:rate=0.1 | budget:calls=20", ["sqlite:a.db", "faults:rate=0.1", "budget:calls=20"]),
        ('mcp:sh -c "cat x | grep y" | budget', ['mcp:sh -c "cat x | grep y"', "budget"]),
        ("mcp:sh -c 'a | b'", ["mcp:sh -c 'a | b'"]),
        ("sqlite:bob's.db | budget | it's", ["sqlite:bob's.db", "budget", "it's"]),
        ("sqlite:a|b.db", ["sqlite:a|b.db"]),
        ('sqlite:a.db | approval:rules="x | y.toml"', ["sqlite:a.db", 'approval:rules="x | y.toml"']),
        ('a "unclosed | b', ['a "unclosed', "b"]),
        ("", [""]),
    ],
)
def test_bars_outside_quotes_separate(source, parts):
    assert split(source) == parts


def test_options_are_read():
    assert pipe_of(' faults:rate=0.1,only="a,b",x.y= ', "w").options == {"rate": "0.1", "only": "a,b", "x.y": ""}
    for text in ("Faults", "faults:rate", "faults:rate=1,rate=2", "faults:=1", "", "a b"):
        with pytest.raises(SourceError):
            pipe_of(text, "w")


async def test_nothing_is_changed_by_nothing():
    plain = World.of("sqlite:chinook")
    world = Wrapped(plain, "nothing", {"a": "1", "b": "x,y"})
    assert world.name == 'sqlite:chinook | nothing:a=1,b="x,y"'
    assert (world.toolset(), world.policy, world.forks, world.problems) == (plain.toolset(), plain.policy, plain.forks, plain.problems)
    bare, session = await plain.open(Start()), await world.open(Start())
    for call in (
        ToolCall("c1", "update_track", {"track_id": 1, "unit_price": 3.5}),
        ToolCall("c2", "get_track", {"track_id": 1}),
        ToolCall("c3", "get_track", {"track_id": "x"}),
        ToolCall("c4", "nothing", {}),
    ):
        assert await session.call(call) == await bare.call(call)
        assert (session.digest(), session.effects(), session.calls) == (bare.digest(), bare.effects(), bare.calls)
        assert session.notes() == {}
    fork = await session.fork()
    await fork.call(ToolCall("c5", "update_track", {"track_id": 2, "unit_price": 9.5}))
    assert session.digest() == bare.digest() != fork.digest()
    assert (session.index, fork.index) == (4, 5)
