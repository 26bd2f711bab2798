"""Scripted agents that walk a tree of decisions, and the world they walk in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from artificer.agents.base import Agent, User, View
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Goal, Start, Task
from artificer.core.trace import Trace
from artificer.models.base import Reply
from artificer.rollout.episode import Search, play
from artificer.rollout.line import Limits
from artificer.worlds.base import World

BOARD = f"python:{Path(__file__).parent / 'board.py'}"
TASK = Task("task-1", BOARD, Start(), "go", Goal((), (), ()), checks=("finished",))


def call(number: int, name: str, **arguments: object) -> Message:
    return Message("assistant", calls=(ToolCall(f"c{number}", name, arguments),))


def answer(number: int, text: str = "It is done.") -> Message:
    return call(number, "Finish", return_type="give_answer", final_answer=text)


def give_up(number: int) -> Message:
    return call(number, "Finish", return_type="give_up_and_restart")


def path_of(view: View) -> str:
    """What was put on the way here, as a word: `ab` after `put a`, `put b`."""
    return "".join(one.arguments["label"] for message in view.messages for one in message.calls if one.name == "put")


class Walker(Agent):
    """Goes on from a path by a rule `(path, draw) -> what it does`: a letter puts it; `!` answers, `?` gives up; text speaks.

    `seen` is shared by forks: every view, in the order asked.
    """

    def __init__(self, rule: Callable[[str, int], str | Message | Reply]) -> None:
        self.rule = rule
        self.seen: list[View] = []

    async def act(self, view: View) -> Message | Reply:
        self.seen.append(View(list(view.messages), list(view.tools), view.policy, view.since, view.draw, view.temperature))
        number = sum(len(message.calls) for message in view.messages) + 1
        does = self.rule(path_of(view), view.draw)
        if not isinstance(does, str):
            return does
        if does == "!":
            return answer(number)
        if does == "?":
            return give_up(number)
        return call(number, "put", label=does) if len(does) == 1 or does.startswith("no") else Message("assistant", does)

    def fork(self) -> Walker:
        return self  # all it needs stands in the view


class Once(User):
    """Says one thing, then is done."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines or ("Please go.",))

    async def speak(self, view: View) -> Message | None:
        return Message("user", self.lines.pop(0)) if self.lines else None


async def walked(search: Search, rule: Callable, *, world: World | None = None, limits: Limits | None = None, user: type | Callable = Once):
    """The trace of a search over a scripted walker, and the walker."""
    walker = Walker(rule)
    trace = await play(TASK, world or World.of(BOARD), lambda *_: walker, lambda *_: user(), search=search, limits=limits or Limits())
    return trace, walker


def visits(trace: Trace) -> list[str]:
    """The paths of the places that a search visited, in their order (`/` is the root, `!` an answer, `?` given up, `.` words)."""
    out: dict[int, str] = {}
    for index, node in enumerate(trace.nodes):
        number = node.notes.get("search", {}).get("expand")
        if number is not None:
            word = ""
            for step in trace.branch(index):
                for one in step.message.calls:
                    word += one.arguments["label"] if one.name == "put" else "!" if one.arguments.get("final_answer") else "?"
                word += "." if step.message.role == "assistant" and not step.message.calls and not step.notes.get("search", {}).get("finish") else ""
            out[number] = word or "/"
    assert sorted(out) == list(range(len(out)))
    return [out[number] for number in sorted(out)]
