import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.calls import mnms
from artificer.checks.calls.base import Expected
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

MODES = ("code", "strict")
RECORDED = json.loads((Path(__file__).parent / "data" / "presets.json").read_text("utf-8"))["mnms"]


def call(name, **arguments):
    return ToolCall("", name, arguments)


def wanted(*calls):
    return [Expected.exactly(one) for one in calls]


CAPTION = call("image captioning", image="1.jpg")
SHORTEN = call("text summarization", text="<node-0>.text")
ASK = call("question answering", text="<node-1>.text", question="What?")
PLAN = (CAPTION, SHORTEN, ASK)
TOOLS = [ToolSpec(one.name, "", {}) for one in PLAN]


def numbers(made, mode="code"):
    return mnms.match(made, wanted(*PLAN), TOOLS, mode=mode).numbers


@pytest.mark.parametrize("case", RECORDED, ids=range(len(RECORDED)))
def test_labels_are_those_of_the_original(case):
    found = mnms.labels([ToolCall("", name, arguments) for name, arguments in case["plan"]])
    assert {kind: ["--".join(label) for label in getattr(found, kind)] for kind in case["labels"]} == case["labels"]


@pytest.mark.parametrize("mode", MODES)
def test_a_reference_plan_is_right_by_every_measure(mode):
    found = mnms.match(PLAN, wanted(*PLAN), TOOLS, mode=mode)
    assert found.passed
    assert found.score == 1
    assert not found.faults
    assert found.pairs == ((0, 0), (1, 1), (2, 2))
    assert found.numbers.pop("edit_distance") == 0
    assert set(found.numbers.values()) == {1}


@pytest.mark.parametrize("mode", MODES)
def test_one_of_three_tools_left_out(mode):
    found = numbers(PLAN[:2], mode)
    assert (found["tool_f1"], found["argname_f1"], found["argvalue_f1"]) == (0.8, 0.8, 0.8)  # 2 * 2 / (2 + 3)
    assert found["edge_f1"] == pytest.approx(2 / 3)
    assert found["plan_tool"] == 0
    assert found["edit_distance"] == pytest.approx(0.2)


@pytest.mark.parametrize("mode", MODES)
def test_another_order_leaves_the_tools_and_breaks_plan_and_edges(mode):
    found = numbers((SHORTEN, CAPTION, ASK), mode)
    assert (found["tool_f1"], found["argname_f1"], found["plan_tool"], found["edge_f1"]) == (1, 1, 0, 0)


@pytest.mark.parametrize("mode", MODES)
def test_a_renamed_argument_leaves_the_tools(mode):
    found = numbers((call("image captioning", picture="1.jpg"), SHORTEN, ASK), mode)
    assert (found["tool_f1"], found["edge_f1"], found["plan_tool"], found["plan_argname"]) == (1, 1, 1, 0)
    assert found["argname_f1"] == found["argvalue_f1"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("mode", MODES)
def test_another_value_moves_values_alone(mode):
    found = numbers((call("image captioning", image="2.jpg"), SHORTEN, ASK), mode)
    assert (found["argname_f1"], found["plan_argname"], found["plan_argvalue"]) == (1, 1, 0)
    assert found["argvalue_f1"] == pytest.approx(2 / 3)


def test_a_tool_called_twice_is_one_label_there_and_two_here():
    twice = (CAPTION, CAPTION, SHORTEN, ASK)
    assert numbers(twice)["tool_f1"] == 1
    assert numbers(twice, "strict")["tool_f1"] == pytest.approx(6 / 7)


def test_a_line_break_loses_the_call_there_and_not_here():
    plan = (call("tag", text="two\nlines"),)
    assert mnms.labels(plan).tool == ()
    assert mnms.labels(plan, "strict").tool == (("tag",),)


def test_a_reference_that_cannot_be_read_empties_the_plan_there():
    plan = (CAPTION, call("tag", text="<node-x>.text"))
    assert mnms.labels(plan) == mnms.Labels()
    assert len(mnms.labels(plan, "strict").tool) == 2


def test_values_in_any_case_and_numbers_as_text_are_equal():
    assert mnms.match([call("a", y="2001", t="HI")], wanted(call("a", y=2001, t="hi"))).passed


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("made", "kind"),
    [
        ((), ErrorKind.no_call),
        (PLAN[:2], ErrorKind.missing_call),
        ((*PLAN, call("image captioning", image="9.jpg")), ErrorKind.extra_call),
        ((*PLAN, ASK), ErrorKind.repetition),
        ((call("text summarization", text="x"), *PLAN[1:]), ErrorKind.wrong_tool),
        ((call("nowhere"), *PLAN[1:]), ErrorKind.unknown_tool),
        ((call("image captioning"), *PLAN[1:]), ErrorKind.missing_argument),
        ((call("image captioning", image="1.jpg", size=3), *PLAN[1:]), ErrorKind.extra_argument),
        ((call("image captioning", image="7.jpg"), *PLAN[1:]), ErrorKind.wrong_value),
        ((SHORTEN, CAPTION, ASK), ErrorKind.wrong_order),
    ],
)
def test_planted_errors_are_named(made, kind, mode):
    found = mnms.match(made, wanted(*PLAN), TOOLS, mode=mode)
    assert not found.passed
    assert kind in {fault.kind for fault in found.faults}


def test_needless_calls_and_nothing_wanted():
    assert mnms.match([CAPTION], []).faults[0].kind is ErrorKind.needless_call
    assert mnms.match([], []).passed


def test_one_of_several_values_and_an_argument_that_may_be_left_out():
    sought = [Expected("a", {"x": (1, 2), "y": ("z",)}, frozenset({"y"}))]
    assert mnms.match([call("a", x=2)], sought).passed
    assert mnms.match([call("a", x=1, y="z")], sought).passed
    assert not mnms.match([call("a", x=3)], sought).passed


def test_of_several_plans_the_nearest_counts():
    found = mnms.match_any([CAPTION, SHORTEN], [wanted(*PLAN), wanted(CAPTION, SHORTEN)], TOOLS)
    assert found.passed
    assert not mnms.match_any([CAPTION], []).passed


def test_a_corpus_by_hand():
    # tools: a is right once of two made; b is wanted and not made: classes a (P 1/2, R 1, F 2/3), b 0, c 0
    found = mnms.corpus([([call("a")], [call("a")]), ([call("a")], [call("b")])], ["a", "b", "c"])
    assert (found["tool_macro_precision"], found["tool_macro_recall"], found["tool_macro_f1"]) == (16.67, 33.33, 22.22)
    assert (found["argname_f1"], found["edge_f1"], found["plan_tool_accuracy"], found["tool_normalized_edit_distance"]) == (50, 0, 50, 50)
    assert mnms.corpus([], [])["plan_tool_accuracy"] == 0


def test_flows_of_data_are_followed_by_whole_numbers():
    plan = [call("a")] * 12 + [call("b", x="<node-11>.text")]
    other = [call("a")] * 12 + [call("b", x="<node-1>.text")]
    assert mnms.match(plan, wanted(*plan)).numbers["data_edge_f1"] == 1
    assert mnms.match(other, wanted(*plan)).numbers["argvalue_f1"] < 1


words = st.sampled_from(["a", "b", "c c", "<node-0>.x", "<node-", 'q"', "\\", "\n", "{", "é", "\ud800", "\0"])
values = st.recursive(
    words | st.integers() | st.floats() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
calls = st.lists(st.builds(ToolCall, words, words, st.dictionaries(words, values, max_size=3)), max_size=5)


@settings(max_examples=120, deadline=None)
@given(calls, calls, st.sampled_from(MODES))
def test_anything_is_judged_and_gold_is_right(made, gold, mode):
    assert mnms.match(gold, wanted(*gold), mode=mode).passed
    found = mnms.match(made, wanted(*gold), mode=mode)
    assert 0 <= found.score <= 1
    assert all(0 <= value <= 1 for value in found.numbers.values())
    assert found.passed == (not found.faults)
    other = [ToolCall("other", one.name, dict(reversed(one.arguments.items()))) for one in made]
    again = mnms.match(other, wanted(*gold), mode=mode)
    assert (again.passed, again.score, again.pairs, again.numbers) == (found.passed, found.score, found.pairs, found.numbers)
    assert mnms.match(gold, wanted(*made), mode=mode).numbers["tool_f1"] == pytest.approx(found.numbers["tool_f1"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=9), st.lists(st.sampled_from("abc"), max_size=9))
def test_likeness_is_by_the_longest_common_subsequence(one, two):
    table = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
    for i, left in enumerate(one):
        for j, right in enumerate(two):
            table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
    total = len(one) + len(two)
    assert mnms.ratio(one, two) == (2 * table[-1][-1] / total if total else 1)


@pytest.mark.parametrize("mode", MODES)
def test_hostile_calls(mode):
    deep = []
    for _ in range(50_000):
        deep = [deep]
    hostile = [deep, "x" * 10_000_000, float("nan"), 10**5000, "\ud800\0", "__import__('os').system('true')", "<node-99999999999>.x", "(" * 5000]
    made = [call("a", x=value) for value in hostile] + [call("b" * 100_000), call("x=(", **{"y=(": 1})] + [call("a", x=1)] * 500
    found = mnms.match(made, wanted(call("a", x=1)), mode=mode)
    assert not found.passed
    assert all(len(fault.why) < 1000 for fault in found.faults)
