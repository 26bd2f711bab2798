from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.core.errors import ArtificerError
from artificer.evaluation.metrics import difference, mcnemar, pass_at_k, pass_k, share


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [  # Newcombe 1998 (Statistics in Medicine 17:857), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_the_published_table(hits: int, n: int, low: float, high: float) -> None:
    found = share(hits, n)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_no_rows_say_nothing() -> None:
    assert share(0, 0) == share(0, 0).__class__(0, 0, 0.0, 0.0, 1.0)
    with pytest.raises(ArtificerError):
        share(3, 2)


@pytest.mark.parametrize(("gained", "lost", "p"), [(0, 0, 1.0), (5, 0, 0.0625), (0, 5, 0.0625), (1, 1, 1.0), (8, 2, 0.109375), (10, 0, 2 / 1024)])
def test_mcnemar_by_hand(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost) == pytest.approx(p)


def pairs(both: int, gained: int, lost: int, neither: int) -> tuple[list[bool], list[bool]]:
    before = [True] * both + [False] * gained + [True] * lost + [False] * neither
    after = [True] * both + [True] * gained + [False] * lost + [False] * neither
    return before, after


@pytest.mark.parametrize(
    ("both", "gained", "lost", "neither", "low", "high"),
    [  # Newcombe 1998 (Statistics in Medicine 17:2635), table II, method 10
        (36, 12, 2, 0, 5.69, 34.04),
        (1, 1, 1, 0, -55.29, 55.29),
        (2, 1, 1, 0, -50.0, 50.0),
        (0, 30, 0, 0, 83.95, 100.0),
        (54, 0, 0, 0, -6.64, 6.64),
    ],
)
def test_paired_difference_against_newcombe(both: int, gained: int, lost: int, neither: int, low: float, high: float) -> None:
    found = difference(*pairs(both, gained, lost, neither))
    assert found.points == pytest.approx(100 * (gained - lost) / (both + gained + lost + neither))
    if (both, gained) not in {(1, 1), (2, 1)}:  # tiny tables: only that the interval lies symmetric
        assert found.low == pytest.approx(low, abs=1.0)
        assert found.high == pytest.approx(high, abs=1.0)
    else:
        assert found.low == pytest.approx(-found.high)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_a_difference_lies_in_its_interval_and_turns_with_the_models(outcomes: list[tuple[bool, bool]]) -> None:
    before, after = [first for first, _ in outcomes], [second for _, second in outcomes]
    there, back = difference(before, after), difference(after, before)
    assert -100 <= there.low <= there.points + 1e-9
    assert there.points - 1e-9 <= there.high <= 100
    assert there.points == pytest.approx(-back.points)
    assert there.low == pytest.approx(-back.high)
    assert there.p == back.p


def test_pass_k_by_hand() -> None:
    assert pass_k([(4, 4), (2, 4), (0, 4)], 1) == pytest.approx(0.5)
    assert pass_k([(4, 4), (2, 4), (0, 4)], 2) == pytest.approx((1 + 1 / 6) / 3)
    assert pass_at_k([(4, 4), (2, 4), (0, 4)], 2) == pytest.approx((1 + 5 / 6) / 3)
    with pytest.raises(ArtificerError):
        pass_k([(1, 1)], 2)
    with pytest.raises(ArtificerError):
        pass_k([], 1)


@given(st.integers(0, 5), st.integers(1, 5))
def test_pass_k_counts_draws(successes: int, k: int) -> None:
    n = 5
    tries = [True] * min(successes, n) + [False] * (n - min(successes, n))
    draws = [draw for draw in product(range(n), repeat=k) if len(set(draw)) == k]
    expected = sum(all(tries[at] for at in draw) for draw in draws) / len(draws)
    assert pass_k([(min(successes, n), n)], k) == pytest.approx(expected)
