"""The steps of Artificer as Python calls; the command line is a thin layer over them.

    artificer.synth("cove", world="sqlite:shop.db", n=1000, seed=7, out="runs/shop")
    artificer.verify("runs/shop").holds

Every call reads or writes run folders, so that steps can be taken in any process and at any time. Calls block; inside a running event loop (a
notebook) the work is done on a thread of its own.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from msgspec import Struct

from artificer.core.errors import RunError, SourceError
from artificer.core.tasks import Task
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import GONE
from artificer.models.base import Model
from artificer.recipes import Recipe, knobs_of, recipe_named
from artificer.rollout.again import Rollout, check_search, rollout_stages
from artificer.rollout.audit import Audited, audit_run
from artificer.rollout.metered import Budget
from artificer.rollout.play import GuideMaker, own_guide
from artificer.rollout.proof import Proof, verify_run, world_of
from artificer.rollout.stats import RunStats, count_run
from artificer.run.engine import execute
from artificer.run.files import whole_file
from artificer.run.progress import Progress
from artificer.run.store import RunFolder
from artificer.run.summary import Summary
from artificer.studio.gather import VERIFIED, Shown, Verified, gather
from artificer.studio.report import Learned, page
from artificer.synthesis.discovered import GRAPH, Stored, discovered, observing
from artificer.worlds.base import Offer, Problem, World
from artificer.worlds.env_refs import token_of

if TYPE_CHECKING:
    from artificer.data import Converted as Converted
    from artificer.data import check as check
    from artificer.data import convert as convert
    from artificer.data import decontaminate as decontaminate
    from artificer.data import dedup as dedup
    from artificer.data import is_ours as is_ours
    from artificer.data import merge as merge
    from artificer.data import sample as sample
    from artificer.data import split as split
    from artificer.data import tokenize as tokenize
    from artificer.data import verify_data as verify_data
    from artificer.learn import compare as compare
    from artificer.learn import curate as curate
    from artificer.learn import evaluate as evaluate
    from artificer.learn import learned as learned
    from artificer.learn import results_in as results_in
    from artificer.learn import standing as standing
    from artificer.learn import train as train

T = TypeVar("T")

_DATA = (
    "check",
    "convert",
    "Converted",
    "decontaminate",
    "dedup",
    "export",
    "is_ours",
    "merge",
    "query",
    "sample",
    "split",
    "tokenize",
    "verify_data",
)
_LEARNING = ("compare", "curate", "evaluate", "learned", "results_in", "standing", "train")

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
    offers: tuple[Offer, ...] = ()
    notes: tuple[str, ...] = ()
    user_tools: tuple[ToolSpec, ...] = ()


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

    return run_async(look())


def _described(world: World) -> Described:
    return Described(
        world.name,
        world.toolset(),
        world.forks,
        world.policy,
        tuple(world.tools),
        tuple(world.problems),
        tuple(world.offers),
        tuple(world.notes),
        tuple(world.user_tools),
    )


def serve(
    source: str,
    *,
    options: dict[str, str] | None = None,
    http: str | None = None,
    token: str | None = None,
    control: bool = False,
    seed: int = 0,
    told: Callable[[str], None] = print,
) -> None:
    """Offers a world to any MCP client, with a session for each, until it is interrupted (or the client on stdio leaves).

    Args:
        source: any source.
        options: of the source.
        http: HOST:PORT to serve many clients over streamable HTTP; None for one over standard input and output.
        token: what HTTP clients must send; `env:NAME`.
        control: whether to add tools that begin afresh and show what was changed.
        seed: what sessions begin with.
        told: called with the URL, with `http`, once clients can connect.

    Raises:
        SourceError: the source or the address cannot be used.
        MissingExtra: the `mcp` extra is not installed.
    """
    from artificer.worlds.serve_mcp import offer_of

    secret = token_of(token) if token is not None else None

    async def run() -> None:
        world = World.of(source, **(options or {}))
        try:
            offer = offer_of(world, control=control, seed=seed)
            if http is None:
                from artificer.worlds.serve_stdio import serve_stdio

                await serve_stdio(offer)
            else:
                from artificer.worlds.serve_http import serve_http

                await serve_http(offer, http, token=secret, told=told)
        finally:
            await world.close()

    run_async(run())


def synth(
    recipe: str,
    *,
    out: str | Path,
    engine: str = "local",
    concurrency: int = 64,
    progress: Progress | None = None,
    minutes: float | None = None,
    **knobs: Any,
) -> Summary:
    """Makes verified traces with a recipe, into a run folder; continues the run that is there.

    Args:
        recipe: e.g. "cove".
        out: the run folder.
        engine: "local", "processes:N" or "ray:N".
        concurrency: rows in flight.
        minutes: after so long no more rows are begun; the same call continues.
        knobs: of the recipe; see `artificer recipes NAME`.

    Raises:
        ArtificerError: no such recipe, knob or source, or the folder cannot be used.
    """
    found = recipe_named(recipe)
    chosen = knobs_of(found, knobs)
    return run_async(_synth(found, chosen, Path(out), engine, concurrency, progress, minutes))


async def _synth(recipe: Recipe, knobs: Any, out: Path, engine: str, concurrency: int, progress: Progress | None, minutes: float | None) -> Summary:
    plain: dict[str, Any] = msgspec.to_builtins(knobs)
    about = {"command": command_of(recipe, knobs, out), "engine": engine, "concurrency": concurrency}
    stages = recipe.stages(knobs)  # before anything is made: knobs that do not fit are refused here
    source = plain.get("world")
    world = World.of(source, **plain.get("options", {})) if isinstance(source, str) else None
    try:
        with RunFolder.create_or_continue(out, {"recipe": recipe.name, "knobs": plain, "about": about}) as folder:
            if world is not None and not folder.has("tools.json"):
                folder.put_json("tools.json", _described(world))
            if world is not None and world.guide is None:
                if progress is not None and not folder.has(GRAPH):
                    progress.remark(f"finding out by executing what the {len(world.tools)} tools take and show (a server may need a minute)")
                guide = await discovered(world, folder)
                stages = recipe.stages(msgspec.structs.replace(knobs, options=knobs.options | observing(folder)), guide)
            return await execute(stages, recipe.source(knobs), folder, engine=engine, concurrency=concurrency, progress=progress, minutes=minutes)
    finally:
        if world is not None:
            await world.close()


def command_of(recipe: Recipe, knobs: Struct, out: str | Path) -> str:
    """What to type to make a run with these knobs."""
    given, usual = (msgspec.to_builtins(chosen) for chosen in (knobs, recipe.knobs()))
    words = ["artificer", "synth", recipe.name]
    for name, value in given.items():
        if value != usual[name]:
            words += _flags(f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}", value)
    return shlex.join([*words, "-o", str(out)])


def _flags(flag: str, value: Any) -> list[str]:
    if isinstance(value, dict):
        return [word for pair in cast("dict[str, str]", value).items() for word in (flag, "=".join(pair))]
    return [flag, *(str(part) for part in (cast("list[Any]", value) if isinstance(value, list | tuple) else [value]))]


def rollout(
    tasks: str | Path,
    *,
    out: str | Path,
    agent: str = "scripted:oracle",
    user: str = "goal",
    world: str | None = None,
    options: dict[str, str] | None = None,
    n: int | None = None,
    errors: float = 0.0,
    trials: int = 1,
    keep_failed: bool = False,
    search: str = "linear",
    rules: str = "",
    constrain: int = 0,
    rules_seed: int = 0,
    judge: str = "",
    votes: int = 1,
    engine: str = "local",
    concurrency: int = 64,
    progress: Progress | None = None,
    budget: Budget = Budget(),  # noqa: B008
    minutes: float | None = None,
    retry_failed: bool = False,
) -> Summary:
    """Plays the tasks of a run again with another agent, into a run folder of its own; continues the one that is there.

    Args:
        tasks: a run folder, or a source that brings tasks, e.g. "bfcl:multi_turn_base".
        out: the folder to write.
        agent: "scripted:oracle", "scripted:gold", a model string, or another agent's name (`rollout.agents`).
        world, options: used instead of what the run names.
        n: only the first so many tasks.
        errors, trials, keep_failed, search, rules, constrain, rules_seed, judge, votes: see `rollout.again.Rollout`.
        budget: what this call may take of the agent's model; the run continues when there is more.
        minutes: after so long no more rows are begun.
        retry_failed: play those rows again that ended because the model (or a user, or the world) was gone.
    """

    check_search(search, agent)
    about = {"command": f"artificer rollout {tasks} --agent {agent} -o {out}", "engine": engine, "concurrency": concurrency}

    workers = int(count) if (count := engine.partition(":")[2]).isdecimal() else 1
    share = budget if workers < 2 else budget.shared(workers)

    def asked_for(place: str, given: dict[str, str]) -> Rollout:
        return Rollout(place, given, agent, user, errors, trials, keep_failed, search, rules, constrain, rules_seed, judge, votes)

    async def run(knobs: Rollout, guide: GuideMaker, rows: Iterable[tuple[str, Task]], folder: RunFolder, total: int | None) -> Summary:
        again = folder.forget("judge", "traces", [stop.value for stop in GONE]) if retry_failed else 0
        if again and progress is not None:
            progress.remark(f"playing {again} rows again whose model, user or world was gone")
        stages = rollout_stages(knobs, guide, share)
        return await execute(stages, rows, folder, engine=engine, concurrency=concurrency, progress=progress, of=Task, total=total, minutes=minutes)

    async def play_own(source: str) -> Summary:
        own = World.of(source, **(options or {}))
        try:
            rows = islice(own.tasks(), n)
            first = next(rows, None)
            if first is None:
                raise SourceError(f"{source!r} brings no tasks", remedy="make some with `artificer synth`, and give the run folder")
            knobs = asked_for(source if world is None else world, options or {})
            asked = {"rollout": source, "n": n, "knobs": msgspec.to_builtins(knobs), "about": about}
            with RunFolder.create_or_continue(out, asked) as folder:
                if not folder.has("tools.json"):
                    folder.put_json("tools.json", _described(own))
                keyed = ((task.id, task) for task in chain((first,), rows))
                return await run(knobs, own_guide, keyed, folder, n)
        finally:
            await own.close()

    async def play() -> Summary:
        with RunFolder.open(tasks) as given:
            source, chosen = world_of(given) if world is None else (world, {})
            knobs = asked_for(source, chosen if options is None else options)
            asked = {"rollout": given.manifest.get("recipe", ""), "n": n, "knobs": msgspec.to_builtins(knobs), "about": about}
            with RunFolder.create_or_continue(out, asked) as folder:
                for name in ("tools.json", GRAPH):
                    if given.has(name) and not folder.has(name):
                        folder.put_json(name, given.get_json(name))
                guide = Stored(str(folder.path / GRAPH)) if folder.has(GRAPH) else own_guide
                rows = islice(given.read("tasks", Task, ordered=True), n)
                total = len(given.keys("tasks"))
                chosen = msgspec.structs.replace(knobs, options=knobs.options | observing(folder))
                return await run(chosen, guide, rows, folder, total if n is None else min(n, total))

    return run_async(play_own(str(tasks)) if ":" in str(tasks) and not Path(tasks).is_dir() else play())


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
        given = (given if options is None else options) | observing(folder)
        if engine is None:
            pays = len(folder.keys("traces")) >= PAYS and (os.cpu_count() or 1) > 1
            engine = "processes:2" if pays else "local"
        began = perf_counter()
        proof = run_async(verify_run(folder, source, given, engine=engine, progress=progress))
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
        ArtificerError: a run cannot be read, or the page cannot be written.
    """
    shown = [_shown(run) for run in runs]
    target = Path(runs[0]) / "report.html" if out is None else Path(out)
    with whole_file(target, "report", over=True) as made:
        made.write_text(page(shown, learned, commands), encoding="utf-8")
    return target


def _shown(run: str | Path) -> Shown:
    with RunFolder.open(run) as folder:
        return gather(folder)


def audit(run: str | Path, *, judge: str | None = None) -> list[Audited]:
    """Of every failed row of a run, whose fault it was, with the evidence; `rollout.audit.shares` counts them.

    Args:
        judge: a model string: settles what rules leave undecided.

    Raises:
        ArtificerError: the folder cannot be read, or the model cannot be used.
    """

    async def look() -> list[Audited]:
        model = Model.of(judge) if judge is not None else None
        try:
            with RunFolder.open(run) as folder:
                return await audit_run(folder, model)
        finally:
            if model is not None:
                await model.close()

    return run_async(look())


def stats(run: str | Path) -> RunStats:
    """Counts what a run holds and what it dropped."""
    with RunFolder.open(run) as folder:
        return count_run(folder)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, whether or not an event loop is running here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    run: Callable[[Coroutine[Any, Any, T]], T] = asyncio.run
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run, work).result()


def __getattr__(name: str) -> object:
    """What is done to data (`artificer.data`) and the learning half (`artificer.learn`), loaded when it is named."""
    if name in _DATA:
        from artificer import data

        return getattr(data, name)
    if name in _LEARNING:
        from artificer import learn

        return getattr(learn, name)
    raise AttributeError(f"module 'artificer.api' has no attribute {name!r}")
