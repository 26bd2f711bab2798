"""Effects by any path: order, generated keys, alternative paths; and what each write was good for."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.effects import NothingElse, Reached
from artificer.checks.redundancy import Redundancy
from artificer.core.tasks import Effect
from artificer.core.verdicts import ErrorKind


def insert(table: str, key, **columns) -> Effect:
    return Effect(table, (key,), "insert", {name: (None, value) for name, value in columns.items()}, generated=True)


def invoice(key, customer, lines, first=1) -> list[Effect]:
    """An invoice with its lines, all keys chosen by the world."""
    made = [insert("invoice", key, invoice_id=key, customer_id=customer)]
    return made + [insert("invoice_line", first + at, line_id=first + at, invoice_id=key, track=track) for at, track in enumerate(lines)]


async def both(shop, goal, found) -> tuple[bool, bool]:
    episode = shop.with_goal(goal, found)
    return (await Reached()(episode)).passed, (await NothingElse()(episode)).passed


async def test_integers_equal_floats_and_nothing_else_does(shop) -> None:
    for value, equal in ((2.0, True), (2, True), ("2", False), (True, False), (None, False)):
        goal, found = Effect("t", (1,), "update", {"n": (0, 2)}), Effect("t", (1.0,), "update", {"n": (0, value)})
        assert await both(shop, [goal], [found]) == (equal, equal), value


async def test_generated_keys_are_compared_up_to_renaming(shop) -> None:
    goal = invoice(413, 7, ["a", "b"], first=2241)
    assert await both(shop, goal, invoice(500, 7, ["b", "a"], first=9000)) == (True, True)
    assert await both(shop, goal, invoice(500, 8, ["b", "a"], first=9000)) == (False, False)
    assert await both(shop, goal, invoice(500, 7, ["b"], first=9000)) == (False, True)
    assert await both(shop, goal, invoice(500, 7, ["b", "a", "a"], first=9000)) == (True, False)


async def test_two_alike_rows_are_two_rows(shop) -> None:
    goal = [insert("note", 1, note_id=1, text="x"), insert("note", 2, note_id=2, text="x")]
    assert await both(shop, goal, [insert("note", 8, note_id=8, text="x"), insert("note", 9, note_id=9, text="x")]) == (True, True)
    assert await both(shop, goal, [insert("note", 8, note_id=8, text="x")]) == (False, True)


async def test_rows_hung_on_the_wrong_parent_are_found(shop) -> None:
    goal = invoice(413, 7, ["a"], 1) + invoice(414, 8, ["b"], 2)
    assert await both(shop, goal, invoice(414, 7, ["a"], 1) + invoice(413, 8, ["b"], 2)) == (True, True)
    crossed = invoice(414, 7, ["b"], 1) + invoice(413, 8, ["a"], 2)
    assert await both(shop, goal, crossed) == (False, False)
    alike = invoice(413, 7, ["a"], 1) + invoice(414, 7, ["a", "b"], 2)
    assert await both(shop, alike, invoice(1, 7, ["a", "a"], 1) + invoice(2, 7, ["b"], 3)) == (False, True)


async def test_a_wrongly_hung_row_is_found_even_when_its_number_is_the_wanted_one(shop) -> None:
    goal = invoice(413, 7, ["a"], 1) + invoice(414, 8, [], 2)
    found = invoice(414, 7, [], 1) + invoice(413, 8, ["a"], 1)
    assert (await both(shop, goal, found))[0] is False


async def test_a_pointer_whose_name_says_nothing_is_followed_when_literal_reading_fails(shop) -> None:
    goal = [insert("comment", 5, cid=5, text="a"), insert("comment", 6, cid=6, text="b", above=5)]
    found = [insert("comment", 9, cid=9, text="b", above=8), insert("comment", 8, cid=8, text="a")]
    assert await both(shop, goal, found) == (True, True)


async def test_a_quantity_that_happens_to_equal_a_new_key_stays_a_quantity(shop) -> None:
    goal = [insert("line", 5, line_id=5, quantity=5), Effect("stock", (5,), "update", {"left": (10, 5)})]
    assert await both(shop, goal, [insert("line", 6, line_id=6, quantity=5), Effect("stock", (5,), "update", {"left": (10, 5)})]) == (True, True)
    assert await both(shop, goal, [insert("line", 6, line_id=6, quantity=5), Effect("stock", (6,), "update", {"left": (10, 5)})]) == (False, False)


async def test_evidence_names_table_key_column_and_both_values(shop) -> None:
    goal, found = Effect("t", ("k",), "update", {"n": (0, 2), "m": (1, 5)}), Effect("t", ("k",), "update", {"n": (0, 3)})
    result = await Reached()(shop.with_goal([goal], [found]))
    assert result.kinds == (ErrorKind.wrong_value,)
    assert result.evidence == ("update t['k']: m: expected 5, found no change; n: expected 2, found 3",)


JSON = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=True) | st.text(max_size=3)


@st.composite
def families(draw) -> list[tuple[int, list[str]]]:
    return draw(st.lists(st.tuples(st.integers(1, 2), st.lists(st.sampled_from("abc"), max_size=3)), min_size=1, max_size=4))


def numbered(families, keys: random.Random) -> list[Effect]:
    """The families as effects, under keys drawn at random, in a random order."""
    made: list[Effect] = []
    used = keys.sample(range(1000, 100_000), 40)
    for customer, lines in families:
        made += invoice(used.pop(), customer, lines, first=used.pop() * 1000)
    keys.shuffle(made)
    return [Effect(e.table, e.key, e.change, dict(keys.sample(list(e.columns.items()), len(e.columns))), e.generated) for e in made]


@settings(max_examples=80, deadline=None)
@given(families(), families(), st.integers(0, 9), st.integers(0, 9))
async def test_renaming_keys_and_reordering_never_change_a_verdict(shop, left, right, one, two) -> None:
    same = sorted((customer, sorted(lines)) for customer, lines in left) == sorted((customer, sorted(lines)) for customer, lines in right)
    first = await both(shop, numbered(left, random.Random(one)), numbered(right, random.Random(two)))
    assert first == await both(shop, numbered(left, random.Random(two)), numbered(right, random.Random(one + 100)))
    assert all(first) == same


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.dictionaries(st.text(max_size=2), st.tuples(JSON, JSON), max_size=3)), max_size=5), st.randoms())
async def test_effects_equal_themselves_in_any_order(shop, rows, shuffle) -> None:
    effects = [Effect("t", (key,), "update", columns) for key, columns in rows]
    other = [Effect("t", (key,), "update", dict(reversed(columns.items()))) for key, columns in rows]
    shuffle.shuffle(other)
    assert await both(shop, effects, other) == (True, True)
    if effects:
        assert await both(shop, effects, other[1:]) == (False, True)


def written(shop, *writes) -> list:
    """An episode of writes: (arguments, effects) each."""
    nodes = []
    for at, (arguments, effects) in enumerate(writes):
        nodes += [shop.calls(shop.call(f"w{at}", "update_track", **arguments)), shop.result(f"w{at}", None, effects=effects)]
    return nodes


def update(column: str, old, new, key=1) -> Effect:
    return Effect("t", (key,), "update", {column: (old, new)})


async def red(shop, goal, found, *writes) -> tuple[float, float]:
    result = await Redundancy()(shop.with_goal(goal, found, nodes=written(shop, *writes)))
    assert result.score == result.numbers["S"]
    return result.numbers["sat"], result.numbers["red"]


async def test_each_write_of_a_permuted_path_is_needed(shop) -> None:
    one, two = update("a", 0, 1), update("b", 0, 1, key=2)
    for path in (({"a": 1}, [one]), ({"b": 1}, [two])), (({"b": 1}, [two]), ({"a": 1}, [one])):
        assert await red(shop, [one, two], [two, one], *path) == (1.0, 0)


async def test_two_small_writes_are_as_good_as_one(shop) -> None:
    both_items = [insert("returned", 1, id=1, item="a"), insert("returned", 2, id=2, item="b")]
    status = update("status", "ok", "returning")
    path = (({"item": "a"}, [both_items[0], status]), ({"item": "b"}, [both_items[1]]))
    assert await red(shop, [*both_items, status], [*both_items, status], *path) == (1.0, 0)
    assert await red(shop, [*both_items, status], [*both_items, status], ({"items": ["a", "b"]}, [*both_items, status])) == (1.0, 0)


async def test_a_count_that_is_carried_on_is_no_waste_but_a_value_written_over_is(shop) -> None:
    goal = [update("stock", 5, 3)]
    assert await red(shop, goal, goal, ({"track_id": 1}, [update("stock", 5, 4)]), ({"track_id": 1}, [update("stock", 4, 3)])) == (1.0, 0)
    assert await red(shop, goal, goal, ({"stock": 4}, [update("stock", 5, 4)]), ({"stock": 3}, [update("stock", 4, 3)])) == (1.0, 1)


async def test_creating_and_then_filling_in_is_one_way_to_insert(shop) -> None:
    goal = [insert("note", 1, id=1, text="x", title="y")]
    found = [insert("note", 9, id=9, text="x", title="y")]
    path = (
        ({"text": "x"}, [insert("note", 9, id=9, text="x", title=None)]),
        ({"title": "y"}, [Effect("note", (9,), "update", {"title": (None, "y")})]),
    )
    assert await red(shop, goal, found, *path) == (1.0, 0)


async def test_creating_twice_and_deleting_one_is_two_writes_too_many(shop) -> None:
    goal, found = [insert("note", 1, id=1, text="x")], [insert("note", 9, id=9, text="x")]
    gone = Effect("note", (8,), "delete", {"id": (8, None), "text": ("x", None)})
    path = (({"text": "x"}, [insert("note", 8, id=8, text="x")]), ({"text": "x"}, found), ({"id": 8}, [gone]))
    assert await red(shop, goal, found, *path) == (1.0, 2)


async def test_changing_a_row_that_is_then_deleted_is_waste(shop) -> None:
    gone = Effect("t", (1,), "delete", {"a": (0, None)})
    last = Effect("t", (1,), "delete", {"a": (5, None)})
    assert await red(shop, [gone], [gone], ({"a": 5}, [update("a", 0, 5)]), ({}, [last])) == (1.0, 1)


@pytest.mark.parametrize(("penalty", "score"), [(0.25, 0.75), (0.1, 0.9), (2.0, 0.0)])
async def test_the_penalty_is_a_knob_and_the_score_never_negative(shop, penalty: float, score: float) -> None:
    goal = [update("a", 0, 1)]
    nodes = written(shop, ({"a": 7}, [update("a", 0, 7)]), ({"a": 1}, [update("a", 7, 1)]))
    result = await Redundancy(penalty)(shop.with_goal(goal, goal, nodes=nodes))
    assert result.score == pytest.approx(score)
    assert not result.passed


async def test_half_of_the_goal_is_half_the_score(shop) -> None:
    one, two = update("a", 0, 1), update("b", 0, 1, key=2)
    result = await Redundancy()(shop.with_goal([one, two], [one], nodes=written(shop, ({"a": 1}, [one]))))
    assert (result.score, result.passed, result.kinds) == (0.5, False, ())
