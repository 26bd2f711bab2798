"""The scripted goal user: knows what it wants, says it in pieces, answers what it is asked, confirms, and ends.

It reads only the assistant's visible words. Lines were made with the task (`Goal.script`), so playing needs no
grammar and no model. How it understands a question: "shall I go ahead" and the like get a yes; a question that names
something the user has not said yet gets that fact; another question gets the next unsaid fact of the wants brought up
so far, and "that is all I know" when there is none left; a statement, or "anything else?", brings up the next wants,
or ends the conversation.
"""

from __future__ import annotations

import re
from random import Random

from artificer.agents.base import User, View
from artificer.agents.hearing import says
from artificer.core.messages import Message
from artificer.core.tasks import Fact, Goal

_SENTENCE = re.compile(r"[^.!?\n]*[.!?\n]|[^.!?\n]+$")
_CONFIRM = re.compile(
    r"\b(shall i|should i|may i (proceed|go ahead)|do you want me to|would you like me to|go ahead|proceed|"
    r"is (that|this) (right|correct|ok|okay|fine)|please confirm|do you confirm|can you confirm|yes or no)\b",
    re.IGNORECASE,
)
_ELSE = re.compile(r"\b(anything|something) else\b|\b(help|assist) (you )?(with anything|further)\b", re.IGNORECASE)


def asked_in(text: str) -> list[str]:
    """The questions in a text, "anything else?" not among them."""
    questions = [part for part in _SENTENCE.findall(text) if part.rstrip().endswith("?")]
    return [part for part in questions if not _ELSE.search(part)]


class GoalUser(User):
    """See the module docstring. `rng` chooses among a line's variants."""

    def __init__(self, goal: Goal, rng: Random) -> None:
        self._goal = goal
        self._rng = rng
        self._raised = 0
        self._batch = 0  # the first of the wants brought up last; what came before is settled
        self._said: set[str] = set()
        self._variants = {
            kind: [line for key, line in sorted(goal.script.items()) if key == kind or key.startswith(f"{kind}:")] for kind in ("confirm", "unknown")
        }

    async def speak(self, view: View) -> Message | None:
        last = view.messages[-1].text if view.messages else ""
        text = self._open() if not view.messages else self._react(last)
        if text is None:
            return None
        for fact in self._goal.facts:
            if says(text, fact.phrase):
                self._said.add(fact.path)
        return Message("user", text, author="goal-user")

    def _open(self) -> str | None:
        """Brings up the next wants, `pace` at a time; None when there is none left."""
        if self._raised >= len(self._goal.wants):
            return None
        self._batch, self._raised = self._raised, min(self._raised + self._goal.pace, len(self._goal.wants))
        return " ".join(self._goal.script[f"open:{index}"] for index in range(self._batch, self._raised))

    def _react(self, text: str) -> str | None:
        asked = asked_in(text)
        named = self._named(asked)
        confirm = named is None and any(_CONFIRM.search(part) for part in asked)
        if named is None and asked and not confirm:
            named = self._named([text])
        if named is not None:
            return self._goal.script[f"ask:{named.path}"]
        if confirm:
            return self._line("confirm", "Yes, please go ahead.")
        if asked:
            unsaid = self._unsaid()
            return self._goal.script[f"ask:{unsaid[0].path}"] if unsaid else self._line("unknown", "That is all I know.")
        return self._open()

    def _unsaid(self) -> list[Fact]:
        """What has not been said yet about the wants brought up last."""
        current = range(self._batch, self._raised)
        return [
            fact for fact in self._goal.facts if fact.reveal == "asked" and fact.path not in self._said and int(fact.path.split(".")[0]) in current
        ]

    def _named(self, questions: list[str]) -> Fact | None:
        """The first unsaid fact that a question names: by the words of its own path, from the last component
        backwards."""
        if not questions:
            return None
        words = {_stem(word) for part in questions for word in re.findall(r"[a-z0-9]+", part.lower())}
        best: tuple[tuple[int, bool, float], Fact] | None = None
        for fact in self._unsaid():
            components = fact.path.split(".")[1:]
            hits = [all(_stem(word) in words for word in _words(name)) for name in components]
            score = (-int(fact.path.partition(".")[0]), hits[-1], sum(hits) / len(hits))
            if any(hits) and (best is None or score > best[0]):
                best = (score, fact)
        return best[1] if best else None

    def _line(self, kind: str, default: str) -> str:
        lines = self._variants[kind]
        return self._rng.choice(lines) if lines else default


def _words(name: str) -> list[str]:
    """The words of a path component: `album_id` is "album"; `set` is "new", since what is set is a new value."""
    if name == "set":
        return ["new"]
    words = [word for word in name.lower().split("_") if word and word != "id"]
    return words or [name.lower()]


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
