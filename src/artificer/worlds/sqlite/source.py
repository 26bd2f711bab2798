"""Reading a database file without touching it: the bytes are read, never opened by SQLite in place.

A write-ahead log or a hot journal beside the file belongs to its content, so the files are copied to a temporary
folder, where SQLite recovers them. Nothing is created beside the source, and locks of other programs do not matter.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import apsw

from artificer.core.errors import SourceError

_MAGIC = b"SQLite format 3\0"
_LARGEST = 1 << 30
_TRIES = 3


def image_of(path: Path) -> bytes:
    """The database's content as an image for `deserialize`.

    Raises:
        SourceError: no such file, no database, damaged, encrypted, too large, or being written all the time.
    """
    try:
        image = _steady(path)
    except OSError as error:
        raise SourceError(
            f"the database cannot be read: {error.strerror or error}", where=str(path), remedy="check the path and its permissions"
        ) from error
    image = image[:18] + b"\x01\x01" + image[20:]  # a memory database has no write-ahead log
    _check(image, path)
    return image


def _steady(path: Path) -> bytes:
    """The file's bytes, read while nobody wrote to it."""
    if path.is_dir():
        raise SourceError(f"{str(path)!r} is a folder, not a database.", remedy="name the database file in it")
    if not path.exists():
        raise SourceError(f"there is no file {str(path)!r}.", remedy="check the path; sqlite: takes a database file")
    if not path.is_file():
        raise SourceError(f"{str(path)!r} is not a regular file.", remedy="name a database file")
    for _ in range(_TRIES):
        before = _stamps(path)
        image = _recovered(path) if any(size for _, size, _ in before[1:]) else _plain(path)
        if _stamps(path) == before:
            return image
    raise SourceError("the database is being written while it is read.", where=str(path), remedy="stop the program that writes it, or give a copy")


def _stamps(path: Path) -> list[tuple[str, int, int]]:
    """Size and time of change of the file and what belongs to it."""
    out: list[tuple[str, int, int]] = []
    for beside in _family(path):
        exists = beside.exists()
        stat = beside.stat() if exists else None
        out.append((beside.name, stat.st_size if stat else 0, stat.st_mtime_ns if stat else 0))
    return out


def _family(path: Path) -> list[Path]:
    return [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-journal")]


def _plain(path: Path) -> bytes:
    size = path.stat().st_size
    if size == 0:
        raise SourceError("the database file is empty.", where=str(path), remedy="give a database with at least one table")
    if size > _LARGEST:
        raise SourceError(
            f"the database has {size >> 20} MiB; sessions are kept in memory, so {_LARGEST >> 20} MiB is the most.",
            where=str(path),
            remedy="give an excerpt of it",
        )
    image = path.read_bytes()
    if not image.startswith(_MAGIC):
        raise SourceError(
            "this is not an SQLite database, or it is encrypted.",
            where=str(path),
            remedy="give an unencrypted SQLite 3 file; decrypt it with the tool that made it",
        )
    return image


def _recovered(path: Path) -> bytes:
    """The bytes after SQLite has put the log or journal into a copy."""
    with tempfile.TemporaryDirectory(prefix="artificer-") as folder:
        copy = Path(folder) / "copy.db"
        for beside, suffix in zip(_family(path), ("", "-wal", "-journal"), strict=True):
            if beside.exists():
                shutil.copyfile(beside, copy.with_name(copy.name + suffix))
        _plain(copy)
        try:
            connection = apsw.Connection(str(copy))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.execute("PRAGMA journal_mode=DELETE").fetchall()
            connection.close()
        except apsw.Error as error:
            raise _damaged(path, str(error)) from error
        return _plain(copy)


def _check(image: bytes, path: Path) -> None:
    try:
        connection = apsw.Connection(":memory:")
        connection.deserialize("main", image)
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
        connection.close()
    except apsw.Error as error:
        raise _damaged(path, str(error)) from error
    if found is None or found[0] != "ok":
        raise _damaged(path, str(found[0]) if found else "no answer")


def _damaged(path: Path, why: str) -> SourceError:
    first = " ".join(why.split())[:200]
    return SourceError(
        f"the database is damaged: {first}", where=str(path), remedy="restore it from a backup, or recover it with: sqlite3 FILE .recover"
    )
