"""Sessions over a server: calls are requests, made with credentials from the environment.

A server keeps one state for everybody, so sessions are not private and cannot be forked, and all that is known of their effects is which writes
succeeded. Whatever the server does is a result; no secret stands in one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from artificer.core.canon import Json, canonical, digest
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect, Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session
from artificer.worlds.observe import jsonable
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.http import Failure, Reply, ask, origin_of
from artificer.worlds.openapi.operations import Operation
from artificer.worlds.openapi.security import chosen, scrub, scrubbed, sent
from artificer.worlds.openapi.servers import Target, joined
from artificer.worlds.openapi.wire import Pairs, Unsendable, written

if TYPE_CHECKING:
    from artificer.worlds.openapi.world import Api

_DETAIL = 500
_KINDS = {
    400: ErrorKind.invalid_argument,
    401: ErrorKind.forbidden,
    402: ErrorKind.forbidden,
    403: ErrorKind.forbidden,
    404: ErrorKind.not_found,
    405: ErrorKind.forbidden,
    408: ErrorKind.timeout,
    409: ErrorKind.constraint,
    410: ErrorKind.not_found,
    412: ErrorKind.constraint,
    415: ErrorKind.invalid_argument,
    422: ErrorKind.invalid_argument,
    429: ErrorKind.transport,
    502: ErrorKind.transport,
    503: ErrorKind.transport,
    504: ErrorKind.timeout,
}


class Live:
    """What the sessions of one world share."""

    def __init__(self, api: Api, name: str, target: Target) -> None:
        self.api = api
        self.name = name
        self.target = target

    async def open(self, start: Start) -> LiveSession:
        """A session; the server's state is whatever it is."""
        return LiveSession(self)

    def url(self, operation: Operation) -> str:
        """The base URL of an operation.

        Raises:
            Failure: it is of a host that is not allowed.
        """
        base = joined(self.target.base, operation.server) if operation.server else self.target.base
        if origin_of(base) not in self.target.allowed:
            raise Failure(
                ErrorKind.forbidden, f"this operation is served by another host ({origin_of(base) or base[:60]!r}), which option allow does not name"
            )
        return base.rstrip("/")


class LiveSession(Session):
    """One client, and the writes that succeeded."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._client: aiohttp.ClientSession | None = None
        self._calls = 0
        self._done: list[tuple[int, str, dict[str, Json]]] = []
        self._lock = asyncio.Lock()
        self._closed = False

    @property
    def calls(self) -> int:
        return self._calls

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        async with self._lock:
            self._calls += 1
            if self._closed:
                return ToolResult(call.id, None, ErrorKind.transport, "the session is closed")
            refusal = self._live.api.refusal(call)
            if refusal is not None:
                return refusal
            operation = self._live.api.operations[call.name]
            try:
                reply = await self._send(operation, call.arguments)
                content = self._content(operation, reply)
            except Failure as failure:
                return ToolResult(call.id, None, failure.kind, self._scrubbed(failure.detail)[:_DETAIL])
            if self._live.api.specs[call.name].effect != "read":
                self._done.append((self._calls, call.name, call.arguments))
            return ToolResult(call.id, content)

    async def _send(self, operation: Operation, arguments: Object) -> Reply:
        schemes = chosen(operation.security, self._live.api.schemes)
        if schemes is None:
            wanted = sorted(
                {self._live.api.schemes[name].variable for names in operation.security for name in names if name in self._live.api.schemes}
            )
            raise Failure(ErrorKind.forbidden, f"no credentials: set the environment variable {' or '.join(wanted)}")
        headers = {scheme.field: sent(scheme) for scheme in schemes if scheme.place == "header"}
        query: Pairs = [(scheme.field, sent(scheme)) for scheme in schemes if scheme.place == "query"]
        cookies: Pairs = [(scheme.field, sent(scheme)) for scheme in schemes if scheme.place == "cookie"]
        if any(not value.isascii() or not value.isprintable() for value in (*headers.values(), *(value for _, value in cookies))):
            raise Failure(ErrorKind.forbidden, "a credential in the environment holds what a header cannot (a line break, perhaps)")
        try:
            wire = written(operation, arguments, query, headers, cookies)
        except Unsendable as error:
            raise Failure(ErrorKind.invalid_argument, str(error)) from error
        base = self._live.url(operation)
        if self._client is None:
            self._client = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return await ask(self._client, wire.method, base + wire.path, wire.headers, wire.body, self._live.target.limits, self._live.target.allowed)

    def _content(self, operation: Operation, reply: Reply) -> Json:
        """What the agent is told of a good answer.

        Raises:
            Failure: the answer is an error, or not what the document says.
        """
        text = self._scrubbed(reply.body.decode("utf-8", "replace"))
        if not 200 <= reply.status < 300:
            kind = _KINDS.get(reply.status, ErrorKind.internal if reply.status >= 500 else ErrorKind.invalid_argument)
            said = "" if "html" in reply.media.lower() else f": {' '.join(text.split())}"
            raise Failure(ErrorKind.transport if 300 <= reply.status < 400 else kind, f"status {reply.status}{said}")
        if operation.method == "head" or not text.strip():
            return None
        documented = operation.answer.media.lower()
        if "json" in documented or "json" in reply.media.lower():
            try:
                content: Json = jsonable(msgspec.json.decode(text))
            except (msgspec.DecodeError, RecursionError) as error:
                what = "a web page" if text.lstrip()[:1] == "<" else "no JSON"
                raise Failure(ErrorKind.bad_output, f"the server answered {what} where the document says {documented or 'JSON'}") from error
        else:
            content = text
        content = scrubbed(content, self._live.api.schemes)
        if self._live.target.strict and not self._live.api.accepts(operation.name, content):
            raise Failure(ErrorKind.bad_output, "the answer breaks the operation's response schema")
        return content

    def _scrubbed(self, text: str) -> str:
        return scrub(text, self._live.api.schemes)

    async def fork(self) -> LiveSession:
        """Refused.

        Raises:
            SourceError: always; the server's state cannot be copied.
        """
        raise SourceError("a session over a server cannot be forked.", where=self._live.name, remedy="leave out the options server and live")

    def digest(self) -> str:
        return digest("openapi live", [(name, arguments) for _, name, arguments in self._done])

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        """One for each write that succeeded: what it did to the server's state is not known."""
        return tuple(
            Effect("calls", (number, f"{name} {canonical(arguments).decode()}"), "insert", {name: (None, arguments)}, generated=True)
            for number, name, arguments in self._done
            if number > since
        )

    async def close(self) -> None:
        self._closed = True
        if self._client is not None:
            await self._client.close()
            self._client = None
