"""One trace's calls made again, branch by branch, each in a fresh session; what came out, call by call.

Results belong to calls by the calls' ids, within what is not yet answered, so that ids may come again later. Calls of
one message are made in their order, whatever the order of their results: when a result is looked at, the calls before
its own are made first. A call that has no result was perhaps never made, and is not made here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from artificer.checks.values import same
from artificer.core.canon import canonical
from artificer.core.errors import ArtificerError, SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Effect, Start
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import ErrorKind
from artificer.rollout.foreign.alike import WORDS, Difference, Level, clipped, compare
from artificer.rollout.foreign.beside import ungrounded
from artificer.rollout.foreign.carried import Carried
from artificer.rollout.foreign.findings import Again, Ends, Now, Problem, Terms
from artificer.rollout.foreign.names import near
from artificer.rollout.past import before
from artificer.rollout.search.steps import again
from artificer.rollout.tree import own_specs
from artificer.worlds.base import Attending, Session, World, begun

UNREAD = "$text"
"""The only argument of a call whose arguments are not JSON; see `formats.parts.broken_call`."""


async def made_again(world: World, trace: Trace, start: Start, terms: Terms, *, where: str = "", keep: bool = False) -> tuple[Again, Ends]:
    """Makes every call of a trace again.

    Args:
        where: the trace's place in its file, for the report.
        keep: also find out effects and states that the record does not state.

    Returns:
        What it showed, and what there is now. Never raises for what is wrong with a trace.
    """
    out, ends = Again(trace.id, where, judged=bool(trace.verdicts)), Ends()
    try:
        paths = [(leaf, trace.path(leaf)) for leaf in trace.leaves()]
        own = {spec.name: spec for spec in own_specs(trace)}
    except (ArtificerError, msgspec.MsgspecError, TypeError) as error:  # a stranger's parents, a stranger's `own_tools`
        out.note(Problem(None, "cannot", "", f"the trace cannot be followed: {clipped(str(error))}"))
        return out, ends
    lacking = dict[int, int]()
    looks = keep or any(node.effects for node in trace.nodes)
    for leaf, path in paths:
        try:
            session = await begun(world, start)
        except SourceError as error:
            out.note(Problem(None, "cannot", "", f"the session cannot begin: {error.what}"))
            break
        try:
            branch = _Branch(world, session, trace, path, terms, own, out, ends, looks)
            await branch.run()
            branch.ended(leaf, keep)
        finally:
            await session.close()
        lacking |= {path[at]: number for at, number in ungrounded(world, [trace.nodes[index] for index in path], terms.names)}
    out.ungrounded = sum(lacking.values())
    out.problems.sort(key=lambda problem: -1 if problem.at is None else problem.at)
    return out, ends


class _Waiting(Struct):
    """A call that has no result yet. `made`: what it gives now, once it was made."""

    call: ToolCall
    actor: str
    at: int
    place: int
    beside: deque[_Waiting]
    made: ToolResult | None = None
    effects: tuple[Effect, ...] = ()
    renamed: ToolCall | None = None


class _Branch:
    """One branch on its session."""

    def __init__(
        self,
        world: World,
        session: Session,
        trace: Trace,
        path: Sequence[int],
        terms: Terms,
        own: dict[str, ToolSpec],
        out: Again,
        ends: Ends,
        looks: bool,
    ) -> None:
        self._world = world
        self._session = session
        self._trace = trace
        self._path = path
        self._terms = terms
        self._own = own
        self._out = out
        self._ends = ends
        self._looks = looks
        self._carried = Carried()
        self._start = session.calls
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._comes = {result.call_id: index for index in path if (result := trace.nodes[index].message.result) is not None}
        """The last result of each id."""

    async def run(self) -> None:
        attending = self._session if isinstance(self._session, Attending) else None
        since = before([self._trace.nodes[index] for index in self._path])  # what a wrapper put there, it does not hear
        for place, index in enumerate(self._path):
            message = self._trace.nodes[index].message
            for call in message.calls:
                self._missing(self._waiting.pop(call.id, deque()))
            beside: deque[_Waiting] = deque()
            for nth, call in enumerate(message.calls):
                beside.append(_Waiting(call, "user" if message.role == "user" else "agent", index, nth, beside))
                self._waiting.setdefault(call.id, deque()).append(beside[-1])
            if message.result is not None:
                await self._answered(index, self._trace.nodes[index], message.result)
            elif (said := self._carried.said(message)) is not message:
                self._ends.said[index] = said
            if attending is not None and place >= since:
                attending.hear(message)
        self._missing(sorted((one for line in self._waiting.values() for one in line), key=lambda one: one.at))

    def _missing(self, waiting: Iterable[_Waiting]) -> None:
        for one in waiting:
            self._once(one.at, Problem(one.at, "cannot", one.call.name, f"{_name(one.call)}: its result is missing"))

    async def _answered(self, index: int, node: Node, recorded: ToolResult) -> None:
        """Makes the call that a result answers and compares."""
        line = self._waiting.get(recorded.call_id)
        if not line:
            self._once(index, Problem(index, "cannot", "", "a result of no call"))
            return
        asked = line.popleft()
        while asked.made is None:  # those before it in its message first
            one = asked.beside.popleft()
            if one is asked or self._comes.get(one.call.id, -1) > index:
                await self._make(one)
        call = asked.renamed or asked.call
        compared = compare(recorded, asked.made, call.name, self._terms.like, self._carried)
        earlier = self._ends.now.get(index)
        self._ends.now[index] = Now(call, asked.made, asked.effects, compared.level)
        if earlier is not None:
            if canonical(earlier.result) != canonical(asked.made):
                self._once(index, Problem(index, "differs", asked.call.name, "branches that share this message are answered differently now"))
            return
        if compared.level in ("exact", "like"):
            for name, number in compared.used.items():
                self._out.tolerated[name] = self._out.tolerated.get(name, 0) + number
        self._out.tally(asked.call.name, compared.level)
        if compared.level == "like":
            self._out.note(Problem(index, "like", asked.call.name, f"{_name(asked.call)}: {next(iter(compared.used), WORDS)}"))
        elif compared.level != "exact":
            self._out.note(self._problem(index, asked, compared.level, tuple(compared.differences), compared.count))
        if node.effects:
            self._claim(index, asked.call.name, canonical(node.effects) == canonical(asked.effects), f"{_name(asked.call)}: its effects are others")

    async def _make(self, one: _Waiting) -> None:
        own = self._own.get(one.call.name) if one.actor == "agent" else None
        tool = again(own) if own is not None else None
        if tool is not None:
            one.made = tool.result(one.call)
            return
        call = one.renamed = self._terms.names.of(one.call)
        if call.arguments.keys() == {UNREAD}:
            one.made = ToolResult(call.id, error=ErrorKind.unparsable_call, detail="the arguments are not JSON")
            return
        arguments = self._carried.replaced(call.arguments)
        if arguments is not call.arguments and not same(arguments, call.arguments):
            call = ToolCall(call.id, call.name, arguments)
        if call is not one.call:
            self._ends.made.setdefault(one.at, {})[one.place] = call
        mark = self._session.calls
        one.made = await self._session.call(call, one.actor)
        if self._looks and call.name not in self._world.reading():
            one.effects = self._session.effects(mark)

    def _problem(self, index: int, asked: _Waiting, level: Level, differences: tuple[Difference, ...], fields: int) -> Problem:
        """A result that is not as recorded, in words, with near names where a name is the trouble."""
        call, now = asked.renamed or asked.call, asked.made
        offered = self._world.user_tools if asked.actor == "user" else self._world.tools
        if now is None or level != "cannot":
            return Problem(index, level, asked.call.name, f"{_name(asked.call)} gives something else now", differences, fields)
        if now.error == ErrorKind.unknown_tool:
            if asked.call.name not in self._out.unknown:
                self._out.unknown.append(asked.call.name[:200])
            close = near(call.name, [tool.name for tool in offered])
            return Problem(index, level, asked.call.name, f"{_name(asked.call)}: there is no such tool", near=close)
        if now.error == ErrorKind.unparsable_call:
            return Problem(index, level, asked.call.name, f"{_name(asked.call)}: its arguments are not JSON: {clipped(call.arguments[UNREAD])}")
        spec = next((tool for tool in offered if tool.name == call.name), None)
        properties = list(spec.parameters.get("properties", {})) if spec is not None else []
        strange = [name for name in call.arguments if name not in properties]
        close = tuple(f"{asked.call.name}:{name}={found}" for name in strange[:3] for found in near(name, properties)[:1])
        return Problem(index, level, asked.call.name, f"{_name(asked.call)} is refused: {clipped(now.detail or '')}", near=close)

    def _once(self, index: int, problem: Problem) -> None:
        """Notes a problem of a message that several branches may go through."""
        if (index, problem.what) not in self._ends.told:
            self._ends.told.add((index, problem.what))
            self._out.note(problem)
            if problem.tool and problem.level == "cannot":
                self._out.tally(problem.tool, problem.level)

    def _claim(self, index: int | None, tool: str, holds: bool, what: str) -> None:
        self._out.claims += 1
        self._out.held += holds
        if not holds:
            self._out.note(Problem(index, "differs", tool, what))

    def ended(self, leaf: int, keep: bool) -> None:
        """Compares what the record states of the end, and keeps what there is now."""
        if keep or leaf in self._trace.effects:
            self._ends.effects[leaf] = self._session.effects(self._start)
        if keep or leaf in self._trace.state:
            self._ends.state[leaf] = self._session.digest()
        if leaf in self._trace.effects:
            same = canonical(self._trace.effects[leaf]) == canonical(self._ends.effects[leaf])
            self._claim(leaf, "", same, "the net effects at the end are others")
        if leaf in self._trace.state:
            self._claim(leaf, "", self._trace.state[leaf] == self._ends.state[leaf], "the state at the end is another")


def _name(call: ToolCall) -> str:
    return clipped(call.name)
