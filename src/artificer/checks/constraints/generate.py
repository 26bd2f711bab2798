"""Rules by seed that a task's own solution keeps: how tasks become harder without becoming impossible.

The reference is an episode that solves the task (nodes of a trace), or, without one, the gold calls as
`scripted:gold` plays them. Every rule is drawn from what the reference did, with room to spare for agents that look
things up first, and is kept only when the reference keeps it; so all together are kept by it too. No rule names a value
of the gold. Of the categories that CCTU gives to single tasks, `n` are drawn, as often as there (card figures; for
format and content, which share the rest, ours); the three of the toolset come besides, as there they hold for all tasks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from random import Random

import msgspec
from msgspec import Struct

from artificer.checks.constraints.feasible import check_feasible
from artificer.checks.constraints.rules import (
    CATEGORY,
    Available,
    Calls,
    CallsOf,
    Category,
    Format,
    Identifiers,
    Length,
    Order,
    Parallel,
    Parameters,
    Punctuation,
    Rounds,
    Rule,
    Together,
    Values,
)
from artificer.checks.constraints.shapes import COUNT
from artificer.checks.constraints.stated import NAME, Rules
from artificer.checks.constraints.walk import violations
from artificer.core.canon import rng
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node

WEIGHTS: dict[Category, int] = {
    "rounds": 200,
    "calls_of": 106,
    "length": 91,
    "calls": 87,
    "order": 51,
    "parallel": 41,
    "together": 38,
    "format": 150,
    "content": 150,
}
TOOLSET: tuple[Rule, ...] = (Available(), Parameters(), Values())
LOOKUPS = 6
"""Calls and messages that are allowed beyond the gold for each want, where there is no episode to go by."""
PHRASES = ("as an AI", "unfortunately", "to be honest", "in conclusion", "please note that")


class Reference(Struct, frozen=True):
    """What is known of a solution.

    Args:
        nodes: of the episode, or of the gold played.
        steps: the calls of each message that makes some.
        rounds: the agent's messages.
        words: its last words.
        spare: calls and messages to allow besides.
    """

    nodes: tuple[Node, ...]
    steps: tuple[tuple[ToolCall, ...], ...]
    rounds: int
    words: str
    spare: int

    @property
    def calls(self) -> int:
        return sum(len(step) for step in self.steps)


def constrained(
    task: Task, tools: Sequence[ToolSpec], n: int, seed: int = 0, *, nodes: Sequence[Node] | None = None, user_tools: Sequence[ToolSpec] = ()
) -> Task:
    """The task with `n` rules, or as many as fit it, and the three of the toolset; the check `constraints` is among its
    checks. The same for the same task and seed. A task without gold, where no episode is given, stays as it is.

    Args:
        tools: that an agent is offered.
        n: how many of the nine categories that differ between tasks.
        nodes: an episode that solves the task, by an agent that may look things up.
        user_tools: whose gold calls are not the agent's.
    """
    if n <= 0 or (nodes is None and task.gold is None):
        return task
    reference = _reference(task, nodes, frozenset(tool.name for tool in user_tools) - {tool.name for tool in tools})
    luck = rng("constraints", task.id, seed)
    drawn: list[Rule] = []
    base = [rule for rule in TOOLSET if _keeps(reference, rule, tools)]
    for category in _shuffled(luck):
        if len(drawn) >= n:
            break
        found = [rule for rule in _candidates(category, reference, luck) if _keeps(reference, rule, tools)]
        one = luck.choice(found) if found else None
        if one is not None and not check_feasible(with_rules(task, Rules((*base, *drawn, one))), tools, user_tools):
            drawn.append(one)
    order = {category: at for at, category in enumerate(dict.fromkeys(CATEGORY.values()))}
    rules = sorted((*base, *drawn), key=lambda rule: order[CATEGORY[type(rule)]])
    made = with_rules(task, Rules(tuple(rules)))
    return msgspec.structs.replace(
        made,
        difficulty=task.difficulty | {"constraints": float(len(drawn))},
        lineage=task.lineage | {"constrained": {"drawn": len(drawn), "seed": seed}},
    )


def with_rules(task: Task, rules: Rules) -> Task:
    """The task with rules that somebody wrote; the check `constraints` is among its checks."""
    checks = task.checks if NAME in task.checks else (*task.checks, NAME)
    return msgspec.structs.replace(task, constraints=(*task.constraints, rules.constraint()), checks=checks)


def _shuffled(luck: Random) -> list[Category]:
    """The categories in an order drawn by their weights."""
    return sorted(WEIGHTS, key=lambda name: luck.random() ** (1 / WEIGHTS[name]), reverse=True)


def _keeps(reference: Reference, rule: Rule, tools: Sequence[ToolSpec]) -> bool:
    return not violations(reference.nodes, Rules((rule,)), tools)


# the reference


def _reference(task: Task, nodes: Sequence[Node] | None, users: frozenset[str]) -> Reference:
    if nodes is None:
        nodes, spare = gold_played(task, users), LOOKUPS * max(len(task.goal.wants), 1)
    else:
        spare = 0
    said = [node.message for node in nodes if node.message.role == "assistant"]
    steps = tuple(message.calls for message in said if message.calls)
    words = said[-1].text if said and not said[-1].calls else ""
    return Reference(tuple(nodes), steps, len(said), words.strip(), spare)


def gold_played(task: Task, users: frozenset[str] = frozenset()) -> list[Node]:
    """The gold as an episode: of each want the calls in one message, then words, as `scripted:gold` plays it. What
    tools answered is left out.

    Args:
        users: names of the user's own tools, whose calls are not the agent's.
    """
    messages: list[Message] = []
    told: list[str] = []
    for want in task.goal.wants:
        messages.append(Message("user", "..."))
        passage: list[ToolCall] = []
        for call in want.gold:
            if call.name in users:
                messages += [*_made(passage), *([Message("assistant", "...")] if messages[-1].role != "assistant" or passage else [])]
                passage = []
            else:
                passage.append(call)
        told += [alternatives[0] for alternatives in want.tell]
        answer = str(task.lineage.get("answer") or "") or " ".join(told) or "Done."
        messages += [*_made(passage), Message("assistant", answer)]
    return [Node(None, message) for message in messages]


def _made(calls: Sequence[ToolCall]) -> list[Message]:
    if not calls:
        return []
    return [Message("assistant", calls=tuple(calls)), *(Message("tool", result=ToolResult(call.id)) for call in calls)]


# what may be drawn


def _candidates(category: Category, known: Reference, luck: Random) -> Iterator[Rule]:
    match category:
        case "rounds":
            most = math.ceil(known.rounds * luck.uniform(1.25, 2.0)) + known.spare
            yield Rounds(luck.randint(1, known.rounds) if known.rounds > 1 and luck.random() < 0.3 else 0, most)
        case "calls":
            most = math.ceil(known.calls * luck.uniform(1.25, 2.0)) + known.spare
            yield Calls(luck.randint(1, known.calls) if known.calls and luck.random() < 0.3 else 0, most)
        case "calls_of":
            yield from _calls_of(known, luck)
        case "order":
            yield from _orders(known)
        case "together":
            yield from (Together((tuple(call.name for call in step),)) for step in known.steps if 2 <= len(step) <= 4)
        case "parallel":
            widest = max((len(step) for step in known.steps), default=0)
            most = max(widest, luck.randint(1, 4))
            yield Parallel(widest if widest > 1 and luck.random() < 0.5 else 0, most)
        case "length":
            yield from _lengths(known, luck)
        case "format":
            yield from _formats(known, luck)
        case "content":
            yield from _contents(known, luck)
        case _:
            return


def _calls_of(known: Reference, luck: Random) -> Iterator[Rule]:
    """A maximum for one or two of the tools used: what the reference made, or one more."""
    counts: dict[str, int] = {}
    for step in known.steps:
        for call in step:
            counts[call.name] = counts.get(call.name, 0) + 1
    if counts:
        names = luck.sample(sorted(counts), min(len(counts), luck.randint(1, 2)))
        yield CallsOf({name: counts[name] + luck.randint(0, 1) for name in sorted(names)})


def _orders(known: Reference) -> Iterator[Rule]:
    """Chains of two and three tools, each first called in a later message than the one before."""
    first: dict[str, int] = {}
    for at, step in enumerate(known.steps):
        for call in step:
            first.setdefault(call.name, at)
    names = sorted(first, key=lambda name: (first[name], name))
    for at, name in enumerate(names):
        after = [other for other in names[at + 1 :] if first[other] > first[name]]
        if after:
            yield Order(((name, after[0]),))
            third = [other for other in after if first[other] > first[after[0]]]
            if third:
                yield Order(((name, after[0], third[0]),))


def _lengths(known: Reference, luck: Random) -> Iterator[Rule]:
    size, words = len(known.words), len(known.words.split())
    yield Length(0, 50 * math.ceil(max(400, size * luck.uniform(1.5, 3.0)) / 50), "characters")
    yield Length(1 if words else 0, 10 * math.ceil(max(80, words * luck.uniform(1.5, 3.0)) / 10), "words")


def _formats(known: Reference, luck: Random) -> Iterator[Rule]:
    """Counts of what every answer has, with room; of Markdown only what the reference used."""
    for shape in ("lines", "paragraphs", "sentences"):
        found = COUNT[shape](known.words)
        if found:
            yield Format(shape, 1, found + luck.randint(2, 6))
    for shape in ("bullets", "numbered", "bold", "headings"):
        found = COUNT[shape](known.words)
        if found:
            yield Format(shape, luck.randint(1, found))


def _contents(known: Reference, luck: Random) -> Iterator[Rule]:
    if known.words.endswith((".", "!", "?")):
        yield Punctuation(end=known.words[-1])
    unused = [mark for mark in "!?;()" if mark not in known.words]
    if unused:
        yield Punctuation(exclude=luck.choice(unused))
    phrases = [phrase for phrase in PHRASES if phrase not in known.words]
    if phrases:
        yield Identifiers(exclude=(luck.choice(phrases),))
