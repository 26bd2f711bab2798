"""Files to traces and traces to files: the one place where rows are decoded, counted, read by a format, and accounted
for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from artificer.core.errors import ArtificerError
from artificer.core.tools import ToolSpec
from artificer.core.trace import Trace
from artificer.formats.account import Account
from artificer.formats.base import HOLDS, Around, Format, Item, events
from artificer.formats.holding import branches, lost, suited
from artificer.formats.jsontext import Unreadable, loads
from artificer.formats.order import in_order
from artificer.formats.source import Row, rows

SAMPLE = 12
"""Rows that are looked at to guess a format."""
NOT_OF_IT = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError, msgspec.MsgspecError, ArtificerError)
"""What formats raise on rows that are not theirs."""
_PYTHONS = re.compile(
    r"'[\w.]+' object|[\w.]+\(\) |\w+ indices|argument of type|(?:not enough|too many) values|cannot unpack|unhashable|invalid literal|can only"
)
"""Words of Python's own, which say nothing to whoever has the file."""
NOTHING = "a trace without a message"
NOWHERE = "verdicts of messages that do not exist"
BROKEN_OFF = "what is behind the place where a file breaks off"


_encode = msgspec.json.Encoder().encode
_sound = msgspec.json.Decoder(list[Trace])
_sound_tools = msgspec.json.Decoder(tuple[ToolSpec, ...])


class _Sound:
    """What a reader made of a row is decoded again: it is of the types that it says it is, and can be written. Tools that are the very
    same as the row's before are not looked at again.
    """

    def __init__(self) -> None:
        self._given: tuple[ToolSpec, ...] | None = None
        self._tools: tuple[ToolSpec, ...] = ()

    def items(self, made: Iterable[Item]) -> list[Item]:
        given = list(made)
        traces = _sound.decode(_encode([item.trace for item in given]))
        return [Item(trace, self._sound(item.tools)) for trace, item in zip(traces, given, strict=True)]

    def _sound(self, tools: tuple[ToolSpec, ...]) -> tuple[ToolSpec, ...]:
        if tools is not self._given:
            self._tools = _sound_tools.decode(_encode(tools))
            self._given = tools
        return self._tools


def sample(path: Path) -> list[Any]:
    """The first rows of a file that can be read at all."""
    found: list[Any] = []
    looked = Account()
    for row in rows(path):
        try:
            found.append(loads(row.raw, looked, constants=True) if row.raw else row.value)
        except Unreadable:
            pass
        looked.rows_in += 1
        if len(found) >= SAMPLE or looked.rows_in >= 4 * SAMPLE:
            break
    return [value for value in found if value is not None]


def sniff(values: Iterable[Any], form: Format) -> float:
    """How much rows look like a format: the mean over them, from 0 to 1."""
    marks = [_fit(form, value) for value in values]
    return sum(marks) / len(marks) if marks else 0.0


def _fit(form: Format, value: Any) -> float:
    try:
        return form.fits(value)
    except NOT_OF_IT:
        return 0.0


def read(path: Path, form: Format, account: Account) -> Iterator[Item]:
    """The traces of a file.

    Raises:
        ArtificerError: the file cannot be read, at all or to its end (see `Account.damage`). What is wrong with single rows stands in the account.
    """
    return parse(rows(path) if account.damage is None else _before_damage(path, account), form, account)


def _before_damage(path: Path, account: Account) -> Iterator[Row]:
    """The rows of a file up to where it breaks off, and that place as a row of which nothing comes; a file without a row before is refused."""
    assert account.damage is not None
    last: Row | None = None
    try:
        for last in rows(path):
            yield last
    except ArtificerError as error:
        if last is None:
            raise
        account.damage.append(f"{path}: {error.what}")
        yield Row(f"{last.where} and on", wrong=BROKEN_OFF)


def parse(given: Iterable[Row], form: Format, account: Account) -> Iterator[Item]:
    """The traces of rows.

    Raises:
        ArtificerError: the format is only written.
    """
    if form.parse is None:
        raise ArtificerError(f"{form.name} is only written", remedy="name the format that the file has: artificer convert --help")
    sound = _Sound()
    for row in given:
        account.where = row.where
        try:
            value = loads(row.raw, account, constants=form.constants) if row.raw else row.value
        except Unreadable as error:
            account.rows_in += 1
            account.drop_row(str(error))
            continue
        if row.wrong:
            account.rows_in += 1
            account.drop_row(row.wrong)
            continue
        try:
            before = account.rows_in
            for name, one in form.opened(value):
                account.where = row.where + name
                yield from _row(one, form, sound, account)
            if account.rows_in == before:
                account.rows_in += 1
                account.drop_row("a document without rows")
        except NOT_OF_IT:
            account.rows_in += 1
            account.drop_row(f"not of the format {form.name}")


def _grounded(item: Item, account: Account) -> Item:
    """A trace without verdicts of messages that it does not have, which would let it pass for nothing."""
    known = {at: verdict for at, verdict in item.trace.verdicts.items() if 0 <= at < len(item.trace.nodes)}
    if len(known) == len(item.trace.verdicts):
        return item
    account.lose(NOWHERE, len(item.trace.verdicts) - len(known))
    return Item(msgspec.structs.replace(item.trace, verdicts=known), item.tools)


def _row(value: Any, form: Format, sound: _Sound, account: Account) -> list[Item]:
    """The traces of one row; none, by name, when it is not of the format. A row is read whole before anything of it is given."""
    account.rows_in += 1
    assert form.parse is not None
    try:
        found = form.count(value)
    except NOT_OF_IT as error:
        account.drop_row(_reason(form, error))
        return []
    account.events_in += found
    dropped, lost_before = dict(account.dropped), dict(account.lost)
    try:
        items = [_grounded(item, account) if item.trace.verdicts else item for item in sound.items(form.parse(value, account))]
        out = sum([events(item.trace) for item in items])
    except NOT_OF_IT as error:
        account.dropped, account.lost = Counter(dropped), Counter(lost_before)
        account.drop_row(_reason(form, error), found)
        return []
    if not items:
        why = _foremost(account, dropped)
        account.drop_row(why or "rows without a conversation", 0 if why else found)
    account.events_out += out
    account.rows_out += len(items)
    return items


def _foremost(account: Account, before: dict[str, int]) -> str:
    """The reason for which most events were dropped since; "" where none was."""
    new = account.dropped - Counter(before)
    return max(new, key=lambda reason: new[reason], default="")


def _reason(form: Format, error: Exception) -> str:
    """Why a row could not be read, in words that are the same for the same reason."""
    if isinstance(error, KeyError):
        return f"not of the format {form.name}: no {str(error.args[0])[:40]!r}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    said = error.what if isinstance(error, ArtificerError) else str(error)
    ours = type(error) in (ValueError, TypeError, ArtificerError) and _PYTHONS.match(said) is None
    return f"not of the format {form.name}" + (f": {said[:80]}" if ours else "")


def render(items: Iterable[Item], form: Format, account: Account, *, every: bool = False) -> Iterator[bytes]:
    """The rows of traces, encoded.

    Args:
        every: also of branches that did not pass.

    Raises:
        ArtificerError: the format is only read.
    """
    if form.render is None:
        raise ArtificerError(f"{form.name} is only read", remedy="choose another format: artificer convert --help")
    make = form.render
    for item in items:
        account.rows_in += 1
        total = events(item.trace)
        account.events_in += total
        account.where = item.trace.id
        came, left, before_row = account.rows_out, account.rows_dropped, dict(account.dropped)
        for one in [item] if form.whole else branches(item, account, every=every):
            one = one if form.whole else suited(one, form, account)
            for loss in lost(one, form):
                account.lose(HOLDS[loss])
            had, before = total if one is item else events(one.trace), dict(account.dropped)
            try:
                made = list(make(in_order(one, form, account), account))
                encoded = [msgspec.json.encode(row) for row in made]
            except NOT_OF_IT as error:
                account.dropped = Counter(before)
                account.drop_row(f"{form.name} cannot hold it: {str(error)[:80]}", had)
                continue
            account.rows_out += len(made)
            account.events_out += sum([form.count(inner) for row in made for _, inner in form.opened(row)])
            yield from encoded
        if account.rows_out == came and account.rows_dropped == left:
            account.drop_row(_foremost(account, before_row) or NOTHING)


def write(items: Iterable[Item], out: BinaryIO, form: Format, account: Account, *, every: bool = False) -> int:
    """Writes traces; how many rows. `every`: also branches that did not pass."""
    count = 0
    if form.frame is not None or form.file == "array":
        frame = form.frame() if form.frame is not None else Around()
        out.write(frame.begin)
        for row in render(frame.seen(items), form, account, every=every):
            out.write((b",\n" if count else b"") + row)
            count += 1
        out.write(frame.end())
        return count
    for row in render(items, form, account, every=every):
        out.write(row + b"\n")
        count += 1
    return count
