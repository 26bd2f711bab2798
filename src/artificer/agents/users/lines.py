"""A user who says prepared lines, one after another, whatever the agent answers: the fixed turns of a published set."""

from __future__ import annotations

from artificer.agents.base import User, View
from artificer.core.messages import Message
from artificer.core.tasks import Goal


class LinesUser(User):
    """Opens each want of the goal in turn (`Goal.script["open:<want>"]`), then ends."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._said = 0

    async def speak(self, view: View) -> Message | None:
        if self._said >= len(self._goal.wants):
            return None
        self._said += 1
        return Message("user", self._goal.script[f"open:{self._said - 1}"], author="lines")
