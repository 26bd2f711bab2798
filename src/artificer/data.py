"""What is done to data, whoever made it: a run folder, or a file of any known format.

As `artificer.api`, which the names are also to be had from, and loaded only when used.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.run import traded
from artificer.run.store import RunFolder

if TYPE_CHECKING:
    from artificer.rollout.foreign.data import DataProof
    from artificer.run.progress import Progress

PAYS = 4_000_000
"""Bytes of data from which on verifying in two processes is quicker than in one."""


class Converted(Struct, frozen=True):
    """What became of a conversion: what was read, and what was written of it."""

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
    """
    if to != "artificer" and format_named(to).render is None:
        raise ArtificerError(f"{to!r} is only read", remedy="choose another format; docs/formats.md says which can be written")
    before, after = Account(), Account()
    with traded.opened(source, before, given=given, policy=policy) as data:
        traded.written(data, out, after, before, to=to, every=every)
        return Converted(data.form, to, before, after)


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
    """Whether `source` is a run of ours, with tasks and verdicts to prove, and not data that others made (or a repaired copy of such)."""
    if not (Path(source) / "run.toml").exists():
        return not Path(source).is_file() and not (Path(source).is_dir() and any(Path(source).iterdir()))
    with RunFolder.open(source) as folder:
        recipe, knobs = folder.manifest.get("recipe"), folder.manifest.get("knobs", {})
        return recipe not in ("import", "repair") and ("world" in knobs or bool(folder.keys("tasks")))


def _own_world(source: str | Path) -> tuple[str, dict[str, str]]:
    """The world that a repaired run was made in.

    Raises:
        ArtificerError: it is none.
    """
    from artificer.rollout.foreign.keeping import RECIPE
    from artificer.rollout.proof import world_of

    if (Path(source) / "run.toml").exists():
        with RunFolder.open(source) as folder:
            if folder.manifest.get("recipe") == RECIPE:
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
