"""What the run engine and the store cost for each row: CPU microseconds on one core, and as a ratio to a floor that only encodes and compresses.

    python benchmarks/run_engine.py [--rows 3000] [--json FILE]

The row is a conversation of about 15 KB with the words of a shop (it compresses about as real ones do). `engine` is what is left of the
whole run when encoding, compressing and writing, each measured alone on the same rows, are taken away.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from artificer.run.engine import execute
from artificer.run.frames import Note, pack
from artificer.run.shards import Line
from artificer.run.stage import each
from artificer.run.store import RunFolder

WORDS = [
    f"{a}{b}"
    for a in ("order", "lamp", "refund", "blue", "address", "ship", "please", "item", "return", "card")
    for b in ("", "s", "ed", "-17", "ing")
]


class Message(msgspec.Struct):
    role: str
    content: str
    arguments: dict[str, Any]


class Talk(msgspec.Struct):
    id: str
    messages: tuple[Message, ...]


def talk(number: int) -> Talk:
    rng = random.Random(number)

    def text(words: int) -> str:
        return " ".join(rng.choice(WORDS) for _ in range(words))

    messages = [
        Message("assistant", text(38), {"order_id": f"W{rng.randrange(10**7)}", "items": [rng.randrange(10**9) for _ in range(4)]}) for _ in range(42)
    ]
    return Talk(f"trace-{number}", tuple(messages))


DISTINCT = 50


@asynccontextmanager
async def handing_out():
    talks = [talk(n) for n in range(DISTINCT)]

    async def row(key: str, item: int) -> Talk:
        return talks[item % DISTINCT]

    yield row


def cpu_us(work: Callable[[], Any], rows: int) -> float:
    """CPU microseconds for each row: the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best / rows * 1e6


def play(rows: int, engine: str, concurrency: int) -> None:
    with tempfile.TemporaryDirectory() as path, RunFolder.create_or_continue(Path(path) / "run", {"benchmark": 1}) as folder:
        stages = [each("talk", handing_out, keep="talks", of=Talk)]
        asyncio.run(execute(stages, [(f"{n}", n) for n in range(rows)], folder, engine=engine, concurrency=concurrency))


def append(path: Path, blocks: list[bytes]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC)
    for block in blocks:
        os.write(handle, block)
    os.fsync(handle)
    os.close(handle)


def resume(path: Path) -> None:
    RunFolder.open(path).close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: int = options.rows
    some = [talk(n) for n in range(DISTINCT)]
    talks = [some[n % DISTINCT] for n in range(rows)]
    encode = msgspec.json.Encoder().encode_lines
    compress = zstandard.ZstdCompressor(level=3, write_checksum=True).compress
    lines = [encode([Line(f"{n}", item)]) for n, item in enumerate(talks)]
    notes = [Note(f"{n}", (f"{n}",)) for n in range(rows)]
    blocks = [pack(note, line)[0] for note, line in zip(notes, lines)]

    figures = {"encode": cpu_us(lambda: [encode([Line("1", item)]) for item in talks], rows)}
    figures["compress"] = cpu_us(lambda: [compress(line) for line in lines], rows)
    floor = cpu_us(lambda: [compress(encode([Line("1", item)])) for item in talks], rows)
    with tempfile.TemporaryDirectory() as folder:
        figures["write"] = cpu_us(lambda: append(Path(folder) / "shard", blocks), rows)
    total = cpu_us(lambda: play(rows, "local", 64), rows)
    figures["engine"] = total - floor - figures["write"]
    with tempfile.TemporaryDirectory() as folder:
        with RunFolder.create_or_continue(folder, {"benchmark": 1}) as run:
            for note, line in zip(notes, lines):
                run.commit("talks", note, line)
        figures["open again"] = cpu_us(lambda: resume(Path(folder)), rows)
        figures["read back"] = cpu_us(lambda: [0 for _ in RunFolder.open(folder).read("talks", Talk)], rows)
    began = time.perf_counter()
    parent = cpu_us(lambda: play(rows, "processes:2", 64), rows)
    wall = (time.perf_counter() - began) / 3 / rows * 1e6

    size, packed = sum(map(len, lines)) / rows, sum(map(len, blocks)) / rows
    print(f"{rows} rows of {size / 1000:.1f} KB, {packed / 1000:.1f} KB on disk; CPU microseconds a row, and as a ratio to the floor")
    print(f"  {'floor (encode + compress)':28}{floor:8.1f}{1:7.2f}")
    for name, figure in figures.items():
        print(f"  {name:28}{figure:8.1f}{figure / floor:7.2f}")
    print(f"  {'the whole run, local':28}{total:8.1f}{total / floor:7.2f}")
    print(f"  {'overhead over the floor':28}{total - floor:8.1f}{(total - floor) / floor:7.2f}")
    print(f"  {'processes:2, parent':28}{parent:8.1f}{parent / floor:7.2f}")
    print(f"  {'processes:2, wall time':28}{wall:8.1f}{wall / floor:7.2f}   (with starting the workers)")
    if options.json:
        result = {"rows": rows, "bytes_a_row": round(size), "bytes_on_disk": round(packed), "floor_us": round(floor, 1), "local_us": round(total, 1)}
        result |= {"parts_us": {name: round(figure, 1) for name, figure in figures.items()}, "processes_2_parent_us": round(parent, 1)}
        result |= {"processes_2_wall_us": round(wall, 1)}
        result |= {"python": platform.python_version(), "cores": os.cpu_count()}
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
