"""Rows of Parquet files, through DuckDB (the `data` extra), which is loaded here alone. A few hundred rows are held at a time."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from artificer.core.errors import ArtificerError, MissingExtra

BATCH = 256


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file as JSON values: dates, decimals and bytes as text.

    Raises:
        MissingExtra: DuckDB is not installed.
        ArtificerError: the file is no Parquet, or is damaged.
    """
    try:
        duckdb: Any = importlib.import_module("duckdb")
    except ImportError as error:
        raise MissingExtra("data", "Reading Parquet") from error
    connection: Any = duckdb.connect(":memory:")
    try:
        connection.execute("SET memory_limit = '1GB'")
        connection.execute("SET threads = 1")
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
