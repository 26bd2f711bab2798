"""The two verbs of which every recipe is made.

`each` takes one item and gives none or more; its rows are keyed, independent, and may run anywhere. `whole` needs all
items and runs in one place. A stage is data: what it does is a *builder*, small enough to be pickled to a worker,
which makes the heavy things (worlds, models) there.

Keys. A row function that returns one item keeps the row's key; one that returns a list, a tuple or an iterator gives
its children the keys `"<key>/0"`, `"<key>/1"`, ... even when there is only one. So keys depend on what a row is,
never on when or where it ran. None means "nothing goes on", which is remembered as done; `Reject` means "dropped, and
this is why", which is written down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

from msgspec import Struct

from artificer.core.errors import ArtificerError

Row = tuple[str, Any]
"""A key and an item."""

RowFunction = Callable[[str, Any], Awaitable[Any]]
"""`async (key, item) -> item | list | tuple | iterator | Reject | None`."""

Builder = Callable[[], AbstractAsyncContextManager[RowFunction]]
"""Entered once in each worker. Picklable: a frozen struct with `__call__`, or `functools.partial` of a module-level
function.
"""


Tell = Callable[[Any], dict[str, float]]


class Reject(Struct, frozen=True):
    """A row that goes no further.

    Args:
        reason: a short fixed word, for counting, e.g. `"leak"`.
        detail: what exactly, for a person.
        item: the row as it was, when it is worth keeping.
        key: which row; only `whole` needs to say (in `each` it is the row at hand).
    """

    reason: str
    detail: str = ""
    item: Any = None
    key: str | None = None


WholeFunction = Callable[[Sequence[Row]], Iterable[Row | Reject] | Awaitable[Iterable[Row | Reject]]]
"""All rows in key order (plain string order) in, the rows that go on out, and rejects. What it passes over in silence
is recorded as a reject with the reason `not_kept`.
"""


class Stage(Struct, frozen=True):
    """One step of a run. Made by `each` and `whole`.

    Args:
        keep: the shard family in which the outputs are kept (`"tasks"`: `tasks-000.jsonl.zst`). Without it the stage
            is fused into the next kept one: on continuing, its work is done again where that one's was not finished.
        of: the type of the outputs, by which they are decoded when read back; None for plain JSON values.
        tell: numbers of one output, summed over rows and shown while the run goes: see `run.progress`. Picklable.
    """

    name: str
    kind: Literal["each", "whole"]
    build: Builder | None = None
    fn: WholeFunction | None = None
    keep: str | None = None
    of: Any = None
    tell: Tell | None = None


def each(name: str, build: Builder, *, keep: str | None = None, of: Any = None, tell: Tell | None = None) -> Stage:
    """A stage over single rows: keyed, distributed, without a barrier."""
    return Stage(name=name, kind="each", build=build, keep=keep, of=of, tell=tell)


def whole(name: str, fn: WholeFunction, *, keep: str | None = None, of: Any = None) -> Stage:
    """A stage that sees all rows at once, sorted by key, in the main process."""
    return Stage(name=name, kind="whole", fn=fn, keep=keep, of=of)


def check_stages(stages: Sequence[Stage]) -> None:
    """Refuses lists of stages that could not be continued or would lose work.

    Raises:
        ArtificerError: no stage, a name or shard family used twice, or a last `each` whose outputs nobody would get.
    """
    if not stages:
        raise ArtificerError("a run needs at least one stage")
    for what, names in (("stage name", [s.name for s in stages]), ("shard family", [s.keep for s in stages if s.keep])):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ArtificerError(f"the {what} {twice[0]!r} is used twice", remedy="give every stage its own name")
    if any(stage.keep == "rejects" for stage in stages):
        raise ArtificerError("the shard family 'rejects' is the run's own", remedy="choose another name to keep")
    if stages[-1].kind == "each" and stages[-1].keep is None:
        raise ArtificerError(f"nobody would get the outputs of the last stage, {stages[-1].name!r}", remedy='keep them: each(..., keep="NAME")')
