"""`artificer dedup`: traces without duplicates."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from artificer.cli.sets import show
from artificer.cli.show import note


def command(
    *sources: str,
    out: Annotated[str, Parameter(name=("--out", "-o"))],
    near: float | None = None,
    on: Literal["conversation", "calls", "first-user"] = "conversation",
    given: Annotated[str | None, Parameter(name="--from")] = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Leave out duplicates, and with --near traces that are nearly the same; each is a row of the rejects, with the one it is like.

    Example: `artificer dedup runs/all -o runs/clean --near 0.8`

    Parameters
    ----------
    sources
        Run folders, files of any known format, folders of files.
    out
        The run folder to write.
    near
        Also of near-duplicates only one: the least Jaccard index of word triples that makes two such.
    on
        What is compared: the conversation with its calls, the calls alone, or the first message of the user.
    given
        The format of files; guessed otherwise.
    json
        Print as JSON.
    quiet
        Show no progress.
    """
    from artificer.api import dedup

    return show(dedup(sources, out=out, near=near, on=on, given=given, tell=None if quiet else note), json)
