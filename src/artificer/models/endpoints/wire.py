"""Bytes to an address and back, over keep-alive connections: the only module of these models that knows aiohttp's sessions.

One pool serves all addresses of a model. How many connections there are is not the pool's business but the pace's.
"""

from __future__ import annotations

import asyncio
import io
import resource
from collections.abc import Mapping

import aiohttp
from yarl import URL

MOST_BYTES = 64 << 20
_LARGE = 1 << 20
_SPARE_FILES = 512


class Wire:
    """A pool of connections.

    Args:
        headers: sent with every request.
        timeout_s: for one answer.
        connections: how many there may come to be.
    """

    def __init__(self, headers: Mapping[str, str], timeout_s: float, connections: int) -> None:
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity", **headers}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(timeout_s, 30.0))
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def here(self) -> bool:
        """Whether the pool belongs to the running event loop."""
        return asyncio.get_running_loop() is self._loop

    async def open(self) -> None:
        """A pool for the running event loop; connections of another are given up."""
        before = self._session
        allow_files(self._connections + _SPARE_FILES)
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=60)
        jar = aiohttp.DummyCookieJar()
        self._session = aiohttp.ClientSession(connector=connector, headers=self._headers, timeout=self._timeout, cookie_jar=jar)
        self._loop = asyncio.get_running_loop()
        if before is not None:
            await before.close()

    async def post(self, url: URL, body: bytes, headers: Mapping[str, str] | None) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer.

        Raises:
            TimeoutError, aiohttp.ClientError, OSError: there is none.
        """
        assert self._session is not None
        data = body if len(body) < _LARGE else io.BytesIO(body)
        async with self._session.post(url, data=data, headers=headers, allow_redirects=False) as response:
            length = response.content_length
            if length is not None and length <= MOST_BYTES and "Content-Encoding" not in response.headers:
                return response.status, response.headers, await response.read()
            answer = bytearray()
            async for piece in response.content.iter_chunked(1 << 16):
                answer += piece
                if len(answer) > MOST_BYTES:
                    raise aiohttp.ClientPayloadError(f"the answer is longer than {MOST_BYTES} bytes")
            return response.status, response.headers, bytes(answer)

    async def close(self) -> None:
        session, self._session, self._loop = self._session, None, None
        if session is not None:
            await session.close()


def allow_files(count: int) -> None:
    """Lets this process open so many files, or as many as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and wanted > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):
            return
