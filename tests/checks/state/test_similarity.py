"""Similarities by hand: cells, tables, changes, texts, stems and assignments."""

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.assign import assign
from artificer.checks.state.rouge import longest, rouge_l, words
from artificer.checks.state.similarity import Measure, addition, beyond, cell_similarity, removal, table_similarity, unchanged, update
from artificer.checks.state.stem import stem

ROUGE = {"content": Measure("rouge_l")}
TRACE = [
    {"tool_name": "holiday", "arguments": {"name": "Christmas", "year": 2024}},
    {"tool_name": "place", "arguments": {"lat": 37.334606, "lon": -122.009102}},
]


@pytest.mark.parametrize(
    ("cell", "target", "measure", "strict", "code"),
    [
        (1, 1.0, Measure("exact"), 1, 1),
        (1, True, Measure("exact"), 0, 0),
        ("1", 1, Measure("exact"), 0, 0),
        (None, None, Measure("exact"), 1, 1),
        (0, None, Measure("exact"), 0, 0),
        (None, 0, Measure("exact"), 0, None),  # upstream leaves the column out
        (float("nan"), float("nan"), Measure("exact"), 1, 1),
        (2.05, 2.0, Measure("close", 0.1), 1, 1),
        (2.2, 2.0, Measure("close", 0.1), 0, 0),
        (2.05, 2.0, Measure("close"), 0, 0),
        (10**400, 2.0, Measure("close", 0.1), 0, 0),
        ("add_contact(1)", "add_contact", Measure("contains"), 1, 1),
        ("add", "add_contact", Measure("contains"), 0, 0),
        (5, "5", Measure("contains"), 0, 0),
        (None, "x", Measure("contains"), 0, None),
        ("anything", None, Measure("one"), 1, 1),
        ("the cat", "the cow", Measure("rouge_l"), 0.5, 0.5),
        (7, "7", Measure("rouge_l"), 0, 0),
        (TRACE, {"tool_name": "stock", "arguments": {}}, Measure("tool_trace"), 0, 0),
        (TRACE, {"tool_name": "holiday", "arguments": {"year": None}}, Measure("tool_trace"), 0, 0),
        (TRACE, {"tool_name": "holiday", "arguments": {"year": 2024}}, Measure("tool_trace"), 1, 1),
        (TRACE, '{"tool_name": "holiday", "arguments": {}}', Measure("tool_trace"), 1, 1),
        (TRACE, [{"tool_name": "holiday", "arguments": {"day": 1}}, {"tool_name": "holiday", "arguments": {}}], Measure("tool_trace"), 1, 1),
        (TRACE, {"tool_name": "place", "arguments": {"lat": 37.34}}, Measure("tool_trace"), 0, 0),
        (TRACE, {"tool_name": "place", "arguments": {"lat": 37.34}}, Measure("tool_trace", {"lat": 0.2}), 1, 1),
        (TRACE, {"tool_name": "place", "arguments": {"lat": 37.34}}, Measure("tool_trace", {"lat": 0.002}), 0, 0),
        (None, {"tool_name": "place", "arguments": {}}, Measure("tool_trace"), 0, 0),
        ("not json", "{", Measure("tool_trace"), 0, 0),
    ],
)
def test_cells(cell, target, measure, strict, code):
    assert cell_similarity(cell, target, measure) == strict
    assert cell_similarity(cell, target, measure, "code") == code


HELLO, HEY = {"content": "Hello there", "num": 0}, {"content": "Hey there", "num": 1}


def test_tables_worked_by_hand():
    assert table_similarity([HELLO, HEY], [{"content": "Hello there", "num": 0}], ROUGE) == 0  # other numbers of rows
    assert table_similarity([HELLO], [{"content": "Hello there", "other": 1}], ROUGE) == 0  # no such column
    assert table_similarity([HELLO, HEY], [{"num": 1}, {"num": 0}], ROUGE) == pytest.approx(1)
    hi = [{"content": "Hi there", "num": 0}, {"content": "Hi there", "num": 1}]
    half = math.sqrt(0.5)  # each row: ROUGE-L F of 1/2 and an exact number, the geometric mean of two columns
    assert table_similarity([HELLO, HEY], hi, ROUGE) == pytest.approx(half)
    assert table_similarity([HEY, HELLO], hi[::-1], ROUGE) == pytest.approx(half)
    assert table_similarity([HELLO, HEY], [hi[0], {"content": "Hey there", "num": 1}], ROUGE) == pytest.approx(math.sqrt(half))
    assert table_similarity([], [], ROUGE) == 1
    assert table_similarity([HELLO], [{}], ROUGE) == 1


def test_additions_removals_and_updates():
    hi = [{"content": "Hi there", "num": 1}]
    half = pytest.approx(math.sqrt(0.5))
    assert addition([HELLO, HEY], [HELLO], hi, ROUGE) == half
    assert addition([HELLO, HEY], [{"content": "Hello there", "num": 2}], hi, ROUGE) == 0  # something is gone
    assert addition([HELLO, HEY], [HELLO], [*hi, *hi], ROUGE) == 0
    assert addition([HELLO], [HELLO], [], ROUGE) == 1
    assert removal([HELLO], [HELLO, HEY], hi, ROUGE) == half
    assert removal([HELLO, HEY], [HELLO], hi, ROUGE) == 0
    assert update([HELLO, HEY], [HELLO, {"content": "Hey there", "num": 2}], hi, ROUGE) == half
    assert update([HELLO, HEY], [HELLO], hi, ROUGE) == 0
    assert update([HELLO, HEY], [HEY, HELLO], [], ROUGE) == 1


def test_equal_rows_are_counted_and_code_mode_counts_them_as_a_join_does():
    one = {"n": 1}
    assert addition([one, one], [one], [one], {}) == 1
    assert addition([one, one], [one], [one], {}, "code") == 0  # a join of 1 and 2 rows has 2
    assert update([one, one], [one, {"n": 2}], [one], {}) == 1
    assert update([one, one], [one, {"n": 2}], [one], {}, "code") == 0  # every row is found in the reference
    assert beyond([one, one, {"n": 3}], [one]) == [one, {"n": 3}]


def test_empty_cells_are_zeros_in_code_mode_only():
    assert addition([{"n": None, "t": None}], [], [{"n": 0, "t": ""}], {}) == 0
    assert addition([{"n": None, "t": None}], [], [{"n": 0, "t": ""}], {}, "code") == 1
    assert table_similarity([{"n": None, "t": "x"}], [{"n": 5, "t": "x"}], {}) == 0
    assert table_similarity([{"n": None, "t": "x"}], [{"n": 5, "t": "x"}], {}, "code") == 1
    assert table_similarity([{"n": None}], [{"n": 5}], {}, "code") == 0


CELL = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["red fox", "fox", ""])
ROWS = st.lists(st.fixed_dictionaries({"a": CELL, "content": CELL}), max_size=5)


@given(ROWS, ROWS, st.randoms())
@settings(max_examples=80, deadline=None)
def test_neither_the_order_of_rows_nor_of_columns_counts(rows, targets, chance):
    for mode in ("strict", "code"):
        for compared in (
            lambda left, right, mode=mode: table_similarity(left, right, ROUGE, mode),
            lambda left, right, mode=mode: addition(left, rows[:1], right, ROUGE, mode),
            lambda left, right, mode=mode: update(left, targets, right, ROUGE, mode),
        ):
            first = compared(rows, targets)
            mine, theirs = ([dict(reversed(row.items())) for row in part] for part in (rows, targets))
            chance.shuffle(mine)
            chance.shuffle(theirs)
            assert compared(mine, theirs) == pytest.approx(first)
            assert 0 <= first <= 1
    assert table_similarity(rows, rows, {}) == 1
    assert table_similarity([*rows, {"a": 1, "content": "x"}], rows, {}) == 0
    assert unchanged(rows, rows[::-1]) == 1


# texts


@pytest.mark.parametrize(
    ("target", "text", "score"),
    [
        ("Cellular service is turned off", "cellular services are turned off.", 0.8),
        ("wifi is off", "your wifi is now off", 0.75),  # 3 of 3 and of 5 words
        ("a b c d", "d c b a", 0.25),
        ("", "x", 0),
        ("x", "", 0),
        ("naïve", "nave", 0),  # "na" and "ve" are two words
        ("東京", "東京", 0),
    ],
)
def test_rouge_l_by_hand(target, text, score):
    assert rouge_l(target, text) == pytest.approx(score)


def test_stems():
    given_words = "caresses ponies ties feed agreed plastered motoring conflated hopping falling hoping filing happy sky relational"
    stems = "caress poni tie feed agre plaster motor conflat hop fall hope file happi sky relat"
    assert [stem(word) for word in given_words.split()] == stems.split()
    assert [stem(word) for word in ("dying", "news", "by", "enjoy", "apology", "generalizations", "oscillators")] == [
        "die", "news", "by", "enjoy", "apolog", "gener", "oscil",
    ]  # fmt: skip
    assert words("Running, the DOGS ran") == ["run", "the", "dog", "ran"]
    assert len(stem("y" * 1_000_000)) >= 999_999


@given(st.lists(st.sampled_from("abc"), max_size=9), st.lists(st.sampled_from("abc"), max_size=9))
@settings(max_examples=100, deadline=None)
def test_the_longest_common_subsequence_is_that_of_the_table(first, second):
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, j in itertools.product(range(len(first)), range(len(second))):
        table[i + 1][j + 1] = table[i][j] + 1 if first[i] == second[j] else max(table[i][j + 1], table[i + 1][j])
    assert longest(first, second) == longest(second, first) == table[-1][-1]


# assignments


def test_assignments_are_the_best_of_all():
    chance = random.Random(5)
    for _ in range(300):
        rows, columns = chance.randint(1, 5), chance.randint(1, 5)
        cost = [[chance.choice([0.0, chance.random(), 700 * chance.random(), math.inf]) for _ in range(columns)] for _ in range(rows)]
        found = assign(cost)
        pairs = [(row, column) for row, column in enumerate(found) if column is not None]
        assert len({column for _, column in pairs}) == len(pairs)
        best = (0, 0.0)
        for order in itertools.permutations([*range(columns), *[None] * rows], rows):
            chosen = [cost[row][column] for row, column in enumerate(order) if column is not None]
            if math.inf not in chosen:
                best = min(best, (-len(chosen), sum(chosen)))
        assert len(pairs) == -best[0]
        assert sum(cost[row][column] for row, column in pairs) == pytest.approx(best[1])


def test_assignments_of_nothing():
    assert assign([]) == []
    assert assign([[], []]) == [None, None]
    assert assign([[math.nan, 1.0], [math.inf, math.inf]]) == [1, None]
