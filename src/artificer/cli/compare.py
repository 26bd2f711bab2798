"""`artificer compare`: two runs or examinations of the same tasks, with a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from artificer.cli.show import counts, say, table

if TYPE_CHECKING:
    from artificer.evaluation.comparison import Comparison, Gain, Side


def command(
    before: str,
    after: str,
    /,
    *,
    require: Literal["not-worse", "better"] = "not-worse",
    margin: float = 0.0,
    reached: Annotated[bool, Parameter(negative=())] = False,
    axes: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Compare two runs, or two examinations, on the tasks that both have: effect, 95% interval, and a verdict that a build can depend on.

    Ends with status 1 when the requirement does not hold. What the infrastructure broke is counted apart.

    Example: `artificer compare runs/qwen3 runs/qwen3-tuned --require better`

    Parameters
    ----------
    before
        A run folder, or an examination as RESULTS/NAME.
    after
        The other one.
    require
        not-worse: the second is not shown to be worse. better: it is shown to be better.
    margin
        Points by which the second may be worse, or must be better.
    reached
        Of examinations: count calls with the same effect, not only exact ones.
    axes
        What to put tasks together by, besides the kind of their first request: mmau, or a TOML or JSON file with
        NAME = ["tag", ...]. By default the tasks' tags.
    json
        Print as JSON.
    """
    from artificer.api import compare

    found = compare(before, after, reached=reached, axes=axes)
    holds = found.holds(margin) if require == "not-worse" else found.gains["all"].low > margin
    if json:
        record = msgspec.to_builtins(found) | {"ruling": found.gains["all"].ruling, "holds": holds}
        say(msgspec.json.format(msgspec.json.encode(record), indent=1).decode())
    else:
        show(found, before, after)
        say(f"\n{require}{f' by {margin:g} points' if margin else ''}: {'holds' if holds else 'does not hold'}")
    return 0 if holds else 1


def show(found: Comparison, before: str, after: str) -> None:
    """Prints both sides, the gains and the errors."""
    say(sides({before: found.before, after: found.after}))
    for name, side in ((before, found.before), (after, found.after)):
        if max(side.pass_at) > 1:
            say(f"\n{name}")
            say(reliability(side))
    say()
    say(table(_gains(found.gains), ("tasks", "n", "points", "95% interval", "p", "verdict")))
    if found.axes:
        say()
        say(table(_gains(found.axes), ("axis", "n", "points", "95% interval", "p", "verdict")))
    for name, side in ((before, found.before), (after, found.after)):
        if side.unjudged:
            say(f"  not judged, {name}: {side.unjudged} traces")
        if side.kinds:
            say(f"  what went wrong, {name}: {counts(side.kinds)}")
    if found.only_before or found.only_after:
        say(f"  left out: {found.only_before} tasks that only {before} has, {found.only_after} that only {after} has")


def _gains(found: Mapping[str, Gain]) -> list[tuple[object, ...]]:
    return [
        (group, gain.n, f"{gain.points:+.1f}", f"[{gain.low:+.1f}, {gain.high:+.1f}]", "" if gain.p is None else f"{gain.p:.2g}", gain.ruling)
        for group, gain in sorted(found.items(), key=lambda entry: (entry[0] != "all", entry[0]))
    ]


def sides(found: Mapping[str, Side]) -> str:
    """A line for each run; what the infrastructure ended ("broken") is in none of the other figures."""
    head = ("", "tasks", "tries", "passed", "95% interval", "pass@k", "pass^k", "broken")
    return table([_line(name, side) for name, side in found.items()], head)


def _line(name: str, side: Side) -> tuple[object, ...]:
    most = max(side.pass_at)
    rate = side.rate
    return (
        name,
        side.tasks,
        side.tries,
        f"{100 * rate.mean:.1f}%",
        f"[{100 * rate.low:.1f}, {100 * rate.high:.1f}]",
        f"{100 * side.pass_at[most]:.1f}% (k = {most})",
        f"{100 * side.pass_hat[most]:.1f}% (k = {most})",
        side.broken,
    )


def reliability(side: Side) -> str:
    """pass@k and pass^k for every k, with 95% bootstrap intervals over tasks."""
    rows = [
        (k, f"{100 * side.pass_at[k]:.1f}%", _range(side.pass_at_range.get(k)), f"{100 * side.pass_hat[k]:.1f}%", _range(side.pass_hat_range.get(k)))
        for k in side.pass_at
    ]
    return table(rows, ("k", "pass@k", "95% interval", "pass^k", "95% interval"))


def _range(found: tuple[float, float] | None) -> str:
    return "" if found is None else f"[{100 * found[0]:.1f}, {100 * found[1]:.1f}]"


def axes_table(side: Side) -> str:
    """The scores by axis, with 95% intervals, and the parts of an axis that nothing was played of."""
    rows = [
        (name, one.tasks, f"{100 * one.score:.1f}%", f"[{100 * one.low:.1f}, {100 * one.high:.1f}]", ", ".join(one.absent) or "-")
        for name, one in side.axes.items()
    ]
    return table(rows, ("axis", "tasks", "passed", "95% interval", "not played"))
