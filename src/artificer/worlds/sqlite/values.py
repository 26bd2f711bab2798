"""Rows and values of SQLite: read with a type, as JSON values, and the cell hash on which a state's digest is built."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from typing import Any, cast

import apsw

from artificer.core.canon import Json

BLOB_LIMIT = 4096
"""Bytes of a BLOB that a result shows, in full or not at all."""
_MODULUS = 1 << 256


Row = tuple[Any, ...]


def rows(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> list[Row]:
    """All rows of a query."""
    return cast("list[Row]", connection.execute(sql, values).fetchall())


def one(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Row | None:
    """The first row of a query, or None."""
    return cast("Row | None", connection.execute(sql, values).fetchone())


def quote(name: str) -> str:
    """An SQL identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def to_json(value: Any) -> Json:
    """A stored value as JSON: BLOBs as base64, infinities as text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def shown(value: Any) -> Json:
    """A stored value as a result shows it: a long BLOB only by its size."""
    if isinstance(value, bytes) and len(value) > BLOB_LIMIT:
        return f"({len(value)} bytes, too long to show)"
    return to_json(value)


def same(one: Any, other: Any) -> bool:
    """Equal in value and in storage class."""
    return type(one) is type(other) and one == other


def cell(table: str, key: Sequence[Any], column: str, value: Any) -> int:
    """A 256-bit number for one cell; every part is length-prefixed and typed, so that no two different cells are
    written alike.
    """
    return hashed(b"".join(tagged(part) for part in (table, *key, column, value)))


def hashed(parts: bytes) -> int:
    """The number of a cell whose table, key, column and value are written as `tagged` writes them, one after another."""
    return int.from_bytes(hashlib.blake2b(parts, digest_size=32).digest(), "little")


def add(total: int, amount: int) -> int:
    """Sum modulo 2^256."""
    return (total + amount) % _MODULUS


def tagged(value: Any) -> bytes:
    """A value with its type and length in front."""
    if value is None:
        return b"n0:"
    if isinstance(value, bytes):
        return b"b%d:%b" % (len(value), value)
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else repr(value).encode()
    return b"%c%d:%b" % (type(value).__name__.encode()[0], len(raw), raw)
