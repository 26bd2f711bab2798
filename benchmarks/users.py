"""Manners of users, each always on: how many tasks the oracle still solves, and what it takes; and tau2's tasks for two.

    python benchmarks/users.py [--json FILE] [--n 200] [--seed 7] [--site FOLDER]

Tasks are made in a shop and in a music store's database, then played by `scripted:oracle` against the scripted user with
each manner. With `--site` (a folder with the package inspect-evals, see benchmarks/imported.py) every task of tau2's
domains is played by the gold agent and the gold user, each with its own calls, judged by upstream's rules and proven
again by replay.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import artificer.api
from artificer.checks.suite import by_name
from artificer.core.tasks import Task
from artificer.rollout.collect import collect
from artificer.rollout.episode import play
from artificer.rollout.line import Limits
from artificer.rollout.parties import agent_maker
from artificer.rollout.replay import judged, replay
from artificer.rollout.users import user_maker
from artificer.run.store import RunFolder
from artificer.worlds.base import World

WORLDS = ("domain:retail", "sqlite:chinook")
USERS = (
    "goal",
    "goal | vague:rate=1",
    "goal | misstates:rate=1",
    "goal | changes_mind:rate=1",
    "goal | slips:rate=1",
    "goal | impatient:rate=1",
    "goal | insists",
    "goal | breaks_policy:rate=1",
    "goal | vague | misstates | changes_mind | impatient | insists:times=2 | breaks_policy",
)


async def manners(source, tasks):
    world = World.of(source)
    agent = agent_maker("scripted:oracle", world.guide)
    found = {}
    for user in USERS:
        cpu = time.process_time()
        traces = [trace async for trace in collect(tasks, world, agent=agent, user=user_maker(user))]
        failed = [
            part.name for trace in traces if not trace.passed for verdict in trace.verdicts.values() for part in verdict.parts if not part.passed
        ]
        found[user] = {
            "tasks": len(traces),
            "passed": sum(trace.passed for trace in traces),
            "failed_checks": sorted(failed),
            "turns": round(sum(trace.usage.turns for trace in traces) / len(traces), 2),
            "detours": sum((node.message.author or "").startswith("user:") for trace in traces for node in trace.nodes),
            "cpu_ms_a_trace": round(1000 * (time.process_time() - cpu) / len(traces), 2),
        }
        print(f"{source:16} {user:90} {found[user]['passed']} of {len(traces)}, {found[user]['turns']} turns {failed or ''}", flush=True)
    await world.close()
    return found


async def for_two(source, **options):
    world = World.of(source, **options)
    agent, user = agent_maker("scripted:gold", None), user_maker("goal")
    tally = {"tasks": 0, "passed": 0, "proven": 0, "with_calls_of_the_user": 0, "users_calls": 0}
    for task in world.tasks():
        trace = await judged(task, world, await play(task, world, agent, user, limits=Limits(calls=200)), by_name(task.checks))
        own = sum(len(node.message.calls) for node in trace.nodes if node.message.role == "user")
        tally["tasks"] += 1
        tally["passed"] += trace.passed
        tally["proven"] += (await replay(task, world, trace, by_name(task.checks))).proven
        tally["with_calls_of_the_user"] += own > 0
        tally["users_calls"] += own
    print(source, options, tally, flush=True)
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--n", type=int, default=200, help="tasks of each world")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--site", type=Path, help="a folder that has inspect-evals: play tau2's tasks as well")
    arguments = parser.parse_args()
    result = {"seed": arguments.seed, "manners": {}, "for_two": {}}
    with tempfile.TemporaryDirectory(prefix="artificer-users-") as place:
        for at, source in enumerate(WORLDS):
            artificer.api.synth("cove", world=source, n=arguments.n, seed=arguments.seed, out=f"{place}/{at}")
            with RunFolder.open(f"{place}/{at}") as run:
                tasks = [task for _, task in run.read("tasks", Task, ordered=True)]
            result["manners"][source] = asyncio.run(manners(source, tasks))
    if arguments.site:
        sys.path.insert(0, str(arguments.site))
        for source, options in (("tau2:telecom", {"split": "full"}), ("tau2:retail", {}), ("tau2:airline", {})):
            result["for_two"][source] = asyncio.run(for_two(source, **options))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
