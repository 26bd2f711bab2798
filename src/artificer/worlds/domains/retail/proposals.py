"""What a customer could want now: requests valid under policy and state, or provably impossible in a known way.

A request starts from exact rows. The tools' own views are read from the session's connection, the rules decide what
may be done, and `describing.py` turns ids into words. Within one task an order, a product or a saved address is used
once, so that the wants of a task never disturb each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import apsw

from artificer.core.tasks import Want
from artificer.worlds.domains.retail import inverse, matching, phrases, rules, views
from artificer.worlds.domains.retail.describing import Describer, mention
from artificer.worlds.domains.retail.drafts import DRAFTS, Draft, Drafts
from artificer.worlds.domains.retail.intents import INTENTS
from artificer.worlds.guide import Demand, Dropped, Request, Said

Row = dict[str, Any]

GROUPS: dict[str, tuple[str, ...]] = {
    "cancel_order": ("order", "orders"),
    "change_address": ("order", "orders"),
    "change_payment": ("order", "orders"),
    "change_items": ("order", "orders"),
    "return_items": ("return", "returns"),
    "exchange_item": ("return", "exchanges"),
    "update_address": ("customer", "addresses"),
    "add_address": ("customer", "addresses"),
    "set_default_address": ("customer", "addresses"),
    "update_email": ("customer", "users"),
    "hand_over": ("transfer", "transfers"),
    "ask_status": ("question", "orders"),
    "ask_tracking": ("question", "orders"),
    "ask_total": ("question", "orders"),
    "ask_refund": ("question", "payments"),
    "ask_return_value": ("question", "returns"),
    "ask_price": ("question", "products"),
    "ask_stock": ("question", "products"),
}
"""Every op with the groups (of tools, of tables) that `Demand.only` and `Demand.without` may name."""

_WEIGHTS = {"order": 3.0, "return": 4.0, "question": 1.0, "customer": 0.7, "transfer": 0.5}
_ORDERLESS = ("update_address", "add_address", "set_default_address", "update_email", "hand_over", "ask_price", "ask_stock")
_ITEM_OPS = ("return_items", "exchange_item", "change_items", "ask_return_value")


class Proposer:
    """Draws requests of one customer, one after another, from the state as it is then."""

    def __init__(self, connection: apsw.Connection, rng: Random, demand: Demand, user_id: str) -> None:
        self._db = connection
        self._rng = rng
        self._demand = demand
        self._user = user_id
        self._used: set[str] = set()
        self._known = False

    def requests(self) -> Iterator[Request | Dropped]:
        """Endless; a draw that fails for every kind of request is `Dropped`."""
        while True:
            yield self._next()

    def _next(self) -> Request | Dropped:
        self._profile = views.customer(self._db, self._user)
        self._orders = views.orders(self._db, self._user)
        self._describe = Describer(self._db, self._rng, self._profile, self._demand.vagueness)
        self._drafts = Drafts(self._db, self._rng, self._demand, self._profile, self._orders, self._describe, self._used)
        ops = sorted((op for op in GROUPS if self._wanted(op)), key=self._turn, reverse=True)
        if not ops:
            return Dropped("no such kind of request")
        for op in ops:
            request = self._draw(op)
            if request is not None:
                return request
        return Dropped(f"this customer has nothing {self._demand.impossible}" if self._demand.impossible else "this customer can want nothing more")

    def _turn(self, op: str) -> float:
        """A random rank; what few customers can want, and what changes orders, comes to its turn earlier."""
        return self._rng.random() ** (1 / (_WEIGHTS.get(GROUPS[op][0], 1.0)))

    def _wanted(self, op: str) -> bool:
        names = {op, *GROUPS[op]}
        if self._demand.impossible == "forbidden" and op not in rules.ALLOWED:
            return False
        if self._demand.impossible in ("missing", "ambiguous") and op in _ORDERLESS:
            return False
        return (not self._demand.only or bool(names & set(self._demand.only))) and not names & set(self._demand.without)

    def _draw(self, op: str) -> Request | None:
        if self._demand.impossible == "missing":
            return self._missing(op)
        if self._demand.impossible == "ambiguous":
            return self._ambiguous(op)
        forbidden = self._demand.impossible == "forbidden"
        for draft in DRAFTS[op](self._drafts):
            if bool(draft.refusals) != forbidden:
                continue
            request = self._finish(op, draft)
            if request is not None:
                return request
        return None

    def _finish(self, op: str, draft: Draft) -> Request | None:
        """The request of a draft, when its order can be described and it can be said who asks."""
        facts = draft.said
        uses = list(draft.uses)
        if draft.order is not None:
            target = next(line for line in self._orders if line["order_id"] == draft.order["order_id"])
            described = self._describe.order(self._orders, target, draft.held, self._used)
            if described is None:
                return None
            facts = [*described, *facts]
            uses += [target["order_id"], *target["products"]]
        if draft.refusals:
            first = draft.refusals[0]
            tell = (tuple(dict.fromkeys(word for refused in draft.refusals for word in refused.words)),)
            want = Want(op, "refused", first.code, tell)
        else:
            want = Want(op, "done" if draft.gold else "answered", None, draft.tell, tuple(draft.gold))
        return self._request(want, facts, uses, draft)

    def _request(self, want: Want, facts: list[Said], uses: list[str], draft: Draft) -> Request | None:
        who: list[Said] | None = [] if self._known else self._describe.customer()
        if who is None:
            return None
        self._known = True
        self._used.update(uses)
        entities = [f"users:{self._user}"]
        if draft.order is not None:
            entities.append(f"orders:{draft.order['order_id']}")
        intent = Said("", None, INTENTS[want.op])
        return Request(want, (intent, *who, *facts), tuple(entities), draft.lookups + len(who))

    # impossible in other ways than by a rule

    def _missing(self, op: str) -> Request | None:
        """The order, or the item, is of a product that this customer never bought."""
        sql = "SELECT name FROM products WHERE product_id NOT IN (SELECT product_id FROM variants JOIN order_items USING (variant_id) "
        sql += "JOIN orders USING (order_id) WHERE user_id = ?) ORDER BY name"
        names = [row[0] for row in views.rows(self._db, sql, self._user)]
        named = mention(self._rng, self._rng.choice(names), self._demand.vagueness)
        if inverse.orders(self._db, self._user, {}, [named]):
            return None
        return self._lost(op, named, Want(op, "refused", "not_found", (rules.REASONS["not_found"],)))

    def _ambiguous(self, op: str) -> Request | None:
        """The description fits two orders or more, in each of which the request would be allowed."""
        counts = Counter(name for line in self._orders for name in dict.fromkeys(line["products"]))
        names = [name for name, count in counts.items() if count > 1]
        self._rng.shuffle(names)
        for name in names:
            named = mention(self._rng, name, self._demand.vagueness)
            found = matching.orders_matching(self._orders, {}, [named])
            same = sorted(line["order_id"] for line in found) == sorted(inverse.orders(self._db, self._user, {}, [named]))
            if len(found) > 1 and same and all(self._would_do(op, line["order_id"], named) for line in found):
                return self._lost(op, named, Want(op, "unclear", "ambiguous", (rules.REASONS["ambiguous"],)))
        return None

    def _would_do(self, op: str, order_id: str, named: str) -> bool:
        """Whether nothing forbids the request for this order, so that only the choice between orders is open."""
        order = views.order(self._db, order_id)
        needs = {"ask_tracking": ("shipped", "delivered"), "ask_refund": ("cancelled",), "ask_return_value": ("delivered",)}
        if order["status"] not in needs.get(op, (order["status"],)):
            return False
        items = matching.items_matching(order["items"], {"product": named, "options": []})
        rule = "return_items" if op == "ask_return_value" else op
        refused = rules.order_refusal(rule, order) or next(filter(None, (rules.item_refusal(rule, item) for item in items)), None)
        return refused is None and (op not in _ITEM_OPS or len(items) == 1)

    def _lost(self, op: str, named: str, want: Want) -> Request | None:
        """A request about `named`, with everything else that such a request says."""
        rng, said = self._rng, self._describe.said
        facts: list[Said] = []
        if op not in _ITEM_OPS:
            facts.append(said("order.products", [named], phrases.order_products([named])))
        elif op in ("return_items", "ask_return_value"):
            facts.append(said("items", [{"product": named, "options": []}], phrases.items([{"product": named, "options": []}])))
        else:
            facts.append(said("item", {"product": named, "options": []}, phrases.items([{"product": named, "options": []}])))
            facts += self._some_replacement(named)
        if op == "cancel_order":
            facts.append(self._drafts.reason()[1])
        elif op == "change_address":
            facts.append(said("address", place := self._drafts.new_place(), phrases.address(place)))
        elif op == "change_payment":
            described = self._describe.method(rng.choice(self._profile["payment_methods"]))
            facts += [said("payment", described, phrases.payment(described))] if described else []
        elif op == "return_items":
            facts.append(said("refund", "original", phrases.refund("original")))
        return self._request(want, facts, [], Draft([], lookups=2))

    def _some_replacement(self, named: str) -> list[Said]:
        """Some option of a product, as the replacement asked for."""
        sql = "SELECT options FROM variants JOIN products USING (product_id) WHERE instr(' ' || lower(name) || ' ', ' ' || ? || ' ') > 0"
        options = views.decoded([row[0] for row in views.rows(self._db, sql, named.lower())])
        option, value = self._rng.choice(sorted(self._rng.choice(options).items()))
        return [self._describe.said("replacement", {option: value}, phrases.replacement({option: value}))]
