"""Scores by capability: tasks put together along axes, each with an interval.

An axis is a set of parts (tags or groups of tasks) with weights. Its score is the weighted mean of its parts' scores,

    score = sum_p w_p s_p / sum_p w_p,

where s_p is the mean success rate of the tasks of part p. Without weights w_p is the number of the part's tasks, so that
every task counts the same. The interval is a bootstrap in which every part is resampled by itself, so that the make-up of
the axis stays what it is; an axis of one part whose tasks were always passed or never is a plain share, and has Wilson's.
Parts that were not played are named, and have no weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from random import Random

from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.evaluation.metrics import RESAMPLES, Mean, mean, share
from artificer.evaluation.outcomes import Outcomes

Axes = Mapping[str, Mapping[str, float | None]]
"""Axis to part to weight; None: by the number of its tasks."""


class AxisScore(Struct, frozen=True):
    """One axis of one side.

    Args:
        tasks: how many tasks it stands on.
        score: the weighted mean, with its interval [low, high].
        parts: the share of each part's tasks that passed, tries averaged.
        absent: parts of which no task was played.
    """

    tasks: int
    score: float
    low: float
    high: float
    parts: dict[str, float] = {}
    absent: tuple[str, ...] = ()


# MMAU (arXiv 2407.18961): which of its tasks speak for which capability. The paper weighs a capability's tasks by numbers
# of its appendix that we could not read; here each item counts the same. A task may speak for two capabilities.
MMAU: Axes = {
    "understanding": dict.fromkeys(("qa_oracle_code", "problem_parsing", "comprehend_plus")),
    "reasoning": dict.fromkeys(("dag_qa_reasoning", "planner_shift_contest", "planner_shift_math")),
    "planning": dict.fromkeys(("dag_qa_concise", "planner_shift_contest", "planner_shift_math")),
    "problem_solving": dict.fromkeys(("tool_use_single_step", "tool_use_multi_step", "code_gen_qa", "solver_shift_contest", "solver_shift_math")),
    "self_correction": dict.fromkeys(("self_correct_tool_use", "self_correct_coding", "self_correct_contest")),
}
PRESETS: dict[str, Axes] = {"mmau": MMAU}
_MOST = 24


def by_tag(outcomes: Mapping[str, Outcomes]) -> Axes:
    """An axis for every tag that some tasks have and some have not; none when there are too many to read."""
    held: dict[str, int] = {}
    for one in outcomes.values():
        for tag in {*one.tags}:
            held[tag] = held.get(tag, 0) + 1
    some = sorted(tag for tag, number in held.items() if number < len(outcomes))
    return {tag: {tag: None} for tag in some} if len(some) <= _MOST else {}


def rate(one: Outcomes) -> float:
    """The share of a task's tries that passed."""
    return sum(one.passed) / len(one.passed)


def settled(outcomes: Sequence[Outcomes]) -> bool:
    """Whether every task was always passed or never."""
    return all(len({*one.passed}) == 1 for one in outcomes)


def mean_rate(outcomes: Sequence[Outcomes], seed: int = 0) -> Mean:
    """The mean of the tasks' rates; Wilson's interval where all are settled, else a bootstrap over tasks."""
    if settled(outcomes):
        found = share(sum(all(one.passed) for one in outcomes), len(outcomes))
        return Mean(found.n, found.share, found.low, found.high)
    return mean([rate(one) for one in outcomes], seed=seed)


def parted(outcomes: Mapping[str, Outcomes], parts: Mapping[str, float | None]) -> dict[str, list[Outcomes]]:
    """The judged tasks of each part: those with its tag, or of its group, in order. A task of two parts counts in both."""
    return {part: [one for one in outcomes.values() if one.passed and (part in one.tags or part == one.group)] for part in parts}


def axis_score(outcomes: Mapping[str, Outcomes], parts: Mapping[str, float | None], *, seed: int = 0) -> AxisScore | None:
    """A side's score on one axis; None when no task of it was played.

    Raises:
        ArtificerError: a weight is negative, or all of those that count are 0.
    """
    found = parted(outcomes, parts)
    rates = {part: [rate(one) for one in tasks] for part, tasks in found.items() if tasks}
    if not rates:
        return None
    absent = tuple(part for part in parts if part not in rates)
    whole = sum(len(values) for values in rates.values())
    weights = weights_of(rates, parts)
    spread = mean_rate(found[next(iter(rates))], seed) if len(rates) == 1 else weighted(list(rates.values()), weights, seed=seed)
    return AxisScore(whole, spread.mean, spread.low, spread.high, {part: fsum(values) / len(values) for part, values in rates.items()}, absent)


def weights_of(rates: Mapping[str, Sequence[float]], parts: Mapping[str, float | None]) -> list[float]:
    """The weights of the parts that were played.

    Raises:
        ArtificerError: one is negative, or all are 0.
    """
    weights = [float(len(values)) if (weight := parts[part]) is None else weight for part, values in rates.items()]
    if any(not weight >= 0 for weight in weights) or not 0 < fsum(weights) < float("inf"):
        raise ArtificerError(f"the weights {weights} make no mean", remedy="give weights that are not negative, and one above 0")
    return weights


def weighted(parts: Sequence[Sequence[float]], weights: Sequence[float], *, confidence: float = 0.95, seed: int = 0) -> Mean:
    """The weighted mean of the means of some parts, each with values, with a bootstrap interval that resamples each by itself."""
    if len(parts) == 1:
        return mean(parts[0], confidence, seed)
    total = fsum(weights)
    draw = Random(seed)

    def middle(values: Sequence[Sequence[float]]) -> float:
        return fsum(weight * fsum(part) / len(part) for weight, part in zip(weights, values, strict=True)) / total

    means = sorted(middle([draw.choices(part, k=len(part)) for part in parts]) for _ in range(RESAMPLES))
    cut = (1 - confidence) / 2
    low, high = means[int(cut * RESAMPLES)], means[min(RESAMPLES - 1, int((1 - cut) * RESAMPLES))]
    return Mean(sum(len(part) for part in parts), middle(parts), low, high)


def axes_in(record: object, where: str) -> Axes:
    """Axes as a file states them: `{"planning": ["dag", "plan"]}` or `{"planning": {"dag": 2, "plan": 1}}`.

    Raises:
        ArtificerError: it states something else.
    """
    found: dict[str, dict[str, float | None]] = {}
    wrong = ArtificerError("these are no axes", where=where, remedy='write NAME = ["tag", ...] or NAME = {tag = weight, ...}')
    if not isinstance(record, dict) or not record:
        raise wrong
    for name, parts in record.items():  # pyright: ignore[reportUnknownVariableType]
        if isinstance(parts, list) and parts and all(isinstance(part, str) for part in parts):  # pyright: ignore[reportUnknownVariableType]
            found[str(name)] = dict.fromkeys(parts)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(parts, dict) and parts and all(type(weight) in (int, float) for weight in parts.values()):  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
            found[str(name)] = {str(part): float(weight) for part, weight in parts.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
        else:
            raise wrong
    return found
