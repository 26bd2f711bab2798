"""Canonical JSON, digests, stable ids, and seeds derived from ids.

Everything that must be the same on every machine and in every order goes through here: keys of rows, ids of tasks and
traces, random streams. Seeds come from names, never from a counter or a worker, so concurrency cannot change a
result.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec

Json = Any
"""A JSON value: None, bool, int, float, str, list of Json, dict of str to Json."""

_sorted: Callable[[object], bytes] = msgspec.json.Encoder(order="sorted").encode


def canonical(value: object) -> bytes:
    """Canonical JSON bytes of any JSON value or struct: keys sorted (as text), no spaces, non-finite floats as null."""
    try:
        return _sorted(value)
    except TypeError:  # dicts with integer keys
        return _sorted(msgspec.to_builtins(value, str_keys=True))


def digest(*parts: object, size: int = 16) -> str:
    """Hex BLAKE2b digest of the canonical JSON of `parts`; `size` bytes, so `2 * size` characters."""
    return hashlib.blake2b(canonical(parts), digest_size=size).hexdigest()


def stable_id(prefix: str, *parts: object) -> str:
    """An id that depends on `parts` alone, e.g. `task-3f9c0a6be1d2a47e`: 64 bits, so that among a million two are alike once in 10 million sets."""
    return f"{prefix}-{digest(*parts, size=8)}"


def seed_of(*parts: object) -> int:
    """A 64-bit seed derived from `parts`."""
    return int.from_bytes(hashlib.blake2b(canonical(parts), digest_size=8).digest(), "big")


def rng(*parts: object) -> random.Random:
    """An independent random stream named by `parts`."""
    return random.Random(seed_of(*parts))


def scalars(value: Json) -> Iterator[Json]:
    """Every scalar in a JSON value, at any depth (keys of objects are not values)."""
    waiting: list[Json] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(cast("dict[str, Json]", item).values())
        elif isinstance(item, (list, tuple)):
            waiting.extend(cast("list[Json]", item))
        else:
            yield item
