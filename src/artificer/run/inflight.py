"""Rows that are out with workers which may be lost: what of each row is left, who takes it next, and when to give up.

For engines whose workers run far away. `Feed` hands out rows as workers ask for them: rows that lost their worker
first, then the source's, which is pulled only as far as there is room, in rows and in bytes. `UnderWay` is one row;
it remembers what the row has given so far, so that a lost worker costs the link that was being worked on and nothing
before it.

A row whose worker died is played again. The last try is made alone, in a worker that has nothing else in hand, so
that a row which kills its workers is told from the rows that happened to be beside it; if that worker dies too, the
row is rejected with the reason `lost_worker` and the run goes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, NamedTuple

import msgspec

from artificer.run.chain import Chain, Outcome, Work, rejected
from artificer.run.shards import Line
from artificer.run.stage import Reject
from artificer.run.store import Dropped

TRIES = 3
"""A row is played by at most so many workers that die; see the module for the last of them."""

LOST_NODES = 10
"""So many workers may be lost under a row when their machines died with them, which is hardly the row's doing."""

_lines = msgspec.json.Decoder(Line[msgspec.Raw])
_encode = msgspec.json.Encoder().encode


class Bell:
    """Wakes whoever waits for something to change. Look first, then wait: a ring that nobody waits for is gone."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def next(self) -> asyncio.Future[None]:
        """Is done with the next ring."""
        self._waiting = [future for future in self._waiting if not future.done()]
        self._waiting.append(asyncio.get_running_loop().create_future())
        return self._waiting[-1]


class Left(NamedTuple):
    """Something that is still to be played: the row itself (`given` is None), or a child, and the lines it is in."""

    link: int
    key: str
    given: bytes | None


class UnderWay:
    """One row with a worker. `payload` is its item as it travels: JSON, or whatever stands for JSON that is kept
    elsewhere.
    """

    def __init__(self, number: int, work: Work, payload: Any, size: int) -> None:
        self.number = number
        self.payload = payload
        self.size = size
        self.deaths = 0
        self.lost_nodes = 0
        self._left = [Left(work.link, work.key, None)]  # the next one last

    @property
    def through(self) -> bool:
        return not self._left

    @property
    def suspect(self) -> bool:
        """Whether the next worker must play it alone."""
        return self.deaths >= TRIES - 1 or self.lost_nodes >= LOST_NODES - 1

    @property
    def hopeless(self) -> bool:
        return self.deaths >= TRIES or self.lost_nodes >= LOST_NODES

    def gave(self, outcome: Outcome, links: int) -> None:
        """Takes note of what it gave at one link: its children are what comes next, first to last."""
        done = self._left.pop()
        if (done.link, done.key) != (outcome.link, outcome.of):
            raise RuntimeError(f"a worker gave {outcome.of!r} at link {outcome.link} when {done.key!r} at {done.link} was due")
        self.deaths = self.lost_nodes = 0
        if outcome.link + 1 < links:
            self._left += [Left(outcome.link + 1, key, outcome.lines) for key in reversed(outcome.keys)]

    def legs(self) -> Iterator[tuple[int, str, bytes | None]]:
        """What is left, in the order in which it is played: link, key, and the item's JSON (None: the payload)."""
        lines: bytes | None = None
        items: dict[str, bytes] = {}
        for link, key, given in reversed(self._left):
            if given is None:
                yield link, key, None
                continue
            if given is not lines:
                lines, items = given, {line.key: bytes(line.item) for line in _lines.decode_lines(given)}
            yield link, key, items[key]

    def lost(self, *, with_node: bool) -> None:
        """Its worker is gone."""
        if with_node:
            self.lost_nodes += 1
        else:
            self.deaths += 1

    def given_up(self, chain: Chain, why: str) -> Outcome:
        """What is recorded in the place of what the next part would have given."""
        link, key, given = self._left[-1]
        item: Any = None
        if given is not None:
            item = msgspec.Raw(next(raw for _, child, raw in self.legs() if child == key and raw is not None))
        elif isinstance(self.payload, bytes):
            item = msgspec.Raw(self.payload)
        stages = chain[link].stages
        tries = f"{self.deaths} workers" if self.deaths >= TRIES else f"{self.lost_nodes} machines"
        line = rejected(stages[0].name, key, Reject("lost_worker", f"{tries} died while they played it, the last one alone: {why}", item))
        nothing = (0,) * len(stages)
        return Outcome(link, key, (), b"", Dropped.of([line]), nothing, tuple(map(float, nothing)))


class Hand:
    """What one worker has: `rows` by their numbers, and at most `limit` of them, which the worker itself says."""

    def __init__(self, limit: int) -> None:
        self.rows: dict[int, UnderWay] = {}
        self.limit = limit

    @property
    def limited(self) -> bool:
        """Whether it would get more if it had more room."""
        return len(self.rows) >= self.limit and not any(row.suspect for row in self.rows.values())

    @property
    def full(self) -> bool:
        return len(self.rows) >= self.limit or any(row.suspect for row in self.rows.values())


class Feed:
    """Who plays what next.

    Args:
        works: the source.
        pack: makes the payload of an item's JSON.
        bytes_at_once: of payloads that are out; a worker with nothing in hand gets a row in any case.
    """

    def __init__(self, works: Iterable[Work], pack: Callable[[bytes], Any], bytes_at_once: int) -> None:
        self._works = iter(works)
        self._pack = pack
        self._bytes_at_once = bytes_at_once
        self._numbers = count()
        self._again: deque[UnderWay] = deque()
        self._alone: deque[UnderWay] = deque()
        self._dry = False
        self._open = 0
        self._bytes = 0
        self.changed = Bell()
        """Rings when a worker should ask again, and when everything is over."""

    @property
    def over(self) -> bool:
        """Whether everything is through."""
        return self._dry and not self._open

    def take(self, hand: Hand) -> list[UnderWay]:
        """Puts into a worker's hand what it has room for; gives what is new there."""
        new: list[UnderWay] = []
        while not hand.full and (row := self._next(idle=not hand.rows)) is not None:
            hand.rows[row.number] = row
            new.append(row)
        if self.over:
            self.changed.ring()
        return new

    def _next(self, *, idle: bool) -> UnderWay | None:
        if self._again:
            return self._again.popleft()
        if (idle or self._bytes < self._bytes_at_once) and not self._dry:
            if (work := next(self._works, None)) is not None:
                return self._begin(work)
            self._dry = True
        return self._alone.popleft() if idle and self._alone else None

    def _begin(self, work: Work) -> UnderWay:
        item = _encode(work.item)
        self._open += 1
        self._bytes += len(item)
        return UnderWay(next(self._numbers), work, self._pack(item), len(item))

    def through(self, row: UnderWay) -> None:
        """A row has come to its end."""
        full = self._bytes >= self._bytes_at_once
        self._open -= 1
        self._bytes -= row.size
        if self.over or full:
            self.changed.ring()

    def back(self, rows: Iterable[UnderWay]) -> None:
        """Rows that lost their worker; somebody else takes them."""
        for row in rows:
            (self._alone if row.suspect else self._again).append(row)
        self.changed.ring()
