"""The agent that plays a task's gold calls and says what must be said: proof that a task can be solved, never a baseline."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from artificer.agents.base import Agent, View
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Task

Calls = tuple[ToolCall, ...]


def passages(gold: Sequence[ToolCall], users: Collection[str]) -> list[tuple[Calls, Calls]]:
    """Gold calls in the order in which two sides make them: in each passage first the agent's, then those that the user
    makes with tools of their own. At least one passage.

    Args:
        users: names of the user's tools.
    """
    found: list[tuple[list[ToolCall], list[ToolCall]]] = [([], [])]
    for call in gold:
        if call.name in users:
            found[-1][1].append(call)
        else:
            if found[-1][1]:
                found.append(([], []))
            found[-1][0].append(call)
    return [(tuple(mine), tuple(theirs)) for mine, theirs in found]


class GoldAgent(Agent):
    """Makes the gold calls of each want when the user brings it up, and asks the user for those that are the user's. It
    is handed the goal: use it to test worlds and checks.

    Args:
        users: names of the user's own tools.
    """

    def __init__(self, task: Task, users: Collection[str] = ()) -> None:
        self._wants = task.goal.wants
        self._answer = str(task.lineage.get("answer") or "")
        self._steps = [(index, mine, theirs) for index, want in enumerate(self._wants) for mine, theirs in passages(want.gold, users)]
        self._done = 0

    async def act(self, view: View) -> Message:
        turn = sum(message.role == "user" for message in view.messages)
        if self._done < min(turn, len(self._steps)):
            _, mine, _ = self._steps[self._done]
            self._done += 1
            if mine:
                return Message("assistant", calls=mine, author="gold")
        theirs = self._steps[self._done - 1][2] if self._done else ()
        if theirs:
            names = ", ".join(call.name.replace("_", " ") for call in theirs)
            return Message("assistant", f"On your side, please do this, and tell me when it is done: {names}.", author="gold")
        raised = self._steps[self._done - 1][0] + 1 if self._done else 0
        told = [alternatives[0] for want in self._wants[:raised] for alternatives in want.tell]
        return Message("assistant", self._answer or " ".join(told) or "Done.", author="gold")
