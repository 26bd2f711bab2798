"""`artificer demo`: the whole loop on shipped inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from artificer.cli.show import say


def command(
    *,
    out: Annotated[str, Parameter(name=("--out", "-o"))] = "runs/demo",
    small: Annotated[bool, Parameter(negative=())] = False,
    without_mcp: Annotated[bool, Parameter(negative=())] = False,
    without_training: Annotated[bool, Parameter(negative=())] = False,
    dry: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Run the whole loop on shipped inputs, offline, without a key: synthesise, verify, measure, train, measure, report.

    It runs ordinary commands and prints each before it runs it. An interrupted demo is continued by the same command.

    Example: `artificer demo -o runs/demo`

    Parameters
    ----------
    out
        The folder for everything that is made.
    small
        A few of everything, to see the steps work.
    without_mcp
        Leave the MCP server out.
    without_training
        Leave training and measuring out.
    dry
        Only print the commands.
    """
    import shlex

    from artificer.demo.plan import SMALL, Size, steps
    from artificer.demo.repository import template
    from artificer.demo.show import perform

    at = Path(out)
    size = SMALL if small else Size()
    plan = steps(at, at / "repository", size, server=not without_mcp, learning=not without_training)
    if dry:
        say("\n".join(shlex.join(("artificer", *step.words)) for step in plan))
        return 0
    if not without_mcp:
        template(at / "repository")
    code = perform(plan, at, say)
    if code == 0:
        if not without_training:
            _before_and_after(at)
        say(f"\nreport: {(at / 'report.html').resolve()}")
    return code


def _before_and_after(at: Path) -> None:
    from artificer.api import results_in
    from artificer.cli.evaluate import show

    say()
    show(results_in(at / "results"))
