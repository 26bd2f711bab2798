"""A data set from its file to its card: read as a stream, looked at trace by trace, held against thresholds."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from artificer.core.errors import ArtificerError
from artificer.curation.quality import licence
from artificer.curation.quality.card import Card
from artificer.curation.quality.counting import Counting
from artificer.curation.quality.findings import Finding, found
from artificer.curation.quality.thresholds import judged
from artificer.curation.quality.thresholds import thresholds as bounds_of
from artificer.curation.quality.walk import everything
from artificer.formats.account import Account
from artificer.formats.base import Item, content_id
from artificer.run import traded

_TELL = 2_000
"""Traces after which the caller is told how far it is."""
Clusters = Callable[[Iterable[tuple[str, str]]], list[tuple[str, ...]]]
"""Names of texts that are nearly the same, together: `curation.near.clusters`."""


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
    counting = Counting(tokens, None if native is None else tuple(native))
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
        alike = _near(source, given or (None if form == "artificer" else form), write) if near else None
        card = counting.card(str(source), form, account.rows_in, _dropped(account), beside, alike)
        for one in card.found["licence_missing"].examples if "licence_missing" in card.found else ():
            write(one)
    return judged(card, held)


def _dropped(account: Account) -> dict[str, int]:
    """How often what was dropped in reading; a row that could not even be counted counts as one."""
    return {reason: max(times, 1) for reason, times in sorted(account.dropped.items(), key=lambda pair: (-pair[1], pair[0]))}


@contextmanager
def _lines(path: str | Path | None) -> Generator[Callable[[Finding], None]]:
    """A place for findings, one JSON object a line; nowhere when there is no path."""
    if path is None:
        yield lambda one: None
        return
    try:
        file: IO[bytes] = Path(path).open("xb")  # noqa: SIM115
    except FileExistsError as error:
        raise ArtificerError("this file is there already", where=str(path), remedy="choose another name, or remove it") from error
    except OSError as error:
        raise ArtificerError(f"the file cannot be written: {error.strerror}", where=str(path), remedy="choose another place") from error
    encode = msgspec.json.Encoder().encode
    with file:
        yield lambda one: _write(file, encode(_plain(one)))


def _write(file: IO[bytes], line: bytes) -> None:
    file.write(line + b"\n")


def _plain(one: Finding) -> Finding:
    """A finding that can be written: what a trace says may hold halves of characters."""
    fit = {name: value.encode("utf-8", "replace").decode() for name in ("evidence", "trace", "where") for value in (getattr(one, name),)}
    return msgspec.structs.replace(one, **fit)


def _near(source: str | Path, given: str | None, write: Callable[[Finding], None]) -> int | None:
    """How many traces are near an earlier one and not the same as it; None where near-duplicates cannot be looked for."""
    try:
        clusters: Clusters = importlib.import_module("artificer.curation.near").clusters
    except ImportError:
        return None
    names: dict[str, str] = {}
    with traded.opened(source, Account(), given=given) as data:
        together = clusters(_texts(data.items, names))
    for members in together:
        for member in members[1:]:
            write(msgspec.structs.replace(found("near_duplicate", None, f"near {names[members[0]]}"), trace=names[member]))
    return sum(len(members) - 1 for members in together)


def _texts(items: Iterable[Item], names: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What is said and done in each trace, under its number; of the same traces, the first."""
    known: set[bytes] = set()
    for number, item in enumerate(items):
        try:
            same = hashlib.blake2b(content_id(item).encode(), digest_size=8).digest()
        except (ValueError, TypeError, RecursionError, OverflowError):
            continue
        if same in known:
            continue
        known.add(same)
        names[str(number)] = item.trace.id[:200]
        yield str(number), "\n".join(everything(node.message) for node in item.trace.nodes if node.message.role != "system")
