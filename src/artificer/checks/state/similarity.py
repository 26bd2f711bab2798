"""How near a table comes to given rows, graded in [0, 1].

After ToolSandbox (arXiv 2408.04682; `common/evaluation.py` of apple/ToolSandbox, read). A cell is compared by its
column's measure; a row's similarity is the geometric mean of the given columns; rows are assigned to rows so that the
mean of -log similarity is least (Hungarian method), and the table's similarity is the geometric mean of the assigned:

    table = exp(-mean over assigned rows of mean over columns of -log similarity),  0 when the numbers of rows differ

Values are compared with their types (1 equals 1.0, not true). `strict` is ours; in `code` mode three accidents of the
original's data frames are kept: an empty cell compared with a value leaves its column out of the mean; for `addition`,
`removal` and `update` empty cells count as zeros; and rows that occur twice are counted as a join counts them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from artificer.checks.assign import assign
from artificer.checks.state.rouge import rouge_l
from artificer.checks.values import freeze, same
from artificer.core.canon import Json

Row = Mapping[str, Json]
Mode = Literal["strict", "code"]
MeasureKind = Literal["exact", "close", "contains", "rouge_l", "tool_trace", "one"]


class Measure(Struct, frozen=True, forbid_unknown_fields=True):
    """How cells of a column are compared.

    Args:
        kind: `exact`; `close` within `atol`; `contains` the text; `rouge_l`; `tool_trace`: one of the calls is one of
            those given, as far as their arguments are given; `one`: always 1.
        atol: absolute tolerance; for a tool trace by the name of an argument.
    """

    kind: MeasureKind
    atol: float | dict[str, float] | None = None


EXACT = Measure("exact")


def cell_similarity(cell: Json, target: Json, measure: Measure, mode: Mode = "strict") -> float | None:
    """Of one cell and its target. None (in `code` mode): nothing is said, the column is left out."""
    if measure.kind == "one":
        return 1.0
    if measure.kind == "tool_trace":
        return float(_called(cell, target, measure.atol))
    if measure.kind == "close":
        return float(close(target, cell, measure.atol if isinstance(measure.atol, (int, float)) else None))
    if measure.kind == "exact" and target is None:
        return float(cell is None)
    if cell is None:
        return None if mode == "code" else 0.0
    if measure.kind == "exact":
        return float(same(cell, target))
    if not (isinstance(cell, str) and isinstance(target, str)):
        return 0.0
    return rouge_l(target, cell) if measure.kind == "rouge_l" else float(target in cell)


def close(value: Json, reference: Json, atol: float | None) -> bool:
    """Equal, or both numbers and no further apart than `atol`."""
    if atol is not None and isinstance(value, (int, float)) and isinstance(reference, (int, float)):
        try:
            return abs(value - reference) <= atol
        except OverflowError:  # an integer that no float can hold
            return value == reference
    return same(value, reference)


def _called(cell: Json, target: Json, atol: float | dict[str, float] | None) -> bool:
    """Whether one of the calls of a message is one of those wanted; arguments that are not given do not count."""
    tolerance = atol if isinstance(atol, dict) else {}
    for wanted in traces(target):
        arguments = _record(wanted.get("arguments"))
        for made in traces(cell):
            given = _record(made.get("arguments"))
            if same(made.get("tool_name"), wanted.get("tool_name")) and all(
                name in given and close(given[name], value, tolerance.get(name)) for name, value in arguments.items()
            ):
                return True
    return False


def traces(value: Json) -> list[dict[str, Json]]:
    """Tool traces as they are written: one or a list, perhaps as a JSON text."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return []
    items = cast("list[Json]", value) if isinstance(value, list) else [value]
    return [cast("dict[str, Json]", item) for item in items if isinstance(item, dict)]


def _record(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


def table_similarity(rows: Sequence[Row], targets: Sequence[Row], measures: Mapping[str, Measure], mode: Mode = "strict") -> float:
    """Of a table and the rows that it should hold: `snapshot_similarity` upstream.

    Args:
        targets: only the columns that matter.
        measures: by column; `exact` where none is given.
    """
    if len(rows) != len(targets) or (rows and {name for row in targets for name in row} - {name for row in rows for name in row}):
        return 0.0
    if not rows:
        return 1.0
    costs = [[_cost(row, target, measures, mode) for row in rows] for target in targets]
    if any(cost is None for line in costs for cost in line):
        return 0.0  # code-mode: every column was left out; upstream's solver takes no NaN
    found = assign(cast("list[list[float]]", costs))
    chosen = [math.inf if column is None else cast("float", costs[at][column]) for at, column in enumerate(found)]
    return math.exp(-sum(chosen) / len(chosen))


def _cost(row: Row, target: Row, measures: Mapping[str, Measure], mode: Mode) -> float | None:
    """Mean over the target's columns of -log similarity."""
    found = (cell_similarity(row.get(name), value, measures.get(name, EXACT), mode) for name, value in target.items())
    costs = [math.inf if similarity <= 0 else -math.log(similarity) for similarity in found if similarity is not None]
    if not costs:
        return None if target else 0.0
    return sum(costs) / len(costs)


def addition(rows: Sequence[Row], reference: Sequence[Row], targets: Sequence[Row], measures: Mapping[str, Measure], mode: Mode = "strict") -> float:
    """Of what came to a table since the reference, when nothing of that is gone."""
    if mode == "code":
        rows, reference, targets = zeroed(rows), zeroed(reference), zeroed(targets)
        old, new = Counter(map(whole, reference)), Counter(map(whole, rows))
        joined = sum(count * new[row] for row, count in old.items())  # code-mode: an inner join pairs equal rows
        if joined != len(reference):
            return 0.0
        return table_similarity([row for row in rows if whole(row) not in old], targets, measures, mode)
    rows, reference = _apart(rows, reference)
    if Counter(map(whole, reference)) - Counter(map(whole, rows)):
        return 0.0
    return table_similarity(beyond(rows, reference), targets, measures, mode)


def removal(rows: Sequence[Row], reference: Sequence[Row], targets: Sequence[Row], measures: Mapping[str, Measure], mode: Mode = "strict") -> float:
    """Of what is gone from a table since the reference, when nothing came."""
    return addition(reference, rows, targets, measures, mode)


def update(rows: Sequence[Row], reference: Sequence[Row], targets: Sequence[Row], measures: Mapping[str, Measure], mode: Mode = "strict") -> float:
    """Of the rows that are not as in the reference, when there are as many as then."""
    if mode == "code":
        rows, reference, targets = zeroed(rows), zeroed(reference), zeroed(targets)
    if len(rows) != len(reference):
        return 0.0
    old = {whole(row) for row in reference} if mode == "code" else set[Hashable]()
    changed = [row for row in rows if whole(row) not in old] if mode == "code" else beyond(rows, reference)
    return table_similarity(changed, targets, measures, mode)


def unchanged(rows: Sequence[Row], reference: Sequence[Row]) -> float:
    """1 when a table holds the same rows as the reference, in any order; else 0."""
    rows, reference = _apart(rows, reference)
    return float(Counter(map(whole, rows)) == Counter(map(whole, reference)))


def _apart(rows: Sequence[Row], others: Sequence[Row]) -> tuple[Sequence[Row], Sequence[Row]]:
    """Both without the very rows that they share: snapshots of a table have nearly all of them in common."""
    mine, theirs = {id(row) for row in rows}, {id(row) for row in others}
    if len(mine) < len(rows) or len(theirs) < len(others):
        return rows, others  # a row that stands there twice
    return [row for row in rows if id(row) not in theirs], [row for row in others if id(row) not in mine]


def beyond(rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """The rows that are more than those others hold."""
    rows, others = _apart(rows, others)
    left = Counter(map(whole, others))
    found: list[Row] = []
    for row in rows:
        name = whole(row)
        if left[name] > 0:
            left[name] -= 1
        else:
            found.append(row)
    return found


def whole(row: Row) -> Hashable:
    """A row as one value, in which an empty cell is none: worlds over objects do not tell the two apart."""
    return freeze({name: value for name, value in row.items() if value is not None})


def zeroed(rows: Iterable[Row]) -> list[Row]:
    """code-mode: rows with empty cells as zeros; a zero, an empty text and false are the zeros of their columns."""
    return [{name: 0 if _zero(value) else value for name, value in row.items()} for row in rows]


def _zero(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, str) and not value)
