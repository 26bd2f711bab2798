"""`artificer synth RECIPE`: a command for every recipe, whose flags are its knobs."""

from __future__ import annotations

import inspect
from inspect import Parameter as Slot
from itertools import islice
from typing import Annotated, Any

from cyclopts import App, Parameter

from artificer.cli.knobs import given, slots
from artificer.cli.show import complain, counts, say, table
from artificer.recipes import Recipe, recipe_named, recipes
from artificer.run.store import RunFolder
from artificer.run.summary import Summary

command = App(name="synth")

_RUN = {
    "out": (Annotated[str, Parameter(name=("--out", "-o"), help="The run folder: a new one, or one to continue.")], Slot.empty),
    "engine": (Annotated[str, Parameter(help="Where rows are worked on: local, processes:N or ray:N.")], "local"),
    "concurrency": (Annotated[int, Parameter(help="Rows in flight, over all workers.")], 64),
    "minutes": (Annotated[float | None, Parameter(help="After so long begin no more rows; the same command continues.")], None),
    "quiet": (Annotated[bool, Parameter(help="Show no progress.", negative=())], False),
}


def _function(recipe: Recipe) -> Any:
    def run(**typed: Any) -> int:
        from artificer.api import synth
        from artificer.run.progress import Progress

        out, engine, concurrency, minutes, quiet = (typed.pop(name, default) for name, (_, default) in _RUN.items())
        knobs = given(recipe.knobs, typed)
        watch = None if quiet else Progress()
        summary = synth(recipe.name, out=out, engine=engine, concurrency=concurrency, progress=watch, minutes=minutes, **knobs)
        return report(summary, out)

    signature = [*slots(recipe.knobs), *(Slot(name, Slot.KEYWORD_ONLY, default=default, annotation=kind) for name, (kind, default) in _RUN.items())]
    run.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    run.__annotations__ = {slot.name: slot.annotation for slot in signature}
    return run


def report(summary: Summary, out: str) -> int:
    """Prints what a run did and what comes next; the exit code."""
    say(table([(s.name, s.rows_in, s.rows_out, counts(s.rejects) or "-") for s in summary.stages], ("stage", "rows in", "rows out", "rejected")))
    asked, made = summary.stages[0].rows_in, summary.stages[-1].rows_out
    yielded = f"{100 * made / asked:.1f}% of {asked}" if asked else "nothing was asked"
    say(f"\n{made} traces ({yielded}) in {summary.seconds:.1f} s, {made / max(summary.seconds, 1e-9):.0f} a second: {out}")
    if not summary.complete:
        why = f" ({summary.stopped.splitlines()[0]})" if summary.stopped else ""
        say(f"stopped before the end{why}; the same command continues it")
        return 130 if not summary.stopped else 75
    if not made:
        with RunFolder.open(out) as run:
            why = dict.fromkeys(f"{row.stage}: {row.reason}: {row.detail}" for row in islice(run.rejects(), 100))
        complain("\n  ".join(["nothing came of it:", *list(why)[:5]]) if asked else "nothing was asked for: -n 0")
        return 1 if asked else 0
    say(f"next: artificer verify {out}")
    return 0


@command.default
def _unknown(recipe: str, /, *rest: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]) -> int:
    """Make verified traces with a recipe. An interrupted run is continued by the same command.

    Example: `artificer synth cove --world sqlite:shop.db -n 1000 --seed 7 -o runs/shop`

    `artificer synth RECIPE --help` shows a recipe's flags.
    """
    recipe_named(recipe)
    return 2


for _recipe in recipes().values():
    if isinstance(_recipe, Recipe):
        command.command(
            _function(_recipe),
            name=_recipe.name,
            help=f"{_recipe.title} (arXiv {_recipe.paper}).\n\nExample: `artificer synth {_recipe.name} --world sqlite:shop.db -n 1000 -o runs/x`",
        )
