"""Reading a conversation for the audit: what was said, asked and answered, in the user's words or in others of the same
meaning.

A fact counts as said when its phrase stands in a user message, or when its values do; a want when its phrase does, or
most of the phrase's own words. A model that plays a user puts things in its own words, so less would find fault with
every one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice

from artificer.checks.base import Episode
from artificer.checks.confirmed import asks
from artificer.checks.constraints.session import AUTHOR
from artificer.checks.episodes import Made, made
from artificer.checks.grounded import Known
from artificer.checks.matching import Match, match
from artificer.checks.values import fold, occurs, written_dates
from artificer.core.canon import Json, scalars
from artificer.core.tasks import Fact

_READ, _CLAIMED = 200_000, 500
"""How much of a message is searched for what it claims, and how many claims of it are looked at."""
_QUESTION = re.compile(r"(?<![^.!?\n])[^.!?\n]*+\?")
_ELSE = re.compile(r"\b(anything|something|what) else\b|\bhelp (you )?(with anything|further)\b", re.IGNORECASE)
_CONTENT = re.compile(r"[a-z0-9]{4,}")
_CLAIMS = re.compile(
    r"\"([^\"\n]{2,80})\"|((?<![\w.+-])[\w.+-]++@[\w-]++\.[\w.]+)|(\d{4}-\d{2}-\d{2})|\b(?=\w*\d)([A-Za-z]*\d[\w-]+)\b|\b(\d+[.,]\d+|\d{2,})\b"
)
_REFUSES = re.compile(
    r"\b(can ?not|can'?t|could not|couldn'?t|unable|not (possible|allowed)|have not (done|changed)|don'?t know how)\b", re.IGNORECASE
)
CORRECTS = re.compile(
    r"\b(sorry|wrong|misspoke|i meant?|changed my mind|on second thought|no, wait|actually|instead|rather|correction|differently after all)\b",
    re.IGNORECASE,
)


class Talk:
    """An episode, read."""

    def __init__(self, episode: Episode) -> None:
        self.episode = episode
        self.facts = episode.task.goal.facts
        self._learnt_by: dict[int, Known] = {}
        said = [(at, node.message) for at, node in enumerate(episode.nodes) if node.message.role == "user" and not node.message.calls]
        self.user = [(at, message.text) for at, message in said if message.author != AUTHOR]  # who gives an answer back is no user
        self.agent = [(at, node.message.text) for at, node in enumerate(episode.nodes) if node.message.role == "assistant" and node.message.text]

    @cached_property
    def outcome(self) -> Match:
        """What of the goal was reached, and what was done besides."""
        return match(self.episode.task.goal.effects, self.episode.effects, self.episode.tools)

    @cached_property
    def calls(self) -> list[Made]:
        return made(self.episode.nodes)

    @cached_property
    def _said(self) -> dict[str, list[int]]:
        """Where each fact is said, by path."""
        found: dict[str, list[int]] = {fact.path: [] for fact in self.facts}
        for at, text in self.user:
            heard = Known("", {})
            heard.hear(text)
            folded = fold(text)
            for fact in self.facts:
                if occurs(folded, fold(fact.phrase)):
                    found[fact.path].append(at)
            verbatim = any(fact.value is None and at in found[fact.path] for fact in self.facts)
            for fact in self.facts:
                means = _states_all(heard, fact) if fact.value is not None else not verbatim and _means(folded, fact.phrase)
                if means and at not in found[fact.path]:
                    found[fact.path].append(at)
        return found

    def said(self, fact: Fact) -> list[int]:
        """The messages in which the user says a fact."""
        return self._said[fact.path]

    @cached_property
    def raised(self) -> dict[int, int]:
        """Wants that were brought up, with the first message that did. A goal without facts is all in its opening."""
        found: dict[int, int] = {}
        for index in range(len(self.episode.task.goal.wants)):
            own = [fact for fact in self.facts if want_of(fact) == index]
            heads = [fact for fact in own if fact.value is None] or own  # a value alone may be another want's
            places = [at for fact in heads for at in self.said(fact)] if own else [at for at, _ in self.user[index : index + 1]]
            if places:
                found[index] = min(places)
        return found

    @cached_property
    def unsaid(self) -> list[Fact]:
        """Facts about wants that were brought up, which the user never said."""
        return [fact for fact in self.facts if fact.value is not None and want_of(fact) in self.raised and not self.said(fact)]

    def questions(self) -> Iterator[tuple[int, str]]:
        """The agent's questions for something: not for leave, and not "anything else?"."""
        for at, text in self.agent:
            for part in _QUESTION.findall(text):
                if not _ELSE.search(part) and not asks(part):
                    yield at, part

    def answer(self, at: int) -> tuple[int, str] | None:
        """What the user said next."""
        return next(((index, text) for index, text in self.user if index > at), None)

    @cached_property
    def _goals(self) -> Known:
        """What the user was told: the goal and the user's own lines."""
        known = Known("", {})
        task = self.episode.task
        for text in (task.prompt, *task.goal.script.values(), *(fact.phrase for fact in self.facts)):
            known.hear(text)
        for fact in self.facts:
            for value in scalars(fact.value):
                known.hear(str(value))
        return known

    def _learnt(self, at: int) -> Known:
        """What the user heard from the agent, and saw on devices of their own, before message `at`."""
        if at in self._learnt_by:
            return self._learnt_by[at]
        known = self._learnt_by[at] = Known("", {})
        for place, text in self.agent:
            if place < at:
                known.hear(text)
        for call in self.calls:
            if call.actor == "user" and call.result is not None and call.at < at:
                known.learn_result(call.result)
        return known

    def _may_state(self, value: Json, at: int) -> bool:
        return any(known.somewhere(form) for known in (self._goals, self._learnt(at)) for form in _forms(value))

    @cached_property
    def inventions(self) -> list[tuple[int, str]]:
        """Values that the user states and cannot know, with their messages. One that is taken back counts, too: see
        `taken_back`."""
        found: list[tuple[int, str]] = []
        for at, text in self.user:
            claims = dict.fromkeys(next(group for group in claim.groups() if group) for claim in islice(_CLAIMS.finditer(text[:_READ]), _CLAIMED))
            found += [(at, value) for value in claims if not self._may_state(value, at)]
        return found

    def user_said(self, value: Json) -> list[int]:
        """Messages in which the user states a value that is none of the goal's and that nobody had told the user. When the
        first mention is not the user's own, none.
        """
        if value is None or isinstance(value, bool) or value == "":
            return []
        found: list[int] = []
        for at, text in self.user:
            heard = Known("", {})
            heard.hear(text)
            if heard.somewhere(value):
                if not found and self._may_state(value, at):
                    return []
                found.append(at)
        return found

    def taken_back(self, at: int) -> bool:
        """Whether the user corrected what was said in message `at`, there or in the next thing they said."""
        here = next((text for index, text in self.user if index == at), "")
        after = self.answer(at)
        return bool(CORRECTS.search(here)) or (after is not None and bool(CORRECTS.search(after[1])))


def _forms(value: Json) -> list[Json]:
    """A value, and where it is a text that writes a number, the number."""
    if not isinstance(value, str):
        return [value]
    try:
        return [value, float(value.replace(",", ""))]
    except ValueError:
        return [value]


def want_of(fact: Fact) -> int:
    """The want that a fact is about."""
    return int(fact.path.partition(".")[0])


def refuses(text: str) -> bool:
    """Whether an agent's words say that something cannot be done."""
    return _REFUSES.search(text.replace("\u2019", "'")) is not None


def names(question: str, fact: Fact) -> bool:
    """Whether a question asks for a fact: by the words of its path, or by its phrase's own."""
    words = {_stem(word) for word in re.findall(r"[a-z0-9]+", question.lower())}
    for component in fact.path.split(".")[1:]:
        own = [_stem(word) for word in component.lower().split("_") if word and word not in ("id", "set", "new")]
        if own and all(word in words for word in own):
            return True
    return False


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def _states_all(heard: Known, fact: Fact) -> bool:
    values = [value for value in scalars(fact.value) if value is not None and not isinstance(value, bool) and value != ""]
    return bool(values) and all(heard.somewhere(value) for value in values)


def _means(folded: str, phrase: str) -> bool:
    """Whether a text has most of the words that carry a phrase."""
    wanted = set(_CONTENT.findall(fold(phrase)))
    return bool(wanted) and 3 * len(wanted & set(_CONTENT.findall(folded))) >= 2 * len(wanted)


def overlap(text: str, sources: Iterable[str]) -> float:
    """The largest share of a text's carrying words that one of the sources has."""
    words = set(_CONTENT.findall(fold(text)))
    return max((len(words & set(_CONTENT.findall(fold(source)))) / len(words) for source in sources), default=0.0) if words else 1.0


def slots(fact: Fact) -> Iterator[tuple[str, str, str]]:
    """A fact's phrase cut at each of its values as it writes them: what stands before, the value, what stands after."""
    phrase = fold(fact.phrase)
    for value in scalars(fact.value):
        forms: Sequence[str] = ()
        if isinstance(value, str):
            forms = (fold(value), *written_dates(value))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            forms = (f"{value:.2f}", f"{value:,}", f"{value}") if abs(value) < 1e15 else ()  # no phrase writes larger ones
        for form in forms:
            at = phrase.find(form) if form else -1
            if at >= 0:
                yield phrase[:at], form, phrase[at + len(form) :]
                break
