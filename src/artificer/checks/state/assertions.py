"""Comparing what a query gave with what was expected: four kinds of comparison.

After EnterpriseOps-Gym (arXiv 2603.13594; `benchmark/verifier.py` of its repository, read). What a query gave is one
value when it is one row of one column, the row (by column) when it is one row, else all rows.

In `code` mode values are compared as upstream's Python does: 1 equals true, text is sought in Python's own writing of
the value, and the order of rows counts. `strict` is ours: typed equality, NULL equals nothing but NULL, rows in any
order unless `ordered`, a row also by position, order only between two numbers or two texts.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal, cast, get_args

from msgspec import Struct

from artificer.checks.values import freeze, same, shown
from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Selected

Comparison = Literal["equals", "greater_than", "less_than", "contains"]
Mode = Literal["strict", "code"]


class Assertion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that must hold of the final state. Fields are named as upstream's verifiers name theirs.

    Args:
        query: one SELECT; `?` or `:name` marks are bound to `parameters`.
        expected_value: a value, a row (by column, or by position), or a list of rows.
        name: what evidence calls it; the query when empty.
        ordered: whether the order of rows counts (`strict` mode).
    """

    query: str
    expected_value: Json = None
    comparison_type: Comparison = "equals"
    parameters: list[Json] | dict[str, Json] = []
    name: str = ""
    description: str = ""
    ordered: bool = False
    mode: Mode = "strict"


class Held(Struct, frozen=True):
    """Whether an assertion holds, and a sentence why not. `kind`: what is wrong with the state, if it is that."""

    holds: bool
    why: str = ""
    kind: ErrorKind | None = None


def holds(found: Selected, wanted: Assertion) -> Held:
    """Whether a query's answer is as an assertion says. A query that failed, or that cannot be compared, never holds."""
    if found.failed:
        return Held(False, f"the query failed: {found.failed}")
    actual = value_of(found)
    if wanted.comparison_type not in get_args(Comparison):
        raise ArtificerError(f"there is no comparison {wanted.comparison_type!r}", remedy=f"use one of {', '.join(get_args(Comparison))}")
    right = _as_code(actual, wanted) if wanted.mode == "code" else _strictly(actual, found, wanted)
    if right:
        return Held(True)
    words = wanted.comparison_type.replace("_", " ").replace("equals", "equal to").replace("contains", "containing")
    return Held(False, f"expected {words} {shown(wanted.expected_value)}, found {shown(actual)}", _kind(actual, wanted.expected_value))


def value_of(found: Selected) -> Json:
    """A query's answer as one value, one row by column, or a list of rows."""
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    if len(rows) != 1:
        return rows
    return next(iter(rows[0].values())) if len(rows[0]) == 1 else rows[0]


def _as_code(actual: Any, wanted: Assertion) -> bool:
    """code-mode: upstream's four lines of Python. What raises there does not hold here."""
    expected: Any = wanted.expected_value
    try:
        match wanted.comparison_type:
            case "equals":
                return bool(actual == expected)
            case "greater_than":
                return bool(actual > expected)
            case "less_than":
                return bool(actual < expected)
            case "contains":
                return expected in str(actual)
    except (TypeError, RecursionError):
        return False


def _strictly(actual: Json, found: Selected, wanted: Assertion) -> bool:
    expected = wanted.expected_value
    if wanted.comparison_type == "equals":
        return same(actual, expected) or _rows_equal(found, expected, wanted.ordered)
    if wanted.comparison_type == "contains":
        return any(_within(cell, expected) for row in found.rows for cell in row)
    left, right = _number(actual), _number(expected)
    if left is None or right is None:
        if not (isinstance(actual, str) and isinstance(expected, str)):
            return False
        return actual > expected if wanted.comparison_type == "greater_than" else actual < expected
    return left > right if wanted.comparison_type == "greater_than" else left < right


def _number(value: Json) -> int | float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _within(cell: Json, expected: Json) -> bool:
    if isinstance(cell, str) and isinstance(expected, str):
        return bool(expected) and expected in cell
    return same(cell, expected)


def _rows_equal(found: Selected, expected: Json, ordered: bool) -> bool:
    """Rows as they are expected: by column or by position, one or a list."""
    if not isinstance(expected, (list, dict)):
        return False
    given = [cast("Json", expected)] if isinstance(expected, dict) else cast("list[Json]", expected)
    wanted: list[Json] = given if all(isinstance(row, (list, dict)) for row in given) else [given]
    if len(wanted) != len(found.rows):
        return False
    by_column = [freeze(dict(zip(found.columns, row, strict=True))) for row in found.rows]
    by_place = [freeze(list(row)) for row in found.rows]
    mine = [by_column[at] if isinstance(wanted[at if ordered else 0], dict) else by_place[at] for at in range(len(wanted))]
    theirs = [freeze(row) for row in wanted]
    return mine == theirs if ordered else Counter(mine) == Counter(theirs)


def _kind(actual: Json, expected: Json) -> ErrorKind:
    """Nothing where something was expected is a missing effect, the other way round one too many."""
    if _nothing(actual) and not _nothing(expected):
        return ErrorKind.missing_effect
    return ErrorKind.extra_effect if _nothing(expected) and not _nothing(actual) else ErrorKind.wrong_value


def _nothing(value: Json) -> bool:
    return value is None or value in (0, "", [], {})
