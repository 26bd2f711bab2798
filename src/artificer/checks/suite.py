"""Checks put together: the ones CoVe proves a trajectory with, lookup by name, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from artificer.checks.answered import Answered
from artificer.checks.base import Check, Episode
from artificer.checks.confirmed import Confirmed
from artificer.checks.effects import NothingElse, Reached
from artificer.checks.errors import Errors
from artificer.checks.finished import Finished
from artificer.checks.grammar import Grammar
from artificer.checks.grounded import Grounded
from artificer.checks.leaks import Leaks
from artificer.checks.redundancy import Redundancy
from artificer.checks.told import Told
from artificer.checks.upstream import Upstream
from artificer.core.errors import ArtificerError
from artificer.core.verdicts import CheckResult, Verdict


def standard() -> tuple[Check, ...]:
    """The checks of a proven trajectory, in the order in which verdicts list them."""
    return (Reached(), NothingElse(), Redundancy(), Grounded(), Told(), Confirmed(), Grammar(), Leaks(), Finished())


def by_name(names: Iterable[str]) -> tuple[Check, ...]:
    """The checks of these names, in the order given.

    Raises:
        ArtificerError: there is no check of a name.
    """
    known = {check.name: check for check in (*standard(), Answered(), Errors(), Upstream())}
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
