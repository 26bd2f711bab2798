"""The agent that plays a task's gold calls and says what must be said: proof that a task can be solved, never a baseline."""

from __future__ import annotations

from artificer.agents.base import Agent, View
from artificer.core.messages import Message
from artificer.core.tasks import Task


class GoldAgent(Agent):
    """Makes the gold calls of each want when the user brings it up. It is handed the goal: use it to test worlds and
    checks."""

    def __init__(self, task: Task) -> None:
        self._wants = task.goal.wants
        self._answer = str(task.lineage.get("answer") or "")
        self._done = 0

    async def act(self, view: View) -> Message:
        turn = sum(message.role == "user" for message in view.messages)
        if self._done < min(turn, len(self._wants)):
            want = self._wants[self._done]
            self._done += 1
            if want.gold:
                return Message("assistant", calls=want.gold, author="gold")
        told = [alternatives[0] for want in self._wants[: self._done] for alternatives in want.tell]
        return Message("assistant", self._answer or " ".join(told) or "Done.", author="gold")
