"""The tools of the benchmark: a read, a write on a private basket, and a read of it."""

from __future__ import annotations

from artificer.worlds.python import tool

PRICES = {f"S{number}": 3 + 7 * number % 90 for number in range(100)}


@tool(effect="read")
def price(sku: str) -> dict[str, int]:
    """What one piece costs.

    Args:
        sku: the article.
    """
    return {"price": PRICES[sku]}


class Basket:
    """What one customer has chosen."""

    def __init__(self) -> None:
        self.pieces: dict[str, int] = {}

    @tool(effect="write")
    def add(self, sku: str, pieces: int) -> dict[str, int]:
        """Puts pieces into the basket.

        Args:
            sku: the article.
            pieces: how many.
        """
        self.pieces[sku] = self.pieces.get(sku, 0) + pieces
        return {"pieces": self.pieces[sku]}

    @tool(effect="read")
    def total(self) -> dict[str, int]:
        """What the basket costs."""
        return {"total": sum(PRICES[sku] * pieces for sku, pieces in self.pieces.items())}
