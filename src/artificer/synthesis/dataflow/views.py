"""Results as tables: the one reading of JSON and of text that discovery, proposals and procedures share.

JSON: the root object is the table `""` with one row, a list of objects is a table named by its path (`"*"` at the
root), a list of scalars a table with the column `value`. Text: `Key: value` lines are rows of `records` (a repeated key
begins a new row), other lines without their bullets are `lines`, and what stands in quotes is `quoted`.
"""

from __future__ import annotations

import re
from typing import cast

from artificer.core.canon import Json

Row = dict[str, Json]
Tables = dict[str, list[Row]]

_ROWS = 200
_PAIR = re.compile(r"\s*([A-Za-z][\w -]{0,30}):[ \t]+(\S.*)")
_BULLET = re.compile(r"\s*(?:[*+\-•>]\s+|\d+[.)]\s+)?")
_QUOTED = re.compile(r"'([^'\n]{1,60})'|\"([^\"\n]{1,60})\"")
_MACHINE = re.compile(r"[0-9a-f]{7,}|[0-9a-fA-F-]{32,36}|[A-Za-z]{1,8}[-_#]?\d+|[#\d.,:_-]+|(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{12,}")


def tables(content: Json) -> Tables:
    """The tables of a result; see the module docstring. At most 200 rows each."""
    found: Tables = {}
    if isinstance(content, str):
        _text(content, found)
    else:
        _json(content, "", found)
    return {name: rows[:_ROWS] for name, rows in found.items() if rows}


def _json(value: Json, path: str, found: Tables) -> None:
    if isinstance(value, list):
        items = cast("list[Json]", value)
        rows = [_flat(cast("Row", item)) if isinstance(item, dict) else {"value": item} for item in items if not isinstance(item, list)]
        found.setdefault(path or "*", []).extend(row for row in rows if row)
    elif isinstance(value, dict):
        entries = cast("dict[str, Json]", value)
        if len(entries) > 1 and all(isinstance(part, dict) for part in entries.values()):
            found.setdefault(path or "*", []).extend({"key": key} | _flat(part) for key, part in entries.items())
            return
        found.setdefault(path, []).append(_flat(entries))
        for key, part in entries.items():
            if isinstance(part, list):
                _json(part, f"{path}.{key}" if path else key, found)
    elif value is not None:
        found.setdefault(path, []).append({"value": value})


def _flat(entries: Row, prefix: str = "") -> Row:
    """Scalars of an object, nested objects with dotted names; lists are left out."""
    row: Row = {}
    for key, part in entries.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(part, dict):
            row |= _flat(cast("Row", part), name)
        elif not isinstance(part, list) and part is not None:
            row[name] = part
    return row


def _text(text: str, found: Tables) -> None:
    records: list[Row] = []
    lines: list[Row] = []
    for line in text.splitlines()[: 4 * _ROWS]:
        pair = _PAIR.fullmatch(line)
        if pair is not None:
            if not records or pair[1] in records[-1]:
                records.append({})
            records[-1][pair[1]] = pair[2].strip()
            continue
        bare = _BULLET.sub("", line, count=1).strip()
        if bare and not bare.endswith(":") and not bare.startswith("(") and len(bare) <= 80:
            lines.append({"value": bare})
    quoted = [{"value": match[1] or match[2]} for match in _QUOTED.finditer(text[:20_000])]
    found.update(records=records, lines=lines, quoted=quoted)
    if len(lines) == 1 and not records and "\n" not in text.strip():
        found[""] = [{"value": text.strip()}]


def machine_like(value: Json) -> bool:
    """Whether a value looks like an id that nobody knows by heart: numbers, hashes, `P1000`."""
    return not isinstance(value, str) or bool(_MACHINE.fullmatch(value))


def sayable(value: Json) -> bool:
    """Whether people can say a value in quotes: one line of at most 60 characters with a letter and no quote."""
    return isinstance(value, str) and 0 < len(value) <= 60 and value.isprintable() and '"' not in value and any(map(str.isalpha, value))


def column_of(content: Json, table: str, column: str) -> list[Json]:
    """The values of a column."""
    return [row[column] for row in tables(content).get(table, []) if column in row]
