"""`artificer stats`: what a run holds and what it dropped."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import Parameter

from artificer.cli.show import counts, say, table


def command(run: str, /, *, json: Annotated[bool, Parameter(negative=())] = False, judge: str | None = None, faults: int = 0) -> int:
    """Count what a run holds and what it dropped, and whose fault it was where a conversation failed.

    Example: `artificer stats runs/shop`

    Parameters
    ----------
    run
        A run folder.
    json
        Print as JSON.
    judge
        A model that settles whose fault a failed conversation was where rules leave it undecided.
    faults
        Show so many failed conversations with what went wrong in them.
    """
    from artificer.api import audit, stats
    from artificer.rollout.audit import shares

    found = stats(run)
    audited = audit(run, judge=judge) if judge is not None or faults else []
    if judge is not None:
        found = msgspec.structs.replace(found, blame=shares(audited))
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
    if found.blame.failed:
        say(f"\nwhose fault ({found.blame.failed} failed)")
        say(table([(label, number, f"{100 * number / found.blame.failed:.1f}%") for label, number in found.blame.labels.items()]))
        say("\ncauses")
        say(table([(kind, number) for kind, number in list(found.blame.kinds.items())[:20]]))
    for one in audited[:faults]:
        say(f"\n{one.key} ({one.trace_id}): {one.blame.label}, by {one.blame.by}")
        for fault in one.blame.faults:
            place = "" if fault.at is None else f" at message {fault.at}"
            say(f"  {fault.side}: {fault.kind}{place}{'' if fault.cause else ' (no cause)'}: {fault.evidence}")
    if found.difficulty:
        say("\ndifficulty (mean over tasks)")
        say(table([(name, f"{value:.2f}") for name, value in found.difficulty.items()]))
    return 0
