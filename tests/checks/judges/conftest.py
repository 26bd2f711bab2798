"""Judges whose answers are written down, and episodes to judge."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from artificer.checks.base import Episode
from artificer.checks.judges.base import Judgement, Question
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Constraint, Goal, Start, Task, Want
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.core.verdicts import StopReason
from artificer.models.base import Request
from artificer.models.scripted import Scripted

WRITE = ToolSpec("pay", "pays", {"type": "object", "properties": {"amount": {"type": "number"}, "to": {"type": "string"}}}, None, "write")


def material(request: Request) -> dict[str, str]:
    """What a panel's request shows."""
    return json.loads(request.messages[-1].text.split("Material: ", 1)[1])


def vote(label: str, evidence: str = "the sky is blue", reason: str = "so") -> str:
    return json.dumps({"reason": reason, "evidence": evidence, "label": label})


def saying(*lines: str) -> Scripted:
    return Scripted.saying(lines)


class Fixed:
    """A judge that gives each kind of question the answers written down for it, in order, and counts what it is asked."""

    def __init__(self, **answers: object) -> None:
        self.answers = answers
        self.asked: list[Question] = []

    async def __call__(self, question: Question) -> Judgement:
        self.asked.append(question)
        answer = self.answers[question.kind]
        if callable(answer):
            answer = answer(question)
        if isinstance(answer, Judgement):
            return answer
        return Judgement(answer, "seen", {answer or "": 1}, "fixed", "" if answer else "it failed")


def episode(
    said: str = "The sky is blue.",
    *,
    calls: tuple[ToolCall, ...] = (),
    stop: StopReason = StopReason.agent_done,
    gold: tuple[ToolCall, ...] | None = None,
    outcomes: tuple[str, ...] = ("done",),
    prompt: str = "Pay 12 euros to Ada.",
    **constraints: dict[str, object],
) -> Episode:
    nodes = [Node(None, Message("user", prompt))]
    if calls:
        nodes.append(Node(0, Message("assistant", "", calls=calls), sampled=True))
        nodes += [Node(len(nodes) - 1, Message("tool", result=ToolResult(call.id, {"ok": True}))) for call in calls]
    if said:
        nodes.append(Node(len(nodes) - 1, Message("assistant", said), sampled=True))
    task = Task(
        "t1",
        "w",
        Start(),
        prompt,
        Goal(tuple(Want("x", outcome) for outcome in outcomes), (), ()),  # type: ignore[arg-type]
        gold=gold,
        constraints=tuple(Constraint(name, arguments) for name, arguments in constraints.items()),
    )
    return Episode(task, (WRITE,), nodes, (), stop)


@pytest.fixture
def tools() -> SimpleNamespace:
    return SimpleNamespace(episode=episode, Fixed=Fixed, vote=vote, saying=saying, material=material)
