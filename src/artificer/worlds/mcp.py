"""`mcp:COMMAND` and `mcp:http(s)://URL`: any Model Context Protocol server as a world (official SDK 2.x).

Over stdio every session has a server process of its own, and so a private state; it forks by starting afresh and
replaying its calls, and a replay whose results differ is refused. A server behind a URL is one for everybody: its
sessions cannot be forked, and the world says so. What a session changed is observed by probes (`McpWorld.probes`): read
calls that are repeated after every call that may write. Whatever a server does (dies, hangs, prints junk, floods) is a
result with an error, and its process tree is ended with the session.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import threading
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import jsonschema_rs
import msgspec
from msgspec import Struct

from artificer.core.canon import Json, canonical, digest
from artificer.core.errors import MissingExtra, SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect, Start
from artificer.core.tools import EffectKind, ToolSpec, compile_schema, validate_arguments
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import TOOL_NAME, Forks, Problem, Session, World
from artificer.worlds.observe import Probe, Tables, differences, not_json, state_digest, without
from artificer.worlds.servers import WORKSPACE, Command, Scratch, Server, command_of

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

_OPTIONS = ("template", "probes", "timeout", "start_timeout", "max_bytes")
_PAGES = 100
_DETAIL = 500
_QUOTED = re.compile(r"'([\w.-]{1,30})'")


class Limits(Struct, frozen=True):
    """Seconds for a call and for a server's start, and the most bytes of a result."""

    call_s: float = 30.0
    start_s: float = 30.0
    result_bytes: int = 1_000_000


class Target(Struct, frozen=True):
    """Where a server is: a command (stdio) or a URL with headers."""

    name: str
    command: Command | None
    url: str = ""
    headers: dict[str, str] = {}
    limits: Limits = Limits()


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
    target = _target(rest, options)
    probes = _probes(options["probes"]) if "probes" in options else ()
    return McpWorld(target, _aside(_inspect(target)), probes)


class _Stored(Struct):
    probes: tuple[Probe, ...] = ()


def _probes(path: str) -> tuple[Probe, ...]:
    try:
        data = Path(path).read_bytes()
        stored = msgspec.json.decode(data, type=tuple[Probe, ...] | _Stored)
    except (OSError, msgspec.MsgspecError) as error:
        raise SourceError(f"the probes cannot be read: {error}", where=path, remedy="give a JSON file with a list of {name, arguments}") from error
    return stored.probes if isinstance(stored, _Stored) else stored


def _target(rest: str, options: dict[str, str]) -> Target:
    where = f"mcp:{rest}"
    is_url = rest.startswith(("http://", "https://"))
    extra = "header." if is_url else "env."
    unknown = sorted(name for name in options if name not in _OPTIONS and not name.startswith(extra))
    if unknown:
        raise SourceError(f"mcp: worlds do not take the options {unknown!r}.", where=where, remedy=f"use {', '.join(_OPTIONS)} or {extra}NAME")
    limits = Limits(
        _number(options, "timeout", 30.0, where), _number(options, "start_timeout", 30.0, where), int(_number(options, "max_bytes", 1e6, where))
    )
    if is_url:
        headers = {name.removeprefix(extra): value for name, value in options.items() if name.startswith(extra)}
        return Target(where, None, rest, headers, limits)
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise SourceError(f"the command cannot be read: {error}", where=where, remedy="quote it as in a terminal") from error
    return Target(where, command_of(words, options, where), limits=limits)


def _number(options: dict[str, str], name: str, default: float, where: str) -> float:
    try:
        value = float(options.get(name, default))
    except ValueError:
        value = 0.0
    if not 0 < value < 1e12:
        raise SourceError(f"{name}={options[name]!r} is not a positive number.", where=where, remedy=f"write for example {name}={default:g}")
    return value


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
        self.forks: Forks = "replay" if target.command is not None else "none"
        specs, problems = _specs(listing.tools, target.name)
        if target.command is None:
            problems.append(Problem(target.name, "a server behind a URL keeps one state for all sessions; they are not private and cannot be forked"))
        if not specs:
            reasons = "; ".join(f"{problem.where}: {problem.what}" for problem in problems[:3]) or "it lists none"
            raise SourceError(f"the server offers no usable tool: {reasons}", where=target.name, remedy="choose another server, or mend its schemas")
        self.tools: Sequence[ToolSpec] = tuple(specs)
        self.problems: Sequence[Problem] = tuple(problems)
        note = f"The files you work on are in {WORKSPACE}." if target.command is not None and target.command.needs_scratch else ""
        self.policy = "\n".join(part for part in (listing.instructions, note) if part)
        self._check_probes(specs)
        self.specs = {spec.name: spec for spec in specs}
        self.validators = {spec.name: compile_schema(spec.parameters, spec.name) for spec in specs}
        self.returns = {spec.name: compile_schema(spec.returns, spec.name) for spec in specs if spec.returns is not None}

    def _check_probes(self, specs: Sequence[ToolSpec]) -> None:
        unknown = sorted({probe.name for probe in self.probes} - {spec.name for spec in specs})
        if unknown:
            raise SourceError(f"the probes name tools that the server does not offer: {unknown!r}.", where=self.name, remedy="name tools it lists")

    async def open(self, start: Start) -> McpSession:
        """A session with a server of its own (stdio), or a connection of its own (URL).

        Raises:
            SourceError: the server does not start.
        """
        connection = Connection(self.target)
        await connection.start()
        session = McpSession(self, connection, start)
        try:
            await session.look()
        except BaseException:
            await session.close()
            raise
        return session


class McpSession(Session):
    """One connection, with all its calls and what probes saw after them."""

    def __init__(self, world: McpWorld, connection: Connection, start: Start) -> None:
        self._world = world
        self._connection = connection
        self._start = start
        self._made: list[tuple[ToolCall, str, ToolResult]] = []
        self._seen: list[tuple[int, Tables]] = []
        self._lock = asyncio.Lock()

    @property
    def calls(self) -> int:
        return len(self._made)

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        async with self._lock:
            result = await self._checked(call)
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
        try:
            answer = await self._connection.request("tools/call", {"name": call.name, "arguments": scratch.inward(call.arguments)}, limits.call_s)
            return _result(call, scratch.outward(answer), limits.result_bytes, self._world.returns.get(call.name))
        except MCPError as error:
            kind = _kind(error)
            detail = f"no answer within {limits.call_s:g} s" if kind is ErrorKind.timeout else str(scratch.outward(error.message))[:_DETAIL]
            return ToolResult(call.id, None, kind, detail)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError, RuntimeError) as error:
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
        """A fresh server that has made the same calls.

        Raises:
            SourceError: the server is shared, or a repeated call gave another result.
        """
        if self._world.forks == "none":
            raise SourceError("a session of a server behind a URL cannot be forked.", where=self._world.name, remedy="run the server by a command")
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
        await self._connection.close()


def _kind(error: MCPError) -> ErrorKind:
    if error.code == REQUEST_TIMEOUT:
        return ErrorKind.timeout
    if error.code == CONNECTION_CLOSED:
        return ErrorKind.transport
    if error.code == METHOD_NOT_FOUND or "unknown tool" in error.message.lower():
        return ErrorKind.unknown_tool
    return _refusal(error.message, ErrorKind.internal)


_REFUSALS = (
    (ErrorKind.unknown_tool, ("unknown tool",)),
    (ErrorKind.not_found, ("not found", "does not exist", "no such", "did not resolve", "doesn't exist", "cannot find", "unknown ", "no item named")),
    (ErrorKind.forbidden, ("permission", "forbidden", "not allowed", "denied", "outside", "unauthorized")),
    (ErrorKind.invalid_argument, ("invalid", "validation error", "must be", "should be", "expected")),
)


def _refusal(text: str, otherwise: ErrorKind) -> ErrorKind:
    """A kind for a server's error text: the protocol has no codes for tools' own errors, so its words decide."""
    lowered = text.lower()
    return next((kind for kind, words in _REFUSALS if any(word in lowered for word in words)), otherwise)


def _result(call: ToolCall, answer: Json, limit: int, returns: jsonschema_rs.Draft202012Validator | None) -> ToolResult:
    """A server's answer as a result: structured content, else text read as JSON where it is JSON, else text."""
    entry = cast("dict[str, Json]", answer)
    blocks: Json = entry.get("content")
    if not isinstance(blocks, list):
        return ToolResult(call.id, None, ErrorKind.bad_output, "the answer holds no content")
    texts = [_text(block) for block in cast("list[Json]", blocks)]
    text = "\n".join(texts)
    if entry.get("isError") is True:
        return ToolResult(call.id, None, _refusal(text, ErrorKind.constraint), text[:_DETAIL] or "the tool failed and did not say why")
    content: Json = entry.get("structuredContent")
    if content is None:
        content = _parsed(text)
    size = len(canonical(content))
    if size > limit:
        return ToolResult(call.id, None, ErrorKind.bad_output, f"the answer has {size} bytes, more than the {limit} allowed (option max_bytes)")
    if returns is not None and not returns.is_valid(content):
        return ToolResult(call.id, None, ErrorKind.bad_output, "the answer breaks the tool's own output schema")
    return ToolResult(call.id, content)


def _text(block: Json) -> str:
    if not isinstance(block, dict):
        return ""
    entry = cast("dict[str, Json]", block)
    if isinstance(entry.get("text"), str):
        return entry["text"]
    resource = entry.get("resource")
    if isinstance(resource, dict) and isinstance(cast("dict[str, Json]", resource).get("text"), str):
        return cast("dict[str, Json]", resource)["text"]
    return f"[{entry.get('type', 'content')}]"


def _parsed(text: str) -> Json:
    """Text as JSON when it is an object or a list in JSON; a bare number stays text, for it may be a name."""
    if text[:1] in ("{", "["):
        try:
            return msgspec.json.decode(text.encode("utf-8", "replace"))
        except (msgspec.DecodeError, RecursionError):
            return text
    return text


def _specs(offered: list[Json], where: str) -> tuple[list[ToolSpec], list[Problem]]:
    """Usable tools in the order listed, and why the others are not."""
    specs: list[ToolSpec] = []
    problems: list[Problem] = []
    for index, raw in enumerate(offered):
        entry = cast("dict[str, Json]", raw) if isinstance(raw, dict) else {}
        name: Json = entry.get("name")
        if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
            problems.append(Problem(f"{where} tool {index}", f"its name {name!r:.80} is not a tool name; left out"))
        elif any(spec.name == name for spec in specs):
            problems.append(Problem(name, "listed twice; the second is left out"))
        else:
            fault = _fault(entry.get("inputSchema"), name, needs_object=True)
            if fault is not None:
                problems.append(Problem(name, f"{fault}; left out"))
                continue
            returns = entry.get("outputSchema")
            fault = None if returns is None else _fault(returns, name, needs_object=False)
            if fault is not None:
                problems.append(Problem(name, f"output: {fault}; ignored"))
                returns = None
            specs.append(_spec(name, entry, returns))
    return specs, problems


def _spec(name: str, entry: dict[str, Json], returns: Json) -> ToolSpec:
    described = entry.get("description")
    hints: Json = entry.get("annotations")
    return ToolSpec(
        name=name,
        description=described.strip() if isinstance(described, str) and described.strip() else name.replace("_", " "),
        parameters=_with_examples(entry["inputSchema"]),
        returns=returns,
        effect=_effect(cast("dict[str, Json]", hints) if isinstance(hints, dict) else {}),
    )


def _with_examples(schema: dict[str, Json]) -> dict[str, Json]:
    """The schema with `examples` where a parameter's description puts words in quotes: many servers name their options in prose only."""
    properties: Json = schema.get("properties")
    if not isinstance(properties, dict):
        return schema
    found: dict[str, Json] = {}
    for name, part in cast("dict[str, Json]", properties).items():
        described: Json = cast("dict[str, Json]", part).get("description") if isinstance(part, dict) else None
        quoted = list(dict.fromkeys(_QUOTED.findall(described))) if isinstance(described, str) else []
        if quoted and part.get("type") == "string" and not {"enum", "const", "examples"}.intersection(part):
            part = {**part, "examples": quoted[:8]}
        found[name] = part
    return {**schema, "properties": found}


def _effect(hints: dict[str, Json]) -> EffectKind:
    if hints.get("readOnlyHint") is True:
        return "read"
    return "write" if hints.get("readOnlyHint") is False or hints.get("destructiveHint") is True else "unknown"


def _fault(schema: Json, name: str, *, needs_object: bool) -> str | None:
    """Why a schema cannot be used; None when it can. References to elsewhere are refused, never fetched."""
    if not isinstance(schema, dict):
        return "its schema is not an object"
    if needs_object and cast("dict[str, Json]", schema).get("type") != "object":
        return 'its schema does not say "type": "object"'
    try:
        if _refers_elsewhere(schema):
            return "its schema refers to another document"
        compile_schema(cast("dict[str, Json]", schema), name)
    except (SourceError, RecursionError) as error:
        return error.what if isinstance(error, SourceError) else "its schema is nested too deep"
    return None


def _refers_elsewhere(schema: Json) -> bool:
    if isinstance(schema, dict):
        entries = cast("dict[str, Json]", schema)
        links = [entries.get(key) for key in ("$ref", "$dynamicRef")]
        return any(isinstance(link, str) and not link.startswith("#") for link in links) or any(map(_refers_elsewhere, entries.values()))
    return isinstance(schema, list) and any(map(_refers_elsewhere, cast("list[Json]", schema)))
