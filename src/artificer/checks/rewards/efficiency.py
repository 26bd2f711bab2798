"""Terms about how much was spent: calls, length, turns. Each is a plain function of numbers, and where it helps a term.

Factors scale what was earned, so that a wrong answer (0) gains nothing by being short; penalties and shaping are added.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from artificer.checks.rewards.base import At, Reward, Rollout, Term, term
from artificer.checks.rewards.combine import Schedule
from artificer.checks.rewards.groups import mean, zscored
from artificer.checks.rewards.penalties import calls

Size = Callable[[Rollout], float]


def tokens(rollout: Rollout) -> float:
    """How long a response is: the figure `tokens` where it is given, else the ids of its sampled nodes."""
    if "tokens" in rollout.figures:
        return rollout.figures["tokens"]
    return float(sum(len(node.tokens.ids) for node in rollout.nodes if node.sampled and node.tokens is not None))


def made_calls(rollout: Rollout) -> float:
    """How many calls the agent made."""
    return float(len(calls(rollout)))


def sigmoid_factor(excess: float, sigma: float) -> float:
    """f = 2 / (1 + exp(sigma * excess)): 1 at the group's mean, between 0 and 2 (ET-Agent, 36; code)."""
    at = sigma * excess
    if at >= 0:
        return 2 * math.exp(-at) / (1 + math.exp(-at)) if at < 700 else 0.0
    return 2 / (1 + math.exp(at)) if at > -700 else 2.0


def fewer_calls(sigma: float = 0.2, *, weight: Schedule | None = None, size: Size = made_calls) -> Term:
    """f_tool: the excess is the calls minus the group's mean. `weight` changes sigma with training (36 lets it go to 0)."""
    return _factor("fewer calls", sigma, weight, lambda sizes: [value - mean(sizes) for value in sizes], size)


def shorter(sigma: float = 0.5, *, weight: Schedule | None = None, size: Size = tokens) -> Term:
    """f_len: the excess is the length's z-score within the group, 0 when all are alike."""
    return _factor("shorter", sigma, weight, lambda sizes: [value or 0.0 for value in zscored(sizes, epsilon=0.0)], size)


def _factor(name: str, sigma: float, weight: Schedule | None, excess: Callable[[Sequence[float]], list[float]], size: Size) -> Term:
    def of(group: Sequence[Rollout], at: At) -> list[Reward]:
        now = sigma * (weight(at) if weight is not None else 1.0)
        values = [sigmoid_factor(over, now) for over in excess([size(rollout) for rollout in group])]
        return [Reward.of({name: value}, {name: value}) for value in values]

    return Term(name, of)


def overlong(length: float, longest: int, buffer: int, factor: float = 1.0) -> float:
    """min(-(length - (L_max - buffer)) / buffer * factor, 0): nothing up to L_max - buffer, -factor at L_max, and on from there
    (DAPO's soft punishment; 22: 2,048 and 1,024; 54: 20,480 and 4,096).
    """
    return min(-(length - (longest - buffer)) / buffer * factor, 0.0)


def not_overlong(longest: int, buffer: int, factor: float = 1.0, *, size: Size = tokens) -> Term:
    """`overlong` as a term. What counts as length is `size`'s affair: the codes of 22 and 54 count tool tokens too."""
    return term("overlong", lambda rollout: overlong(size(rollout), longest, buffer, factor))


def within(length: float, budget: int, room: int) -> float:
    """1 up to a budget, falling to 0 at budget + room (Fission-GRPO's R_len, 21; its form is inferred)."""
    return 1.0 if length <= budget else max(0.0, 1.0 - (length - budget) / room) if room > 0 else 0.0


def lenient(base: float, turns: int, *, floor: float = -0.6, rate: float = 0.1) -> float:
    """A failure costs less after more turns: min(-0.6, base + 0.1 * (turns - 2) / 2) where base < 0, else base.

    From verl's recipe of ReTool (23) and the code of 54; the paper of ReTool has no such term. It can be earned by turns alone,
    up to 0.4, and never past `floor`: failing always stays below any success.
    """
    return base if base >= 0 else min(floor, base + rate * (turns - 2) / 2)


def discounted(outcome: float, steps_left: int, gamma: float = 0.95) -> float:
    """gamma^(steps left) * outcome: reaching it sooner is worth more (PORTool, 13; gamma 0.95 was best of its sweep)."""
    return gamma ** max(0, steps_left) * outcome


def step_outcomes(outcomes: Sequence[tuple[float, int]], at: int, gamma: float = 0.95) -> float:
    """The best of gamma^(T_j - t) * R_j over the trajectories (R_j, T_j) through a step at depth t; 0 when none goes through it.
    (PORTool, 13; best rather than mean is inferred.)
    """
    return max((discounted(outcome, last - at, gamma) for outcome, last in outcomes), default=0.0)


def search_cost(searches: int, rate: float = 0.1) -> float:
    """1 - 0.1 [any search]: DeepEyesV2's factor on the accuracy of search items (56, code)."""
    return 1.0 - rate if searches > 0 else 1.0
