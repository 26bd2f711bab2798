"""Near-duplicates among texts: pairs whose sets of word triples overlap by a threshold (Jaccard), found without comparing all with all.

Candidates come from MinHash by one permutation (Li, Owen, Zhang 2012: one hash a triple, the smallest in each of 64 bins, empty bins filled from the
next one to the right as in Shrivastava 2014) in 16 bands of 4; each candidate is then compared exactly, so that nothing is called a duplicate that is
none. Of pairs with Jaccard J a share of 1 - (1 - J^4)^16 is looked at: 0.9998 at 0.8, 0.99 at 0.7. Texts with more than 2,048 triples are compared on
a sample of them that depends on the triples alone. What comes out does not depend on the order of the texts, but where more than 48 texts share a
bucket: then a text is compared with 48 of them. A language written without spaces is one long word here: near-duplicates in it are mostly missed.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence

BINS, BANDS = 64, 16
ROWS = BINS // BANDS
WORDS = 3
MOST = 2048
"""Triples of a text that are compared."""
CROWD = 48
"""Texts of one bucket that a text is compared with: what is in a fuller one is a duplicate of one of them or shares a common phrase only."""
FEW = 200
"""Texts that hang together of which each is compared with each."""
_WORD = re.compile(r"\w+")
_EMPTY = 1 << 32


def triples(text: str) -> array[int]:
    """The hashes of a text's word triples, sorted, each once. A text of fewer words is one triple; a text without any has none."""
    words = _WORD.findall(text.lower())
    if not words:
        return array("I")
    joined = [" ".join(words[at : at + WORDS]) for at in range(max(1, len(words) - WORDS + 1))]
    hashes = {zlib.crc32(one.encode("utf-8", "surrogatepass")) * 0x9E3779B1 & 0xFFFFFFFF for one in set(joined)}
    return array("I", sorted(hashes)[:MOST])  # the smallest hashes are a sample that two texts draw alike


def jaccard(one: array[int], other: array[int]) -> float:
    """|A & B| / |A | B|; 1 for two texts without words. Of samples, the share of the smallest hashes of the union that are in both."""
    if not one or not other:
        return float(len(one) == len(other))
    a = set(one)
    if len(one) < MOST and len(other) < MOST:
        shared = len(a.intersection(other))
        return shared / (len(a) + len(other) - shared)
    b = set(other)
    smallest = sorted(a | b)[:MOST]
    return sum(value in a and value in b for value in smallest) / len(smallest)


def signature(hashes: array[int]) -> list[int]:
    """The smallest hash in each bin; an empty bin takes that of the next bin to the right that is not, moved on by the distance."""
    found = [_EMPTY] * BINS
    for value in hashes:
        at = value & (BINS - 1)
        if value < found[at]:
            found[at] = value
    if _EMPTY in found and any(value != _EMPTY for value in found):
        filled = list(found)
        for at in range(BINS):
            step = next(step for step in range(BINS) if found[(at + step) % BINS] != _EMPTY)
            filled[at] = found[(at + step) % BINS] + (step << 33)
        return filled
    return found


def _buckets(hashes: array[int]) -> list[int]:
    """The buckets of a text, one a band."""
    marks = signature(hashes)
    return [hash((band, *marks[band * ROWS : (band + 1) * ROWS])) for band in range(BANDS)]  # of whole numbers alone: the same in every process


class Near:
    """Texts that were seen, and which of them are near each other. About 1.5 kB a text of 250 words.

    Args:
        threshold: the least Jaccard of two texts that are near, over 0 and at most 1.
    """

    def __init__(self, threshold: float = 0.8) -> None:
        self.threshold = threshold
        self._seen: dict[str, array[int]] = {}
        self._buckets: dict[int, list[str]] = {}

    def add(self, key: str, text: str) -> list[str]:
        """Takes a text in; the keys of earlier texts that it is near to."""
        hashes = self._seen[key] = triples(text)
        if not hashes:  # without words nothing says that two are alike
            return []
        candidates: dict[str, None] = {}
        for bucket in _buckets(hashes):
            known = self._buckets.get(bucket)
            if known is None:
                self._buckets[bucket] = [key]
                continue
            candidates.update(dict.fromkeys(known[:CROWD]))
            if len(known) < CROWD:
                known.append(key)
        return [other for other in candidates if jaccard(hashes, self._seen[other]) >= self.threshold]

    def thinned(self, group: Sequence[str]) -> dict[str, str]:
        """Of texts that hang together those that can go, each with one that stays and that it is near to.

        Each in its turn stays if it is near none that stays. In groups of more than `FEW` it is compared with those alone
        that share a bucket with it, as in `add`: with all, a group of so many would take hours.
        """
        gone: dict[str, str] = {}
        staying: list[str] = []
        buckets: dict[int, list[str]] = {}
        for key in group:
            own = _buckets(self._seen[key]) if len(group) > FEW else ()
            near = dict.fromkeys(other for bucket in own for other in buckets.get(bucket, ())) if own else staying
            to = next((other for other in near if self.near(key, other)), None)
            if to is not None:
                gone[key] = to
                continue
            staying.append(key)
            for bucket in own:
                if len(known := buckets.setdefault(bucket, [])) < CROWD:
                    known.append(key)
        return gone

    def near(self, one: str, other: str) -> bool:
        """Whether two texts that were taken in are near each other."""
        return jaccard(self._seen[one], self._seen[other]) >= self.threshold


class Groups:
    """Keys that belong together because of pairs: the connected parts."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, key: str) -> str:
        """The key that stands for a group; of all in it the smallest."""
        path = [key]
        while (above := self._parent.get(path[-1], path[-1])) != path[-1]:
            path.append(above)
        for one in path[:-1]:
            self._parent[one] = path[-1]
        return path[-1]

    def join(self, one: str, other: str) -> None:
        a, b = sorted((self.root(one), self.root(other)))
        self._parent.setdefault(a, a)
        self._parent[b] = a

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Groups of two and more, each sorted."""
        found: dict[str, list[str]] = {}
        for key in self._parent:
            found.setdefault(self.root(key), []).append(key)
        for root in sorted(found):
            yield tuple(sorted(found[root]))


def clusters(texts: Iterable[tuple[str, str]], threshold: float = 0.8) -> list[tuple[str, ...]]:
    """Groups of texts that hang together by pairs that are near: the keys of each group of two and more, sorted.

    Args:
        texts: (key, text); keys are different.
    """
    seen, groups = Near(threshold), Groups()
    for key, text in texts:
        for other in seen.add(key, text):
            groups.join(key, other)
    return list(groups)
