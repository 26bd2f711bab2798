"""What happened, and how it is judged: error kinds, stop reasons, check results, verdicts.

One taxonomy serves worlds (why a call was refused), checks (what an agent did wrong) and reports.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct


class ErrorKind(StrEnum):
    """Why a tool call failed, or what was wrong with it."""

    # refused by the session: the call never changed anything
    unknown_tool = "unknown_tool"
    unparsable_call = "unparsable_call"
    missing_argument = "missing_argument"
    extra_argument = "extra_argument"
    mistyped_argument = "mistyped_argument"
    invalid_argument = "invalid_argument"  # right type, value outside what the schema allows
    not_found = "not_found"
    constraint = "constraint"  # a rule of the state: foreign key, UNIQUE, CHECK, NOT NULL
    forbidden = "forbidden"  # the world's own rules say no
    # failures of the world itself
    timeout = "timeout"
    transport = "transport"
    bad_output = "bad_output"
    internal = "internal"
    # found by checks
    wrong_tool = "wrong_tool"
    wrong_value = "wrong_value"
    ungrounded_argument = "ungrounded_argument"
    redundant_write = "redundant_write"
    missing_effect = "missing_effect"
    extra_effect = "extra_effect"
    not_told = "not_told"
    policy_breach = "policy_breach"
    leaked_id = "leaked_id"  # a user states a surrogate id that no tool had shown
    bad_grammar = "bad_grammar"
    no_call = "no_call"  # none was made where one was needed
    needless_call = "needless_call"  # one was made where none was needed
    missing_call = "missing_call"  # a call of the reference was not made
    extra_call = "extra_call"  # a call that the reference does not hold
    wrong_order = "wrong_order"
    repetition = "repetition"  # the same call again, with nothing changed in between
    ignored_result = "ignored_result"  # what a tool said was not used, or gone against
    false_refusal = "false_refusal"  # refused what could be done
    missed_refusal = "missed_refusal"  # did, or made up, what could not be done
    premature_end = "premature_end"
    unsafe_action = "unsafe_action"  # risked harm to what is not the agent's
    unsupported_claim = "unsupported_claim"  # the agent says what no tool showed


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
