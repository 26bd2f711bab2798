"""The end-state rules of ACEBench and EnterpriseOps-Gym, by their own code: run in a process of its own.

Takes two files, `model_eval/checker.py` of ACEBench and `benchmark/verifier.py` of EnterpriseOps-Gym, and takes out of them
the functions that decide, as they stand: the modules around them need servers and models. Reads {"objects": [[found,
wanted], ...], "queries": [[rows, expected, comparison], ...]} and writes the verdicts, null where upstream raises.
"""

import ast
import json
import sys
import types
from pathlib import Path


def taken(path, names):
    """The functions of these names, also those of classes, from a file."""
    tree = ast.parse(Path(path).read_text("utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in names]
    space = {"Any": object, "Dict": dict, "List": list, "Optional": dict}
    exec(compile(ast.Module(found, []), str(path), "exec"), space)
    return types.SimpleNamespace(**{name: space[name] for name in names})


def end_state(checker, found, wanted):
    """What `agent_eval` does with one item: classes are paired by name, each pair is checked."""
    mine, theirs = [{name: part} for name, part in found.items()], [{name: part} for name, part in wanted.items()]
    if len(mine) != len(theirs):
        return False
    valid, last = True, {"valid": True}
    for one in theirs:
        pair = next((other for other in mine if set(other) == set(one)), None)
        if pair:
            last = checker.agent_checker(pair, one)
        valid = valid and last["valid"]
    return valid


def queried(verifier, rows, expected, comparison):
    actual = verifier._extract_value_from_sql_result(None, {"success": True, "result": {"data": rows}})
    return bool(verifier._compare_values(None, actual, expected, comparison)["passed"])


def answered(decide, *given):
    try:
        return decide(*given)
    except Exception:
        return None


def main():
    checker = taken(sys.argv[1], ["agent_checker"])
    verifier = taken(sys.argv[2], ["_extract_value_from_sql_result", "_compare_values"])
    asked = json.load(sys.stdin)
    verdicts = {
        "objects": [answered(end_state, checker, *case) for case in asked["objects"]],
        "queries": [answered(queried, verifier, *case) for case in asked["queries"]],
    }
    json.dump(verdicts, sys.stdout)


main()
