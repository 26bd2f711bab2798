"""The shop's data: the same for a seed, sound, small, and without ids that people could know."""

from __future__ import annotations

import re
from pathlib import Path

import apsw
import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds import World
from artificer.worlds.domains import known, open_world
from artificer.worlds.domains.retail import data


@pytest.fixture(scope="module")
def shop() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", data.build())
    return connection


def count(shop: apsw.Connection, table: str) -> int:
    return shop.execute(f"SELECT count(*) FROM {table}").get


def test_a_seed_gives_the_same_bytes_and_another_seed_another_shop():
    first = data.build.__wrapped__(5)
    assert first == data.build.__wrapped__(5)
    assert first != data.build.__wrapped__(6)


def test_the_shop_is_big_enough_and_the_image_small(shop):
    assert len(data.build()) <= 600_000
    assert 200 <= count(shop, "users") <= 400
    assert count(shop, "products") >= 40
    assert 600 <= count(shop, "orders") <= 1200
    for least, most in shop.execute("SELECT min(n), max(n) FROM (SELECT count(*) AS n FROM variants GROUP BY product_id)"):
        assert least >= 6
        assert most <= 12


@pytest.mark.parametrize("seed", [data.DEFAULT_SEED, 1, 2])
def test_keys_and_sums_hold(seed):
    shop = apsw.Connection(":memory:")
    shop.deserialize("main", data.build(seed))
    assert shop.execute("PRAGMA integrity_check").get == "ok"
    assert list(shop.execute("PRAGMA foreign_key_check")) == []
    off = "SELECT order_id FROM orders JOIN order_items USING (order_id) GROUP BY order_id HAVING sum(price_cents) <> total_cents"
    assert list(shop.execute(off)) == []
    uncharged = (
        "SELECT order_id FROM orders o WHERE total_cents <> (SELECT amount_cents FROM payments p WHERE p.order_id = o.order_id AND kind = 'charge')"
    )
    assert list(shop.execute(uncharged)) == []
    unrefunded = (
        "SELECT order_id FROM orders o WHERE (status = 'cancelled') <> EXISTS "
        "(SELECT 1 FROM payments p WHERE p.order_id = o.order_id AND kind = 'cancellation' AND amount_cents = -total_cents)"
    )
    assert list(shop.execute(unrefunded)) == []
    assert list(shop.execute("SELECT 1 FROM orders JOIN payment_methods m USING (payment_id) WHERE m.user_id <> orders.user_id")) == []
    assert list(shop.execute("SELECT user_id FROM addresses GROUP BY user_id HAVING sum(is_default) <> 1")) == []
    assert list(shop.execute("SELECT 1 FROM orders WHERE placed_on > ? OR delivered_on > ?", (data.TODAY.isoformat(),) * 2)) == []


def test_name_and_postcode_name_one_customer(shop):
    twice = "SELECT 1 FROM users JOIN addresses USING (user_id) GROUP BY first_name, last_name, postcode HAVING count(DISTINCT user_id) > 1"
    assert list(shop.execute(twice)) == []


def test_checks_refuse_what_cannot_be(shop):
    for wrong in (
        "UPDATE orders SET status = 'lost'",
        "UPDATE orders SET status = 'cancelled', cancel_reason = NULL",
        "UPDATE variants SET stock = -1",
        "UPDATE payment_methods SET balance_cents = -1 WHERE kind = 'gift_card'",
        "UPDATE payment_methods SET last_four = NULL WHERE kind = 'credit_card'",
        "UPDATE addresses SET postcode = '12'",
    ):
        with pytest.raises(apsw.ConstraintError):
            shop.execute(wrong)


async def test_domains_are_found_by_listing_the_folder():
    assert "retail" in known()
    world = World.of("domain:retail", seed="3")
    assert world.name == "domain:retail"
    assert world.problems == ()
    with pytest.raises(SourceError, match=r"no domain 'nowhere'(.|\n)*retail"):
        open_world("nowhere")
    with pytest.raises(SourceError, match="whole number"):
        World.of("domain:retail", seed="seven")
    with pytest.raises(SourceError, match="colour"):
        World.of("domain:retail", colour="red")


async def test_the_domain_in_the_docs_works():
    text = (Path(__file__).parents[2] / "docs" / "domain-retail.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "open_domain" in block]
    space: dict = {}
    exec(compile(code, "docs/domain-retail.md", "exec"), space)
    session = await space["open_domain"]("domain:library").open(Start())
    lend = ToolCall("c", "lend_book", {"book_id": "b_7Q"})
    assert (await session.call(lend)).content == {"book_id": "b_7Q", "lent": True}
    assert (await session.call(lend)).error == "constraint"
    assert len(session.effects()) == 1
    await session.close()
