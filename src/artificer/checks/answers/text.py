"""Answers as words: SQuAD's normalisation, exact match and token F1 (Rajpurkar et al., arXiv 1606.05250)."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from artificer.checks.values import unified

LONGEST = 100_000
_ARTICLES = frozenset({"a", "an", "the"})
_SPACES = re.compile(r"\s+")


def normalised(text: str) -> str:
    """Lower case, compatibility forms unified (NFKC), no punctuation but `%`, `+` and what belongs to numbers, no articles, single spaces."""
    folded = unified(text[:LONGEST]).casefold()
    kept: list[str] = []
    for at, letter in enumerate(folded):
        if letter.isalnum() or letter.isspace() or letter in "%+":
            kept.append(letter)
        elif letter in ".,-\u2212" and _within_number(folded, at):
            kept.append("-" if letter == "\u2212" else letter if letter != "," else "")
        elif unicodedata.category(letter)[0] == "M":
            kept.append(letter)
        else:
            kept.append(" ")
    words = [word for word in _SPACES.split("".join(kept)) if word and word not in _ARTICLES]
    return " ".join(words)


def _within_number(text: str, at: int) -> bool:
    """Whether a mark belongs to a number: a point or comma between digits, a sign before one."""
    after = at + 1 < len(text) and text[at + 1].isdigit()
    if text[at] in ".,":
        return after and (text[at] == "." or (at > 0 and text[at - 1].isdigit()))
    return after and not (at > 0 and text[at - 1].isalnum())


def exact_match(answer: str, golds: Sequence[str]) -> bool:
    """Whether an answer equals one of the references after normalisation."""
    said = normalised(answer)
    return any(said == normalised(gold) for gold in golds)


def token_f1(answer: str, golds: Sequence[str]) -> float:
    """The best F1 of the answer's words and a reference's, as multisets. Two empty texts agree; one empty one does not."""
    said = Counter(normalised(answer).split())
    return max((_f1(said, Counter(normalised(gold).split())) for gold in golds), default=0.0)


def _f1(said: Counter[str], gold: Counter[str]) -> float:
    if not said or not gold:
        return float(said == gold)
    common = (said & gold).total()
    if not common:
        return 0.0
    precision, recall = common / said.total(), common / gold.total()
    return 2 * precision * recall / (precision + recall)
