"""Two runs, or two examinations, of the same tasks: the difference, how sure it is, and a verdict that a program can act on.

Tasks are paired. With one try a task on both sides the difference is that of paired proportions (Newcombe's interval, McNemar's test); with more,
the mean over tasks of the difference of their success rates, with a bootstrap interval over tasks: tries of one task are not independent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.evaluation.metrics import Difference, Mean, difference, mean, pass_at_k, pass_k
from artificer.evaluation.outcomes import Outcomes

Ruling = Literal["better", "worse", "no difference shown"]


class Side(Struct, frozen=True):
    """One side, over the tasks that both have.

    Args:
        rate: mean over tasks of the share of tries that passed.
        pass_at: k to pass@k. pass_hat: k to pass^k; for every k up to the least number of tries.
        broken: tries that the infrastructure ended; they count nowhere else.
        kinds: errors that the checks found.
    """

    tasks: int
    tries: int
    rate: Mean
    pass_at: dict[int, float]
    pass_hat: dict[int, float]
    broken: int
    kinds: dict[str, int]


class Gain(Struct, frozen=True):
    """B minus A over some tasks, in percentage points with an interval. `p` is None where no exact test is known."""

    n: int
    points: float
    low: float
    high: float
    p: float | None = None

    @property
    def ruling(self) -> Ruling:
        """Better or worse when the interval leaves zero out."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference shown"


class Comparison(Struct, frozen=True):
    """What `compare` found.

    Args:
        before, after: both sides.
        gains: by group of tasks, and `"all"`.
        only_before, only_after: tasks that one side alone has.
    """

    before: Side
    after: Side
    gains: dict[str, Gain]
    only_before: int
    only_after: int

    def holds(self, margin: float = 0.0) -> bool:
        """Whether B is not shown to be worse than A by more than `margin` points: what a build can depend on."""
        return self.gains["all"].high >= -margin


def compare(before: Mapping[str, Outcomes], after: Mapping[str, Outcomes], *, seed: int = 0) -> Comparison:
    """Compares two runs' outcomes on the tasks that both played to a judgement.

    Raises:
        ArtificerError: there is no such task.
    """
    shared = [task for task in before if task in after]
    judged = [task for task in shared if before[task].passed and after[task].passed]
    if not judged:
        why = "none of the tasks that both played came to a judgement on both sides" if shared else "the two have no task in common"
        raise ArtificerError(f"there is nothing to compare: {why}", remedy="play the same tasks: artificer rollout RUN --agent ... -o NEW")
    named = sorted({after[task].group for task in judged})
    groups = {"all": judged} | {group: [task for task in judged if after[task].group == group] for group in named}
    gains = {group: _gain([before[task] for task in tasks], [after[task] for task in tasks], seed) for group, tasks in groups.items()}
    return Comparison(
        before=_side([before[task] for task in judged], sum(before[task].broken for task in shared), seed),
        after=_side([after[task] for task in judged], sum(after[task].broken for task in shared), seed),
        gains=gains,
        only_before=len(before) - len(shared),
        only_after=len(after) - len(shared),
    )


def _rate(one: Outcomes) -> float:
    return sum(one.passed) / len(one.passed)


def _side(outcomes: Sequence[Outcomes], broken: int, seed: int) -> Side:
    tries = [(sum(one.passed), len(one.passed)) for one in outcomes]
    least = min(n for _, n in tries)
    kinds = Counter(kind.value for one in outcomes for kind in one.kinds)
    return Side(
        tasks=len(outcomes),
        tries=sum(n for _, n in tries),
        rate=mean([_rate(one) for one in outcomes], seed=seed),
        pass_at={k: pass_at_k(tries, k) for k in range(1, least + 1)},
        pass_hat={k: pass_k(tries, k) for k in range(1, least + 1)},
        broken=broken,
        kinds=dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))),
    )


def _gain(before: Sequence[Outcomes], after: Sequence[Outcomes], seed: int) -> Gain:
    if all(len(one.passed) == 1 for one in (*before, *after)):
        found: Difference = difference([one.passed[0] for one in before], [one.passed[0] for one in after])
        return Gain(found.n, found.points, found.low, found.high, found.p)
    spread = mean([_rate(new) - _rate(old) for old, new in zip(before, after, strict=True)], seed=seed)
    return Gain(spread.n, 100 * spread.mean, 100 * spread.low, 100 * spread.high)
