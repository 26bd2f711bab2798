"""Nugget scores (card 55, KARL; TREC's nugget evaluation): a reference split into atomic facts, and which of them an answer states.

The score is the share stated; with one nugget it is accuracy. A nugget may carry a weight (`vital` 1, `okay` 0.5 in TREC's
terms). The rule decides first: a nugget whose words stand in the answer is stated, unless the sentence that they stand in
doubts, denies or asks; where the answer is empty none is. Only what is left is asked. Figures rule nothing out: the same fact
is told with others (2 million and 2,000,000, a dozen and 12, half and 50%).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.checks.base import Episode
from artificer.checks.episodes import last_word
from artificer.checks.judges.base import Judge, Judgement, Question
from artificer.checks.judges.told import nothing_stated, undecided
from artificer.checks.values import clip, fold, occurs
from artificer.core.errors import ArtificerError
from artificer.core.verdicts import CheckResult, ErrorKind

_ASK = "Does the answer state this fact, in any words: the one given as 'fact'? Being near it, or being consistent with it, is not stating it."
STATED, NOT_STATED = "stated", "not_stated"
LONGEST = 2000
"""A nugget of more characters is no atomic fact: it is asked."""
_SENTENCE = re.compile(r"[^.!?\n]*[.!?\n]?")
_DOUBT = re.compile(
    r"\b(?:not|no|none|never|nobody|nothing|neither|nor|without|cannot|false|untrue|wrong|incorrect|myth|denie[sd]|deny|doubts?|doubtful|unclear"
    r"|unknown|unlikely|whether|if|may|might|could|would|rumou?r(?:s|ed)?|alleged(?:ly)?|claims?|claimed)\b|n['\u2019]t\b|\?"
)
"""Words that may turn a sentence against what stands in it. It need not be right: what it stops is asked."""


class Nugget(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One fact. `weight`: what it counts."""

    text: str
    weight: float = 1.0


def by_rule(answer: str, nugget: str) -> Judgement | None:
    """What can be told without a model."""
    folded = fold(answer)
    if not folded.strip():
        return Judgement(NOT_STATED, "the answer is empty")
    wanted = fold(nugget).strip().rstrip(".")
    if not wanted or len(wanted) > LONGEST or not occurs(folded, wanted):
        return None
    # Its own words are taken out first: a fact may itself say "not", and may be of several sentences.
    ends = (r"(?<!\w)" if wanted[0].isalnum() else "", r"(?!\w)" if wanted[-1].isalnum() else "")
    rest = re.sub(ends[0] + re.escape(wanted) + ends[1], "\0", folded.replace("\0", " "))
    told = any("\0" in one and not _DOUBT.search(one) for one in _SENTENCE.findall(rest))
    return Judgement(STATED, "its words stand in the answer") if told else None


async def decide(answer: str, nuggets: Sequence[Nugget], judge: Judge | None) -> list[Judgement]:
    """A judgement a nugget, in order."""

    async def one(nugget: Nugget) -> Judgement:
        known = by_rule(answer, nugget.text)
        if known is not None or judge is None:
            return known or Judgement(None, why="there is no judge")
        return await judge(Question("nugget", (STATED, NOT_STATED), _ASK, {"fact": nugget.text, "answer": answer}, quotes=("answer",)))

    return list(await asyncio.gather(*(one(nugget) for nugget in nuggets)))


class Nuggets:
    """The check `judge:nuggets`; a task states them with the constraint `nuggets`: `{"facts": [text or {"text", "weight"}, ...], "least": 1.0}`.
    Score: the weighted share stated; passes from `least` on.
    """

    name = "judge:nuggets"

    def __init__(self, judge: Judge | None = None) -> None:
        self._judge = judge

    async def __call__(self, episode: Episode) -> CheckResult:
        given = episode.task.stated("nuggets")
        if given is None:
            return nothing_stated(self.name, "nuggets")
        wanted = read(given.get("facts"), episode.task.id)
        least = given.get("least", 1.0)
        found = await decide(last_word(episode.nodes), wanted, self._judge)
        total = sum(nugget.weight for nugget in wanted)
        score = sum(nugget.weight for nugget, one in zip(wanted, found, strict=True) if one.label == STATED) / total
        open_ = [nugget for nugget, one in zip(wanted, found, strict=True) if one.label is None]
        figures: dict[str, int | float] = {"nuggets": len(wanted), "stated": sum(one.label == STATED for one in found)}
        if open_:
            return undecided(self.name, [f"undecided: {clip(nugget.text, 120)}" for nugget in open_], figures | {"undecided": len(open_)})
        missing = [(nugget, one) for nugget, one in zip(wanted, found, strict=True) if one.label == NOT_STATED]
        passed = isinstance(least, int | float) and score >= least - 1e-9
        shown = missing or list(zip(wanted, found, strict=True))
        label = "not stated" if missing else "stated"
        evidence = tuple(f"{label} (by {one.by}): {clip(nugget.text, 120)} ({clip(one.evidence, 120)})" for nugget, one in shown[:20])
        return CheckResult(self.name, score, passed, evidence, (ErrorKind.not_told,) if missing else (), figures)


def read(given: object, task: str) -> list[Nugget]:
    """The nuggets of a constraint.

    Raises:
        ArtificerError: there are none, or they cannot be read.
    """
    remedy = 'write {"facts": ["...", {"text": "...", "weight": 0.5}]}'
    if not isinstance(given, list) or not given:
        raise ArtificerError("the constraint 'nuggets' needs a list of facts", where=f"task {task!r}", remedy=remedy)
    try:
        found = [Nugget(one) if isinstance(one, str) else msgspec.convert(one, Nugget) for one in cast("list[Any]", given)]
    except msgspec.ValidationError as error:
        raise ArtificerError(f"the constraint 'nuggets' cannot be read: {error}", where=f"task {task!r}", remedy=remedy) from error
    if not all(nugget.text.strip() and nugget.weight > 0 for nugget in found):
        raise ArtificerError("a nugget is a text with a weight above 0", where=f"task {task!r}", remedy=remedy)
    return found
