"""What a program uses: its output as it comes, and the memory and number of all its processes."""

from __future__ import annotations

import os
import signal
from typing import NamedTuple


class Usage(NamedTuple):
    """Sums over processes: how many, with how many threads, and bytes of memory that is not a file's."""

    processes: int
    threads: int
    memory: int


class Output:
    """What came from one pipe: the head and the tail of it, the middle only counted."""

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self.more = False
        self.clear()

    def clear(self) -> None:
        """Forgets what came so far."""
        self._head, self._tail, self.total = bytearray(), bytearray(), 0

    def read(self, handle: int) -> bool:
        """Takes what is there; False at the end. `more` says whether there may be more."""
        try:
            data = os.read(handle, 1 << 16)
        except BlockingIOError:
            self.more = False
            return True
        self.more = bool(data)
        self.total += len(data)
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[max(room, 0) :]
        if len(self._tail) > 2 * self._half:
            del self._tail[: -self._half]
        return bool(data)

    def text(self) -> str:
        """The text; it says how many bytes in its middle were left out."""
        tail = bytes(self._tail[-self._half :])
        lost = self.total - len(self._head) - len(tail)
        if not lost:
            return (bytes(self._head) + tail).decode("utf-8", "replace")
        head = bytes(self._head).decode("utf-8", "ignore")
        return f"{head}\n... [{lost} bytes left out] ...\n{tail.decode('utf-8', 'ignore')}"


def _read(proc: int, path: str) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY, dir_fd=proc)
    except OSError:
        return b""
    try:
        return os.read(handle, 1 << 16)
    except OSError:  # it ended meanwhile
        return b""
    finally:
        os.close(handle)


def descendants(proc: int, root: int) -> set[int]:
    """Every process below `root`, itself included. `proc` is an open /proc."""
    found: set[int] = set()
    left = [root]
    while left:
        pid = left.pop()
        if pid in found:
            continue
        found.add(pid)
        try:
            handle = os.open(f"{pid}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc)
            threads = os.listdir(handle)
            os.close(handle)
        except OSError:
            continue
        for thread in threads:
            left += [int(child) for child in _read(proc, f"{pid}/task/{thread}/children").split()]
    return found


def usage(proc: int, root: int, without: set[int]) -> Usage:
    """What the processes below `root` use, less those of `without`."""
    processes = threads = memory = 0
    for pid in descendants(proc, root) - without:
        processes += 1
        for line in _read(proc, f"{pid}/status").split(b"\n"):
            name, _, value = line.partition(b":")
            if name in (b"RssAnon", b"RssShmem"):
                memory += int(value.split()[0]) * 1024
            elif name == b"Threads":
                threads += int(value)
    return Usage(processes, threads, memory)


def own_memory(proc: int) -> tuple[int, int]:
    """Bytes of address space of this process, and of memory that is not a file's. `proc` is an open /proc, or -1."""
    if proc < 0:
        return 512 << 20, 0
    pages = _read(proc, "self/statm").split()
    return int(pages[0]) * 4096, (int(pages[1]) - int(pages[2])) * 4096


def kill_all_but(proc: int, root: int, spared: set[int]) -> None:
    """Ends every process below `root` that is not spared, until there is none (one may be born while others die)."""
    for _ in range(1000):
        left = {pid for pid in descendants(proc, root) - spared if not _ended(proc, pid)}
        if not left:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in left:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue


def _ended(proc: int, pid: int) -> bool:
    state = _read(proc, f"{pid}/stat").rpartition(b")")[2].split()
    return not state or state[0] in (b"Z", b"X")


def first_to_go(proc: int) -> None:
    """Should the machine run out of memory, this process and its children go first."""
    try:
        handle = os.open("self/oom_score_adj", os.O_WRONLY, dir_fd=proc)
    except OSError:
        return
    try:
        os.write(handle, b"1000")
    except OSError:
        pass
    finally:
        os.close(handle)


def size_of(folder: str, most: int) -> tuple[int, int]:
    """How many files there are below a folder, and their bytes; counts no further than `most`."""
    total = count = 0
    for _, folders, names, handle in os.fwalk(folder, follow_symlinks=False, onerror=lambda _: None):
        count += len(folders)
        for name in names:
            count += 1
            if count > most:
                return count, total
            try:
                total += os.stat(name, dir_fd=handle, follow_symlinks=False).st_blocks * 512
            except OSError:
                continue
    return count, total
