"""Going through data with an index of suites: what is found is told, and left out when a folder is to be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from artificer.core.errors import ArtificerError
from artificer.curation.contamination.calls import called
from artificer.curation.contamination.index import KINDS, Bounds, Hit, Index, Kind
from artificer.curation.sets.doing import Made, made
from artificer.curation.sets.entries import Entry, entries, origin
from artificer.curation.sets.plans import Plan, place_of
from artificer.curation.suites import suite
from artificer.formats.account import Account
from artificer.formats.base import Item

SHOWN = 20
"""Finds of each suite that are told whole."""


class Found(Struct):
    """What of one suite stands in data.

    Args:
        rows: of the suite. blind: those too short to be looked for.
        touched: rows of the suite of which something stands in the data.
        traces: traces with something of it; kinds: how many by kind, each trace once for each of its kinds.
        shape: traces that make the calls of a row with other values; no contamination.
        tools: names of tools that the suite offers. shared: those that the data offer or call too; alike: with the same arguments.
            Data on the same tools are not contamination.
        finds: the first of them: the trace, and what was found.
    """

    rows: int = 0
    blind: int = 0
    touched: int = 0
    traces: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    shape: int = 0
    tools: int = 0
    shared: int = 0
    alike: int = 0
    finds: list[tuple[str, Hit]] = field(default_factory=list[tuple[str, Hit]])


class Decontaminated(Struct):
    """What was found in data, and what became of them.

    Args:
        traces: looked at. contaminated: with something of a suite, by the kinds that count.
        kinds: the kinds that count. suites: what of each was found.
        made: what was written; None where nothing was to be.
        unread, unread_rows: events, by reason, and rows of the data that could not be read.
    """

    traces: int
    contaminated: int
    kinds: tuple[Kind, ...]
    suites: dict[str, Found]
    made: Made | None = None
    unread: Counter[str] = field(default_factory=Counter[str])
    unread_rows: int = 0


def indexed(against: Sequence[str], bounds: Bounds, given: str | None = None) -> Index:
    """An index of suites.

    Raises:
        ArtificerError: there is none, a suite cannot be read, or it has no rows.
    """
    if not against:
        raise ArtificerError("there is no suite to compare with", remedy="write e.g. --against bfcl,tau2 or --against runs/exam")
    index = Index(bounds)
    for one in [suite(name, given) for name in against]:
        before = len(index.rows)
        for item in one.open():
            index.add(one.name, item)
        if len(index.rows) == before:
            raise ArtificerError(f"the suite {one.name!r} has no rows", remedy="name a run with tasks or traces, or a file of traces")
    return index


class Looking:
    """Counts what an index finds in traces."""

    def __init__(self, index: Index, kinds: Sequence[Kind]) -> None:
        self.index = index
        self.kinds = tuple(kinds)
        self.traces = self.contaminated = 0
        self.suites = {name: Found() for name, _ in index.rows}
        for name, _ in index.rows:
            self.suites[name].rows += 1
        for name, found in self.suites.items():
            found.blind, found.tools = index.blind[name], len(index.tools.get(name, {}))
        self._touched: dict[str, set[str]] = {name: set() for name in self.suites}
        self._tools: dict[str, frozenset[str]] = {}
        self._sets: set[str] = set()

    def look(self, name: str, item: Item) -> Hit | None:
        """The surest find in a trace, of the kinds that count; None for a clean one."""
        self.traces += 1
        self._note_tools(item)
        hits = self.index.find(item)
        for hit in hits:
            if hit.kind == "shape":
                self.suites[hit.suite].shape += 1
        counted = sorted((hit for hit in hits if hit.kind in self.kinds), key=lambda hit: KINDS.index(hit.kind))
        self.contaminated += bool(counted)
        for one in {hit.suite: hit for hit in reversed(counted)}.values():
            found = self.suites[one.suite]
            found.traces += 1
            found.kinds.update([*dict.fromkeys(hit.kind for hit in counted if hit.suite == one.suite)])
            self._touched[one.suite].update(hit.row for hit in counted if hit.suite == one.suite)
            if len(found.finds) < SHOWN:
                found.finds.append((name, one))
        return counted[0] if counted else None

    def _note_tools(self, item: Item) -> None:
        if item.tools and item.trace.tools not in self._sets:
            self._sets.add(item.trace.tools)
            self._tools.update({called(tool.name): frozenset(tool.parameters.get("properties", {})) for tool in item.tools})
        for node in item.trace.nodes:
            for call in node.message.calls:
                self._tools.setdefault(called(call.name), frozenset())

    def result(self, written: Made | None, unread: Counter[str], rows: int) -> Decontaminated:
        """All that was found."""
        for name, found in self.suites.items():
            found.touched = len(self._touched[name])
            own = self.index.tools.get(name, {})
            found.shared = sum(tool in self._tools for tool in own)
            found.alike = sum(bool(arguments) and self._tools.get(tool) == arguments for tool, arguments in own.items())
        return Decontaminated(self.traces, self.contaminated, self.kinds, self.suites, written, unread, rows)


def decontaminate(
    sources: Sequence[str | Path],
    against: Sequence[str],
    out: Path | None = None,
    *,
    kinds: Sequence[Kind] = KINDS,
    bounds: Bounds = Bounds(),  # noqa: B008
    given: str | None = None,
    tell: Callable[[str], None] | None = None,
) -> Decontaminated:
    """What of suites stands in data; with `out`, the data without it.

    Raises:
        ArtificerError: a suite or a source cannot be read, an unknown kind, or the folder cannot be written.
    """
    strange = next((kind for kind in kinds if kind not in KINDS), None)
    if strange is not None or not kinds:
        raise ArtificerError(f"{strange!r} is no kind of contamination", remedy=f"use some of {', '.join(KINDS)}")
    if not sources:
        raise ArtificerError("there is no source", remedy="give run folders or files of traces")
    for source in sources:
        origin(source)
    looking = Looking(indexed(against, bounds), kinds)

    def decide(rows: Iterable[Entry]) -> Plan:
        plan = Plan()
        for entry in rows:
            hit = looking.look(f"{sources[entry.source]}:{entry.where}" if len(sources) > 1 else entry.where, entry.item)
            place = place_of(entry)
            if hit is None:
                plan.into[place] = ""
            else:
                plan.dropped[place] = (f"contaminated: {hit.kind} of {hit.suite}", hit.row)
            if tell is not None and looking.traces % 5000 == 0:
                tell(f"decontaminate: {looking.traces:,} traces, {looking.contaminated:,} contaminated")
        return plan

    if out is None:
        accounts = [Account() for _ in sources]
        decide(entries(sources, accounts, given))
        unread: Counter[str] = Counter()
        for account in accounts:
            unread.update(account.dropped)
        return looking.result(None, unread, sum(account.rows_dropped for account in accounts))
    how: dict[str, Any] = {"against": list(against), "kinds": list(kinds), "bounds": msgspec.to_builtins(bounds)}
    written = made(sources, {"": out}, "decontaminate", how, decide, given=given)
    return looking.result(written, written.unread, written.unread_rows)
