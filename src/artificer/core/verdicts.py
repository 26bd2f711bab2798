"""What happened, and how it is judged: error kinds, stop reasons, check results, verdicts.

One taxonomy (`core.kinds`) serves worlds (why a call was refused), checks (what an agent did wrong) and reports.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

from artificer.core.kinds import ErrorKind as ErrorKind


class StopReason(StrEnum):
    """Why an episode ended."""

    user_done = "user_done"
    agent_done = "agent_done"
    max_turns = "max_turns"
    max_calls = "max_calls"
    max_tokens = "max_tokens"
    too_many_errors = "too_many_errors"
    agent_error = "agent_error"
    user_error = "user_error"
    world_error = "world_error"
    cancelled = "cancelled"
    # given by a search to lines that it did not play on
    gave_up = "gave_up"  # the agent said so
    max_depth = "max_depth"
    out_of_budget = "out_of_budget"
    pruned = "pruned"  # others were worth more, or it was a fork made for a step or two


GONE = frozenset({StopReason.agent_error, StopReason.user_error, StopReason.world_error})
"""Ends by which nobody was left to go on with."""
INFRASTRUCTURE = GONE | {StopReason.cancelled}
"""Ends that no skill of an agent could have changed: they say nothing of it."""


UNDECIDED = "undecided"
"""The number by which a check says how much it could not decide."""


class CheckResult(Struct, frozen=True, omit_defaults=True):
    """What one check found.

    `score` lies in [0, 1]; `evidence` is short sentences a person can read; `kinds` names the errors found, for
    counting.
    """

    name: str
    score: float
    passed: bool
    evidence: tuple[str, ...] = ()
    kinds: tuple[ErrorKind, ...] = ()
    numbers: dict[str, int | float] = {}
    mode: str | None = None


class Verdict(Struct, frozen=True, omit_defaults=True):
    """The judgement of one branch: passed only when every part passed; `score` is the product of the parts' scores."""

    score: float
    passed: bool
    parts: tuple[CheckResult, ...] = ()

    @classmethod
    def of(cls, parts: tuple[CheckResult, ...]) -> Verdict:
        score = 1.0
        for part in parts:
            score *= part.score
        return cls(score=score, passed=all(part.passed for part in parts), parts=parts)


Notes = dict[str, Any]
