"""`artificer split`: traces in parts."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from artificer.cli.sets import show
from artificer.cli.show import note


def command(
    *sources: str,
    out: Annotated[str, Parameter(name=("--out", "-o"))],
    parts: Annotated[tuple[str, ...], Parameter(negative_iterable=())] = ("train=0.9,test=0.1",),
    by: str = "task",
    near: float = 0.8,
    seed: int = 0,
    given: Annotated[str | None, Parameter(name="--from")] = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Split traces into parts, so that no group of them is in two. Where a trace goes depends on its group and the seed.

    Example: `artificer split runs/all -o sets --parts train=0.8,test=0.2 --by tool`

    Parameters
    ----------
    sources
        Run folders, files of any known format, folders of files.
    out
        A folder; each part becomes a run folder in it.
    parts
        NAME=SHARE, parted by commas; shares add up to 1.
    by
        What stays together: trace, task, world, source, tool, entity, tag, length, or near (near-duplicates). With tool, every
        tool belongs to one part, and a trace that calls tools of two is left out.
    near
        The least Jaccard index of word triples that makes two traces near-duplicates.
    seed
        Of the draw.
    given
        The format of files; guessed otherwise.
    json
        Print as JSON.
    quiet
        Show no progress.
    """
    from artificer.api import split
    from artificer.curation.sets.plans import parts_of

    shares = parts_of(parts)
    return show(split(sources, out=out, parts=shares, by=by, near=near, seed=seed, given=given, tell=None if quiet else note), json)
