"""What a short program costs in the sandbox: from the warm zygote, in a jail of its own, and as a bare `python -c pass`.

    python benchmarks/code_sandbox.py [--json FILE] [--programs N]

Prints programs a second of wall time (best of several rounds, a few at a time) and processor milliseconds for each
program: of the host, the zygote, the supervisor and the program together. The machine's load is told with the
figures: on a busy one the rates say little, the processor time says more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds.code import open_world
from artificer.worlds.code.sandbox import Kind, Sandbox
from artificer.worlds.code.settings import settings_of

SHORT = "print(sum(range(1000)))"
USUAL = "import math, json\nfrom fractions import Fraction\nprint(json.dumps([math.comb(20, n) for n in range(20)]), Fraction(3, 4) + 1)"
ROUNDS = 5


def spent(who=resource.RUSAGE_SELF):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def of_process(pid):
    """Seconds of processor time of one process, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bare(count):
    """`python -c pass`, as many at a time as there are cores."""
    before, start = spent(resource.RUSAGE_CHILDREN), time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda _: subprocess.run([sys.executable, "-c", "pass"], check=True), range(count)))
    return count / (time.perf_counter() - start), (spent(resource.RUSAGE_CHILDREN) - before) / count * 1000


async def played(world, code, count):
    """Stateless calls of one world, all sessions at once."""
    zygotes = [child for jail in world.sandbox._jails for child in children(jail._process.pid)]
    sessions = [await world.open(Start()) for _ in range(count)]
    before, start = spent() + sum(map(of_process, zygotes)), time.perf_counter()
    results = await asyncio.gather(*(session.call(ToolCall("c", "run_python", {"code": code})) for session in sessions))
    seconds = time.perf_counter() - start
    assert all(result.error is None and result.content.get("stdout") for result in results), results[0]
    outcome = await world.sandbox.once(code, 0, {}, [])
    own = spent() + sum(map(of_process, zygotes)) - before
    return count / seconds, (own / (count + 1) + outcome.processor_s) * 1000


def children(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found] or [pid]


async def fresh(count):
    """A whole jail for each program."""
    sandbox = Sandbox(settings_of({"parallel": str(os.cpu_count())}, "benchmark"), Kind("namespaces", True, True))
    start = time.perf_counter()
    outcomes = await asyncio.gather(*(sandbox.once(SHORT, 0, {}, []) for _ in range(count)))
    seconds = time.perf_counter() - start
    assert all(outcome.finished for outcome in outcomes)
    sandbox.close()
    return count / seconds


async def notebook(count):
    world = open_world("notebook")
    session = await world.open(Start())
    await session.call(ToolCall("c", "run_python", {"code": "x = 0"}))
    start = time.perf_counter()
    for _ in range(count):
        await session.call(ToolCall("c", "run_python", {"code": "x += 1\nx"}))
    seconds = time.perf_counter() - start
    await session.close()
    await world.close()
    return seconds / count * 1000


def measured(count):
    start = time.perf_counter()
    world = open_world("python")
    figures = {"start of a sandbox, ms": (time.perf_counter() - start) * 1000}
    floor = [bare(count // 4) for _ in range(ROUNDS)]
    figures["python -c pass, a second"] = max(rate for rate, _ in floor)
    figures["python -c pass, processor ms"] = min(used for _, used in floor)
    for name, code in (("short program", SHORT), ("program with imports", USUAL)):
        rounds = [asyncio.run(played(world, code, count)) for _ in range(ROUNDS)]
        figures[f"{name}, a second"] = max(rate for rate, _ in rounds)
        figures[f"{name}, processor ms"] = min(used for _, used in rounds)
    figures["short program in a jail of its own, a second"] = max(asyncio.run(fresh(count // 10)) for _ in range(2))
    figures["notebook cell, ms"] = min(asyncio.run(notebook(100)) for _ in range(ROUNDS))
    figures["short program / python -c pass, processor"] = figures["short program, processor ms"] / figures["python -c pass, processor ms"]
    jail = str(world.protections)
    asyncio.run(world.close())
    return {name: round(value, 2) for name, value in figures.items()}, jail


def main():
    parser = argparse.ArgumentParser(description="What a short program costs in the sandbox.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--programs", type=int, default=200)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    figures, jail = measured(arguments.programs)
    print(f"{'load, of ' + str(os.cpu_count()) + ' cores':48} {load:.2f}")
    for name, value in figures.items():
        print(f"{name:48} {value}")
    if arguments.json:
        about = {"python": platform.python_version(), "cores": os.cpu_count(), "load": round(load, 2), "protections": jail, "figures": figures}
        arguments.json.write_text(json.dumps(about, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
