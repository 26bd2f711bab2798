"""A run on disk: `run.toml`, append-only shards of zstd-compressed JSON lines, rejects, and small JSON files.

    run.toml                 what was asked (see `manifest`)
    NAME-000.jsonl.zst       rows of the shard family NAME, one line {"key": ..., "item": ...} each (see `shards`)
    rejects-000.jsonl.zst    every dropped row: {"key", "stage", "reason", "detail", "item"}
    torn/                    bytes that a crash left unfinished, set aside and reported
    run.lock                 held by the one writer

One process writes; any number may read meanwhile. What is done is known by row key and stage, never by shard or by
worker.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
from msgspec import Struct

from artificer.core.errors import RunError
from artificer.run import manifest as toml
from artificer.run import reading
from artificer.run.frames import Note
from artificer.run.shards import Bad, Family, Torn, failed

T = TypeVar("T")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_SHARD = re.compile(r"([a-z][a-z0-9_]{0,39})-(\d+)\.jsonl\.zst")


class Rejected(Struct, frozen=True):
    """A dropped row: a line of the rejects."""

    key: str
    stage: str
    reason: str
    detail: str = ""
    item: Any = None


class Dropped(Struct, frozen=True):
    """Rejects on their way to the disk: encoded where they arose, with what the index needs."""

    keys: tuple[str, ...] = ()
    why: tuple[tuple[str, str], ...] = ()
    lines: bytes = b""

    @classmethod
    def of(cls, rows: Sequence[Rejected]) -> Self:
        return cls(tuple([row.key for row in rows]), tuple([(row.stage, row.reason) for row in rows]), _encode_lines(rows)) if rows else cls()


_encode_lines = msgspec.json.Encoder().encode_lines


class RunFolder:
    """A run folder, opened by `create_or_continue` (the one writer) or `open` (a reader).

    `torn` lists what was found damaged on opening; a writer has set it aside.
    """

    def __init__(self, path: Path, manifest: dict[str, Any], lock: int | None, shard_bytes: int) -> None:
        self.path = path
        self.manifest = manifest
        self._lock = lock
        self._shard_bytes = shard_bytes
        self._families: dict[str, Family] = {}
        names = sorted({found[1] for entry in path.iterdir() if (found := _SHARD.fullmatch(entry.name))})
        for name in names:
            self.family(name)

    @classmethod
    def create_or_continue(cls, path: str | Path, manifest: dict[str, Any], *, shard_bytes: int = 128 << 20) -> Self:
        """Opens a run for writing, a new one or the one that is there.

        Args:
            path: the folder; created when missing.
            manifest: what was asked, e.g. `{"recipe": "cove", "seed": 7, "knobs": {...}}`. Everything in it must be
                the same when a run is continued, except the tables `versions` and `about`.
            shard_bytes: a shard that has grown past this is followed by the next.

        Raises:
            RunError: the folder is not a run's, is another run's, has another format, is being written, or cannot be
                written.
        """
        folder = Path(path)
        asked = toml.normal(manifest)
        text = toml.write_toml(asked)
        lock: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_foreign(folder)
            lock = _take_lock(folder)
            if (folder / "run.toml").exists():
                found = toml.read_toml((folder / "run.toml").read_text("utf-8"), str(folder))
                toml.refuse_other(asked, found, str(folder))
            else:
                found = asked
                _replace(folder / "run.toml", text.encode())
            return cls(folder, found, lock, shard_bytes)
        except BaseException as error:
            if lock is not None:
                os.close(lock)
            if isinstance(error, OSError):
                raise failed(folder, error) from error
            raise

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Opens a run for reading; also one that is being written.

        Raises:
            RunError: there is no run, it has another format, or it cannot be read.
        """
        folder = Path(path)
        try:
            text = (folder / "run.toml").read_text("utf-8")
        except OSError as error:
            raise RunError(f"this is not a run folder: {error.strerror}", where=str(folder / "run.toml"), remedy="give a run's folder") from error
        except UnicodeDecodeError as error:
            raise RunError("run.toml is not text", where=str(folder), remedy="mend the file, or choose another folder") from error
        return cls(folder, toml.read_toml(text, str(folder)), None, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Flushes the shards to the disk and lets go of the folder."""
        try:
            for family in self._families.values():
                family.close()
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    @property
    def writable(self) -> bool:
        return self._lock is not None

    @property
    def torn(self) -> list[Torn]:
        """Damage found on opening: file, offset, bytes, and where they were moved."""
        return [piece for name in sorted(self._families) for piece in self._families[name].torn]

    # rows

    def family(self, name: str) -> Family:
        """The shards of one name; empty ones when nothing was kept there yet."""
        if name not in self._families:
            if not _NAME.fullmatch(name):
                raise RunError(f"{name!r} cannot name shards", remedy="use lower-case letters, digits and _; at most 40")
            self._families[name] = Family(self.path, name, self.writable, self._shard_bytes)
        return self._families[name]

    def read(self, name: str, of: type[T] | Any = Any, *, ordered: bool = False, bad: Callable[[Bad], None] | None = None) -> Iterator[tuple[str, T]]:
        """The rows of a shard family, decoded as `of`, in bounded memory.

        Args:
            ordered: by key (plain string order) instead of in the order in which rows were finished.
            bad: is told of each line that is not of that type, which is then passed over.

        Raises:
            RunError: a line is not of that type and `bad` is None, or not a single one is.
        """
        family = self.family(name)
        rows = reading.ordered(family, of, bad) if ordered else reading.finished(family, of, bad)
        return rows if bad is None else reading.some(family, rows)

    def given(self, name: str, key: str, of: Any = Any) -> list[tuple[str, Any]]:
        """What the finished row `key` gave in a shard family."""
        family = self.family(name)
        return list(reading.rows_at(family, family.done[key].place, of, None))

    def row(self, name: str, key: str, of: type[T] | Any = Any) -> T | None:
        """One row of a shard family by its key, read by itself; None when there is none."""
        return reading.row(self.family(name), key, of)

    def keys(self, name: str) -> list[str]:
        """Keys of the rows of a shard family, in the order in which they were finished."""
        return list(self.family(name).places)

    def rejects(self, bad: Callable[[Bad], None] | None = None) -> Iterator[Rejected]:
        """Every dropped row, in the order in which they were dropped; `bad` as in `read`."""
        family = self.family("rejects")
        for number in range(len(family)):
            yield from (line for _, line in reading.lines_at(family, family.place(number), reading.plain(Rejected), bad))

    def commit(self, name: str, note: Note, lines: bytes) -> None:
        """Writes what one row gave, whole or not at all.

        Raises:
            RunError: it cannot be written; the shard is as it was before.
        """
        self.family(name).append(note, lines)

    def reject(self, link: str, of: str, dropped: Dropped) -> None:
        """Records what was dropped on the way of row `of` to the kept stage `link`; a second time changes nothing."""
        rejects = self.family("rejects")
        if dropped.keys and rejects.find(of, lambda note: note.of == of and note.link == link) is None:
            rejects.append(Note(of, dropped.keys, link=link, why=dropped.why), dropped.lines)

    def forget(self, link: str, name: str, reasons: Collection[str]) -> int:
        """Forgets the rows that were dropped for such reasons on the way to the kept stage `link`, with what else they
        gave in its shard family `name`, so that continuing does them again; how many.

        What they gave goes first: a crash in between leaves rejects of rows that are not done, and doing these rows
        again is what was asked for.
        """
        rejects = self.family("rejects").commits
        again = {commit.note.of for commit in rejects if commit.note.link == link and any(reason in reasons for _, reason in commit.note.why)}
        if again:
            self.family(name).forget(lambda note: note.of in again)
            self.family("rejects").forget(lambda note: note.link == link and note.of in again)
        return len(again)

    # small artefacts

    def put_json(self, name: str, value: Any) -> None:
        """Writes a small file (`"tools.json"`), replacing it at once or not at all."""
        try:
            _replace(self._file(name), msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")
        except OSError as error:
            raise failed(self.path / name, error) from error

    def get_json(self, name: str, of: type[T] | Any = Any) -> T:
        """Reads a small file.

        Raises:
            RunError: it is missing or is not what it should be.
        """
        try:
            return msgspec.json.decode(self._file(name).read_bytes(), type=of)
        except OSError as error:
            raise RunError(f"the run has no {name!r}: {error.strerror}", where=str(self.path)) from error
        except msgspec.MsgspecError as error:
            raise RunError(f"{name!r} is not what was expected: {error}", where=str(self.path)) from error

    def has(self, name: str) -> bool:
        """Whether there is a file of that name in the folder."""
        return self._file(name).exists()

    def _file(self, name: str) -> Path:
        if not _FILE.fullmatch(name):
            raise RunError(f"{name!r} cannot name a file in a run folder", remedy="use letters, digits, '_', '-' and '.'; at most 80")
        return self.path / name


def _refuse_foreign(folder: Path) -> None:
    """A folder with something else in it is somebody's; one with only a lock is a run that was killed while it was
    being created.
    """
    if (folder / "run.toml").exists():
        return
    others = sorted(entry.name for entry in folder.iterdir() if entry.name not in ("run.lock", "run.toml.new"))
    if others:
        raise RunError(
            f"the folder is not empty and is not a run: it holds {', '.join(repr(n) for n in others[:3])}",
            where=str(folder),
            remedy="choose a new folder",
        )


def _take_lock(folder: Path) -> int:
    """An flock, which ends with the process however it ends."""
    handle = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        raise RunError("another process is writing to this run", where=str(folder), remedy="wait for it, or choose another folder") from error
    return handle


def _replace(path: Path, data: bytes) -> None:
    """Writes a file beside it and moves it into place."""
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
