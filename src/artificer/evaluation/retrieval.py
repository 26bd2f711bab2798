"""How good a ranking of tools is: NDCG and recall, as ToolLLM reports them (arXiv 2307.16789). A tool is right or not; there are no grades."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import log2

from artificer.core.errors import ArtificerError


def ndcg(ranked: Sequence[str], right: Collection[str], k: int) -> float:
    """Normalised discounted cumulative gain of the first k: DCG / IDCG, with

        DCG = sum over ranks i = 1..k of rel_i / log2(i + 1),   rel_i = 1 when the i-th is right, else 0,

    and IDCG the DCG of a ranking with all that is right in front: the sum of 1 / log2(i + 1) over i = 1..min(k, number of right ones). With one right
    tool NDCG@1 is whether it is the first. A name that comes again counts once.

    Raises:
        ArtificerError: nothing is right, or k is less than 1.
    """
    _checked(right, k)
    gained = sum(1 / log2(rank + 1) for rank, name in enumerate(_once(ranked)[:k], 1) if name in right)
    return gained / sum(1 / log2(rank + 1) for rank in range(1, min(k, len(set(right))) + 1))


def recall(ranked: Sequence[str], right: Collection[str], k: int) -> float:
    """Which share of the right ones is among the first k.

    Raises:
        ArtificerError: as `ndcg`.
    """
    _checked(right, k)
    return len(set(ranked[:k]) & set(right)) / len(set(right))


def _once(ranked: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(ranked))


def _checked(right: Collection[str], k: int) -> None:
    if not right or k < 1:
        raise ArtificerError(f"a ranking at {k} with {len(right)} right ones cannot be judged", remedy="let k be 1 or more, and something be right")
