"""Was the goal reached, and nothing else changed? Decided on net effects, so by any path; see `matching` for how
effects are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from artificer.checks.base import Episode
from artificer.checks.matching import Match, match
from artificer.checks.values import clip, same, shown
from artificer.core.tasks import Effect
from artificer.core.verdicts import CheckResult, ErrorKind

_SHOWN = 20
"""Sentences of evidence a result holds at most."""


class Reached(Struct, frozen=True):
    """Every effect of the goal is among the episode's net effects.

    Passes with score 1, fails with 0. `numbers`: `goal` effects, those `found`, and `sat` = found / goal (1 when the
    goal is to change nothing). Kinds: `wrong_value` when the row was changed but not to what was wanted, else
    `missing_effect`.
    """

    name: str = "reached"

    async def __call__(self, episode: Episode) -> CheckResult:
        wanted = episode.task.goal.effects
        outcome = match(wanted, episode.effects, episode.tools)
        evidence, kinds = _missing(outcome)
        if not outcome.tied:
            evidence, kinds = ["the inserted rows do not refer to each other as they should"], [ErrorKind.wrong_value]
        found = len(wanted) - len(outcome.missing)
        return CheckResult(
            name=self.name,
            score=0.0 if kinds else 1.0,
            passed=not kinds,
            evidence=tuple(evidence[:_SHOWN]),
            kinds=tuple(sorted(set(kinds))),
            numbers={"goal": len(wanted), "found": found, "sat": found / len(wanted) if wanted else 1.0},
        )


class NothingElse(Struct, frozen=True):
    """The episode's net effects hold nothing that the goal does not.

    `numbers`: `extra` effects. Kinds: `wrong_value` for a change of a row that the goal changes otherwise, else
    `extra_effect`.
    """

    name: str = "nothing_else"

    async def __call__(self, episode: Episode) -> CheckResult:
        outcome = match(episode.task.goal.effects, episode.effects, episode.tools)
        evidence: list[str] = []
        kinds: set[ErrorKind] = set()
        for effect in outcome.extra:
            near = nearest(effect, outcome.missing)
            kinds.add(ErrorKind.extra_effect if near is None else ErrorKind.wrong_value)
            evidence.append(f"not wanted: {describe(effect)}" if near is None else _difference(near, effect))
        passed = not outcome.extra
        return CheckResult(
            name=self.name,
            score=float(passed),
            passed=passed,
            evidence=tuple(sorted(evidence)[:_SHOWN]),
            kinds=tuple(sorted(kinds)),
            numbers={"extra": len(outcome.extra)},
        )


def _missing(outcome: Match) -> tuple[list[str], list[ErrorKind]]:
    evidence: list[str] = []
    kinds: list[ErrorKind] = []
    for effect in outcome.missing:
        near = nearest(effect, outcome.extra)
        kinds.append(ErrorKind.missing_effect if near is None else ErrorKind.wrong_value)
        evidence.append(f"missing: {describe(effect)}" if near is None else _difference(effect, near))
    return sorted(evidence), kinds


def nearest(effect: Effect, others: Sequence[Effect]) -> Effect | None:
    """The effect on the same row; for rows whose key the world chose, the inserted row that agrees on most columns,
    if on half of them.
    """
    best: tuple[int, Effect] | None = None
    for other in others:
        if other.table != effect.table or other.change != effect.change:
            continue
        if not effect.generated and same(list(other.key), list(effect.key)):
            return other
        if effect.generated and other.generated:
            agree = sum(name in other.columns and same(new, other.columns[name][1]) for name, (_, new) in effect.columns.items())
            if 2 * agree >= len(effect.columns) and (best is None or agree > best[0]):
                best = agree, other
    return best[1] if best else None


def _difference(wanted: Effect, found: Effect) -> str:
    parts = [
        f"{name}: expected {_new(wanted, name)}, found {_new(found, name)}"
        for name in sorted({*wanted.columns, *found.columns})
        if name not in wanted.columns or name not in found.columns or not same(wanted.columns[name][1], found.columns[name][1])
    ]
    return f"{wanted.change} {where(wanted)}: " + ("; ".join(parts[:8]) or "the old values differ")


def _new(effect: Effect, column: str) -> str:
    return shown(effect.columns[column][1]) if column in effect.columns else "no change"


def where(effect: Effect) -> str:
    """A row as evidence names it: table and key."""
    return f"{clip(effect.table)}[{', '.join(shown(part) for part in effect.key)}{' (generated)' if effect.generated else ''}]"


def describe(effect: Effect) -> str:
    """An effect in one line, with the new values of its columns."""
    values = ", ".join(f"{clip(name)} = {shown(effect.columns[name][1])}" for name in sorted(effect.columns)[:8])
    return f"{effect.change} {where(effect)}" + (f": {values}" if effect.change != "delete" and values else "")
