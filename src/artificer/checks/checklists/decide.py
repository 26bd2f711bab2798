"""Deciding the items of a checklist, step by step: by an item's rule, else by judges.

An item is judged on the turn so far after every step until it is paid; from then on it stays true, since nothing would
change. A step whose calls all failed makes no item about calls or results true, whatever a judge would say (CM2). A judge that
gives no label leaves the item undecided: neither yes nor no.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from artificer.checks.checklists.items import Called, Checklist, Item, Said, Shown
from artificer.checks.checklists.rewards import Mode, paid
from artificer.checks.episodes import made
from artificer.checks.judges.base import Judge, Judgement, Question
from artificer.checks.rewards.steps import Step, steps
from artificer.checks.values import fold, occurs, same
from artificer.core.canon import scalars
from artificer.core.messages import Message
from artificer.core.trace import Node

YES, NO = "yes", "no"
_ABOUT_CALLS = ("assistant.tool_calls", "tool.content")
_LONGEST = 20_000
"""Characters of one message that a judge sees, half from each end."""
_SAYS = 10_000
"""Characters of a message in which a phrase counts as said: in a longer one everything may be said."""


async def decide(
    nodes: Sequence[Node], asked: Checklist, judges: Sequence[Judge] = (), *, mode: Mode = "paper"
) -> list[list[tuple[bool | None, ...]]]:
    """The verdicts of a trajectory: for each turn that was reached, for each step, for each item.

    Args:
        judges: several vote (`majority`); none leaves items without a rule undecided. One that repeats is one judge
            (`judges.panel`).
        mode: as `rewards.paid`: decides when an item need not be judged again.
    """
    found: list[list[tuple[bool | None, ...]]] = []
    for number, parts in enumerate(_turns(nodes)[: len(asked.turns)]):
        items, before = asked.turns[number], asked.before(number)
        states: list[tuple[bool | None, ...]] = []
        done = [False] * len(items)
        for at in range(len(parts)):
            if len(set(states[-3:])) > 1 or at == 1:  # otherwise nothing new can have been paid
                done = [one.step is not None for one in paid(states, before, mode=mode)]
            was = states[-1] if states else tuple(False for _ in items)
            row = [_known(True) if done[place] else _one(nodes, item, parts[: at + 1], was[place], judges) for place, item in enumerate(items)]
            states.append(tuple(await asyncio.gather(*row)))
        found.append(states)
    return found


async def _known(value: bool | None) -> bool | None:
    return value


def _turns(nodes: Sequence[Node]) -> list[list[Step]]:
    turns: list[list[Step]] = []
    for step in steps(nodes):
        if step.turn == len(turns):
            turns.append([])
        turns[-1].append(step)
    return turns


async def _one(nodes: Sequence[Node], item: Item, parts: Sequence[Step], was: bool | None, judges: Sequence[Judge]) -> bool | None:
    step = parts[-1]
    if item.rule is not None:
        return was is True or _holds(nodes, item, step, opens=len(parts) == 1)
    if item.focus in _ABOUT_CALLS and not _worked(nodes, step):
        return was
    if not judges:
        return None
    question = asks(nodes, item, parts)
    given = majority([await judge(question) for judge in judges], strict=item.strict)
    return None if given.label is None else given.label == YES


def majority(given: Sequence[Judgement], *, strict: bool = False) -> Judgement:
    """What judges decide together: the label of more than half of those who gave one; None for a draw or when nobody did.

    Args:
        strict: yes only when every judge and every repetition said so, and none failed.
    """
    votes: dict[str, int] = {}
    for one in given:
        for label, count in (one.votes or {one.label or "": 1}).items():
            votes[label] = votes.get(label, 0) + count
    labels = [one.label for one in given if one.label is not None]
    tops = [label for label in dict.fromkeys(labels) if 2 * labels.count(label) > len(labels)]
    if not tops:
        why = next((one.why for one in given if one.why), "the judges disagree" if labels else "no judge decided")
        return Judgement(None, votes=votes, by="majority", why=why)
    label = tops[0]
    if strict and label == YES and set(votes) != {YES}:
        return Judgement(NO, votes=votes, by="majority", why="not every vote is a yes")
    evidence = next((one.evidence for one in given if one.label == label and one.evidence), "")
    return Judgement(label, evidence, votes, by="majority")


def _worked(nodes: Sequence[Node], step: Step) -> bool:
    """Whether the step made a call that did not fail."""
    return any(call.accepted for call in made(nodes[step.at : step.end]))


def _holds(nodes: Sequence[Node], item: Item, step: Step, *, opens: bool) -> bool:
    """Whether a step makes an item's rule true."""
    calls = made(nodes[step.at : step.end])
    match item.rule:
        case Called(tool, arguments, accepted):
            return any(
                one.call.name == tool
                and (one.accepted or not accepted)
                and all(name in one.call.arguments and same(one.call.arguments[name], value) for name, value in arguments.items())
                for one in calls
            )
        case Shown(value, tool):
            return any(
                one.accepted and one.result is not None and (not tool or one.call.name == tool) and _shows(one.result.content, value) for one in calls
            )
        case Said(phrases):
            text = fold(_focus(nodes, item, step, opens=opens))
            return len(text) <= _SAYS and any(occurs(text, fold(phrase)) for phrase in phrases)
        case None:
            return False


def _shows(content: object, value: object) -> bool:
    if isinstance(value, str):
        wanted = fold(value)
        return any(isinstance(one, str) and occurs(fold(one), wanted) for one in scalars(content))
    return any(same(one, value) for one in scalars(content))


def _focus(nodes: Sequence[Node], item: Item, step: Step, *, opens: bool) -> str:
    message = nodes[step.at].message
    if item.focus == "assistant.content.thinking":
        return message.reasoning or ""
    if item.focus == "user.content":
        return _user(nodes, step) if opens else ""
    return message.text


def _user(nodes: Sequence[Node], step: Step) -> str:
    """The user's message that a step answers."""
    return next((node.message.text for node in reversed(nodes[: step.at]) if node.message.role == "user" and not node.message.calls), "")


def asks(nodes: Sequence[Node], item: Item, parts: Sequence[Step]) -> Question:
    """The question to a judge: the item's words, and the conversation up to the end of the last step."""
    first, last = parts[0], parts[-1]
    opened = next(
        (index for index in range(first.at - 1, -1, -1) if nodes[index].message.role == "user" and not nodes[index].message.calls), first.at
    )
    lines = [item.question, f"Look only at: {item.focus}."]
    if item.condition:
        lines.append(f"Yes only if: {item.condition}")
    lines += [f"No if, for example: {failure}" for failure in item.failures]
    shows = {
        "conversation before": "\n".join(_written(node.message) for node in nodes[:opened]),
        "conversation to judge": "\n".join(_written(node.message) for node in nodes[opened : last.end]),
    }
    if item.evidence:
        shows["how a reference did it"] = "\n".join(pointer.snippet for pointer in item.evidence)
    return Question("checklist_item", (YES, NO), "\n".join(lines), shows)


def _written(message: Message) -> str:
    """One message as a judge reads it."""
    lines = [f"[{message.role}]"]
    if message.reasoning:
        lines.append(f"(thinks) {_cut(message.reasoning)}")
    if message.text:
        lines.append(_cut(message.text))
    lines += [f"(calls) {_cut(call.name)} {_cut(_json(call.arguments))}" for call in message.calls]
    if message.result is not None:
        told = message.result
        lines.append(f"(failed: {told.error.value}) {_cut(told.detail or '')}" if told.error is not None else _cut(_json(told.content)))
    return "\n".join(lines)


def _json(content: object) -> str:
    try:
        return repr(content)
    except (RecursionError, ValueError):  # too deep, or an integer too long to be written
        return "a deeply nested value"


def _cut(text: str) -> str:
    half = _LONGEST // 2
    return (text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}").encode("utf-8", "replace").decode()
