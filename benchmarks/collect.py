"""What collecting costs: 4-turn rollouts with 3 executed Python tool calls, through the product's own path, from a run folder of tasks to a run
folder of judged traces, against a mock endpoint in a process of its own.

    python benchmarks/collect.py [--rows 1000] [--concurrency 64] [--latency-ms 50] [--json FILE] [--lanes cpu,flat,heavy,wide,faults,peers]

Every lane runs in a fresh process, so that its CPU and memory are its own. `floor` is a bare aiohttp loop over the same endpoint in the same run:
it records and checks nothing. CPU per request hardly depends on what else the machine does; wall times (requests/s, efficiency, first row, heavy
tail) do, so read these from an idle machine. Peers are measured when their packages can be imported.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "collecting"
sys.path.insert(0, str(HERE))

from latency import TURNS, batched, paths, pulled  # noqa: E402

HEAVY_ROWS = 256
WIDE_ROWS = 10_000
WIDE_LATENCY_MS = 10_000
FAULTY = "?timeout=1.5&tries=4"
"""Of the model in the fault lane: answers that hang come later than this, and a row may lose its model."""
PEERS = {"openai": "openai", "inspect_ai": "inspect_ai"}


@contextmanager
def endpoint(*options: object) -> Iterator[str]:
    """A mock endpoint; its root."""
    server = subprocess.Popen([sys.executable, str(HERE / "endpoint.py"), *map(str, options)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def said(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url.removesuffix("/v1") + "/stats") as answer:
        return json.load(answer)


class Watch(threading.Thread):
    """When the first trace of a run was on disk."""

    def __init__(self, run: Path) -> None:
        super().__init__(daemon=True)
        self.run_folder = run
        self.first: float | None = None
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.005):
            for name in ("traces-000.jsonl.zst", "rejects-000.jsonl.zst"):
                path = self.run_folder / name
                if path.exists() and path.stat().st_size > 100:
                    self.first = time.monotonic()
                    return


def lane(name: str, url: str, rows: int, concurrency: int, latency_ms: float, *, options: str = "", check: bool = False) -> dict[str, Any]:
    """One measurement in a fresh process."""
    before = said(url)["requests"]
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(Path(folder) / "run")
        watch.start()
        command = [sys.executable, str(HERE / "lanes.py"), name, url + options, str(rows), str(concurrency), folder]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=HERE)
        watch.over.set()
        watch.join()
        lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
        began, found = lines[0]["began"], lines[-1]
        if check:
            found |= json.loads(subprocess.check_output([sys.executable, str(HERE / "ends.py"), folder + "/run", str(rows)], text=True))
    stats = said(url)
    requests = stats["requests"] - before
    ideal = -(-rows // concurrency) * TURNS * latency_ms / 1000
    out = {
        "rows": rows,
        "concurrency": concurrency,
        "latency_ms": latency_ms,
        "requests": requests,
        "cpu_ms_per_request": round(1000 * found.pop("cpu_s") / requests, 4),
        "requests_per_s": round(requests / found["wall_s"], 1),
        "efficiency": round(ideal / found["wall_s"], 3),
        "in_flight_at_endpoint": stats["peak"],
        **{key: round(value, 2) if isinstance(value, float) else value for key, value in found.items()},
    }
    if watch.first is not None:
        out["first_row_s"] = round(watch.first - began, 3)
    if stats["faults"]:
        out["faults"] = stats["faults"]
    return out


def show(title: str, lane: dict[str, Any]) -> None:
    first = f", first row after {lane['first_row_s']} s" if "first_row_s" in lane else ""
    print(
        f"{title:<28} {lane['cpu_ms_per_request']:.3f} ms CPU a request, {lane['requests_per_s']:.0f} requests/s, "
        f"efficiency {lane['efficiency']:.2f}, "
        f"{lane['rss_mb']:.0f} MB, {lane['wall_s']} s{first}",
        flush=True,
    )


def cpu(asked: argparse.Namespace) -> dict[str, Any]:
    out: dict[str, Any] = {}
    with endpoint("--latency-ms", asked.latency_ms) as url:
        for name in ("floor", "artificer"):
            out[name] = lane(name, url, asked.rows, asked.concurrency, asked.latency_ms)
            show(f"{name}, {asked.concurrency} in flight", out[name])
    out["times_the_floor"] = round(out["artificer"]["cpu_ms_per_request"] / out["floor"]["cpu_ms_per_request"], 2)
    print(f"{'':<28} {out['times_the_floor']} times the floor")
    return out


def flat(asked: argparse.Namespace) -> dict[str, Any]:
    """From 64 to 1,024 rows in flight, at the usual latency and at one where that many really wait at once."""
    out: dict[str, Any] = {}
    for latency_ms, widths in ((asked.latency_ms, (64, 256, 1024)), (1000, (1024,))):
        with endpoint("--latency-ms", latency_ms) as url:
            for width in widths:
                found = out[f"{width} at {latency_ms:g} ms"] = lane("artificer", url, max(asked.rows, width), width, latency_ms)
                show(f"artificer, {width} in flight", found)
    each = [found["cpu_ms_per_request"] for found in out.values()]
    out["spread"] = round(max(each) / min(each) - 1, 3)
    print(f"{'':<28} most to least CPU: +{100 * out['spread']:.0f}%")
    return {"flat": out}


def heavy(asked: argparse.Namespace) -> dict[str, Any]:
    """Heavy-tailed latency; beside it, at the same time, the same rows in batches."""
    each, width = paths("heavy", 50, HEAVY_ROWS), min(asked.concurrency, 64)
    found: dict[str, Any] = {}

    def measure(name: str) -> None:
        with endpoint("--mode", "heavy", "--latency-ms", 50) as url:
            found[name] = lane(name, url, HEAVY_ROWS, width, 50)

    threads = [threading.Thread(target=measure, args=(name,)) for name in ("artificer", "barrier")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    least = {"artificer": pulled(each, width), "barrier": batched(each, width)}
    for name, lane_found in found.items():
        lane_found["least_s"] = round(least[name], 2)
        lane_found["over_least"] = round(lane_found["wall_s"] / least[name] - 1, 3)
        del lane_found["efficiency"]
        print(
            f"{'heavy tail, ' + name:<28} {lane_found['wall_s']} s, {100 * lane_found['over_least']:.1f}% over the {least[name]:.2f} s "
            "that the rows take"
        )
    saved = round(found["barrier"]["wall_s"] / found["artificer"]["wall_s"], 2)
    print(f"{'':<28} longest row {max(each):.2f} s; batches take {saved} times as long")
    return {"heavy": found | {"longest_row_s": round(max(each), 2), "batches_take_times": saved}}


def wide(asked: argparse.Namespace) -> dict[str, Any]:
    with endpoint("--latency-ms", WIDE_LATENCY_MS) as url:
        found = lane("artificer", url, WIDE_ROWS, WIDE_ROWS, WIDE_LATENCY_MS, options=f"?parallel={WIDE_ROWS}&start={WIDE_ROWS}")
    show(f"artificer, {WIDE_ROWS} in flight", found)
    print(f"{'':<28} {found['in_flight_at_endpoint']} waited at once; {found['done']} traces, rejected {found['rejects']}")
    return {"wide": found}


def faults(asked: argparse.Namespace) -> dict[str, Any]:
    with endpoint("--latency-ms", asked.latency_ms, "--faults", 0.3) as url:
        found = lane("artificer", url, asked.rows, asked.concurrency, asked.latency_ms, options=FAULTY, check=True)
    print(
        f"{'30% faults':<28} {found['done']} traces, rejected {found['rejects']}, lost {found['lost']}, twice {found['twice']}; "
        f"stops {found['stops']}"
    )
    print(f"{'':<28} {found['faults']}")
    return {"faults": found}


def peers(asked: argparse.Namespace) -> dict[str, Any]:
    out: dict[str, Any] = {}
    rows = min(asked.rows, 200)
    for name, package in PEERS.items():
        if importlib.util.find_spec(package) is None:
            print(f"{name:<28} not installed")
            continue
        with endpoint("--latency-ms", asked.latency_ms) as url:
            out[name] = lane(f"peer:{name}", url, rows, asked.concurrency, asked.latency_ms)
        show(f"{name}, {asked.concurrency} in flight", out[name])
    return {"peers": out}


LANES = {"cpu": cpu, "flat": flat, "heavy": heavy, "wide": wide, "faults": faults, "peers": peers}


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--lanes", default=",".join(LANES))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(given)
    out: dict[str, Any] = {"python": platform.python_version(), "cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 2)}
    for name in asked.lanes.split(","):
        out |= LANES[name](asked)
    if asked.json is not None:
        asked.json.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
