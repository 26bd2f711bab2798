"""What is done to data, whoever made it: a run folder, or a file of any known format.

As `artificer.api`, which the names are also to be had from, and loaded only when used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.run import traded
from artificer.run.export import export_tables
from artificer.run.query import Filled, ask


class Converted(Struct, frozen=True):
    """What became of a conversion: what was read, and what was written of it."""

    source: str
    to: str
    read: Account
    written: Account

    @property
    def rows(self) -> int:
        return self.written.rows_out


def convert(
    source: str | Path, out: str | Path, *, to: str = "chat", given: str | None = None, policy: bool = False, every: bool = False
) -> Converted:
    """Writes traces in another format: those of a run, or of a file of any format that is known.

    Args:
        source: a run folder (of which the passed branches are written), a file, or a folder of files.
        out: the file to write, a run folder with `to="artificer"`; an existing file is never overwritten.
        to: a format's name; see `docs/formats.md`.
        given: the format of `source`; guessed from its first rows when None.
        policy: put the policy of a run's world in front as a system message.
        every: also the branches that did not pass.

    Raises:
        ArtificerError: no such format, the source is of none or cannot be read, or the file is there already or cannot be written.
    """
    if to != "artificer" and format_named(to).render is None:
        raise ArtificerError(f"{to!r} is only read", remedy="choose another format; docs/formats.md says which can be written")
    before, after = Account(), Account()
    with traded.opened(source, before, given=given, policy=policy) as data:
        traded.written(data, out, after, before, to=to, every=every)
        return Converted(data.form, to, before, after)


def query(data: str | Path | Sequence[str | Path], sql: str, *, given: str | None = None) -> list[dict[str, Any]]:
    """Asks runs, or traces in any known format, in SQL; the rows of the answer, in memory.

    Args:
        data: a run folder, a file or a folder of files, or several of them.
        sql: one statement of DuckDB's SQL over the tables of `docs/query.md`.
        given: the format of what is not a run; guessed when None.

    Raises:
        ArtificerError: the data cannot be read, or the question cannot be answered. MissingExtra: DuckDB is not installed.
    """
    with ask([data] if isinstance(data, str | Path) else data, sql, given=given) as (answer, _):
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def export(source: str | Path, out: str | Path, *, given: str | None = None) -> Filled:
    """Writes a run, or traces in any known format, as Parquet tables; what was read.

    Args:
        source: a run folder, a file, or a folder of files.
        out: the folder to make.
        given: the format of what is not a run; guessed when None.

    Raises:
        ArtificerError: the source cannot be read, or the folder is there already or cannot be written. MissingExtra: DuckDB is not installed.
    """
    return export_tables(source, out, given=given)
