"""Planted cheats: what earns nothing must earn nothing, in every term and every published reward."""

from __future__ import annotations

from typing import Any

import pytest

from artificer.checks.answers import final_answer, grade
from artificer.checks.rewards import COMPOSITIONS, At, Rollout, Term, composition, product, relative, term
from artificer.checks.rewards.combine import bonus
from artificer.checks.rewards.efficiency import fewer_calls, not_overlong, shorter
from artificer.checks.rewards.evidence import rationale, tool_used
from artificer.checks.rewards.feedback import feedback
from artificer.checks.rewards.forms import ANSWERS_LAST, DEEPEYES, DEEPEYES_V2, TAPO, THINKS_FIRST, TOOL_STAR, deducted, formed, strict, written
from artificer.checks.rewards.penalties import curiosity, every, excess_calls
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind, StopReason

CONTEXT = "Filler sentence here. " * 40 + "The bridge opened in 1932. " + "More filler to read. " * 40
HINT = "bridge opened in 1932"
GOLD = "1932"


def says(text: str = "", *calls: ToolCall, thinks: str | None = None) -> Node:
    return Node(None, Message("assistant", text, reasoning=thinks, calls=calls), sampled=True)


def got(content: Any = None, error: ErrorKind | None = None, number: int = 1) -> Node:
    return Node(None, Message("tool", result=ToolResult(f"c{number}", content, error)))


def call(number: int = 1, **arguments: Any) -> ToolCall:
    return ToolCall(f"c{number}", "search", arguments)


CHEATS: dict[str, tuple[Node, ...]] = {
    "says nothing": (),
    "empty message": (says(""),),
    "empty tags": (says("<think></think><answer></answer>"),),
    "form alone": (says("<think>hm</think><answer>\\boxed{0}</answer>"),),
    "repeated tags": (says("<think>a</think>" * 500 + "<answer>0</answer>" * 500),),
    "tags never closed": (says("<think>" * 500 + "<answer>" * 500),),
    "calls while thinking": (says("<answer>0</answer>", thinks="<search>q</search><python>p</python><tool_call>search</tool_call> 1932?"),),
    "calls in words": (says("<think>a</think><tool_call>search(q=1)</tool_call><answer>0</answer>"),),
    "invented results": (says("<think>a</think><search>q</search><result>1 item</result><answer>0</answer>"),),
    "idle calls": (says("", *(call(number) for number in range(1, 31))), *(got("noise", number=number) for number in range(1, 31)), says("0")),
    "one idle call": (says("<think>a</think>", call()), got("noise"), says("<answer>\\boxed{0}</answer>")),
    "failed calls": (says("<think>a</think>", call()), got(error=ErrorKind.not_found), says("<answer>0</answer>")),
    "copied context": (says(f"<think>a</think><reference>{CONTEXT}</reference><answer>0</answer>"),),
    "copied in pieces": (
        says("".join(f"<reference>{CONTEXT[at : at + 200]}</reference>" for at in range(0, len(CONTEXT), 150)) + "<answer>0</answer>"),
    ),
    "quotes of nothing": (says("<reference></reference><reference>I am helpful</reference><answer>0</answer>"),),
    "every number": (says("<think>a</think><answer>" + " ".join(map(str, range(5000))) + "</answer>"),),
    "very long": (says("<think>" + "so " * 300_000 + "</think><answer>0</answer>"),),
}
RIGHT = (says("<think>a</think>", call(q="bridge")), got({"year": 1932, "of": "bridge"}), says("<answer>\\boxed{1932}</answer>"))


def played(nodes: tuple[Node, ...]) -> Rollout:
    """A trajectory whose accuracy is decided by the answer's own check, and whose length is that of its text."""
    text = written(nodes)
    answer = text.rpartition("<answer>")[2].partition("</answer>")[0] if "<answer>" in text else text
    figures = {"acc": grade(final_answer(answer), GOLD).score, "tokens": len(text) / 4}
    return Rollout((Node(None, Message("user", "When did it open? " + CONTEXT)), *nodes), stop=StopReason.agent_done, figures=figures)


ACC = term("acc", lambda rollout: rollout.figures["acc"])
HONEST = played(RIGHT)


def test_the_honest_answer_is_right() -> None:
    assert HONEST.figures["acc"] == 1


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("name", COMPOSITIONS)
def test_no_cheat_earns_from_a_published_reward_made_strict(name: str, cheat: str) -> None:
    part = composition(name, ACC, "strict")
    group = [played(CHEATS[cheat]), HONEST]
    for at in (At(0, 10), At(9, 10)):
        earned, honest = (reward.value for reward in part(group, at))
        assert earned is not None
        assert honest is not None
        assert earned <= 0
        assert earned < honest


PAYS_FOR_FORM = {"deepeyes_v2": 0.2, "icrl": 0.2, "fission": 2.5 / 3, "tool_star_math": 0.1, "pixel_reasoner": 0.15}
"""What the sources pay a wrong answer, at most: it is theirs, and it is why there is a strict mode."""


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_what_the_sources_pay_for_form_is_known(name: str) -> None:
    part = composition(name, ACC)
    wrong = [played(nodes) for nodes in CHEATS.values()]
    assert not any(rollout.figures["acc"] for rollout in wrong)
    most = max(part([rollout, *[played(())] * 9])[0].value or 0.0 for rollout in wrong)
    assert most <= PAYS_FOR_FORM.get(name, 0.0) + 1e-9


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize(
    "part", [*every(), excess_calls(), not_overlong(2048, 1024), rationale(CONTEXT, HINT), tool_used()], ids=lambda part: part.name
)
def test_no_cheat_earns_from_a_term(part: Term, cheat: str) -> None:
    assert (part([played(CHEATS[cheat])])[0].value or 0) <= 0


@pytest.mark.parametrize("cheat", CHEATS)
def test_no_cheat_earns_by_being_cheap(cheat: str) -> None:
    for factor in (fewer_calls(), shorter()):
        assert product(ACC, factor)([played(CHEATS[cheat]), HONEST, HONEST])[0].value == 0
    assert bonus(tool_used(), ACC)([played(CHEATS[cheat])])[0].value == 0


@pytest.mark.parametrize("cheat", sorted(set(CHEATS) - {"idle calls", "one idle call"}))
def test_curiosity_is_not_fed_by_words(cheat: str) -> None:
    assert curiosity()([played(CHEATS[cheat])] + [played(())] * 9)[0].value == 0


WELL_FORMED = {"form alone", "one idle call", "calls in words", "copied context", "very long", "invented results"}
"""Cheats that do keep some form: whether a text is well formed says nothing of what it says."""


@pytest.mark.parametrize("cheat", sorted(set(CHEATS) - WELL_FORMED))
def test_bad_form_is_no_form(cheat: str) -> None:
    rollout = played(CHEATS[cheat])
    for form in (TOOL_STAR, strict(TAPO), strict(DEEPEYES_V2), strict(DEEPEYES)):
        if cheat in {"calls while thinking", "failed calls", "every number", "repeated tags"} and form is not TOOL_STAR:
            continue  # pairs in order with an answer at the end: what is wrong is not the form
        assert formed(form)([rollout])[0].value == 0
    if cheat in {"says nothing", "empty message", "empty tags", "tags never closed", "idle calls"}:
        assert formed(THINKS_FIRST)([rollout])[0].value == 0
        assert formed(ANSWERS_LAST)([rollout])[0].value == 0


def test_calls_while_thinking_are_no_searches() -> None:
    hidden = "<think><search>q</search></think><answer>x</answer>"
    assert deducted(hidden) == pytest.approx(0.9)
    assert deducted("<think>a</think><search></search><answer>x</answer>") == pytest.approx(0.9)


def test_the_environment_pays_for_no_dump() -> None:
    dump = " ".join(map(str, range(5000)))
    nodes = [Node(None, Message("user", "?")), says("", call()), got(dump), says(dump)]
    assert [one.reward for one in feedback(nodes, {"search": ["1932"]}, "1932")] == [0, 0]
    words = [
        Node(None, Message("user", "1932")),
        says("<tool_call>search</tool_call> 1932", thinks="1932"),
        says("", call()),
        got(None, ErrorKind.timeout),
    ]
    assert [one.reward for one in feedback(words, {"search": ["1932"]}, "1932")] == [-0.3, 0]


def test_a_group_of_cheats_learns_nothing() -> None:
    rewards = relative(composition("tool_star", ACC))([played(CHEATS["form alone"])] * 4)
    assert [reward.value for reward in rewards] == [0, 0, 0, 0]
