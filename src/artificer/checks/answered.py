"""Does the agent's last word give the reference answer?

A task states its answer with the constraint `answer`: `{"gold": ..., "kind": ..., "rel": ..., "percent": ...}` (see `answers.grading.Rule`; all but
`gold` may be left out). Without one the check says so and does not pass.
"""

from __future__ import annotations

from typing import Any

import msgspec

from artificer.checks.answers.extract import final_answer
from artificer.checks.answers.grading import Rule, grade
from artificer.checks.answers.maths import Mathematician
from artificer.checks.base import Episode
from artificer.checks.episodes import last_word
from artificer.core.verdicts import CheckResult, ErrorKind


class Answered:
    """The check. Score: the grade's, so that parts of a list or a table count. Kinds: `wrong_value`, or `not_told` when nothing was said."""

    name = "answered"

    def __init__(self, mathematician: Mathematician | None = None) -> None:
        self._mathematician = mathematician or Mathematician()

    async def __call__(self, episode: Episode) -> CheckResult:
        stated = episode.task.stated("answer")
        if stated is None or "gold" not in stated:
            return CheckResult(self.name, 0.0, False, ("the task states no answer",))
        rule: Rule = msgspec.convert({name: value for name, value in stated.items() if name != "gold"}, Rule)
        said = last_word(episode.nodes)
        answer = final_answer(said)
        if not answer:
            return CheckResult(self.name, 0.0, False, ("no answer was given",), (ErrorKind.not_told,))
        gold: Any = stated["gold"]
        found = grade(answer, gold, rule, self._mathematician)
        return CheckResult(self.name, found.score, found.right, () if found.right else (found.why,), () if found.right else (ErrorKind.wrong_value,))
