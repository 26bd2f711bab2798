"""tau2's reward: hand-worked parts in three modes, their product, the judge's share, and what models may write.

The worlds are stand-ins of our own laid out as the published ones are; `benchmarks/parity_tau2.py` asks tau2's own
evaluator on its own tasks, and `tau2_verdicts.json` holds some of what it said.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.checks.base import Episode
from artificer.checks.judges.base import Judgement
from artificer.checks.suite import by_name
from artificer.checks.tau2 import Tau2, conversation, in_mode, judged, nl_assertions
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Constraint, Goal, Start, Task
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind, StopReason
from artificer.evaluation.metrics import pass_at_k, pass_k
from artificer.worlds.base import Played, World
from artificer.worlds.imported.tau2_data import Action
from artificer.worlds.imported.tau2_reward import MODES, Part, acted, communicated, found, mode_of, product, same, unjudged, with_part

SITE = Path(__file__).parents[1] / "worlds" / "published" / "site"
VERDICTS = json.loads((Path(__file__).parent / "tau2_verdicts.json").read_text("utf-8"))


@pytest.fixture
def telecom(monkeypatch):
    monkeypatch.syspath_prepend(str(SITE))
    monkeypatch.delenv("TAU2_ROOT", raising=False)
    world = World.of("tau2:telecom")
    (task,) = world.tasks()
    return world, task


@pytest.fixture
def retail(monkeypatch):
    monkeypatch.syspath_prepend(str(SITE))
    monkeypatch.delenv("TAU2_ROOT", raising=False)
    world = World.of("tau2:retail")
    return world, {task.lineage["id"]: task for task in world.tasks()}


def does(name, actor="agent", /, failed=None, **arguments):
    return Played(0, ToolCall("c", name, arguments), actor, failed)


ROAM, PHONE = does("enable_roaming", line_id="L1"), does("toggle_airplane_mode", "user")


def with_criteria(task, **changed):
    return msgspec.structs.replace(task, lineage=task.lineage | {"criteria": task.lineage["criteria"] | changed})


def action(name="book", requestor="assistant", compare_args=None, /, **arguments):
    return Action("a", name, arguments, requestor, compare_args)


# as published


@pytest.mark.parametrize("case", VERDICTS["cases"], ids=lambda case: f"{case['domain']}-{case['variant']}")
async def test_parts_and_reward_are_the_evaluators(case):
    """What it found of the state is taken as found; the other parts and the product are decided here."""
    actions = [msgspec.convert({name: value for name, value in one.items() if name != "info"}, Action) for one in case["actions"]]
    played = [does(one["name"], "user" if one["requestor"] == "user" else "agent", **one["arguments"]) for one in case["calls"]]
    theirs = case["parts"]
    answers = iter(case["nl"])

    async def judge(question):
        return Judgement("met" if next(answers) else "not_met")

    parts = [
        *(Part(name, 1.0 if theirs[name] is None else theirs[name]) for name in ("DB", "ENV_ASSERTION")),
        acted(actions, played, "code"),
        communicated(case["communicate_info"], case["says"], "code"),
        await judged(judge, case["nl_assertions"], ""),
    ]
    mine = {part.name: part.score for part in parts}
    assert {name: mine[name] for name, score in theirs.items() if score is not None} == {
        name: score for name, score in theirs.items() if score is not None
    }
    finished = case["stop"] in ("user_stop", "agent_stop")
    assert (product("tau2", parts, case["basis"], "code").score if finished else 0.0) == case["reward"]


# 1: gold, and what is made of it


def test_gold_passes_and_a_call_less_does_not(telecom):
    world, task = telecom
    for mode in MODES:
        gold = world.judge(in_mode(task, mode), [ROAM, PHONE], [])
        assert (gold.passed, gold.mode, gold.numbers["ENV_ASSERTION"], gold.numbers["ACTION"]) == (True, mode, 1.0, 1.0)
        for one, part in ((ROAM, PHONE), (PHONE, ROAM)):
            less = world.judge(in_mode(task, mode), [one], [])
            assert (less.score, less.numbers["ENV_ASSERTION"], less.numbers["ACTION"]) == (0.0, 0.0, 0.0), part
            assert less.kinds == (ErrorKind.missing_effect, ErrorKind.missing_call)


def test_a_read_more_changes_nothing_and_a_write_less_the_database(retail):
    world, tasks = retail
    task = with_criteria(tasks["0"], communicate_info=[])
    read, write = (Played(0, call) for call in task.gold)
    for mode in MODES:
        asked = in_mode(task, mode)
        assert [world.judge(asked, made, []).numbers["DB"] for made in ([read, write], [write], [write, read, read], [read], [])] == [1, 1, 1, 0, 0]
        assert world.judge(asked, [write, does("remove_all")], []).evidence == ("DB: orders differs from gold's",)
        assert world.judge(asked, [does("fly_away"), write], []).passed, "a tool that there is not is passed over"


def test_a_write_undone_leaves_the_state_equal(telecom):
    world, task = telecom
    asked = with_criteria(task, reward_basis=["DB", "ENV_ASSERTION"])
    for made in ([ROAM, PHONE], [PHONE, ROAM], [ROAM, PHONE, PHONE, PHONE]):
        assert world.judge(in_mode(asked, "strict"), made, []).passed
    assert world.judge(in_mode(asked, "strict"), [ROAM, PHONE, PHONE], []).numbers == {
        "DB": 0.0,
        "ENV_ASSERTION": 0.0,
        "aside.ACTION": 1.0,
        "aside.NL_ASSERTION": 1.0,
    } | {"aside.COMMUNICATE": 1.0}


def test_code_never_couples_golds_two_sides(telecom):
    """The phone learns of roaming after every call but in gold, so that gold itself has another database (docs/fidelity.md)."""
    world, task = telecom
    scores = {mode: world.judge(in_mode(task, mode), [ROAM, PHONE], []).numbers["aside.DB"] for mode in MODES}
    assert scores == {"code": 0.0, "paper": 1.0, "strict": 1.0}


def test_code_keeps_what_a_failing_call_has_changed(retail):
    """Gold of task 1 empties an order before it is refused: in code the agent must do the same, in strict do nothing."""
    world, tasks = retail
    refused = does("cancel_pending_order", order_id="#2")
    for mode, idle, same_call in (("code", 0.0, 1.0), ("paper", 1.0, 1.0), ("strict", 1.0, 1.0)):
        task = in_mode(tasks["1"], mode)
        assert world.judge(task, [], []).score == idle, mode
        assert world.judge(task, [refused], []).score == same_call, mode
        assert world.judge(task, [msgspec.structs.replace(refused, failed=True)], []).score == same_call, mode


def test_what_the_session_refused_and_the_tools_would_take_is_not_done(retail):
    world, tasks = retail
    task = with_criteria(tasks["0"], communicate_info=[])
    write = Played(0, task.gold[1])
    assert world.judge(task, [write], []).passed
    assert not world.judge(task, [msgspec.structs.replace(write, failed=True)], []).passed
    assert world.judge(task, [msgspec.structs.replace(write, failed=True), write], []).passed


def test_an_assertion_that_cannot_be_decided_fails(telecom):
    world, task = telecom
    assertion = {"env_type": "assistant", "func_name": "assert_roaming", "arguments": {"line_id": "L9", "expected": True}, "assert_value": True}
    for mode, told in (("code", "upstream's evaluator fails here"), ("strict", "cannot be decided")):
        result = world.judge(in_mode(with_criteria(task, env_assertions=[assertion]), mode), [ROAM, PHONE], [])
        assert not result.passed
        assert any(told in text for text in result.evidence)


# 2: the hash


def test_the_hash_knows_no_order_of_keys_but_that_of_lists_and_numbers_types(retail):
    world, _ = retail
    source = world.source

    def desk(change):
        made = source.begin(None)
        change(made.kits["assistant"].db)
        return made

    def tags(**given):
        return lambda db: db.users["ann"].tags.update(given)

    users = list(source.begin(None).kits["assistant"].db.users)
    key = users[0]

    def tagged(*names):
        def change(db):
            db.users[key].tags = {name: ["x"] for name in names}

        return change

    def items(*names):
        def change(db):
            db.orders["#1"].items = list(names)

        return change

    assert desk(tagged("a", "b")).unlike(desk(tagged("b", "a"))) == []
    assert desk(items("a", "b")).unlike(desk(items("a", "b"))) == []
    assert desk(items("a", "b")).unlike(desk(items("b", "a"))) == ["orders"]
    assert desk(items(1)).unlike(desk(items(1.0))) == ["orders"]

    def moved(db):
        order = db.orders.pop("#1")
        db.orders["#1"] = order

    assert desk(moved).unlike(source.begin(None)) == []
    assert desk(lambda db: db.orders.pop("#1")).unlike(source.begin(None)) == ["orders"]


# 3: the product


@given(
    st.dictionaries(st.sampled_from(["DB", "ENV_ASSERTION", "ACTION", "COMMUNICATE", "NL_ASSERTION"]), st.sampled_from([0.0, 1.0, None])), st.data()
)
def test_the_reward_is_the_product_of_the_basis_and_of_nothing_else(scores, data):
    basis = data.draw(st.lists(st.sampled_from(sorted(scores)), unique=True)) if scores else []
    parts = [Part(name, score, ("why",) if score != 1.0 else ()) for name, score in scores.items()]
    result = product("tau2", parts, basis, "code")
    counted = [scores[name] for name in basis]
    assert result.passed == all(score == 1.0 for score in counted)
    assert result.score == float(result.passed)
    assert result.numbers.get("undecided", 0) == counted.count(None)
    for name in set(scores) - set(basis):  # whatever they are
        others = [part if part.name != name else Part(name, 1.0 - (part.score or 0.0)) for part in parts]
        assert product("tau2", others, basis, "code").score == result.score
    assert product("tau2", parts[::-1], basis, "code").numbers == result.numbers


def test_a_part_that_nobody_knows_is_never_passed():
    result = product("tau2", [Part("DB", 1.0)], ["DB", "KARMA"], "code")
    assert (result.score, result.passed, result.numbers) == (0.0, False, {"DB": 1.0, "undecided": 1, "decided": 1.0})
    assert result.evidence == ("KARMA: no part of this name is known",)


def test_no_criteria_are_fulfilled_by_anything(telecom):
    world, task = telecom
    free = msgspec.structs.replace(task, lineage=task.lineage | {"criteria": None})
    assert world.judge(free, [PHONE], []).passed
    neither = with_criteria(task, actions=None, env_assertions=None, reward_basis=["DB", "ENV_ASSERTION"])
    assert world.judge(neither, [PHONE, PHONE], []).passed  # code-mode: no gold is no gold's state


def nodes_of(*calls):
    made = [(ToolCall(f"c{at}", one.call.name, one.call.arguments), one.actor) for at, one in enumerate(calls)]
    for call, actor in made:
        yield Node(None, Message("user" if actor == "user" else "assistant", "", calls=(call,)))
        yield Node(None, Message("tool", result=ToolResult(call.id, "done")))


def episode(world, task, *calls, stop=StopReason.user_done, says=()):
    nodes = [*nodes_of(*calls), *(Node(None, Message("assistant", text)) for text in says)]
    return Episode(task, world.tools, nodes, (), stop, own=world.judge, user_tools=world.user_tools)


async def test_only_the_two_who_talk_can_end_it(telecom):
    world, task = telecom
    (check,) = by_name(task.checks)
    for stop in StopReason:
        result = await check(episode(world, task, ROAM, PHONE, stop=stop))
        assert result.passed == (stop in (StopReason.user_done, StopReason.agent_done))
        assert result.name == "tau2"
        if not result.passed:
            assert (result.score, result.kinds) == (0.0, (ErrorKind.premature_end,))
            assert stop.value in result.evidence[0]


async def test_the_mode_is_the_tasks_or_the_checks(telecom):
    world, task = telecom
    lazy = does("enable_roaming")  # refused by the world, and a match for the action in code
    assert (await Tau2()(episode(world, task, lazy))).mode == "code"
    assert (await Tau2()(episode(world, in_mode(task, "paper"), lazy))).mode == "paper"
    assert (await Tau2(mode="strict")(episode(world, in_mode(task, "paper"), lazy))).mode == "strict"
    for odd in ({"mode": "lax"}, {"mode": ["code"]}, {}):
        assert mode_of(msgspec.structs.replace(task, constraints=(Constraint("tau2", odd),))) == "code"


async def test_a_world_without_judgement_says_so(telecom):
    world, task = telecom
    alone = msgspec.structs.replace(episode(world, task, ROAM, PHONE), own=None)
    assert not (await Tau2()(alone)).passed


# 4: COMMUNICATE


@pytest.mark.parametrize(
    ("info", "said", "code", "paper", "strict"),
    [
        ("1234", "It is 1,234 in all.", 1, 0, 1),
        ("1234", "It is 12345.", 1, 1, 0),
        ("1234", "It is 51234.", 1, 1, 0),
        ("1234", "It is 1234.50", 1, 1, 0),
        ("1234", "It is $1,234.00, or so", 1, 0, 1),
        ("1234.5", "It is 1234.50.", 1, 1, 1),
        ("1,234", "It is 1,234.", 0, 1, 1),
        ("1,234", "It is 1234.", 0, 0, 1),
        ("-5", "It is -5 now", 1, 1, 1),
        ("-5", "It is 5 now", 0, 0, 0),
        ("Nike", "I have nike shoes", 1, 0, 1),
        ("Nike", "I have Nikes", 1, 1, 0),
        ("sold out", "It is Sold\n out.", 0, 0, 1),
        ("sold out", "It is sold out, sorry", 1, 1, 1),
        ("sold, out", "It is sold, out", 0, 1, 1),
        ("10%", "It is 10% off", 1, 1, 1),
        ("10%", "It is 110% off", 1, 1, 0),
        ("x", "", 0, 0, 0),
        ("", "anything", 1, 1, 1),
        ("", "  \n", 0, 0, 0),
    ],
)
def test_what_is_told(info, said, code, paper, strict):
    assert [communicated([info], ["Hello.", said] if info else [said], mode).score for mode in ("code", "paper", "strict")] == [code, paper, strict]


def test_all_must_be_told_each_in_one_message():
    assert communicated(["a b", "c"], ["c", "a b"], "code").score == 1.0
    part = communicated(["a b", "c"], ["a", "b"], "code")
    assert (part.score, part.why, part.kind) == (0.0, ("'a b' was not said", "'c' was not said"), ErrorKind.not_told)
    assert communicated([], [], "strict").score == 1.0


# 5: ACTION


@pytest.mark.parametrize(
    ("gold", "made", "code", "paper", "strict"),
    [
        (action(a=1, b=2), does("book", a=1, b=2), 1, 1, 1),
        (action(a=1, b=2), does("book", b=2, a=1), 1, 1, 1),
        (action(a=1, b=2), does("book", a=1), 1, 0, 0),  # fewer arguments
        (action(a=1, b=2), does("book"), 1, 0, 0),
        (action(a=1), does("book", a=1, b=2), 0, 0, 0),  # more
        (action(a=1), does("book", a=2), 0, 0, 0),
        (action(a=1), does("hook", a=1), 0, 0, 0),
        (action(a=1), does("book", "user", a=1), 1, 0, 0),  # the other side
        (action("book", "user", a=1), does("book", "user", a=1), 1, 1, 1),
        (action(a=1), does("book", a=1.0), 1, 1, 1),
        (action(a=1), does("book", a=True), 1, 1, 0),  # type
        (action(a=[{"x": 0}]), does("book", a=[{"x": False}]), 1, 1, 0),
        (action(a="1"), does("book", a=1), 0, 0, 0),
        (action(a=[1, 2]), does("book", a=[2, 1]), 0, 0, 0),
        (action(a=math.nan), does("book", a=0), 0, 0, 0),
        (action("book", "assistant", [], a=1), does("book", z=9), 1, 1, 1),  # the name alone
        (action("book", "assistant", ["a"], a=1, b=2), does("book", a=1, b=3), 1, 1, 1),
        (action("book", "assistant", ["a"], a=1, b=2), does("book", b=2), 0, 0, 0),
        (action("book", "assistant", ["c"], a=1), does("book", b=2), 1, 1, 1),  # neither has it
        (action(a=1), does("book", a=1, b=None), 0, 0, 0),
    ],
)
def test_what_is_done(gold, made, code, paper, strict):
    assert [acted([gold], [does("look"), made], mode).score for mode in ("code", "paper", "strict")] == [code, paper, strict]


def test_a_call_serves_one_action_where_it_is_strict():
    twice = [action(a=1), action(a=1)]
    once = [does("book", a=1)]
    assert [acted(twice, once, mode).score for mode in ("code", "paper", "strict")] == [1.0, 1.0, 0.0]
    assert acted(twice, once * 2, "strict").score == 1.0
    loose = action("book", "assistant", [])
    assert acted([loose, action(a=1)], [does("book", a=1), does("book", a=2)], "strict").score == 1.0, "the loose one gives way"
    assert acted([loose, loose, action(a=1)], [does("book", a=1), does("book", a=2)], "strict").why == ("book was not called as in 'a'",)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), max_size=6), st.randoms())
def test_strict_is_a_multiset_and_knows_no_order(calls, draw):
    gold = [action(name, "assistant", None, x=value) for name, value in calls]
    made = [does(name, x=value) for name, value in calls]
    draw.shuffle(made)
    for mode in MODES:
        assert acted(gold, made, mode).score == 1.0
    if made:
        assert acted(gold, made[1:], "strict").score == 0.0
        assert len(acted(gold, made[1:], "strict").why) == 1


# 6: pass^k


def test_pass_k():
    assert [pass_k([(2, 4)], k) for k in (1, 2, 3)] == pytest.approx([1 / 2, 1 / 6, 0])
    assert pass_k([(2, 4), (4, 4)], 2) == pytest.approx((1 / 6 + 1) / 2)
    assert [pass_at_k([(2, 4)], k) for k in (1, 2, 3)] == pytest.approx([1 / 2, 5 / 6, 1])


# NL_ASSERTION


def judging(*labels):
    asked = []
    left = list(labels)

    async def judge(question):
        asked.append(question)
        label = left.pop(0)
        return Judgement(label, evidence="line 3" if label else "", by="panel", why="" if label else "no answer")

    return judge, asked


@pytest.mark.parametrize(
    ("labels", "score"),
    [(("met", "met"), 1.0), (("met", "not_met"), 0.0), (("met", None), None), ((None, "not_met"), 0.0), ((None, None), None), (("yes", "met"), None)],
)
async def test_a_judge_decides_assertions_and_its_failure_decides_nothing(telecom, labels, score):
    world, task = telecom
    task = with_criteria(task, nl_assertions=["is kind", "is brief"], reward_basis=["ENV_ASSERTION", "NL_ASSERTION"])
    judge, asked = judging(*labels)
    result = await Tau2(judge)(episode(world, task, ROAM, PHONE, says=["Done."]))
    assert result.numbers.get("NL_ASSERTION") == score
    assert (result.score, result.passed) == (score or 0.0, score == 1.0)
    assert result.numbers.get("undecided", 0) == (score is None)
    assert ("decided" in result.numbers) == (score is None)
    assert (ErrorKind.policy_breach in result.kinds) == (score == 0.0)
    assert [question.labels for question in asked] == [("met", "not_met")] * 2
    assert [question.shows["statement"] for question in asked] == ["is kind", "is brief"]
    assert '"calls":[{"name":"enable_roaming","arguments":{"line_id":"L1"}}]' in asked[0].shows["conversation"]
    assert '{"assistant":"Done."}' in asked[0].shows["conversation"]


async def test_without_a_judge_nothing_is_passed_and_the_verdict_says_so(telecom):
    world, task = telecom
    task = with_criteria(task, nl_assertions=["is kind"], reward_basis=["ENV_ASSERTION", "NL_ASSERTION"])
    good, bad = await Tau2()(episode(world, task, ROAM, PHONE)), await Tau2()(episode(world, task, ROAM))
    assert (good.score, good.passed, good.numbers["undecided"], good.numbers["decided"]) == (0.0, False, 1, 1.0)
    assert good.evidence == ("NL_ASSERTION: undecided without a judge: is kind",)
    assert good.kinds == ()
    assert (bad.numbers["decided"], bad.kinds) == (0.0, (ErrorKind.missing_effect,))
    aside = with_criteria(task, reward_basis=["ENV_ASSERTION"])
    assert (await Tau2()(episode(world, aside, ROAM, PHONE))).passed
    assert nl_assertions(aside) == ()
    none = with_criteria(task, nl_assertions=[])
    assert (await Tau2()(episode(world, none, ROAM, PHONE))).passed


def test_a_part_decided_later_is_the_same_as_one_decided_at_once():
    for first in (0.0, 1.0):
        for nl in (Part("NL_ASSERTION", 1.0), found("NL_ASSERTION", ["no"], ErrorKind.policy_breach)):
            parts = [found("DB", [] if first else ["x"], ErrorKind.wrong_value), unjudged(["is kind"])]
            later = with_part(product("tau2", parts, ["DB", "NL_ASSERTION"], "code"), nl)
            assert later == product("tau2", [parts[0], nl], ["DB", "NL_ASSERTION"], "code")


# what models may write


def deep(levels):
    value = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


HOSTILE = {
    "long": "1,1" * 3_000_000,
    "digits": "1" * 1_000_000 + "x",
    "surrogate": "\ud800",
    "nan": math.nan,
    "huge": 10**400,
    "deep": deep(20_000),
    "regex": "(a+)+$",
    "code": "__import__('os').system('x')",
    "null": None,
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
async def test_hostile_calls_and_words_are_judged(telecom, value):
    world, task = telecom
    task = with_criteria(
        task,
        communicate_info=["1234", "sold out"],
        reward_basis=["DB", "ENV_ASSERTION", "ACTION", "COMMUNICATE", "NL_ASSERTION"],
        nl_assertions=["x"],
    )
    calls = [does("enable_roaming", line_id=value), does("toggle_airplane_mode", "user", x=value), does("send_bill", line_id=value)]
    judge, asked = judging("met")
    says = [value] if isinstance(value, str) else []
    for mode in MODES:
        asked_of = in_mode(task, mode)
        result = world.judge(asked_of, calls, says)
        assert not result.passed
        assert len(msgspec.json.encode(result)) < 10_000
    result = await Tau2(judge)(episode(world, task, *calls, says=says))
    msgspec.json.encode((result, asked))
    assert same(value, value) == (value is not HOSTILE["nan"]) or isinstance(value, (dict, list))


def test_a_conversation_leaves_system_messages_out():
    nodes = [Node(None, Message("system", "secret")), Node(None, Message("user", "Hi"))]
    assert conversation(nodes) == '0 {"user":"Hi"}'


def test_a_task_from_elsewhere_has_no_assertions():
    bare = Task("t", "w", Start(), "p", Goal((), (), ()))
    for criteria in (None, "x", {"reward_basis": None}, {"reward_basis": ["NL_ASSERTION"], "nl_assertions": "x"}):
        assert nl_assertions(msgspec.structs.replace(bare, lineage={"criteria": criteria})) == ()
