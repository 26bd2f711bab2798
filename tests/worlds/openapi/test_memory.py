"""Worlds from the document alone: what is created is there, answers are true to their schemas, sessions are private and start the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.core.canon import rng
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.openapi import OpenApiWorld

LIBRARY = f"openapi:{Path(__file__).parent}/library.yaml"


@pytest.fixture(scope="module")
def world() -> World:
    return World.of(LIBRARY)


@pytest.fixture
async def session(world) -> Session:
    return await world.open(Start(seed=3))


async def ask(session: Session, name: str, /, **arguments: object) -> ToolResult:
    return await session.call(ToolCall("c", name, arguments))


async def content(session: Session, name: str, /, **arguments: object):
    result = await ask(session, name, **arguments)
    assert result.error is None, (name, arguments, result.error, result.detail)
    return result.content


async def test_what_is_created_is_got_listed_changed_and_deleted(session) -> None:
    before = (await content(session, "listBooks"))["total"]
    book = await content(session, "createBook", title="Moby Dick", genre="novel", pages=635)
    assert (book["title"], book["genre"], book["pages"]) == ("Moby Dick", "novel", 635)
    assert book["added"], "what only the server gives is there"
    assert await content(session, "getBook", bookId=book["id"]) == book
    listed = await content(session, "listBooks")
    assert listed["total"] == before + 1
    assert book in listed["data"]
    changed = await content(session, "updateBook", bookId=book["id"], title="The Whale")
    assert changed == {**book, "title": "The Whale"}
    assert await content(session, "deleteBook", bookId=book["id"]) is None
    gone = await ask(session, "getBook", bookId=book["id"])
    assert (gone.error, gone.detail) == (ErrorKind.not_found, f"there is no book with bookId '{book['id']}'")
    assert session.effects() == ()


async def test_ids_are_never_the_same(session) -> None:
    made = [(await content(session, "createBook", title=f"t{n}", genre="novel"))["id"] for n in range(5)]
    await content(session, "deleteBook", bookId=made[-1])
    made.append((await content(session, "createBook", title="again", genre="novel"))["id"])
    assert len(set(made)) == 6


async def test_items_lie_within_items(session) -> None:
    first, second = [book["id"] for book in (await content(session, "listBooks"))["data"][:2]]
    copy = await content(session, "addCopy", id=first, shelf="A12")
    assert copy in await content(session, "listCopies", id=first)
    assert copy not in await content(session, "listCopies", id=second)
    assert await content(session, "getCopy", id=first, barcode=copy["barcode"]) == copy
    assert (await ask(session, "getCopy", id=second, barcode=copy["barcode"])).error is ErrorKind.not_found
    missing = await ask(session, "listCopies", id=1)
    assert (missing.error, missing.detail) == (ErrorKind.not_found, "there is no book with id '1'")
    await content(session, "deleteBook", bookId=first)
    assert (await ask(session, "getCopy", id=first, barcode=copy["barcode"])).error is ErrorKind.not_found


async def test_everything_that_can_hold_something_holds_something(session) -> None:
    for book in (await content(session, "listBooks"))["data"]:
        assert await content(session, "listCopies", id=book["id"])


async def test_an_action_is_recorded_and_written_where_it_answers_with_its_item(session) -> None:
    book = (await content(session, "listBooks"))["data"][0]["id"]
    copy = (await content(session, "listCopies", id=book))[0]
    lent = await content(session, "lendCopy", id=book, barcode=copy["barcode"], borrower="ann")
    assert lent == {**copy, "borrower": "ann"}
    assert await content(session, "getCopy", id=book, barcode=copy["barcode"]) == lent
    assert [(effect.table, effect.change) for effect in session.effects()] == [("action copies.lend", "insert"), ("copies", "update")]


async def test_filters_search_and_pages(session) -> None:
    everything = (await content(session, "listBooks"))["data"]
    novels = (await content(session, "listBooks", genre="novel"))["data"]
    assert novels == [book for book in everything if book["genre"] == "novel"]
    word = everything[0]["title"].split()[0].upper()
    assert everything[0] in (await content(session, "listBooks", q=word))["data"]
    page = await content(session, "listBooks", limit=2, offset=1)
    assert page == {"data": everything[1:3], "total": len(everything), "has_more": True}
    assert (await content(session, "listBooks", offset=100)) == {"data": [], "total": len(everything), "has_more": False}


async def test_put_makes_what_nothing_else_can_make(session) -> None:
    assert (await ask(session, "getMember", username="zoe")).error is ErrorKind.not_found
    zoe = await content(session, "putMember", username="zoe", email="zoe@mail.example", note="new")
    assert await content(session, "getMember", username="zoe") == zoe == {"username": "zoe", "email": "zoe@mail.example", "note": "new"}
    assert "note" not in await content(session, "putMember", username="zoe", email="z@mail.example"), "put replaces"
    effect = session.effects()[0]
    assert (effect.table, effect.key, effect.generated) == ("members", ("zoe",), False)


async def test_single_things_and_marks(session) -> None:
    await content(session, "putMember", username="zoe", email="zoe@mail.example")
    assert (await ask(session, "isStarred", username="zoe")).error is ErrorKind.not_found
    await content(session, "star", username="zoe")
    assert await content(session, "isStarred", username="zoe") is None
    await content(session, "unstar", username="zoe")
    assert (await ask(session, "isStarred", username="zoe")).error is ErrorKind.not_found
    assert (await ask(session, "star", username="nobody")).error is ErrorKind.not_found
    settings_before = await content(session, "getSettings")
    assert await content(session, "changeSettings", fine=2.5) == {**settings_before, "fine": 2.5} == await content(session, "getSettings")


@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        ("none", {}, ErrorKind.unknown_tool),
        ("createBook", {"genre": "novel"}, ErrorKind.missing_argument),
        ("createBook", {"title": "t", "genre": "opera"}, ErrorKind.invalid_argument),
        ("createBook", {"title": 1, "genre": "novel"}, ErrorKind.mistyped_argument),
        ("createBook", {"title": "t", "genre": "novel", "more": 1}, ErrorKind.extra_argument),
        ("createBook", {"title": "\ud800", "genre": "novel"}, ErrorKind.invalid_argument),
        ("addCopy", {"id": 1001, "shelf": "nowhere"}, ErrorKind.invalid_argument),
    ],
)
async def test_a_wrong_call_is_a_result_and_changes_nothing(session, name, arguments, kind) -> None:
    digest = session.digest()
    result = await ask(session, name, **arguments)
    assert result.error is kind
    assert (session.digest(), session.effects(), session.calls) == (digest, (), 1)


async def test_sessions_start_the_same_by_seed_and_are_private(world) -> None:
    one, same, other = [await world.open(Start(seed=seed)) for seed in (7, 7, 8)]
    listed = await content(one, "listBooks")
    assert listed == await content(same, "listBooks") == await content(await World.of(LIBRARY).open(Start(seed=7)), "listBooks")
    assert listed != await content(other, "listBooks")
    await content(one, "deleteBook", bookId=listed["data"][0]["id"])
    assert await content(same, "listBooks") == listed
    fork = await one.fork()
    theirs = await content(fork, "createBook", title="t", genre="novel")
    assert (await content(one, "listBooks"))["total"] == listed["total"] - 1
    assert (await content(fork, "listBooks"))["total"] == listed["total"]
    mine = await content(one, "createBook", title="mine", genre="novel")
    assert mine["id"] == theirs["id"], "what others do does not change which ids come next"
    assert "mine" not in str(await content(fork, "listBooks"))
    assert len(fork.effects()) == 2
    assert sorted(effect.change for effect in one.effects()) == ["delete", "insert"]
    assert [effect.change for effect in fork.effects(since=2)] == ["insert"]


async def test_equal_states_have_equal_digests_however_they_were_reached(world) -> None:
    one, other = await world.open(Start(seed=7)), await world.open(Start(seed=7))
    ids = [book["id"] for book in (await content(one, "listBooks"))["data"][:2]]
    start = one.digest()
    for session, order in ((one, ids), (other, ids[::-1])):
        for book in order:
            await content(session, "updateBook", bookId=book, title="x")
    assert one.digest() == other.digest() != start
    assert one.effects() == other.effects()


calls = st.lists(st.tuples(st.sampled_from(range(17)), st.integers(0, 5), st.integers(0, 3)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(calls)
async def test_any_calls_give_true_answers_and_replay_and_fork_exactly(made) -> None:
    world = World.of(LIBRARY)
    assert isinstance(world, OpenApiWorld)
    session = await world.open(Start(seed=2))
    books = [book["id"] for book in (await content(session, "listBooks"))["data"]]
    tools = list(world.tools)
    done: list[tuple[ToolCall, ToolResult]] = []
    for tool_at, book_at, variant in made:
        tool = tools[tool_at]
        stream = rng("test", tool.name, variant)
        properties = tool.parameters["properties"]
        arguments = {
            name: session.memory.maker.value(world.api.operations[tool.name].inputs.properties[name], stream, name)
            for name in properties
            if name in tool.parameters["required"] or variant % 2
        }
        arguments |= {name: books[book_at] for name in ("bookId", "id") if name in properties}
        call = ToolCall("c", tool.name, arguments)
        before, mark = session.digest(), session.calls
        result = await session.call(call)
        assert result.error is not ErrorKind.bad_output
        assert result.error is not None or world.api.accepts(tool.name, result.content)
        if result.error is not None or tool.effect == "read":
            assert session.digest() == before
            assert session.effects(mark) == ()
        done.append((call, result))
    again, fork = await world.open(Start(seed=2)), await session.fork()
    await content(again, "listBooks")
    assert [(call, await again.call(call)) for call, _ in done] == done
    assert again.digest() == session.digest() == fork.digest()
    assert again.effects() == session.effects() == fork.effects()
    json.dumps([effect.columns for effect in session.effects()])


def crud(item: dict, *, listed: object = None, key: str = "id", kind: str = "string", **more: object) -> dict:
    """A document with one collection of items."""

    def answer(schema: object) -> dict:
        return {"responses": {"200": {"description": "", "content": {"application/json": {"schema": schema}}}}}

    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": item}}}}
    parameter = {"parameters": [{"name": key, "in": "path", "required": True, "schema": {"type": kind}}]}
    return {
        "openapi": "3.0.0",
        "paths": {
            "/things": {
                "get": {"operationId": "list", **answer(listed or {"type": "array", "items": item})},
                "post": {"operationId": "create", **body, **answer(item)},
            },
            f"/things/{{{key}}}": {
                **parameter,
                "get": {"operationId": "get", **answer(item)},
                "put": {"operationId": "put", **body, **answer(item)},
                "delete": {"operationId": "delete", "responses": {"204": {"description": ""}}},
            },
            **more,
        },
    }


async def opened(folder: Path, document: dict) -> Session:
    path = folder / "api.json"
    path.write_text(json.dumps(document))
    return await World.of(f"openapi:{path}").open(Start(seed=1))


ITEMS = {
    "text ids": ({"type": "object", "properties": {"id": {"type": "string"}, "a": {"type": "string"}}}, "id", "string"),
    "uuids": ({"type": "object", "required": ["uuid"], "properties": {"uuid": {"type": "string", "format": "uuid"}}}, "uuid", "string"),
    "numbers": ({"type": "object", "properties": {"number": {"type": "integer"}}}, "thing_number", "integer"),
    "small numbers": (
        {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "minimum": 1, "maximum": 99}}},
        "id",
        "integer",
    ),
    "prefixed": ({"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}, "thingId", "integer"),
    "names by hand": ({"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}}}, "name", "string"),
    "nested names": (
        {"type": "object", "properties": {"metadata": {"type": "object", "properties": {"name": {"type": "string"}}}, "spec": {"type": "object"}}},
        "name",
        "string",
    ),
    "texts that are numbers": ({"type": "object", "properties": {"id": {"type": "string"}}}, "id", "integer"),
    "hidden": ({"type": "object", "properties": {"colour": {"type": "string"}}}, "slot", "string"),
    "wrapped": (
        {"type": "object", "required": ["data"], "properties": {"data": {"type": "object", "properties": {"id": {"type": "string"}}}}},
        "id",
        "string",
    ),
}


@pytest.mark.parametrize("name", ITEMS)
async def test_ids_are_found_wherever_items_show_them(tmp_path, name) -> None:
    item, key, kind = ITEMS[name]
    session = await opened(tmp_path, crud(item, key=key, kind=kind))
    rows = await content(session, "list")
    effects_key = session.state.rows(session.memory.tables.by_place[("things",), 1])  # type: ignore[attr-defined]
    assert len(effects_key) == len(rows) >= 3
    for (written,), row in effects_key:
        value = int(written) if kind == "integer" else written
        assert (await ask(session, "get", **{key: value})).error is None, row
    made = await ask(session, "create")
    if made.error is not None:
        assert made.error is ErrorKind.missing_argument
        return
    table, keys = session.effects()[0].table, session.effects()[0].key
    assert table == "things"
    if name != "wrapped" and name != "hidden":
        assert str(keys[0]) in json.dumps(made.content)
    value = int(keys[0]) if kind == "integer" else keys[0]
    assert await content(session, "get", **{key: value}) == made.content
    await content(session, "delete", **{key: value})
    assert session.effects() == ()


async def test_a_key_that_is_taken_is_refused(tmp_path) -> None:
    item = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    session = await opened(tmp_path, crud(item, key="name"))
    assert await content(session, "create", name="mine") == {"name": "mine"}
    again = await ask(session, "create", name="mine")
    assert (again.error, again.detail) == (ErrorKind.constraint, "there is already a thing with mine")
    assert [effect.generated for effect in session.effects()] == [False]
    assert (await ask(session, "put", name="other")).error is ErrorKind.not_found, "POST makes things here, PUT does not"


@pytest.mark.parametrize("field", ["data", "items", "things", "results"])
async def test_lists_in_envelopes(tmp_path, field) -> None:
    item = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    envelope = {
        "type": "object",
        "required": [field, "total_count", "next_cursor"],
        "properties": {
            field: {"type": "array", "items": item},
            "total_count": {"type": "integer"},
            "next_cursor": {"type": "string", "nullable": True},
            "links": {"type": "array", "items": {"type": "string"}},
        },
    }
    document = crud(item, listed=envelope)
    names = (("limit", "integer"), ("cursor", "string"))
    document["paths"]["/things"]["get"]["parameters"] = [{"name": name, "in": "query", "schema": {"type": kind}} for name, kind in names]
    session = await opened(tmp_path, document)
    found: list[str] = []
    cursor: dict[str, object] = {}
    for _ in range(10):
        page = await content(session, "list", limit=2, **cursor)
        found += [row["id"] for row in page[field]]
        if len(page[field]) < 2 or len(found) >= page["total_count"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(found) == len(set(found)) == page["total_count"]


async def test_what_fits_no_schema_is_an_error_that_changes_nothing(tmp_path) -> None:
    impossible = {
        "type": "object",
        "required": ["id", "never"],
        "properties": {"id": {"type": "integer"}, "never": {"allOf": [{"minimum": 5}, {"not": {}}]}},
    }
    session = await opened(tmp_path, crud(impossible, kind="integer"))
    result = await ask(session, "create", id=5, never=5)
    assert result.error is not None
    listed = await ask(session, "list")
    assert listed.error is ErrorKind.bad_output
    assert session.effects() == ()


async def test_a_listing_whose_path_ends_with_a_choice_has_rows_for_every_choice(tmp_path) -> None:
    item = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    parameter = {"name": "type", "in": "path", "required": True, "schema": {"type": "string", "enum": ["artists", "tracks"]}}
    answer = {"200": {"description": "", "content": {"application/json": {"schema": {"type": "array", "items": item}}}}}
    document = {"openapi": "3.0.0", "paths": {"/top/{type}": {"get": {"operationId": "top", "parameters": [parameter], "responses": answer}}}}
    session = await opened(tmp_path, document)
    artists, tracks = [await content(session, "top", type=kind) for kind in ("artists", "tracks")]
    assert artists
    assert tracks
    assert artists != tracks


async def test_many_at_once(tmp_path) -> None:
    item = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "readOnly": True}, "name": {"type": "string"}}}
    entry = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "array", "items": item}}}}, "responses": {}}
    document = crud(item, kind="integer")
    document["paths"]["/things"] |= {"patch": {"operationId": "bulk_update", **entry}, "delete": {"operationId": "bulk_delete", **entry}}
    document["paths"]["/things"]["post"] = {"operationId": "bulk_create", **entry}
    session = await opened(tmp_path, document)
    await content(session, "bulk_create", body=[{"name": "a"}, {"name": "b"}])
    ids = [effect.key[0] for effect in session.effects()]
    assert len(ids) == 2
    await content(session, "bulk_update", body=[{"id": key, "name": "c"} for key in ids])
    assert [(await content(session, "get", id=key))["name"] for key in ids] == ["c", "c"]
    refused = await ask(session, "bulk_update", body=[{"id": ids[0], "name": "d"}, {"id": 5, "name": "d"}])
    assert refused.error is ErrorKind.not_found
    assert (await content(session, "get", id=ids[0]))["name"] == "c", "all or none"
    await content(session, "bulk_delete", body=[{"id": key} for key in ids])
    assert session.effects() == ()
    assert (await ask(session, "bulk_create", body=[{"name": "x"}] * 200)).error is ErrorKind.invalid_argument


async def test_examples_of_the_document_are_what_is_there_at_first(tmp_path) -> None:
    item = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
    document = crud(item, kind="integer")
    answer = document["paths"]["/things/{id}"]["get"]["responses"]["200"]["content"]["application/json"]
    answer["example"] = {"id": 42, "name": "the example"}
    session = await opened(tmp_path, document)
    assert await content(session, "get", id=42) == {"id": 42, "name": "the example"}
