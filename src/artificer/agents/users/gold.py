"""The user who does their part of a task's gold calls: proof that a task for two can be solved.

It opens with the task's words. Whenever the agent has spoken, it makes the calls that the gold has the user make next,
with its own tools, and says that it did. When nothing of its own is left and the agent's words close the last passage,
it ends. It is handed the gold, as `scripted:gold` is, and takes its turn in the same order.
"""

from __future__ import annotations

from artificer.agents.base import User, View
from artificer.agents.gold import passages
from artificer.core.messages import Message
from artificer.core.tasks import Task


class GoldUser(User):
    """See the module docstring. Its own calls are those of `view.tools`."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._want = -1
        self._passage = 0
        self._acted = False

    async def speak(self, view: View) -> Message | None:
        wants = self._task.goal.wants
        if self._acted:
            self._acted = False
            self._passage += 1
            return Message("user", "I have done that.", author="gold-user")
        steps = passages(wants[self._want].gold, {tool.name for tool in view.tools}) if self._want >= 0 else []
        if self._passage < len(steps) and steps[self._passage][1]:
            self._acted = True
            return Message("user", calls=steps[self._passage][1], author="gold-user")
        self._want += 1
        self._passage = 0
        if self._want >= len(wants):
            return None
        return Message("user", self._task.goal.script[f"open:{self._want}"], author="gold-user")
