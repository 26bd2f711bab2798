"""Pieces of a request body that were encoded once: tools, and the messages that every turn of a conversation repeats.

What is known is known by identity: the same message object gives the same bytes. Messages and tools are frozen, and
while a piece is kept its object is kept with it, so that no other can get its place in memory. Two generations of at
most `room` bytes each bound it; what is used stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Bytes of objects.

    Args:
        encode: makes them.
        room: bytes that one generation may hold.
    """

    def __init__(self, encode: Callable[[T], bytes], room: int = 8 << 20) -> None:
        self._encode = encode
        self._room = room
        self._size = 0
        self._young: dict[int, tuple[T, bytes]] = {}
        self._old: dict[int, tuple[T, bytes]] = {}

    def __call__(self, thing: T) -> bytes:
        known = self._young.get(id(thing))
        if known is not None:
            return known[1]
        known = self._old.get(id(thing))
        if known is None:
            known = (thing, self._encode(thing))
        self._young[id(thing)] = known
        self._size += len(known[1]) + 200  # what an entry takes besides
        if self._size > self._room:
            self._old, self._young, self._size = self._young, {}, 0
        return known[1]


class KeptList(Generic[T]):
    """The bytes of a list of things, joined by commas; known by the identity of all its things."""

    def __init__(self, one: Kept[T], most: int = 512) -> None:
        self._one = one
        self._most = most
        self._known: dict[tuple[int, ...], tuple[tuple[T, ...], bytes]] = {}

    def __call__(self, things: Sequence[T]) -> bytes:
        key = tuple([id(thing) for thing in things])
        known = self._known.get(key)
        if known is None:
            known = (tuple(things), b",".join([self._one(thing) for thing in things]))
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[key] = known
        return known[1]
