"""BM25 against the formula, written out; and what must hold of it whatever is in the index."""

from __future__ import annotations

from collections import Counter
from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.core.errors import ArtificerError
from artificer.worlds.catalogue.bm25 import Index, Scored

WORD = st.sampled_from("abcdefgh")
DOCUMENTS = st.dictionaries(st.text("xyz", min_size=1, max_size=3), st.lists(WORD, max_size=12), max_size=24)
QUERY = st.lists(st.sampled_from("abcdefghq"), max_size=6)


def plainly(documents: dict[str, list[str]], query: list[str], k1: float = 1.2, b: float = 0.75) -> dict[str, float]:
    """The formula as it stands, over all documents; those without a word of the query left out."""
    n = len(documents)
    average = sum(map(len, documents.values())) / n if n else 0
    scores = {}
    for key, document in documents.items():
        counts = Counter(document)
        if counts.keys() & set(query):
            scores[key] = 0.0
            for word in query:
                df = sum(word in other for other in documents.values())
                f = counts[word]
                if f:
                    idf = log(1 + (n - df + 0.5) / (df + 0.5))
                    scores[key] += idf * f / (f + k1 * (1 - b + b * len(document) / average))
    return scores


def index_of(documents: dict[str, list[str]], **options: float) -> Index:
    index = Index(**options)
    for key, document in documents.items():
        index.add(key, document)
    return index


def test_by_hand() -> None:
    """N = 2, avg = 2. "b" is in one: idf = ln(1 + 1.5 / 1.5) = ln 2; there f = 2, |d| = 3: 2 / (2 + 1.2 * (0.25 + 0.75 * 1.5)) = 2 / 3.65."""
    index = index_of({"short": ["a"], "long": ["a", "b", "b"]})
    (found,) = index.search(["b"])
    assert found.key == "long"
    assert found.score == pytest.approx(log(2) * 2 / 3.65, abs=1e-12)


@given(DOCUMENTS, QUERY, st.floats(0, 3), st.floats(0, 1))
def test_scores_are_those_of_the_formula(documents: dict[str, list[str]], query: list[str], k1: float, b: float) -> None:
    found = index_of(documents, k1=k1, b=b).search(query, None)
    expected = plainly(documents, query, k1, b)
    assert {hit.key: hit.score for hit in found} == pytest.approx(expected, abs=1e-9)
    assert found == sorted(found, key=lambda hit: (-hit.score, hit.key))


@given(DOCUMENTS, QUERY, st.integers(1, 8))
def test_the_best_are_the_first_of_all(documents: dict[str, list[str]], query: list[str], k: int) -> None:
    index = index_of(documents)
    assert index.search(query, k) == index.search(query, None)[:k]


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_pruning_changes_nothing(seed: int, k: int) -> None:
    """Enough documents that terms are skipped: words as rare as 1 in 2 to 1 in 2,000."""
    from random import Random

    chance = Random(seed)
    index = Index()
    for number in range(600):
        index.add(f"{number:03}", [f"w{min(chance.randrange(1, 60), chance.randrange(1, 400))}" for _ in range(chance.randint(1, 20))])
    query = [f"w{chance.randrange(1, 40)}" for _ in range(8)]
    assert index.search(query, k) == index.search(query, None)[:k]
    some = {f"{number:03}" for number in range(0, 600, 7)}
    assert index.search(query, k, some) == [hit for hit in index.search(query, None) if hit.key in some][:k]


@given(DOCUMENTS, QUERY, st.randoms(use_true_random=False))
def test_history_leaves_no_trace(documents: dict[str, list[str]], query: list[str], random) -> None:
    """Whatever was added and removed in whatever order, what is left answers as if it had been added once: to the last bit."""
    index = Index()
    keys = list(documents)
    random.shuffle(keys)
    for key in keys:
        index.add(f"{key}!", ["a", "q", key])
        index.add(key, ["q"])
        index.search(query)
        index.remove(key)
        index.add(key, documents[key])
        index.remove(f"{key}!")
    assert len(index) == len(documents)
    assert index.search(query, None) == index_of(documents).search(query, None)


@given(DOCUMENTS, QUERY)
def test_irrelevant_documents_change_no_order_of_documents_of_one_length(documents: dict[str, list[str]], query: list[str]) -> None:
    """Documents without a word of the query change idf and the mean length, but they never enter a ranking."""
    index = index_of(documents)
    for number in range(5):
        index.add(f"other{number}", ["z"] * (number + 1))
    assert {hit.key for hit in index.search(query, None)} == {hit.key for hit in index_of(documents).search(query, None)}


@given(st.lists(WORD, min_size=1, max_size=6), DOCUMENTS)
def test_one_more_word_of_the_query_never_lowers_a_document_of_the_same_length(query: list[str], documents: dict[str, list[str]]) -> None:
    index = index_of(documents)
    index.add("more", query)
    index.add("less", [*query[:-1], "z"])
    scores = {hit.key: hit.score for hit in index.search(query, None)}
    assert scores["more"] > scores.get("less", 0.0)


def test_ties_stand_in_the_order_of_keys() -> None:
    index = index_of({key: ["a", "b"] for key in ("c", "a", "d", "b")})
    assert [hit.key for hit in index.search(["a"], 3)] == ["a", "b", "c"]
    assert len({hit.score for hit in index.search(["a"], None)}) == 1


def test_a_word_asked_twice_counts_twice() -> None:
    index = index_of({"d": ["a", "b"], "e": ["b"]})
    once, twice = index.search(["a"])[0].score, index.search(["a", "a"])[0].score
    assert twice == pytest.approx(2 * once)


def test_nothing_to_find() -> None:
    index = Index()
    assert index.search(["a"]) == []
    index.add("empty", [])
    assert index.search(["a"]) == index.search([]) == []
    index.add("d", ["a"])
    assert index.search(["a"], 5, among=()) == index.search(["a"], 0) == []
    assert isinstance(index.search(["a"])[0], Scored)


def test_mistakes_are_told() -> None:
    index = index_of({"d": ["a"]})
    with pytest.raises(ArtificerError, match="already"):
        index.add("d", ["b"])
    with pytest.raises(ArtificerError, match="not in the index"):
        index.remove("e")
    for k1, b in ((-1, 0.5), (1, 2), (float("nan"), 0.5)):
        with pytest.raises(ArtificerError, match="parameters of BM25"):
            Index(k1, b)


def test_numbers_are_given_again_after_many_removals() -> None:
    index = Index()
    for number in range(4000):
        index.add(str(number), ["a", f"w{number % 50}"])
        if number >= 10:
            index.remove(str(number - 10))
    assert len(index) == 10
    assert len(index.keys) <= 2 * 10 + 1024 + 1
    assert index.search(["w49"]) == index_of({str(number): ["a", f"w{number % 50}"] for number in range(3990, 4000)}).search(["w49"])
