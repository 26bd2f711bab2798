"""A small shop and a right episode in it, worked by hand; tests spoil one thing at a time."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from artificer.checks.base import Episode
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Effect, Fact, Goal, Start, Task, Want
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind, StopReason

ROW = {
    "type": "object",
    "properties": {
        "track_id": {"type": "integer", "x-ref": "track.track_id"},
        "name": {"type": "string"},
        "album_id": {"type": "integer", "x-ref": "album.album_id"},
        "price": {"type": "number"},
    },
}


def tool(name: str, effect: str, properties: dict[str, Any], returns: dict[str, Any] | None, **more: Any) -> ToolSpec:
    return ToolSpec(name, name, {"type": "object", "properties": properties, "additionalProperties": False} | more, returns, effect)  # type: ignore[arg-type]


TRACK = {"type": "integer", "x-ref": "track.track_id"}
ALBUM = {"type": "integer", "x-ref": "album.album_id"}
TOOLS = (
    tool("search_track", "read", {"name": {"type": "string"}, "limit": {"type": "integer", "default": 10}}, {"type": "array", "items": ROW}),
    tool("get_track", "read", {"track_id": TRACK}, ROW, required=["track_id"]),
    tool("update_track", "write", {"track_id": TRACK, "price": {"type": "number"}, "name": {"type": "string"}}, ROW, required=["track_id"]),
    tool("create_track", "write", {"name": {"type": "string"}, "album_id": ALBUM}, ROW, required=["name"]),
    tool("delete_track", "write", {"track_id": TRACK}, None, required=["track_id"]),
    tool("note", "unknown", {"text": {"type": "string"}}, None),
)

PRICE = Effect("track", (4711,), "update", {"price": (0.99, 1.29)})


def call(id: str, tool: str, /, **arguments: Any) -> ToolCall:
    return ToolCall(id, tool, arguments)


def user(text: str) -> Node:
    return Node(None, Message("user", text))


def says(text: str) -> Node:
    return Node(None, Message("assistant", text))


def calls(*made: ToolCall, text: str = "") -> Node:
    return Node(None, Message("assistant", text, calls=made))


def result(id: str, content: Any = None, *, effects: Sequence[Effect] = (), error: ErrorKind | None = None, detail: str | None = None) -> Node:
    return Node(None, Message("tool", result=ToolResult(id, content, error, detail)), effects=tuple(effects))


def right_nodes() -> list[Node]:
    return [
        user("Hi, I'd like to change the price of a track: the name is Blue Lamp, make the price $1.29."),
        calls(call("c1", "search_track", name="Blue Lamp")),
        result("c1", [{"track_id": 4711, "name": "Blue Lamp", "album_id": 15, "price": 0.99}]),
        says("I will set the price of Blue Lamp to 1.29. Shall I go ahead?"),
        user("Yes, please do."),
        calls(call("c2", "update_track", track_id=4711, price=1.29)),
        result("c2", {"track_id": 4711, "name": "Blue Lamp", "album_id": 15, "price": 1.29}, effects=[PRICE]),
        says("Done: the price is now $1.29. Anything else?"),
    ]


def right_task() -> Task:
    gold = (call("g", "update_track", track_id=4711, price=1.29),)
    want = Want("update:track:price", tell=(("1.29",),), gold=gold)
    facts = (
        Fact("0", None, "change the price of a track"),
        Fact("0.track.name", "Blue Lamp", "the name is Blue Lamp"),
        Fact("0.set.price", 1.29, "make the price $1.29"),
    )
    prompt = right_nodes()[0].message.text
    return Task("task-1", "sqlite:shop.db", Start(), prompt, Goal((want,), facts, (PRICE,), {"open:0": prompt}), gold=gold)


def episode(nodes: Sequence[Node] | None = None, effects: Sequence[Effect] = (PRICE,), **changes: Any) -> Episode:
    right = Episode(right_task(), TOOLS, right_nodes() if nodes is None else list(nodes), tuple(effects), StopReason.user_done)
    return msgspec.structs.replace(right, **changes)


def with_goal(effects: Sequence[Effect], found: Sequence[Effect] | None = None, **changes: Any) -> Episode:
    task = right_task()
    task = msgspec.structs.replace(task, goal=msgspec.structs.replace(task.goal, effects=tuple(effects)))
    return episode(effects=effects if found is None else found, task=task, **changes)


@pytest.fixture(scope="session")
def shop() -> SimpleNamespace:
    """The builders above, as one namespace."""
    builders = (tool, call, user, says, calls, result, right_nodes, right_task, episode, with_goal)
    return SimpleNamespace(**{builder.__name__: builder for builder in builders}, tools=TOOLS, price=PRICE)
