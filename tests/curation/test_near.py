"""Near-duplicates: all that are planted, none that is none, whatever the order."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.curation.near import MOST, Groups, Near, clusters, jaccard, triples


def words(seed: int, size: int = 120) -> list[str]:
    chance = random.Random(seed)
    return [f"w{chance.randrange(3000)}" for _ in range(size)]


def test_planted_duplicates_are_found_and_nothing_else():
    texts = {f"t{n}": words(n) for n in range(300)}
    for n in range(60):  # three words of 120 changed: at most nine triples of some 118, J about 0.86
        changed = list(texts[f"t{n}"])
        for at in (10, 50, 90):
            changed[at] = "other"
        texts[f"u{n}"] = changed
    found = clusters([(key, " ".join(text)) for key, text in texts.items()], 0.8)
    assert found == sorted((f"t{n}", f"u{n}") for n in range(60))


def test_the_order_does_not_matter():
    rows = [(f"t{n}", " ".join([*words(n // 3), f"x{n}"])) for n in range(60)]
    mixed = list(rows)
    random.Random(1).shuffle(mixed)
    assert clusters(rows, 0.8) == clusters(mixed, 0.8)
    assert len(clusters(rows, 0.8)) == 20


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=30), st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=30))
@settings(max_examples=200, deadline=None)
def test_jaccard_is_that_of_the_sets(one, other):
    def plain(text):
        return {" ".join(text[at : at + 3]) for at in range(max(1, len(text) - 2))} if text else set()

    a, b = plain(one), plain(other)
    expected = len(a & b) / len(a | b) if a and b else float(a == b)
    assert abs(jaccard(triples(" ".join(one)), triples(" ".join(other))) - expected) < 1e-9


def test_long_texts_are_compared_on_a_sample_that_both_draw_alike():
    long = words(1, 9000)
    assert len(triples(" ".join(long))) == MOST
    changed = [word if at % 40 else "other" for at, word in enumerate(long)]
    a, b = ({" ".join(text[at : at + 3]) for at in range(len(text) - 2)} for text in (long, changed))
    estimate = jaccard(triples(" ".join(long)), triples(" ".join(changed)))
    assert abs(estimate - len(a & b) / len(a | b)) < 0.05


def test_many_that_are_alike_cost_no_square():
    seen = Near(0.8)
    text = " ".join(words(1))
    assert all(len(seen.add(f"t{n}", text)) <= 48 for n in range(2000))


def test_texts_without_words_are_like_nothing():
    assert clusters([("a", ""), ("b", " -- "), ("c", "one word"), ("d", "")]) == []
    assert clusters([("a", "\ud800 x y z"), ("b", "\ud800 x y z")]) == [("a", "b")]


def test_groups_are_named_by_their_smallest():
    groups = Groups()
    for one, other in (("d", "c"), ("b", "c"), ("x", "y")):
        groups.join(one, other)
    assert list(groups) == [("b", "c", "d"), ("x", "y")]
    assert groups.root("d") == "b"


def test_of_a_large_group_what_goes_is_near_what_stays():
    draw = random.Random(5)
    base = words(2, 100)
    seen = Near(0.8)
    group = [f"t{number:04d}" for number in range(400)]
    for key in group:
        text = list(base)
        for at in draw.sample(range(100), draw.choice((1, 1, 2))):
            text[at] = f"v{draw.random()}"
        seen.add(key, " ".join(text))
    for keys in (group, group[:150]):
        gone = seen.thinned(keys)
        assert 0 < len(gone) < len(keys)
        assert all(to not in gone and seen.near(key, to) for key, to in gone.items())
    staying = [key for key in group if key not in seen.thinned(group)]
    assert sum(seen.near(a, b) for at, a in enumerate(staying) for b in staying[:at]) <= len(staying) * 0.05
