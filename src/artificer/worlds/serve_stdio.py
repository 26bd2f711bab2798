"""The stdio side of `artificer serve --as mcp`: one client, which has started the process.

Standard input is read by a thread that nobody waits for, so that an interrupt ends the server at once; while it serves,
whatever else is printed goes to standard error and children read nothing of the client's messages.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from artificer.core.errors import MissingExtra
from artificer.worlds.serve_mcp import Offer, server_of

try:
    import anyio
    from mcp.shared.message import SessionMessage
    from mcp.types import jsonrpc_message_adapter
except ImportError as error:
    raise MissingExtra("mcp", "artificer serve --as mcp") from error

_CHUNK = 2**16
_LONGEST = 16 * 2**20
"""Longest message that is read from a client, in bytes."""


async def serve_stdio(offer: Offer) -> None:
    """Serves the client on standard input and output until it leaves, or the process is interrupted or terminated."""
    server = server_of(offer)
    task = asyncio.current_task()
    assert task is not None
    asked: list[int] = []

    def stop() -> None:
        asked.append(signal.SIGTERM)
        task.cancel()

    with suppress(NotImplementedError, RuntimeError, ValueError):  # not everywhere, and not outside the main thread
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    try:
        with _standard_streams() as (inward, outward):
            async with _messages(inward, outward) as (read, write):
                await server.run(read, write, server.create_initialization_options())
    except asyncio.CancelledError:
        if not asked:
            raise


@contextmanager
def _standard_streams() -> Generator[tuple[int, int]]:
    """Private copies of standard input and output, whose own numbers lead elsewhere meanwhile."""
    inward, outward = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        yield inward, outward
    finally:
        os.dup2(inward, 0)
        os.dup2(outward, 1)
        os.close(nothing)
        os.close(outward)  # `inward` stays: the thread may be reading it


@asynccontextmanager
async def _messages(inward: int, outward: int) -> AsyncGenerator[tuple[Any, Any]]:
    inbox, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, outbox = anyio.create_memory_object_stream[SessionMessage](0)
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()
    threading.Thread(target=_read, args=(inward, lines, asyncio.get_running_loop()), daemon=True, name="artificer-stdin").start()

    async def pump_in() -> None:
        async with inbox:
            while (line := await lines.get()) is not None:
                try:
                    item: SessionMessage | Exception = SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
                except ValueError as error:
                    item = error
                await inbox.send(item)

    async def pump_out() -> None:
        async with outbox:
            async for item in outbox:
                line = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
                try:
                    await asyncio.to_thread(_write, outward, line)
                except OSError:  # the client is gone
                    return

    pumps = [asyncio.create_task(pump_in()), asyncio.create_task(pump_out())]
    try:
        yield read, write
    finally:
        for stream in (read, write, inbox, outbox):
            stream.close()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


def _read(source: int, lines: asyncio.Queue[bytes | None], loop: asyncio.AbstractEventLoop) -> None:
    """Lines of a descriptor into a queue, None at the end. Runs in a thread of its own."""
    rest = b""
    with suppress(OSError, RuntimeError):  # the descriptor or the loop is closed
        while (chunk := os.read(source, _CHUNK)) and len(rest) < _LONGEST:
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if line.strip():
                    loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, None)


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
