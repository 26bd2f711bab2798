"""What was left undone, untold, or refused, against what the task's wants say how they must end.

A refusal is a message of the agent's without calls that says that something cannot be done (`talk.refuses`, English
words); it is of the want that the user brought up last before it. It is false when that want can be served and was not. It is missed when a
want that cannot be served was met with changes nobody wants, or with neither a refusal nor what had to be said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from artificer.checks.effects import describe, nearest
from artificer.checks.errors.base import StepError
from artificer.checks.errors.calls import Steps
from artificer.checks.grounded import Known
from artificer.checks.talk import refuses
from artificer.checks.told import untold
from artificer.checks.values import clip, freeze
from artificer.core.tasks import Want
from artificer.core.verdicts import ErrorKind, StopReason

_SERVED = ("done", "answered")
_OWN_ENDS = (StopReason.agent_done, StopReason.gave_up)


class Ends:
    """The wants of an episode with what became of them."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.talk = steps.talk
        self.wants: Sequence[Want] = self.talk.episode.task.goal.wants
        self.untold = untold(self.talk.episode)
        self.missing = self.talk.outcome.missing
        nodes = self.talk.episode.nodes
        self.refusals = [at for at, text in self.talk.agent if self.wants and not nodes[at].message.calls and refuses(text)]

    def unmet(self, index: int) -> bool:
        """Whether a want was not served: an entry of its was not told, or effects are missing and a tool of its solution was
        never used.
        """
        if any(index == other for other, _ in self.untold):
            return True
        called = {one.call.name for one in self.talk.calls if one.accepted}
        alone = sum(want.outcome == "done" for want in self.wants) == 1
        want = self.wants[index]
        return bool(self.missing) and want.outcome == "done" and (alone or any(call.name not in called for call in want.gold))

    def about(self, at: int) -> list[int]:
        """The wants that message `at` is about: those brought up last before it."""
        raised = [(place, index) for index, place in self.talk.raised.items() if place < at]
        latest = max((place for place, _ in raised), default=None)
        return [index for place, index in raised if place == latest]

    def answers(self, index: int) -> list[int]:
        """The agent's texts that are about a want, or, of several brought up together, about one of them."""
        return [at for at, _ in self.talk.agent if index in self.about(at)]


def ended(steps: Steps) -> Iterator[StepError]:
    """All of the above, for an episode whose end says something of its agent."""
    ends = Ends(steps)
    false = list(_refused_falsely(ends))
    yield from false
    missed = {index: error for index in range(len(ends.wants)) if (error := _not_refused(ends, index)) is not None}
    yield from missed.values()
    yield from _not_told(ends, {index for index, _ in ends.untold} - missed.keys())
    lacking = [effect for effect in ends.missing if nearest(effect, ends.talk.outcome.extra) is None]
    if lacking:  # a row that was changed to something else is a wrong value of the write that did
        yield StepError(steps.last, ErrorKind.missing_effect, f"missing: {'; '.join(describe(effect) for effect in lacking[:3])}")
    undone = bool(ends.missing or ends.untold)
    if undone and not steps.agent and (ends.missing or steps.talk.episode.task.gold):
        yield StepError(steps.last, ErrorKind.no_call, "the agent called no tool at all")
    if undone and not false and steps.talk.episode.stop in _OWN_ENDS:
        yield StepError(steps.last, ErrorKind.premature_end, f"the agent ended ({steps.talk.episode.stop.value}) before all was done")


def _refused_falsely(ends: Ends) -> Iterator[StepError]:
    """At most one a want."""
    seen: set[int] = set()
    for at in ends.refusals:
        about = ends.about(at)
        if not about or any(ends.wants[index].outcome not in _SERVED for index in about):
            continue
        left = [index for index in about if index not in seen and ends.unmet(index)]
        if left:
            seen.update(left)
            text = ends.talk.episode.nodes[at].message.text
            yield StepError(at, ErrorKind.false_refusal, f"want {left[0]} can be served; the agent said {clip(text, 200)!r}")


def _not_refused(ends: Ends, index: int) -> StepError | None:
    if ends.wants[index].outcome in _SERVED or index not in ends.talk.raised:
        return None
    answers = ends.answers(index)
    later = [place for place in ends.talk.raised.values() if place > ends.talk.raised[index]]
    end = min(later, default=len(ends.talk.episode.nodes))
    unwanted = {(effect.table, freeze(list(effect.key))) for effect in ends.talk.outcome.extra}
    for one in ends.steps.agent:
        if ends.talk.raised[index] < one.at < end and any((effect.table, freeze(list(effect.key))) in unwanted for effect in one.effects):
            return ends.steps.error(one, ErrorKind.missed_refusal, f"want {index} cannot be served, and {clip(one.call.name)} changed something")
    if answers and not set(answers) & set(ends.refusals) and any(index == other for other, _ in ends.untold):
        return StepError(answers[-1], ErrorKind.missed_refusal, f"want {index} cannot be served, and the agent never said so")
    return None


def _not_told(ends: Ends, indices: set[int]) -> Iterator[StepError]:
    """What was not told; `ignored_result` where a tool had shown it."""
    shown: Known | None = None
    for index, entry in ends.untold:
        if index not in indices:
            continue
        if shown is None:
            shown = Known("", {})
            for one in ends.steps.agent:
                if one.result is not None:
                    shown.learn_result(one.result)
        options = " or ".join(repr(clip(option)) for option in entry[:4])
        if any(shown.somewhere(form) for option in entry for form in _forms(option)):
            yield StepError(ends.steps.last, ErrorKind.ignored_result, f"want {index}: a tool showed {options}, and the agent never said it")
        else:
            yield StepError(ends.steps.last, ErrorKind.not_told, f"want {index}: the agent never said {options}")


def _forms(option: str) -> list[str | float]:
    try:
        return [option, float(option.replace(",", ""))]
    except ValueError:
        return [option]
