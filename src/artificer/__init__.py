"""Artificer teaches language models to use tools, and proves that they do."""

from typing import TYPE_CHECKING

from artificer.core.errors import ArtificerError
from artificer.worlds.base import World

if TYPE_CHECKING:
    from artificer.api import described as described
    from artificer.api import report as report
    from artificer.api import rollout as rollout
    from artificer.api import stats as stats
    from artificer.api import synth as synth
    from artificer.api import verify as verify
    from artificer.data import convert as convert
    from artificer.learn import compare as compare
    from artificer.learn import curate as curate
    from artificer.learn import evaluate as evaluate
    from artificer.learn import train as train
    from artificer.worlds.python import tool as tool

__version__ = "0.1.0"
__all__ = [
    "ArtificerError",
    "World",
    "__version__",
    "compare",
    "convert",
    "curate",
    "described",
    "evaluate",
    "export",
    "query",
    "report",
    "rollout",
    "stats",
    "synth",
    "tool",
    "train",
    "verify",
]

_STEPS = frozenset(
    {"compare", "convert", "curate", "described", "evaluate", "export", "query", "report", "rollout", "stats", "synth", "train", "verify"}
)


def __getattr__(name: str) -> object:
    """The steps (`artificer.api`) and `artificer.tool`, loaded when they are named."""
    if name in _STEPS:
        from artificer import api

        return getattr(api, name)
    if name == "tool":
        from artificer.worlds.python import tool

        return tool
    raise AttributeError(f"module 'artificer' has no attribute {name!r}")
