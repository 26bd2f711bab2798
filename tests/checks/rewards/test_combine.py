"""Combinators and group comparisons: tables worked by hand, and that what is logged sums to the value."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.rewards.base import At, Reward, Rollout, Term, constant, group_term, product, score, term, total, weighted
from artificer.checks.rewards.combine import bonus, clip, fallback, gate, linear, named, scheduled, staged
from artificer.checks.rewards.groups import (
    centred,
    degenerate,
    deviation,
    forked,
    kept,
    left_out,
    relative,
    soft_value,
    softened,
    zscored,
)
from artificer.core.errors import ArtificerError
from artificer.core.verdicts import CheckResult, StopReason


def figure(name: str) -> Term:
    return term(name, lambda rollout: rollout.figures.get(name))


def of(**figures: float) -> Rollout:
    return Rollout(figures=dict(figures))


def one(part: Term, **figures: float) -> Reward:
    return part([of(**figures)])[0]


def test_a_sum_says_what_each_term_gave() -> None:
    reward = one(0.8 * figure("acc") + 0.2 * figure("fmt") + 1.0, acc=1, fmt=-1)
    assert reward.terms == {"acc": 0.8, "fmt": -0.2, "constant": 1.0}
    assert reward.seen == {"acc": 1, "fmt": -1, "constant": 1}
    assert reward.value == pytest.approx(1.6)


def test_a_factor_adds_what_it_gave_or_took() -> None:
    reward = one(figure("acc") * figure("cost"), acc=0.8, cost=0.9)
    assert reward.value == pytest.approx(0.72)
    assert reward.terms == pytest.approx({"acc": 0.8, "cost": -0.08})


def test_gates_and_bonuses() -> None:
    part = figure("acc") + bonus(constant(0.1, "tool"), when=figure("acc"), above=0.5)
    assert one(part, acc=1).terms == {"acc": 1, "tool": 0.1}
    assert one(part, acc=0.5).terms == {"acc": 0.5}
    closed = one(gate(figure("fmt"), figure("acc"), -1.0), fmt=0, acc=1)
    assert (closed.value, closed.terms) == (-1, {"gate closed": -1})


def test_what_was_not_chosen_may_be_undecided() -> None:
    assert one(gate(figure("fmt"), figure("acc"), -1.0), fmt=0).value == -1
    assert one(gate(figure("fmt"), figure("acc"), -1.0), fmt=1).value is None
    assert one(gate(figure("fmt"), figure("acc"), -1.0), acc=1).value is None


def test_limits_are_logged() -> None:
    reward = one(clip(figure("a") + figure("b"), 0, 1), a=1, b=1)
    assert (reward.value, reward.terms) == (1, {"a": 1, "b": 1, "total clip": -1})
    with pytest.raises(ArtificerError, match="holds nothing"):
        clip(figure("a"), 1, 0)


def test_weights_by_time() -> None:
    part = scheduled(figure("a"), linear(1.5, 0.5))
    assert [part([of(a=1)], At(step, 5))[0].value for step in (0, 2, 4, 9)] == [1.5, 1.0, 0.5, 0.5]
    assert At(0, 1).share == 0
    stages = staged((2, 1.0), (4, 0.5))
    assert [stages(At(step, 9)) for step in (0, 2, 3, 4, 8)] == [0, 1, 1, 0.5, 0.5]
    with pytest.raises(ArtificerError, match="begin at"):
        staged((2, 1.0), (2, 0.5))


def test_a_failed_judge_is_no_reward() -> None:
    part = score("judge") + 1.0
    failed = Rollout(parts={"judge": CheckResult("judge", 1.0, True, numbers={"undecided": 1})})
    reward = part([failed])[0]
    assert (reward.value, reward.terms, reward.why) == (None, {}, "judge: undecided")
    assert fallback(part, 0.25)([failed])[0].terms == {"total undecided": 0.25}
    with pytest.raises(ArtificerError, match="was not run"):
        part([Rollout()])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_reward(value: float) -> None:
    assert one(figure("a") + 1.0, a=value).value is None


def test_two_terms_of_one_name_are_told() -> None:
    with pytest.raises(ArtificerError, match="called 'a'"):
        one(figure("a") + constant(2, "a"), a=1)
    assert one(figure("a") + figure("a"), a=1).terms == {"a": 2}


def test_a_name_for_a_whole() -> None:
    reward = one(named(figure("a") + figure("b"), "form"), a=1, b=2)
    assert (reward.terms, reward.seen) == ({"form": 3}, {"a": 1, "b": 2})


# groups


def test_advantages_by_hand() -> None:
    assert centred([1, 0, None, 0.5]) == pytest.approx([0.5, -0.5, None, 0.0])
    assert zscored([1, 0], epsilon=0) == [1, -1]
    assert zscored([1, 0], epsilon=0, sample=True) == pytest.approx([math.sqrt(0.5), -math.sqrt(0.5)])
    assert zscored([0.5, 0.5 + 1e-9], epsilon=0, floor=0.1) == pytest.approx([-5e-9, 5e-9])
    assert zscored([0.1, 0.1, 0.1]) == [0, 0, 0]
    assert left_out([1, 0, 0]) == pytest.approx([1, -0.5, -0.5])
    assert left_out([1, None]) == [0, None]
    assert deviation([2, 4, 4, 4, 5, 5, 7, 9]) == 2


def test_the_soft_baseline() -> None:
    rewards = [0, 0, 1, 0]
    assert soft_value(rewards, 1.0) == pytest.approx(0.357374, abs=1e-6)
    assert softened(rewards) == pytest.approx([-0.357374, -0.357374, 0.642626, -0.357374], abs=1e-6)
    assert soft_value(rewards, 1e-8) == pytest.approx(1, abs=1e-6)
    assert soft_value(rewards, 1e8) == pytest.approx(0.25, abs=1e-6)
    assert soft_value([1e4, 0], 1.0) == pytest.approx(1e4 - math.log(2))
    assert softened([1, 1]) == [0, 0]
    with pytest.raises(ArtificerError, match="temperature"):
        soft_value([1], 0)


def test_forks() -> None:
    assert forked([0.95, 0.0, 1.0], [0, 0, 1], [1, -1, 1], fork=0.5, whole=2) == [2.5, -2.5, 2]


def test_groups_that_teach_nothing() -> None:
    groups = [[1, 1, 1], [1, 0], [1, None], [None, None], [0.3, 0.3 + 1e-12], []]
    assert kept(groups, spread=1e-9) == [1]
    assert degenerate([0.1 + 0.2, 0.3], spread=0.0) is False
    assert degenerate([0.1, 0.1, 0.1])


def test_a_term_against_its_group() -> None:
    part = relative(figure("acc") + 0.5 * figure("fmt"), left_out)
    rewards = part([of(acc=1, fmt=0), of(acc=0, fmt=1), of(acc=1)])
    assert [reward.value for reward in rewards] == pytest.approx([0.5, -0.5, None])
    assert rewards[0].terms == pytest.approx({"acc": 2, "fmt": 0, "total baseline": -1.5})


def test_leaves_may_compare() -> None:
    part = group_term("best", lambda group: [float(r.figures["a"] == max(other.figures["a"] for other in group)) for r in group])
    assert [reward.value for reward in part([of(a=1), of(a=2)])] == [0, 1]


def test_lost_episodes_earn_nothing_and_move_nobody() -> None:
    lost = Rollout(figures={"acc": 0.0}, stop=StopReason.world_error)
    part = relative(figure("acc"), centred)
    rewards = part([of(acc=1), lost, of(acc=0)])
    assert [reward.value for reward in rewards] == [0.5, None, -0.5]
    assert rewards[1].why == "the episode ended with 'world_error'"
    assert score("answered")([Rollout(stop=StopReason.user_error)])[0].value is None


# properties

numbers = st.floats(-10, 10)


def compositions() -> st.SearchStrategy[Term]:
    leaves = st.sampled_from(["a", "b", "c"]).map(figure)

    def grow(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
        return st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: total(*parts)),
            st.tuples(inner, inner).map(lambda two: product(*two)),
            st.tuples(inner, numbers).map(lambda two: weighted(*two)),
            st.tuples(inner, inner, inner).map(lambda three: gate(*three)),
            inner.map(lambda part: clip(part, -1, 2)),
            inner.map(lambda part: scheduled(part, linear(1, 0))),
            inner.map(lambda part: relative(part, centred)),
            inner.map(lambda part: named(part, "named")),
            inner.map(relative),
        )

    return st.recursive(leaves, grow, max_leaves=8)


rollouts = st.lists(st.fixed_dictionaries({"a": numbers, "b": numbers}, optional={"c": numbers}).map(lambda f: Rollout(figures=f)), max_size=5)


@settings(max_examples=150, deadline=None)
@given(compositions(), rollouts, st.integers(0, 9))
def test_logged_terms_give_the_value(part: Term, group: list[Rollout], step: int) -> None:
    rewards = part(group, At(step, 10))
    assert len(rewards) == len(group)
    for reward, rollout in zip(rewards, group, strict=True):
        if reward.value is None:
            assert reward.why
            assert not reward.terms
        else:
            assert math.fsum(reward.terms.values()) == reward.value
            assert all(rollout.figures[name] == value for name, value in reward.seen.items() if name in "abc")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=12), st.randoms())
def test_advantages_do_not_depend_on_order_and_sum_to_nothing(values: list[float], chance: object) -> None:
    order = list(range(len(values)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    for how in (centred, zscored, left_out):
        plain = how(values)
        assert math.fsum(value or 0 for value in plain) == pytest.approx(0, abs=1e-6)
        assert [plain[index] for index in order] == pytest.approx(how([values[index] for index in order]))
    assert min(values) - 1e-9 <= soft_value(values) <= max(values) + 1e-9
