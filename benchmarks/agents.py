"""What agents cost beside their models: CPU milliseconds to make one message, for each kind and each middleware.

    python benchmarks/agents.py [--json FILE]

A model that answers at once stands behind each; the conversation has ten messages with results of 600 characters, the
world is the Chinook sample with its 78 tools. The best of several rounds, each agent fresh, what episodes share
already there; `calls` is the floor. A middleware's figure is with the `react` agent in it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import time
from pathlib import Path

import artificer
from artificer.agents.base import View
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Goal, Start, Task
from artificer.models.base import Counts, Model, Reply, Request
from artificer.rollout.parties import agent_maker
from artificer.worlds.base import World

ACTS = 200
ROUNDS = 5
SAYS = {
    "calls": "It is done.",
    "react": "Thought: it is done\nAnswer: It is done.",
    "code": "I compute.\n```python\nprint(1)\n```",
    "plan": '{"nodes": [{"id": 0, "name": "get_track", "args": {"track_id": 1}}]}',
    "router": "<answer>It is done.</answer>",
}
AROUND = ("backtrack", "compress:chars=200", "debug", "finish", "planner", "refine", "reflect", "retrieve")


class Ready(Model):
    """Has its answer ready."""

    name = "scripted:ready"

    def __init__(self, text: str) -> None:
        self.answer = Reply(Message("assistant", text), Counts(1, 1), text)
        self.verdict = Reply(Message("assistant", '{"correct": true}'), Counts(1, 1), '{"correct": true}')

    async def reply(self, request: Request) -> Reply:
        return self.verdict if request.schema is not None else self.answer


def conversation() -> list[Message]:
    """A question, four calls with their results, and one more word of the user."""
    talk = [Message("user", "Which tracks of the album cost most?")]
    for number in range(1, 5):
        talk.append(Message("assistant", reasoning="I look.", calls=(ToolCall(f"c{number}", "get_track", {"track_id": number}),)))
        talk.append(Message("tool", result=ToolResult(f"c{number}", {"track_id": number, "name": "x" * 560})))
    return [*talk[:-2], Message("assistant", "One moment."), Message("user", "Go on.")]


async def cost(name: str, model: Model, view: View, world: World, task: Task) -> float:
    """CPU milliseconds a message."""
    best = float("inf")
    for _ in range(ROUNDS):
        make = agent_maker(name, None, model=model)
        agents = [make(task, world, 0) for _ in range(ACTS)]
        await make(task, world, 0).act(view)  # what is shared between episodes is there by now
        began = time.process_time()
        for agent in agents:
            await agent.act(view)
        best = min(best, (time.process_time() - began) / ACTS)
    return round(best * 1000, 3)


async def measured() -> dict[str, dict[str, float]]:
    """All figures."""
    world = World.of("sqlite:chinook")
    view = View(conversation(), world.tools, world.policy)
    task = Task("t", world.name, Start(), "p", Goal((), (), ()))
    kinds = {kind: await cost(f"{kind}:scripted:ready", Ready(text), view, world, task) for kind, text in SAYS.items()}
    base = kinds["react"]
    added = {
        around.partition(":")[0]: round(await cost(f"react:scripted:ready | {around}", Ready(SAYS["react"]), view, world, task) - base, 3)
        for around in AROUND
    }
    return {"kinds_ms": kinds, "middleware_adds_ms": added}


def main() -> None:
    """Prints the figures and keeps them when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = asyncio.run(measured())
    for group, rows in figures.items():
        print(group)
        for name, value in rows.items():
            print(f"  {name:<12} {value:8.3f} ms")
    if options.json is not None:
        about = {"artificer": artificer.__version__, "python": platform.python_version(), "cores": os.cpu_count()}
        options.json.write_text(json.dumps({"about": about, **figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
