"""The guide of any relational database: on an awkward schema, what it proposes is proven, and what it serves reaches it."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import uuid
from collections import Counter

import pytest

from artificer.core.canon import rng
from artificer.core.tasks import Start
from artificer.core.trace import Trace
from artificer.recipes.synthesis.cove import Knobs, source, stages
from artificer.run.engine import execute
from artificer.run.store import RunFolder
from artificer.worlds.base import World
from artificer.worlds.guide import Demand, Request, part_of
from artificer.worlds.sqlite.describe import Condition, Description, describe, resolves

SCHEMA = """
CREATE TABLE country(code TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE, population INTEGER CHECK(population > 0));
CREATE TABLE "order"(id INTEGER PRIMARY KEY AUTOINCREMENT, "group" TEXT NOT NULL CHECK("group" IN ('a','b','c')), placed DATE NOT NULL,
  country TEXT REFERENCES country(code), note TEXT, total REAL DEFAULT 0, double_total REAL GENERATED ALWAYS AS (total*2) VIRTUAL);
CREATE TABLE "Order Line"(order_id INTEGER NOT NULL REFERENCES "order"(id) ON DELETE CASCADE, line_no INTEGER NOT NULL, product TEXT NOT NULL,
  qty INTEGER NOT NULL CHECK(qty BETWEEN 1 AND 99), PRIMARY KEY(order_id, line_no)) WITHOUT ROWID;
CREATE TABLE person(uuid TEXT PRIMARY KEY NOT NULL, first_name TEXT, last_name TEXT, boss TEXT REFERENCES person(uuid), photo BLOB, active BOOLEAN);
CREATE TABLE "odd.name:x"(id INTEGER PRIMARY KEY, "a.b" TEXT, c TEXT);
CREATE TABLE nokey(a, b, c);
CREATE VIEW big AS SELECT * FROM "order" WHERE total > 50;
CREATE TABLE log(id INTEGER PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP, message TEXT);
CREATE TRIGGER told AFTER UPDATE ON "order" BEGIN INSERT INTO log(message) VALUES('order ' || new.id || ' changed'); END;
"""


@pytest.fixture(scope="module")
def awkward(tmp_path_factory):
    path = tmp_path_factory.mktemp("db") / "awkward.db"
    draw = random.Random(1)
    with sqlite3.connect(path) as db:
        db.executescript(SCHEMA)
        for number, (code, name) in enumerate([("FR", "France"), ("DE", "Germany"), ("IT", "Italy"), ("ES", "Spain")]):
            db.execute("INSERT INTO country VALUES (?, ?, ?)", (code, name, 1000 * (number + 1)))
        people: list[str] = []
        for _ in range(40):
            known = str(uuid.UUID(int=draw.getrandbits(128)))
            boss = draw.choice(people) if people and draw.random() < 0.7 else None
            first, last = draw.choice(["Ana", "Bo", "Cy", "Dee", "Eve", "Finn"]), draw.choice(["Ash", "Birch", "Cole", "Dunn"])
            db.execute("INSERT INTO person VALUES (?, ?, ?, ?, ?, ?)", (known, first, last, boss, b"\x00\x01", draw.randint(0, 1)))
            people.append(known)
        for number in range(1, 121):
            placed = f"2024-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
            row = (
                draw.choice("abc"),
                placed,
                draw.choice(["FR", "DE", None]),
                draw.choice([None, "urgent", "gift wrap"]),
                round(draw.random() * 100, 2),
            )
            db.execute('INSERT INTO "order"("group", placed, country, note, total) VALUES (?, ?, ?, ?, ?)', row)
            for line in range(draw.randint(0, 4)):
                product = draw.choice(["lamp", "desk", "chair"])
                db.execute('INSERT INTO "Order Line" VALUES (?, ?, ?, ?)', (number, line + 1, product, draw.randint(1, 9)))
        db.executemany("INSERT INTO nokey VALUES (?, ?, ?)", [(1, "x", None), (2, "y", None)])
        db.executemany('INSERT INTO "odd.name:x" VALUES (?, ?, ?)', [(1, "p", "q"), (2, "r", "s")])
    db.close()
    return path


def test_the_oracle_is_proven_on_an_awkward_schema(awkward, tmp_path):
    knobs = Knobs(world=f"sqlite:{awkward}", n=150, seed=3)
    with RunFolder.create_or_continue(tmp_path / "run", {"recipe": "cove"}) as run:
        summary = asyncio.run(execute(stages(knobs), source(knobs), run))
        traces = [trace for _, trace in run.read("traces", Trace)]
    assert summary["judge"].rejects == {}
    assert len(traces) == 150
    tables = Counter(effect.table for trace in traces for effects in trace.effects.values() for effect in effects)
    assert {"order", "Order Line", "person", "country"} <= set(tables)


async def proposals(world: World, demand: Demand, wanted: int) -> list[Request]:
    session = await world.open(Start())
    assert world.guide is not None
    out: list[Request] = []
    async for one in world.guide.propose(session, rng("test", str(demand)), demand):
        if isinstance(one, Request):
            out.append(one)
            if len(out) == wanted:
                break
    await session.close()
    return out


@pytest.mark.parametrize("kind", ["forbidden", "missing", "ambiguous"])
def test_impossible_requests_are_proven_impossible(kind):
    world = World.of("sqlite:chinook")

    async def run():
        for request in await proposals(world, Demand(impossible=kind), 40):
            assert request.want.gold == ()
            assert request.want.outcome in ("refused", "unclear")
            assert request.want.tell
            session = await world.open(Start())
            table = (
                session.schema.tables[request.want.op.split(":")[1]]
                if hasattr(session, "schema")
                else world.schema.tables[request.want.op.split(":")[1]]
            )
            said = [Condition(one.path.split(".", 1)[1], table.name, "", one.value) for one in request.said if one.path.startswith(f"{table.name}.")]
            found = resolves(session.connection, world.schema, table, Description(table.name, (), tuple(said), 1))
            assert len(found) == {"forbidden": 1, "missing": 0}.get(kind, len(found))
            assert kind != "ambiguous" or len(found) > 1
            await session.close()

    asyncio.run(run())


def test_shares_of_rows_are_kept_apart():
    world = World.of("sqlite:chinook")
    for part in ("train", "test"):
        for request in asyncio.run(proposals(world, Demand(part=part), 60)):
            named = [entity for entity in request.entities if ":new:" not in entity and ":missing:" not in entity]
            assert all(part_of(entity) == part for entity in named)


def test_tables_can_be_kept_to_or_left_out():
    world = World.of("sqlite:chinook")
    only = asyncio.run(proposals(world, Demand(only=("invoice",)), 40))
    assert {request.want.op.split(":")[1] for request in only} == {"invoice"}
    without = asyncio.run(proposals(world, Demand(without=("track", "album")), 80))
    assert not {request.want.op.split(":")[1] for request in without} & {"track", "album"}
    assert not any("track_id" in one.path or "album_id" in one.path for request in without for one in request.said)


def test_a_description_fits_its_row_alone_and_twins_have_none(tmp_path):
    path = tmp_path / "twins.db"
    with sqlite3.connect(path) as db:
        db.executescript("CREATE TABLE pet(id INTEGER PRIMARY KEY, name TEXT, kind TEXT);")
        db.executemany("INSERT INTO pet(name, kind) VALUES (?, ?)", [("Rex", "dog"), ("Rex", "dog"), ("Rex", "cat"), ("Mia", "cat")])
    db.close()
    world = World.of(f"sqlite:{path}")

    async def run():
        session = await world.open(Start())
        table = world.schema.tables["pet"]
        found = {key: describe(session.connection, world.schema, table, (key,), rng(key), 2) for key in (1, 2, 3, 4)}
        assert found[1] is None
        assert found[2] is None
        assert [one.value for one in found[3].conditions] == ["Rex", "cat"]
        assert [one.value for one in found[4].conditions] == ["Mia"]
        for key in (3, 4):
            assert resolves(session.connection, world.schema, table, found[key]) == [(key,)]
        await session.close()

    asyncio.run(run())
