"""Names for tools and labels for people, made from a schema's own names: `InvoiceLine` is `invoice_line`,
`invoice_lines`, "invoice line".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from artificer.core.canon import digest

_LIMIT = 64
_SAME = {"series", "species", "news", "sheep", "fish", "data", "media", "equipment", "information", "metadata", "money", "music", "staff", "feedback"}
_IRREGULAR = {
    "person": "people",
    "child": "children",
    "man": "men",
    "woman": "women",
    "foot": "feet",
    "mouse": "mice",
    "index": "indexes",
    "quiz": "quizzes",
}
_REGULAR_ES = ("ss", "sh", "ch", "x", "zz")


def snake(name: str) -> str:
    """`InvoiceLine`, `invoice line` and `INVOICE-LINE` as `invoice_line`; letters beyond ASCII lose their marks."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain)
    return re.sub(r"[^A-Za-z0-9]+", "_", words).strip("_").lower() or f"t{digest(name, size=3)}"


def singular(name: str) -> str:
    """The singular of a snake_case noun, by its last word."""
    head, word = _last(name)
    for one, many in _IRREGULAR.items():
        if word == many:
            return head + one
    if word in _SAME or word.endswith(("ss", "us", "is")) or not word.endswith("s") or len(word) < 3:
        return name
    if word.endswith("ies") and len(word) > 4 and word not in {"movies", "cookies", "series"}:
        return head + word[:-3] + "y"
    if word.endswith("es") and word[:-2].endswith(_REGULAR_ES):
        return head + word[:-2]
    if word.endswith(("statuses", "addresses", "buses", "aliases")):
        return head + word[:-2]
    return head + word[:-1]


def plural(name: str) -> str:
    """The plural of a snake_case noun in the singular."""
    head, word = _last(name)
    if word in _IRREGULAR:
        return head + _IRREGULAR[word]
    if word in _SAME:
        return name
    if word.endswith("y") and len(word) > 1 and word[-2] not in "aeiou":
        return head + word[:-1] + "ies"
    return head + word + ("es" if word.endswith((*_REGULAR_ES, "s", "z")) else "s")


def humanised(name: str) -> str:
    """What people call it: `UnitPrice` is "unit price"; `album_id` is "album"."""
    words = snake(name).split("_")
    if len(words) > 1 and words[-1] in {"id", "no", "nr", "fk"}:
        words = words[:-1] if words[-1] in {"id", "fk"} else [*words[:-1], "number"]
    return " ".join(words)


def article(noun: str) -> str:
    """A noun with its indefinite article."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def unique_name(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, cut to 64 characters, with a number when it is taken."""
    taken = set(taken)
    name = wanted if len(wanted) <= _LIMIT else f"{wanted[: _LIMIT - 7]}_{digest(wanted, size=3)}"
    number = 2
    while name in taken:
        end = f"_{number}"
        name = wanted[: _LIMIT - len(end)] + end
        number += 1
    return name


def _last(name: str) -> tuple[str, str]:
    head, mark, word = name.rpartition("_")
    return head + mark, word
