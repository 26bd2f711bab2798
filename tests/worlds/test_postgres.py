"""PostgreSQL databases as worlds, against a real server: what is carried over into a sample, what is told, and that
live sessions leave nothing behind."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start, Task
from artificer.core.trace import Trace
from artificer.core.verdicts import ErrorKind
from artificer.recipes.synthesis.cove import Knobs, source, stages
from artificer.rollout.episode import play
from artificer.rollout.parties import agent_maker, user_maker
from artificer.run.engine import execute
from artificer.run.store import RunFolder
from artificer.worlds.base import World
from artificer.worlds.sqlite.values import quote
from artificer.worlds.sqlite.world import opened

SHOP = Path(__file__).with_name("shop.sql").read_text()
STATE = """SELECT md5(string_agg(line, '|' ORDER BY line)) FROM (
  SELECT 'c' || customer::text || xmin AS line FROM customer UNION ALL SELECT 'o' || orders::text || xmin FROM orders UNION ALL
  SELECT 'l' || line::text || xmin FROM line UNION ALL SELECT 'n' || country::text || xmin FROM country UNION ALL
  SELECT 's' || last_value || is_called FROM customer_id_seq UNION ALL SELECT 's' || last_value || is_called FROM orders_id_seq UNION ALL
  SELECT 'r' || count(*) FROM pg_class) AS lines"""


@pytest.fixture(scope="module")
def shop(postgres) -> str:
    return postgres.make("shop", SHOP)


def call(name: str, /, **arguments) -> ToolCall:
    return ToolCall("c", name, arguments)


def counts(world) -> dict[str, int]:
    connection = opened(world.image)
    return {name: connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchone()[0] for name in world.schema.tables}


def test_what_is_carried_over_and_what_is_told(shop):
    world = World.of(shop)
    tables = world.schema.tables
    assert set(tables) == {"country", "customer", "orders", "line", "hr_country", "log", "rooms", "paid", "spent"}
    customer, orders = tables["customer"], tables["orders"]
    assert customer.key == ("id",)
    assert customer.rowid_key
    assert orders.rowid_key
    assert tables["line"].key == ("order_id", "no")
    assert tables["hr_country"].surrogate
    assert {(one.columns, one.table, one.on_delete) for one in customer.foreign} == {
        (("country",), "country", "SET NULL"),
        (("boss",), "customer", "NO ACTION"),
    }
    assert [one.on_delete for one in orders.foreign] == ["CASCADE"]
    assert customer.columns["mood"].choices == ("sad", "ok", "happy")
    assert (customer.columns["credit"].minimum, customer.columns["credit"].maximum) == (0, 100000)
    assert orders.columns["qty"].minimum == 1
    assert customer.columns["name"].max_length == 40
    assert {name: column.kind for name, column in customer.columns.items() if column.kind != "text"} == {
        "id": "integer", "credit": "real", "active": "boolean", "created": "datetime", "born": "date", "boss": "integer", "photo": "blob"
    }  # fmt: skip
    assert orders.columns["total"].generated
    assert orders.columns["status"].comment == "new -> paid; paid -> sent"
    assert tables["country"].comment == "Where customers live"
    assert tables["country"].columns["code"].comment == "ISO 3166 alpha-2 -- not a comment /* nor this"
    assert {f"{problem.where}: {problem.what}" for problem in world.problems} == {
        "table public.customer: tags is an array or composite, kept as JSON text",
        "table public.customer: search is of the type tsvector, which is left out",
        "table public.customer: ip is of the type inet, kept as text",
        "table public.log: p is an array or composite, kept as JSON text",
        "table public.log: seq is counted up by a sequence, which SQLite does only for a key: it may be left empty",
        "table public.orders: its triggers told are not carried over: what they do is not done",
        "table public.orders: the CHECK orders_note_check is not carried over: (note ~ '^[A-Z]'::text)",
        "table public.rooms: during is of the type daterange, kept as text",
        "table public.rooms: the constraint rooms_during_excl is not carried over: EXCLUDE USING gist (during WITH &&)",
        "view public.monthly: its query means nothing, or something else, in SQLite; it is left out",
        "materialized view public.spent: its rows are computed anew with every query",
        "table public.line: a sample: 500 rows were taken (500 by chance, and those that others refer to)",
        "table log: has no key; its rows can be searched and added, but not changed or deleted one by one",
    }


REFUSED = [
    ("create_customer", {"name": "Zed", "email": "no at sign"}),
    ("create_customer", {"name": "Zed", "email": "USER7@x.example"}),  # unique by lower(email)
    ("create_customer", {"name": "", "email": "z@x.example"}),
    ("create_customer", {"name": "Zed", "email": "z@x.example", "country": "XX"}),
    ("create_customer", {"name": "Zed", "email": "z@x.example", "born": "2024-05-05"}),
    ("create_customer", {"name": "Zed", "email": "z@x.example", "boss": 4000}),
    ("update_customer", {"id": 5, "born": "1990-02-31"}),
    ("update_customer", {"id": 5, "created": "yesterday at noon"}),
    ("update_customer", {"id": 5, "extra": "{not json"}),
    ("update_customer", {"id": 5000, "name": "x"}),
    ("create_line", {"order_id": 1, "no": 1, "what": "twice"}),
    ("delete_customer", {"id": 7}),
    ("update_country", {"code": "FR", "name": "Italy"}),
    ("create_order", {"customer_id": 5, "qty": 0, "price": 1}),
    ("create_order", {"customer_id": 5, "qty": 1, "price": 1, "status": "lost"}),
    ("update_customer", {"id": 5, "credit": 100000.01}),
    ("update_customer", {"id": 5, "mood": "glad"}),
    ("get_order", {"id": 10_000}),
    ("drop_table", {}),
]
DONE = [
    ("search_customers", {"name": "name 7"}),
    ("search_customers", {"name_contains": "NAME 1", "credit_min": 20, "limit": 3}),
    ("search_customers", {"active": True, "born_max": "1980-02-01", "country": None}),
    ("search_customers", {"email": "'; DROP TABLE customer; --"}),
    ("search_customers", {"extra": '{"n": 3}'}),
    ("get_boss_of_customer", {"id": 9}),
    ("get_boss_of_customer", {"id": 1}),
    ("list_customers_by_boss", {"boss": 2}),
    ("get_country_of_customer", {"id": 9}),
    ("search_spents", {"customer_id": 8}),
    ("search_paids", {"name": "Name 8", "limit": 2}),
    ("update_customer", {"id": 5, "credit": 7.5, "born": "1990-01-01", "active": False, "mood": "sad", "tags": '["x"]'}),
    ("create_order", {"customer_id": 5, "qty": 2, "price": 3.5, "placed": "2024-05-05"}),
    ("update_customer", {"id": 6, "photo": "AAEC", "extra": None}),
    ("delete_order", {"id": 4}),
    ("create_line", {"order_id": 1, "no": 9, "what": 'it\'s 100% "new"'}),
    ("delete_country", {"code": "FR"}),
    ("delete_line", {"order_id": 1, "no": 1}),
]


async def test_the_sample_and_the_server_itself_refuse_and_do_the_same(shop, postgres):
    before = postgres.rows("shop", STATE)
    whole = World.of(shop, rows="1000")
    sample, live = await whole.open(Start()), await World.of(shop, live="true").open(Start())
    for name, arguments in REFUSED:
        results = [await session.call(call(name, **arguments)) for session in (sample, live)]
        assert all(result.error is not None for result in results), (name, arguments, results)
        assert {result.error for result in results} <= {results[0].error, ErrorKind.constraint, ErrorKind.invalid_argument}
        assert sample.effects() == live.effects() == ()
    for name, arguments in DONE:
        mark = sample.calls
        results = [await session.call(call(name, **arguments)) for session in (sample, live)]
        assert results[0] == results[1], (name, arguments)
        assert results[0].error is None
        assert sample.effects(mark) == live.effects(mark), (name, arguments)
    assert len(live.effects()) > 15
    assert sample.effects() == live.effects()
    await sample.close()
    await live.close()
    assert postgres.rows("shop", STATE) == before


@pytest.mark.parametrize("rows", [1, 20, 250])
def test_a_sample_is_closed_under_references_and_depends_on_its_seed_alone(shop, rows):
    world = World.of(shop, rows=str(rows), seed="3")
    assert opened(world.image).execute("PRAGMA foreign_key_check").fetchall() == []
    taken = counts(world)
    assert taken["line"] == min(rows, 600) <= taken["orders"] + rows
    assert all(taken[name] > 0 for name in ("orders", "customer", "country"))
    assert taken["customer"] < 60 or rows > 20
    assert World.of(shop, rows=str(rows), seed="3").image == world.image
    assert World.of(shop, rows=str(rows), seed="4").image != world.image


async def test_effects_of_triggers_and_cascades_are_seen(shop):
    session = await World.of(shop, live="true").open(Start())
    assert (await session.call(call("update_order", id=3, status="paid"))).error is None
    changed = {(effect.table, effect.change) for effect in session.effects()}
    assert changed == {("orders", "update"), ("log", "insert")}
    told = next(effect for effect in session.effects() if effect.table == "log")
    assert told.columns["what"] == (None, "order 3 paid")
    mark = session.calls
    assert (await session.call(call("delete_order", id=3))).error is None
    assert [effect.table for effect in session.effects(mark)] == ["line", "line", "orders"]
    assert {effect.table for effect in session.effects()} == {"line", "orders", "log"}
    await session.close()


async def test_live_sessions_do_not_see_each_other_and_wait_for_no_more_than_the_timeout(shop):
    world = World.of(shop, live="true", timeout="1")
    one, two = await world.open(Start()), await world.open(Start())
    assert one.digest() == two.digest()
    assert (await one.call(call("update_customer", id=5, name="One"))).error is None
    assert (await two.call(call("get_customer", id=5))).content["name"] == "Name 5"
    blocked = await two.call(call("update_customer", id=5, name="Two"))
    assert (blocked.error, blocked.detail) == (ErrorKind.timeout, "another session is changing the same rows")
    assert (await two.call(call("update_customer", id=6, name="Two"))).error is None
    assert one.digest() != two.digest()
    with pytest.raises(SourceError, match="cannot be forked"):
        await one.fork()
    await one.close()
    await two.close()


async def test_a_lost_connection_is_a_result(shop, postgres):
    session = await World.of(shop, live="true").open(Start())
    assert (await session.call(call("get_customer", id=5))).error is None
    postgres.rows("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'artificer'")
    for _ in range(2):
        assert (await session.call(call("get_customer", id=5))).error is ErrorKind.transport
    await session.close()


def test_reading_a_sample_cannot_write_and_ends_in_time(postgres):
    url = postgres.make(
        "traps",
        """CREATE SCHEMA sly; CREATE SCHEMA slow; CREATE ROLE visitor LOGIN; GRANT USAGE ON SCHEMA sly, slow TO visitor;
        CREATE TABLE sly.t (id serial PRIMARY KEY); CREATE TABLE slow.t (id serial PRIMARY KEY); CREATE TABLE sly.victim AS SELECT 1 AS n;
        INSERT INTO sly.t DEFAULT VALUES; INSERT INTO slow.t DEFAULT VALUES; GRANT ALL ON ALL TABLES IN SCHEMA sly, slow TO visitor;
        CREATE FUNCTION sly.act() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM sly.victim; RETURN 1; END $$;
        ALTER TABLE sly.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON sly.t USING (sly.act() = 1);
        ALTER TABLE slow.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON slow.t USING (pg_sleep(30) IS NOT NULL);""",
    ).replace("tester@", "visitor@")
    with pytest.raises(SourceError, match="cannot execute DELETE in a read-only transaction"):
        World.of(url, schemas="sly")
    with pytest.raises(SourceError, match="took longer than 1 s"):
        World.of(url, schemas="slow", timeout="1")
    assert postgres.rows("traps", "SELECT count(*) FROM sly.victim") == [(1,)]


async def test_a_trigger_that_touches_other_rows_of_the_table_is_followed(postgres):
    url = postgres.make(
        "defaults",
        """CREATE TABLE address (id serial PRIMARY KEY, street text NOT NULL, main boolean NOT NULL DEFAULT false);
        INSERT INTO address(street, main) VALUES ('A', true), ('B', false), ('C', false);
        CREATE FUNCTION only_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.main THEN UPDATE address SET main = false WHERE id <> NEW.id AND main; END IF; RETURN NULL; END $$;
        CREATE TRIGGER one AFTER INSERT OR UPDATE ON address FOR EACH ROW EXECUTE FUNCTION only_one();
        CREATE SCHEMA hidden; CREATE TABLE hidden.audit (what text);
        CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO hidden.audit VALUES ('gone'); RETURN NULL; END $$;
        CREATE TRIGGER spy AFTER DELETE ON address FOR EACH ROW EXECUTE FUNCTION spy();""",
    )
    session = await World.of(url, live="true", schemas="public").open(Start())
    assert (await session.call(call("update_address", id=2, main=True))).error is None
    assert {(effect.key, effect.columns["main"]) for effect in session.effects()} == {((1,), (1, 0)), ((2,), (0, 1))}
    refused = await session.call(call("delete_address", id=3))
    assert refused.error is ErrorKind.internal
    assert "not part of this world" in refused.detail
    assert (await session.call(call("get_address", id=3))).error is None
    await session.close()


def test_the_oracle_is_proven_on_a_sample_and_plays_live(shop, tmp_path, postgres):
    before = postgres.rows("shop", STATE)
    knobs = Knobs(world=shop, n=40, seed=2, impossible=0.3, options={"rows": "1000"})
    with RunFolder.create_or_continue(tmp_path / "run", {"recipe": "cove"}) as run:
        summary = asyncio.run(execute(stages(knobs), source(knobs), run))
        tasks = [task for _, task in run.read("tasks", Task)]
        traces = [trace for _, trace in run.read("traces", Trace)]
    # the folder of the socket is part of the world's name, so what is drawn differs: in 0.5% of 3,600 tasks nothing impossible was found
    assert len(traces) == len(tasks) >= 36
    assert summary["judge"].rejects == summary["play"].rejects == summary["words"].rejects == {}

    async def live():
        world = World.of(shop, live="true")
        agent, user = agent_maker("scripted:oracle", world.guide), user_maker("goal")
        for task in tasks[:12]:
            trace = await play(task, world, agent, user)
            reached = [effect for effect in trace.effects[trace.leaves()[0]] if effect.table != "log"] if trace.effects else []
            assert {(one.table, one.change) for one in reached} == {(one.table, one.change) for one in task.goal.effects}

    asyncio.run(live())
    assert postgres.rows("shop", STATE) == before


def test_awkward_schemas(postgres):
    url = postgres.make(
        "awkward",
        """CREATE TABLE "odd ""name%" ("a b" integer PRIMARY KEY, "A B" text, "select" text UNIQUE, "x;--" text DEFAULT 'it''s');
        INSERT INTO "odd ""name%" VALUES (1, 'p', 'q'), (2, NULL, NULL);
        CREATE TABLE sqlite_sequence (id serial PRIMARY KEY, n int); CREATE TABLE "Users" (id int PRIMARY KEY);
        CREATE TABLE users (id int PRIMARY KEY);
        CREATE TABLE part (id int NOT NULL, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        INSERT INTO part VALUES (1, '2024-05-05'), (2, '2024-06-06');
        CREATE TABLE a (id int PRIMARY KEY, b_id int); CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO a SELECT i, 61 - i FROM generate_series(1, 60) i; INSERT INTO b SELECT i, i FROM generate_series(1, 60) i;
        ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b DEFERRABLE INITIALLY DEFERRED;
        CREATE TABLE many (id int PRIMARY KEY, n numeric, f float8, i interval, d date, t timestamptz,
          m money, v varchar, e text[][], x xml, l bigint);
        INSERT INTO many VALUES (1, 1234567890.12345678901, 'Infinity', '1 day 2 hours', 'infinity', '-infinity', 12.5, repeat('x', 5000),
          '{{a,b},{c,d}}', '<a/>',
          9223372036854775807), (2, 'NaN', 'NaN', NULL, '0044-03-15 BC', '2024-05-05 12:00:00.123456+02', NULL, '', NULL, NULL, -9223372036854775808);
        CREATE TABLE empty (); CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (more int) INHERITS (parent);
        INSERT INTO child VALUES (7, 1);""",
    )
    world = World.of(url, rows="10")
    tables = world.schema.tables
    assert {'odd "name%', "t_sqlite_sequence", "Users", "users_2", "part", "a", "b", "many", "child", "parent"} == set(tables)
    assert list(tables['odd "name%'].columns) == ["a b", "A B_2", "select", "x;--"]
    taken = counts(world)
    assert (taken["part"], taken["parent"]) == (2, 0)
    assert opened(world.image).execute("PRAGMA foreign_key_check").fetchall() == []
    assert 10 <= taken["a"] <= 60
    rows = opened(world.image).execute("SELECT n, f, i, d, t, m, e, l FROM many ORDER BY id").fetchall()
    assert rows[0] == (1234567890.1234567, float("inf"), "P1DT2H", "infinity", "-infinity", 12.5, '[["a","b"],["c","d"]]', 9223372036854775807)
    assert rows[1] == ("NaN", "NaN", None, "0044-03-15 BC", "2024-05-05 10:00:00.123456Z", None, None, -9223372036854775808)
    told = " ".join(problem.what for problem in world.problems)
    assert "n has numbers of more digits than SQLite keeps" in told
    assert "the rule type of d is not carried over" in told
    assert "has no columns" in told

    async def calls():
        session = await world.open(Start())
        live = await World.of(url, live="true").open(Start())
        for one in (session, live):
            made = await one.call(call("create_odd_name", **{"a b": 9, "select": "Robert'); DROP TABLE a;--"}))
            assert made.content == {"a b": 9, "A B_2": None, "select": "Robert'); DROP TABLE a;--", "x;--": "it's"}
            assert (await one.call(call("create_part", id=3, day="2024-07-07"))).error is None
            assert (await one.call(call("create_b", id=900, a_id=901))).error is ErrorKind.constraint
            assert {effect.table for effect in one.effects()} == {'odd "name%', "part"}
            await one.close()

    asyncio.run(calls())


def test_what_the_role_may_not_see_is_left_out(postgres):
    url = postgres.make(
        "limited",
        """CREATE TABLE secret (id int PRIMARY KEY, v text); INSERT INTO secret VALUES (1, 'classified');
        CREATE TABLE open (id int PRIMARY KEY, name text, wage int, secret_id int REFERENCES secret); INSERT INTO open VALUES (1, 'a', 99, 1);
        CREATE ROLE limited LOGIN; GRANT SELECT (id, name, secret_id) ON open TO limited;""",
    )
    world = World.of(url.replace("tester@", "limited@"))
    assert list(world.schema.tables) == ["open"]
    assert list(world.schema.tables["open"].columns) == ["id", "name", "secret_id"]
    assert b"classified" not in world.image
    assert {problem.what for problem in world.problems} == {
        "the role may not read it; it is left out",
        "the role may not read wage; the column is left out",
        "the foreign key open_secret_id_fkey leads to something that is not here: it is not kept",
    }


async def test_a_role_that_may_only_read_is_refused(shop, postgres):
    with postgres.connect("shop") as connection:
        connection.execute("CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    session = await World.of(shop.replace("tester@", "reader@"), live="true", schemas="public").open(Start())
    refused = await session.call(call("update_customer", id=5, name="x"))
    assert (refused.error, refused.detail) == (ErrorKind.forbidden, "the database does not permit it: permission denied for table customer")
    await session.close()


def test_no_password_is_kept_anywhere(shop, postgres, monkeypatch, tmp_path):
    monkeypatch.setenv("SHOP_PW", "hunter2-secret")
    monkeypatch.setenv("PGPASSWORD", "other-secret")
    named = shop.replace("tester@", "tester:${SHOP_PW}@")
    done = subprocess.run(
        [sys.executable, "-m", "artificer", "synth", "cove", "--world", named, "-n", "3", "-o", str(tmp_path / "run"), "--quiet"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert World.of(named).name == named
    kept = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()) + done.stdout.encode() + done.stderr.encode()
    assert b"SHOP_PW" in kept
    with pytest.raises(SourceError) as caught:
        World.of(shop.replace("/shop", "/hunter2-secret-other-secret").replace("tester@", "tester:${SHOP_PW}@"))
    for secret in ("hunter2-secret", "other-secret"):
        assert secret.encode() not in kept
    assert "***" in caught.value.what


def test_a_kept_sample_needs_no_server(shop, tmp_path):
    file = tmp_path / "shop.db"
    world = World.of(shop, keep=str(file), rows="20")
    again = World.of("postgresql://nobody@nowhere.invalid/shop", keep=str(file))
    assert again.image == world.image
    assert [tool.name for tool in again.tools] == [tool.name for tool in world.tools]
    assert World.of(f"sqlite:{file}").toolset() == world.toolset()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": "none"}, "rows must be a whole number"),
        ({"live": "yes"}, "live must be true or false"),
        ({"live": "true", "keep": "x.db"}, "keeps no sample"),
        ({"colour": "red"}, "do not take the option 'colour'"),
        ({"schemas": "nope"}, "no usable table"),
    ],
)
def test_bad_options(shop, options, message):
    with pytest.raises(SourceError, match=message):
        World.of(shop, **options)


def test_a_database_that_is_not_there(postgres):
    with pytest.raises(SourceError, match='database "nope" does not exist'):
        World.of(postgres.url("nope"))


def test_the_pages_example_prints_what_it_says(postgres):
    page = (Path(__file__).parents[2] / "docs" / "worlds-postgresql.md").read_text()
    schema = re.search(r"```sql\n(.*?)```", page, re.DOTALL)[1]
    url = postgres.make("page", schema)
    examples = re.findall(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    for code, printed in examples:
        assert "postgresql://localhost/page" in code
        done = subprocess.run([sys.executable, "-c", code.replace("postgresql://localhost/page", url)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout == printed
