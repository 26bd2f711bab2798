"""What a customer could want now: requests valid under policy and state, or provably impossible in a known way.

A request starts from exact rows. The tools' own views are read from the session's connection, the rules decide what may
be done, and `describing.py` turns ids into words. Within one task an order, a product or a saved address is used once,
so that the wants of a task never disturb each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import apsw
from msgspec import Struct

from artificer.core.messages import ToolCall
from artificer.core.tasks import Want
from artificer.worlds.domains.retail import inverse, matching, phrases, rules, views
from artificer.worlds.domains.retail import vocabulary as words
from artificer.worlds.domains.retail.describing import Describer, mention
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
_ITEM_OPS = ("return_items", "exchange_item", "change_items", "ask_return_value")
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
        if self._demand.impossible in ("missing", "ambiguous") and GROUPS[op][0] in ("customer", "transfer") + (
            ("question",) if op in _GOODS else ()
        ):
            return False
        return (not self._demand.only or bool(names & set(self._demand.only))) and not names & set(self._demand.without)

    def _draw(self, op: str) -> Request | None:
        if self._demand.impossible == "missing":
            return self._missing(op)
        if self._demand.impossible == "ambiguous":
            return self._ambiguous(op)
        forbidden = self._demand.impossible == "forbidden"
        for draft in _DRAFTS[op](self):
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
        intent = Said("", None, phrases.INTENTS[want.op])
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
        names = list(dict.fromkeys(name for line in self._orders for name in line["products"]))
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
            facts.append(self._reason()[1])
        elif op == "change_address":
            facts.append(said("address", place := self._new_place(), phrases.address(place)))
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

    # parts of drafts

    def _fresh(self, op: str) -> list[Row]:
        """Orders not used in this task, in random order, as get_order shows them; those that the op's rules allow when
        that is wanted."""
        lines = [line for line in self._orders if line["order_id"] not in self._used]
        self._rng.shuffle(lines)
        if self._demand.impossible == "forbidden" and self._rng.random() < 0.6:  # there are more reasons than the status
            lines.sort(key=lambda line: not self._open_to(op, line))
        orders = [views.order(self._db, line["order_id"]) for line in lines if self._demand.impossible or self._open_to(op, line)]
        return orders if self._demand.impossible else [order for order in orders if rules.order_refusal(op, order) is None]

    def _open_to(self, op: str, line: Row) -> bool:
        return line["status"] in rules.ALLOWED.get(op, (line["status"],))

    def _call(self, name: str, **arguments: Any) -> ToolCall:
        return ToolCall("gold", name, arguments)

    def _reason(self) -> tuple[str, Said]:
        code = self._rng.choice(words.CANCEL_REASONS)
        return code, self._describe.said("reason", code, phrases.reason(code))

    def _new_place(self) -> Row:
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
        place = self._new_place()
        return place, said("address", place, phrases.address(place)), 0

    def _free(self, item: Row) -> bool:
        return item["product"] not in self._used

    # drafts, one function for each op

    def cancel_order(self) -> Iterator[Draft]:
        for order in self._fresh("cancel_order"):
            code, fact = self._reason()
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
            place = self._new_place()
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
        place = self._new_place()
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


_GOODS = ("ask_price", "ask_stock")
_DRAFTS: dict[str, Callable[[Proposer], Iterator[Draft]]] = {
    "cancel_order": Proposer.cancel_order,
    "change_address": Proposer.change_address,
    "change_payment": Proposer.change_payment,
    "change_items": Proposer.change_items,
    "return_items": Proposer.return_items,
    "exchange_item": Proposer.exchange_item,
    "update_address": Proposer.update_address,
    "add_address": Proposer.add_address,
    "set_default_address": Proposer.set_default_address,
    "update_email": Proposer.update_email,
    "hand_over": Proposer.hand_over,
    "ask_status": Proposer.ask_status,
    "ask_tracking": Proposer.ask_tracking,
    "ask_total": Proposer.ask_total,
    "ask_refund": Proposer.ask_refund,
    "ask_return_value": Proposer.ask_return_value,
    "ask_price": Proposer.ask_price,
    "ask_stock": Proposer.ask_stock,
}
