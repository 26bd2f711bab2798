"""The run folder of a repaired copy: traces that hold in its world, and the others as rejects with their reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from artificer.core.trace import Trace
from artificer.formats.base import Item, content_id
from artificer.rollout.foreign.findings import Again
from artificer.rollout.foreign.repair import Repair
from artificer.run.store import Dropped, Rejected, RunFolder
from artificer.run.traded import SAME, Data, Traces
from artificer.worlds.base import World

RECIPE = "repair"


class Keeper:
    """Writes a repaired copy, in bounded memory.

    Raises:
        RunError: the folder cannot be written.
    """

    def __init__(self, out: str | Path, world: World, source: str, options: dict[str, str], data: Data) -> None:
        knobs = {"world": source, "options": options, "source": data.source, "format": data.form}
        self._folder = RunFolder.create_or_continue(out, {"recipe": RECIPE, "knobs": knobs})
        self._world = world
        self._tools = tuple(world.tools)
        self._seen = set[str]()
        self._traces = Traces(self._folder, RECIPE)

    def add(self, row: str, again: Again, repair: Repair, given: Trace | None) -> str:
        """Takes one trace; where there is no copy, the trace as it was `given` and the reason. Why it is rejected; "" when
        it is kept."""
        trace = repair.trace
        if trace is None:
            self._reject(row, again, repair.reason, repair.detail, given)
            return repair.reason
        key = content_id(Item(trace, self._tools))
        if key in self._seen:
            self._reject(row, again, "same", SAME, None)
            return "same"
        self._seen.add(key)
        self._traces.add(key, trace)
        return ""

    def _reject(self, row: str, again: Again, reason: str, detail: str, given: Trace | None) -> None:
        where = f"{again.where}: " if again.where else ""
        self._folder.reject("traces", row, Dropped.of([Rejected(row, RECIPE, reason, f"{where}{again.trace_id}: {detail}", given)]))

    def close(self) -> None:
        """Writes what is left, and what the world is."""
        world = self._world
        try:
            self._traces.flush()
            about: dict[str, Any] = {"world": world.name, "toolset": world.toolset(), "forks": world.forks, "policy": world.policy}
            self._folder.put_json("tools.json", about | {"tools": self._tools, "user_tools": tuple(world.user_tools)})
        finally:
            self._folder.close()
