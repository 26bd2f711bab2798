"""Rows for the tests of the engine `ray:N`, importable on every machine; and a program: `python ray_rows.py FOLDER ENGINE ROWS SECONDS LOG`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from run_chains import note

from artificer.core.canon import digest, rng
from artificer.run.engine import execute
from artificer.run.stage import each
from artificer.run.store import RunFolder


@asynccontextmanager
async def waiting(seconds: float):
    async def row(key: str, item: int):
        await asyncio.sleep(seconds)
        return item

    yield row


@asynccontextmanager
async def computing(seconds: float):
    async def row(key: str, item: int):
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pass
        return item

    yield row


@asynccontextmanager
async def talking():
    """Two roles, k turns; k has a heavy tail. The history is the row's alone."""

    async def row(key: str, item: int):
        random = rng("talk", key)
        history: list[list[str]] = []
        for turn in range(min(400, int(random.paretovariate(1.1)) + 1)):
            history.append([("user", "agent")[turn % 2], digest(key, turn, history[-1:], size=64)])
            await asyncio.sleep(0)
        return {"id": item, "history": history}

    yield row


@asynccontextmanager
async def logging_rows(log: str, seconds: float, gate: str, free: int):
    """Tells when a row begins and ends, and in which process; from row `free` on, rows wait until `gate` exists."""

    async def row(key: str, item: int):
        note(log, f"begin {key} {os.getpid()}")
        await asyncio.sleep(seconds)
        while gate and item >= free and not os.path.exists(gate):
            await asyncio.sleep(0.01)
        note(log, f"end {key} {os.getpid()}")
        return item * 2

    note(log, f"enter - {os.getpid()}")
    try:
        yield row
    finally:
        note(log, f"leave - {os.getpid()}")


@asynccontextmanager
async def last_of_all(log: str, others: int):
    """Row 0 ends only when all the others have."""

    async def row(key: str, item: int):
        deadline = time.monotonic() + 60
        while item == 0 and sum(line.startswith("end") for line in Path(log).read_text().splitlines()) < others:
            if time.monotonic() > deadline:
                raise TimeoutError("the others wait for this row")
            await asyncio.sleep(0.01)
        note(log, f"end {key}")
        return item

    yield row


@asynccontextmanager
async def heavy():
    async def row(key: str, item: dict):
        return [{"size": len(item["text"]), "mark": digest(item["text"], size=64), "text": item["text"][::-1]} for _ in range(2)]

    yield row


@asynccontextmanager
async def weighing():
    async def row(key: str, item: dict):
        return {"key": key, "mark": digest(item["text"], size=64)}

    yield row


@asynccontextmanager
async def failing_to_enter():
    raise FileNotFoundError("no such weights")
    yield


def waits(seconds: float):
    return each("wait", partial(waiting, seconds), keep="out")


def computes(seconds: float):
    return each("compute", partial(computing, seconds), keep="out")


def logs(log, seconds=0.0, gate="", free=0):
    return each("log", partial(logging_rows, str(log), seconds, str(gate), free), keep="out")


def events(log, what):
    """(key, process) of every event of a kind, in order."""
    lines = [line.split(" ") for line in Path(log).read_text().splitlines()] if Path(log).exists() else []
    return [(line[1], int(line[2])) for line in lines if line[0] == what]


def play(path, stages, source, **options):
    with RunFolder.create_or_continue(path, {"seed": 1}) as folder:
        return asyncio.run(execute(stages, source, folder, **options))


if __name__ == "__main__":
    to, engine, rows, seconds, log = sys.argv[1:6]
    done = play(to, [logs(log, float(seconds))], [(f"{n}", n) for n in range(int(rows))], engine=engine, concurrency=8)
    print("complete" if done.complete else "incomplete", flush=True)
