"""What rewards cost: published compositions over a group, group comparisons, and checklists decided by rules.

    python benchmarks/rewards.py --json

CPU time (`process_time`), the best of five, so that other work on the machine counts for little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

from artificer.checks.checklists.decide import decide
from artificer.checks.checklists.items import Called, Item, Said, Shown, checklist
from artificer.checks.checklists.rewards import scored, step_advantages
from artificer.checks.rewards import COMPOSITIONS, Rollout, composition, left_out, relative, term, zscored
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.trace import Node
from artificer.core.verdicts import StopReason

GROUP = 16
TURNS, STEPS = 4, 5
WORDS = "the user wants the track and the price of it, so I look for both and say what I found " * 5


def trajectory(number: int) -> tuple[Node, ...]:
    """Four turns of five steps: four calls with results, and an answer."""
    nodes: list[Node] = []
    for turn in range(TURNS):
        nodes.append(Node(None, Message("user", f"find item {turn}")))
        for step in range(STEPS - 1):
            call = ToolCall(f"c{turn}-{step}", "search", {"q": f"item {turn}", "page": step})
            nodes.append(Node(None, Message("assistant", "", reasoning=WORDS, calls=(call,)), sampled=True))
            content = {"rows": [{"id": turn * 100 + step * 10 + row, "name": f"row {row}"} for row in range(10)]}
            nodes.append(Node(None, Message("tool", result=ToolResult(call.id, content))))
        nodes.append(Node(None, Message("assistant", f"<answer>\\boxed{{{turn * 100 + number % 3}}}</answer>", reasoning=WORDS), sampled=True))
    return tuple(nodes)


def cpu(work: Callable[[], object], times: int) -> float:
    """Seconds of CPU a call, the best of five."""
    best = float("inf")
    for _ in range(5):
        begun = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - begun) / times)
    return best


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--json", action="store_true")
    group = [Rollout(trajectory(n), stop=StopReason.agent_done, figures={"acc": float(n % 3 == 0), "tokens": 900.0 + n}) for n in range(GROUP)]
    accuracy = term("acc", lambda rollout: rollout.figures["acc"])
    figures: dict[str, float] = {}
    for name in COMPOSITIONS:
        for mode in ("code", "strict"):
            part = composition(name, accuracy, mode)
            figures[f"{name} ({mode}), us a trajectory"] = cpu(lambda part=part: part(group), 20) / GROUP * 1e6
    values = [float(n % 7) for n in range(GROUP)]
    figures["zscored, us a group"] = cpu(lambda: zscored(values), 2000) * 1e6
    figures["left_out, us a group"] = cpu(lambda: left_out(values), 2000) * 1e6
    figures["relative accuracy, us a trajectory"] = cpu(lambda: relative(accuracy)(group), 500) / GROUP * 1e6
    turn = [
        Item("searched", "?", "assistant.tool_calls", weight=0.25, rule=Called("search", {"page": 1})),
        Item("shown", "?", "tool.content", weight=0.25, rule=Shown("row 3")),
        Item("told", "?", "assistant.content.user_visible_reply", weight=0.5, after=("shown",), rule=Said(("boxed",))),
    ]
    asked = checklist([turn] * TURNS)
    states = [asyncio.run(decide(rollout.nodes, asked)) for rollout in group]
    figures["checklist decided by rules, us a trajectory"] = cpu(lambda: asyncio.run(decide(group[0].nodes, asked)), 50) * 1e6
    figures["checklist reward, us a trajectory"] = cpu(lambda: scored(asked, states[0]), 200) * 1e6
    figures["checklist step advantages, us a trajectory"] = cpu(lambda: step_advantages(asked, states), 20) / GROUP * 1e6
    for name, figure in figures.items():
        print(f"{name:60} {figure:10.1f}")
    if options.parse_args().json:
        path = Path(__file__).parent / "results" / "rewards.json"
        what = {"group": GROUP, "turns": TURNS, "steps a turn": STEPS, "measure": "CPU time, best of five"}
        path.write_text(json.dumps({"what": what, "figures": {name: round(figure, 1) for name, figure in figures.items()}}, indent=2) + "\n")


if __name__ == "__main__":
    main()
