"""A run with every kind of stage, for tests that start, kill and continue it: `python run_chains.py FOLDER ROWS ENGINE CONCURRENCY DELAY LOG`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from msgspec import Struct

from artificer.core.canon import digest, rng
from artificer.run.engine import execute
from artificer.run.stage import Reject, each, whole
from artificer.run.store import RunFolder


class Piece(Struct, frozen=True):
    number: int
    words: tuple[str, ...]


def note(log: str, text: str) -> None:
    if log:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(handle, (text + "\n").encode())
        os.close(handle)


@asynccontextmanager
async def splitting(log: str):
    async def split(key: str, item: int):
        note(log, f"parts {key}")
        random = rng("split", key)
        if item % 11 == 5:
            return Reject("eleven", f"{item} leaves five", item)
        if item % 13 == 0:
            return None
        pieces = [Piece(item, tuple(random.choice("abc") for _ in range(n + 1))) for n in range(item % 4)]
        return pieces[0] if len(pieces) == 1 else pieces

    yield split


@asynccontextmanager
async def dressing():
    async def dress(key: str, piece: Piece):
        return Reject("all the same") if len(piece.words) > 2 and len(set(piece.words)) == 1 else Piece(piece.number, (*piece.words, key))

    yield dress


@asynccontextmanager
async def wording(log: str, delay: float):
    async def word(key: str, piece: Piece):
        await asyncio.sleep(delay * rng("delay", key).random())
        note(log, f"worded {key}")
        return {"text": " ".join(piece.words) + " ünï\u2028", "number": piece.number}

    yield word


@asynccontextmanager
async def finishing(log: str):
    async def finish(key: str, item: dict):
        note(log, f"final {key}")
        return [{"n": item["number"], "turn": turn, "mark": digest(key, turn, size=64)} for turn in range(2)]

    yield finish


def pick(rows):
    for key, item in rows:
        if item["number"] % 5:
            yield key, item
        elif item["number"] % 2:
            yield Reject("odd and five", key=key)


def stages(log: str = "", delay: float = 0.0):
    return [
        each("split", partial(splitting, log), keep="parts", of=Piece),
        each("dress", dressing),
        each("word", partial(wording, log, delay), keep="worded"),
        whole("pick", pick, keep="picked"),
        each("finish", partial(finishing, log), keep="final"),
    ]


FAMILIES = ("parts", "worded", "picked", "final", "rejects")
MANIFEST = {"recipe": "toy", "seed": 7}


def source(rows: int):
    return [(f"{n}", n) for n in range(rows)]


def run(path, rows, *, engine="local", concurrency=8, log="", delay=0.0, manifest=MANIFEST):
    with RunFolder.create_or_continue(path, manifest) as folder:
        return asyncio.run(execute(stages(log, delay), source(rows), folder, engine=engine, concurrency=concurrency))


def lines(path, family):
    """The lines of a family as they stand on disk, sorted by key (and stage, in rejects)."""
    import zstandard

    found = []
    for shard in sorted(Path(path).glob(f"{family}-*.jsonl.zst")):
        with shard.open("rb") as file:
            found += zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read().splitlines()
    return sorted(found)


def everything(path):
    return {family: lines(path, family) for family in FAMILIES}


@asynccontextmanager
async def raising(kind: str):
    async def row(key: str, item: int):
        await asyncio.sleep(0.001)
        if item == 30:
            if kind == "bug":
                raise ZeroDivisionError("thirty")
            from artificer.core.errors import SourceError

            raise SourceError("no such table", where="shop.db", remedy="make it")
        return item

    yield row


@asynccontextmanager
async def dying(marker: str, once: bool):
    """A worker that kills itself on row 7: the first time only, or always."""

    async def row(key: str, item: int):
        await asyncio.sleep(0.001)
        if item == 7 and not (once and os.path.exists(marker)):
            Path(marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return item * 2

    yield row


@asynccontextmanager
async def leaving(log: str):
    async def row(key: str, item: int):
        return os.getpid()

    note(log, f"enter {os.getpid()}")
    yield row
    note(log, f"leave {os.getpid()}")


if __name__ == "__main__":
    to, rows, engine, concurrency, delay, log = sys.argv[1:7]
    print("ready", flush=True)
    summary = run(to, int(rows), engine=engine, concurrency=int(concurrency), delay=float(delay), log=log)
    print("complete" if summary.complete else "incomplete", flush=True)
