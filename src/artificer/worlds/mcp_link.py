"""One connection to one MCP server, through the official SDK: the only module of MCP worlds that knows it.

A task of its own enters and leaves the SDK's contexts, as they must be left by the task that entered them. Requests
are raw: what a server answers is read with suspicion elsewhere, not by the SDK's models.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.errors import MissingExtra, SourceError
from artificer.core.verdicts import ErrorKind
from artificer.worlds.env_refs import Veil, resolved
from artificer.worlds.mcp_target import Limits, Target
from artificer.worlds.mcp_wire import refusal
from artificer.worlds.servers import Command, Scratch, Server

try:
    import anyio
    from mcp import ClientSession, MCPError
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared.dispatcher import CallOptions
    from mcp.shared.inbound import MCP_METHOD_HEADER, MCP_NAME_HEADER, MCP_PROTOCOL_VERSION_HEADER, encode_header_value
    from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
    from mcp.types import (
        CLIENT_CAPABILITIES_META_KEY,
        CLIENT_INFO_META_KEY,
        CONNECTION_CLOSED,
        METHOD_NOT_FOUND,
        PROTOCOL_VERSION_META_KEY,
        REQUEST_TIMEOUT,
        UNSUPPORTED_PROTOCOL_VERSION,
        Implementation,
    )
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS

    from artificer.worlds.mcp_http import client
    from artificer.worlds.mcp_pipes import pipes
except ImportError as error:
    raise MissingExtra("mcp", "an mcp: world") from error

_DETAIL = 500
_GONE = "the server closed the connection"
"""One text however it was noticed, so that traces do not differ by who was quicker."""
_LIST_CHANGED = "tools/list_changed"
_US = {"name": "artificer", "version": "1"}
Heard = Callable[[float, float | None, str | None], None]
"""What is called with progress, total and message while a request is answered."""


def _hush() -> None:
    """Keeps what the SDK says of bad servers from standard error, where nobody has asked for it; whoever sets up logging gets it."""
    logger = logging.getLogger("mcp")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


class Refused(Exception):
    """A request that was not answered with a result: why, in our taxonomy and in words for an agent."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        self.kind, self.detail = kind, detail
        super().__init__(detail)


class Connection:
    """One connection to one server. `scratch` is the session's folder, shared by its servers; whoever made it removes it."""

    def __init__(self, target: Target, limits: Limits, scratch: Scratch, seed: int) -> None:
        self.target = target
        self.instructions = ""
        self.label = target.label
        self.capabilities: dict[str, Json] = {}
        self.lists_changed = 0
        """How often the server has said that its tools have changed."""
        self.gone = False
        """Whether the server has ended, or the connection to it."""
        self.unanswered = False
        """Whether a request was left without an answer: the server may still be busy with it."""
        self._limits, self._scratch, self._seed = limits, scratch, seed
        self._mark = f"session-{uuid.uuid4().hex[:12]}"
        self._veil = Veil()
        self._server: Server | None = None
        self._junk = ""
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._owner: asyncio.Task[None] | None = None
        self._dispatcher: JSONRPCDispatcher[Any] | None = None
        self._version = ""

    @property
    def alive(self) -> bool:
        """Whether it can be asked, as far as is known."""
        running = self._owner is not None and not self._owner.done() and not self._stop.is_set()
        return running and not self.gone and (self._server is None or self._server.ended is None)

    @property
    def reusable(self) -> bool:
        """Whether it can serve another session of this event loop."""
        return self.alive and not self.unanswered and self._loop is asyncio.get_running_loop()

    async def start(self) -> None:
        """Raises: SourceError: the server does not start or does not speak the protocol."""
        _hush()
        self._owner = asyncio.create_task(self._own())
        try:
            await asyncio.shield(self._ready)
        except BaseException:
            await self.close()
            raise

    async def request(self, method: str, params: dict[str, Json], seconds: float, heard: Heard | None = None) -> dict[str, Json]:
        """The server's answer, with the session's folder and secrets taken out.

        Args:
            seconds: without an answer or a report of progress; in all it may take `longest`. Giving up tells the server.

        Raises:
            Refused: it refused, took too long, or is gone.
        """
        if self._dispatcher is None:
            raise Refused(ErrorKind.transport, "the server is not connected")
        try:
            return await self._asked(self._dispatcher, method, params, seconds, heard)
        except TimeoutError as error:
            self.unanswered = True
            raise Refused(ErrorKind.timeout, f"no answer within {seconds:g} s") from error
        except MCPError as error:
            raise self._refused(error, seconds) from error
        except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError, RuntimeError) as error:
            self.gone = True
            raise Refused(ErrorKind.transport, _GONE) from error
        except asyncio.CancelledError:
            self.unanswered = True
            raise
        except ValueError as error:  # an answer, or arguments, that cannot be put in a message
            raise Refused(ErrorKind.bad_output, f"the exchange with the server failed: {self._told(str(error))}") from error

    async def _asked(
        self, dispatcher: JSONRPCDispatcher[Any], method: str, params: dict[str, Json], seconds: float, heard: Heard | None
    ) -> dict[str, Json]:
        end = self._loop.time() + max(seconds, self._limits.longest_s)
        inward = self._scratch.inward(params)
        asked, options = self._stamped(method, cast("dict[str, Json]", inward))
        async with asyncio.timeout(seconds) as clock:

            async def progressed(progress: float, total: float | None, message: str | None) -> None:
                if waiting and not clock.expired():
                    clock.reschedule(min(self._loop.time() + seconds, end))
                    if heard is not None:
                        heard(progress, total, None if message is None else self._told(message))

            waiting = True
            try:
                answer = await dispatcher.send_raw_request(method, asked, {**options, "on_progress": progressed})
            finally:
                waiting = False
        return cast("dict[str, Json]", self._veil.over(self._scratch.outward(answer)))

    def _stamped(self, method: str, params: dict[str, Json]) -> tuple[dict[str, Json], CallOptions]:
        """A request as the protocol's version wants it: on HTTP a header, in the newest versions an envelope in every request."""
        headers = {MCP_PROTOCOL_VERSION_HEADER: self._version} if self.target.command is None else {}
        if self._version in MODERN_PROTOCOL_VERSIONS:
            envelope = {PROTOCOL_VERSION_META_KEY: self._version, CLIENT_INFO_META_KEY: _US, CLIENT_CAPABILITIES_META_KEY: {}}
            params = {**params, "_meta": envelope}
            headers[MCP_METHOD_HEADER] = method
            if isinstance(params.get("name"), str):
                headers[MCP_NAME_HEADER] = encode_header_value(params["name"])
        return params, {"headers": headers} if headers else {}

    def _refused(self, error: MCPError, seconds: float) -> Refused:
        told = self._told(error.message)
        if error.code == REQUEST_TIMEOUT:
            self.unanswered = True
            return Refused(ErrorKind.timeout, f"no answer within {seconds:g} s")
        if error.code == CONNECTION_CLOSED or self.gone:
            self.gone = True
            return Refused(ErrorKind.transport, _GONE)
        if error.code == METHOD_NOT_FOUND or "unknown tool" in error.message.lower():
            return Refused(ErrorKind.unknown_tool, told)
        return Refused(refusal(error.message, ErrorKind.internal), told)

    async def close(self) -> None:
        """Ends the server, or the connection to it."""
        self._stop.set()
        if self._owner is not None:
            await asyncio.gather(self._owner, return_exceptions=True)
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()  # seen: a start that failed was reported by `start`

    def blame(self, what: str) -> SourceError:
        """An error with all that is known of the server's trouble."""
        said = self._server.last_words() if self._server is not None else ""
        status = self._server.ended if self._server is not None else None
        parts = [what.rstrip(".") + "."]
        if status is not None:
            parts.append(f"It ended with status {status}.")
        if self._junk:
            parts.append(f"It printed on standard output what is no message: {self._junk!r}.")
        if said:
            parts.append(f"It said:\n{said}")
        remedy = "run the command in a terminal and see that it waits for input" if self.target.command else "check the URL and that the server runs"
        return SourceError(self._veil.text(" ".join(parts)), where=self.target.name, remedy=remedy)

    def _lose(self) -> None:
        self.gone = True

    def _told(self, text: str) -> str:
        return str(self._veil.over(self._scratch.outward(text)))[:_DETAIL]

    async def _own(self) -> None:
        try:
            async with self._streams() as (read, write):
                dispatcher = JSONRPCDispatcher[Any](read, write)
                async with ClientSession(
                    dispatcher=dispatcher, message_handler=self._noticed, client_info=Implementation(name=_US["name"], version=_US["version"])
                ) as session:
                    with anyio.fail_after(self._limits.start_s):
                        await self._greet(session)
                    self._dispatcher = dispatcher
                    self._ready.set_result(None)
                    await self._stop.wait()
        except Exception as error:  # the boundary: a foreign server and the SDK around it
            if not self._ready.done():
                self._ready.set_exception(self._trouble(error))

    async def _greet(self, session: ClientSession) -> None:
        """The handshake; servers of the newest protocol alone have none and are asked what they are."""
        try:
            await session.initialize()
        except MCPError as error:
            if error.code != UNSUPPORTED_PROTOCOL_VERSION:
                raise
            await session.discover()
        self._version = session.protocol_version or ""
        self.instructions = self._veil.text(str(self._scratch.outward(session.instructions or "")))
        if session.server_capabilities is not None:
            self.capabilities = session.server_capabilities.model_dump(by_alias=True, exclude_none=True, mode="json")
        if not self.label and session.server_info is not None:
            self.label = self._veil.text(session.server_info.name)

    async def _noticed(self, message: object) -> None:
        if str(getattr(message, "method", "")).endswith(_LIST_CHANGED):
            self.lists_changed += 1

    def _trouble(self, error: BaseException) -> SourceError:
        while isinstance(error, BaseExceptionGroup):
            error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
        if isinstance(error, SourceError):
            return error
        if isinstance(error, TimeoutError):
            return self.blame(f"the server did not answer within {self._limits.start_s:g} s (option start_timeout)")
        return self.blame(f"the server cannot be used: {self._told(str(error)) or type(error).__name__}")

    def _filled(self, texts: dict[str, str], hidden: list[tuple[str, str]]) -> dict[str, str]:
        """Values with placeholders and references to the environment filled in. What must not be seen is added to `hidden`."""
        found: dict[str, str] = {}
        for field, text in texts.items():
            if "{session}" in text:
                hidden.append((self._mark, "{session}"))
            marked = self._scratch.fill(text).replace("{seed}", str(self._seed)).replace("{session}", self._mark)
            found[field], secrets = resolved(field, marked, self.target.name)
            hidden += secrets
        return found

    @asynccontextmanager
    async def _streams(self) -> AsyncGenerator[tuple[Any, Any]]:
        hidden: list[tuple[str, str]] = []
        if self.target.command is None:
            url = self._filled({"url": self.target.url}, hidden)["url"]
            headers = self._filled(self.target.headers, hidden)
            self._veil = Veil.of(hidden)
            cap = 8 * self._limits.result_bytes + 2**20  # as JSON, and perhaps twice: as text and as structured content
            async with (
                client(url, headers, max(self._limits.longest_s, self._limits.start_s), cap, self._lose) as http,
                streamable_http_client(url, http_client=http, max_sse_event_size=cap) as streams,
            ):
                yield streams[0], streams[1]
            return
        command = self._command(self.target.command, hidden)
        self._veil = Veil.of(hidden)
        self._server = server = await Server.start(command, self.target.name)
        async with pipes(server, self._skipped) as streams:
            yield streams

    def _skipped(self, line: bytes) -> None:
        self._junk = self._junk or line[:200].decode("utf-8", "replace")

    def _command(self, command: Command, hidden: list[tuple[str, str]]) -> Command:
        words = self._filled({f"word {index}": word for index, word in enumerate(command.words)}, hidden)
        env = self._filled(command.env, hidden)
        cwd = self._filled({"cwd": command.cwd}, hidden)["cwd"] if command.cwd is not None else None
        return msgspec.structs.replace(command, words=tuple(words.values()), env=env, cwd=cwd)
