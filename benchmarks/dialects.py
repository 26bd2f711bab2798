"""What reading a call costs: microseconds for each family, against the floor, `json.loads` of the same call and nothing else.

    python benchmarks/dialects.py [--json FILE] [--rounds N]

Each family's own text of one call with six arguments is read, and of a reply with four calls and words; processor time, the best of several rounds
in which families take turns. The last column is the slowest of several texts of 100,000 signs that were made to take long.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from functools import partial
from pathlib import Path

from artificer.core.messages import Message, ToolCall
from artificer.formats.calls import DIALECTS
from artificer.formats.calls.reading import LIMIT

CALL = {"customer_id": 4711, "since": "2026-03-01", "tags": ["late", "gift"], "limit": 20, "express": True, "note": "Rua da Alegria 7, 2nd floor"}
BOMBS = ('{"name":', "[", "[f(a=", "<tool_call>", "<parameter=a>", "\\", '"', "{'a':", "[f(a='", "Action: f\n", '{"name":"f","arguments":{"a":[')
SKIPPED = ("qwen", "llama4", "auto")  # other names of hermes and python; the guess is a lane of its own


def message(calls: int, words: str = "") -> Message:
    return Message("assistant", words, calls=tuple(ToolCall(f"c{at}", "find_orders", CALL) for at in range(1, calls + 1)))


def cost(work, times: int) -> float:
    """Microseconds of processor time for one turn."""
    begun = time.process_time_ns()
    for _ in range(times):
        work()
    return (time.process_time_ns() - begun) / times / 1000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path)
    options.add_argument("--rounds", type=int, default=7)
    given = options.parse_args()
    names = [name for name in DIALECTS if name not in SKIPPED]
    plain = json.dumps({"name": "find_orders", "arguments": CALL})
    lanes = {"floor": partial(json.loads, plain)}
    for name in names:
        parse, guess = DIALECTS[name].parse, DIALECTS["auto"].parse
        one, four = (DIALECTS[name].write(written) for written in (message(1), message(4, "I look for the orders of that customer.")))
        assert len(parse(four).calls) == 4, name
        assert not parse(one).repairs, name
        lanes |= {name: partial(parse, one), f"{name} guessed": partial(guess, one), f"{name} four": partial(parse, four)}
    best = {name: float("inf") for name in lanes}
    for _ in range(given.rounds):
        for name, work in lanes.items():
            best[name] = min(best[name], cost(work, 400))
    bombs = [unit * (LIMIT // len(unit)) for unit in BOMBS]
    worst = {name: max(cost(partial(DIALECTS[name].parse, bomb), 1) for bomb in bombs) for name in names}
    print(f"floor, json.loads of one call: {best['floor']:.1f} µs")
    print(f"{'family':<14} {'one call':>9} {'x floor':>8} {'guessed':>8} {'four calls':>11} {'hostile, ms':>12}")
    rows = {}
    for name in names:
        row = {
            "one_call_us": round(best[name], 1),
            "times_floor": round(best[name] / best["floor"], 1),
            "guessed_us": round(best[f"{name} guessed"], 1),
            "four_calls_us": round(best[f"{name} four"], 1),
            "worst_hostile_ms": round(worst[name] / 1000, 1),
        }
        rows[name] = row
        print(f"{name:<14}", *(f"{value:>{width}}" for value, width in zip(row.values(), (9, 8, 8, 11, 12))))
    if given.json:
        found = {"python": platform.python_version(), "floor_us": round(best["floor"], 1), "families": rows}
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
