"""Users who say prepared lines: the fixed turns of a published set, and the user's turns of a reference dialogue."""

from __future__ import annotations

from collections.abc import Sequence

from artificer.agents.base import User, View
from artificer.core.messages import Message
from artificer.core.tasks import Goal


class LinesUser(User):
    """Opens each want of the goal in turn (`Goal.script["open:<want>"]`), whatever the agent answers, then ends."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._said = 0

    async def speak(self, view: View) -> Message | None:
        if self._said >= len(self._goal.wants):
            return None
        self._said += 1
        return Message("user", self._goal.script[f"open:{self._said - 1}"], author="lines")


class ReferenceUser(User):
    """Says the user's turns of a reference dialogue, one after another, while the agent is free to go another way
    (as in the rollouts of CM2, Zhang et al. 2026).

    A turn is said when the agent has answered the one before. With `adapt`, a turn that only answers a question of the
    reference's agent is passed over where the agent at hand asked nothing and the rest of the dialogue goes on without
    it: `yes` to nobody's question would be out of turn.

    Args:
        turns: the user's messages, in order.
        adapt: whether answers to questions that were not asked are left out.
    """

    def __init__(self, turns: Sequence[str], *, adapt: bool = True) -> None:
        self._turns = list(turns)
        self._adapt = adapt
        self._said = 0

    async def speak(self, view: View) -> Message | None:
        asked = not view.messages or "?" in view.messages[-1].text
        while self._adapt and not asked and self._said < len(self._turns) and _bare_answer(self._turns[self._said]):
            self._said += 1
        if self._said >= len(self._turns):
            return None
        self._said += 1
        return Message("user", self._turns[self._said - 1], author="reference")


def _bare_answer(text: str) -> bool:
    """Whether a turn says yes or no and nothing else."""
    words = "".join(letter if letter.isalpha() else " " for letter in text.lower()).split()
    return 0 < len(words) <= 6 and words[0] in _ANSWERS and not any(letter.isdigit() for letter in text)


_ANSWERS = frozenset({"yes", "no", "yeah", "yep", "nope", "sure", "ok", "okay", "correct", "right", "exactly", "please", "go"})
