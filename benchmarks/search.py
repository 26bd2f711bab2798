"""What searches find at the same number of queries: ReAct@n, DFSDT, best-of-n, MCTS and beam on rooms with hidden traps.

    python benchmarks/search.py [--json FILE] [--tasks N] [--budgets 20,60] [--skills 0.6,0.8]

The rooms are `search_rooms.py`: ways of 2 to 4 rooms (short) or 5 to 8 (long) with 4 doors each; wrong doors do not open, or
lead into a blind corridor that looks like the way; in families with false exits a third of them lead to daylight that is not
the right one. The agent is scripted and the same for all searches: in a room on the right way it takes the right door with
the probability `skill` (else one of the others, each as likely), elsewhere any; never one that it was told to avoid (a door
that did not open in this room; what a diversity message lists). With persistent mistakes it has, for each room and what it
is to avoid, one favourite drawn like this, and every other time goes by it instead of drawing anew. It gives up at a wall, and
ends with an answer at daylight, right or not. What it draws depends on the task, what it has seen and the number of the
attempt, and on nothing else. Solved: the search's answer is a line at whose end the world is at the right way out. All
queries count, those to the verifier too: one that is right four times of five on whether a line is on the right way.

Every combination of length, traps, mistakes, skill and budget is reported, those included where DFSDT is behind.
Also: CPU per query, agent and world included.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import time
from pathlib import Path

import search_rooms as rooms

from artificer.agents.base import Agent, User, View
from artificer.core.canon import rng
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Goal, Start, Task
from artificer.rollout.episode import play
from artificer.rollout.line import Limits
from artificer.rollout.search.beam import Beam
from artificer.rollout.search.best_of import BestOf
from artificer.rollout.search.dfsdt import DFSDT
from artificer.rollout.search.mcts import MCTS
from artificer.rollout.search.scores import Scored
from artificer.worlds.base import World

SOURCE = f"python:{Path(rooms.__file__).resolve()}"
RIGHT = 0.8
"""How often the verifier is right."""


class Walker(Agent):
    """See the module docstring."""

    def __init__(self, seed: int, skill: float, persistent: bool) -> None:
        self.seed = seed
        self.skill = skill
        self.persistent = persistent

    async def act(self, view: View) -> Message:
        said = view.messages[: len(view.messages) - view.aside]
        path, blocked = self._walked(said)
        number = sum(len(message.calls) for message in said) + 1
        last = next((message.result for message in reversed(said) if message.result is not None), None)
        if last is not None and last.content == "a wall":
            return Message("assistant", calls=(ToolCall(f"c{number}", "Finish", {"return_type": "give_up_and_restart"}),))
        if last is not None and last.content == "daylight":
            return Message("assistant", calls=(ToolCall(f"c{number}", "Finish", {"return_type": "give_answer", "final_answer": "I am out."}),))
        avoid = blocked | self._told(view)
        return Message("assistant", calls=(ToolCall(f"c{number}", "go", {"door": self._door(path, avoid, number, view.draw)}),))

    def _walked(self, said) -> tuple[str, set[str]]:
        """Where it is, and which doors did not open here."""
        calls = {call.id: call.arguments["door"] for message in said for call in message.calls}
        path, blocked = "", set()
        for message in said:
            if message.result is not None and message.result.error is None:
                path, blocked = path + calls[message.result.call_id], set()
            elif message.result is not None:
                blocked.add(calls[message.result.call_id])
        return path, blocked

    def _told(self, view: View) -> set[str]:
        """The doors that a diversity message lists."""
        text = "".join(message.text for message in view.messages[len(view.messages) - view.aside :] if view.aside)
        return {door for door in "abcd" if f'"door": "{door}"' in text}

    def _door(self, path: str, avoid: set[str], number: int, draw: int) -> str:
        chance = rng("walker", self.seed, path, sorted(avoid), number, draw)
        if self.persistent and chance.random() < 0.5:
            chance = rng("favourite", self.seed, path, sorted(avoid))
        left = [door for door in "abcd"[: rooms.DOORS] if door not in avoid] or list("abcd"[: rooms.DOORS])
        right = rooms.right(self.seed, len(path)) if rooms.what(self.seed, path) == "way" else None
        wrong = (1 - self.skill) / (rooms.DOORS - 1)
        return chance.choices(left, [(self.skill if door == right else wrong) if right else 1.0 for door in left])[0]


class Once(User):
    def __init__(self) -> None:
        self.said = False

    async def speak(self, view: View) -> Message | None:
        if self.said:
            return None
        self.said = True
        return Message("user", "Find the way out.")


class Verifier:
    """Right four times of five; the same about the same line."""

    gold = False
    asks = 1

    async def __call__(self, line, since, stop) -> Scored:
        calls = {call.id: call.arguments.get("door", "") for message in line.messages for call in message.calls}
        path = "".join(calls[message.result.call_id] for message in line.messages if message.result is not None and message.result.error is None)
        seed = line.task.start.seed
        good = rooms.what(seed, path) in ("way", "out")
        lucky = rng("verifier", seed, path, len(calls)).random() < RIGHT
        return Scored(float(good == lucky), 1)


def arms(queries: int, depth: int) -> dict:
    return {
        "react@n": BestOf(10_000, first=True, finish=True, depth=depth, queries=queries),
        "dfsdt beam 2": DFSDT(2, depth, queries),
        "dfsdt beam 3": DFSDT(3, depth, queries),
        "best of 4, verifier": BestOf(4, finish=True, depth=depth, queries=queries, score=Verifier()),
        "mcts 3": MCTS(1000, 3, depth, queries=queries),
        "mcts 3, verifier": MCTS(1000, 3, depth, queries=queries, score=Verifier()),
        "beam 2 of 3": Beam(3, 2, depth, queries=queries),
        "beam 2 of 3, verifier": Beam(3, 2, depth, queries=queries, score=Verifier()),
    }


async def solved(world: World, search, skill: float, persistent: bool, seed: int) -> tuple[bool, bool, int]:
    """Whether it was solved, whether there was an answer, how many queries it took."""
    task = Task(f"rooms-{seed}", SOURCE, Start(seed), "", Goal((), (), ()))
    agent = Walker(seed, skill, persistent)
    trace = await play(task, world, lambda *_: agent, lambda *_: Once(), search=search, limits=Limits(turns=1000, calls=1000))
    leaf = trace.lineage["chosen"]
    out = leaf is not None and any(effect.columns.get("value", (None, None))[1] is True for effect in trace.effects[leaf])
    return out, leaf is not None, trace.lineage["search"]["queries"]


def interval(share: float, n: int) -> float:
    """Half the 95% interval of a share."""
    return 1.96 * math.sqrt(share * (1 - share) / n)


FAMILIES = {
    f"{length}, {traps}, {mistakes} mistakes": (rooms.LONG * (length == "long") + rooms.FALSE * (traps == "false exits"), mistakes == "persistent")
    for length in ("short", "long")
    for traps in ("late traps", "false exits")
    for mistakes in ("independent", "persistent")
}


async def cell(world: World, search, most: int, skill: float, persistent: bool, seeds: range) -> dict:
    rows = [await solved(world, search, skill, persistent, seed) for seed in seeds]
    assert all(row[2] <= most for row in rows), f"{search} took more than {most} queries"
    share = sum(row[0] for row in rows) / len(rows)
    return {
        "solved": round(share, 4),
        "plus_minus": round(1.96 * math.sqrt(share * (1 - share) / len(rows)), 4),
        "answered": round(sum(row[1] for row in rows) / len(rows), 4),
        "queries_mean": round(sum(row[2] for row in rows) / len(rows), 2),
    }


async def table(world: World, tasks: int, budgets: list[int], skills: list[float]) -> dict:
    out: dict[str, dict] = {}
    for family, (base, persistent) in FAMILIES.items():
        for skill in skills:
            for queries in budgets:
                depth = 24 if family.startswith("long") else 12
                found = {
                    name: await cell(world, search, queries, skill, persistent, range(base, base + tasks))
                    for name, search in arms(queries, depth).items()
                    if ONLY is None or name in ONLY
                }
                out.setdefault(family, {})[f"skill {skill:g}, {queries} queries"] = found
        show(family, out[family])
    return out


ONLY: set[str] | None = None


async def cost(world: World, tasks: int) -> dict:
    """CPU microseconds a query, agent and world included, of a chain and of DFSDT on the same tasks."""
    out = {}
    for name, search in (("chain", DFSDT(1, 12, 60)), ("dfsdt beam 2", DFSDT(2, 12, 60))):
        best = math.inf
        for _ in range(3):
            began, queries = time.process_time(), 0
            for seed in range(tasks):
                queries += (await solved(world, search, 0.6, False, seed))[2]
            best = min(best, (time.process_time() - began) / queries * 1e6)
        out[name] = round(best, 1)
    return out


def show(family: str, cells: dict) -> None:
    print(f"\n{family}: solved, %")
    print(f"{'':22}" + "".join(f"{name:>26}" for name in cells))
    for name in next(iter(cells.values())):
        print(
            f"{name:22}" + "".join(f"{100 * found[name]['solved']:20.1f} ±{100 * found[name]['plus_minus']:4.1f}" for found in cells.values()),
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json")
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--budgets", default="20,60")
    parser.add_argument("--skills", default="0.6,0.8")
    parser.add_argument("--only", help="names of searches, with commas between")
    given = parser.parse_args()
    global ONLY
    ONLY = set(given.only.split(",")) if given.only else None
    budgets, skills = [int(text) for text in given.budgets.split(",")], [float(text) for text in given.skills.split(",")]
    world = World.of(SOURCE)
    found = asyncio.run(table(world, given.tasks, budgets, skills))
    families = {}
    for family, cells in found.items():
        mean = {name: round(sum(cell[name]["solved"] for cell in cells.values()) / len(cells), 4) for name in next(iter(cells.values()))}
        ahead = sum(cell["dfsdt beam 2"]["solved"] > cell["react@n"]["solved"] for cell in cells.values())
        families[family] = {"mean_solved": mean, "cells": len(cells), "dfsdt_beam_2_ahead_of_react": ahead}
        print(f"{family}: dfsdt (beam 2) {100 * mean['dfsdt beam 2']:.1f}%, react@n {100 * mean['react@n']:.1f}%, ahead in {ahead} of {len(cells)}")
    took = asyncio.run(cost(world, 50))
    print(f"CPU a query, microseconds: {took}")
    if given.json:
        result = {"tasks": given.tasks, "families": families, "cpu_us_per_query": took, "table": found}
        Path(given.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
