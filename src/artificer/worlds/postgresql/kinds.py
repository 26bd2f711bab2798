"""How a PostgreSQL type is stored in SQLite: what is declared, how values are selected, and what becomes of them.

Dates, times, intervals, UUIDs, networks, ranges and the like are selected as the server writes them; numbers,
booleans and bytes as they are; arrays and composites as JSON. What loses something says so in `loss`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from artificer.worlds.postgresql.catalog import PgColumn, PgType

MOST_TEXT = 1_000_000
"""Characters (or bytes) of a value that are taken along; more is cut off."""
_INTEGERS = frozenset({"int2", "int4", "int8", "oid"})
_LENGTH = re.compile(r"\((\d+)(?:,(-?\d+))?\)")


class Kind(Struct, frozen=True):
    """One column's way into SQLite.

    Args:
        declared: its type in SQLite.
        select: SQL of the value, `{}` standing for the column.
        convert: makes the selected value one that SQLite stores.
        check: SQL of a condition on `{0}` that SQLite must keep, since the type did; "" for none.
        choices: the only values, of an enum.
        loss: what is lost on the way, or "".
        collate: SQLite's collation, or "".
    """

    declared: str
    select: str = "{}::text"
    convert: Callable[[Any], Any] = lambda value: value
    check: str = ""
    choices: tuple[str, ...] = ()
    loss: str = ""
    collate: str = ""


def kind_of(column: PgColumn, types: Mapping[int, PgType]) -> Kind | None:
    """How the column is stored; None for what is left out."""
    found = base_type(types[column.type], types)
    if found.name in _PLAIN:
        return _PLAIN[found.name]
    if found.kind == "e":
        return Kind("TEXT", choices=found.labels)
    if found.category == "A" or found.kind == "c":
        return Kind("JSON TEXT", "to_json({})::text", check="json_valid({0})", loss="an array or composite, kept as JSON text")
    if found.name in {"numeric", "money"}:
        return Kind(f"NUMERIC{_digits(column.declared)}", "{}::numeric", number)
    if found.name in {"varchar", "bpchar", "char"}:
        length = _LENGTH.search(column.declared)
        return Kind(f"VARCHAR({length[1]})", check=f"length({{0}}) <= {length[1]}") if length else Kind("TEXT", f"left({{}}::text, {MOST_TEXT})")
    if found.name in {"tsvector", "tsquery"}:
        return None
    return Kind("TEXT", f"left({{}}::text, {MOST_TEXT})", loss=f"of the type {found.name}, kept as text")


def base_type(found: PgType, types: Mapping[int, PgType]) -> PgType:
    """What a domain is a domain of, at the bottom."""
    while found.kind == "d":
        found = types[found.base]
    return found


def number(value: Decimal | None) -> int | float | str | None:
    """A numeric as SQLite stores it: whole ones of up to 18 digits as integers (7.00 too), others as floats, NaN as text."""
    if value is None:
        return None
    if value.is_nan():
        return "NaN"
    if value.is_finite() and value == value.to_integral_value() and abs(value) < 10**18:
        return int(value)
    return float(value)


def rounded(value: Any) -> bool:
    """Whether `number` loses digits of the value."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return False
    return Decimal(repr(number(value))) != value if isinstance(number(value), float) else False


def _digits(declared: str) -> str:
    found = _LENGTH.search(declared)
    return found[0] if found else ""


def _float(value: float | None) -> float | str | None:
    return "NaN" if value is not None and math.isnan(value) else value


def _moment(value: str | None) -> str | None:
    return value.removesuffix("+00") + "Z" if value is not None and value.endswith("+00") else value


_MOMENT = "{0} IS NULL OR datetime({0}) IS NOT NULL"
_INTEGER = Kind("INTEGER", "{}")
_REAL = Kind("REAL", "{}::float8", _float)
_JSON = Kind("JSON TEXT", check="json_valid({0})")
_TEXT = Kind("TEXT", f"left({{}}::text, {MOST_TEXT})")
_PLAIN: dict[str, Kind] = {
    **dict.fromkeys(_INTEGERS, _INTEGER),
    "bool": Kind("BOOLEAN", "{}", lambda value: None if value is None else int(value), check="{0} IN (0, 1)"),
    "float4": _REAL,
    "float8": _REAL,
    "text": _TEXT,
    "name": _TEXT,
    "citext": Kind("TEXT", f"left({{}}::text, {MOST_TEXT})", collate="NOCASE"),
    "bytea": Kind("BLOB", f"substring({{}} from 1 for {MOST_TEXT})"),
    "date": Kind("DATE", check="{0} IS date({0})"),
    "timestamp": Kind("TIMESTAMP", check=_MOMENT),
    "timestamptz": Kind("TIMESTAMP", convert=_moment, check=_MOMENT),
    "time": Kind("TIME", check="{0} IS NULL OR time({0}) IS NOT NULL"),
    "timetz": Kind("TIME"),
    "uuid": Kind("UUID TEXT"),
    "json": _JSON,
    "jsonb": _JSON,
}
