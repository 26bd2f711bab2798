"""HTTP to MCP servers that are not trusted: no answer can fill the memory, and none comes compressed.

The SDK reads a JSON answer whole, so a cap must stand below it. Redirects to other hosts are not followed by the SDK.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from artificer.core.errors import MissingExtra

try:
    import httpx2
except ImportError as error:
    raise MissingExtra("mcp", "an mcp: world") from error


def client(url: str, headers: dict[str, str], seconds: float, limit: int, ended: Callable[[], None]) -> httpx2.AsyncClient:
    """A client whose answers hold at most `limit` bytes each; event streams are capped per event by the SDK.

    Args:
        url: where it will be used: the environment may name a proxy for it.
        seconds: without a byte before an answer is given up; calls have their own limit.
        ended: called when the server does not know the session any more.
    """
    parts = urlsplit(url)
    proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    return httpx2.AsyncClient(
        headers={"accept-encoding": "identity", **headers},
        timeout=httpx2.Timeout(seconds, pool=None),
        transport=_Capped(limit, proxy, ended),
        trust_env=False,  # it would put proxies in the place of the transport that counts
    )


class _Capped(httpx2.AsyncHTTPTransport):
    def __init__(self, limit: int, proxy: str | None, ended: Callable[[], None]) -> None:
        super().__init__(limits=httpx2.Limits(max_connections=None), proxy=proxy)
        self._limit, self._ended = limit, ended

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if response.status_code == 404 and "mcp-session-id" in request.headers:
            self._ended()
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise httpx2.DecodingError("the answer is compressed, which was not asked for")
        events = response.headers.get("content-type", "").lower().startswith("text/event-stream")
        if not events:
            response.stream = _Counted(response.stream, self._limit)
        return response


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, stream: Any, limit: int) -> None:
        self._stream = stream
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._limit
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise httpx2.StreamError(f"the answer has more than {self._limit} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
