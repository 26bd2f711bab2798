"""DFSDT, the depth-first search over decisions of ToolLLM (arXiv 2307.16789), as its published code behaves.

A place is where a decision led; the search visits it at once (pre-order):

- deeper than `depth` (counted in ToolBench's nodes: one for thoughts, two for a call), ended or given up: it is a leaf.
  A final answer and a give-up go back 2, another dead end 1.
- else up to `beam` children, one after another. From the second on the agent is shown, this once, what was tried from
  here (the diversity message) and asked for something else. A child that goes back r > 1 makes this place go back
  r - 1 at once. So after a give-up the place before the leaf is not tried again, but the one before that; after a
  dead end it is.
- `answers` final answers, or the query that reaches `queries`, unwind the whole search; the reply to that last query is
  thrown away, as upstream does.

With `filter` all children of a place are made first, compared in pairs in both orders (win 1, tie 0.5 each; two
queries a pair), and visited best first.

Differs from upstream: a reply may hold several calls; words go to the user and are final where the user has nothing
more to say (there: a thought); the diversity message is in our words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall
from artificer.core.verdicts import StopReason
from artificer.models.base import Reply
from artificer.models.prompt import result_text
from artificer.rollout.line import Line
from artificer.rollout.search.scores import Compare, pairwise
from artificer.rollout.search.steps import Budget, Meter, Taken, begin, decide
from artificer.rollout.tree import SEARCH, Tree

OUT_OF_BUDGET, ENOUGH = 100_000, 10_000
INVENTED = "invalid_hallucination_function_name"
"""What a tool that does not exist is called in the conversation, as upstream has it; the name given stands in the notes."""
_SHOWN = 1024


class DFSDT(Struct, frozen=True, omit_defaults=True):
    """See the module docstring.

    Args:
        beam: children of a place; 1 is a single chain.
        depth: of the tree, in ToolBench's nodes: 12 is six calls without thoughts.
        queries, tokens, seconds: the budget; queries to a judge count.
        answers: how many final answers are enough.
        finish: offer `Finish`.
        rename: call tools that do not exist `invalid_hallucination_function_name`.
        compare: with it, children are filtered (see the module docstring).
        temperature: how varied the agent should be.
    """

    beam: int = 2
    depth: int = 12
    queries: int | None = 60
    tokens: int | None = None
    seconds: float | None = None
    answers: int = 1
    finish: bool = True
    rename: bool = True
    compare: Compare | None = None
    temperature: float | None = None

    async def explore(self, line: Line) -> None:
        if not await begin(line, self.finish):
            return
        walk = _Walk(self, line)
        try:
            await walk.visit(walk.root)
        finally:
            await walk.close()


class _Place:
    """Where a decision led: the line there (None once its last child went on with it), what came of it, what was tried from here."""

    def __init__(self, line: Line, depth: int, taken: Taken) -> None:
        self.line: Line | None = line
        self.heard = len(line.messages)
        self.depth = depth
        self.taken = taken
        self.children: list[_Place] = []
        self.visited = False


class _Walk:
    def __init__(self, knobs: DFSDT, line: Line) -> None:
        self.knobs = knobs
        self.tree = line.tree
        self.meter = Meter(line.tree, Budget(knobs.queries, knobs.tokens, knobs.seconds))
        self.root = _Place(line, 0, Taken(line.at or 0, 0, 0))
        self.places = [self.root]
        self.found: list[int] = []
        self.given_up: list[int] = []
        self.expanded = self.discarded = 0
        self.unwound = False

    async def visit(self, place: _Place) -> int:
        """Visits a place and what is below; how many places to go back."""
        place.visited = True
        self.tree.note(place.taken.node, expand=self.expanded, depth=place.depth, status=place.taken.status)
        self.expanded += 1
        if place.taken.stop is not None or place.depth >= self.knobs.depth:
            return await self._leaf(place)
        for number in range(self.knobs.beam):
            child = await self._child(place, cast("Line", place.line), number)
            if child is None:
                self.unwound = True
                return OUT_OF_BUDGET
            if self.knobs.compare is None and (back := await self._below(child)) is not None:
                return back
        for child in await self._ranked(place, self.knobs.compare):
            if (back := await self._below(child)) is not None:
                return back
        return 1

    async def _below(self, child: _Place) -> int | None:
        """Visits a child; how far its parent must go back at once, None when it need not."""
        result = await self.visit(child)
        if len(self.found) >= self.knobs.answers:
            return ENOUGH
        return result - 1 if result > 1 else None

    async def _leaf(self, place: _Place) -> int:
        stop = place.taken.stop
        leaf = await cast("Line", place.line).end(stop or StopReason.max_depth)
        if leaf is not None and place.taken.answered:
            self.found.append(leaf)
            return 2
        if leaf is not None and stop is StopReason.gave_up:
            self.given_up.append(leaf)
            return 2
        return 1

    async def _child(self, place: _Place, line: Line, number: int) -> _Place | None:
        """Another decision from here; None when the budget is spent by asking for it. The last one needs no fork."""
        tried = [asked for child in place.children if (asked := _first_calls(self.tree, child)) is not None]
        aside = [diversity(self.tree, tried, place.taken.node)] if tried else []
        last = number + 1 == self.knobs.beam
        line = line if last else await line.fork()
        reply = await line.ask(aside, number, self.knobs.temperature)
        if self.meter.spent():
            self.discarded += 1
            if not last:
                await line.drop()
            return None
        if last:
            place.line = None
        taken = await decide(line, self._renamed(line, reply))
        if tried:
            self.tree.note(taken.node, shown=cast("Json", tried))
        child = _Place(line, place.depth + taken.size, taken)
        place.children.append(child)
        self.places.append(child)
        return child

    def _renamed(self, line: Line, reply: Reply) -> Reply:
        known = {tool.name for tool in line.world.tools} | set(line.own)
        invented = [call.name for call in reply.message.calls if call.name not in known]
        if not invented or not self.knobs.rename:
            return reply
        calls = tuple(call if call.name in known else ToolCall(call.id, INVENTED, call.arguments) for call in reply.message.calls)
        message = msgspec.structs.replace(reply.message, calls=calls)
        return msgspec.structs.replace(reply, message=message, notes=reply.notes | {SEARCH: {"invented": invented}})

    async def _ranked(self, place: _Place, compare: Compare | None) -> list[_Place]:
        """The children still to be visited, best first; those equally good in the order they were made."""
        children = place.children
        if compare is None:
            return []
        outcomes = [[0] * len(children) for _ in children]
        for i, first in enumerate(children):
            for j in range(i + 1, len(children)):
                left, right = cast("tuple[Line, Line]", (first.line, children[j].line))
                one = await compare(left, right, place.heard)
                two = await compare(right, left, place.heard)
                self.meter.judge(one.queries, one.usage)
                self.meter.judge(two.queries, two.usage)
                outcomes[i][j] = ((one.better == "first") + (two.better == "second")) - 1
        points = pairwise(outcomes)
        for child, value in zip(children, points, strict=True):
            self.tree.note(child.taken.node, points=value)
        return [children[i] for i in sorted(range(len(children)), key=lambda i: -points[i])]

    async def close(self) -> None:
        """Closes what is still open, and says in the trace what was done."""
        for place in self.places:
            stop = place.taken.stop or (StopReason.out_of_budget if self.unwound and place.visited else StopReason.pruned)
            if place.line is not None:
                await place.line.leave(stop)
        self.tree.lineage |= {"chosen": self.found[0] if self.found else None, SEARCH: self._account()}

    def _account(self) -> dict[str, Json]:
        return {
            "name": "dfsdt" if self.knobs.compare is None else "dfsdt_filter",
            "queries": self.meter.queries,
            "judged": self.meter.judged,
            "expanded": self.expanded,
            "discarded": self.discarded,
            "answers": self.found,
            "given_up": self.given_up,
            "spent": self.unwound,
        }


def _first_calls(tree: Tree, place: _Place) -> int | None:
    """The node of the first calls that were made on the way a place opened; None when it made none."""
    while not tree.nodes[place.taken.node].message.calls:
        if place.taken.stop is not None or not place.children:
            return None
        place = place.children[0]
    return place.taken.node


def diversity(tree: Tree, tried: Sequence[int], at: int) -> Message:
    """What an agent is shown before it chooses again where others chose before: their calls and what these returned.

    Args:
        tried: nodes of the earlier calls.
        at: the node of the decision that led here, whose last result is repeated.
    """
    rows: list[Json] = []
    for node in tried:
        results = _results(tree, node)
        for call in tree.nodes[node].message.calls:
            value = tree.nodes[node].notes.get(SEARCH, {}).get("value", 0.0)
            rows.append({"name": call.name, "arguments": call.arguments, "function_output": results.get(call.id, ""), "value": value})
    again = list(_results(tree, at).values())
    text = (
        "This is not the first attempt at this point. What was called here before, and what came of it:\n"
        f"{msgspec.json.format(msgspec.json.encode(rows), indent=2).decode()}\n"
        + (f"The last result before these was: {again[-1]}\n" if again else "")
        + "Do something else now: another tool, or other arguments, with another aim than these."
    )
    return Message("user", text, author=SEARCH)


def _results(tree: Tree, node: int) -> dict[str, str]:
    """The results of a decision's calls, by the calls' ids."""
    calls = {call.id for call in tree.nodes[node].message.calls}
    out: dict[str, str] = {}
    at = node
    for index in range(node + 1, len(tree.nodes)):
        result = tree.nodes[index].message.result
        if tree.nodes[index].parent == at and result is not None and result.call_id in calls and result.call_id not in out:
            out[result.call_id] = result_text(result)[:_SHOWN]
            at = index
    return out
