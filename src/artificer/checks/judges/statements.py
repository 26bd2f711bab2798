"""Statements that must hold of a conversation: tau2's NL assertions (B2), and any rubric of sentences.

Each is decided on its own: `met` or `not_met`, with a passage of the conversation. All must be met. What upstream's judge
is shown and told is not repeated here: it sees the conversation and the statements, as its code does, and returns one
verdict a statement (tau2-bench, `evaluator_nl_assertions.py`).

Without a judge the rule decides what it can: an agent that neither spoke nor called a tool has met no statement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from artificer.checks.base import Episode
from artificer.checks.judges.base import Judge, Judgement, Question
from artificer.checks.judges.told import conversation_text, nothing_stated, undecided
from artificer.checks.values import clip
from artificer.core.errors import ArtificerError
from artificer.core.verdicts import CheckResult, ErrorKind

MET, NOT_MET = "met", "not_met"
_ASK = "Is this statement about the conversation true: the one given as 'statement'? Judge by what was said and done, not by what was promised."


def questions(conversation: str, statements: Sequence[str]) -> list[Question]:
    """One question a statement."""
    return [
        Question("nl_assertion", (MET, NOT_MET), _ASK, {"statement": one, "conversation": conversation}, quotes=("conversation",))
        for one in statements
    ]


async def decide(conversation: str, statements: Sequence[str], judge: Judge | None) -> list[Judgement]:
    """A judgement a statement, in order. Undecided ones have no label."""
    if judge is None:
        return [Judgement(None, why="there is no judge") for _ in statements]
    return list(await asyncio.gather(*(judge(question) for question in questions(conversation, statements))))


class Stated:
    """The check `judge:statements`; a task states them with the constraint `statements`: `{"all": ["...", ...]}`. Score: the share met."""

    name = "judge:statements"

    def __init__(self, judge: Judge | None = None) -> None:
        self._judge = judge

    async def __call__(self, episode: Episode) -> CheckResult:
        given = episode.task.stated("statements")
        if given is None:
            return nothing_stated(self.name, "statements")
        sentences = read(given.get("all"), episode.task.id)
        if not any(node.message.role == "assistant" for node in episode.nodes):
            found = [Judgement(NOT_MET, "the agent said and did nothing") for _ in sentences]
        else:
            found = await decide(conversation_text(episode.nodes), sentences, self._judge)
        met = sum(one.label == MET for one in found)
        open_ = [(text, one) for text, one in zip(sentences, found, strict=True) if one.label is None]
        failed = [(text, one) for text, one in zip(sentences, found, strict=True) if one.label == NOT_MET]
        numbers: dict[str, int | float] = {"statements": len(sentences), "met": met}
        shown = failed or list(zip(sentences, found, strict=True))
        evidence = [f"{'not met' if failed else 'met'} (by {one.by}): {clip(text, 120)} ({clip(one.evidence, 120)})" for text, one in shown]
        if open_ and not failed:
            return undecided(self.name, [f"undecided: {clip(text, 120)} ({one.why})" for text, one in open_], numbers | {"undecided": len(open_)})
        kinds = (ErrorKind.policy_breach,) if failed else ()
        return CheckResult(self.name, met / len(sentences), not failed, tuple(evidence[:20]), kinds, numbers)


def read(given: object, task: str) -> list[str]:
    """The statements of a constraint.

    Raises:
        ArtificerError: they are no list of sentences.
    """
    found: list[Any] = cast("list[Any]", given) if isinstance(given, list) else []
    if not found or not all(isinstance(one, str) and one.strip() for one in found):
        raise ArtificerError(
            "the constraint 'statements' needs a list of sentences under 'all'", where=f"task {task!r}", remedy='write {"all": ["The agent ..."]}'
        )
    return found
