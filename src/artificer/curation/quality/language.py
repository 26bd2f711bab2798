"""Which language a text is in, by its script, its function words and letters that few languages use.

Made for conversations, not for single words: with fewer than three words, with one that tells the language, or with two
languages about as likely, the answer is "undecided" (`UNDECIDED`). Scripts that one language of weight writes in decide
by themselves (Hangul: ko); words decide among the languages of Latin, Cyrillic and Arabic script.
`benchmarks/quality.py --languages` measures it on sentences that translators of a widely used package wrote.

Method: the classic one of short-word lists (Grefenstette 1995). A word counts for each language in whose list it
stands, by one over the number of such languages; a letter that only they use counts half as much.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from functools import lru_cache
from pathlib import Path

UNDECIDED = "undecided"
_LOOKED = 4_000
"""Characters of a text that are looked at."""
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_SCRIPTS: tuple[tuple[int, int, str], ...] = (
    (0x0041, 0x024F, "Latin"),
    (0x0370, 0x03FF, "Greek"),
    (0x0400, 0x052F, "Cyrillic"),
    (0x0590, 0x05FF, "Hebrew"),
    (0x0600, 0x06FF, "Arabic"),
    (0x0900, 0x097F, "Devanagari"),
    (0x0980, 0x09FF, "Bengali"),
    (0x0B80, 0x0BFF, "Tamil"),
    (0x0E00, 0x0E7F, "Thai"),
    (0x10A0, 0x10FF, "Georgian"),
    (0x1E00, 0x1EFF, "Latin"),
    (0x3040, 0x30FF, "Kana"),
    (0x3400, 0x9FFF, "Han"),
    (0xAC00, 0xD7AF, "Hangul"),
)
_ONE = {
    "Greek": "el",
    "Hebrew": "he",
    "Devanagari": "hi",
    "Bengali": "bn",
    "Tamil": "ta",
    "Thai": "th",
    "Georgian": "ka",
    "Kana": "ja",
    "Han": "zh",
    "Hangul": "ko",
}
"""Scripts that are taken for one language. Devanagari is also Marathi's and Nepali's: it is said to be Hindi."""
_AMONG = {"Cyrillic": ("ru", "uk", "bg"), "Arabic": ("ar", "fa")}
_LEAST, _MARGIN, _DENSITY = 0.6, 1.15, 0.08


@lru_cache(maxsize=1)
def _lists() -> tuple[dict[str, tuple[tuple[str, float], ...]], dict[str, tuple[tuple[str, float], ...]]]:
    """Words and letters, each with the languages it speaks for and by how much."""
    read = tomllib.loads((Path(__file__).parent / "words.toml").read_text("utf-8"))
    words: dict[str, list[str]] = {}
    letters: dict[str, list[str]] = {}
    for name, lists in read.items():
        for word in dict.fromkeys(str(lists["words"]).split()):
            words.setdefault(word, []).append(name)
        for letter in str(lists["letters"]):
            letters.setdefault(letter, []).append(name)
    return (
        {word: tuple((name, 1 / len(names)) for name in names) for word, names in words.items()},
        {letter: tuple((name, 0.5 / len(names)) for name in names) for letter, names in letters.items()},
    )


def scripts(text: str) -> dict[str, int]:
    """How many letters of each script a text has, most first. Of a long text its beginning."""
    text = text[:_LOOKED]
    found: Counter[str] = Counter()
    if text.isascii():
        found["Latin"] = sum(map(str.isalpha, text))
    else:
        for letter, number in Counter(text).items():
            if letter.isalpha():
                found[_script(letter)] += number
    return {name: number for name, number in found.most_common() if number}


@lru_cache(maxsize=8192)
def _script(letter: str) -> str:
    code = ord(letter)
    return next((name for low, high, name in _SCRIPTS if low <= code <= high), "other")


def language(text: str) -> str:
    """The language of a text as its two letters (ISO 639-1), or "undecided"."""
    text = text[:_LOOKED]
    found = scripts(text)
    if not found:
        return UNDECIDED
    if found.get("Kana", 0) and found.get("Kana", 0) + found.get("Han", 0) >= max(found.values()):
        return "ja"
    script = next(iter(found))
    if script in _ONE:
        return _ONE[script]
    return _by_words(text.lower(), _AMONG.get(script)) if script in ("Latin", "Cyrillic", "Arabic") else UNDECIDED


def _by_words(text: str, among: tuple[str, ...] | None) -> str:
    words, letters = _lists()
    spoken = _WORD.findall(text)
    if len(spoken) < 3:
        return UNDECIDED
    score: dict[str, float] = {}
    hits: Counter[str] = Counter()
    for word, number in Counter(spoken).items():
        for name, weight in words.get(word, ()):
            hits[name] += 1
            score[name] = score.get(name, 0.0) + weight * number
    if not text.isascii():
        for letter, number in Counter(text).items():
            for name, weight in letters.get(letter, ()):
                hits[name] += 1
                score[name] = score.get(name, 0.0) + weight * number
    fit = [(name, value) for name, value in score.items() if (name not in _OTHERS if among is None else name in among)]
    ranked = sorted(fit, key=lambda pair: (-pair[1], pair[0]))
    if not ranked or hits[ranked[0][0]] < 2 or ranked[0][1] < max(_LEAST, _DENSITY * len(spoken)):
        return UNDECIDED
    if len(ranked) > 1 and ranked[0][1] < _MARGIN * ranked[1][1]:
        return UNDECIDED
    return ranked[0][0]


_OTHERS = frozenset(name for names in _AMONG.values() for name in names)
LANGUAGES = tuple(re.findall(r"\w+", "en de fr es pt it nl sv da no pl cs ro fi hu tr id vi ru uk bg ar fa el he hi bn ta th ka ja zh ko"))
"""All that can be told."""
