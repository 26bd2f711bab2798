"""Values as checks compare them: equality by value, and finding a value in words.

Equality is typed: 1 equals 1.0, but not "1" and not true. Text is searched case-insensitively at word boundaries,
numbers by the numbers a text writes ("$1,234.50" writes 1234.5), dates by the ways people write them. Everything here
is linear in its input and iterative, because the input may be hostile: megabytes of text, a thousand levels of
nesting, lone surrogates, NaN.
"""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
from collections.abc import Hashable, Iterator
from functools import lru_cache
from typing import cast

from artificer.core.canon import Json

_NUMBER = re.compile(r"(?<![^\W_])[-\u2212]?\d+(?:[.,]\d+)*%?")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
_EUROPEAN = re.compile(r"\d{1,3}(\.\d{3})+(,\d+)?|\d+,\d+")
_WORD = re.compile(r"\w+")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?")
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_COUNTS = {
    word: float(value)
    for value, word in enumerate(
        re.findall(
            r"\w+",
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
            "sixteen seventeen eighteen nineteen twenty",
        )
    )
} | {"thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0, "ninety": 90.0, "hundred": 100.0}
_TRIES = 1000
"""How many occurrences inside longer words are looked past before a phrase counts as absent: keeps hostile text
linear.
"""
_MARKS = 30
"""The most marks in a row that a text is normalised with at once (Unicode's stream-safe form, UAX 15)."""
_DIGITS = 40
"""Longest written number that is read as one."""


def freeze(value: Json) -> Hashable:
    """A hashable stand-in for a JSON value, equal exactly when the values are: 1 and 1.0 are, 1 and true are not, NaN
    equals itself.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, float):
        return ("nan",) if math.isnan(value) else value
    if isinstance(value, (list, tuple, dict)):
        return tuple(_tokens(value))
    return cast("Hashable", value)


def _tokens(value: Json) -> Iterator[Hashable]:
    """A nested value in prefix order: each container announces its size or keys, so that no two values give the same
    tokens.
    """
    waiting: list[Json] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            entries = cast("dict[str, Json]", item)
            keys = sorted(entries)
            yield ("{", tuple(keys))
            waiting.extend(entries[key] for key in reversed(keys))
        elif isinstance(item, (list, tuple)):
            yield ("[", len(cast("list[Json]", item)))
            waiting.extend(cast("list[Json]", item)[::-1])
        else:
            yield freeze(item)


def same(left: Json, right: Json) -> bool:
    """Equality by value, as `freeze` defines it."""
    return left is right or freeze(left) == freeze(right)


def unified(text: str) -> str:
    """Compatibility forms unified (NFKC), in time linear in the text: runs of more than 30 combining marks, which no
    language writes and whose sorting is quadratic, are cut into pieces that are normalised one by one.
    """
    if text.isascii():
        return text
    cuts, run = [0], 0
    for at, letter in enumerate(text):
        run = run + 1 if unicodedata.combining(letter) else 0
        if run > _MARKS:
            cuts.append(at)
            run = 1
    return "".join(unicodedata.normalize("NFKC", text[start:end]) for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True))


def fold(text: str) -> str:
    """Text as it is searched: without case."""
    return text.casefold()


def words(folded: str) -> frozenset[str]:
    """The words of folded text."""
    return frozenset(_WORD.findall(folded))


def occurs(folded: str, phrase: str) -> bool:
    """Whether folded `phrase` stands in folded text with no letter or digit touching its ends."""
    if not phrase:
        return False
    at = folded.find(phrase)
    for _ in range(_TRIES):
        if at < 0:
            return False
        end = at + len(phrase)
        starts = at == 0 or not (folded[at - 1].isalnum() and phrase[0].isalnum())
        if starts and (end == len(folded) or not (folded[end].isalnum() and phrase[-1].isalnum())):
            return True
        at = folded.find(phrase, at + 1)
    return False


def numbers(folded: str) -> set[float]:
    """The numbers that a text writes: plain, with thousands separators or currency signs, per cent (15 and 0.15),
    small ones in words.
    """
    found: set[float] = set()
    for written in _NUMBER.findall(folded):
        if len(written) <= _DIGITS:
            found.update(_readings(written))
    found.update(value for word, value in _COUNTS.items() if word in folded and occurs(folded, word))
    return found


@lru_cache(maxsize=65536)
def _readings(written: str) -> tuple[float, ...]:
    """The numbers that one piece of digits can mean. A hyphen before it may be a sign or a dash, so both are meant."""
    signed = written[0] in "-\u2212"
    bare = written[1:] if signed else written
    percent = bare.endswith("%")
    bare = bare.rstrip("%")
    values: list[float] = []
    if _THOUSANDS.fullmatch(bare):
        values.append(float(bare.replace(",", "")))
    elif _EUROPEAN.fullmatch(bare):
        values.append(float(bare.replace(".", "").replace(",", ".")))
    if not values or bare.count(".") == 1:
        values.extend(_plain(bare))
    if percent:
        values += [value / 100 for value in values]
    if signed:
        values += [-value for value in values]
    return tuple(values)


def _plain(bare: str) -> list[float]:
    try:
        return [float(bare)]
    except ValueError:  # 2024.05.06, 1,2,3: several numbers
        return [float(piece) for piece in re.split(r"[.,]", bare)]


@lru_cache(maxsize=4096)
def written_dates(value: str) -> tuple[str, ...]:
    """The ways people write an ISO date or time stamp, folded; empty when `value` is neither. A time of day other
    than midnight is no date.
    """
    match = _ISO_DATE.fullmatch(value.strip()) if len(value) < _DIGITS else None
    if match is None or any(part is not None and int(part) for part in match.groups()[3:]):
        return ()
    try:
        date = datetime.date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return ()
    year, month, day = date.year, date.month, date.day
    suffix = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    name = _MONTHS[month - 1]
    forms = [f"{year}-{month:02}-{day:02}", f"{year}/{month:02}/{day:02}", f"{year}{month:02}{day:02}"]
    for first, second in ((month, day), (day, month)):
        forms += [f"{first}{sep}{second}{sep}{year}" for sep in "/.-"] + [f"{first:02}{sep}{second:02}{sep}{year}" for sep in "/.-"]
    for spelled in dict.fromkeys((name, name[:3], f"{name[:3]}.", *(("sept", "sept.") if month == 9 else ()))):
        for number in (f"{day}", f"{day:02}", f"{day}{suffix}"):
            forms += [f"{spelled} {number}, {year}", f"{spelled} {number} {year}", f"{number} {spelled} {year}", f"{number} {spelled}, {year}"]
            forms += [f"{number} of {spelled} {year}", f"{number} of {spelled}, {year}", f"{spelled} the {number}, {year}"]
    return tuple(dict.fromkeys(forms))


def clip(text: str, size: int = 80) -> str:
    """Text as evidence quotes it: short, and fit to be written down."""
    short = text if len(text) <= size else text[:size] + "…"
    return short.encode("utf-8", "replace").decode()


def shown(value: Json) -> str:
    """A value as evidence shows it."""
    if isinstance(value, str):
        return clip(repr(value[:100]))
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**40:
        return "a very large integer"
    try:
        return clip(repr(value))
    except RecursionError:
        return "a deeply nested value"
