"""`artificer stats`: what data holds and what is wrong with it; of a run also what it dropped, and whose fault that was."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter

from artificer.cli.card import counter, progress, where_to, write
from artificer.cli.card import show as show_card
from artificer.cli.show import counts, say, table

if TYPE_CHECKING:
    from artificer.curation.quality.card import Card
    from artificer.evaluation.comparison import Side
    from artificer.rollout.mistakes import Mistakes, Tally
    from artificer.rollout.stats import RunStats

_SHOWN = 12


def command(
    data: str,
    /,
    *,
    json: Annotated[bool, Parameter(negative=())] = False,
    card: Annotated[bool, Parameter(negative=())] = False,
    out: Annotated[str | None, Parameter(name=("--out", "-o"))] = None,
    findings: str | None = None,
    thresholds: str | None = None,
    strict: Annotated[bool, Parameter(negative=())] = False,
    near: bool = True,
    tokenizer: str | None = None,
    given: Annotated[str | None, Parameter(name="--from")] = None,
    judge: str | None = None,
    faults: int = 0,
    axes: str | None = None,
) -> int:
    """Count what data holds and what is wrong with it: a data card of any file of traces, and of a run what it dropped and whose fault failures were.

    Example: `artificer stats theirs.jsonl -o card.html`

    Parameters
    ----------
    data
        A run folder, a file of traces in any known format, or a folder of files.
    json
        Print as JSON.
    card
        The data card of a run of ours, too. Of other data it is printed in any case.
    out
        Also write the card: a file .md (a dataset card) or .html (a page), or a folder for both.
    findings
        Write all that the card counts to this file, a JSON object a line.
    thresholds
        A TOML file with bounds of one's own; see docs/quality.md.
    strict
        Fail when a figure of the card does.
    near
        Look for near-duplicates, too.
    tokenizer
        A folder with a model's tokenizer, to count tokens with.
    given
        The format of a file; guessed from its first rows otherwise.
    judge
        Of a run: a model that settles whose fault a failed conversation was where rules leave it undecided.
    faults
        Of a run: show so many failed conversations with what went wrong in them.
    axes
        Of a run: what to put tasks together by: mmau, or a TOML or JSON file with NAME = ["tag", ...]. By default the tasks' tags.
    """
    ours = _is_run(data)
    wanted = card or out or findings or thresholds or strict or tokenizer
    made: Card | None = None
    if wanted or not ours:
        made = _card(data, out, findings, thresholds, near=near, tokenizer=tokenizer, given=given, quiet=json)
    record = _run(data, json=json, judge=judge, faults=faults, axes=axes) if ours else {}
    if made is not None:
        if not json:
            if ours:
                say()
            show_card(made)
        record = {**record, "card": made} if ours else {**msgspec.structs.asdict(made), "status": made.status}
    if json:
        say(msgspec.json.format(msgspec.json.encode(record), indent=1).decode())
    return 1 if strict and made is not None and made.status == "fail" else 0


def _is_run(data: str) -> bool:
    """Whether it is a run that was made here, rather than a file or traces that were imported.

    Raises:
        ArtificerError: there is nothing of that name. RunError: its run.toml cannot be read.
    """
    from artificer.core.errors import ArtificerError
    from artificer.run.store import RunFolder

    path = Path(data)
    if not (path / "run.toml").exists():
        if not path.exists():
            raise ArtificerError("there is no such run or file", where=data, remedy="check the path")
        return False
    with RunFolder.open(path) as folder:
        return folder.manifest.get("recipe") != "import"


def _card(
    data: str,
    out: str | None,
    findings: str | None,
    thresholds: str | None,
    *,
    near: bool,
    tokenizer: str | None,
    given: str | None,
    quiet: bool,
) -> Card:
    """Makes the card, and writes it where it is wanted."""
    from artificer.data import check

    files = where_to(out) if out is not None else []
    count = counter(tokenizer) if tokenizer is not None else None
    made = check(data, given=given, thresholds=thresholds, findings=findings, near=near, tokens=count, seen=progress(quiet))
    write(made, files, f"artificer stats {shlex.quote(data)}")
    return made


def _run(run: str, *, json: bool, judge: str | None, faults: int, axes: str | None) -> dict[str, Any]:
    """Counts a run and prints that, or gives it as a record."""
    from artificer.api import audit, stats
    from artificer.rollout.audit import shares

    found = stats(run)
    audited = audit(run, judge=judge) if judge is not None or faults else []
    if judge is not None:
        found = msgspec.structs.replace(found, blame=shares(audited))
    side = _standing(run, axes)
    if json:
        return {**msgspec.to_builtins(found), "standing": side}
    show(found, run)
    if side is not None:
        stand(side)
    for one in audited[:faults]:
        say(f"\n{one.key} ({one.trace_id}): {one.blame.label}, by {one.blame.by}")
        for fault in one.blame.faults:
            place = "" if fault.at is None else f" at message {fault.at}"
            say(f"  {fault.side}: {fault.kind}{place}{'' if fault.cause else ' (no cause)'}: {fault.evidence}")
    return {}


def _standing(run: str, axes: str | None) -> Side | None:
    """None for a run in which nothing was played to a judgement."""
    from artificer.api import standing
    from artificer.core.errors import ArtificerError

    try:
        return standing(run, axes=axes)
    except ArtificerError:
        if axes is not None:
            raise
        return None


def show(found: RunStats, run: str) -> None:
    """Prints all counts."""
    unjudged = f", {found.unjudged} not judged" if found.unjudged else ""
    say(f"{run}: {found.tasks} tasks, {found.traces} traces, {found.passed} passed{unjudged}; {found.rejected} rows rejected")
    for stage, reasons in found.rejects.items():
        say(f"  {stage}: {counts(reasons)}")
    say("\na trace on average")
    say(table([(name, f"{value:.2f}") for name, value in found.averages.items()]))
    for title, part in (("kinds of request", found.ops), ("outcomes", found.outcomes), ("tools called", found.tools), ("stop reasons", found.stops)):
        if part:
            say(f"\n{title}")
            say(table([(name, number) for name, number in list(part.items())[:20]]))
    if found.mistakes is not None:
        mistakes(found.mistakes)
    if found.blame.failed:
        say(f"\nwhose fault ({found.blame.failed} failed)")
        say(table([(label, number, f"{100 * number / found.blame.failed:.1f}%") for label, number in found.blame.labels.items()]))
        say("\ncauses")
        say(table([(kind, number) for kind, number in list(found.blame.kinds.items())[:20]]))
    if found.difficulty:
        say("\ndifficulty (mean over tasks)")
        say(table([(name, f"{value:.2f}") for name, value in found.difficulty.items()]))


def mistakes(found: Mistakes) -> None:
    """Prints the tree of errors with its sums, and the same errors by tool, by turn and by difficulty."""
    if found.infrastructure or found.ended:
        say("\ninfrastructure (in none of the figures below)")
        ended = [(f"rows ended by {stop}", number) for stop, number in found.ended.items()]
        say(table([*((f"tools: {kind}", number) for kind, number in found.infrastructure.items()), *ended]))
    total = found.tree[0].errors if found.tree else 0
    rows, steps = found.rows, found.steps
    say(f"\nwhat went wrong: {total} errors in {rows.wrong} of {rows.n} rows, in {steps.wrong} of {steps.n} messages")
    if not total:
        return
    say(table([("  " * (one.depth - 1) + one.place, one.errors, _percent(one.share), one.rows) for one in found.tree[1:]], _HEAD))
    wrong = {name: tally for name, tally in found.tools.items() if tally.errors}
    for title, what, tallies in (("by tool", "calls", wrong), ("by turn", "messages", found.turns)):
        if any(tally.errors for tally in tallies.values()):
            say(f"\n{title}")
            say(_tallies(tallies, (title.removeprefix("by "), what)))
    for knob, tallies in found.difficulty.items():
        if len(tallies) > 1 and any(tally.errors for tally in tallies.values()):
            say(f"\nby difficulty: {knob}")
            say(_tallies(tallies, (knob, "rows")))


_HEAD = ("error", "errors", "share", "rows")


def _tallies(found: dict[str, Tally], head: tuple[str, str]) -> str:
    rows = [(name, one.n, one.wrong, _percent(one.share), counts(dict(list(one.errors.items())[:3]))) for name, one in list(found.items())[:_SHOWN]]
    return table(rows, (*head, "wrong", "share", "most often"))


def stand(side: Side) -> None:
    """Prints how a run does by itself."""
    from artificer.cli.compare import axes_table, reliability, sides

    say("\nsuccess, of rows kept and dropped")
    say(sides({"": side}))
    if side.unjudged:
        say(f"not judged, and in none of these figures: {side.unjudged} traces")
    if max(side.pass_at) > 1:
        say()
        say(reliability(side))
    if side.axes:
        say()
        say(axes_table(side))


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
