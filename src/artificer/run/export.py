"""A run, or other data, as Parquet files: the tables of `run.tables`, one file each, with the same columns and types whatever the data holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from artificer.core.errors import ArtificerError
from artificer.formats.parquet import duckdb_for
from artificer.run.files import whole_folder
from artificer.run.query import Filled, config, database, first_line
from artificer.run.tables import SCHEMA, TABLES


def export_tables(source: str | Path, out: str | Path, *, given: str | None = None) -> Filled:
    """Writes every table of a source as `OUT/NAME.parquet`, rows sorted by key; the folder appears when all are written.

    Args:
        source: a run folder, a file of any known format, or a folder of files.
        given: the format of one that is no run; guessed when None.

    Raises:
        ArtificerError: the source cannot be read, or the folder is there already or cannot be written. MissingExtra: DuckDB is not installed.
    """
    with whole_folder(out) as made, database([source], frozenset(TABLES), given=given) as (path, filled):
        _write(path, made)
        return filled


def _write(path: Path, folder: Path) -> None:
    """Sorts and writes. Names and columns in the statements are ours; the place is handed over beside them."""
    duckdb = duckdb_for("Writing Parquet")
    connection: Any = duckdb.connect(str(path), read_only=True, config=config(path.parent))
    try:
        for name, (_, by) in TABLES.items():
            order = ", ".join(f'"{column}"' for column in by)
            connection.execute(
                f"COPY (SELECT * FROM {name} ORDER BY {order}) TO $file "
                f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{artificer_table: '{name}', artificer_schema: '{SCHEMA}'}})",
                {"file": str(folder / f"{name}.parquet")},
            )
    except duckdb.Error as error:
        raise ArtificerError(f"the tables cannot be written: {first_line(error)}", where=str(folder.parent), remedy="free some space") from error
    finally:
        connection.close()
