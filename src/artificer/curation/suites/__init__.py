"""Suites: what must not be trained on, as traces of what is asked and of the calls that solve it.

A published suite is read from its installed package, as data: no tool of it is run. Any run folder, file or folder of files is a suite too. Each row
is a trace: user messages, assistant messages with gold calls, the tools offered; its id is the suite's own, its world `bfcl:CATEGORY`,
`tau2:DOMAIN` or `agentdojo:SUITE`. What is done with them, whether data hold some of it, is left to `curation.contamination`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from artificer.core.errors import ArtificerError, SourceError
from artificer.curation.suites import bfcl, dojo, own, tau2
from artificer.formats.base import Item

PUBLISHED: dict[str, tuple[Sequence[str], Callable[[str], Iterator[Item]]]] = {
    "bfcl": (bfcl.CATEGORIES, bfcl.rows),
    "tau2": (tau2.DOMAINS, tau2.rows),
    "agentdojo": (dojo.SUITES, dojo.rows),
}
"""Published suites: their parts, and what reads one part."""


class Suite(Struct, frozen=True):
    """A suite that somebody names; `open` begins its rows anew."""

    name: str
    open: Callable[[], Iterator[Item]]


def suite(name: str, given: str | None = None) -> Suite:
    """The suite of a name.

    Args:
        name: `bfcl`, `tau2`, `agentdojo`, one part of these (`bfcl:live_simple`), a run folder, a file or a folder of files.
        given: the format of a file; guessed from its first rows when None.

    Raises:
        ArtificerError: there is no such suite or part. That a package is not installed, or a file of no known format, is
            raised when its rows are read.
    """
    if Path(name).exists():
        return Suite(name, lambda: own.rows(name, given))
    first, colon, part = name.partition(":")
    if first not in PUBLISHED:
        raise ArtificerError(f"there is no suite {name!r}", remedy=f"write one of {', '.join(PUBLISHED)}, or a run folder or a file that is there")
    parts, rows = PUBLISHED[first]
    if colon and part not in parts:
        raise ArtificerError(f"the suite {first!r} has no part {part!r}", remedy=f"write one of {', '.join(f'{first}:{one}' for one in parts)}")
    chosen = (part,) if colon else tuple(parts)
    return Suite(name, lambda: (item for one in chosen for item in rows(one)))


def installed() -> list[str]:
    """The published suites that can be read here."""
    found: list[str] = []
    for name in PUBLISHED:
        try:
            next(suite(name).open(), None)
        except SourceError:
            continue
        found.append(name)
    return found
