"""How fast offline synthesis with proof is: verified multi-turn traces a second, and where the time goes.

    python benchmarks/synth.py --n 1000 --world domain:retail --world sqlite:chinook --json
    benchmarks/results/synth.json

Each world is synthesised twice: in this process (CPU milliseconds a trace by stage), and over two worker processes
(traces a second of wall time, start of the
workers included). A trace counts when it passed every check of CoVe. The floor is the same number of sessions opened,
written to once and closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import shutil
import tempfile
import time
from pathlib import Path

from artificer.core.messages import ToolCall
from artificer.core.tasks import Start, Task
from artificer.core.trace import Trace
from artificer.recipes.synthesis.cove import Knobs, source, stages
from artificer.run.engine import execute
from artificer.run.store import RunFolder
from artificer.worlds.base import World


def run(world: str, n: int, engine: str, folder: Path) -> dict[str, float]:
    knobs = Knobs(world=world, n=n, seed=7)
    wall, cpu = time.perf_counter(), time.process_time()
    with RunFolder.create_or_continue(folder, {"recipe": "cove", "world": world}) as run:
        summary = asyncio.run(execute(stages(knobs), source(knobs), run, engine=engine))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        traces = [trace for _, trace in run.read("traces", Trace)]
    calls = sum(trace.usage.calls for trace in traces)
    turns = sum(sum(node.message.role == "user" for node in trace.nodes) for trace in traces)
    out = {
        "traces": len(traces),
        "wall_s": wall,
        "traces_per_s": len(traces) / wall,
        "cpu_ms_per_trace": 1000 * cpu / max(1, len(traces)),
        "calls_per_trace": calls / max(1, len(traces)),
        "user_turns_per_trace": turns / max(1, len(traces)),
    }
    return out | {f"stage_{stage.name}_ms": 1000 * stage.seconds / max(1, n) for stage in summary.stages}


async def floor(source_name: str, n: int, gold: list[tuple[Start, ToolCall]]) -> float:
    """Milliseconds of CPU for a session, one write and its effects."""
    world = World.of(source_name)
    began = time.process_time()
    for index in range(n):
        start, call = gold[index % len(gold)]
        session = await world.open(start)
        await session.call(call)
        session.effects()
        await session.close()
    took = time.process_time() - began
    await world.close()
    return 1000 * took / n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--world", action="append")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    report: dict[str, object] = {"python": platform.python_version(), "machine": platform.machine(), "n": asked.n}
    for world in asked.world or ["domain:retail", "sqlite:chinook"]:
        base = Path(tempfile.mkdtemp())
        try:
            local = run(world, asked.n, "local", base / "local")
            spread = run(world, asked.n, "processes:2", base / "processes")
            with RunFolder.open(base / "local") as folder:
                gold = [(task.start, task.gold[0]) for _, task in folder.read("tasks", Task) if task.gold][:50]
            bare = asyncio.run(floor(world, asked.n, gold))
        finally:
            shutil.rmtree(base)
        report[world] = {"local": local, "processes:2": spread, "floor_ms": bare, "ratio_to_floor": local["cpu_ms_per_trace"] / bare}
        print(f"{world}: {spread['traces_per_s']:.0f} verified traces/s on 2 processes, {local['traces_per_s']:.0f} on one;")
        against = f"{local['cpu_ms_per_trace'] / bare:.0f}x the floor of {bare:.3f} ms (a session and one write)"
        print(f"  {local['cpu_ms_per_trace']:.2f} ms CPU a trace, {against}")
        print(f"  {local['calls_per_trace']:.1f} calls and {local['user_turns_per_trace']:.1f} user turns a trace")
        print("  where it goes (ms a row): " + ", ".join(f"{name[6:-3]} {ms:.2f}" for name, ms in local.items() if name.startswith("stage_")))
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
