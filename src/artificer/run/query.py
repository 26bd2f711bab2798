"""Questions in SQL to runs and other data, answered by DuckDB (the `data` extra).

The tables of `run.tables` are made anew for each question, only those that it names, through JSON lines in a temporary folder, and nothing of what
is asked of is ever part of a statement. The question then gets a connection of its own that can read these tables and nothing else: no files, no
network, no extensions, no settings, bounded memory.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Trace
from artificer.formats.account import Account
from artificer.formats.base import Item, content_id, toolset_digest
from artificer.formats.parquet import duckdb_for
from artificer.run import traded
from artificer.run.files import taken, whole_file
from artificer.run.store import RunFolder
from artificer.run.tables import OF_TRACES, TABLES, columns, reject_row, rows_of, task_row, tool_row

MEMORY = "1GB"
THREADS = 2
SPILL = "64GB"
BATCH = 1024
_WORD = re.compile(r"[a-z_]+")
_PUT_TOGETHER = frozenset({"query", "query_table"})
_LEAST = 16 << 20
"""Bytes a JSON object may have without being told to DuckDB."""


class Answer(Struct):
    """An answer: its columns, no two of one name, with their types, and its rows, a batch at a time."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


class Filled(Struct):
    """What was read into tables: how many rows each has, and what of the data was left out, by source."""

    rows: dict[str, int]
    accounts: dict[str, Account]
    bad: list[str]

    def remarks(self) -> list[str]:
        """What a person must know of the reading: nothing when all of it could be read."""
        said = list(self.bad[:_SHOWN])
        if len(self.bad) > _SHOWN:
            said.append(f"and {len(self.bad) - _SHOWN} more lines that could not be read")
        for source, account in self.accounts.items():
            if account.rows_dropped:
                said.append(f"{source}: {account.rows_dropped:,} of {account.rows_in:,} rows could not be read")
        return said


_SHOWN = 10


def named(sql: str) -> frozenset[str]:
    """The tables whose names are words of a question; a name inside a text counts too, which costs time only. A question that puts a question or a
    table's name together as text (`query`, `query_table`) may mean any.
    """
    words = frozenset(_WORD.findall(sql.lower()))
    return frozenset(TABLES) if words & _PUT_TOGETHER else frozenset(TABLES) & words


@contextmanager
def database(sources: Sequence[str | Path], wanted: frozenset[str], *, given: str | None = None) -> Generator[tuple[Path, Filled]]:
    """A database file with all tables, of which those `wanted` are filled, in a temporary folder that goes with the block.

    Raises:
        ArtificerError: a source cannot be read. MissingExtra: DuckDB is not installed.
    """
    duckdb = duckdb_for("Asking in SQL")
    with tempfile.TemporaryDirectory(prefix="artificer-query-") as folder:
        place = Path(folder)
        with _Lines(place, wanted) as lines:
            filled = Filled({}, {}, [])
            for source in sources:
                _read(source, wanted, lines, filled, given)
            filled.rows = lines.counts
            longest = lines.longest
        connection = duckdb.connect(str(place / "tables.duckdb"), config=config(place))
        try:
            for name in TABLES:
                _create(connection, name, place / f"{name}.jsonl" if name in wanted else None, longest.get(name, 0))
        except duckdb.Error as error:
            raise ArtificerError(f"the tables cannot be made: {first_line(error)}", remedy="free some space under TMPDIR") from error
        finally:
            connection.close()
        yield place / "tables.duckdb", filled


def config(place: Path) -> dict[str, str]:
    """DuckDB's settings: bounded memory, the rest beside the tables."""
    return {
        "memory_limit": MEMORY,
        "threads": str(THREADS),
        "temp_directory": str(place / "spilled"),
        "max_temp_directory_size": SPILL,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }


def _create(connection: Any, name: str, lines: Path | None, longest: int) -> None:
    """Makes one table. Its name and columns are ours; the file's name is handed over beside the statement."""
    spec = ", ".join(f'"{column}" {kind}' for column, kind in columns(name).items())
    connection.execute(f"CREATE TABLE {name} ({spec})")
    if lines is None:
        return
    types = ", ".join(f"'{column}': '{kind}'" for column, kind in columns(name).items())
    size = max(_LEAST, longest + 1)
    connection.execute(
        f"INSERT INTO {name} SELECT * FROM read_json(?, format = 'newline_delimited', columns = {{{types}}}, maximum_object_size = {size})",
        [str(lines)],
    )
    lines.unlink()


class _Lines:
    """Rows on their way: a file of JSON lines for each table."""

    def __init__(self, folder: Path, wanted: Iterable[str]) -> None:
        self.counts = dict.fromkeys(sorted(wanted), 0)
        self.longest = dict.fromkeys(self.counts, 0)
        self._folder = folder
        self._stack = ExitStack()
        self._files: dict[str, BinaryIO] = {}
        self._encode = msgspec.json.Encoder().encode

    def __enter__(self) -> _Lines:
        for name in self.counts:
            self._files[name] = self._stack.enter_context((self._folder / f"{name}.jsonl").open("wb", buffering=1 << 20))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def put(self, name: str, row: Struct) -> None:
        line = self._encode(row)
        self._files[name].write(line + b"\n")
        self.counts[name] += 1
        if len(line) > self.longest[name]:
            self.longest[name] = len(line)


def _read(source: str | Path, wanted: frozenset[str], lines: _Lines, filled: Filled, given: str | None) -> None:
    name = str(source)
    if (Path(source) / "run.toml").exists():
        with RunFolder.open(source) as folder:
            _read_run(folder, name, wanted, lines, filled)
        return
    account = filled.accounts[name] = Account()
    seen = set[str]()
    with traded.opened(source, account, given=given) as data:
        for item in data.items:
            _put_item(name, item, traded.origin(account, name, data.form), wanted, lines)
            if "tools" in wanted and item.trace.tools not in seen:
                seen.add(item.trace.tools)
                _put_tools(name, item.trace.tools, item.tools, lines)


def _put_item(name: str, item: Item, origin: dict[str, Json], wanted: frozenset[str], lines: _Lines) -> None:
    trace = msgspec.structs.replace(item.trace, lineage={**item.trace.lineage, "from": origin})
    for table, row in rows_of(name, content_id(item), trace, wanted):
        lines.put(table, row)


def _read_run(folder: RunFolder, name: str, wanted: frozenset[str], lines: _Lines, filled: Filled) -> None:
    told = filled.bad
    for torn in folder.torn:
        told.append(f"{name}: {torn.shard}: {torn.size} damaged bytes at {torn.offset}")

    def bad(line: object) -> None:
        told.append(f"{name}: {line}")

    if wanted & OF_TRACES:
        for key, trace in folder.read("traces", Trace, ordered=True, bad=bad):
            for table, row in rows_of(name, key, trace, wanted):
                lines.put(table, row)
    if "tasks" in wanted:
        for key, task in folder.read("tasks", Task, ordered=True, bad=bad):
            lines.put("tasks", task_row(name, key, task))
    if "rejects" in wanted:
        for row in folder.rejects(bad):
            lines.put("rejects", reject_row(name, row))
    if "tools" in wanted:
        own = traded.own_tools(folder)
        sets = dict(folder.read("toolsets", tuple[ToolSpec, ...], bad=bad)) or ({toolset_digest(own): own} if own else {})
        for toolset, tools in sets.items():
            _put_tools(name, toolset, tools, lines)


def _put_tools(name: str, toolset: str, tools: Sequence[ToolSpec], lines: _Lines) -> None:
    for tool in tools:
        lines.put("tools", tool_row(name, toolset, tool))


@contextmanager
def ask(sources: Sequence[str | Path], sql: str, *, given: str | None = None) -> Generator[tuple[Answer, Filled]]:
    """Reads what a question names into tables and answers it; the rows are to be had within the block.

    Args:
        sources: run folders, files of any known format, folders of files.
        given: the format of those that are no runs; guessed when None.

    Raises:
        ArtificerError: a source cannot be read, or the question cannot be answered. MissingExtra: DuckDB is not installed.
    """
    with database(sources, named(sql), given=given) as (path, filled), _alone(path, sql) as connection:
        found = connection.execute(sql)
        if not found.description:
            raise _no_rows()

        def rows() -> Iterator[tuple[Any, ...]]:
            while batch := found.fetchmany(BATCH):
                yield from batch

        yield Answer(_apart([column[0] for column in found.description]), tuple(str(column[1]) for column in found.description), rows()), filled


def _apart(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, of which one that is taken (`SELECT *` of a join) gets a number, as in DuckDB's Parquet files: key, key_1."""
    taken, apart = set[str](names), dict[str, None]()
    for name in names:
        new, number = name, 0
        while new in apart or (number and new in taken):
            number += 1
            new = f"{name}_{number}"
        apart[new] = None
    return tuple(apart)


def save(sources: Sequence[str | Path], sql: str, out: str | Path, *, given: str | None = None) -> tuple[int, Filled]:
    """Answers a question into a Parquet file; how many rows, and what was read.

    Raises:
        ArtificerError: as `ask`, or the file is there already or cannot be written.
    """
    duckdb = duckdb_for("Asking in SQL")
    target = Path(out)
    if target.exists():
        raise taken(out)
    with database(sources, named(sql), given=given) as (path, filled):
        made = path.with_name("answer.parquet")
        with _alone(path, sql, made) as connection:
            found = connection.sql(sql)
            if found is None:
                raise _no_rows()
            found.write_parquet(str(made), compression="zstd")
        count = int(duckdb.read_parquet(str(made)).aggregate("count(*)").fetchall()[0][0])
        moved(made, target)
        return count, filled


def moved(made: Path, target: Path) -> None:
    """Puts a finished file where it is wanted, whole or not at all, and over nothing.

    Raises:
        ArtificerError: something is there, or it cannot be written.
    """
    with whole_file(target) as beside:
        shutil.copyfile(made, beside)


def _no_rows() -> ArtificerError:
    return ArtificerError("this statement gives no rows", remedy="ask with SELECT, DESCRIBE or SHOW TABLES")


@contextmanager
def _alone(path: Path, sql: str, out: Path | None = None) -> Generator[Any]:
    """A connection that can read the tables and nothing else (and write `out`), for one statement, whose errors are the asker's."""
    duckdb = duckdb_for("Asking in SQL")
    connection: Any = duckdb.connect(str(path), read_only=True, config=config(path.parent))
    try:
        if out is not None:
            connection.execute("SET allowed_paths = ?", [[str(out)]])
        for name, value in _SHUT:
            connection.execute(f"SET {name} = {value}")
        if len(connection.extract_statements(sql)) != 1:
            raise ArtificerError("one statement is answered at a time", remedy="give one SELECT; WITH and UNION can put several together")
        yield connection
    except duckdb.Error as error:
        raise _cannot(error) from error
    finally:
        connection.close()


_SHUT = (
    ("python_enable_replacements", "false"),
    ("allow_community_extensions", "false"),
    ("enable_external_access", "false"),
    ("lock_configuration", "true"),
)
"""Nothing but the tables from here on."""


def _cannot(error: Exception) -> ArtificerError:
    said = [line for line in str(error).splitlines() if line.strip()]
    return ArtificerError(
        f"the question cannot be answered: {first_line(error)}",
        where="\n         ".join(said[1:6]) or None,
        remedy='artificer query RUN "DESCRIBE calls" lists the columns of a table; docs/query.md explains them',
    )


def first_line(error: Exception) -> str:
    """An error in a line."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
