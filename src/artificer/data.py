"""What is done to data, whoever made it: a run folder, or a file of any known format.

As `artificer.api`, which the names are also to be had from, and loaded only when used.
"""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.curation.contamination.index import KINDS, Bounds, Kind
from artificer.curation.sets.doing import dedup as dedup
from artificer.curation.sets.doing import merge as merge
from artificer.curation.sets.doing import sample as sample
from artificer.curation.sets.doing import split as split
from artificer.formats import ALIASES, format_named, names
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.run import traded
from artificer.run.export import export_tables
from artificer.run.query import Filled, ask
from artificer.run.store import RunFolder
from artificer.training.chat.rows import Row
from artificer.training.chat.show import Stretch

if TYPE_CHECKING:
    from artificer.curation.contamination.doing import Decontaminated
    from artificer.curation.quality.card import Card
    from artificer.rollout.foreign.data import DataProof
    from artificer.run.progress import Progress

SETS = ("merge", "split", "sample", "dedup", "decontaminate")
"""What runs are called that hold traces of others."""
PAYS = 4_000_000
"""Bytes of data from which on verifying in two processes is quicker than in one."""


class Converted(Struct, frozen=True):
    """What became of a conversion: what was read, and what was written of it. `read.damage` tells of files that break off."""

    source: str
    to: str
    read: Account
    written: Account

    @property
    def rows(self) -> int:
        return self.written.rows_out


def convert(
    source: str | Path, out: str | Path, *, to: str = "chat", given: str | None = None, policy: bool = False, every: bool = False
) -> Converted:
    """Writes traces in another format: those of a run, or of a file of any format that is known.

    Args:
        source: a run folder (of which the passed branches are written), a file, or a folder of files.
        out: the file to write, a run folder with `to="artificer"`; an existing file is never overwritten.
        to: a format's name; see `docs/formats.md`.
        given: the format of `source`; guessed from its first rows when None.
        policy: put the policy of a run's world in front as a system message.
        every: also the branches that did not pass.

    Raises:
        ArtificerError: no such format, the source is of none or cannot be read, or the file is there already or cannot be written.
            Of a source from which no row comes out no file is left. Nor is anything left of a conversion that fails, except in a run folder.
    """
    if to not in ("artificer", *names(), *ALIASES):
        raise ArtificerError(f"there is no format {to!r}", remedy=f"use one of: artificer (a run folder), {', '.join(names())}")
    if to != "artificer" and format_named(to).render is None:
        raise ArtificerError(f"{to!r} is only read", remedy="choose another format; docs/formats.md says which can be written")
    before, after = Account(damage=[]), Account()
    with traded.opened(source, before, given=given, policy=policy) as data:
        traded.written(data, out, after, before, to=to, every=every)
        return Converted(data.form, to, before, after)


class Tokenized(Struct):
    """Traces as rows of tokens: how many, what of the traces is in no row and why, and the first rows to be looked at.

    Args:
        traces, rows, tokens, learnt: counts.
        missing: sampled messages in no row, by reason.
        shortened: messages in a row without something that the template does not show, with `hidden="drop"`.
        shown: the first rows with their stretches.
    """

    traces: int = 0
    rows: int = 0
    tokens: int = 0
    learnt: int = 0
    missing: Counter[str] = field(default_factory=Counter[str])
    shortened: Counter[str] = field(default_factory=Counter[str])
    shown: list[tuple[Row, list[Stretch]]] = []
    read: Account = field(default_factory=Account)


def tokenize(
    source: str | Path,
    *,
    model: str = "hf:smollm2",
    template: str | Path | None = None,
    options: dict[str, Json] | None = None,
    given: str | None = None,
    rows: Literal["exact", "one"] = "exact",
    hidden: Literal["refuse", "drop", "inline"] = "refuse",
    every: bool = False,
    policy: bool = True,
    only: str | None = None,
    show: int = 0,
    out: str | Path | None = None,
) -> Tokenized:
    """Traces as token ids by a model's own chat template, with masks and weights.

    Args:
        source: a run folder (of which the passed branches are taken), a file of any known format, or a folder of files.
        model: hf:smollm2, or hf:FOLDER with a tokenizer.
        template: a file with a chat template to use instead of the tokenizer's own.
        options: variables for the template, e.g. `{"enable_thinking": False}`.
        rows: `exact`: every message in the context it was written in; `one`: one row a branch, as most trainers make it.
        hidden: what becomes of a message whose reasoning, or text beside calls, the template does not show: `refuse`, `drop`
            (it is trained without), or `inline` (all reasoning stands in front of the text, between `<think>` and `</think>`).
        every: also branches that did not pass. policy: put the policy of a run's world in front.
        only: the id of one trace.
        show: so many rows are kept to be looked at.
        out: a file to write all rows to: JSON lines, or Parquet when it ends in .parquet.

    Raises:
        ArtificerError: the source, the model or the template cannot be used, or the file is there already.
    """
    from artificer.training.chat import files
    from artificer.training.chat.show import stretches

    other = Path(template) if template is not None else None
    asked = files.opened(_tokenizer_folder(model), other, options or {}, inline=hidden == "inline")
    found = Tokenized()

    def lines(items: Iterator[Item]) -> Iterator[bytes]:
        wanted = (item for item in items if only is None or item.trace.id == only)
        for one in files.rendered(wanted, asked, rows=rows, hidden="drop" if hidden == "drop" else "refuse", every=every):
            found.traces += 1
            found.missing.update(one.missing)
            found.shortened.update(one.shortened)
            for row in one.rows:
                found.rows += 1
                found.tokens += len(row.ids)
                found.learnt += sum(row.learnt)
                if len(found.shown) < show:
                    found.shown.append((row, list(stretches(row, asked))))
                yield files.record(row)

    with traded.opened(source, found.read, given=given, policy=policy) as data:
        traded.write_rows(lines(data.items), out)
    if only is not None and not found.traces:
        ids = f'artificer query {shlex.quote(str(source))} "select id from traces"'
        raise ArtificerError(f"there is no trace {only!r}", where=str(source), remedy=f"see which there are: {ids}")
    return found


def _tokenizer_folder(model: str) -> Path:
    """The folder of a model whose tokenizer is wanted.

    Raises:
        ArtificerError: the string names no such folder.
    """
    from artificer.models.embedded import NAME, embedded_folder

    form, _, rest = model.partition(":")
    if form != "hf" or not rest:
        raise ArtificerError(f"{model!r} has no tokenizer here", remedy="write hf:smollm2, or hf:FOLDER")
    path = rest.partition("?")[0]
    if path == NAME:
        return embedded_folder()
    folder = Path(path).expanduser()
    if not folder.is_dir():  # else transformers would ask a hub for a model of that name
        raise ArtificerError("there is no such folder", where=str(folder), remedy="give a folder with tokenizer.json: hf:FOLDER")
    return folder


def verify_data(
    source: str | Path,
    *,
    world: str | None = None,
    options: dict[str, str] | None = None,
    given: str | None = None,
    like: Sequence[str] = (),
    near: float = 0.0,
    as_text: bool = False,
    names: Sequence[str] = (),
    seed: int = 0,
    tasks: str | Path | None = None,
    repair: str | Path | None = None,
    force: bool = False,
    each: str | Path | None = None,
    shown: int = 20,
    engine: str | None = None,
    progress: Progress | None = None,
) -> DataProof:
    """Makes every call of data that others made again, in a world of ours, and compares what comes with what they recorded.

    Args:
        source: a file, a folder of files, or a run folder of imported (or repaired) traces.
        world, options: see `World.of`. Only a repaired run names its own; traces are never asked.
        given: the format of `source`; guessed from its first rows when None.
        like: fields that are no difference; see `docs/verify-data.md`. near: how near numbers are the same.
        as_text: within results, texts that write a number, true, false or null are that.
        names: what tools and arguments are called in the world: OLD=NEW, TOOL:OLD=NEW, or a file.
        seed: where sessions begin when nothing says it. tasks: a run folder whose tasks say it.
        repair: a run folder to write, with what the world gives now. force: also of conversations that no longer fit.
        each: a file to write what every single trace showed to, a JSON object a line.
        shown: how many traces that are not exact stand in the proof.
        engine: by default two processes when there is much to do and there are two cores.

    Raises:
        ArtificerError: the data, the world, a name or a pattern cannot be used, or what is to be written is there.
    """
    from artificer.api import run_async
    from artificer.rollout.foreign.data import Rerun, verify_data
    from artificer.rollout.foreign.findings import Terms
    from artificer.rollout.foreign.ignored import Likeness
    from artificer.rollout.foreign.names import renames_of
    from artificer.worlds.base import World

    if world is None:
        world, own = _own_world(source)
        options = own if options is None else options
    opened = World.of(world, **(options or {}))
    renames = renames_of(names, [tool.name for tool in (*opened.tools, *opened.user_tools)])
    terms = Terms(Likeness(tuple(like), near, as_text), renames)
    rerun = Rerun(world, options or {}, terms, seed, "" if tasks is None else str(tasks), repair is not None, force)
    if engine is None:
        engine = "processes:2" if (os.cpu_count() or 1) > 1 and _size(Path(source)) >= PAYS else "local"

    async def verify() -> DataProof:
        try:
            with traded.opened(source, account, given=given) as data:
                return await verify_data(
                    data,
                    account,
                    rerun,
                    opened,
                    out=repair,
                    each_to=each,
                    shown=shown,
                    engine=engine,
                    progress=progress,
                    total=_traces(Path(source)),
                )
        finally:
            await opened.close()

    account = Account()
    return run_async(verify())


def is_ours(source: str | Path) -> bool:
    """Whether `source` is a run of ours, with tasks and verdicts to prove, and not data that others made (or a repaired copy of such).

    Raises:
        ArtificerError: there is nothing of that name. RunError: its run.toml cannot be read.
    """
    if not Path(source).exists():
        raise ArtificerError("there is no such run or file", where=str(source), remedy="check the path")
    if not (Path(source) / "run.toml").exists():
        return not Path(source).is_file() and not (Path(source).is_dir() and any(Path(source).iterdir()))
    with RunFolder.open(source) as folder:
        recipe, knobs = folder.manifest.get("recipe"), folder.manifest.get("knobs", {})
        return recipe not in ("import", "repair") and (bool(folder.keys("tasks")) or ("world" in knobs and recipe not in SETS))


def _own_world(source: str | Path) -> tuple[str, dict[str, str]]:
    """The world that a repaired run was made in.

    Raises:
        ArtificerError: it is none.
    """
    from artificer.rollout.foreign.keeping import RECIPE
    from artificer.rollout.proof import world_of

    if (Path(source) / "run.toml").exists():
        with RunFolder.open(source) as folder:
            if folder.manifest.get("recipe") in (RECIPE, *SETS):
                return world_of(folder)
    raise ArtificerError("nothing says in which world these calls are to be made", where=str(source), remedy="say which: --world SOURCE")


def _traces(path: Path) -> int | None:
    """How many traces a run folder holds; None for other data, which must be read to be counted."""
    if not (path / "run.toml").exists():
        return None
    with RunFolder.open(path) as folder:
        return len(folder.keys("traces"))


def _size(path: Path) -> int:
    """Bytes of a file or of all files in a folder."""
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file()) if path.is_dir() else path.stat().st_size if path.exists() else 0


def check(
    source: str | Path,
    *,
    given: str | None = None,
    thresholds: str | Path | None = None,
    findings: str | Path | None = None,
    near: bool = True,
    tokens: Callable[[str], int] | None = None,
    native: Sequence[str] | None = None,
    seen: Callable[[int], None] | None = None,
) -> Card:
    """What a data set holds and what is wrong with it: its data card. Reads it once, as a stream.

    Args:
        source: a run folder, a file of any known format, or a folder of files.
        given: the format of `source`; guessed from its first rows when None.
        thresholds: a TOML file whose bounds replace ours; see `docs/quality.md`.
        findings: a file to write everything that was found to, a JSON object a line; an existing file is never overwritten.
        near: also look for near-duplicates.
        tokens: how many tokens a text is; a rule of thumb when None.
        native: the tools that ADP's check takes for native; those that each conversation offers when None.
        seen: told how many traces have been looked at, now and then.

    Raises:
        ArtificerError: the source is of no known format or cannot be read, a threshold does not fit, or the file of findings is there already.
    """
    from artificer.curation.quality.survey import survey

    return survey(source, given=given, bounds=thresholds, findings=findings, near=near, tokens=tokens, native=native, seen=seen)


def query(data: str | Path | Sequence[str | Path], sql: str, *, given: str | None = None) -> list[dict[str, Any]]:
    """Asks runs, or traces in any known format, in SQL; the rows of the answer, in memory.

    Args:
        data: a run folder, a file or a folder of files, or several of them.
        sql: one statement of DuckDB's SQL over the tables of `docs/query.md`.
        given: the format of what is not a run; guessed when None.

    Raises:
        ArtificerError: the data cannot be read, or the question cannot be answered. MissingExtra: DuckDB is not installed.
    """
    with ask([data] if isinstance(data, str | Path) else data, sql, given=given) as (answer, _):
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def export(source: str | Path, out: str | Path, *, given: str | None = None) -> Filled:
    """Writes a run, or traces in any known format, as Parquet tables; what was read.

    Args:
        source: a run folder, a file, or a folder of files.
        out: the folder to make.
        given: the format of what is not a run; guessed when None.

    Raises:
        ArtificerError: the source cannot be read, or the folder is there already or cannot be written. MissingExtra: DuckDB is not installed.
    """
    return export_tables(source, out, given=given)


def decontaminate(
    sources: Sequence[str | Path],
    against: Sequence[str],
    *,
    out: str | Path | None = None,
    kinds: Sequence[Kind] = KINDS,
    bounds: Bounds | None = None,
    given: str | None = None,
    tell: Callable[[str], None] | None = None,
) -> Decontaminated:
    """What of suites stands in traces; with `out`, the traces without it, in a run folder.

    Args:
        against: published suites (`bfcl`, `tau2`, `agentdojo`, or a part as `bfcl:live_simple`), run folders and files.
        kinds: of contamination, those that count: exact, ngram, share, form, calls; see `docs/data.md`.
        bounds: from where on two are alike.

    Raises:
        ArtificerError: a suite is not there or not installed, or a source or folder cannot be used.
    """
    from artificer.curation.contamination.doing import decontaminate as done

    return done(sources, against, Path(out) if out is not None else None, kinds=kinds, bounds=bounds or Bounds(), given=given, tell=tell)
