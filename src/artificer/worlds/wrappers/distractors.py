"""`| distractors:k=10`: so many more tools, none of which is ever needed.

They are generated from everyday areas (`kind=far`), made from the world's own tools as if there were an archive, a
sandbox and so on (`kind=near`: hard negatives), or taken from another source (`source=...`). The needed tools are
never dropped and keep their order; the others stand among them at places drawn from the seed. A call of a distractor
is checked against its schema and answered with something plausible (`answer=plausible`) or refused (`refused`); it
never changes the world, and an answer never shows an id that would count as shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Any, cast

import msgspec

from artificer.core.canon import Json, rng
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.tools import ToolSpec, compile_schema, unfit
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers._areas import catalogue
from artificer.worlds.wrappers._plausible import plausible
from artificer.worlds.wrappers.base import Wrapped, WrappedSession, whole

_COPIES = ("archived", "sandbox", "legacy", "draft", "partner", "template", "training", "deleted", "imported", "regional")
"""Near misses: the same tool, but for something that nobody asks about."""


def wrap(world: World, *, k: str = "5", kind: str = "far", source: str = "", answer: str = "plausible", seed: str = "0") -> World:
    """The world with more tools.

    Args:
        world: the world wrapped.
        k: how many more.
        kind: `far` (other areas), `near` (like the world's own), or `mixed`.
        source: a tool source to take them from, in quotes if it holds a comma; its tools are listed, never run.
        answer: `plausible` or `refused`.
        seed: of which, where and what they answer.

    Raises:
        SourceError: an option's value cannot be used, or there are not so many.
    """
    if kind not in {"far", "near", "mixed"} or answer not in {"plausible", "refused"}:
        remedy = "use kind=far, near or mixed, and answer=plausible or refused"
        raise SourceError(f"distractors: no kind {kind!r} with answer {answer!r}.", where=world.name, remedy=remedy)
    count, number = whole(k, "distractors:k"), whole(seed, "distractors:seed")
    names = {tool.name for tool in world.tools}
    chance = rng("distractors", number)
    other = World.of(source) if source else None
    pool = [tool for tool in (other.tools if other is not None else _pool(world, kind, chance)) if tool.name not in names]
    if count > len(pool):
        raise SourceError(f"there are {len(pool)} distractors, not {count}.", where=world.name, remedy=f"ask for k={len(pool)} or fewer")
    options = {"k": k, "kind": kind} | ({"source": source} if source else {}) | {"answer": answer, "seed": seed}
    more = [_harmless(tool) for tool in chance.sample(pool, count)]
    return Distractors(world, more, options, refused=answer == "refused", seed=number, other=other)


def _pool(world: World, kind: str, chance: Random) -> list[ToolSpec]:
    far = list(catalogue()) if kind != "near" else []
    near = [_copied(tool, copy) for tool, copy in product(world.tools, _COPIES)] if kind != "far" else []
    near = [tool for tool in near if len(tool.name) <= 64]
    if kind == "mixed":  # half of each, as far as they go
        half = min(len(far), len(near))
        return [*chance.sample(far, half), *chance.sample(near, half)]
    return far or near


def _copied(tool: ToolSpec, copy: str) -> ToolSpec:
    """The tool for another set of records: `search_tracks` becomes `search_archived_tracks`."""
    verb, _, thing = tool.name.partition("_")
    name = f"{verb}_{copy}_{thing}" if thing else f"{verb}_{copy}"
    about = f"{tool.description.rstrip()} Only for {copy} records, which are kept apart from the current ones."
    return msgspec.structs.replace(tool, name=name, description=about.strip(), attributes={})


def _harmless(tool: ToolSpec) -> ToolSpec:
    """The tool without what would let its answers count as knowledge of the world: annotations of ids."""
    returns = None if tool.returns is None else cast("dict[str, Json]", _plain(tool.returns))
    return msgspec.structs.replace(tool, returns=returns or {"type": "object", "properties": {}}, attributes={})


def _plain(schema: Json) -> Json:
    if isinstance(schema, dict):
        return {key: _plain(part) for key, part in cast("dict[str, Any]", schema).items() if key != "x-ref"}
    return [_plain(part) for part in cast("list[Any]", schema)] if isinstance(schema, list) else schema


class Distractors(Wrapped):
    """See the module docstring."""

    def __init__(self, inner: World, more: Sequence[ToolSpec], options: dict[str, str], *, refused: bool, seed: int, other: World | None) -> None:
        super().__init__(inner, "distractors", options, seed)
        self._other = other
        self.more = {tool.name: tool for tool in more}
        self.refused = refused
        self.validators = {tool.name: compile_schema(tool.parameters, f"distractor {tool.name}") for tool in more}
        chance = rng("distractors", seed, "places")
        tools = list(inner.tools)
        for tool in more:
            tools.insert(chance.randint(0, len(tools)), tool)
        self.tools = tuple(tools)

    def session(self, inner: Session, start: Start) -> _Session:
        return _Session(self, inner, start)

    async def close(self) -> None:
        await super().close()
        if self._other is not None:
            await self._other.close()


class _Session(WrappedSession):
    def __init__(self, world: Distractors, inner: Session, start: Start) -> None:
        super().__init__(world, inner, start)
        self._distractors = world

    async def answer(self, call: ToolCall, actor: str) -> ToolResult:
        tool = self._distractors.more.get(call.name)
        if tool is None:
            return await self.pass_on(call, actor)
        self.note("distractor")
        wrong = unfit(call, self._distractors.validators[call.name])
        if wrong is not None:
            return wrong
        if self._distractors.refused:
            return ToolResult(call.id, None, ErrorKind.forbidden, f"{call.name!r} is not available to you")
        return ToolResult(call.id, plausible(tool.returns, self.luck(call)))

    def shown(self, tools: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        if self._attending is None:
            return tools
        more = self._distractors.more
        kept = {tool.name: tool for tool in self._attending.shown([tool for tool in tools if tool.name not in more])}
        return [kept.get(tool.name, tool) for tool in tools if tool.name in more or tool.name in kept]
