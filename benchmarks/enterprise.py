"""What the generated enterprise costs, at the size of EnterpriseOps-Gym: loading, forking, proving tasks.

    python benchmarks/enterprise.py [--tasks N] [--json FILE]

Loading is measured in processes of their own, imports included. A fork is counted with its first call, since SQLite
reads the schema only then, and is told as the CPU's and as the wall's milliseconds, median of many; "after writes"
forks a session that has changed rows. The traces are those of `artificer synth cove`, proven again by replay.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds.base import World

SOURCE = "enterprise:generated"
LOAD = (
    "import time; t = time.perf_counter(); from artificer.worlds.base import World; World.of('enterprise:generated'); print(time.perf_counter() - t)"
)


def loads(times: int = 5) -> list[float]:
    return [float(subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True).stdout) for _ in range(times)]


async def forks(session, times: int = 300) -> dict[str, float]:
    wall, cpu = [], []
    for _ in range(times):
        began, used = time.perf_counter(), time.process_time()
        fork = await session.fork()
        assert fork.run(ToolCall("c", "get_hr_employee", {"employee_id": 3})).error is None
        wall.append((time.perf_counter() - began) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
        await fork.close()
    return {"wall_ms": round(statistics.median(wall), 3), "cpu_ms": round(statistics.median(cpu), 3)}


async def sessions() -> dict[str, object]:
    world = World.of(SOURCE, actor="supervisor", tools="5000")
    session = await world.open(Start())
    fresh = await forks(session)
    for number in range(1, 11):
        assert session.run(ToolCall("c", "update_hr_candidate", {"candidate_id": number, "city": f"City {number}"})).error is None
    written = await forks(session)
    await session.close()
    return {"fork and first call": fresh, "fork after ten writes and first call": written}


def proven(tasks: int) -> dict[str, object]:
    """Tasks of the recipe, a third of them impossible."""
    with tempfile.TemporaryDirectory() as folder:
        run = f"{folder}/run"
        made = [sys.executable, "-m", "artificer", "synth", "cove", "--world", SOURCE, "-n", str(tasks), "--impossible", "0.33", "-o", run, "--quiet"]
        began = time.perf_counter()
        subprocess.run(made, check=True, capture_output=True)
        seconds = time.perf_counter() - began
        out = subprocess.run([sys.executable, "-m", "artificer", "verify", run, "--json", "--quiet"], capture_output=True, text=True).stdout
        proof = json.loads(out)
    return {"asked": tasks, "verified": proof["proven"], "refuted": len(proof["refuted"]), "synth_seconds": round(seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description="What the generated enterprise costs.")
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    world = World.of(SOURCE)
    seconds = loads()
    figures: dict[str, object] = {
        "tables": len(world.schema.tables),
        "tools": len(world.tools),
        "image_bytes": len(world.image),
        "policy_characters": len(world.policy),
        "load_seconds": {"median": round(statistics.median(seconds), 2), "worst": round(max(seconds), 2)},
        **asyncio.run(sessions()),
        "traces": proven(arguments.tasks),
    }
    about = {"python": platform.python_version(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2), "figures": figures}
    for name, value in (("load, of cores", f"{about['load']} of {about['cores']}"), *figures.items()):
        print(f"{name:38} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(about, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
