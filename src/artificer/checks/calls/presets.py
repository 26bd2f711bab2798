"""Presets of the call matcher by name, and what a task states for the check `calls`."""

from __future__ import annotations

import importlib
from typing import cast

from artificer.checks.calls.base import Matcher
from artificer.core.errors import ArtificerError

PRESETS: dict[str, tuple[str, str]] = {
    "strict": ("strict:match", "ours: typed values, a multiset, the assignment with the fewest faults"),
    "bfcl": ("bfcl:bfcl", "BFCL v3/v4: alternatives, texts normalised, any order"),
    "mcptoolbench": ("mcptoolbench:match", "MCPToolBench++: names and arguments of tools, with their dependencies"),
    "radar": ("radar:match", "MCP-RADAR: the last call decides, texts nearly the same"),
    "mnms": ("mnms:match", "m&m's: F1 of tools, of argument names, of edges"),
    "acebench": ("acebench:match", "ACEBench: the wanted text stands in the given one"),
    "looptool": ("looptool:match", "LoopTool: as many calls and equal, in any order"),
}
"""Module and function of each, and what it is."""


def matcher(name: str) -> Matcher:
    """The preset called `name`, loaded when it is asked for.

    Raises:
        ArtificerError: there is none.
    """
    if name not in PRESETS:
        raise ArtificerError(f"there is no preset {name!r} of the call matcher", remedy=f"use one of {', '.join(PRESETS)}")
    module, _, function = PRESETS[name][0].partition(":")
    return cast("Matcher", getattr(importlib.import_module(f"artificer.checks.calls.{module}"), function))
