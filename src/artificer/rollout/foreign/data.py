"""A file, a folder or an imported run, made again as a whole: in worker processes when wanted, in bounded memory.

A verification is itself a run, into a folder that is thrown away, as for runs of ours (`rollout.proof`). What is
reported does not depend on the engine: traces are counted in the order of the data.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from artificer.core.errors import ArtificerError
from artificer.core.trace import Trace
from artificer.formats.account import Account
from artificer.rollout.foreign.alike import Level
from artificer.rollout.foreign.branch import made_again
from artificer.rollout.foreign.findings import Again, Terms
from artificer.rollout.foreign.keeping import Keeper
from artificer.rollout.foreign.names import near
from artificer.rollout.foreign.repair import Repair, repaired
from artificer.rollout.foreign.starts import Starts
from artificer.run.engine import execute
from artificer.run.files import whole_file, whole_folder
from artificer.run.progress import Progress
from artificer.run.stage import RowFunction, each
from artificer.run.store import RunFolder
from artificer.run.traded import Data
from artificer.worlds.base import World

K = TypeVar("K", bound=str)

_NAMES = 200
"""Tools that are told of by name; the others are put together."""
OTHERS = "(other tools)"
_encode = msgspec.json.encode


class Given(Struct, frozen=True):
    """A trace and its place in the data."""

    where: str
    trace: Trace


class Made(Struct, frozen=True, omit_defaults=True):
    """What became of it."""

    again: Again
    repair: Repair | None = None
    given: Trace | None = None
    """The trace as it was, where there is no copy of it."""


class Unknown(Struct, omit_defaults=True):
    """A tool that the world has not: in how many traces it is called, and what the world has that is called much like it."""

    traces: int = 0
    near: tuple[str, ...] = ()


class DataProof(Struct):
    """What verifying data showed.

    Args:
        exact, like, differs, cannot: traces by verdict; see `alike.Level`.
        silent: traces among the exact ones that make no call, so that there was nothing to make again.
        unread: rows of which no trace could be read.
        calls: calls by tool and level.
        tolerated: how often which tolerance was needed for what is exact or alike.
        claims, held: effects and states that the data state, and those that hold.
        ungrounded, guessed: argument values that nobody said and no result showed, and the traces that have some; it
            decides nothing.
        judged: traces that state verdicts, which are not judged anew: that needs their tasks.
        problems: the first traces that are not exact.
        repaired, rejected: of a repair: the traces that were changed, and the others' reasons.
    """

    source: str
    form: str
    world: str
    traces: int = 0
    exact: int = 0
    like: int = 0
    differs: int = 0
    cannot: int = 0
    silent: int = 0
    unread: int = 0
    calls: dict[str, dict[Level, int]] = field(default_factory=dict[str, dict[Level, int]])
    unknown: dict[str, Unknown] = field(default_factory=dict[str, Unknown])
    tolerated: dict[str, int] = field(default_factory=dict[str, int])
    claims: int = 0
    held: int = 0
    ungrounded: int = 0
    guessed: int = 0
    judged: int = 0
    problems: list[Again] = field(default_factory=list[Again])
    repaired: int = 0
    kept: int = 0
    rejected: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def holds(self) -> bool:
        """Whether there are calls, every trace could be read, and all replay exactly."""
        return self.exact == self.traces > self.silent and not self.unread

    def add(self, made: Made, shown: int) -> None:
        """Counts a trace; keeps it when it is among the first `shown` that are not exact."""
        again = made.again
        self.traces += 1
        setattr(self, again.verdict, getattr(self, again.verdict) + 1)
        self.silent += again.verdict == "exact" and not again.calls
        self.claims += again.claims
        self.held += again.held
        self.ungrounded += again.ungrounded
        self.guessed += again.ungrounded > 0
        self.judged += again.judged
        _add(self.tolerated, again.tolerated)
        for tool, levels in again.tools.items():
            name = tool if tool in self.calls or len(self.calls) < _NAMES else OTHERS
            _add(self.calls.setdefault(name, {}), levels)
        for tool in again.unknown:
            if tool in self.unknown or len(self.unknown) < _NAMES:
                self.unknown.setdefault(tool, Unknown()).traces += 1
        if again.verdict != "exact" and len(self.problems) < shown:
            self.problems.append(again)


def _add(sums: dict[K, int], more: Mapping[K, int]) -> None:
    for name, number in more.items():
        sums[name] = sums.get(name, 0) + number


class Rerun(Struct, frozen=True):
    """Builder: a `Given` becomes a `Made`.

    Args:
        source, options: of the world; see `World.of`.
        seed, tasks: where sessions begin; see `Starts`.
        repair: make copies. force: also of what is stale.
    """

    source: str
    options: dict[str, str] = {}
    terms: Terms = Terms()
    seed: int = 0
    tasks: str = ""
    repair: bool = False
    force: bool = False

    def __call__(self) -> AbstractAsyncContextManager[RowFunction]:
        return self._made()

    @asynccontextmanager
    async def _made(self) -> AsyncGenerator[RowFunction]:
        world = World.of(self.source, **self.options)
        starts = Starts(world, self.seed, self.tasks)

        async def row(key: str, given: Given) -> Made:
            start = starts.of(given.trace)
            again, ends = await made_again(world, given.trace, start, self.terms, where=given.where, keep=self.repair)
            if not self.repair:
                return Made(again)
            repair = await repaired(world, given.trace, start, self.terms, again, ends, force=self.force)
            return Made(again, repair, given.trace if repair.trace is None else None)

        try:
            yield row
        finally:
            await world.close()


async def verify_data(
    data: Data,
    account: Account,
    rerun: Rerun,
    world: World,
    *,
    out: str | Path | None = None,
    each_to: str | Path | None = None,
    shown: int = 20,
    engine: str = "local",
    progress: Progress | None = None,
    total: int | None = None,
) -> DataProof:
    """Makes every call of data again.

    Args:
        data: as `run.traded.opened` gives it; account: of its reading.
        rerun: the world, and the terms. world: the same, opened, for what is said of it here.
        out: a run folder for the repaired copy; there must be none yet.
        each_to: a file for what every single trace showed, a JSON object a line; there must be none yet.
        shown: how many traces that are not exact stand in the proof.
        total: how many traces there are, where that is known, for progress.

    Raises:
        ArtificerError: the data, the world or what is to be written cannot be used.
    """
    _refuse_existing(out, each_to)
    proof = DataProof(data.source, data.form, rerun.source)
    with TemporaryDirectory(prefix="artificer-verify-") as place, RunFolder.create_or_continue(place, {"verify": data.source}) as proofs:
        stage = each("verify", rerun, keep="proofs", of=Made, tell=_told)
        summary = await execute([stage], _rows(data, account), proofs, engine=engine, progress=progress, of=Given, total=total)
        if not summary.complete:
            raise KeyboardInterrupt
        _gather(proofs, proof, rerun, world, data, out, each_to, shown)
    proof.unread = account.rows_dropped
    return proof


def _refuse_existing(*paths: str | Path | None) -> None:
    for path in paths:
        if path is not None and Path(path).exists():
            raise ArtificerError("this is there already", where=str(path), remedy="choose another name, or remove it")


def _rows(data: Data, account: Account) -> Iterator[tuple[str, Given]]:
    for number, item in enumerate(data.items):
        yield f"{number:012d}", Given(account.where, item.trace)


def _told(made: Made) -> dict[str, float]:
    return {} if made.again.verdict == "exact" else {f"error.{made.again.verdict}": 1.0}


def _gather(
    proofs: RunFolder, proof: DataProof, rerun: Rerun, world: World, data: Data, out: str | Path | None, each_to: str | Path | None, shown: int
) -> None:
    """Counts what the rows gave, in the order of the data, and writes what is wanted of them."""
    with ExitStack() as stack:
        keeper = None
        if out is not None:
            keeper = stack.enter_context(closing(Keeper(stack.enter_context(whole_folder(out)), world, rerun.source, rerun.options, data)))
        lines = None if each_to is None else stack.enter_context(stack.enter_context(whole_file(each_to)).open("xb"))
        for key, made in proofs.read("proofs", Made, ordered=True):
            proof.add(made, shown)
            if lines is not None:
                lines.write(_encode(_line(made)) + b"\n")
            if keeper is not None and made.repair is not None:
                reason = keeper.add(key, made.again, made.repair, made.given)
                if reason:
                    _add(proof.rejected, {reason: 1})
                else:
                    proof.kept += 1
                    proof.repaired += made.repair.changed > 0
    offered = [tool.name for tool in (*world.tools, *world.user_tools)]
    for name, unknown in proof.unknown.items():
        unknown.near = near(name, offered)


def _line(made: Made) -> dict[str, Any]:
    line: dict[str, Any] = msgspec.to_builtins(made.again)
    if made.repair is not None:
        repair = made.repair
        line["repair"] = {"kept": repair.trace is not None, "changed": repair.changed, "reason": repair.reason, "detail": repair.detail}
        line["repair"]["stale"] = msgspec.to_builtins(repair.stale)
    return line
