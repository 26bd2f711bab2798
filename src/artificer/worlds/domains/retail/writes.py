"""The shop's tools that change something. They keep the state sound (existence, ownership, stock, sums); the policy's
other rules are for the agent to keep.

Nothing here counts calls or reads a clock: what is written depends on what was asked, so that equal requests reach
equal states in any order. A function's docstring is what agents read of the tool.
"""

from __future__ import annotations

from typing import Any

import apsw

from artificer.core.canon import Json, digest
from artificer.core.verdicts import ErrorKind
from artificer.worlds.domains.retail import views
from artificer.worlds.domains.retail.data import TODAY
from artificer.worlds.sqlite.session import Refusal

Args = dict[str, Any]

_NOW = TODAY.isoformat()


def _order(connection: apsw.Connection, args: Args, *statuses: str) -> tuple[str, str, str, str, int]:
    """(order_id, user_id, status, payment_id, total in cents) of an order that is in one of `statuses`."""
    order_id = args["order_id"]
    sql = "SELECT order_id, user_id, status, payment_id, total_cents FROM orders WHERE order_id = ?"
    found = views.one(connection, f"order {order_id!r}", sql, order_id)
    if found[2] not in statuses:
        raise Refusal(ErrorKind.forbidden, f"order {order_id!r} is {found[2]}; this needs an order that is {' or '.join(statuses)}")
    return found


def _owned(connection: apsw.Connection, table: str, key: str, name: str, user_id: str) -> None:
    """Refuses unless the payment method or address is this customer's."""
    what = "payment method" if table == "payment_methods" else "address"
    owner = views.one(connection, f"{what} {name!r}", f"SELECT user_id FROM {table} WHERE {key} = ?", name)[0]
    if owner != user_id:
        raise Refusal(ErrorKind.forbidden, f"{what} {name!r} is not this customer's")


def _book(connection: apsw.Connection, order_id: str, kind: str, reference: str, payment_id: str, cents: int) -> None:
    """Books a charge (positive) or a refund (negative); a gift card's balance follows at once."""
    _move(connection, payment_id, cents)
    connection.execute(
        "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
        "SET payment_id = excluded.payment_id, amount_cents = amount_cents + excluded.amount_cents",
        (order_id, kind, reference, payment_id, cents, _NOW),
    )


def _move(connection: apsw.Connection, payment_id: str, cents: int) -> None:
    """Takes `cents` from a gift card (gives them back when negative); other methods have no balance."""
    balance = views.one(connection, f"payment method {payment_id!r}", "SELECT balance_cents FROM payment_methods WHERE payment_id = ?", payment_id)[0]
    if balance is None or cents == 0:
        return
    if cents > balance:
        raise Refusal(ErrorKind.constraint, f"the gift card holds {balance / 100:.2f} EUR, {cents / 100:.2f} EUR are needed")
    connection.execute("UPDATE payment_methods SET balance_cents = balance_cents - ? WHERE payment_id = ?", (cents, payment_id))


def cancel_order(connection: apsw.Connection, args: Args) -> Json:
    """Cancels an order and refunds it to the payment method it was paid with."""
    order_id, _, _, payment_id, total = _order(connection, args, "pending", "processed")
    connection.execute("UPDATE orders SET status = 'cancelled', cancel_reason = ? WHERE order_id = ?", (args["reason"], order_id))
    _book(connection, order_id, "cancellation", "order", payment_id, -total)
    return {"order_id": order_id, "status": "cancelled", "refunded": views.euros(total), "payment_id": payment_id}


def change_order_address(connection: apsw.Connection, args: Args) -> Json:
    """Changes where an order is sent."""
    order_id = _order(connection, args, "pending", "processed")[0]
    place = {name: args[name] for name in ("street", "city", "postcode")}
    connection.execute("UPDATE orders SET street = ?, city = ?, postcode = ? WHERE order_id = ?", (*place.values(), order_id))
    return {"order_id": order_id, "address": place}


def change_order_payment(connection: apsw.Connection, args: Args) -> Json:
    """Charges an order to another of the customer's payment methods and refunds the one before."""
    order_id, user_id, _, old, total = _order(connection, args, "pending", "processed")
    new = args["payment_id"]
    _owned(connection, "payment_methods", "payment_id", new, user_id)
    if new == old:
        raise Refusal(ErrorKind.constraint, f"order {order_id!r} is paid with {new!r} already")
    _move(connection, new, total)
    _move(connection, old, -total)
    connection.execute("UPDATE orders SET payment_id = ? WHERE order_id = ?", (new, order_id))
    connection.execute("UPDATE payments SET payment_id = ? WHERE order_id = ?", (new, order_id))
    return {"order_id": order_id, "payment_id": new, "charged": views.euros(total)}


def change_order_items(connection: apsw.Connection, args: Args) -> Json:
    """Swaps items of an order that has not been sent for other variants of the same products; the difference goes to
    a payment method.
    """
    order_id, user_id, _, _, total = _order(connection, args, "pending", "processed")
    _owned(connection, "payment_methods", "payment_id", args["payment_id"], user_id)
    for item_id, old, new, before, after in _swaps(connection, order_id, args["changes"]):
        connection.execute("UPDATE variants SET stock = stock + 1 WHERE variant_id = ?", (old,))
        connection.execute("UPDATE variants SET stock = stock - 1 WHERE variant_id = ?", (new,))
        connection.execute("UPDATE order_items SET variant_id = ?, price_cents = ? WHERE item_id = ?", (new, after, item_id))
        _book(connection, order_id, "change", item_id, args["payment_id"], after - before)
        total += after - before
    connection.execute("UPDATE orders SET total_cents = ?, items_changed = 1 WHERE order_id = ?", (total, order_id))
    return {"order_id": order_id, "total": views.euros(total)}


def _swaps(connection: apsw.Connection, order_id: str, swaps: list[dict[str, str]]) -> list[tuple[str, str, str, int, int]]:
    """For each swap (item, old variant, new variant, old price, new price), when stock and product allow it."""
    _distinct([swap["item_id"] for swap in swaps])
    found: list[tuple[str, str, str, int, int]] = []
    wanted: dict[str, int] = {}
    for swap in swaps:
        item_id, new = swap["item_id"], swap["new_variant_id"]
        old, price = _item(connection, order_id, item_id)
        sql = "SELECT product_id, price_cents, stock FROM variants WHERE variant_id = ?"
        product, after, stock = views.one(connection, f"variant {new!r}", sql, new)
        if product != views.variant(connection, old)["product_id"]:
            raise Refusal(ErrorKind.constraint, f"variant {new!r} is of another product than item {item_id!r}")
        if new == old:
            raise Refusal(ErrorKind.constraint, f"item {item_id!r} is that variant already")
        wanted[new] = wanted.get(new, 0) + 1
        if stock < wanted[new]:
            raise Refusal(ErrorKind.constraint, f"variant {new!r} is out of stock")
        found.append((item_id, old, new, price, after))
    return found


def _item(connection: apsw.Connection, order_id: str, item_id: str) -> tuple[str, int]:
    """(variant_id, price in cents) of an order's item."""
    sql = "SELECT variant_id, price_cents FROM order_items WHERE item_id = ? AND order_id = ?"
    return views.one(connection, f"item {item_id!r} in order {order_id!r}", sql, item_id, order_id)


def _distinct(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise Refusal(ErrorKind.constraint, f"item {name!r} is named twice")


def _untouched(connection: apsw.Connection, item_id: str) -> None:
    for table, done in (("returns", "returned"), ("exchanges", "exchanged")):
        if connection.execute(f"SELECT 1 FROM {table} WHERE item_id = ?", (item_id,)).fetchone():
            raise Refusal(ErrorKind.constraint, f"item {item_id!r} has been {done} already")


def return_items(connection: apsw.Connection, args: Args) -> Json:
    """Registers the return of items of a delivered order and books the refund."""
    order_id, user_id, _, _, _ = _order(connection, args, "delivered")
    refund_to, names = args["refund_to"], args["item_ids"]
    _owned(connection, "payment_methods", "payment_id", refund_to, user_id)
    _distinct(names)
    refunded = 0
    for item_id in names:
        price = _item(connection, order_id, item_id)[1]
        _untouched(connection, item_id)
        connection.execute("INSERT INTO returns VALUES (?, ?, ?)", (item_id, refund_to, _NOW))
        _book(connection, order_id, "return", item_id, refund_to, -price)
        refunded += price
    return {"order_id": order_id, "returned": names, "refund": views.euros(refunded), "payment_id": refund_to}


def exchange_items(connection: apsw.Connection, args: Args) -> Json:
    """Exchanges items of a delivered order for other variants of the same products; the difference goes to a payment
    method.
    """
    order_id, user_id, _, _, _ = _order(connection, args, "delivered")
    _owned(connection, "payment_methods", "payment_id", args["payment_id"], user_id)
    difference = 0
    for item_id, _, new, before, after in _swaps(connection, order_id, args["exchanges"]):
        _untouched(connection, item_id)
        connection.execute("UPDATE variants SET stock = stock - 1 WHERE variant_id = ?", (new,))
        connection.execute("INSERT INTO exchanges VALUES (?, ?, ?)", (item_id, new, _NOW))
        _book(connection, order_id, "exchange", item_id, args["payment_id"], after - before)
        difference += after - before
    return {"order_id": order_id, "difference": views.euros(difference), "payment_id": args["payment_id"]}


def update_address(connection: apsw.Connection, args: Args) -> Json:
    """Overwrites one of a customer's saved addresses. Orders that exist keep theirs."""
    _owned(connection, "addresses", "address_id", args["address_id"], args["customer_id"])
    place = tuple(args[name] for name in ("street", "city", "postcode"))
    connection.execute("UPDATE addresses SET street = ?, city = ?, postcode = ? WHERE address_id = ?", (*place, args["address_id"]))
    return {"address_id": args["address_id"]}


def add_address(connection: apsw.Connection, args: Args) -> Json:
    """Saves one more address for a customer."""
    user_id, label = args["customer_id"], args["label"]
    views.one(connection, f"customer {user_id!r}", "SELECT 1 FROM users WHERE user_id = ?", user_id)
    if connection.execute("SELECT 1 FROM addresses WHERE user_id = ? AND label = ?", (user_id, label)).fetchone():
        raise Refusal(ErrorKind.constraint, f"the customer has an address called {label!r} already")
    address_id = f"a_{digest('address', user_id, label, size=5).upper()}"
    connection.execute(
        "INSERT INTO addresses VALUES (?, ?, ?, ?, ?, ?, 0)", (address_id, user_id, label, args["street"], args["city"], args["postcode"])
    )
    return {"address_id": address_id}


def set_default_address(connection: apsw.Connection, args: Args) -> Json:
    """Makes one of a customer's saved addresses the default."""
    user_id, address_id = args["customer_id"], args["address_id"]
    _owned(connection, "addresses", "address_id", address_id, user_id)
    connection.execute("UPDATE addresses SET is_default = (address_id = ?) WHERE user_id = ?", (address_id, user_id))
    return {"address_id": address_id}


def update_email(connection: apsw.Connection, args: Args) -> Json:
    """Changes the e-mail address of a customer's account."""
    user_id, email = args["customer_id"], args["email"].lower()
    views.one(connection, f"customer {user_id!r}", "SELECT 1 FROM users WHERE user_id = ?", user_id)
    if connection.execute("SELECT 1 FROM users WHERE email = ? AND user_id <> ?", (email, user_id)).fetchone():
        raise Refusal(ErrorKind.constraint, "another customer uses that e-mail address")
    connection.execute("UPDATE users SET email = ? WHERE user_id = ?", (email, user_id))
    return {"customer_id": user_id, "email": email}


def transfer_to_human(connection: apsw.Connection, args: Args) -> Json:
    """Hands the customer over to a colleague, for matters no other tool can settle."""
    user_id, topic = args["customer_id"], args["topic"]
    views.one(connection, f"customer {user_id!r}", "SELECT 1 FROM users WHERE user_id = ?", user_id)
    if connection.execute("SELECT 1 FROM transfers WHERE user_id = ? AND topic = ?", (user_id, topic)).fetchone():
        raise Refusal(ErrorKind.constraint, "the customer has been handed over for this already")
    connection.execute("INSERT INTO transfers VALUES (?, ?)", (user_id, topic))
    return {"customer_id": user_id, "topic": topic, "transferred": True}
