"""`artificer query`: SQL over runs and other data."""

from __future__ import annotations

import csv
import json as std
import re
import shutil
import sys
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import msgspec
from cyclopts import Parameter

from artificer.cli.show import counted, note, plain, say, shortened, table

if TYPE_CHECKING:
    from artificer.run.query import Answer, Filled

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
        Print CSV, all rows. In front of a text that a spreadsheet would take for a formula stands a '; JSON and Parquet give it as it is.
    out
        Write the answer to this file instead: .parquet, .csv or .jsonl.
    rows
        How many rows the table on the terminal has at most.
    given
        The format of what is not a run; guessed otherwise.
    """
    from artificer.core.errors import ArtificerError
    from artificer.run.query import ask

    *sources, sql = data_and_sql or ("",)
    if not sources or json + csv + (out is not None) > 1:
        what = "more than one of --json, --csv and --out" if sources else "no data or no question"
        raise ArtificerError(f"there is {what}", remedy='write e.g. artificer query runs/shop "SELECT count(*) FROM traces"')
    if out is not None:
        count, filled = _saved(sources, sql, out, given)
        say(f"{count:,} rows: {out}")
    else:
        with ask(sources, sql, given=given) as (answer, filled):
            _print(answer, rows, json=json, comma=csv)
    for remark in filled.remarks():
        note(remark)
    return 0


def _saved(sources: list[str], sql: str, out: Path, given: str | None) -> tuple[int, Filled]:
    """Answers into a file of the kind that its ending says, whole or not at all; how many rows."""
    from artificer.core.errors import ArtificerError
    from artificer.run.files import taken
    from artificer.run.query import ask, moved, save

    write = {".csv": _write_csv, ".jsonl": _write_json}.get(out.suffix)
    if write is None:
        if out.suffix != ".parquet":
            what = f"an answer is not written as {out.suffix!r}" if out.suffix else "the name of the file does not say what to write"
            raise ArtificerError(what, where=str(out), remedy="name a file .parquet, .csv or .jsonl")
        return save(sources, sql, out, given=given)
    if out.exists():
        raise taken(out)
    with ask(sources, sql, given=given) as (answer, filled), TemporaryDirectory(prefix="artificer-query-") as folder:
        made = Path(folder) / "answer"
        with made.open("w", encoding="utf-8", newline="") as file:
            count = write(answer, file)
        moved(made, out)
    return count, filled


def _print(answer: Answer, most: int, *, json: bool, comma: bool) -> None:
    if json:
        _write_json(answer, sys.stdout)
    elif comma:
        _write_csv(answer, sys.stdout)
    else:
        _print_table(answer, most)


def _write_json(answer: Answer, file: TextIO) -> int:
    count = 0
    for row in answer.rows:
        file.write(_as_json(dict(zip(answer.columns, row, strict=False))) + "\n")
        count += 1
    return count


def _write_csv(answer: Answer, file: TextIO) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([_no_formula(name) for name in answer.columns])
    count = 0
    for row in answer.rows:
        writer.writerow([_no_formula(value) if isinstance(value, str) else _cell(value) for value in row])
        count += 1
    return count


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
