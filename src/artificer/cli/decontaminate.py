"""`artificer decontaminate`: what of benchmarks stands in data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from artificer.cli.sets import show, unread
from artificer.cli.show import counted, counts, note, say, shortened, table

if TYPE_CHECKING:
    from artificer.curation.contamination.doing import Decontaminated


def command(
    *sources: str,
    against: Annotated[tuple[str, ...], Parameter(negative_iterable=())] = (),
    out: Annotated[str | None, Parameter(name=("--out", "-o"))] = None,
    kinds: Annotated[tuple[Literal["exact", "ngram", "share", "form", "calls"], ...], Parameter(negative_iterable=())] = (),
    ngram: int = 13,
    run: int = 8,
    share: float = 0.7,
    shown: int = 5,
    given: Annotated[str | None, Parameter(name="--from")] = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Find what suites ask, or the calls that solve it, in data; with -o write the data without it.

    Exits 1 when something was found and nothing is written.

    Example: `artificer decontaminate runs/all --against bfcl,tau2 -o runs/clean`

    Parameters
    ----------
    sources
        Run folders, files of any known format, folders of files.
    against
        bfcl, tau2, agentdojo (their packages must be installed), a part of one (bfcl:live_simple), a run folder or a file; several with commas.
    out
        The run folder to write; without it, it is only told.
    kinds
        Kinds of contamination that count; all by default.
    ngram
        Words in a row that a message and a suite have in common.
    run
        Words of the runs of which a share is counted.
    share
        The least share of a suite's message that stands in a trace.
    shown
        Finds that are shown of each suite.
    given
        The format of files; guessed otherwise.
    json
        Print as JSON.
    quiet
        Show no progress.
    """
    from artificer.api import decontaminate
    from artificer.curation.contamination.index import KINDS, Bounds

    names = [name for one in against for name in one.split(",") if name]
    bounds = Bounds(ngram=ngram, run=run, share=share)
    found = decontaminate(sources, names, out=out, kinds=kinds or KINDS, bounds=bounds, given=given, tell=None if quiet else note)
    if json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
    else:
        _say(found, shown)
    if found.made is not None:
        return (0 if any(found.made.kept.values()) else 1) if json else show(found.made, json=False)
    return 1 if found.contaminated else 0


def _say(found: Decontaminated, shown: int) -> None:
    say(f"{found.contaminated:,} of {counted(found.traces, 'trace')} hold something of {counted(len(found.suites), 'suite')}")
    rows = [(name, one.traces, f"{one.touched}/{one.rows}", counts(one.kinds) or "-", one.blind) for name, one in found.suites.items()]
    say(table(rows, ("suite", "traces", "its rows", "kinds", "too short")))
    for name, one in found.suites.items():
        say(f"{name}: {one.shared} of its {one.tools} tools stand in the data ({one.alike} with the same arguments)" + _shape(one.shape))
        for where, hit in one.finds[:shown]:
            say(f"  {where}: {hit.kind} of {hit.row}: {shortened(hit.shown, 90)}")
    if found.unread and found.made is None:
        say(unread(found.unread_rows, found.unread))


def _shape(times: int) -> str:
    return f"; {times} times the calls of a row with other values" if times else ""
