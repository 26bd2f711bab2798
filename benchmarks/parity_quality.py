"""ADP's quality check, theirs and ours, on the same conversations.

    python benchmarks/parity_quality.py --script PATH/agents/openhands_v0/sft_quality_control.py [--n 1000] [--json FILE]

The script is neulab/agent-data-protocol's, from a checkout of one's own; its charts' libraries are not needed. Data sets
of one to ten conversations are drawn from the test file of ten, with thoughts, tools, speakers and messages changed or
taken away at random. Compared are the number of calls, the shares, and the five decisions (theirs by the bounds of
`generate_markdown_table`). Calls always have their closing tag: without it theirs counts no thought, and ours mends the
call.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import random
import sys
import tempfile
import types
from pathlib import Path

from artificer.curation.quality.counting import Counting
from artificer.curation.quality.thoughts import NATIVE
from artificer.formats import format_named
from artificer.formats.account import Account

ROWS = json.loads((Path(__file__).parents[1] / "tests/curation/quality/adp.json").read_text())
FORM = format_named("qwen3_coder")


def theirs_from(script):
    """Their module, with empty modules in the place of libraries that draw."""
    for name in ("matplotlib", "matplotlib.pyplot", "pandas"):
        sys.modules.setdefault(name, types.ModuleType(name))
    specification = importlib.util.spec_from_file_location("upstream", script)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def changed(rng):
    rows = [copy.deepcopy(rng.choice(ROWS)) for _ in range(rng.randint(1, 10))]
    for row in rows:
        for turn in row["conversations"]:
            chance = rng.random()
            if turn["from"] == "function_call" and chance < 0.15:
                turn["value"] = turn["value"][turn["value"].index("<function=") :]
            elif turn["from"] == "function_call" and chance < 0.2:
                turn["value"] = turn["value"].replace("execute_bash", "bash")
            elif turn["from"] == "human" and chance > 0.97:
                turn["from"] = "gpt"
        if rng.random() < 0.1 and len(row["conversations"]) > 1:
            row["conversations"].pop(rng.randrange(len(row["conversations"])))
    return rows


def theirs(module, rows, folder):
    path = Path(folder) / "rows.json"
    path.write_text(json.dumps(rows))
    found = module.analyze_dataset(str(path))
    n, calls, thoughts = found["conversation_count"], found["function_calls"], found["thought_percentage"]
    finish, two = 100 * found["finish_action_count"] / n, 100 * found["len1_conversation_count"] / n
    decided = (
        0.95 <= found["function_names_sum"] <= 1.05,
        finish > 80 or two > 80,
        not found["invalid_tools"] and calls > 0,
        thoughts >= 80 and calls > 0,
        found["valid_roles"],
    )
    return decided, (calls, round(thoughts, 9), round(finish, 9), round(two, 9))


def ours(rows):
    counting = Counting(native=NATIVE)
    for row in rows:
        for one in FORM.parse(row, Account()):
            counting.add(one)
    found = counting.card("", "", len(rows), {}, {}).adp
    decided = (found.names_pass, found.finish_pass, found.tools_pass, found.thoughts_pass, found.roles_pass)
    return decided, (found.calls, *(round(100 * share, 9) for share in (found.thoughts, found.finish, found.two_messages)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--script", required=True)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--json")
    given = parser.parse_args()
    module, rng, same = theirs_from(given.script), random.Random(5), 0
    passed = [0] * 5
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.n):
            rows = changed(rng)
            one, other = theirs(module, rows, folder), ours(rows)
            same += one == other
            passed = [count + decided for count, decided in zip(passed, one[0])]
            if one != other:
                print("different:", one, other)
    print(f"the same figures and decisions on {same:,} of {given.n:,} data sets; they pass {passed} by check")
    if given.json:
        Path(given.json).write_text(json.dumps({"data_sets": given.n, "same": same, "passed_by_check": passed}, indent=1) + "\n")
    sys.exit(same != given.n)


if __name__ == "__main__":
    main()
