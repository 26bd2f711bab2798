"""Making sets: sources are gone through once to decide and once to write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.curation.sets import plans
from artificer.curation.sets.entries import Entry, entries, origin
from artificer.curation.sets.features import On
from artificer.curation.sets.plans import Plan, place_of
from artificer.curation.sets.writing import Writing
from artificer.formats.account import Account
from artificer.run.traded import SAME

MOST = 1000
"""Times that a source goes in."""
Sources = Sequence[str | Path]
Tell = Callable[[str], None]
"""Hears how far it has come."""


class Made(Struct):
    """What became of the traces of sources.

    Args:
        traces: how many there were. kept: how many went into each folder.
        dropped: how many did not, by reason. unread_rows: rows of the sources that no trace was read of. Each of both is a row in the rejects of the
            first folder.
        unread: events that could not be read of the sources, by reason; 0 where they could not even be counted.
        notes: what else should be known.
    """

    traces: int = 0
    kept: dict[str, int] = field(default_factory=dict[str, int])
    dropped: Counter[str] = field(default_factory=Counter[str])
    unread: Counter[str] = field(default_factory=Counter[str])
    unread_rows: int = 0
    notes: list[str] = field(default_factory=list[str])


def made(
    sources: Sources,
    folders: Mapping[str, Path],
    stage: str,
    how: dict[str, Any],
    decide: Callable[[Iterable[Entry]], Plan],
    *,
    given: str | None = None,
    copies: Mapping[int, int] | None = None,
    tell: Tell | None = None,
) -> Made:
    """Decides over all traces of sources and writes them into folders.

    Args:
        folders: the folder of each part; the part "" where there is but one.
        stage, how: what is done, for the manifests and the rejects.
        copies: how often traces of a source go in besides once.
    """
    if not sources:
        raise ArtificerError("there is no source", remedy="give run folders or files of traces")
    origins = [origin(source) for source in sources]
    accounts = [Account() for _ in sources]
    plan = decide(entries(sources, accounts, given))
    found = Made(notes=list(plan.notes))
    for account in accounts:
        found.unread.update(account.dropped)
        found.unread_rows += account.rows_dropped
    first = next(iter(folders))
    writers = {part: Writing(folder, stage, {**how, **({"part": part} if part else {})}, origins) for part, folder in folders.items()}
    again = [Account() for _ in sources]
    writers[first].hear(again)
    try:
        for entry in entries(sources, again, given):
            found.traces += 1
            place = place_of(entry)
            if place not in plan.dropped and place not in plan.into:
                raise _changed(sources[entry.source])
            if place in plan.dropped:
                reason, detail = plan.dropped[place]
                found.dropped[reason] += 1
                writers[first].drop(entry, reason, detail)
                continue
            part = plan.into[place]
            lineage = _lineage(entry, stage, how, part, [origins[number].name for number, _ in (place, *plan.also.get(place, ()))])
            taken = [writers[part].keep(entry, lineage, key) for key in _keys(entry, (copies or {}).get(entry.source, 0))]
            if not any(taken):
                found.dropped[SAME] += 1
                writers[first].drop(entry, SAME, entry.key)
            if tell is not None and found.traces % 5000 == 0:
                tell(f"{stage}: {found.traces:,} traces")
        if found.traces != len(plan.into) + len(plan.dropped):
            raise _changed(", ".join(map(str, sources)))
    except BaseException as error:
        for writer in writers.values():
            writer.__exit__(type(error), error, error.__traceback__)
        raise
    for part, writer in writers.items():
        writer.__exit__(None, None, None)
        found.kept[str(folders[part])] = writer.kept
    return found


def _changed(source: str | Path) -> ArtificerError:
    return ArtificerError(
        "other traces came when this was read a second time", where=str(source), remedy="wait until it is written; of a pipe, make a file first"
    )


def _keys(entry: Entry, copies: int) -> Iterator[str]:
    yield entry.key
    head, slash, rest = entry.key.rpartition("/")
    if not slash:
        head, rest = rest, ""
    for number in range(1, copies + 1):
        yield f"{head}~{number}{slash}{rest}"


def _lineage(entry: Entry, stage: str, how: dict[str, Any], part: str, names: Sequence[str]) -> dict[str, Json]:
    """What is added to a trace's lineage: a line for each thing that was done to it, with where it came from."""
    earlier = entry.item.trace.lineage.get("sets")
    step: dict[str, Json] = {"by": stage, "from": names[0], "row": entry.where, "how": dict(how)}
    if part:
        step["part"] = part
    if len(names) > 1:
        step["also"] = list(names[1:])
    return {"sets": [*(earlier if isinstance(earlier, list) else []), step]}


def merge(
    sources: Sources,
    *,
    out: str | Path,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
    given: str | None = None,
    tell: Tell | None = None,
) -> Made:
    """All traces of runs and files in one run folder, the same trace once.

    Args:
        weights: how often traces of a source (by its name as given) go in: 0.5 draws half of them by their keys, 3 takes each three times.

    Raises:
        ArtificerError: a source cannot be read, a weight is of none, or the folder holds something else.
    """
    named = {str(source): number for number, source in enumerate(sources)}
    unknown = next((name for name in weights or {} if name not in named), None)
    if unknown is not None:
        what = f"there is a weight for {unknown!r}, which is none of the sources"
        raise ArtificerError(what, remedy="write --weights SOURCE=0.5 with a source as given")
    numbered = {named[name]: weight for name, weight in (weights or {}).items()}
    odd = next((weight for weight in numbered.values() if not 0 < weight <= MOST or (weight > 1 and weight != int(weight))), None)
    if odd is not None:
        raise ArtificerError(f"the weight {odd:g} is neither a share nor a number of times", remedy=f"use 0.5, or 1, 2, 3... at most {MOST}")
    shares = {number: weight for number, weight in numbered.items() if weight < 1}
    copies = {number: int(weight) - 1 for number, weight in numbered.items() if weight >= 1}
    how: dict[str, Any] = {"seed": seed, "weights": {str(number): weight for number, weight in sorted(numbered.items())}}
    return made(sources, {"": Path(out)}, "merge", how, lambda rows: plans.merge(rows, shares, seed), given=given, copies=copies, tell=tell)


def split(
    sources: Sources,
    *,
    out: str | Path,
    parts: Mapping[str, float] | None = None,
    by: str = "task",
    seed: int = 0,
    near: float = 0.8,
    given: str | None = None,
    tell: Tell | None = None,
) -> Made:
    """A run folder for each part inside `out`, so that traces of one group never come into different parts.

    Args:
        parts: the share of each part; 0.9 for train and 0.1 for test by default.
        by: trace, task, world, source, tool, entity, tag, length, or near (near-duplicates stay together). By tool, traces that call tools of
            two parts go nowhere.
        near: the least Jaccard of near-duplicates.

    Raises:
        ArtificerError: shares that do not add up, an unknown group, or a source or folder that cannot be used.
    """
    _check_near(near)
    shares = parts or {"train": 0.9, "test": 0.1}
    how: dict[str, Any] = {"by": by, "parts": dict(shares), "seed": seed} | ({"near": near} if by == "near" else {})

    def decide(rows: Iterable[Entry]) -> Plan:
        return plans.split(rows, shares, by, seed, near)

    return made(sources, {part: Path(out) / part for part in shares}, "split", how, decide, given=given, tell=tell)


def _check_near(near: float) -> None:
    if not 0 < near <= 1:
        raise ArtificerError(f"{near:g} is no Jaccard index", remedy="give one over 0 and at most 1, e.g. --near 0.8")


def sample(
    sources: Sources,
    *,
    out: str | Path,
    n: int | None = None,
    share: float | None = None,
    by: str | None = None,
    equal: bool = False,
    seed: int = 0,
    given: str | None = None,
    tell: Tell | None = None,
) -> Made:
    """So many traces, or such a share of them, in a run folder: drawn by their keys, so that the order of the sources does not matter.

    Args:
        by: strata (as of `split`); each gives in proportion, or with `equal` as many as the others.

    Raises:
        ArtificerError: neither or both of `n` and `share`, an unknown stratum, or a source or folder that cannot be used.
    """
    asked = {"n": n, "share": share, "by": by, "equal": equal, "seed": seed}
    how: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}

    def decide(rows: Iterable[Entry]) -> Plan:
        return plans.sample(rows, n=n, share=share, by=by, equal=equal, seed=seed)

    return made(sources, {"": Path(out)}, "sample", how, decide, given=given, tell=tell)


def dedup(
    sources: Sources,
    *,
    out: str | Path,
    near: float | None = None,
    on: On = "conversation",
    given: str | None = None,
    tell: Tell | None = None,
) -> Made:
    """Traces without duplicates in a run folder.

    Args:
        near: also of near-duplicates one: the least Jaccard of word triples that makes two such, e.g. 0.8.
        on: what is compared: conversation, calls, or first-user (the first message of the user).

    Raises:
        ArtificerError: a source or folder cannot be used.
    """
    if near is not None:
        _check_near(near)
    how: dict[str, Any] = {"on": on} | ({"near": near} if near is not None else {})
    return made(sources, {"": Path(out)}, "dedup", how, lambda rows: plans.dedup(rows, near=near, on=on), given=given, tell=tell)
