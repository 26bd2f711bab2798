"""The data-flow graph of a world without a guide, kept in the run folder: found once, used by every worker and
whenever the run is continued.
"""

from __future__ import annotations

from msgspec import Struct

from artificer.core.errors import SourceError
from artificer.run.store import RunFolder
from artificer.synthesis.dataflow import DataflowGraph, attach, discover, load
from artificer.worlds.base import World
from artificer.worlds.guide import Guide

GRAPH = "dataflow.json"


class Stored(Struct, frozen=True):
    """Guide maker: the guide of the graph stored in a file. Picklable."""

    path: str

    def __call__(self, world: World) -> Guide | None:
        attach(world, load(self.path))
        return world.guide


async def discovered(world: World, folder: RunFolder, seed: int = 0) -> Stored:
    """The guide maker of a world, from the graph in the run folder; found by executing the world's tools when there
    is none yet.

    Raises:
        SourceError: no request can be made with these tools.
    """
    if not folder.has(GRAPH):
        graph = (await discover(world, seed=seed)).graph
        if not graph.uses:
            why = "; ".join(f"{tool}: {reason}" for tool, reason in list(graph.unreached.items())[:3])
            raise SourceError(
                f"no task can be made with these tools: no call of any of them was found to work ({why or 'there is none'}).",
                where=world.name,
                remedy="see `artificer tools SOURCE`; give the server a state to read, e.g. --options template=FOLDER",
            )
        folder.put_json(GRAPH, graph)
    return Stored(str(folder.path / GRAPH))


def observing(folder: RunFolder) -> dict[str, str]:
    """The world options that a run's graph calls for: servers that cannot show their state are observed by its
    probes.
    """
    if not folder.has(GRAPH) or not folder.get_json(GRAPH, DataflowGraph).probes:
        return {}
    return {"probes": str(folder.path / GRAPH)}
