"""Monte Carlo tree search over steps, with PUCT.

A simulation goes down from the root to a place that is not fully widened, always to the child with the greatest

    itool:  W / (N + 1) + c P sqrt(ln N_parent / (N + 1))        (iTool, arXiv 2501.09766)
    puct:   W / N + c P sqrt(N_parent) / (1 + N)                 (AlphaZero; W / N is 0 while N is 0)

where W is the sum of the values found below a child, N its visits and P its prior; widens that place to `width`
children; plays `simulate` steps on from the child of the greatest prior; has a score value where it came to; and adds
this value and a visit to every place on the way back. Children that do the same are one child.

The prior of a child is exp(mean log-probability) of what the model wrote, where the engine tells it; else the share of
the asked attempts that came to it.
"""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.messages import Message
from artificer.core.trace import Tokens
from artificer.core.verdicts import StopReason
from artificer.rollout.line import Line
from artificer.rollout.search.scores import Clean, Score
from artificer.rollout.search.steps import Budget, Meter, Taken, begin, decide, same_action
from artificer.rollout.tree import SEARCH

Rule = Literal["itool", "puct"]


def urgency(rule: Rule, total: float, visits: int, prior: float, parent: int, c: float) -> float:
    """How much a child wants to be visited next; the formulas stand in the module docstring. ln of no visits counts as 0."""
    if rule == "itool":
        return total / (visits + 1) + c * prior * math.sqrt(math.log(max(parent, 1)) / (visits + 1))
    return (total / visits if visits else 0.0) + c * prior * math.sqrt(parent) / (1 + visits)


def prior_of(tokens: Tokens | None) -> float | None:
    """exp of the mean log-probability of what was written; None when the engine did not tell it."""
    logprobs = tokens.logprobs if tokens is not None else None
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else None


class MCTS(Struct, frozen=True, omit_defaults=True):
    """See the module docstring.

    Args:
        simulations: how many at most.
        width: children of a place.
        depth: of the tree, in ToolBench's nodes.
        c: how much the prior counts against the value.
        rule: which formula.
        simulate: steps played on before the score is asked.
        score: what the place reached is worth.
        answers: how many are enough.
        queries, tokens, seconds: the budget.
        finish: offer `Finish`.
        temperature: how varied the agent should be.
    """

    simulations: int = 32
    width: int = 3
    depth: int = 12
    c: float = 1.0
    rule: Rule = "puct"
    simulate: int = 0
    score: Score = Clean()
    answers: int = 1
    queries: int | None = 60
    tokens: int | None = None
    seconds: float | None = None
    finish: bool = True
    temperature: float | None = None

    async def explore(self, line: Line) -> None:
        if not await begin(line, self.finish):
            return
        walk = _Walk(self, line)
        try:
            await walk.simulate()
        finally:
            await walk.close()


class _Place:
    """Where a step led: its line (None once it is closed), what came of it, and its numbers."""

    def __init__(self, line: Line, depth: int, taken: Taken, message: Message | None, parent: _Place | None) -> None:
        self.line: Line | None = line
        self.depth = depth
        self.taken = taken
        self.message = message
        self.parent = parent
        self.children: list[_Place] = []
        self.asked = 0
        self.came = 1
        """Attempts that came to this child."""
        self.told: float | None = None
        """Its prior by log-probabilities."""
        self.visits = 0
        self.total = 0.0
        self.heard = 0
        self.worth: float | None = None
        """What the score said, once it was asked."""

    @property
    def prior(self) -> float:
        if self.told is not None:
            return self.told
        return self.came / self.parent.asked if self.parent is not None and self.parent.asked else 1.0


class _Walk:
    def __init__(self, knobs: MCTS, line: Line) -> None:
        self.knobs = knobs
        self.tree = line.tree
        self.meter = Meter(line.tree, Budget(knobs.queries, knobs.tokens, knobs.seconds))
        self.root = _Place(line, 0, Taken(line.at or 0, 0, 0), None, None)
        self.places = [self.root]
        self.answers: dict[int, float] = {}
        self.step = 1 + knobs.score.asks
        """Requests that a step takes, with its score."""
        self.ran = 0

    async def simulate(self) -> None:
        """Runs simulations until there are enough answers, or nothing is left."""
        while self.ran < self.knobs.simulations and len(self.answers) < self.knobs.answers and not self.meter.spent(self.step):
            place = self._down()
            if not self._ends(place):
                await self._widen(place)
                place = max(place.children, key=lambda child: child.prior, default=place)
                place = await self._on(place)
            self.ran += 1
            value = await self._value(place)
            while place is not None:
                place.visits += 1
                place.total += value
                place = place.parent

    def _ends(self, place: _Place) -> bool:
        return place.taken.stop is not None or place.depth >= self.knobs.depth

    def _down(self) -> _Place:
        """From the root to a place that is not fully widened, or that ends. The earliest of equals."""
        place = self.root
        while place.asked >= self.knobs.width and place.children:
            visits, knobs = place.visits, self.knobs
            place = max(place.children, key=lambda child: urgency(knobs.rule, child.total, child.visits, child.prior, visits, knobs.c))
        return place

    async def _widen(self, place: _Place) -> None:
        """Asks for the children that a place still lacks, as far as the budget goes."""
        while place.asked < self.knobs.width and not self.meter.spent(self.step):
            await self._child(place)

    async def _child(self, place: _Place) -> _Place | None:
        """Asks for one more child; the one it came to (an old one, when it does the same)."""
        line = place.line
        if line is None:
            return None
        draw = place.asked
        place.asked += 1
        last = place.asked >= self.knobs.width
        line = line if last else await line.fork()
        reply = await line.ask((), draw, self.knobs.temperature)
        same = next((child for child in place.children if child.message is not None and same_action(child.message, reply.message)), None)
        if same is not None:
            same.came += 1
            await line.drop()
            place.line = None if last else place.line
            return same
        place.line = None if last else place.line
        heard = len(line.messages)
        taken = await decide(line, reply)
        child = _Place(line, place.depth + taken.size, taken, reply.message, place)
        child.told, child.heard = prior_of(reply.tokens), heard
        place.children.append(child)
        self.places.append(child)
        if taken.answered:
            await self._value(child)
        return child

    async def _on(self, place: _Place) -> _Place:
        """Plays some steps on; where they led."""
        for _ in range(self.knobs.simulate):
            if self._ends(place) or self.meter.spent(self.step):
                break
            place = await self._child(place) or place
        return place

    async def _value(self, place: _Place) -> float:
        """What a place is worth; one that was closed is worth what was found below it."""
        if place.worth is not None:
            return place.worth
        if place.line is None:
            return place.total / place.visits if place.visits else 0.0
        if self.knobs.score.asks and self.meter.spent(self.knobs.score.asks):
            return 0.0
        scored = await self.knobs.score(place.line, place.heard, place.taken.stop)
        self.meter.judge(scored.queries, scored.usage)
        if place.taken.answered and place.line.at is not None:
            self.answers.setdefault(place.line.at, scored.value)
        place.worth = scored.value
        return scored.value

    async def close(self) -> None:
        """Closes what is still open, and writes the numbers into the trace."""
        reason = StopReason.out_of_budget if self.meter.spent(self.step) else StopReason.pruned
        for place in self.places:
            told: dict[str, Json] = {"visits": place.visits, "value": place.total / place.visits if place.visits else 0.0, "prior": place.prior}
            self.tree.note(place.taken.node, **told, depth=place.depth, status=place.taken.status)
            if place.line is not None:
                deep = StopReason.max_depth if place.depth >= self.knobs.depth else reason
                await place.line.leave(place.taken.stop or deep)
        best = max(self.answers, key=lambda leaf: (self.answers[leaf], -leaf), default=None)
        account: dict[str, Json] = {
            "name": "mcts",
            "rule": self.knobs.rule,
            "simulations": self.ran,
            "queries": self.meter.queries,
            "judged": self.meter.judged,
            "answers": list(self.answers),
        }
        self.tree.lineage |= {"chosen": best, SEARCH: account | ({"gold": True} if self.knobs.score.gold else {})}
