"""Shares and means with intervals, paired differences, pass^k. Plain arithmetic over outcomes; no model, no file.

Intervals are two-sided. A share has Wilson's interval (Wilson 1927), which keeps its promise for small samples and for shares near 0 and 1. Two
models examined on the same rows are compared in pairs: the difference of shares has Newcombe's interval for paired proportions (Newcombe 1998,
method 10), and the p-value is the exact McNemar test's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb, fsum, inf, sqrt
from random import Random
from statistics import NormalDist

from msgspec import Struct

from artificer.core.errors import ArtificerError


class Share(Struct, frozen=True):
    """`hits` of `n`, as a share with an interval [low, high]. With n = 0 nothing is known: [0, 1]."""

    hits: int
    n: int
    share: float
    low: float
    high: float


class Difference(Struct, frozen=True):
    """`after` minus `before` on the same rows.

    Args:
        gained: rows that only `after` got right. lost: rows that only `before` got right.
        points: difference of the shares, in percentage points, with its interval [low, high].
        p: two-sided exact McNemar p-value.
    """

    n: int
    gained: int
    lost: int
    points: float
    low: float
    high: float
    p: float


def share(hits: int, n: int, confidence: float = 0.95) -> Share:
    """Wilson's interval: (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).

    Raises:
        ArtificerError: hits do not lie between 0 and n.
    """
    if not 0 <= hits <= n:
        raise ArtificerError(f"{hits} of {n} is not a share")
    if n == 0:
        return Share(0, 0, 0.0, 0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = hits / n
    middle = p + z * z / (2 * n)
    spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return Share(hits, n, p, max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided exact McNemar p-value: how likely a split at least as uneven as this is when gains and losses are equally likely."""
    n = gained + lost
    if n == 0:
        return 1.0
    tail = sum(comb(n, k) for k in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / 2**n)


def difference(before: Sequence[bool], after: Sequence[bool], confidence: float = 0.95) -> Difference:
    """The paired difference of two outcomes of the same rows.

    Newcombe's method 10: with Wilson limits (l1, u1) of `after`, (l2, u2) of `before` and the correlation phi of the pairs,
    low = d - sqrt((p1-l1)² - 2 phi (p1-l1)(u2-p2) + (u2-p2)²), high likewise with the other limits.

    Raises:
        ArtificerError: the two do not have the same length.
    """
    if len(before) != len(after):
        raise ArtificerError(f"{len(before)} outcomes cannot be paired with {len(after)}")
    n = len(before)
    both = sum(a and b for a, b in zip(before, after, strict=True))
    gained = sum(b and not a for a, b in zip(before, after, strict=True))
    lost = sum(a and not b for a, b in zip(before, after, strict=True))
    one, two = share(both + gained, n, confidence), share(both + lost, n, confidence)
    d = one.share - two.share
    phi = _phi(both, gained, lost, n - both - gained - lost)
    low = d - sqrt(max(0.0, _spread(one.share - one.low, two.high - two.share, phi)))
    high = d + sqrt(max(0.0, _spread(one.high - one.share, two.share - two.low, phi)))
    return Difference(n, gained, lost, 100 * d, 100 * max(-1.0, low), 100 * min(1.0, high), mcnemar(gained, lost))


def _spread(first: float, second: float, phi: float) -> float:
    return first * first - 2 * phi * first * second + second * second


def _phi(both: int, gained: int, lost: int, neither: int) -> float:
    """Newcombe's correlation of a paired table, with his correction of a positive numerator by n/2 (method 10)."""
    product = (both + gained) * (lost + neither) * (both + lost) * (gained + neither)
    if product == 0:
        return 0.0
    numerator = both * neither - gained * lost
    if numerator > 0:
        numerator = max(numerator - (both + gained + lost + neither) / 2, 0)
    return numerator / sqrt(product)


def pass_k(successes: Sequence[tuple[int, int]], k: int) -> float:
    """pass^k: the chance that k independent tries of a task all succeed, averaged over tasks: mean of C(c, k) / C(n, k) (tau-bench, arXiv
    2406.12045).

    Args:
        successes: (c, n) a task: successes and tries.
        k: at most the least n.

    Raises:
        ArtificerError: a task was not tried k times, or there are no tasks.
    """
    if not successes or k < 1 or any(n < k for _, n in successes):
        raise ArtificerError(f"pass^{k} needs at least {max(k, 1)} tries of every task, and a task")
    return sum(comb(c, k) / comb(n, k) for c, n in successes) / len(successes)


def pass_at_k(successes: Sequence[tuple[int, int]], k: int) -> float:
    """pass@k: the chance that at least one of k tries succeeds: mean of 1 - C(n - c, k) / C(n, k) (arXiv 2107.03374).

    Raises:
        ArtificerError: as `pass_k`.
    """
    return 1 - pass_k([(n - c, n) for c, n in successes], k)


def pass_ranges(
    successes: Sequence[tuple[int, int]], confidence: float = 0.95, seed: int = 0
) -> tuple[dict[int, tuple[float, float]], dict[int, tuple[float, float]]]:
    """Intervals of pass@k and of pass^k, for every k up to the least number of tries.

    Where every task has 0 or 1 (always at the full number of tries) it is a share of tasks, with Wilson's interval; else the
    interval is a percentile bootstrap over tasks, not over tries: the tries of one task are not independent. All k are read
    off the same resamples.

    Args:
        successes: (c, n) a task: successes and tries.

    Raises:
        ArtificerError: as `pass_k` for k = 1.
    """
    least = min((n for _, n in successes), default=0)
    pass_k(successes, 1)
    kinds = Counter(successes)
    at = {k: {pair: pass_at_k([pair], k) for pair in kinds} for k in range(1, least + 1)}
    hat = {k: {pair: pass_k([pair], k) for pair in kinds} for k in range(1, least + 1)}
    draw = Random(seed)
    pairs, numbers = list(kinds), list(kinds.values())
    drawn = [Counter(draw.choices(pairs, numbers, k=len(successes))) for _ in range(RESAMPLES)]

    def limits(values: dict[tuple[int, int], float]) -> tuple[float, float]:
        if {*values.values()} <= {0.0, 1.0}:
            found = share(sum(number for pair, number in kinds.items() if values[pair]), len(successes), confidence)
            return found.low, found.high
        means = sorted(fsum(values[pair] * number for pair, number in one.items()) / len(successes) for one in drawn)
        cut = (1 - confidence) / 2
        return means[int(cut * RESAMPLES)], means[min(RESAMPLES - 1, int((1 - cut) * RESAMPLES))]

    return {k: limits(values) for k, values in at.items()}, {k: limits(values) for k, values in hat.items()}


class Mean(Struct, frozen=True):
    """A mean of n values with a percentile-bootstrap interval [low, high]. With n = 0 nothing is known: the interval is infinite."""

    n: int
    mean: float
    low: float
    high: float


RESAMPLES = 2000


def mean(values: Sequence[float], confidence: float = 0.95, seed: int = 0) -> Mean:
    """The mean, and the interval between quantiles of the means of `RESAMPLES` resamples (Efron 1979), by seed. Resample what is
    independent: one value a task, not one a trial.
    """
    n = len(values)
    if n == 0:
        return Mean(0, 0.0, -inf, inf)
    draw = Random(seed)
    means = sorted(fsum(draw.choices(values, k=n)) / n for _ in range(RESAMPLES))
    cut = (1 - confidence) / 2
    return Mean(n, fsum(values) / n, means[int(cut * RESAMPLES)], means[min(RESAMPLES - 1, int((1 - cut) * RESAMPLES))])
