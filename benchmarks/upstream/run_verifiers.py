"""Traces for verifiers, decoded by its own models, and encoded again. Asked: {"file": FILE, "out": FILE}. Prints JSON."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from verifiers.v1.trace import WireTrace


def main():
    asked = json.loads(sys.stdin.read())
    told = {"version": version("verifiers"), "rows": 0, "accepted": 0, "branches": 0, "tokens_agree": 0, "refused": []}
    with Path(asked["out"]).open("w", encoding="utf-8") as out:
        for line in Path(asked["file"]).read_bytes().splitlines():
            told["rows"] += 1
            try:
                trace = WireTrace.model_validate_json(line)
                for branch in trace.branches:
                    told["branches"] += 1
                    told["tokens_agree"] += len(branch.token_ids) == len(branch.sampled_mask) and len(branch.messages) == len(branch.nodes)
                out.write(trace.model_dump_json(exclude_none=True) + "\n")
            except ValueError as error:
                told["refused"].append(str(error)[:300])
                continue
            told["accepted"] += 1
    print("\n" + json.dumps(told))


main()
