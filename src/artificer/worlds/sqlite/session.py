"""A session: one private in-memory copy of a database, on which tools run.

A write call runs in a savepoint with SQLite's session recorder attached. When the tool refuses or SQLite does,
everything the call did is rolled back and the result says why; when it succeeds, what changed is kept, so that
effects and digest cost only what changed. Forking copies the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random
from typing import Any

import apsw
import jsonschema_rs
from msgspec import Struct

from artificer.core.canon import Json, rng
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect
from artificer.core.tools import ToolSpec, validate_arguments
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Rows, Selected
from artificer.worlds.sqlite.changes import Layout, RowChange, fold, read_changes, shifted
from artificer.worlds.sqlite.clock import needs_clock
from artificer.worlds.sqlite.look import keyed, select

STEPS = 200_000
"""Virtual machine instructions between two looks at the budget."""
BUDGET = 250
"""Looks after which a call is stopped: 50 million instructions, about a second."""
_MAX_CELL = 32 << 20
_IDLE = -(1 << 60)
"""Looks before what is done outside calls, by guides, would be stopped."""

Connection = apsw.Connection
Run = Callable[[Connection, dict[str, Any]], Json]


class SqlTool(Struct, frozen=True):
    """A tool over a connection: `run` gets validated arguments and returns JSON, or raises `Refusal`. It must not
    begin or end transactions.
    """

    spec: ToolSpec
    run: Run


class Refusal(Exception):
    """Raised by a tool that will not do what it was asked; `detail` is told to the agent and should say what to do
    instead.
    """

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.kind: ErrorKind = kind
        self.detail = detail


class Shared(Struct, frozen=True):
    """What all sessions of a world have in common."""

    tools: Mapping[str, SqlTool]
    validators: Mapping[str, jsonschema_rs.Draft202012Validator]
    layouts: Mapping[str, Layout]
    clock: Callable[[apsw.Connection, Random], None] | None
    base: Callable[[], int]
    """The digest sum of the world's own image, computed when first needed."""
    late_clock: Callable[[], Callable[[apsw.Connection, Random], None]]
    """The clock of a world whose tools need none, for those who ask it by other SQL."""
    guards: tuple[str, ...] = ()
    """SQL that each connection runs first: see `changes.guards`."""


class SqlSession:
    """Implements `worlds.base.Session`. `connection` is for guides and samplers: whatever they write they must undo."""

    def __init__(self, shared: Shared, image: bytes, seed: int) -> None:
        self._shared = shared
        self._seed = seed
        self.connection = self._opened(image)
        self._image: bytes | None = image  # the state as an image, as long as nothing was written since it was made
        self._history: list[list[RowChange]] = []
        self._moved = 0  # digest sum of what changed since the world's image

    def _opened(self, source: bytes | apsw.Connection) -> apsw.Connection:
        connection = apsw.Connection(":memory:")
        if isinstance(source, bytes):
            connection.deserialize("main", source)
        else:
            with connection.backup("main", source, "main") as copy:
                copy.step()  # all pages at once: a tenth of what serialize costs
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1)
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, _MAX_CELL)
        connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
        self._looks = _IDLE
        connection.set_progress_handler(self._tired, STEPS)
        self._reading = False
        connection.set_commit_hook(self._refused)
        for guard in self._shared.guards:
            connection.execute(guard)
        if self._shared.clock is not None:
            self._chance = rng("sqlite", self._seed)
            self._shared.clock(connection, self._chance)
        return connection

    def _tired(self) -> bool:
        self._looks += 1
        return self._looks > BUDGET

    def _refused(self) -> bool:
        """Asked before anything is committed: what a tool that is declared to read has written is rolled back."""
        return self._reading

    @property
    def calls(self) -> int:
        return len(self._history)

    async def call(self, call: ToolCall, actor: str = "agent") -> ToolResult:
        return self.run(call)

    def run(self, call: ToolCall) -> ToolResult:
        """`call` without awaiting."""
        changes: list[RowChange] = []
        try:
            content = self._run(call, changes)
        except Refusal as refusal:
            changes = []
            return ToolResult(call.id, error=refusal.kind, detail=refusal.detail)
        else:
            return ToolResult(call.id, content)
        finally:
            self._looks = _IDLE
            self._history.append(changes)
            self._moved = shifted(self._moved, changes)

    def _run(self, call: ToolCall, changes: list[RowChange]) -> Json:
        tool = self._shared.tools.get(call.name)
        if tool is None:
            raise Refusal(ErrorKind.unknown_tool, f"there is no tool {call.name!r}")
        wrong = validate_arguments(self._shared.validators[call.name], call.arguments)
        if wrong is not None:
            raise Refusal(wrong.kind, f"{wrong.path or 'arguments'}: {wrong.detail}")
        self._looks = 0
        if tool.spec.effect == "read":
            self._reading = True
            try:
                return _guarded(tool, self.connection, call.arguments)
            finally:
                self._reading = False
        return self._write(tool, call.arguments, changes)

    def _write(self, tool: SqlTool, arguments: dict[str, Json], changes: list[RowChange]) -> Json:
        connection = self.connection
        connection.execute("SAVEPOINT call")
        recorder = apsw.Session(connection, "main")
        try:
            recorder.config(apsw.SQLITE_SESSION_OBJCONFIG_ROWID, True)
            recorder.attach()
            content = _guarded(tool, connection, arguments)
            changeset = recorder.changeset()
            try:
                connection.execute("RELEASE call")  # deferred foreign keys are checked here
            except apsw.ConstraintError as error:
                raise Refusal(ErrorKind.constraint, str(error)) from error
        except BaseException:
            recorder.close()
            _roll_back(connection)
            raise
        recorder.close()
        self._image = None
        changes += read_changes(changeset, self._shared.layouts, arguments)
        return content

    async def fork(self) -> SqlSession:
        other = SqlSession.__new__(SqlSession)
        other._shared, other._seed, other._image = self._shared, self._seed, self._image
        other.connection = other._opened(self.connection if self._image is None else self._image)
        other._history = list(self._history)
        other._moved = self._moved
        if self._shared.clock is not None:
            other._chance.setstate(self._chance.getstate())
        return other

    def digest(self) -> str:
        """Hex of the order-independent sum over all stored cells; costs nothing beyond what changed. Says nothing of
        AUTOINCREMENT counters.
        """
        return f"{(self._shared.base() + self._moved) % (1 << 256):064x}"

    def effects(self, since: int = 0) -> tuple[Effect, ...]:
        return fold(change for changes in self._history[since:] for change in changes)

    def rows(self, tables: Collection[str] | None = None) -> Rows:
        """See `worlds.base.Seen`."""
        return keyed(self.connection, self._shared.layouts, tables)

    def select(self, sql: str, parameters: Sequence[Json] | Mapping[str, Json] = ()) -> Selected:
        """See `worlds.base.Queried`. Takes at most the time of a call."""
        if self._shared.clock is None and needs_clock(sql):  # the tools' own SQL never asks, so they see no difference
            self._shared.late_clock()(self.connection, rng("sqlite", self._seed))
        self._looks = 0
        self._reading = True
        try:
            return select(self.connection, sql, parameters)
        finally:
            self._looks = _IDLE
            self._reading = False

    async def close(self) -> None:
        self.connection.close()


def _roll_back(connection: apsw.Connection) -> None:
    """Undoes the call. Some errors (a full disk, an interrupt, RAISE(ROLLBACK)) have already ended the transaction."""
    if connection.in_transaction:
        connection.execute("ROLLBACK TO call")
        connection.execute("RELEASE call")


def _guarded(tool: SqlTool, connection: apsw.Connection, arguments: dict[str, Json]) -> Json:
    """Runs the tool; every failure that data can cause becomes a `Refusal`."""
    try:
        return tool.run(connection, arguments)
    except apsw.ConstraintError as error:
        if error.extendedresult == apsw.SQLITE_CONSTRAINT_COMMITHOOK:  # pyright: ignore[reportAttributeAccessIssue]
            detail = f"{tool.spec.name!r} is declared to read and tried to write, so it was stopped and has changed nothing"
            raise Refusal(ErrorKind.internal, detail) from error
        raise Refusal(ErrorKind.constraint, str(error).removesuffix(" constraint failed") or "a constraint failed") from error
    except apsw.InterruptError as error:
        raise Refusal(ErrorKind.timeout, "the query took too many steps and was stopped; narrow it down") from error
    except (apsw.MismatchError, OverflowError, apsw.TooBigError, apsw.RangeError) as error:
        raise Refusal(ErrorKind.invalid_argument, f"the database does not take such a value: {error}") from error
    except UnicodeError as error:
        raise Refusal(ErrorKind.bad_output, f"a text in the database or in the arguments is not valid Unicode: {error}") from error
    except apsw.Error as error:
        raise Refusal(ErrorKind.internal, f"the database failed: {error}") from error
