"""Observed state: what a world without a change log of its own shows of itself, as JSON tables, and the difference of two such observations.

A table is any JSON value under a name. It is read as rows: an object's entries are rows by their key; a list's objects
that carry an id are rows by that id; other list items, and the lines of a text, are rows by their own value. Probes
are the read calls by which a server's state is observed.
"""

from __future__ import annotations

import datetime
import enum
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Literal, Protocol, cast, runtime_checkable

from msgspec import Struct, structs

from artificer.core.canon import Json, canonical, digest
from artificer.core.tasks import Effect

Tables = dict[str, Json]
Row = dict[str, Json]
_DEPTH = 32
_ID_NAMES = ("id", "key", "code", "sku", "uuid", "name")


class Probe(Struct, frozen=True, omit_defaults=True):
    """A read call whose result is part of the observed state.

    Args:
        name: the tool.
        arguments: exact; the same in every session.
        ignore: dotted paths in the result that differ between equal states (times, process ids); `""` the whole.
    """

    name: str
    arguments: dict[str, Json]
    ignore: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """The name under which effects report it."""
        return f"{self.name}{canonical(self.arguments).decode()}" if self.arguments else self.name


def differences(before: Tables, after: Tables) -> tuple[Effect, ...]:
    """Net effects between two observations, sorted by table and key."""
    changed = [table for table in {*before, *after} if before.get(table) != after.get(table)]
    left, right = (_split({table: tables[table] for table in changed if table in tables}) for tables in (before, after))
    found: list[Effect] = []
    for table in sorted({*left, *right}):
        found += _rows_differ(table, _rows(left.get(table)), _rows(right.get(table)))
    return tuple(found)


def rows_of(tables: Tables, wanted: Collection[str] | None = None) -> dict[str, dict[tuple[Json, ...], Row]]:
    """An observation as rows by table and key: what `differences` compares.

    Args:
        wanted: the tables to give, None for all.
    """
    return {table: _rows(value) for table, value in _split(tables).items() if wanted is None or table in wanted}


def _split(tables: Tables) -> Tables:
    """Lists of objects within an object become tables of their own: `{"notes": [...], "total": 3}` in `list` is `list` and `list.notes`."""
    found: Tables = {}
    for table, value in tables.items():
        entries = cast("dict[str, Json]", value) if isinstance(value, dict) else {}
        lists = {key: cast("list[Json]", part) for key, part in entries.items() if isinstance(part, list)}
        inner = {key: part for key, part in lists.items() if any(isinstance(item, dict) for item in part)}
        found |= {f"{table}.{key}": part for key, part in inner.items()}
        if not inner:
            found[table] = value
        elif len(inner) < len(entries):
            found[table] = {key: part for key, part in entries.items() if key not in inner}
    return found


def state_digest(tables: Tables) -> str:
    """Digest of an observation."""
    return digest("state", tables)


def _rows_differ(table: str, old: dict[tuple[Json, ...], Row], new: dict[tuple[Json, ...], Row]) -> list[Effect]:
    found: list[Effect] = []
    for key in sorted({*old, *new}, key=canonical):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        change: Literal["insert", "update", "delete"] = "insert" if before is None else "delete" if after is None else "update"
        left, right = before or {}, after or {}
        columns = {name: (left.get(name), right.get(name)) for name in sorted({*left, *right}) if left.get(name) != right.get(name)}
        found.append(Effect(table, key, change, columns))
    return found


def _rows(value: Json) -> dict[tuple[Json, ...], Row]:
    """A table's value as rows by key; see the module docstring."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return {(key,): _columns(part) for key, part in cast("dict[str, Json]", value).items()}
    if isinstance(value, str):
        value = value.splitlines()
    if not isinstance(value, list):
        return {(): {"value": value}}
    items = cast("list[Json]", value)
    name = _id_name(items)
    if name is not None:
        return {(item[name],): _columns(item) for item in items}
    seen: Counter[bytes] = Counter()
    rows: dict[tuple[Json, ...], Row] = {}
    for item in items:
        written = canonical(item)
        rows[(item if isinstance(item, (str, int, float)) else written.decode(), seen[written])] = _columns(item)
        seen[written] += 1
    return rows


def _id_name(items: Sequence[Json]) -> str | None:
    """The field that tells a list's objects apart, by its name: `id`, `order_id`, `sku`, ..."""
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    first: list[str] = sorted(items[0])
    candidates = [name for name in _ID_NAMES if name in first] + [name for name in first if name.endswith("_id")]
    for name in candidates:
        values = [item.get(name) for item in items]
        if all(isinstance(value, (str, int)) for value in values) and len(set(values)) == len(values):
            return name
    return None


def _columns(value: Json, prefix: str = "") -> Row:
    """An entry as columns; nested objects become dotted names, lists stay values."""
    if not isinstance(value, dict):
        return {prefix or "value": value}
    columns: Row = {}
    for name, part in cast("dict[str, Json]", value).items():
        path = f"{prefix}.{name}" if prefix else name
        columns |= _columns(part, path) if isinstance(part, dict) and part else {path: part}
    return columns


def without(value: Json, paths: Iterable[str]) -> Json:
    """`value` less what stands at the dotted `paths` (`*` is every element or key)."""
    for path in paths:
        value = _less(value, path.split(".") if path else [])
    return value


def _less(value: Json, steps: list[str]) -> Json:
    if not steps:
        return None
    step, rest = steps[0], steps[1:]
    if isinstance(value, dict):
        entries = cast("dict[str, Json]", value)
        return {name: _less(part, rest) if step in ("*", name) else part for name, part in entries.items()}
    if isinstance(value, list):
        return [_less(part, rest) if step in ("*", str(index)) else part for index, part in enumerate(cast("list[Json]", value))]
    return value


def jsonable(value: object, depth: int = 0) -> Json:
    """Any Python value as JSON, deterministically: public attributes of objects, sorted sets, ISO dates.

    What stands deeper than 32 levels (a cycle, mostly) is named by its type.
    """
    kind = type(value)
    if kind is int or kind is bool or (kind is str and cast("str", value).isascii()):
        return value  # nearly all there is, first
    if isinstance(value, float) and not math.isfinite(value):
        return None  # as in canonical JSON; and NaN is unequal to itself
    if value is None or (isinstance(value, (bool, int, float, str)) and not isinstance(value, enum.Enum)):
        return value if not isinstance(value, str) or value.isascii() else value.encode("utf-8", "replace").decode()
    if depth > _DEPTH:
        return f"<{type(value).__name__}>"
    if isinstance(value, enum.Enum):
        return jsonable(value.value, depth + 1)
    if kind is dict or isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value)
        return {_key(key): jsonable(part, depth + 1) for key, part in entries.items()}
    if isinstance(value, Set):
        return sorted((jsonable(part, depth + 1) for part in cast("Set[object]", value)), key=canonical)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, Sequence):
        return [jsonable(part, depth + 1) for part in cast("Sequence[object]", value)]
    return _object(value, depth)


def _key(key: object) -> str:
    return key if type(key) is str or (isinstance(key, str) and not isinstance(key, enum.Enum)) else str(jsonable(key))


def _object(value: object, depth: int) -> Json:
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (Decimal, PurePath, datetime.timedelta)):
        return str(value)
    if isinstance(value, Struct):
        return jsonable(structs.asdict(value), depth + 1)
    fields: dict[str, Any] | None = getattr(value, "__dict__", None)
    if fields is None or callable(value):
        return f"<{type(value).__name__}>"
    return {name: jsonable(part, depth + 1) for name, part in fields.items() if not name.startswith("_") and not callable(part)}


@runtime_checkable
class Probed(Protocol):
    """A world that cannot observe its own state and is given probes."""

    probes: tuple[Probe, ...]
