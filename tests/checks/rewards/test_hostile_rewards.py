"""Hostile episodes: every reward and every checklist answers, and its evidence can be written down."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import msgspec
import pytest

from artificer.checks.base import Episode
from artificer.checks.calls.base import Expected
from artificer.checks.checklists.check import Ticked
from artificer.checks.checklists.decide import asks
from artificer.checks.checklists.items import Called, Item, Said, Shown
from artificer.checks.rewards import COMPOSITIONS, Rollout, composition, constant
from artificer.checks.rewards.errors import CallClass, class_of
from artificer.checks.rewards.evidence import rationale, used
from artificer.checks.rewards.feedback import feedback
from artificer.checks.rewards.penalties import curiosity, every, excess_calls
from artificer.checks.rewards.steps import steps
from artificer.core.canon import canonical
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Constraint, Goal, Start, Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.core.verdicts import StopReason


def deep(levels: int) -> Any:
    value: Any = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


NASTY: dict[str, Any] = {
    "long": "a" * 3_000_000,
    "tags": "<think>" * 200_000,
    "pairs": "<answer></answer>" * 100_000,
    "references": "<reference>" * 100_000 + "</reference>",
    "surrogate": "\ud800 lone",
    "nan": math.nan,
    "infinity": -math.inf,
    "huge integer": 10**5000,
    "deep": deep(20_000),
    "wide": list(range(20_000)),
    "keys": {f"k{n}": n for n in range(5_000)},
    "regex": "(a+)+$ .* [[[ \\Q \\",
    "null": "\x00",
    "true": True,
}
LIST = [
    Item("called", "?", "assistant.tool_calls", weight=0.25, rule=Called("f", {"x": 1})),
    Item("shown", "?", "tool.content", weight=0.25, rule=Shown("zzz")),
    Item("number", "?", "tool.content", weight=0.25, rule=Shown(-1)),
    Item("said", "?", "assistant.content.user_visible_reply", weight=0.25, rule=Said(("zzz",))),
]


@pytest.mark.parametrize("name", NASTY)
def test_rewards_answer(name: str) -> None:
    value = NASTY[name]
    text = value if isinstance(value, str) else "x"
    call = ToolCall("c1", text[:1000], {"x": value, text[:50]: value})
    nodes = (
        Node(None, Message("user", text)),
        Node(None, Message("assistant", text, reasoning=text, calls=(call,)), sampled=True),
        Node(None, Message("tool", result=ToolResult("c1", value))),
        Node(None, Message("assistant", text), sampled=True),
    )
    group = [Rollout(nodes, stop=StopReason.max_calls), Rollout(stop=StopReason.too_many_errors)]
    parts = [composition(one, constant(0.5, "acc"), mode) for one in COMPOSITIONS for mode in ("code", "strict")]
    for part in (*parts, *every(), curiosity(), excess_calls(), rationale(text, "hint")):
        rewards = part(group)
        assert all(reward.value is not None and math.isfinite(reward.value) for reward in rewards)
        canonical(rewards)
    assert len(used(nodes)) == 1
    assert [one.solved for one in feedback(nodes, {call.name: ["zzz"]}, "zzz")] == [0, 0]
    tool = ToolSpec(call.name, "", {"type": "object", "properties": {"x": {}}})
    assert class_of(call, Expected(call.name, {"x": (1,)}), [tool]) is not CallClass.right
    assert class_of(call, Expected(call.name, {"x": (value,)}), [ToolSpec(call.name, "", {"properties": 3})]) is CallClass.hallucinated
    rules = (Constraint("checklist", {"turns": [msgspec.to_builtins(LIST)]}),)
    task = Task("t", "w", Start(), "p", Goal((), (), ()), constraints=rules)
    found = asyncio.run(Ticked()(Episode(task, (), nodes, (), StopReason.max_calls)))
    assert found.score == 0
    canonical(found)
    question = asks(nodes, LIST[0], steps(nodes))
    assert len(canonical(question)) < 1_000_000
