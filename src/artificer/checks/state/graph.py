"""Milestones as they are written, and their graph: who comes before whom, and what guardrails there are.

A milestone is a list of constraints on tables, all of one snapshot. Milestones form a directed graph without cycles, a
chain unless `edges` says otherwise. Guardrails come by themselves: a table that neither the milestone nor those before
it say anything of must be as it was at each of those (ToolSandbox, `MilestoneMatcher._add_guardrail_constraints`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from artificer.checks.state.similarity import Measure, MeasureKind, Mode
from artificer.checks.state.snapshots import MESSAGES
from artificer.core.canon import Json
from artificer.core.errors import ArtificerError

START = -1
"""The reference that means: as it was when the conversation began."""
MOST = 64
"""Milestones that a task may state."""

Kind = Literal["snapshot", "addition", "removal", "update", "tool_trace_dependent"]


class TableConstraint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one table must be like.

    Args:
        table: its name as effects give it, or `@messages`.
        kind: `snapshot`: the rows are the table. `addition`, `removal`, `update`: they came, are gone, have changed
            since the reference. `tool_trace_dependent`: the one row has blanks, filled from a call at the reference.
        rows: the columns that matter.
        columns: how columns are compared: a kind, or a kind with a tolerance.
        reference: a milestone by its index, or -1 for the start.
        take: for `tool_trace_dependent`, the value of each blank: its path in the trace, e.g. `["result", "price"]`.
        fill: whether the values go into the row's `content`, for `{NAME}`, or into the arguments of its `tool_trace`.
    """

    table: str
    rows: list[dict[str, Json]]
    kind: Kind = "snapshot"
    columns: dict[str, MeasureKind | Measure] = {}
    reference: int | None = None
    take: dict[str, list[str | int]] = {}
    fill: Literal["content", "tool_trace"] = "content"

    def measures(self) -> dict[str, Measure]:
        """The measure of each column that has one of its own."""
        usual = {"content": Measure("rouge_l"), "tool_trace": Measure("tool_trace"), "error": Measure("one")}
        given = {name: Measure(measure) if isinstance(measure, str) else measure for name, measure in self.columns.items()}
        return {**usual, **given} if self.table == MESSAGES else given


class Milestone(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must hold at one message; a minefield, when it never may.

    Args:
        guardrails: the tables that guardrails may be put around, None for all.
        free: tables without guardrails.
    """

    constraints: list[TableConstraint]
    name: str = ""
    guardrails: list[str] | None = None
    free: list[str] = []


class Graph(Struct, frozen=True):
    """Milestones in an order in which each comes after those before it.

    Args:
        order: indices of milestones. In `code` mode those that no edge names are left out.
        before: of each milestone, those directly before it.
        guarded: of each milestone, what guardrails refer to: milestones, or the start.
        milestones: all of them.
        mode: see `similarity`.
    """

    milestones: tuple[Milestone, ...]
    order: tuple[int, ...]
    before: dict[int, tuple[int, ...]]
    guarded: dict[int, tuple[int, ...]]
    mode: Mode

    def guards(self, at: int, table: str) -> bool:
        """Whether a milestone's guardrails stand around a table."""
        milestone = self.milestones[at]
        if table == MESSAGES or table in milestone.free or (milestone.guardrails is not None and table not in milestone.guardrails):
            return False
        named = {at, *self.guarded[at]}
        if self.mode == "strict":
            named.discard(START)
        # code-mode: Python reads the start's index, -1, as the last milestone, whose tables are then left unguarded too
        return not any(constraint.table == table for one in named for constraint in self.milestones[one].constraints)


def graph_of(milestones: Sequence[Milestone], edges: Sequence[tuple[int, int]] | None, mode: Mode = "strict") -> Graph:
    """The graph of milestones.

    Raises:
        ArtificerError: edges lead nowhere or in a circle, a reference is no ancestor, or a constraint lacks what it needs.
    """
    if len(milestones) > MOST:
        raise ArtificerError(f"there are {len(milestones)} milestones", remedy=f"state at most {MOST}")
    given = [(at, at + 1) for at in range(len(milestones) - 1)] if edges is None else list(edges)
    for edge in given:
        if not all(0 <= end < len(milestones) for end in edge):
            raise ArtificerError(f"the edge {list(edge)} leads to no milestone", remedy=f"use indices from 0 to {len(milestones) - 1}")
    nodes = set(range(len(milestones)))
    if mode == "code" and len(milestones) > 1:
        nodes = {end for edge in given for end in edge}  # code-mode: the graph is made of its edges, and has no other nodes
    before = {node: tuple(sorted({first for first, second in given if second == node})) for node in sorted(nodes)}
    order = _ordered(before)
    ancestors: dict[int, set[int]] = {}
    for node in order:
        ancestors[node] = {other for parent in before[node] for other in (parent, *ancestors[parent])}
        _fit(node, milestones[node], ancestors[node])
    guarded = {node: tuple(sorted({*before[node], *_references(milestones[node])})) for node in order}
    return Graph(tuple(milestones), order, before, guarded, mode)


def _references(milestone: Milestone) -> set[int]:
    return {constraint.reference for constraint in milestone.constraints if constraint.reference is not None}


def _ordered(before: dict[int, tuple[int, ...]]) -> tuple[int, ...]:
    """A topological order: of those that may come next, the one of the least index."""
    order: list[int] = []
    while len(order) < len(before):
        ready = next((node for node in before if node not in order and all(parent in order for parent in before[node])), None)
        if ready is None:
            raise ArtificerError("the milestones' edges lead in a circle", remedy="leave one of them out")
        order.append(ready)
    return tuple(order)


def _fit(node: int, milestone: Milestone, ancestors: Collection[int]) -> None:
    """Whether a milestone can be decided.

    Raises:
        ArtificerError: it cannot.
    """
    where = f"milestone {node}"
    if not milestone.constraints:
        raise ArtificerError("a milestone constrains nothing", where=where, remedy="give it at least one of `constraints`")
    for constraint in milestone.constraints:
        reference = constraint.reference
        if reference is None and constraint.kind != "snapshot":
            raise ArtificerError(f"{constraint.kind!r} needs a reference", where=where, remedy="give the index of an earlier milestone, or -1")
        if reference is not None and reference != START and reference not in ancestors:
            raise ArtificerError(f"milestone {reference} does not come before it", where=where, remedy="refer to one that does, or to -1")
        if constraint.kind == "tool_trace_dependent" and (constraint.table != MESSAGES or len(constraint.rows) != 1 or not constraint.take):
            raise ArtificerError(
                f"'tool_trace_dependent' needs one row of {MESSAGES!r} and what to `take`", where=where, remedy="or use another kind of constraint"
            )


def read(value: Any, of: Any, where: str) -> Any:
    """Something stated in a task, checked.

    Raises:
        ArtificerError: it is not as it must be.
    """
    try:
        return msgspec.convert(value, of)
    except msgspec.ValidationError as error:
        raise ArtificerError(f"this cannot be read: {error}", where=where, remedy="see docs/checks-state.md") from error
