"""Over many episodes: SR and PSR as CCTU has them, with their spread over repeats, and what was broken and mended.

- SR, solve rate: the share of episodes that are solved and end with an answer that keeps every rule. In the record of
  CCTU: no error line after the last assistant message, which makes no calls.
- PSR, perfect solve rate: the share of those in which, besides, no rule was ever broken.

Each is taken for every repeat, then mean and population standard deviation over the repeats, in all and by group.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from msgspec import Struct

from artificer.checks.constraints.rules import CATEGORY, Category
from artificer.checks.constraints.stated import NAME
from artificer.core.verdicts import Verdict


class Outcome(Struct, frozen=True):
    """One episode.

    Args:
        solved: apart from the rules.
        kept, perfect: see `walk.Walked`.
        group: what rates are shown by besides, e.g. CCTU's four scenarios.
        trial: which repeat it belongs to.
        violations, mended: by category.
    """

    solved: bool
    kept: bool
    perfect: bool
    group: str = ""
    trial: int = 0
    violations: dict[Category, int] = {}
    mended: dict[Category, int] = {}


class Rates(Struct, frozen=True):
    """In percent, as the source prints them. `repaired` is the share of solved and kept episodes that were not perfect.

    Args:
        sr, psr: means over repeats; `sr_std`, `psr_std` their population standard deviations.
        episodes: how many there are, over all repeats.
        violations, mended: by category, over all.
    """

    sr: float
    psr: float
    sr_std: float
    psr_std: float
    repaired: float
    episodes: int
    violations: dict[Category, int]
    mended: dict[Category, int]


def outcome(verdict: Verdict, group: str = "", trial: int = 0) -> Outcome | None:
    """What a verdict with the check `constraints` says; None without. Solved: every other check passed, and tools have
    shown the answers that the rules want, if they want some.
    """
    part = next((part for part in verdict.parts if part.name == NAME), None)
    if part is None or "kept" not in part.numbers:
        return None
    told = part.numbers
    solved = all(other.passed for other in verdict.parts if other is not part) and told.get("shown", 0) == told.get("wanted", 0)
    broken, mended = (_counts(told, what) for what in ("violations", "mended"))
    return Outcome(solved, bool(told["kept"]), bool(told["perfect"]), group, trial, broken, mended)


def _counts(told: dict[str, int | float], what: str) -> dict[Category, int]:
    return {name: int(told[f"{what}.{name}"]) for name in dict.fromkeys(CATEGORY.values()) if f"{what}.{name}" in told}


def rates(outcomes: Iterable[Outcome]) -> dict[str, Rates]:
    """The rates in all, under `""`, and of each group that has a name, in alphabetical order."""
    every = list(outcomes)
    groups = sorted({one.group for one in every} - {""})
    return {group: _rates([one for one in every if not group or one.group == group]) for group in ("", *groups)} if every else {}


def _rates(outcomes: list[Outcome]) -> Rates:
    repeats: dict[int, list[Outcome]] = {}
    for one in outcomes:
        repeats.setdefault(one.trial, []).append(one)
    ordered = [repeats[trial] for trial in sorted(repeats)]
    sr = [100 * sum(one.solved and one.kept for one in some) / len(some) for some in ordered]
    psr = [100 * sum(one.solved and one.perfect for one in some) / len(some) for some in ordered]
    good = [one for one in outcomes if one.solved and one.kept]
    repaired = 100 * sum(not one.perfect for one in good) / len(good) if good else 0.0
    return Rates(_mean(sr), _mean(psr), _spread(sr), _spread(psr), repaired, len(outcomes), _sum(outcomes, "violations"), _sum(outcomes, "mended"))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _spread(values: list[float]) -> float:
    """Population standard deviation, as numpy's `std`."""
    mean = _mean(values)
    return sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def _sum(outcomes: list[Outcome], what: str) -> dict[Category, int]:
    found: dict[Category, int] = {}
    for one in outcomes:
        for name, count in (one.violations if what == "violations" else one.mended).items():
            found[name] = found.get(name, 0) + count
    return {name: found[name] for name in sorted(found)}
