"""Milestones matched with an episode's snapshots: the best place for each, and how near it comes there.

    similarity of a milestone at a snapshot = (product of its constraints)^(1 / their number) x its guardrails (0 or 1)
    score = mean over milestones, at the places with the largest sum; no milestones: 1
    final = 0 if any minefield comes anywhere above 0, else score

Places respect the graph: none lies before that of a milestone before it (they may be the same), nor before the first
message of the user. ToolSandbox tries every order of milestones with rising places. Such an order exists exactly when
no edge falls, so here they are placed in one order, and what remains to be won depends only on what later ones can
still see of the earlier (`_Search`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, cast

from msgspec import Struct

from artificer.checks.state.graph import START, Graph, TableConstraint
from artificer.checks.state.similarity import Mode, addition, removal, table_similarity, traces, unchanged, update
from artificer.checks.state.snapshots import MESSAGES, Snapshots
from artificer.core.canon import Json

TRIES = 200_000
"""Places that a search tries: enough for chains and trees of any size that a task may state. Beyond it, in graphs where
many milestones meet, each one takes its own best place, and the result says that it is a lower bound (`whole`).
"""
_FORMS = 64
"""Ways to write the values taken from a trace that are tried."""


class Placed(Struct, frozen=True):
    """Where milestones were placed.

    Args:
        places: the message of each, None for one that was left out.
        similarities: how near each comes there.
        score: their mean over all milestones.
        whole: whether no better places can exist.
    """

    places: tuple[int | None, ...]
    similarities: tuple[float, ...]
    score: float
    whole: bool = True


def matched(graph: Graph, snapshots: Snapshots, tries: int = TRIES) -> Placed | None:
    """The places with the largest sum of similarities; None when there are no milestones, or no messages."""
    if not graph.order or not len(snapshots):
        return None
    search = _Search(graph, snapshots, tries)
    found = search.best()
    places = tuple(found.get(node) for node in range(len(graph.milestones)))
    similarities = tuple(0.0 if place is None else search.similarity(node, place, found) for node, place in enumerate(places))
    return Placed(places, similarities, sum(similarities) / len(graph.milestones), search.left > 0)


class _Search:
    """Places milestones in the graph's order. Of equally good places the first message is taken.

    Remembered is what is still to be won for each milestone on, by what can matter to it: the earliest messages that
    later milestones may be placed at, and the versions of the tables that later constraints compare with.
    """

    def __init__(self, graph: Graph, snapshots: Snapshots, tries: int) -> None:
        self.left = tries
        self._graph = graph
        self._snapshots = snapshots
        self._tables = sorted(snapshots.touched)
        self._constraints: dict[tuple[int, int, int, int | None], float] = {}
        self._guards = {node: [table for table in self._tables if graph.guards(node, table)] for node in graph.order}
        self._equal: dict[tuple[str, int, int], bool] = {}
        self._known: dict[tuple[Any, ...], tuple[float, int]] = {}
        most = [max((self._most(node, place) for place in range(snapshots.first, len(snapshots))), default=0.0) for node in graph.order]
        self._rest = [sum(most[step:]) for step in range(len(most) + 1)]
        """What the milestones from each step on can win at most, together."""
        self._open = [self._still_seen(step) for step in range(len(graph.order) + 1)]

    def _still_seen(self, step: int) -> tuple[list[tuple[int, ...]], list[tuple[int, list[str]]]]:
        """What the milestones from a step on can see of those placed before: the groups whose latest place bounds one of
        them, and the tables that one of them compares with.
        """
        graph = self._graph
        placed, later = set(graph.order[:step]), graph.order[step:]
        groups = {tuple(one for one in graph.before[node] if one in placed) for node in later} - {()}
        wanted: dict[int, set[str]] = {}
        for node in later:
            for other in placed.intersection(graph.guarded[node]):
                tables = {one.table for one in graph.milestones[node].constraints if one.reference == other}
                wanted.setdefault(other, set()).update(tables, self._guards[node])
        return sorted(groups), [(other, sorted(tables)) for other, tables in sorted(wanted.items())]

    def best(self) -> dict[int, int]:
        """The best place of each milestone."""
        places: dict[int, int] = {}
        for step, node in enumerate(self._graph.order):
            places[node] = self._won(step, places)[1]
        return places

    def _won(self, step: int, places: dict[int, int]) -> tuple[float, int]:
        """What can be won from a step on, and the place to take now."""
        order, snapshots = self._graph.order, self._snapshots
        if step == len(order):
            return 0.0, 0
        key = self._seen(step, places)
        if key in self._known:
            return self._known[key]
        node = order[step]
        least = max((places[parent] for parent in self._graph.before[node]), default=snapshots.first)
        here = [(self.similarity(node, place, places), -place) for place in range(max(least, snapshots.first), len(snapshots))]
        best, chosen = -1.0, 0
        for similarity, negative in sorted(here, reverse=True):
            if similarity + self._rest[step + 1] <= best or (self.left <= 0 <= best):
                break  # not even with all the others at their best
            self.left -= 1
            places[node] = -negative
            total = similarity + self._won(step + 1, places)[0]
            del places[node]
            if total > best:
                best, chosen = total, -negative
        self._known[key] = best, chosen
        return best, chosen

    def _seen(self, step: int, places: dict[int, int]) -> tuple[Any, ...]:
        """All that the milestones from a step on can see of those that are placed."""
        groups, compared = self._open[step]
        bounds = [max([places[one] for one in group]) for group in groups]
        return (step, *bounds, *[self._snapshots.version(table, places[other]) for other, tables in compared for table in tables])

    def similarity(self, node: int, place: int, places: dict[int, int]) -> float:
        """Of a milestone at a message, those before it being placed."""
        graph, snapshots = self._graph, self._snapshots
        where = {**places, START: snapshots.first}
        for other in graph.guarded[node]:
            for table in self._guards[node]:
                now, then = snapshots.version(table, place), snapshots.version(table, where[other])
                if now != then and not self._same(table, now, then):
                    return 0.0
        return self._most(node, place, where)

    def _most(self, node: int, place: int, where: dict[int, int] | None = None) -> float:
        """The same without guardrails; a constraint whose reference has no place yet counts as held."""
        snapshots, constraints = self._snapshots, self._graph.milestones[node].constraints
        where = {START: snapshots.first} if where is None else where
        similarity = 1.0
        for index, constraint in enumerate(constraints):
            reference = constraint.reference
            if reference is not None and reference not in where:
                continue
            now = snapshots.version(constraint.table, place)
            then = None if reference is None else snapshots.version(constraint.table, where[reference])
            key = (node, index, now, then)
            if key not in self._constraints:
                self._constraints[key] = constraint_similarity(constraint, snapshots, now, then, self._graph.mode)
            similarity *= self._constraints[key]
        return math.pow(similarity, 1 / len(constraints))

    def _same(self, table: str, now: int, then: int) -> bool:
        """Whether a table's rows are the same in two versions of it."""
        key = (table, now, then)
        if key not in self._equal:
            self._equal[key] = unchanged(self._snapshots.rows(table, now), self._snapshots.rows(table, then)) > 0
        return self._equal[key]


def constraint_similarity(constraint: TableConstraint, snapshots: Snapshots, now: int, then: int | None, mode: Mode = "strict") -> float:
    """Of one constraint, at a version of its table and of the reference's."""
    rows, measures = snapshots.rows(constraint.table, now), constraint.measures()
    if then is None or constraint.kind == "snapshot":
        return table_similarity(rows, constraint.rows, measures, mode)
    reference = snapshots.rows(constraint.table, then)
    if constraint.kind == "tool_trace_dependent":
        filled = _filled(constraint, reference[0])
        return max((table_similarity(rows, [row], measures, mode) for row in filled), default=0.0)
    compared = {"addition": addition, "removal": removal, "update": update}[constraint.kind]
    return compared(rows, reference, constraint.rows, measures, mode)


def _filled(constraint: TableConstraint, reference: dict[str, Json]) -> Iterator[dict[str, Json]]:
    """The row with its blanks filled, in every way that a call at the reference allows."""
    row = constraint.rows[0]
    for trace in traces(reference.get("tool_trace")):
        taken = {name: _at(trace, path) for name, path in constraint.take.items()}
        if any(not found for found, _ in taken.values()):
            continue
        values = {name: value for name, (_, value) in taken.items()}
        if constraint.fill == "tool_trace":
            given = traces(row.get("tool_trace"))
            preferred = [{**one, "arguments": {**_arguments(one), **values}} for one in given]
            kept = [{**one, "arguments": {**values, **_arguments(one)}} for one in given]
            yield {**row, "tool_trace": [*preferred, *kept]}
            continue
        for number, forms in enumerate(product(*(written(value) for value in values.values()))):
            if number < _FORMS:
                yield {**row, "content": _put(str(row.get("content") or ""), dict(zip(values, forms, strict=True)))}


def _arguments(trace: dict[str, Json]) -> dict[str, Json]:
    found = trace.get("arguments")
    return cast("dict[str, Json]", found) if isinstance(found, dict) else {}


def _at(value: Json, path: Sequence[str | int]) -> tuple[bool, Json]:
    """Whether there is something at a path, and what."""
    for step in path:
        if isinstance(value, dict):
            entries = cast("dict[str | int, Json]", value)
            if step not in entries:
                return False, None
            value = entries[step]
        elif isinstance(value, list) and isinstance(step, int):
            items = cast("list[Json]", value)
            if not 0 <= step < len(items):
                return False, None
            value = items[step]
        else:
            return False, None
    return True, value


def written(value: Json) -> list[str]:
    """How a value may stand in a text: a number also with 0 to 3 decimals."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e18 or math.isnan(value):
        return [str(value)[:100]] if value is None or isinstance(value, (bool, float)) else []
    return list(dict.fromkeys([str(value), *(f"{value:.{decimals}f}" for decimals in range(4))]))


def _put(text: str, values: dict[str, str]) -> str:
    """A text with `{NAME}` replaced, each name once: what is put in is not looked into again."""
    parts = text.split("{")
    out = [parts[0]]
    for part in parts[1:]:
        name, end, rest = part.partition("}")
        out.append(values[name] + rest if end and name in values else "{" + part)
    return "".join(out)


def tables_wanted(graphs: Sequence[Graph]) -> set[str]:
    """The tables of the world that graphs ask for by name."""
    named = {constraint.table for graph in graphs for milestone in graph.milestones for constraint in milestone.constraints}
    return named - {MESSAGES}


def needs_state(graphs: Sequence[Graph]) -> bool:
    """Whether one asks for a whole table of the world: what came to it, went or changed, its effects tell."""
    constraints = [constraint for graph in graphs for milestone in graph.milestones for constraint in milestone.constraints]
    return any(constraint.kind == "snapshot" and constraint.table != MESSAGES for constraint in constraints)
