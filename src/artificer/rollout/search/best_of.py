"""Best of n: whole conversations from the same start, of which the one worth most is the answer.

With `first`, conversations are played one after another until one comes to its end: ReAct@n. Without, all n are played
at the same time, and the best that ended is chosen by a score (the earliest of those equally good).
"""

from __future__ import annotations

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.verdicts import StopReason
from artificer.rollout.line import Line
from artificer.rollout.search.scores import Clean, Score
from artificer.rollout.search.steps import GIVEN_UP, Budget, Meter, Taken, abreast, begin, decide
from artificer.rollout.tree import SEARCH, Tree


class BestOf(Struct, frozen=True, omit_defaults=True):
    """See the module docstring.

    Args:
        n: how many conversations at most.
        first: stop at the first that ends with an answer.
        depth: of each, in ToolBench's nodes (one for words or thoughts, two for a call); None leaves it to the limits.
        queries, tokens, seconds: the budget of all together. With `queries` each conversation that is played beside others
            has an equal share (fewer are played when there are fewer queries); one after another, each has what is left.
        score: what a conversation is worth.
        finish: offer `Finish`.
        temperature: how varied the agent should be.
    """

    n: int = 8
    first: bool = False
    depth: int | None = None
    queries: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    score: Score = Clean()
    finish: bool = False
    temperature: float | None = None

    async def explore(self, line: Line) -> None:
        if not await begin(line, self.finish):
            return
        tree = line.tree
        meter = Meter(tree, Budget(self.queries, self.tokens, self.seconds))
        values = await (self._in_turn(line, meter) if self.first else self._abreast(line, meter))
        best = max(values, key=lambda leaf: (values[leaf], -leaf), default=None)
        account: dict[str, Json] = {"name": "best_of", "queries": meter.queries, "judged": meter.judged, "answers": list(values)}
        tree.lineage |= {"chosen": best, SEARCH: account | ({"gold": True} if self.score.gold else {})}

    async def _abreast(self, line: Line, meter: Meter) -> dict[int, float]:
        """Plays all at the same time; the values of those that ended, by their leaves."""
        asks = self.score.asks
        n = self.n if self.queries is None else min(self.n, self.queries // (1 + asks))
        if n == 0:
            await line.end(StopReason.out_of_budget)
            return {}
        share = None if self.queries is None else self.queries // n - asks
        lines = [line] + [await line.fork() for _ in range(n - 1)]
        start = len(line.messages)

        async def one(number: int, branch: Line) -> tuple[StopReason, float, int]:
            stop = await self._play(branch, number, share, None)
            scored = await self.score(branch, start, stop)
            branch.tree.tokens_in += scored.usage.tokens_in
            branch.tree.tokens_out += scored.usage.tokens_out
            await branch.leave(stop)
            return stop, scored.value, scored.queries

        played = await abreast(lines, one)
        meter.judged += sum(queries for _, _, queries in played)
        return {
            branch.at: _noted(line.tree, branch.at, number, value)
            for number, (branch, (stop, value, _)) in enumerate(zip(lines, played, strict=True))
            if stop is StopReason.user_done and branch.at is not None
        }

    async def _in_turn(self, line: Line, meter: Meter) -> dict[int, float]:
        """Plays one after another until one ends with an answer."""
        for number in range(self.n):
            if meter.spent():
                break
            branch = line if number + 1 == self.n else await line.fork()
            stop = await self._play(branch, number, meter.left(), meter)
            leaf = branch.at
            await branch.leave(stop)
            if stop is StopReason.user_done and leaf is not None:
                await line.leave(StopReason.pruned)
                return {leaf: _noted(line.tree, leaf, number, 1.0)}
        await line.leave(StopReason.out_of_budget)
        return {}

    async def _play(self, line: Line, draw: int, queries: int | None, meter: Meter | None) -> StopReason:
        """Plays a line to its end, or until it has taken its share of the budget."""
        depth, taken = 0, Taken(line.at or 0, 0, 0)
        began = line.turns
        while taken.stop is None:
            if (self.depth is not None and depth >= self.depth) or taken.status == GIVEN_UP:
                return StopReason.max_depth
            if (queries is not None and line.turns - began >= queries) or (meter is not None and meter.spent()):
                return StopReason.out_of_budget
            taken = await decide(line, await line.ask((), draw, self.temperature))
            depth += taken.size
        return taken.stop


def _noted(tree: Tree, leaf: int, number: int, value: float) -> float:
    tree.note(leaf, number=number, value=value)
    return value
