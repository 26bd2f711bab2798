"""Porter's stemmer, in the form that the ROUGE score of ToolSandbox uses.

The algorithm is M. F. Porter's ("An algorithm for suffix stripping", 1980) with the departures of NLTK's default mode:
a few irregular words, `ies` and `ied` after one letter, `y` after any consonant, and some more suffixes. One pass over
a word for each step, so it is linear in the word.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

_IRREGULAR = {
    "skies": "sky", "sky": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news", "innings": "inning", "inning": "inning",
    "outings": "outing", "outing": "outing", "cannings": "canning", "canning": "canning", "howe": "howe", "proceed": "proceed",
    "exceed": "exceed", "succeed": "succeed",
}  # fmt: skip
_STEP_2 = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"), ("alli", "al"), ("entli", "ent"),
    ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"),
    ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful"),
)  # fmt: skip
_STEP_3 = (("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""))
_STEP_4 = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize",
)  # fmt: skip
_CACHED = 40


def stem(word: str) -> str:
    """The stem of a lower-case word; one of one or two letters is its own."""
    return _known(word) if len(word) <= _CACHED else _stem(word)


@lru_cache(maxsize=16384)
def _known(word: str) -> str:
    return _stem(word)


def _stem(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    for step in (_plural, _past, _y, _double_suffix, _suffix, _residual, _final_e, _final_l):
        word = step(word)
    return word


def _consonants(word: str) -> list[bool]:
    """Whether each letter is a consonant: no vowel, and no `y` after a consonant."""
    found: list[bool] = []
    for at, letter in enumerate(word):
        found.append(letter not in "aeiou" and not (letter == "y" and at > 0 and found[-1]))
    return found


def _measure(word: str) -> int:
    """How many times a vowel is followed by a consonant: Porter's m."""
    kinds = _consonants(word)
    return sum(not before and after for before, after in pairwise(kinds))


def _vowel(word: str) -> bool:
    return not all(_consonants(word))


def _doubled(word: str) -> bool:
    """Ends in a double consonant."""
    return len(word) >= 2 and word[-1] == word[-2] and _consonants(word)[-1]


def _short(word: str) -> bool:
    """Ends in consonant, vowel, consonant (not w, x or y); or is vowel, consonant."""
    kinds = _consonants(word)
    if len(word) >= 3 and kinds[-3:] == [True, False, True]:
        return word[-1] not in "wxy"
    return kinds == [False, True]


def _plural(word: str) -> str:
    """Step 1a."""
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _past(word: str) -> str:
    """Step 1b."""
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        if word.endswith(suffix):
            base = word[: -len(suffix)]
            return _restored(base) if _vowel(base) else word
    return word


def _restored(base: str) -> str:
    """What step 1b leaves of a word, mended."""
    if base.endswith(("at", "bl", "iz")):
        return base + "e"
    if _doubled(base):
        return base if base[-1] in "lsz" else base[:-1]
    return base + "e" if _measure(base) == 1 and _short(base) else base


def _y(word: str) -> str:
    """Step 1c."""
    return word[:-1] + "i" if word.endswith("y") and len(word) > 2 and _consonants(word)[-2] else word


def _double_suffix(word: str) -> str:
    """Step 2."""
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        return _double_suffix(word[:-2])
    if word.endswith("logi"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    return _replaced(word, _STEP_2)


def _suffix(word: str) -> str:
    """Step 3."""
    return _replaced(word, _STEP_3)


def _replaced(word: str, rules: Sequence[tuple[str, str]]) -> str:
    """The first suffix that fits decides, whether it is then replaced or not."""
    for suffix, instead in rules:
        if word.endswith(suffix):
            base = word[: -len(suffix)]
            return base + instead if _measure(base) > 0 else word
    return word


def _residual(word: str) -> str:
    """Step 4."""
    for suffix in _STEP_4:
        if word.endswith(suffix):
            base = word[: -len(suffix)]
            fits = suffix != "ion" or base.endswith(("s", "t"))
            return base if fits and _measure(base) > 1 else word
    return word


def _final_e(word: str) -> str:
    """Step 5a."""
    if not word.endswith("e"):
        return word
    base = word[:-1]
    measure = _measure(base)
    return base if measure > 1 or (measure == 1 and not _short(base)) else word


def _final_l(word: str) -> str:
    """Step 5b."""
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word
