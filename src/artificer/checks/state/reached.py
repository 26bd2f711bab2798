"""How near did an episode come to a task's milestones, and did it step on none of its minefields?

A task states them with the constraint `milestones`: `{"milestones": [...], "edges": [[0, 1]], "minefields": [...],
"minefield_edges": ..., "pass_at": 1.0, "mode": "strict"}`; see `graph.Milestone` for how one is written. All but
`milestones` and `minefields` may be left out, and one of the two.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from artificer.checks.base import Episode, Unseen
from artificer.checks.state.graph import Graph, Milestone, graph_of, read
from artificer.checks.state.milestones import Placed, matched, needs_state, tables_wanted
from artificer.checks.state.similarity import Mode
from artificer.checks.state.snapshots import Snapshots, message_rows, snapshots_of, started, touched_by, turn_count
from artificer.checks.values import clip
from artificer.core.tasks import Task
from artificer.core.verdicts import CheckResult, ErrorKind
from artificer.worlds.base import Rows, Seen, Session

CONSTRAINT = "milestones"
_SLACK = 1e-9


class Stated(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The constraint's arguments. `pass_at`: the similarity from which on the check passes."""

    milestones: list[Milestone] = []
    edges: list[tuple[int, int]] | None = None
    minefields: list[Milestone] = []
    minefield_edges: list[tuple[int, int]] | None = None
    pass_at: float = 1.0
    mode: Mode = "strict"


class Judged(Struct, frozen=True):
    """What matching found: `score` is the milestones', `similarity` the same, or 0 when a minefield comes above 0."""

    milestones: Placed | None
    minefields: Placed | None
    score: float
    similarity: float


def stated(task: Task) -> Stated | None:
    """The milestones of a task.

    Raises:
        ArtificerError: they are not written as they must be.
    """
    arguments = task.stated(CONSTRAINT)
    return None if arguments is None else read(arguments, Stated, f"task {task.id!r}, milestones")


def judged(milestones: Graph, minefields: Graph, snapshots: Snapshots) -> Judged:
    """Matches both with an episode's snapshots. No milestones are all reached, no minefields all avoided."""
    reached, struck = matched(milestones, snapshots), matched(minefields, snapshots)
    score = reached.score if reached is not None else float(not milestones.order)
    return Judged(reached, struck, score, 0.0 if struck is not None and struck.score > 0 else score)


class Milestones:
    """The check. Score: the similarity. Kinds: `missing_effect` for what was not reached, `policy_breach` for a minefield.

    `numbers`: `milestone_similarity`, `minefield_similarity`, how many `milestones` and `minefields` there are, how many
    are `reached` fully, and `turns`; `lower_bound` when the graph was too wide to try all places.
    """

    name = CONSTRAINT

    async def __call__(self, episode: Episode) -> CheckResult:
        wanted = stated(episode.task)
        if wanted is None or not (wanted.milestones or wanted.minefields):
            return CheckResult(self.name, 0.0, False, ("the task states no milestones",))
        goals = graph_of(wanted.milestones, wanted.edges, wanted.mode)
        mines = graph_of(wanted.minefields, wanted.minefield_edges, wanted.mode)
        start = await _start(episode, (goals, mines))
        if isinstance(start, Unseen):
            return CheckResult(self.name, 0.0, False, (start.why,))
        found = judged(goals, mines, snapshots_of(episode, start))
        return _told(found, wanted, turn_count(message_rows(episode.nodes)))


def _told(found: Judged, wanted: Stated, turns: int) -> CheckResult:
    reached, struck = found.milestones, found.minefields
    kinds: list[ErrorKind] = []
    if wanted.milestones and found.score < wanted.pass_at - _SLACK:
        kinds.append(ErrorKind.missing_effect)
    if struck is not None and struck.score > 0:
        kinds.append(ErrorKind.policy_breach)
    numbers: dict[str, int | float] = {
        "milestone_similarity": found.score,
        "minefield_similarity": struck.score if struck is not None else 0.0,
        "milestones": len(wanted.milestones),
        "minefields": len(wanted.minefields),
        "reached": sum(one >= 1 - _SLACK for one in reached.similarities) if reached is not None else 0,
        "turns": turns,
    }
    if not all(part is None or part.whole for part in (reached, struck)):
        numbers["lower_bound"] = 1
    evidence = (*_missed(reached, wanted.milestones), *_struck(struck, wanted.minefields))
    passed = found.similarity >= wanted.pass_at - _SLACK
    return CheckResult(CONSTRAINT, found.similarity, passed, evidence, tuple(kinds), numbers, wanted.mode)


async def _start(episode: Episode, graphs: Sequence[Graph]) -> Rows | Unseen:
    """The tables that matter, as they were at the start; the world is not asked when none does."""
    named = tables_wanted(graphs)
    tables = named | touched_by(episode.nodes)
    if not tables:
        return {}

    def look(session: Session) -> Rows | Unseen:
        if not isinstance(session, Seen):
            return Unseen("the world does not show its state as tables")
        return session.rows(tables)

    seen = Unseen("the state was not kept") if episode.past is None else await episode.past.start(look)
    if isinstance(seen, Unseen) and not needs_state(graphs):
        return started(episode.nodes)
    return seen


def _missed(found: Placed | None, milestones: Sequence[Milestone]) -> list[str]:
    if found is None:
        return ["there is no message to reach a milestone at"] if milestones else []
    return [
        f"{_name('milestone', at, milestones)}: "
        + (f"at best {similarity:.3f} (message {place})" if similarity > 0 and place is not None else "not reached at any message")
        for at, (place, similarity) in enumerate(zip(found.places, found.similarities, strict=True))
        if similarity < 1 - _SLACK
    ]


def _struck(found: Placed | None, minefields: Sequence[Milestone]) -> list[str]:
    if found is None:
        return []
    return [
        f"{_name('minefield', at, minefields)}: {similarity:.3f} at message {place}"
        for at, (place, similarity) in enumerate(zip(found.places, found.similarities, strict=True))
        if similarity > 0
    ]


def _name(word: str, at: int, stated: Sequence[Milestone]) -> str:
    return f"{word} {at}" + (f" ({clip(stated[at].name)})" if stated[at].name else "")
