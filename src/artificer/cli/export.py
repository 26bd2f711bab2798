"""`artificer export`: a run as Parquet files."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from artificer.cli.show import note, say, table


def command(source: str, out: str, /, *, given: Annotated[str | None, Parameter(name="--from")] = None) -> int:
    """Write a run, or traces in any known format, as Parquet tables for pandas, Polars, DuckDB and datasets.

    Example: `artificer export runs/shop shop-tables`

    Parameters
    ----------
    source
        A run folder, a file, or a folder of files.
    out
        The folder to make; docs/query.md says what the tables and their columns are.
    given
        The format of what is not a run; guessed otherwise.
    """
    from artificer.data import export

    done = export(source, out, given=given)
    say(out)
    say(table([(f"{name}.parquet", f"{count:,}") for name, count in done.rows.items()]))
    for remark in done.remarks():
        note(remark)
    return 0
