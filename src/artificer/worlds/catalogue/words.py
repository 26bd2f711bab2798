"""Text as words to search by: the same function for a tool's documentation and for a query.

Identifiers are split (`getUserByID`, `get_user_by_id` and `get-user by ID` are the same words), case and accents are folded, invisible characters
are dropped, plurals lose their s. English function words are left out, unless a text has no others. Scripts without spaces give overlapping pairs of
characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_RUN = re.compile(r"[^\W_]+")
_PART = re.compile(r"[A-Z]{2,}s?(?![A-Za-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
"""Thai, kana, Han."""
_FUNCTION_WORDS = """
a an the of to in for on with by from at is are was were be been it its this that these those i me my you your we our us he she they them their and or
but if then so as can could would will shall should do does did have has had what which who whom how when where please want need like some any not no
"""
STOP = frozenset(_FUNCTION_WORDS.split())
"""English words that tell no tool from another. In a small catalogue some are rare by chance, and would be taken for telling."""
LONGEST = 100_000
"""Characters of a text that are read; the rest of a longer one is left out."""


def normal(text: str) -> str:
    """NFKC without invisible characters (format controls such as zero-width spaces and direction marks) and lone surrogates."""
    if text.isascii():
        return text
    kept = "".join(character for character in text if unicodedata.category(character) not in ("Cf", "Cs"))
    return unicodedata.normalize("NFKC", kept)


def words(text: str) -> list[str]:
    """The words of a text, in order, repeated where it repeats them; without `STOP`, unless nothing else is there."""
    found = _all(text)
    return [word for word in found if word not in STOP] or found


def _all(text: str) -> list[str]:
    text = normal(text[:LONGEST])
    if text.isascii():
        return [_folded(part) for part in _PART.findall(text)]
    found: list[str] = []
    for run in _RUN.findall(_unaccented(text)):
        found += [_folded(part) for part in (_PART.findall(run) if run.isascii() else _foreign(run))]
    return found


def _unaccented(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(part for part in parts if unicodedata.category(part) != "Mn"))


def _foreign(run: str) -> Iterator[str]:
    """The parts of a run with letters beyond ASCII: pairs where words are not spaced, else split where case or kind changes."""
    at = 0
    for match in _UNSPACED.finditer(run):
        yield from _cased(run[at : match.start()])
        pairs = match.group()
        yield from (pairs[index : index + 2] for index in range(max(1, len(pairs) - 1)))
        at = match.end()
    yield from _cased(run[at:])


def _cased(run: str) -> Iterator[str]:
    start = 0
    for at in range(1, len(run)):
        before, here = run[at - 1], run[at]
        closes = before.isupper() and here.isupper() and at + 1 < len(run) and run[at + 1].islower()
        if (before.islower() and here.isupper()) or closes or before.isdecimal() != here.isdecimal():
            yield run[start:at]
            start = at
    if run:
        yield run[start:]


@lru_cache(maxsize=65536)
def _folded(word: str) -> str:
    """Case folded; an English plural loses its s by Harman's rules (JASIS 42(1), 1991): -ies, -es, -s, the first that applies."""
    word = word.casefold()
    if len(word) < 3 or not word.endswith("s") or (len(word) == 3 and word[1] in "ai"):  # gas, has, his
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word if word.endswith(("us", "ss")) else word[:-1]
