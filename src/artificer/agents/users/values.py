"""Values as people write them, and values that are plausible and wrong."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from random import Random
from typing import cast

from artificer.core.canon import Json


def leaves(value: Json) -> Iterator[Json]:
    """The single values in a value."""
    if isinstance(value, (dict, list, tuple)):
        for part in cast("dict[str, Json]", value).values() if isinstance(value, dict) else cast("list[Json]", value):
            yield from leaves(part)
    else:
        yield value


def written(value: Json) -> tuple[str, ...]:
    """The ways in which a phrase may write a value: text as it is, numbers plainly; nothing for what is neither."""
    if isinstance(value, str):
        return (value,) if value.strip() else ()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ()
    forms = [f"{value}", f"{value:.2f}", f"{value:,}", f"{value:,.2f}", f"{value:g}"]
    return tuple(dict.fromkeys(forms))


def another(value: Json, rng: Random) -> str | None:
    """Another value of the same kind, written; None when there is none that would be taken for one."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return str(value + rng.choice((1, 2, 3)) if value < 2 else value + rng.choice((-1, 1, 2)))
    if isinstance(value, float):
        return f"{value + rng.choice((0.5, 1.0, 2.0, 10.0)):.2f}"
    if not isinstance(value, str):
        return None
    try:
        return (datetime.date.fromisoformat(value) + datetime.timedelta(days=rng.choice((-2, -1, 1, 7)))).isoformat()
    except (ValueError, OverflowError):
        return _respelt(value, rng)


def _respelt(text: str, rng: Random) -> str | None:
    """Text with a digit changed, or a word's last two letters swapped, or something added: heard wrongly, or remembered
    wrongly.
    """
    digits = [at for at, letter in enumerate(text) if letter.isdigit()]
    if digits:
        at = rng.choice(digits)
        return text[:at] + str((int(text[at]) + rng.choice((1, 2, 3, 7))) % 10) + text[at + 1 :] if text[at].isascii() else None
    words = text.split(" ")
    long = [index for index, word in enumerate(words) if len(word) > 3 and word.isalpha() and word[-1] != word[-2]]
    if not long:
        return None
    at = rng.choice(long)
    word = words[at]
    words[at] = word[:-2] + word[-1] + word[-2]
    return " ".join(words)
