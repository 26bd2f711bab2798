"""`artificer sample`: some of the traces."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from artificer.cli.sets import show
from artificer.cli.show import note


def command(
    *sources: str,
    out: Annotated[str, Parameter(name=("--out", "-o"))],
    n: Annotated[int | None, Parameter(name="-n")] = None,
    share: float | None = None,
    by: str | None = None,
    equal: Annotated[bool, Parameter(negative=())] = False,
    seed: int = 0,
    given: Annotated[str | None, Parameter(name="--from")] = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Draw traces by their keys: the same ones, whatever the order of the sources.

    Example: `artificer sample runs/all -o runs/some -n 1000 --by tool --equal`

    Parameters
    ----------
    sources
        Run folders, files of any known format, folders of files.
    out
        The run folder to write.
    n
        How many.
    share
        Or such a share, 0.1 for a tenth.
    by
        Strata: tool, world, source, task, tag, length. Each gives in proportion to its size.
    equal
        Each gives as many as the others, as long as it has them.
    seed
        Of the draw.
    given
        The format of files; guessed otherwise.
    json
        Print as JSON.
    quiet
        Show no progress.
    """
    from artificer.api import sample

    found = sample(sources, out=out, n=n, share=share, by=by, equal=equal, seed=seed, given=given, tell=None if quiet else note)
    return show(found, json)
