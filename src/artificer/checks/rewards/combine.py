"""Terms made of terms: gates, conditional bonuses, limits, weights that change while training goes on.

Sums and products stand with `Term` (`total`, `product`, or `+` and `*`). Whatever a combinator does, the contributions it
leaves still sum to the value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from artificer.checks.rewards.base import At, Reward, Rollout, Term, merged, scaled
from artificer.core.errors import ArtificerError

Schedule = Callable[[At], float]
"""A weight by how far training is."""


def gate(when: Term, then: Term, otherwise: Term | float = 0.0, *, above: float = 0.0, name: str = "gate") -> Term:
    """`then` where `when` is above a value, else `otherwise`. What was not chosen adds nothing, even if undecided."""
    shut = otherwise if isinstance(otherwise, Term) else Term(name, lambda group, at: [_closed(name, otherwise) for _ in group])

    def of(group: Sequence[Rollout], at: At) -> list[Reward]:
        rows: list[Reward] = []
        for key, yes, no in zip(when.of(group, at), then.of(group, at), shut.of(group, at), strict=True):
            if key.value is None:
                rows.append(Reward(None, {}, key.seen, key.why))
            else:
                rows.append(merged([Reward(0.0, seen=key.seen), yes if key.value > above else no]))
        return rows

    return Term(name, of)


def _closed(name: str, value: float) -> Reward:
    return Reward(value, {f"{name} closed": value} if value else {})


def bonus(extra: Term, when: Term, *, above: float = 0.0) -> Term:
    """`extra` only where `when` is above a value, else nothing.

    DeepEyes (arXiv 2505.14362) pays for using a tool only when the answer is right. That keeps wrong answers from earning
    it; it does not keep right ones from needless calls.
    """
    return gate(when, extra, 0.0, above=above, name=extra.name)


def clip(part: Term, low: float, high: float) -> Term:
    """A term held within limits; what was cut off is logged as `<name> clip`.

    Raises:
        ArtificerError: the limits are the wrong way round.
    """
    if not low <= high:
        raise ArtificerError(f"a reward is clipped to [{low}, {high}], which holds nothing.", remedy="give the lower limit first")

    def of(group: Sequence[Rollout], at: At) -> list[Reward]:
        return [_held(reward, part.name, low, high) for reward in part.of(group, at)]

    return Term(part.name, of)


def _held(reward: Reward, name: str, low: float, high: float) -> Reward:
    if reward.value is None or low <= reward.value <= high:
        return reward
    held = min(max(reward.value, low), high)
    return Reward.of(reward.terms | {f"{name} clip": held - reward.value}, reward.seen)


def scheduled(part: Term, weight: Schedule) -> Term:
    """A term whose weight changes with training."""
    return Term(part.name, lambda group, at: [scaled(reward, weight(at)) for reward in part.of(group, at)])


def fallback(part: Term, value: float) -> Term:
    """A declared value where a term could not decide. Never the default: it makes a judge's failure worth something."""

    def of(group: Sequence[Rollout], at: At) -> list[Reward]:
        name = f"{part.name} undecided"
        return [reward if reward.value is not None else Reward(value, {name: value}, reward.seen) for reward in part.of(group, at)]

    return Term(part.name, of)


def named(part: Term, name: str) -> Term:
    """A composed term under one name: what it is made of is still among `seen`."""

    def of(group: Sequence[Rollout], at: At) -> list[Reward]:
        return [Reward(r.value, {} if r.value is None else {name: r.value}, r.seen, r.why) for r in part.of(group, at)]

    return Term(name, of)


def linear(start: float, end: float) -> Schedule:
    """From `start` at the first step to `end` at the last.

    Fission-GRPO (21) lowers the weight of form and raises that of correctness so: 1.5 to 0.5 and 0.5 to 1.5 (inferred). ET-Agent
    (36, code) lets both efficiency exponents go from their value to 0: (T - step) / (T - 1) with steps from 1.
    """
    return lambda at: start + (end - start) * at.share


def staged(*stages: tuple[int, float]) -> Schedule:
    """Constant between steps: `(from step, weight)` in order; 0 before the first.

    Raises:
        ArtificerError: the steps do not rise.
    """
    starts = [start for start, _ in stages]
    if any(later <= earlier for earlier, later in pairwise(starts)):
        raise ArtificerError(f"the stages of a weight begin at {starts}.", remedy="let the steps rise")
    return lambda at: next((weight for start, weight in reversed(stages) if at.step >= start), 0.0)
