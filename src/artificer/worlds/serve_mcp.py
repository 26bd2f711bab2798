"""Any world as an MCP server (official SDK, low level). How clients reach it: `serve_stdio`, `serve_http`.

Every client has a session of its own, opened at its first call and closed when it leaves; clients never see each
other's writes. Tools are offered as the world has them; what the protocol has no place for stands in `_meta`, so that
`mcp:` makes the same world of it again. With `control` there are tools to begin afresh and to see what was changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json, canonical
from artificer.core.errors import MissingExtra, SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec, compile_schema, unfit
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.mcp_wire import META_ATTRIBUTES, META_ERROR, META_EXAMPLES, META_RETURNS, META_WRAPPED

try:
    import anyio
    from mcp import MCPError
    from mcp.server import Server
    from mcp.types import (
        INVALID_PARAMS,
        CallToolRequestParams,
        CallToolResult,
        ListToolsResult,
        PaginatedRequestParams,
        TextContent,
        Tool,
        ToolAnnotations,
    )
except ImportError as error:
    raise MissingExtra("mcp", "artificer serve --as mcp") from error

_PAGE = 1000
"""Tools in one page of the list; many clients read the first page alone."""
_SEED: Json = {"type": "object", "properties": {"seed": {"type": "integer", "minimum": 0}}, "additionalProperties": False}
_SINCE: Json = {"type": "object", "properties": {"since": {"type": "integer", "minimum": 0}}, "additionalProperties": False}
_NOTHING: Json = {"type": "object", "properties": {}, "additionalProperties": False}
_CONTROL = (
    ToolSpec("reset", "Begin afresh: the state that the world starts with. The seed stays unless another is given.", _SEED, effect="write"),
    ToolSpec("effects", "What has been changed, row by row; with `since`, by the calls after the first so many.", _SINCE, effect="read"),
    ToolSpec("digest", "A digest of the state: equal states have equal digests.", _NOTHING, effect="read"),
)


class Offer(Struct, frozen=True):
    """What is served: a world, the seed its sessions begin with, and the control tools by their names here (none without `control`)."""

    world: World
    seed: int = 0
    control: dict[str, ToolSpec] = {}


def offer_of(world: World, *, control: bool = False, seed: int = 0) -> Offer:
    """A world to be served; control tools whose names the world has itself are called `artificer_NAME`."""
    names = {tool.name for tool in world.tools}
    controls = {f"artificer_{tool.name}" if tool.name in names else tool.name: tool for tool in _CONTROL if control}
    return Offer(world, seed, controls)


class Client:
    """One client: its session, and the lock that lets its calls happen one after another."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._seed = offer.seed
        self._session: Session | None = None
        self._lock = asyncio.Lock()
        self._calls = 0

    async def call(self, name: str, arguments: dict[str, Json]) -> ToolResult:
        """One call, of a world's tool or a control tool."""
        async with self._lock:
            self._calls += 1
            call = ToolCall(f"call-{self._calls}", name, arguments)
            try:
                if name in self._offer.control:
                    return await self._controlled(call)
                return await (await self._opened()).call(call)
            except SourceError as error:
                return ToolResult(call.id, None, ErrorKind.transport, error.what)

    async def _opened(self) -> Session:
        if self._session is None:
            self._session = await self._offer.world.open(Start(self._seed))
        return self._session

    async def _controlled(self, call: ToolCall) -> ToolResult:
        tool = self._offer.control[call.name]
        wrong = unfit(call, compile_schema(tool.parameters, call.name))
        if wrong is not None:
            return wrong
        if tool.name == "reset":
            self._seed = call.arguments.get("seed", self._seed)
            await self._leave()
        session = await self._opened()
        if tool.name == "effects":
            changed = msgspec.to_builtins(session.effects(call.arguments.get("since", 0)))
            return ToolResult(call.id, {"effects": changed, "calls": session.calls})
        return ToolResult(call.id, {"digest": session.digest()} | ({"seed": self._seed} if tool.name == "reset" else {}))

    async def _leave(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def close(self) -> None:
        async with self._lock:
            await self._leave()


def server_of(offer: Offer) -> Server[Client]:
    """The SDK's server for a world. Its lifespan is one client: `run` it once for each."""

    @asynccontextmanager
    async def one_client(_: Server[Client]) -> AsyncGenerator[Client]:
        client = Client(offer)
        try:
            yield client
        finally:
            with anyio.CancelScope(shield=True):
                await client.close()

    tools = [tool_of(spec) for spec in offer.world.tools]
    tools += [tool_of(msgspec.structs.replace(spec, name=name)) for name, spec in offer.control.items()]
    known = {tool.name for tool in tools}

    async def list_tools(_: Any, params: PaginatedRequestParams | None) -> ListToolsResult:
        cursor = params.cursor if params is not None else None
        if cursor is not None and not (cursor.isdecimal() and len(cursor) < 10):
            raise MCPError(code=INVALID_PARAMS, message="Unknown cursor")
        start = int(cursor or 0)
        return ListToolsResult(tools=tools[start : start + _PAGE], next_cursor=str(start + _PAGE) if start + _PAGE < len(tools) else None)

    async def call_tool(context: Any, params: CallToolRequestParams) -> CallToolResult:
        if params.name not in known:
            raise MCPError(code=INVALID_PARAMS, message=f"Unknown tool: {params.name[:100]}")
        client = cast("Client", context.lifespan_context)
        return answer_of(await client.call(params.name, params.arguments or {}))

    return Server(
        "artificer",
        version=version("artificer"),
        title=offer.world.name,
        instructions=offer.world.policy or None,
        lifespan=one_client,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def tool_of(spec: ToolSpec) -> Tool:
    """A tool as the protocol has it. Results that are no objects are wrapped in one, as it demands."""
    meta: dict[str, Any] = {META_ATTRIBUTES: spec.attributes}
    if spec.examples:
        meta[META_EXAMPLES] = list(spec.examples)
    returns = spec.returns
    if returns is not None and returns.get("type") != "object":
        meta[META_RETURNS] = returns
        returns = {"type": "object", "properties": {"result": _moved(returns)}, "required": ["result"]}
    reads = {"read": True, "write": False, "unknown": None}[spec.effect]
    hints = {name: value for name in ("destructive", "idempotent", "open_world") if isinstance(value := spec.attributes.get(name), bool)}
    return Tool(
        name=spec.name,
        description=spec.description,
        input_schema=spec.parameters,
        output_schema=returns,
        annotations=ToolAnnotations(
            read_only_hint=reads,
            destructive_hint=hints.get("destructive"),
            idempotent_hint=hints.get("idempotent"),
            open_world_hint=hints.get("open_world"),
        ),
        _meta=meta,
    )


def _moved(schema: Json) -> Json:
    """A schema whose references to itself hold when it stands under `properties.result`."""
    if isinstance(schema, dict):
        entries = cast("dict[str, Json]", schema)
        return {
            name: f"#/properties/result{part[1:]}" if name == "$ref" and isinstance(part, str) and part.startswith("#") else _moved(part)
            for name, part in entries.items()
        }
    return [_moved(part) for part in cast("list[Json]", schema)] if isinstance(schema, list) else schema


def answer_of(result: ToolResult) -> CallToolResult:
    """A result as the protocol has it: structured content and the same as text; an error is a text that is marked as one."""
    if result.error is not None:
        text = result.detail or str(result.error)
        return CallToolResult(content=[TextContent(text=text)], is_error=True, _meta={META_ERROR: str(result.error)})
    content = result.content
    text = content if isinstance(content, str) else canonical(content).decode()
    if isinstance(content, dict):
        return CallToolResult(content=[TextContent(text=text)], structured_content=content)
    return CallToolResult(content=[TextContent(text=text)], structured_content={"result": content}, _meta={META_WRAPPED: True})
