"""`artificer merge`: traces of several runs and files in one run."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from artificer.cli.sets import show
from artificer.cli.show import note, options_of


def command(
    *sources: str,
    out: Annotated[str, Parameter(name=("--out", "-o"))],
    weights: Annotated[tuple[str, ...], Parameter(negative_iterable=())] = (),
    seed: int = 0,
    given: Annotated[str | None, Parameter(name="--from")] = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Put the traces of several runs and files into one run. The same trace is one; its lineage names every source that had it.

    Where all sources are runs of one world, `artificer verify` proves the result as it proves them.

    Example: `artificer merge runs/a runs/b theirs.jsonl -o runs/all --weights theirs.jsonl=0.5`

    Parameters
    ----------
    sources
        Run folders, files of any known format, folders of files.
    out
        The run folder to write.
    weights
        SOURCE=0.5 draws half of a source's traces by their keys, SOURCE=3 takes each three times; once for each source.
    seed
        Of that draw.
    given
        The format of files; guessed otherwise.
    json
        Print as JSON.
    quiet
        Show no progress.
    """
    from artificer.api import merge
    from artificer.core.errors import ArtificerError

    told: dict[str, float] = {}
    for name, value in options_of(weights).items():
        try:
            told[name] = float(value)
        except ValueError as error:
            raise ArtificerError(f"the weight {value!r} of {name!r} is no number", remedy="write --weights SOURCE=0.5") from error
    return show(merge(sources, out=out, weights=told, seed=seed, given=given, tell=None if quiet else note), json)
