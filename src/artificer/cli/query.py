"""`artificer query`: SQL over runs and other data."""

from __future__ import annotations

import csv
import json as std
import re
import shutil
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter

from artificer.cli.show import counted, note, plain, say, shortened, table

if TYPE_CHECKING:
    from artificer.run.query import Answer

_CELL = 60
_FORMULA = re.compile(r"[\s\x00-\x1f]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""What spreadsheets compute, also in full width."""
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def command(
    *data_and_sql: str,
    json: Annotated[bool, Parameter(negative=())] = False,
    csv: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
    rows: int = 100,
    given: Annotated[str | None, Parameter(name="--from")] = None,
) -> int:
    """Ask runs, or traces in any known format, in SQL: tables traces, messages, calls, verdicts, checks, rejects, tasks, tools.

    Example: `artificer query runs/shop "SELECT name, error, count(*) FROM calls GROUP BY ALL ORDER BY 3 DESC"`

    Parameters
    ----------
    data_and_sql
        Run folders, files or folders of files, and last the question, one statement of DuckDB's SQL.
    json
        Print a JSON object a line, all rows.
    csv
        Print CSV, all rows. In front of a text that a spreadsheet would take for a formula stands a '; --json and --out give it as it is.
    out
        Write the answer to this Parquet file instead.
    rows
        How many rows the table on the terminal has at most.
    given
        The format of what is not a run; guessed otherwise.
    """
    from artificer.core.errors import ArtificerError
    from artificer.run.query import ask, save

    *sources, sql = data_and_sql or ("",)
    if not sources or json + csv + (out is not None) > 1:
        what = "more than one of --json, --csv and --out" if sources else "no data or no question"
        raise ArtificerError(f"there is {what}", remedy='write e.g. artificer query runs/shop "SELECT count(*) FROM traces"')
    if out is not None:
        count, filled = save(sources, sql, out, given=given)
        say(f"{count:,} rows: {out}")
    else:
        with ask(sources, sql, given=given) as (answer, filled):
            _print(answer, rows, json=json, comma=csv)
    for remark in filled.remarks():
        note(remark)
    return 0


def _print(answer: Answer, most: int, *, json: bool, comma: bool) -> None:
    if json:
        for row in answer.rows:
            sys.stdout.write(_as_json(dict(zip(answer.columns, row, strict=False))) + "\n")
    elif comma:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([_no_formula(name) for name in answer.columns])
        writer.writerows([_no_formula(value) if isinstance(value, str) else _cell(value) for value in row] for row in answer.rows)
    else:
        _print_table(answer, most)


def _print_table(answer: Answer, most: int) -> None:
    width = shutil.get_terminal_size((120, 24)).columns
    shown = [[shortened(_cell(value), _CELL) for value in row] for row in islice(answer.rows, max(most, 0))]
    for line in table(shown, [plain(name) for name in answer.columns]).splitlines():
        say(line if len(line) <= width else line[: width - 1] + "…")
    more = sum(1 for _ in answer.rows)
    say(counted(len(shown) + more, "row") + (f", {len(shown)} shown (--rows, --json, --csv and --out give more)" if more else ""))


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else _as_json(value) if isinstance(value, list | dict | tuple) else str(value)


def _no_formula(text: str) -> str:
    """A text that no spreadsheet computes: `=HYPERLINK(...)` in what a stranger wrote is text, too. Numbers stay."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _as_json(value: Any) -> str:
    """A value as JSON: dates, decimals and bytes as text, what is no number as null."""
    plainly = msgspec.to_builtins(value, str_keys=True, enc_hook=str)
    try:
        return msgspec.json.encode(plainly).decode()
    except OverflowError:  # whole numbers of more than 64 bits
        return std.dumps(plainly, ensure_ascii=False, separators=(",", ":"))
