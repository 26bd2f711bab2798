"""ToolEval's pass rate and win rate (card 10; OpenBMB/ToolBench, `toolbench/tooleval`), with rules first.

    answer    | solvable        unsure          unsolvable
    solved    | pass            pass            pass
    unsolved  | fail            unsure          pass
    unsure    | unsure          unsure          pass

A task that nobody could solve is passed by whoever says so, and an unsure verdict is a coin flip in the source; here it
stays `unsure`, unless a coin is asked for, which is then seeded by the task. The rule decides without a model: a trajectory
that never came to an answer fails whatever the task is, before the table (`eval_pass_rate.py`: no Finish); giving up is
`unsolved`; an answer that equals the task's reference is `solved`; a task whose every want ends with `refused` is
`unsolvable`, one that was made from its answer is `solvable`.

Two answers are compared in both orders; a preference that turns with the order is a tie. When only one of the two passed,
that one wins without a judge, as in the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from artificer.checks.answered import Answered
from artificer.checks.base import Episode
from artificer.checks.episodes import last_word
from artificer.checks.judges.base import Judge, Judgement, Question
from artificer.checks.judges.told import conversation_text, undecided
from artificer.core.canon import rng
from artificer.core.tasks import Task
from artificer.core.trace import Node
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason

Answer = Literal["solved", "unsolved", "unsure"]
Solvable = Literal["solvable", "unsolvable", "unsure"]
Verdict = Literal["pass", "fail", "unsure"]
TABLE: dict[tuple[Answer, Solvable], Verdict] = {
    ("solved", "solvable"): "pass",
    ("solved", "unsure"): "pass",
    ("solved", "unsolvable"): "pass",
    ("unsolved", "solvable"): "fail",
    ("unsolved", "unsure"): "unsure",
    ("unsolved", "unsolvable"): "pass",
    ("unsure", "solvable"): "unsure",
    ("unsure", "unsure"): "unsure",
    ("unsure", "unsolvable"): "pass",
}
CUT_OFF = frozenset({StopReason.pruned, StopReason.max_depth, StopReason.out_of_budget, StopReason.max_turns, StopReason.max_calls})
"""Ends that come before an answer."""
_ANSWER = (
    "Does the final answer settle the task? solved: it gives what was asked for. unsolved: it apologises, evades, or contradicts what the tools "
    "returned. unsure: it cannot be told from what is shown."
)
_SOLVABLE = (
    "Could anybody do this task with what it says? unsolvable: it lacks something that is needed, or gives something that cannot be right. "
    "unsure: it cannot be told from what is shown."
)
_BETTER = (
    "Which of the two answers to the task is the better one? Weigh in this order: it gives what was asked; it is true to what the tools returned; "
    "where it fails it says why; it needed less. tie: neither."
)
LABELS: tuple[str, ...] = ("first", "second", "tie")


class PassRate:
    """The check `judge:pass_rate`. Score: 1 for pass, 0 for fail; `unsure` is undecided, or with `coin` decided by the task's own coin."""

    name = "judge:pass_rate"

    def __init__(self, judge: Judge | None = None, *, coin: bool = False) -> None:
        self._judge = judge
        self._coin = coin

    async def __call__(self, episode: Episode) -> CheckResult:
        why = unanswered(episode)
        if why:
            return CheckResult(self.name, 0.0, False, (why,), (ErrorKind.missing_effect,))
        answer = await answer_status(episode, self._judge)
        solvable = Judgement("solvable", "it was solved") if answer.label == "solved" else await task_status(episode, self._judge)
        if answer.label is None or solvable.label is None:
            return undecided(self.name, [f"undecided: {answer.why or solvable.why}"], {})
        verdict = TABLE[answer.label, solvable.label]  # type: ignore[index]
        evidence = (f"answer {answer.label} (by {answer.by}): {answer.evidence}", f"task {solvable.label} (by {solvable.by}): {solvable.evidence}")
        if verdict == "unsure" and self._coin:
            verdict = "pass" if rng("tooleval", episode.task.id).random() < 0.5 else "fail"
            evidence = (*evidence, "unsure: decided by the task's coin")
        if verdict == "unsure":
            return undecided(self.name, evidence, {"unsure": 1})
        passed = verdict == "pass"
        return CheckResult(self.name, float(passed), passed, evidence, () if passed else (ErrorKind.missing_effect,))


def unanswered(episode: Episode) -> str:
    """Why a trajectory never came to an answer; "" when it did, or when the agent gave up, which is an answer to the source."""
    if episode.stop in CUT_OFF:
        return f"no final answer: it ended with {episode.stop.value}"
    return "" if episode.stop == StopReason.gave_up or last_word(episode.nodes) else "no final answer was given"


async def answer_status(episode: Episode, judge: Judge | None) -> Judgement:
    """Whether the final answer settles the task."""
    why = unanswered(episode) or ("the agent gave up" if episode.stop == StopReason.gave_up else "")
    if why:
        return Judgement("unsolved", why)
    said = last_word(episode.nodes)
    if episode.task.stated("answer") is not None:
        found = await Answered()(episode)
        if found.passed:
            return Judgement("solved", "it equals the reference answer")
    if judge is None:
        return Judgement(None, why="there is no judge")
    shows = {"task": episode.task.prompt, "final answer": said}
    first = await judge(Question("tooleval_answer", ("solved", "unsolved", "unsure"), _ANSWER, shows))
    if first.label != "unsure":
        return first
    return await judge(
        Question("tooleval_answer", ("solved", "unsolved", "unsure"), _ANSWER, shows | {"trajectory": conversation_text(episode.nodes)})
    )


async def task_status(episode: Episode, judge: Judge | None) -> Judgement:
    """Whether anybody could do the task."""
    known = known_status(episode.task)
    if known is not None or judge is None:
        return known or Judgement(None, why="there is no judge")
    tools = "\n".join(f"{tool.name}: {tool.description}" for tool in episode.tools)
    return await judge(Question("tooleval_task", ("solvable", "unsolvable", "unsure"), _SOLVABLE, {"task": episode.task.prompt, "tools": tools}))


def known_status(task: Task) -> Judgement | None:
    """What is known of a task that was made from its answer."""
    wants = task.goal.wants
    if wants and all(want.outcome in ("refused", "unclear") for want in wants):
        return Judgement("unsolvable", "every want of the task ends in a refusal")
    if task.gold:
        return Judgement("solvable", "the task's own calls reach its goal")
    return None


class Compared(Struct, frozen=True):
    """Which of two is better: 1.0 the first, 0.0 the second, 0.5 a tie; None when undecided."""

    score: float | None
    why: str
    by: str = "rule"


async def better(task: str, first: Sequence[Node], second: Sequence[Node], passed: tuple[bool | None, bool | None], judge: Judge | None) -> Compared:
    """Which of two trajectories of a task is the better one.

    Args:
        passed: what is known of each; None where it is not.
    """
    if passed[0] is not None and passed[1] is not None and passed[0] != passed[1]:
        return Compared(float(passed[0]), "only one of the two passed")
    says = (last_word(first), last_word(second))
    if says[0] == says[1] and conversation_text(first) == conversation_text(second):
        return Compared(0.5, "they are the same")
    if bool(says[0]) != bool(says[1]):
        return Compared(float(bool(says[0])), "only one of the two gave an answer")
    if judge is None:
        return Compared(None, "there is no judge")
    shows = {"task": task, "first": conversation_text(first), "second": conversation_text(second)}
    found = await judge(Question("tooleval_better", LABELS, _BETTER, shows, ("first", "second")))
    if found.label is None:
        agreed = not found.votes.get("") and found.votes
        return Compared(0.5, "the preference turns with the order", found.by) if agreed else Compared(None, found.why, found.by)
    return Compared({"first": 1.0, "second": 0.0, "tie": 0.5}[found.label], found.evidence, found.by)
