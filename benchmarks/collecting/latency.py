"""How long the endpoint takes over each answer, and how long the rows must take in all: computed, so that a wall time can be held against it."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence

TURNS = 4
"""Assistant turns of a row: three calls, then words."""
SPREAD = math.log(100) / 2.3263478740408408
"""Sigma of the lognormal whose 99th percentile is a hundred times its median: 50 ms and 5 s."""
LONGEST_S = 10.0
"""What the tail is cut at, for the benchmark's own patience."""


def seconds(mode: str, latency_ms: float, row: int, turn: int) -> float:
    """`fixed`, or `heavy`: median `latency_ms`, 99th percentile a hundred times that, seeded by row and turn."""
    if mode == "fixed":
        return latency_ms / 1000
    drawn = random.Random(row * 1009 + turn).normalvariate(0.0, SPREAD)
    return min(LONGEST_S, latency_ms / 1000 * math.exp(drawn))


def paths(mode: str, latency_ms: float, rows: int) -> list[float]:
    """How long each row waits for the model in all."""
    return [sum(seconds(mode, latency_ms, row, turn) for turn in range(TURNS)) for row in range(rows)]


def pulled(each: Sequence[float], concurrency: int) -> float:
    """The wall time of rows that are begun, in order, as soon as any lane is free."""
    lanes = [0.0] * concurrency
    for path in each:
        heapq.heapreplace(lanes, lanes[0] + path)
    return max(lanes)


def batched(each: Sequence[float], concurrency: int) -> float:
    """The wall time of rows that are begun when the whole batch before them has ended."""
    return sum(max(each[at : at + concurrency]) for at in range(0, len(each), concurrency))
