"""Exact rows turned into what a customer would say of them, each description proven to lead back to that row alone.

The proof is a query (`inverse.py`) and must agree with what an agent would find among the rows that tools show
(`matching.py`). A description that is not unique is lengthened; when nothing helps there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import apsw

from artificer.worlds.domains.retail import inverse, matching, phrases
from artificer.worlds.guide import Said

Row = dict[str, Any]


def mention(rng: Random, product: str, vagueness: float) -> str:
    """How a product is named: in full, or without its maker ("desk lamp")."""
    return product.partition(" ")[2].lower() if rng.random() < 0.4 + 0.4 * vagueness else product


class Describer:
    """Describes one customer's things."""

    def __init__(self, connection: apsw.Connection, rng: Random, profile: Row, vagueness: float) -> None:
        self._db = connection
        self._rng = rng
        self._profile = profile
        self._user = profile["customer_id"]
        self._vagueness = vagueness

    def customer(self) -> list[Said] | None:
        """An e-mail address, or a name and a postcode."""
        if self._rng.random() < 0.6:
            email = self._profile["email"]
            said = [self.said("account.email", email, phrases.email(email))]
        else:
            name = f"{self._profile['first_name']} {self._profile['last_name']}"
            postcode = self._rng.choice(self._profile["addresses"])["postcode"]
            said = [
                self.said("account.name", name, phrases.name(name)),
                self.said("account.postcode", postcode, phrases.postcode(postcode)),
            ]
        return said if inverse.customers(self._db, {fact.path: fact.value for fact in said}) == [self._user] else None

    def said(self, path: str, value: Any, worded: Sequence[str]) -> Said:
        """A fact that may be withheld until asked."""
        return Said(path, value, tuple(worded), "asked")

    def order(self, orders: list[Row], target: Row, held: list[str], avoid: set[str]) -> list[Said] | None:
        """Facts that, with the products the request itself names (`held`), fit one order only; as few as will do.

        Args:
            orders: all of the customer's orders, as list_orders shows them.
            target: the one to describe.
            avoid: products that must not be named.
        """
        said: Row = {}
        if held and self._rng.random() < 0.4 and self._leads_to(orders, target, said, held):
            return []
        for path, value in self._candidates(target, held, avoid):
            said[path] = value
            if self._leads_to(orders, target, said, held):
                break
        else:
            return None
        for path in list(said):
            less = {other: value for other, value in said.items() if other != path}
            if (less or held) and self._leads_to(orders, target, less, held):
                said = less
        return [self.said(path, value, _WORDED[path](value)) for path, value in said.items()]

    def _candidates(self, target: Row, held: list[str], avoid: set[str]) -> list[tuple[str, Any]]:
        """What could be said of an order, in the order in which it is tried. More products come after fewer."""
        rng = self._rng
        free = [name for name in dict.fromkeys(target["products"]) if name not in avoid and not any(matching.names(one, name) for one in held)]
        rng.shuffle(free)
        mentions = [mention(rng, name, self._vagueness) for name in free]
        products = [("order.products", mentions[:count]) for count in range(1, len(mentions) + 1)]
        other = [("order.date", target["placed_on"]), ("order.total", target["total"]), ("order.status", target["status"])]
        rng.shuffle(other)
        return [*products, *other] if rng.random() < 0.65 else [*other, *products]

    def _leads_to(self, orders: list[Row], target: Row, said: Row, held: list[str]) -> bool:
        fitting = matching.orders_matching(orders, said, held)
        return fitting == [target] and inverse.orders(self._db, self._user, said, held) == [target["order_id"]]

    def item(self, order: Row, item: Row) -> Row | None:
        """A product and option values that fit one item of the order only."""
        rng = self._rng
        named = mention(rng, item["product"], self._vagueness)
        values = list(item["options"].values())
        rng.shuffle(values)
        least = len(values) if rng.random() > self._vagueness + 0.3 else 0
        for count in range(least, len(values) + 1):
            described = {"product": named, "options": values[:count]}
            if matching.items_matching(order["items"], described) == [item]:
                return described if inverse.items(self._db, order["order_id"], described) == [item["item_id"]] else None
        return None

    def method(self, method: Row) -> Row | None:
        """A kind of payment method, with brand or last digits where they are needed."""
        described: Row = {"kind": method["kind"]}
        details = [name for name in ("brand", "last_four") if name in method]
        tries = [described, *({**described, name: method[name]} for name in details), {**described, **{name: method[name] for name in details}}]
        if details and self._rng.random() < 0.5:
            tries = tries[::-1]
        for attempt in tries:
            if matching.methods_matching(self._profile["payment_methods"], attempt) == [method]:
                return attempt if inverse.methods(self._db, self._user, attempt) == [method["payment_id"]] else None
        return None

    def order_mentions(self, orders: list[Row], target: Row, avoid: set[str]) -> list[str] | None:
        """Products that only this order of the customer holds."""
        free = [name for name in dict.fromkeys(target["products"]) if name not in avoid]
        self._rng.shuffle(free)
        for count in range(1, len(free) + 1):
            mentions = [mention(self._rng, name, self._vagueness) for name in free[:count]]
            if self._leads_to(orders, target, {"order.products": mentions}, []):
                return mentions
        return None


_WORDED = {
    "order.products": phrases.order_products,
    "order.date": phrases.order_date,
    "order.status": phrases.order_status,
    "order.total": phrases.order_total,
}
