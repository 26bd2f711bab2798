"""`artificer train`: fine-tune a model on training rows. Its flags are the fields of `training.sft.Settings`."""

from __future__ import annotations

import inspect
from inspect import Parameter as Slot
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from artificer.cli.knobs import slots
from artificer.cli.show import note, say
from artificer.core.errors import ArtificerError, MissingExtra

if TYPE_CHECKING:
    from artificer.training.sft import Step


def command(*data: str, out: str, model: str = "hf:smollm2", style: str = "brief", quiet: bool = False, **typed: Any) -> int:
    """Fine-tune a model on training rows. Only the answers are learnt; a training that was interrupted is continued from its last checkpoint.

    Example: `artificer train data/shop --model hf:smollm2 --minutes 4 -o models/shop`
    """
    from artificer.api import train
    from artificer.training.sft import Settings

    if not data:
        raise ArtificerError("there is nothing to train on", remedy="give folders of rows: artificer train data/shop -o models/shop")
    done = train(data, out=out, model=model, style=style, settings=Settings(**typed), progress=(lambda step: None) if quiet else narrate())
    say(f"{done.steps} steps on {done.rows} rows in {done.seconds / 60:.1f} min, loss {done.first_loss:.3f} to {done.last_loss:.3f}: {out}")
    say(f"next: artificer eval DATA --model hf:{out} -o RESULTS")
    return 0


def narrate(every_s: float = 10.0) -> Any:
    """A progress callback that writes a line to stderr now and then."""
    shown = [-every_s]

    def tell(step: Step) -> None:
        if step.seconds - shown[0] >= every_s or step.step == step.of:
            shown[0] = step.seconds
            note(f"train: step {step.step}/{step.of}, loss {step.loss:.3f}, {step.tokens_per_second:.0f} tokens/s, {step.seconds:.0f} s")

    return tell


def _signature() -> list[Slot]:
    fixed = [
        Slot("data", Slot.VAR_POSITIONAL, annotation=Annotated[str, Parameter(help="Folders of rows, made by artificer curate.")]),
        Slot("out", Slot.KEYWORD_ONLY, annotation=Annotated[str, Parameter(name=("--out", "-o"), help="The model folder to write.")]),
        Slot("model", Slot.KEYWORD_ONLY, default="hf:smollm2", annotation=Annotated[str, Parameter(help="hf:smollm2, or hf:FOLDER.")]),
        Slot("style", Slot.KEYWORD_ONLY, default="brief", annotation=Annotated[str, Parameter(help="How tools are told: brief or full.")]),
        Slot("quiet", Slot.KEYWORD_ONLY, default=False, annotation=Annotated[bool, Parameter(help="Show no progress.", negative=())]),
    ]
    try:
        from artificer.training.sft import Settings
    except ImportError as error:
        raise MissingExtra("train", "training") from error
    return [*fixed, *slots(Settings)]


_SIGNATURE = _signature()
command.__signature__ = inspect.Signature(_SIGNATURE)  # type: ignore[attr-defined]
command.__annotations__ = {slot.name: slot.annotation for slot in _SIGNATURE}
