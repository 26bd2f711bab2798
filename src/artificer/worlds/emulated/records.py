"""Recorded answers: what a model said once in a state is said again, byte for byte, without asking it.

A file of JSON lines that only grows. A line is keyed by the tool specifications (and whatever else the emulator is
told), the state, and the call. A torn last line, left by a crash, is set aside; several processes may write, a line at a
time, and see what the others wrote. The first answer to a question stands, whatever is appended later.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Problem
from artificer.worlds.emulated.spec import Change, Outcome

_MOST_LINE = 4 << 20


class Record(Struct, frozen=True, omit_defaults=True):
    """One line of the file. `made` names the model, `repairs` what was wrong with its first answers."""

    key: str
    tool: str
    content: Json = None
    error: ErrorKind | None = None
    detail: str | None = None
    changes: tuple[Change, ...] = ()
    made: str = ""
    repairs: tuple[str, ...] = ()


class Records:
    """The records of a world; without a path they last as long as the world does."""

    def __init__(self, path: Path | None = None) -> None:
        self.problems: list[Problem] = []
        self._known: dict[str, Outcome] = {}
        self._path = path
        self._file: int | None = None
        self._at = 0
        """Up to which byte the file is known."""
        self._broken = False
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        if path is not None and path.exists():
            self._load(path)

    def __len__(self) -> int:
        return len(self._known)

    def __bool__(self) -> bool:
        return self._path is not None or bool(self._known)

    def get(self, key: str) -> Outcome | None:
        """The recorded answer, if there is one."""
        return self._known.get(key)

    def put(self, key: str, tool: str, outcome: Outcome, made: str, repairs: tuple[str, ...] = ()) -> Outcome:
        """Records an answer and returns the one that stands: another's, if another process was first.

        A file that cannot be written is a problem, not a failure of the call.
        """
        if key not in self._known and self._path is not None and not self._broken:
            line = msgspec.json.encode(Record(key, tool, outcome.content, outcome.error, outcome.detail, outcome.changes, made, repairs)) + b"\n"
            try:
                self._append(self._path, key, line)
            except OSError as error:
                self._broken = True
                self.problems.append(Problem("records", f"nothing more is recorded: {error.strerror}"))
        return self._known.setdefault(key, outcome)

    def _append(self, path: Path, key: str, line: bytes) -> None:
        """Writes a line, unless another process has answered the same question in the meantime."""
        if self._file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            size = os.fstat(self._file).st_size
            self._read(os.pread(self._file, max(size - self._at, 0), self._at).split(b"\n"), f"records after byte {self._at}")
            self._at = size
            if key not in self._known:
                torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"
                self._at += os.write(self._file, b"\n" + line if torn else line)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def refuse(self, key: str, tool: str) -> None:
        """Forgets an answer that cannot stand."""
        del self._known[key]
        self.problems.append(Problem("records", f"an answer recorded for {tool} does not fit its specification or the state, and is not used"))

    @asynccontextmanager
    async def asking(self, key: str) -> AsyncGenerator[None]:
        """Held by one at a time for each key."""
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _load(self, path: Path) -> None:
        """Reads what was recorded.

        Raises:
            SourceError: the file cannot be read, or holds no record.
        """
        try:
            with path.open("rb") as lines:
                fcntl.flock(lines, fcntl.LOCK_SH)  # not while another process writes a line
                self._read(lines, "records")
                self._at = lines.tell()
        except OSError as error:
            raise SourceError(f"the records cannot be read: {error.strerror}", where=str(path), remedy="give the path of a file") from error
        if self.problems and not self._known:
            raise SourceError("the file holds no records.", where=str(path), remedy="give a file that this world has written, or a new name")

    def _read(self, lines: Iterable[bytes], where: str) -> None:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            record = _record(line) if len(line) <= _MOST_LINE else None
            if record is None:
                self.problems.append(Problem(f"{where} line {number}", "it is no record, or only a part of one, and is not used"))
                continue
            self._known.setdefault(record.key, Outcome(record.content, record.error, record.detail, record.changes))


def _record(line: bytes) -> Record | None:
    try:
        return msgspec.json.decode(line, type=Record)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
