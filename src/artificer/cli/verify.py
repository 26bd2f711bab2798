"""`artificer verify`: re-executes every trace and proves or refutes what it claims."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import Parameter

from artificer.cli.show import options_of, say


def command(
    run: str,
    /,
    *,
    world: str | None = None,
    options: Annotated[tuple[str, ...], Parameter(negative_iterable=())] = (),
    engine: str | None = None,
    shown: int = 20,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Re-execute every trace of a run on a fresh world and prove or refute what it claims.

    Every call is made again; its result and effects, the final state, the goal and the verdict must come out as recorded.
    Exits 0 only when there is at least one trace and every one is proven.

    Example: `artificer verify runs/shop`

    Parameters
    ----------
    run
        A run folder.
    world
        Use this source instead of the one the run names, e.g. when the database has moved.
    options
        Options of that source, KEY=VALUE, once for each.
    engine
        local, processes:N or ray:N; by default two processes when there is enough to do.
    shown
        How many refuted traces to print with their reasons.
    json
        Print the result as JSON.
    quiet
        Show no progress.
    """
    from artificer.api import verify
    from artificer.run.progress import Progress

    proof = verify(run, world=world, options=options_of(options) if options else None, engine=engine, progress=None if quiet else Progress())
    if json:
        say(msgspec.json.format(msgspec.json.encode(proof), indent=1).decode())
        return 0 if proof.holds else 1
    for refuted in proof.refuted[:shown]:
        say(f"refuted {refuted.trace_id}")
        for reason in (*refuted.differences, *refuted.failed):
            say(f"  {reason}")
    if len(proof.refuted) > shown:
        say(f"... and {len(proof.refuted) - shown} more refuted traces (--shown {len(proof.refuted)})")
    for damage in proof.damaged:
        say(f"damaged: {damage}")
    if proof.missing:
        say(f"missing: {proof.missing} task(s) with neither a trace nor a reject; the run was interrupted, or rows were removed")
    say(f"{proof.proven} proven, {len(proof.refuted)} refuted, {proof.missing} missing")
    if proof.opinions:
        say(f"{proof.opinions} parts of these verdicts are a judge's opinions, taken as recorded")
    if not proof.proven and not proof.refuted:
        say("there is no trace to prove")
    return 0 if proof.holds else 1
