"""How customers put things. Every phrase carries its value's words verbatim; which of them is used, and which are
kept for testing, is decided by whoever words a task.
"""

from __future__ import annotations

from datetime import date
from typing import Any

Phrases = tuple[str, ...]

_REASONS: dict[str, Phrases] = {
    "no_longer_needed": (
        "I no longer need it",
        "because I do not need it any more",
        "it is no longer needed",
        "my plans changed and I no longer need any of it",
    ),
    "ordered_by_mistake": (
        "I ordered it by mistake",
        "because it was ordered by mistake",
        "it was a mistake, I did not mean to order",
        "the order was a mistake",
    ),
    "found_cheaper": (
        "I found it cheaper elsewhere",
        "because I found a cheaper offer",
        "another shop is cheaper",
        "I have seen it cheaper somewhere",
    ),
    "arrives_too_late": (
        "it arrives too late for me",
        "because it will arrive too late",
        "it would come too late",
        "too late for when I need it to arrive",
    ),
}

_MATTERS: dict[str, Phrases] = {
    "lost_parcel": (
        "a parcel of mine was lost",
        "my parcel got lost on the way",
        "it is about a lost parcel",
        "a parcel has been lost by the carrier",
    ),
    "damaged_goods": (
        "my goods arrived damaged",
        "something came damaged",
        "it is about damaged goods",
        "the goods were damaged when they arrived",
    ),
    "invoice": ("I need an invoice", "it is about an invoice", "there is a problem with an invoice", "my invoice has a mistake"),
    "complaint": (
        "I have a complaint about the service",
        "it is about a complaint",
        "I want to make a complaint",
        "my complaint is about how I was treated",
    ),
}


def reason(code: str) -> Phrases:
    """Why an order is cancelled."""
    return _REASONS[code]


def matter(code: str) -> Phrases:
    """What a colleague is needed for."""
    return _MATTERS[code]


def spoken_date(iso: str) -> str:
    """`2026-03-03` as `3 March 2026`."""
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%B} {day.year}"


def listed(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def email(value: str) -> Phrases:
    """The account's e-mail address."""
    return (
        f"my e-mail address is {value}",
        f"the account is under {value}",
        f"I am registered with {value}",
        f"you know me as {value}",
        f"my mail is {value}",
        f"the e-mail on file is {value}",
    )


def name(value: str) -> Phrases:
    """Who it is."""
    return (f"my name is {value}", f"I am {value}", f"this is {value}", f"the account is in the name of {value}", f"{value} is my name")


def postcode(value: str) -> Phrases:
    """Where they live, as far as it is needed."""
    return (
        f"my postcode is {value}",
        f"postcode {value}",
        f"the postcode is {value}",
        f"I live at postcode {value}",
        f"you have me under the postcode {value}",
    )


def order_products(mentions: list[str]) -> Phrases:
    """An order by what is in it."""
    things = listed([f"the {mention}" for mention in mentions])
    return (
        f"the order with {things}",
        f"my order that has {things} in it",
        f"the one I placed for {things}",
        f"the purchase that includes {things}",
        f"the order containing {things}",
        f"it is the order where I got {things}",
        f"{things} was among what I ordered" if len(mentions) == 1 else f"{things} were in that order",
    )


def order_date(iso: str) -> Phrases:
    """An order by the day it was placed."""
    day = spoken_date(iso)
    return (
        f"the order I placed on {day}",
        f"ordered on {day}",
        f"my order from {day}",
        f"the purchase of {day}",
        f"it was placed on {day}",
        f"the date of the order was {day}",
    )


_STATUS_WORDS = {
    "pending": ("still pending", "pending right now"),
    "processed": ("being processed", "processed already"),
    "shipped": ("shipped", "already shipped"),
    "delivered": ("delivered", "already delivered"),
    "cancelled": ("cancelled", "already cancelled"),
}


def order_status(status: str) -> Phrases:
    """An order by where it stands."""
    short, long = _STATUS_WORDS[status]
    return (
        f"the order that is {short}",
        f"my only order that is {long}",
        f"the one listed as {status}",
        f"its status should be {status}",
        f"it shows as {status}",
    )


def order_total(total: float) -> Phrases:
    """An order by what it cost."""
    return (
        f"the order for {total:.2f} EUR",
        f"it came to {total:.2f} EUR",
        f"the one that cost {total:.2f} EUR",
        f"the total was {total:.2f} EUR",
        f"I paid {total:.2f} EUR for it",
    )


def thing(described: dict[str, Any], shape: int) -> str:
    """A product with option values, without its article, in one of three shapes."""
    product, options = described["product"], described["options"]
    if not options:
        return product
    if shape == 0:
        return f"{product} ({', '.join(options)})"
    return f"{' '.join(options)} {product}" if shape == 1 else f"{product} with the options {' and '.join(options)}"


def items(described: list[dict[str, Any]]) -> Phrases:
    """Items of an order, by product and options."""
    said: list[str] = []
    for shape in range(3):
        things = [thing(item, shape) for item in described]
        said.append(listed([f"the {it}" for it in things]))
        said.append(f"I mean my {listed(things)}")
    said.append(f"what I mean is {said[0]}")
    said.append(f"it concerns {said[2]}")
    return tuple(dict.fromkeys(said))


def replacement(changes: dict[str, str]) -> Phrases:
    """The options wanted in place of the present ones."""
    wanted = listed([value if option in value else f"{option} {value}" for option, value in changes.items()])
    values = " and ".join(changes.values())
    return (
        f"I want {values} instead",
        f"replaced by {wanted}",
        f"with {wanted} instead of what it has now",
        f"the new one should be {values}",
        f"the one in {values} would be right",
        f"{values} is what I would like instead",
    )


def address(place: dict[str, str]) -> Phrases:
    """An address in full."""
    said = f"{place['street']}, {place['postcode']} {place['city']}"
    return (
        f"the new address is {said}",
        f"to {said}",
        f"it should be {said}",
        f"{said} is the address",
        f"{place['street']} in {place['city']}, postcode {place['postcode']}",
    )


def saved_address(label: str) -> Phrases:
    """A saved address by its name."""
    return (
        f"my saved {label} address",
        f"the address I call {label}",
        f"the one saved as {label}",
        f"the {label} address in my account",
        f"my address book entry {label}",
    )


def address_of_order(mentions: list[str]) -> Phrases:
    """An address by the order that went there."""
    things = listed([f"the {mention}" for mention in mentions])
    return (
        f"the same address that {things} went to",
        f"the address used for my order with {things}",
        f"wherever {things} was sent",
        f"the address on the order of {things}",
    )


def label(value: str) -> Phrases:
    """What a new address is to be called."""
    return (f"save it as {value}", f"under the name {value}", f"call it {value}", f"the label should be {value}", f"with the label {value}")


def _method(described: dict[str, str]) -> tuple[str, ...]:
    if described["kind"] == "paypal":
        return ("my PayPal account", "PayPal")
    if described["kind"] == "gift_card":
        return ("my gift card", "the gift card")
    brand, digits = described.get("brand"), described.get("last_four")
    if digits:
        return (f"my {brand or 'card'} ending in {digits}", f"the {brand or 'card'} with the last digits {digits}")
    return (f"my {brand} card", f"the {brand}") if brand else ("my credit card", "the credit card")


def payment(described: dict[str, str]) -> Phrases:
    """What is to be charged."""
    mine, the = _method(described)
    return (f"paid with {mine}", f"charge {the}", f"use {mine} for it", f"it should go on {mine}", f"{the} should be charged", f"please take {the}")


def refund(described: dict[str, str] | str) -> Phrases:
    """Where a refund is to go."""
    mine, the = ("the original payment method", "what I originally paid with") if isinstance(described, str) else _method(described)
    return (
        f"refunded to {mine}",
        f"the money should go to {mine}",
        f"with the refund on {mine}",
        f"pay it back to {the}",
        f"I want the money on {the}",
        f"{the} should get the refund",
    )


def new_email(value: str) -> Phrases:
    """The e-mail address from now on."""
    return (
        f"the new address is {value}",
        f"it should be {value} from now on",
        f"write to {value} in future",
        f"please use {value}",
        f"my new mail is {value}",
    )


def product(described: dict[str, Any]) -> Phrases:
    """A variant, by product and options."""
    return tuple(f"{start} {thing(described, shape)}" for start in ("the", "it is about the", "I mean the") for shape in range(3))
