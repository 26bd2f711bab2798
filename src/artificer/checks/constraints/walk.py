"""Rules on a recorded trajectory: what was broken where, what was mended, and whether it ended well.

The same computation that refuses calls during play (`steps`), over nodes. A reward uses `violations` alone; the check
and the measures use `walked`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import msgspec
from msgspec import Struct

from artificer.checks.constraints.rules import Category
from artificer.checks.constraints.session import AUTHOR
from artificer.checks.constraints.stated import Rules
from artificer.checks.constraints.steps import State, Violation, by_name, called, ended, spoke
from artificer.core.messages import Message, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, agent_side

Finals = Literal["last", "every"]
_GONE = frozenset({"transport", "timeout"})
_BEFORE = {"before": True}


class Walked(Struct, frozen=True):
    """What became of the rules.

    Args:
        violations: all of them, in order.
        standing: those that nothing mended: calls that ran all the same, and what is wrong with the last words.
        mended: of `violations`, those whose rule the agent's next message kept.
        finished: whether it ends with words of the agent's.
        rounds, calls: messages and calls of the agent.
    """

    violations: tuple[Violation, ...] = ()
    standing: tuple[Violation, ...] = ()
    mended: tuple[Violation, ...] = ()
    finished: bool = False
    rounds: int = 0
    calls: int = 0

    @property
    def kept(self) -> bool:
        """It ends with an answer, and nothing that was broken stands (what SR asks besides the task being solved)."""
        return self.finished and not self.standing

    @property
    def perfect(self) -> bool:
        """It ends with an answer, and nothing was ever broken (what PSR asks besides)."""
        return self.finished and not self.violations


def violations(nodes: Sequence[Node], rules: Rules, tools: Sequence[ToolSpec] | None = None, finals: Finals = "last") -> tuple[Violation, ...]:
    """Every rule broken, in order. Pure: for rewards."""
    return walked(nodes, rules, tools, finals).violations


def walked(nodes: Sequence[Node], rules: Rules, tools: Sequence[ToolSpec] | None = None, finals: Finals = "last") -> Walked:
    """Follows a branch. Messages of users, their own calls, and what stood before the conversation do not count.

    Args:
        nodes: of one branch, in order.
        tools: that the agent had. When they are not known, only what rules say by name is asked of tools and arguments.
        finals: which words are an answer: the last, and those that were given back; or, as in CCTU, every message
            without calls.
    """
    known = by_name(tools) if tools is not None else None
    said = _agents(nodes)
    state = State()
    found: list[Violation] = []
    standing: list[Violation] = []
    steps: list[tuple[int, frozenset[int]]] = []
    last: tuple[Violation, ...] = ()
    for place, at in enumerate(said):
        message = nodes[at].message
        if message.calls:
            state, wrong = called(state, rules, known, message.calls)
            wrong = [msgspec.structs.replace(one, node=at) for one in wrong]
            ran = _ran(nodes, at, message)
            standing += [one for one in wrong if one.call in ran]
        else:
            state, wrong = spoke(state), []
            if finals == "every" or place == len(said) - 1 or _given_back(nodes, at):
                wrong = [msgspec.structs.replace(one, node=at) for one in ended(state, rules, message.text)]
        last = () if message.calls else tuple(wrong)
        found += wrong
        steps.append((at, frozenset(one.rule for one in wrong)))
    finished = bool(said) and not nodes[said[-1]].message.calls
    after = {at: broken for (at, _), (_, broken) in pairwise(steps)}
    mended = tuple(one for one in found if one.node in after and one.rule not in after[one.node])
    return Walked(tuple(found), (*standing, *last), mended, finished, state.rounds, state.tried)


def by_category(found: Sequence[Violation]) -> dict[Category, int]:
    """How many there are of each category, those without any left out."""
    counts: dict[Category, int] = {}
    for one in found:
        counts[one.category] = counts.get(one.category, 0) + 1
    return counts


def shown_answers(nodes: Sequence[Node], answers: dict[str, tuple[str, ...]]) -> tuple[int, int]:
    """How many of the wanted answers the results of the right tools have shown, and how many are wanted.

    Source: CCTU's `solve_rate_is_one`: each result may retire one answer of its tool, the first that fits; all parts of
    an answer, cut at ", ", must stand in it, in any case, commas aside.
    """
    left = {name: list(wanted) for name, wanted in answers.items()}
    names: dict[str, str] = {}
    shown = 0
    for node in nodes:
        if node.message.role == "assistant":
            names |= {call.id: call.name for call in node.message.calls}
        result = node.message.result
        wanted = left.get(names.get(result.call_id, "")) if result is not None else None
        if result is None or not wanted:
            continue
        text = _plain(result)
        hit = next((one for one in wanted if all(part.lower().replace(",", "").strip() in text for part in one.split(", "))), None)
        if hit is not None:
            wanted.remove(hit)
            shown += 1
    return shown, sum(len(wanted) for wanted in answers.values())


def _plain(result: ToolResult) -> str:
    content = result.detail or "" if result.error is not None else result.content
    if not isinstance(content, str):
        try:
            content = msgspec.json.format(msgspec.json.encode(content), indent=0).decode()
        except (msgspec.EncodeError, TypeError, ValueError, RecursionError):
            content = ""
    return content.lower().replace(",", "").strip()


def _agents(nodes: Sequence[Node]) -> list[int]:
    """Indices of what the agent said and called; not where its model was gone, nor before the conversation."""
    return [
        at
        for at in agent_side(nodes)
        if nodes[at].message.role == "assistant" and nodes[at].notes.get("wrapper") != _BEFORE and _kind_of(nodes[at]) not in _GONE
    ]


def _kind_of(node: Node) -> str:
    error = node.notes.get("error")
    return str(error.get("kind", "")) if isinstance(error, dict) else ""  # pyright: ignore[reportUnknownMemberType,reportUnknownArgumentType]


def _given_back(nodes: Sequence[Node], at: int) -> bool:
    return at + 1 < len(nodes) and nodes[at + 1].message.role == "user" and nodes[at + 1].message.author == AUTHOR


def _ran(nodes: Sequence[Node], at: int, message: Message) -> set[int]:
    """Which calls of a message were answered without an error: they did what they do."""
    waiting: dict[str, deque[int]] = {}
    for index, call in enumerate(message.calls):
        waiting.setdefault(call.id, deque()).append(index)
    ran: set[int] = set()
    for place in range(at + 1, len(nodes)):
        result = nodes[place].message.result
        if result is None:
            break
        places = waiting.get(result.call_id)
        index = places.popleft() if places else None
        if index is not None and result.error is None:
            ran.add(index)
    return ran
