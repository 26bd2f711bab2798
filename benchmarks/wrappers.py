"""What wrappers cost: microseconds that each adds to a call, to a fork and to an episode, against the bare session.

    python benchmarks/wrappers.py [--json FILE] [--episodes N]

Calls are a read of one row of the Chinook sample, thousands in a session, in CPU time, the best of several rounds in
which the bare session and the wrapped ones take turns. Wrappers are set so that they look at every call and disturb none of these
(the draw of a fault is made, the document is found not to be due), so that the calls compared are the same. Episodes
are CoVe's on `domain:retail`, played by the scripted oracle in one process: CPU milliseconds for each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import tempfile
import time
from pathlib import Path

import artificer
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds.base import World
from artificer.worlds.wrappers.base import Wrapped

CALLS = 2000
ROUNDS = 7
PIPES = {
    "base alone": None,
    "faults": "faults:rate=0.000000001",
    "noise": "noise:results=0.000000001",
    "distractors": "distractors:k=15",
    "scramble": "scramble",
    "budget": "budget:calls=100000000,each=100000000",
    "approval": "approval:policy=ask",
    "clock": "clock:fresh=60",
    "missing_function": "missing_function:tools=get_track",
    "missing_parameter": "missing_parameter:parameters=update_track.unit_price",
    "all of them": "distractors:k=15 | scramble | faults:rate=0.000000001 | noise:results=0.000000001 | budget:calls=100000000 | approval | clock",
}


def wrapped(pipe):
    plain = World.of("sqlite:chinook")
    return Wrapped(plain, "nothing") if pipe is None else World.of(f"sqlite:chinook | {pipe}")


def outward(world, call):
    return world.outward(outward(world.inner, call)) if isinstance(world, Wrapped) else call


async def calls(world):
    """Microseconds a call."""
    session = await world.open(Start())
    call = outward(world, ToolCall("c", "get_genre", {"genre_id": 1}))
    assert (await session.call(call)).error is None
    start = time.thread_time()
    for _ in range(CALLS):
        await session.call(call)
    spent = (time.thread_time() - start) / CALLS * 1e6
    await session.close()
    return spent


async def forks(world):
    """Microseconds a fork."""
    session = await world.open(Start())
    start = time.thread_time()
    for _ in range(100):
        await (await session.fork()).close()
    spent = (time.thread_time() - start) / 100 * 1e6
    await session.close()
    return spent


async def measured():
    worlds = {"bare": World.of("sqlite:chinook")} | {name: wrapped(pipe) for name, pipe in PIPES.items()}
    call = dict.fromkeys(worlds, float("inf"))
    fork = dict.fromkeys(worlds, float("inf"))
    for _ in range(ROUNDS):
        for name, world in worlds.items():
            call[name] = min(call[name], await calls(world))
            fork[name] = min(fork[name], await forks(world))
    return {
        name: {
            "call_us": round(call[name], 2),
            "call_added_us": round(call[name] - call["bare"], 2),
            "fork_us": round(fork[name], 1),
            "fork_added_us": round(fork[name] - fork["bare"], 1),
        }
        for name in worlds
    }


def episodes(source, count):
    """CPU milliseconds a task, and what came of the tasks."""
    with tempfile.TemporaryDirectory() as folder:
        artificer.synth("cove", world=source, n=5, out=Path(folder) / "warm")
        start = time.process_time()
        summary = artificer.synth("cove", world=source, n=count, seed=7, out=Path(folder) / "run")
        spent = (time.process_time() - start) * 1000 / count
        proof = artificer.verify(Path(folder) / "run")
    return {"cpu_ms": round(spent, 2), "yield": round(summary.stages[-1].rows_out / count, 4), "proven": proof.proven, "refuted": len(proof.refuted)}


EPISODES = (
    "domain:retail",
    "domain:retail | faults:rate=0.2",
    "domain:retail | faults:rate=0.2,kinds=malformed+truncated+drift",
    "domain:retail | faults:rate=0.2,permanent=0.2",
    "domain:retail | faults:rate=0.2,after=true",
    "domain:retail | distractors:k=15,kind=mixed",
    "domain:retail | scramble",
    "domain:retail | noise:results=0.5,before=4",
    "domain:retail | clock:gap=0.3,fresh=600",
    "domain:retail | budget:calls=60",
    "domain:retail | approval:policy=ask",
    "domain:retail | missing_function:tools=find*+cancel*+return*,until=asked",
    "domain:retail | missing_parameter:parameters=find_customer_by_email.email,until=asked",
    "sqlite:chinook",
    "sqlite:chinook | scramble | faults:rate=0.2",
)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--episodes", type=int, default=200)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    figures = asyncio.run(measured())
    for name, row in figures.items():
        added = "" if name == "bare" else f"  (+{row['call_added_us']:5.2f} call, +{row['fork_added_us']:5.1f} fork)"
        print(f"{name:20} {row['call_us']:7.2f} us a call, {row['fork_us']:7.1f} us a fork{added}")
    runs = {source: episodes(source, given.episodes) for source in EPISODES}
    for source, row in runs.items():
        print(f"{row['cpu_ms']:6.2f} ms CPU a task, yield {row['yield']:6.1%}, proven {row['proven']}, refuted {row['refuted']}: {source}")
    if given.json:
        about = {"python": platform.python_version(), "cpus": os.cpu_count(), "load": round(load, 2), "calls": CALLS, "tasks": given.episodes}
        given.json.write_text(json.dumps({"about": about, "wrappers": figures, "episodes": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
