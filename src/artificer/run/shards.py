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
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import zstandard
from msgspec import Struct

from artificer.core.errors import RunError
from artificer.run.frames import OPENING, Note, Span, pack, scan, unpack

T = TypeVar("T")


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


class Family:
    """The shards of one name.

    `commits` is everything written, in order; `done` maps the key of a row that went in to its commit; `places` maps
    the key of a row that came out to where it lies.
    """

    def __init__(self, folder: Path, name: str, writable: bool, shard_bytes: int) -> None:
        self.name = name
        self.commits: list[Done] = []
        self.done: dict[str, Done] = {}
        self.places: dict[str, Place] = {}
        self.torn: list[Torn] = []
        self._folder = folder
        self._writable = writable
        self._shard_bytes = shard_bytes
        self._shard = 0
        self._size = 0
        self._handle: int | None = None
        self._reader: tuple[int, int] | None = None
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
            data = path.read_bytes()
            spans = list(scan(data))
            damage = [span for span in spans if span.note is None]
            if damage and self._writable:
                spans = self._set_aside(path, data, spans)
        except OSError as error:
            raise failed(path, error) from error
        if damage and not self._writable:
            self.torn += [Torn(path.name, span.start, span.end - span.start) for span in damage]
        for span in spans:
            if span.note is not None:
                self._note(span.note, Place(number, span.body, span.end - span.body))
        self._shard, self._size = number, spans[-1].end if spans else path.stat().st_size

    def _set_aside(self, path: Path, data: bytes, spans: list[Span]) -> list[Span]:
        """Moves damage to `torn/` and leaves the good commits; gives their new places."""
        aside = self._folder / "torn"
        aside.mkdir(exist_ok=True)
        for span in spans:
            if span.note is None:
                kept = _unused(aside, f"{path.stem}.{span.start}")
                kept.write_bytes(data[span.start : span.end])
                self.torn.append(Torn(path.name, span.start, span.end - span.start, str(kept.relative_to(self._folder))))
        good = [span for span in spans if span.note is not None]
        if all(span.note is not None for span in spans[:-1]):
            os.truncate(path, good[-1].end if good else 0)
            return good
        sound = path.with_name(path.name + ".new")
        sound.write_bytes(OPENING + b"".join([data[span.start : span.end] for span in good]))
        sound.replace(path)
        return [span for span in scan(path.read_bytes()) if span.note is not None]

    def _note(self, note: Note, place: Place) -> None:
        commit = Done(note, place)
        self.commits.append(commit)
        self.done[note.of] = commit
        for key in note.keys:
            self.places[key] = place

    def forget(self, which: Callable[[Note], bool]) -> int:
        """Takes commits out for good, shard by shard, each replaced at once or not at all; how many.

        Raises:
            RunError: a shard cannot be written.
        """
        self.close()
        count = len(self.commits)
        self.commits, self.done, self.places = [], {}, {}
        for number in self._numbers():
            path = self.path(number)
            try:
                data = path.read_bytes()
                spans = list(scan(data))
                kept = [data[span.start : span.end] for span in spans if span.note is None or not which(span.note)]
                if len(kept) < len(spans):
                    sound = path.with_name(path.name + ".new")
                    sound.write_bytes(OPENING + b"".join(kept))
                    sound.replace(path)
            except OSError as error:
                raise failed(path, error) from error
            self._load(number)
        return count - len(self.commits)

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
        self._note(note, Place(self._shard, self._size - body, body))

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
        path = self.path(place.shard)
        try:
            if self._reader is None or self._reader[0] != place.shard:
                self._stop_reading()
                self._reader = (place.shard, os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            return unpack(os.pread(self._reader[1], place.size, place.offset))
        except OSError as error:
            raise failed(path, error) from error
        except zstandard.ZstdError as error:
            raise RunError(f"the shard changed while it was read: {error}", where=str(path), remedy="open the run again") from error

    def _stop_reading(self) -> None:
        if self._reader is not None:
            os.close(self._reader[1])
            self._reader = None

    def close(self) -> None:
        """Flushes to the disk and closes the files; the index stays, and so does reading."""
        self._stop_reading()
        if self._handle is not None:
            handle, self._handle = self._handle, None
            try:
                os.fsync(handle)
            except OSError as error:
                raise failed(self.path(self._shard), error) from error
            finally:
                os.close(handle)


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
