"""Which tools are offered: the world's choice of 512, and the modes of a task.

In EnterpriseOps-Gym (arXiv 2603.13594) a task is run with exactly the tools that it needs (oracle), or with 5, 10 or 15
more (plus_k). What a task needs is found by serving it: the world's own procedures are run with everything that the
user knows, and the tools they call are the needed ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import structs

from artificer.core.canon import Json, rng
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Task
from artificer.core.tools import ToolSpec
from artificer.worlds.base import World
from artificer.worlds.guide import Call, Confirm
from artificer.worlds.sqlite.session import SqlTool

_STEPS = 400


def chosen(tools: Sequence[SqlTool], count: int, seed: int) -> list[SqlTool]:
    """`count` of a schema's derived tools, in their order: every table can be searched and read, and as many of the
    others as there is room for, writes of whole records before links.
    """
    weights = {"search": 0, "get": 0, "create": 2, "update": 2, "list": 3, "delete": 3, "parent": 4, "related": 4}
    random = rng("tools", seed)
    drawn = {tool.spec.name: (weights[str(tool.spec.attributes["op"])], random.random()) for tool in tools}
    kept = {name for name, _ in sorted(drawn.items(), key=lambda item: item[1])[:count]}
    return [tool for tool in tools if tool.spec.name in kept]


def domain_of(tool: ToolSpec) -> str:
    """The app that a tool belongs to."""
    return str(tool.attributes.get("app", ""))


def distractors(tools: Iterable[ToolSpec], needed: Iterable[str], k: int, *seed: Json) -> tuple[str, ...]:
    """Names of `k` tools that are not needed, from other apps than the needed ones are of; from the same when there
    are too few others. The same for the same seed.
    """
    listed = list(tools)
    wanted = set(needed)
    near = {domain_of(tool) for tool in listed if tool.name in wanted}
    far = sorted(tool.name for tool in listed if tool.name not in wanted and domain_of(tool) not in near)
    rest = sorted(tool.name for tool in listed if tool.name not in wanted and domain_of(tool) in near)
    random = rng("plus_k", k, *seed)
    picked = random.sample(far, min(k, len(far)))
    return tuple(picked + random.sample(rest, min(k - len(picked), len(rest))))


async def needed(world: World, task: Task) -> tuple[str, ...]:
    """Names of the tools that a task needs, by serving it in a session of its own.

    Raises:
        SourceError: the world has no guide.
    """
    guide = world.guide
    if guide is None:
        raise SourceError("the world has no guide that could tell which tools a task needs.", where=world.name, remedy="name the tools in the task")
    used = dict.fromkeys(call.name for want in task.goal.wants for call in want.gold)
    session = await world.open(task.start)
    memory: dict[str, Json] = {}
    try:
        for index, want in enumerate(task.goal.wants):
            steps = guide.procedure(want.op, _Everything(task, index, memory))
            answer: Any = None
            for _ in range(_STEPS):
                try:
                    step = steps.send(answer)
                except StopIteration:
                    break
                answer = None
                if isinstance(step, Call):
                    used[step.name] = None
                    answer = await session.call(ToolCall(f"n{len(used)}", step.name, step.arguments))
                elif isinstance(step, Confirm):
                    answer = True
    finally:
        await session.close()
    return tuple(used)


async def plus_k(world: World, task: Task, k: int, seed: int = 0) -> Task:
    """The task with its needed tools and `k` distractors, in an order that does not tell which is which."""
    names = await needed(world, task)
    offered = [*names, *distractors(world.tools, names, k, seed, task.id)]
    rng("order", seed, task.id, k).shuffle(offered)
    return structs.replace(task, tools=tuple(offered), difficulty=task.difficulty | {"plus_k": float(k)})


class _Everything:
    """A desk at which everything was said at once (`worlds.guide.Desk`)."""

    def __init__(self, task: Task, want: int, memory: dict[str, Json]) -> None:
        self._facts = [(*fact.path.partition(".")[::2], fact.value) for fact in task.goal.facts]
        self._want = str(want)
        self._memory = memory

    def heard(self, prefix: str = "") -> dict[str, Json]:
        return {path: value for want, path, value in self._facts if want == self._want and path and _below(path, prefix)}

    def everywhere(self, prefix: str) -> dict[str, Json]:
        return {path: value for _, path, value in reversed(self._facts) if path and _below(path, prefix)}

    def learned(self) -> bool:
        return False

    def remembered(self) -> dict[str, Json]:
        return self._memory


def _below(path: str, prefix: str) -> bool:
    return not prefix or path == prefix or path.startswith(f"{prefix}.")
