"""Terms and published rewards: the tables of the sources, worked by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.calls.base import Expected
from artificer.checks.rewards import At, Rollout, Term, assign, at_steps, at_trajectory, at_turns, composition, constant, from_data, term
from artificer.checks.rewards.credit import accurate, fact, levenshtein, near, plain, same_plain
from artificer.checks.rewards.efficiency import (
    discounted,
    fewer_calls,
    lenient,
    overlong,
    search_cost,
    shorter,
    sigmoid_factor,
    step_outcomes,
    within,
)
from artificer.checks.rewards.errors import REWARDS, CallClass, class_of, class_of_kinds, error_reward
from artificer.checks.rewards.evidence import confidence, dummy, judgement, rationale, tool_used, used
from artificer.checks.rewards.feedback import Run, answer_reward, contains, feedback, run_scores, step_reward
from artificer.checks.rewards.forms import DEEPEYES, TAPO, TOOL_STAR, deducted, faults, read, spammed, strict, written
from artificer.checks.rewards.penalties import curiosity, every, excess_calls, step_form
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Tokens
from artificer.core.verdicts import ErrorKind, StopReason

ACC = term("acc", lambda rollout: rollout.figures["acc"])


def user(text: str = "go") -> Node:
    return Node(None, Message("user", text))


def says(text: str = "", *calls: ToolCall, thinks: str | None = None, **notes: Any) -> Node:
    return Node(None, Message("assistant", text, reasoning=thinks, calls=calls), sampled=True, notes=notes)


def call(name: str, number: int = 1, **arguments: Any) -> ToolCall:
    return ToolCall(f"c{number}", name, arguments)


def got(content: Any = "ok", number: int = 1, error: ErrorKind | None = None) -> Node:
    return Node(None, Message("tool", result=ToolResult(f"c{number}", None if error else content, error)))


def rollout(*nodes: Node, stop: StopReason = StopReason.agent_done, **figures: float) -> Rollout:
    return Rollout((user(), *nodes), stop=stop, figures=figures)


def value(part: Term, *group: Rollout, at: At | None = None) -> Any:
    values = [reward.value for reward in part(group, at)]
    return values[0] if len(values) == 1 else values


# form

GOOD = r"<think>hm</think><search>q</search><result></result><think>so</think><answer>\boxed{4}</answer>"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (GOOD, None),
        (GOOD.replace("<think>hm</think>", "").replace("<think>so</think>", ""), "no think"),
        (GOOD.replace("<think>hm</think>", "<think>hm"), "search in think"),
        (GOOD.replace("<search>q</search>", "q</search>"), "</search> stands alone"),
        (GOOD.replace("<result></result>", ""), "search without result"),
        (GOOD.replace(r"\boxed{4}", "4"), "no boxed answer in answer"),
        (GOOD + r"<answer>\boxed{5}</answer>", "2 times answer"),
        (GOOD.replace(r"<answer>\boxed{4}</answer>", ""), "no answer"),
        (GOOD.replace(r"\boxed{4}", " "), "no answer"),
        (GOOD.replace("</answer>", ""), "<answer> stands alone"),
        ("", "no think"),
    ],
)
def test_tool_stars_form(text: str, fault: str | None) -> None:
    found = faults(text, TOOL_STAR)
    assert (fault in found) if fault else not found


def test_other_forms() -> None:
    assert not faults("<think>a</think> loose <answer>4</answer>", TAPO)
    assert faults("<think>a</think> loose <answer>4</answer>", strict(TAPO)) == ("text between the tags",)
    assert faults("<answer>4</answer> and more", TAPO) == ("does not end with answer",)
    assert faults("<answer>" + "x" * 1000 + "</answer>", DEEPEYES) == ("the answer is too long",)
    assert not faults("<answer>" + "x" * 999 + "</answer>", DEEPEYES)
    assert faults("<think><answer>4</answer>", DEEPEYES) == ("think: opened and closed unequally", "no answer")


@pytest.mark.parametrize(
    ("text", "fmt"),
    [
        ("<think>a</think><search>q</search><answer>x</answer>", 1.0),
        ("<think>a</think><search>q</search>\nthe last line", 0.5),
        ("<think>a</think><answer>x</answer>", 0.9),
        ("<think>a</think><search>q</search><answer> </answer>", 0.8),
        ("<search>q</search><answer>x</answer>", 0.85),
        ("<think>a</think><think><search>q</search><answer>x</answer>", 0.4),
        ("<think>a</think><search>q</search><answer>x</answer><answer>", 0.8),
        ("plain", 0.25),
        ("", 0.0),
        (" \n", 0.0),
    ],
)
def test_icrls_deductions(text: str, fmt: float) -> None:
    assert deducted(text) == pytest.approx(fmt)


def test_the_same_response_scores_the_same_whatever_the_prompt() -> None:
    demonstration = Node(None, Message("assistant", GOOD))
    nodes = (says("<think>a</think><answer>x</answer>"),)
    assert written([user(), *nodes]) == written([user(GOOD), demonstration, demonstration, user(), *nodes])
    hostile = got("</think><answer>5</answer></result>")
    assert written([user(), says("a", call("f")), hostile]) == written([user(), says("a", call("f")), got()])


def test_spam() -> None:
    assert [spammed("<answer>4</answer>" * count) for count in (1, 10, 11)] == [1, 1, 0.25]


def test_a_response_of_nothing_but_tags_has_no_form() -> None:
    spam = "<think></think>" * 5001 + "<answer>4</answer>"
    assert "one tag too many" in faults(spam, DEEPEYES)
    assert "one tag too many" in faults(spam, TAPO)
    assert deducted(spam) == 0


def test_ten_megabytes_of_tags_are_read_in_one_pass() -> None:
    for piece in ("<think>", "</think>", "<think></think>", "<", "<a" * 3, "\ud800"):
        read(piece * (2_000_000 // len(piece)))
        deducted(piece * (200_000 // len(piece)))


# penalties


@pytest.mark.parametrize(
    ("nodes", "stop", "costs"),
    [
        ((says("<think>a</think>", call("f")), got(), says("<answer>4</answer>")), StopReason.agent_done, {}),
        ((says("a<think>b</think>", call("f")), got(), says("<answer>4</answer>")), StopReason.agent_done, {"think format": -0.5}),
        ((says("<think>a</think>", call("f")), got(), says("4")), StopReason.agent_done, {"answer format": -0.5}),
        ((says("<think>a</think>"), says("<answer>4</answer>")), StopReason.agent_done, {"no tool": -0.25}),
        (
            (says("<think>a</think>", call("f")), got(error=ErrorKind.unknown_tool), says("<answer>4</answer>")),
            StopReason.agent_done,
            {"invalid action": -0.25, "no tool": -0.25},
        ),
        (
            (says("<think>a</think>", call("f")), got(error=ErrorKind.not_found), says("<answer>4</answer>")),
            StopReason.agent_done,
            {"execution error": -0.25},
        ),
        ((says("<think>a</think>", call("f")), got(), says("<answer>4</answer>")), StopReason.max_turns, {"unfinished": -0.25}),
        ((says("<think>a</think>", call("f")), got(), says("<answer>4</answer>", error={})), StopReason.user_done, {"invalid action": -0.25}),
        ((), StopReason.max_tokens, {"think format": -0.5, "answer format": -0.5, "unfinished": -0.25, "no tool": -0.25}),
    ],
)
def test_verltools_penalties(nodes: tuple[Node, ...], stop: StopReason, costs: dict[str, float]) -> None:
    found = {part.name: value(part, rollout(*nodes, stop=stop)) for part in every()}
    assert {name: amount for name, amount in found.items() if amount} == costs


def test_curiosity_and_excess() -> None:
    used_, idle = rollout(says("", call("f")), got()), rollout(says("4"))
    failed = rollout(says("", call("f")), got(error=ErrorKind.not_found))
    assert value(curiosity(), used_, *[idle] * 9) == pytest.approx([0.1] + [0] * 9)  # 0.5 * (0.3 - 0.1)
    assert value(curiosity(), used_, used_, idle, idle) == [0, 0, 0, 0]
    assert value(curiosity(), failed, *[idle] * 9) == [0] * 10
    many = rollout(says("", call("f"), call("f", 2), call("f", 3)), got(), got(number=2), got(number=3, error=ErrorKind.timeout))
    assert value(excess_calls(), idle, used_, many) == pytest.approx([0, 0, -0.1])


def test_portools_form_of_a_step() -> None:
    nodes = [
        user(),
        says("", call("f"), thinks="hm"),
        got(),
        says("<think>a</think>", call("f")),
        got(error=ErrorKind.missing_argument),
        says("", call("f")),
        got(error=ErrorKind.unknown_tool),
        says("", call("f")),
        got(error=ErrorKind.timeout),
        says("tool(", error={}),
        says("the answer", thinks="so"),
        says(""),
    ]
    assert step_form(nodes) == pytest.approx([1, 0.6, 0.4, 0.6, 0, 1, 0])


# error classes

TOOLS = [
    ToolSpec("book", "", {"type": "object", "properties": {"city": {}, "day": {}, "seat": {}, "note": {}}}),
    ToolSpec("cancel", "", {"type": "object", "properties": {}}),
]
GOLD = Expected("book", {"city": ("Rome",), "day": (3, "3")})


@pytest.mark.parametrize(
    ("made", "name", "reward"),
    [
        (None, CallClass.unparsable, -2),
        (call("fly"), CallClass.unknown_tool, -2),
        (call("cancel"), CallClass.wrong_tool, -1.5),
        (call("book", city="Rome", seat=1, x=1), CallClass.hallucinated_redundant_missing, -1.8),
        (call("book", city="Rome", x=1), CallClass.hallucinated_and_more, -1.3),
        (call("book", city="Rome", day=3, seat=1, x=1), CallClass.hallucinated_and_more, -1.3),
        (call("book", city="Rome", seat=1), CallClass.redundant_missing, -1.0),
        (call("book", city="Rome", day=3, x=1), CallClass.hallucinated, -0.8),
        (call("book", city="Rome"), CallClass.redundant_or_missing, -0.5),
        (call("book", city="Rome", day=3, seat=1), CallClass.redundant_or_missing, -0.5),
        (call("book", city="Oslo", day=3), CallClass.wrong_value, -0.25),
        (call("book", day="3", city="Rome"), CallClass.right, 1),
    ],
)
def test_tl_trainings_table(made: ToolCall | None, name: CallClass, reward: float) -> None:
    assert class_of(made, GOLD, TOOLS) is name
    assert error_reward(made, GOLD, TOOLS) == reward


def test_optional_arguments_are_neither_missing_nor_redundant() -> None:
    gold = Expected("book", {"city": ("Rome",), "note": ("",)}, frozenset({"note"}))
    assert class_of(call("book", city="Rome"), gold, TOOLS) is CallClass.right
    assert class_of(call("book", city="Rome", note=""), gold, TOOLS) is CallClass.right
    assert class_of(call("book", city="Rome", note="x"), gold, TOOLS) is CallClass.wrong_value


def test_every_kind_has_a_class_and_every_class_a_reward() -> None:
    assert set(REWARDS) == set(CallClass)
    assert all(class_of_kinds([kind]) is not CallClass.right for kind in ErrorKind)
    assert class_of_kinds([]) is CallClass.right
    assert class_of_kinds([ErrorKind.missing_argument, ErrorKind.extra_argument]) is CallClass.hallucinated_and_more
    assert class_of_kinds([ErrorKind.wrong_value, ErrorKind.unknown_tool]) is CallClass.unknown_tool
    assert class_of_kinds([ErrorKind.mistyped_argument]) is CallClass.wrong_value


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["city", "day", "seat", "x"]), st.sampled_from(["Rome", 3, math.nan, None, [1]])))
def test_only_the_reference_earns_one(arguments: dict[str, Any]) -> None:
    right = arguments == {"city": "Rome", "day": 3}
    assert (error_reward(ToolCall("c", "book", arguments), GOLD, TOOLS) == 1) == right


# feedback


@pytest.mark.parametrize(
    ("solved", "calls", "f1", "precision", "square"),
    [(1, 1, 1, 1, 1), (1, 2, 2 / 3, 0.5, 0.5), (3, 3, 1.5, 1, 3), (0, 2, 0, 0, 0), (0, 0, 0, 0, 0)],
)
def test_ftrls_step_rewards(solved: int, calls: int, f1: float, precision: float, square: float) -> None:
    assert step_reward(solved, calls) == pytest.approx(f1)
    assert step_reward(solved, calls, "recall") == solved
    assert step_reward(solved, calls, "precision") == pytest.approx(precision)
    assert step_reward(solved, calls, "square") == pytest.approx(square)


def test_ftrls_answers() -> None:
    assert contains("Paris is in France", "Paris, France")
    assert not contains("paris", "Paris, France")
    assert contains("there are 1234", "1,234")
    assert (contains("1234", "12"), contains("1234", "12", whole=False)) == (False, True)
    assert not contains("anything", "")
    assert [answer_reward(said, "4", left) for said, left in (("", 0), ("<tool_call>4", 0), ("it is 4", 2), ("it is 4", 0))] == [-0.5, -0.3, 1 / 3, 1]
    assert [answer_reward("no idea", "4", left) for left in (0, 1)] == [0.5, 0]
    assert answer_reward("4 " * 5000, "4", 0) == 0.5
    assert run_scores(2, 4, 4) == Run(0.5, 0.5, 0.5)
    assert run_scores(0, 0, 2) == Run(1.0, 0.0, 0.0)


def test_an_answer_is_paid_once() -> None:
    nodes = [
        user(),
        says("", call("find"), call("find", 2)),
        got({"city": "Paris"}),
        got("Paris", 2),
        says("", call("find", 3)),
        got("Paris", 3),
        says("", call("other", 4), call("find", 5)),
        got("Rome", 4),
        got("Rome", 5, error=ErrorKind.timeout),
        says("Paris"),
    ]
    found = feedback(nodes, {"find": ["Paris"], "more": ["Rome"]}, "Paris")
    assert [(one.calls, one.solved, one.left) for one in found] == [(2, 1, 1), (1, 0, 1), (2, 0, 1), (0, 0, 1)]
    assert [one.reward for one in found] == pytest.approx([2 / 3, 0, 0, 0.5])


# efficiency


def test_et_agents_factors() -> None:
    one, three = rollout(says("", call("f")), got(), tokens=10), rollout(says("", call("f"), call("f", 2), call("f", 3)), tokens=10)
    assert value(fewer_calls(0.2), one, three) == pytest.approx([1.0997, 0.9003], abs=5e-5)
    assert value(shorter(0.5), one, three) == [1, 1]
    assert value(shorter(0.5), rollout(tokens=10), rollout(tokens=30)) == pytest.approx([2 / (1 + math.exp(-0.5)), 2 / (1 + math.exp(0.5))])
    assert [sigmoid_factor(excess, 1) for excess in (0, 1e9, -1e9)] == [1, 0, 2]


def test_et_agents_reward() -> None:
    form = [says("<think>a</think>"), says(r"<answer>\boxed{4}</answer>")]
    calls = [says("", *(call("f", number) for number in range(3))), *(got(number=number) for number in range(3))]
    part = composition("et_agent", ACC)
    right, slow = rollout(*form, acc=1, tokens=5), rollout(form[0], *calls, form[1], acc=1, tokens=5)
    wrong, broken = rollout(*form, acc=0, tokens=5), rollout(says("4"), acc=1, tokens=5)
    start = value(part, right, slow, wrong, broken)
    assert start[0] == pytest.approx(2 / (1 + math.exp(0.2 * -0.75)))
    assert start[1] == pytest.approx(2 / (1 + math.exp(0.2 * 2.25)))
    assert start[2] == 0
    assert start[3] == pytest.approx(start[0] - 1)
    assert value(part, right, slow, wrong, broken, at=At(9, 10)) == pytest.approx([1, 1, 0, 0])
    middle = value(part, right, slow, at=At(1, 3))
    assert middle == pytest.approx([sigmoid_factor(-1.5, 0.1), sigmoid_factor(1.5, 0.1)])


def test_lengths_and_turns() -> None:
    assert [overlong(length, 2048, 1024) for length in (0, 1024, 1536, 2048, 3072)] == [0, 0, -0.5, -1, -2]
    assert overlong(20_480, 20_480, 4_096) == -1
    assert [lenient(-1, turns) for turns in (2, 6, 10, 14, 1000)] == pytest.approx([-1, -0.8, -0.6, -0.6, -0.6])
    assert lenient(1, 50) == 1
    assert [within(length, 10, 10) for length in (5, 10, 15, 30)] == [1, 1, 0.5, 0]
    assert within(11, 10, 0) == 0
    assert [search_cost(count) for count in (0, 1, 5)] == [1, 0.9, 0.9]
    assert discounted(1, 2) == pytest.approx(0.9025)
    assert step_outcomes([(1, 2), (0, 1)], 1) == pytest.approx(0.95)
    assert step_outcomes([], 1) == 0


# evidence


def test_results_that_are_used() -> None:
    nodes = [
        user("what costs item 12?"),
        says("", call("price", item=12), call("noise", 2)),
        got({"price": 31.5, "item": 12}),
        got({"item": 12, "ok": True}, 2),
        says("It costs 31.5."),
    ]
    assert used(nodes) == [True, False]
    assert used([*nodes[:4], says("It costs something.")]) == [False, False]
    assert used([user(), says("it is 31.5", call("price")), got(31.5), says("it is 31.5")]) == [False]
    chained = [user(), says("", call("id")), got({"id": 77}), says("", call("get", 2, id=77)), got(None, 2)]
    assert used(chained) == [True, False]


def test_rare() -> None:
    context = "One thing. " * 20 + "The bridge was built in 1932." + " Another thing." * 20
    part = rationale(context, "built in 1932")
    quote = "<reference>the bridge was built in 1932</reference>"
    texts = (quote, "built in 1932", "<reference></reference>", "<reference>Another thing.</reference>", f"<reference>{context}</reference>")
    assert value(part, *(rollout(says(text)) for text in texts)) == [1, 0, 0, 0, 0]
    assert value(rationale(context, None), rollout(says(quote))) == 0
    copied = [user(f"{quote} {context}"), got(quote), says("yes")]
    assert value(part, Rollout(tuple(copied))) == 0


def test_tattoos_terms() -> None:
    assert [confidence(True, 1), confidence(False, 1), confidence(True, 0.5), confidence(False, 0)] == [1, 0, 0.75, 1]
    assert confidence(True, math.nan) == 0
    sums = [
        sum(judgement(*row).values()) for row in ((True, 1.0, True), (True, 0.5, True), (True, 1.0, False), (False, 1.0, True), (False, 0.5, False))
    ]
    assert sums == pytest.approx([2.0, 1.5, 1.5, -1.5, 0.0])


@pytest.mark.parametrize(
    ("code", "idle"),
    [
        ("# look", True), ("pass\n\n...", True), ("'nothing'", True), ("", True), ("x = 1", False), ("print('a')", False), ("'a' + 'b'", False),
        ("pass  # x = 1\n", False), ("#\nx()", False),
    ],
)  # fmt: skip
def test_dummy_code(code: str, idle: bool) -> None:
    assert dummy(code) == idle


def test_tapos_credit() -> None:
    assert [plain(text) for text in (" Twelve ", "1,234", "one two", "someone", "1,23")] == ["12", "1234", "1 2", "someone", "1,23"]
    assert [same_plain(said, ["12", "x"]) for said in ("twelve", "12", "13", "")] == [1, 1, 0, 0]
    assert [near(said, ["3+4j"]) for said in ("3+4j", "3+4.0005i", "3+4.002j", "four")] == [1, 1, 0, 0]
    assert [near(said, ["100"], relative=0.05) for said in ("104.9", "105.1", "95.1")] == [1, 0, 1]
    assert [near("0", ["0"], relative=0.05), near("nan", ["nan"])] == [0, 0]
    assert levenshtein("kitten", "sitting") == 3
    assert fact("in Paris, France", ["paris"]) == 1
    hundred = "a" * 100
    assert fact("b" * 49 + "a" * 51, [hundred]) == pytest.approx(0.51)
    assert fact("b" * 50 + "a" * 50, [hundred]) == 0
    assert fact("paris " * 100, ["paris"]) == 0
    assert [fact("", ["x"]), fact("x", [""]), fact("x", [])] == [0, 0, 0]
    assert [accurate(score) for score in (0.9, 0.91)] == [False, True]


# compositions

SEARCHED = (says("<think>a</think>", call("search")), got({"n": 45}))
ANSWER = says(r"<answer>\boxed{45}</answer>")
BAD = says("<think>")


def test_tool_stars_reward() -> None:
    part = composition("tool_star", ACC)
    answer = says(r"<answer>\boxed{4}</answer>")
    one = (says("<think>a</think><search>q</search>"), got())
    both = (*one, says("<python>p</python>"), got())
    table = [((*both, answer), 1, 1.1), ((*both, answer), 0.5, 0.6), ((*both, answer), 0, 0), ((*one, answer), 1, 1), ((*one, answer), 0, 0)]
    table += [((says("4"),), 1, -1), ((), 1, -1), ((says("<think>a</think><search>q</search><result>3</result>"), answer), 1, -1)]
    assert value(part, *(rollout(*nodes, acc=acc) for nodes, acc, _ in table)) == pytest.approx([reward for *_, reward in table])
    native = (says("<think>a</think>", call("find"), call("count", 2)), got(), got(number=2), answer)
    strictly = composition("tool_star", ACC, "strict")
    assert value(strictly, rollout(*native, acc=1), rollout(*native[:2], answer, acc=1)) == pytest.approx([1.1, -1])


def test_deepeyes_reward() -> None:
    part = composition("deepeyes", ACC)
    idle = (says("<think>a</think>"),)
    bare = (says("", call("search")), got({"n": 45}))
    table = [
        ((*SEARCHED, ANSWER), 1, 2.0),
        ((*idle, ANSWER), 1, 0.8),
        ((*bare, ANSWER, BAD), 1, 1.8),
        ((*idle, ANSWER, BAD), 1, 0.6),
        ((*SEARCHED, ANSWER), 0, 0.0),
        ((*idle, ANSWER), 0, 0.0),
        ((*SEARCHED, ANSWER, BAD), 0, -0.2),
        ((*idle, BAD), 0, -0.2),
        ((says("<think>a</think>", call("search")), got(error=ErrorKind.timeout), ANSWER), 1, 0.8),
        ((*SEARCHED, says("<answer>" + "45 " * 400 + "</answer>")), 1, -0.2),
    ]
    assert value(part, *(rollout(*nodes, acc=acc) for nodes, acc, _ in table)) == pytest.approx([reward for *_, reward in table])


def test_other_published_rewards() -> None:
    two = composition("deepeyes_v2", ACC)
    idle = says("<think>a</think>")
    table = [((*SEARCHED, ANSWER), 1, 0.92), ((idle, ANSWER), 1, 1.0), ((idle, ANSWER), 0, 0.2), ((BAD,), 0, 0.0)]
    assert value(two, *(rollout(*nodes, acc=acc) for nodes, acc, _ in table)) == pytest.approx([reward for *_, reward in table])
    icrl = composition("icrl", ACC)
    searched = says("<think>a</think><search>q</search>\nline")
    table = [
        ((searched,), 0, 0.1),
        ((says("<think>a</think><search>q</search><answer>4</answer>"),), 1, 1.0),
        ((says("<think>a</think><answer>4</answer>"),), 1, 0.98),
        ((), 0, 0.0),
    ]
    assert value(icrl, *(rollout(*nodes, acc=acc) for nodes, acc, _ in table)) == pytest.approx([reward for *_, reward in table])
    tapo = composition("tapo", ACC)
    assert value(tapo, *(rollout(ANSWER, acc=1, tokens=tokens) for tokens in (10, 1536, 2048))) == pytest.approx([1, 0.5, 0])
    assert value(tapo, rollout(BAD, acc=1, tokens=1)) == -1
    retool = composition("retool", ACC)
    assert value(retool, *(rollout(*[ANSWER] * count, acc=0) for count in (1, 3, 5, 7))) == pytest.approx([-1, -0.8, -0.6, -0.6])
    assert value(retool, rollout(ANSWER, acc=1)) == 1
    assert value(composition("retool", ACC, "strict"), rollout(*[ANSWER] * 7, acc=0)) == -1
    demystified = composition("demystified", ACC)
    assert value(demystified, rollout(ANSWER, acc=1, tokens=20_480), rollout(ANSWER, acc=0, tokens=18_432)) == pytest.approx([0, -1.5])
    fission = composition("fission", ACC)
    nodes = (idle, ANSWER)
    assert [value(fission, rollout(*nodes, acc=0.5, tokens=1), at=At(step, 3)) for step in (0, 1, 2)] == pytest.approx(
        [(1.5 + 0.25 + 1) / 3, (1 + 0.5 + 1) / 3, (0.5 + 0.75 + 1) / 3]
    )
    verltool = composition("verltool", ACC)
    assert value(verltool, rollout(says("4"), acc=1)) == pytest.approx(1 - 0.5 - 0.5 - 0.25)
    boxes = says("<answer>\\boxed{4} or \\boxed{5}</answer>")
    table = [((idle, ANSWER), 1, 1.2), ((idle, boxes), 1, 0.8), ((BAD,), 0, -0.4)]
    assert value(composition("deepeyes_math", ACC), *(rollout(*n, acc=acc) for n, acc, _ in table)) == pytest.approx([r for *_, r in table])
    table = [((idle, ANSWER), 1, 1.0), ((idle, ANSWER), 0, 0.1), ((BAD,), 1, 0.0)]
    assert value(composition("tool_star_math", ACC), *(rollout(*n, acc=acc) for n, acc, _ in table)) == pytest.approx([r for *_, r in table])
    spam = says("<answer>4</answer>" * 11)
    assert value(composition("search_r1", ACC), rollout(spam, acc=1), rollout(ANSWER, acc=1), rollout(ANSWER, acc=0)) == [0.25, 1, 0]
    pixel = composition("pixel_reasoner", ACC)
    assert value(pixel, rollout(*SEARCHED, acc=1), *[rollout(ANSWER, acc=0)] * 9) == pytest.approx([1.1] + [0] * 9)
    with pytest.raises(ArtificerError, match="no reward 'x'"):
        composition("x", ACC)


def test_compositions_from_data() -> None:
    terms = {"acc": ACC, "form": constant(0.5, "form")}
    made = from_data({"clip": [{"sum": [{"term": "acc", "weight": 0.8}, {"term": "form", "weight": [1, 0], "name": "shape"}]}, 0, 1]}, terms)
    reward = made([rollout(acc=1)], At(1, 3))[0]
    assert reward.terms == pytest.approx({"acc": 0.8, "shape": 0.25, "total clip": -0.05})
    gated = from_data({"gate": {"when": "acc", "then": {"product": ["acc", 2]}, "otherwise": -1, "above": 0.5}}, terms)
    assert [value(gated, rollout(acc=acc)) for acc in (1, 0.5)] == [2, -1]
    deep: Any = "acc"
    for _ in range(40):
        deep = {"sum": [deep]}
    wrongs: list[Any] = [
        "z", None, True, {"sum": []}, {"sum": ["acc"], "gate": 1}, {"gate": {"when": "acc"}}, {"gate": 3}, {"clip": ["acc", 0]},
        {"clip": ["acc", 1, 0]}, {"term": "acc", "weight": "x"}, {"term": "acc", "weight": [1]}, {"term": "acc", "other": 1}, deep,
    ]  # fmt: skip
    for wrong in wrongs:
        with pytest.raises(ArtificerError):
            from_data(wrong, terms)


# placing


def test_rewards_on_nodes() -> None:
    def with_tokens(node: Node, size: int) -> Node:
        import msgspec

        return msgspec.structs.replace(node, tokens=Tokens(tuple(range(size)), weights={"loss": (1.0,) * size}))

    nodes = [
        with_tokens(user(), 2),
        with_tokens(says("", call("f")), 3),
        with_tokens(got(), 1),
        with_tokens(says("a"), 2),
        user(),
        with_tokens(says("b"), 4),
    ]

    def streams(placed: Any) -> list[Any]:
        return [node.tokens.weights.get("reward") if node.tokens else node.notes.get("reward") for node in placed]

    assert at_steps(nodes, [0.5, None, 1.0]) == {1: 0.5, 5: 1.0}
    assert streams(assign(nodes, {1: 0.5, 5: 1.0})) == [(0, 0), (0, 0, 0.5), (0,), (0, 0), None, (0, 0, 0, 1)]
    assert at_turns(nodes, [1.0, 2.0]) == {3: 1.0, 5: 2.0}
    assert at_turns(nodes, [1.0, 2.0], spread="all") == {1: 1.0, 3: 1.0, 5: 2.0}
    assert at_turns(nodes, [1.0], spread="share") == {1: 0.5, 3: 0.5}
    assert at_trajectory(nodes, 3.0) == {5: 3.0}
    assert at_trajectory(nodes, 3.0, spread="share") == {1: 1.0, 3: 1.0, 5: 1.0}
    assert streams(assign(nodes, at_trajectory(nodes, 2.0, spread="all"), spread="all"))[5] == (2, 2, 2, 2)
    assert streams(assign(nodes, {5: 2.0}, spread="share"))[5] == (0.5,) * 4
    assert assign(nodes, {})[1].tokens.weights["loss"] == (1.0,) * 3  # type: ignore[union-attr]
    bare = [user(), says("x")]
    assert assign(bare, {1: 0.25})[1].notes == {"reward": 0.25}
    assert assign(bare, {1: 0.25})[0] is bare[0]
    for wrong in ({0: 1.0}, {9: 1.0}, {1: math.nan}):
        with pytest.raises(ArtificerError):
            assign(bare, wrong)
    for place in (at_steps, at_turns):
        with pytest.raises(ArtificerError, match="rewards for 1"):
            place(bare, [1.0, 2.0])
    assert at_trajectory([user()], 1.0) == {}


def test_tool_used_is_a_term() -> None:
    assert value(tool_used(), rollout(*SEARCHED, ANSWER), rollout(ANSWER)) == [1, 0]
