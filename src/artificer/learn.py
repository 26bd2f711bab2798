"""The learning half of the steps: curate, train, evaluate. As `artificer.api`, which the names are also to be had from, and loaded only when used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from artificer.api import Described, run_async
from artificer.core.errors import ArtificerError, MissingExtra, RunError
from artificer.core.tools import ToolSpec
from artificer.curation.cutting import Curation, curation_stages
from artificer.curation.decisions import Decision
from artificer.models.prompt import BRIEF, FULL, Style
from artificer.rollout.play import Played
from artificer.rollout.proof import played_rows, world_of
from artificer.run.engine import execute
from artificer.run.progress import Progress
from artificer.run.store import RunFolder
from artificer.run.summary import Summary
from artificer.studio.report import Arm, Learned, Share
from artificer.synthesis.discovered import observing
from artificer.worlds.base import World

if TYPE_CHECKING:
    from artificer.evaluation.axes import Axes
    from artificer.evaluation.comparison import Comparison, Side
    from artificer.evaluation.decisions import Examination
    from artificer.evaluation.outcomes import Outcomes
    from artificer.training.sft import Settings, Step, Trained

STYLES: dict[str, Style] = {"full": FULL, "brief": BRIEF}
WORLDS = "worlds.json"
"""In a folder of decisions: the worlds they come from, with their tools."""


class Origin(msgspec.Struct, frozen=True):
    """A world that decisions come from, and how to open it."""

    source: str
    options: dict[str, str]
    described: Described


def curate(runs: Sequence[str | Path], *, out: str | Path, progress: Progress | None = None, **how: Any) -> Summary:
    """Turns the proven traces of runs into decisions, one row each, in a run folder of its own.

    Args:
        runs: run folders with traces.
        out: the folder to write.
        how: see `curation.cutting.Curation`.

    Raises:
        ArtificerError: a value does not fit. RunError: a folder cannot be used.
    """
    try:
        chosen = msgspec.convert(how, Curation)
    except msgspec.ValidationError as error:
        raise ArtificerError(f"a setting of curation does not fit: {error}", remedy="see `artificer curate --help`") from error
    origins = [_origin(run) for run in runs]
    if not origins:
        raise ArtificerError("there is nothing to curate", remedy="give a run folder: artificer curate runs/shop -o data/shop")
    tools = {origin.described.world: origin.described.tools for origin in origins}
    asked = {"curate": [str(run) for run in runs], "knobs": msgspec.to_builtins(chosen)}
    with RunFolder.create_or_continue(out, asked) as folder:
        folder.put_json(WORLDS, origins)
        return run_async(execute(curation_stages(chosen, tools), _pairs(runs), folder, progress=progress))


def _origin(run: str | Path) -> Origin:
    with RunFolder.open(run) as folder:
        source, options = world_of(folder)
        return Origin(source, options | observing(folder), folder.get_json("tools.json", Described))


def _pairs(runs: Sequence[str | Path]) -> Iterator[tuple[str, Played]]:
    for number, run in enumerate(runs):
        with RunFolder.open(run) as folder:
            for key, played in played_rows(folder):
                yield f"{number}/{key}", played


def decisions_in(data: str | Path) -> tuple[list[Decision], list[Origin]]:
    """The decisions of a folder that `curate` wrote, in key order, and where they come from."""
    with RunFolder.open(data) as folder:
        if not folder.has(WORLDS):
            raise RunError("this folder holds no decisions", where=str(data), remedy="make them: artificer curate RUN -o FOLDER")
        return [row for _, row in folder.read("decisions", Decision, ordered=True)], folder.get_json(WORLDS, list[Origin])


def train(
    data: Sequence[str | Path],
    *,
    out: str | Path,
    model: str = "hf:smollm2",
    style: str = "brief",
    settings: Settings | None = None,
    progress: Callable[[Step], None] = lambda step: None,
) -> Trained:
    """Fine-tunes a model on decisions and writes it as a transformers folder; continues from a checkpoint that is there.

    Args:
        data: folders that `curate` wrote.
        model: hf:smollm2 or hf:FOLDER.
        style: how much the prompt tells of a tool: brief or full.
        settings: see `training.sft.Settings`.

    Raises:
        MissingExtra: the `train` extra is not installed. ArtificerError: no such model, or nothing to train on.
    """
    try:
        from artificer.training.render import joined, render
        from artificer.training.sft import Settings, train
    except ImportError as error:
        raise MissingExtra("train", "training") from error
    from artificer.models.base import Model
    from artificer.models.hf import HuggingFace

    told = style_named(style)
    rows: list[tuple[Decision, dict[str, ToolSpec]]] = []
    for folder in data:
        found, origins = decisions_in(folder)
        tools = {origin.described.world: {tool.name: tool for tool in origin.described.tools} for origin in origins}
        rows += [(row, tools[row.world]) for row in found]
    base = Model.of(model)
    if not isinstance(base, HuggingFace):
        raise ArtificerError(f"{model!r} cannot be trained", remedy="write hf:smollm2, or hf:FOLDER of a transformers model")
    rendered = joined([render(row, tools, base.tokens, told) for row, tools in rows])
    return train(base.model, base.tokens, rendered, settings or Settings(), Path(out), progress)


def style_named(name: str) -> Style:
    """How tools are told, by name."""
    if name not in STYLES:
        raise ArtificerError(f"there is no style {name!r}", remedy=f"use one of {', '.join(STYLES)}")
    return STYLES[name]


def evaluate(
    data: Sequence[str | Path],
    *,
    out: str | Path,
    model: str,
    name: str,
    constrained: bool = False,
    style: str = "brief",
    n: int | None = None,
    max_tokens: int = 96,
    progress: Callable[[int], None] = lambda done: None,
) -> Examination:
    """Examines a model on decisions and keeps every prediction.

    Args:
        data: folders that `curate` wrote; each is reported under its own name.
        out: folder of results; `NAME.json` and `NAME-predictions.jsonl` are written there.
        model: a model string.
        constrained: let the engine force a valid call.
        n: only the first so many rows of each folder (they are in no order that matters: keys of random seeds).
    """
    from artificer.evaluation.decisions import examine, save
    from artificer.models.base import Model

    told = style_named(style)
    kinds: dict[str, list[Decision]] = {}
    origins: dict[str, Origin] = {}
    for folder in data:
        found, where = decisions_in(folder)
        kinds[Path(folder).resolve().name] = found[:n]
        origins |= {origin.described.world: origin for origin in where}

    async def work() -> Examination:
        async with AsyncExitStack() as stack:
            worlds: dict[str, World] = {}
            for world, origin in origins.items():
                worlds[world] = World.of(origin.source, **origin.options)
                stack.push_async_callback(worlds[world].close)
            asked = Model.of(model)
            stack.push_async_callback(asked.close)
            return await examine(asked, kinds, worlds, style=told, constrained=constrained, max_tokens=max_tokens, progress=progress)

    examination = run_async(work())
    save(examination, Path(out), name)
    return examination


def results_in(folder: str | Path) -> dict[str, Examination]:
    """All examinations in a folder, by name; `1-before` comes before `2-after`."""
    from artificer.evaluation.decisions import load

    names = sorted(path.name.removesuffix("-predictions.jsonl") for path in Path(folder).glob("*-predictions.jsonl"))
    if not names:
        raise ArtificerError(
            "there are no examinations in this folder", where=str(folder), remedy="make one: artificer eval DATA --model MODEL -o FOLDER"
        )
    return {name: load(Path(folder), name) for name in names}


def compare(before: str | Path, after: str | Path, *, reached: bool = False, axes: str | Path | None = None) -> Comparison:
    """Compares two runs, or two examinations, on the tasks or decisions that both have.

    Args:
        before, after: run folders, or examinations as FOLDER/NAME (what `evaluate` wrote).
        reached: of examinations, count calls with the same effect, not only exact ones.
        axes: what to put tasks together by: a preset (`mmau`) or a TOML or JSON file (see `evaluation.axes`); tags by default.

    Raises:
        ArtificerError: one is neither, they have nothing in common, or there are no such axes.
    """
    from artificer.evaluation.comparison import compare as compared

    return compared(_outcomes(before, reached), _outcomes(after, reached), axes=_axes(axes))


def standing(at: str | Path, *, reached: bool = False, axes: str | Path | None = None) -> Side:
    """How one run or examination does by itself: success rate, pass@k, pass^k and axes, with intervals; what the infrastructure
    ended apart. Arguments and errors as `compare`.
    """
    from artificer.evaluation.comparison import standing as stood

    return stood(_outcomes(at, reached), axes=_axes(axes))


def _axes(named: str | Path | None) -> Axes | None:
    import tomllib

    from artificer.evaluation.axes import PRESETS, axes_in

    if named is None or named in PRESETS:
        return None if named is None else PRESETS[str(named)]
    try:
        text = Path(named).read_text("utf-8")
        return axes_in(msgspec.json.decode(text) if str(named).endswith(".json") else tomllib.loads(text), str(named))
    except (OSError, ValueError) as error:
        remedy = f"use one of {', '.join(PRESETS)}, or a TOML or JSON file of axes"
        raise ArtificerError(f"these axes cannot be read: {error}", where=str(named), remedy=remedy) from error


def _outcomes(at: str | Path, reached: bool) -> dict[str, Outcomes]:
    from artificer.evaluation.decisions import load
    from artificer.evaluation.outcomes import examined, outcomes_of

    place = Path(at)
    if place.is_dir():
        with RunFolder.open(place) as run:
            return outcomes_of(run)
    if place.with_name(f"{place.name}-predictions.jsonl").is_file():
        return examined(load(place.parent, place.name).predictions, reached=reached)
    raise ArtificerError(
        "there is neither a run nor an examination", where=str(at), remedy="give a run folder, or RESULTS/NAME as artificer eval wrote it"
    )


def learned(results: dict[str, Examination], facts: dict[str, str] | None = None) -> Learned:
    """Examinations as a report shows them."""
    arms: list[Arm] = []
    for name, examination in results.items():
        scores: dict[str, dict[str, Share]] = {}
        for kind, figures in examination.summary.kinds.items():
            shares = {"exact calls": figures.exact, "effect reached": figures.reached, "right tool": figures.tool}
            scores[kind] = {measure: Share(share.share, share.low, share.high, share.n) for measure, share in shares.items()}
        ordered = dict(sorted(scores.items(), key=lambda item: item[0] != "all"))
        arms.append(Arm(shown_name(name), ordered, examination.summary.kinds["all"].errors))
    return Learned(tuple(arms), facts or {})


def training_facts(model: str | Path) -> dict[str, str]:
    """How a model that `train` wrote came about, in words.

    Raises:
        ArtificerError: it was not written by `train`.
    """
    place = Path(model) / "trained.json"
    try:
        found: dict[str, dict[str, Any]] = msgspec.json.decode(place.read_bytes(), type=dict[str, dict[str, Any]])
        done, settings = found["result"], found["settings"]
        how = f"LoRA of rank {settings['rank']}" if settings["rank"] else "all weights"
        return {
            "training rows": f"{done['rows'] - done['left_out']:,}, in {done['steps']:,} steps",
            "training time": f"{done['seconds'] / 60:.1f} minutes on {done['arithmetic']}",
            "speed": f"{done['tokens'] / max(done['seconds'], 1e-9):.0f} tokens a second",
            "trained parameters": f"{done['parameters'] / 1e6:.2f} million ({how}, learning rate {settings['lr']:g})",
            "loss on answers": f"{done['first_loss']:.3f} at the start, {done['last_loss']:.3f} at the end",
        }
    except (OSError, msgspec.MsgspecError, KeyError, TypeError) as error:
        raise ArtificerError("this folder does not say how it was trained", where=str(place), remedy="give the folder that train wrote") from error


def shown_name(name: str) -> str:
    """A name without the number that orders it: `1-before` is `before`."""
    number, dash, rest = name.partition("-")
    return rest if dash and number.isdecimal() else name
