"""A router turns a request for help, in an agent's own words, into tools (the split of MetaAgent, arXiv 2508.00271: one model reasons and asks,
another part knows the tools). The one here retrieves; an agent may bring another, e.g. a model that chooses among what this one found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from artificer.core.tools import ToolSpec
from artificer.worlds.catalogue.catalogue import Catalogue
from artificer.worlds.catalogue.filters import Where

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+|\band then\b|\bthen\b", re.IGNORECASE)
_MOST_PARTS = 8


class Router(Protocol):
    """Whoever knows which tools serve a request."""

    def __call__(self, query: str, catalogue: Catalogue, k: int = 5, where: Where | None = None) -> Sequence[ToolSpec]:
        """At most k tools, the likeliest first."""
        ...


def route(query: str, catalogue: Catalogue, k: int = 5, where: Where | None = None) -> list[ToolSpec]:
    """The tools for a request for help. A compound request is searched whole and by its parts ("find the album, then lower its price"), in turns: the
    best of each, then the second of each, without repetition, until there are k.

    Args:
        query: what is wanted, in words.
        catalogue: what there is.
        k: how many at most.
        where: conditions that every tool must satisfy.
    """
    parts = [part for part in _SENTENCE.split(query) if part and part.strip()][:_MOST_PARTS]
    queries = [query, *parts] if len(parts) > 1 else [query]
    rankings = [[found.tool for found in catalogue.search(text, k, where)] for text in queries]
    chosen: dict[str, ToolSpec] = {}
    for rank in range(k):
        for ranking in rankings:
            if rank < len(ranking) and len(chosen) < k:
                chosen.setdefault(ranking[rank].name, ranking[rank])
    return list(chosen.values())
