"""`artificer eval`: a model examined on held-out decisions."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from artificer.cli.show import counts, note, say, table
from artificer.core.errors import ArtificerError

if TYPE_CHECKING:
    from artificer.evaluation.decisions import Examination
    from artificer.evaluation.metrics import Share


def command(
    *data: str,
    model: str,
    out: Annotated[str, Parameter(name=("--out", "-o"))],
    name: str | None = None,
    constrained: Annotated[bool, Parameter(negative=())] = False,
    style: str = "brief",
    n: Annotated[int | None, Parameter(name=("-n",))] = None,
    max_tokens: int = 96,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Examine a model on held-out decisions: exact calls, effects reached, right tools, and what went wrong, with 95% intervals.

    Example: `artificer eval data/shop-test --model hf:models/shop -o results --name after`

    Parameters
    ----------
    data
        Folders of rows, made by artificer curate; each is reported under its own name.
    model
        hf:smollm2, hf:FOLDER, local:smollm2, local:FILE.gguf or openai:NAME@URL.
    out
        The folder of results; every prediction is kept there.
    name
        What to call this examination; the model's name by default. A number in front orders examinations: 1-before, 2-after.
    constrained
        Let the engine force a valid call (local: models).
    style
        How tools are told: brief or full. Use what the model was trained with.
    n
        Only the first so many rows of each folder.
    max_tokens
        Longest answer.
    quiet
        Show no progress.
    """
    from artificer.api import evaluate, results_in

    if not data:
        raise ArtificerError("there is nothing to examine on", remedy="give folders of rows: artificer eval data/shop-test --model ... -o results")
    called = name or "".join(c if c.isalnum() or c in "-_." else "_" for c in model) + ("-constrained" if constrained else "")
    if not quiet:
        note(f"eval: loading {model}")
    evaluate(
        data,
        out=out,
        model=model,
        name=called,
        constrained=constrained,
        style=style,
        n=n,
        max_tokens=max_tokens,
        progress=(lambda done: None) if quiet else narrate(),
    )
    show(results_in(out))
    return 0


def narrate(every_s: float = 10.0) -> Callable[[int], None]:
    """A progress callback that writes a line to stderr now and then."""
    shown = [monotonic()]

    def tell(done: int) -> None:
        if monotonic() - shown[0] >= every_s:
            shown[0] = monotonic()
            note(f"eval: {done} rows examined")

    return tell


def show(results: dict[str, Examination]) -> None:
    """Prints all examinations of a folder side by side, and what the last gained on the first."""
    from artificer.evaluation.comparison import compare
    from artificer.evaluation.outcomes import examined
    from artificer.learn import shown_name

    rows = [
        (
            kind,
            shown_name(name),
            figures.exact.n,
            _share(figures.exact),
            _share(figures.reached),
            _share(figures.tool),
            f"{100 * figures.parsed.share:.0f}%",
        )
        for kind in dict.fromkeys(kind for found in results.values() for kind in found.summary.kinds)
        for name, found in results.items()
        if (figures := found.summary.kinds.get(kind)) is not None
    ]
    say(table(rows, ("rows", "model", "n", "exact call", "effect reached", "right tool", "readable")))
    say("  shares in %, with 95% intervals")
    for name, found in results.items():
        say(f"  what went wrong, {shown_name(name)}: {counts(found.summary.kinds['all'].errors) or 'nothing'}")
    names = list(results)
    if len(names) > 1:
        say()
        gains = compare(examined(results[names[0]].predictions), examined(results[names[-1]].predictions)).gains
        for kind, gain in sorted(gains.items(), key=lambda entry: (entry[0] == "all", entry[0])):
            say(
                f"  {shown_name(names[0])} to {shown_name(names[-1])}, {kind}: {gain.points:+.1f} points of exact calls "
                f"[{gain.low:+.1f}, {gain.high:+.1f}], n = {gain.n}" + ("" if gain.p is None else f", p = {gain.p:.2g}")
            )


def _share(share: Share) -> str:
    return f"{100 * share.share:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]"
