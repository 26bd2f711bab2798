"""Hearing: which facts have been said, found in the words that were said and in nothing else.

A fact is heard when its phrase stands, at word boundaries and whatever its case, in a user message. This is the only
way in which a goal's values reach the scripted oracle: what the user has not said cannot be heard. The same function
tells the scripted user what it has already said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from artificer.core.canon import Json
from artificer.core.messages import Message
from artificer.core.tasks import Fact

_AFFIRM = re.compile(
    r"^\W*(yes|yeah|yep|yup|sure|correct|right|exactly|absolutely|definitely|of course|go ahead|please do|do it|confirmed|i confirm|"
    r"that'?s (right|correct|fine)|ok(ay)?|sounds good|perfect)\b",
    re.IGNORECASE,
)
_DENY = re.compile(r"^\W*(no\b|nope|don'?t|do not|stop|cancel that|wait)", re.IGNORECASE)

_WAVERS = re.compile(
    r"\b(let me (check|think|see|look)|i will check|i'?ll check|hold on|one moment|give me a (moment|second|minute))\b", re.IGNORECASE
)


def affirms(text: str) -> bool:
    """Whether a user's reply to "shall I?" is a yes."""
    return bool(_AFFIRM.search(text)) and not _DENY.search(text)


def wavers(text: str) -> bool:
    """Whether a user has yet to check or to decide, so that what they said is no answer yet."""
    return bool(_WAVERS.search(text))


def says(text: str, phrase: str) -> bool:
    """Whether `phrase` stands in `text` at word boundaries, whatever the case."""
    text, phrase = text.lower(), phrase.lower()
    at = text.find(phrase)
    while at >= 0:
        end = at + len(phrase)
        starts = at == 0 or not (text[at - 1].isalnum() and phrase[0].isalnum())
        ends = end == len(text) or not (text[end].isalnum() and phrase[-1].isalnum())
        if starts and ends:
            return True
        at = text.find(phrase, at + 1)
    return False


class Hearing:
    """Follows a conversation and keeps the facts heard so far, by want."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self.facts = facts
        self._unheard = list(facts)
        self._read = 0
        self.wants: list[int] = []
        """Indices of wants in the order in which they were brought up."""
        self._facts: dict[int, dict[str, Json]] = {}
        self.learned = False
        """Whether the last user message told anything new."""

    def listen(self, messages: Sequence[Message], since: int = 0) -> None:
        """Takes in the messages that came since the last time; never the first `since`."""
        for message in messages[max(self._read, since) :]:
            if message.role == "user":
                self._take(message.text)
        self._read = len(messages)

    def _take(self, text: str) -> None:
        heard = [fact for fact in self._unheard if says(text, fact.phrase)]
        self.learned = bool(heard)
        for fact in heard:
            self._unheard.remove(fact)
            want, _, rest = fact.path.partition(".")
            index = int(want)
            if index not in self._facts:
                self._facts[index] = {}
            if rest:
                self._facts[index][rest] = fact.value
            else:
                self.wants.append(index)

    def heard(self, want: int, prefix: str) -> dict[str, Json]:
        """Facts heard about a want, by path relative to it, at or below `prefix` (all when "")."""
        return below(self._facts.get(want, {}).items(), prefix)

    def everywhere(self, prefix: str) -> dict[str, Json]:
        """Facts at or below `prefix` that were heard about any want; the earliest want's where several have the same
        path."""
        out: dict[str, Json] = {}
        for want in sorted(self._facts, reverse=True):
            out |= self.heard(want, prefix)
        return out


def below(facts: Iterable[tuple[str, Json]], prefix: str) -> dict[str, Json]:
    """The entries whose path is `prefix` or lies under it."""
    if not prefix:
        return dict(facts)
    dotted = prefix + "."
    return {path: value for path, value in facts if path == prefix or path.startswith(dotted)}
