"""Tasks for any world that has no guide of its own: a data-flow graph over its tools, found by executing them."""

from artificer.synthesis.dataflow.discover import discover
from artificer.synthesis.dataflow.graph import DataflowGraph
from artificer.synthesis.dataflow.guide import DataflowGuide, attach, load, save

__all__ = ["DataflowGraph", "DataflowGuide", "attach", "discover", "load", "save"]
