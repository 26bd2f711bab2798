"""The host's side of a sandbox: starts a jail with its zygote, and programs in it.

`Sandbox.start` tries the kinds of walls in turn and takes the first in which a program of one line runs with all
essential protections. A sandbox is one warm zygote; a program costs two forks. Where programs cannot have walls of
their own within the jail (some bubblewrap installations), each gets a jail of its own instead.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import Any

from msgspec import Struct

from artificer.core.errors import SourceError
from artificer.worlds.code.inside.wire import Inbox, pack
from artificer.worlds.code.program import Answer, Outcome, Program
from artificer.worlds.code.protections import Protections, protections_of
from artificer.worlds.code.settings import Settings

_SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/lib32",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/fonts",
)
_USERS = (0x70000000, 40_000)
"""Where users that own nothing are looked for: the first of a row of `_ROW`, of which one is taken for each jail or program."""
_ROW = 16_384
_START_S = 60
_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
_ENVIRONMENT = {**_ONE_THREAD, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "MPLBACKEND": "Agg", "MALLOC_ARENA_MAX": "2"}


class Unusable(Exception):
    """One kind of walls does not work here; why."""


class Kind(Struct, frozen=True):
    """One way to build walls. `apart`: programs have namespaces of their own within the jail."""

    tier: str
    apart: bool
    each: bool = False
    """A jail for each program."""


_KINDS = {
    "namespaces": (Kind("namespaces", True),),
    "bubblewrap": (Kind("bubblewrap", True), Kind("bubblewrap", False, True)),
    "landlock": (Kind("landlock", False),),
    "none": (Kind("none", False),),
}


class Sandbox:
    """A jail and its zygote. Make one with `Sandbox.start`."""

    def __init__(self, settings: Settings, kind: Kind) -> None:
        self._settings = settings
        self._kind = kind
        self._turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = weakref.WeakKeyDictionary()
        self._work = tempfile.mkdtemp(prefix="artificer-code-") if kind.tier in ("landlock", "none") else ""
        if self._work:
            os.chmod(self._work, 0o711)
        self._jails: list[_Jail] = []
        self._end = weakref.finalize(self, _close, self._jails, self._work)
        self.refused: tuple[str, ...] = ()
        """Kinds of walls that were tried before this one, with the reason."""
        self.missing: tuple[str, ...] = ()
        try:
            jail = self._jail()
            self.missing = tuple(str(name) for name in jail.hello["preloaded"])
            self.protections = self._try_out()
        except BaseException:
            self.close()
            raise

    @classmethod
    def start(cls, settings: Settings, where: str) -> Sandbox:
        """The best sandbox this machine allows.

        Raises:
            SourceError: an essential protection cannot be had, and the settings do not say `unprotected=true`.
        """
        if sys.platform != "linux":
            raise SourceError("code: worlds need Linux.", where=where, remedy="run it in a Linux container or virtual machine")
        names = [settings.jail] if settings.jail != "auto" else ["namespaces", "bubblewrap", "landlock"]
        if settings.unprotected and settings.jail == "auto":
            names.append("none")
        reasons: list[str] = []
        for kind in [kind for name in names for kind in _KINDS[name]]:
            try:
                sandbox = cls(settings, kind)
            except Unusable as reason:
                reasons.append(f"{kind.tier}: {reason}")
                continue
            if not sandbox.protections.lacking or settings.unprotected:
                sandbox.refused = tuple(reasons)
                return sandbox
            reasons.append(f"{kind.tier}: no protection of {', '.join(sandbox.protections.lacking)}")
            sandbox.close()
        raise SourceError(
            f"no sandbox can be had here: {'; '.join(reasons)}.",
            where=where,
            remedy="allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0) or install bubblewrap;"
            " where the code is trusted, or the machine is thrown away, say --options unprotected=true",
        )

    def turn(self) -> asyncio.Semaphore:
        """What to hold while a program runs, so that no more than `parallel` do at a time."""
        return self._turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._settings.parallel))

    async def once(self, code: str, seed: int, files: dict[str, bytes], functions: list[dict[str, Any]], answer: Answer | None = None) -> Outcome:
        """Runs one program in a fresh interpreter, in its turn.

        Raises:
            Lost, OSError: it could not be started, or the sandbox went away.
        """
        async with self.turn():
            program = await self.program(seed, files, functions)
            try:
                return await program.run(code, "<program>", keep=False, answer=answer)
            finally:
                await program.close()

    async def program(self, seed: int, files: dict[str, bytes], functions: list[dict[str, Any]]) -> Program:
        """A started program that waits for its code.

        Raises:
            Lost, OSError: it could not be started.
        """
        ours, jail = self._connect()
        program = Program(ours, jail.close if jail is not None else None)
        await program.begin(seed, files, functions)
        return program

    def _connect(self) -> tuple[socket.socket, _Jail | None]:
        if not self._jails or self._jails[0].ended:
            while self._jails:
                self._jails.pop().close()
            self._jail()
        jail = self._jails.pop() if self._kind.each else self._jails[0]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            socket.send_fds(jail.control, [b"program"], [theirs.fileno()])
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return ours, jail if self._kind.each else None

    def _jail(self) -> _Jail:
        jail = _Jail(self._orders(), self._kind)
        self._jails.append(jail)
        return jail

    def _try_out(self) -> Protections:
        """Starts one program, and asks which walls it has."""
        ours, jail = self._connect()
        try:
            ours.settimeout(_START_S)
            ours.sendall(pack({"do": "open", "files": [], "seed": 0, "functions": []}))
            inbox = Inbox(1 << 20)
            while (frame := inbox.take()) is None:
                data = ours.recv(65536)
                if not data:
                    raise Unusable("the first program did not start")
                inbox.feed(data)
        except OSError as error:
            raise Unusable(str(error)) from error
        finally:
            ours.close()
            if jail is not None:
                jail.close()
        if "failed" in frame[0]:
            raise Unusable(str(frame[0]["failed"]))
        return protections_of(self._kind.tier, frame[0]["ready"])

    def _orders(self) -> dict[str, Any]:
        limits = self._settings.limits
        binds = [*_interpreter(), *(_packages() if self._settings.packages else [])]
        links = {path: os.readlink(path) for path in _SYSTEM if os.path.islink(path)}
        return {
            "tier": self._kind.tier,
            "apart": self._kind.apart,
            "strict": not self._settings.unprotected,
            "user": 0 if self._kind.tier == "bubblewrap" else _spare_user(),
            "unreadable": not all(_open_to_all(Path(path)) for path in [*_interpreter(), *_packages()]),
            "work": self._work or "/space",
            "binds": [path for path in _SYSTEM if path not in links] + binds,
            "temporary": "/temporary" if any(path.startswith("/tmp/") for path in binds) else "/tmp",
            "links": links,
            "paths": _packages() if self._settings.packages else [],
            "preload": list(self._settings.preload),
            "environment": _ENVIRONMENT,
            "limits": {
                "seconds": limits.seconds,
                "memory": limits.memory,
                "output": limits.output,
                "files": limits.files,
                "disk": limits.disk,
                "processes": limits.processes,
                "notebook": self._settings.mode == "notebook",
            },
        }

    def close(self) -> None:
        """Ends the zygote and with it every program."""
        self._end()


class _Jail:
    """One jail: its process and the socket its zygote listens to."""

    def __init__(self, orders: dict[str, Any], kind: Kind) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = subprocess.Popen(
                _command(orders | {"control": theirs.fileno()}, kind),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self.control.close()
            raise Unusable(str(error)) from error
        finally:
            theirs.close()
        self.hello = self._first_word()

    def _first_word(self) -> dict[str, Any]:
        self.control.settimeout(_START_S)
        try:
            inbox = Inbox(1 << 20)
            inbox.feed(self.control.recv(1 << 18))
            frame = inbox.take()
        except OSError as error:
            self.close()
            raise Unusable(str(error)) from error
        if frame is None or "failed" in frame[0]:
            self.close()
            raise Unusable("it ended at once" if frame is None else str(frame[0]["failed"]))
        self.control.settimeout(5)
        return frame[0]

    @property
    def ended(self) -> bool:
        """Whether its process is gone."""
        return self._process.poll() is not None

    def close(self) -> None:
        """The zygote leaves when its socket is closed, and every program with it."""
        self.control.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _close(jails: list[_Jail], work: str) -> None:
    while jails:
        jails.pop().close()
    if work:
        shutil.rmtree(work, ignore_errors=True)


def _command(orders: dict[str, Any], kind: Kind) -> list[str]:
    folder = str(Path(__file__).parent)
    start = f"import sys; sys.path.insert(0, {folder!r}); from inside.jail import main; main()"
    python = [_python(), "-s", "-S", "-B", "-P", "-c", start, json.dumps(orders)]
    if kind.tier != "bubblewrap":
        return python
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise OSError(2, "bwrap is not installed")
    walls = ["--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]
    for path in [*orders["binds"], folder]:
        walls += ["--ro-bind-try", path, path]
    for path, target in orders["links"].items():
        walls += ["--symlink", target, path]
    walls += ["--proc", "/proc", "--dev", "/dev", "--dir", "/scratch", "--dir", "/tmp", "--dir", "/temporary"]
    walls += ["--size", str(orders["limits"]["disk"] * 2), "--tmpfs", "/space", "--remount-ro", "/"]
    return [bwrap, *walls, "--", *python]


def _python() -> str:
    return os.path.realpath(str(getattr(sys, "_base_executable", None) or sys.executable))


def _spare_user() -> int:
    """The first of a row of users that own nothing, when this process is root and may become any of them; else 0."""
    if os.geteuid() != 0:
        return 0
    status = Path("/proc/self/status").read_text()
    rights = int(status.split("CapEff:")[1].split()[0], 16)
    if rights & 0xC0 != 0xC0:  # CAP_SETGID, CAP_SETUID
        return 0
    for first in _USERS:
        if all(_mapped(Path(f"/proc/self/{name}").read_text(), first, _ROW) for name in ("uid_map", "gid_map")):
            return first
    return 0


def _mapped(table: str, first: int, count: int) -> bool:
    """Whether a row of ids exists in this user namespace."""
    rows = [tuple(map(int, line.split())) for line in table.splitlines()]
    return any(start <= first and first + count <= start + length for start, _, length in rows)


def _interpreter() -> list[str]:
    """The interpreter's own folders that are not the system's."""
    places = {os.path.realpath(path) for path in (sys.base_prefix, sys.base_exec_prefix, os.path.dirname(_python()))}
    return [path for path in sorted(places) if not path.startswith("/usr/") and path != "/usr"]


def _packages() -> list[str]:
    return [os.path.realpath(path) for path in sys.path if path.endswith(("site-packages", "dist-packages")) and os.path.isdir(path)]


def _open_to_all(path: Path) -> bool:
    """Whether any user may enter a folder."""
    return all(folder.stat().st_mode & 0o001 for folder in [path, *path.parents] if folder.is_dir())
