"""What a published system calls its errors, and where those words belong in the one tree (`core.kinds`).

Sources cut the world differently: "wrong argument" of one is four kinds of another. A class therefore names every place
it may stand for; what it is counted under is the narrowest place that holds them all.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.core.kinds import ErrorGroup, ErrorKind, Place, common

Trust = Literal["code", "paper", "inferred"]


class Source(Struct, frozen=True):
    """One system's classes.

    Args:
        name: short, as reports write it.
        title: the system's.
        ref: where the words stand: a paper or a repository.
        trust: whether they were read in code or a paper, or are worded here after a description.
        classes: each class, in the source's own word, with its places; none where it says that nothing is wrong.
    """

    name: str
    title: str
    ref: str
    trust: Trust
    classes: dict[str, tuple[Place, ...]]

    def place(self, word: str) -> Place | None:
        """Where a class belongs; None when it names no error.

        Raises:
            ArtificerError: the source has no such class.
        """
        places = self._places(word)
        return common(places) if places else None

    def kinds(self, word: str) -> tuple[ErrorKind, ...]:
        """The kinds that a class may stand for; empty for one that says no more than a group, or that nothing is wrong.

        Raises:
            ArtificerError: as `place`.
        """
        return tuple(place for place in self._places(word) if isinstance(place, ErrorKind))

    def word(self, kind: ErrorKind) -> str | None:
        """The source's own word for a kind: the class that means it and nothing else, if there is just one; else the one
        class that may mean it, if there is just one; else None.
        """
        exact = [word for word, places in self.classes.items() if places == (kind,)]
        wide = [word for word, places in self.classes.items() if kind in places]
        found = exact or wide
        return found[0] if len(found) == 1 else None

    def _places(self, word: str) -> tuple[Place, ...]:
        if word not in self.classes:
            raise ArtificerError(f"{self.name} has no error class {word!r}", remedy=f"use one of {', '.join(self.classes)}")
        return self.classes[word]


K = ErrorKind
G = ErrorGroup
FINE: tuple[Place, ...] = ()
"""Of a class that says that nothing is wrong."""
