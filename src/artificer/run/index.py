"""Where a shard family's commits lie, and which of them speak of a key, in some 40 bytes a commit and 8 a key.

A million rows are known by numbers alone: keys are not held but hashed, and what a hash points at is believed once the commit's note, read from
its shard, names the key. Hashes are Python's own, which differ from process to process; nothing that is written depends on them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import chain

_COMMIT = 28
"""Bits of an entry that number the commit; the other 36 are the key's hash."""
_HASH = (1 << 36) - 1
_NUMBER = (1 << _COMMIT) - 1
_FEW = 1 << 15
"""Keys that are held in a dict before they are sorted in among the others."""


class Index:
    """Places of commits by number, and the numbers of commits by the hash of a key."""

    def __init__(self) -> None:
        self.shards, self.notes, self.bodies, self.ends = array("I"), array("Q"), array("Q"), array("Q")
        self.rows = array("I")
        """How many keys each commit has."""
        self._sorted, self._added = array("Q"), array("Q")
        self._recent: dict[int, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self.shards)

    def add(self, shard: int, place: tuple[int, int, int], names: Iterable[str], rows: int) -> None:
        """A commit's place (where its note, its body, and what follows begin), the keys by which it is found, and the number of its lines."""
        number = len(self.shards)
        self.shards.append(shard)
        self.notes.append(place[0])
        self.bodies.append(place[1])
        self.ends.append(place[2])
        self.rows.append(rows)
        self._added.extend([(hash(name) & _HASH) << _COMMIT | number for name in names])

    def mark(self) -> tuple[int, int]:
        """How much there is while shards are loaded, before anything was asked."""
        return len(self.shards), len(self._added)

    def back(self, mark: tuple[int, int]) -> None:
        """Takes out what was added since a mark."""
        for column in (self.shards, self.notes, self.bodies, self.ends, self.rows):
            del column[mark[0] :]
        del self._added[mark[1] :]

    def found(self, key: str) -> list[int]:
        """The commits that may speak of a key, the last first. One in a great many does not."""
        if self._added:
            self._settle()
        wanted, known = hash(key) & _HASH, self._sorted
        numbers = list[int]()
        if known:
            at = bisect_left(known, wanted << _COMMIT)
            while at < len(known) and known[at] >> _COMMIT == wanted:
                numbers.append(known[at] & _NUMBER)
                at += 1
        if wanted in self._recent:
            numbers += self._recent[wanted]
        numbers.reverse()
        return numbers

    def alike(self) -> set[int]:
        """Commits that have the hash of a key in common with another: among them are those of which another speaks again."""
        self._settle(whole=True)
        found, last = set[int](), -1
        for entry in self._sorted:
            if last >= 0 and entry >> _COMMIT == last >> _COMMIT and entry != last:
                found |= {entry & _NUMBER, last & _NUMBER}
            last = entry
        return found

    def _settle(self, *, whole: bool = False) -> None:
        """Sorts what was added in among the rest; a few entries wait in a dict until they are more."""
        if not self._added and not (whole and self._recent):
            return
        if not whole and len(self._recent) + len(self._added) < max(_FEW, len(self._sorted) // 8):
            for entry in self._added:
                self._recent[entry >> _COMMIT] = (*self._recent.get(entry >> _COMMIT, ()), entry & _NUMBER)
        else:
            recent = [hashed << _COMMIT | number for hashed, numbers in self._recent.items() for number in numbers]
            self._sorted = array("Q", sorted(chain(self._sorted, recent, self._added)))
            self._recent = {}
        self._added = array("Q")
