"""JSON from strangers: read strictly, with what the standard leaves open said aloud (keys that come twice)."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec

from artificer.formats.account import Account

TWICE = "a key that comes twice in an object: the last value is kept"
NOT_NUMBERS = "numbers that are none (NaN, infinities): read as null"


class Unreadable(ValueError):
    """The text is not JSON; the message says why."""


def loads(raw: bytes, account: Account, *, constants: bool = False) -> Any:
    """The value of a JSON text; with `constants` also of one with NaN and infinities, which become null.

    Raises:
        Unreadable: it is not JSON (NaN, lone surrogates and other encodings than UTF-8 included), or nested too deeply.
    """
    try:
        value = msgspec.json.decode(raw)
    except UnicodeDecodeError as error:
        raise Unreadable("not UTF-8") from error
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    except (msgspec.MsgspecError, ValueError) as error:
        if not constants or (b"NaN" not in raw and b"Infinity" not in raw):
            raise Unreadable("not JSON") from error
        value = _with_constants(raw, account)
    if b":" in raw and _doubtful(raw, value):
        found = _twice(raw)
        if found:
            account.lose(TWICE, found)
    return value


def _with_constants(raw: bytes, account: Account) -> Any:
    found = 0

    def null(_name: str) -> None:
        nonlocal found
        found += 1

    try:
        value = json.loads(raw, parse_constant=null)
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    except ValueError as error:
        raise Unreadable("not JSON") from error
    account.lose(NOT_NUMBERS, found)
    return value


def _doubtful(raw: bytes, value: Any) -> bool:
    """Whether something may have been overwritten: then the text has more colons than its value, unless colons are escaped."""
    colons = raw.count(b":")
    if colons == 1 or (isinstance(value, dict) and colons == len(cast("dict[str, Any]", value))):
        return False  # no more colons than there are keys for them: none was overwritten
    try:
        return colons != msgspec.json.encode(value).count(b":") or b"\\u003" in raw
    except (RecursionError, ValueError):
        return True


def _twice(raw: bytes) -> int:
    found = 0

    def pairs(items: list[tuple[str, Any]]) -> None:
        nonlocal found
        found += len(items) - len({key for key, _ in items})

    try:
        json.loads(raw, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return 0
    return found
