"""BFCL's multi-turn check, on the stand-in classes: exact against a replay that shares nothing, and run many times at once."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artificer.core.messages import ToolCall
from artificer.worlds.base import Played, World
from artificer.worlds.imported.bfcl_turns import EMPTY, RESPONSE, STATE, Snapshot, written

SITE = Path(__file__).parent / "published" / "site"
CALLS = [
    ("open_drawer", {"name": "top"}),
    ("open_drawer", {"name": "attic"}),
    ("put_note", {"text": "buy ink"}),
    ("put_note", {"text": "buy ink", "number": 1}),
    ("put_note", {"text": "buy ink", "number": True}),
    ("put_note", {"text": "buy ink", "number": [1, {"a": None}]}),
    ("put_note", {"nothing": 1}),
    ("list_labels", {}),
    ("half_done", {"text": "ink"}),
    ("spill", {"times": 2}),
    ("add", {"a": 2, "b": 3}),
    ("no_such_tool", {}),
    ("_load_scenario", {"scenario": {}}),
    ("run", {}),
]


@pytest.fixture(scope="module")
def world():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SITE))
        yield World.of("bfcl:multi_turn_base")


def slowly(world, task, turns):
    """The same check the long way: both sides replayed from the start on instances of their own, nothing kept."""
    source = world.source
    mine, gold = (source.begin(task.start.setup[0].arguments).instances for _ in range(2))
    kept = source.kept(task)

    def run(instances, call):
        owner = kept.owner.get(call.name)
        if owner is None:
            forbidden = call.name == "run"
            return f"Error during execution: {'Function call run is not allowed.' if forbidden else f'name {call.name!r} is not defined'}"
        return kept.run(instances[owner], owner, call.name, copy.deepcopy(call.arguments))

    seen = Counter()
    for at, want in enumerate(task.goal.wants):
        seen += Counter(run(mine, call) for call in turns[at])
        wanted = Counter(run(gold, call) for call in want.gold)
        if not want.gold:
            continue
        if not turns[at]:
            return EMPTY
        for name, instance in gold.items():
            if any(vars(mine[name])[part] != value for part, value in vars(instance).items() if not part.startswith("_")):
                return STATE
        if wanted - seen:
            return RESPONSE
    return None


def quickly(world, task, turns):
    played = [Played(at, call) for at, calls in enumerate(turns) for call in calls]
    found = world.judge(task, played, [])
    return None if found.passed else found.evidence[1]


some_calls = st.lists(st.sampled_from(CALLS).map(lambda call: ToolCall("x", *call)), max_size=3)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_same_as_replaying_everything(world, data):
    tasks = [task for task in world.tasks() if "wrong_gold" not in task.lineage]
    task = data.draw(st.sampled_from(tasks))
    turns = []
    for want in task.goal.wants:
        before, after = data.draw(some_calls), data.draw(some_calls)
        keep = data.draw(st.booleans())
        turns.append([*before, *(want.gold if keep else ()), *after] if data.draw(st.booleans()) else list(want.gold))
    assert quickly(world, task, turns) == slowly(world, task, turns)


def many(world, count):
    tasks = [task for task in world.tasks() if "wrong_gold" not in task.lineage]
    for index in range(count):
        task = tasks[index % len(tasks)]
        extra = ToolCall("x", *CALLS[index % len(CALLS)])
        at = index % (len(task.goal.wants) + 1)
        played = [Played(turn, call) for turn, want in enumerate(task.goal.wants) for call in want.gold]
        yield task, [one for one in played if one.turn < at] + [Played(at, extra)] + [one for one in played if one.turn >= at][index % 2 :]


def test_a_thousand_at_once_give_the_sequential_verdicts(world, monkeypatch):
    monkeypatch.syspath_prepend(str(SITE))
    work = list(many(world, 1_000))
    in_order = [world.judge(task, played, []) for task, played in work]
    assert len({found.evidence for found in in_order}) >= 4
    assert any(found.passed for found in in_order)
    fresh = World.of("bfcl:multi_turn_base")
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda one: fresh.judge(*one, []), work)) == in_order
    other = World.of("bfcl:multi_turn_base")

    async def gathered():
        return await asyncio.gather(*(asyncio.to_thread(other.judge, *one, []) for one in work))

    assert asyncio.run(gathered()) == in_order
    assert [world.judge(task, played, []) for task, played in work] == in_order


def test_call_ids_do_not_count_and_turns_beyond_the_last_are_nobodys(world):
    task = next(iter(world.tasks()))
    played = [
        Played(at, ToolCall(f"other{at}", call.name, dict(reversed(call.arguments.items()))))
        for at, want in enumerate(task.goal.wants)
        for call in want.gold
    ]
    assert world.judge(task, [*played, Played(99, played[0].call), Played(-1, played[0].call)], []).passed


def test_snapshots_copy_what_can_be_pickled_and_what_cannot():
    class Local:
        def __init__(self, inside):
            self.inside = inside

    for value in (Local([1, {"a": Local(None)}]), Local(lambda: 1)):
        shot = Snapshot(value)
        first, second = shot.copy(), shot.copy()
        assert type(first) is Local
        assert first is not second
    assert Snapshot(Local([1])).copy().inside == [1]
    shot = Snapshot(Local([1]))
    shot.copy().inside.append(2)
    assert shot.copy().inside == [1]


def test_calls_are_told_apart_as_python_writes_them():
    def of(value):
        return written(ToolCall("x", "f", {"a": value}))

    assert len({of(1), of(1.0), of(True), of("1"), of(None), of(float("nan")), of(-0.0), of(0.0)}) == 8
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert of(deep) == ""
    assert of(10**5000) == ""
    while deep:
        deep = deep.pop()
