"""Beam search with a verifier, and diverse verifier tree search (TaTToo, arXiv 2510.06217, and process reward models before it).

At each level every line kept is given `width` next steps, a verifier scores each step, a line is worth the aggregate of
its steps' scores, and the `keep` best go on. Lines that end with an answer are set aside; the one worth most is the
answer of the search. With `trees` = m the first steps are dealt to m groups that never compete with each other
(DVTS), each of which keeps `keep / m` lines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from artificer.core.canon import Json
from artificer.core.verdicts import StopReason
from artificer.rollout.line import Line
from artificer.rollout.search.scores import Clean, Score, Scored
from artificer.rollout.search.steps import Budget, Meter, Taken, abreast, begin, decide
from artificer.rollout.tree import SEARCH

Aggregate = Literal["min", "mean", "product", "last"]


def aggregate(scores: Sequence[float], how: Aggregate) -> float:
    """What a line is worth by the scores of its steps; 1 when it has none."""
    if not scores:
        return 1.0
    if how == "min":
        return min(scores)
    if how == "mean":
        return sum(scores) / len(scores)
    return math.prod(scores) if how == "product" else scores[-1]


class Beam(Struct, frozen=True, omit_defaults=True):
    """See the module docstring.

    Args:
        width: next steps of each line.
        keep: lines that go on.
        depth: of the tree, in ToolBench's nodes.
        trees: groups that do not compete.
        aggregate: of a line's scores.
        score: the verifier; asked once for each step.
        answers: how many are enough.
        queries, tokens, seconds: the budget; a level that it does not cover is widened as far as it goes, earlier lines first.
        finish: offer `Finish`.
        temperature: how varied the agent should be.
    """

    width: int = 4
    keep: int = 2
    depth: int = 12
    trees: int = 1
    aggregate: Aggregate = "mean"
    score: Score = Clean()
    answers: int = 1
    queries: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    finish: bool = True
    temperature: float | None = None

    async def explore(self, line: Line) -> None:
        if await begin(line, self.finish):
            await _Levels(self, line).play()


class _Kept:
    """A line of the beam: the scores of its steps, its group, how deep it is."""

    def __init__(self, line: Line, scores: tuple[float, ...], group: int, depth: int, taken: Taken) -> None:
        self.line, self.scores, self.group, self.depth, self.taken = line, scores, group, depth, taken


class _Levels:
    def __init__(self, knobs: Beam, line: Line) -> None:
        self.knobs = knobs
        self.tree = line.tree
        self.meter = Meter(line.tree, Budget(knobs.queries, knobs.tokens, knobs.seconds))
        self.kept = [_Kept(line, (), 0, 0, Taken(line.at or 0, 0, 0))]
        self.answers: dict[int, float] = {}
        self.step = 1 + knobs.score.asks
        """Requests that a step takes, with its score."""
        self.levels = 0

    async def play(self) -> None:
        while self.kept and len(self.answers) < self.knobs.answers and not self.meter.spent(self.step):
            self.kept = await self._chosen(await self._level())
        for kept in self.kept:
            await kept.line.leave(StopReason.out_of_budget if self.meter.spent(self.step) else StopReason.pruned)
        best = max(self.answers, key=lambda leaf: (self.answers[leaf], -leaf), default=None)
        account: dict[str, Json] = {
            "name": "beam",
            "queries": self.meter.queries,
            "judged": self.meter.judged,
            "levels": self.levels,
            "answers": list(self.answers),
        }
        self.tree.lineage |= {"chosen": best, SEARCH: account | ({"gold": True} if self.knobs.score.gold else {})}

    async def _level(self) -> list[_Kept]:
        """One more step on every line: the children in order, scored."""
        self.levels += 1
        left = self.meter.left()
        places = [(kept, number) for kept in self.kept for number in range(self.knobs.width)]
        if left is not None:
            places = places[: left // self.step]
        lines = [await kept.line.fork() for kept, _ in places]
        heard = [len(line.messages) for line in lines]

        async def step(index: int, line: Line) -> tuple[Taken, Scored]:
            taken = await decide(line, await line.ask((), places[index][1], self.knobs.temperature))
            return taken, await self.knobs.score(line, heard[index], taken.stop)

        since = len(self.tree.nodes)
        made = await abreast(lines, step)
        for kept in self.kept:
            await kept.line.leave(StopReason.out_of_budget)
        out: list[_Kept] = []
        for (kept, number), line, (taken, scored) in zip(places, lines, made, strict=True):
            node = self._first(line, since)
            self.meter.judge(scored.queries, scored.usage)
            scores = (*kept.scores, scored.value)
            value = aggregate(scores, self.knobs.aggregate)
            noted: dict[str, Json] = {"level": self.levels, "draw": number, "score": scored.value, "value": value}
            self.tree.note(node, **noted, **({"label": scored.label} if scored.label else {}))
            group = kept.group if self.levels > 1 else number % self.knobs.trees
            out.append(_Kept(line, scores, group, kept.depth + taken.size, taken))
        return out

    def _first(self, line: Line, since: int) -> int:
        """The node of the step just taken: the first of the line's nodes from `since` on."""
        at = node = line.at or 0
        while at is not None and at >= since:
            node, at = at, self.tree.nodes[at].parent
        return node

    async def _chosen(self, children: list[_Kept]) -> list[_Kept]:
        """Sets answers aside, ends what cannot go on, and keeps the best of each group (the earliest of those equally good)."""
        alive: list[_Kept] = []
        for child in children:
            stop = child.taken.stop or (StopReason.max_depth if child.depth >= self.knobs.depth else None)
            if stop is None:
                alive.append(child)
                continue
            leaf = await child.line.end(stop)
            if leaf is not None and child.taken.answered:
                self.answers[leaf] = aggregate(child.scores, self.knobs.aggregate)
        each = max(1, self.knobs.keep // self.knobs.trees)
        chosen: list[_Kept] = []
        for group in range(self.knobs.trees):
            ours = [child for child in alive if child.group == group]
            chosen += sorted(ours, key=lambda child: -aggregate(child.scores, self.knobs.aggregate))[:each]
        for child in alive:
            if child not in chosen:
                await child.line.end(StopReason.pruned)
        return chosen
