"""Which traces go where: decided from keys and groups alone, before anything is written, by seed and never by order.

Each of these goes through the traces once and keeps in memory a key and a few names of each; what is written afterwards goes through them again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct, field

from artificer.core.canon import digest, seed_of
from artificer.core.errors import ArtificerError
from artificer.curation.near import Groups, Near
from artificer.curation.sets.entries import Entry
from artificer.curation.sets.features import BY, On, text_of
from artificer.run.traded import SAME

PART = re.compile(r"[\w-]+")
"""Names of parts: each becomes a folder."""
Place = tuple[int, str]
"""A source, and where in it."""


class Plan(Struct):
    """What becomes of traces.

    Args:
        into: the part that a trace goes into, by its place; "" where there is but one.
        dropped: why a trace goes nowhere, and a detail.
        also: other places of the same trace, by the place of the one that is kept.
        notes: what people should know of how it came out.
    """

    into: dict[Place, str] = field(default_factory=dict[Place, str])
    dropped: dict[Place, tuple[str, str]] = field(default_factory=dict[Place, tuple[str, str]])
    also: dict[Place, list[Place]] = field(default_factory=dict[Place, list[Place]])
    notes: list[str] = field(default_factory=list[str])


def unit(*parts: object) -> float:
    """A number in [0, 1) that depends on `parts` alone."""
    return seed_of(*parts) / 2.0**64


def place_of(entry: Entry) -> Place:
    """Where a trace stands."""
    return entry.source, entry.where


def merge(entries: Iterable[Entry], shares: Mapping[int, float], seed: int) -> Plan:
    """All traces, the same one once: of equal ones the first stays, or the first that has a task. Traces of different tasks are different.

    Args:
        shares: of a source with a share below 1 so many are drawn by their keys.
    """
    plan = Plan()
    once = _Once(plan)
    for entry in entries:
        place = place_of(entry)
        if shares.get(entry.source, 1.0) < 1 and unit("merge", seed, entry.key) >= shares[entry.source]:
            plan.dropped[place] = ("not drawn", f"share {shares[entry.source]:g}")
            continue
        if once.first(entry):
            plan.into[place] = ""
    return plan


class _Once:
    """Of the same trace in several places the first stays, or the first that has a task; the others stand in a plan as dropped."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._standing: dict[str, Place] = {}
        self._keys: dict[str, str] = {}

    def first(self, entry: Entry) -> bool:
        """Whether a trace stays, as far as is known yet: one without a task gives way to the same one with a task."""
        plan, place, name = self._plan, place_of(entry), entry.key.rpartition("/")[2]
        same = entry.key if entry.key in self._standing else self._keys.get(name) if entry.task is None else None
        if same is not None:
            plan.dropped[place] = (SAME, same)
            plan.also.setdefault(self._standing[same], []).append(place)
            return False
        if entry.task is not None and name in self._standing:
            other = self._standing.pop(name)
            plan.into.pop(other, None)
            plan.dropped[other] = (SAME, entry.key)
            plan.also[place] = [*plan.also.pop(other, []), other]
            self._keys[name] = entry.key
        self._standing[entry.key] = place
        self._keys.setdefault(name, entry.key)
        return True


def split(entries: Iterable[Entry], parts: Mapping[str, float], by: str, seed: int, threshold: float = 0.8) -> Plan:
    """Every trace into one part. Traces of one group (`by`) never come into different parts.

    Groups that overlap (entities, near-duplicates) are joined; tools are drawn one by one, and a trace that calls tools of two parts goes nowhere.
    The same trace goes in once, however many sources have it.

    Args:
        parts: the share of each; together 1. by: trace, task, world, source, tool, entity, tag, length, or near.

    Raises:
        ArtificerError: shares that are not such, or an unknown `by`.
    """
    _check_shares(parts)
    _check_by(by, [*BY, "near"])
    plan = Plan()
    once = _Once(plan)
    entries = (entry for entry in entries if once.first(entry))
    if by == "tool":
        return _by_tool(entries, plan, parts, seed)
    groups, seen, roots = Groups(), Near(threshold) if by == "near" else None, dict[Place, str]()
    for entry in entries:
        names = (BY[by](entry) if seen is None else [entry.key, *seen.add(entry.key, text_of(entry.item))]) or [entry.key]
        for other in names[1:]:
            groups.join(names[0], other)
        roots[place_of(entry)] = names[0]
    sizes = Counter[str]()
    roots = {place: name for place, name in roots.items() if place not in plan.dropped}
    standing = {name: groups.root(name) for name in set(roots.values())}
    for place, name in roots.items():
        root = standing[name]
        sizes[root] += 1
        plan.into[place] = _part_of(unit("split", seed, by, root), parts)
    if sizes and len(roots) > 20 and sizes.most_common(1)[0][1] > 0.5 * len(roots):
        plan.notes.append(f"one group holds {100 * sizes.most_common(1)[0][1] / len(roots):.0f}% of all traces: they hang together by {by}")
    return plan


def _check_shares(parts: Mapping[str, float]) -> None:
    odd = next((name for name in parts if not PART.fullmatch(name)), None)
    if odd is not None:
        raise ArtificerError(f"{odd!r} cannot name a part", remedy="use letters, digits, - and _")
    if not parts or not all(share >= 0 for share in parts.values()) or not abs(sum(parts.values()) - 1) <= 1e-6:
        told = ", ".join(f"{name}={share:g}" for name, share in parts.items())
        raise ArtificerError(f"these are not shares of a whole: {told}", remedy="write e.g. --parts train=0.9,test=0.1")


def _check_by(by: str, known: Collection[str]) -> None:
    if by not in known:
        raise ArtificerError(f"traces cannot be put together by {by!r}", remedy=f"use one of {', '.join(known)}")


def _part_of(drawn: float, parts: Mapping[str, float]) -> str:
    upto = 0.0
    for name, share in parts.items():
        upto += share
        if drawn < upto:
            return name
    return list(parts)[-1]


def _by_tool(entries: Iterable[Entry], plan: Plan, parts: Mapping[str, float], seed: int) -> Plan:
    for entry in entries:
        tools = BY["tool"](entry)
        found = {_part_of(unit("split", seed, "tool", tool), parts): tool for tool in tools}
        if not tools:
            plan.into[place_of(entry)] = _part_of(unit("split", seed, "tool", entry.key), parts)
        elif len(found) == 1:
            plan.into[place_of(entry)] = next(iter(found))
        else:
            plan.dropped[place_of(entry)] = ("calls tools of several parts", ", ".join(f"{tool} ({part})" for part, tool in sorted(found.items())))
    return plan


def sample(entries: Iterable[Entry], *, n: int | None, share: float | None, by: str | None, equal: bool, seed: int) -> Plan:
    """So many different traces, or such a share of them: those whose keys come first by a draw.

    Args:
        by: strata; each gives in proportion to its size (largest remainders), or with `equal` as many as the others as
            long as it has them. A trace in several (it calls two tools) counts for the first.

    Raises:
        ArtificerError: neither or both of `n` and `share`, one that is out of bounds, or an unknown `by`.
    """
    _check_size(n, share)
    if by is not None:
        _check_by(by, BY)
    plan = Plan()
    once = _Once(plan)
    drawn: list[tuple[str, float, Place]] = []
    for entry in entries:
        if once.first(entry):
            name = (BY[by](entry) or ["none"])[0] if by is not None else ""
            drawn.append((name, unit("sample", seed, entry.key), place_of(entry)))
    strata: dict[str, list[tuple[float, Place]]] = {}
    for name, value, place in drawn:
        if place not in plan.dropped:
            strata.setdefault(name, []).append((value, place))
    sizes = {name: len(strata[name]) for name in sorted(strata)}
    total = sum(sizes.values())
    wanted = min(total, n if n is not None else max(1, round((share or 0) * total)))
    counts = _equally(sizes, wanted) if equal else _in_proportion(sizes, wanted)
    for name, count in counts.items():
        for rank, (_, place) in enumerate(sorted(strata[name])):
            if rank < count:
                plan.into[place] = ""
            else:
                plan.dropped[place] = ("not drawn", name)
    return plan


def _check_size(n: int | None, share: float | None) -> None:
    if n is None and share is None:
        raise ArtificerError("it is not said how many to draw", remedy="give -n 1000, or --share 0.1")
    if n is not None and share is not None:
        raise ArtificerError(f"it is said twice how many to draw: {n}, and a share of {share:g}", remedy="give either -n or --share")
    if n is not None and n < 1:
        raise ArtificerError(f"{n} traces cannot be drawn", remedy="give 1 or more, e.g. -n 1000")
    if share is not None and not 0 < share <= 1:
        raise ArtificerError(f"{share:g} is no share", remedy="give one over 0 and at most 1, e.g. --share 0.1 for a tenth")


def _in_proportion(sizes: Mapping[str, int], wanted: int) -> dict[str, int]:
    """Largest remainders: floor(wanted * size / total), and one more where most is cut off."""
    total = sum(sizes.values()) or 1
    counts = {name: wanted * size // total for name, size in sizes.items()}
    by_rest = sorted(sizes, key=lambda name: (-(wanted * sizes[name] % total), name))
    for name in by_rest[: wanted - sum(counts.values())]:
        counts[name] += 1
    return counts


def _equally(sizes: Mapping[str, int], wanted: int) -> dict[str, int]:
    """As even as the sizes allow."""
    counts = dict.fromkeys(sizes, 0)
    left = wanted
    while left and (open_ := [name for name in sizes if counts[name] < sizes[name]]):
        each = max(1, left // len(open_))
        for name in open_:
            more = min(each, sizes[name] - counts[name], left)
            counts[name] += more
            left -= more
    return counts


def dedup(entries: Iterable[Entry], *, near: float | None, on: On) -> Plan:
    """The same traces once, and of those that are near each other one.

    Of each group that hangs together the smallest key stays, then the smallest that is near none that stays: what is dropped
    is always near something that is kept.

    Args:
        near: the least Jaccard of two that are near; None: only the same are duplicates.
    """
    plan, keys, groups = Plan(), dict[str, Place](), Groups()
    seen = Near(near) if near is not None else None
    texts: dict[str, str] = {}
    for entry in entries:
        place, name = place_of(entry), entry.key.rpartition("/")[2]
        text = text_of(entry.item, on)
        same = name if on == "conversation" or not text else digest(text)  # where nothing can be compared, the whole is
        if same in texts:
            plan.dropped[place] = ("the same", texts[same])
            plan.also.setdefault(keys[texts[same]], []).append(place)
            continue
        texts[same] = entry.key
        keys[entry.key] = place
        if seen is not None:
            for other in seen.add(entry.key, text):
                groups.join(entry.key, other)
    dropped = {key: to for group in groups for key, to in seen.thinned(group).items()} if seen is not None else {}
    for key, place in keys.items():
        if key in dropped:
            plan.dropped[place] = ("nearly the same", dropped[key])
            plan.also.setdefault(keys[dropped[key]], []).append(place)
        else:
            plan.into[place] = ""
    return plan


def parts_of(told: Sequence[str]) -> dict[str, float]:
    """`train=0.9,test=0.1` as shares.

    Raises:
        ArtificerError: it is not of that form.
    """
    found: dict[str, float] = {}
    for pair in ",".join(told).split(","):
        name, equals, share = pair.partition("=")
        try:
            found[name.strip()] = float(share)
        except ValueError:
            equals = ""
        if not equals or not name.strip().replace("-", "").replace("_", "").isalnum():
            raise ArtificerError(f"{pair!r} is not a part and its share", remedy="write e.g. --parts train=0.9,test=0.1")
    return found
