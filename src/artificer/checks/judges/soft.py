"""Soft scores of final answers: FinToolBench's (card 28) and ToolComp's (card 38), with the exact graders first.

FinToolBench: answers that are a number or a letter score 0 or 1, others 0, 0.5 or 1; the mean of repeated judgements
counts (its code asks three times). ToolComp: `correct`, `correct_but_badly_formatted` (counts as correct) or `incorrect`,
with numbers within 10%. Where the deterministic grader (`checks.answers`) says that an answer is right, it is: no model is
asked. A number, a letter or a list that it calls wrong is wrong, too: there a judge could only err.
"""

from __future__ import annotations

from typing import Any

import msgspec

from artificer.checks.answers.extract import final_answer
from artificer.checks.answers.grading import Grade, Rule, grade
from artificer.checks.answers.maths import Mathematician
from artificer.checks.base import Episode
from artificer.checks.episodes import last_word
from artificer.checks.judges.base import Judge, Question
from artificer.checks.judges.told import nothing_stated, undecided
from artificer.core.errors import ArtificerError
from artificer.core.verdicts import CheckResult, ErrorKind

WORTH: dict[str, float] = {"right": 1.0, "partly_right": 0.5, "wrong": 0.0}
TOOLCOMP: dict[str, float] = {"correct": 1.0, "correct_but_badly_formatted": 1.0, "incorrect": 0.0}
DECIDED = frozenset({"choice", "number", "date", "list", "set"})
"""Kinds of answers on which the grader has the last word."""
_ASK = (
    "Is the answer right, by the reference? right: it says the same. partly_right: it covers some of it, or has the direction right and the amount "
    "wrong. wrong: it contradicts the reference, or does not answer."
)
_ASK_TOOLCOMP = (
    "Is the answer right, by the reference? Numbers may differ by a tenth, lists need the same elements. correct_but_badly_formatted: the same "
    "content in another form or with more text."
)


class SoftAnswer:
    """The check `judge:answer`, on the constraint `answer` that `answered` reads. Score: the worth of the label; by vote, the mean over votes.

    Args:
        toolcomp: ToolComp's three labels and tolerance.
    """

    name = "judge:answer"

    def __init__(self, judge: Judge | None = None, *, toolcomp: bool = False, mathematician: Mathematician | None = None) -> None:
        self._judge = judge
        self._toolcomp = toolcomp
        self._mathematician = mathematician or Mathematician()

    async def __call__(self, episode: Episode) -> CheckResult:
        given = episode.task.stated("answer")
        if given is None or "gold" not in given:
            return nothing_stated(self.name, "answer")
        try:
            rule = msgspec.convert({name: value for name, value in given.items() if name != "gold"}, Rule)
        except msgspec.ValidationError as error:
            raise ArtificerError(f"the constraint 'answer' cannot be read: {error}", where=f"task {episode.task.id!r}") from error
        rule = msgspec.structs.replace(rule, rel=max(rule.rel, 0.1)) if self._toolcomp else rule
        said = last_word(episode.nodes)
        if not said:
            return CheckResult(self.name, 0.0, False, ("no answer was given",), (ErrorKind.not_told,))
        gold: Any = given["gold"]
        found: Grade = grade(final_answer(said), gold, rule, self._mathematician)
        if found.right or found.kind in DECIDED:
            return CheckResult(
                self.name, float(found.right), found.right, () if found.right else (found.why,), () if found.right else (ErrorKind.wrong_value,)
            )
        return await self._judged(episode.task.prompt, said, gold)

    async def _judged(self, asked: str, said: str, gold: Any) -> CheckResult:
        if self._judge is None:
            return undecided(self.name, ["undecided: the grader does not settle it, and there is no judge"], {})
        worth, ask = (TOOLCOMP, _ASK_TOOLCOMP) if self._toolcomp else (WORTH, _ASK)
        written = gold if isinstance(gold, str) else msgspec.json.encode(gold).decode()
        found = await self._judge(
            Question("soft_answer", tuple(worth), ask, {"task": asked, "answer": said, "reference": written}, quotes=("answer",))
        )
        cast = {label: times for label, times in found.votes.items() if label in worth}
        if found.label is None and (found.votes.get("") or not cast):
            return undecided(self.name, [f"undecided: {found.why}"], {})
        if found.label is not None and not cast:
            cast = {found.label: 1}
        score = sum(worth[label] * times for label, times in cast.items()) / sum(cast.values())
        passed = score > 0.5
        evidence = (f"{found.label or 'mixed'} (by {found.by}): {found.evidence}",)
        return CheckResult(self.name, score, passed, evidence, () if passed else (ErrorKind.wrong_value,), {"votes": sum(cast.values())})
