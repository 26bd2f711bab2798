"""What a model has taken, and the hard stop when it may take no more.

A request begins only if what was spent, plus the most that those in flight may still take, plus what it may take
itself, stays within every limit. When it does not fit it waits for those in flight to end, as most take less than
they might; when none is in flight and it still does not fit, everything stops with an error. So nothing that was
paid for is lost, and the run goes on from there once the limit is raised.

Upper bounds: a token of a prompt is taken to be at least two bytes, a reply to have `max_tokens`. What was spent is
counted as the endpoint says (four bytes a token where it says nothing); cached tokens at the full price. A request
without an answer (a time-out, a broken connection) counts as its prompt, since it may have been billed; one that was
refused counts nothing.
"""

from __future__ import annotations

import asyncio

from msgspec import Struct

from artificer.core.errors import BudgetSpent
from artificer.models.base import Counts, Spent
from artificer.models.endpoints.target import Caps

_BYTES = 2


class Hold(Struct, frozen=True):
    """What one request in flight may take at most."""

    tokens_in: int
    tokens_out: int


class Budget:
    """See the module docstring.

    Args:
        caps: the limits and prices.
        name: of the model, for the error.
    """

    def __init__(self, caps: Caps, name: str) -> None:
        self.caps = caps
        self.bounded = caps.requests is not None or caps.tokens is not None or caps.usd is not None
        self._name = name
        self._requests = self._in = self._out = 0
        self._held = self._held_in = self._held_out = 0
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def spent(self) -> Spent:
        return Spent(self._requests, self._in, self._out, self._usd(self._in, self._out))

    async def admit(self, size: int, tokens_out: int) -> Hold:
        """Holds what a request of `size` bytes may take.

        Raises:
            BudgetSpent: a limit is reached.
        """
        hold = Hold(size // _BYTES + 1, tokens_out)
        while (over := self._over(hold)) is not None:
            if not self._held:
                self._release()
                raise BudgetSpent(
                    f"The limit of {over} is reached.",
                    where=f"{self._name}, after {self._told()}",
                    remedy="raise the limit in the model string and continue the run: what is finished is kept",
                )
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            await place
        self._held, self._held_in, self._held_out = self._held + 1, self._held_in + hold.tokens_in, self._held_out + hold.tokens_out
        return hold

    def settle(self, hold: Hold | None, taken: Counts | None) -> None:
        """Counts what a request took (None: nothing), and lets go of what was held for it."""
        if taken is not None:
            self._requests += 1
            self._in += taken.tokens_in
            self._out += taken.tokens_out
        if hold is not None:
            self._held, self._held_in, self._held_out = self._held - 1, self._held_in - hold.tokens_in, self._held_out - hold.tokens_out
            self._release()

    def forget(self) -> None:
        """Drops what belongs to an event loop that has ended."""
        self._held = self._held_in = self._held_out = 0
        self._waiting.clear()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for place in waiting:
            if not place.done():
                place.set_result(None)

    def _over(self, hold: Hold) -> str | None:
        caps = self.caps
        tokens_in, tokens_out = self._in + self._held_in + hold.tokens_in, self._out + self._held_out + hold.tokens_out
        if caps.requests is not None and self._requests + self._held >= caps.requests:
            return f"{caps.requests} requests"
        if caps.tokens is not None and tokens_in + tokens_out > caps.tokens:
            return f"{caps.tokens} tokens"
        if caps.usd is not None and self._usd(tokens_in, tokens_out) > caps.usd:
            return f"{caps.usd:g} US dollars"
        return None

    def _usd(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.caps.price_in + tokens_out * self.caps.price_out) / 1e6

    def _told(self) -> str:
        spent = self.spent
        money = f", {spent.usd:.4f} US dollars" if self.caps.price_out or self.caps.price_in else ""
        return f"{spent.requests} requests, {spent.tokens_in} tokens read and {spent.tokens_out} written{money}"
