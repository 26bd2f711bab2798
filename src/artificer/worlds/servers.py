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
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import SourceError

WORKSPACE = "/workspace"
SCRATCH = "{scratch}"
_INHERITED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER", "SYSTEMROOT", "APPDATA", "USERPROFILE")
_TAIL = 4096
_LINE = 64 * 2**20
"""Longest line that is read, in bytes; a server that sends a longer one is cut off."""
_GRACE_S = 1.0
_VIRTUAL = re.compile(r"(?<![\w./-])/workspace(?![\w.-])")


class Command(Struct, frozen=True):
    """How a server is started. `{scratch}` in `words` and `env` stands for the session's own folder, a copy of `template` if there is one."""

    words: tuple[str, ...]
    env: dict[str, str] = {}
    template: str | None = None

    @property
    def needs_scratch(self) -> bool:
        return self.template is not None or any(SCRATCH in part for part in (*self.words, *self.env.values()))


class Scratch:
    """A private folder, removed by `remove`. Without one (`path` None) nothing is translated."""

    def __init__(self, command: Command) -> None:
        self.path: str | None = None
        if not command.needs_scratch:
            return
        self._parent = tempfile.mkdtemp(prefix="artificer-")
        self.path = str(Path(self._parent, "workspace").resolve())
        try:
            if command.template is None:
                Path(self.path).mkdir()
            else:
                shutil.copytree(command.template, self.path, symlinks=True)
        except OSError as error:
            self.remove()
            raise SourceError(
                f"the template {command.template!r} cannot be copied: {error}", remedy="give a readable folder and free some disk space"
            ) from error

    def fill(self, text: str) -> str:
        """`text` with `{scratch}` replaced by the folder."""
        return text if self.path is None else text.replace(SCRATCH, self.path)

    def inward(self, value: Json) -> Json:
        """Arguments with `/workspace` replaced by the folder."""
        path = self.path
        return value if path is None else _strings(value, lambda text: _VIRTUAL.sub(lambda _: path, text) if WORKSPACE in text else text)

    def outward(self, value: Json) -> Json:
        """Results with the folder replaced by `/workspace`."""
        path = self.path
        return value if path is None else _strings(value, lambda text: text.replace(path, WORKSPACE))

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


def _strings(value: Json, change: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _strings(part, change) for key, part in cast("dict[str, Json]", value).items()}
    if isinstance(value, list):
        return [_strings(part, change) for part in cast("list[Json]", value)]
    return value


class Server:
    """A running server. `lines()` must be read by one task, for otherwise a full pipe stops the server."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._tail = b""
        self._errors = asyncio.create_task(self._read_errors())

    @classmethod
    async def start(cls, command: Command, scratch: Scratch) -> Server:
        """Raises: SourceError: there is no such program, or it cannot be run."""
        env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        env |= {name: scratch.fill(value) for name, value in command.env.items()}
        words = [scratch.fill(word) for word in command.words]
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=pipe, env=env, start_new_session=True)
        except (OSError, ValueError) as error:
            raise SourceError(
                f"the server {words[0]!r} cannot be started: {error}",
                where=" ".join(command.words),
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


def command_of(words: Sequence[str], options: Mapping[str, str], where: str) -> Command:
    """A command from a source string's words and its options `template` and `env.NAME`.

    Raises:
        SourceError: no word, or the template is not a folder.
    """
    if not words:
        raise SourceError("there is no command.", where=where, remedy="write mcp:COMMAND, e.g. mcp:python -m mcp_server_git --repository {scratch}")
    template = options.get("template")
    if template is not None and not Path(template).is_dir():
        raise SourceError(f"the template {template!r} is not a folder.", where=where, remedy="give the folder that each session gets a copy of")
    env = {name.removeprefix("env."): value for name, value in options.items() if name.startswith("env.")}
    return Command(tuple(words), env, template)
