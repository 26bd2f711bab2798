"""Shelves: tables of foreign objects that are copied entry by entry, when an entry is first touched.

A database of thousands of objects takes most of a second to copy; a call touches a handful. A shelf is a dict whose
entries belong to whoever made the first one until they are looked up through it; then they are copied. So opening and
forking a session cost a copy of references, and what one session writes no other sees.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from artificer.core.canon import Json, digest


class Shelf(dict[Any, Any]):
    """See the module docstring.

    Args:
        entries: the objects; never written to.
        seen: what each shows of itself.
        marks: the digest of that.
        show: makes what an entry shows.
    """

    def __init__(self, entries: dict[Any, Any], seen: dict[str, Json], marks: dict[str, str], show: Callable[[Any], Json]) -> None:
        super().__init__(entries)
        self._seen = seen
        self._marks = marks
        self._show = show
        self._own: set[Any] = set()
        self.reading = False
        """While a tool runs that is declared to change nothing, walking over all entries copies none."""

    def twin(self) -> Shelf:
        """An independent copy. Entries touched so far are shared from now on, and copied again when touched again."""
        seen = self.seen()
        self._own = set()
        return Shelf(dict(super().items()), seen, self._marks, self._show)

    def seen(self) -> dict[str, Json]:
        """What all entries show, by key. Treat it as frozen: an unchanged entry is the same object as before."""
        fresh = {str(key): self._show(super(Shelf, self).__getitem__(key)) for key in self._own if key in self}
        changed = {key: value for key, value in fresh.items() if self._seen.get(key) != value}
        if changed or len(self._seen) != len(self):
            kept = {str(key) for key in self}
            self._seen = {key: value for key, value in (self._seen | changed).items() if key in kept}
            marks = self._marks | {key: digest(value) for key, value in changed.items()}
            self._marks = {key: mark for key, mark in marks.items() if key in kept}
        return self._seen

    def marks(self) -> dict[str, str]:
        """The digests of what all entries show, by key."""
        self.seen()
        return self._marks

    def unlike(self, other: Shelf, same: Callable[[Any, Any], bool]) -> list[Any]:
        """The keys of which the other shelf has none, or another entry. Entries that neither has touched are not looked at."""
        mine, theirs = dict(super().items()), dict(super(Shelf, other).items())
        found = list(mine.keys() ^ theirs.keys())
        return found + [key for key in mine.keys() & theirs.keys() if mine[key] is not theirs[key] and not same(mine[key], theirs[key])]

    def _touch(self, key: Any) -> Any:
        value = super().__getitem__(key)
        if key not in self._own:
            value = copy.deepcopy(value)
            super().__setitem__(key, value)
            self._own.add(key)
        return value

    def __getitem__(self, key: Any) -> Any:
        return self._touch(key)

    def get(self, key: Any, default: Any = None) -> Any:
        return self._touch(key) if key in self else default

    def __setitem__(self, key: Any, value: Any) -> None:
        self._own.add(key)
        super().__setitem__(key, value)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def pop(self, key: Any, *default: Any) -> Any:
        if key in self:
            self._touch(key)
        return super().pop(key, *default)

    def values(self) -> Any:
        self._touch_all()
        return super().values()

    def items(self) -> Any:
        self._touch_all()
        return super().items()

    def _touch_all(self) -> None:
        if not self.reading:
            for key in list(self):
                self._touch(key)

    def __deepcopy__(self, memo: dict[int, Any]) -> Shelf:
        return self.twin()
