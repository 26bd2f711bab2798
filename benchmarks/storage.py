"""What it costs to keep traces of about 2 KB and to read them back: CPU microseconds a trace, traces a second and CPU, peak memory.

    python benchmarks/storage.py [--traces 100000 | --full] [--json FILE]

Each figure is measured in a process of its own, so that its peak memory is its own. The *floor* encodes, compresses and writes the same rows with
msgspec and zstandard alone, 256 at a time, and reads them back. `import` is what `artificer convert --to artificer` does once a row is read: ids
made of the content, lineage, commits of 256. `commits` is a run in which every row is a commit, as a recipe writes it. `datasets` is measured where
it is installed: the same rows as JSON text in an Arrow table, in Parquet with zstd, which is the least that a reader of Parquet has to do.

Times are CPU times of all threads (best of several where it is cheap), since others may use the machine; "a second" means a second of one CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace, Usage
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason, Verdict
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.run import traded
from artificer.run.frames import Note
from artificer.run.shards import Line
from artificer.run.store import RunFolder

WORDS = (  # noqa: SIM905
    "the order was shipped to your old address please send it back and we refund card within five days of lamp blue size large item "
    "number agent customer return label printed shop account email changed invoice paid today later than expected sorry thanks"
).split()
TOOLS = tuple(
    ToolSpec(name, f"{name} of the shop", {"type": "object", "properties": {"order_id": {"type": "string"}, "reason": {"type": "string"}}})
    for name in ("find_order", "list_orders", "refund_order", "change_address")
)
DISTINCT = 500
"""Bodies that differ wholly; every trace differs in its ids and numbers."""


def trace(rng: random.Random, number: int) -> Trace:
    """About 2 KB: a request, three calls (one of which fails), an answer, a verdict."""

    def text(words: int) -> str:
        return " ".join(rng.choice(WORDS) for _ in range(words))

    nodes: list[Node] = []

    def add(message: Message, **more: Any) -> None:
        nodes.append(Node(len(nodes) - 1 if nodes else None, message, **more))

    add(Message("user", text(30)))
    for step, name in enumerate(("find_order", "refund_order", "refund_order")):
        call = f"call-{number}-{step}"
        arguments = {"order_id": f"W{number:07d}", "reason": text(4), "amount": rng.randrange(10**6) / 100}
        add(Message("assistant", reasoning=text(12), calls=(ToolCall(call, name, arguments),)), sampled=True)
        if step == 1:
            add(Message("tool", result=ToolResult(call, error=ErrorKind.not_found, detail=text(8))))
        else:
            row = {
                "id": number * 7 + step,
                "state": "open",
                "items": [{"sku": f"S{rng.randrange(10**6)}", "n": 1} for _ in range(3)],
                "note": text(6),
            }
            add(Message("tool", result=ToolResult(call, row)))
    add(Message("assistant", text(25)), sampled=True)
    leaf = len(nodes) - 1
    parts = (CheckResult("effects", 1.0, True, (text(5),)), CheckResult("told", 1.0, True))
    return Trace(
        f"trace-{number:016x}",
        f"task-{number // 4:012x}",
        "shop",
        "0123456789abcdef",
        tuple(nodes),
        {leaf: Verdict.of(parts)},
        {leaf: StopReason.user_done},
        usage=Usage(4, 3, 1, 900, 200),
        seed=number,
        lineage={"task": f"t{number // 4}", "try": number % 4},
    )


def traces(count: int) -> Iterator[Trace]:
    bodies = [trace(random.Random(n), n) for n in range(min(DISTINCT, count))]
    for number in range(count):
        body = bodies[number % DISTINCT]
        first = msgspec.structs.replace(body.nodes[0], message=Message("user", f"{number}: {body.nodes[0].message.content}"))
        yield msgspec.structs.replace(
            body, id=f"trace-{number:016x}", task_id=f"task-{number // 4:012x}", seed=number, nodes=(first, *body.nodes[1:])
        )


def manifest(what: str) -> dict[str, Any]:
    return {"recipe": "benchmark", "knobs": {"what": what}}


def batches(count: int, size: int = 256) -> Iterator[list[Line[Trace]]]:
    batch: list[Line[Trace]] = []
    for number, one in enumerate(traces(count)):
        batch.append(Line(f"trace-{number:08d}", one))
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


# what is measured: each is called in a process of its own and gives how often it did it


def generate(_folder: Path, count: int) -> int:
    """The traces alone, whose cost is taken away from what writes them."""
    for _ in batches(count):
        pass
    return count


def floor_write(folder: Path, count: int) -> int:
    encode, compress = msgspec.json.Encoder().encode_lines, zstandard.ZstdCompressor(level=3, write_checksum=True).compress
    with (folder / "floor.zst").open("wb") as file:
        for batch in batches(count):
            body = compress(encode(batch))
            file.write(len(body).to_bytes(4, "little") + body)
    return count


def floor_read(folder: Path, count: int) -> int:
    decode, unpack = msgspec.json.Decoder(Line[Trace]).decode_lines, zstandard.ZstdDecompressor().decompress
    found = 0
    with (folder / "floor.zst").open("rb") as file:
        while size := file.read(4):
            found += len(decode(unpack(file.read(int.from_bytes(size, "little")))))
    assert found == count
    return count


def import_write(folder: Path, count: int) -> int:
    with RunFolder.create_or_continue(folder / "import", manifest("import")) as run:
        account = Account()
        traded.keep((Item(one, TOOLS) for one in traces(count)), run, account, Account(where="file:1"), source="file", form="chat")
        assert account.rows_out == count
    return count


def commits_write(folder: Path, count: int) -> int:
    encode = msgspec.json.Encoder().encode_lines
    with RunFolder.create_or_continue(folder / "commits", manifest("commits")) as run:
        for number, one in enumerate(traces(count)):
            key = f"trace-{number:08d}"
            run.commit("traces", Note(key, (key,)), encode([Line(key, one)]))
    return count


def import_open(folder: Path, count: int) -> int:
    with RunFolder.open(folder / "import") as run:
        assert len(run.family("traces").places) == count
    return count


def commits_open(folder: Path, count: int) -> int:
    with RunFolder.open(folder / "commits") as run:
        assert len(run.family("traces").places) == count
    return count


def _continue(folder: Path, what: str, count: int) -> int:
    with RunFolder.create_or_continue(folder / what, manifest(what)) as run:
        assert len(run.family("traces").places) == count
    return count


def import_continue(folder: Path, count: int) -> int:
    return _continue(folder, "import", count)


def commits_continue(folder: Path, count: int) -> int:
    return _continue(folder, "commits", count)


def _read(folder: Path, what: str, count: int, *, ordered: bool) -> int:
    with RunFolder.open(folder / what) as run:
        assert sum(1 for _ in run.read("traces", Trace, ordered=ordered)) == count
    return count


def import_read(folder: Path, count: int) -> int:
    return _read(folder, "import", count, ordered=False)


def import_read_ordered(folder: Path, count: int) -> int:
    return _read(folder, "import", count, ordered=True)


def commits_read(folder: Path, count: int) -> int:
    return _read(folder, "commits", count, ordered=False)


def commits_read_ordered(folder: Path, count: int) -> int:
    return _read(folder, "commits", count, ordered=True)


def _random(folder: Path, what: str) -> int:
    rng, asked = random.Random(1), 2000
    with RunFolder.open(folder / what) as run:
        keys = run.keys("traces")
        began = time.process_time()
        for _ in range(asked):
            assert run.row("traces", rng.choice(keys), Trace) is not None
        print(json.dumps({"us": (time.process_time() - began) / asked * 1e6}))
    return asked


def import_random(folder: Path, _count: int) -> int:
    return _random(folder, "import")


def commits_random(folder: Path, _count: int) -> int:
    return _random(folder, "commits")


def datasets_write(folder: Path, count: int) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    encode = msgspec.json.Encoder().encode
    schema = pa.schema([("key", pa.string()), ("item", pa.string())])
    with pq.ParquetWriter(folder / "peer.parquet", schema, compression="zstd") as writer:
        for batch in batches(count, 4096):
            columns = [[line.key for line in batch], [encode(line.item).decode() for line in batch]]
            writer.write_table(pa.table(columns, schema=schema))
    return count


def datasets_read(folder: Path, count: int) -> int:
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    decode = msgspec.json.Decoder(Trace).decode
    rows = Dataset.from_parquet(str(folder / "peer.parquet"), cache_dir=str(folder / "cache"))
    assert sum(1 for row in rows if decode(row["item"])) == count
    return count


STEPS = (
    ("generate", generate),
    ("floor_write", floor_write),
    ("floor_read", floor_read),
    ("import_write", import_write),
    ("import_open", import_open),
    ("import_continue", import_continue),
    ("import_read", import_read),
    ("import_read_ordered", import_read_ordered),
    ("import_random", import_random),
    ("commits_write", commits_write),
    ("commits_open", commits_open),
    ("commits_continue", commits_continue),
    ("commits_read", commits_read),
    ("commits_read_ordered", commits_read_ordered),
    ("commits_random", commits_random),
    ("datasets_write", datasets_write),
    ("datasets_read", datasets_read),
)
WRITES = frozenset({"floor_write", "import_write", "commits_write", "datasets_write"})


def alone(step: str, folder: Path, count: int) -> dict[str, float]:
    """Runs a step in a process of its own: CPU and wall seconds, and peak memory beyond what the imports take."""
    done = subprocess.run(
        [sys.executable, __file__, "--step", step, "--folder", str(folder), "--traces", str(count)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{step}:\n{done.stderr}")
    return {name: value for line in done.stdout.splitlines() for name, value in json.loads(line).items()}


def one_step(step: str, folder: Path, count: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = time.process_time(), time.perf_counter()
    dict(STEPS)[step](folder, count)
    used = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    print(json.dumps(used | {"peak_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}))


def _has_datasets() -> bool:
    import importlib.util

    return importlib.util.find_spec("datasets") is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=100_000)
    parser.add_argument("--full", action="store_true", help="a million")
    parser.add_argument("--only", help="steps whose names begin so, comma-separated; what they read must be in --folder")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    count = 1_000_000 if options.full else options.traces
    if options.step:
        one_step(options.step, options.folder, count)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        report(folder, count, tuple(options.only.split(",")) if options.only else (), options.json)


def report(folder: Path, count: int, only: tuple[str, ...], out: Path | None) -> None:
    found: dict[str, dict[str, float]] = {}
    size = sum(len(msgspec.json.encode(one)) for one in traces(1000)) / 1000
    print(f"{count:,} traces of {size:,.0f} bytes; CPU time of all threads")
    print(f"  {'':22}{'us a trace':>11}{'a second':>11}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}{'to the floor':>14}")
    generating = 0.0
    for name, _ in STEPS:
        if (only and not name.startswith(only)) or (name.startswith("datasets") and not _has_datasets()):
            continue
        used = alone(name, folder, count)
        if name == "generate":
            generating = used["cpu_s"]
        cpu = used["cpu_s"] - (generating if name in WRITES else 0)
        us = used.get("us", cpu / count * 1e6)
        floor = found.get("floor_write" if name in WRITES else "floor_read", {}).get("us")
        found[name] = {
            "us": round(us, 3), "a_second": round(1e6 / us) if us > 0 else 0, "cpu_s": round(cpu, 3), "wall_s": round(used["wall_s"], 2),
            "peak_mb": round(used["peak_mb"], 1),
        }  # fmt: skip
        ratio = f"{us / floor:14.2f}" if floor and not name.endswith("random") else ""
        print(f"  {name:22}{us:11.2f}{1e6 / us:11,.0f}{cpu:8.2f}{used['wall_s']:8.2f}{used['peak_mb']:9.1f}{ratio}", flush=True)
    sizes = {name: sum(file.stat().st_size for file in folder.glob(pattern)) for name, pattern in PLACES.items()}
    print("  bytes a trace on disk: " + ", ".join(f"{name} {size / count:,.0f}" for name, size in sizes.items() if size))
    if out:
        about = {"traces": count, "bytes_a_trace": round(size), "on_disk": {name: round(size / count) for name, size in sizes.items() if size}}
        about |= {"python": platform.python_version(), "cores": os.cpu_count(), "steps": found}
        out.write_text(json.dumps(about, indent=1) + "\n")


PLACES = {"floor": "floor.zst", "import": "import/traces-*.zst", "commits": "commits/traces-*.zst", "datasets": "peer.parquet"}


if __name__ == "__main__":
    main()
