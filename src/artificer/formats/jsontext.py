"""JSON from strangers: read strictly, with what the standard leaves open said aloud (keys that come twice)."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from artificer.formats.account import Account

TWICE = "a key that comes twice in an object: the last value is kept"


class Unreadable(ValueError):
    """The text is not JSON; the message says why."""


def loads(raw: bytes, account: Account) -> Any:
    """The value of a JSON text.

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
        raise Unreadable("not JSON") from error
    if b":" in raw and _doubtful(raw, value):
        found = _twice(raw)
        if found:
            account.lose(TWICE, found)
    return value


def _doubtful(raw: bytes, value: Any) -> bool:
    """Whether something may have been overwritten: then the text has more colons than its value, unless colons are escaped."""
    try:
        return raw.count(b":") != msgspec.json.encode(value).count(b":") or b"\\u003" in raw
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
