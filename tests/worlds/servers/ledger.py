"""A small module of tools: what tests serve."""

from __future__ import annotations

import asyncio

from artificer import tool

POLICY = "Pay nobody twice."


class Ledger:
    """Money and who got it."""

    def __init__(self, seed: int = 0) -> None:
        self.balance_now = seed
        self.entries_made: list[dict[str, int | str]] = []

    def __artificer_state__(self) -> dict[str, object]:
        return {"balance": self.balance_now, "entries": self.entries_made}

    @tool(effect="read")
    def balance(self) -> int:
        """Show the balance."""
        return self.balance_now

    @tool(effect="read")
    def entries(self) -> list[dict[str, int | str]]:
        """Show who got what."""
        print("a tool that prints what is no message")
        return self.entries_made

    @tool(effect="read")
    async def wait(self, seconds: float) -> str:
        """Wait for a while."""
        await asyncio.sleep(seconds)
        return "waited"

    @tool(effect="write")
    def pay(self, amount: int, to: str) -> dict[str, int]:
        """Pay somebody."""
        self.balance_now -= amount
        self.entries_made.append({"to": to, "amount": amount})
        return {"balance": self.balance_now}
