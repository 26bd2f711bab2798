"""Quoted evidence: does an answer quote its source where it should, and not simply all of it?

RARE (arXiv 2601.07226) pays a model for putting the helpful part of a context between `<reference>` tags; its judge is a model. Here a quotation
counts when it stands in the context word for word (white space and case aside) and covers the wanted span; and, which the paper lacks, only while
all quotations together take no more than `most` of the context, so that copying everything earns nothing.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

_TAG = re.compile(r"<(/?)reference>", re.IGNORECASE)
_PIECE = 20_000
_SPACES = re.compile(r"\s+")
LONGEST = 1_000_000


class Quoted(Struct, frozen=True):
    """What quotations are worth.

    Args:
        score: share of the wanted spans that a faithful quotation covers; 0 when too much is copied.
        faithful: quotations that stand in the context. invented: those that do not.
        copied: share of the context that the faithful ones take, in characters.
    """

    score: float
    faithful: int
    invented: int
    copied: float
    why: str = ""


def references(text: str) -> list[str]:
    """What stands between `<reference>` tags, at most 64 pieces."""
    text = text[:LONGEST]
    pieces: list[str] = []
    opened: deque[int] = deque()  # ends of opening tags since the last piece
    for tag in _TAG.finditer(text):
        if not tag[1]:
            opened.append(tag.end())
            continue
        while opened and tag.start() - opened[0] > _PIECE:
            opened.popleft()
        if opened:
            pieces.append(text[opened[0] : tag.start()].strip())
            opened.clear()
    return [piece for piece in pieces[:64] if piece]


def quoted(quotes: Sequence[str], context: str, wanted: Sequence[str], *, most: float = 0.3) -> Quoted:
    """Judges quotations against their source.

    Args:
        quotes: e.g. `references(text)`.
        wanted: the spans that help; each must lie within one quotation. Empty: being faithful is enough.
        most: the largest share of the context that may be quoted.
    """
    source = _plain(context[:LONGEST])
    taken = [False] * len(source)
    faithful: list[str] = []
    for quote in quotes[:64]:
        piece = _plain(quote)
        at = source.find(piece) if piece else -1
        if at >= 0:
            faithful.append(piece)
            taken[at : at + len(piece)] = [True] * len(piece)
    copied = sum(taken) / len(source) if source else 0.0
    invented = len(quotes) - len(faithful)
    if copied > most:
        return Quoted(0.0, len(faithful), invented, copied, f"{copied:.0%} of the context is quoted, more than {most:.0%}")
    if not faithful:
        return Quoted(0.0, 0, invented, copied, "nothing is quoted" if not quotes else "no quotation stands in the context")
    covered = [any(_plain(span) in piece for piece in faithful) for span in wanted]
    score = sum(covered) / len(covered) if covered else 1.0
    return Quoted(score, len(faithful), invented, copied, "" if score == 1 else "a wanted span is not quoted")


def _plain(text: str) -> str:
    return _SPACES.sub(" ", text).strip().casefold()
