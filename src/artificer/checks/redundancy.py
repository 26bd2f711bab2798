"""Writes that were superfluous, undone or overwritten, and the score that CoVe builds on them."""

from __future__ import annotations

from collections.abc import Hashable

from msgspec import Struct

from artificer.checks.base import Episode
from artificer.checks.effects import describe, where
from artificer.checks.episodes import Made, made
from artificer.checks.matching import Match, match
from artificer.checks.values import clip, freeze
from artificer.core.canon import scalars
from artificer.core.tasks import Effect
from artificer.core.verdicts import CheckResult, ErrorKind

_ROW = ""
"""Stands for a row's existence among its columns."""
_Cell = tuple[str, Hashable, str]


class Redundancy(Struct, frozen=True):
    """No write was superfluous: each left something of the goal behind.

    A write is an accepted call that changed something. It is redundant when none of its changes is both wanted and
    lasting: the goal does not hold it, or a later write undid it or wrote over it. A value that the world computed
    (it is not among the call's arguments) and that a later call of the same tool carried on is lasting: adding one
    twice is as good as adding two. Reads, refused calls and what a user did with tools of their own are never redundant.

    With `sat` = share of the goal's effects that were found (each net effect is one constraint: the row and what
    becomes of it) and `red` = the number of redundant writes, the score is

        S = sat                          if red = 0
        S = max(0, sat - penalty * red)  otherwise

    The CoVe paper (arXiv 2603.01940) says that the score combines satisfied constraints with redundant operations,
    and not how: this formula is our inference, which is why `sat` and `red` are reported beside it. The check passes
    when S = 1.
    """

    penalty: float = 0.25
    name: str = "redundancy"

    async def __call__(self, episode: Episode) -> CheckResult:
        goal = episode.task.goal.effects
        outcome = match(goal, episode.effects, episode.tools)
        writes = _writes(episode)
        sat = 1.0 - len(outcome.missing) / len(goal) if goal else 1.0
        if not outcome.tied:
            sat = 0.0
        useless = _useless(writes, goal, outcome.matched) if writes else []
        red = len(useless)
        score = sat if not red else max(0.0, sat - self.penalty * red)
        evidence = [f"redundant: {clip(call.call.name)} ({describe(call.effects[0])})" for call in useless]
        if outcome.missing:
            evidence.append("not reached: " + "; ".join(where(effect) for effect in outcome.missing[:5]))
        return CheckResult(
            name=self.name,
            score=score,
            passed=score == 1.0,
            evidence=tuple(evidence[:20]),
            kinds=(ErrorKind.redundant_write,) if red else (),
            numbers={"sat": sat, "red": red, "writes": len(writes), "S": score},
        )


def redundant(episode: Episode, outcome: Match) -> list[Made]:
    """The writes of the agent that left nothing of the goal behind; `outcome` is `match` of the goal's effects with the
    episode's.
    """
    writes = _writes(episode)
    return _useless(writes, episode.task.goal.effects, outcome.matched) if writes else []


def _writes(episode: Episode) -> list[Made]:
    return [call for call in made(episode.nodes) if call.accepted and call.effects]


def _useless(writes: list[Made], goal: tuple[Effect, ...], matched: tuple[Effect, ...]) -> list[Made]:
    wanted = _wanted(goal, matched)
    last: dict[_Cell, int] = {}
    for index, write in enumerate(writes):
        for effect in write.effects:
            for cell in _cells(effect):
                last[cell] = index
    return [write for index, write in enumerate(writes) if write.actor == "agent" and not _useful(index, writes, wanted, last)]


def _wanted(goal: tuple[Effect, ...], matched: tuple[Effect, ...]) -> dict[_Cell, Hashable]:
    """The cells that the goal changes and what they become: of effects that were found, and of rows of the goal that
    were changed otherwise.
    """
    cells: dict[_Cell, Hashable] = {}
    for effect in (*(effect for effect in goal if not effect.generated), *matched):
        row = freeze(list(effect.key))
        cells[effect.table, row, _ROW] = effect.change
        for name, (_, new) in effect.columns.items():
            cells[effect.table, row, name] = freeze(new)
    return cells


def _cells(effect: Effect) -> list[_Cell]:
    """The cells an effect writes; an insert or a delete writes the row itself, too."""
    row = freeze(list(effect.key))
    cells: list[_Cell] = [(effect.table, row, name) for name in effect.columns]
    return cells if effect.change == "update" else [*cells, (effect.table, row, _ROW)]


def _useful(index: int, writes: list[Made], wanted: dict[_Cell, Hashable], last: dict[_Cell, int]) -> bool:
    write = writes[index]
    given: set[Hashable] | None = None
    for effect in write.effects:
        row = freeze(list(effect.key))
        existence = (effect.table, row, _ROW)
        if effect.change != "update":
            if last[existence] == index and wanted.get(existence) == effect.change:
                return True
            if effect.change == "insert":
                continue  # undone; its columns went with it
        for name, (_, new) in effect.columns.items():
            cell = (effect.table, row, name)
            if cell not in wanted or wanted.get(existence) == "delete":
                continue
            if last[cell] == index:
                if wanted[cell] == freeze(new):
                    return True
                continue
            if given is None:
                given = {freeze(value) for value in scalars(write.call.arguments)}
            if freeze(new) not in given and writes[last[cell]].call.name == write.call.name:
                return True
    return False
