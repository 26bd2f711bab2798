"""A data set from its file to its card: read as a stream, looked at trace by trace, held against thresholds."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from artificer.curation.quality import licence
from artificer.curation.quality.card import Card
from artificer.curation.quality.counting import Counting
from artificer.curation.quality.findings import Finding
from artificer.curation.quality.thresholds import judged
from artificer.curation.quality.thresholds import thresholds as bounds_of
from artificer.formats.account import Account
from artificer.run import traded
from artificer.run.files import whole_file

_TELL = 2_000
"""Traces after which the caller is told how far it is."""


def survey(
    source: str | Path,
    *,
    given: str | None = None,
    bounds: str | Path | None = None,
    findings: str | Path | None = None,
    near: bool = True,
    tokens: Callable[[str], int] | None = None,
    native: Sequence[str] | None = None,
    seen: Callable[[int], None] | None = None,
) -> Card:
    """See `artificer.data.check`."""
    held = bounds_of(bounds)
    counting = Counting(tokens, None if native is None else tuple(native), near=near)
    account = Account()
    with _lines(findings) as write:
        with traded.opened(source, account, given=given, policy=True) as data:
            form = data.form
            for number, item in enumerate(data.items):
                for one in counting.add(item, account.where):
                    write(one)
                if seen is not None and number % _TELL == 0:
                    seen(number)
        beside = {} if form == "artificer" else {name: said for said, name in licence.beside(source)}
        card = counting.card(str(source), form, account, beside)
        for one in card.found["licence_missing"].examples if "licence_missing" in card.found else ():
            write(one)
    return judged(card, held)


@contextmanager
def _lines(path: str | Path | None) -> Generator[Callable[[Finding], None]]:
    """A place for findings, one JSON object a line; nowhere when there is no path."""
    if path is None:
        yield lambda one: None
        return
    encode = msgspec.json.Encoder().encode
    with whole_file(path) as made, made.open("xb") as file:
        yield lambda one: _write(file, encode(_plain(one)))


def _write(file: IO[bytes], line: bytes) -> None:
    file.write(line + b"\n")


def _plain(one: Finding) -> Finding:
    """A finding that can be written: what a trace says may hold halves of characters."""
    fit = {name: value.encode("utf-8", "replace").decode() for name in ("evidence", "trace", "where") for value in (getattr(one, name),)}
    return msgspec.structs.replace(one, **fit)
