"""What is wrong with calls for where they stand: the same again, against what a tool said, or in the wrong order.

Only what is plain is called wrong. A call repeats another when it is the same by tool and typed arguments, the first was
answered (not broken off by the world), and since then no user said anything and nothing can have changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator

from artificer.checks.blame import BROKEN
from artificer.checks.episodes import Made, tools_by_name
from artificer.checks.errors.base import StepError
from artificer.checks.errors.calls import Steps
from artificer.checks.values import clip, freeze
from artificer.core.messages import ToolCall
from artificer.core.verdicts import ErrorKind


def _key(call: ToolCall) -> Hashable:
    return call.name, freeze(call.arguments)


def repeated(steps: Steps) -> Iterator[StepError]:
    """Repetitions, and refusals gone against: another call of a tool that is refused in the same words as the one before,
    with nothing new in between.
    """
    tools = tools_by_name(steps.talk.episode)
    speeches = [at for at, _ in steps.talk.user]
    made: dict[Hashable, int] = {}
    told: dict[Hashable, int] = {}
    heard = 0
    for one in steps.talk.calls:
        spoken = heard
        while heard < len(speeches) and speeches[heard] < one.at:
            heard += 1
        if heard > spoken:
            made, told = {}, {}
        if one.actor == "agent" and one.result is not None and one.result.error not in BROKEN:
            yield from _again(steps, one, made, told)
        if _may_change(one, tools.get(one.call.name, None) is not None and tools[one.call.name].effect == "read"):
            made, told = {}, {}


def _again(steps: Steps, one: Made, made: dict[Hashable, int], told: dict[Hashable, int]) -> Iterator[StepError]:
    key = _key(one.call)
    result = one.result
    if key in made:
        yield steps.error(one, ErrorKind.repetition, f"{clip(one.call.name)} was called with the same arguments in message {made[key]}")
    elif result is not None and result.error is not None and result.detail:
        said = (one.call.name, result.error, result.detail)
        if said in told:
            why = f"{clip(one.call.name)} was refused for the same reason in message {told[said]}: {clip(result.detail, 200)}"
            yield steps.error(one, ErrorKind.ignored_result, why)
        told.setdefault(said, one.at)
    made.setdefault(key, one.at)


def _may_change(one: Made, reads: bool) -> bool:
    """Whether the world may be another after a call. A refused call changes nothing; one that broke off may have."""
    if one.effects:
        return True
    if one.result is not None and one.result.error is not None and one.result.error not in BROKEN:
        return False
    return not reads


def against_gold(steps: Steps) -> Iterator[StepError]:
    """Of an episode that failed: the gold's calls all made, but in another order; or, where no effects are wanted that
    would say it better, tools of the gold that were never called.
    """
    task = steps.talk.episode.task
    own = {tool.name for tool in steps.talk.episode.tools}
    gold = [call for call in task.gold or () if call.name in own]
    keys = [_key(call) for call in gold]
    wanted = Counter(keys)
    ours = [one for one in steps.agent if one.accepted]
    made = [(one, key) for one in ours if (key := _key(one.call)) in wanted] if len(gold) > 1 else []
    if made and not wanted - Counter(key for _, key in made) and not _in_order(keys, [key for _, key in made]):
        first = next((one for (one, key), right in zip(made, keys, strict=False) if key != right), made[-1][0])
        yield steps.error(first, ErrorKind.wrong_order, f"{clip(first.call.name)} was called before what must come first")
    if not task.goal.effects:
        called = {one.call.name for one in steps.talk.calls if one.accepted}
        for name in dict.fromkeys(call.name for call in gold if call.name not in called):
            yield StepError(steps.last, ErrorKind.missing_call, f"{clip(name)} was never called", tool=name)


def _in_order(wanted: list[Hashable], made: list[Hashable]) -> bool:
    """Whether `made` holds `wanted` in its order, with others in between or not."""
    left = iter(made)
    return all(any(key == other for other in left) for key in wanted)
