"""`artificer curate`: from proven traces to training rows. Its flags are the fields of `curation.cutting.Curation`."""

from __future__ import annotations

import inspect
from inspect import Parameter as Slot
from typing import Annotated, Any

from cyclopts import Parameter

from artificer.cli.knobs import slots
from artificer.cli.show import counts, say
from artificer.curation.cutting import Curation


def command(*runs: str, out: str, quiet: bool = False, **typed: Any) -> int:
    """Turn the proven traces of runs into training rows: one decision each, with the conversation before it in compact form.

    Example: `artificer curate runs/shop -o data/shop --texts 0.2`
    """
    from artificer.api import curate
    from artificer.run.progress import Progress

    summary = curate(runs, out=out, progress=None if quiet else Progress(), **typed)
    cut, chosen = summary["cut"], summary["choose"]
    say(f"{chosen.rows_out} rows of {cut.rows_out} decisions from {cut.rows_in} traces: {out}")
    for stage in (cut, chosen):
        if stage.rejects:
            say(f"  left out by {stage.name!r}: {counts(stage.rejects)}")
    examine = typed.get("part") == "test"
    say(f"next: artificer eval {out} --model MODEL -o RESULTS" if examine else f"next: artificer train {out} -o MODEL")
    return 0


_SIGNATURE = [
    Slot("runs", Slot.VAR_POSITIONAL, annotation=Annotated[str, Parameter(help="Run folders.")]),
    Slot("out", Slot.KEYWORD_ONLY, annotation=Annotated[str, Parameter(name=("--out", "-o"), help="The folder to write.")]),
    *slots(Curation),
    Slot("quiet", Slot.KEYWORD_ONLY, default=False, annotation=Annotated[bool, Parameter(help="Show no progress.", negative=())]),
]
command.__signature__ = inspect.Signature(_SIGNATURE)  # type: ignore[attr-defined]
command.__annotations__ = {slot.name: slot.annotation for slot in _SIGNATURE}
