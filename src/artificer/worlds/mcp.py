"""`mcp:COMMAND` and `mcp:http(s)://URL`: any Model Context Protocol server as a world (official SDK 2.x).

Over stdio every session has a server process of its own, and so a private state; it forks by starting afresh and
replaying its calls, and a replay whose results differ is refused. A server behind a URL is one for everybody: its
sessions cannot be forked, and the world says so. What a session changed is observed by probes (`McpWorld.probes`): read
calls that are repeated after every call that may write. Whatever a server does (dies, hangs, prints junk, floods) is a
result with an error, and its process tree is ended with the session.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from msgspec import Struct

from artificer.core.canon import Json, canonical, digest
from artificer.core.errors import MissingExtra, SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect, Start
from artificer.core.tools import ToolSpec, compile_schema, validate_arguments
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Forks, Problem, Session, World
from artificer.worlds.mcp_target import Target, probes_of, target_of
from artificer.worlds.mcp_wire import refusal, result, specs
from artificer.worlds.observe import Probe, Tables, differences, not_json, state_digest, without
from artificer.worlds.servers import WORKSPACE, Command, Scratch, Server

try:
    import anyio
    import httpx2
    from mcp import ClientSession, MCPError
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared.dispatcher import CallOptions
    from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
    from mcp.shared.message import SessionMessage
    from mcp.types import CONNECTION_CLOSED, METHOD_NOT_FOUND, REQUEST_TIMEOUT, jsonrpc_message_adapter
except ImportError as error:
    raise MissingExtra("mcp", "an mcp: world") from error

_PAGES = 100
_IDLE = 8
"""Servers kept for the next session, where that is allowed."""
_DETAIL = 500


def open_world(rest: str, **options: str) -> McpWorld:
    """The world of a command or a URL. Starts the server once to learn its tools.

    Args:
        rest: a command as typed in a terminal (`{scratch}` is the session's private folder), or an http(s) URL.
        options: `template` (folder that fills `{scratch}`), `timeout` and `start_timeout` in seconds, `max_bytes` of a result,
            `env.NAME` (environment of a command), `header.NAME` (of a URL), `probes` (a JSON file: a list of probes, or
            an object that holds one, as a stored data-flow graph does).

    Raises:
        SourceError: the server does not start, does not answer, or offers no usable tool.
    """
    target = target_of(rest, options)
    probes = probes_of(options["probes"]) if "probes" in options else ()
    return McpWorld(target, _aside(_inspect(target)), probes)


def _aside(work: Coroutine[Any, Any, Listing]) -> Listing:
    """Runs a coroutine in a thread with a loop of its own, since worlds are made by plain functions that may themselves run within a loop."""
    outcome: list[Listing | BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, name="artificer-mcp-inspect")
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


class Listing(Struct, frozen=True):
    """What a server says of itself: raw tool objects and its instructions."""

    tools: list[Json]
    instructions: str


async def _inspect(target: Target) -> Listing:
    connection = Connection(target)
    try:
        await connection.start()
        tools: list[Json] = []
        cursor: Json = None
        for _ in range(_PAGES):
            page = await connection.request("tools/list", {"cursor": cursor} if cursor else {}, target.limits.start_s)
            offered: Json = page.get("tools")
            if not isinstance(offered, list):
                raise SourceError("the server's answer to tools/list holds no list of tools.", where=target.name, remedy="report it to its authors")
            tools += cast("list[Json]", connection.scratch.outward(offered))
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str) or not cursor:
                break
        return Listing(tools, str(connection.scratch.outward(connection.instructions)))
    except MCPError as error:
        raise connection.blame(f"the server does not list its tools: {error.message}") from error
    finally:
        await connection.close()


class Connection:
    """One connection to one server. A task of its own enters and leaves the SDK's contexts, as they must be left by the task that entered them."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.scratch = Scratch(target.command or Command(()))
        self.instructions = ""
        self._server: Server | None = None
        self._junk = ""
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._owner: asyncio.Task[None] | None = None
        self._dispatcher: JSONRPCDispatcher[Any] | None = None
        self._options: CallOptions = {}
        self._loop = asyncio.get_running_loop()
        self.failed = False
        """Whether a call was left without an answer: the server may still be busy with it."""

    @property
    def reusable(self) -> bool:
        """Whether the server runs, has answered everything, and belongs to this event loop."""
        running = self._server is not None and self._server.ended is None and not self._stop.is_set()
        return running and not self.failed and self._loop is asyncio.get_running_loop()

    async def start(self) -> None:
        """Raises: SourceError: the server does not start or does not speak the protocol."""
        self._owner = asyncio.create_task(self._own())
        try:
            await asyncio.shield(self._ready)
        except BaseException:
            await self.close()
            raise

    async def request(self, method: str, params: dict[str, Json], seconds: float) -> dict[str, Json]:
        """The server's raw answer.

        Raises:
            MCPError: it refused, took too long, or is gone.
        """
        assert self._dispatcher is not None
        options: CallOptions = {**self._options, "timeout": seconds}
        return await self._dispatcher.send_raw_request(method, params, options)

    async def close(self) -> None:
        """Ends the server and removes its folder."""
        self._stop.set()
        if self._owner is not None:
            await asyncio.gather(self._owner, return_exceptions=True)
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()  # seen: a start that failed was reported by `start`
        await asyncio.get_running_loop().run_in_executor(None, self.scratch.remove)

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
        remedy = "run the command in a terminal and see that it waits for input" if self._target.command else "check the URL and that the server runs"
        return SourceError(" ".join(parts), where=self._target.name, remedy=remedy)

    async def _own(self) -> None:
        try:
            async with self._streams() as (read, write):
                dispatcher = JSONRPCDispatcher[Any](read, write)
                async with ClientSession(dispatcher=dispatcher) as session:
                    with anyio.fail_after(self._target.limits.start_s):
                        await session.initialize()
                    self._dispatcher = dispatcher
                    self.instructions = session.instructions or ""
                    if self._target.command is None and session.protocol_version:
                        self._options = {"headers": {"mcp-protocol-version": session.protocol_version}}
                    self._ready.set_result(None)
                    await self._stop.wait()
        except Exception as error:  # the boundary: a foreign server and the SDK around it
            if not self._ready.done():
                self._ready.set_exception(self._trouble(error))

    def _trouble(self, error: BaseException) -> SourceError:
        while isinstance(error, BaseExceptionGroup):
            error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
        if isinstance(error, SourceError):
            return error
        if isinstance(error, TimeoutError):
            return self.blame(f"the server did not answer within {self._target.limits.start_s:g} s (option start_timeout)")
        return self.blame(f"the server cannot be used: {str(error)[:_DETAIL] or type(error).__name__}")

    @asynccontextmanager
    async def _streams(self) -> AsyncGenerator[tuple[Any, Any]]:
        if self._target.command is None:
            async with (
                httpx2.AsyncClient(headers=self._target.headers, timeout=self._target.limits.call_s) as client,
                streamable_http_client(self._target.url, http_client=client) as streams,
            ):
                yield streams[0], streams[1]
            return
        self._server = server = await Server.start(self._target.command, self.scratch)
        inbox, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write, outbox = anyio.create_memory_object_stream[SessionMessage](0)
        pumps = [asyncio.create_task(self._pump_in(server, inbox)), asyncio.create_task(self._pump_out(server, outbox))]
        try:
            yield read, write
        finally:
            for stream in (read, write, inbox, outbox):
                stream.close()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            await asyncio.shield(asyncio.ensure_future(server.stop()))

    async def _pump_in(self, server: Server, inbox: Any) -> None:
        async with inbox:
            async for line in server.lines():
                if not line.strip():
                    continue
                try:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError:
                    self._junk = self._junk or line[:200].decode("utf-8", "replace")
                    continue
                await inbox.send(SessionMessage(message))

    async def _pump_out(self, server: Server, outbox: Any) -> None:
        async with outbox:
            async for item in outbox:
                line = item.message.model_dump_json(by_alias=True, exclude_unset=True) + "\n"
                try:
                    await server.write(line.encode())
                except OSError:  # the server is gone: the reading side reports it
                    return


class McpWorld(World):
    """A server's tools. `probes` observe its state; dataflow discovery finds them, or the user sets them."""

    def __init__(self, target: Target, listing: Listing, probes: tuple[Probe, ...] = ()) -> None:
        self.name = target.name
        self.target = target
        self.probes = probes
        self.forks: Forks = "none" if target.command is None else "exact" if target.in_folder else "replay"
        self._idle: list[Connection] = []
        found, problems = specs(listing.tools, target.name)
        if target.command is None:
            problems.append(Problem(target.name, "a server behind a URL keeps one state for all sessions; they are not private and cannot be forked"))
        if not found:
            reasons = "; ".join(f"{problem.where}: {problem.what}" for problem in problems[:3]) or "it lists none"
            raise SourceError(f"the server offers no usable tool: {reasons}", where=target.name, remedy="choose another server, or mend its schemas")
        self.tools: Sequence[ToolSpec] = tuple(found)
        self.problems: Sequence[Problem] = tuple(problems)
        note = f"The files you work on are in {WORKSPACE}." if target.command is not None and target.command.needs_scratch else ""
        self.policy = "\n".join(part for part in (listing.instructions, note) if part)
        self._check_probes(found)
        self.specs = {spec.name: spec for spec in found}
        self.validators = {spec.name: compile_schema(spec.parameters, spec.name) for spec in found}
        self.returns = {spec.name: compile_schema(spec.returns, spec.name) for spec in found if spec.returns is not None}

    def _check_probes(self, offered: Sequence[ToolSpec]) -> None:
        unknown = sorted({probe.name for probe in self.probes} - {spec.name for spec in offered})
        if unknown:
            raise SourceError(f"the probes name tools that the server does not offer: {unknown!r}.", where=self.name, remedy="name tools it lists")

    async def open(self, start: Start) -> McpSession:
        """A session with a server of its own (stdio), or a connection of its own (URL).

        Raises:
            SourceError: the server does not start.
        """
        connection = await self.take(self.target.command.template if self.target.command is not None else None)
        session = McpSession(self, connection, start)
        try:
            await session.look()
        except BaseException:
            await session.close()
            raise
        return session

    async def take(self, source: str | None) -> Connection:
        """A connection to a server of its own, whose folder is a copy of `source`: a new server, or with `state=folder` an idle one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                await asyncio.to_thread(connection.scratch.refill, source)
                return connection
            await connection.close()
        connection = Connection(self.target)
        await connection.start()
        if self.target.command is not None and source != self.target.command.template:
            await asyncio.to_thread(connection.scratch.refill, source)
        return connection

    async def give_back(self, connection: Connection) -> None:
        """Ends a session's server, or keeps it for the next session."""
        if self.target.in_folder and connection.reusable and len(self._idle) < _IDLE:
            self._idle.append(connection)
        else:
            await connection.close()

    async def close(self) -> None:
        """Ends the servers that were kept."""
        while self._idle:
            await self._idle.pop().close()


class McpSession(Session):
    """One connection, with all its calls and what probes saw after them."""

    def __init__(self, world: McpWorld, connection: Connection, start: Start) -> None:
        self._world = world
        self._connection = connection
        self._start = start
        self._made: list[tuple[ToolCall, str, ToolResult]] = []
        self._seen: list[tuple[int, Tables]] = []
        self._lock = asyncio.Lock()
        self._closed = False

    @property
    def calls(self) -> int:
        return len(self._made)

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        async with self._lock:
            try:
                result = await self._checked(call)
            except asyncio.CancelledError:
                self._connection.failed = True
                raise
            self._made.append((call, actor, result))
            spec = self._world.specs.get(call.name)
            if spec is not None and spec.effect != "read":
                await self.look()
            return result

    async def _checked(self, call: ToolCall) -> ToolResult:
        validator = self._world.validators.get(call.name)
        if validator is None:
            return ToolResult(call.id, None, ErrorKind.unknown_tool, f"there is no tool {call.name!r}")
        wrong = validate_arguments(validator, call.arguments)
        if wrong is not None:
            return ToolResult(call.id, None, wrong.kind, f"{wrong.path or 'arguments'}: {wrong.detail}")
        garbled = not_json(call.arguments)
        if garbled is not None:
            return ToolResult(call.id, None, ErrorKind.invalid_argument, garbled)
        return await self._ask(call)

    async def _ask(self, call: ToolCall) -> ToolResult:
        scratch, limits = self._connection.scratch, self._world.target.limits
        if self._closed:
            return ToolResult(call.id, None, ErrorKind.transport, "the session is closed")
        try:
            answer = await self._connection.request("tools/call", {"name": call.name, "arguments": scratch.inward(call.arguments)}, limits.call_s)
            return result(call, scratch.outward(answer), limits.result_bytes, self._world.returns.get(call.name))
        except MCPError as error:
            kind = _kind(error)
            self._connection.failed |= kind in (ErrorKind.timeout, ErrorKind.transport)
            detail = f"no answer within {limits.call_s:g} s" if kind is ErrorKind.timeout else str(scratch.outward(error.message))[:_DETAIL]
            return ToolResult(call.id, None, kind, detail)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError, RuntimeError) as error:
            self._connection.failed = True
            return ToolResult(call.id, None, ErrorKind.transport, f"the server is gone: {str(error)[:_DETAIL] or type(error).__name__}")
        except ValueError as error:  # an answer, or arguments, that cannot be put in a message
            return ToolResult(call.id, None, ErrorKind.bad_output, f"the exchange with the server failed: {str(error)[:_DETAIL]}")

    async def look(self) -> None:
        """Runs the probes and keeps what they show when it is new."""
        tables: Tables = {}
        for probe in self._world.probes:
            result = await self._ask(ToolCall("probe", probe.name, probe.arguments))
            tables[probe.table] = without(result.content, probe.ignore) if result.error is None else {"error": str(result.error)}
        if not self._world.probes:
            tables = self._unprobed()
        if not self._seen or tables != self._seen[-1][1]:
            self._seen.append((self.calls, tables))

    def _unprobed(self) -> Tables:
        """Without probes all that is known of the state is which calls that may write succeeded."""
        specs = self._world.specs
        done = [call for call, _, result in self._made if result.error is None and specs[call.name].effect != "read"]
        return {"calls": [f"{call.name} {canonical(call.arguments).decode()}" for call in done]} if done else {}

    async def fork(self) -> McpSession:
        """A fresh server that has made the same calls; with `state=folder`, a server on a copy of the folder.

        Raises:
            SourceError: the server is shared, or a repeated call gave another result.
        """
        if self._world.forks == "none":
            raise SourceError("a session of a server behind a URL cannot be forked.", where=self._world.name, remedy="run the server by a command")
        if self._world.target.in_folder:
            other = McpSession(self._world, await self._world.take(self._connection.scratch.path), self._start)
            other._made, other._seen = list(self._made), list(self._seen)
            return other
        twin = await self._world.open(self._start)
        try:
            for index, (call, actor, result) in enumerate(self._made):
                again = await twin.call(call, actor)
                if again != result:
                    raise SourceError(
                        f"call {index + 1} ({call.name!r}) gave another result when it was repeated, so this session cannot be forked.",
                        where=self._world.name,
                        remedy="pin what varies (times, ids) through env.NAME options",
                    )
        except BaseException:
            await twin.close()
            raise
        return twin

    def digest(self) -> str:
        return state_digest(self._seen[-1][1]) if self._world.probes else digest("calls", self._unprobed())

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        before = next((tables for calls, tables in reversed(self._seen) if calls <= since), self._seen[0][1])
        return differences(before, self._seen[-1][1])

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._world.give_back(self._connection)


def _kind(error: MCPError) -> ErrorKind:
    if error.code == REQUEST_TIMEOUT:
        return ErrorKind.timeout
    if error.code == CONNECTION_CLOSED:
        return ErrorKind.transport
    if error.code == METHOD_NOT_FOUND or "unknown tool" in error.message.lower():
        return ErrorKind.unknown_tool
    return refusal(error.message, ErrorKind.internal)
