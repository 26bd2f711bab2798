"""Rooms with doors, for `benchmarks/search.py`: one way leads out, the others are traps that look like it.

A wrong door is, each as likely: blocked (an error at once), or the start of a blind corridor of 1 to 3 rooms; in families
with false exits also the start of a corridor to a way out that is not the right one and looks the same. Everything
follows from the seed, whose millions say which family it is: 1 for long ways, 2 for false exits, 3 for both.
"""

from __future__ import annotations

import random

from artificer.worlds.python import tool

DOORS = 4
KINDS = ("blocked", "blind", "false")
LONG, FALSE = 1_000_000, 2_000_000


class Rooms:
    """A place in rooms that follow from `seed`."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.path = ""

    @tool(effect="write")
    def go(self, door: str) -> str:
        """Go through a door.

        Args:
            door: one of those seen here.
        """
        kind = what(self.seed, self.path + door) if len(door) == 1 and door in doors(self.seed, self.path) else "none"
        if kind in ("none", "blocked"):
            raise ValueError(f"the door {door} does not open")
        self.path += door
        return seen(self.seed, self.path)

    def __artificer_state__(self) -> dict[str, object]:
        return {"path": self.path, "out": what(self.seed, self.path) == "out"}


def length(seed: int) -> int:
    """Rooms on the right way."""
    return random.Random(f"length {seed}").choice((5, 6, 7, 8) if (seed // LONG) % 2 else (2, 3, 4))


def right(seed: int, at: int) -> str:
    """The right door of the room `at` on the right way."""
    return random.Random(f"right {seed} {at}").choice("abcd"[:DOORS])


def what(seed: int, path: str) -> str:
    """What a place is: `way`, `out`, `blocked`, `corridor`, `end` (blind), `false` (a wrong way out)."""
    for at, door in enumerate(path):
        if door != right(seed, at):
            kind = random.Random(f"kind {seed} {path[: at + 1]}").choice(KINDS if seed >= FALSE else KINDS[:2])
            rooms = random.Random(f"rooms {seed} {path[: at + 1]}").choice((1, 2, 3))
            if kind == "blocked":
                return kind
            return "corridor" if len(path) - at < rooms else "end" if kind == "blind" else "false"
    return "out" if len(path) == length(seed) else "way"


def doors(seed: int, path: str) -> str:
    """The doors of a place."""
    return "abcd"[:DOORS] if what(seed, path) in ("way", "corridor") else ""


def seen(seed: int, path: str) -> str:
    """What is seen at a place: a corridor looks like the way, a wrong way out like the right one."""
    kind = what(seed, path)
    if kind in ("out", "false"):
        return "daylight"
    return "a wall" if kind == "end" else f"doors {' '.join('abcd'[:DOORS])}"


__all__ = ["Rooms"]
