"""Drafts: for each kind of request, what could be asked of the rows there are.

A draft is a request in the making, with exact ids, its facts in words, and all that the rules have against it.
Whether one that may be done or one that must be refused is wanted decides `proposals.py`; the drafts only prefer
accordingly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import apsw
from msgspec import Struct

from artificer.core.messages import ToolCall
from artificer.worlds.domains.retail import inverse, phrases, rules, views
from artificer.worlds.domains.retail import vocabulary as words
from artificer.worlds.domains.retail.describing import Describer, mention
from artificer.worlds.guide import Demand, Said

Row = dict[str, Any]

_EXTRA_LABELS = ("office", "parents", "garden cottage", "neighbours", "workshop")


class Draft(Struct):
    """A request in the making: what it is about, what is said besides the order, and how it must end."""

    said: list[Said]
    gold: list[ToolCall] = []
    tell: tuple[tuple[str, ...], ...] = ()
    refusals: list[rules.Refused] = []
    order: Row | None = None
    """The order concerned, as get_order shows it, still to be described."""
    held: list[str] = []
    """Products that the request itself says the order holds."""
    uses: list[str] = []
    lookups: int = 1


class Drafts:
    """Drafts for one customer in the present state.

    Args:
        profile: the customer, as get_customer shows it.
        orders: the customer's orders, as list_orders shows them.
        describe: describes this customer's things.
        used: orders, products and the like that this task has used; a draft may add to it.
    """

    def __init__(
        self, connection: apsw.Connection, rng: Random, demand: Demand, profile: Row, orders: list[Row], describe: Describer, used: set[str]
    ) -> None:
        self._db = connection
        self._rng = rng
        self._demand = demand
        self._user = profile["customer_id"]
        self._profile = profile
        self._orders = orders
        self._describe = describe
        self._used = used

    # parts of drafts

    def _fresh(self, op: str) -> Iterator[Row]:
        """Orders not used in this task, in random order, as get_order shows them; only those that the op's rules
        allow unless something impossible is wanted.
        """
        lines = [line for line in self._orders if line["order_id"] not in self._used]
        self._rng.shuffle(lines)
        if self._demand.impossible == "forbidden" and self._rng.random() < 0.6:  # there are more reasons than the status
            lines.sort(key=lambda line: not self._open_to(op, line))
        for line in lines:
            if self._demand.impossible:
                yield views.order(self._db, line["order_id"])
            elif self._open_to(op, line):
                order = views.order(self._db, line["order_id"])
                if rules.order_refusal(op, order) is None:
                    yield order

    def _open_to(self, op: str, line: Row) -> bool:
        return line["status"] in rules.ALLOWED.get(op, (line["status"],))

    def _call(self, name: str, **arguments: Any) -> ToolCall:
        return ToolCall("gold", name, arguments)

    def reason(self) -> tuple[str, Said]:
        code = self._rng.choice(words.CANCEL_REASONS)
        return code, self._describe.said("reason", code, phrases.reason(code))

    def new_place(self) -> Row:
        rng = self._rng
        street = f"{rng.randint(1, 180)} {rng.choice(words.STREETS)}"
        return {"street": street, "city": rng.choice(words.CITIES), "postcode": f"{rng.randint(10_000, 99_999)}"}

    def _destination(self, order: Row) -> tuple[Row, Said, int] | None:
        """Another address for an order: (place, how it is said, look-ups)."""
        rng, said = self._rng, self._describe.said
        way = rng.random()
        if way < 0.25:
            saved = [address for address in self._profile["addresses"] if _place(address) != order["address"]]
            if saved:
                chosen = rng.choice(saved)
                return _place(chosen), said("address", {"saved": chosen["label"]}, phrases.saved_address(chosen["label"])), 1
        elif way < 0.5 and self._demand.depth > 1:
            lines = [line for line in self._orders if line["order_id"] != order["order_id"] and line["order_id"] not in self._used]
            if lines:
                line = rng.choice(lines)
                place = views.order(self._db, line["order_id"])["address"]
                mentions = self._describe.order_mentions(self._orders, line, self._used | {item["product"] for item in order["items"]})
                if mentions and place != order["address"]:
                    self._used |= {line["order_id"], *line["products"]}
                    return place, said("address", {"order": mentions}, phrases.address_of_order(mentions)), 1
        place = self.new_place()
        return place, said("address", place, phrases.address(place)), 0

    def _free(self, item: Row) -> bool:
        return item["product"] not in self._used

    # drafts, one function for each op

    def cancel_order(self) -> Iterator[Draft]:
        for order in self._fresh("cancel_order"):
            code, fact = self.reason()
            call = self._call("cancel_order", order_id=order["order_id"], reason=code)
            yield Draft([fact], [call], refusals=_refusals(rules.order_refusal("cancel_order", order)), order=order, lookups=2)

    def change_address(self) -> Iterator[Draft]:
        for order in self._fresh("change_address"):
            found = self._destination(order)
            if found is not None:
                place, fact, more = found
                call = self._call("change_order_address", order_id=order["order_id"], **place)
                yield Draft([fact], [call], refusals=_refusals(rules.order_refusal("change_address", order)), order=order, lookups=2 + more)

    def change_payment(self) -> Iterator[Draft]:
        for order in self._fresh("change_payment"):
            methods = [method for method in self._profile["payment_methods"] if method["payment_id"] != order["payment_id"]]
            self._rng.shuffle(methods)
            for method in methods:
                described = self._describe.method(method)
                if described is not None:
                    fact = self._describe.said("payment", described, phrases.payment(described))
                    call = self._call("change_order_payment", order_id=order["order_id"], payment_id=method["payment_id"])
                    refused = _refusals(rules.order_refusal("change_payment", order), rules.payment_refusal(order, method))
                    yield Draft([fact], [call], refusals=refused, order=order, lookups=3)

    def change_items(self) -> Iterator[Draft]:
        return self._swaps("change_items", "change_order_items", "changes")

    def exchange_item(self) -> Iterator[Draft]:
        return self._swaps("exchange_item", "exchange_items", "exchanges")

    def _swaps(self, op: str, tool: str, parameter: str) -> Iterator[Draft]:
        for order in self._fresh(op):
            items = [item for item in order["items"] if self._free(item)]
            self._rng.shuffle(items)
            for item in items:
                described = self._describe.item(order, item)
                variant = self._other_variant(item)
                if described is None or variant is None:
                    continue
                refused = _refusals(rules.order_refusal(op, order), rules.item_refusal(op, item), rules.stock_refusal(variant))
                changes = {option: value for option, value in variant["options"].items() if item["options"][option] != value}
                said = self._describe.said
                facts = [
                    said("item", described, phrases.items([described])),
                    said("replacement", changes, phrases.replacement(changes)),
                ]
                method, more = self._difference_to(order, round(variant["price"] - item["price"], 2))
                swap = {"item_id": item["item_id"], "new_variant_id": variant["variant_id"]}
                call = self._call(tool, order_id=order["order_id"], payment_id=method, **{parameter: [swap]})
                yield Draft([*facts, *more], [call], refusals=refused, order=order, held=[described["product"]], lookups=4)

    def _other_variant(self, item: Row) -> Row | None:
        """Another variant of an item's product: in stock, unless something forbidden is wanted."""
        variants = [one for one in views.variants(self._db, item["product_id"]) if one["variant_id"] != item["variant_id"]]
        gone = [one for one in variants if one["stock"] < 1]
        if self._demand.impossible != "forbidden":
            variants = [one for one in variants if one["stock"] > 0]
        elif gone and self._rng.random() < 0.5:
            variants = gone
        if not variants:
            return None
        variant = self._rng.choice(variants)
        return variant if inverse.variants(self._db, item["product"], variant["options"]) == [variant["variant_id"]] else None

    def _difference_to(self, order: Row, difference: float) -> tuple[str, list[Said]]:
        """Where a price difference goes: (payment_id, facts). The order's own payment method unless another is named."""
        others = [method for method in self._profile["payment_methods"] if method["payment_id"] != order["payment_id"]]
        others = [method for method in others if method.get("balance", difference) >= difference]
        if others and self._rng.random() < 0.3:
            method = self._rng.choice(others)
            described = self._describe.method(method)
            if described is not None:
                return method["payment_id"], [Said("payment", described, phrases.payment(described))]
        return order["payment_id"], []

    def return_items(self) -> Iterator[Draft]:
        for order, items, described in self._returnable("return_items"):
            method, value = self._refund_to(order)
            if value is None:
                continue
            item_refusals = [rules.item_refusal("return_items", item) for item in items]
            refused = _refusals(rules.order_refusal("return_items", order), *item_refusals, rules.refund_refusal(order, method))
            facts = [
                self._describe.said("items", described, phrases.items(described)),
                self._describe.said("refund", value, phrases.refund(value)),
            ]
            names = [item["item_id"] for item in items]
            call = self._call("return_items", order_id=order["order_id"], item_ids=names, refund_to=method["payment_id"])
            yield Draft(facts, [call], refusals=refused, order=order, held=[one["product"] for one in described], lookups=3)

    def _returnable(self, op: str) -> Iterator[tuple[Row, list[Row], list[Row]]]:
        """Orders with some of their items and how these are described."""
        for order in self._fresh("return_items"):
            free = [item for item in order["items"] if self._free(item)]
            if not self._demand.impossible:
                free = [item for item in free if rules.item_refusal(op, item) is None]
            if not free:
                continue
            items = self._rng.sample(free, min(len(free), self._rng.choice((1, 1, 1, 2, 2, 3))))
            described = [self._describe.item(order, item) for item in items]
            if all(described):
                yield order, items, [one for one in described if one is not None]

    def _refund_to(self, order: Row) -> tuple[Row, Row | str | None]:
        """A payment method for a refund, and how it is said."""
        methods = self._profile["payment_methods"]
        original = next(method for method in methods if method["payment_id"] == order["payment_id"])
        wrong = [method for method in methods if rules.refund_refusal(order, method) is not None]
        cards = [method for method in methods if method["kind"] == "gift_card"]
        if wrong and self._demand.impossible and self._rng.random() < 0.4:
            chosen = self._rng.choice(wrong)
            return chosen, self._describe.method(chosen)
        if cards and self._rng.random() < 0.4:
            return cards[0], self._describe.method(cards[0])
        return original, "original"

    def update_address(self) -> Iterator[Draft]:
        for saved in self._saved():
            place = self.new_place()
            arguments = {"customer_id": self._user, "address_id": saved["address_id"], **place}
            facts = [
                self._describe.said("saved", saved["label"], phrases.saved_address(saved["label"])),
                self._describe.said("address", place, phrases.address(place)),
            ]
            yield Draft(facts, [self._call("update_address", **arguments)], uses=[f"saved:{saved['label']}"], lookups=1)

    def _saved(self) -> list[Row]:
        saved = [address for address in self._profile["addresses"] if f"saved:{address['label']}" not in self._used]
        self._rng.shuffle(saved)
        return saved

    def add_address(self) -> Iterator[Draft]:
        taken = {address["label"] for address in self._profile["addresses"]}
        label = self._rng.choice([label for label in _EXTRA_LABELS if label not in taken])
        place = self.new_place()
        facts = [self._describe.said("address", place, phrases.address(place)), self._describe.said("label", label, phrases.label(label))]
        yield Draft(facts, [self._call("add_address", customer_id=self._user, label=label, **place)], lookups=0)

    def set_default_address(self) -> Iterator[Draft]:
        if "default" in self._used:
            return
        for saved in self._saved():
            if not saved["default"]:
                fact = self._describe.said("saved", saved["label"], phrases.saved_address(saved["label"]))
                call = self._call("set_default_address", customer_id=self._user, address_id=saved["address_id"])
                yield Draft([fact], [call], uses=["default", f"saved:{saved['label']}"], lookups=1)

    def update_email(self) -> Iterator[Draft]:
        if "email" in self._used:
            return
        name = self._profile["first_name"][0] + self._profile["last_name"]
        email = f"{name}{self._rng.randint(10, 9999)}@{self._rng.choice(words.MAIL_HOSTS)}".lower()
        if not inverse.customers(self._db, {"account.email": email}):
            fact = self._describe.said("new_email", email, phrases.new_email(email))
            yield Draft([fact], [self._call("update_email", customer_id=self._user, email=email)], uses=["email"], lookups=0)

    def hand_over(self) -> Iterator[Draft]:
        if "transfer" in self._used:
            return
        topic = self._rng.choice(words.TOPICS)
        fact = self._describe.said("matter", topic, phrases.matter(topic))
        yield Draft([fact], [self._call("transfer_to_human", customer_id=self._user, topic=topic)], uses=["transfer"], lookups=0)

    def ask_status(self) -> Iterator[Draft]:
        shown = {"cancelled": ("cancelled", "canceled"), "processed": ("processed", "being packed"), "shipped": ("shipped", "on its way")}
        for order in self._fresh("ask_status"):
            yield Draft([], tell=(shown.get(order["status"], (order["status"],)),), order=order, lookups=1)

    def ask_tracking(self) -> Iterator[Draft]:
        for order in self._fresh("ask_tracking"):
            if order["status"] in ("shipped", "delivered"):
                number = views.tracking(self._db, order["order_id"])["tracking_number"]
                yield Draft([], tell=((number,),), order=order, lookups=2)

    def ask_total(self) -> Iterator[Draft]:
        for order in self._fresh("ask_total"):
            draft = Draft([], tell=((f"{order['total']:.2f}",),), order=order, lookups=1)
            yield draft

    def ask_refund(self) -> Iterator[Draft]:
        for order in self._fresh("ask_refund"):
            back = -sum(booked["amount"] for booked in views.payments(self._db, order["order_id"]) if booked["kind"] == "cancellation")
            if back:
                yield Draft([], tell=((f"{back:.2f}",),), order=order, lookups=2)

    def ask_return_value(self) -> Iterator[Draft]:
        for order, items, described in self._returnable("return_items"):
            if rules.order_refusal("return_items", order) is None:
                fact = self._describe.said("items", described, phrases.items(described))
                worth = sum(item["price"] for item in items)
                yield Draft([fact], tell=((f"{worth:.2f}",),), order=order, held=[one["product"] for one in described], lookups=3)

    def ask_price(self) -> Iterator[Draft]:
        for fact, variant, name in self._goods():
            yield Draft([fact], tell=((f"{variant['price']:.2f}",),), uses=[name], lookups=2)

    def ask_stock(self) -> Iterator[Draft]:
        for fact, variant, name in self._goods():
            yield Draft([fact], tell=(_stock_words(variant["stock"]),), uses=[name], lookups=2)

    def _goods(self) -> Iterator[tuple[Said, Row, str]]:
        """A variant of some product that this task does not touch yet."""
        found = [row for row in views.rows(self._db, "SELECT product_id, name FROM products ORDER BY name") if row[1] not in self._used]
        product_id, name = self._rng.choice(found)
        variant = self._rng.choice(views.variants(self._db, product_id))
        named = mention(self._rng, name, self._demand.vagueness)
        if inverse.variants(self._db, named, variant["options"]) == [variant["variant_id"]]:
            described = {"product": named, "options": list(variant["options"].values())}
            yield self._describe.said("article", described, phrases.product(described)), variant, name


def _place(address: Row) -> Row:
    return {name: address[name] for name in ("street", "city", "postcode")}


def _refusals(*found: rules.Refused | None) -> list[rules.Refused]:
    return [refused for refused in found if refused is not None]


def _stock_words(stock: int) -> tuple[str, ...]:
    if not stock:
        return (*rules.STOCK_WORDS, "0 in stock", "none in stock", "none left")
    shapes = ("{} in stock", "{} left", "{} available", "{} units", "{} of them", "{} pieces", "stock is {}", "stock: {}", "have {}", "are {}")
    return tuple(shape.format(stock) for shape in shapes)


DRAFTS: dict[str, Callable[[Drafts], Iterator[Draft]]] = {
    "cancel_order": Drafts.cancel_order,
    "change_address": Drafts.change_address,
    "change_payment": Drafts.change_payment,
    "change_items": Drafts.change_items,
    "return_items": Drafts.return_items,
    "exchange_item": Drafts.exchange_item,
    "update_address": Drafts.update_address,
    "add_address": Drafts.add_address,
    "set_default_address": Drafts.set_default_address,
    "update_email": Drafts.update_email,
    "hand_over": Drafts.hand_over,
    "ask_status": Drafts.ask_status,
    "ask_tracking": Drafts.ask_tracking,
    "ask_total": Drafts.ask_total,
    "ask_refund": Drafts.ask_refund,
    "ask_return_value": Drafts.ask_return_value,
    "ask_price": Drafts.ask_price,
    "ask_stock": Drafts.ask_stock,
}
"""The drafts of every op."""
