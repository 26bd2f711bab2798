"""HTTP with suspicion: hosts from a list, no redirects to others, capped sizes and times, whatever a server does.

An answer is read piece by piece and no further than its cap, compressed or not; a server that never answers, answers without end, or leads elsewhere
is a `Failure`, which sessions turn into results and the loading of documents into an error.
"""

from __future__ import annotations

import asyncio
import ipaddress
import zlib
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import aiohttp
from msgspec import Struct
from yarl import URL

from artificer.core.verdicts import ErrorKind

_REDIRECTS = (301, 302, 303, 307, 308)
_HOPS = 4
_PIECE = 1 << 16


class Limits(Struct, frozen=True):
    """Seconds that a request may take in all, and bytes that an answer may have."""

    seconds: float = 30.0
    size: int = 1_000_000


class Reply(Struct, frozen=True):
    """A server's answer."""

    status: int
    media: str
    body: bytes


class Failure(Exception):
    """Why there is no answer, as a kind and in words."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def origin_of(url: str) -> str:
    """`scheme://host:port` in one spelling, "" for what is no http(s) URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        return ""
    scheme, host = parts.scheme.lower(), parts.hostname.lower().rstrip(".")
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port or (443 if scheme == 'https' else 80)}"


def is_local(url: str) -> bool:
    """Whether a URL names this machine or a private network: by an address, or by a name that is always local."""
    host = (urlsplit(url).hostname or "").lower().rstrip(".")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or ("." not in host and ":" not in host):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host.replace(".", "").replace("x", "").isdigit()  # an address in another spelling


async def ask(
    client: aiohttp.ClientSession, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limits: Limits, allowed: frozenset[str]
) -> Reply:
    """One request and its answer. Redirects of GET and HEAD are followed within `allowed` origins; others are answers.

    Raises:
        Failure: no connection, no answer in time, too large an answer, or a way to somewhere else.
    """
    sent = {"Accept": "application/json, */*;q=0.5", "Accept-Encoding": "identity", **headers}
    first = origin_of(url)
    try:
        async with _timeout(limits):
            for _ in range(_HOPS):
                target = URL(url, encoded=True)
                async with client.request(method, target, headers=sent, data=body, allow_redirects=False, auto_decompress=False) as answer:
                    onward = answer.headers.get("Location", "")
                    if answer.status not in _REDIRECTS or method not in ("GET", "HEAD") or not onward:
                        return Reply(answer.status, answer.headers.get("Content-Type", ""), await _read(answer, limits))
                url = urljoin(url, onward)
                if origin_of(url) not in allowed or (origin_of(url) != first and first.startswith("https:") and not url.startswith("https:")):
                    raise Failure(
                        ErrorKind.transport, f"the server redirects to another host ({origin_of(url) or 'no http address'}), which is not followed"
                    )
                if origin_of(url) != first:  # credentials are for the server alone
                    sent = {name: value for name, value in sent.items() if name in ("Accept", "Accept-Encoding")}
            raise Failure(ErrorKind.transport, f"the server redirects more than {_HOPS - 1} times")
    except TimeoutError as error:
        raise Failure(ErrorKind.timeout, f"no answer within {limits.seconds:g} s") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Failure(ErrorKind.transport, f"the exchange failed: {type(error).__name__}") from error


def _timeout(limits: Limits) -> asyncio.Timeout:
    return asyncio.timeout(limits.seconds)


async def _read(answer: aiohttp.ClientResponse, limits: Limits) -> bytes:
    """The body, decompressed, up to the cap.

    Raises:
        Failure: it is larger, or compressed in a way that is not understood.
    """
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise Failure(ErrorKind.bad_output, f"the answer is compressed as {coding[:20]!r}, which was not asked for")
    inflate = zlib.decompressobj(32 + zlib.MAX_WBITS) if coding not in ("identity", "") else None
    out = bytearray()
    async for piece in answer.content.iter_chunked(_PIECE):
        try:
            out += piece if inflate is None else inflate.decompress(piece, limits.size + 1 - len(out))
        except zlib.error as error:
            raise Failure(ErrorKind.bad_output, "the answer cannot be decompressed") from error
        if len(out) > limits.size:
            raise Failure(ErrorKind.bad_output, f"the answer has more than the {limits.size} bytes allowed (option max_bytes)")
    return bytes(out)
