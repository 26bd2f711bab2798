"""A session of an MCP world: its calls, what probes saw after them, and what happens when a server dies.

A call that is not answered (the server died or hung, or nobody waited) is taken not to have happened. To make that
true the session gets new servers before its next call and repeats what was answered before, where the world can
(`forks` is not "none"); the results must be the same, or the session is lost, with a typed error for every further call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from artificer.core.canon import canonical, digest
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect, Start
from artificer.core.tools import refusal
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session
from artificer.worlds.mcp_link import Refused
from artificer.worlds.mcp_listing import change_between, mark_of, tools_of
from artificer.worlds.mcp_rig import Rig
from artificer.worlds.mcp_wire import result
from artificer.worlds.observe import Tables, differences, state_digest, without

if TYPE_CHECKING:
    from artificer.worlds.mcp import McpWorld

_UNANSWERED = (ErrorKind.timeout, ErrorKind.transport)
_RELISTS = 3
"""How often a session looks at a list that the server says has changed."""

Progress = Callable[[ToolCall, float, float | None, str | None], None]
"""Called with the call, how far it is, of how much, and the server's words."""


class Made(Struct, frozen=True):
    """A call that was made; `sent` when it reached a server and was answered."""

    call: ToolCall
    actor: str
    result: ToolResult
    sent: bool


class McpSession(Session):
    """One rig of servers. Set `on_progress` to hear what servers report while they work."""

    def __init__(self, world: McpWorld, rig: Rig, start: Start) -> None:
        self._world = world
        self._rig = rig
        self._start = start
        self._made: list[Made] = []
        self._seen: list[tuple[int, Tables]] = []
        self._lock = asyncio.Lock()
        self._closed = False
        self._spoilt = False
        """Whether the servers' state may not be that of the calls made: new servers are needed."""
        self._restarts = 0
        self._relists = 0
        self._changes = [0] * len(rig.links)
        self._note = ""
        self.on_progress: Progress | None = None

    @property
    def calls(self) -> int:
        return len(self._made)

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        async with self._lock:
            refused = self._checked(call)
            result = refused or await self._answered(call)
            sent = refused is None and result.error not in _UNANSWERED
            self._made.append(Made(call, actor, result, sent))
            if sent and self._world.specs[call.name].effect != "read" and not self._spoilt:
                await self.look()
            return result

    def _checked(self, call: ToolCall) -> ToolResult | None:
        """Why a call is not sent at all."""
        refused = refusal(call, self._world.validators.get(call.name))
        return ToolResult(call.id, None, ErrorKind.transport, "the session is closed") if refused is None and self._closed else refused

    async def _answered(self, call: ToolCall) -> ToolResult:
        if self._spoilt or not all(link.alive for link in self._rig.links):
            fault = await self._renewed()
            if fault is not None:
                return ToolResult(call.id, None, ErrorKind.transport, fault)
        reads = self._world.specs[call.name].effect == "read"
        try:
            answer = await self._ask(self._rig, call)
        except BaseException:  # nobody waits any more: whether it was done is not known
            self._spoilt |= not reads
            raise
        self._spoilt |= answer.error is ErrorKind.transport or (answer.error is ErrorKind.timeout and not reads)
        await self._notice_changes()
        if answer.error is not None and answer.error is not ErrorKind.timeout and self._note:
            answer = ToolResult(call.id, None, answer.error, f"{answer.detail} ({self._note})")
        return answer

    async def _ask(self, rig: Rig, call: ToolCall) -> ToolResult:
        """Sends a call to the server that has the tool."""
        limits, route = self._world.source.limits, self._world.routes[call.name]
        heard = None if self.on_progress is None else self._reporter(call)
        seconds = limits.tool_s.get(call.name, limits.call_s)
        try:
            answer = await rig.links[route.server].request("tools/call", {"name": route.raw, "arguments": call.arguments}, seconds, heard)
        except Refused as error:
            return ToolResult(call.id, None, error.kind, error.detail)
        return result(call, answer, limits.result_bytes, self._world.returns.get(call.name))

    def _reporter(self, call: ToolCall) -> Callable[[float, float | None, str | None], None]:
        def report(progress: float, total: float | None, message: str | None) -> None:
            if self.on_progress is not None:
                self.on_progress(call, progress, total, message)

        return report

    async def _renewed(self) -> str | None:
        """New servers in the state of the calls made so far; else why not."""
        most = self._world.source.limits.restarts
        if self._restarts >= most:
            return f"the server has died or hung, and was started again {most} time(s) already (option restarts)"
        self._restarts += 1
        try:
            rig = await self._world.take(self._start)
            try:
                if self._world.forks != "none":
                    await self._replayed(rig)
            except BaseException:
                await rig.close()
                raise
        except SourceError as error:
            return f"the server has died and cannot be brought back: {error.what}"
        old, self._rig = self._rig, rig
        self._spoilt = False
        self._changes = [0] * len(rig.links)
        await old.close()
        await self.look()
        return None

    async def _replayed(self, rig: Rig) -> None:
        """Makes the answered calls once more with other servers.

        Raises:
            SourceError: one gave another result.
        """
        for index, made in enumerate(self._made):
            if made.sent and await self._ask(rig, made.call) != made.result:
                raise SourceError(
                    f"call {index + 1} ({made.call.name!r}) gave another result when it was repeated, so this session cannot be forked.",
                    where=self._world.name,
                    remedy="pin what varies (times, ids) through env.NAME options",
                )

    async def _notice_changes(self) -> None:
        """Looks what has become of tools whose server says so; the session keeps those it had."""
        for index, link in enumerate(self._rig.links):
            if link.lists_changed == self._changes[index] or self._relists >= _RELISTS:
                continue
            self._changes[index] = link.lists_changed
            self._relists += 1
            try:
                change = change_between(self._world.marks[index], mark_of(await tools_of(link, self._world.source.limits)))
            except (Refused, SourceError):
                change = "and does not list them any more"
            if change:
                self._note = f"the server changed its tools during the session, {change}; the session keeps those it began with"
                self._world.note(link.label, self._note)

    async def look(self) -> None:
        """Runs the probes and keeps what they show when it is new."""
        tables: Tables = {}
        lost = False
        before = self._seen[-1][1] if self._seen else {}
        for probe in self._world.probes:
            shown = await self._ask(self._rig, ToolCall("probe", probe.name, probe.arguments))
            tables[probe.table] = without(shown.content, probe.ignore) if shown.error is None else {"error": str(shown.error)}
            lost |= shown.error in _UNANSWERED and probe.table in before and before[probe.table] != tables[probe.table]
        if not self._world.probes:
            tables = self._unprobed()
        if lost and self._world.forks != "none" and await self._renewed() is None:
            return  # a server that died while it was looked at: its successor was looked at instead
        if not self._seen or tables != self._seen[-1][1]:
            self._seen.append((self.calls, tables))

    def _unprobed(self) -> Tables:
        """Without probes all that is known of the state is which calls that may write succeeded."""
        specs = self._world.specs
        done = [made.call for made in self._made if made.result.error is None and specs[made.call.name].effect != "read"]
        return {"calls": [f"{call.name} {canonical(call.arguments).decode()}" for call in done]} if done else {}

    async def fork(self) -> McpSession:
        """Fresh servers that have made the same calls; with `state=folder`, servers on a copy of the folder.

        Raises:
            SourceError: a server is shared, or a repeated call gave another result.
        """
        if self._world.forks == "none":
            raise SourceError("a session of a server behind a URL cannot be forked.", where=self._world.name, remedy="run the server by a command")
        copied = self._world.forks == "exact" and not self._spoilt
        rig = await self._world.take(self._start, self._rig.scratch.path if copied else None)
        twin = McpSession(self._world, rig, self._start)
        try:
            if not copied:
                await self._replayed(rig)
            twin._made, twin._seen = list(self._made), list(self._seen)
            if not copied:
                await twin.look()
                if twin._seen[-1][1] != self._seen[-1][1]:
                    raise SourceError(
                        "the same calls led to another state, so this session cannot be forked.",
                        where=self._world.name,
                        remedy="pin what varies (times, ids) through env.NAME options, or let the probes ignore it",
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
            await self._world.give_back(self._rig)
