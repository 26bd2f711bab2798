"""Two runs, or two examinations, of the same tasks: the difference, how sure it is, and a verdict that a program can act on.

Tasks are paired, and tries of one task are not independent, so that the task is what counts. Where every task was either always passed or never
(as with one try each), the difference is that of paired proportions (Newcombe's interval, McNemar's test); else it is the mean over tasks of the
difference of their success rates, with a bootstrap interval over tasks. A bootstrap knows nothing beyond its sample: of tasks that all agree it
would say that all tasks do, which is why it is not used there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.evaluation.axes import Axes, AxisScore, axis_score, by_tag, mean_rate, parted, rate, settled, weighted, weights_of
from artificer.evaluation.metrics import Difference, Mean, difference, mean, pass_at_k, pass_k, pass_ranges
from artificer.evaluation.outcomes import Outcomes

Ruling = Literal["better", "worse", "no difference shown"]


class Side(Struct, frozen=True):
    """One side, over the tasks that both have.

    Args:
        rate: mean over tasks of the share of tries that passed: Wilson's interval where each task was always passed or never, else
            a bootstrap over tasks.
        pass_at: k to pass@k. pass_hat: k to pass^k; for every k up to the least number of tries.
        pass_at_range, pass_hat_range: k to their intervals, where some k is above 1; see `metrics.pass_ranges`.
        axes: scores by axis; see `axes`.
        broken: tries that the infrastructure ended; they count nowhere else.
        kinds: errors that the checks found.
        unjudged: traces without a verdict; they count nowhere else.
    """

    tasks: int
    tries: int
    rate: Mean
    pass_at: dict[int, float]
    pass_hat: dict[int, float]
    broken: int
    kinds: dict[str, int]
    pass_at_range: dict[int, tuple[float, float]] = {}
    pass_hat_range: dict[int, tuple[float, float]] = {}
    axes: dict[str, AxisScore] = {}
    unjudged: int = 0


class Gain(Struct, frozen=True):
    """B minus A over some tasks, in percentage points with an interval. `p` is None where no exact test is known; `gained` and
    `lost` are tasks that only B or only A passed, where each was always passed or never.
    """

    n: int
    points: float
    low: float
    high: float
    p: float | None = None
    gained: int | None = None
    lost: int | None = None

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
        gains: by group of tasks, and `"all"`. axes: the same along axes; see `axes`.
        only_before, only_after: tasks that one side alone has.
    """

    before: Side
    after: Side
    gains: dict[str, Gain]
    only_before: int
    only_after: int
    axes: dict[str, Gain] = {}

    def holds(self, margin: float = 0.0) -> bool:
        """Whether B is not shown to be worse than A by more than `margin` points: what a build can depend on."""
        return self.gains["all"].high >= -margin


def compare(before: Mapping[str, Outcomes], after: Mapping[str, Outcomes], *, axes: Axes | None = None, seed: int = 0) -> Comparison:
    """Compares two runs' outcomes on the tasks that both played to a judgement.

    Args:
        axes: what to put together besides groups; by default every tag that some of the tasks have and some have not, and that is no
            group's name.

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
    old, new = {task: before[task] for task in judged}, {task: after[task] for task in judged}
    chosen = {name: parts for name, parts in by_tag(new).items() if name not in groups} if axes is None else axes
    return Comparison(
        before=side(old, [before[task] for task in shared], axes=chosen, seed=seed),
        after=side(new, [after[task] for task in shared], axes=chosen, seed=seed),
        gains=gains,
        axes={name: gain for name, parts in chosen.items() if (gain := _axis_gain(old, new, parts, seed)) is not None},
        only_before=len(before) - len(shared),
        only_after=len(after) - len(shared),
    )


def standing(outcomes: Mapping[str, Outcomes], *, axes: Axes | None = None, seed: int = 0) -> Side:
    """One run by itself.

    Raises:
        ArtificerError: none of its tasks came to a judgement.
    """
    judged = {task: one for task, one in outcomes.items() if one.passed}
    if not judged:
        raise ArtificerError("none of the tasks that were played came to a judgement", remedy="play them again: artificer rollout ... --retry-failed")
    return side(judged, list(outcomes.values()), axes=by_tag(judged) if axes is None else axes, seed=seed)


def side(judged: Mapping[str, Outcomes], every: Sequence[Outcomes], *, axes: Axes, seed: int = 0) -> Side:
    """The figures of tasks that all came to a judgement, and of `every` task what did not."""
    outcomes = list(judged.values())
    tries = [(sum(one.passed), len(one.passed)) for one in outcomes]
    least = min(n for _, n in tries)
    kinds = Counter(kind.value for one in outcomes for kind in one.kinds)
    at, hat = pass_ranges(tries, seed=seed) if least > 1 else ({}, {})
    return Side(
        tasks=len(outcomes),
        tries=sum(n for _, n in tries),
        rate=mean_rate(outcomes, seed),
        pass_at={k: pass_at_k(tries, k) for k in range(1, least + 1)},
        pass_hat={k: pass_k(tries, k) for k in range(1, least + 1)},
        broken=sum(one.broken for one in every),
        kinds=dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))),
        pass_at_range=at,
        pass_hat_range=hat,
        axes={name: score for name, parts in axes.items() if (score := axis_score(judged, parts, seed=seed)) is not None},
        unjudged=sum(one.unjudged for one in every),
    )


def _axis_gain(before: Mapping[str, Outcomes], after: Mapping[str, Outcomes], parts: Mapping[str, float | None], seed: int) -> Gain | None:
    """The gain along an axis, weighted as its score is; tasks stand in the parts that the second run's tags put them in."""
    tasks = {part: found for part, found in parted(after, parts).items() if found}
    if not tasks:
        return None
    pairs = {part: [(before[key], one) for key, one in after.items() if part in one.tags or part == one.group] for part in tasks}
    if len(pairs) == 1:
        only = next(iter(pairs.values()))
        return _gain([old for old, _ in only], [new for _, new in only], seed)
    gains = {part: [rate(new) - rate(old) for old, new in found] for part, found in pairs.items()}
    spread = weighted(list(gains.values()), weights_of(gains, parts), seed=seed)
    return Gain(spread.n, 100 * spread.mean, 100 * spread.low, 100 * spread.high)


def _gain(before: Sequence[Outcomes], after: Sequence[Outcomes], seed: int) -> Gain:
    if settled((*before, *after)):
        found: Difference = difference([all(one.passed) for one in before], [all(one.passed) for one in after])
        return Gain(found.n, found.points, found.low, found.high, found.p, found.gained, found.lost)
    spread = mean([rate(new) - rate(old) for old, new in zip(before, after, strict=True)], seed=seed)
    return Gain(spread.n, 100 * spread.mean, 100 * spread.low, 100 * spread.high)
