from __future__ import annotations

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.core.errors import ArtificerError
from artificer.evaluation.retrieval import ndcg, recall


@pytest.mark.parametrize(
    ("ranked", "right", "k", "expected"),
    [
        ("a", "a", 1, 1.0),
        ("ba", "a", 1, 0.0),
        ("ba", "a", 5, 1 / log2(3)),  # 0.6309
        ("abc", "ac", 5, (1 + 1 / 2) / (1 + 1 / log2(3))),  # 0.9197
        ("xyab", "ab", 5, (1 / log2(4) + 1 / log2(5)) / (1 + 1 / log2(3))),
        ("ab", "abcdefg", 2, 1.0),  # more are right than fit: the ideal holds two
        ("aab", "ab", 2, 1.0),  # a name that comes again counts once
        ("", "a", 5, 0.0),
    ],
)
def test_ndcg_by_hand(ranked: str, right: str, k: int, expected: float) -> None:
    assert ndcg(list(ranked), set(right), k) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("ranked", "right", "k", "expected"), [("abc", "ac", 1, 0.5), ("abc", "ac", 3, 1.0), ("abc", "xyz", 3, 0.0), ("abx", "abcd", 10, 0.5)]
)
def test_recall_by_hand(ranked: str, right: str, k: int, expected: float) -> None:
    assert recall(list(ranked), set(right), k) == expected


names = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(names, st.sets(st.sampled_from("abcdefgh"), min_size=1), st.integers(1, 9))
def test_both_lie_between_none_and_all(ranked: list[str], right: set[str], k: int) -> None:
    best = sorted(right)
    assert 0 <= ndcg(ranked, right, k) <= 1 == ndcg(best, right, k)
    assert 0 <= recall(ranked, right, k) <= recall(ranked, right, k + 1) <= 1


def test_nothing_to_judge() -> None:
    for measure in (ndcg, recall):
        for right, k in (((), 5), (("a",), 0)):
            with pytest.raises(ArtificerError, match="cannot be judged"):
                measure(["a"], right, k)
