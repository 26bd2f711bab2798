"""DataflowGuide: how requests on a discovered graph are served and invented; and keeping a graph in a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random

import msgspec

from artificer.core.canon import canonical
from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec
from artificer.synthesis.dataflow.graph import DataflowGraph
from artificer.synthesis.dataflow.propose import Proposer
from artificer.synthesis.dataflow.serve import serve
from artificer.worlds.base import Session, World
from artificer.worlds.guide import Demand, Desk, Dropped, Procedure, Request
from artificer.worlds.observe import Probed
from artificer.worlds.wrappers.base import innermost


class DataflowGuide:
    """Implements `worlds.guide.Guide` for a discovered graph.

    Ops: `call:TOOL` (a write) and `ask:TOOL:TABLE/COLUMN` (what a read tells; `#` is the number of rows).
    """

    def __init__(self, graph: DataflowGraph) -> None:
        self.graph = graph
        self._uses = {use.tool: use for use in graph.uses}

    @classmethod
    def from_graph(cls, graph: DataflowGraph, tools: Sequence[ToolSpec]) -> DataflowGuide:
        """The guide of a stored graph.

        Raises:
            SourceError: a tool of the graph is gone or has other parameters.
        """
        parameters = {tool.name: tool.parameters.get("properties", {}) for tool in tools}
        for use in graph.uses:
            if use.tool not in parameters or any(param.name not in parameters[use.tool] for param in use.params):
                raise SourceError(
                    f"the tool {use.tool!r} is not what it was when its data flow was found.",
                    where=graph.world,
                    remedy="run the discovery again",
                )
        return cls(graph)

    def procedure(self, op: str, desk: Desk) -> Procedure:
        return serve(self._uses, op, desk)

    def propose(self, session: Session, rng: Random, demand: Demand) -> AsyncIterator[Request | Dropped]:
        return Proposer(self.graph, session, rng, demand).requests()


def attach(world: World, graph: DataflowGraph) -> DataflowGuide:
    """Gives a world, in this or another process, the guide and the probes of a stored graph.

    Raises:
        SourceError: the world's tools are not those of the graph.
    """
    guide = DataflowGuide.from_graph(graph, world.tools)
    within = innermost(world)
    if isinstance(within, Probed):
        within.probes = graph.probes
    world.guide = world.guided(guide)
    return guide


def save(graph: DataflowGraph, path: str | Path) -> None:
    """Writes a graph as JSON. An MCP world takes the file as its option `probes`."""
    Path(path).write_bytes(msgspec.json.format(canonical(graph), indent=1) + b"\n")


def load(path: str | Path) -> DataflowGraph:
    """Reads a graph.

    Raises:
        SourceError: there is none, or it is damaged.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=DataflowGraph)
    except (OSError, msgspec.MsgspecError) as error:
        raise SourceError(f"no data-flow graph can be read: {error}", where=str(path), remedy="run the discovery again") from error
