"""Decisions: single steps of proven traces, as rows to learn from and to be examined on.

A decision is one assistant message (a call, calls side by side, or words) with the conversation before it. Only branches that passed all their checks
give decisions, and a call that the world refused is never a target: it may stand in the context of the decision that mends it. The context is the
conversation with tool results cut to what matters (`models.prompt.shortened`, which looks only backwards, so a model in use can be shown the same);
when it is longer than its budget, the first user message and the newest messages stay. `prefix` holds every call made before, so that the state can
be made again. The tools offered are those that the branch used and a few others, drawn once for a trace: decisions of one trace share their
opening, which training makes use of (`training.batches`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from artificer.core.canon import rng, stable_id
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Start, Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.models.dialect import message_text
from artificer.models.prompt import result_text, shortened

Part = Literal["train", "test"]


class Decision(Struct, frozen=True, omit_defaults=True):
    """One step to learn or to be examined on.

    Args:
        id: of the trace and the node.
        world: the source string of the world.
        context: messages before the step, compact; no system message.
        tools: names of the tools offered, in the order shown.
        target: the message to be written. On steps with calls its text is left out.
        prefix: all calls made before on the branch.
        start: how the session begins.
        entities: rows concerned, for keeping parts apart.
        tags: of the task; and `"call"` or `"text"`.
    """

    id: str
    trace_id: str
    task_id: str
    world: str
    context: tuple[Message, ...]
    tools: tuple[str, ...]
    target: Message
    start: Start
    prefix: tuple[ToolCall, ...] = ()
    entities: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    part: Part = "train"


class Cut(Struct, frozen=True):
    """How decisions are cut from traces.

    Args:
        tools: how many tools are offered, when the branch itself did not use more.
        result: characters of a tool result that stay, about.
        context: characters of the conversation that stay, about.
        most: decisions after a longer conversation than this many characters (compact) are left out; 0 for none.
        text: whether words are targets too, besides calls.
        longest_text: words longer than this many characters are no targets.
        hidden: tools that must not be seen: traces that use them give nothing, and they are offered to nobody.
    """

    tools: int = 4
    result: int = 280
    context: int = 3200
    most: int = 0
    text: bool = True
    longest_text: int = 160
    hidden: tuple[str, ...] = ()


def decisions(task: Task, trace: Trace, tools: Sequence[ToolSpec], cut: Cut = Cut(), part: Part = "train") -> Iterator[Decision]:  # noqa: B008
    """The decisions of every passed branch of a trace, in order; a step shared by several branches once, and none after a
    call of the user's own. Calls of tools that a search added (`Finish`) are left out; the words they told the user
    count as the agent's.
    """
    seen: set[int] = set()
    own = {str(spec["name"]) for spec in trace.lineage.get("own_tools") or ()}
    for leaf in trace.leaves():
        verdict = trace.verdicts.get(leaf)
        path = _undivided(trace, _outward(trace, leaf, own) if own else trace.path(leaf))
        nodes = [trace.nodes[index] for index in path]
        used = {call.name for node in nodes for call in node.message.calls}
        if verdict is None or not verdict.passed or used & set(cut.hidden):
            continue
        offered = offer(used, [tool.name for tool in tools], cut, trace.id)
        messages = shortened([_bare(node.message) for node in nodes], cut.result)
        sizes = [_size(message) for message in messages]
        for at, index in enumerate(path):
            if cut.most and sum(sizes[:at]) > cut.most:
                break
            if index not in seen and _teaches(nodes, at, cut):
                seen.add(index)
                yield _decision(task, trace, messages, at, index, offered, cut, part)


def _outward(trace: Trace, leaf: int, own: Collection[str]) -> list[int]:
    """A path without the messages that only call tools of the search's own, and without their results."""
    path = trace.path(leaf)
    calls = {index: trace.nodes[index].message.calls for index in path}
    left_out = {index for index, made in calls.items() if made and all(call.name in own for call in made)}
    ids = {call.id for index in left_out for call in calls[index]}
    return [index for index in path if index not in left_out and ((result := trace.nodes[index].message.result) is None or result.call_id not in ids)]


def _undivided(trace: Trace, path: list[int]) -> list[int]:
    """A path up to the first call a user made with tools of their own: what comes after stands on a state that the
    agent's calls alone do not make again.
    """
    return path[: next((at for at, index in enumerate(path) if trace.nodes[index].message.role == "user" and trace.nodes[index].message.calls), None)]


def offer(used: Collection[str], names: Sequence[str], cut: Cut, key: str) -> tuple[str, ...]:
    """The tools used and some others, `cut.tools` together where there are as many, in an order of chance named by `key`."""
    chance = rng("offer", key)
    known = [name for name in names if name not in cut.hidden]
    others = [name for name in known if name not in used]
    chosen = [name for name in known if name in used]
    chosen += chance.sample(others, max(0, min(len(others), cut.tools - len(chosen))))
    chance.shuffle(chosen)
    return tuple(chosen)


def _teaches(nodes: Sequence[Node], at: int, cut: Cut) -> bool:
    """Whether the step at `at` may be a target."""
    node = nodes[at]
    told = node.sampled or node.notes.get("search", {}).get("finish", False)
    if node.message.role != "assistant" or not told or node.notes.get("error") == "injected":
        return False
    if not node.message.calls:
        return cut.text and 0 < len(node.message.text) <= cut.longest_text
    ids = {call.id for call in node.message.calls}
    results = [other.message.result for other in nodes[at + 1 : at + 1 + len(ids)]]
    return all(result is not None and result.error is None and result.call_id in ids for result in results)


def _decision(task: Task, trace: Trace, messages: Sequence[Message], at: int, index: int, offered: tuple[str, ...], cut: Cut, part: Part) -> Decision:
    """The decision at `at` of a branch; `messages` is the branch, bare and compact."""
    target = messages[at]
    entities = task.lineage.get("entities") or ()
    return Decision(
        id=stable_id("decision", trace.id, index),
        trace_id=trace.id,
        task_id=task.id,
        world=trace.world,
        context=tuple(window(messages[:at], cut.context)),
        tools=offered,
        target=target,
        start=task.start,
        prefix=tuple(call for message in messages[:at] for call in message.calls),
        entities=tuple(entities),
        tags=(*task.tags, "call" if target.calls else "text"),
        part=part,
    )


def _bare(message: Message) -> Message:
    """A message as it is learnt: no author; of an assistant message with calls, the calls alone."""
    text = "" if message.role == "assistant" and message.calls else message.content
    return msgspec.structs.replace(message, content=text, author=None, at=None, reasoning=None)


def window(messages: Sequence[Message], budget: int) -> list[Message]:
    """The messages, or when they are longer than `budget` characters: the first user message and the newest that fit, from a user or assistant
    message on."""
    sizes = [_size(message) for message in messages]
    if sum(sizes) <= budget or not messages:
        return list(messages)
    left = budget - sizes[0]
    start = len(messages)
    while start > 1 and (left >= sizes[start - 1] or start == len(messages)):
        start -= 1
        left -= sizes[start]
    while start > 1 and messages[start].role == "tool":  # a result without its call says little
        start -= 1
    return [messages[0], *messages[max(start, 1) :]]


def _size(message: Message) -> int:
    if message.result is not None:
        return len(result_text(message.result))
    return len(message_text(message) if message.role == "assistant" else message.text)


def balanced(rows: Iterable[Decision], texts: float, seed: int) -> list[Decision]:
    """All steps with calls, and as many with words alone as make up the share `texts` of the result; drawn by chance, order kept."""
    kept = list(rows)
    words = [row for row in kept if not row.target.calls]
    most = round((len(kept) - len(words)) * texts / max(1e-9, 1 - texts))
    if len(words) <= most:
        return kept
    chosen = {row.id for row in rng("balanced", seed).sample(words, most)}
    return [row for row in kept if row.target.calls or row.id in chosen]
