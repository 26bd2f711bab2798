"""Terms about whether tools and sources were really used, and about what a verifier says of a step.

A bonus for calling a tool is paid for dummy calls (DeepEyesV2, 56, saw it happen). Here a call counts as used when something
its result says, and nobody said before, stands in what the agent wrote afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

from artificer.checks.answers.quotes import quoted, references
from artificer.checks.episodes import made
from artificer.checks.rewards.base import Rollout, Term, term
from artificer.checks.rewards.forms import written
from artificer.checks.rewards.steps import steps
from artificer.checks.values import fold, occurs
from artificer.core.canon import Json, scalars
from artificer.core.messages import Message
from artificer.core.trace import Node

_VALUES = 100
"""Values of one result that are looked for."""
_MOST = 5_000
"""Values of all results together; later ones are not looked for."""
_LONGEST = 50_000
"""Characters of one message that are searched."""


def used(nodes: Sequence[Node]) -> list[bool]:
    """For each call of the agent, in order, whether its result was used: one of its values (a number, or a text of two
    characters or more) is new to the conversation and stands in a later message or call of the agent's.
    """
    at_steps = steps(nodes)
    found: list[bool] = []
    said = [fold(_said(node.message)) for node in nodes]
    looked = 0
    for place, step in enumerate(at_steps):
        later = "\n".join(said[after.at] for after in at_steps[place + 1 :])
        before = "\n".join(said[: step.at + 1])
        for call in made(nodes[step.at : step.end]):
            values = _values(call.result.content) if call.accepted and call.result is not None and looked < _MOST else []
            looked += len(values)
            found.append(any(occurs(later, value) and not occurs(before, value) for value in values))
    return found


def _values(content: Json) -> list[str]:
    """What a result says, as it would be written."""
    values: list[str] = []
    for value in scalars(content):
        if isinstance(value, str):
            text = fold(value[:200].strip())
        elif isinstance(value, bool) or value is None or (isinstance(value, int) and abs(value) > 10**40):
            continue
        else:
            text = str(value)
        if len(text) > 1 or text.isdigit():
            values.append(text)
        if len(values) >= _VALUES:
            break
    return values


def _said(message: Message) -> str:
    """A message's own words: text and what it calls with; for results, what they show."""
    pieces = [message.text[:_LONGEST]]
    for part in (*(call.arguments for call in message.calls), *([message.result.content] if message.result is not None else [])):
        pieces += _values(part)
    return "\n".join(pieces)


def tool_used(name: str = "tool used") -> Term:
    """1 when the result of some call was used, else 0: what a tool bonus should look at. A call in words, a failed call and one
    whose result plays no part are 0."""
    return term(name, lambda rollout: float(any(used(rollout.nodes))))


def dummy(code: str) -> bool:
    """Whether code does nothing: only comments, blank lines, `pass`, `...` and bare strings on a line of their own (DeepEyesV2's
    dummy code, 56; code whose output plays no part is found by `used`).
    """
    return all(_idle(line.strip()) for line in code[:_LONGEST].splitlines())


def _idle(line: str) -> bool:
    quoted_ = len(line) > 1 and line[0] == line[-1] and line[0] in "'\"" and line[0] not in line[1:-1].strip(line[0])
    return not line or line.startswith("#") or line in ("pass", "...") or quoted_


def rationale(context: str, hint: str | None, *, most: float = 0.3) -> Term:
    """RARE's r_RA (58): 1 when what stands between `<reference>` tags covers the helpful span.

    The paper's judge is a model; this is the floor that needs none (verbatim, and the whole span). Copying is worth nothing once
    all quotations take more than `most` of the context (ours). Without a hint the term is off: 0 for everybody.
    """

    def look(rollout: Rollout) -> float:
        if hint is None:
            return 0.0
        return float(quoted(references(written(rollout.nodes)), context, [hint], most=most).score >= 1)

    return term("rationale", look)


def confidence(right: bool, confident: float) -> float:
    """1 - (confidence - right)^2: 1 for a sure right judgement, 0 for a sure wrong one (the Brier score turned over).

    TaTToo (35) has a calibration term, high when confidence is high and the judgement right, low when it is wrong; its formula is
    not known, so this form is inferred.
    """
    held = min(1.0, max(0.0, confident)) if confident == confident else 0.0
    return 1.0 - (held - right) ** 2


def judgement(right: bool, confident: float, grounded: bool, *, calibrated: float = 0.5, grounding: float = 0.5) -> dict[str, float]:
    """The three terms of a verifier's judgement of a step (TaTToo, 35): label, calibration, grounding.

        label 1 if right else 0; calibration w1 * confidence(...); grounding w2 if right and a tool's result was used

    The weights are inferred (not published). Grounding is paid for right labels only, so that a needless call earns nothing.
    Calibration is what is beyond an honest "don't know": (score - 0.75) * 4, at most 1, less than 0 for the overconfident.
    """
    beyond = (confidence(right, confident) - 0.75) * 4
    return {"label": float(right), "calibration": calibrated * beyond, "grounding": grounding * (right and grounded)}
