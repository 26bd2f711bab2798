"""The errors of a run, counted: sums of the tree, tools, turns, difficulty, and the infrastructure apart."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.api import rollout, stats, synth
from artificer.core.kinds import ErrorGroup, ErrorKind
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Goal, Start, Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import StopReason, Verdict
from artificer.rollout.audit import Offered
from artificer.rollout.mistakes import REST, Counting, Mistakes, bin_of
from artificer.rollout.play import Played

TOOLS = Offered((ToolSpec("look", "look", {"type": "object"}, None, "read"),))


def played(*results: ErrorKind | None, tool: str = "look", stop: StopReason = StopReason.user_done, **difficulty: float) -> Played:
    """One call a turn with this result."""
    nodes: list[Node] = []

    def add(message: Message) -> None:
        nodes.append(Node(len(nodes) - 1 if nodes else None, message))

    for turn, kind in enumerate(results):
        add(Message("user", f"do {turn}"))
        add(Message("assistant", calls=(ToolCall(f"c{turn}", tool, {"n": turn}),)))
        add(Message("tool", result=ToolResult(f"c{turn}", None if kind else 1, kind, "no" if kind else None)))
        add(Message("assistant", "done"))
    leaf = len(nodes) - 1
    task = Task("t", "w", Start(), "do", Goal((), (), ()), checks=("upstream",), difficulty=difficulty)
    trace = Trace("x", "t", "w", "", tuple(nodes), {leaf: Verdict(1.0, True)}, {leaf: stop})
    return Played(task, trace)


def counted(*rows: Played) -> Mistakes:
    counting = Counting()
    for row in rows:
        counting.add(row, TOOLS)
    return counting.found()


def test_sums_by_place_tool_turn_and_difficulty() -> None:
    found = counted(
        played(ErrorKind.not_found, None, wants=1),
        played(ErrorKind.missing_argument, ErrorKind.not_found, wants=2),
        played(None, wants=2),
    )
    assert (found.rows.n, found.rows.wrong, found.steps.n, found.steps.wrong, found.calls.n, found.calls.wrong) == (3, 2, 10, 3, 5, 3)
    assert [(one.place, one.depth, one.errors, one.rows) for one in found.tree] == [
        ("error", 0, 3, 2),
        ("agent", 1, 3, 2),
        ("argument", 2, 1, 1),
        ("missing_argument", 3, 1, 1),
        ("state", 2, 2, 2),
        ("not_found", 3, 2, 2),
    ]
    assert found.tree[-1].share == pytest.approx(2 / 3)
    assert msgspec.to_builtins(found.tools) == {"look": {"n": 5, "wrong": 3, "errors": {"not_found": 2, "missing_argument": 1}}}
    assert {turn: (one.n, one.wrong) for turn, one in found.turns.items()} == {"1": (6, 2), "2": (4, 1)}
    assert {value: (one.n, one.wrong) for value, one in found.difficulty["wants"].items()} == {"1": (1, 1), "2": (2, 1)}


def test_the_infrastructure_stands_apart() -> None:
    found = counted(
        played(ErrorKind.timeout, None),
        played(ErrorKind.transport, ErrorKind.not_found),
        played(ErrorKind.not_found, stop=StopReason.agent_error),
        played(ErrorKind.not_found, stop=StopReason.cancelled),
    )
    assert (found.rows.n, found.rows.wrong) == (2, 1)
    assert found.infrastructure == {"timeout": 1, "transport": 1}
    assert found.ended == {"agent_error": 1, "cancelled": 1}
    assert {one.place for one in found.tree} == {"error", "agent", "state", "not_found"}


def test_made_up_tools_and_endless_turns_take_bounded_room() -> None:
    counting = Counting()
    for number in range(700):
        counting.add(played(ErrorKind.unknown_tool, tool=f"tool{number}", knob=number + 0.5), TOOLS)
    counting.add(played(*[None] * 80), TOOLS)
    found = counting.found()
    assert len(found.tools) == 501
    assert found.tools[REST].n == 700 + 80 - 500
    assert len(found.turns) == 51
    assert list(found.turns)[-1] == REST
    assert sum(one.n for one in found.turns.values()) == found.steps.n
    assert len(found.difficulty["knob"]) <= 12


BINS = {0: "0", 3.0: "3", 16: "16", 17: "16 to 32", 100: "64 to 128", 0.35: "0.3 to 0.4", 0.3: "0.3 to 0.4", 2.5: "2 to 4", -40: "-64 to -32"}


@pytest.mark.parametrize(("value", "name"), [*BINS.items(), (1e300, "1.09951e+12 to inf"), (math.inf, "inf"), (math.nan, "nan")])
def test_bins(value: float, name: str) -> None:
    assert bin_of(value) == name


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_value_has_a_bin_that_holds_it(value: float) -> None:
    low, _, high = bin_of(value).partition(" to ")
    assert float(low) * (1 - math.copysign(1e-5, float(low))) - 1e-9 <= value
    assert value <= float(high or low) * (1 + 1e-5) + 1e-9 or value < 0


def test_a_run_with_faults_and_imperfect_agents(tmp_path) -> None:
    synth("cove", world="domain:retail | faults:rate=0.3", n=20, seed=5, errors=0.5, out=tmp_path / "faulty")
    made = stats(tmp_path / "faulty").mistakes
    assert made is not None
    assert set(made.infrastructure) <= {kind.value for kind in ErrorKind if kind.side is ErrorGroup.world}
    assert sum(made.infrastructure.values()) > 0
    assert {"timeout", "transport"} & {*made.infrastructure}
    assert not {"timeout", "transport"} & {one.place for one in made.tree}
    kinds = [one for one in made.tree if one.place in ErrorKind.__members__]
    assert sum(one.errors for one in kinds) == made.tree[0].errors == sum(made.steps.errors.values())
    for keep in (True, False):  # rows that a check dropped count as well
        rollout(tmp_path / "faulty", out=tmp_path / f"silent{keep}", agent="scripted:silent", keep_failed=keep)
    kept, dropped = stats(tmp_path / "silentTrue").mistakes, stats(tmp_path / "silentFalse").mistakes
    assert kept == dropped
    assert kept is not None
    places = {one.place: one for one in kept.tree}
    assert places["false_refusal"].rows > 0
    assert places["dialogue"].errors >= places["false_refusal"].errors
