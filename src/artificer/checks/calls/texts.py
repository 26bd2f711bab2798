"""Texts that are nearly the same: equal without case and with spaces and compatibility forms unified, the same number, the
same day in any usual way of writing it, or at least `FUZZY` of their words the same (token F1) where no digit stands in
either: codes and amounts that differ are not nearly the same. Symmetric, and linear in the texts.
"""

from __future__ import annotations

import re

from artificer.checks.answers.text import token_f1
from artificer.checks.values import unified, written_dates

FUZZY = 0.8
"""Ours: MCP-RADAR calls its tasks fuzzy and publishes no measure for texts."""
_LONGEST = 100_000
"""Texts longer than this are not compared word by word."""
_NUMBER = re.compile(r"[-+]?\d{1,40}(?:\.\d{1,40})?")
_DATED = 40
"""A text longer than this writes no day alone."""


def folded(text: str) -> str:
    """Without case, compatibility forms unified (NFKC), single spaces."""
    return " ".join(unified(text).casefold().split())


def nearly(given: str, wanted: str) -> bool:
    """See the module."""
    one, other = folded(given), folded(wanted)
    if one == other or _same_day(one, other) or _same_day(other, one):
        return True
    if max(len(one), len(other)) > _LONGEST:
        return False
    if _NUMBER.fullmatch(one) and _NUMBER.fullmatch(other):
        return float(one) == float(other)
    if any(letter.isdigit() for letter in one + other):
        return False
    return token_f1(given, [wanted]) >= FUZZY


def _same_day(written: str, iso: str) -> bool:
    """Whether one text writes the day that the other gives as an ISO date."""
    return len(written) <= _DATED and len(iso) <= _DATED and written in written_dates(iso)
