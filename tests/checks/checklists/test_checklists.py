"""Checklists: tables worked by hand (2 turns, 3 items, 4 rollouts), validation, rules, judges that fail, and the check."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.base import Episode
from artificer.checks.checklists.check import Ticked
from artificer.checks.checklists.decide import asks, decide, majority
from artificer.checks.checklists.items import Called, Item, Pointer, Said, Shown, checklist, read, read_cm2
from artificer.checks.checklists.rewards import (
    Paid,
    agreed,
    averaged,
    goes_on,
    paid,
    scored,
    step_advantages,
    trajectory_advantages,
    turn_advantages,
)
from artificer.checks.judges.base import Judgement, Question
from artificer.checks.rewards.steps import steps
from artificer.checks.suite import by_name
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Constraint, Goal, Start, Task
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind, StopReason

Y, N, U = True, False, None


def item(name: str, weight: float, after: tuple[str, ...] = (), must: bool = False, **more: Any) -> Item:
    return Item(name, f"{name}?", more.pop("focus", "tool.content"), after=after, weight=weight, must=must, **more)


# Turn 0: a (0.5, must), then b after a (0.5). Turn 1: c (1.0).
LIST = checklist([[item("a", 0.5, must=True), item("b", 0.5, ("a",))], [item("c", 1.0)]])
ROLLOUTS = [
    [[(Y, N), (Y, Y)], [(Y,)]],  # a, then b; c at once
    [[(N, N), (Y, N), (Y, N)], [(N,), (Y,)]],  # a late, never b; c at the second step
    [[(N, Y), (Y, Y)], [(N,)]],  # b before a
    [[(N, N)]],  # nothing; the conversation stopped
]


def test_rewards_by_hand() -> None:
    found = [scored(LIST, turns) for turns in ROLLOUTS]
    assert [one.turns for one in found] == [(1.0, 1.0), (0.5, 1.0), (0.5, 0.0), (0.0,)]
    assert [one.value for one in found] == [1.0, 0.75, 0.25, 0.0]
    # the paper's L counts the turns that were reached
    reached = [scored(LIST, turns, over="reached").value for turns in ([[(Y, N), (Y, Y)]], *ROLLOUTS[1:])]
    assert reached == [1.0, 0.75, 0.25, 0.0]
    # the code pays b in the third rollout: it does not look at dependencies here
    assert [scored(LIST, turns, mode="code").turns for turns in ROLLOUTS] == [(1.0, 1.0), (0.5, 1.0), (1.0, 0.0), (0.0,)]


def test_when_items_are_paid() -> None:
    before = LIST.before(0)
    assert [one.step for one in paid(ROLLOUTS[0][0], before)] == [0, 1]
    assert [one.step for one in paid(ROLLOUTS[1][0], before)] == [1, None]
    assert [one.step for one in paid(ROLLOUTS[2][0], before)] == [1, None]
    assert [one.step for one in paid(ROLLOUTS[2][0], before, mode="code")] == [1, 1]
    both = [(Y, Y)]  # a and b in one step: too late for the paper
    assert [one.step for one in paid(both, before)] == [0, None]
    assert [one.step for one in paid(both, before, mode="code")] == [0, 0]
    backwards = ((1,), ())  # the dependency is listed after the item
    assert [one.step for one in paid(both, backwards, mode="code")] == [None, 0]


def test_nothing_is_paid_back_or_twice() -> None:
    flips = [(Y, N), (N, N), (Y, Y), (N, N)]
    assert paid(flips, LIST.before(0))[0].step == 0
    assert scored(LIST, [flips]).turns == (0.5,)  # b turned true when a was false before it
    again = [(Y, N), (Y, Y), (N, N), (Y, Y)]
    assert scored(LIST, [again]).turns == (1.0,)


def test_late_payment_is_worth_less() -> None:
    waits = [[(Y, N), (Y, N), (Y, Y)]]
    outcomes = paid(waits[0], LIST.before(0))
    assert outcomes[1] == Paid(2, 1, true=True)
    assert outcomes[1].worth(0.9) == pytest.approx(0.9)
    assert scored(LIST, waits, eta=0.9).turns == pytest.approx((0.5 + 0.5 * 0.9,))
    assert [one.worth(0.5) for one in paid(waits[0], LIST.before(0), mode="code")] == [1.0, 0.5]


def test_advantages_by_hand() -> None:
    rows = [scored(LIST, turns) for turns in ROLLOUTS]
    assert trajectory_advantages(rows) == pytest.approx([0.5, 0.25, -0.25, -0.5])
    # turn 0: mean 0.5 of (1, .5, .5, 0); turn 1: mean 2/3 of the three that reached it
    assert turn_advantages(rows) == [pytest.approx([0.5, 1 / 3]), pytest.approx([0, 1 / 3]), pytest.approx([0, -2 / 3]), pytest.approx([-0.5])]
    assert turn_advantages(rows, least=4)[0] == [0.5, 0.0]
    assert turn_advantages(rows, least=5) == [[0, 0], [0, 0], [0, 0], [0]]


def test_step_advantages_by_hand() -> None:
    # paper: b(a) = 3/4, b(b) = 1/4, b(c) = 2/3.
    found = step_advantages(LIST, ROLLOUTS)
    assert found[0] == [pytest.approx([1 / 4, 3 / 4]), pytest.approx([1 / 3])]  # a; then b alone is eligible
    assert found[1] == [pytest.approx([1 / 4, 1 / 4, -1 / 4]), pytest.approx([1 / 3, 1 / 3])]
    assert found[2] == [pytest.approx([1 / 4, 1 / 4]), pytest.approx([-2 / 3])]  # a at both; b, true before its time, at none
    assert found[3] == [pytest.approx([-3 / 4])]
    # a tie of items eligible at once: (0.5 * (1 - 3/4) + 0.5 * (0 - 1/4)) / 1
    two = checklist([[item("x", 0.5), item("y", 0.5)]])
    assert step_advantages(two, [[[(Y, N)]], [[(Y, N)]], [[(Y, Y)]], [[(N, N)]]])[0] == [pytest.approx([0.0])]


def test_too_few_holders_count_for_nothing() -> None:
    assert step_advantages(LIST, ROLLOUTS, least=4)[0] == [pytest.approx([1 / 4, 3 / 4]), [0.0]]
    code = step_advantages(LIST, ROLLOUTS, mode="code", least=1)
    # code: b(b) over those where it was ever eligible (three: 1, 0, 1)
    assert code[0] == [pytest.approx([1 / 4, 1 / 3]), pytest.approx([1 / 3])]


def test_a_failed_judge_rejects_the_row() -> None:
    missing = [[(U, N), (Y, Y)], [(Y,)]]
    found = scored(LIST, missing)
    assert found.value is None
    assert "'a', 'b' undecided" in found.why
    rows = [scored(LIST, turns) for turns in (*ROLLOUTS, missing)]
    assert trajectory_advantages(rows)[:4] == pytest.approx([0.5, 0.25, -0.25, -0.5])
    assert trajectory_advantages(rows)[4] is None
    assert step_advantages(LIST, [*ROLLOUTS, missing])[4] is None
    assert step_advantages(LIST, [*ROLLOUTS, missing])[0] == step_advantages(LIST, ROLLOUTS)[0]
    assert goes_on(LIST, 0, [(U, N)]) is None


def test_undecided_items_may_be_left_out_with_record() -> None:
    missing = [[(Y, U), (Y, U)], [(Y,)]]
    found = scored(LIST, missing, undecided="exclude")
    assert (found.value, found.turns, found.excluded) == (1.0, (1.0, 1.0), ((0, "b"),))
    nothing = scored(LIST, [[(Y, N)], [(U,)]], undecided="exclude")
    assert nothing.value is None
    assert scored(LIST, [[(U, N), (Y, Y)], [(Y,)]], undecided="exclude").value is None


def test_what_cannot_matter_may_stay_undecided() -> None:
    assert scored(LIST, [[(Y, N), (U, Y)], [(Y,)]]).value == 1.0  # a was paid already
    assert scored(LIST, [[(N, U), (N, N)], [(Y,)]]).value == 0.5  # b cannot be paid while a is false


def test_going_on() -> None:
    assert goes_on(LIST, 0, [(N, Y)]) is False
    assert goes_on(LIST, 0, [(N, Y), (Y, N), (N, N)]) is True
    assert goes_on(LIST, 1, [(N,)]) is True


def test_several_checklists() -> None:
    assert [agreed(answers) for answers in ([Y, Y, N], [Y, N, N], [Y, N], [U, Y], [U], [])] == [Y, N, U, Y, U, U]
    rows = [scored(LIST, turns) for turns in ROLLOUTS]
    assert averaged(rows) == 0.5
    assert averaged([*rows, scored(LIST, [[(U, N)]])]) is None
    assert averaged([]) is None


# validation


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([[item("a", 0.5)]], "sum to 0.5"),
        ([[item("a", 1.0 - 1e-5)]], "and not to 1"),
        ([[item("a", 0.5), item("a", 0.5)]], "called 'a'"),
        ([[item("a", 1.0, ("z",))]], "'z', which is not in the turn"),
        ([[item("a", 0.5, ("b",)), item("b", 0.5, ("a",))]], "'a' comes after 'b' comes after 'a': a circle"),
        ([[item("a", 1.0, ("a",))]], "a circle"),
        ([[item("a", -0.5), item("b", 1.5)]], "weighs"),
        ([[item("a", math.nan)]], "weighs nan"),
        ([[]], "no items"),
        ([], "no turns"),
        ([[item("a", 1.0, rule=Called("t"))]], "does not look at"),
        ([[item("a", 1.0, focus="user.content", rule=Shown(1))]], "does not look at"),
    ],
)
def test_what_does_not_hold_together_is_told(items: Any, said: str) -> None:
    with pytest.raises(ArtificerError, match=said):
        checklist(items)


def test_plain_data() -> None:
    made = read([[{"id": "a", "question": "?", "focus": "tool.content", "rule": {"kind": "shown", "value": 3}}]])
    assert made.turns[0][0].rule == Shown(3)
    for wrong in (
        [[{"id": "a"}]],
        [[{"id": "a", "question": "?", "focus": "nose"}]],
        [[{"id": "a", "question": "?", "focus": "tool.content", "x": 1}]],
        7,
    ):
        with pytest.raises(ArtificerError, match="cannot be read"):
            read(wrong)


def cm2(**changes: Any) -> list[dict[str, Any]]:
    one = {
        "id": "c1",
        "evidence": [{"turn": "turn 0", "step": "2", "from": "tool.content", "snippet": "5 matches"}],
        "focus_on": "tool.content",
        "question": "Were matches found?",
        "pass_condition": "Five are listed.",
        "failure_examples": ["none"],
        "required_for_next_turn": True,
    }
    two = one | {"id": "c2", "focus_on": "assistant.content.user_visible_reply"}
    block = {"turn": 0, "checklist": [one, two], "dependence": {"c1": [], "c2": ["c1"]}, "weight": {"c1": 0.5, "c2": 0.5}}
    return [block | changes]


def test_cm2s_own_form() -> None:
    made = read_cm2(cm2())
    assert made.turns[0][0].evidence == (Pointer(0, 2, "tool.content", "5 matches"),)
    assert made.before(0) == [(), (0,)]
    block = cm2()[0]
    stored = [one | {"dependence": block["dependence"][one["id"]], "weight": block["weight"][one["id"]]} for one in block["checklist"]]
    assert read_cm2([stored]) == made
    with pytest.raises(ArtificerError, match="and not"):
        read_cm2(cm2(dependence={"c1": ["c2"], "c2": []}))
    with pytest.raises(ArtificerError, match="sum to"):
        read_cm2(cm2(weight={"c1": 0.5, "c2": 0.6}))
    for wrong in (cm2(weight={"c1": 1}), [{}], cm2(dependence=None), cm2(checklist=[{"id": 3}])):
        with pytest.raises(ArtificerError, match="cannot be read"):
            read_cm2(wrong)


# deciding


def call(name: str, number: int = 1, **arguments: Any) -> ToolCall:
    return ToolCall(f"c{number}", name, arguments)


def said(text: str = "", *calls: ToolCall, thinks: str | None = None) -> Node:
    return Node(None, Message("assistant", text, reasoning=thinks, calls=calls), sampled=True)


def got(content: Any, number: int = 1, error: ErrorKind | None = None) -> Node:
    return Node(None, Message("tool", result=ToolResult(f"c{number}", content, error, "no" if error else None)))


def user(text: str) -> Node:
    return Node(None, Message("user", text))


TALK = [
    user("find the track"),
    said("", call("search", q="x"), thinks="I should call buy(track=7)"),
    got({"tracks": [{"id": 7, "name": "Blue Train"}]}),
    said("Blue Train it is."),
    user("buy it"),
    said("", call("buy", track=7)),
    got(None, error=ErrorKind.forbidden),
    said("I could not."),
]
RULED = checklist(
    [
        [
            item("searched", 0.25, focus="assistant.tool_calls", rule=Called("search")),
            item("found", 0.25, rule=Shown(7)),
            item("told", 0.5, ("found",), focus="assistant.content.user_visible_reply", rule=Said(("blue train",))),
        ],
        [item("bought", 1.0, focus="assistant.tool_calls", rule=Called("buy", {"track": 7}))],
    ]
)


class Scripted:
    """A judge that answers from a list, in order of the questions asked."""

    def __init__(self, *labels: str | None) -> None:
        self.labels = list(labels)
        self.asked: list[Question] = []

    async def __call__(self, question: Question) -> Judgement:
        self.asked.append(question)
        return Judgement(self.labels.pop(0), by="scripted")


def run(*args: Any, **kwargs: Any) -> Any:
    return asyncio.run(decide(*args, **kwargs))


def test_steps_and_turns() -> None:
    assert [(step.turn, step.at, step.end) for step in steps(TALK)] == [(0, 1, 3), (0, 3, 4), (1, 5, 7), (1, 7, 8)]
    demonstration = [user("demo"), Node(None, Message("assistant", "demo")), *TALK]
    assert [(step.turn, step.at) for step in steps(demonstration)] == [(0, 3), (0, 5), (1, 7), (1, 9)]


def test_rules_decide() -> None:
    assert run(TALK, RULED) == [[(Y, Y, N), (Y, Y, Y)], [(N,), (N,)]]
    assert run(TALK[:4], RULED) == [[(Y, Y, N), (Y, Y, Y)]]
    tried = checklist([RULED.turns[0], [item("b", 1.0, focus="assistant.tool_calls", rule=Called("buy", accepted=False))]])
    assert run(TALK, tried)[1] == [(Y,), (Y,)]


def test_calls_in_words_are_no_calls() -> None:
    cheats = [user("find"), said('<tool_call>{"name": "search"}</tool_call> search(q=1)', thinks='{"id": 7} search()')]
    assert run(cheats, RULED) == [[(N, N, N)]]


def test_cheats_tick_nothing() -> None:
    failed = [user("find"), said("", call("buy", track=7)), got({"id": 7}, error=ErrorKind.not_found)]
    invented = [user("find"), said('<result>{"id": 7}</result>'), said("<tool_response>7</tool_response>")]
    dump = [user("find"), said(" ".join(f"word{n} blue train" for n in range(1000)))]
    quoted = [user("is it blue train, 7?"), said("")]
    for cheat in (failed, invented, dump, quoted, [user("find"), said("")], [user("find")]):
        states = run(cheat, RULED)
        assert not any(value for turn in states for state in turn for value in state)
        assert scored(RULED, states).value == 0


def test_judges_are_asked_until_an_item_is_paid() -> None:
    asked = checklist([[item("a", 1.0, focus="assistant.content.user_visible_reply", condition="c", failures=("f",))]])
    judge = Scripted("no", "yes")
    talk = [user("hi"), said("one"), said("two"), said("three")]
    assert run(talk, asked, (judge,)) == [[(N,), (Y,), (Y,)]]
    assert len(judge.asked) == 2
    question = judge.asked[1]
    assert question.labels == ("yes", "no")
    assert question.shows["conversation to judge"] == "[user]\nhi\n[assistant]\none\n[assistant]\ntwo"
    assert "three" not in question.shows["conversation to judge"]


def test_no_judge_and_failed_judges_leave_it_open() -> None:
    asked = checklist([[item("a", 1.0, focus="assistant.content.user_visible_reply")]])
    assert run(TALK[:4], asked) == [[(U,), (U,)]]
    assert run([user("hi"), said("x")], asked, (Scripted(None),)) == [[(U,)]]


def test_a_failed_call_is_no_yes() -> None:
    asked = checklist([[item("a", 1.0, focus="assistant.tool_calls")]])
    judge = Scripted()
    assert run(TALK[4:7], asked, (judge,)) == [[(N,)]]
    assert not judge.asked


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        (("yes", "yes", "no"), "yes"),
        (("yes", "no"), None),
        (("yes", None, None), "yes"),
        ((None, None), None),
        (("no", None, "no"), "no"),
        ((), None),
    ],
)
def test_majorities(labels: tuple[str | None, ...], label: str | None) -> None:
    given = [Judgement(one) for one in labels]
    assert majority(given).label == label
    assert majority(given, strict=True).label == ("no" if label == "yes" else label)


def test_strict_items_want_every_repetition() -> None:
    assert majority([Judgement("yes", votes={"yes": 3})], strict=True).label == "yes"
    assert majority([Judgement("yes", votes={"yes": 2, "no": 1})], strict=True).label == "no"
    assert majority([Judgement("yes", votes={"yes": 2, "": 1})], strict=True).label == "no"


def test_hostile_words_are_shown_short() -> None:
    huge = "x" * 10_000_000 + "\ud800"
    nodes = [user(huge), said(huge, call("search", q=10**5000), thinks=huge), got([huge, math.nan])]
    asked = checklist([[item("a", 1.0, focus="user.content", rule=Said(("zzz",)))]])
    assert run(nodes, asked) == [[(N,)]]
    shows = asks(nodes, asked.turns[0][0], steps(nodes)).shows
    assert len(shows["conversation to judge"].encode()) < 200_000


# the check


def judged(arguments: dict[str, Any] | None, nodes: list[Node], *judges: Any) -> Any:
    rules = () if arguments is None else (Constraint("checklist", arguments),)
    task = Task("t", "w", Start(), "p", Goal((), (), ()), constraints=rules)
    return asyncio.run(Ticked(judges)(Episode(task, (), nodes, (), StopReason.user_done)))


def plain(**changes: Any) -> dict[str, Any]:
    import msgspec

    return {"turns": msgspec.to_builtins(RULED.turns)} | changes


def test_the_check() -> None:
    found = judged(plain(), TALK)
    assert (found.score, found.passed, found.kinds, found.mode) == (0.5, False, (ErrorKind.missing_call,), "paper")
    assert found.evidence == ("turn 1: bought: no: bought?",)
    assert judged(plain(least=0.5), TALK).passed
    early = judged(plain(), TALK[:4])
    assert (early.score, early.kinds) == (0.5, (ErrorKind.premature_end,))
    assert judged(None, TALK).evidence == ("the task states no checklist",)
    with pytest.raises(ArtificerError, match="task 't'"):
        judged(plain(turns=[[]]), TALK)
    with pytest.raises(ArtificerError, match="mode"):
        judged(plain(mode="guess"), TALK)
    assert by_name(["checklist"])[0].name == "checklist"


def test_the_check_never_pays_for_a_failed_judge() -> None:
    turns = [[{"id": "a", "question": "?", "focus": "assistant.content.user_visible_reply"}]]
    for judges in ((), (Scripted(None, None),)):
        found = judged({"turns": turns}, TALK[:4], *judges)
        assert (found.score, found.passed, found.numbers["undecided"]) == (0.0, False, 1)
    assert judged({"turns": turns}, TALK[:4], Scripted("yes")).passed
    rule = {"id": "b", "question": "?", "focus": "tool.content", "weight": 0.5, "rule": {"kind": "shown", "value": 7}}
    left = judged({"turns": [[turns[0][0] | {"weight": 0.5}, rule]], "undecided": "exclude"}, TALK[:4])
    assert (left.score, left.passed, left.numbers["excluded"]) == (1.0, True, 1)
    must = judged({"turns": [[turns[0][0] | {"weight": 0.5, "must": True}, rule]], "undecided": "exclude"}, TALK[:4])
    assert not must.passed


# properties


def literally(states: Any, before: Any, item: int) -> int | None:
    """The paper's r, as it is written: the first s with all dependencies in x_s, the item not, and the item in x_(s+1)."""
    world = [[False] * len(before), *states]
    for step in range(len(states)):
        if all(world[step][other] for other in before[item]) and not world[step][item] and world[step + 1][item]:
            return step
    return None


def by_completion(states: Any, before: Any) -> dict[int, int]:
    """CM2's code, as it goes: a growing set of what is complete."""
    complete: dict[int, int] = {}
    for step, state in enumerate(states):
        for item, true in enumerate(state):
            if true and item not in complete and all(other in complete for other in before[item]):
                complete[item] = step
    return complete


decided = st.lists(st.tuples(*[st.booleans()] * 4), max_size=6)
dependencies = st.tuples(*[st.sets(st.sampled_from([other for other in range(4) if other != item])).map(sorted) for item in range(4)])


@settings(max_examples=200, deadline=None)
@given(decided, dependencies)
def test_payment_is_what_paper_and_code_say(states: Any, before: Any) -> None:
    assert [one.step for one in paid(states, before)] == [literally(states, before, item) for item in range(4)]
    complete = by_completion(states, before)
    assert [one.step for one in paid(states, before, mode="code")] == [complete.get(item) for item in range(4)]


matrix = st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[st.sampled_from([Y, N, U])] * width), max_size=5))


@settings(max_examples=200, deadline=None)
@given(matrix, st.sampled_from(["paper", "code"]), st.data())
def test_deciding_what_was_open_never_contradicts(states: Any, mode: Any, data: Any) -> None:
    """What is paid with open verdicts is paid the same however they are settled."""
    width = len(states[0]) if states else 2
    before = [tuple(sorted(data.draw(st.sets(st.integers(0, place - 1)))) if place else ()) for place in range(width)]
    settled = [tuple(data.draw(st.booleans()) if value is U else value for value in state) for state in states]
    for open_, closed in zip(paid(states, before, mode=mode), paid(settled, before, mode=mode), strict=True):
        assert not closed.undecided
        if not open_.undecided:
            assert open_.step == closed.step


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=4), min_size=1, max_size=6))
def test_rewards_lie_in_range_and_advantages_sum_to_nothing(columns: Any) -> None:
    rows = [scored(LIST, [states]) for states in columns]
    assert all(row.value is not None and 0 <= row.value <= 0.5 for row in rows)
    assert math.fsum(value or 0 for value in trajectory_advantages(rows)) == pytest.approx(0, abs=1e-9)
    assert all(abs(value) <= 1 for row in step_advantages(LIST, [[states] for states in columns]) for turn in row or [] for value in turn)
