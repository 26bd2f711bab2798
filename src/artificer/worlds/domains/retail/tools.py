"""The shop's tools: their specifications, and the reads. Writes are in `writes.py`.

A function's docstring is what agents read of the tool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from artificer.core.canon import Json
from artificer.core.tools import EffectKind, ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.worlds.domains.retail import schemas as s
from artificer.worlds.domains.retail import views, writes
from artificer.worlds.domains.retail.vocabulary import CANCEL_REASONS, TOPICS
from artificer.worlds.sqlite.session import Refusal, SqlTool

Args = dict[str, Any]
Run = Callable[[apsw.Connection, Args], Json]


def find_customer_by_email(connection: apsw.Connection, args: Args) -> Json:
    """Finds a customer by the e-mail address of the account."""
    sql = "SELECT user_id FROM users WHERE email = ?"
    return {"customer_id": views.one(connection, "customer with that e-mail address", sql, args["email"].strip().lower())[0]}


def find_customer_by_name_and_postcode(connection: apsw.Connection, args: Args) -> Json:
    """Finds a customer by full name and the postcode of one of the saved addresses. For when the e-mail address is
    not at hand.
    """
    sql = (
        "SELECT DISTINCT u.user_id FROM users u JOIN addresses a USING (user_id) "
        "WHERE lower(u.first_name) = lower(?) AND lower(u.last_name) = lower(?) AND a.postcode = ?"
    )
    found = views.rows(connection, sql, args["first_name"], args["last_name"], args["postcode"])
    if len(found) != 1:
        raise Refusal(ErrorKind.not_found, "there is no single customer with that name and postcode")
    return {"customer_id": found[0][0]}


def list_orders(connection: apsw.Connection, args: Args) -> Json:
    """Lists a customer's orders, newest first, with status, dates, total and the names of the products in them."""
    views.one(connection, f"customer {args['customer_id']!r}", "SELECT 1 FROM users WHERE user_id = ?", args["customer_id"])
    found = views.orders(connection, args["customer_id"])
    return [order for order in found if order["status"] == args.get("status", order["status"])]


def track_order(connection: apsw.Connection, args: Args) -> Json:
    """Shows where a parcel is: status, carrier and tracking number (null before it is shipped)."""
    return views.tracking(connection, args["order_id"])


def search_products(connection: apsw.Connection, args: Args) -> Json:
    """Finds products whose name contains some words, or all products of a category."""
    sql = (
        "SELECT p.product_id, p.name, p.category, min(v.price_cents), p.final_sale FROM products p JOIN variants v USING (product_id) "
        "WHERE instr(lower(p.name), lower(?)) > 0 AND (? IS NULL OR p.category = ?) GROUP BY p.product_id ORDER BY p.name"
    )
    category = args.get("category")
    found = views.rows(connection, sql, args.get("name", ""), category, category)
    return [
        {"product_id": key, "name": name, "category": group, "price_from": views.euros(price), "final_sale": bool(final)}
        for key, name, group, price, final in found
    ]


def get_product(connection: apsw.Connection, args: Args) -> Json:
    """Shows a product: category, whether it is sold as final, and the options it comes in."""
    sql = "SELECT name, category, final_sale FROM products WHERE product_id = ?"
    name, category, final = views.one(connection, f"product {args['product_id']!r}", sql, args["product_id"])
    choices: dict[str, list[str]] = {}
    for variant in views.variants(connection, args["product_id"]):
        for option, value in variant["options"].items():
            choices.setdefault(option, [])
            if value not in choices[option]:
                choices[option].append(value)
    return {"product_id": args["product_id"], "name": name, "category": category, "final_sale": bool(final), "choices": choices}


def list_variants(connection: apsw.Connection, args: Args) -> Json:
    """Lists a product's variants with options, price and stock."""
    views.one(connection, f"product {args['product_id']!r}", "SELECT 1 FROM products WHERE product_id = ?", args["product_id"])
    found = views.variants(connection, args["product_id"])
    return [variant for variant in found if variant["stock"] > 0 or not args.get("in_stock_only", False)]


def calculate_refund(connection: apsw.Connection, args: Args) -> Json:
    """Works out what returning some items of an order would refund. Changes nothing."""
    held = {item["item_id"]: item for item in views.order(connection, args["order_id"])["items"]}
    for item_id in args["item_ids"]:
        if item_id not in held:
            raise Refusal(ErrorKind.not_found, f"there is no item {item_id!r} in order {args['order_id']!r}")
        if held[item_id]["state"] != "kept":
            raise Refusal(ErrorKind.constraint, f"item {item_id!r} has been {held[item_id]['state']} already")
    return {"refund": round(sum(held[item_id]["price"] for item_id in dict.fromkeys(args["item_ids"])), 2)}


def calculate_exchange(connection: apsw.Connection, args: Args) -> Json:
    """Works out the price difference of swapping an item for another variant: positive is to be paid, negative is
    refunded. Changes nothing.
    """
    sql = "SELECT v.product_id, i.price_cents FROM order_items i JOIN variants v USING (variant_id) WHERE i.item_id = ?"
    product_id, price = views.one(connection, f"item {args['item_id']!r}", sql, args["item_id"])
    new = views.variant(connection, args["new_variant_id"])
    if new["product_id"] != product_id:
        raise Refusal(ErrorKind.constraint, f"variant {args['new_variant_id']!r} is of another product than item {args['item_id']!r}")
    return {"difference": round(new["price"] - views.euros(price), 2), "in_stock": new["stock"] > 0}


def _tool(run: Run, effect: EffectKind, group: str, parameters: s.Schema, returns: s.Schema) -> SqlTool:
    """A tool with the function's own name and docstring."""
    return SqlTool(
        ToolSpec(run.__name__, " ".join((run.__doc__ or "").split()), parameters, returns, effect, {"domain": "retail", "group": group}), run
    )


def get_customer(connection: apsw.Connection, args: Args) -> Json:
    """Shows a customer's name, e-mail address, saved addresses and payment methods."""
    return views.customer(connection, args["customer_id"])


def get_order(connection: apsw.Connection, args: Args) -> Json:
    """Shows one order: status, dates, address, payment method, and every item with its options, price and state."""
    return views.order(connection, args["order_id"])


def get_order_payments(connection: apsw.Connection, args: Args) -> Json:
    """Lists what was charged (positive) and refunded (negative) for an order, and when."""
    return views.payments(connection, args["order_id"])


def get_variant(connection: apsw.Connection, args: Args) -> Json:
    """Shows one variant: options, price and stock."""
    return views.variant(connection, args["variant_id"])


_EMAIL = s.text("E-mail address.", "e-mail address", maxLength=120, pattern="^[^@\\s]+@[^@\\s]+$")
_ID_ONLY = s.record({"customer_id": s.CUSTOMER})
_ADDRESS_ID_ONLY = s.record({"address_id": s.ADDRESS})
_MANY_ITEMS = s.listing(s.ITEM, "The items concerned.", minItems=1, maxItems=20)
_PAID_BY = {"payment_id": s.PAYMENT}
_ORDER_ID = s.record({"order_id": s.ORDER})

TOOLS: tuple[SqlTool, ...] = (
    _tool(find_customer_by_email, "read", "customer", s.record({"email": _EMAIL}), _ID_ONLY),
    _tool(
        find_customer_by_name_and_postcode,
        "read",
        "customer",
        s.record({"first_name": s.text("First name.", "first name"), "last_name": s.text("Last name.", "last name"), "postcode": s.POSTCODE}),
        _ID_ONLY,
    ),
    _tool(
        get_customer,
        "read",
        "customer",
        s.record({"customer_id": s.CUSTOMER}),
        s.CUSTOMER_SHOWN,
    ),
    _tool(
        list_orders,
        "read",
        "order",
        s.record({"customer_id": s.CUSTOMER, "status": s.STATUS}, optional=("status",)),
        s.listing(s.ORDER_LINE, "Orders."),
    ),
    _tool(
        get_order,
        "read",
        "order",
        _ORDER_ID,
        s.ORDER_SHOWN,
    ),
    _tool(
        get_order_payments,
        "read",
        "order",
        _ORDER_ID,
        s.listing(
            s.record(
                {
                    "kind": s.text("What it was for.", "kind"),
                    "payment_id": s.PAYMENT,
                    "amount": s.amount("In euros; negative for a refund."),
                    "booked_on": s.DAY,
                    "item_id": s.ITEM,
                },
                optional=("item_id",),
            ),
            "Bookings.",
        ),
    ),
    _tool(
        track_order,
        "read",
        "order",
        _ORDER_ID,
        s.record(
            {
                "order_id": s.ORDER,
                "status": s.STATUS,
                "carrier": {"type": ["string", "null"]},
                "tracking_number": {"type": ["string", "null"]},
                "delivered_on": s.DAY,
            }
        ),
    ),
    _tool(
        search_products,
        "read",
        "product",
        s.record(
            {"name": s.text("Words of the product's name.", "product"), "category": s.text("Category.", "category")}, optional=("name", "category")
        ),
        s.listing(
            s.record(
                {
                    "product_id": s.PRODUCT,
                    "name": s.text("Name.", "product"),
                    "category": s.text("Category.", "category"),
                    "price_from": s.amount("Price of the cheapest variant, in euros."),
                    "final_sale": s.flag("Sold as final: no return, no exchange."),
                }
            ),
            "Products.",
        ),
    ),
    _tool(
        get_product,
        "read",
        "product",
        s.record({"product_id": s.PRODUCT}),
        s.record(
            {
                "product_id": s.PRODUCT,
                "name": s.text("Name.", "product"),
                "category": s.text("Category.", "category"),
                "final_sale": s.flag("Sold as final: no return, no exchange."),
                "choices": {"type": "object", "description": "Option name to the values there are."},
            }
        ),
    ),
    _tool(
        list_variants,
        "read",
        "product",
        s.record({"product_id": s.PRODUCT, "in_stock_only": s.flag("Leave out what is out of stock.")}, optional=("in_stock_only",)),
        s.listing(s.VARIANT_SHOWN, "Variants, cheapest first."),
    ),
    _tool(get_variant, "read", "product", s.record({"variant_id": s.VARIANT}), s.VARIANT_SHOWN),
    _tool(
        calculate_refund,
        "read",
        "return",
        s.record({"order_id": s.ORDER, "item_ids": _MANY_ITEMS}),
        s.record({"refund": s.amount("In euros.")}),
    ),
    _tool(
        calculate_exchange,
        "read",
        "return",
        s.record({"item_id": s.ITEM, "new_variant_id": s.VARIANT}),
        s.record({"difference": s.amount("In euros."), "in_stock": s.flag("Whether the variant is in stock.")}),
    ),
    _tool(
        writes.cancel_order,
        "write",
        "order",
        s.record({"order_id": s.ORDER, "reason": s.text("Why the customer cancels.", "reason", enum=list(CANCEL_REASONS))}),
        s.record({"order_id": s.ORDER, "status": s.STATUS, "refunded": s.amount("In euros."), **_PAID_BY}),
    ),
    _tool(
        writes.change_order_address,
        "write",
        "order",
        s.record({"order_id": s.ORDER, **s.PLACE}),
        s.record({"order_id": s.ORDER, "address": s.record(s.PLACE)}),
    ),
    _tool(
        writes.change_order_payment,
        "write",
        "order",
        s.record({"order_id": s.ORDER, **_PAID_BY}),
        s.record({"order_id": s.ORDER, **_PAID_BY, "charged": s.amount("In euros.")}),
    ),
    _tool(
        writes.change_order_items,
        "write",
        "order",
        s.record({"order_id": s.ORDER, "changes": s.SWAPS, **_PAID_BY}),
        s.record({"order_id": s.ORDER, "total": s.amount("In euros.")}),
    ),
    _tool(
        writes.return_items,
        "write",
        "return",
        s.record({"order_id": s.ORDER, "item_ids": _MANY_ITEMS, "refund_to": s.PAYMENT}),
        s.record({"order_id": s.ORDER, "returned": s.listing(s.ITEM, "Items."), "refund": s.amount("In euros."), **_PAID_BY}),
    ),
    _tool(
        writes.exchange_items,
        "write",
        "return",
        s.record({"order_id": s.ORDER, "exchanges": s.SWAPS, **_PAID_BY}),
        s.record({"order_id": s.ORDER, "difference": s.amount("In euros."), **_PAID_BY}),
    ),
    _tool(
        writes.update_address,
        "write",
        "customer",
        s.record({"customer_id": s.CUSTOMER, "address_id": s.ADDRESS, **s.PLACE}),
        _ADDRESS_ID_ONLY,
    ),
    _tool(
        writes.add_address,
        "write",
        "customer",
        s.record({"customer_id": s.CUSTOMER, "label": s.text("What the customer calls it.", "label", maxLength=40), **s.PLACE}),
        _ADDRESS_ID_ONLY,
    ),
    _tool(
        writes.set_default_address,
        "write",
        "customer",
        s.record({"customer_id": s.CUSTOMER, "address_id": s.ADDRESS}),
        _ADDRESS_ID_ONLY,
    ),
    _tool(
        writes.update_email,
        "write",
        "customer",
        s.record({"customer_id": s.CUSTOMER, "email": _EMAIL}),
        s.record({"customer_id": s.CUSTOMER, "email": _EMAIL}),
    ),
    _tool(
        writes.transfer_to_human,
        "write",
        "transfer",
        s.record({"customer_id": s.CUSTOMER, "topic": s.text("What it is about.", "topic", enum=list(TOPICS))}),
        s.record({"customer_id": s.CUSTOMER, "topic": s.text("What it is about.", "topic"), "transferred": s.flag("Done.")}),
    ),
)
