"""Rules on records: the check, SR and PSR, answers that tools must have shown, CCTU's own records, hostile calls."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from artificer.checks.base import Episode
from artificer.checks.constraints.cctu import cctu_rule
from artificer.checks.constraints.check import Item, items, judged
from artificer.checks.constraints.measures import Outcome, outcome, rates
from artificer.checks.constraints.rules import Calls, CallsOf, Length, Order, Parallel, Rounds, Together
from artificer.checks.constraints.session import AUTHOR
from artificer.checks.constraints.stated import Rules
from artificer.checks.constraints.text import read
from artificer.checks.constraints.walk import shown_answers, violations, walked
from artificer.checks.suite import by_name, judge
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Goal, Start, Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason, Verdict

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}, "deep": {"type": "object", "properties": {"deep": {"type": "object"}}}}}
TOOLS = [ToolSpec(name, name, SCHEMA) for name in "abc"]


def talk(*said: str, refused: str = "") -> list[Node]:
    """`=words` are the agent's, `<words` the user's, `!words` an answer given back; letters are calls, those of `refused`
    answered with an error."""
    nodes: list[Node] = []
    for at, one in enumerate(said):
        if one[:1] in ("=", "<", "!"):
            role, author = ("assistant", None) if one[0] == "=" else ("user", AUTHOR if one[0] == "!" else None)
            nodes.append(Node(None, Message(role, one[1:], author=author)))  # type: ignore[arg-type]
            continue
        made = tuple(ToolCall(f"{at}.{place}", name, {"n": 1}) for place, name in enumerate(one))
        nodes.append(Node(None, Message("assistant", calls=made)))
        nodes += [
            Node(None, Message("tool", result=ToolResult(call.id, None, ErrorKind.forbidden if call.name in refused else None))) for call in made
        ]
    return nodes


def episode(nodes: list[Node], rules: str | Rules) -> Episode:
    stated = Rules(read(rules)) if isinstance(rules, str) else rules
    task = Task("t", "w", Start(), "p", Goal((), (), ()), constraints=(stated.constraint(),))
    return Episode(task, TOOLS, nodes, (), StopReason.user_done)


def found(nodes: list[Node], rules: str | Rules) -> CheckResult:
    return asyncio.run(by_name(["constraints"])[0](episode(nodes, rules)))


def test_what_ran_all_the_same_stands():
    nodes = talk("<hi", "ab", "=ok")
    free = found(nodes, "available a; calls ..5")
    assert (free.passed, free.score, free.kinds) == (False, 0.5, (ErrorKind.wrong_tool,))
    assert free.evidence == ("message 1: `available a`: 'b' may not be called; allowed are 'a'",)
    assert (free.numbers["standing"], free.numbers["kept"], free.numbers["mended"]) == (1, 0, 1)
    kept = found(talk("<hi", "ab", "=ok", refused="b"), "available a; calls ..5")
    assert (kept.passed, kept.score, kept.numbers["perfect"], kept.mode) == (True, 0.5, 0, "code")


def test_rules_as_items_of_a_checklist():
    rules = Rules(read("order a > b; calls ..9"))
    broken = "message 1: 'b' may be called only after 'a', in a later message"
    assert items(walked(talk("<hi", "b", "=ok"), rules, TOOLS), rules) == (
        Item("Call in this order, each in a later message than the one before: a, then b.", False, broken),
        Item("Make at most 9 tool calls in all.", True),
    )


def test_mended_means_that_the_next_message_keeps_it():
    rules = Rules(read("order a > b; calls ..2"))
    seen = walked(talk("<hi", "b", "b", "a", "b", "=ok", refused="b"), rules, TOOLS)
    assert [(one.node, one.category) for one in seen.violations] == [(1, "order"), (3, "order"), (5, "calls"), (7, "calls")]
    assert [(one.node, one.category) for one in seen.mended] == [(3, "order"), (7, "calls")]


def test_which_words_are_answers():
    nodes = talk("<hi", "=a question?", "<yes", "=long answer", "!too long", "=ok")
    rules = Rules(read("length ..4"))
    assert [one.node for one in violations(nodes, rules)] == [3]
    assert [one.node for one in violations(nodes, rules, finals="every")] == [1, 3]
    assert walked(nodes, rules).kept
    assert not walked(nodes[:-1], rules).kept
    assert not walked(talk("<hi", "a"), rules, TOOLS).finished
    assert not walked([], rules).finished


def test_messages_that_nobody_said_do_not_count():
    before = {"wrapper": {"before": True}}
    nodes = [Node(None, Message("assistant", "noise of before"), notes=before), *talk("<hi", "=ok")]
    assert walked(nodes, Rules(read("rounds ..1; length ..4"))).perfect
    gone = [*talk("<hi", "=ok"), Node(None, Message("assistant"), notes={"error": {"kind": "transport"}})]
    assert walked(gone, Rules(read("rounds ..1; length 1.."))).perfect
    own = [Node(None, Message("user", calls=(ToolCall("u", "a", {}),))), Node(None, Message("tool", result=ToolResult("u"))), *talk("=ok")]
    assert walked(own, Rules(read("calls ..0; parameters"))).perfect


def test_without_the_tools_only_names_are_looked_at():
    nodes = talk("<hi", "az", "=ok")
    assert not violations(nodes, Rules(read("available; parameters; values")))
    assert [one.call for one in violations(nodes, Rules(read("available a")))] == [1]
    assert [one.call for one in violations(nodes, Rules(read("available")), ())] == [0, 1]


def test_a_task_without_rules_does_not_pass():
    task = Task("t", "w", Start(), "p", Goal((), (), ()))
    result = asyncio.run(by_name(["constraints"])[0](Episode(task, TOOLS, talk("=ok"), (), StopReason.user_done)))
    assert (result.passed, result.evidence) == (False, ("the task states no constraints",))


def test_long_lists_of_evidence_are_cut():
    result = found(talk("a" * 50, "=ok"), "calls ..0")
    assert (len(result.evidence), result.numbers["violations.calls"]) == (21, 50)


ANSWERS = {"a": ("Paris, France", "1,200"), "b": ("x",)}


def test_answers_that_tools_must_have_shown():
    """One answer a result; every part, in any case, commas aside; of the right tool (hand-worked from the card)."""

    def result(id: str, name: str, content: Any) -> list[Node]:
        return [Node(None, Message("assistant", calls=(ToolCall(id, name, {}),))), Node(None, Message("tool", result=ToolResult(id, content)))]

    assert shown_answers(result("1", "a", "It is PARIS in france, 1200 km"), ANSWERS) == (1, 3)
    assert shown_answers([*result("1", "a", "paris france 1200"), *result("2", "a", {"km": "1,200"})], ANSWERS) == (2, 3)
    assert shown_answers(result("1", "b", "paris france"), ANSWERS) == (0, 3)
    assert shown_answers([*result("1", "a", "paris france"), *result("2", "a", "paris france"), *result("3", "b", ["X"])], ANSWERS) == (2, 3)
    stated = Rules(read("calls ..9"), answers={"b": ("x",)})
    right = found([*result("1", "b", "x"), *talk("=ok")], stated)
    wrong = found([*result("1", "b", "y"), *talk("=ok")], stated)
    assert (right.passed, right.numbers["shown"]) == (True, 1)
    assert (wrong.passed, wrong.kinds, wrong.evidence) == (False, (ErrorKind.missing_effect,), ("tools have shown 0 of 1 answers that were wanted",))


def test_rates_by_hand():
    """Two repeats of two episodes: SR 50 and 100, PSR 0 and 50."""
    one, two, three, four = (
        Outcome(True, True, False, "x", 0),
        Outcome(False, True, True, "y", 0),
        Outcome(True, True, True, "x", 1),
        Outcome(True, True, False, "y", 1),
    )
    every = rates([one, two, three, four])
    overall = every[""]
    assert list(every) == ["", "x", "y"]
    assert (overall.sr, overall.psr, overall.sr_std, overall.psr_std, overall.episodes) == (75.0, 25.0, 25.0, 25.0, 4)
    assert math.isclose(overall.repaired, 200 / 3)
    assert (every["x"].sr, every["x"].psr, every["y"].sr, every["y"].psr) == (100.0, 50.0, 50.0, 0.0)
    assert rates([]) == {}


def test_outcomes_come_from_verdicts():
    rules = "order a > b; calls ..5"
    verdict = asyncio.run(judge(episode(talk("<hi", "b", "a", "b", "=ok", refused="b"), rules), by_name(["constraints"])))
    assert outcome(verdict, "x", 2) == Outcome(True, True, False, "x", 2, {"order": 1}, {"order": 1})
    failed = Verdict.of((*verdict.parts, CheckResult("reached", 0.0, False)))
    assert outcome(failed) == Outcome(False, True, False, "", 0, {"order": 1}, {"order": 1})
    assert outcome(Verdict.of((CheckResult("reached", 1.0, True),))) is None
    assert rates([outcome(verdict), outcome(failed)])[""].violations == {"order": 2}  # type: ignore[list-item]


CCTU = [
    ({"min_round": 2, "max_round": "inf"}, Rounds(2, 20)),
    ({"min_round": 0, "max_round": 8, "constraint": ["Interact", "Round", "x"]}, Rounds(0, 8)),
    ({"min_callTimes": 3, "max_callTimes": "inf"}, Calls(3)),
    ({"min_parallelCallTypes": 2, "max_parallelCallTypes": "inf", "unit": "num"}, Parallel(2)),
    ({"min_parallelCallTypes": 0, "max_parallelCallTypes": 3, "unit": "type"}, Parallel(0, 3, "tools")),
    ({"max_calls_per_tool": {"t": 2}}, CallsOf({"t": 2})),
    ({"order_constraints": [["a", "b"]]}, Order((("a", "b"),))),
    ({"order_constraints": []}, None),
    ({"parallel_groups": [["a", "a"]]}, Together((("a", "a"),))),
    ({"min_responseLength": 0, "max_responseLength": 100, "unit": "characters"}, Length(0, 100)),
    ({"min_responseLength": 5, "max_responseLength": "inf", "unit": "words"}, Length(5, None, "words")),
]


@pytest.mark.parametrize(("record", "rule"), CCTU)
def test_records_of_cctu(record, rule):
    assert cctu_rule(record) == rule


@pytest.mark.parametrize("record", [{}, {"max_round": 3}, {"min_round": "x", "max_round": 1}, {"max_calls_per_tool": 3}, {"parallel_groups": [3]}])
def test_what_is_no_record_of_cctu(record):
    with pytest.raises(ArtificerError, match="no constraint of CCTU"):
        cctu_rule(record)


def _deep(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"deep": value}
    return value


RECURSIVE: dict[str, Any] = {"type": "object", "properties": {}}
RECURSIVE["properties"]["deep"] = RECURSIVE

HOSTILE: list[tuple[str, dict[str, Any]]] = [
    ("a", {"n": "x" * 10_000_000}),
    ("a", {"n": float("nan")}),
    ("a", {"n": 10**5000}),
    ("a", {"\ud800": "\ud800", "n": "\ud800"}),
    ("a", _deep(100_000)),
    ("a", {str(number): 1 for number in range(200_000)}),
    ("a", {"n": [0] * 1_000_000}),
    ("\ud800" * 1000, {}),
    ("x" * 10_000_000, {}),
    ("a\n`; DROP TABLE", {"__class__": 1}),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_calls_are_only_data(number):
    name, arguments = HOSTILE[number]
    limits = '{"n": {"least": 0, "longest": 3, "one_of": [1, "a"], "like": "{int}"}, "deep": {"one_of": [{"deep": 1}]}}'
    more = f'{{"rule": "values", "tools": {{"a": {limits}}}}}'
    rules = Rules(read(f"available; parameters; {more}; order b > a; calls_of a ..0, b ..1; together b + c"))
    tools = [ToolSpec(name, name, RECURSIVE if number == 4 else SCHEMA) for name in "abc"]
    nodes = [Node(None, Message("assistant", calls=(ToolCall("c", name, arguments),))), *talk("=ok")]
    for one in violations(nodes, Rules(rules.rules[:3]), tools) + violations(nodes, rules, tools):
        assert len(one.why) < 3000
    result = judged(walked(nodes, rules, tools), rules)
    assert result.numbers["perfect"] == 0
    assert all(len(text) < 4000 for text in result.evidence)


def test_the_verdict_depends_on_no_call_id_and_no_order_of_keys():
    one = ToolCall("1", "a", {"n": 1, "x": 2})
    other = ToolCall("zzz", "a", {"x": 2, "n": 1})
    results = [
        found([Node(None, Message("assistant", calls=(call,))), Node(None, Message("tool", result=ToolResult(call.id))), *talk("=ok")], "parameters")
        for call in (one, other)
    ]
    assert results[0] == results[1]
    assert not results[0].passed
