"""Optimal assignment: rows to columns, one to one, with the least sum of costs (the Hungarian method)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def assign(cost: Sequence[Sequence[float]]) -> list[int | None]:
    """The column of each row, None where it gets none: there are fewer columns, or only pairs that cost infinitely much.

    As many rows as possible get a column, and among those ways the one with the least sum is taken; the same for the
    same costs. O(rows squared times columns), by shortest augmenting paths with potentials.

    Args:
        cost: finite, or `math.inf` for a pair that may not be; NaN counts as that.
    """
    rows, columns = len(cost), max((len(row) for row in cost), default=0)
    if not rows or not columns:
        return [None] * rows
    if rows > columns:
        turned = assign([[row[at] if at < len(row) else math.inf for row in cost] for at in range(columns)])
        return [next((at for at, row in enumerate(turned) if row == index), None) for index in range(rows)]
    worst = sum(max((abs(value) for value in row if math.isfinite(value)), default=0.0) for row in cost)
    forbidden = 2 * worst + 1.0  # dearer than all that is allowed together
    table = [[value if math.isfinite(value) else forbidden for value in (*row, *[math.inf] * (columns - len(row)))] for row in cost]
    taken = _augmented(table, rows, columns)
    found: list[int | None] = [None] * rows
    for column, row in enumerate(taken):
        if row is not None and column < len(cost[row]) and math.isfinite(cost[row][column]):
            found[row] = column
    return found


def _augmented(table: Sequence[Sequence[float]], rows: int, columns: int) -> list[int | None]:
    """The row of each column. Column 0 of the arrays is a stand-in for the row that is being placed."""
    up, down = [0.0] * (rows + 1), [0.0] * (columns + 1)
    holder = [0] * (columns + 1)
    for row in range(1, rows + 1):
        holder[0] = row
        at, least, before, seen = 0, [math.inf] * (columns + 1), [0] * (columns + 1), [False] * (columns + 1)
        while holder[at]:
            seen[at] = True
            source, best, following = holder[at], math.inf, 0
            for column in range(1, columns + 1):
                if seen[column]:
                    continue
                reduced = table[source - 1][column - 1] - up[source] - down[column]
                if reduced < least[column]:
                    least[column], before[column] = reduced, at
                if least[column] < best:
                    best, following = least[column], column
            for column in range(columns + 1):
                if seen[column]:
                    up[holder[column]] += best
                    down[column] -= best
                else:
                    least[column] -= best
            at = following
        while at:
            holder[at] = holder[before[at]]
            at = before[at]
    return [row - 1 if row else None for row in holder[1:]]


def placed(mover: int, options: Mapping[int, Sequence[int]], taken: dict[int, int], held: dict[int, int]) -> bool:
    """Whether one more mover gets one of its places, others moving to another of theirs where they must (an augmenting path,
    found breadth first). Called for each mover in turn it gives the largest matching.

    Args:
        options: the places of each mover.
        taken: who holds each place; held: the place of each who has one. Both are kept up.
    """
    came: dict[int, int] = {}
    waiting = [mover]
    for one in waiting:
        for place in options[one]:
            if place in came:
                continue
            came[place] = one
            if place in taken:
                waiting.append(taken[place])
                continue
            free: int | None = place
            while free is not None:
                moved = came[free]
                before = held.get(moved)
                taken[free], held[moved] = moved, free
                free = before
            return True
    return False
