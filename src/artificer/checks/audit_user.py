"""How simulated users go wrong: rules of the audit, each a function from a case to faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from artificer.checks.blame import Case, Fault
from artificer.checks.confirmed import affirms, asks
from artificer.checks.effects import describe
from artificer.checks.leaks import gold_ids, states, without_facts
from artificer.checks.talk import CORRECTS, names, overlap, slots, want_of
from artificer.checks.values import clip, fold, freeze, shown
from artificer.core.canon import scalars
from artificer.core.verdicts import StopReason

_AS_AGENT = re.compile(
    r"\b(how (can|may) i (help|assist) you|(is there )?anything else i can (do|help)|i(?:'ll| will)? be happy to (help|assist)|"
    r"thank you for (contacting|calling)|i have (updated|cancelled|processed|changed) (it|this|your)|as your (agent|assistant))",
    re.IGNORECASE,
)
_BRIEF = re.compile(
    r"###|is_task_complete|\b(as a simulated user|simulated (user|customer)|my (brief|instructions|script|persona) (is|are|say)|"
    r"i am (an? )?(ai|language model)|role[- ]?play)",
    re.IGNORECASE,
)
_DENIES = re.compile(r"^\W*(no\b|nope|don'?t|do not|stop|never ?mind|forget it)", re.IGNORECASE)
_REQUEST = re.compile(
    r"\b(also|besides|and|please|then|while you are at it)\b.*\b(cancel|delete|remove|add|create|change|update|set|buy|order|book|refund|return)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?\n]+")
_ALIKE = 3
"""So often the same words are a loop."""
_STRANGE = 0.34
"""A request that shares less than this of its words with what the user was told is none of the goal's."""


def user_faults(case: Case) -> list[Fault]:
    """All that can be held against the user."""
    rules: tuple[Callable[[Case], Iterable[Fault]], ...] = (
        _failed,
        _out_of_turn,
        _out_of_role,
        _leaked,
        _contradicts,
        _invented,
        _withheld,
        _refused_own_wish,
        _left_early,
        _looped,
        _asked_more,
        _own_tools,
    )
    return [fault for rule in rules for fault in rule(case)]


def _failed(case: Case) -> Iterator[Fault]:
    if case.episode.stop is StopReason.user_error:
        yield Fault("user", "failed", "the user could not answer")


def _out_of_turn(case: Case) -> Iterator[Fault]:
    before: str | None = None
    for at, node in enumerate(case.nodes):
        message = node.message
        if message.role == "user" and before == "user":
            yield Fault("user", "out_of_turn", "the user spoke twice", at)
        if message.role == "user" and not message.calls and not message.text.strip():
            yield Fault("user", "silent", "the user said nothing", at)
        before = "user's calls" if message.role == "user" and message.calls else message.role


def _out_of_role(case: Case) -> Iterator[Fault]:
    for at, text in case.talk.user:
        if _AS_AGENT.search(text):
            yield Fault("user", "spoke_as_agent", f"the user speaks as the agent: {clip(text)!r}", at)
        elif _BRIEF.search(text) and not _BRIEF.search(case.episode.task.prompt):
            yield Fault("user", "out_of_role", f"the user speaks of the part it plays: {clip(text)!r}", at)


def _leaked(case: Case) -> Iterator[Fault]:
    if not case.episode.tools:
        return
    ids = gold_ids(case.episode.task, case.episode.tools)
    seen: set[object] = set()
    for at, node in enumerate(case.nodes):
        message = node.message
        if message.result is not None:
            seen |= {freeze(value) for value in scalars(message.result.content)}
        elif message.role == "user":
            bare = without_facts(message.text, case.talk.facts)
            for value in ids:
                if freeze(value) not in seen and states(bare, value):
                    yield Fault("user", "leaked", f"the user states the id {shown(value)}, which no tool had shown", at, "leaks" in case.parts)


def _contradicts(case: Case) -> Iterator[Fault]:
    """A fact's own words with another value, never put right."""
    for fact in case.talk.facts:
        for before, value, after in slots(fact) if fact.value is not None else ():
            if len(before.strip()) + len(after.strip()) < 6:
                continue
            pattern = re.compile(rf"{re.escape(before)}(.{{1,60}}?){re.escape(after)}(?=[.,;!?]*(?:\s|$))")
            for at, text in case.talk.user:
                found = pattern.search(fold(text))
                if found is None or value in found[1] or fold(fact.phrase).startswith(found[0]):
                    continue
                others = _within(found.span(1), fold(text), [other.phrase for other in case.talk.facts])  # it is another fact's turn
                if not others and not any(later >= at for later in case.talk.said(fact)):
                    yield Fault("user", "contradicts", f"the user says {found[0]!r}, the goal has {clip(fact.phrase)!r}", at)
                    break


def _within(span: tuple[int, int], folded: str, phrases: Iterable[str]) -> bool:
    """Whether a stretch of a text is part of one of the phrases as it stands there."""
    for phrase in map(fold, phrases):
        at = folded.find(phrase) if phrase else -1
        while at >= 0:
            if at < span[1] and span[0] < at + len(phrase):
                return True
            at = folded.find(phrase, at + 1)
    return False


def _invented(case: Case) -> Iterator[Fault]:
    """A value that the user cannot know: a cause where the agent took it up."""
    ids = gold_ids(case.episode.task, case.episode.tools) if case.episode.tools else []
    told: set[object] = {freeze(value) for value in ids}  # these were leaked, not made up
    for one in case.talk.calls:
        if one.actor == "user":
            continue
        for value in scalars(one.call.arguments):
            places = case.talk.user_said(value)
            places = [at for at in places if at < one.at and not case.talk.taken_back(at)]
            if places and freeze(value) not in told:
                told.add(freeze(value))
                yield Fault("user", "invented", f"the agent used {shown(value)}, which the user stated and the goal does not have", places[0])
    for at, value in case.talk.inventions:
        if not case.talk.taken_back(at) and freeze(value) not in told:
            told.add(freeze(value))
            yield Fault("user", "invented", f"the user states {value!r}, which the goal does not have", at, cause=False)


def _withheld(case: Case) -> Iterator[Fault]:
    """Asked for a fact, the user never said it."""
    unsaid = list(case.talk.unsaid)
    for at, question in case.talk.questions():
        reply = case.talk.answer(at)
        if reply is None or not unsaid:
            continue
        current = [fact for fact in unsaid if case.talk.raised[want_of(fact)] < at]
        named = [fact for fact in current if names(question, fact)]
        told = any(reply[0] in case.talk.said(fact) for fact in case.talk.facts)
        if any(reply[0] in case.talk.said(fact) for fact in case.talk.facts if names(question, fact)):
            continue  # answered, if with another of the things that were asked for
        for fact in named[:1] or ([] if told else current[:1]):
            unsaid.remove(fact)
            yield Fault("user", "withheld", f"asked {clip(question.strip())!r}, the user never said {clip(fact.phrase)!r}", reply[0])


def _refused_own_wish(case: Case) -> Iterator[Fault]:
    """The agent asked for leave, and the user said no to what it wants; nothing came of it."""
    if not case.failed(("reached",)):
        return
    replies: list[tuple[int, str, str]] = []
    """Where the user answered a request for leave, what was asked, and the answer."""
    before = ""
    for at, text in sorted([*case.talk.agent, *case.talk.user]):
        if case.nodes[at].message.role == "user":
            replies += [(at, before, text)] if asks(before) else []
            before = ""
        else:
            before = text
    for place, (at, asked, text) in enumerate(replies):
        restated = any(at in case.talk.said(fact) for fact in case.talk.facts) or CORRECTS.search(text)
        agreed = any(affirms(later) for _, _, later in replies[place + 1 :])
        if _DENIES.search(text) and not restated and not agreed and _true_proposal(case, asked):
            yield Fault("user", "refused_own_wish", f"asked {clip(asked[-100:])!r}, the user said {clip(text)!r}", at)


def _true_proposal(case: Case, text: str) -> bool:
    """Whether what the agent proposes may be one of the wants: of some want it has all the new values that the user has
    named. Of a want without any, nothing can be held against a proposal.
    """
    folded = fold(text)
    for index in case.talk.raised:
        wanted = [fact for fact in case.talk.facts if want_of(fact) == index and "set" in fact.path.split(".") and case.talk.said(fact)]
        if all(any(fold(str(value)) in folded for value in scalars(fact.value)) for fact in wanted):
            return True
    return False


def _left_early(case: Case) -> Iterator[Fault]:
    if case.episode.stop is not StopReason.user_done:
        return
    wants = case.episode.task.goal.wants
    for index in range(len(wants)):
        if index not in case.talk.raised:
            yield Fault("user", "left_early", f"the user ended without bringing up want {index} ({wants[index].op})")
    last = case.nodes[-1].message if case.nodes else None
    if last is not None and last.role == "assistant" and not last.calls:
        at = len(case.nodes) - 1
        open_question = any(place == at for place, _ in case.talk.questions())
        if asks(last.text) or open_question:
            yield Fault("user", "left_early", f"the user ended without an answer to {clip(last.text[-100:])!r}", at)


def _looped(case: Case) -> Iterator[Fault]:
    """The same words again and again, while the agent's differed."""
    if case.episode.stop in (StopReason.user_done, StopReason.agent_error):
        return
    replies: dict[str, list[int]] = {}
    for at, text in case.talk.user:
        replies.setdefault(fold(text).strip(), []).append(at)
    for text, places in replies.items():
        heard = {fold(said) for at in places for said in [next((said for before, said in reversed(case.talk.agent) if before < at), "")]}
        if len(places) > _ALIKE and len(heard) >= _ALIKE:
            yield Fault("user", "looped", f"the user said {clip(text)!r} {len(places)} times to different words", places[-1])


def _asked_more(case: Case) -> Iterator[Fault]:
    """A request that is none of the goal's, and a change that nobody wants."""
    if not case.failed(("nothing_else",)):
        return
    goal = case.episode.task.goal
    extra = case.talk.outcome.extra
    sources = (*goal.script.values(), case.episode.task.prompt, *(fact.phrase for fact in goal.facts))
    for at, text in case.talk.user if extra else ():
        for sentence in _SENTENCE.findall(text):
            if _REQUEST.search(sentence) and overlap(sentence, sources) < _STRANGE:
                yield Fault("user", "asked_more", f"the user asks for what it does not want: {clip(sentence.strip())!r}", at)


def _own_tools(case: Case) -> Iterator[Fault]:
    """What the user did, or did not do, with tools of their own."""
    own = {tool.name for tool in case.episode.user_tools}
    mine = [one for one in case.talk.calls if one.actor == "user"]
    for one in mine:
        if one.call.name not in own:
            yield Fault("user", "wrong_tool", f"the user calls {clip(one.call.name)!r}, which is none of its tools", one.at)
    if not own or not case.failed(("reached", "nothing_else")):
        return
    extra = {(effect.table, freeze(list(effect.key))) for effect in case.talk.outcome.extra}
    golden = {one.name for one in case.episode.task.gold or () if one.name in own}
    for one in mine:
        lasting = [effect for effect in one.effects if (effect.table, freeze(list(effect.key))) in extra]
        if lasting and one.call.name not in golden:
            asked = told_to(case, one.call.name, one.at)
            side, kind = ("agent", "misdirected") if asked else ("user", "meddled")
            yield Fault(side, kind, f"{clip(one.call.name)} by the user: {describe(lasting[0])}", one.at)
    done = {one.call.name for one in mine if one.accepted}
    for name in sorted(golden - done):
        if told_to(case, name):
            yield Fault("user", "did_nothing", f"asked to, the user never did {name}")


def told_to(case: Case, name: str, before: int | None = None) -> bool:
    """Whether the agent spoke of what a tool of the user's does, by the words of its name."""
    words = [word for word in name.lower().split("_") if len(word) > 2]
    said = [fold(text) for at, text in case.talk.agent if before is None or at < before]
    return any(all(word in text for word in words) for text in said)
