"""What is wrong with single calls and messages: refused, unreadable, ungrounded, unasked, or of the wrong effect.

Nothing is decided anew here: worlds say why they refuse, checks say what they find, and this gives each finding its step.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, cast

from artificer.checks.confirmed import unconfirmed
from artificer.checks.effects import describe, nearest
from artificer.checks.episodes import Made
from artificer.checks.errors.base import StepError
from artificer.checks.grammar import accepted_wrongly
from artificer.checks.grounded import look
from artificer.checks.redundancy import redundant
from artificer.checks.talk import Talk
from artificer.checks.values import clip, freeze
from artificer.core.verdicts import ErrorKind

_LONG = 200


class Steps:
    """Where each of the agent's calls stands in its message. Made once an episode."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.agent = [one for one in talk.calls if one.actor == "agent"]
        self._places: dict[int, int] = {}
        at, place = -1, 0
        for one in talk.calls:
            place = place + 1 if one.at == at else 0
            at = one.at
            self._places[id(one)] = place
        said = [at for at, node in enumerate(talk.episode.nodes) if node.message.role == "assistant"]
        self.last = said[-1] if said else max(len(talk.episode.nodes) - 1, 0)

    def error(self, one: Made, kind: ErrorKind, why: str) -> StepError:
        """An error of a call of `talk.calls`."""
        return StepError(one.at, kind, why, self._places[id(one)], one.call.name)


def refused(steps: Steps) -> Iterator[StepError]:
    """Calls that came back with an error, the world's own failures included, and calls accepted that should not have been."""
    for one in steps.agent:
        if one.result is not None and one.result.error is not None:
            detail = clip(one.result.detail or one.result.error.says, _LONG)
            yield steps.error(one, one.result.error, f"{clip(one.call.name)}: {detail}")
    for one, kind, why in accepted_wrongly(steps.talk.episode, steps.agent):
        yield steps.error(one, kind, why)


def unreadable(steps: Steps) -> Iterator[StepError]:
    """Messages of the agent that hold nothing, or that could not be read."""
    for at, node in enumerate(steps.talk.episode.nodes):
        message = node.message
        if message.role != "assistant":
            continue
        noted: Any = node.notes.get("error")
        told = cast("dict[str, Any]", noted) if isinstance(noted, dict) else {}
        kind = told.get("kind")
        if isinstance(kind, str) and kind in _KINDS:
            yield StepError(at, ErrorKind(kind), f"the reply could not be used: {clip(str(told.get('detail') or kind), _LONG)}")
        elif not message.calls and not message.text.strip():
            yield StepError(at, ErrorKind.bad_grammar, "the agent said nothing")


_KINDS = frozenset(kind.value for kind in ErrorKind)


def conduct(steps: Steps) -> Iterator[StepError]:
    """What checks of conduct find, each at its call: values from nowhere (unless the task names checks and this is none of
    them), superfluous writes, and, where the task asks for it, writes that the user had not agreed to.
    """
    episode = steps.talk.episode
    for looked in look(episode) if "grounded" in episode.task.checks or not episode.task.checks else ():
        for why in looked.ungrounded:
            name = episode.nodes[looked.at].message.calls[looked.call].name
            yield StepError(looked.at, ErrorKind.ungrounded_argument, why, looked.call, name)
    if episode.task.goal.effects:
        for one in _own(steps, redundant(episode, steps.talk.outcome)):
            yield steps.error(one, ErrorKind.redundant_write, f"{clip(one.call.name)} left nothing of the goal behind")
    if "confirmed" in episode.task.checks:
        for one in _own(steps, unconfirmed(episode)):
            yield steps.error(one, ErrorKind.policy_breach, f"the user had not agreed to {clip(one.call.name)}")


def _own(steps: Steps, found: list[Made]) -> Iterator[Made]:
    """The same calls as `steps` knows them: checks read the episode for themselves."""
    wanted = {(one.at, one.answered) for one in found}
    return (one for one in steps.agent if (one.at, one.answered) in wanted)


def written(steps: Steps) -> Iterator[StepError]:
    """Net changes that are not wanted, at the write that made them: of a row that the goal changes otherwise, or of another."""
    outcome = steps.talk.outcome
    if not outcome.extra:
        return
    last: dict[Hashable, Made] = {}
    for one in steps.talk.calls:
        for effect in one.effects:
            last[effect.table, freeze(list(effect.key))] = one
    for effect in outcome.extra:
        write = last.get((effect.table, freeze(list(effect.key))))
        if write is None or write.actor != "agent":
            continue
        near = nearest(effect, outcome.missing)
        kind = ErrorKind.extra_effect if near is None else ErrorKind.wrong_value
        wanted = "" if near is None else f"; wanted: {describe(near)}"
        yield steps.error(write, kind, f"not wanted: {describe(effect)}{wanted}")
