"""The error classes of published systems, mapped onto the one tree of errors (`core.kinds`) and back.

Example: `source("bfcl").place("type_error:nested")` is `ErrorKind.mistyped_argument`, and
`source("tau2").place("tool_call_schema_error")` is `ErrorGroup.agent`, for it may be a tool's or an argument's.
"""

from artificer.checks.taxonomy import benchmarks, training
from artificer.checks.taxonomy.base import Source
from artificer.core.errors import ArtificerError

SOURCES: dict[str, Source] = {one.name: one for one in (*benchmarks.ALL, *training.ALL)}


def source(name: str) -> Source:
    """The classes of a system.

    Raises:
        ArtificerError: none is known by this name.
    """
    if name not in SOURCES:
        raise ArtificerError(f"no error classes of {name!r} are known", remedy=f"use one of {', '.join(SOURCES)}")
    return SOURCES[name]


__all__ = ["SOURCES", "Source", "source"]
