"""What a format cannot hold of a given trace: named (`lost`), and taken away (`held`), so that "identity for what the
format can hold" is a sentence with a meaning: reading what was written gives `held(item, format)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from artificer.core.messages import Image, Message, Part, Text
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace, Usage
from artificer.formats.account import Account
from artificer.formats.base import HOLDS, NOTED, Format, Item, message_events, says, toolset_digest
from artificer.formats.broken import without_broken
from artificer.formats.order import in_order

MOST = 1 << 20
"""Nodes that the branches of one trace are written out to."""
_NOTHING = Usage()
TOO_MANY = f"branches of one trace beyond {MOST:,} messages in all: what they share is written again and again"


NOT_PASSED = "branches that did not pass (asked for with --all)"


def chosen(trace: Trace, every: bool = False) -> list[int]:
    """The leaves whose branches are written where each is a row: the passed ones; all where nothing was judged, or with `every`."""
    leaves = trace.leaves()
    return [leaf for leaf in leaves if leaf in trace.verdicts and trace.verdicts[leaf].passed] if trace.verdicts and not every else leaves


def _is_chain(nodes: Sequence[Node]) -> bool:
    """Whether each node follows the one before it."""
    before = None
    for at, node in enumerate(nodes):
        if node.parent != before:
            return False
        before = at
    return before is not None


def branches(item: Item, account: Account, *, every: bool = False) -> Iterator[Item]:
    """The chosen branches, each as an item of its own; what belongs to no chosen branch is dropped by name."""
    trace = item.trace
    if (every or not trace.verdicts) and _is_chain(trace.nodes):
        yield item
        return
    leaves = chosen(trace, every)
    if len(leaves) == 1 and len(trace.path(leaves[0])) == len(trace.nodes):
        yield item
        return
    few = within(trace, leaves)
    taken = {index for leaf in few for index in trace.path(leaf)}
    left = sum(message_events(node.message) for index, node in enumerate(trace.nodes) if index not in taken)
    account.drop(NOT_PASSED if len(few) == len(leaves) else TOO_MANY, left)
    leaves = few
    seen = set[int]()
    for leaf in leaves:
        path = trace.path(leaf)
        account.shared += sum(message_events(trace.nodes[index].message) for index in path if index in seen)
        seen.update(path)
        nodes = tuple(msgspec.structs.replace(trace.nodes[index], parent=at - 1 if at else None) for at, index in enumerate(path))
        name = trace.id if len(leaves) == 1 else f"{trace.id}/{leaf}"
        last = len(nodes) - 1
        yield Item(
            msgspec.structs.replace(
                trace,
                id=name,
                nodes=nodes,
                verdicts={last: trace.verdicts[leaf]} if leaf in trace.verdicts else {},
                stop={last: trace.stop[leaf]} if leaf in trace.stop else {},
                effects={last: trace.effects[leaf]} if leaf in trace.effects else {},
                state={last: trace.state[leaf]} if leaf in trace.state else {},
            ),
            item.tools,
        )


def within(trace: Trace, leaves: Sequence[int]) -> list[int]:
    """The first leaves whose branches have no more than `MOST` nodes together: a comb of n nodes has some n * n / 8 in its branches."""
    depth: list[int] = []
    for node in trace.nodes:
        depth.append(1 if node.parent is None or node.parent >= len(depth) else depth[node.parent] + 1)
    kept: list[int] = []
    total = 0
    for leaf in leaves:
        total += depth[leaf]
        if total > MOST and kept:
            break
        kept.append(leaf)
    return kept


def one_branch(item: Item) -> Item:
    """The branch that stands for a trace where only one can: the first that passed, else the last."""
    trace = item.trace
    leaves = trace.leaves()
    if len(leaves) == 1 and len(trace.path(leaves[0])) == len(trace.nodes):
        return item
    leaf = next((leaf for leaf in leaves if leaf in trace.verdicts and trace.verdicts[leaf].passed), leaves[-1])
    nodes = tuple(msgspec.structs.replace(trace.nodes[index], parent=at - 1 if at else None) for at, index in enumerate(trace.path(leaf)))
    return Item(msgspec.structs.replace(trace, nodes=nodes), item.tools)


def with_policy(items: Iterable[Item], policy: str) -> Iterator[Item]:
    """Items with a policy as the first message, where there is one."""
    for item in items:
        if not policy:
            yield item
            continue
        moved = [msgspec.structs.replace(node, parent=0 if node.parent is None else node.parent + 1) for node in item.trace.nodes]
        leaves = {name: {leaf + 1: value for leaf, value in getattr(item.trace, name).items()} for name in ("verdicts", "stop", "effects", "state")}
        nodes = (Node(None, Message("system", policy)), *moved)
        yield Item(msgspec.structs.replace(item.trace, nodes=nodes, **leaves), item.tools)


def suited(item: Item, form: Format, account: Account) -> Item:
    """A branch without the messages, and the calls, that a format has no place for at all; each is dropped by name."""
    item = without_broken(item, form, account)
    holds = form.holds
    if {"user_calls", "system", "opening"} <= holds:
        return item
    roles = {node.message.role for node in item.trace.nodes}
    if ("system" not in roles or {"system", "opening"} <= holds) and not any(
        node.message.calls for node in item.trace.nodes if node.message.role == "user"
    ):
        return item
    kept: list[Node] = []
    theirs: set[str] = set()
    for node in item.trace.nodes:
        message = node.message
        if message.role == "system":
            began = all(one.message.role == "system" for one in kept)
            name = "opening" if began else "system"
            if name not in holds:
                account.drop(HOLDS[name], 1)
                continue
        if message.role == "user" and message.calls and "user_calls" not in holds:
            account.drop(HOLDS["user_calls"], len(message.calls))
            theirs |= {call.id for call in message.calls}
            message = msgspec.structs.replace(message, calls=())
            if not says(message) and message.reasoning is None:
                continue
            node = msgspec.structs.replace(node, message=message)
        elif message.result is not None and message.result.call_id in theirs:
            account.drop("results of calls made by the user", 1)
            continue
        kept.append(msgspec.structs.replace(node, parent=len(kept) - 1 if kept else None))
    if len(kept) == len(item.trace.nodes) and not theirs:
        return item
    return Item(msgspec.structs.replace(item.trace, nodes=tuple(kept), verdicts={}, stop={}, effects={}, state={}), item.tools)


def _adjacent(nodes: Sequence[Node]) -> bool:
    roles = [node.message.role for node in nodes]
    return any(before == after == "assistant" for before, after in pairwise(roles))


def lost(item: Item, form: Format) -> list[str]:
    """Which of `HOLDS` a trace has and the format does not hold."""
    holds = form.holds
    if len(holds) == len(HOLDS):
        return []
    trace = item.trace
    had: list[str] = []
    if trace.world or trace.seed or trace.task_id != trace.id or trace.usage != _NOTHING:
        had.append("task")
    if trace.verdicts or trace.stop:
        had.append("verdicts")
    if trace.effects or trace.state:
        had.append("effects")
    if trace.lineage and set(trace.lineage) != {"extra"}:
        had.append("lineage")
    told = form.told
    for node in trace.nodes:
        _had(node, had)
        if form.bare and node.notes:
            had.append("notes")
        if told is not None and _misread(told, node.message):
            had.append("words")
            told = None
    if "adjacent" not in holds and _adjacent(trace.nodes):
        had.append("adjacent")
    for tool in item.tools:
        had.append("tools")
        if tool.returns is not None or tool.effect != "unknown" or tool.attributes or tool.examples:
            had.append("tool_details")
    return [name for name in dict.fromkeys(had) if name not in holds]


def _misread(told: Callable[[Message], Message], message: Message) -> bool:
    plain = message if isinstance(message.content, str) else msgspec.structs.replace(message, content=message.text)
    found = told(plain)
    return found is not plain and found != plain


def _had(node: Node, had: list[str]) -> None:
    message = node.message
    if node.tokens is not None:
        had.append("tokens")
    if node.state is not None or node.effects:
        had.append("effects")
    if node.notes and set(node.notes) != {"extra"}:
        had += [NOTED.get(name, "notes") for name in node.notes if name != "extra"]
    if node.sampled != (message.role == "assistant"):
        had.append("sampled" if message.role == "assistant" else "played")
    if message.reasoning is not None:
        had.append("reasoning")
    if message.author is not None:
        had.append("author")
    if message.at is not None:
        had.append("at")
    _had_said(message, had)


def _had_said(message: Message, had: list[str]) -> None:
    if message.calls:
        if len(message.calls) > 1:
            had.append("parallel")
        if message.content:
            had.append("beside")
        if message.role == "user":
            had.append("user_calls")
        had.append("call_ids")
    if not isinstance(message.content, str):
        user = message.role == "user"
        had += ["images" if user and isinstance(part, Image) else "parts" for part in message.content if not isinstance(part, Text)]
        if not any(isinstance(part, Image) for part in message.content):
            had.append("parts")
    elif not message.content and not message.calls and message.role != "tool":
        had.append("empty")
    if message.result is not None:
        had.append("call_ids")
    if message.result is not None and (message.result.error is not None or not isinstance(message.result.content, str)):
        had.append("errors" if message.result.error is not None else "results")


def held(item: Item, form: Format) -> Item:
    """The trace as the format can hold it. Only for items with one branch, or formats that hold several.

    Raises:
        ValueError: it cannot at all: see `in_order`.
    """
    holds, trace = form.holds, item.trace
    tools = tuple(_tool(tool, holds) for tool in item.tools) if "tools" in holds else ()
    task = "task" in holds
    verdicts, effects = "verdicts" in holds, "effects" in holds
    kept = Item(
        Trace(
            id=trace.id,
            task_id=trace.task_id if task else trace.id,
            world=trace.world if task else "",
            tools=toolset_digest(tools),
            nodes=_nodes(in_order(item, form, Account()).trace.nodes, form),
            verdicts=trace.verdicts if verdicts else {},
            stop=trace.stop if verdicts else {},
            effects=trace.effects if effects else {},
            state=trace.state if effects else {},
            lineage=trace.lineage if "lineage" in holds else {key: value for key, value in trace.lineage.items() if key == "extra"},
        ),
        tools,
    )
    return Item(msgspec.structs.replace(kept.trace, usage=trace.usage, seed=trace.seed), tools) if task else kept


def _tool(tool: ToolSpec, holds: frozenset[str]) -> ToolSpec:
    return tool if "tool_details" in holds else ToolSpec(tool.name, tool.description, tool.parameters)


def _nodes(nodes: Sequence[Node], form: Format) -> tuple[Node, ...]:
    kept = [_node(node, form.holds) for node in nodes]
    if form.bare:
        kept = [msgspec.structs.replace(node, notes={}) for node in kept]
    if form.told is not None:
        kept = [msgspec.structs.replace(node, message=form.told(node.message)) for node in kept]
    if "call_ids" in form.holds:
        return tuple(kept)
    made: list[Node] = []
    for index, node in enumerate(kept):  # without ids, results belong to calls by their order
        message = node.message
        if message.result is not None:
            message = msgspec.structs.replace(message, result=msgspec.structs.replace(message.result, call_id=answered(made)))
        calls = tuple(msgspec.structs.replace(call, id=f"c{index}.{at}") for at, call in enumerate(message.calls))
        made.append(msgspec.structs.replace(node, message=msgspec.structs.replace(message, calls=calls)))
    return tuple(made)


def answered(nodes: Sequence[Node]) -> str:
    """The id of the call that the next result answers, where results follow the order of the calls; "" when all are answered."""
    behind = 0
    for one in reversed(nodes):
        if one.message.role == "tool":
            behind += 1
            continue
        calls = one.message.calls
        return calls[behind].id if behind < len(calls) else ""
    return ""


def _node(node: Node, holds: frozenset[str]) -> Node:
    effects, assistant = "effects" in holds, node.message.role == "assistant"
    return Node(
        node.parent,
        _message(node.message, holds),
        node.state if effects else None,
        node.sampled if ("sampled" if assistant else "played") in holds else assistant,
        node.effects if effects else (),
        node.tokens if "tokens" in holds else None,
        node.notes if "notes" in holds else {key: value for key, value in node.notes.items() if key == "extra" or NOTED.get(key) in holds},
    )


def _message(message: Message, holds: frozenset[str]) -> Message:
    changed: dict[str, Any] = {}
    for name in ("reasoning", "author", "at"):
        if name not in holds and getattr(message, name) is not None:
            changed[name] = None
    if not isinstance(message.content, str) and "parts" not in holds:
        changed["content"] = _content(message, "images" in holds)
    return msgspec.structs.replace(message, **changed) if changed else message


def _content(message: Message, images: bool) -> str | tuple[Part, ...]:
    assert not isinstance(message.content, str)
    if not images or message.role != "user" or not any(isinstance(part, Image) for part in message.content):
        return message.text
    return tuple(part for part in message.content if isinstance(part, Text | Image))
