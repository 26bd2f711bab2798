"""Memory of conversions: the highest use of a process that converts 10 MB, and one that converts 500 MB, for each kind of file; and what bombs cost.

    python benchmarks/memory_formats.py [--mb 500] [--json FILE]

Each conversion is a process of its own, read from `chat` and written as `chat` (or, for Parquet, to Parquet), whose peak is what the system says of
it (`VmHWM`), less what it was before the work. Lines of a gigabyte and bombs run under a limit of address space, where a process that held them would
die. Times are CPU times, of a machine that others may use.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zstandard

WORK = """
import json, resource, sys, time
from pathlib import Path
from artificer.formats import format_named, parquet
from artificer.formats.account import Account
from artificer.formats.convert import read, render, write
source, target, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_AS, (limit << 20, limit << 20))
form, before, after, wrong = format_named("chat"), Account(), Account(), ""
def most():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
base = most()
began = time.process_time()
try:
    items = read(Path(source), form, before)
    if target.endswith(".parquet"):
        parquet.write(render(items, form, after), Path(target))
    elif target == "-":
        sum(1 for _ in items)
    else:
        with open(target, "wb") as out:
            write(items, out, form, after)
except Exception as error:
    wrong = f"{type(error).__name__}: {error}"
took = time.process_time() - began
peak = most()
print(json.dumps({"rows": before.rows_in, "dropped": before.rows_dropped, "cpu_s": round(took, 1), "more_mib": round((peak - base) / 1024),
  "peak_mib": round(peak / 1024), "wrong": wrong, "balanced": before.balanced and after.balanced}))
"""
ROW = {
    "messages": [
        {"role": "user", "content": "Please cancel order %d and tell me what it cost. " + "x" * 600},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"id": %d}'}}]},
        {"role": "tool", "tool_call_id": "a", "content": '{"total": 12.5, "note": "' + "y" * 600 + '"}'},
        {"role": "assistant", "content": "It is cancelled. " + "z" * 400},
    ]
}
TEXT = json.dumps(ROW)


def converted(source: Path, target: Path | str, limit: int = 0) -> dict[str, object]:
    """What a process of its own says of a conversion."""
    made = subprocess.run([sys.executable, "-c", WORK, str(source), str(target), str(limit)], capture_output=True, text=True, check=False)
    return json.loads(made.stdout) if made.returncode == 0 else {"wrong": made.stderr[-200:], "died": True}


def lines(mb: int):
    """Rows of so many megabytes in all."""
    for at in range((mb << 20) // (len(TEXT) + 2)):
        yield (TEXT % (at, at)).encode()


def opened(kind: str, path: Path):
    """A file to write, packed as its kind says."""
    return gzip.open(path, "wb", 1) if kind == "gz" else zstandard.open(path, "wb") if kind == "zst" else path.open("wb")


def written(kind: str, path: Path, mb: int) -> None:
    """A file of a kind."""
    if kind == "array":
        with path.open("wb") as out:
            for at, line in enumerate(lines(mb)):
                out.write((b",\n" if at else b"[") + line)
            out.write(b"]")
    elif kind == "parquet":
        from artificer.formats import parquet

        parquet.write(lines(mb), path)
    else:
        with opened(kind, path) as out:
            for line in lines(mb):
                out.write(line + b"\n")


def bombs(folder: Path):
    """Inputs that would take gigabytes to hold, each with its name."""
    long = folder / "line"
    for name, before, after in (("a line of 1 GiB", b"", b""), ("a row of 1 GiB in an array", b"[", b"]")):
        with long.open("wb") as out:
            out.write(before + b'{"messages":[{"role":"user","content":"')
            for _ in range(1024):
                out.write(b"x" * (1 << 20))
            out.write(b'"}]}' + (b"," if before else b"\n") + b'{"messages":[{"role":"user","content":"hi"}]}' + after)
        yield name, long
    for name, kind, gib in (("1 GiB of blanks, gz", "gz", 1), ("32 GiB of blanks, zst", "zst", 32)):
        with opened(kind, long) as out:
            for _ in range(1024 * gib):
                out.write(b" " * (1 << 20))
        yield name, long
    long.write_bytes(b'{"messages":' + b"[" * (60 << 20))
    yield "60 MiB of open brackets", long
    long.write_bytes(b'{"messages":[' + b"[]," * (16 << 20) + b"[]]}")
    yield "a row of 16 million lists", long


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mb", type=int, default=500)
    parser.add_argument("--json")
    given = parser.parse_args()
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("jsonl", "array", "gz", "zst", "parquet"):
            for mb in (10, given.mb):
                source, target = folder / f"in.{kind}", folder / ("out.parquet" if kind == "parquet" else "out.jsonl")
                began = time.process_time()
                written(kind, source, mb)
                made = time.process_time() - began
                row = converted(source, target)
                found[f"{kind} {mb} MB"] = row
                print(f"{kind:8} {mb:4} MB: {row} (the file was made in {made:.0f} s)", flush=True)
                source.unlink()
                target.unlink(missing_ok=True)
        for what, path in bombs(folder):
            row = found[what] = converted(path, "-", 4096 if "lists" in what else 1024)
            print(f"{what}: {row}", flush=True)
    if given.json:
        Path(given.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
