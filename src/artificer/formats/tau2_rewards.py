"""How tau2-bench says why a simulation ended and what it was worth, as stop reasons and verdicts, and back."""

from __future__ import annotations

from typing import Any

from artificer.core.canon import Json
from artificer.core.verdicts import CheckResult, StopReason, Verdict
from artificer.formats.parts import fields, listed

_ENDS: dict[str, StopReason] = {
    "user_stop": StopReason.user_done,
    "agent_stop": StopReason.agent_done,
    "max_steps": StopReason.max_turns,
    "context_window_exceeded": StopReason.max_tokens,
    "too_many_errors": StopReason.too_many_errors,
    "agent_error": StopReason.agent_error,
    "user_error": StopReason.user_error,
    "infrastructure_error": StopReason.world_error,
    "unexpected_error": StopReason.world_error,
    "timeout": StopReason.cancelled,
}
_BACK: dict[StopReason, str] = {
    **{stop: name for name, stop in reversed(_ENDS.items())},
    StopReason.max_calls: "max_steps",
    StopReason.max_depth: "max_steps",
    StopReason.out_of_budget: "max_steps",
    StopReason.gave_up: "agent_stop",
    StopReason.pruned: "agent_stop",
}
_BASES = ("DB", "ENV_ASSERTION", "NL_ASSERTION", "ACTION", "COMMUNICATE")
_SHOWN, _LONGEST = 8, 200
_CLOSE = 1e-6
"""tau2 takes a reward for 1 that is so near (`metrics.agent_metrics.is_successful`)."""


def stop_of(reason: Any) -> StopReason | None:
    """The stop reason; None where the source names one that is not known."""
    return _ENDS.get(reason) if isinstance(reason, str) else None


def reason_of(stop: StopReason | None, speaker: str) -> str:
    """The termination reason; where nobody said why it ended, the side that spoke last has stopped."""
    return _BACK[stop] if stop is not None else "user_stop" if speaker == "user" else "agent_stop"


def verdict_of(info: Any) -> Verdict | None:
    """The verdict of a `RewardInfo`, a part for each component of the reward; None where there is no reward from 0 to 1."""
    reward = info.get("reward")
    if isinstance(reward, bool) or not isinstance(reward, int | float) or not 0 <= reward <= 1 + _CLOSE:
        return None
    parts: list[CheckResult] = []
    for name, score in fields(info.get("reward_breakdown")).items():
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            return None
        parts.append(CheckResult(name, float(score), score >= 1 - _CLOSE, _evidence(name, info)))
    return Verdict(min(1.0, float(reward)), reward >= 1 - _CLOSE, tuple(parts))


def _evidence(name: str, info: Any) -> tuple[str, ...]:
    """What its checks say was not met."""
    if name == "DB":
        return ("the databases differ from gold's",) if fields(info.get("db_check")).get("db_match") is False else ()
    found: list[str] = []
    if name == "ACTION":
        missed = [check for check in listed(info.get("action_checks")) if check.get("action_match") is False]
        found = [f"not done: {fields(check.get('action')).get('name')}" for check in missed]
    elif name == "ENV_ASSERTION":
        broken = [check for check in listed(info.get("env_assertions")) if check.get("met") is False]
        found = [f"does not hold: {fields(check.get('env_assertion')).get('func_name')}" for check in broken]
    elif name in ("COMMUNICATE", "NL_ASSERTION"):
        field, key = ("communicate_checks", "info") if name == "COMMUNICATE" else ("nl_assertions", "nl_assertion")
        found = [f"{check.get(key)}: {check.get('justification')}" for check in listed(info.get(field)) if check.get("met") is False]
    return tuple([text[:_LONGEST] for text in found[:_SHOWN]])


def reward_info(verdict: Verdict) -> dict[str, Json]:
    """The `RewardInfo` of a verdict: its parts that tau2 has a name for are the components."""
    parts: dict[str, Json] = {part.name: part.score for part in verdict.parts if part.name in _BASES}
    made: dict[str, Json] = {"reward": verdict.score, "reward_basis": list(parts)}
    return made | ({"reward_breakdown": parts} if parts else {})
