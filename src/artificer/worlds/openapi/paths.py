"""Paths read as places: which collection a path names, which of its items, and inside which other items it lies.

`/users/{userId}/orders/{id}` is an item (one key) of the collection `users/{}/orders`, which lies in an item (one key) of `users`. Names of
parameters do not matter, so `/users/{id}` and `/users/{userId}/orders` speak of the same users.
"""

from __future__ import annotations

import re

from msgspec import Struct

_WHOLE = re.compile(r"\{[^{}]+\}(\.(json|xml))?")
_INNER = re.compile(r"\{([^{}]+)\}")
_SUFFIX = re.compile(r"\.(json|xml)$")

Signature = tuple[str, ...]
"""The literal steps of a path, with `{}` for each parameter."""


class Step(Struct, frozen=True):
    """Items on a path: of the collection `signature`, told apart by the parameters `names`."""

    signature: Signature
    names: tuple[str, ...]

    @property
    def place(self) -> tuple[Signature, int]:
        """What tables are found by: the collection and the number of keys."""
        return self.signature, len(self.names)


class Place(Struct, frozen=True):
    """A path.

    Args:
        signature: of the whole path without its last parameters.
        keys: the parameters at its end; empty when it ends with a word.
        scope: the items it lies in, outermost first.
        last: the last word, "" when there is none.
        others: parameters within words, such as `report(period='{period}')`.
    """

    signature: Signature
    keys: tuple[str, ...]
    scope: tuple[Step, ...]
    last: str
    others: tuple[str, ...]


def place_of(path: str) -> Place:
    """Reads a path template."""
    signature: list[str] = []
    scope: list[Step] = []
    keys: list[str] = []
    others: list[str] = []
    last = ""
    for part in path.split("/"):
        if not part:
            continue
        if _WHOLE.fullmatch(part):
            keys += _INNER.findall(part)
            continue
        if keys:
            scope.append(Step(tuple(signature), tuple(keys)))
            signature += ["{}"] * len(keys)
            keys = []
        others += _INNER.findall(part)
        last = _SUFFIX.sub("", _INNER.sub("{}", part))
        signature.append(last)
    return Place(tuple(signature), tuple(keys), tuple(scope), last, tuple(others))


def singular(word: str) -> str:
    """`categories` -> category, `addresses` -> address, `pets` -> pet."""
    lower = word.lower()
    if lower.endswith("ies") and len(lower) > 4:
        return lower[:-3] + "y"
    if lower.endswith(("sses", "shes", "ches", "xes")):
        return lower[:-2]
    return lower[:-1] if lower.endswith("s") and not lower.endswith(("ss", "us", "is")) else lower
