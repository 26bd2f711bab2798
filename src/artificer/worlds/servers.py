"""A tool server as a child process: started in its own process group and private folder, and always ended with all its children.

Knows nothing of a protocol: it moves lines. What the server says on standard error is kept (the last 4 kB) for error
messages. The folder has a random path on the machine but one name for everybody: in arguments and results it is
`/workspace`, so that traces of different sessions and machines are equal.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import SourceError
from artificer.worlds.env_refs import changed

WORKSPACE = "/workspace"
SCRATCH = "{scratch}"
_INHERITED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER", "SYSTEMROOT", "APPDATA", "USERPROFILE")
_TAIL = 4096
_LINE = 64 * 2**20
"""Longest line that is read, in bytes; a server that sends a longer one is cut off."""
_GRACE_S = 1.0
_VIRTUAL = re.compile(r"(?<![\w./-])/workspace(?![\w.-])")


class Command(Struct, frozen=True):
    """How a server is started. `{scratch}` in `words`, `env` and `cwd` stands for the session's own folder, a copy of `template` if there is one."""

    words: tuple[str, ...]
    env: dict[str, str] = {}
    template: str | None = None
    cwd: str | None = None

    @property
    def needs_scratch(self) -> bool:
        return self.template is not None or any(SCRATCH in part for part in (*self.words, *self.env.values(), self.cwd or ""))


class Scratch:
    """A private folder with a copy of `source` (None: empty), removed by `remove`. When none is `wanted` (`path` None) nothing is translated."""

    def __init__(self, source: str | None, *, wanted: bool) -> None:
        self.path: str | None = None
        if not wanted:
            return
        self._parent = tempfile.mkdtemp(prefix="artificer-")
        self.path = str(Path(self._parent, "workspace").resolve())
        try:
            if source is None:
                Path(self.path).mkdir()
            else:
                shutil.copytree(source, self.path, symlinks=True)
        except OSError as error:
            self.remove()
            remedy = "give a readable folder and free some disk space"
            raise SourceError(f"the template {source!r} cannot be copied: {error}", remedy=remedy) from error

    def fill(self, text: str) -> str:
        """`text` with `{scratch}` replaced by the folder."""
        return text if self.path is None else text.replace(SCRATCH, self.path)

    def inward(self, value: Json) -> Json:
        """Arguments with `/workspace` replaced by the folder."""
        path = self.path
        return value if path is None else changed(value, lambda text: _VIRTUAL.sub(lambda _: path, text) if WORKSPACE in text else text)

    def outward(self, value: Json) -> Json:
        """Results with the folder replaced by `/workspace`."""
        path = self.path
        return value if path is None else changed(value, lambda text: text.replace(path, WORKSPACE))

    def refill(self, source: str | None) -> None:
        """Makes the folder, in place, a copy of `source` (empty when None).

        Raises:
            SourceError: it cannot be copied.
        """
        assert self.path is not None
        try:
            for entry in os.scandir(self.path):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)
            if source is not None:
                shutil.copytree(source, self.path, symlinks=True, dirs_exist_ok=True)
        except OSError as error:
            raise SourceError(f"the folder of a session cannot be filled: {error}", remedy="free some disk space") from error

    def remove(self) -> None:
        """Deletes the folder; what cannot be deleted is left to the system."""
        if self.path is not None:
            shutil.rmtree(self._parent, ignore_errors=True)


class Server:
    """A running server. `lines()` must be read by one task, for otherwise a full pipe stops the server."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._tail = b""
        self._errors = asyncio.create_task(self._read_errors())

    @classmethod
    async def start(cls, command: Command, where: str) -> Server:
        """A running server of a command whose words and values are filled in.

        Raises:
            SourceError: there is no such program, or it cannot be run.
        """
        env = {name: os.environ[name] for name in _INHERITED if name in os.environ} | command.env
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *command.words, stdin=pipe, stdout=pipe, stderr=pipe, env=env, cwd=command.cwd, start_new_session=True
            )
        except (OSError, ValueError) as error:
            what = error.strerror if isinstance(error, OSError) else str(error)
            raise SourceError(
                f"the server {command.words[0]!r} cannot be started: {what}",
                where=where,
                remedy="install it, or write the command as you would type it in a terminal",
            ) from error
        return cls(process)

    async def write(self, line: bytes) -> None:
        """Raises: OSError: the server no longer reads."""
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        await self._process.stdin.drain()

    async def lines(self) -> AsyncIterator[bytes]:
        """What it prints, line by line, until it ends or sends a line of more than 64 MiB."""
        assert self._process.stdout is not None
        pieces: list[bytes] = []
        size = 0
        while chunk := await self._process.stdout.read(2**18):
            *whole, rest = chunk.split(b"\n")
            for line in whole:
                yield b"".join((*pieces, line))
                pieces.clear()
                size = 0
            pieces.append(rest)
            size += len(rest)
            if size > _LINE:
                return
        if pieces and any(pieces):
            yield b"".join(pieces)

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(_TAIL):
            self._tail = (self._tail + chunk)[-_TAIL:]

    @property
    def ended(self) -> int | None:
        """Its exit status; negative for a signal; None while it runs."""
        return self._process.returncode

    def last_words(self, lines: int = 8) -> str:
        """The last lines of its standard error."""
        return "\n".join(self._tail.decode("utf-8", "replace").strip().splitlines()[-lines:])

    async def stop(self) -> None:
        """Closes its input, waits a second, then kills whatever is left of its process group."""
        process = self._process
        if process.stdin is not None:
            with suppress(OSError, RuntimeError):
                process.stdin.close()
        try:
            await self._wait(_GRACE_S)
        finally:  # also when the loop is being torn down and this is cancelled
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        await self._wait(_GRACE_S)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._errors), 0.2)
        self._errors.cancel()
        await asyncio.gather(self._errors, return_exceptions=True)
        transport: asyncio.SubprocessTransport | None = getattr(process, "_transport", None)
        if transport is not None:  # a grandchild that left the group may hold the pipes open; asyncio offers no public way
            with suppress(OSError):
                transport.close()

    async def _wait(self, seconds: float) -> None:
        """Until it has exited. Not `process.wait()`, which also waits for pipes that a child may hold open."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        pause = 0.002
        while self._process.returncode is None and loop.time() < until:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.05)
