"""What a report shows of a run: counts, the funnel of its stages, and a few traces worth reading. Only read from the run folder."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from artificer.core.errors import ArtificerError, RunError
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.recipes import knobs_of, recipe_named
from artificer.rollout.stats import RunStats, count_run
from artificer.run.stage import Stage
from artificer.run.store import RunFolder
from artificer.run.summary import Summary, Timer, summarise

VERIFIED = "verified.json"
"""Where `artificer verify` leaves its counts."""
_LOOKED_AT = 400


class Verified(Struct, frozen=True):
    """The counts of the last verification."""

    proven: int
    refuted: int
    missing: int
    seconds: float


class Shown(Struct, frozen=True):
    """A run as its report shows it."""

    path: str
    manifest: dict[str, Any]
    stats: RunStats
    summary: Summary | None
    examples: tuple[tuple[Task, Trace], ...]
    verified: Verified | None
    tools: int


def gather(run: RunFolder, examples: int = 3) -> Shown:
    """Reads a run folder."""
    try:
        verified = run.get_json(VERIFIED, Verified) if run.has(VERIFIED) else None
        described: dict[str, Any] = run.get_json("tools.json", dict[str, Any]) if run.has("tools.json") else {}
    except RunError:
        verified, described = None, {}
    return Shown(
        path=str(run.path),
        manifest=run.manifest,
        stats=count_run(run),
        summary=_summary(run),
        examples=_examples(run, examples),
        verified=verified,
        tools=len(described.get("tools", ())),
    )


def _summary(run: RunFolder) -> Summary | None:
    """The funnel; None when the run was not made by a recipe that is installed here."""
    name = run.manifest.get("recipe")
    if not isinstance(name, str):
        return None
    try:
        recipe = recipe_named(name)
        stages: list[Stage] = recipe.stages(knobs_of(recipe, run.manifest.get("knobs", {})))
    except ArtificerError:
        return None
    return summarise(stages, run, Timer.of(run), complete=True)


def _examples(run: RunFolder, number: int) -> tuple[tuple[Task, Trace], ...]:
    """Traces that differ in kind, of a length one reads: a change after a corrected mistake, an answer, something refused."""
    tasks: dict[str, Task] = {}
    for key, task in run.read("tasks", Task, ordered=True):
        tasks[key] = task
        if len(tasks) >= _LOOKED_AT:
            break
    best: dict[str, tuple[tuple[int, int, str], tuple[Task, Trace]]] = {}
    for key, trace in run.read("traces", Trace, ordered=True):
        task = tasks.get(key) or tasks.get(key.split("/")[0])
        if task is None or not trace.nodes:
            if key.split("/")[0] > max(tasks, default=""):
                break
            continue
        kind = _kind(task)
        rank = (0 if trace.took.errors else 1, abs(len(trace.nodes) - 14), key)
        if kind not in best or rank < best[kind][0]:
            best[kind] = (rank, (task, trace))
    order = sorted(best, key=lambda kind: ("done", "refused", "answered", "unclear").index(kind))
    return tuple(best[kind][1] for kind in order[:number])


def _kind(task: Task) -> str:
    outcomes = {want.outcome for want in task.goal.wants}
    return next((kind for kind in ("refused", "unclear", "done") if kind in outcomes), "answered")
