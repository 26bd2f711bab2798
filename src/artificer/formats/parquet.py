"""Rows of Parquet files, read and written through DuckDB (the `data` extra), which is loaded here alone (for `run.query` too).

A few rows are held at a time.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from artificer.core.errors import ArtificerError, MissingExtra

GROUP = 4096
"""Rows that are written as one group, which is what whoever writes or reads the file holds."""
BATCH = 4
"""Rows taken at a time: more saves little, and a dictionary of one long text may stand for any number of rows."""


def duckdb_for(what: str) -> Any:
    """The library, for `what`.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module("duckdb")
    except ImportError as error:
        raise MissingExtra("data", what) from error


def write(rows: Iterable[bytes], path: Path, *, called: str | Path | None = None) -> int:
    """Writes rows, each one JSON object as text, all of one shape; how many. They go through a file beside `path`, so that memory stays small.

    Args:
        called: what people call the file, when `path` is not its name yet.

    Raises:
        MissingExtra: DuckDB is not installed.
        ArtificerError: there are no rows, or they have no common schema.
        FileExistsError: the file is there already.
    """
    duckdb = duckdb_for("Writing Parquet")
    path.touch(exist_ok=False)
    try:
        return _written(duckdb, rows, path, str(called or path))
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _written(duckdb: Any, rows: Iterable[bytes], path: Path, called: str) -> int:
    count = largest = 0
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".jsonl") as lines:
        for row in rows:
            lines.write(row + b"\n")
            count += 1
            largest = max(largest, len(row))
        lines.flush()
        if not count:
            raise ArtificerError("there is nothing to write", where=called, remedy="look at the account: `artificer stats`, or write with --all")
        connection: Any = duckdb.connect(":memory:")
        try:
            connection.execute("SET threads = 1")
            connection.execute("SET enable_progress_bar = false")
            connection.execute("SET memory_limit = '1GB'")
            found: Any = connection.read_json(
                lines.name, format="newline_delimited", sample_size=-1, maximum_object_size=max(1 << 20, 2 * largest), map_inference_threshold=-1
            )
            found.write_parquet(str(path), compression="zstd", row_group_size=GROUP)
        except duckdb.Error as error:
            raise ArtificerError(f"the rows cannot be written as Parquet: {str(error).splitlines()[0]}", where=called) from error
        finally:
            connection.close()
    return count


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file as JSON values: dates, decimals and bytes as text.

    Raises:
        MissingExtra: DuckDB is not installed.
        ArtificerError: the file is no Parquet, or is damaged.
    """
    duckdb = duckdb_for("Reading Parquet")
    connection: Any = duckdb.connect(":memory:")
    try:
        connection.execute("SET memory_limit = '1GB'")
        connection.execute("SET threads = 1")
        connection.execute("SET enable_progress_bar = false")
        found: Any = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names: list[str] = [column[0] for column in found.description]
        while batch := found.fetchmany(BATCH):
            for values in batch:
                row = msgspec.to_builtins(dict(zip(names, values, strict=True)), str_keys=True, enc_hook=str)
                yield {name: value for name, value in row.items() if value is not None}
    except duckdb.Error as error:
        raise ArtificerError(f"The Parquet file cannot be read: {str(error).splitlines()[0]}", where=str(path), remedy="fetch it again") from error
    finally:
        connection.close()
