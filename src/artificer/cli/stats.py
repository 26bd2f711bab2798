"""`artificer stats`: what a run holds and what it dropped."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import Parameter

from artificer.cli.show import counts, say, table


def command(run: str, /, *, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Count what a run holds and what it dropped.

    Example: `artificer stats runs/shop`

    Parameters
    ----------
    run
        A run folder.
    json
        Print as JSON.
    """
    from artificer.api import stats

    found = stats(run)
    if json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
        return 0
    say(f"{run}: {found.tasks} tasks, {found.traces} traces, {found.passed} passed; {found.rejected} rows rejected")
    for stage, reasons in found.rejects.items():
        say(f"  {stage}: {counts(reasons)}")
    say("\na trace on average")
    say(table([(name, f"{value:.2f}") for name, value in found.averages.items()]))
    for title, part in (("kinds of request", found.ops), ("outcomes", found.outcomes), ("tools called", found.tools), ("stop reasons", found.stops)):
        if part:
            say(f"\n{title}")
            say(table([(name, number) for name, number in list(part.items())[:20]]))
    if found.difficulty:
        say("\ndifficulty (mean over tasks)")
        say(table([(name, f"{value:.2f}") for name, value in found.difficulty.items()]))
    return 0
