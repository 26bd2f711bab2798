"""Single traces made again: trees, users' calls, wrappers, starts, and traces that no honest program wrote."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Goal, Start, Task
from artificer.core.trace import Node, Trace
from artificer.rollout.foreign.branch import made_again
from artificer.rollout.foreign.findings import Terms
from artificer.rollout.foreign.starts import Starts
from artificer.worlds.base import World

DESK = f"python:{Path(__file__).parent / 'desk.py'}"
LAMPS = {"item": "lamp", "count": 3, "price": 19.5}


def again(trace, source=DESK, start=None, keep=False):
    async def run():
        world = World.of(source)
        try:
            return await made_again(world, trace, start or Start(), Terms(), keep=keep)
        finally:
            await world.close()

    return asyncio.run(run())


def trace(*nodes, **more):
    return Trace("t", more.pop("task_id", "t"), "", "", tuple(Node(parent, message) for parent, message in nodes), **more)


def ask(name, call_id="a", role="assistant", **arguments):
    return Message(role, calls=(ToolCall(call_id, name, arguments),))


def told(content, call_id="a"):
    return Message("tool", result=ToolResult(call_id, content))


def test_every_branch_of_a_tree_is_made_again_in_a_session_of_its_own():
    opened = {"ticket_id": "T-1001", "title": "x", "urgent": False}
    tree = trace(
        (None, Message("user", "open")),
        (0, ask("open_ticket", title="x")),
        (1, told(opened)),
        (2, ask("list_tickets", "b")),
        (3, told([{"ticket_id": "T-1001", "title": "x", "status": "open"}], "b")),
        (2, ask("close_ticket", "b", ticket_id="T-1001")),
        (5, told({"ticket_id": "T-1001", "status": "closed", "open": 0}, "b")),
        (6, ask("list_tickets", "c")),
        (7, told([{"ticket_id": "T-1001", "title": "x", "status": "open"}], "c")),
    )
    shown, ends = again(tree, keep=True)
    assert shown.verdict == "differs"
    assert [(one.at, one.differences[0].path) for one in shown.problems] == [(8, "/0/status")]
    assert shown.tools["open_ticket"] == {"exact": 1}  # once, though two branches go through it
    assert set(ends.effects) == set(ends.state) == {4, 8}
    assert ends.effects[4] != ends.effects[8]


def test_recorded_effects_and_states_are_claims_too():
    nodes = [(None, Message("user", "open")), (0, ask("open_ticket", title="x")), (1, told({"ticket_id": "T-1001", "title": "x", "urgent": False}))]
    _, ends = again(trace(*nodes), keep=True)
    shown, _ = again(trace(*nodes, effects=ends.effects, state=ends.state))
    assert (shown.verdict, shown.claims, shown.held) == ("exact", 2, 2)
    shown, _ = again(trace(*nodes, effects={2: ()}, state={2: "0" * 32}))
    assert (shown.verdict, shown.claims, shown.held) == ("differs", 2, 0)


def test_calls_of_the_user_are_made_too():
    nodes = [(None, ask("open_ticket", role="user", title="x")), (0, told({"ticket_id": "T-1001", "title": "x", "urgent": False}))]
    more = [(1, ask("close_ticket", ticket_id="T-1001")), (2, told({"ticket_id": "T-1001", "status": "closed", "open": 0}))]
    assert again(trace(*nodes, *more))[0].verdict == "exact"


def test_a_world_with_wrappers_hears_the_conversation():
    nodes = [(None, Message("user", "how many?")), (0, ask("count_stock", item="lamp")), (1, told(LAMPS)), (2, Message("assistant", "3"))]
    assert again(trace(*nodes), f"{DESK} | budget:calls=5")[0].verdict == "exact"


@pytest.mark.parametrize(
    "bad",
    [
        trace((5, Message("user", "x"))),
        trace((0, Message("user", "x"))),
        trace((None, Message("user", "x")), (None, Message("user", "y")), lineage={"own_tools": 5}),
        trace((None, Message("user", "x")), lineage={"own_tools": [{"name": 3}]}),
    ],
)
def test_a_trace_that_cannot_be_followed_is_said_so(bad):
    assert again(bad)[0].verdict in ("cannot", "exact")
    assert again(trace())[0].verdict == "exact"


def test_a_session_that_cannot_begin():
    start = Start(setup=(ToolCall("s", "nothing", {}),))
    shown, _ = again(trace((None, ask("count_stock", item="lamp")), (0, told(LAMPS))), start=start)
    assert (shown.verdict, shown.problems[0].at) == ("cannot", None)
    assert "the session cannot begin" in shown.problems[0].what


def test_thousands_of_calls_of_one_message_are_followed_in_linear_time():
    calls = tuple(ToolCall(f"c{at}", "count_stock", {"item": "lamp"}) for at in range(3000))
    results = [(at + 1, told(LAMPS, f"c{2999 - at}")) for at in range(3000)]
    shown, _ = again(trace((None, Message("user", "count")), (0, Message("assistant", calls=calls)), *results))
    assert (shown.verdict, shown.calls) == ("exact", 3000)


MESSAGES = st.one_of(
    st.builds(Message, st.sampled_from(["user", "assistant", "system"]), st.text(max_size=5)),
    st.builds(
        lambda role, calls: Message(role, calls=tuple(calls)),
        st.sampled_from(["user", "assistant", "tool"]),
        st.lists(st.builds(ToolCall, st.sampled_from("ab"), st.sampled_from(["count_stock", "", "x"]), st.just({"item": "lamp"})), max_size=3),
    ),
    st.builds(told, st.sampled_from([LAMPS, "x", None]), st.sampled_from("abc")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 6), MESSAGES), max_size=8))
def test_whatever_a_trace_looks_like_it_gets_a_verdict(nodes):
    shown, _ = again(trace(*((parent if parent >= 0 else None, message) for parent, message in nodes)))
    assert shown.verdict in ("exact", "like", "differs", "cannot")
    assert (shown.verdict == "exact") == (shown.count == 0)


class Bench(World):
    """A world that brings tasks."""

    name, tools, policy, forks = "bench", (), "", "none"

    def tasks(self):
        for number in (1, 2):
            yield Task(f"bench-{number}", "bench", Start(seed=10 * number), "", Goal((), (), ()), lineage={"id": str(number)})


@pytest.mark.parametrize(
    ("given", "seed"),
    [
        (trace(), 4),
        (trace(lineage={"start": {"seed": 3}}), 3),
        (trace(lineage={"start": "soon", "task": "bench-2"}), 20),
        (trace(task_id="bench-1"), 10),
        (trace(task_id="1"), 10),
        (trace(lineage={"extra": {"task_id": 2}}), 20),
        (trace(lineage={"extra": {"task": "2"}, "task": "unknown"}), 20),
        (trace(lineage={"extra": {"task_id": True}}), 4),
        (Trace("bench-2", "bench-2", "", "", ()), 20),
        (Trace("2", "2", "", "", ()), 4),  # a row's number is no task
    ],
)
def test_where_a_session_begins(given, seed):
    assert Starts(Bench(), 4).of(given).seed == seed
