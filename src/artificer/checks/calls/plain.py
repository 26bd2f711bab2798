"""What presets share in comparing values: JSON values as such, as text, as evidence; common subsequences; F1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from artificer.core.canon import Json

DEEPEST = 50
"""Values nested deeper than this are not written out as text."""


def same_json(
    given: Json,
    wanted: Json,
    text: Callable[[str, str], bool] | None = None,
    listed: Callable[[str, str], bool] | None = None,
    near: Callable[[Json, Json], bool] | None = None,
) -> bool:
    """Whether two JSON values are alike: 1 and 1.0 are, 1 and true are not, NaN is NaN, keys have no order.

    Args:
        text: how two strings are compared; by equality without it. Keys are always compared by equality.
        listed: how two strings right in a list are compared; as others without it.
        near: whether two other values (numbers) that differ are alike all the same.
    """
    stack = [(given, wanted, text)]
    while stack:
        one, other, alike = stack.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            left, right = cast("dict[Any, Json]", one), cast("dict[Any, Json]", other)
            if left.keys() != right.keys():
                return False
            stack.extend((left[key], right[key], text) for key in left)
        elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
            first, second = cast("Sequence[Json]", one), cast("Sequence[Json]", other)
            if len(first) != len(second):
                return False
            stack.extend((item, second[at], listed or text) for at, item in enumerate(first))
        elif isinstance(one, str) and isinstance(other, str):
            if one != other and (alike is None or not alike(one, other)):
                return False
        elif isinstance(one, bool) or isinstance(other, bool):
            if one is not other:
                return False
        else:
            both_nan = isinstance(one, float) and isinstance(other, float) and one != one and other != other
            if one != other and not both_nan and (near is None or not near(one, other)):
                return False
    return True


def short(value: Json, most: int = 80) -> str:
    """A value as evidence shows it: one line, cut; containers that a model may have nested deep are only named."""
    if isinstance(value, str):
        return value[:most].encode("utf-8", "replace").decode().replace("\n", " ") + ("…" if len(value) > most else "")
    if isinstance(value, dict):
        return f"an object of {len(cast('dict[str, Json]', value))}"
    if isinstance(value, list):
        items = cast("list[Json]", value)
        flat = len(items) <= 3 and not any(isinstance(item, list) for item in items)
        return " or ".join(short(item, most // 2) for item in items) if items and flat else f"a list of {len(items)}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 300:
        return "a number of many digits"
    return str(value)


def f1(hits: float, given: float, wanted: float) -> float:
    """2 hits / (given + wanted); 1 where there was nothing to give and nothing was given."""
    return 2 * hits / (given + wanted) if given + wanted else 1.0


def deep(value: Json, most: int) -> bool:
    """Whether a value nests more than `most` levels."""
    level: list[Json] = [value]
    for _ in range(most + 1):
        inner: list[Json] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(cast("dict[str, Json]", item).values())
            elif isinstance(item, list):
                inner.extend(cast("list[Json]", item))
        if not inner:
            return False
        level = inner
    return True


def valued(value: Json) -> str:
    """A value as text: a text itself, others as Python writes them; what is nested too deep by its outline alone."""
    if isinstance(value, str):
        return value
    if deep(value, DEEPEST):
        return "..."
    try:
        return str(value)
    except ValueError:  # an integer of more digits than Python writes
        return "..."


def keys_sorted(value: Json) -> Json:
    """The value with the keys of all its objects in one order; what is nested deeper than `DEEPEST` as it is."""
    if deep(value, DEEPEST):
        return value
    return _sorted(value)


def _sorted(value: Json) -> Json:
    if isinstance(value, dict):
        entries = cast("dict[str, Json]", value)
        return {key: _sorted(entries[key]) for key in sorted(entries)}
    return [_sorted(part) for part in cast("list[Json]", value)] if isinstance(value, list) else value


def common(given: Sequence[str], wanted: Sequence[str]) -> int:
    """The length of the longest common subsequence, bit-parallel over `wanted` (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for at, item in enumerate(wanted):
        places[item] = places.get(item, 0) | 1 << at
    full = (1 << len(wanted)) - 1
    row = full
    for item in given:
        hits = row & places.get(item, 0)
        if hits:
            row = ((row + hits) | (row - hits)) & full
    return len(wanted) - row.bit_count()
