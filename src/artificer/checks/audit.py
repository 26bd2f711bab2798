"""The simulator audit: when a run failed, was it the user's fault or the agent's?

Rules decide, each on evidence: `audit_user` knows how users go wrong, `audit_agent` how agents do, and here both are
weighed. A fault that explains the failure is a cause; what had no part in it is only noted. A missing effect, or
something not told, is held against the agent only where no fault of the user's (or of the world's) explains it; what an
agent did by itself (a value it guessed, a write nobody asked for or agreed to) is held against it in any case. Where no
rule decides the label is `undecided`, which a judging model may then settle (`rollout.audit`).

The tags of tau2-bench's reviews of conversations (sierra-research/tau2-bench, `src/tau2/evaluator`) are of the same
intent: agent's faults, and user's faults that hindered. Nothing of that is a model's opinion here.
"""

from __future__ import annotations

from collections.abc import Sequence

from artificer.checks.audit_agent import conduct, outcomes
from artificer.checks.audit_user import user_faults
from artificer.checks.base import Episode
from artificer.checks.blame import BROKEN, Blame, Case, Fault, Label
from artificer.checks.talk import Talk
from artificer.core.verdicts import ErrorKind, StopReason, Verdict


def audit(episode: Episode, verdict: Verdict) -> Blame:
    """Whose fault a failure is, by rules alone.

    Args:
        episode: the branch; see `checks.base`.
        verdict: what the checks found, which did not pass.
    """
    case = Case(Talk(episode), {part.name: part for part in verdict.parts if not part.passed})
    faults = [*user_faults(case), *_world(case)]
    faults += conduct(case, faults)
    faults += outcomes(case, faults)
    return Blame(_label(faults), tuple(faults))


def _label(faults: Sequence[Fault]) -> Label:
    sides = {fault.side for fault in faults if fault.cause}
    if {"user", "agent"} <= sides:
        return "both"
    return "user" if "user" in sides else "agent" if "agent" in sides else "world" if "world" in sides else "undecided"


def _world(case: Case) -> list[Fault]:
    """A service that failed and never came back, or a world that could not go on."""
    if case.episode.stop is StopReason.world_error:
        return [Fault("world", "failed", "the world could not go on")]
    last: dict[str, tuple[int, ErrorKind | None]] = {}
    for one in case.talk.calls:
        if one.result is not None and one.actor == "agent":
            last[one.call.name] = (one.at, one.result.error)
    return [
        Fault("world", "unavailable", f"{name} failed with {error.value} and did not come back", at)
        for name, (at, error) in sorted(last.items())
        if error is not None and error in BROKEN
    ]
