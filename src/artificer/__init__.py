"""Artificer teaches language models to use tools, and proves that they do."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artificer.api import described as described
    from artificer.api import report as report
    from artificer.api import rollout as rollout
    from artificer.api import stats as stats
    from artificer.api import synth as synth
    from artificer.api import verify as verify
    from artificer.core.errors import ArtificerError as ArtificerError
    from artificer.data import check as check
    from artificer.data import convert as convert
    from artificer.data import decontaminate as decontaminate
    from artificer.data import dedup as dedup
    from artificer.data import export as export
    from artificer.data import merge as merge
    from artificer.data import query as query
    from artificer.data import sample as sample
    from artificer.data import split as split
    from artificer.data import tokenize as tokenize
    from artificer.data import verify_data as verify_data
    from artificer.learn import compare as compare
    from artificer.learn import curate as curate
    from artificer.learn import evaluate as evaluate
    from artificer.learn import train as train
    from artificer.worlds.base import World as World
    from artificer.worlds.python import tool as tool

__version__ = "0.1.0"
__all__ = [
    "ArtificerError",
    "World",
    "__version__",
    "check",
    "compare",
    "convert",
    "curate",
    "decontaminate",
    "dedup",
    "described",
    "evaluate",
    "export",
    "merge",
    "query",
    "report",
    "rollout",
    "sample",
    "split",
    "stats",
    "synth",
    "tokenize",
    "tool",
    "train",
    "verify",
    "verify_data",
]

_STEPS = frozenset(__all__) - {"ArtificerError", "World", "__version__", "tool"}


def __getattr__(name: str) -> object:
    """All of it is loaded when it is named: the steps from `artificer.api`."""
    if name in _STEPS:
        from artificer import api

        return getattr(api, name)
    if name == "ArtificerError":
        from artificer.core.errors import ArtificerError

        return ArtificerError
    if name == "World":
        from artificer.worlds.base import World

        return World
    if name == "tool":
        from artificer.worlds.python import tool

        return tool
    raise AttributeError(f"module 'artificer' has no attribute {name!r}")
