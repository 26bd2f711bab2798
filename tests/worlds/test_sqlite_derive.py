"""Derived tools: names, schemas, annotations, and calls, over odd and random schemas."""

import asyncio

import apsw
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds import World
from artificer.worlds.base import TOOL_NAME
from artificer.worlds.sqlite import SqliteWorld, open_world, read_schema

ODD = """
CREATE TABLE "order" ("group" INTEGER PRIMARY KEY, "select" TEXT NOT NULL, made DATE, total NUMERIC(10,2) CHECK (total BETWEEN 0 AND 500),
  state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'paid')), double_total AS (total * 2) STORED, paid BOOLEAN, photo BLOB,
  note VARCHAR(5) -- what the customer wrote
);
CREATE TABLE Orders (OrderID INTEGER PRIMARY KEY, "limit" INT, name TEXT, name_contains TEXT);
CREATE TABLE orders_ (id INTEGER PRIMARY KEY);
CREATE TABLE "日本" ("名" TEXT PRIMARY KEY NOT NULL);
CREATE TABLE line (order_group INTEGER NOT NULL REFERENCES "order" ON DELETE CASCADE, number INTEGER NOT NULL, parent_group, parent_number,
  what TEXT, PRIMARY KEY (order_group, number), FOREIGN KEY (parent_group, parent_number) REFERENCES line (order_group, number)) WITHOUT ROWID;
CREATE TABLE strictly (id INTEGER PRIMARY KEY, n INT NOT NULL, any ANY) STRICT;
CREATE TABLE keyless (a, b TEXT);
CREATE TABLE hidden (_rowid_, b);
CREATE TABLE token (token TEXT PRIMARY KEY NOT NULL, owner INTEGER REFERENCES Orders(OrderID));
CREATE TABLE lost (id INTEGER PRIMARY KEY, x REFERENCES nowhere);
CREATE VIRTUAL TABLE words USING fts5(text);
CREATE VIEW paid_orders AS SELECT "group", total FROM "order" WHERE paid;
CREATE VIEW broken AS SELECT * FROM gone;
INSERT INTO "order" ("group", "select", made, total, paid, photo) VALUES (1, 'A', '2024-01-02', 10, 1, x'00ff');
INSERT INTO Orders VALUES (1, 2, 'Ann', 'x');
INSERT INTO line VALUES (1, 1, NULL, NULL, 'pen'), (1, 2, 1, 1, 'ink');
INSERT INTO token VALUES ('0123456789abcdef0123456789abcdef', 1);
INSERT INTO keyless VALUES (1, 'one');
"""


def database(tmp_path, sql, name="x.db"):
    path = tmp_path / name
    connection = apsw.Connection(str(path))
    connection.execute(sql)
    connection.close()
    return path


@pytest.fixture
def odd(tmp_path):
    return open_world(str(database(tmp_path, ODD)))


def tool(world, name):
    return next(tool for tool in world.tools if tool.name == name)


async def called(world, *calls):
    session = await world.open(Start())
    results = [session.run(ToolCall("c", name, arguments)) for name, arguments in calls]
    return session, results


def test_names_are_unique_valid_and_stable(odd, tmp_path):
    names = [tool.name for tool in odd.tools]
    assert len(set(names)) == len(names)
    assert all(TOOL_NAME.fullmatch(name) for name in names)
    assert names == [tool.name for tool in open_world(str(tmp_path / "x.db")).tools]


def test_what_cannot_be_used_is_reported(odd):
    said = {problem.where: problem.what for problem in odd.problems}
    assert "virtual" in said["table words"]
    assert "nowhere" in said["table lost"]
    assert "no key" in said["table keyless"]
    assert "only be searched" in said["table hidden"]
    assert "gone" in said["view broken"]
    assert not any("words" in tool.name for tool in odd.tools)


def test_schemas_say_what_the_database_says(odd):
    create = next(tool for tool in odd.tools if tool.attributes == {"table": "order", "op": "create"})
    properties = create.parameters["properties"]
    assert "group" not in properties
    assert "double_total" not in properties
    assert properties["state"]["enum"] == ["new", "paid"]
    assert (properties["total"]["minimum"], properties["total"]["maximum"]) == (0, 500)
    assert properties["made"]["format"] == "date"
    assert properties["note"] == {"type": ["string", "null"], "maxLength": 5, "description": "what the customer wrote", "x-label": "note"}
    assert properties["photo"]["contentEncoding"] == "base64"
    assert create.parameters["required"] == ["select"]


def test_surrogates_are_marked_by_their_target(odd):
    by = {(tool.attributes["table"], tool.attributes["op"]): tool for tool in odd.tools}
    assert by["line", "create"].parameters["properties"]["order_group"]["x-ref"] == "order.group"
    assert by["token", "search"].returns["properties"]["rows"]["items"]["properties"]["token"]["x-ref"] == "token.token"
    assert by["token", "get"].returns["properties"]["owner"]["x-ref"] == "Orders.OrderID"
    assert "x-ref" not in by["token", "create"].parameters["properties"]["token"]
    assert by["paid_orders", "search"].returns["properties"]["rows"]["items"]["properties"]["group"]["x-ref"] == "order.group"


async def test_calls_over_odd_tables(odd):
    by = {(tool.attributes["table"], tool.attributes["op"]): tool.name for tool in odd.tools}
    session, results = await called(
        odd,
        (by["order", "get"], {"group": 1}),
        (by["line", "update"], {"order_group": 1, "number": 2, "what": "'; DROP TABLE line; --"}),
        (by["line", "get"], {"order_group": 1, "number": 2}),
        (by["strictly", "create"], {"n": 3, "any": "x"}),
        (by["keyless", "create"], {"a": 5}),
        (by["order", "update"], {"group": 1, "photo": "not base64"}),
        (by["order", "update"], {"group": 1}),
        (by["order", "delete"], {"group": 1}),
        (by["order", "search"], {"select": "a"}),
    )
    errors = [result.error for result in results]
    assert errors == [None, None, None, None, None, ErrorKind.invalid_argument, ErrorKind.invalid_argument, None, None]
    assert results[0].content["photo"] == "AP8="
    assert results[0].content["paid"] is True
    assert results[2].content["what"] == "'; DROP TABLE line; --"
    assert results[-1].content == {"rows": [], "total": 0}
    assert {(effect.table, effect.change) for effect in session.effects()} == {
        ("order", "delete"),
        ("line", "delete"),
        ("strictly", "insert"),
        ("keyless", "insert"),
    }


@pytest.mark.parametrize(
    ("name", "arguments", "kind", "words"),
    [
        ("get_album", {"album_id": 9999}, ErrorKind.not_found, "no row in album with album_id 9999"),
        ("create_album", {"title": "x", "artist_id": 9999}, ErrorKind.constraint, "no row in artist with artist_id 9999"),
        ("delete_album", {"album_id": 1}, ErrorKind.constraint, "10 rows of track still refer to it"),
        ("create_genre", {"name": "Rock"}, ErrorKind.constraint, "same name"),
        ("update_track", {"track_id": 1, "unit_price": -1}, ErrorKind.invalid_argument, "unit_price"),
        ("create_album", {"title": "x"}, ErrorKind.missing_argument, "artist_id"),
        ("get_album", {"album_id": "1"}, ErrorKind.mistyped_argument, "album_id"),
        ("get_album", {"album_id": 10**30}, ErrorKind.invalid_argument, "value"),
        ("get_album", {"album_id": 1, "x": 1}, ErrorKind.extra_argument, "x"),
        ("drop_everything", {}, ErrorKind.unknown_tool, "drop_everything"),
    ],
)
async def test_refusals_say_why_and_change_nothing(name, arguments, kind, words):
    session, (result,) = await called(CHINOOK, (name, arguments))
    assert result.error is kind
    assert words in result.detail
    assert session.effects() == ()


CHINOOK = World.of("sqlite:chinook")


async def test_search_filters_and_lists():
    _, results = await called(
        CHINOOK,
        ("search_tracks", {"name": "black DOG"}),
        ("search_tracks", {"name_contains": "1%0"}),
        ("search_tracks", {"milliseconds_min": 5_000_000}),
        ("search_customers", {"company": None, "limit": 2}),
        ("list_tracks_of_playlist", {"playlist_id": 18}),
        ("list_customers_by_support_rep", {"support_rep_id": 3, "limit": 1}),
        ("get_employee_that_employee_reports_to", {"employee_id": 1}),
    )
    contents = [result.content for result in results]
    assert contents[0]["total"] == 2
    assert contents[1]["total"] == 0
    assert [row["track_id"] for row in contents[2]["rows"]] == [2820, 3224]
    assert (len(contents[3]["rows"]), contents[3]["total"]) == (2, 49)
    assert [row["name"] for row in contents[4]["rows"]] == ["Now's The Time"]
    assert contents[5]["total"] == 21
    assert contents[6] is None


NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8).filter(
    lambda name: not name.lower().startswith("sqlite_")
)
TYPE = st.sampled_from(["INTEGER", "TEXT", "REAL", "BLOB", "DATE", "BOOLEAN", "VARCHAR(4)", "", "DECIMAL(5,2)", "DATETIME"])
TABLE = st.tuples(
    NAME, st.lists(st.tuples(NAME, TYPE, st.booleans()), min_size=1, max_size=4, unique_by=lambda column: column[0].lower()), st.integers(0, 3)
)


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def create(table, before):
    name, columns, shape = table
    parts = [f"{quoted(column)} {kind}{' NOT NULL' if required else ''}" for column, kind, required in columns]
    if shape == 1:
        parts.append(f"PRIMARY KEY ({quoted(columns[0][0])})")
    elif shape >= 2:
        parts.append(f"PRIMARY KEY ({', '.join(quoted(column) for column, _, _ in columns[:2])})")
    if before is not None and shape == 3:
        parts.append(f"FOREIGN KEY ({quoted(columns[0][0])}) REFERENCES {quoted(before[0])} ({quoted(before[1][0][0])})")
    return f"CREATE TABLE {quoted(name)} ({', '.join(parts)})"


def example(schema):
    """Some value of a schema."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if "enum" in schema:
        return schema["enum"][0]
    text = "2024-01-02" if "pattern" in schema else "eA=="
    return {"integer": 1, "number": 0.5, "boolean": True, "string": text, "null": None}[kinds[0]]


@settings(max_examples=60, deadline=None)
@given(st.lists(TABLE, min_size=1, max_size=4, unique_by=lambda table: table[0].lower()))
def test_every_tool_of_a_random_schema_answers(tables):
    connection = apsw.Connection(":memory:")
    for index, table in enumerate(tables):
        connection.execute(create(table, tables[index - 1] if index else None))
    image = connection.serialize("main")
    asyncio.run(answers(image))


async def answers(image):
    from artificer.worlds.sqlite.derive import derive
    from artificer.worlds.sqlite.world import opened

    schema = read_schema(opened(image))
    tools, problems = derive(schema)
    world = SqliteWorld("test", image, tools, problems=problems)
    names = [tool.name for tool in world.tools]
    assert len(set(names)) == len(names)
    assert all(TOOL_NAME.fullmatch(name) for name in names)
    session = await world.open(Start())
    for tool in sorted(world.tools, key=lambda tool: tool.attributes["op"]):
        jsonschema.Draft202012Validator.check_schema(tool.parameters)
        jsonschema.Draft202012Validator.check_schema(tool.returns)
        arguments = {name: example(schema) for name, schema in tool.parameters["properties"].items()}
        result = session.run(ToolCall("c", tool.name, arguments))
        if result.error is ErrorKind.internal:  # a foreign key to what is not unique: reported, and SQLite refuses writes
            assert "foreign key mismatch" in result.detail
            assert any("not unique" in problem.what for problem in schema.problems)
            continue
        assert result.error in {None, ErrorKind.not_found, ErrorKind.constraint, ErrorKind.invalid_argument}, result
        if result.error is None:
            jsonschema.validate(result.content, tool.returns)
        else:
            assert result.detail
    await session.close()
