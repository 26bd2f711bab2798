"""Every tool of the shop does what it says, refuses what it must, and takes arguments as data."""

from __future__ import annotations

from itertools import permutations

import pytest

from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.tools import compile_schema
from artificer.core.verdicts import ErrorKind
from artificer.worlds import World

WORLD = World.of("domain:retail")


@pytest.fixture
async def session():
    opened = await WORLD.open(Start())
    yield opened
    await opened.close()


async def ask(session, name, /, **arguments):
    return await session.call(ToolCall("c", name, arguments))


def row(session, sql, *values):
    found = session.connection.execute(sql, values).fetchone()
    assert found is not None, sql
    return found


def order(session, status, extra="1"):
    """(order_id, user_id, payment_id, total in cents) of the first order in a status."""
    return row(session, f"SELECT order_id, user_id, payment_id, total_cents FROM orders o WHERE status = ? AND {extra} ORDER BY order_id", status)


KEPT = "NOT EXISTS (SELECT 1 FROM order_items i JOIN returns r USING (item_id) WHERE i.order_id = o.order_id)"
TWO = "(SELECT count(*) FROM order_items i WHERE i.order_id = o.order_id) > 1"
OTHER_METHOD = "EXISTS (SELECT 1 FROM payment_methods m WHERE m.user_id = o.user_id AND m.payment_id <> o.payment_id AND m.kind <> 'gift_card')"


def items(session, order_id):
    return [found[0] for found in session.connection.execute("SELECT item_id FROM order_items WHERE order_id = ? ORDER BY item_id", (order_id,))]


def sibling(session, item_id, stock=True):
    """Another variant of an item's product."""
    sql = (
        "SELECT v.variant_id, v.price_cents, v.stock FROM variants v JOIN variants w USING (product_id) "
        "JOIN order_items i ON i.variant_id = w.variant_id "
        f"WHERE i.item_id = ? AND v.variant_id <> w.variant_id AND v.stock {'>' if stock else '='} 0 ORDER BY v.variant_id"
    )
    return row(session, sql, item_id)


def test_specifications_are_complete():
    assert len(WORLD.tools) >= 16
    for tool in WORLD.tools:
        assert tool.effect in ("read", "write")
        assert len(tool.description) > 20
        assert tool.returns is not None
        compile_schema(tool.parameters, tool.name)
        compile_schema(tool.returns, tool.name)
        for name, schema in tool.parameters["properties"].items():
            inner = schema.get("items", schema)
            if name.endswith(("_id", "_ids")) or name == "refund_to":
                assert "x-ref" in inner, (tool.name, name)


async def test_reads_answer_in_the_shape_they_declare(session):
    user, email = row(session, "SELECT user_id, email FROM users ORDER BY user_id")
    first, last, postcode = row(session, "SELECT first_name, last_name, postcode FROM users JOIN addresses USING (user_id) WHERE user_id = ?", user)
    sent = order(session, "delivered", KEPT)[0]
    item = items(session, sent)[0]
    product, variant = row(session, "SELECT product_id, variant_id FROM variants JOIN order_items USING (variant_id) WHERE item_id = ?", item)
    calls = {
        "find_customer_by_email": {"email": email},
        "find_customer_by_name_and_postcode": {"first_name": first, "last_name": last, "postcode": postcode},
        "get_customer": {"customer_id": user},
        "list_orders": {"customer_id": user},
        "get_order": {"order_id": sent},
        "get_order_payments": {"order_id": sent},
        "track_order": {"order_id": sent},
        "search_products": {"name": "lamp"},
        "get_product": {"product_id": product},
        "list_variants": {"product_id": product, "in_stock_only": True},
        "get_variant": {"variant_id": variant},
        "calculate_refund": {"order_id": sent, "item_ids": [item]},
        "calculate_exchange": {"item_id": item, "new_variant_id": sibling(session, item)[0]},
    }
    reads = {tool.name: tool for tool in WORLD.tools if tool.effect == "read"}
    assert calls.keys() == reads.keys()
    before = session.digest()
    for name, arguments in calls.items():
        result = await ask(session, name, **arguments)
        assert result.error is None, (name, result)
        assert result.content
        validator = compile_schema(reads[name].returns or {}, name)
        assert validator.is_valid(result.content), (name, result.content)
    assert session.digest() == before
    assert session.effects() == ()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("find_customer_by_email", {"email": "nobody@nowhere.example"}),
        ("find_customer_by_name_and_postcode", {"first_name": "No", "last_name": "Body", "postcode": "00000"}),
        ("get_customer", {"customer_id": "u_00000"}),
        ("list_orders", {"customer_id": "u_00000"}),
        ("get_order", {"order_id": "R-00000"}),
        ("get_order_payments", {"order_id": "R-00000"}),
        ("track_order", {"order_id": "R-00000"}),
        ("get_product", {"product_id": "kettle"}),
        ("list_variants", {"product_id": "kettle"}),
        ("get_variant", {"variant_id": "teal"}),
        ("calculate_refund", {"order_id": "R-00000", "item_ids": ["i"]}),
        ("calculate_exchange", {"item_id": "i", "new_variant_id": "v"}),
        ("update_address", {"customer_id": "u_00000", "address_id": "home", "street": "1 A", "city": "B", "postcode": "12345"}),
        ("add_address", {"customer_id": "u_00000", "label": "x", "street": "1 A", "city": "B", "postcode": "12345"}),
        ("set_default_address", {"customer_id": "u_00000", "address_id": "home"}),
        ("update_email", {"customer_id": "u_00000", "email": "a@b.example"}),
        ("transfer_to_human", {"customer_id": "u_00000", "topic": "invoice"}),
        ("cancel_order", {"order_id": "R-00000", "reason": "no_longer_needed"}),
    ],
)
async def test_what_does_not_exist_is_not_found(session, name, arguments):
    result = await ask(session, name, **arguments)
    assert result.error == ErrorKind.not_found
    assert result.content is None
    assert session.effects() == ()


async def test_search_wants_an_answerable_question(session):
    assert (await ask(session, "search_products", name="no such thing")).content == []
    assert (await ask(session, "search_products", nmae="lamp")).error == ErrorKind.extra_argument
    assert (await ask(session, "search_products", name="")).error == ErrorKind.invalid_argument
    assert len((await ask(session, "search_products", category="kitchen")).content) == 6


async def test_cancel(session):
    order_id, _, payment, total = order(session, "pending")
    result = await ask(session, "cancel_order", order_id=order_id, reason="found_cheaper")
    assert result.content == {"order_id": order_id, "status": "cancelled", "refunded": total / 100, "payment_id": payment}
    again = await ask(session, "cancel_order", order_id=order_id, reason="found_cheaper")
    assert again.error == ErrorKind.forbidden
    assert (await ask(session, "cancel_order", order_id=order(session, "pending")[0], reason="bored")).error == ErrorKind.invalid_argument
    assert (await ask(session, "cancel_order", order_id=order(session, "shipped")[0], reason="found_cheaper")).error == ErrorKind.forbidden


async def test_change_address(session):
    place = {"street": "1 New Row", "city": "Elsewhere", "postcode": "12345"}
    order_id = order(session, "processed")[0]
    assert (await ask(session, "change_order_address", order_id=order_id, **place)).error is None
    (effect,) = session.effects()
    assert effect.key == (order_id,)
    assert {name: new for name, (_, new) in effect.columns.items()} == place
    assert (await ask(session, "change_order_address", order_id=order(session, "delivered")[0], **place)).error == ErrorKind.forbidden
    assert (await ask(session, "change_order_address", order_id=order_id, **place | {"postcode": "1"})).error == ErrorKind.invalid_argument


async def test_change_payment_moves_gift_card_balances(session):
    covered = "EXISTS (SELECT 1 FROM payment_methods m WHERE m.user_id = o.user_id AND m.balance_cents >= o.total_cents)"
    order_id, user, original, total = order(session, "pending", covered)
    gift, balance = row(session, "SELECT payment_id, balance_cents FROM payment_methods WHERE user_id = ? AND kind = 'gift_card'", user)
    assert (await ask(session, "change_order_payment", order_id=order_id, payment_id=gift)).error is None
    assert row(session, "SELECT balance_cents FROM payment_methods WHERE payment_id = ?", gift)[0] == balance - total
    assert (await ask(session, "change_order_payment", order_id=order_id, payment_id=gift)).error == ErrorKind.constraint
    assert (await ask(session, "change_order_payment", order_id=order_id, payment_id=original)).error is None
    assert session.effects() == ()
    foreign = row(session, "SELECT payment_id FROM payment_methods WHERE user_id <> ?", user)[0]
    assert (await ask(session, "change_order_payment", order_id=order_id, payment_id=foreign)).error == ErrorKind.forbidden
    poor = order(session, "pending", "EXISTS (SELECT 1 FROM payment_methods m WHERE m.user_id = o.user_id AND m.balance_cents < o.total_cents)")
    card = row(session, "SELECT payment_id FROM payment_methods WHERE user_id = ? AND kind = 'gift_card'", poor[1])[0]
    assert (await ask(session, "change_order_payment", order_id=poor[0], payment_id=card)).error == ErrorKind.constraint


@pytest.mark.parametrize(
    ("tool", "parameter", "status"), [("change_order_items", "changes", "pending"), ("exchange_items", "exchanges", "delivered")]
)
async def test_swaps_keep_stock_and_sums(session, tool, parameter, status):
    order_id, _, payment, total = order(session, status, KEPT)
    item = items(session, order_id)[0]
    before = row(session, "SELECT price_cents, variant_id FROM order_items WHERE item_id = ?", item)
    new, price, stock = sibling(session, item)
    call = {"order_id": order_id, "payment_id": payment, parameter: [{"item_id": item, "new_variant_id": new}]}
    result = await ask(session, tool, **call)
    assert result.error is None, result
    assert row(session, "SELECT stock FROM variants WHERE variant_id = ?", new)[0] == stock - 1
    booked = row(session, "SELECT amount_cents FROM payments WHERE order_id = ? AND reference = ?", order_id, item)[0]
    assert booked == price - before[0]
    if tool == "change_order_items":
        assert row(session, "SELECT total_cents, items_changed FROM orders WHERE order_id = ?", order_id) == (total + booked, 1)
    else:
        assert (await ask(session, tool, **call)).error == ErrorKind.constraint
    for wrong, kind in (
        ({"item_id": item, "new_variant_id": "teal"}, ErrorKind.not_found),
        ({"item_id": "the kettle", "new_variant_id": new}, ErrorKind.not_found),
    ):
        assert (await ask(session, tool, **call | {parameter: [wrong]})).error == kind
    assert (await ask(session, tool, **call | {"order_id": order(session, "shipped")[0]})).error == ErrorKind.forbidden


async def test_swaps_refuse_other_products_and_empty_shelves(session):
    gone = (
        "EXISTS (SELECT 1 FROM order_items i JOIN variants w USING (variant_id) JOIN variants v USING (product_id) "
        "WHERE i.order_id = o.order_id AND v.stock = 0 AND v.variant_id <> w.variant_id)"
    )
    order_id, _, payment, _ = order(session, "delivered", f"{KEPT} AND {gone}")
    found = [item for item in items(session, order_id) if _has(session, item)]
    new = sibling(session, found[0], stock=False)[0]
    call = {"order_id": order_id, "payment_id": payment}
    result = await ask(session, "exchange_items", **call, exchanges=[{"item_id": found[0], "new_variant_id": new}])
    assert result.error == ErrorKind.constraint
    assert "stock" in (result.detail or "")
    other = row(
        session,
        "SELECT variant_id FROM variants WHERE product_id <> (SELECT product_id FROM variants JOIN order_items USING (variant_id) WHERE item_id = ?)",
        found[0],
    )[0]
    assert (await ask(session, "exchange_items", **call, exchanges=[{"item_id": found[0], "new_variant_id": other}])).error == ErrorKind.constraint
    assert session.effects() == ()


def _has(session, item):
    sql = "SELECT 1 FROM variants v JOIN variants w USING (product_id) JOIN order_items i ON i.variant_id = w.variant_id "
    sql += "WHERE i.item_id = ? AND v.stock = 0"
    return session.connection.execute(sql + " AND v.variant_id <> w.variant_id", (item,)).fetchone() is not None


async def test_returns(session):
    order_id, user, payment, _ = order(session, "delivered", f"{KEPT} AND {TWO}")
    first, second, *_ = items(session, order_id)
    result = await ask(session, "return_items", order_id=order_id, item_ids=[first], refund_to=payment)
    price = row(session, "SELECT price_cents FROM order_items WHERE item_id = ?", first)[0]
    assert result.content["refund"] == price / 100
    mark = session.calls
    assert (await ask(session, "return_items", order_id=order_id, item_ids=[second, first], refund_to=payment)).error == ErrorKind.constraint
    assert (await ask(session, "return_items", order_id=order_id, item_ids=[second, second], refund_to=payment)).error == ErrorKind.constraint
    foreign = row(session, "SELECT payment_id FROM payment_methods WHERE user_id <> ?", user)[0]
    assert (await ask(session, "return_items", order_id=order_id, item_ids=[second], refund_to=foreign)).error == ErrorKind.forbidden
    assert (
        await ask(session, "return_items", order_id=order(session, "pending")[0], item_ids=[second], refund_to=payment)
    ).error == ErrorKind.forbidden
    assert session.effects(mark) == ()


async def test_returns_in_any_order_and_grouping_reach_the_same_state():
    probe = await WORLD.open(Start())
    three = "(SELECT count(*) FROM order_items i WHERE i.order_id = o.order_id) > 2"
    order_id, _, payment, _ = order(probe, "delivered", f"{KEPT} AND {three}")
    names = items(probe, order_id)[:3]
    await probe.close()
    groupings = [[[name] for name in arranged] for arranged in permutations(names)] + [[names], [names[::-1]], [names[:2], names[2:]]]
    reached = set()
    effects = []
    for groups in groupings:
        session = await WORLD.open(Start())
        for group in groups:
            assert (await ask(session, "return_items", order_id=order_id, item_ids=group, refund_to=payment)).error is None
        reached.add(session.digest())
        effects.append(session.effects())
        await session.close()
    assert len(reached) == 1
    assert all(found == effects[0] for found in effects)
    assert len(effects[0]) == 6


async def test_account(session):
    user, address = row(session, "SELECT user_id, address_id FROM addresses WHERE is_default = 0 ORDER BY address_id")
    place = {"street": "1 New Row", "city": "Elsewhere", "postcode": "12345"}
    assert (await ask(session, "update_address", customer_id=user, address_id=address, **place)).error is None
    assert (await ask(session, "set_default_address", customer_id=user, address_id=address)).error is None
    assert row(session, "SELECT sum(is_default), max(address_id) FILTER (WHERE is_default) FROM addresses WHERE user_id = ?", user) == (1, address)
    foreign = row(session, "SELECT address_id FROM addresses WHERE user_id <> ?", user)[0]
    assert (await ask(session, "update_address", customer_id=user, address_id=foreign, **place)).error == ErrorKind.forbidden
    assert (await ask(session, "set_default_address", customer_id=user, address_id=foreign)).error == ErrorKind.forbidden
    assert (await ask(session, "add_address", customer_id=user, label="barn", **place)).error is None
    assert (await ask(session, "add_address", customer_id=user, label="barn", **place)).error == ErrorKind.constraint
    taken = row(session, "SELECT email FROM users WHERE user_id <> ?", user)[0]
    assert (await ask(session, "update_email", customer_id=user, email=taken)).error == ErrorKind.constraint
    assert (await ask(session, "update_email", customer_id=user, email="new@mail.example")).error is None
    assert (await ask(session, "transfer_to_human", customer_id=user, topic="invoice")).error is None
    assert (await ask(session, "transfer_to_human", customer_id=user, topic="invoice")).error == ErrorKind.constraint


async def test_the_policy_is_not_the_tools_business(session):
    """A tool accepts what only the policy forbids: an agent must know the rules."""
    late = order(session, "delivered", f"{KEPT} AND delivered_on < '2026-02-01'")
    assert (await ask(session, "return_items", order_id=late[0], item_ids=items(session, late[0])[:1], refund_to=late[2])).error is None
    assert (await ask(session, "cancel_order", order_id=order(session, "processed")[0], reason="arrives_too_late")).error is None
    changed = order(session, "pending", "items_changed = 1")
    item = items(session, changed[0])[0]
    swap = [{"item_id": item, "new_variant_id": sibling(session, item)[0]}]
    assert (await ask(session, "change_order_items", order_id=changed[0], changes=swap, payment_id=changed[2])).error is None


HOSTILE = ["'; DROP TABLE orders; --", '" OR 1=1 --', "R-1' UNION SELECT email FROM users --", "%", "\x00", "\ud800", "{{7*7}}", "x" * 100_000]


@pytest.mark.parametrize("evil", HOSTILE)
async def test_hostile_arguments_change_nothing(session, evil):
    before = session.digest()
    for tool in WORLD.tools:
        arguments = {}
        for name, schema in tool.parameters["properties"].items():
            if schema["type"] == "array":
                inner = schema["items"]
                one = dict.fromkeys(inner["properties"], evil) if inner["type"] == "object" else evil
                arguments[name] = [one]
            else:
                arguments[name] = evil if schema["type"] == "string" else True
        if tool.name == "search_products":
            arguments = {"name": evil}
        result = await session.call(ToolCall("c", tool.name, arguments))
        assert result.error is not None or result.content == [], (tool.name, result)
    assert session.digest() == before
    assert row(session, "SELECT count(*) FROM orders")[0] > 600


async def test_text_that_looks_like_sql_is_stored_as_text(session):
    order_id = order(session, "pending")[0]
    street = "1 Robert'); DROP TABLE users; --"
    assert (await ask(session, "change_order_address", order_id=order_id, street=street, city="X", postcode="12345")).error is None
    assert row(session, "SELECT street FROM orders WHERE order_id = ?", order_id)[0] == street
    assert row(session, "SELECT count(*) FROM users")[0] > 200
