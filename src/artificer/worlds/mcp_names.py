"""Names of tools when several servers are one world: each name leads to exactly one tool of one server.

A tool keeps its name where only one server has it; otherwise all who have it get their server's name before it, so that
no server can take the place of another by choosing a name. Routing is by table: names are never taken apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from artificer.core.canon import digest

_UNUSUAL = re.compile(r"[^A-Za-z0-9-]+")
_LONGEST = 64


class Route(Struct, frozen=True):
    """Where a name leads: the server's position in the source, and what it calls the tool."""

    server: int
    raw: str


def labels_of(said: Sequence[str]) -> list[str]:
    """Short, unique labels for servers from what they call themselves (or the user calls them)."""
    found: list[str] = []
    for index, name in enumerate(said):
        label = _UNUSUAL.sub("_", name.lower()).strip("_")[:24] or f"server{index + 1}"
        unique = label
        for number in range(2, len(said) + 2):
            if unique not in found:
                break
            unique = f"{label}_{number}"
        found.append(unique)
    return found


def names_of(offered: Sequence[Sequence[str]], labels: Sequence[str], *, prefixed: bool = False) -> list[list[str]]:
    """A unique name for every tool of every server, in the order given.

    Args:
        offered: each server's tools by names that are allowed; a server's own names may repeat.
        prefixed: put the server's label before every name.
    """
    entries = [(server, name) for server, names in enumerate(offered) for name in names]
    wide = {entry for entry in entries if prefixed}
    while True:  # a prefixed name may meet a plain one: then that is prefixed too, until nothing more meets
        given = [(_short(f"{labels[server]}_{name}") if (server, name) in wide else name) for server, name in entries]
        counts = Counter(given)
        clashing = {entry for entry, name in zip(entries, given) if counts[name] > 1 and len(offered) > 1} - wide
        if not clashing:
            break
        wide |= clashing
    taken: set[str] = set()
    found: list[list[str]] = [[] for _ in offered]
    for (server, _), name in zip(entries, given):
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name[: _LONGEST - 5]}_{number}", number + 1
        taken.add(unique)
        found[server].append(unique)
    return found


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 9]}_{digest(name, size=4)}"
