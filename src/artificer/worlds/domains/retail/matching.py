"""What fits a description, among rows that tools showed. This is how an agent finds an order, an item, a payment
method.

`inverse.py` asks the same of the database in SQL; a description is used only when both name the same single row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artificer.core.canon import Json

Row = dict[str, Any]


def names(mention: str, product: str) -> bool:
    """Whether `mention` ("desk lamp") stands as whole words in a product's name ("Lumaro Desk Lamp")."""
    return f" {mention.lower()} " in f" {product.lower()} "


def orders_matching(orders: Sequence[Row], said: Mapping[str, Json], held: Sequence[str] = ()) -> list[Row]:
    """Orders (as list_orders shows them) that fit facts by path (`order.products`, `order.date`, `order.status`,
    `order.total`) and that hold the products mentioned in `held`."""
    mentions = [*said.get("order.products", ()), *held]
    return [
        order
        for order in orders
        if said.get("order.date", order["placed_on"]) == order["placed_on"]
        and said.get("order.status", order["status"]) == order["status"]
        and said.get("order.total", order["total"]) == order["total"]
        and all(any(names(mention, product) for product in order["products"]) for mention in mentions)
    ]


def items_matching(items: Sequence[Row], described: Row) -> list[Row]:
    """Items (as get_order shows them) of a product mentioned, with all the option values said."""
    return [
        item
        for item in items
        if names(described["product"], item["product"]) and all(value in item["options"].values() for value in described["options"])
    ]


def variants_matching(variants: Sequence[Row], options: Mapping[str, str]) -> list[Row]:
    """Variants that have exactly these options."""
    return [variant for variant in variants if variant["options"] == options]


def methods_matching(methods: Sequence[Row], described: Row) -> list[Row]:
    """Payment methods of a kind and, when said, of a brand and with certain last digits."""
    return [method for method in methods if all(method.get(name) == value for name, value in described.items())]


def addresses_matching(addresses: Sequence[Row], label: str) -> list[Row]:
    """Saved addresses that the customer calls so."""
    return [address for address in addresses if address["label"] == label]
