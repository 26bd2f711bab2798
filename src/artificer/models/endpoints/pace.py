"""How many requests an address is asked at a time: additive increase, multiplicative decrease.

The limit begins at `start` and doubles with every round of answers, until the first sign of trouble. From then on it
grows by `step = max(1, most / 32)` a round (each answer adds `step / limit`), and is multiplied by less than one at
trouble: 0.5 for a refusal (429, 503) or an answer that does not come, 0.8 for other failures of the server. Of all
requests that were in flight together only one shrinks it. It never falls below one, so there is always a request
that finds out that things are well again.

An address that says `Retry-After` is left alone for that long by all.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Pace:
    """The gate of one address; first come, first served.

    Args:
        most: the limit's upper bound.
        start: where it begins.
    """

    def __init__(self, most: int, start: int) -> None:
        self.most = most
        self.limit = float(min(start, most))
        self.busy = 0
        self._step = max(1.0, most / 32)
        self._doubling = True
        self._round = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def resting(self) -> float:
        """Until when, by the loop's clock, nobody is let in; 0 when the gate is open."""
        return self._until

    async def enter(self) -> int:
        """Waits for room; the round that the request belongs to, for `leave`."""
        if self._waiting or self._until or self.busy >= int(self.limit):
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():  # it had been let in
                    self.busy -= 1
                    self._admit()
                raise
        else:
            self.busy += 1
        return self._round

    def leave(self, entered: int, factor: float | None) -> None:
        """Ends what `enter` began.

        Args:
            entered: what `enter` gave.
            factor: 1.0 for an answer, less for trouble, None for what says nothing about the address.
        """
        self.busy -= 1
        if factor == 1.0:
            if self.limit < self.most:
                self.limit = min(self.most, self.limit + (1.0 if self._doubling else self._step / self.limit))
        elif factor is not None and entered == self._round:
            self._round += 1
            self._doubling = False
            self.limit = max(1.0, min(self.limit, self.busy + 1.0) * factor)
        if self._waiting:
            self._admit()

    def rest(self, seconds: float) -> None:
        """Lets nobody in for so long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if until > self._until:
            self._until = until
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_at(until, self._wake)

    def forget(self) -> None:
        """Drops what belongs to an event loop that has ended."""
        self._waiting.clear()
        self.busy, self._until, self._timer = 0, 0.0, None

    def _wake(self) -> None:
        self._until, self._timer = 0.0, None
        self._admit()

    def _admit(self) -> None:
        while self._waiting and not self._until and self.busy < int(self.limit):
            place = self._waiting.popleft()
            if not place.done():
                self.busy += 1
                place.set_result(None)
