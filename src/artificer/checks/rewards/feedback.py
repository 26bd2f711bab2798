"""Rewards from an environment that knows which of its answers were found: FTRL's precision and completeness of a step (12).

Each tool has expected answers. A call solves one of its tool's when every piece of it ("Paris, France": two) stands in the
result; at most one a call, and each once. With n calls in a step that newly solve s:

    f1 2s / (n + 1)   recall s   precision s / n   square s^2 / n

(arXiv 2508.08791; code. f1 is its default and not bounded by 1: three calls that solve three give 1.5.) A long dump holds
any answer, so `longest` limits what of a result is read; the source reads all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from artificer.checks.episodes import made
from artificer.checks.rewards.steps import steps
from artificer.checks.values import occurs
from artificer.core.canon import Json, scalars
from artificer.core.trace import Node

Measure = Literal["f1", "recall", "precision", "square"]
EMPTY, LEFTOVER, SOLVED_ALL = -0.5, -0.3, 0.5
LONGEST = 2_000
_CALL_TAGS = ("<tool_call>", "</tool_call>")


def contains(text: str, answer: str, *, whole: bool = True) -> bool:
    """Whether every piece of an answer, in lower case and without commas, stands in a text. An answer without pieces does not.

    Args:
        whole: no letter or digit may touch a piece's ends, so that 12 does not stand in 123. The source has no such rule.
    """
    held = _bare(text)
    pieces = [_bare(piece) for piece in answer.split(", ")]
    return any(pieces) and all((not piece or occurs(held, piece)) if whole else piece in held for piece in pieces)


def _bare(text: str) -> str:
    return text.lower().replace(",", "").strip()


def step_reward(solved: int, calls: int, measure: Measure = "f1") -> float:
    """What a step with `calls` calls that newly solve `solved` answers earns; 0 without a call."""
    if calls <= 0:
        return 0.0
    match measure:
        case "f1":
            return 2 * solved / (calls + 1)
        case "recall":
            return float(solved)
        case "precision":
            return solved / calls
        case "square":
            return solved**2 / calls


def answer_reward(said: str, gold: str, unsolved: int, *, longest: int = LONGEST) -> float:
    """What the step that answers earns: -0.5 for nothing, -0.3 for tool-call tags left in it, 1 / (1 + unsolved) when it
    contains the gold answer, else 0.5 if everything was solved, else 0.

    Args:
        longest: an answer that is longer contains nothing (ours): whatever was shown could be copied into it.
    """
    if not said.strip():
        return EMPTY
    if any(tag in said for tag in _CALL_TAGS):
        return LEFTOVER
    if len(said) <= longest and contains(said, gold):
        return 1 / (1 + unsolved)
    return SOLVED_ALL if unsolved == 0 else 0.0


class Feedback(Struct, frozen=True):
    """What one step solved, of how many calls, what is left, and what the step earned."""

    at: int
    calls: int
    solved: int
    left: int
    reward: float


def feedback(
    nodes: Sequence[Node], answers: Mapping[str, Sequence[str]], gold: str, *, measure: Measure = "f1", longest: int = LONGEST
) -> list[Feedback]:
    """The rewards of a trajectory's steps, in order.

    Args:
        answers: what each tool can answer. An answer is paid once, whatever is called later.
        gold: the final answer; a step without calls answers.
        longest: characters of a result or an answer that are read; a longer one solves nothing.
    """
    waiting = {tool: list(expected) for tool, expected in answers.items()}
    found: list[Feedback] = []
    for step in steps(nodes):
        calls = made(nodes[step.at : step.end])
        solved = 0
        for call in calls:
            left = waiting.get(call.call.name, [])
            text = _text(call.result.content, longest) if call.accepted and call.result is not None and left else ""
            hit = next((place for place, answer in enumerate(left) if contains(text, answer)), None)
            if hit is not None:
                left.pop(hit)
                solved += 1
        unsolved = sum(map(len, waiting.values()))
        said = nodes[step.at].message.text
        reward = step_reward(solved, len(calls), measure) if calls else answer_reward(said, gold, unsolved, longest=longest)
        found.append(Feedback(step.at, len(calls), solved, unsolved, reward))
    return found


def _text(content: Json, longest: int) -> str:
    """A result's values as one text; nothing when that is longer than allowed."""
    pieces: list[str] = []
    size = 0
    for value in scalars(content):
        if isinstance(value, int) and abs(value) > 10**40:
            continue
        piece = value if isinstance(value, str) else str(value)
        size += len(piece) + 1
        if size > longest + 1:
            return ""
        pieces.append(piece)
    return " ".join(pieces)


class Run(Struct, frozen=True):
    """A whole run: precision = solved / calls (1 without calls), rate = solved / total, f1 = 2 solved / (calls + total)."""

    precision: float
    rate: float
    f1: float


def run_scores(solved: int, calls: int, total: int) -> Run:
    """FTRL's measures of a run (12)."""
    return Run(solved / calls if calls else 1.0, solved / total if total else 1.0, 2 * solved / (calls + total) if calls + total else 1.0)
