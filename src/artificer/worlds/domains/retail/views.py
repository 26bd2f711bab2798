"""Reading the shop: what tools show of customers, orders and goods, as JSON. Money is in euros with two decimals."""

from __future__ import annotations

from typing import Any, cast

import apsw
import msgspec

from artificer.core.canon import Json
from artificer.core.verdicts import ErrorKind
from artificer.worlds.sqlite.session import Refusal

Row = dict[str, Json]
Options = dict[str, str]

_decode = msgspec.json.Decoder(dict[str, str]).decode


def euros(cents: int) -> float:
    """Cents as euros."""
    return round(cents / 100, 2)


def rows(connection: apsw.Connection, sql: str, *values: Json) -> list[Any]:
    """All rows of a query."""
    return cast("list[Any]", connection.execute(sql, values).fetchall())


def one(connection: apsw.Connection, what: str, sql: str, *values: Json) -> Any:
    """The single row of a query.

    Raises:
        Refusal: there is none; `what` says what was looked for.
    """
    row = connection.execute(sql, values).fetchone()
    if row is None:
        raise Refusal(ErrorKind.not_found, f"there is no {what}")
    return row


def decoded(options: list[str]) -> list[Options]:
    """Options as stored, as mappings."""
    return [_decode(text) for text in options]


def customer(connection: apsw.Connection, user_id: str) -> Row:
    """A customer with saved addresses and payment methods."""
    found = one(connection, f"customer {user_id!r}", "SELECT first_name, last_name, email FROM users WHERE user_id = ?", user_id)
    return {
        "customer_id": user_id,
        "first_name": found[0],
        "last_name": found[1],
        "email": found[2],
        "addresses": [
            {"address_id": key, "label": label, "street": street, "city": city, "postcode": postcode, "default": bool(default)}
            for key, label, street, city, postcode, default in rows(
                connection,
                "SELECT address_id, label, street, city, postcode, is_default FROM addresses WHERE user_id = ? ORDER BY address_id",
                user_id,
            )
        ],
        "payment_methods": [
            _method(*found)
            for found in rows(
                connection,
                "SELECT payment_id, kind, brand, last_four, balance_cents FROM payment_methods WHERE user_id = ? ORDER BY payment_id",
                user_id,
            )
        ],
    }


def _method(payment_id: str, kind: str, brand: str | None, last_four: str | None, balance_cents: int | None) -> Row:
    method: Row = {"payment_id": payment_id, "kind": kind}
    if brand is not None:
        method |= {"brand": brand, "last_four": last_four}
    if balance_cents is not None:
        method["balance"] = euros(balance_cents)
    return method


def orders(connection: apsw.Connection, user_id: str) -> list[Row]:
    """A customer's orders, newest first, with the names of what is in them."""
    found: dict[str, Row] = {}
    sql = (
        "SELECT o.order_id, o.status, o.placed_on, o.delivered_on, o.total_cents, p.name FROM orders o JOIN order_items i USING (order_id) "
        "JOIN variants v USING (variant_id) JOIN products p USING (product_id) WHERE o.user_id = ? ORDER BY o.placed_on DESC, o.order_id, i.item_id"
    )
    for order_id, status, placed, delivered, total, name in rows(connection, sql, user_id):
        if order_id not in found:
            found[order_id] = {"order_id": order_id, "status": status, "placed_on": placed, "total": euros(total), "products": [name]}
            if delivered is not None:
                found[order_id]["delivered_on"] = delivered
        else:
            found[order_id]["products"].append(name)
    return list(found.values())


def order(connection: apsw.Connection, order_id: str) -> Row:
    """One order with its items."""
    (user, status, placed, delivered, street, city, postcode, payment, total, changed, reason) = one(
        connection,
        f"order {order_id!r}",
        "SELECT user_id, status, placed_on, delivered_on, street, city, postcode, payment_id, total_cents, items_changed, cancel_reason "
        "FROM orders WHERE order_id = ?",
        order_id,
    )
    shown: Row = {
        "order_id": order_id,
        "customer_id": user,
        "status": status,
        "placed_on": placed,
        "delivered_on": delivered,
        "address": {"street": street, "city": city, "postcode": postcode},
        "payment_id": payment,
        "total": euros(total),
        "items_changed": bool(changed),
        "items": items(connection, order_id),
    }
    if reason is not None:
        shown["cancel_reason"] = reason
    return shown


def items(connection: apsw.Connection, order_id: str) -> list[Row]:
    """An order's items and what became of them."""
    sql = (
        "SELECT i.item_id, p.product_id, p.name, p.final_sale, v.variant_id, v.options, i.price_cents, r.item_id, e.item_id FROM order_items i "
        "JOIN variants v USING (variant_id) JOIN products p USING (product_id) LEFT JOIN returns r ON r.item_id = i.item_id "
        "LEFT JOIN exchanges e ON e.item_id = i.item_id WHERE i.order_id = ? ORDER BY i.item_id"
    )
    return [
        {
            "item_id": item,
            "product_id": product_id,
            "product": name,
            "final_sale": bool(final),
            "variant_id": variant_id,
            "options": _decode(options),
            "price": euros(price),
            "state": "returned" if returned else "exchanged" if exchanged else "kept",
        }
        for item, product_id, name, final, variant_id, options, price, returned, exchanged in rows(connection, sql, order_id)
    ]


def tracking(connection: apsw.Connection, order_id: str) -> Row:
    """Where a parcel is."""
    sql = "SELECT status, carrier, tracking_number, delivered_on FROM orders WHERE order_id = ?"
    status, carrier, number, delivered = one(connection, f"order {order_id!r}", sql, order_id)
    return {"order_id": order_id, "status": status, "carrier": carrier, "tracking_number": number, "delivered_on": delivered}


def payments(connection: apsw.Connection, order_id: str) -> list[Row]:
    """What was charged and refunded for an order."""
    one(connection, f"order {order_id!r}", "SELECT 1 FROM orders WHERE order_id = ?", order_id)
    sql = "SELECT kind, reference, payment_id, amount_cents, booked_on FROM payments WHERE order_id = ? ORDER BY booked_on, kind, reference"
    found: list[Row] = []
    for kind, reference, payment, amount, booked in rows(connection, sql, order_id):
        found.append({"kind": kind, "payment_id": payment, "amount": euros(amount), "booked_on": booked})
        if reference != "order":
            found[-1]["item_id"] = reference
    return found


def variants(connection: apsw.Connection, product_id: str) -> list[Row]:
    """A product's variants, cheapest first."""
    sql = "SELECT variant_id, options, price_cents, stock FROM variants WHERE product_id = ? ORDER BY price_cents, variant_id"
    return [_variant(product_id, *found) for found in rows(connection, sql, product_id)]


def _variant(product_id: str, variant_id: str, options: str, price: int, stock: int) -> Row:
    return {"variant_id": variant_id, "product_id": product_id, "options": _decode(options), "price": euros(price), "stock": stock}


def variant(connection: apsw.Connection, variant_id: str) -> Row:
    """One variant."""
    sql = "SELECT product_id, variant_id, options, price_cents, stock FROM variants WHERE variant_id = ?"
    return _variant(*one(connection, f"variant {variant_id!r}", sql, variant_id))
