"""BFCL's own checker on what `benchmarks/imported.py` asks: run in a process of its own, with bfcl-eval on the path.

Reads JSON from standard input: {"category": ..., "answers": {task: {variant: [[call, ...] of each turn]}}}; writes
{task: {variant: {"valid": ..., "why": ...}}, ...} with the gold run's results and final state besides. With `"bare": true` these are left
out, and each verdict has its processor time in microseconds.
"""

import json
import sys
import time
from pathlib import Path

import bfcl_eval
from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import multi_turn_checker
from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_utils import execute_multi_turn_func_call

DATA = Path(bfcl_eval.__file__).parent / "data"


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def shown(value, inside=()):
    """Public attributes, all the way down, less what leads back."""
    if isinstance(value, dict):
        return {str(key): shown(part, inside) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(part, inside) for part in value]
    if isinstance(value, set):
        return sorted(value)
    if hasattr(value, "__dict__"):
        inside = (*inside, id(value))
        return {name: shown(part, inside) for name, part in vars(value).items() if not name.startswith("_") and id(part) not in inside}
    return value


def main():
    asked = json.load(sys.stdin)
    category = asked["category"]
    gold = {row["id"]: row["ground_truth"] for row in lines(DATA / "possible_answer" / f"BFCL_v4_{category}.json")}
    found = {}
    for entry in lines(DATA / f"BFCL_v4_{category}.json"):
        name = entry["id"]
        verdicts = {}
        for variant, turns in asked["answers"].get(name, {}).items():
            said = [[calls] if calls else [] for calls in turns]
            began = time.process_time()
            outcome = multi_turn_checker(said, gold[name], entry, category, f"{variant}_{category}")
            spent = time.process_time() - began
            verdicts[variant] = {"valid": outcome["valid"], "why": outcome.get("error_type")}
            if asked.get("bare"):
                verdicts[variant]["us"] = spent * 1e6
        if asked.get("bare"):
            found[name] = verdicts
            continue
        results = []
        instances = {}
        for turn in gold[name]:
            got, instances = execute_multi_turn_func_call(
                turn, entry["initial_config"], entry["involved_classes"], f"gold_{category}", name, long_context="long_context" in category
            )
            results += got
        state = {f"{owner}.{part}": value for owner, instance in instances.items() for part, value in shown(instance).items()}
        found[name] = {"verdicts": verdicts, "results": results, "state": state}
    json.dump(found, sys.stdout)


main()
