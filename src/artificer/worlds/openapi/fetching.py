"""Documents behind a URL: fetched once, when the world is made, with a cap on size and time and no way to another host."""

from __future__ import annotations

import asyncio
import threading

import aiohttp

from artificer.core.errors import SourceError
from artificer.worlds.openapi.http import Failure, Limits, Reply, ask, origin_of

_SECONDS = 60.0


def fetched(url: str, limit: int) -> bytes:
    """The bytes behind a URL.

    Raises:
        SourceError: they cannot be had.
    """
    where = f"openapi:{url}"
    if not origin_of(url):
        raise SourceError("that is no http(s) URL.", where=where, remedy="give the path or the URL of an OpenAPI document")
    outcome: list[Reply | BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(_get(url, limit)))
        except BaseException as error:
            outcome.append(error)

    # worlds are made by plain functions that may themselves run within a loop: hence a thread with a loop of its own
    thread = threading.Thread(target=run, name="artificer-openapi-fetch")
    thread.start()
    thread.join()
    reply = outcome[0]
    if isinstance(reply, Failure):
        raise SourceError(f"the document cannot be fetched: {reply.detail}.", where=where, remedy="check the URL, or give a file") from reply
    if isinstance(reply, BaseException):
        raise reply
    if reply.status != 200:
        raise SourceError(f"the document cannot be fetched: status {reply.status}.", where=where, remedy="check the URL, or give a file")
    return reply.body


async def _get(url: str, limit: int) -> Reply:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
        return await ask(client, "GET", url, {}, None, Limits(_SECONDS, limit), frozenset({origin_of(url)}))
