"""Emulated worlds without a model: resources read off specifications, and a store that keeps its word."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.core.canon import canonical
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec, compile_schema
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import World
from artificer.worlds.emulated import EmulatedWorld, Material

SHOP = str(Path(__file__).parents[2] / "examples" / "emulated_shop.toml")
MAIL = str(Path(__file__).parent / "emulated_mail.json")


def obj(*required, **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


def made(*tools, **more):
    return EmulatedWorld(Material(tuple(tools), **more), "emulated:test")


async def ask(session, name, /, **arguments):
    return await session.call(ToolCall("c", name, arguments))


async def told(session, name, /, **arguments):
    result = await ask(session, name, **arguments)
    assert result.error is None, result
    return result.content


@pytest.fixture
def shop():
    return World.of(f"emulated:{SHOP}")


def test_plans_are_read_off_names_and_schemas(shop):
    found = {plan.tool: (plan.op, plan.table, plan.key, plan.refs) for plan in shop.plans.plans.values()}
    assert found == {
        "list_products": ("list", "products", None, {}),
        "get_product": ("get", "products", "product_id", {}),
        "list_orders": ("list", "orders", None, {}),
        "place_order": ("create", "orders", None, {"product_id": "products"}),
        "change_order": ("update", "orders", "order_id", {}),
        "cancel_order": ("act", "orders", "order_id", {}),
        "delete_product": ("delete", "products", "product_id", {}),
        "get_weather": ("answer", None, None, {}),
    }
    assert {tool.name for tool in shop.tools if tool.effect == "read"} == {"list_products", "get_product", "list_orders", "get_weather"}
    assert shop.problems == ()
    assert shop.forks == "exact"


async def test_what_was_created_is_found_changed_and_listed(shop):
    session = await shop.open(Start())
    product = (await told(session, "list_products"))[0]
    whole = await told(session, "get_product", product_id=product["product_id"])
    assert whole["name"] == product["name"]
    order = await told(session, "place_order", product_id=product["product_id"], quantity=2, note="ring twice")
    assert order["status"] == "open"
    await told(session, "change_order", order_id=order["order_id"], note="leave it")
    listed = await told(session, "list_orders", status="open")
    assert listed["total"] == len(listed["orders"])
    row = next(row for row in listed["orders"] if row["order_id"] == order["order_id"])
    assert row == {"order_id": order["order_id"], "product_id": product["product_id"], "quantity": 2, "status": "open", "note": "leave it"}
    assert (await told(session, "cancel_order", order_id=order["order_id"]))["success"] is True
    assert order["order_id"] in {row["order_id"] for row in (await told(session, "list_orders", status="cancelled"))["orders"]}
    effect = session.effects()[0]
    assert (effect.table, effect.key, effect.change, effect.generated) == ("orders", (order["order_id"],), "insert", True)
    assert effect.columns["status"] == (None, "cancelled")


async def test_what_was_deleted_is_not_found_and_not_referred_to(shop):
    session = await shop.open(Start())
    key = (await told(session, "list_products"))[3]["product_id"]
    await told(session, "delete_product", product_id=key)
    for name, arguments in (("get_product", {}), ("delete_product", {}), ("place_order", {"quantity": 1, "note": "x"})):
        result = await ask(session, name, product_id=key, **arguments)
        assert result.error is ErrorKind.not_found, name
        assert repr(key) in (result.detail or "")
    assert key not in {row["product_id"] for row in await told(session, "list_products")}
    assert [(effect.change, effect.key) for effect in session.effects()] == [("delete", (key,))]


async def test_ids_of_deleted_rows_are_not_given_again():
    world = made(
        ToolSpec("create_note", "", obj("text", text=TEXT), obj("note_id", note_id=WHOLE)),
        ToolSpec("delete_note", "", obj("note_id", note_id=WHOLE)),
        ToolSpec("list_notes", "", obj(), {"type": "array", "items": obj("note_id", "text", note_id=WHOLE, text=TEXT)}),
    )
    session = await world.open(Start())
    first = (await told(session, "create_note", text="a"))["note_id"]
    await told(session, "delete_note", note_id=first)
    second = (await told(session, "create_note", text="b"))["note_id"]
    assert (first, second) == (1013, 1014)
    assert {"note_id": 1014, "text": "b"} in await told(session, "list_notes")


async def test_references_between_made_rows_exist(shop):
    session = await shop.open(Start())
    known = {row["product_id"] for row in await told(session, "list_products")}
    orders = (await told(session, "list_orders"))["orders"]
    assert len(orders) == 12
    assert {row["product_id"] for row in orders} <= known


async def test_the_same_question_has_the_same_answer(shop):
    one, other = await shop.open(Start(seed=1)), await shop.open(Start(seed=2))
    rome = await told(one, "get_weather", city="Rome")
    assert rome["city"] == "Rome"
    assert await told(other, "get_weather", city="Rome") == rome
    again = World.of(f"emulated:{SHOP}")
    assert await told(await again.open(Start()), "list_products") == await told(one, "list_products")
    different = World.of(f"emulated:{SHOP}", seed="5")
    assert await told(await different.open(Start()), "list_products") != await told(one, "list_products")


async def test_filters_queries_bounds_and_pages():
    row = {
        "type": "object",
        "properties": {"id": WHOLE, "title": TEXT, "price": {"type": "number"}, "kind": TEXT},
        "required": ["id", "title", "price", "kind"],
    }
    rows = (
        {"id": 1, "title": "Red Lamp", "price": 5, "kind": "a"},
        {"id": 2, "title": "blue lamp", "price": 9, "kind": "b"},
        {"id": 3, "title": "chair", "price": 7, "kind": "a"},
    )
    returns = obj(
        "items",
        "total",
        "page",
        "has_more",
        "next_cursor",
        items={"type": "array", "items": row},
        total=WHOLE,
        page=WHOLE,
        has_more={"type": "boolean"},
        next_cursor={"type": ["string", "null"]},
    )
    parameters = obj(query=TEXT, kind=TEXT, min_price={"type": "number"}, price_max={"type": "number"}, page=WHOLE, limit=WHOLE, sort=TEXT)
    session = await made(ToolSpec("search_items", "", parameters, returns), rows={"items": rows}).open(Start())

    async def ids(**arguments):
        return [one["id"] for one in (await told(session, "search_items", **arguments))["items"]]

    assert await ids() == [1, 2, 3]
    assert await ids(query="LAMP") == [1, 2]
    assert await ids(query="lamp red", sort="x") == [1]
    assert await ids(kind="a", min_price=6) == [3]
    assert await ids(price_max=7) == [1, 3]
    assert await told(session, "search_items", limit=2) == {
        "items": [dict(one) for one in rows[:2]],
        "total": 3,
        "page": 1,
        "has_more": True,
        "next_cursor": None,
    }
    assert await ids(limit=2, page=2) == [3]
    assert await ids(limit=-1) == []


async def test_nested_references_are_checked_and_wrapped_arguments_unwrapped():
    line = obj("product_id", "quantity", product_id=WHOLE, quantity=WHOLE)
    world = made(
        ToolSpec("get_product", "", obj("product_id", product_id=WHOLE), obj("product_id", "name", product_id=WHOLE, name=TEXT)),
        ToolSpec(
            "create_basket", "", obj("basket", basket=obj(lines={"type": "array", "items": line}, owner=TEXT)), obj("basket_id", basket_id=TEXT)
        ),
        ToolSpec(
            "get_basket",
            "",
            obj("basket_id", basket_id=TEXT),
            obj("data", data=obj("basket_id", "lines", "owner", basket_id=TEXT, lines={"type": "array", "items": line}, owner=TEXT)),
        ),
        ToolSpec("move_stock", "", obj("from_product_id", "to_product_id", from_product_id=WHOLE, to_product_id=WHOLE)),
    )
    session = await world.open(Start())
    lines = [{"product_id": 1001, "quantity": 2}]
    basket = await told(session, "create_basket", basket={"lines": lines, "owner": "Ada"})
    assert (await told(session, "get_basket", basket_id=basket["basket_id"]))["data"] == {
        "basket_id": basket["basket_id"],
        "lines": lines,
        "owner": "Ada",
    }
    wrong = await ask(session, "create_basket", basket={"lines": [{"product_id": 5, "quantity": 2}], "owner": "Ada"})
    assert wrong.error is ErrorKind.not_found
    assert (await ask(session, "move_stock", from_product_id=1001, to_product_id=4)).error is ErrorKind.not_found
    assert (await ask(session, "move_stock", from_product_id=1001, to_product_id=1002)).error is None


async def test_a_chosen_key_must_be_new_and_a_single_row_has_none():
    world = made(
        ToolSpec("create_user", "", obj("username", username=TEXT, city=TEXT)),
        ToolSpec("get_user", "", obj("username", username=TEXT), obj("username", "city", username=TEXT, city=TEXT)),
        ToolSpec(
            "get_settings",
            "",
            obj(),
            obj("theme", "volume", theme={"enum": ["dark", "light"]}, volume={"type": "integer", "minimum": 0, "maximum": 9}),
        ),
        ToolSpec("update_settings", "", obj(theme={"enum": ["dark", "light"]}, volume=WHOLE)),
    )
    session = await world.open(Start())
    await told(session, "create_user", username="ada", city="Oslo")
    assert await told(session, "get_user", username="ada") == {"username": "ada", "city": "Oslo"}
    assert (await ask(session, "create_user", username="ada", city="Rome")).error is ErrorKind.constraint
    before = await told(session, "get_settings")
    theme = "dark" if before["theme"] == "light" else "light"
    await told(session, "update_settings", theme=theme)
    assert await told(session, "get_settings") == before | {"theme": theme}


async def test_acts_without_a_place_in_the_row_are_logged():
    world = made(
        ToolSpec(
            "get_file",
            "",
            obj("file_id", file_id=TEXT),
            obj("file_id", "archived", file_id=TEXT, archived={"type": "boolean", "enum": [False]} | {"enum": [False, True]}),
        ),
        ToolSpec("archive_file", "", obj("file_id", file_id=TEXT)),
        ToolSpec("share_file", "", obj("file_id", "email", file_id=TEXT, email=TEXT)),
        ToolSpec("get_report", "", obj("month", month=TEXT), TEXT),
    )
    session = await world.open(Start())
    key = next(iter(world.state["files"]))
    mark = session.calls
    await told(session, "share_file", file_id=key, email="a@mail.example")
    assert [(effect.table, effect.columns["email"]) for effect in session.effects(mark)] == [("share_file", (None, "a@mail.example"))]
    assert isinstance(await told(session, "get_report", month="may"), str)


async def test_toolemu_toolkits_raise_what_they_document():
    world = World.of(f"emulated:{MAIL}")
    assert [tool.name for tool in world.tools] == ["MailboxSearchContacts", "MailboxDeleteContact", "MailboxSendEmail"]
    session = await world.open(Start())
    name = next(iter(world.state["contacts"].values()))["name"].split()[0]
    contacts = (await told(session, "MailboxSearchContacts", query=name))["contacts"]
    assert contacts
    assert await told(session, "MailboxDeleteContact", contact_id=contacts[0]["contact_id"]) == {"success": True}
    gone = await ask(session, "MailboxDeleteContact", contact_id=contacts[0]["contact_id"])
    assert (gone.error, (gone.detail or "").split(":")[0]) == (ErrorKind.not_found, "NotFoundException")
    wrong = await ask(session, "MailboxDeleteContact", contact=3)
    assert (wrong.detail or "").startswith("InvalidRequestException: ")
    sent = await told(session, "MailboxSendEmail", to=["a@mail.example"], subject="Hi")
    effect = next(effect for effect in session.effects() if effect.table == "emails")
    assert (effect.key, effect.columns["subject"]) == ((sent["email_id"],), (None, "Hi"))


async def test_wrong_calls_are_refused_and_change_nothing(shop):
    session = await shop.open(Start())
    before = session.digest()
    for name, arguments, kind in (
        ("no_tool", {}, ErrorKind.unknown_tool),
        ("get_product", {}, ErrorKind.missing_argument),
        ("get_product", {"product_id": 5}, ErrorKind.mistyped_argument),
        ("get_product", {"product_id": "x", "more": 1}, ErrorKind.extra_argument),
        ("place_order", {"product_id": "PRO-1001", "quantity": 10, "note": ""}, ErrorKind.invalid_argument),
        ("get_weather", {"city": "\ud800"}, ErrorKind.invalid_argument),
    ):
        result = await ask(session, name, **arguments)
        assert (result.error, result.content) == (kind, None), name
    assert session.digest() == before
    assert session.effects() == ()
    assert [origin.made for origin in session.origins] == ["rule"] * 6


async def test_rows_that_are_given_are_kept_and_checked():
    get = ToolSpec("get_book", "", obj("id", id=WHOLE), obj("id", "title", id=WHOLE, title=TEXT))
    world = made(get, rows={"books": ({"id": 7, "title": "Emma"}, {"id": 8}, {"id": 7, "title": "again"})})
    assert [problem.where for problem in world.problems] == ["state.books"]
    session = await world.open(Start())
    assert await told(session, "get_book", id=7) == {"id": 7, "title": "Emma"}
    assert isinstance((await told(session, "get_book", id=8))["title"], str)
    spoilt = made(get, rows={"books": ({"id": 7, "title": 5},)})
    assert [problem.where for problem in spoilt.problems] == ["get_book"]
    assert (await ask(await spoilt.open(Start()), "get_book", id=7)).error is ErrorKind.bad_output


def test_ids_of_different_types_are_reported():
    world = made(
        ToolSpec("get_user", "", obj("user_id", user_id=WHOLE), obj("user_id", user_id=WHOLE)),
        ToolSpec("list_posts", "", obj(), {"type": "array", "items": obj("post_id", post_id=WHOLE, user_id=TEXT)}),
    )
    assert [(problem.where, problem.what) for problem in world.problems] == [("list_posts", "user_id is string here and integer in get_user")]


async def test_a_result_shares_nothing_with_the_state():
    rows = ({"id": 1, "tags": ["a"]},)
    session = await made(
        ToolSpec("get_item", "", obj("id", id=WHOLE), obj("id", "tags", id=WHOLE, tags={"type": "array"})), rows={"items": rows}
    ).open(Start())
    (await told(session, "get_item", id=1))["tags"].append("b")
    assert await told(session, "get_item", id=1) == {"id": 1, "tags": ["a"]}


CALLS = st.lists(
    st.one_of(
        st.builds(
            lambda at, q, n: ("place_order", at, {"quantity": q, "note": n}),
            st.integers(0, 13),
            st.integers(1, 9),
            st.text(max_size=5).filter(str.isprintable),
        ),
        st.builds(lambda at, n: ("change_order", at, {"note": n}), st.integers(0, 15), st.sampled_from(["a", "b"])),
        st.builds(lambda name, at: (name, at, {}), st.sampled_from(["cancel_order", "delete_product", "get_product"]), st.integers(0, 15)),
        st.builds(lambda name: (name, None, {}), st.sampled_from(["list_products", "list_orders"])),
    ),
    max_size=12,
)


async def run(session, calls):
    results = []
    for name, at, more in calls:
        key = (
            {}
            if at is None
            else {"order_id": f"ORD-{1001 + at}"}
            if name.endswith("e_order") or name == "cancel_order"
            else {"product_id": f"PRO-{1001 + at}"}
        )
        if name == "place_order":
            key = {"product_id": f"PRO-{1001 + (at or 0)}"}
        mark = session.calls
        results.append(await ask(session, name, **key, **more))
        if name.startswith(("get", "list")) or results[-1].error is not None:
            assert session.effects(mark) == ()
    return results


@settings(max_examples=40, deadline=None)
@given(CALLS, CALLS)
async def test_sessions_are_deterministic_and_forks_private(first, then):
    world = WORLD
    one, other = await world.open(Start(seed=3)), await world.open(Start(seed=3))
    results = await run(one, first)
    assert canonical(results) == canonical(await run(other, first))
    fork, before, effects = await one.fork(), one.digest(), one.effects()
    assert before == other.digest() == fork.digest()
    await run(fork, then)
    assert (one.digest(), one.effects()) == (before, effects)
    await run(other, then)
    assert fork.digest() == other.digest()
    assert canonical(fork.effects(len(first))) == canonical(other.effects(len(first)))
    for result, (name, _, _) in zip(results, first, strict=True):
        returns = next(tool.returns for tool in world.tools if tool.name == name)
        assert result.error is not None or returns is None or compile_schema(returns, name).is_valid(result.content)


WORLD = World.of(f"emulated:{SHOP}")


async def test_the_order_of_changes_does_not_show_in_the_digest(shop):
    one, other = await shop.open(Start()), await shop.open(Start())
    for session, keys in ((one, ("ORD-1001", "ORD-1002")), (other, ("ORD-1002", "ORD-1001"))):
        for key in keys:
            await told(session, "change_order", order_id=key, note="same")
    assert one.digest() == other.digest()
    await told(one, "change_order", order_id="ORD-1001", note="else")
    assert one.digest() != other.digest()


async def test_names_that_say_less_than_they_mean():
    ticket = obj("ticket_id", "title", "status", ticket_id=WHOLE, title=TEXT, status=TEXT)
    world = made(
        ToolSpec("create_ticket", "", obj("title", title=TEXT), ticket),
        ToolSpec("list_user_tickets", "", obj(), {"type": "array", "items": ticket}),
        ToolSpec("resolve_ticket", "", obj("ticket_id", ticket_id=WHOLE), obj("status", status=TEXT)),
        ToolSpec("delete_ticket", "", obj("title", title=TEXT)),
        ToolSpec("clear_tickets", "", obj()),
    )
    session = await world.open(Start())
    new = await told(session, "create_ticket", title="broken lamp")
    assert new in await told(session, "list_user_tickets")
    assert await told(session, "resolve_ticket", ticket_id=new["ticket_id"]) == {"status": "resolved"}
    mark = session.calls
    await told(session, "delete_ticket", title="broken lamp")
    assert [effect.table for effect in session.effects(mark)] == ["delete_ticket"], "it names no row, so it is logged and deletes none"
    await told(session, "clear_tickets")
    assert await told(session, "list_user_tickets") == []


async def test_attributes_say_what_a_name_does_not():
    world = made(
        ToolSpec("grab", "", obj("ref", ref=TEXT), obj("ref", "owner", ref=TEXT, owner=TEXT), attributes={"op": "get", "table": "parcels"}),
        ToolSpec(
            "hand_over",
            "",
            obj("parcel", "owner", parcel={"type": "string", "x-ref": "parcels.ref"}, owner=TEXT),
            attributes={"op": "update", "table": "parcels"},
        ),
        rows={"parcels": ({"ref": "R7", "owner": "Ada"},)},
    )
    plans = world.plans.plans
    assert [(plans[name].op, plans[name].table, plans[name].key) for name in ("grab", "hand_over")] == [
        ("get", "parcels", "ref"),
        ("update", "parcels", "parcel"),
    ]
    session = await world.open(Start())
    await told(session, "hand_over", parcel="R7", owner="Bo")
    assert await told(session, "grab", ref="R7") == {"ref": "R7", "owner": "Bo"}
    assert (await ask(session, "grab", ref="R8")).error is ErrorKind.not_found
