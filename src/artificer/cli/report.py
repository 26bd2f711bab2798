"""`artificer report`: a page to look at."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from artificer.cli.show import say


def command(
    *runs: str,
    out: Annotated[str | None, Parameter(name=("--out", "-o"))] = None,
    results: str | None = None,
    trained: str | None = None,
) -> int:
    """Write a self-contained page about one or more runs: what was made, yield, dialogues, variety, speed, how to run it again.

    Example: `artificer report runs/shop -o report.html`

    Parameters
    ----------
    runs
        Run folders.
    out
        The file to write; report.html in the first run's folder by default.
    results
        A folder of evaluation results (of `artificer eval`), for before and after.
    trained
        The model folder that `artificer train` wrote, for how it was trained.
    """
    from artificer.api import report
    from artificer.core.errors import ArtificerError

    if not runs:
        raise ArtificerError("a report needs at least one run", remedy="artificer report runs/shop")
    if results is None:
        say(report(runs, out))
    else:
        from artificer.learn import learned, results_in, training_facts

        say(report(runs, out, learned=learned(results_in(results), training_facts(trained) if trained else None)))
    return 0
