"""From a description back to rows, in SQL: the proof that a description names exactly one (or exactly two) of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw

from artificer.core.canon import Json

_HOLDS = (
    "EXISTS (SELECT 1 FROM order_items i JOIN variants v USING (variant_id) JOIN products p USING (product_id) "
    "WHERE i.order_id = o.order_id AND instr(' ' || lower(p.name) || ' ', ' ' || ? || ' ') > 0)"
)


def customers(connection: apsw.Connection, facts: Mapping[str, Json]) -> list[str]:
    """Customers with an e-mail address, or with a name and a postcode."""
    if "account.email" in facts:
        sql, values = "SELECT user_id FROM users WHERE email = ?", (facts["account.email"],)
    else:
        sql = "SELECT DISTINCT user_id FROM users JOIN addresses USING (user_id) WHERE first_name || ' ' || last_name = ? AND postcode = ?"
        values = (facts["account.name"], facts["account.postcode"])
    return [row[0] for row in connection.execute(sql, values)]


def orders(connection: apsw.Connection, user_id: str, said: Mapping[str, Json], held: Sequence[str] = ()) -> list[str]:
    """Orders of a customer that fit facts by path and hold the products mentioned in `held`."""
    sql, values = ["SELECT order_id FROM orders o WHERE user_id = ?"], [user_id]
    for path, condition in (("order.date", "placed_on = ?"), ("order.status", "status = ?"), ("order.total", "total_cents = round(? * 100)")):
        if path in said:
            sql.append(condition)
            values.append(said[path])
    for mention in (*said.get("order.products", ()), *held):
        sql.append(_HOLDS)
        values.append(mention.lower())
    return [row[0] for row in connection.execute(" AND ".join(sql), tuple(values))]


def items(connection: apsw.Connection, order_id: str, described: Mapping[str, Json]) -> list[str]:
    """Items of an order of the product mentioned, with all the option values said."""
    sql = (
        "SELECT i.item_id FROM order_items i JOIN variants v USING (variant_id) JOIN products p USING (product_id) WHERE i.order_id = ? "
        "AND instr(' ' || lower(p.name) || ' ', ' ' || ? || ' ') > 0"
    )
    has = " AND EXISTS (SELECT 1 FROM json_each(v.options) WHERE value = ?)"
    options = described["options"]
    return [row[0] for row in connection.execute(sql + has * len(options), (order_id, described["product"].lower(), *options))]


def methods(connection: apsw.Connection, user_id: str, described: Mapping[str, Json]) -> list[str]:
    """Payment methods of a customer of a kind and, when said, of a brand and with certain last digits."""
    sql = "SELECT payment_id FROM payment_methods WHERE user_id = ? AND kind = ? AND coalesce(brand = ?, 1) AND coalesce(last_four = ?, 1)"
    values = (user_id, described["kind"], described.get("brand"), described.get("last_four"))
    return [row[0] for row in connection.execute(sql, values)]


def variants(connection: apsw.Connection, mention: str, options: Mapping[str, str]) -> list[str]:
    """Variants, of any product that `mention` names, with exactly these options."""
    sql = (
        "SELECT variant_id FROM variants v JOIN products p USING (product_id) WHERE instr(' ' || lower(p.name) || ' ', ' ' || ? || ' ') > 0 "
        "AND (SELECT count(*) FROM json_each(v.options)) = ?"
    )
    has = " AND EXISTS (SELECT 1 FROM json_each(v.options) WHERE key = ? AND value = ?)"
    values: list[Json] = [mention.lower(), len(options)]
    for pair in options.items():
        values += pair
    return [row[0] for row in connection.execute(sql + has * len(options), tuple(values))]
