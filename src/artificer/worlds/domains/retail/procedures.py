"""How a perfect agent serves each kind of request: the policy, made executable.

Every procedure reads only what the user said (`Desk`) and what tools returned. It identifies the customer once, finds
the order by its description, asks when too much or nothing fits, refuses what `rules.py` forbids with the reason,
confirms with the details, writes, and says what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from artificer.core.messages import ToolResult
from artificer.worlds.domains.retail import matching, rules
from artificer.worlds.domains.retail.phrases import listed, spoken_date
from artificer.worlds.guide import Ask, Call, Confirm, Desk, Procedure, Step, Tell

Row = dict[str, Any]
Steps = Generator[Step, Any, Any]

_ASKED = 3
"""How often one thing is asked for."""


class Unserved(Exception):
    """The request cannot be served; the text says why. No error: it is how a procedure ends early, wherever it is."""


def serve(op: str, desk: Desk) -> Procedure:
    """The procedure of an op. Unserved requests end with the reason."""
    case = _Case(desk)
    try:
        yield from case.identify()
        yield from PROCEDURES[op](case)
    except Unserved as ended:
        yield Tell(str(ended))


class _Case:
    """One request on the desk: what was said of it, and what tools have shown so far in this conversation."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.memory = desk.remembered()

    # what was said

    def need(self, path: str, label: str) -> Steps:
        """The value said at `path`; asks for it when it has not been said, again when the answer was about something
        else."""
        for _ in range(_ASKED):
            if path in self.desk.heard(path):
                break
            yield Ask(path, label)
        said = self.desk.heard(path)
        if path not in said:
            raise Unserved(f"I cannot do this without the {label}, so I have not changed anything.")
        return said[path]

    def held(self) -> list[str]:
        """Products that the order must hold, since the request is about them."""
        return [item["product"] for item in self.described()]

    def described(self) -> list[Row]:
        said = self.desk.heard()
        return [*said.get("items", ()), *([said["item"]] if "item" in said else [])]

    # what tools show

    def call(self, name: str, arguments: Row, wrong: Row | None = None) -> Steps:
        """The result's content.

        Raises:
            Unserved: the call was refused.
        """
        result: ToolResult = yield Call(name, arguments, wrong)
        if result.error is not None:
            raise Unserved(f"I could not do this: {result.detail}.")
        return result.content

    def write(self, text: str, name: str, arguments: Row, wrong: Row | None = None) -> Steps:
        """Confirms and writes; the result's content."""
        agreed: bool = yield Confirm(text)
        if not agreed:
            raise Unserved("All right, I have not changed anything.")
        content = yield from self.call(name, arguments, wrong)
        for stale in ("profile", "orders"):
            self.memory.pop(stale, None)
        return content

    def identify(self) -> Steps:
        """Finds out who the user is, once in a conversation."""
        asked = 0
        while "customer" not in self.memory:
            said = self.desk.everywhere("account")
            email, name, postcode = (said.get(f"account.{field}") for field in ("email", "name", "postcode"))
            result: ToolResult | None = None
            if email is not None:
                result = yield Call("find_customer_by_email", {"email": email}, {"customer_email": email})
            elif name is not None and postcode is not None:
                first, _, last = name.partition(" ")
                arguments = {"first_name": first, "last_name": last, "postcode": postcode}
                result = yield Call("find_customer_by_name_and_postcode", arguments, {"name": name, "postcode": postcode})
            if result is not None and result.error is None:
                self.memory["customer"] = result.content["customer_id"]
                return
            if result is not None and not asked:
                yield Tell("I could not find an account with these details.")
            yield Ask("account", "account postcode" if name is not None else "account email")
            asked = asked + 1 if self.desk.everywhere("account") == said else 0
            if asked == _ASKED:
                raise Unserved("I can help only after I have found your account, so I have not done anything.")

    def profile(self) -> Steps:
        if "profile" not in self.memory:
            wrong = {"customer_id": self.desk.everywhere("account").get("account.email", "the customer")}
            self.memory["profile"] = yield from self.call("get_customer", {"customer_id": self.memory["customer"]}, wrong)
        return self.memory["profile"]

    def orders(self) -> Steps:
        if "orders" not in self.memory:
            self.memory["orders"] = yield from self.call("list_orders", {"customer_id": self.memory["customer"]})
        return self.memory["orders"]

    # from descriptions to rows

    def order(self) -> Steps:
        """The order that the request is about, as get_order shows it."""
        line = yield from self.order_line()
        return (yield from self.call("get_order", {"order_id": line["order_id"]}, {"order_id": line["products"][0]}))

    def order_line(self) -> Steps:
        """The order that the request is about, as list_orders shows it."""
        for _ in range(_ASKED):
            if self.desk.heard("order") or self.held():
                break
            yield Ask("order", "order")
        orders = yield from self.orders()
        while True:
            said = self.desk.heard("order")
            known = len(self.desk.heard())
            if not said and not self.held():
                raise Unserved("I cannot tell which order you mean, so I have not changed anything.")
            found = matching.orders_matching(orders, said, self.held())
            if len(found) == 1:
                return found[0]
            yield Tell(
                f"More than one of your orders fits that: there are {len(found)}." if found else "I could not find an order of yours like that."
            )
            yield Ask("order", "order")
            if len(self.desk.heard()) > known:
                continue
            if found:
                raise Unserved("More than one order fits and I cannot tell which one you mean, so I have not done anything.")
            raise Unserved("I could not find such an order in your account, so I have not done anything.")

    def item(self, order: Row, described: Row) -> Row:
        """The item of an order that was described."""
        found = matching.items_matching(order["items"], described)
        if len(found) == 1:
            return found[0]
        how = "more than one item fits" if found else "I could not find an item like that"
        raise Unserved(f"In that order {how} ({described['product']}), so I have not changed anything.")

    def method(self, described: Row) -> Steps:
        """The customer's payment method that was described."""
        profile = yield from self.profile()
        found = matching.methods_matching(profile["payment_methods"], described)
        if len(found) != 1:
            how = "More than one saved payment method fits that" if found else "I could not find a saved payment method like that"
            raise Unserved(f"{how}, so I have not changed anything.")
        return found[0]

    def original(self, order: Row) -> Steps:
        """The payment method of an order."""
        profile = yield from self.profile()
        return next(method for method in profile["payment_methods"] if method["payment_id"] == order["payment_id"])

    def saved(self, label: str) -> Steps:
        """The saved address that the customer calls so."""
        profile = yield from self.profile()
        found = matching.addresses_matching(profile["addresses"], label)
        if len(found) != 1:
            raise Unserved(f"I could not find a saved address called {label}, so I have not changed anything.")
        return found[0]

    def place(self, said: Row) -> Steps:
        """A full address from what was said: given, saved, or that of another order."""
        if "saved" in said:
            found = yield from self.saved(said["saved"])
        elif "order" in said:
            lines = matching.orders_matching((yield from self.orders()), {"order.products": said["order"]})
            if len(lines) != 1:
                raise Unserved("I cannot tell which other order you mean, so I have not changed anything.")
            found = (yield from self.call("get_order", {"order_id": lines[0]["order_id"]}))["address"]
        else:
            found = said
        return {name: found[name] for name in ("street", "city", "postcode")}

    def variant(self, item: Row, changes: dict[str, str]) -> Steps:
        """The variant of an item's product with some options changed, whether or not it is in stock."""
        variants = yield from self.call("list_variants", {"product_id": item["product_id"]}, {"product_id": item["product"]})
        found = matching.variants_matching(variants, item["options"] | changes)
        if len(found) != 1:
            raise Unserved(f"I could not find the {item['product']} with these options, so I have not changed anything.")
        return found[0]


def _check(refused: rules.Refused | None) -> None:
    """Ends the request when a rule forbids it."""
    if refused is not None:
        raise Unserved(f"I am sorry, I cannot do that: {refused.text}. I have not changed anything.")


def _named(order: Row) -> str:
    things = listed(list(dict.fromkeys(item["product"] for item in order["items"])))
    return f"the order of {spoken_date(order['placed_on'])} ({things}, {order['total']:.2f} EUR)"


def _thing(item: Row) -> str:
    return f"{item['product']} ({', '.join(item['options'].values())})"


def _written(place: Row) -> str:
    return f"{place['street']}, {place['postcode']} {place['city']}"


def method_name(method: Row) -> str:
    """A payment method as it is named to its owner."""
    if method["kind"] == "credit_card":
        return f"the {method['brand']} card ending in {method['last_four']}"
    return "PayPal" if method["kind"] == "paypal" else "the gift card"


def _cancel_order(case: _Case) -> Steps:
    order = yield from case.order()
    _check(rules.order_refusal("cancel_order", order))
    reason = yield from case.need("reason", "reason")
    text = f"I will cancel {_named(order)}, for the reason {reason.replace('_', ' ')!r}, and refund it to the payment method you paid with."
    wrong = {"order_id": order["order_id"], "reason": reason.replace("_", " ")}
    done = yield from case.write(text, "cancel_order", {"order_id": order["order_id"], "reason": reason}, wrong)
    yield Tell(f"The order is cancelled. {done['refunded']:.2f} EUR will be refunded.")


def _change_address(case: _Case) -> Steps:
    order = yield from case.order()
    _check(rules.order_refusal("change_address", order))
    place = yield from case.place((yield from case.need("address", "new address")))
    text = f"I will have {_named(order)} sent to {_written(place)}."
    wrong = {"order_id": order["order_id"], "address": _written(place)}
    yield from case.write(text, "change_order_address", {"order_id": order["order_id"], **place}, wrong)
    yield Tell(f"Done: the order goes to {_written(place)}.")


def _change_payment(case: _Case) -> Steps:
    order = yield from case.order()
    _check(rules.order_refusal("change_payment", order))
    method = yield from case.method((yield from case.need("payment", "payment method")))
    _check(rules.payment_refusal(order, method))
    text = f"I will charge {_named(order)} to {method_name(method)} and refund the payment method it was on."
    wrong = {"order_id": order["order_id"], "payment_id": method["kind"]}
    yield from case.write(text, "change_order_payment", {"order_id": order["order_id"], "payment_id": method["payment_id"]}, wrong)
    yield Tell(f"Done: the order is now paid with {method_name(method)}.")


def _swap(op: str, tool: str, parameter: str) -> Callable[[_Case], Steps]:
    """Exchange of a delivered item, or change of an item in a pending order: the same steps, another tool."""

    def procedure(case: _Case) -> Steps:
        described = yield from case.need("item", "item")
        order = yield from case.order()
        _check(rules.order_refusal(op, order))
        item = case.item(order, described)
        _check(rules.item_refusal(op, item))
        variant = yield from case.variant(item, (yield from case.need("replacement", "replacement")))
        _check(rules.stock_refusal(variant))
        said = case.desk.heard("payment").get("payment")
        method = (yield from case.method(said)) if said is not None else (yield from case.original(order))
        difference = round(variant["price"] - item["price"], 2)
        how = f"{difference:.2f} EUR is charged to" if difference > 0 else f"{-difference:.2f} EUR is refunded to"
        text = f"I will replace the {_thing(item)} in {_named(order)} by {', '.join(variant['options'].values())}; {how} {method_name(method)}."
        arguments: Row = {
            "order_id": order["order_id"],
            parameter: [{"item_id": item["item_id"], "new_variant_id": variant["variant_id"]}],
            "payment_id": method["payment_id"],
        }
        wrong = arguments | {parameter: [{"item_id": item["item_id"], "new_variant_id": item["variant_id"]}]}
        yield from case.write(text, tool, arguments, wrong)
        yield Tell(f"Done: the {item['product']} will be {', '.join(variant['options'].values())}; {how} {method_name(method)}.")

    return procedure


def _return_items(case: _Case) -> Steps:
    described = yield from case.need("items", "items")
    order = yield from case.order()
    _check(rules.order_refusal("return_items", order))
    found = [case.item(order, one) for one in described]
    for item in found:
        _check(rules.item_refusal("return_items", item))
    said = yield from case.need("refund", "refund method")
    method = (yield from case.original(order)) if said == "original" else (yield from case.method(said))
    _check(rules.refund_refusal(order, method))
    total = sum(item["price"] for item in found)
    text = f"I will register the return of {listed([_thing(item) for item in found])} and refund {total:.2f} EUR to {method_name(method)}."
    arguments: Row = {"order_id": order["order_id"], "item_ids": [item["item_id"] for item in found], "refund_to": method["payment_id"]}
    done = yield from case.write(text, "return_items", arguments, arguments | {"item_ids": [item["product"] for item in found]})
    yield Tell(f"The return is registered; {done['refund']:.2f} EUR will be refunded to {method_name(method)}.")


def _update_address(case: _Case) -> Steps:
    found = yield from case.saved((yield from case.need("saved", "saved address")))
    place = yield from case.place((yield from case.need("address", "new address")))
    arguments = {"customer_id": case.memory["customer"], "address_id": found["address_id"], **place}
    yield from case.write(
        f"I will change your saved {found['label']} address to {_written(place)}.",
        "update_address",
        arguments,
        arguments | {"address_id": found["label"]},
    )
    yield Tell(f"Your {found['label']} address is now {_written(place)}.")


def _add_address(case: _Case) -> Steps:
    place = yield from case.place((yield from case.need("address", "new address")))
    label = yield from case.need("label", "label")
    arguments = {"customer_id": case.memory["customer"], "label": label, **place}
    wrong = {"customer_id": case.memory["customer"], "label": label, "address": _written(place)}
    yield from case.write(f"I will save {_written(place)} in your account as {label}.", "add_address", arguments, wrong)
    yield Tell(f"The address is saved as {label}.")


def _set_default_address(case: _Case) -> Steps:
    found = yield from case.saved((yield from case.need("saved", "saved address")))
    arguments = {"customer_id": case.memory["customer"], "address_id": found["address_id"]}
    text = f"I will make your {found['label']} address ({_written(found)}) the default."
    yield from case.write(text, "set_default_address", arguments, arguments | {"address_id": found["label"]})
    yield Tell(f"Your {found['label']} address is now the default.")


def _update_email(case: _Case) -> Steps:
    email = yield from case.need("new_email", "new email")
    arguments = {"customer_id": case.memory["customer"], "email": email}
    wrong = {"customer_id": case.memory["customer"], "new_email": email}
    yield from case.write(f"I will change the e-mail address of your account to {email}.", "update_email", arguments, wrong)
    yield Tell(f"Your account is now under {email}.")


def _hand_over(case: _Case) -> Steps:
    topic = yield from case.need("matter", "matter")
    arguments = {"customer_id": case.memory["customer"], "topic": topic}
    text = f"I will hand you over to a colleague, with the topic {topic.replace('_', ' ')!r}."
    yield from case.write(text, "transfer_to_human", arguments, arguments | {"topic": f"about {topic.replace('_', ' ')}"})
    yield Tell("You are being put through to a colleague.")


def _ask_status(case: _Case) -> Steps:
    order = yield from case.order_line()
    state = f"was delivered on {spoken_date(order['delivered_on'])}" if "delivered_on" in order else f"is {order['status']}"
    yield Tell(f"Your order of {spoken_date(order['placed_on'])} {state}.")


def _ask_tracking(case: _Case) -> Steps:
    order = yield from case.order_line()
    shown = yield from case.call("track_order", {"order_id": order["order_id"]}, {"order_id": order["products"][0]})
    if shown["tracking_number"] is None:
        raise Unserved(f"There is no tracking number: the order has not been sent. It is {shown['status']}.")
    yield Tell(f"The tracking number is {shown['tracking_number']}, with {shown['carrier']}. The order is {shown['status']}.")


def _ask_total(case: _Case) -> Steps:
    order = yield from case.order_line()
    yield Tell(f"The total of that order is {order['total']:.2f} EUR.")


def _ask_refund(case: _Case) -> Steps:
    order = yield from case.order_line()
    booked = yield from case.call("get_order_payments", {"order_id": order["order_id"]}, {"order_id": order["products"][0]})
    back = -sum(payment["amount"] for payment in booked if payment["kind"] == "cancellation")
    if not back:
        raise Unserved(f"Nothing was refunded: that order was not cancelled, it is {order['status']}.")
    yield Tell(f"{back:.2f} EUR was refunded for that order.")


def _ask_return_value(case: _Case) -> Steps:
    described = yield from case.need("items", "items")
    order = yield from case.order()
    found = [case.item(order, one) for one in described]
    _check(rules.order_refusal("return_items", order))
    for item in found:
        _check(rules.item_refusal("return_items", item))
    names = [item["item_id"] for item in found]
    wrong: Row = {"order_id": order["order_id"], "item_ids": [item["product"] for item in found]}
    worth = yield from case.call("calculate_refund", {"order_id": order["order_id"], "item_ids": names}, wrong)
    yield Tell(f"You would get {worth['refund']:.2f} EUR back.")


def _asked_variant(case: _Case) -> Steps:
    """The variant that a question about goods is about."""
    described = yield from case.need("article", "article")
    products = yield from case.call("search_products", {"name": described["product"]}, {"product": described["product"]})
    if len(products) != 1:
        raise Unserved(f"I could not find one product called {described['product']}.")
    variants = yield from case.call("list_variants", {"product_id": products[0]["product_id"]}, {"product_id": products[0]["name"]})
    found = [variant for variant in variants if all(value in variant["options"].values() for value in described["options"])]
    if len(found) != 1:
        raise Unserved(f"I could not find the {products[0]['name']} with exactly these options.")
    return found[0]


def _ask_price(case: _Case) -> Steps:
    variant = yield from _asked_variant(case)
    yield Tell(f"It costs {variant['price']:.2f} EUR.")


def _ask_stock(case: _Case) -> Steps:
    variant = yield from _asked_variant(case)
    yield Tell(f"There are {variant['stock']} in stock." if variant["stock"] else "It is out of stock.")


PROCEDURES: dict[str, Callable[[_Case], Steps]] = {
    "cancel_order": _cancel_order,
    "change_address": _change_address,
    "change_payment": _change_payment,
    "change_items": _swap("change_items", "change_order_items", "changes"),
    "exchange_item": _swap("exchange_item", "exchange_items", "exchanges"),
    "return_items": _return_items,
    "update_address": _update_address,
    "add_address": _add_address,
    "set_default_address": _set_default_address,
    "update_email": _update_email,
    "hand_over": _hand_over,
    "ask_status": _ask_status,
    "ask_tracking": _ask_tracking,
    "ask_total": _ask_total,
    "ask_refund": _ask_refund,
    "ask_return_value": _ask_return_value,
    "ask_price": _ask_price,
    "ask_stock": _ask_stock,
}
"""Every kind of request, by the name that stands in `Want.op`."""
