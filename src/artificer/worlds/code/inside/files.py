"""The scratch folder seen from outside: fills it, and finds what is in it and what has changed.

Nothing in it is trusted. Links are never followed, and only plain files count; links, pipes, sockets and what is over
the limits are dropped and said so. A file is taken again when its inode or change time differ, which a program cannot
set.
"""

from __future__ import annotations

import os
import stat

_DEEP = 16
_SAID = 20


class Scratch:
    """One scratch folder."""

    def __init__(self, place: str, most_files: int, most_bytes: int) -> None:
        self._place = place
        self._most_files = most_files
        self._most_bytes = most_bytes
        self._seen: dict[str, tuple[int, int, int]] = {}
        self.dropped: list[str] = []

    def put(self, files: list[list[object]], blob: bytes) -> None:
        """Writes files (path, size) whose bytes stand one after another in `blob`."""
        at = 0
        owner = os.stat(self._place)
        for path, size in files:
            place = os.path.join(self._place, str(path))
            folder = os.path.dirname(place)
            while not os.path.isdir(folder):
                missing = folder
                while not os.path.isdir(os.path.dirname(missing)):
                    missing = os.path.dirname(missing)
                os.mkdir(missing, 0o755)
                os.chown(missing, owner.st_uid, owner.st_gid)
            with open(place, "xb") as file:
                file.write(blob[at : at + int(str(size))])
            os.chown(place, owner.st_uid, owner.st_gid)
            at += int(str(size))
        self.look()

    def look(self) -> tuple[list[str], list[bytes]]:
        """Paths of all files, sorted, each marked `+` when its bytes are among those returned (in the same order),
        else `=`."""
        self.dropped = []
        listing: list[str] = []
        changed: list[bytes] = []
        seen: dict[str, tuple[int, int, int]] = {}
        total = 0
        for path, folder, name in sorted(self._plain()):
            try:
                handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            except OSError:
                self._drop(path, "cannot be read")
                continue
            try:
                about = os.fstat(handle)
                total += about.st_size
                if not stat.S_ISREG(about.st_mode) or total > self._most_bytes:
                    total -= about.st_size
                    self._drop(path, "too large")
                    continue
                mark = (about.st_ino, about.st_ctime_ns, about.st_size)
                known = self._seen.get(path) == mark
                listing.append(f"{'=' if known else '+'}{path}")
                seen[path] = mark
                if not known:
                    changed.append(_whole(handle, about.st_size))
            finally:
                os.close(handle)
        for handle in self._handles:
            os.close(handle)
        self._seen = seen
        return listing, changed

    def _plain(self) -> list[tuple[str, int, str]]:
        """Plain files: path, handle of the folder, name. The handles are kept in `_handles`."""
        self._handles: list[int] = []
        found: list[tuple[str, int, str]] = []
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        left: list[tuple[str, int, str, int]] = [("", -1, self._place, 0)]
        while left:
            path, parent, name, depth = left.pop()
            try:
                handle = os.open(name, flags, dir_fd=None if parent < 0 else parent)
            except OSError:
                self._drop(path, "cannot be read")
                continue
            self._handles.append(handle)
            for entry in sorted(os.listdir(handle)):
                inner = f"{path}/{entry}" if path else entry
                mode = os.stat(entry, dir_fd=handle, follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode) and depth < _DEEP and len(self._handles) < 200:
                    left.append((inner, handle, entry, depth + 1))
                elif not stat.S_ISREG(mode):
                    self._drop(inner, "too deep" if stat.S_ISDIR(mode) else "not a plain file")
                elif len(found) >= self._most_files or not _sayable(inner):
                    self._drop(inner, "too many files" if _sayable(inner) else "its name is not text")
                else:
                    found.append((inner, handle, entry))
        return found

    def _drop(self, path: str, why: str) -> None:
        if len(self.dropped) < _SAID:
            self.dropped.append(f"{path.encode('utf-8', 'replace').decode()[:200]}: {why}")


def _sayable(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return len(path) <= 400 and path.isprintable()


def _whole(handle: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0:
        part = os.read(handle, min(size, 1 << 20))
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
