"""What Ray costs beside the other engines, and what a second worker gives: rows that compute (synthesis with proof on a domain: goals are sampled,
played and judged by execution), and rows that only wait.

    python benchmarks/ray_engine.py [--n 6000] [--world domain:retail] [--json benchmarks/results/ray_engine.json]

Wall times need an idle machine: one with two cores that others use says little of a second worker. So CPU is measured too, by process: `worker` is
what the workers used from entering their builders to leaving them, `driver` what the process with the writer used, `daemons` Ray's own processes
on this machine. `s_on_idle_cores` is the wall time that follows when nobody else is there: the busiest worker, or all CPU over the cores, whichever
is longer. Starting Ray is left out and shown apart; starting the workers is in.

`no barrier` is card 44's second check: 99 rows of 0.01 s and one of some seconds. Batches wait for the slow one; the engine ends the 99 long before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from artificer.recipes.synthesis.cove import Knobs, source, stages
from artificer.run.engine import execute
from artificer.run.ray_cluster import connected
from artificer.run.stage import RowFunction, Stage, each
from artificer.run.store import RunFolder

TICKS = os.sysconf("SC_CLK_TCK")
CONCURRENCY = 64
LANES = ("local", "processes:1", "processes:2", "ray:1", "ray:2")


class Meter(Struct, frozen=True):
    """Writes down what its process used while it worked. Entered first, left last."""

    folder: str

    def __call__(self) -> AbstractAsyncContextManager[RowFunction]:
        return self._made()

    @asynccontextmanager
    async def _made(self) -> AsyncGenerator[RowFunction]:
        began, rows = time.process_time(), 0

        async def row(key: str, item: Any) -> Any:
            nonlocal rows
            rows += 1
            return item

        yield row
        Path(self.folder, f"{os.getpid()}.json").write_text(json.dumps({"cpu_s": time.process_time() - began, "rows": rows}))


def descendants() -> dict[int, tuple[str, float]]:
    """Every process that descends from this one: its name and the seconds of CPU it has used."""
    parents: dict[int, int] = {}
    found: dict[int, tuple[str, float]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                text = (entry / "stat").read_text()
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            fields = text.rpartition(")")[2].split()
            parents[int(entry.name)] = int(fields[1])
            found[int(entry.name)] = (line, (int(fields[11]) + int(fields[12])) / TICKS)
    mine = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return {pid: found[pid] for pid in mine - {os.getpid()}}


def daemons_s() -> float:
    """CPU of Ray's own processes; workers are called `ray::...`."""
    return sum(
        cpu for line, cpu in descendants().values() if ("gcs_server" in line or "raylet" in line or "_monitor" in line or "agent" in line.lower())
    )


def measured(chain: list[Stage], rows: list[tuple[str, Any]], engine: str, concurrency: int = CONCURRENCY) -> tuple[dict[str, Any], list[Any]]:
    """One run: times and CPU, and the rows of its last stage."""
    with tempfile.TemporaryDirectory() as place:
        meters = Path(place) / "meters"
        meters.mkdir()
        wall, cpu, ray = time.perf_counter(), time.process_time(), daemons_s()
        with RunFolder.create_or_continue(Path(place) / "run", {"benchmark": 1}) as folder:
            metered = [each("meter", Meter(str(meters))), *chain]
            summary = asyncio.run(execute(metered, rows, folder, engine=engine, concurrency=concurrency))
            wall, cpu, ray = time.perf_counter() - wall, time.process_time() - cpu, daemons_s() - ray
            lines = sorted(folder.read(chain[-1].keep or ""))
        workers = [json.loads(path.read_text()) for path in meters.iterdir()]
    local = engine == "local"
    used = [0.0] if local else [worker["cpu_s"] for worker in workers]
    total = cpu + sum(used) + (ray if engine.startswith("ray") else 0.0)
    n = len(rows)
    return {
        "wall_s": round(wall, 3),
        "rows_per_s": round(n / wall, 1),
        "cpu_ms_per_row": round(1000 * total / n, 3),
        "driver_cpu_ms_per_row": round(1000 * cpu / n, 3),
        "worker_cpu_ms_per_row": round(1000 * sum(used) / n, 3),
        "daemons_cpu_ms_per_row": round(1000 * ray / n, 3) if engine.startswith("ray") else 0.0,
        "rows_by_worker": sorted(worker["rows"] for worker in workers),
        "s_on_idle_cores": round(max([*used, total / (os.cpu_count() or 1), cpu]), 3),
        "rows_out": summary.stages[-1].rows_out,
    }, lines


@asynccontextmanager
async def waiting(seconds: float, slow: float):
    async def row(key: str, item: int) -> int:
        await asyncio.sleep(slow if item == 0 else seconds)
        return item

    yield row


def no_barrier(engine: str, slow: float) -> dict[str, float]:
    """When the 99 quick rows are done, with the engine and in batches of ten."""
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as place, RunFolder.create_or_continue(Path(place) / "run", {"benchmark": 1}) as folder:
        commit = folder.commit
        began = time.perf_counter()

        def noting(name: str, note: Any, lines: bytes) -> None:
            ends.append(time.perf_counter() - began)
            commit(name, note, lines)

        folder.commit = noting  # type: ignore[method-assign]
        chain = [each("wait", partial(waiting, 0.01, slow), keep="out")]
        asyncio.run(execute(chain, [(f"{n}", n) for n in range(100)], folder, engine=engine, concurrency=10))

    async def batches() -> list[float]:
        done: list[float] = []
        began = time.perf_counter()
        for first in range(0, 100, 10):

            async def one(number: int) -> None:
                await asyncio.sleep(slow if number == 0 else 0.01)
                done.append(time.perf_counter() - began)

            await asyncio.gather(*(one(number) for number in range(first, first + 10)))
        return done

    barrier = sorted(asyncio.run(batches()))
    return {"slow_row_s": slow, "last_quick_row_s": round(sorted(ends)[98], 3), "all_s": round(max(ends), 3), "batches_all_s": round(barrier[-1], 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=6000)
    parser.add_argument("--world", default="domain:retail")
    parser.add_argument("--slow", type=float, default=3.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    import ray

    knobs = Knobs(world=options.world, n=options.n, seed=7)
    results: dict[str, Any] = {}
    expected: list[Any] = []
    began = time.perf_counter()
    with connected(ray, 2):
        started = time.perf_counter() - began
        for engine in LANES:
            results[engine], lines = measured(stages(knobs), source(knobs), engine)
            if engine == "local":
                expected = lines
            results[engine]["same_rows_as_local"] = lines == expected
            print(f"{engine:12} {json.dumps(results[engine])}", flush=True)
        tiny = [each("wait", partial(waiting, 0.0, 0.0), keep="out")]
        empty = {engine: measured(tiny, [(f"{n}", n) for n in range(20_000)], engine)[0] for engine in ("local", "processes:2", "ray:2")}
        slow = {engine: no_barrier(engine, options.slow) for engine in ("local", "ray:2")}
    ratios = {
        "wall_ray_2_over_ray_1": round(results["ray:1"]["wall_s"] / results["ray:2"]["wall_s"], 3),
        "wall_processes_2_over_1": round(results["processes:1"]["wall_s"] / results["processes:2"]["wall_s"], 3),
        "idle_cores_ray_2_over_ray_1": round(results["ray:1"]["s_on_idle_cores"] / results["ray:2"]["s_on_idle_cores"], 3),
        "overhead_ms_per_row_ray_2": round(results["ray:2"]["cpu_ms_per_row"] - results["local"]["cpu_ms_per_row"], 3),
        "overhead_ms_per_row_processes_2": round(results["processes:2"]["cpu_ms_per_row"] - results["local"]["cpu_ms_per_row"], 3),
        "cpu_ray_2_over_local": round(results["ray:2"]["cpu_ms_per_row"] / results["local"]["cpu_ms_per_row"], 3),
    }
    print(f"\na second worker on Ray: {ratios['wall_ray_2_over_ray_1']}x by the wall, {ratios['idle_cores_ray_2_over_ray_1']}x by CPU on idle cores")
    print(f"CPU a row: {ratios}")
    print("rows that do nothing, CPU ms a row: " + ", ".join(f"{engine} {one['cpu_ms_per_row']}" for engine, one in empty.items()))
    print(f"no barrier: {slow}")
    if options.json:
        about = {"n": options.n, "world": options.world, "python": platform.python_version(), "ray": ray.__version__, "cores": os.cpu_count()}
        about |= {"load_average": round(os.getloadavg()[0], 2), "ray_start_s": round(started, 2)}
        options.json.write_text(
            json.dumps(about | {"synthesis": results, "ratios": ratios, "empty_rows": empty, "no_barrier": slow}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
