"""The steps of Artificer as Python calls; the command line is a thin layer over them.

    artificer.synth("cove", world="sqlite:shop.db", n=1000, seed=7, out="runs/shop")
    artificer.verify("runs/shop").holds

Every call reads or writes run folders, so that steps can be taken in any process and at any time. Calls block; inside a running event loop (a
notebook) the work is done on a thread of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from artificer.core.errors import RunError
from artificer.core.tools import ToolSpec
from artificer.recipes import Recipe, knobs_of, recipe_named
from artificer.rollout.play import GuideMaker
from artificer.rollout.proof import Proof, verify_run, world_of
from artificer.rollout.stats import RunStats, count_run
from artificer.run.engine import execute
from artificer.run.progress import Progress
from artificer.run.store import RunFolder
from artificer.run.summary import Summary
from artificer.studio.gather import VERIFIED, Shown, Verified, gather
from artificer.studio.report import Learned, page
from artificer.worlds.base import Problem, World

T = TypeVar("T")

PAYS = 300
"""Traces from which on verifying in two processes is quicker than in one."""


class Described(Struct, frozen=True):
    """A world as a run folder keeps it (`tools.json`), so that traces can be read without it."""

    world: str
    toolset: str
    forks: str
    policy: str
    tools: tuple[ToolSpec, ...]
    problems: tuple[Problem, ...] = ()


def described(source: str, options: dict[str, str] | None = None) -> Described:
    """What a source offers.

    Raises:
        SourceError: it cannot be used.
    """

    async def look() -> Described:
        world = World.of(source, **(options or {}))
        try:
            return _described(world)
        finally:
            await world.close()

    return _run(look())


def _described(world: World) -> Described:
    return Described(world.name, world.toolset(), world.forks, world.policy, tuple(world.tools), tuple(world.problems))


def synth(
    recipe: str,
    *,
    out: str | Path,
    engine: str = "local",
    concurrency: int = 64,
    progress: Progress | None = None,
    **knobs: Any,
) -> Summary:
    """Makes verified traces with a recipe, into a run folder; continues the run that is there.

    Args:
        recipe: e.g. "cove".
        out: the run folder.
        engine: "local", "processes:N" or "ray:N".
        concurrency: rows in flight.
        knobs: of the recipe; see `artificer recipes NAME`.

    Raises:
        ArtificerError: no such recipe, knob or source, or the folder cannot be used.
    """
    found = recipe_named(recipe)
    chosen = knobs_of(found, knobs)
    return _run(_synth(found, chosen, Path(out), engine, concurrency, progress))


async def _synth(recipe: Recipe, knobs: Struct, out: Path, engine: str, concurrency: int, progress: Progress | None) -> Summary:
    plain: dict[str, Any] = msgspec.to_builtins(knobs)
    about = {"command": f"artificer synth {recipe.name}", "engine": engine, "concurrency": concurrency}
    described, guide = await _look(plain)
    with RunFolder.create_or_continue(out, {"recipe": recipe.name, "knobs": plain, "about": about}) as folder:
        if described is not None and not folder.has("tools.json"):
            folder.put_json("tools.json", described)
        stages = recipe.stages(knobs) if guide is None else recipe.stages(knobs, guide)
        return await execute(stages, recipe.source(knobs), folder, engine=engine, concurrency=concurrency, progress=progress)


async def _look(knobs: dict[str, Any]) -> tuple[Described | None, GuideMaker | None]:
    """What a recipe's world offers, and how its guide is found when it brings none. Recipes without a world have neither."""
    source = knobs.get("world")
    if not isinstance(source, str):
        return None, None
    world = World.of(source, **knobs.get("options", {}))
    try:
        return _described(world), None
    finally:
        await world.close()


def verify(
    run: str | Path, *, world: str | None = None, options: dict[str, str] | None = None, engine: str | None = None, progress: Progress | None = None
) -> Proof:
    """Re-executes every trace of a run on a fresh world and compares everything it claims.

    Args:
        run: a run folder.
        world, options: used instead of what the run names.
        engine: by default two processes when there is enough to do and there are two cores.

    Raises:
        RunError: the folder cannot be read. SourceError: its world cannot be used.
    """
    with RunFolder.open(run) as folder:
        source, given = world_of(folder) if world is None else (world, {})
        if engine is None:
            pays = len(folder.keys("traces")) >= PAYS and (os.cpu_count() or 1) > 1
            engine = "processes:2" if pays else "local"
        began = perf_counter()
        proof = _run(verify_run(folder, source, given if options is None else options, engine=engine, progress=progress))
        with suppress(RunError):  # a folder that can only be read is verified all the same
            folder.put_json(VERIFIED, Verified(proof.proven, len(proof.refuted), proof.missing, round(perf_counter() - began, 1)))
        return proof


def report(runs: Sequence[str | Path], out: str | Path | None = None, *, learned: Learned | None = None, commands: Sequence[str] = ()) -> Path:
    """Writes a self-contained page about runs, and about what was learnt from them.

    Args:
        runs: run folders; the first one's folder is where the page goes by default.
        out: the file, `report.html` in the first run's folder when None.
        learned: results of training.
        commands: how to make it again, as typed; by default what the runs remember.

    Raises:
        RunError: a run cannot be read, or the page cannot be written.
    """
    shown = [_shown(run) for run in runs]
    target = Path(runs[0]) / "report.html" if out is None else Path(out)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page(shown, learned, commands), encoding="utf-8")
    except OSError as error:
        raise RunError(f"the report cannot be written: {error.strerror}", where=str(target), remedy="choose another place: -o FILE") from error
    return target


def _shown(run: str | Path) -> Shown:
    with RunFolder.open(run) as folder:
        return gather(folder)


def stats(run: str | Path) -> RunStats:
    """Counts what a run holds and what it dropped."""
    with RunFolder.open(run) as folder:
        return count_run(folder)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, whether or not an event loop is running here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    run: Callable[[Coroutine[Any, Any, T]], T] = asyncio.run
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run, work).result()
