"""Rows out of a shard family: as they were finished, in the order of their keys, or one by itself; lines that are not of the type asked for are an
error, or are passed over and told.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from artificer.core.errors import RunError
from artificer.run.shards import Bad, Family, Line, Place
from artificer.run.sorting import Keyed, by_key

T = TypeVar("T")
Tell = Callable[[Bad], None]
FEW = 100_000
"""Rows whose keys are sorted in memory."""
_SMALL = 4
"""Rows of a commit up to which it is read anew for each of its rows."""
_NOT_OF_IT = (msgspec.MsgspecError, ValueError, RecursionError)


@lru_cache(maxsize=64)
def plain(of: Any) -> msgspec.json.Decoder[Any]:
    """A decoder of lines that are an `of` themselves."""
    return msgspec.json.Decoder(of)


@lru_cache(maxsize=64)
def decoder_of(of: Any) -> msgspec.json.Decoder[Line[Any]]:
    """A decoder of lines with an `of`."""
    return msgspec.json.Decoder(Line[of])


def lines_at(family: Family, place: Place, decoder: msgspec.json.Decoder[T], bad: Tell | None) -> Iterator[tuple[int, T]]:
    """The lines of one commit, counted from 1.

    Raises:
        RunError: one is not of the type, and `bad` is None.
    """
    body = family.body(place)
    try:
        lines = _decoded(decoder, body)
    except _NOT_OF_IT:
        pass
    else:
        yield from enumerate(lines, 1)
        return
    for number, line in enumerate(body.split(b"\n"), 1):
        if line.strip():
            try:
                yield number, decoder.decode(line)
            except _NOT_OF_IT as error:
                _tell(family, _bad(family, place, number, line, error), bad)


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> list[T]:
    """All lines, without the collector of cycles looking through them again and again as they are made, which would take as long as decoding."""
    looking = gc.isenabled()
    gc.disable()
    try:
        return decoder.decode_lines(body)
    finally:
        if looking:
            gc.enable()


def _tell(family: Family, found: Bad, bad: Tell | None) -> None:
    if bad is None:
        where = f"{family.path(0).parent}, {found.shard}, line {found.line} of the frame at {found.offset}"
        raise RunError(f"a row of {family.name!r} is not what was expected: {found.reason}", where=where)
    bad(found)


def _bad(family: Family, place: Place, number: int, line: bytes, error: Exception) -> Bad:
    shard, offset, at = family.where(place, number)
    try:
        key = plain(_Named).decode(line).key
    except _NOT_OF_IT:
        key = ""
    return Bad(shard, offset, at, key, str(error) or type(error).__name__)


class _Named(msgspec.Struct):
    key: str = ""


def rows_at(family: Family, place: Place, of: Any, bad: Tell | None) -> Iterator[tuple[str, Any]]:
    """The rows of one commit."""
    for _, line in lines_at(family, place, decoder_of(of), bad):
        yield line.key, line.item


def finished(family: Family, of: Any, bad: Tell | None) -> Iterator[tuple[str, Any]]:
    """All rows, as they were finished."""
    for line in family.unread:
        _tell(family, line, bad)
    for number in range(len(family)):
        yield from rows_at(family, family.place(number), of, bad)


def ordered(family: Family, of: Any, bad: Tell | None) -> Iterator[tuple[str, Any]]:
    """All rows in plain string order of their keys.

    Commits of a row or a few are read where they lie; of larger ones, and of very many rows, the lines are sorted first.
    """
    for line in family.unread:
        _tell(family, line, bad)
    rows = family.index.rows
    if sum(rows) <= FEW and max(rows, default=0) <= _SMALL:
        where = {key: number for number in range(len(family)) for key in family.note(number).keys}
        for key in sorted(where):
            yield from (row for row in rows_at(family, family.place(where[key]), of, bad) if row[0] == key)
        return
    decoder = decoder_of(of)
    for _, shard, offset, number, text in by_key(_keyed(family)):
        try:
            line = decoder.decode(text)
        except _NOT_OF_IT as error:
            _tell(family, _bad(family, Place(shard, offset, 0), number, text, error), bad)
            continue
        yield line.key, line.item


def _keyed(family: Family) -> Iterator[Keyed]:
    for number in range(len(family)):
        place, keys = family.place(number), family.note(number).keys
        lines = family.body(place).split(b"\n")
        for at, (key, line) in enumerate(zip(keys, lines), 1):
            yield key, place.shard, place.offset, at, line


def row(family: Family, key: str, of: Any) -> Any:
    """One row, decoded by itself; None when there is none.

    Raises:
        RunError: it is not of the type.
    """
    found = family.find(key, lambda note: key in note.keys)
    if found is None:
        return None
    number, note = found
    at = note.keys.index(key)
    place = family.place(number)
    line = family.body(place).split(b"\n", at + 1)[at]
    try:
        return decoder_of(of).decode(line).item
    except _NOT_OF_IT as error:
        _tell(family, _bad(family, place, at + 1, line, error), None)


def some(family: Family, rows: Iterator[T]) -> Iterator[T]:
    """Rows that may be passed over, but not every one of them.

    Raises:
        RunError: there is not one although there are lines.
    """
    none = True
    for one in rows:
        none = False
        yield one
    if none and sum(family.index.rows):
        raise RunError(
            f"not one of the {sum(family.index.rows)} rows of {family.name!r} is what was expected",
            where=str(family.path(0).parent),
            remedy="read them with the version that wrote them (run.toml says which), or import the file they came from again",
        )
