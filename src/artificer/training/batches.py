"""Batches: rows of like length, padded on the right to one of a few fixed lengths, in an order that a seed decides.

Fixed lengths keep the machine's kernels and memory pools warm; like lengths keep padding low. A batch is bounded by its tokens, not its rows, so
every step costs about the same. The order of an epoch depends on the seed and the epoch alone: that is what makes an interrupted training continue
exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from artificer.core.canon import rng
from artificer.training.render import Row

STEP = 32
"""Lengths are padded to multiples of this many tokens."""


class Batch(Struct, frozen=True):
    """Plain numbers, (B, T): ids, and labels that are the id where it is learnt and -100 elsewhere. `real` counts tokens that are not padding."""

    ids: list[list[int]]
    labels: list[list[int]]
    real: int
    learnt: int


def padded(length: int, step: int = STEP) -> int:
    """The fixed length that holds `length`."""
    return -(-length // step) * step


def batch(rows: Sequence[Row], pad: int) -> Batch:
    """Rows as one batch, padded on the right: causal attention then needs no mask, since nothing real looks at padding."""
    width = padded(max(len(row.ids) for row in rows))
    ids = [list(row.ids) + [pad] * (width - len(row.ids)) for row in rows]
    labels = [
        [token if learnt else -100 for token, learnt in zip(row.ids, row.learnt, strict=True)] + [-100] * (width - len(row.ids)) for row in rows
    ]
    return Batch(ids, labels, sum(len(row.ids) for row in rows), sum(sum(row.learnt) for row in rows))


def epoch(rows: Sequence[Row], number: int, *, tokens: int, seed: int, pad: int, longest: int) -> Iterator[Batch]:
    """One pass over the rows.

    Args:
        rows: rows longer than `longest` tokens are left out.
        number: of the epoch, from 0.
        tokens: most tokens of a batch, padding counted; at least one row is taken.
        seed: decides the order.
        pad: the id to pad with.
        longest: in tokens.
    """
    chance = rng("epoch", seed, number)
    order = [row for row in rows if len(row.ids) <= longest]
    chance.shuffle(order)
    order.sort(key=lambda row: padded(len(row.ids)))
    groups: list[list[Row]] = []
    for row in order:
        width = padded(len(row.ids))
        if groups and padded(len(groups[-1][0].ids)) == width and (len(groups[-1]) + 1) * width <= tokens:
            groups[-1].append(row)
        else:
            groups.append([row])
    chance.shuffle(groups)
    for group in groups:
        yield batch(group, pad)
