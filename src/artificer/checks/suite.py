"""Checks put together: the ones CoVe proves a trajectory with, lookup by name, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from artificer.checks.answered import Answered
from artificer.checks.base import Check, Episode
from artificer.checks.calls.check import Called
from artificer.checks.checklists.check import Ticked
from artificer.checks.confirmed import Confirmed
from artificer.checks.constraints.check import Constrained
from artificer.checks.effects import NothingElse, Reached
from artificer.checks.errors import Errors
from artificer.checks.finished import Finished
from artificer.checks.grammar import Grammar
from artificer.checks.grounded import Grounded
from artificer.checks.judges.base import Judge
from artificer.checks.judges.nuggets import Nuggets
from artificer.checks.judges.soft import SoftAnswer
from artificer.checks.judges.statements import Stated
from artificer.checks.judges.toolemu import Helpful, Safe
from artificer.checks.judges.tooleval import PassRate
from artificer.checks.leaks import Leaks
from artificer.checks.redundancy import Redundancy
from artificer.checks.state.attributes import Attributes
from artificer.checks.state.kept import Kept
from artificer.checks.state.reached import Milestones
from artificer.checks.state.sql import SqlHolds
from artificer.checks.tau2 import Tau2
from artificer.checks.told import Told
from artificer.checks.upstream import Upstream
from artificer.core.errors import ArtificerError
from artificer.core.verdicts import CheckResult, Verdict


def standard() -> tuple[Check, ...]:
    """The checks of a proven trajectory, in the order in which verdicts list them."""
    return (Reached(), NothingElse(), Redundancy(), Grounded(), Told(), Confirmed(), Grammar(), Leaks(), Finished())


def _stated(judge: Judge | None) -> tuple[Check, ...]:
    """The checks that need what a task states with a constraint, what its world brings, or a judge."""
    return (
        Answered(),
        Attributes(),
        Called(),
        Constrained(),
        Errors(),
        Helpful(judge),
        Kept(),
        Milestones(),
        Nuggets(judge),
        PassRate(judge),
        Safe(judge),
        SoftAnswer(judge),
        SqlHolds(),
        Stated(judge),
        Tau2(judge),
        Ticked(() if judge is None else (judge,)),
        Upstream(),
    )


def by_name(names: Iterable[str], judge: Judge | None = None) -> tuple[Check, ...]:
    """The checks of these names, in the order given.

    Args:
        judge: who decides what no rule can; without one such parts are undecided, and nothing is passed on them.

    Raises:
        ArtificerError: there is no check of a name.
    """
    known = {check.name: check for check in (*standard(), *_stated(judge))}
    wanted = list(names)
    for name in wanted:
        if name not in known:
            raise ArtificerError(f"there is no check {name!r}.", remedy=f"use one of {', '.join(known)}")
    return tuple(known[name] for name in wanted)


async def judge(episode: Episode, checks: Sequence[Check]) -> Verdict:
    """Runs checks over one episode. The verdict depends on the episode alone: not on call ids, or on the order of
    keys.
    """
    parts: list[CheckResult] = [await check(episode) for check in checks]
    return Verdict.of(tuple(parts))
