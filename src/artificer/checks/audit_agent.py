"""How agents go wrong: rules of the audit. `conduct` is what an agent did by itself, `outcomes` what it left undone,
which is its fault only where nothing else explains it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from artificer.checks.audit_user import told_to
from artificer.checks.blame import BROKEN, Case, Fault
from artificer.checks.effects import describe, where
from artificer.checks.talk import names, refuses
from artificer.checks.values import clip, fold, freeze, same
from artificer.core.canon import scalars
from artificer.core.messages import ToolResult
from artificer.core.tasks import Effect
from artificer.core.verdicts import ErrorKind, StopReason

_ALIKE = 3
_LIMITS = (StopReason.max_turns, StopReason.max_calls, StopReason.max_tokens, StopReason.too_many_errors)


def conduct(case: Case, found: Sequence[Fault]) -> list[Fault]:
    """What the agent did wrong, whatever the user did. `found`: the user's faults, for what it was asked to do."""
    requests = [fault.at for fault in found if fault.kind == "asked_more" and fault.at is not None]
    rules = (_failed, _malformed, _checked, _looped)
    return [*(fault for rule in rules for fault in rule(case)), *_written(case, min(requests, default=None))]


def _failed(case: Case) -> Iterator[Fault]:
    if case.episode.stop is StopReason.agent_error:
        yield Fault("agent", "failed", "the agent could not answer")
    if case.episode.stop is StopReason.too_many_errors:
        last = [one for one in case.talk.calls if one.result is not None][-1:]
        if last and last[0].actor == "agent" and last[0].result is not None and last[0].result.error not in BROKEN:
            yield Fault("agent", "kept_failing", f"the agent's calls were refused again and again: {last[0].result.detail}", last[0].at)


def _malformed(case: Case) -> Iterator[Fault]:
    """Messages that are none, and calls that could not be read."""
    for at, node in enumerate(case.nodes):
        message = node.message
        if message.role != "assistant":
            continue
        error = node.notes.get("error")
        if isinstance(error, dict) and error.get("kind") in (ErrorKind.unparsable_call.value, ErrorKind.unparsable_call):  # pyright: ignore[reportUnknownMemberType]
            yield Fault("agent", "unreadable_call", "the agent wrote a call that could not be read", at)
        elif not message.calls and not message.text.strip():
            yield Fault("agent", "silent", "the agent said nothing", at)


def _checked(case: Case) -> Iterator[Fault]:
    """What checks of conduct found: guesses, and writes without leave."""
    for name, kind in (("grounded", "ungrounded"), ("confirmed", "unconfirmed")):
        part = case.parts.get(name)
        for text in part.evidence[:3] if part is not None else ():
            yield Fault("agent", kind, text)


def _written(case: Case, asked: int | None) -> Iterator[Fault]:
    """Rows that the agent changed otherwise than the goal has it, or that the goal does not change, out of itself: not
    with values the user made up, not after message `asked`, where the user asked for more than it wants.
    """
    if not case.failed(("reached", "nothing_else")):
        return
    outcome = case.talk.outcome
    for effect in outcome.extra:
        writes = [one for one in case.talk.calls if touches(one.effects, effect)]
        if not writes or writes[-1].actor == "user":
            continue
        misled = [value for value in scalars(writes[-1].call.arguments) if any(not case.talk.taken_back(at) for at in case.talk.user_said(value))]
        if misled or (asked is not None and writes[-1].at > asked):
            continue
        near = any(one.table == effect.table and (one.generated or same(list(one.key), list(effect.key))) for one in outcome.missing)
        kind = "wrong_value" if near else "extra_effect"
        yield Fault("agent", kind, f"the agent made a change that is not wanted: {describe(effect)}", writes[-1].at)


def touches(effects: Sequence[Effect], other: Effect) -> bool:
    """Whether one of these effects is on the other's row."""
    return any(effect.table == other.table and freeze(list(effect.key)) == freeze(list(other.key)) for effect in effects)


def _looped(case: Case) -> Iterator[Fault]:
    """The same call with the same arguments, or the same words, again and again until a limit was reached."""
    if case.episode.stop not in _LIMITS:
        return
    calls = Counter((one.call.name, freeze(one.call.arguments)) for one in case.talk.calls if one.actor == "agent" and not _broken(one.result))
    texts = Counter(fold(text).strip() for _, text in case.talk.agent)
    for (name, _), number in calls.items():
        if number > _ALIKE:
            yield Fault("agent", "looped", f"the agent made the same call of {clip(name)} {number} times")
    for text, number in texts.items():
        if number > _ALIKE and len({fold(said) for _, said in case.talk.user}) > 1:
            yield Fault("agent", "looped", f"the agent said {clip(text)!r} {number} times")


def _broken(result: ToolResult | None) -> bool:
    return result is not None and result.error in BROKEN


def outcomes(case: Case, found: Sequence[Fault]) -> list[Fault]:
    """What was not done or told, where it is nobody else's fault."""
    if any(fault.cause and fault.side in ("user", "world") for fault in found):
        return []
    faults: list[Fault] = []
    if case.failed(("reached",)):
        faults += _missing(case)
    own = next((case.parts[name] for name in ("tau2", "upstream") if name in case.parts), None)
    part = case.parts.get("told") or (own if own is not None and ErrorKind.not_told in own.kinds else None)
    if part is not None:
        faults += [Fault("agent", "not_told", text) for text in part.evidence[:3]]
    part = case.parts.get("redundancy")
    if part is not None and part.numbers.get("red"):
        faults += [Fault("agent", "redundant", text) for text in part.evidence if text.startswith("redundant")][:3]
    if not faults and not found and case.episode.stop in _LIMITS and not case.talk.unsaid:
        faults.append(Fault("agent", "too_long", f"all was said, and the agent came to no end ({case.episode.stop.value})"))
    return faults


def _missing(case: Case) -> Iterator[Fault]:
    own = {tool.name for tool in case.episode.user_tools}
    for call in case.episode.task.gold or ():
        done = any(one.call.name == call.name and one.accepted for one in case.talk.calls)
        if call.name in own and not done and not told_to(case, call.name):
            yield Fault("agent", "never_instructed", f"the agent never asked the user for {clip(call.name)}")
            return
    for effect in case.talk.outcome.missing[:3]:
        asked = [question for _, question in case.talk.questions()]
        unasked = [fact for fact in case.talk.unsaid if not any(names(question, fact) for question in asked)]
        refused = next((text for _, text in case.talk.agent if refuses(text)), None)
        if unasked and not refused:
            yield Fault("agent", "never_asked", f"the agent never asked for {clip(unasked[0].path.partition('.')[2])!r}; missing: {where(effect)}")
        elif refused:
            yield Fault("agent", "gave_up", f"the agent refused what can be done: {clip(refused)!r}; missing: {where(effect)}")
        else:
            yield Fault("agent", "missing_effect", f"missing: {describe(effect)}")
