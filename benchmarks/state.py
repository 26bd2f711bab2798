"""What checks of the state cost, and that they cost nothing where no task asks for them.

    python benchmarks/state.py [-n 60] [--json] [--only judge]

Plays retail tasks with the oracle, then judges the traces again and again: by the standard checks, as every trace is;
with one SQL assertion besides; with two milestones besides. CPU time of this process, best of several; `--only judge`
needs nothing that is new, so that an older tree can be measured beside this one with PYTHONPATH.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import msgspec

import artificer
from artificer.checks.suite import by_name, standard
from artificer.core.tasks import Constraint, Task
from artificer.core.trace import Trace
from artificer.rollout.replay import judged
from artificer.run.store import RunFolder
from artificer.worlds.base import World

COUNTED = {"query": "SELECT count(*) FROM orders WHERE order_id >= ?", "parameters": [0], "comparison_type": "greater_than", "expected_value": 0}
SQL = Constraint("sql", COUNTED)
SAID = {"table": "@messages", "rows": [{"sender": "agent", "recipient": "user", "content": "It is done."}]}
CHANGED = {"table": "orders", "kind": "update", "rows": [{}], "reference": -1}
STONES = Constraint("milestones", {"milestones": [{"constraints": [SAID]}, {"constraints": [CHANGED]}]})


def best(work, times: int) -> float:
    """Least CPU seconds of several goes."""
    found = []
    for _ in range(times):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=["judge"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        artificer.synth("cove", world="domain:retail", n=given.n, seed=1, out=f"{place}/run")
        with RunFolder.open(f"{place}/run") as run:
            tasks = dict(run.read("tasks", Task))
            rows = [(tasks[key.split("/")[0]], trace) for key, trace in run.read("traces", Trace, ordered=True)]
    world = World.of("domain:retail")

    def judging(constraints: tuple[Constraint, ...], checks):
        made = [(msgspec.structs.replace(task, constraints=(*task.constraints, *constraints)), trace) for task, trace in rows]

        async def every() -> None:
            for task, trace in made:
                await judged(task, world, trace, checks)

        return lambda: asyncio.run(every())

    figures = {"traces": len(rows)}
    each = 1e6 / len(rows)
    judging((), standard())()  # what is worked out once
    figures["judge_us"] = round(best(judging((), standard()), 15) * each, 1)
    if given.only is None:
        for name, constraint in (("sql", SQL), ("milestones", STONES)):
            figures[f"{name}_us"] = round(best(judging((constraint,), by_name([name])), 7) * each, 1)
    for name, value in figures.items():
        print(f"{name:16} {value}")
    if given.json:
        (Path(__file__).parent / "results" / "state.json").write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
