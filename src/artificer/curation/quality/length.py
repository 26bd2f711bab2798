"""How long things are: exact means, and percentiles in bounded memory."""

from __future__ import annotations

import math
import re

from msgspec import Struct

_EXACT = 256
_STEP = 0.01
_LATIN = re.compile(r"[\x00-\u2e7f]+")


class Spread(Struct, frozen=True):
    """How a number is spread over traces. Percentiles of numbers up to 256 are exact; above, they lie within 1 %.

    `bins` are counts by powers of two: `"0"`, `"1"`, `"2-3"`, `"4-7"`, ...
    """

    n: int = 0
    mean: float = 0.0
    least: float = 0
    p10: float = 0
    p50: float = 0
    p90: float = 0
    p99: float = 0
    most: float = 0
    total: float = 0
    bins: dict[str, int] = {}


class Lengths:
    """Counts numbers of 0 and more, one by one: at most 256 bins of one number each and some thousand of 1 % each."""

    __slots__ = ("_bins", "least", "most", "n", "total")

    def __init__(self) -> None:
        self._bins: dict[int, int] = {}
        self.n = 0
        self.total = 0
        self.least = self.most = 0

    def add(self, value: int) -> None:
        place = value if value <= _EXACT else _EXACT + 1 + int(math.log(value / _EXACT) / math.log1p(_STEP))
        self._bins[place] = self._bins.get(place, 0) + 1
        self.least = value if not self.n else min(self.least, value)
        self.most = max(self.most, value)
        self.n += 1
        self.total += value

    def _at(self, share: float) -> float:
        """The smallest value that at least `share` of all values do not exceed (nearest rank)."""
        wanted, seen = max(1, math.ceil(share * self.n)), 0
        for place in sorted(self._bins):
            seen += self._bins[place]
            if seen >= wanted:
                value = place if place <= _EXACT else round(_EXACT * (1 + _STEP) ** (place - _EXACT - 0.5))
                return min(max(value, self.least), self.most)
        return self.most

    def spread(self) -> Spread:
        """What was counted."""
        if not self.n:
            return Spread()
        bins: dict[int, int] = {}
        for place, number in self._bins.items():
            value = place if place <= _EXACT else int(_EXACT * (1 + _STEP) ** (place - _EXACT - 0.5))
            power = value.bit_length()
            bins[power] = bins.get(power, 0) + number
        named = {_range(power): bins[power] for power in range(min(bins), max(bins) + 1) if power in bins}
        return Spread(
            self.n, self.total / self.n, self.least, self._at(0.1), self._at(0.5), self._at(0.9), self._at(0.99), self.most, self.total, named
        )


def _range(power: int) -> str:
    if power < 2:
        return str(power)
    return f"{1 << (power - 1):,}-{(1 << power) - 1:,}"


def about_tokens(text: str) -> int:
    """About how many tokens a text is: a quarter of its characters, and one for each character of a script without spaces between words (CJK) or
    beyond. Without a tokenizer this is a rule of thumb: `docs/quality.md` says how far off it is.
    """
    if text.isascii():
        return (len(text) + 3) // 4
    wide = len(_LATIN.sub("", text))
    return wide + (len(text) - wide + 3) // 4
