"""Our `acebench` rule and SQL comparisons, in `code` mode, against the code of ACEBench and EnterpriseOps-Gym.

    python benchmarks/parity_end_states.py --acebench FOLDER --enterpriseops FOLDER [-n 20000] [--json]

FOLDERs hold the two repositories. Cases are random: objects spoiled at random places, rows of all shapes. Where upstream
raises (an object is stated where the world has none), ours says no.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import subprocess
import sys
from pathlib import Path

from artificer.checks.state.assertions import Assertion, holds
from artificer.checks.state.attributes import differing
from artificer.worlds.base import Selected

HERE = Path(__file__).parent
PLAIN = [0, 1, True, False, None, "", "x", "xy", 1.0, 2.5, [1], [True], ["x"]]
CELLS = [0, 1, 2.5, None, "", "x", "xy", "2024-05-06"]
COMPARISONS = ["equals", "greater_than", "less_than", "contains"]


def value(chance: random.Random, depth: int = 0) -> object:
    if chance.random() < 0.4 and depth < 2:
        return {chance.choice("ab"): value(chance, depth + 1) for _ in range(chance.randint(0, 2))}
    return chance.choice(PLAIN)


def objects(chance: random.Random) -> dict:
    return {name: {chance.choice("xyz"): value(chance) for _ in range(chance.randint(0, 3))} for name in chance.sample("ABC", chance.randint(1, 3))}


def spoiled(chance: random.Random, wanted: dict) -> dict:
    found = copy.deepcopy(wanted)
    for _ in range(chance.randint(0, 2)):
        name = chance.choice(sorted(found))
        if chance.random() < 0.2:
            found = objects(chance)
        elif found[name]:
            attribute = chance.choice(sorted(found[name]))
            if chance.random() < 0.3:
                del found[name][attribute]
            else:
                found[name][attribute] = value(chance)
    return found


def query(chance: random.Random) -> tuple[list[dict], object, str]:
    columns = "ab"[: chance.randint(1, 2)]
    rows = [{name: chance.choice(CELLS) for name in columns} for _ in range(chance.randint(0, 3))]
    same = rows if len(rows) != 1 else rows[0] if len(columns) > 1 else rows[0]["a"]
    return rows, chance.choice([same, chance.choice(PLAIN), chance.choice(CELLS), rows]), chance.choice(COMPARISONS)


def ours(rows: list[dict], expected: object, comparison: str) -> bool:
    columns = tuple(rows[0]) if rows else ()
    found = Selected(columns, tuple(tuple(row.values()) for row in rows))
    return holds(found, Assertion(query="", expected_value=expected, comparison_type=comparison, mode="code")).holds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--acebench", type=Path)
    parser.add_argument("--enterpriseops", type=Path)
    parser.add_argument("-n", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.acebench is None or given.enterpriseops is None:
        print("give --acebench FOLDER and --enterpriseops FOLDER, the two repositories: nothing was compared")
        return
    chance = random.Random(1)
    states = []
    for _ in range(given.n):
        wanted = objects(chance)
        states.append([spoiled(chance, wanted), wanted])
    queries = [query(chance) for _ in range(given.n)]
    files = [given.acebench / "model_eval" / "checker.py", given.enterpriseops / "benchmark" / "verifier.py"]
    script = [sys.executable, str(HERE / "upstream" / "run_end_states.py"), *map(str, files)]
    asked = json.dumps({"objects": states, "queries": queries})
    theirs = json.loads(subprocess.run(script, input=asked, capture_output=True, text=True, check=True).stdout)
    mine = {
        "objects": [not differing(found, wanted, "acebench", "code") for found, wanted in states],
        "queries": [ours(*one) for one in queries],
    }
    figures: dict[str, int] = {}
    for name in ("objects", "queries"):
        pairs = list(zip(theirs[name], mine[name], strict=True))
        figures[f"{name}"] = len(pairs)
        figures[f"{name}_right"] = sum(said is True for said, _ in pairs)
        figures[f"{name}_upstream_raises"] = sum(said is None for said, _ in pairs)
        figures[f"{name}_raised_and_held_right_here"] = sum(said is None and own for said, own in pairs)
        figures[f"{name}_differing"] = sum(said is not None and said is not own for said, own in pairs)
    for name, count in figures.items():
        print(f"{name:38} {count}")
    if given.json:
        (HERE / "results" / "end_states.json").write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
