"""Counting what a run holds: requests, outcomes, tools, turns, difficulty, and what was dropped at which stage and
why.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import cast

from msgspec import Struct

from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.rollout.audit import Shares, audit_by_rules, shares
from artificer.rollout.mistakes import Mistakes, count_mistakes, ranked
from artificer.rollout.tree import SEARCH
from artificer.run.store import RunFolder


class RunStats(Struct, frozen=True):
    """A run in numbers. Counters are most frequent first; `averages` are per trace; `difficulty` and `spread` are the
    tasks' knobs as realised. `user_tools` are calls that users made with tools of their own; `blame` says of the rows
    that failed whose fault it was, by rules (`rollout.audit`); `mistakes` what went wrong at which step of all played rows;
    `unjudged` traces have no verdict.
    """

    tasks: int
    traces: int
    passed: int
    rejected: int
    rejects: dict[str, dict[str, int]]
    averages: dict[str, float]
    turns: dict[str, int]
    ops: dict[str, int]
    outcomes: dict[str, int]
    tools: dict[str, int]
    stops: dict[str, int]
    errors: dict[str, int]
    difficulty: dict[str, float]
    spread: dict[str, dict[str, int]]
    user_tools: dict[str, int] = {}
    blame: Shares = Shares()
    mistakes: Mistakes | None = None
    unjudged: int = 0


def count_run(run: RunFolder) -> RunStats:
    """Counts a run folder in one pass over its rows, a second over those that failed, if some did, and one that reads every
    played row for errors.
    """
    rejects: defaultdict[str, Counter[str]] = defaultdict(Counter)
    dropped = False
    for row in run.rejects():
        rejects[row.stage][row.reason] += 1
        dropped = dropped or row.item is not None
    tasks = _Tasks()
    for _, task in run.read("tasks", Task):
        tasks.add(task)
    traces = _Traces()
    for _, trace in run.read("traces", Trace):
        traces.add(trace)
    return RunStats(
        tasks=tasks.number,
        traces=traces.number,
        passed=traces.passed,
        rejected=sum(found.total() for found in rejects.values()),
        rejects={stage: ranked(found) for stage, found in sorted(rejects.items())},
        averages={name: total / max(traces.number, 1) for name, total in traces.totals.items()},
        turns={str(turns): number for turns, number in sorted(traces.turns.items())},
        ops=ranked(tasks.ops),
        outcomes=ranked(tasks.outcomes),
        tools=ranked(traces.tools),
        stops=ranked(traces.stops),
        errors=ranked(traces.errors),
        difficulty={name: total / max(tasks.number, 1) for name, total in tasks.difficulty.items()},
        spread={
            name: {f"{value:g}": number for value, number in sorted(found.items())} for name, found in tasks.spread.items() if 1 < len(found) <= 24
        },
        user_tools=ranked(traces.user_tools),
        blame=shares(audit_by_rules(run)) if dropped or traces.passed < traces.number else Shares(),
        mistakes=count_mistakes(run),
        unjudged=traces.unjudged,
    )


class _Tasks:
    def __init__(self) -> None:
        self.number = 0
        self.ops: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.difficulty: Counter[str] = Counter()  # sums
        self.spread: defaultdict[str, Counter[float]] = defaultdict(Counter)

    def add(self, task: Task) -> None:
        self.number += 1
        for want in task.goal.wants:
            self.ops[want.op] += 1
            self.outcomes[want.outcome if want.reason is None else f"{want.outcome}: {want.reason}"] += 1
        for name, value in task.difficulty.items():
            self.difficulty[name] += value  # pyright: ignore[reportArgumentType]
            self.spread[name][value] += 1


class _Traces:
    def __init__(self) -> None:
        self.number = 0
        self.passed = 0
        self.unjudged = 0
        self.totals: Counter[str] = Counter(turns=0, calls=0, errors=0, messages=0)
        self.turns: Counter[int] = Counter()
        self.tools: Counter[str] = Counter()
        self.user_tools: Counter[str] = Counter()
        self.stops: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def add(self, trace: Trace) -> None:
        self.number += 1
        self.passed += trace.passed
        self.unjudged += not trace.verdicts
        took = trace.took
        self.totals.update(turns=took.turns, calls=took.calls, errors=took.errors, messages=len(trace.nodes))
        if "chosen" in trace.lineage:  # a search: how many branches, and what it asked of models
            told = cast("dict[str, int]", trace.lineage.get(SEARCH) or {})
            self.totals.update(branches=len(trace.leaves()), queries=told.get("queries", 0), judged=told.get("judged", 0))
        self.turns[took.turns] += 1
        self.stops.update(stop.value for stop in trace.stop.values())
        for node in trace.nodes:
            (self.user_tools if node.message.role == "user" else self.tools).update(call.name for call in node.message.calls)
            result = node.message.result
            if result is not None and result.error is not None:
                self.errors[result.error.value] += 1
