"""What went wrong at each step of an agent: a deterministic classifier into the one tree of errors (`core.kinds`).

It reads an `Episode` and decides only what is plain: what a world refused, what a check found, a call that repeats
another, a refusal against a want that can be served. It does not say whose fault it was that an episode failed; that is
the audit's (`checks.audit`), which weighs the user's part.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from artificer.checks.base import Episode
from artificer.checks.errors.base import StepError
from artificer.checks.errors.calls import Steps, conduct, refused, unreadable, written
from artificer.checks.errors.course import against_gold, repeated
from artificer.checks.errors.ends import ended
from artificer.checks.talk import Talk
from artificer.checks.values import clip
from artificer.core.kinds import ErrorGroup
from artificer.core.verdicts import INFRASTRUCTURE, CheckResult, StopReason, Verdict

_GONE = INFRASTRUCTURE | {StopReason.pruned}
"""Ends after which nothing can be said of what was left undone."""
_READ = frozenset({"told", "reached", "nothing_else", "redundancy", "grounded", "confirmed", "grammar", "errors"})
"""Checks whose findings are given steps here, by the same functions: nothing is left of them to add."""
_MOST = 10_000
"""Errors of one episode that are listed at most."""


def errors(episode: Episode, verdict: Verdict | None = None) -> tuple[StepError, ...]:
    """Every error of the agent's steps, and of the tools it called, in the order of the steps.

    Args:
        verdict: what the checks found, where there is one: a kind that only a check sees (a judge, a constraint) is added at
            the agent's last message, and a failed verdict lets the gold decide where no effects do.

    The same episode gives the same errors, whatever its call ids and the order of keys.
    """
    steps = Steps(Talk(episode))
    found = [*refused(steps), *unreadable(steps), *conduct(steps), *repeated(steps)]
    if episode.stop not in _GONE:
        outcome = steps.talk.outcome
        if episode.task.goal.effects or {"reached", "nothing_else"} & {*episode.task.checks}:
            found += written(steps)  # else it is not said what may change
        if outcome.missing or outcome.extra or (verdict is not None and not verdict.passed):
            found += against_gold(steps)
        found += ended(steps)
    seen = {error.kind for error in found}
    for part in verdict.parts if verdict is not None else ():
        if part.name in _READ:
            continue
        why = f"{clip(part.name)}: {clip(part.evidence[0], 300)}" if part.evidence else f"found by {clip(part.name)}"
        found += [StepError(steps.last, kind, why) for kind in part.kinds if kind not in seen and not part.passed]
        seen.update(part.kinds)
    once = {(error.at, error.call, error.kind, error.why): error for error in found}
    return tuple(sorted(once.values(), key=lambda one: (one.at, -1 if one.call is None else one.call, one.kind.value, one.why)))[:_MOST]


class Errors(Struct, frozen=True):
    """The check: no step of the agent went wrong. What the world itself did wrong is no error of the agent's.

    Score: the share of the agent's messages without an error. `numbers`: `steps`, `wrong` ones, `errors`, `world` failures,
    and each kind found. Kinds: all that were found, the world's left out.
    """

    name: str = "errors"

    async def __call__(self, episode: Episode) -> CheckResult:
        found = errors(episode)
        own = [error for error in found if error.kind.side is ErrorGroup.agent]
        steps = sum(node.message.role == "assistant" for node in episode.nodes)
        wrong = len({error.at for error in own})
        kinds = Counter(error.kind for error in own)
        counted = {kind.value: number for kind, number in sorted(kinds.items())}
        return CheckResult(
            name=self.name,
            score=(1.0 - wrong / steps if steps >= wrong else 0.0) if wrong else 1.0,
            passed=not own,
            evidence=tuple(f"message {error.at}: {error.kind.value}: {error.why}" for error in own[:20]),
            kinds=tuple(sorted(kinds)),
            numbers={"steps": steps, "wrong": wrong, "errors": len(own), "world": len(found) - len(own), **counted},
        )


__all__ = ["Errors", "StepError", "errors"]
