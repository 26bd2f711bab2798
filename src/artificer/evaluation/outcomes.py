"""What came of a run, task by task: passed, failed, or ended by something that is nobody's skill.

A row counts whether it was kept or dropped: a trace that failed a check stands among the rejects of `judge`, a row that could not be played
among those of `play`. What the infrastructure did (an endpoint that was gone, a world that broke) is kept apart: it says nothing of an agent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.core.errors import RunError
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.core.verdicts import INFRASTRUCTURE, ErrorKind
from artificer.evaluation.decisions import Prediction
from artificer.run.store import RunFolder

PLAYED = frozenset({"play", "judge"})
"""Stages whose rejects are rows of tasks that exist."""


class Outcomes(Struct, frozen=True):
    """The tries of one task.

    Args:
        passed: of each try that was played to a judgement, in order of trials.
        broken: tries that the infrastructure ended.
        kinds: errors that the checks of failed tries found.
        group: what the task is counted with, e.g. the kind of its first request.
        tags: the task's own; what axes put together.
        unjudged: traces that nobody judged, as data of others has them.
    """

    task: str
    group: str
    passed: tuple[bool, ...] = ()
    broken: int = 0
    kinds: tuple[ErrorKind, ...] = ()
    tags: tuple[str, ...] = ()
    unjudged: int = 0


def outcomes_of(run: RunFolder) -> dict[str, Outcomes]:
    """The outcomes of a run by task id, over traces kept and dropped.

    Raises:
        RunError: the run holds no task that was played.
    """
    groups = {task.id: (_group(task), task.tags) for _, task in run.read("tasks", Task)}
    tries: defaultdict[str, list[tuple[int, bool | None, tuple[ErrorKind, ...]]]] = defaultdict(list)
    unjudged = Counter[str]()
    for _, trace in run.read("traces", Trace):
        one = _try(trace)
        if one[1] is False and not trace.verdicts:
            unjudged[trace.task_id] += 1
        else:
            tries[trace.task_id].append(one)
    for row in run.rejects():
        if row.stage in PLAYED:
            item: Any = row.item
            task_id = cast("dict[str, Any]", item).get("task_id") if isinstance(item, dict) else None
            if not isinstance(task_id, str):
                continue
            try:
                tries[task_id].append(_try(msgspec.convert(item, Trace, str_keys=True)))
            except msgspec.ValidationError:
                tries[task_id].append((-1, None, ()))
    if not tries and not unjudged:
        raise RunError("no task of this run was played", where=str(run.path), remedy="play them: artificer rollout RUN -o NEW")
    return {
        task: msgspec.structs.replace(_gathered(task, *groups.get(task, ("other", ())), tries.get(task, [])), unjudged=unjudged[task])
        for task in sorted({*tries, *unjudged})
    }


def examined(predictions: Sequence[Prediction], *, reached: bool = False) -> dict[str, Outcomes]:
    """An examination as outcomes, by kind and id (one decision may stand in several kinds): a decision passes when its call is
    exact, or with `reached` when it has the same effect.
    """
    return {
        f"{one.kind}/{one.id}": Outcomes(one.id, one.kind, (one.reached if reached else one.exact,), 0, () if one.error is None else (one.error,))
        for one in predictions
    }


def _group(task: Task) -> str:
    return task.goal.wants[0].op.partition(":")[0] if task.goal.wants else "other"


def _try(trace: Trace) -> tuple[int, bool | None, tuple[ErrorKind, ...]]:
    """Trial, whether it passed (None: broken), and the errors found."""
    if trace.passed:
        return trace.seed, True, ()
    stops = set(trace.stop.values())
    if stops and stops <= INFRASTRUCTURE:
        return trace.seed, None, ()
    return trace.seed, False, tuple(kind for verdict in trace.verdicts.values() for part in verdict.parts for kind in part.kinds)


def _gathered(task: str, group: str, tags: tuple[str, ...], tries: list[tuple[int, bool | None, tuple[ErrorKind, ...]]]) -> Outcomes:
    ordered = sorted(tries, key=lambda one: one[0])
    passed = tuple(ok for _, ok, _ in ordered if ok is not None)
    return Outcomes(task, group, passed, len(ordered) - len(passed), tuple(kind for _, _, kinds in ordered for kind in kinds), tags)
