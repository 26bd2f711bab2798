"""Any world whose state is one SQLite database: an image, tools over a connection, a policy.

`SqliteWorld` (from a file, with derived tools) and our own domains (hand-written tools) are both this class.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from artificer.core.errors import SourceError
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec, compile_schema
from artificer.worlds.base import Forks, Problem, World
from artificer.worlds.guide import Guide
from artificer.worlds.sqlite.changes import Layout, guards, summed
from artificer.worlds.sqlite.clock import fixed_clock, needs_clock
from artificer.worlds.sqlite.schema import Schema, Table, open_key, read_schema
from artificer.worlds.sqlite.session import Shared, SqlSession, SqlTool

CLOCK = "2026-01-15T12:00:00"
"""What time it is in a world that does not say."""


class SqlWorld(World):
    """A world over a database image.

    Args:
        name: the world's source string.
        image: a serialized database (`apsw.Connection.serialize`).
        tools: what agents may call.
        policy: rules an agent must obey, as text.
        clock: the time that SQL sees as now, ISO 8601, UTC.
        guide: who knows how requests are served here.
        schema: when it was read already.
        problems: what could not be used.
        timed: whether the tools' own SQL mentions the time or chance (the schema's SQL is looked at here).

    Raises:
        SourceError: two tools of one name, or a tool's schema is invalid.
    """

    forks: Forks = "exact"

    def __init__(
        self,
        name: str,
        image: bytes,
        tools: Sequence[SqlTool],
        policy: str = "",
        clock: str = CLOCK,
        guide: Guide | None = None,
        *,
        schema: Schema | None = None,
        problems: Sequence[Problem] = (),
        timed: bool = False,
    ) -> None:
        self.name = name
        self.image = image
        self.policy = policy
        self.guide = guide
        self.tools: Sequence[ToolSpec] = tuple(tool.spec for tool in tools)
        self.problems = tuple(problems)
        self._base: int | None = None
        connection = opened(image)
        self.schema = schema if schema is not None else read_schema(connection)
        mentions = timed or any(needs_clock(row[0] or "") for row in connection.execute("SELECT sql FROM main.sqlite_schema"))
        connection.close()
        by_name = {tool.spec.name: tool for tool in tools}
        if len(by_name) != len(tools):
            twice = sorted({tool.spec.name for tool in tools if sum(other.spec.name == tool.spec.name for other in tools) > 1})
            raise SourceError(f"two tools have the name {twice[0]!r}.", where=name, remedy="rename one of them")
        self._shared = Shared(
            tools=by_name,
            validators={name: compile_schema(tool.spec.parameters, f"tool {name}") for name, tool in by_name.items()},
            layouts={name: layout for name, table in self.schema.tables.items() if (layout := layout_of(table)) is not None},
            clock=_clock(clock) if mentions else None,
            base=self._sum,
            late_clock=lambda: _clock(clock),
            guards=tuple(guard for table in self.schema.tables.values() if open_key(table) for guard in guards(table.name, table.key)),
        )

    def _sum(self) -> int:
        if self._base is None:
            connection = opened(self.image)
            self._base = summed(connection, self._shared.layouts)
            connection.close()
        return self._base

    async def open(self, start: Start) -> SqlSession:
        """A private copy."""
        return SqlSession(self._shared, self.image, start.seed)

    async def close(self) -> None:
        """Nothing to release: sessions own their copies."""


def opened(image: bytes) -> apsw.Connection:
    """A private in-memory connection to a copy of the image."""
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", image)
    return connection


def layout_of(table: Table) -> Layout | None:
    """How the table's rows are recorded; None for a view, and for a keyless table whose column hides the rowid."""
    if table.view or (not table.key and "_rowid_" in {name.lower() for name in table.columns}):
        return None
    stored = tuple(name for name, column in table.columns.items() if not column.generated)
    made = len(table.key) == 1 and table.columns[table.key[0]].default is not None
    return Layout(stored, table.key, not table.key, table.rowid_key or not table.key or made)


def _clock(now: str):  # noqa: ANN202
    try:
        return fixed_clock(now)
    except ValueError as error:
        raise SourceError(str(error), remedy="write the clock as 2026-01-15T12:00:00") from error
