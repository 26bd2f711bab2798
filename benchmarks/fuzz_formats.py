"""Broken inputs for every format, by seed: each ends in one typed error or a full account, and none takes long.

    python benchmarks/fuzz_formats.py [--n 1000] [--seed 0] [--only NAME ...] [--json FILE]

An input is a good row (a fixture, or one that the format writes) with something gone, doubled, moved, renamed or of another type, also inside JSON
that is text; or its bytes cut, flipped, re-encoded, nested thousands deep, with keys that come twice. What was read is written again, and must come
back as the format says it holds it. Times are CPU times.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.formats.examples import rows_of
from tests.formats.hostile import broken, outcome

from artificer.formats import format_named, names

LONG = 2.0
"""Seconds of CPU time that one input may take."""


def lane(name: str, n: int, seed: int) -> dict[str, object]:
    """What became of a format's inputs."""
    form, draw, good = format_named(name), random.Random(f"{seed} {name}"), rows_of(name)
    ends, slowest, defects = Counter[str](), 0.0, list[str]()
    for number in range(n):
        raw = broken(good, draw, number)
        began = time.process_time()
        try:
            ends[outcome(raw, form)] += 1
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            defects.append(f"{type(error).__name__}: {str(error)[:160]} ({Path(frame.filename).name}:{frame.lineno}) on {raw[:200]!r}")
        took = time.process_time() - began
        slowest = max(slowest, took)
        if took > LONG:
            defects.append(f"{took:.1f} s on {raw[:200]!r}")
    return {"inputs": n, **dict(sorted(ends.items())), "slowest_ms": round(slowest * 1000, 1), "defects": defects}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--json")
    given = parser.parse_args()
    found = {}
    for name in given.only or [name for name in names() if format_named(name).parse is not None]:
        found[name] = row = lane(name, given.n, given.seed)
        shown = ", ".join(f"{key} {value}" for key, value in row.items() if key not in ("defects", "inputs"))
        print(f"{name:12} {given.n:,} inputs: {shown}, defects {len(row['defects'])}")
        for defect in row["defects"][:5]:
            print("   ", defect)
    if given.json:
        Path(given.json).write_text(json.dumps({"n": given.n, "seed": given.seed, "formats": found}, indent=1) + "\n")
    return int(any(row["defects"] for row in found.values()))


if __name__ == "__main__":
    raise SystemExit(main())
