"""Sample databases that are shipped: real public data, small, with its licence beside it.

Only `chinook` so far; see `data/chinook/README.md` for where it comes from.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import apsw
import msgspec
import zstandard

from artificer.core.errors import RunError, SourceError

SAMPLES = ("chinook",)
_MOST = 64 << 20


@lru_cache(maxsize=4)
def sample_image(name: str) -> bytes:
    """The serialized database of a sample, built in about 40 ms.

    Raises:
        SourceError: there is no such sample.
    """
    if name not in SAMPLES:
        raise SourceError(f"{name!r} is not a sample database.", remedy=f"use one of {', '.join(SAMPLES)}")
    folder = files("artificer.worlds") / "data" / name
    rows = msgspec.json.decode(
        zstandard.ZstdDecompressor().decompress((folder / "rows.json.zst").read_bytes(), max_output_size=_MOST), type=dict[str, list[list[object]]]
    )
    connection = apsw.Connection(":memory:")
    connection.execute((folder / "schema.sql").read_text("utf-8"))
    with connection:
        for table, values in rows.items():
            marks = ", ".join("?" * len(values[0]))
            connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', values)  # type: ignore[arg-type]
    if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise AssertionError(f"the sample {name!r} breaks its own foreign keys")
    connection.execute("VACUUM")
    return connection.serialize("main")


def sample_database(name: str, folder: str | Path) -> Path:
    """Writes a sample as `FOLDER/NAME.db` and returns its path; the same bytes every time. An existing file of that
    content is left alone.

    Raises:
        SourceError: there is no such sample.
        RunError: the folder cannot be written.
    """
    image = sample_image(name)
    path = Path(folder) / f"{name}.db"
    try:
        if path.is_file() and path.read_bytes() == image:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_bytes(image)
        partial.replace(path)
    except OSError as error:
        raise RunError(f"the sample database cannot be written: {error}", where=str(path), remedy="choose a folder you may write to") from error
    return path
