"""BFCL's reader and checker on rows that we wrote: run in a process of its own, with bfcl-eval on the path.

Reads JSON from standard input: {"file": rows in lines, "categories": one for each, "calls": the reference calls of each}. Each row is loaded by
bfcl-eval's `load_file`, and the calls are checked by its `ast_checker` against the row's functions and reference. Writes {"rows", "valid", "wrong"}.
"""

import json
import sys

import run_bfcl_ast as stood_in  # replaces the table of models, which needs the client of every model
from bfcl_eval.utils import load_file, sort_key


def main():
    asked = json.load(sys.stdin)
    rows = load_file(asked["file"], sort_by_id=False, use_lock=False)
    valid, wrong = 0, []
    for row, category, calls in zip(rows, asked["categories"], asked["calls"], strict=True):
        sort_key(row)
        found = stood_in.verdict(row, row["ground_truth"], category, stood_in.Language.PYTHON, {"calls": calls})
        valid += found is None
        if found is not None:
            wrong.append([row["id"], found])
    print(json.dumps({"rows": len(rows), "valid": valid, "wrong": wrong}))


if __name__ == "__main__":
    main()
