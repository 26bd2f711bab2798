"""One program as the host sees it: its code goes in, calls of outside tools come out, at the end what it left."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, cast

from msgspec import Struct

from artificer.worlds.code.inside.wire import pack

Answer = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Serves a call of an outside tool: `{"content"}` or `{"error", "detail"}`."""
_MOST = 1 << 31
_START_S = 60


class Lost(Exception):
    """The supervisor went away, or could not start the program; why."""


class Outcome(Struct, frozen=True):
    """What came of one run.

    Args:
        finished: whether the program came to its end, with or without an error.
        died: why not.
        files: all files afterwards.
        dropped: what in the scratch folder was not taken, and why.
        processor_s: seconds of processor time of the program and its supervisor so far; of processes that have ended.
    """

    finished: bool
    died: str
    result: str | None
    error: str | None
    stdout: str
    stderr: str
    files: dict[str, bytes]
    dropped: tuple[str, ...]
    processor_s: float = 0.0


class Program:
    """A started program that waits for code."""

    def __init__(self, ours: socket.socket, free: Callable[[], object] | None) -> None:
        self._socket: socket.socket | None = ours
        self._free = free
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._files: dict[str, bytes] = {}

    async def begin(self, seed: int, files: dict[str, bytes], functions: list[dict[str, Any]]) -> None:
        """Gives it its files and waits until its walls are up.

        Raises:
            Lost: they could not be put up.
        """
        assert self._socket is not None
        try:
            self._socket.setblocking(False)
            self._reader, self._writer = await asyncio.open_unix_connection(sock=self._socket, limit=1 << 20)
            listing = [[path, len(data)] for path, data in files.items()]
            header = {"do": "open", "files": listing, "seed": seed, "functions": functions}
            self._writer.write(pack(header, b"".join(files.values())))
            await self._writer.drain()
            async with asyncio.timeout(_START_S):
                first = await self._frame()
            if "ready" not in first[0]:
                raise Lost(str(first[0].get("failed")))
        except BaseException:
            await self.close()
            raise
        self._files = dict(files)

    async def run(self, code: str, name: str, *, keep: bool, answer: Answer | None = None) -> Outcome:
        """Runs code. With `keep` the program waits for more afterwards, if it is still alive.

        Raises:
            Lost: the supervisor went away.
        """
        assert self._writer is not None
        self._writer.write(pack({"do": "run", "code": code, "name": name, "keep": keep}))
        while True:
            header, blob = await self._frame()
            if "call" in header:
                reply = {"error": "unknown_tool"} if answer is None else await answer(header["call"], header["arguments"])
                self._writer.write(pack(reply))
            elif "failed" in header:
                raise Lost(str(header["failed"]))
            else:
                return self._outcome(header, blob)

    def _outcome(self, header: dict[str, Any], blob: bytes) -> Outcome:
        files: dict[str, bytes] = {}
        at, sizes = 0, iter(header["sizes"])
        for entry in header["files"]:
            path = entry[1:]
            if entry[0] == "=" and path in self._files:
                files[path] = self._files[path]
            else:
                size = int(next(sizes))
                files[path], at = blob[at : at + size], at + size
        self._files = files
        done = cast("dict[str, Any]", header["done"]) if isinstance(header["done"], dict) else None
        result, error = (None, None) if done is None else (_text(done.get("result")), _text(done.get("error")))
        stdout, stderr, dropped = str(header["stdout"]), str(header["stderr"]), tuple(header["dropped"])
        return Outcome(done is not None, str(header["died"]), result, error, stdout, stderr, dict(files), dropped, float(header["processor_s"]))

    async def _frame(self) -> tuple[dict[str, Any], bytes]:
        assert self._reader is not None
        try:
            text, blob = struct.unpack(">II", await self._reader.readexactly(8))
            if text + blob > _MOST:
                raise Lost("a frame without end")
            header = json.loads(await self._reader.readexactly(text))
            return header, await self._reader.readexactly(blob)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Lost("the sandbox went away") from error

    async def close(self) -> None:
        """Ends it with all its processes."""
        writer, ours, free = self._writer, self._socket, self._free
        self._writer = self._socket = self._free = None
        if writer is not None:
            writer.close()
        elif ours is not None:
            ours.close()
        if free is not None:
            free()


def _text(value: object) -> str | None:
    return None if value is None else value if isinstance(value, str) else json.dumps(value)[:20000]
