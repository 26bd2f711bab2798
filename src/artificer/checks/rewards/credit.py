"""Accuracies that pay in part: TAPO's checkers by source of the question (22, code), as functions of two texts.

Several references: the best counts. `accurate` is the flag its sampler looks at (score above 0.9).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_LONGEST = 500
"""Characters of an answer that are compared letter by letter; a longer one earns nothing in part."""
_TWELVE = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER_WORDS = {word: str(number) for number, word in enumerate(_TWELVE, 1)}
_WORD = re.compile(r"[a-z]+")
_COMMA = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
ACCURATE = 0.9


def plain(answer: str) -> str:
    """The last 100 characters, in lower case, number words up to twelve as digits, without thousands commas and outer space."""
    text = answer[-100:].lower().strip()
    return _COMMA.sub("", _WORD.sub(lambda word: _NUMBER_WORDS.get(word[0], word[0]), text)).strip()


def same_plain(said: str, golds: Sequence[str]) -> float:
    """1 when the normalised strings are equal (its mathematics sources)."""
    return float(bool(said.strip()) and any(plain(said) == plain(gold) for gold in golds))


def near(said: str, golds: Sequence[str], *, absolute: float = 1e-3, relative: float | None = None) -> float:
    """1 when |said - gold| < 1e-3 (calculator), or / |gold| < `relative` (0.05 for its complex items); numbers may be complex."""
    found = _complex(said)
    for gold in map(_complex, golds):
        if found is not None and gold is not None:
            off, size = _size(found - gold), _size(gold)
            if off < absolute if relative is None else (size > 0 and off / size < relative):
                return 1.0
    return 0.0


def _size(number: complex) -> float:
    """The absolute value; infinite where `abs` would overflow."""
    return math.hypot(number.real, number.imag)


def _complex(text: str) -> complex | None:
    try:
        return complex(_COMMA.sub("", text[:100].strip()).replace(" ", "").replace("i", "j"))
    except (ValueError, OverflowError):
        return None


def fact(said: str, golds: Sequence[str]) -> float:
    """1 when a reference stands in the answer; else 1 - d where d = Levenshtein / longer length is below 0.5; else 0.

    A dump holds every fact: answers of more than 500 characters earn nothing (ours; the source has no such limit).
    """
    if not said.strip() or len(said) > _LONGEST:
        return 0.0
    return max((_fact(said.lower().strip(), gold.lower().strip()) for gold in golds if gold.strip() and len(gold) <= _LONGEST), default=0.0)


def _fact(said: str, gold: str) -> float:
    if gold in said:
        return 1.0
    distance = levenshtein(said, gold) / max(len(said), len(gold))
    return 1.0 - distance if distance < 0.5 else 0.0


def levenshtein(left: str, right: str) -> int:
    """How many letters to insert, delete or replace, of the first `_LONGEST` of each."""
    left, right = left[:_LONGEST], right[:_LONGEST]
    row = list(range(len(right) + 1))
    for place, letter in enumerate(left, 1):
        above, row[0] = row[0], place
        for other, wanted in enumerate(right, 1):
            above, row[other] = row[other], min(row[other] + 1, row[other - 1] + 1, above + (letter != wanted))
    return row[-1]


def accurate(score: float) -> bool:
    """The flag that TAPO's dynamic sampling compares within a group."""
    return score > ACCURATE
