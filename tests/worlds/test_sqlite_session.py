"""Sessions against brute force: effects, digest and isolation, on random schemas and random operations."""

import asyncio
import hashlib
import sqlite3
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import World
from artificer.worlds.sqlite import Refusal, SqlTool, SqlWorld, open_world
from artificer.worlds.sqlite.changes import summed
from artificer.worlds.sqlite.world import opened

TABLES = {
    "plain": ("CREATE TABLE plain (id INTEGER PRIMARY KEY, a, b)", ("id",)),
    "counted": ("CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, a, b)", ("id",)),
    "pair": ("CREATE TABLE pair (b, id, a, PRIMARY KEY (a, id)) WITHOUT ROWID", ("a", "id")),
    "order": ('CREATE TABLE "order" (id TEXT PRIMARY KEY NOT NULL, a, b)', ("id",)),
    "free": ("CREATE TABLE free (id, a, b)", ()),
    'we"ird': ('CREATE TABLE "we""ird" (id INTEGER PRIMARY KEY, a, b, c AS (a) STORED)', ("id",)),
}
EXTRA = "CREATE TABLE log (n INTEGER PRIMARY KEY, what); CREATE TRIGGER noted AFTER DELETE ON plain BEGIN INSERT INTO log (what) VALUES (old.id); END"
VALUES = st.one_of(st.integers(-2, 3), st.sampled_from(["", "x", "1", "é"]), st.sampled_from([b"", b"x"]), st.none(), st.sampled_from([0.5, 1.0]))
KEYS = st.integers(0, 4)
STEP = st.tuples(st.sampled_from(["insert", "update", "delete"]), st.sampled_from(sorted(TABLES)), KEYS, VALUES, VALUES)


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def statement(kind, table, key, a, b):
    """One write in SQL; keys are small so that operations meet."""
    if table == "order":
        key = f"k{key}"
    if table == "pair":
        a = 0
    if kind == "insert":
        return f"INSERT OR REPLACE INTO {quoted(table)} (id, a, b) VALUES (?, ?, ?)", (key, a, b)
    if kind == "update":
        return f"UPDATE {quoted(table)} SET b = ? WHERE id = ?", (b, key)
    return f"DELETE FROM {quoted(table)} WHERE id = ?", (key,)


def world():
    connection = apsw.Connection(":memory:")
    connection.execute(";".join(sql for sql, _ in TABLES.values()) + ";" + EXTRA)
    for table in TABLES:
        for key in range(3):
            connection.execute(*statement("insert", table, key, key, "start"))

    def run(connection, arguments):
        for step in arguments["steps"]:
            connection.execute(*statement(*decoded(step)))
        if arguments.get("fail"):
            raise Refusal(ErrorKind.forbidden, "told to fail")
        return len(arguments["steps"])

    spec = ToolSpec("write", "Writes.", {"type": "object"}, effect="write")
    return SqlWorld("test", connection.serialize("main"), [SqlTool(spec, run)])


def decoded(step):
    return tuple(value["bytes"].encode() if isinstance(value, dict) else value for value in step)


def encoded(step):
    return [{"bytes": value.decode()} if isinstance(value, bytes) else value for value in step]


def dump(connection):
    """Every row of every table by table and key, stored values with their classes."""
    out = {}
    for table, key in [*((name, key) for name, (_, key) in TABLES.items()), ("log", ("n",))]:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(table)})")]
        for row in connection.execute(f"SELECT _rowid_, * FROM {quoted(table)}" if table != "pair" else "SELECT 0, * FROM pair"):
            values = dict(zip(columns, row[1:], strict=False))
            out[table, tuple(values[name] for name in key) if key else row[:1]] = {
                name: (type(value).__name__, value) for name, value in values.items()
            }
    return out


def compared(before, after):
    """(table, key, change, columns) of every row that differs."""
    out = set()
    for place in before.keys() | after.keys():
        old, new = before.get(place), after.get(place)
        if old != new:
            kind = "insert" if old is None else "delete" if new is None else "update"
            names = (old or new).keys() if kind != "update" else {name for name in old if old[name] != new[name]}
            out.add((place[0], str(place[1]), kind, frozenset(names)))
    return out


def brief(effects):
    return {(effect.table, str(tuple(effect.key)), effect.change, frozenset(effect.columns)) for effect in effects}


WORLD = world()


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.lists(STEP, max_size=4), st.booleans()), max_size=6), st.integers(0, 6))
def test_effects_digest_and_forks_agree_with_brute_force(calls, fork_at):
    asyncio.run(agree(calls, fork_at))


async def agree(calls, fork_at):
    session = await WORLD.open(Start())
    start = dump(session.connection)
    states = [start]
    fork, forked_at = None, None
    for index, (steps, fail) in enumerate(calls):
        if index == fork_at:
            fork = await session.fork()
            forked_at = (fork.digest(), dump(fork.connection), fork.effects(), fork.calls)
            assert fork.digest() == session.digest()
        before = dump(session.connection)
        result = await session.call(ToolCall("c", "write", {"steps": [encoded(step) for step in steps], "fail": fail}))
        assert (result.error is not None) >= fail
        if result.error is not None:
            assert dump(session.connection) == before
        states.append(dump(session.connection))
    for since in range(len(states)):
        assert brief(session.effects(since)) == compared(states[since], states[-1])
    scratch = summed(session.connection, WORLD._shared.layouts)
    assert session.digest() == f"{scratch:064x}"
    again = await WORLD.open(Start())
    assert (again.digest() == session.digest()) == (states[-1] == start)
    if fork is not None:
        assert (fork.digest(), dump(fork.connection), fork.effects(), fork.calls) == forked_at
        other = fork.run(ToolCall("c", "write", {"steps": [encoded(("insert", "plain", 9, 9, 9))]}))
        assert other.error is None
        assert dump(session.connection) == states[-1]
        await fork.close()
    await again.close()
    await session.close()


async def test_sessions_and_forks_never_see_each_others_writes():
    one, two = await WORLD.open(Start()), await WORLD.open(Start())
    start = dump(one.connection)
    child = await one.fork()
    one.run(ToolCall("c", "write", {"steps": [encoded(("insert", "plain", 7, "one", "one"))]}))
    grandchild = await one.fork()
    sessions = {"one": one, "two": two, "child": child, "grandchild": grandchild}
    seen = {name: (dump(session.connection), session.digest(), session.effects()) for name, session in sessions.items()}
    assert seen["two"][0] == seen["child"][0] == start != seen["one"][0] == seen["grandchild"][0]
    for writer in sessions:
        steps = [encoded(("insert", "plain", 8, writer, writer)), encoded(("delete", "order", 1, 0, 0)), encoded(("update", "free", 2, 0, writer))]
        assert sessions[writer].run(ToolCall("c", "write", {"steps": steps})).error is None
        changed = {name for name, session in sessions.items() if (dump(session.connection), session.digest(), session.effects()) != seen[name]}
        assert changed == {writer}
        seen[writer] = (dump(sessions[writer].connection), sessions[writer].digest(), sessions[writer].effects())
    await one.close()
    assert dump(grandchild.connection) == seen["grandchild"][0]
    assert WORLD.image == world().image
    assert dump((await WORLD.open(Start())).connection) == start


async def test_undoing_leads_back_to_the_same_digest():
    session = await WORLD.open(Start())
    first = session.digest()
    digests = set()
    for step in [("insert", "free", 9, b"x", 1.0), ("update", "pair", 1, 0, None), ("update", "pair", 1, 0, "start"), ("delete", "free", 9, 0, 0)]:
        session.run(ToolCall("c", "write", {"steps": [encoded(step)]}))
        digests.add(session.digest())
        assert session.digest() == f"{summed(session.connection, WORLD._shared.layouts):064x}"
    assert session.digest() == first
    assert session.effects() == ()
    assert len(digests) == 3  # taking back the update leads to the state before it


async def test_the_digest_does_not_depend_on_the_order():
    one, two = await WORLD.open(Start()), await WORLD.open(Start())
    steps = [encoded(("update", "plain", 1, 1, "new")), encoded(("delete", "order", 2, 0, 0)), encoded(("insert", "pair", 4, 0, 1))]
    for step in steps:
        one.run(ToolCall("c", "write", {"steps": [step]}))
    for step in steps[::-1]:
        two.run(ToolCall("c", "write", {"steps": [step]}))
    assert one.digest() == two.digest() != (await WORLD.open(Start())).digest()
    assert one.effects() == two.effects()


@pytest.mark.parametrize(("given_key", "generated"), [(None, True), (77, False)])
async def test_a_key_that_sqlite_chose_is_marked(given_key, generated):
    connection = opened(WORLD.image)

    def run(connection, arguments):
        connection.execute("INSERT INTO plain (id, a) VALUES (?, 1)", (arguments.get("id"),))
        return True

    made = SqlWorld("test", connection.serialize("main"), [SqlTool(ToolSpec("add", "Adds.", {"type": "object"}, effect="write"), run)])
    session = await made.open(Start())
    session.run(ToolCall("c", "add", {} if given_key is None else {"id": given_key}))
    assert [effect.generated for effect in session.effects()] == [generated]


async def test_time_and_chance_depend_on_the_seed_alone():
    def run(connection, arguments):
        sql = "SELECT current_timestamp, date('now', '+1 day'), datetime(), strftime('%Y'), date('2020-02-02'), random()"
        return list(connection.execute(sql).fetchone())

    spec = ToolSpec("now", "Tells the time.", {"type": "object"}, effect="read")
    made = SqlWorld("test", WORLD.image, [SqlTool(spec, run)], clock="2031-05-06T07:08:09", timed=True)
    said = [(await made.open(Start(seed=seed))).run(ToolCall("c", "now", {})).content for seed in (1, 1, 2)]
    assert said[0] == said[1] != said[2]
    assert said[0][:5] == ["2031-05-06 07:08:09", "2031-05-07", "2031-05-06 07:08:09", "2031", "2020-02-02"]


async def test_an_endless_query_is_stopped_and_deferred_keys_are_checked():
    connection = apsw.Connection(":memory:")
    connection.execute(
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p DEFERRABLE INITIALLY DEFERRED)"
    )
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO p SELECT i FROM n WHERE i < 0"
    tools = [
        SqlTool(ToolSpec("endless", "Never ends.", {"type": "object"}, effect="write"), lambda c, a: c.execute(endless) and None),
        SqlTool(
            ToolSpec("dangling", "Refers to nothing.", {"type": "object"}, effect="write"),
            lambda c, a: c.execute("INSERT INTO c (p) VALUES (5)") and None,
        ),
    ]
    session = await SqlWorld("test", connection.serialize("main"), tools).open(Start())
    assert session.run(ToolCall("c", "endless", {})).error is ErrorKind.timeout
    assert session.run(ToolCall("c", "dangling", {})).error is ErrorKind.constraint
    assert session.effects() == ()
    assert session.connection.execute("SELECT count(*) FROM c").fetchone() == (0,)
    assert not session.connection.in_transaction


async def test_a_tool_that_is_declared_to_read_cannot_write():
    def writes(connection, arguments):
        connection.execute(arguments["sql"]).fetchall()
        return True

    spec = ToolSpec("look", "Looks.", {"type": "object"}, effect="read")
    session = await SqlWorld("test", WORLD.image, [SqlTool(spec, writes)]).open(Start())
    before, digest = dump(session.connection), session.digest()
    for sql in (
        "INSERT INTO free VALUES (1, 2, 3)",
        "UPDATE plain SET a = 'x'",
        "DELETE FROM plain",
        "DROP TABLE plain",
        "CREATE TABLE other (a)",
        "BEGIN; DELETE FROM plain; COMMIT",
        "WITH a(x) AS (SELECT 1) INSERT INTO free SELECT x, x, x FROM a RETURNING *",
    ):
        result = session.run(ToolCall("c", "look", {"sql": sql}))
        assert result.error is ErrorKind.internal, sql
        assert "declared to read" in result.detail
        assert dump(session.connection) == before
        assert not session.connection.in_transaction
    assert session.run(ToolCall("c", "look", {"sql": "SELECT * FROM plain"})).content is True
    assert (session.effects(), session.digest()) == ((), digest)
    fork = await session.fork()
    assert fork.run(ToolCall("c", "look", {"sql": "DELETE FROM plain"})).error is ErrorKind.internal


OPEN_KEYS = """
CREATE TABLE named (name TEXT PRIMARY KEY, a);
CREATE TABLE both (x INTEGER, y INTEGER, a, PRIMARY KEY (x, y));
CREATE TABLE falls_back (id TEXT PRIMARY KEY DEFAULT NULL, a);
INSERT INTO named VALUES ('one', 1), (NULL, 2);
INSERT INTO both VALUES (1, 1, 'x');
"""


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO named VALUES (NULL, 1)",
        "INSERT INTO named (a) VALUES (1)",
        "INSERT OR REPLACE INTO both VALUES (1, NULL, 1)",
        "UPDATE both SET y = NULL",
        "UPDATE named SET a = 3",
        "DELETE FROM named",
        "INSERT INTO falls_back DEFAULT VALUES",
    ],
)
async def test_no_tool_writes_a_row_whose_key_is_null(sql):
    def run(connection, arguments):
        connection.execute("INSERT INTO both VALUES (5, 5, 5)")
        connection.execute(sql)

    connection = apsw.Connection(":memory:")
    connection.execute(OPEN_KEYS)
    world = SqlWorld("test", connection.serialize("main"), [SqlTool(ToolSpec("write", "Writes.", {"type": "object"}, effect="write"), run)])
    session = await world.open(Start())
    for one in (session, await session.fork()):
        digest = one.digest()
        result = one.run(ToolCall("c", "write", {}))
        assert result.error is ErrorKind.constraint
        assert "key must not be null" in result.detail
        assert (one.effects(), one.digest()) == ((), digest)
        assert one.digest() == f"{summed(one.connection, world._shared.layouts):064x}"


def test_derived_tools_ask_for_every_part_of_a_key(tmp_path):
    connection = apsw.Connection(str(tmp_path / "x.db"))
    connection.execute(OPEN_KEYS)
    connection.close()
    world = open_world(str(tmp_path / "x.db"))
    creating = {tool.attributes["table"]: tool.parameters for tool in world.tools if tool.attributes["op"] == "create"}
    for table, key in (("named", {"name"}), ("both", {"x", "y"}), ("falls_back", {"id"})):
        assert key <= set(creating[table]["required"])
        assert not [name for name in key if "null" in creating[table]["properties"][name]["type"]]


async def test_a_million_rows(tmp_path: Path):
    """Answers stay short, whatever is asked; copies are private; the file is left as it was."""
    path = tmp_path / "sales.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE shop (shop_id INTEGER PRIMARY KEY, name TEXT)")
        made.execute("INSERT INTO shop VALUES (1, 'Corner'), (2, 'Market')")
        made.execute("CREATE TABLE sale (sale_id INTEGER PRIMARY KEY, shop_id INTEGER REFERENCES shop, note TEXT)")
        made.execute(
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) "
            "INSERT INTO sale SELECT i, 1 + i % 2, 'note ' || i FROM n"
        )
    made.close()
    before = hashlib.sha256(path.read_bytes()).digest()
    session = await World.of(f"sqlite:{path}").open(Start())
    for name, arguments in (
        ("search_sales", {}),
        ("search_sales", {"note_contains": "note"}),
        ("search_sales", {"note_contains": "%"}),
        ("list_sales_of_shop", {"shop_id": 1, "limit": 100}),
    ):
        result = await session.call(ToolCall("c", name, arguments))
        assert result.error is None
        assert len(result.content["rows"]) <= 100
    asked = await session.call(ToolCall("c", "search_sales", {"limit": 1_000_000}))
    assert asked.error is ErrorKind.invalid_argument
    refused = await session.call(ToolCall("c", "delete_shop", {"shop_id": 1}))
    assert refused.error is ErrorKind.constraint
    other = await session.fork()
    changed = await other.call(ToolCall("c", "update_sale", {"sale_id": 999_999, "note": "mine"}))
    assert changed.error is None
    assert (await session.call(ToolCall("c", "get_sale", {"sale_id": 999_999}))).content["note"] == "note 999999"
    assert [effect.key for effect in other.effects(session.calls - 1)] == [(999_999,)]
    assert hashlib.sha256(path.read_bytes()).digest() == before
