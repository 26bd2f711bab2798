"""What a demo showed: before and after on held-out rows, and where its minutes went. Reads the folder that `make demo` left; runs nothing.

make demo && python benchmarks/demo.py runs/demo --json benchmarks/results/demo.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

from artificer.api import results_in
from artificer.evaluation.comparison import compare
from artificer.evaluation.outcomes import examined
from artificer.learn import shown_name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", nargs="?", type=Path, default=Path("runs/demo"))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if not (asked.demo / "results").is_dir():
        print(f"no demo in {asked.demo}: run `make demo` first")
        return
    seconds = json.loads((asked.demo / "demo.json").read_text())
    trained = json.loads((asked.demo / "model" / "trained.json").read_text())["result"]
    results = results_in(asked.demo / "results")
    arms = {
        shown_name(name): {
            kind: {"n": figures.exact.n, "exact": figures.exact.hits, "reached": figures.reached.hits, "right tool": figures.tool.hits}
            for kind, figures in found.summary.kinds.items()
        }
        for name, found in results.items()
    }
    names = list(results)
    gains = {
        f"{shown_name(first)} to {shown_name(names[-1])}": {
            kind: {"points": round(gain.points, 1), "low": round(gain.low, 1), "high": round(gain.high, 1), "p": gain.p, "n": gain.n}
            for kind, gain in compare(examined(results[first].predictions), examined(results[names[-1]].predictions)).gains.items()
        }
        for first in names[:-1]
    }
    report = {
        "python": platform.python_version(),
        "torch": version("torch"),
        "transformers": version("transformers"),
        "cores": os.cpu_count(),
        "minutes": round(sum(seconds.values()) / 60, 1),
        "seconds": {command.replace(str(asked.demo), "DEMO")[:120]: taken for command, taken in seconds.items()},
        "training": trained,
        "arms": arms,
        "gains": gains,
    }
    for title, kinds in gains.items():
        for kind, gain in kinds.items():
            print(f"{title}, {kind}: {gain['points']:+.1f} points of exact calls [{gain['low']:+.1f}, {gain['high']:+.1f}], n = {gain['n']}")
    print(f"{report['minutes']} minutes, {trained['steps']} training steps")
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
