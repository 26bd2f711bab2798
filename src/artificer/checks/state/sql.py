"""Do all SQL assertions of a task hold of the final state?

A task states each with a constraint `sql`, e.g. `Constraint("sql", {"query": "SELECT count(*) FROM invoice WHERE
customer_id = ?", "parameters": [12], "expected_value": 1})`; see `assertions.Assertion` for the arguments. A query can
read and do nothing else, whatever it says (`worlds.base.Queried`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from artificer.checks.base import Episode, Unseen
from artificer.checks.state.assertions import Assertion, Held, holds
from artificer.checks.values import clip
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Task
from artificer.core.verdicts import CheckResult
from artificer.worlds.base import Queried, Selected, Session

CONSTRAINT = "sql"
_SHOWN = 20


def assertions_of(task: Task) -> list[Assertion]:
    """The SQL assertions that a task states.

    Raises:
        ArtificerError: one is not written as it must be.
    """
    found: list[Assertion] = []
    for constraint in task.constraints:
        if constraint.name == CONSTRAINT:
            try:
                found.append(msgspec.convert(constraint.arguments, Assertion))
            except msgspec.ValidationError as error:
                remedy = "give query, expected_value and comparison_type, and parameters for its marks"
                raise ArtificerError(f"an SQL assertion cannot be read: {error}", where=f"task {task.id!r}", remedy=remedy) from error
    return found


def decided(wanted: Sequence[Assertion], found: Sequence[Selected], name: str = CONSTRAINT) -> CheckResult:
    """The result of assertions and what their queries gave. Score: the share that holds; all must, to pass.

    `numbers`: `assertions`, those that `hold`, and `broken`, whose queries failed.
    """
    outcomes = [holds(selected, assertion) for assertion, selected in zip(wanted, found, strict=True)]
    wrong = [(assertion, held) for assertion, held in zip(wanted, outcomes, strict=True) if not held.holds]
    kept = len(outcomes) - len(wrong)
    return CheckResult(
        name,
        kept / len(outcomes) if outcomes else 0.0,
        not wrong and bool(outcomes),
        tuple(_said(assertion, held) for assertion, held in wrong[:_SHOWN]) if outcomes else ("the task states no SQL assertion",),
        tuple(sorted({held.kind for _, held in wrong if held.kind is not None})),
        {"assertions": len(outcomes), "hold": kept, "broken": sum(bool(selected.failed) for selected in found)},
        "code" if any(assertion.mode == "code" for assertion in wanted) else None,
    )


def _said(assertion: Assertion, held: Held) -> str:
    return f"{clip(assertion.name or ' '.join(assertion.query.split()), 160)}: {held.why}"


class SqlHolds:
    """The check."""

    name = CONSTRAINT

    async def __call__(self, episode: Episode) -> CheckResult:
        wanted = assertions_of(episode.task)
        if not wanted:
            return decided((), ())

        def look(session: Session) -> list[Selected] | Unseen:
            if not isinstance(session, Queried):
                return Unseen("the world's state does not answer SQL")
            return [session.select(one.query, one.parameters) for one in wanted]

        seen = Unseen("the state was not kept") if episode.past is None else await episode.past.end(look)
        return CheckResult(self.name, 0.0, False, (seen.why,)) if isinstance(seen, Unseen) else decided(wanted, seen)
