"""What a reward is given and what it says.

A `Term` looks at a group of rollouts of one task and gives each a `Reward`. Terms are made of leaves (`term`,
`group_term`, `score`) and combined (`combine`); the group is always there because some terms compare its members.

What was not decided (a judge that failed, a figure that is no number) is no reward: the row's value is None, it says
why, and it takes no part in what the group is compared by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import INFRASTRUCTURE, UNDECIDED, CheckResult, StopReason, Verdict


class At(Struct, frozen=True):
    """How far training is: `step` of `steps`, from 0. Weights may change with it."""

    step: int = 0
    steps: int = 1

    @property
    def share(self) -> float:
        """From 0 at the first step to 1 at the last."""
        return min(1.0, max(0.0, self.step / (self.steps - 1))) if self.steps > 1 else 0.0


class Rollout(Struct, frozen=True, omit_defaults=True):
    """What a term may look at.

    Args:
        nodes: the trajectory.
        parts: what checks said, by the check's name.
        stop: why it ended.
        figures: what neither says, e.g. `tokens`.
    """

    nodes: tuple[Node, ...] = ()
    parts: dict[str, CheckResult] = {}
    stop: StopReason | None = None
    figures: dict[str, float] = {}

    @classmethod
    def of(cls, trace: Trace, leaf: int | None = None, figures: Mapping[str, float] | None = None) -> Rollout:
        """The branch that ends at `leaf`, by default the trace's answer. A trace without an answer gives an empty one."""
        at = trace.answer if leaf is None else leaf
        if at is None:
            return cls(figures=dict(figures or {}))
        verdict = trace.verdicts.get(at, Verdict(0.0, False))
        return cls(tuple(trace.branch(at)), {part.name: part for part in verdict.parts}, trace.stop.get(at), dict(figures or {}))


class Reward(Struct, frozen=True, omit_defaults=True):
    """What a rollout earned.

    Args:
        value: None when it was not decided.
        terms: what each term added; they sum to `value`.
        seen: what each leaf looked like before weights, gates and factors.
        why: why there is no value.
    """

    value: float | None
    terms: dict[str, float] = {}
    seen: dict[str, float] = {}
    why: str = ""

    @classmethod
    def of(cls, terms: Mapping[str, float], seen: Mapping[str, float]) -> Reward:
        """The reward that these contributions sum to."""
        total = _sum(terms.values())
        if not math.isfinite(total):
            return cls(None, {}, dict(seen), f"{', '.join(terms)}: the sum is no number")
        return cls(total, dict(terms), dict(seen))


class Term(Struct, frozen=True):
    """A named reward; `+`, `*` and numbers combine terms.

    Called, it leaves out the rollouts that were lost (`INFRASTRUCTURE`), so that nobody is compared with them; `of` is what it does with
    the others.
    """

    name: str
    of: Callable[[Sequence[Rollout], At], list[Reward]]

    def __call__(self, group: Sequence[Rollout], at: At | None = None) -> list[Reward]:
        """One reward a rollout."""
        lost = [rollout.stop.value if rollout.stop is not None and rollout.stop in INFRASTRUCTURE else "" for rollout in group]
        given = iter(self.of([rollout for rollout, end in zip(group, lost, strict=True) if not end], at or At()))
        return [Reward(None, why=f"the episode ended with {end!r}") if end else next(given) for end in lost]

    def __add__(self, other: Term | float) -> Term:
        return total(self, other if isinstance(other, Term) else constant(other))

    __radd__ = __add__

    def __mul__(self, other: Term | float) -> Term:
        return product(self, other) if isinstance(other, Term) else weighted(self, other)

    __rmul__ = __mul__


def term(name: str, look: Callable[[Rollout], float | None]) -> Term:
    """A leaf that looks at one rollout. None: it cannot say."""
    return Term(name, lambda group, at: [_leaf(name, look(rollout)) for rollout in group])


def group_term(name: str, look: Callable[[Sequence[Rollout]], Sequence[float | None]]) -> Term:
    """A leaf that compares the rollouts of a group: one figure each."""
    return Term(name, lambda group, at: [_leaf(name, value) for value in look(group)])


def constant(value: float, name: str = "constant") -> Term:
    """The same for everybody."""
    return term(name, lambda rollout: value)


def score(check: str) -> Term:
    """The score of a check, by its name; undecided where the check says that it is (`numbers["undecided"]`).

    Raises:
        ArtificerError: (when it looks) the check was not run.
    """

    def look(rollout: Rollout) -> float | None:
        part = rollout.parts.get(check)
        if part is None:
            raise ArtificerError(
                f"a reward asks for the check {check!r}, which was not run.", remedy=f"run it, or use one of {', '.join(rollout.parts) or 'none'}"
            )
        return None if part.numbers.get(UNDECIDED) else part.score

    return term(check, look)


def total(*parts: Term, name: str = "total") -> Term:
    """The sum of terms."""

    def of(group: Sequence[Rollout], at: At) -> list[Reward]:
        return [merged(row) for row in zip(*(part.of(group, at) for part in parts), strict=True)] if parts else [Reward(0.0) for _ in group]

    return Term(name, of)


def weighted(part: Term, weight: float) -> Term:
    """A term times a number."""
    return Term(part.name, lambda group, at: [scaled(reward, weight) for reward in part.of(group, at)])


def product(base: Term, *factors: Term, name: str | None = None) -> Term:
    """A term times others. A factor b of a adds a * (b - 1): what it gave or took."""

    def of(group: Sequence[Rollout], at: At) -> list[Reward]:
        rows = base.of(group, at)
        for factor in factors:
            rows = [_times(row, by, factor.name) for row, by in zip(rows, factor.of(group, at), strict=True)]
        return rows

    return Term(name or base.name, of)


def scaled(reward: Reward, by: float) -> Reward:
    """A reward with all that it is made of multiplied."""
    if reward.value is None:
        return reward
    return Reward.of({name: value * by for name, value in reward.terms.items()}, reward.seen)


def merged(rewards: Sequence[Reward]) -> Reward:
    """The sum of rewards; undecided when one of them is.

    Raises:
        ArtificerError: two leaves of one name saw different things.
    """
    seen: dict[str, float] = {}
    terms: dict[str, float] = {}
    for reward in rewards:
        for name, value in reward.seen.items():
            if seen.setdefault(name, value) != value:
                raise ArtificerError(f"two terms of a reward are called {name!r}.", remedy="give each its own name, so that the log tells them apart")
        for name, value in reward.terms.items():
            terms[name] = terms.get(name, 0.0) + value
    missing = next((reward for reward in rewards if reward.value is None), None)
    return Reward.of(terms, seen) if missing is None else Reward(None, {}, seen, missing.why)


def _times(reward: Reward, by: Reward, name: str) -> Reward:
    seen = merged([Reward(0.0, seen=reward.seen), Reward(0.0, seen=by.seen)]).seen
    if reward.value is None or by.value is None:
        return Reward(None, {}, seen, reward.why or by.why)
    gave = reward.value * (by.value - 1.0)
    return Reward.of(reward.terms | {name: reward.terms.get(name, 0.0) + gave}, seen)


def _sum(values: Iterable[float]) -> float:
    """The exact sum, or NaN when there is none (infinities of both signs, overflow)."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return math.nan


def _leaf(name: str, value: float | None) -> Reward:
    if value is None or not math.isfinite(value):
        return Reward(None, why=f"{name}: undecided" if value is None else f"{name}: not a number")
    return Reward(float(value), {name: float(value)}, {name: float(value)})
