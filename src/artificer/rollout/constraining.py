"""The stage that gives tasks rules before they are played: written ones, or so many drawn by seed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from msgspec import Struct

from artificer.checks.constraints.feasible import check_feasible
from artificer.checks.constraints.generate import constrained, with_rules
from artificer.checks.constraints.stated import Rules
from artificer.checks.constraints.text import read
from artificer.core.tasks import Task
from artificer.run.stage import Reject, RowFunction
from artificer.worlds.base import World


class Constrain(Struct, frozen=True):
    """Builder: a `Task` becomes one with rules. Rules that contradict each other or the task's own gold reject it.

    Args:
        source, options: of the world; see `World.of`.
        rules: as `checks.constraints.text` reads them.
        n: how many are drawn besides.
        seed: of the draw.
    """

    source: str
    options: dict[str, str] = {}
    rules: str = ""
    n: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        read(self.rules)

    def __call__(self) -> AbstractAsyncContextManager[RowFunction]:
        return self._made()

    @asynccontextmanager
    async def _made(self) -> AsyncGenerator[RowFunction]:
        world = World.of(self.source, **self.options)
        written = read(self.rules)

        async def row(key: str, task: Task) -> Task | Reject:
            made = with_rules(task, Rules(written)) if written else task
            made = constrained(made, world.tools, self.n, self.seed, user_tools=world.user_tools)
            found = check_feasible(made, world.tools, world.user_tools)
            return Reject("infeasible", "; ".join(f"{one.text}: {one.why}" for one in found[:3]), item=task) if found else made

        try:
            yield row
        finally:
            await world.close()
