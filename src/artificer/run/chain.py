"""A row's way through consecutive `each` stages, wherever it runs.

Stages are grouped into *links*: some fused stages and the kept one that ends them. One coroutine carries a row, depth
first, from link to link; whatever a link gives is handed over at once as an `Outcome`, encoded, so that the writer
only compresses and writes. The same code runs in this process, in a worker process and in a Ray actor.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.core.errors import ArtificerError
from artificer.run.shards import Line
from artificer.run.stage import Reject, Row, RowFunction, Stage
from artificer.run.store import Dropped, Rejected


class Link(Struct, frozen=True):
    """Fused stages. All but the last are without `keep`; the last is too when a `whole` comes next."""

    stages: tuple[Stage, ...]

    @property
    def last(self) -> Stage:
        return self.stages[-1]


Chain = tuple[Link, ...]


class Work(Struct, frozen=True):
    """A row to carry from a link on: from the first, or from further when a run is continued."""

    link: int
    key: str
    item: Any


class Outcome(Struct, frozen=True):
    """What one row gave at one link: the keys and encoded lines of its outputs, what was dropped, how much came out of
    (and how many seconds went into) each fused stage, and what its stages tell of it.
    """

    link: int
    of: str
    keys: tuple[str, ...]
    lines: bytes
    dropped: Dropped
    outs: tuple[int, ...]
    seconds: tuple[float, ...]
    told: dict[str, float] = {}


Commit = Callable[[Outcome], None]


class RowFailed(RuntimeError):
    """A row function raised: a bug in a stage. Says which row and stage; the cause is chained."""

    def __init__(self, stage: str, key: str, what: str) -> None:
        super().__init__(stage, key, what)
        self.stage = stage
        self.key = key
        self.what = what

    def __str__(self) -> str:
        return f"stage {self.stage!r} failed on row {self.key!r}: {self.what}"


_encode_lines = msgspec.json.Encoder().encode_lines


def parts_of(stages: Sequence[Stage]) -> list[Chain | Stage]:
    """A run's parts, one after the other: chains of consecutive `each` stages, and `whole` stages."""
    parts: list[Chain | Stage] = []
    run: list[Stage] = []
    for stage in stages:
        if stage.kind == "each":
            run.append(stage)
            continue
        parts += [_linked(run), stage] if run else [stage]
        run = []
    return [*parts, _linked(run)] if run else parts


def _linked(stages: Sequence[Stage]) -> Chain:
    links: list[Link] = []
    fused: list[Stage] = []
    for stage in stages:
        fused.append(stage)
        if stage.keep is not None:
            links.append(Link(tuple(fused)))
            fused = []
    return (*links, Link(tuple(fused))) if fused else tuple(links)


@asynccontextmanager
async def open_chain(chain: Chain) -> AsyncGenerator[Runner, None]:
    """Enters every builder, in order; leaves them in reverse order."""
    async with AsyncExitStack() as stack:
        entered: list[list[RowFunction]] = []
        for link in chain:
            entered.append([await stack.enter_async_context(stage.build()) for stage in link.stages if stage.build is not None])
        yield Runner(chain, entered)


class Runner:
    """A chain whose builders have been entered."""

    def __init__(self, chain: Chain, functions: Sequence[Sequence[RowFunction]]) -> None:
        self._chain = chain
        self._functions = functions

    async def play(self, work: Work, commit: Commit) -> None:
        """Carries one row to the end.

        Raises:
            RowFailed: a row function raised.
            ArtificerError: a row function raised one; as it is.
        """
        outcome, rows = await self._pass(work)
        commit(outcome)
        if work.link + 1 < len(self._chain):
            for key, item in rows:
                await self.play(Work(work.link + 1, key, item), commit)

    async def _pass(self, work: Work) -> tuple[Outcome, list[Row]]:
        """One row through the stages of one link."""
        link = self._chain[work.link]
        rows: list[Row] = [(work.key, work.item)]
        dropped: list[Rejected] = []
        outs: list[int] = []
        seconds: list[float] = []
        told: dict[str, float] = {}
        for stage, function in zip(link.stages, self._functions[work.link]):
            started = perf_counter()
            rows = await _apply(stage.name, function, rows, dropped)
            outs.append(len(rows))
            seconds.append(perf_counter() - started)
            if stage.tell is not None:
                for _, item in rows:
                    for name, number in stage.tell(item).items():
                        told[name] = told.get(name, 0) + number
        lines, rows = encode(link.last, rows, dropped)
        outs[-1] = len(rows)
        keys = tuple([key for key, _ in rows])
        return Outcome(work.link, work.key, keys, lines, Dropped.of(dropped), tuple(outs), tuple(seconds), told), rows


async def _apply(stage: str, function: RowFunction, rows: list[Row], dropped: list[Rejected]) -> list[Row]:
    given: list[Row] = []
    for key, item in rows:
        try:
            for child, out in _spread(key, await function(key, item)):
                if isinstance(out, Reject):
                    dropped.append(rejected(stage, child, out))
                else:
                    given.append((child, out))
        except ArtificerError:
            raise
        except Exception as error:
            raise RowFailed(stage, key, f"{type(error).__name__}: {error}") from error
    return given


def _spread(key: str, out: Any) -> Iterator[Row]:
    """The rows a result stands for. One item keeps the key; of several each has a key of its own."""
    if isinstance(out, list | tuple | Iterator):
        for index, child in enumerate(cast("Iterator[Any]", out)):
            yield f"{key}/{index}", child
    elif out is not None:
        yield key, out


def rejected(stage: str, key: str, reject: Reject) -> Rejected:
    """The line of a reject. What cannot be written as JSON is left out: a reject must never be lost for its own
    content.
    """
    detail = reject.detail.encode("utf-8", "replace").decode()
    try:
        msgspec.json.encode(reject.item)
        item = reject.item
    except (UnicodeEncodeError, OverflowError, TypeError):
        item = None
    return Rejected(key, stage, reject.reason, detail, item)


def encode(stage: Stage, rows: list[Row], dropped: list[Rejected]) -> tuple[bytes, list[Row]]:
    """Outputs as lines. An item that JSON cannot hold (a lone surrogate from hostile text) is dropped with the reason
    `not_json`.

    Raises:
        RowFailed: an item is of a type that could not be read back.
    """
    for key, item in rows:
        if stage.of is None and isinstance(item, Struct):
            raise RowFailed(stage.name, key, f"it gave a {type(item).__name__}; declare it so that it can be read back: of={type(item).__name__}")
    try:
        return _encode_lines([Line(key, item) for key, item in rows]), rows
    except (UnicodeEncodeError, OverflowError, TypeError):
        return _encode_one_by_one(stage, rows, dropped)


def _encode_one_by_one(stage: Stage, rows: list[Row], dropped: list[Rejected]) -> tuple[bytes, list[Row]]:
    lines: list[bytes] = []
    good: list[Row] = []
    for key, item in rows:
        try:
            lines.append(_encode_lines([Line(key, item)]))
            good.append((key, item))
        except (UnicodeEncodeError, OverflowError) as error:
            dropped.append(rejected(stage.name, key, Reject("not_json", str(error))))
        except TypeError as error:
            raise RowFailed(stage.name, key, f"its output cannot be written as JSON: {error}") from error
    return b"".join(lines), good
