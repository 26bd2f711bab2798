"""Texts as they are compared: words without case and punctuation, runs of words, and the form of a text without its names and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from artificer.checks.values import unified

_ALONE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(f"[{_ALONE}]|[^\\W_{_ALONE}]+")
"""Letters and digits; a character of a script that is written without spaces is a word."""
LONGEST_FORM = 2000
"""Words of a message that is looked at for its form."""
GAP = "\u241f"


def words(text: str) -> list[str]:
    """The words of a text, without case, punctuation and compatibility forms."""
    return _WORD.findall(_plain(text).casefold())


def _plain(text: str) -> str:
    return unified(text)


def runs(said: Sequence[str], size: int) -> set[str]:
    """All runs of so many words; none of a text that is shorter."""
    return set(each_run(said, size))


def each_run(said: Sequence[str], size: int) -> Iterator[str]:
    """The same one by one, as often as each stands there: of a long text they take many times its own memory."""
    return (" ".join(said[at : at + size]) for at in range(len(said) - size + 1))


def form(text: str) -> tuple[str, int]:
    """A text with gaps for what begins with a capital letter or holds a digit, and how many words are left.

    "Book a flight to Rome on May 4" and "Book a flight to Oslo on June 12" have one form. Neighbouring gaps are one.
    """
    left: list[str] = []
    for word in _WORD.findall(_plain(text)):
        if word[0].isupper() or not word.isalpha():
            if not left or left[-1] != GAP:
                left.append(GAP)
        else:
            left.append(word)
    return " ".join(left), len(left) - left.count(GAP)
