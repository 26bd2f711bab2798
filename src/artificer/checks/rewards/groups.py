"""Rewards against those of the same task: what a policy gradient learns from.

Plain functions over the rewards of one group, None for rows that were not decided (they count for nothing and get None), and
`relative`, which makes a term of one. Standard deviations are the population's unless `sample` says otherwise (torch's
default, which GRPO code inherits).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from artificer.checks.rewards.base import At, Reward, Rollout, Term
from artificer.core.errors import ArtificerError

Values = Sequence[float | None]


def mean(values: Values) -> float:
    """The mean of what was decided; 0 of nothing."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else 0.0


def deviation(values: Values, *, sample: bool = False) -> float:
    """The standard deviation of what was decided; 0 for fewer than two."""
    known = [value for value in values if value is not None]
    if len(known) < 2 or min(known) == max(known):  # equal values have none, whatever rounding says of their mean
        return 0.0
    middle = mean(known)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in known) / (len(known) - sample))


def centred(values: Values) -> list[float | None]:
    """A = R - mean (Dr.GRPO, and CM2's F = 1)."""
    middle = mean(values)
    return [None if value is None else value - middle for value in values]


def zscored(values: Values, *, epsilon: float = 1e-6, floor: float = 0.0, sample: bool = False) -> list[float | None]:
    """A = (R - mean) / (max(std, floor) + epsilon); all 0 in a group whose members agree (GRPO; epsilon as in 54).

    Args:
        floor: the least deviation that is divided by: without one, two rewards that differ by a hair differ by two.
    """
    spread = deviation(values, sample=sample)
    if spread == 0.0:
        return [None if value is None else 0.0 for value in values]
    by = max(spread, floor) + epsilon
    return [None if value is None else value / by for value in centred(values)]


def left_out(values: Values) -> list[float | None]:
    """A = R - mean of the others (RLOO); 0 for one who has no others."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return [None if value is None else 0.0 for value in values]
    whole = math.fsum(known)
    return [None if value is None else value - (whole - value) / (len(known) - 1) for value in values]


def soft_value(values: Values, temperature: float = 1.0) -> float:
    """V = b ln(mean exp(R / b)), KARL's baseline (55, OAPL; b = 1 in a community suite): the maximum as b goes to 0, the mean as
    it grows.

    Raises:
        ArtificerError: the temperature is not positive.
    """
    if not temperature > 0:
        raise ArtificerError(f"the soft baseline's temperature is {temperature}.", remedy="give a number above 0")
    known = [value for value in values if value is not None]
    if not known:
        return 0.0
    top = max(known)
    return top + temperature * math.log1p(math.fsum(math.expm1((value - top) / temperature) for value in known) / len(known))


def softened(values: Values, temperature: float = 1.0) -> list[float | None]:
    """A = R - V with the soft value V: no deviation; all-fail and all-right groups give 0."""
    base = soft_value(values, temperature)
    return [None if value is None else value - base for value in values]


def forked(rewards: Sequence[float], siblings: Sequence[int], returns: Sequence[float], *, fork: float, whole: float) -> list[float]:
    """PORTool's blend (13): A = whole * A_traj + fork * A_fork, both z-scores (epsilon 0).

    Args:
        rewards: of each step.
        siblings: for each step which fork it belongs to; alone at a fork its fork advantage is 0.
        returns: for each step the advantage of its trajectory.
    """
    forks: dict[int, list[int]] = {}
    for index, parent in enumerate(siblings):
        forks.setdefault(parent, []).append(index)
    local = [0.0] * len(rewards)
    for members in forks.values():
        for index, value in zip(members, zscored([rewards[index] for index in members], epsilon=0.0), strict=True):
            local[index] = value or 0.0
    return [whole * advantage + fork * own for advantage, own in zip(returns, local, strict=True)]


def degenerate(values: Values, *, least: int = 2, spread: float = 0.0) -> bool:
    """Whether a group teaches nothing: too few decided members, or all (nearly) alike.

    DAPO's dynamic sampling keeps a prompt only when the deviation of its members' accuracies is above 0 (22, 30); the
    filter looks at accuracy or at the final reward, as it is given.
    """
    known = [value for value in values if value is not None]
    return len(known) < least or deviation(known) <= spread


def kept(groups: Sequence[Values], *, least: int = 2, spread: float = 0.0) -> list[int]:
    """Which groups are worth a step, by index."""
    return [index for index, values in enumerate(groups) if not degenerate(values, least=least, spread=spread)]


def relative(part: Term, how: Callable[[Values], Sequence[float | None]] = zscored) -> Term:
    """A term against the group's: every function above that maps rewards to advantages. The group's share of a member's
    value is logged as `<name> baseline`, and what the term is made of by its own names.
    """

    def of(group: Sequence[Rollout], at: At) -> list[Reward]:
        rewards = part.of(group, at)
        values = [reward.value for reward in rewards]
        by = _scale(values, how)
        return [_moved(reward, value, by, f"{part.name} baseline") for reward, value in zip(rewards, how(values), strict=True)]

    return Term(part.name, of)


def _scale(values: Values, how: Callable[[Values], Sequence[float | None]]) -> float:
    """What advantages divide rewards by, seen from two members that differ; 0 when none do."""
    pairs = [(value, moved) for value, moved in zip(values, how(values), strict=True) if value is not None and moved is not None]
    if not pairs:
        return 0.0
    low, high = min(pairs), max(pairs)
    return (high[1] - low[1]) / (high[0] - low[0]) if high[0] > low[0] else 0.0


def _moved(reward: Reward, value: float | None, by: float, name: str) -> Reward:
    if reward.value is None or value is None:
        return reward if reward.value is None else Reward(None, {}, reward.seen, "the group decides nothing")
    terms = {key: part * by for key, part in reward.terms.items()}
    return Reward.of(terms | {name: value - math.fsum(terms.values())}, reward.seen)
