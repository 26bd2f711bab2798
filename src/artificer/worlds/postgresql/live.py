"""Sessions on the server itself: each is one transaction that is rolled back when it is closed, and never committed.

A call is a savepoint in it: a refused one is taken back. Reads run read-only. Constraints are checked at once, so that
what a session says it did is what a commit would have kept. Sessions wait for each other's rows, so a live world
cannot be forked, and tasks for it are made on a sample of the same database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from random import Random
from typing import Any

import jsonschema_rs
from msgspec import Struct

from artificer.core.canon import Json, digest, rng
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect, Start
from artificer.core.tools import ToolSpec, compile_schema, validate_arguments
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Forks, Problem, Session, World
from artificer.worlds.guide import Demand, Desk, Dropped, Procedure, Request
from artificer.worlds.postgresql.address import Address
from artificer.worlds.postgresql.connect import library, live_connection
from artificer.worlds.postgresql.livetools import Read, Write, Written, reader_of, writer_of
from artificer.worlds.postgresql.places import Place
from artificer.worlds.postgresql.refusals import refused
from artificer.worlds.postgresql.watch import Snapshot, Watch, counted
from artificer.worlds.sqlite.changes import RowChange, fold
from artificer.worlds.sqlite.guide import SqlGuide
from artificer.worlds.sqlite.session import Refusal


class LiveTools(Struct, frozen=True):
    """What all sessions of a live world have in common."""

    specs: Mapping[str, ToolSpec]
    validators: Mapping[str, jsonschema_rs.Draft202012Validator]
    reads: Mapping[str, Read]
    writes: Mapping[str, Write]
    watch: Watch


class LiveGuide:
    """Serves requests as on a sample; proposes none, since proposals are tried on forks."""

    def __init__(self, guide: SqlGuide) -> None:
        self._guide = guide

    def procedure(self, op: str, desk: Desk) -> Procedure:
        return self._guide.procedure(op, desk)

    async def propose(self, session: Session, rng: Random, demand: Demand) -> AsyncIterator[Request | Dropped]:
        while True:
            yield Dropped("a live world cannot be forked; make tasks without live=true, and play them with it")


class LiveWorld(World):
    """See the module docstring.

    Args:
        places: of all tables and views that have tools, by name.
        by_oid: names of tables by oid, partitions included.
        specs: the derived tools, as a sample of the database has them.
        guide: of the sample.
    """

    forks: Forks = "none"

    def __init__(
        self,
        address: Address,
        places: Mapping[str, Place],
        by_oid: Mapping[int, str],
        specs: Sequence[ToolSpec],
        problems: Sequence[Problem],
        policy: str,
        timeout_s: float,
        guide: SqlGuide,
    ) -> None:
        self.name = address.shown
        self.tools = tuple(specs)
        self.policy = policy
        self.problems = tuple(problems)
        self.guide = LiveGuide(guide)
        self._address = address
        self._timeout_s = timeout_s
        reads = [spec for spec in specs if spec.effect == "read"]
        self._tools = LiveTools(
            {spec.name: spec for spec in specs},
            {spec.name: compile_schema(spec.parameters, f"tool {spec.name}") for spec in specs},
            {spec.name: reader_of(spec, places) for spec in reads},
            {spec.name: writer_of(spec, places) for spec in specs if spec.effect != "read"},
            Watch(places, by_oid),
        )

    async def open(self, start: Start) -> LiveSession:
        """A transaction of its own, after the start's setup calls.

        Raises:
            SourceError, MissingExtra: the server cannot be used, or a setup call fails.
        """
        connection = await live_connection(self._address, self._timeout_s, rng("postgresql", start.seed).uniform(-1, 1))
        session = LiveSession(self._address, self._tools, connection)
        for call in start.setup:
            result = await session.call(call, "setup")
            if result.error is not None:
                await session.close()
                raise SourceError(f"the setup call {call.name!r} fails: {result.detail}", where=self.name)
        return session

    async def close(self) -> None:
        """Nothing to release: sessions own their connections."""


class LiveSession:
    """Implements `worlds.base.Session`."""

    def __init__(self, address: Address, tools: LiveTools, connection: Any) -> None:
        self._address = address
        self._tools = tools
        self._connection = connection
        self._history: list[list[RowChange]] = []
        self._turn = asyncio.Lock()

    @property
    def calls(self) -> int:
        return len(self._history)

    async def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs SQL of ours in the transaction; `livetools.Server`."""
        cursor = await self._connection.execute(sql.encode(), values or None)
        return await cursor.fetchall() if cursor.description is not None else []

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        async with self._turn:
            changes: list[RowChange] = []
            try:
                content = await self._guarded(call, changes)
            except Refusal as refusal:
                changes = []
                return ToolResult(call.id, error=refusal.kind, detail=refusal.detail)
            else:
                return ToolResult(call.id, content)
            finally:
                self._history.append(changes)

    async def _guarded(self, call: ToolCall, changes: list[RowChange]) -> Json:
        spec = self._tools.specs.get(call.name)
        if spec is None:
            raise Refusal(ErrorKind.unknown_tool, f"there is no tool {call.name!r}")
        wrong = validate_arguments(self._tools.validators[call.name], call.arguments)
        if wrong is not None:
            raise Refusal(wrong.kind, f"{wrong.path or 'arguments'}: {wrong.detail}")
        psycopg = library()
        try:
            await self.rows("SAVEPOINT call")
            done = False
            try:
                if spec.effect == "read":
                    await self.rows("SET LOCAL transaction_read_only = on")
                    return await self._tools.reads[spec.name](self, call.arguments)
                content = await self._write(spec, call.arguments, changes)
                done = True
                return content
            finally:
                await self._end("RELEASE SAVEPOINT call" if done else "ROLLBACK TO SAVEPOINT call; RELEASE SAVEPOINT call")
        except psycopg.Error as error:
            raise refused(error, self._address) from error

    async def _end(self, sql: str) -> None:
        if not self._connection.closed:
            await self.rows(sql)

    async def _write(self, spec: ToolSpec, arguments: dict[str, Json], changes: list[RowChange]) -> Json:
        """The call, and what it changed; run a second time when more was touched than its own row."""
        watch, table = self._tools.watch, str(spec.attributes["table"])
        before = await watch.row(self, table, self._named(spec, arguments))
        start = await counted(self)
        written = await self._tools.writes[spec.name](self, arguments)
        touched = watch.touched(start, await counted(self))
        if touched == {table: 1} and written.key is not None:
            after = await watch.row(self, table, written.key)
            changes += watch.changes(before, after, arguments)
            return written.content
        return await self._again(spec, arguments, sorted(touched), changes)

    async def _again(self, spec: ToolSpec, arguments: dict[str, Json], touched: Sequence[str], changes: list[RowChange]) -> Json:
        if "?" in touched:
            raise Refusal(ErrorKind.internal, "the call changes rows of a table that is not part of this world; it was taken back")
        watch = self._tools.watch
        await self.rows("ROLLBACK TO SAVEPOINT call")
        before: Snapshot = await watch.whole(self, touched)
        start = await counted(self)
        written: Written = await self._tools.writes[spec.name](self, arguments)
        if set(watch.touched(start, await counted(self))) - set(touched):
            raise Refusal(ErrorKind.internal, "the call changes other rows every time it is made, which cannot be followed; it was taken back")
        changes += watch.changes(before, await watch.whole(self, touched), arguments)
        return written.content

    def _named(self, spec: ToolSpec, arguments: dict[str, Json]) -> list[Json] | None:
        """The key that an update or a delete names."""
        if spec.attributes["op"] == "create":
            return None
        return [arguments[name] for name in self._tools.watch.key(str(spec.attributes["table"]))]

    async def fork(self) -> LiveSession:
        raise SourceError(
            "a live session cannot be forked: another transaction would wait for its rows.",
            where=self._address.shown,
            remedy="use the world without live=true",
        )

    def digest(self) -> str:
        """Of what the session changed: the state that it began with is the server's affair."""
        return digest("postgresql", self._address.shown, self.effects())

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        return fold(change for changes in self._history[since:] for change in changes)

    async def close(self) -> None:
        """Rolls everything back."""
        if not self._connection.closed:
            try:
                await self._connection.rollback()
            finally:
                await self._connection.close()
