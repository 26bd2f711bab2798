"""What is left of a run: the work that no earlier attempt has finished, decided from the keys in the shards' index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from artificer.core.errors import ArtificerError
from artificer.run.chain import Chain, Work
from artificer.run.stage import Row
from artificer.run.store import RunFolder


def pending(chain: Chain, source: Iterable[Row], folder: RunFolder, finished: Callable[[], None]) -> Iterator[Work]:
    """The work that is left: source rows that were never begun, and kept rows that have not gone on. `finished` is
    called for rows that an earlier attempt got through.

    Raises:
        ArtificerError: a key is empty, is not text, or comes twice.
    """
    seen: set[str] = set()
    for key, item in source:
        if not key or key in seen or not _is_text(key):
            what = "twice" if key in seen else "which is empty or not text"
            raise ArtificerError(f"the source gives the key {key!r}, {what}", remedy="give every row its own key")
        seen.add(key)
        left = False
        for work in _left(chain, 0, key, item, folder):
            left = True
            yield work
        if not left:
            finished()


def _is_text(key: str) -> bool:
    """Whether a key can be written as UTF-8 (a lone surrogate cannot)."""
    return key.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in key)


def _left(chain: Chain, link: int, key: str, item: Any, folder: RunFolder) -> Iterator[Work]:
    stage = chain[link].last
    done = folder.family(stage.keep).done.get(key) if stage.keep is not None else None
    if done is None or stage.keep is None:
        yield Work(link, key, item)
    elif link + 1 < len(chain) and any(_unfinished(chain, link + 1, child, folder) for child in done.note.keys):
        for child, made in folder.given(stage.keep, key, Any if stage.of is None else stage.of):
            yield from _left(chain, link + 1, child, made, folder)


def _unfinished(chain: Chain, link: int, key: str, folder: RunFolder) -> bool:
    """Whether anything is left to do for a row; items are not read for that."""
    keep = chain[link].last.keep
    done = folder.family(keep).done.get(key) if keep is not None else None
    if done is None:
        return True
    return link + 1 < len(chain) and any(_unfinished(chain, link + 1, child, folder) for child in done.note.keys)
