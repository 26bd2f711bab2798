"""A folder of files as data: which of them are data, of which format each is, and what merely lies beside.

A README, a licence, a mark such as `_SUCCESS` or an empty part is named in the account and is no row. A file that might be data and is of no known
format is a row that was dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from artificer.core.errors import ArtificerError
from artificer.formats import NoFormat, guess
from artificer.formats.account import Account
from artificer.formats.base import Format, Item
from artificer.formats.convert import read
from artificer.formats.source import files

UNKNOWN = "a file of no known format"
BESIDE = "beside the data"
"""What stands for the format of files that are none of the data."""
_BESIDE = re.compile(
    r"(?:readme|licen[sc]e|copying|notice|authors|citation|changelog|makefile|dockerfile)(?:[_-]\w+)?(?:\.txt)?"
    r"|_(?:success|started|committed|(?:common_)?metadata)(?:_\w+)?"
    r"|dataset_infos?\.json|.*\.(?:md|rst|cff|bib|py|ipynb|sh|ya?ml|toml|lock|crc|md5|sha256|png|jpe?g|svg|gif|pdf|html?)",
    re.IGNORECASE,
)
"""Names of files that describe data, or that programs leave beside it."""

Found = list[tuple[Path, Format | str | None]]
"""Files, each with its format, None for those of none, `BESIDE` for those that are no data."""


def found_in(source: Path, chosen: Format | None) -> Found:
    """The files of a folder with the formats that they look like, or with the one that was chosen.

    Raises:
        ArtificerError: it is a folder of run folders, there is no data in it, or all that might be is of no known format.
    """
    every = files(source)
    _refuse_runs(source, every)
    found: Found = []
    wrong: list[NoFormat] = []
    for path in every:
        form: Format | str | None = chosen
        if _BESIDE.fullmatch(path.name) or path.stat().st_size == 0:
            form = BESIDE
        elif chosen is None:
            try:
                form = guess(path, [other.name for _, other in found if isinstance(other, Format)])[0]
            except NoFormat as error:
                wrong.append(error)
        found.append((path, form))
    if not any(isinstance(form, Format) for _, form in found):
        if wrong:
            raise wrong[0]
        what = f"there is no data in it, only {', '.join(path.name for path in every[:5])}" if every else "there is no file in it"
        raise ArtificerError(what, where=str(source), remedy="check the path")
    return found


def _refuse_runs(source: Path, every: list[Path]) -> None:
    runs = [path.parent for path in every if path.name == "run.toml"]
    if runs:
        names = ", ".join(str(run.relative_to(source)) for run in runs[:10]) + (", ..." if len(runs) > 10 else "")
        raise ArtificerError(f"this is a folder of run folders: {names}", where=str(source), remedy=f"name one, e.g. {runs[0]}; merge takes several")


def all_of(found: Found, account: Account) -> Iterator[Item]:
    """The traces of all files of a folder, one file after the other."""
    for path, form in found:
        with account.file(str(path), form.name if isinstance(form, Format) else form or "no format"):
            account.where = str(path)
            if isinstance(form, Format):
                yield from read(path, form, account)
            elif form is None:
                account.rows_in += 1
                account.drop_row(UNKNOWN)
