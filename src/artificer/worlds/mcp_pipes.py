"""A server's standard input and output as the SDK's streams of messages. What is no message is skipped and told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from artificer.core.errors import MissingExtra
from artificer.worlds.servers import Server

try:
    import anyio
    from mcp.shared.message import SessionMessage
    from mcp.types import jsonrpc_message_adapter
except ImportError as error:
    raise MissingExtra("mcp", "an mcp: world") from error


@asynccontextmanager
async def pipes(server: Server, skipped: Callable[[bytes], None]) -> AsyncGenerator[tuple[Any, Any]]:
    """The streams to read messages from and to write them to. The server is stopped at the end.

    Args:
        skipped: called with each line that is no message.
    """
    inbox, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, outbox = anyio.create_memory_object_stream[SessionMessage](0)
    pumps = [asyncio.create_task(_pump_in(server, inbox, skipped)), asyncio.create_task(_pump_out(server, outbox))]
    try:
        yield read, write
    finally:
        for stream in (read, write, inbox, outbox):
            stream.close()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        await asyncio.shield(asyncio.ensure_future(server.stop()))


async def _pump_in(server: Server, inbox: Any, skipped: Callable[[bytes], None]) -> None:
    async with inbox:
        async for line in server.lines():
            if not line.strip():
                continue
            try:
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                skipped(line)
                continue
            await inbox.send(SessionMessage(message))


async def _pump_out(server: Server, outbox: Any) -> None:
    async with outbox:
        async for item in outbox:
            line = item.message.model_dump_json(by_alias=True, exclude_unset=True) + "\n"
            try:
                await server.write(line.encode())
            except OSError:  # the server is gone: the reading side reports it
                return
