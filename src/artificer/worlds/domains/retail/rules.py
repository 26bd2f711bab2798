"""The policy's rules on orders as a function: what an agent must refuse, and the words for why.

`policy.md` says the same in prose. Both the procedures (what a perfect agent does) and the proposals (what may be
asked, and what must be refused) read this one table, and nothing of it is enforced by the tools unless `writes.py`
says so.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from artificer.worlds.domains.retail.data import TODAY

Row = dict[str, Any]

RETURN_DAYS = 30
EXCHANGE_DAYS = 60

ALLOWED: dict[str, tuple[str, ...]] = {
    "cancel_order": ("pending",),
    "change_address": ("pending", "processed"),
    "change_payment": ("pending",),
    "change_items": ("pending",),
    "return_items": ("delivered",),
    "exchange_item": ("delivered",),
}
"""Which kind of request needs an order in which status."""


class Refused(NamedTuple):
    """A refusal: its reason's code, the sentence for it, and words of which an answer must contain one."""

    code: str
    text: str
    words: tuple[str, ...]


_STATUS: dict[str, tuple[str, tuple[str, ...]]] = {
    "pending": (
        "the order is still pending and has not been delivered yet",
        ("pending", "not been delivered", "not delivered", "hasn't been delivered"),
    ),
    "processed": ("the order has already been processed and is being packed", ("processed", "being packed", "packed", "processing")),
    "shipped": ("the order has already been shipped", ("shipped", "on its way", "in transit")),
    "delivered": ("the order has already been delivered", ("delivered",)),
    "cancelled": ("the order has been cancelled", ("cancelled", "canceled")),
}
_ONCE = ("already been changed", "changed once", "already changed", "only once", "once already", "only be changed once")
_FINAL = ("final sale", "final-sale", "sold as final")
STOCK_WORDS = ("out of stock", "not in stock", "no stock", "sold out", "not available", "unavailable", "isn't in stock")


def order_refusal(op: str, order: Row) -> Refused | None:
    """Why `op` may not be done to an order (as get_order shows it), whatever the item; None when it may."""
    status = order["status"]
    if status not in ALLOWED.get(op, (status,)):
        text, words = _STATUS[status]
        return Refused(f"status_{status}", text, words)
    if op == "change_items" and order["items_changed"]:
        return Refused("once_only", "the items of this order have already been changed, and that is possible only once", _ONCE)
    days = {"return_items": RETURN_DAYS, "exchange_item": EXCHANGE_DAYS}.get(op)
    if days is not None and (TODAY - date.fromisoformat(order["delivered_on"])).days > days:
        what = "returns" if op == "return_items" else "exchanges"
        return Refused("window_over", f"{what} are possible up to {days} days after delivery, and that time is over", (f"{days} days", f"{days}-day"))
    return None


def item_refusal(op: str, item: Row) -> Refused | None:
    """Why `op` may not be done to an item of an order; None when it may."""
    if op not in ("return_items", "exchange_item"):
        return None
    if item["state"] != "kept":
        words = (f"already been {item['state']}", f"already {item['state']}", f"been {item['state']}", f"was {item['state']}")
        return Refused("item_done", f"the {item['product']} has already been {item['state']}", words)
    if item["final_sale"]:
        return Refused("final_sale", f"the {item['product']} is final sale and can be neither returned nor exchanged", _FINAL)
    return None


def stock_refusal(variant: Row) -> Refused | None:
    """Why a variant may not be had; None when it may."""
    return Refused("out_of_stock", "that variant is out of stock", STOCK_WORDS) if variant["stock"] < 1 else None


def refund_refusal(order: Row, method: Row) -> Refused | None:
    """Why a return may not be refunded to a payment method; None when it may."""
    if method["payment_id"] == order["payment_id"] or method["kind"] == "gift_card":
        return None
    text = "a refund goes only to the payment method of the order or to a gift card"
    return Refused("refund_method", text, ("gift card", "original payment", "payment method of the order", "original method"))


def payment_refusal(order: Row, method: Row) -> Refused | None:
    """Why an order may not be charged to a payment method; None when it may."""
    if method["kind"] == "gift_card" and method["balance"] < order["total"]:
        words = ("not cover", "does not cover", "doesn't cover", "not enough", "insufficient", "too low", "must cover")
        return Refused("balance", f"the gift card holds {method['balance']:.2f} EUR and does not cover the total of {order['total']:.2f} EUR", words)
    return None


REASONS: dict[str, tuple[str, ...]] = {
    "not_found": (
        "could not find",
        "couldn't find",
        "cannot find",
        "can't find",
        "no order",
        "not find",
        "found no",
        "no such",
        "none of your orders",
    ),
    "ambiguous": ("more than one", "several", "multiple", "two orders", "both orders", "which one", "two of your orders", "cannot tell which"),
}
"""Words of which an answer must contain one when nothing, or too much, fits a description."""
