"""What searches share: one decision and what comes of it, the tool by which an agent says that it is done, the budget.

A decision is one reply of the agent with the calls it makes. Words go to the user; where the user has nothing more to
say after them, they were the final answer. `Finish` does the same as a call, and can also give up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind, StopReason
from artificer.formats.toolbench_tree import FAILED, STATUS
from artificer.models.base import Counts, Reply
from artificer.rollout.line import Line
from artificer.rollout.tree import SEARCH, OwnTool, Tree

T = TypeVar("T")

FINISH = "Finish"
ANSWER, GIVE_UP = "give_answer", "give_up_and_restart"
OK, FINAL, GIVEN_UP = 0, 3, 4
"""ToolBench's status codes of what is no error."""


def finish_tool(line: Line) -> OwnTool:
    """`Finish(return_type, final_answer)`, under a name that no tool of the line's world has."""
    name = FINISH
    while any(tool.name == name for tool in line.world.tools):
        name += "_"
    parameters = {
        "type": "object",
        "properties": {
            "return_type": {"type": "string", "enum": [ANSWER, GIVE_UP]},
            "final_answer": {"type": "string", "description": "what the user is told; needed to give an answer", "x-free": True},
        },
        "required": ["return_type"],
        "additionalProperties": False,
    }
    words = "End here: with the final answer for the user, or by giving this attempt up when it cannot lead to one."
    return OwnTool(ToolSpec(name, words, parameters, effect="read", attributes={SEARCH: "finish"}), _finished)


def again(spec: ToolSpec) -> OwnTool | None:
    """The tool of a line's own that a trace tells of; None when it is none that is known here."""
    return OwnTool(spec, _finished) if spec.attributes.get(SEARCH) == "finish" else None


def _finished(call: ToolCall) -> ToolResult:
    if call.arguments.get("return_type") == ANSWER and not str(call.arguments.get("final_answer", "")).strip():
        return ToolResult(call.id, None, ErrorKind.missing_argument, "an answer needs final_answer")
    return ToolResult(call.id, "ended")


class Budget(Struct, frozen=True, omit_defaults=True):
    """What a search may take together: requests to a model (the agent's, and a judge's), tokens read and written, seconds.

    With `seconds` what is found depends on the machine; without, it does not.
    """

    queries: int | None = None
    tokens: int | None = None
    seconds: float | None = None


class Meter:
    """Counts what a search takes against its budget."""

    def __init__(self, tree: Tree, budget: Budget) -> None:
        self._tree = tree
        self._budget = budget
        self._turns = tree.turns
        self._tokens = tree.tokens_in + tree.tokens_out
        self._began = asyncio.get_running_loop().time()
        self.judged = 0
        """Requests that went to a judge."""

    @property
    def queries(self) -> int:
        return self._tree.turns - self._turns + self.judged

    def judge(self, queries: int, counts: Counts) -> None:
        """Counts what a judge took."""
        self.judged += queries
        self._tree.tokens_in += counts.tokens_in
        self._tree.tokens_out += counts.tokens_out

    def left(self) -> int | None:
        """How many requests are left; None when they are not counted."""
        return None if self._budget.queries is None else max(0, self._budget.queries - self.queries)

    def spent(self, needed: int = 1) -> bool:
        """Whether something does not suffice for `needed` more requests."""
        budget, tree, left = self._budget, self._tree, self.left()
        return (
            (left is not None and left < needed)
            or (budget.tokens is not None and tree.tokens_in + tree.tokens_out - self._tokens >= budget.tokens)
            or (budget.seconds is not None and asyncio.get_running_loop().time() - self._began >= budget.seconds)
        )


class Taken(Struct, frozen=True):
    """What came of a decision.

    Args:
        node: index of the assistant message.
        size: how many nodes it is in ToolBench's count: one for thoughts or words, two for each call.
        status: ToolBench's status code.
        stop: why the line cannot go on, if it cannot.
    """

    node: int
    size: int
    status: int
    stop: StopReason | None = None

    @property
    def answered(self) -> bool:
        """Whether the line ended with a final answer."""
        return self.stop is StopReason.user_done


async def decide(line: Line, reply: Reply) -> Taken:
    """Takes a reply: its calls are made, its words (or final answer) heard by the user, who may go on."""
    message = line.take(reply)
    node = line.at or 0
    if message is None:
        return Taken(node, 1, FAILED, StopReason.agent_error)
    size = bool(message.text) + 2 * len(message.calls)
    if not message.calls:
        stop = await line.hear()
        return Taken(node, size, FINAL if stop is StopReason.user_done else OK, stop or line.exceeded())
    await line.run(message)
    results = [result for other in line.tree.nodes[node + 1 :] if (result := other.message.result) is not None]
    ended = next((call for call, result in zip(message.calls, results) if result.content == "ended" and _is_finish(line, call)), None)
    if ended is not None and ended.arguments["return_type"] == GIVE_UP:
        return Taken(node, size, GIVEN_UP, StopReason.gave_up)
    if ended is not None:
        line.say(str(ended.arguments["final_answer"]), {SEARCH: {"finish": True}})
        stop = await line.hear()
        return Taken(node, size, FINAL, stop or line.exceeded())
    codes = [STATUS.get(result.error, FAILED) for result in results if result.error is not None]
    return Taken(node, size, codes[-1] if codes else OK, line.exceeded())


def _is_finish(line: Line, call: ToolCall) -> bool:
    tool = line.own.get(call.name)
    return tool is not None and tool.spec.attributes.get(SEARCH) == "finish"


async def begin(line: Line, finish: bool) -> bool:
    """Lets the user open the conversation, and offers `Finish` if asked to. False when nothing follows (the line is ended)."""
    stop = await line.hear()
    if stop is not None:
        line.tree.lineage["chosen"] = await line.end(stop)
        return False
    if finish:
        line.offer([finish_tool(line)])
    return True


async def abreast(lines: Sequence[Line], work: Callable[[int, Line], Awaitable[T]]) -> list[T]:
    """Works on lines of one tree at the same time. What they record stands in the tree in the order of the lines, however
    long each took. Indices of nodes that the work returns hold in its line's own tree only: afterwards go by `line.at`.
    """
    if not lines:
        return []
    tree = lines[0].tree
    since = len(tree.nodes)
    for line in lines:
        line.tree = tree.apart()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_done(work(index, line))) for index, line in enumerate(lines)]
    except BaseExceptionGroup as broken:  # whoever waits knows nothing of tasks
        raise broken.exceptions[0] from None
    for line in lines:
        moved = tree.graft(line.tree, since)
        line.tree = tree
        if line.at is not None and line.at >= since:
            line.at += moved
    return [task.result() for task in tasks]


async def _done(work: Awaitable[T]) -> T:
    return await work


def same_action(first: Message, second: Message) -> bool:
    """Whether two replies do the same: equal calls, whatever their ids; or, with no calls, equal words."""
    if first.calls or second.calls:
        return [(call.name, call.arguments) for call in first.calls] == [(call.name, call.arguments) for call in second.calls]
    return first.text.split() == second.text.split()
