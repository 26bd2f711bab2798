"""Contradictions found before play, and rules drawn by seed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.api import synth
from artificer.checks.constraints.feasible import check_feasible
from artificer.checks.constraints.generate import WEIGHTS, constrained, gold_played, with_rules
from artificer.checks.constraints.rules import CATEGORY, Available, Parameters, Values
from artificer.checks.constraints.stated import Rules, stated
from artificer.checks.constraints.text import read
from artificer.checks.constraints.walk import walked
from artificer.checks.suite import by_name
from artificer.core.canon import canonical
from artificer.core.messages import ToolCall
from artificer.core.tasks import Goal, Start, Task, Want
from artificer.core.tools import ToolSpec
from artificer.core.trace import Trace
from artificer.rollout.episode import play
from artificer.rollout.parties import agent_maker, user_maker
from artificer.rollout.replay import judged
from artificer.run.store import RunFolder
from artificer.worlds.base import World

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}, "unit": {"type": "string", "enum": ["km"]}}, "required": ["n"]}
EFFECT = {"a": "read"}
TOOLS = [ToolSpec(name, name, SCHEMA, effect=EFFECT.get(name, "write"), attributes={"timeliness": "static"}) for name in "abcd"]  # type: ignore[arg-type]


def task_of(gold: str | None = None) -> Task:
    calls = tuple(ToolCall(f"g{at}", name, {"n": at}) for at, name in enumerate(gold or ""))
    wants = (Want("op", gold=calls),)
    return Task("t", "w", Start(), "p", Goal(wants, (), ()), gold=calls if gold is not None else None)


def conflicts(rules: str, gold: str | None = None, mode: str = "code") -> list[str]:
    task = with_rules(task_of(gold), Rules(read(rules), mode))  # type: ignore[arg-type]
    return [one.why for one in check_feasible(task, TOOLS)]


CONTRADICTIONS = [
    ("rounds 5..; rounds ..3", "at least 5 and at most 3"),
    ("calls 5..; calls ..3", "at least 5 and at most 3"),
    ("parallel 3..; parallel ..2", "at least 3 and at most 2"),
    ("calls_of a 3..; calls_of a ..2", "'a' at least 3 and at most 2 times"),
    ("rounds ..1; calls 1..", "the only message is the final answer"),
    ("rounds ..3; parallel ..2; calls 5..", "5 calls do not fit into 2 messages of at most 2"),
    ("calls ..2; parallel 3..", "3 calls in one message, of at most 2 in all"),
    ("parallel 5.. tools", "5 different tools, of 4 that can be called"),
    ("parallel ..2; parallel 3.. tools", "3 different tools in one message of at most 2 calls"),
    ("calls 5..; available a; calls_of a ..4", "at least 5 calls, and the tools allow 4"),
    ("available nothing; calls 1..", "no tool can be called"),
    ("order a > b, b > a", "'a' can never be called, by these rules together"),
    ("order a > b; order b > c; order c > a", "'a' can never be called, by these rules together"),
    ("order a > b > a", "a tool stands twice in a chain"),
    ("order a > z", "there is no tool 'z'"),
    ("order a > b; together a + b", "'a' can never be called, by these rules together"),
    ("together a + b; parallel ..1", "'a' can never be called, by these rules together"),
    ("together a + a; calls_of a ..1", "'a' can never be called, by these rules together"),
    ("together a + b; available a", "'a' can never be called, by these rules together"),
    ("together a + b; together b + c + d; calls ..3", "'a' can never be called, by these rules together"),
    ("order a > b > c; calls_of c 1..; rounds ..3", "'c' cannot be called before message 3, of at most 3 with the answer"),
    ("order a > b > c; calls_of c 1..; calls ..2", "'c' needs 3 calls with those before it, of at most 2"),
    ("calls_of b 1..; available a", "'b' must be called and can never be"),
    ('acceptable timeliness "daily"; calls 1..', "no tool can be called"),
    ('{"rule": "parameters", "tools": {"a": {"allowed": ["unit"]}}}; calls_of a 1..', "'a' must be called and can never be"),
    ('{"rule": "values", "tools": {"a": {"n": {"one_of": []}}}}; calls_of a 1..', "'a' must be called and can never be"),
    ("length 9..; length ..5", "at least 9 and at most 5 characters"),
    ("length 9.. words; length ..16", "9 words have at least 17 characters, of at most 16"),
    ('length ..5; identifiers end "The End"', "7 characters are asked for, of at most 5"),
    ('format json; identifiers start "Dear"', "a JSON object does not begin with 'Dear'"),
    ('format json; punctuation end "."', "a JSON object ends with '}'"),
    ("format json; format bullets", "a JSON object has no bullets"),
    ('format json "a" only; format json "b"', "the JSON object may not have the key 'b'"),
    ("format lines ..2; format bullets 3..", "3 bullets take as many lines, of at most 2"),
    ("format bold 3..; format bold ..2", "at least 3 and at most 2 bold"),
    ('format bold; punctuation exclude "*"', "bold needs the mark '*', which must not be used"),
    ('identifiers include "sorry"; identifiers exclude "sor"', "'sorry' must be there and holds 'sor', which must not"),
    ('identifiers start "A" exclude "A"', "'A' must be there and holds 'A', which must not"),
    ('identifiers start "Dear"; identifiers start "Hello"', "it cannot begin with both 'Dear' and 'Hello'"),
    ('identifiers end "END"; punctuation end "."', "what ends with 'END' ends with none of '.'"),
    ('identifiers end "{int} days"; punctuation end "."', "what ends with '{int} days' ends with none of '.'"),
    ('identifiers include "Yes!"; punctuation exclude "!"', "'Yes!' must be there and holds '!', which must not be used"),
    ('punctuation end "."; punctuation end "!"', "no mark is left to end with"),
    ('punctuation end "."; punctuation exclude "."', "no mark is left to end with"),
]


@pytest.mark.parametrize(("rules", "why"), CONTRADICTIONS)
def test_contradictions_by_hand(rules, why):
    assert why in conflicts(rules)


AGREE = [
    'rounds 2..5; calls 1..4; parallel ..2; order a > b > c; together c + d; length 3..50; punctuation end "."',
    "together a + b or a; order a > b",
    "order a > b if a; order b > a if b",
    'identifiers start "Dear" end "END."; punctuation end "."',
    'identifiers end "{int} days{mark}"; punctuation end "."',
    'format json "a"; format lines ..3; identifiers start "{{" end "}}"',
    "calls_of a 1..; rounds ..2; calls ..1",
    "available a; calls ..3",
    "format lines 2..3; format bullets ..2",
    "together a + b; together b + c + d; calls ..4",
]


@pytest.mark.parametrize("rules", AGREE)
def test_what_agrees(rules):
    assert conflicts(rules) == []


GOLD = [
    ("calls ..2", "bcb", "the task's own solution breaks it: this would be call 3 of at most 2"),
    ("calls_of b ..1", "bcb", "this would be call 2 of 'b'"),
    ("order c > b", "bc", "'b' may be called only after 'c'"),
    ("available b", "bc", "'c' may not be called"),
    ("parallel ..1; rounds ..3", "bcd", "the final answer came with message 4"),
    ("together b + c; parallel ..2", "bdc", "'b' may be called only in one message"),
    ('{"rule": "values", "tools": {"c": {"n": {"most": 0}}}}', "bc", "1 is more than 0"),
    ("calls_of d 1..", "bc", "'d' was called 0 times"),
    ("parallel 2..; available b", "b", "no message made more than 1 calls"),
]


@pytest.mark.parametrize(("rules", "gold", "why"), GOLD)
def test_the_gold_breaks_them(rules, gold, why):
    found = conflicts(rules, gold)
    assert any(why in one for one in found), found


@pytest.mark.parametrize(
    ("rules", "gold"),
    [
        ("together b + c; order d > b", "dbc"),
        ("parallel 2..", "bc"),
        ("rounds ..2", "bcd"),
        ("rounds 9..; calls 20..; calls_of a 3..", "b"),  # reading more reaches them
        ("order b > c; rounds ..3", "bc"),
        ("order a > b; together a + c", "bc"),  # a reads, and may be called besides
    ],
)
def test_the_gold_can_be_cut_to_keep_them(rules, gold):
    assert conflicts(rules, gold) == []


def test_long_golds_are_tried_one_by_one():
    assert conflicts("parallel ..1; calls ..100", "b" * 90) == []
    assert conflicts("calls ..80", "b" * 90)


def test_gold_of_the_user_is_not_the_agents():
    task = with_rules(task_of("b"), Rules(read("calls ..0")))
    assert check_feasible(task, TOOLS)
    assert check_feasible(task, [tool for tool in TOOLS if tool.name != "b"], [TOOLS[1]]) == ()
    assert check_feasible(task_of("b"), TOOLS) == ()


@settings(max_examples=60, deadline=None)
@given(st.text("bcd", min_size=1, max_size=8), st.integers(1, 9), st.integers(0, 99))
def test_gold_keeps_what_is_drawn_from_it(gold, n, seed):
    task = constrained(task_of(gold), TOOLS, n, seed)
    rules = stated(task)
    assert rules is not None
    drawn = [rule for rule in rules.rules if not isinstance(rule, Available | Parameters | Values)]
    assert 1 <= len(drawn) == task.difficulty["constraints"] <= n
    assert walked(gold_played(task), rules, TOOLS).perfect
    assert check_feasible(task, TOOLS) == ()
    assert task.checks == ("constraints",)
    assert canonical(constrained(task_of(gold), TOOLS, n, seed)) == canonical(task)


def test_seeds_draw_differently_and_all_categories_come_up():
    drawn = [stated(constrained(task_of("bcd"), TOOLS, 4, seed)) for seed in range(60)]
    assert len({canonical(rules) for rules in drawn}) > 50
    categories = {CATEGORY[type(rule)] for rules in drawn if rules is not None for rule in rules.rules}
    assert categories == {*WEIGHTS, "available", "parameters", "values"} - {"order"}  # one message calls them all: there is no order


def test_nothing_is_drawn_where_nothing_is_known():
    task = task_of(None)
    assert constrained(task, TOOLS, 4) is task
    assert constrained(task_of("b"), TOOLS, 0) == task_of("b")


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> list[tuple[Task, Trace]]:
    out: Path = tmp_path_factory.mktemp("runs") / "shop"
    synth("cove", world="domain:retail", n=8, seed=3, out=out)
    with RunFolder.open(out) as folder:
        tasks = {task.id: task for _, task in folder.read("tasks", Task)}
        return [(tasks[trace.task_id], trace) for _, trace in folder.read("traces", Trace, ordered=True)]


def test_the_gold_agent_plays_what_is_drawn_from_the_gold(shop):
    world = World.of("domain:retail")

    async def run(task: Task) -> Trace:
        agent, user = agent_maker("scripted:gold", None), user_maker("gold", None)
        return await judged(task, world, await play(task, world, agent, user), by_name(["constraints"]))

    seen = 0
    for task, _ in shop:
        if not task.gold:
            continue
        trace = asyncio.run(run(constrained(task, world.tools, 6, 1)))
        told = trace.verdicts[len(trace.nodes) - 1].parts[0]
        assert told.numbers.get("perfect") == 1, told.evidence
        seen += 1
    assert seen >= 3


def test_an_episode_keeps_what_is_drawn_from_it(shop):
    world = World.of("domain:retail")
    for task, trace in shop:
        made = constrained(task, world.tools, 6, 2, nodes=trace.branch())
        rules = stated(made)
        assert rules is not None
        assert made.difficulty["constraints"] >= 4
        assert walked(trace.branch(), rules, world.tools).perfect
        assert check_feasible(made, world.tools) == ()
        assert msgspec.convert(msgspec.to_builtins(made), Task) == made
