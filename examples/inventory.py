"""A small inventory: a stateful class whose typed methods become tools (`artificer tools python:examples/inventory.py`)."""

from __future__ import annotations

from typing import Literal

from artificer import tool

POLICY = "Only ship what is in stock. Confirm every change with the customer before you make it."


class Inventory:
    """Products in stock and orders for them. Product and order ids are shown by tools; nobody knows them by heart."""

    def __init__(self, seed: int = 0) -> None:
        names = ["blue lamp", "oak table", "wool rug", "steel kettle", "paper lantern", "green armchair"]
        self.products = {
            f"P{1000 + 37 * at + seed % 10}": {"name": name, "price": 15.5 + 7 * at, "stock": (at * 5 + seed) % 9 + 1}
            for at, name in enumerate(names)
        }
        self.orders: dict[str, dict[str, str | int]] = {}

    @tool(effect="read")
    def list_products(self) -> list[dict[str, str]]:
        """List all products with their ids and names."""
        return [{"product_id": key, "name": str(row["name"])} for key, row in self.products.items()]

    @tool(effect="read")
    def get_product(self, product_id: str) -> dict[str, str | float | int]:
        """Show the price and stock of a product.

        Args:
            product_id: id of the product.
        """
        return {"product_id": product_id, **self.products[product_id]}

    @tool(effect="read")
    def list_orders(self, status: Literal["open", "cancelled"] = "open") -> list[dict[str, str | int]]:
        """List the orders of a status."""
        return [row for row in self.orders.values() if row["status"] == status]

    @tool(effect="write")
    def place_order(self, product_id: str, quantity: int) -> dict[str, str | int]:
        """Order a product.

        Args:
            product_id: id of the product.
            quantity: how many pieces.
        """
        product = self.products[product_id]
        if not 0 < quantity <= product["stock"]:
            raise ValueError(f"{product['stock']} in stock")
        product["stock"] -= quantity
        order: dict[str, str | int] = {"order_id": f"O{len(self.orders) + 1}", "product_id": product_id, "quantity": quantity, "status": "open"}
        self.orders[str(order["order_id"])] = order
        return order

    @tool(effect="write")
    def rename_product(self, product_id: str, name: str) -> str:
        """Change the name of a product.

        Args:
            product_id: id of the product.
            name: the new name.
        """
        self.products[product_id]["name"] = name
        return "renamed"
