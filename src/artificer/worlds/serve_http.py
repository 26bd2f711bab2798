"""The HTTP side of `artificer serve --as mcp`: one transport and one session for every client.

Clients that speak only the newest, connectionless protocol are told to begin with the handshake, for a session needs
something to belong to. On a loopback address requests must name it as their host (against pages that rebind names);
on any other a token is demanded.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import socket
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from artificer.core.errors import MissingExtra, SourceError
from artificer.worlds.serve_mcp import Offer, server_of

try:
    import anyio
    import uvicorn
    from anyio.abc import TaskGroup, TaskStatus
    from mcp.server.streamable_http import StreamableHTTPServerTransport
    from mcp.server.transport_security import RequestBodyLimitMiddleware, TransportSecuritySettings
    from mcp.types import INVALID_REQUEST, METHOD_NOT_FOUND
    from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
except ImportError as error:
    raise MissingExtra("mcp", "artificer serve --http") from error

_PATH = "/mcp"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_BODY = 4 * 2**20
_BACKLOG = 2048
_log = logging.getLogger(__name__)


class Front:
    """An ASGI app. `tasks` is where clients' servers run; it is set while the app serves."""

    def __init__(self, offer: Offer, security: TransportSecuritySettings | None, token: str | None, most: int, idle_s: float) -> None:
        self.tasks: TaskGroup | None = None
        self._server = server_of(offer)
        self._security, self._token, self._most, self._idle_s = security, token, most, idle_s
        self._open: dict[str, StreamableHTTPServerTransport] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["path"].rstrip("/") != _PATH:
            await _refuse(send, 404, INVALID_REQUEST, f"the server is at {_PATH}")
        elif self._token is not None and not hmac.compare_digest(headers.get("authorization", "").encode(), f"Bearer {self._token}".encode()):
            await _refuse(send, 401, INVALID_REQUEST, "a token is needed")
        elif headers.get("mcp-protocol-version", HANDSHAKE_PROTOCOL_VERSIONS[0]) not in HANDSHAKE_PROTOCOL_VERSIONS:
            await _refuse(send, 400, METHOD_NOT_FOUND, "this server keeps a session for each client: begin with initialize")
        elif "mcp-session-id" in headers:
            await self._go_on(headers["mcp-session-id"], scope, receive, send)
        else:
            await self._begin(scope, receive, send)

    async def _go_on(self, key: str, scope: Any, receive: Any, send: Any) -> None:
        transport = self._open.get(key)
        if transport is None:
            await _refuse(send, 404, INVALID_REQUEST, "Session not found")
            return
        await transport.handle_request(scope, receive, send)
        if transport.is_terminated:
            self._open.pop(key, None)

    async def _begin(self, scope: Any, receive: Any, send: Any) -> None:
        if len(self._open) >= self._most or self.tasks is None:
            await _refuse(send, 503, INVALID_REQUEST, f"{self._most} clients are connected already")
            return
        key = uuid.uuid4().hex
        transport = StreamableHTTPServerTransport(key, security_settings=self._security, idle_timeout=self._idle_s)
        self._open[key] = transport
        status = 500

        async def watched(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.tasks.start(self._serve, key, transport)
            await transport.handle_request(scope, receive, watched)
        finally:
            if status >= 400:  # no session has come about
                await self._end(key, transport)

    async def _serve(self, key: str, transport: StreamableHTTPServerTransport, *, task_status: TaskStatus[None]) -> None:
        """One client, from its first message until it leaves or falls silent."""
        try:
            async with transport.connect() as (read, write):
                task_status.started()
                with transport.idle_scope or anyio.CancelScope():
                    await self._server.run(read, write, self._server.create_initialization_options())
        except Exception:  # the boundary: one client's trouble is not another's
            _log.exception("the session of a client ended")
        finally:
            await self._end(key, transport)

    async def close(self) -> None:
        """Ends all clients' sessions."""
        for key, transport in list(self._open.items()):
            await self._end(key, transport)

    async def _end(self, key: str, transport: StreamableHTTPServerTransport) -> None:
        self._open.pop(key, None)
        if not transport.is_terminated:
            with anyio.CancelScope(shield=True):
                await transport.terminate()


async def _refuse(send: Any, status: int, code: int, message: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def address_of(text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT. Raises: SourceError: it is no address."""
    host, colon, port = text.rpartition(":")
    host = host.strip("[]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise SourceError(f"{text!r} is not an address.", remedy="write HOST:PORT, e.g. 127.0.0.1:8000")
    return host, int(port)


def bound(host: str, port: int) -> socket.socket:
    """A listening socket (port 0: any that is free). Raises: SourceError: the address is taken, or not this machine's."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        what = f"nothing can be served at {host}:{port}: {error.strerror or error}"
        raise SourceError(what, remedy="choose another port, or 0 for a free one") from error


async def serve_http(
    offer: Offer, address: str, *, token: str | None = None, most: int = 1000, idle_s: float = 1800.0, told: Callable[[str], None] = print
) -> None:
    """Serves any number of clients at `http://HOST:PORT/mcp` until it is interrupted.

    Args:
        token: what clients must send as `Authorization: Bearer TOKEN`; needed on an address that others can reach.
        most: clients at a time.
        idle_s: seconds after which a silent client's session is closed.
        told: called with the URL when clients can connect.

    Raises:
        SourceError: the address cannot be used, or is open to others and no token is set.
    """
    host, wanted = address_of(address)
    if host not in _LOOPBACK and token is None:
        raise SourceError(f"{host!r} can be reached by others.", remedy="set --token env:NAME, or serve on 127.0.0.1")
    with bound(host, wanted) as listening:
        port = listening.getsockname()[1]
        security = None
        if host in _LOOPBACK:
            names = [f"{name}:*" for name in ("127.0.0.1", "localhost", "[::1]")]
            security = TransportSecuritySettings(allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names])
        front = Front(offer, security, token, most, idle_s)
        app = RequestBodyLimitMiddleware(front, _BODY)
        config = uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False, timeout_graceful_shutdown=1, ws="none")
        async with anyio.create_task_group() as tasks:
            front.tasks = tasks
            server = _Uvicorn(config)
            server.leaving = front.close
            told(f"http://{f'[{host}]' if ':' in host else host}:{port}{_PATH}")
            try:
                await server.serve([listening])
            except asyncio.CancelledError:  # uvicorn itself only shuts down when a signal asks it to
                with anyio.CancelScope(shield=True):
                    await server.shutdown([listening])
                raise
            finally:
                tasks.cancel_scope.cancel()


class _Uvicorn(uvicorn.Server):
    """Ends the clients' streams before it waits for their connections."""

    leaving: Callable[[], Awaitable[None]]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self.leaving()
        await super().shutdown(sockets)
