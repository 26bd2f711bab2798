import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.calls import mcptoolbench
from artificer.checks.calls.base import Expected
from artificer.checks.calls.mcptoolbench import Trial, answered, tally
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

MODES = ("code", "strict")
RECORDED = json.loads((Path(__file__).parent / "data" / "presets.json").read_text("utf-8"))["mcptoolbench"]


def call(name, **arguments):
    return ToolCall("", name, arguments)


A, B, C, D = call("find", q="tea"), call("stat", path="/a"), call("stat", path="/b"), call("save", to="x", times=2)
TOOLS = [ToolSpec(name, "", {}) for name in ("find", "stat", "save")]


def match(made, *gold, **options):
    return mcptoolbench.match(made, [Expected.exactly(one) for one in gold], TOOLS, **options)


@pytest.mark.parametrize("case", RECORDED, ids=range(len(RECORDED)))
def test_responses_are_judged_as_by_the_original(case):
    assert answered(case["status"], case["result"]) == (case["right"], case["word"])


@pytest.mark.parametrize(
    ("status", "result", "right", "word"),
    [
        (500, {"success": True, "data": ["x"]}, False, "HTTP Request Failed..."),
        (200, {"success": True, "data": ["x"]}, True, "SUCCESS|Request Result success true"),
        (200, '{"success": true, "data": "x"}', True, "SUCCESS|Request Result success true"),
        *[(200, {"success": True, "data": data}, False, "EMPTY RESULT|Response Empty Result") for data in ([], [""], "", "[]", {}, {"a": ""})],
        (200, {"success": False, "error": "no such path"}, False, "no such path"),
        (200, {"success": False}, False, "Empty Error Message.."),
        (200, "not json", False, "Empty Error Message.."),
        (200, "[" * 100_000, False, "Empty Error Message.."),
        (200, "\ud800", False, "Empty Error Message.."),
    ],
)
def test_every_branch_of_what_a_server_answers(status, result, right, word):
    assert answered(status, result) == (right, word)


@pytest.mark.parametrize("mode", MODES)
def test_the_label_is_right(mode):
    found = match([A, B, D], A, B, D, mode=mode)
    assert found.passed
    assert found.score == 1
    assert set(found.numbers.values()) == {1}


def test_only_the_last_call_counts_there_and_all_here():
    assert match([D], A, B, D).passed
    assert match([B, B, D], A, D).passed
    found = match([D], A, B, D, mode="strict")
    assert not found.passed
    assert [fault.kind for fault in found.faults] == [ErrorKind.missing_call] * 2
    assert found.numbers == {"node_f1": 0.5, "edge_f1": 0.0, "all_match": 0, "tool_ok": 1, "param_ok": 1}  # one of one made, of three


def test_similar_tools_stand_for_the_wanted_one():
    for mode in MODES:
        assert not match([call("look", q="tea")], A, mode=mode).passed
        assert match([call("look", q="tea")], A, mode=mode, similar={"find": ["look"]}).passed


def test_only_what_was_given_and_has_a_reference_is_judged_there():
    assert match([call("save", to="x", more=1)], D).passed
    assert match([call("save", to="y")], D).numbers == {"tool_ok": 1, "param_ok": 0}
    found = match([call("save", to="x", more=1)], D, mode="strict")
    assert [fault.kind for fault in found.faults] == [ErrorKind.extra_argument, ErrorKind.missing_argument]


def test_a_wrong_tool_makes_parameters_wrong():
    assert match([call("stat", q="tea")], A).numbers == {"tool_ok": 0, "param_ok": 0}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("argument", "given_", "wanted", "same"),
    [
        ("query", " New  York", "new york", True),
        ("query", "Nueva York", "New York", False),
        ("latitude", 35.68, 35.61, True),
        ("latitude", "35.68", 35.6, True),
        ("latitude", 35.7, 35.61, False),
        ("latitude", -0.05, 0.05, True),
        ("location", "35.68,139.79", "35.61, 139.7", True),
        ("location", "35.68,139.79", "35.61", False),
        ("count", 35.68, 35.61, False),
        ("latitude", True, 1, False),
    ],
)
def test_rules_that_need_no_judge(argument, given_, wanted, same, mode):
    assert match([call("find", **{argument: given_})], call("find", **{argument: wanted}), mode=mode).passed == same


def test_a_judge_may_know_more():
    heard = []

    def judge(argument, one, two):
        heard.append((argument, one, two))
        return {one, two} == {"Beijing", "北京"}

    for mode in MODES:
        assert match([call("find", q="北京")], call("find", q="Beijing"), same=judge, mode=mode).passed
    assert set(heard) == {("q", "北京", "Beijing")}


def test_steps_may_run_side_by_side_or_in_turn_but_not_before_what_they_need():
    steps = {"steps": [1, 2, 2, 3], "mode": "strict"}
    gold = (A, B, C, D)
    assert match([A, B, C, D], *gold, **steps).numbers["edge_f1"] == 1
    assert match([A, C, B, D], *gold, **steps).passed
    assert match([A, C, B, D], *gold, made_steps=[0, 1, 1, 2], **steps).passed
    early = match([B, A, C, D], *gold, **steps)
    assert [(fault.kind, fault.expected) for fault in early.faults] == [(ErrorKind.wrong_order, 1)]
    # Edges of the reference: A-B, A-C, B-D, C-D; kept: all but A-B. Made: B-A, A-C, C-D; right: all but B-A.
    assert early.numbers["edge_f1"] == pytest.approx(2 * (2 / 3) * (3 / 4) / (2 / 3 + 3 / 4))
    together = match([A, B, C, D], *gold, made_steps=[0, 0, 1, 2], **steps)
    assert [fault.expected for fault in together.faults] == [1]


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        ([], ErrorKind.no_call),
        ([A], ErrorKind.missing_call),
        ([A, D, B], ErrorKind.extra_call),
        ([A, D, D], ErrorKind.repetition),
        ([A, B], ErrorKind.wrong_tool),
        ([A, call("nowhere")], ErrorKind.unknown_tool),
        ([A, call("save", to="x")], ErrorKind.missing_argument),
        ([A, call("save", to="x", times=2, more=1)], ErrorKind.extra_argument),
        ([A, call("save", to="z", times=2)], ErrorKind.wrong_value),
        ([D, A], ErrorKind.wrong_order),
    ],
)
def test_planted_errors_are_named(made, kind):
    found = match(made, A, D, mode="strict")
    assert not found.passed
    assert {fault.kind for fault in found.faults} == {kind}


def test_needless_calls_and_none_wanted():
    for mode in MODES:
        assert match([A], mode=mode).faults[0].kind is ErrorKind.needless_call
        assert match([], mode=mode).passed


def test_trials_are_counted_each_on_top_of_the_last():
    trials = [Trial(True, True, True), Trial(True, True, False), Trial(True, False, True), Trial(False, True, True)]
    assert tally(trials) == {"n": 4, "tool": 3, "parameter": 2, "pass": 1}


words = st.sampled_from(["a", "b", "latitude", "é", "\ud800", "1,2", "nan"])
values = st.recursive(
    words | st.integers() | st.floats() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
calls = st.lists(st.builds(ToolCall, words, words, st.dictionaries(words, values, max_size=3)), max_size=5)
steps = st.none() | st.lists(st.integers(0, 3), min_size=5, max_size=5)


@settings(max_examples=150, deadline=None)
@given(calls, calls, st.sampled_from(MODES), steps, steps)
def test_anything_is_judged_and_gold_is_right(made, gold, mode, wanted_steps, made_steps):
    cut = {"steps": wanted_steps and sorted(wanted_steps[: len(gold)]), "mode": mode}
    same = match(gold, *gold, made_steps=cut["steps"], **cut)
    assert same.passed
    assert same.score == 1
    options = {**cut, "made_steps": made_steps and made_steps[: len(made)]}
    found = match(made, *gold, **options)
    assert 0 <= found.score <= 1
    assert all(0 <= value <= 1 for value in found.numbers.values())
    assert found.passed == (not found.faults)
    other = [ToolCall("other", one.name, dict(reversed(one.arguments.items()))) for one in made]
    again = match(other, *gold, **options)
    assert (again.passed, again.pairs, again.numbers) == (found.passed, found.pairs, found.numbers)


@pytest.mark.parametrize("mode", MODES)
def test_hostile_calls(mode):
    deep = []
    for _ in range(50_000):
        deep = [deep]
    made = [call("find", latitude=value) for value in (deep, "x" * 10_000_000, "9" * 90, float("inf"), float("nan"), 10**5000, "\ud800")]
    for one in made:
        assert not match([one], call("find", latitude=1.5), mode=mode).passed
    assert not match([*made, *[call("stat", n=at) for at in range(3000)]], A, D, mode=mode).passed
