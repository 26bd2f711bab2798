"""How the rows of a run ended: `python ends.py RUN ROWS` prints one JSON line."""

from __future__ import annotations

import json
import sys
from collections import Counter

from artificer.core.trace import Trace
from artificer.run.store import RunFolder


def main() -> None:
    path, rows = sys.argv[1], int(sys.argv[2])
    wanted = {f"{row:06}" for row in range(rows)}
    with RunFolder.open(path) as run:
        traces = list(run.read("traces", Trace))
        rejects = list(run.rejects())
    ends = Counter([key for key, _ in traces] + [row.key for row in rejects])
    stops = Counter(stop.value for _, trace in traces for stop in trace.stop.values())
    stops.update(stop for row in rejects for stop in (row.item or {}).get("stop", {}).values())
    found = {"lost": len(wanted - ends.keys()), "twice": sum(1 for count in ends.values() if count > 1), "unknown": len(ends.keys() - wanted)}
    print(json.dumps(found | {"stops": dict(stops)}))


if __name__ == "__main__":
    main()
