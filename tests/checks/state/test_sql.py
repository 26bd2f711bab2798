"""SQL assertions: every comparison with every shape of value, and that a query can only read."""

import asyncio

import apsw
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.state.assertions import Assertion, holds, value_of
from artificer.checks.state.sql import SqlHolds
from artificer.checks.suite import by_name, judge
from artificer.core.errors import ArtificerError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Constraint, Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Selected, World, begun

NONE, ONE, ROW = Selected(("n",), ()), Selected(("n",), ((3,),)), Selected(("a", "b"), ((1, "x y"),))
MANY = Selected(("a", "b"), ((1, "x"), (2, None)))
NULL, TEXT, TRUE = Selected(("n",), ((None,),)), Selected(("n",), (("2024-05-06",),)), Selected(("n",), ((1,),))

# what the query gave, the comparison, what is expected, whether it holds: in strict mode, in code mode
TABLE = [
    (ONE, "equals", 3, True, True),
    (ONE, "equals", 3.0, True, True),
    (ONE, "equals", "3", False, False),
    (TRUE, "equals", True, False, True),  # upstream's Python takes 1 for true
    (ONE, "equals", [3], True, False),
    (NULL, "equals", 0, False, False),
    (NULL, "equals", "", False, False),
    (NULL, "equals", None, True, True),
    (NONE, "equals", [], True, True),
    (NONE, "equals", 0, False, False),
    (NONE, "equals", None, False, False),
    (ROW, "equals", {"b": "x y", "a": 1}, True, True),
    (ROW, "equals", {"a": 1}, False, False),
    (ROW, "equals", [1, "x y"], True, False),
    (ROW, "equals", [{"a": 1, "b": "x y"}], True, False),
    (MANY, "equals", [{"a": 1, "b": "x"}, {"a": 2, "b": None}], True, True),
    (MANY, "equals", [{"a": 2, "b": None}, {"a": 1, "b": "x"}], True, False),  # no order was asked for
    (MANY, "equals", [[2, None], [1, "x"]], True, False),
    (MANY, "equals", [[2, None]], False, False),
    (MANY, "equals", [[2, None], [2, None]], False, False),
    (ONE, "greater_than", 2, True, True),
    (ONE, "greater_than", 3, False, False),
    (ONE, "less_than", 3.5, True, True),
    (ONE, "less_than", "4", False, False),
    (NULL, "greater_than", -1, False, False),
    (NULL, "less_than", 1, False, False),
    (NONE, "greater_than", 0, False, False),
    (TEXT, "greater_than", "2024-05-05", True, True),
    (TEXT, "less_than", "2024-05-05", False, False),
    (ROW, "greater_than", 0, False, False),
    (TEXT, "contains", "05-06", True, True),
    (TEXT, "contains", "07", False, False),
    (TEXT, "contains", "", False, True),
    (ROW, "contains", "x y", True, True),
    (ROW, "contains", "a", False, True),  # upstream looks into Python's writing of the row, columns and all
    (MANY, "contains", "None", False, True),
    (MANY, "contains", 2, True, False),
    (NULL, "contains", "None", False, True),
    (ONE, "contains", 3, True, False),
]


@pytest.mark.parametrize(("found", "comparison", "expected", "strict", "code"), TABLE)
def test_comparisons(found, comparison, expected, strict, code):
    for mode, right in (("strict", strict), ("code", code)):
        held = holds(found, Assertion(query="", comparison_type=comparison, expected_value=expected, mode=mode))
        assert held.holds is right, mode
        assert bool(held.why) is not right


def test_values_have_the_shapes_of_their_rows():
    assert [value_of(one) for one in (NONE, ONE, NULL, ROW)] == [[], 3, None, {"a": 1, "b": "x y"}]
    assert value_of(MANY) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def test_what_is_wrong_is_named():
    kinds = [holds(found, Assertion(query="", expected_value=wanted)).kind for found, wanted in ((NULL, 1), (ONE, 0), (ONE, 4), (NONE, 1))]
    assert kinds == [ErrorKind.missing_effect, ErrorKind.extra_effect, ErrorKind.wrong_value, ErrorKind.missing_effect]


def test_the_order_of_rows_counts_when_it_is_asked_for():
    wanted = [{"a": 2, "b": None}, {"a": 1, "b": "x"}]
    assert not holds(MANY, Assertion(query="", expected_value=wanted, ordered=True)).holds
    assert holds(MANY, Assertion(query="", expected_value=wanted[::-1], ordered=True)).holds


CELLS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text(max_size=3)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5), st.randoms())
@settings(max_examples=60, deadline=None)
def test_rows_equal_themselves_in_any_order_of_rows_and_columns(rows, chance):
    shuffled = [{"b": second, "a": first} for first, second in rows]
    chance.shuffle(shuffled)
    assert holds(Selected(("a", "b"), tuple(rows)), Assertion(query="", expected_value=shuffled)).holds
    assert not holds(Selected(("a", "b"), tuple(rows)), Assertion(query="", expected_value=[*shuffled, {"a": 9, "b": 9}])).holds


# in a world


async def test_assertions_decide_an_episode_on_its_final_state(shop, play, task, sql):
    wanted = task(
        sql("SELECT stock FROM item WHERE id = ?", 2, "equals", 1),
        sql("SELECT count(*) FROM sale WHERE item_id = :item AND note IS NULL", 1, parameters={"item": 1}, name="one sale without a note"),
        sql("SELECT price FROM item WHERE name = ?", 0, "equals", "Red Chair", name="a price that is not set is not 0"),
    )
    episode = await play(shop, wanted, "sell me a lamp", ("sell", {"item": 1}), "done")
    found = await SqlHolds()(episode)
    assert (found.passed, found.numbers) == (False, {"assertions": 3, "hold": 2, "broken": 0})
    assert found.evidence == ("a price that is not set is not 0: expected equal to 0, found None",)
    assert found.score == pytest.approx(2 / 3)
    before = await play(shop, wanted, "hello", "hello")
    assert (await SqlHolds()(before)).numbers["hold"] == 0
    assert (await judge(episode, by_name(["sql"]))).parts == (found,)


async def test_wrappers_are_passed_through(play, task, sql, tmp_path):
    connection = apsw.Connection(str(tmp_path / "shop.db"))
    connection.execute("CREATE TABLE item (item_id INTEGER PRIMARY KEY, name TEXT NOT NULL, stock INTEGER); INSERT INTO item VALUES (1, 'lamp', 3)")
    connection.close()
    world = World.of(f"sqlite:{tmp_path / 'shop.db'} | scramble:what=tools+parameters,seed=3")
    update = world.outward(ToolCall("", "update_item", {"item_id": 1, "stock": 8}))
    assert update.name != "update_item"
    episode = await play(world, task(sql("SELECT stock FROM item", 8)), "hi", (update.name, update.arguments), "ho")
    found = await SqlHolds()(episode)
    assert found.passed, found.evidence
    await world.close()


async def test_what_cannot_be_decided_does_not_pass(shop, play, task, sql):
    for wanted, why in (
        (task(), "the task states no SQL assertion"),
        (task(sql("SELECT missing FROM item", 1)), "the query failed: no such column: missing"),
        (task(sql("SELECT ?, ?", 1, "equals", 1)), "the query failed: its parameters do not fit"),
        (task(sql("-- hm", 1)), "the query failed: it is no statement"),
    ):
        found = await SqlHolds()(await play(shop, wanted, "hi", "ho"))
        assert not found.passed
        assert why in found.evidence[0]
    episode = await play(shop, task(sql("SELECT 1", 1)), "hi", "ho")
    assert (await SqlHolds()(msgspec.structs.replace(episode, past=None))).evidence == ("the state was not kept",)


async def test_a_world_without_sql_says_so(play, task, sql, tmp_path):
    (tmp_path / "notes.py").write_text(
        "class Notes:\n    def __init__(self) -> None:\n        self.n = 0\n    def add(self) -> int:\n        self.n += 1\n        return self.n\n"
    )
    world = World.of(f"python:{tmp_path / 'notes.py'}")
    found = await SqlHolds()(await play(world, task(sql("SELECT 1", 1)), "hi", ("add", {}), "ho"))
    assert found.evidence == ("the world's state does not answer SQL",)


async def test_a_trace_that_does_not_repeat_is_not_believed(shop, play, task, sql):
    episode = await play(shop, task(sql("SELECT stock FROM item WHERE id = 1", 2)), "hi", ("sell", {"item": 1}), "ho")
    assert (await SqlHolds()(episode)).passed
    forged = [*episode.nodes[:2], msgspec.structs.replace(episode.nodes[2], effects=()), episode.nodes[3]]
    forged[1] = msgspec.structs.replace(forged[1], message=msgspec.structs.replace(forged[1].message, calls=()))
    past = type(episode.past)(episode.task, shop, forged, ())
    found = await SqlHolds()(msgspec.structs.replace(episode, nodes=forged, past=past))
    assert not found.passed
    assert "cannot be repeated" in found.evidence[0]


@pytest.mark.parametrize(
    "arguments", [{"expected_value": 1}, {"query": 5}, {"query": "SELECT 1", "comparison_type": "about"}, {"query": "", "sql": ""}]
)
async def test_an_assertion_that_is_wrongly_written_is_the_authors_mistake(shop, play, task, arguments):
    episode = await play(shop, task(Constraint("sql", arguments)), "hi", "ho")
    with pytest.raises(ArtificerError, match="an SQL assertion cannot be read"):
        await SqlHolds()(episode)


# a query only reads

WRITES = [
    "DELETE FROM item",
    "UPDATE item SET stock = 99 RETURNING stock",
    "INSERT INTO mood VALUES ('x', NULL)",
    "DROP TABLE sale",
    "CREATE TEMP TABLE t AS SELECT 1",
    "PRAGMA user_version = 7",
    "PRAGMA table_info(item)",
    "ATTACH ':memory:' AS other",
    "BEGIN",
    "SAVEPOINT s",
    "VACUUM",
    "REINDEX",
    "ANALYZE",
    "SELECT load_extension('x')",
    "SELECT random()",
    "SELECT hex(randomblob(4))",
    "WITH gone AS (SELECT 1) DELETE FROM item",
    "EXPLAIN DELETE FROM item",
    "EXPLAIN SELECT 1",
    "SELECT * FROM pragma_table_info('item')",
    "SELECT last_insert_rowid()",
    "SELECT total_changes() FROM item",
    "SELECT sqlite_version()",
    "/* SELECT */ REPLACE INTO item (id, name) VALUES (1, 'x')",
]


@pytest.mark.parametrize("query", WRITES)
async def test_what_is_no_reading_is_refused(shop, query):
    session = await begun(shop, Start())
    try:
        before = session.digest(), session.rows()
        found = session.select(query)
        assert found.failed
        assert not found.rows
        assert (session.digest(), session.rows()) == before
        assert session.select("SELECT count(*) FROM item").rows == ((3,),)
        assert session.connection.authorizer is None
        session.connection.execute("UPDATE item SET stock = 4 WHERE id = 1")  # the session itself may still write
    finally:
        await session.close()


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("SELECT 1; DELETE FROM item", "more than to read"),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", "too many steps"),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", "more than 10000 rows"),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT zeroblob(10000000) FROM n", "16 MiB"),
        ("SELECT zeroblob(1000000000)", "too big"),
        ("SELECT '\ud800'", "surrogates"),
        ("SELECT 'x", "unrecognized token"),
        ("SELECT \x00", "incomplete input"),
    ],
)
async def test_limits(shop, query, why):
    session = await begun(shop, Start())
    found = session.select(query)
    assert why in found.failed
    assert not found.rows
    await session.close()


async def test_parameters_are_values_and_never_sql(shop):
    session = await begun(shop, Start())
    nasty = "x' OR 1=1; DROP TABLE item; --"
    assert session.select("SELECT count(*) FROM item WHERE name = ?", [nasty]).rows == ((0,),)
    assert session.select("SELECT :a || :a", {"a": nasty}).rows == ((nasty * 2,),)
    for value in ([1], {"a": 1}, 2**70, "\ud800"):
        assert session.select("SELECT ?", [value]).failed
    assert session.select("SELECT photo, typeof(photo) FROM mood ORDER BY 2").rows == (("AP8=", "blob"), (None, "null"))
    await session.close()


async def test_the_time_is_the_worlds(shop):
    session = await begun(shop, Start())
    assert session.select("SELECT date('now')").rows == (("2026-01-15",),)
    assert session.select("SELECT date('2024-02-28', '+1 day'), current_timestamp").rows == (("2024-02-29", "2026-01-15 12:00:00"),)
    await session.close()


def test_runs_side_by_side_do_not_see_each_other(shop, play, task, sql):
    wanted = task(sql("SELECT count(*) FROM sale", 1))

    async def both():
        mine, other = await asyncio.gather(
            play(shop, wanted, "hi", ("sell", {"item": 1}), "ho"), play(shop, wanted, "hi", ("sell", {"item": 3}), "ho")
        )
        return await asyncio.gather(*(SqlHolds()(one) for one in (mine, other) * 10))

    assert all(found.passed for found in asyncio.run(both()))


SALES = "SELECT count(*) FROM sale WHERE item_id = ? AND note IS ?"
PRICES = "SELECT price FROM item WHERE id = ?"
GOLD = [  # calls, and assertions that hold after all of them and not after all but one
    ([("sell", {"item": 1})], [(SALES, 1, [1, None])]),
    ([("sell", {"item": 1, "note": "gift"})], [(SALES, 1, [1, "gift"])]),
    ([("price", {"item": 2, "price": 4.5})], [(PRICES, 4.5, [2])]),
    ([("price", {"item": 1, "price": None})], [(PRICES, None, [1])]),
    ([("sell", {"item": 1}), ("sell", {"item": 3})], [(SALES, 1, [1, None]), (SALES, 1, [3, None])]),
    ([("sell", {"item": 1}), ("sell", {"item": 1})], [(SALES, 2, [1, None]), ("SELECT stock FROM item WHERE id = ?", 1, [1])]),
    ([("price", {"item": 1, "price": 8}), ("sell", {"item": 1})], [(PRICES, 8, [1]), (SALES, 1, [1, None])]),
    ([("price", {"item": 1, "price": 8}), ("price", {"item": 2, "price": 9})], [(PRICES, 8, [1]), (PRICES, 9, [2])]),
    ([("sell", {"item": 1})] * 3, [("SELECT stock FROM item WHERE id = ?", 0, [1])]),
    ([("sell", {"item": 3}), ("price", {"item": 3, "price": 1}), ("sell", {"item": 1})], [("SELECT sum(stock), min(price) FROM item", [2, 1], [])]),
]


@pytest.mark.parametrize(("calls", "assertions"), GOLD)
async def test_gold_passes_and_gold_less_any_call_does_not(shop, play, task, sql, calls, assertions):
    wanted = task(*(sql(query, expected, "equals", *parameters) for query, expected, parameters in assertions))
    assert (await SqlHolds()(await play(shop, wanted, "please", *calls, "done"))).passed
    for left_out in range(len(calls)):
        found = await SqlHolds()(await play(shop, wanted, "please", *calls[:left_out], *calls[left_out + 1 :], "done"))
        assert not found.passed
        assert found.kinds
