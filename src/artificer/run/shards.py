"""A family of append-only shards, `NAME-000.jsonl.zst` and on, with an index in memory of what is done and where it
lies.

On opening every byte is checked. A writer moves a torn tail to `torn/` and truncates the shard; damage in the middle
is moved there too and the rest of the shard is kept, so that the shard is sound again and only the damaged rows are
done anew. A reader passes over both and reports them.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import zstandard
from msgspec import Struct

from artificer.core.errors import RunError
from artificer.run.foreign import framed, is_foreign
from artificer.run.frames import HEAD, OPENING, Note, Span, note_of, pack, scan, spans, unpack
from artificer.run.index import Index

T = TypeVar("T")
_OPEN = 16
"""Shards that are held open for reading."""


class Line(Struct, Generic[T], frozen=True):
    """One line of a shard."""

    key: str
    item: T


class Place(Struct, frozen=True, gc=False):
    """Where a commit's body lies: shard number, offset, size in bytes."""

    shard: int
    offset: int
    size: int


class Done(Struct, frozen=True, gc=False):
    """A finished row: what it gave, and where that lies."""

    note: Note
    place: Place


class Torn(Struct, frozen=True):
    """Bytes that were not a whole commit. `kept` is the file they were moved to; empty when only reading."""

    shard: str
    offset: int
    size: int
    kept: str = ""


class Bad(Struct, frozen=True):
    """A line in a sound frame that is not what was asked for: `offset` is its frame's in the shard, `line` counts from 1 in the frame."""

    shard: str
    offset: int
    line: int
    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.shard}: line {self.line} of the frame at {self.offset}: {self.reason}"


class Family:
    """The shards of one name.

    `commits` is everything written, in order; `done` maps the key of a row that went in to its (last) commit; `places`
    maps the key of a row that came out to where it lies. All three read the notes of commits from the shards as they
    are asked: what is held is an `Index`.
    """

    def __init__(self, folder: Path, name: str, writable: bool, shard_bytes: int) -> None:
        self.name = name
        self.index = Index()
        self.done: Mapping[str, Done] = _Finished(self)
        self.places: Mapping[str, Place] = _Rows(self)
        self.torn: list[Torn] = []
        self._folder = folder
        self._writable = writable
        self._shard_bytes = shard_bytes
        self._shard = 0
        self._size = 0
        self._handle: int | None = None
        self._readers: dict[int, int] = {}
        self._framed: dict[int, int] = {}
        self._firsts: dict[tuple[int, int], int] = {}
        self.unread: list[Bad] = []
        """Lines of foreign shards that have no key."""
        for number in self._numbers():
            self._load(number)

    def _numbers(self) -> list[int]:
        pattern = re.compile(re.escape(self.name) + r"-(\d+)\.jsonl\.zst")
        return sorted(int(found[1]) for entry in self._folder.iterdir() if (found := pattern.fullmatch(entry.name)))

    def path(self, number: int) -> Path:
        return self._folder / f"{self.name}-{number:03d}.jsonl.zst"

    def _load(self, number: int) -> None:
        path = self.path(number)
        try:
            before = self.index.mark()
            damage, end = self._take_in(path, number)
            if damage and self.index.mark() == before and is_foreign(path):
                self._take_in_foreign(path, number)
                return
            if damage and self._writable:
                self._set_aside(path)
                self.index.back(before)
                damage, end = self._take_in(path, number)
            self._shard, self._size = number, end or path.stat().st_size
        except OSError as error:
            raise failed(path, error) from error
        self.torn += [Torn(path.name, span.start, span.end - span.start) for span in damage]

    def _take_in(self, path: Path, number: int) -> tuple[list[Span], int]:
        """Notes the good commits of a shard; its damage, and where it ends."""
        damage, end = list[Span](), 0
        with path.open("rb") as file:
            for span in spans(file):
                end = span.end
                if span.note is None:
                    damage.append(span)
                else:
                    self._note(span.note, number, (span.start, span.body, span.end))
        return damage, end

    def _take_in_foreign(self, path: Path, number: int) -> None:
        """Reads a shard that something else wrote into a temporary file of commits."""
        if self._writable:
            raise RunError(
                "this shard was written by something else; a run with it can be read, not continued",
                where=str(path),
                remedy="make a new run of it (artificer convert RUN NEW --to artificer), or remove the file to have its rows done again",
            )
        self._shard, self._size = number, path.stat().st_size
        with tempfile.TemporaryFile() as file:
            self._framed[number] = os.dup(file.fileno())
            for made in framed(path, file):
                if made.wrong:
                    self.unread.append(Bad(path.name, 0, made.first, "", made.wrong))
                else:
                    self._firsts[number, made.place[1]] = made.first
                    self._note(made.note, number, made.place)

    def where(self, place: Place, line: int) -> tuple[str, int, int]:
        """A line for people: its shard, the offset of its frame, and its number in it; in a foreign shard 0 and its number in the file."""
        first = self._firsts.get((place.shard, place.offset))
        return self.path(place.shard).name, 0 if first is not None else place.offset, line if first is None else first + line - 1

    def _set_aside(self, path: Path) -> None:
        """Moves damage to `torn/` and leaves the good commits."""
        data = path.read_bytes()
        found = list(scan(data))
        aside = self._folder / "torn"
        aside.mkdir(exist_ok=True)
        for span in found:
            if span.note is None:
                kept = _unused(aside, f"{path.stem}.{span.start}")
                kept.write_bytes(data[span.start : span.end])
                self.torn.append(Torn(path.name, span.start, span.end - span.start, str(kept.relative_to(self._folder))))
        good = [span for span in found if span.note is not None]
        if all(span.note is not None for span in found[:-1]):
            os.truncate(path, good[-1].end if good else 0)
            return
        sound = path.with_name(path.name + ".new")
        sound.write_bytes(OPENING + b"".join([data[span.start : span.end] for span in good]))
        sound.replace(path)

    def _note(self, note: Note, shard: int, place: tuple[int, int, int]) -> None:
        names = note.keys if note.of in note.keys else (note.of, *note.keys)
        self.index.add(shard, place, names, len(note.keys))

    # asking

    def __len__(self) -> int:
        """How many commits there are."""
        return len(self.index)

    def place(self, number: int) -> Place:
        """Where the body of a commit lies."""
        index = self.index
        return Place(index.shards[number], index.bodies[number], index.ends[number] - index.bodies[number])

    def note(self, number: int) -> Note:
        """A commit's note, read from its shard.

        Raises:
            RunError: the shard cannot be read, or is another by now.
        """
        index = self.index
        begin = index.notes[number] + HEAD
        said = self._bytes(index.shards[number], begin, index.bodies[number] - begin)
        try:
            return note_of(said)
        except msgspec.MsgspecError as error:
            raise self._changed(index.shards[number], error) from error

    @property
    def commits(self) -> Iterator[Done]:
        """Every commit, in order."""
        for number in range(len(self.index)):
            yield Done(self.note(number), self.place(number))

    def find(self, key: str, speaks: Callable[[Note], bool]) -> tuple[int, Note] | None:
        """The last commit found by a key whose note speaks of it."""
        for number in self.index.found(key):
            note = self.note(number)
            if speaks(note):
                return number, note
        return None

    def forget(self, which: Callable[[Note], bool]) -> int:
        """Takes commits out for good, shard by shard, each replaced at once or not at all; how many.

        Raises:
            RunError: a shard cannot be written.
        """
        self.close()
        count, self.index = len(self), Index()
        for number in self._numbers():
            path = self.path(number)
            try:
                data = path.read_bytes()
                found = list(scan(data))
                kept = [data[span.start : span.end] for span in found if span.note is None or not which(span.note)]
                if len(kept) < len(found):
                    sound = path.with_name(path.name + ".new")
                    sound.write_bytes(OPENING + b"".join(kept))
                    sound.replace(path)
            except OSError as error:
                raise failed(path, error) from error
            self._load(number)
        return count - len(self)

    def append(self, note: Note, lines: bytes) -> None:
        """Writes one commit; on failure the shard is left as it was before.

        Raises:
            RunError: two rows have the same key, or the file cannot be written.
        """
        twice = next((key for key in note.keys if key in self.places), None) if self.name != "rejects" else None
        if twice is not None:
            raise RunError(f"two rows of {self.name!r} have the key {twice!r}", remedy="give the source's rows keys of which none is another's child")
        data, body = pack(note, lines)
        try:
            self._write(data)
        except OSError as error:
            raise failed(self.path(self._shard), error, f"; {len(self.places)} rows of {self.name!r} are safe") from error
        begin, between = self._size - len(data), self._size - body
        self._note(note, self._shard, (begin, between, self._size))

    def _write(self, data: bytes) -> None:
        if self._size > self._shard_bytes:
            self.close()
            self._shard, self._size = self._shard + 1, 0
        if self._handle is None:
            if not self._writable:
                raise PermissionError(errno.EACCES, "the run is open for reading only")
            self._handle = os.open(self.path(self._shard), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        data = data if self._size else OPENING + data
        written = 0
        try:
            while written < len(data):  # a disk that fills up takes a part first and refuses the rest
                written += os.write(self._handle, data[written:] if written else data)
        except BaseException:
            if written:
                os.ftruncate(self._handle, self._size)
            raise
        self._size += written

    def body(self, place: Place) -> bytes:
        """The lines of one commit."""
        if place.size == 0:
            return b""
        try:
            return unpack(self._bytes(place.shard, place.offset, place.size))
        except zstandard.ZstdError as error:
            raise self._changed(place.shard, error) from error

    def _changed(self, shard: int, error: Exception) -> RunError:
        return RunError(f"the shard changed while it was read: {error}", where=str(self.path(shard)), remedy="open the run again")

    def _bytes(self, shard: int, offset: int, size: int) -> bytes:
        try:
            if shard in self._framed:
                return os.pread(self._framed[shard], size, offset)
            if shard not in self._readers:
                if len(self._readers) >= _OPEN:
                    self._stop_reading()
                self._readers[shard] = os.open(self.path(shard), os.O_RDONLY | os.O_CLOEXEC)
            return os.pread(self._readers[shard], size, offset)
        except OSError as error:
            raise failed(self.path(shard), error) from error

    def _stop_reading(self) -> None:
        for handle in self._readers.values():
            os.close(handle)
        self._readers.clear()

    def close(self) -> None:
        """Flushes to the disk and closes the files; the index stays, and so does reading."""
        self._stop_reading()
        for handle in self._framed.values():
            os.close(handle)
        self._framed.clear()
        if self._handle is not None:
            handle, self._handle = self._handle, None
            try:
                os.fsync(handle)
            except OSError as error:
                raise failed(self.path(self._shard), error) from error
            finally:
                os.close(handle)


class _Finished(Mapping[str, Done]):
    """The rows that went in, each with its last commit."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def __getitem__(self, key: str) -> Done:
        done = self.get(key)
        if done is None:
            raise KeyError(key)
        return done

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._family.find(key, lambda note: note.of == key) is not None

    def get(self, key: str, default: Any = None) -> Any:
        """As `[key]`, without an error where there is none: most keys that a run asks for are new."""
        found = self._family.find(key, lambda note: note.of == key)
        return default if found is None else Done(found[1], self._family.place(found[0]))

    def __iter__(self) -> Iterator[str]:
        alike = self._family.index.alike()
        for number in range(len(self._family)):
            note = self._family.note(number)
            if number not in alike or self._last(note.of) == number:
                yield note.of

    def __len__(self) -> int:
        alike = self._family.index.alike()
        return len(self._family) - sum(self._last(self._family.note(number).of) != number for number in alike)

    def _last(self, key: str) -> int:
        found = self._family.find(key, lambda note: note.of == key)
        return -1 if found is None else found[0]


class _Rows(Mapping[str, Place]):
    """The rows that came out, each with its last place."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def __getitem__(self, key: str) -> Place:
        found = self._family.find(key, lambda note: key in note.keys)
        if found is None:
            raise KeyError(key)
        return self._family.place(found[0])

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._family.find(key, lambda note: key in note.keys) is not None

    def __iter__(self) -> Iterator[str]:
        alike = self._family.index.alike()
        for number in range(len(self._family)):
            for key in self._family.note(number).keys:
                if number not in alike or self._last(key) == number:
                    yield key

    def __len__(self) -> int:
        family = self._family
        again = sum(self._last(key) != number for number in family.index.alike() for key in family.note(number).keys)
        return sum(family.index.rows) - again

    def _last(self, key: str) -> int:
        found = self._family.find(key, lambda note: key in note.keys)
        return -1 if found is None else found[0]


def _unused(folder: Path, name: str) -> Path:
    """A file name that is not taken: the same offset can be torn twice."""
    path, again = folder / name, 1
    while path.exists():
        path, again = folder / f"{name}.{again}", again + 1
    return path


_REMEDIES = {
    errno.ENOSPC: "free some space and run the same command again: it continues",
    errno.EDQUOT: "free some space and run the same command again: it continues",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f) and run the same command again: it continues",
    errno.ENAMETOOLONG: "choose a shorter path",
}


def failed(path: Path, error: OSError, safe: str = "") -> RunError:
    """What an operating system's refusal means for a run."""
    remedy = _REMEDIES.get(error.errno or 0, "choose a folder you can write to; a run that was begun continues with the same command")
    return RunError(f"cannot use the run folder: {error.strerror or error}{safe}", where=str(path), remedy=remedy)
