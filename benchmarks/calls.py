"""What matching calls costs, by preset.

    python benchmarks/calls.py [-n 300] [--json]

A reference of two calls, answered right, and with a wrong value and a call too many; and strict alone on the groups that
are paired by assignment: 20 and 60 calls of one tool, in another order. CPU time of this process, best of five.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

from artificer.checks.calls.base import Expected
from artificer.checks.calls.presets import PRESETS, matcher
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec


def spec(name: str, **properties: str) -> ToolSpec:
    schema = {"type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()}, "required": list(properties)}
    return ToolSpec(name, name, schema)


TOOLS = (spec("find", word="string"), spec("pay", to="string", amount="number"), spec("note", text="string"))
GOLD = [ToolCall("1", "find", {"word": "lamp"}), ToolCall("2", "pay", {"to": "Ada", "amount": 12.5})]
WRONG = [GOLD[0], ToolCall("3", "pay", {"to": "Bob", "amount": 12.5}), ToolCall("4", "note", {"text": "x"})]


def best(work, times: int) -> float:
    """Microseconds of CPU for one of `times` runs, the least of five goes."""
    found = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            work()
        found.append((time.process_time() - began) / times * 1e6)
    return round(min(found), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    expected = [Expected.exactly(call) for call in GOLD]
    figures: dict[str, dict[str, float]] = {}
    for name in PRESETS:
        match = matcher(name)
        figures[name] = {
            "right_us": best(lambda match=match: match(GOLD, expected, TOOLS), given.n),
            "wrong_us": best(lambda match=match: match(WRONG, expected, TOOLS), given.n),
        }
    for size in (20, 60):
        calls = [ToolCall(str(at), "find", {"word": str(at)}) for at in range(size)]
        wanted = [Expected.exactly(call) for call in calls]
        random.Random(size).shuffle(calls)
        figures["strict"][f"shuffled_{size}_us"] = best(lambda calls=calls, wanted=wanted: matcher("strict")(calls, wanted, TOOLS), 5)
    for name, row in figures.items():
        print(f"{name:14}", "  ".join(f"{key} {value}" for key, value in row.items()))
    if given.json:
        (Path(__file__).parent / "results" / "calls.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
