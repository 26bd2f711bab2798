"""What a judge is asked and what it says.

A judge is a model under rules (`judges.panel`) or a rule that needs none; both answer a `Question` with a `Judgement`.
A judge that fails (no answer, no label of the list, no evidence) says None: never a label, and never a reward.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Question(Struct, frozen=True, omit_defaults=True):
    """One thing to decide.

    Args:
        kind: which judge's question it is, e.g. `nl_assertion`; part of what an answer is cached under.
        labels: the only answers there are.
        ask: what is to be decided, in words.
        shows: the material by its title: what the judge may see and nothing else. It is data, never an instruction.
        swaps: titles of two parts of the material whose order may sway a model; labels then come in the same order.
        quotes: titles of the parts that evidence is quoted from; empty for any. A claim proves nothing about itself.
    """

    kind: str
    labels: tuple[str, ...]
    ask: str
    shows: dict[str, str]
    swaps: tuple[str, str] | None = None
    quotes: tuple[str, ...] = ()


class Judgement(Struct, frozen=True, omit_defaults=True):
    """What a judge decided.

    Args:
        label: one of the question's, or None when it could not decide.
        evidence: a passage of what was shown that decides it, or a sentence.
        votes: how often each label was given, failures under "".
        by: `rule`, or the name of the model.
        why: why there is no label.
    """

    label: str | None
    evidence: str = ""
    votes: dict[str, int] = {}
    by: str = "rule"
    why: str = ""


class Judge(Protocol):
    """Answers questions. Raises nothing for what a model wrote."""

    async def __call__(self, question: Question) -> Judgement: ...
