"""In the program's own process: the last walls go up, then its code runs, cell by cell.

From the first line of a program on, nothing in this process is to be trusted any more: the program may change whatever
it likes here. All it can spoil is its own answer.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import socket
import sys
import types
from typing import IO, Any, NamedTuple

from . import kernel, runner
from .wire import Inbox, pack

_LINE = 3
DEVICES = ("null", "zero", "full", "random", "urandom")
SLACK = 64 << 20
"""Bytes that a program may have beyond its limit: stacks of threads, and what an allocator keeps aside."""
_FRAME = 64 << 20


class Sight(NamedTuple):
    """What a program sees as its scratch folder and as the folder for temporary files."""

    scratch: str
    temporary: str


def only_own_files(line: int, outputs: list[int]) -> None:
    """Leaves open: nothing to read as standard input, the two outputs, and the line to the supervisor as 3."""
    line, out, err = (os.dup(handle) if handle <= _LINE else handle for handle in (line, *outputs))
    line = os.dup(line)
    nothing = os.open("/dev/null", os.O_RDONLY)
    for handle, target in ((nothing, 0), (out, 1), (err, 2), (line, _LINE)):
        os.dup2(handle, target, inheritable=target != _LINE)
    os.closerange(_LINE + 1, 65536)


def limit(limits: dict[str, Any], space: int, *, counted: bool, spare: int) -> None:
    """Resource limits.

    Args:
        limits: what the world allows.
        space: bytes of address space of the bare interpreter.
        counted: processes are counted for this program alone, so their number can be limited.
        spare: how many of them are ours.
    """
    seconds = int(limits["seconds"]) + 1
    wanted = [
        (resource.RLIMIT_AS, space + int(limits["memory"]) + SLACK),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, int(limits["disk"])),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ]
    if counted:
        wanted.append((resource.RLIMIT_NPROC, int(limits["processes"]) + spare))
    if not limits["notebook"]:
        wanted.append((resource.RLIMIT_CPU, seconds))
    for which, value in wanted:
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def give_up(orders: dict[str, Any], steps: dict[str, str], sight: Sight, keep: int) -> None:
    """Landlock if that is the wall, then capabilities, new privileges and dangerous calls; notes in `steps` what holds."""
    tier = orders["tier"]
    if tier in ("namespaces", "bubblewrap"):
        steps["files"] = "a root folder of its own: system and packages read-only, a private scratch folder, nothing else"
        steps["network"] = "a network namespace without devices"
    attempts = {
        "files": lambda: _landlock(orders, steps, sight),
        "privileges": lambda: kernel.drop_capabilities(keep),
        "no new privileges": kernel.no_new_privileges,
        "syscalls": lambda: kernel.deny_syscalls(None if orders["apart"] or steps.get("processes") else os.getpid()),
    }
    order = ("privileges", "no new privileges", "files", "syscalls")
    for name in order:
        try:
            attempts[name]()
        except OSError as error:
            steps[name] = ""
            if orders["strict"]:
                raise OSError(error.errno, f"{name}: {error.strerror}") from error
            continue
        if name == "privileges":
            steps[name] = "no capability and none to be gained"
        elif name == "syscalls":
            steps[name] = "a seccomp filter: no sockets, mounts, tracing, namespaces, kernel modules and the like"
            steps["network"] = steps.get("network") or "no socket can be made"
            steps["processes"] = steps.get("processes") or "signals reach no other process"
    if tier == "bubblewrap":
        steps["processes"] = "a process namespace for each program"
    steps["limits"] = "memory, file size and open files of each process, time, output"


def _landlock(orders: dict[str, Any], steps: dict[str, str], sight: Sight) -> None:
    """The only wall around files, or (where a program shares its jail with its supervisor) one more that hides /proc."""
    if orders["apart"] or orders["tier"] == "none":
        return
    devices = [f"/dev/{name}" for name in DEVICES]
    try:
        version = kernel.landlock(orders["binds"], devices, [sight.scratch, sight.temporary])
    except OSError:
        if orders["tier"] == "landlock":
            raise
        return
    if version >= 6:
        steps["processes"] = steps.get("processes") or "signals reach no process of others"
    if orders["tier"] == "landlock":
        steps["files"] = f"Landlock {version}: system and packages to read, a private scratch folder, nothing else"


def main(sight: Sight, header: dict[str, Any], orders: dict[str, Any], steps: dict[str, str]) -> None:
    """Says that the walls are up, then runs what comes down the line until it is closed."""
    os.chdir(sight.scratch)
    line = socket.socket(fileno=_LINE)
    environment = {"HOME": sight.temporary, "TMPDIR": sight.temporary, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}
    os.environ.clear()
    os.environ.update(environment | orders["environment"])
    seed = int(header["seed"])
    _seeded(seed)
    module = _blank_module()
    bridge = runner.Bridge(line, Inbox(_FRAME))
    vars(module).update(bridge.functions(header["functions"]))
    _fresh_look()
    cells = runner.Cells(module, int(orders["limits"]["output"]))
    line.sendall(pack({"ready": steps}))
    while (frame := bridge.next()) is not None:
        if orders["limits"]["notebook"]:
            _processor_limit(float(orders["limits"]["seconds"]))
        answer = cells.run(str(frame["run"]), str(frame["name"]), last=not orders["limits"]["notebook"])
        line.sendall(pack({"done": answer}))
        if not orders["limits"]["notebook"]:
            signal.pause()


def _processor_limit(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 2, hard))


def _blank_module() -> types.ModuleType:
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv[:] = ["program.py"]
    sys.orig_argv[:] = ["python", "program.py"]
    return module


def _fresh_look() -> None:
    """No module of ours among those that are loaded, and streams for the new outputs."""
    for name in [name for name in sys.modules if name == "inside" or name.startswith("inside.")]:
        del sys.modules[name]
    sys.path_importer_cache.clear()
    sys.stdin = sys.__stdin__ = _stream(0, "r")  # pyright: ignore[reportAttributeAccessIssue]
    sys.stdout = sys.__stdout__ = _stream(1, "w")  # pyright: ignore[reportAttributeAccessIssue]
    sys.stderr = sys.__stderr__ = _stream(2, "w")  # pyright: ignore[reportAttributeAccessIssue]


def _stream(handle: int, mode: str) -> IO[str]:
    return open(handle, mode, encoding="utf-8", errors="backslashreplace", closefd=False)


def _seeded(seed: int) -> None:
    """Seeds `random`, and what the system gives as random to Python code (uuid4, secrets, numpy)."""
    stream = random.Random(seed)
    random.seed(stream.getrandbits(64))
    os.urandom = stream.randbytes  # what the machine gives could not be played again
    random._urandom = stream.randbytes  # pyright: ignore[reportAttributeAccessIssue]
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(stream.getrandbits(32))
