"""The penalties of VerlTool (30, code; all off there by default), as terms: each is 0, or costs its amount.

They look at nodes, where the source looks for words in the decoded text: that a run failed is known from its result, not from
the word "Error" in what the model wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from artificer.checks.episodes import Made, made
from artificer.checks.rewards.base import Rollout, Term, group_term, term
from artificer.checks.rewards.forms import ANSWERS_LAST, THINKS_FIRST, formed, read, spammed, written
from artificer.checks.rewards.steps import steps
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind, StopReason

INVALID = frozenset({ErrorKind.unknown_tool, ErrorKind.unparsable_call})
"""Actions that were none: no tool could take them (VerlTool's invalid action)."""
ENDED = frozenset({StopReason.user_done, StopReason.agent_done, StopReason.gave_up})
"""Ends that are the agent's or the user's own; any other leaves a trajectory unfinished."""


def calls(rollout: Rollout) -> list[Made]:
    """The agent's own calls: those of its steps, not a user's or a demonstration's."""
    return [one for step in steps(rollout.nodes) for one in made(rollout.nodes[step.at : step.end])]


def _valid(one: Made) -> bool:
    return one.result is not None and one.result.error not in INVALID


def _garbled(rollout: Rollout) -> bool:
    """Whether a message of the agent's could not be read as a call."""
    return any("error" in rollout.nodes[step.at].notes for step in steps(rollout.nodes))


_ARGUMENTS = frozenset({ErrorKind.missing_argument, ErrorKind.extra_argument, ErrorKind.mistyped_argument, ErrorKind.invalid_argument})


def step_form(nodes: Sequence[Node]) -> list[float]:
    """PORTool's R_fmt of each step (13): the mean of five checks: a thought is there, the call parses, its tool exists, its
    arguments are valid, no call failed. The list is inferred. A step that writes nothing and calls nothing is worth 0.
    """
    found: list[float] = []
    for step in steps(nodes):
        message = nodes[step.at].message
        if not (message.text.strip() or message.calls):
            found.append(0.0)
            continue
        results = made(nodes[step.at : step.end])
        errors = {one.result.error for one in results if one.result is not None}
        parses = "error" not in nodes[step.at].notes and ErrorKind.unparsable_call not in errors
        thinks = bool((message.reasoning or "").strip()) or any(pair.inner.strip() for pair in read(message.text, ("think",)).pairs)
        passed = (thinks, parses, parses and ErrorKind.unknown_tool not in errors, parses and not errors & _ARGUMENTS)
        found.append((sum(passed) + (parses and all(one.accepted for one in results))) / 5)
    return found


def costs(name: str, amount: float, when: Callable[[Rollout], bool]) -> Term:
    """A penalty: minus `amount` where something holds, else 0."""
    return term(name, lambda rollout: -amount if when(rollout) else 0.0)


def think_format(amount: float = 0.5) -> Term:
    """The response does not begin with the only thought."""
    return formed(THINKS_FIRST, name="think format", good=0.0, bad=-amount)


def answer_format(amount: float = 0.5) -> Term:
    """The response does not end with the only answer."""
    return formed(ANSWERS_LAST, name="answer format", good=0.0, bad=-amount)


def invalid_action(amount: float = 0.25) -> Term:
    """A call named no tool or could not be read."""
    return costs("invalid action", amount, lambda rollout: _garbled(rollout) or not all(map(_valid, calls(rollout))))


def unfinished(amount: float = 0.25) -> Term:
    """A limit or an error ended the trajectory."""
    return costs("unfinished", amount, lambda rollout: rollout.stop not in ENDED)


def no_tool(amount: float = 0.25) -> Term:
    """Not one valid call was made."""
    return costs("no tool", amount, lambda rollout: not any(map(_valid, calls(rollout))))


def execution_error(amount: float = 0.25) -> Term:
    """A valid call failed."""
    return costs("execution error", amount, lambda rollout: any(_valid(one) and not one.accepted for one in calls(rollout)))


def answer_spam() -> Term:
    """A factor: 1/4 for more than ten answer tags."""
    return term("answer spam", lambda rollout: spammed(written(rollout.nodes)))


def every() -> tuple[Term, ...]:
    """All the penalties, with the source's amounts."""
    return (think_format(), answer_format(), invalid_action(), unfinished(), no_tool(), execution_error())


def curiosity(*, alpha: float = 0.5, least: float = 0.3) -> Term:
    """alpha * [used a tool] * max(0, H - share of the group that did): pays for trying tools while few do.

    Pixel-Reasoner's manager in VerlTool (30, code): alpha 0.5, H 0.3. Only calls that a tool accepted count (the code: valid
    ones), so a call that cannot work earns nothing.
    """

    def look(group: Sequence[Rollout]) -> list[float]:
        used = [any(one.accepted for one in calls(rollout)) for rollout in group]
        short = max(0.0, least - sum(used) / len(used)) if used else 0.0
        return [alpha * short * one for one in used]

    return group_term("curiosity", look)


def excess_calls(*, beta: float = 0.05, limit: int = 1) -> Term:
    """beta * min(limit - n, 0): each call beyond the limit costs (Pixel-Reasoner's manager in VerlTool, 30, code).

    All calls count, failed ones too: the code counts valid ones only, which makes bad calls free.
    """
    return term("excess calls", lambda rollout: beta * min(limit - len(calls(rollout)), 0))
