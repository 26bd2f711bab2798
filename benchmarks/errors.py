"""The classifier of errors on planted faults, and what it costs.

The oracle plays a shop and a database with one of 13 faults planted in it (those of `benchmarks/audit.py`). Of each conversation in
which the fault came up: does the classifier name it, in one of the kinds that mean it? The oracle without faults says how often it
names something where nothing is wrong. CPU is of this process alone (best of three): the classifier and the nine standard checks on
the same episodes, and `artificer stats` on a run, with its peak memory at three sizes.

    python benchmarks/errors.py --json benchmarks/results/errors.json
"""

import argparse
import asyncio
import json
import platform
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import audit as planted

import artificer
from artificer.checks import judge, standard
from artificer.checks.errors import errors
from artificer.core.kinds import ErrorGroup
from artificer.core.kinds import ErrorKind as K
from artificer.rollout.audit import Offered, episode_of, leaf_of
from artificer.rollout.mistakes import count_mistakes
from artificer.rollout.parties import agent_maker
from artificer.run.store import RunFolder
from artificer.worlds.base import World

MEANT = {
    "GuessesValue": {K.ungrounded_argument},
    "AsksNoLeave": {K.policy_breach},
    "ClaimsIt": {K.missing_effect},
    "WritesAgain": {K.extra_effect, K.wrong_value, K.redundant_write},
    "TellsNothing": {K.not_told, K.ignored_result},
    "GivesUp": {K.false_refusal},
    "NeverAsks": {K.missing_effect, K.no_call, K.not_told, K.missed_refusal},
    "Loops": {K.repetition},
    "SaysNothing": {K.bad_grammar},
    "Breaks": {K.transport},
    "CallsNonsense": {K.unknown_tool},
    "Stammers": {K.unparsable_call},
    "WrongRow": {K.extra_effect, K.wrong_value, K.ungrounded_argument, K.not_found, K.forbidden, K.constraint, K.repetition},
}
"""The kinds that name each planted fault. A write to another row may be refused by the world before it does harm; who never asks leaves a
change undone, an answer unsaid, or what cannot be done unrefused. Who gives up on what cannot be done is right to refuse, and fails by
not saying why."""
CANNOT = {"GivesUp": {K.not_told}, "TellsNothing": {K.missed_refusal, K.not_told}}
"""The same for tasks that cannot be served."""


async def lane(source, n, seed, place, rows):
    tasks = await asyncio.to_thread(lambda: asyncio.run(planted.tasks_of(source, n, seed, place)))
    world = World.of(source)
    offered = Offered(tuple(world.tools), world.policy, tuple(world.user_tools))
    oracle = agent_maker("scripted:oracle", world.guide)
    for kind in (None, *planted.AGENTS):
        for task in tasks:
            outcome, _, trace = await planted.one(task, world, oracle, kind, offered)
            leaf = leaf_of(trace) if trace.verdicts else len(trace.nodes) - 1
            if outcome != "unused" and trace.nodes:
                rows.append((source, kind.__name__ if kind else None, outcome, episode_of(task, trace, offered, leaf), trace.verdicts.get(leaf)))
    await world.close()


def named(rows):
    """Of each fault: conversations, those in which it was named, and what was said instead."""
    found = {}
    for name, kinds in MEANT.items():
        mine = [(episode, verdict) for _, kind, outcome, episode, verdict in rows if kind == name and outcome == "failed"]
        said: list[tuple[bool, set[K]]] = []
        for episode, verdict in mine:
            cannot = all(want.outcome in ("refused", "unclear") for want in episode.task.goal.wants)
            kinds_said = {error.kind for error in errors(episode, verdict)}
            said.append((bool(kinds_said & (CANNOT.get(name, kinds) if cannot else kinds)), kinds_said))
        missed = Counter(kind.value for right, one in said if not right for kind in one)
        found[name] = {"failed": len(mine), "named": sum(right for right, _ in said)} | ({"said_instead": dict(missed)} if missed else {})
    return found


def cpu_ms(rows, work):
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for _, _, _, episode, verdict in rows:
            work(episode, verdict)
        best = min(best, time.process_time() - began)
    return 1000 * best / len(rows)


def stats_cost(place):
    """CPU a row of `count_mistakes`, and its peak of memory, for runs of three sizes."""
    found = {}
    for n in (100, 400, 1600):
        artificer.synth("cove", world="domain:retail", n=n, seed=3, out=f"{place}/{n}")
        with RunFolder.open(f"{place}/{n}") as run:
            count_mistakes(run)
            began = time.process_time()
            counted = count_mistakes(run)
            seconds = time.process_time() - began
            tracemalloc.start()
            count_mistakes(run)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        found[n] = {"rows": counted.rows.n, "cpu_ms_a_row": round(1000 * seconds / counted.rows.n, 2), "peak_mb": round(peak / 2**20, 2)}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--n", type=int, default=30, help="tasks of each world")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="artificer-errors-") as place:
        for at, source in enumerate(planted.WORLDS):
            asyncio.run(lane(source, arguments.n, arguments.seed, f"{place}/{at}", rows))
        costs = stats_cost(place)
    faults = named(rows)
    right = [(episode, verdict) for _, kind, outcome, episode, verdict in rows if kind is None and outcome == "passed"]
    alarms = Counter(error.kind.value for episode, verdict in right for error in errors(episode, verdict) if error.kind.side is ErrorGroup.agent)

    loop = asyncio.new_event_loop()
    nine = standard()

    def checks(episode, verdict):
        loop.run_until_complete(judge(episode, nine))

    result = {
        "python": platform.python_version(),
        "planted": faults,
        "failed": sum(one["failed"] for one in faults.values()),
        "named": sum(one["named"] for one in faults.values()),
        "right_conversations": len(right),
        "said_of_right_ones": dict(alarms),
        "episodes": len(rows),
        "cpu_ms_classifier": round(cpu_ms(rows, errors), 3),
        "cpu_ms_nine_checks": round(cpu_ms(rows, checks), 3),
        "stats": costs,
    }
    loop.close()
    for name, one in faults.items():
        print(f"{name:16} named {one['named']:3} of {one['failed']:3}  {one.get('said_instead', '')}")
    print(f"all: {result['named']} of {result['failed']}; of {len(right)} right conversations it said {dict(alarms) or 'nothing'}")
    print(f"CPU an episode: {result['cpu_ms_classifier']} ms, the nine checks {result['cpu_ms_nine_checks']} ms ({len(rows)} episodes)")
    print(f"stats: {costs}")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
