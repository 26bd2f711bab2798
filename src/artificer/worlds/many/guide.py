"""The guides of several sources as one: a request is one source's, and is served as that source's guide says, with names as they are here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.worlds.base import Session
from artificer.worlds.guide import Call, Demand, Desk, Dropped, Guide, Procedure, Request

if TYPE_CHECKING:
    from artificer.worlds.many.world import ManySession

_BETWEEN = "/"


class ManyGuide:
    """Implements `worlds.guide.Guide`. An op is the source's name, a slash, and the op there.

    Args:
        guides: by source; sources without one are not asked for.
        outward: by source and name there: a tool as it is here.
    """

    def __init__(self, guides: Mapping[str, Guide], outward: Mapping[tuple[str, str], ToolSpec]) -> None:
        self._guides = dict(guides)
        self._outward = outward

    def procedure(self, op: str, desk: Desk) -> Procedure:
        source, _, own = op.partition(_BETWEEN)
        steps = self._guides[source].procedure(own, desk)
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            if isinstance(step, Call):
                step = Call(self._name(source, step.name), step.arguments, step.wrong)
            answer = yield step

    async def propose(self, session: Session, rng: Random, demand: Demand) -> AsyncIterator[Request | Dropped]:
        """Requests of the sources in turns of chance; a source whose tools are left out proposes what is dropped."""
        many: ManySession = session  # pyright: ignore[reportAssignmentType]
        running = {name: guide.propose(many.parts[name], rng, _demand(demand, name)).__aiter__() for name, guide in self._guides.items()}
        while running:
            source = rng.choice(sorted(running))
            try:
                proposal = await anext(running[source])
            except StopAsyncIteration:
                del running[source]
                continue
            yield self._placed(source, proposal) if isinstance(proposal, Request) else proposal

    def _placed(self, source: str, request: Request) -> Request | Dropped:
        if any((source, call.name) not in self._outward for call in request.want.gold):
            return Dropped("needs a tool that is left out")
        gold = tuple(ToolCall(call.id, self._name(source, call.name), call.arguments) for call in request.want.gold)
        want = msgspec.structs.replace(request.want, op=f"{source}{_BETWEEN}{request.want.op}", gold=gold)
        return msgspec.structs.replace(request, want=want, entities=tuple(f"{source}.{entity}" for entity in request.entities))

    def _name(self, source: str, own: str) -> str:
        here = self._outward.get((source, own))
        return f"{source}{_BETWEEN}{own}" if here is None else here.name  # left out: the name of no tool


def _demand(demand: Demand, source: str) -> Demand:
    """A demand in a source's own names: what names another source is not for it."""

    def own(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.removeprefix(f"{source}.") for name in names)

    return msgspec.structs.replace(demand, only=own(demand.only), without=own(demand.without))
