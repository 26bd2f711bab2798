"""AgentDojo's suites: what users ask and what attackers want, with their gold calls, from an installed `agentdojo`.

Its tasks are Python: this is the one suite for which modules of the package are loaded (`worlds.imported.agentdojo`).
"""

from __future__ import annotations

from collections.abc import Iterator

from artificer.curation.suites.rows import Turn, row
from artificer.formats.base import Item
from artificer.worlds.imported.agentdojo import SUITES as SUITES
from artificer.worlds.imported.agentdojo import open_world


def rows(name: str) -> Iterator[Item]:
    """The rows of a suite: users' tasks, then attackers' goals.

    Raises:
        SourceError: `agentdojo` is not installed or not as expected.
        MissingExtra: a library that its suites need is not installed.
    """
    for kind in ("user", "injection"):
        world = open_world(name, tasks=kind)
        for task in world.tasks():
            yield row(task.id, f"agentdojo:{name}", [Turn((task.prompt,), task.gold or ())], world.tools)
