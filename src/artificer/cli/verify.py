"""`artificer verify`: re-executes every trace and proves or refutes what it claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from artificer.cli.show import options_of, say

if TYPE_CHECKING:
    from artificer.run.progress import Progress


def command(
    run: str,
    /,
    *,
    world: str | None = None,
    options: Annotated[tuple[str, ...], Parameter(negative_iterable=())] = (),
    engine: str | None = None,
    shown: int = 20,
    given: Annotated[str | None, Parameter(name="--from")] = None,
    like: Annotated[tuple[str, ...], Parameter(negative_iterable=())] = (),
    near: float = 0.0,
    as_text: Annotated[bool, Parameter(negative=())] = False,
    names: Annotated[tuple[str, ...], Parameter(name="--map", negative_iterable=())] = (),
    seed: int = 0,
    tasks: str | None = None,
    repair: str | None = None,
    force: Annotated[bool, Parameter(negative=())] = False,
    each: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Re-execute every trace of a run, or of data that others made, on a fresh world and prove or refute what it claims.

    Of a run every call is made again; its result and effects, the final state, the goal and the verdict must come out as recorded. Exits 0 only
    when there is at least one trace and every one is proven.

    Of other data (a file of any known format, a folder of files, an imported run) every call is made again on the world that --world names. Each
    trace replays exactly, alike (it fails as recorded, in other words), differs, or cannot run here. Exits 0 only when all replay exactly.

    Example: `artificer verify runs/shop`, `artificer verify logs.jsonl --world sqlite:shop.db --repair runs/mended`

    Parameters
    ----------
    run
        A run folder, a file, or a folder of files.
    world
        Use this source (`artificer tools --help` lists them) instead of the one the run names, e.g. when the database has moved. Other data
        name none.
    options
        Options of that source, KEY=VALUE, once for each.
    engine
        local, processes:N or ray:N; by default two processes when there is enough to do.
    shown
        How many refuted traces to print with their reasons.
    given
        Of other data: the format; guessed from the first rows otherwise.
    like
        Of other data: a field of results that is no difference, e.g. an id or a time: its name, a JSON pointer in which a step may be a
        pattern and ** is any steps, or TOOL:/POINTER. Once for each.
    near
        Of other data: numbers are the same when they differ by no more than this, or this share of the larger.
    as_text
        Of other data: within results, a text that writes a number, true, false or null is that value.
    names
        Of other data: what a tool is called in the world, OLD=NEW; what an argument is, TOOL:OLD=NEW; or a TOML or JSON file of both.
    seed
        Of other data: the seed at which sessions begin, where nothing says it.
    tasks
        Of other data: a run folder whose tasks say where sessions begin, by the ids of tasks and traces.
    repair
        Of other data: write a copy to this run folder, in which results are what the world gives now.
    force
        Repair also conversations that quote what is gone.
    each
        Of other data: write what every single trace showed to this file, a JSON object a line.
    json
        Print the result as JSON.
    quiet
        Show no progress.
    """
    from artificer.api import is_ours, verify_data
    from artificer.core.errors import ArtificerError
    from artificer.run.progress import Progress

    progress = None if quiet else Progress()
    chosen = options_of(options) if options else None
    if is_ours(run):
        if given or like or near or as_text or names or seed or tasks or repair or force or each:
            remedy = "leave out --from, --like, --near, --as-text, --map, --seed, --tasks, --repair, --force and --each"
            raise ArtificerError("a run with tasks and verdicts is proven as it stands", where=run, remedy=remedy)
        return _ours(run, world, chosen, engine, shown, json, progress)
    from artificer.cli.replays import show

    proof = verify_data(
        run,
        world=world,
        options=chosen,
        given=given,
        like=like,
        near=near,
        as_text=as_text,
        names=names,
        seed=seed,
        tasks=tasks,
        repair=repair,
        force=force,
        each=each,
        shown=shown,
        engine=engine,
        progress=progress,
    )
    if json:
        say(msgspec.json.format(msgspec.json.encode(proof), indent=1).decode())
    else:
        show(proof, shown, repair)
    return 0 if proof.holds else 1


def _ours(run: str, world: str | None, options: dict[str, str] | None, engine: str | None, shown: int, json: bool, progress: Progress | None) -> int:
    """Proves a run of ours and prints what came of it."""
    from artificer.api import verify

    proof = verify(run, world=world, options=options, engine=engine, progress=progress)
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
