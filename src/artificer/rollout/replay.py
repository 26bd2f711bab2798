"""Proof by replay: a trace is run again from its start on a fresh world, and everything it claims is compared with
what happens. Every branch of a search is run again; that the checks pass is asked of the answer alone.

What is compared: the digest of its content, every tool result, every call's effects, the net effects and the state at
the end, the verdict of the same checks, and all that the wrappers of a world did: what they put before the
conversation, how they stamped messages, what they noted of calls.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from artificer.checks.base import Check, Episode
from artificer.checks.constraints.session import AUTHOR, kept
from artificer.checks.constraints.stated import stated
from artificer.checks.suite import judge
from artificer.core.canon import canonical, digest
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Effect, Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import StopReason
from artificer.rollout.line import BEFORE, WRAPPER, offered
from artificer.rollout.search.steps import again
from artificer.rollout.tree import own_specs
from artificer.worlds.base import Attending, Session, World, begun


class Replay(Struct, frozen=True):
    """What replaying one trace showed. `proven`: nothing differs, and every check of the answer passes (of every branch,
    when no search chose one).
    """

    trace_id: str
    proven: bool
    differences: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def content_digest(nodes: Sequence[Node]) -> str:
    """Digest of everything said and done in a trace; kept in `lineage["content"]`."""
    return digest(list(nodes))


def conversation(nodes: Sequence[Node]) -> Sequence[Node]:
    """The nodes as checks see them: what a wrapper put before the conversation nobody said, so it is blanked out; so are
    the words that give an answer back, which are no user's.
    """
    since = _before(nodes)
    if not since and not any(node.message.author == AUTHOR for node in nodes):
        return nodes
    return [*(Node(node.parent, Message("system", "...")) for node in nodes[:since]), *(_blanked(node) for node in nodes[since:])]


def _blanked(node: Node) -> Node:
    message = node.message
    return Node(node.parent, Message("user", "...", author=AUTHOR)) if message.role == "user" and message.author == AUTHOR else node


def _before(nodes: Sequence[Node]) -> int:
    """How many messages stand before the conversation."""
    return next((index for index, node in enumerate(nodes) if node.notes.get(WRAPPER) != BEFORE), len(nodes))


def episode_of(
    task: Task, world: World, nodes: Sequence[Node], effects: tuple[Effect, ...], stop: StopReason, own: Sequence[ToolSpec] = ()
) -> Episode:
    """A finished branch as checks see it. `own` are the tools that the branch's lines answered themselves."""
    return Episode(task, [*offered(world.tools, task), *own], conversation(nodes), effects, stop, world.policy, world.judge, world.user_tools)


async def judged(task: Task, world: World, trace: Trace, checks: Sequence[Check]) -> Trace:
    """The trace with a verdict for every leaf, and the digest of its content."""
    verdicts = {}
    for leaf, nodes in trace.branches():
        verdicts[leaf] = await judge(episode_of(task, world, nodes, trace.effects[leaf], trace.stop[leaf], own_specs(trace)), checks)
    return msgspec.structs.replace(trace, verdicts=verdicts, lineage=trace.lineage | {"content": content_digest(trace.nodes)})


async def replay(task: Task, world: World, trace: Trace, checks: Sequence[Check]) -> Replay:
    """Re-executes every branch of `trace` and judges it anew."""
    differences: list[str] = []
    failed: list[str] = []
    own = own_specs(trace)
    searched = "chosen" in trace.lineage
    if searched and trace.answer not in trace.verdicts:
        failed.append("search: it chose no branch")
    if {tool.name for tool in own} & {tool.name for tool in world.tools}:
        differences.append("the world has a tool that the trace calls its own")
    if trace.task_id != task.id:
        differences.append(f"the trace belongs to the task {trace.task_id!r}")
    if trace.tools != world.toolset():
        differences.append("the world's tools are not those of the trace")
    if trace.lineage.get("content") != content_digest(trace.nodes):
        differences.append("the content is not what was recorded")
    for leaf, nodes in trace.branches():
        differences += await _branch(task, world, trace, leaf, nodes, own)
        stop, effects = trace.stop.get(leaf), trace.effects.get(leaf)
        if stop is None or effects is None or leaf not in trace.verdicts:
            differences.append(f"leaf {leaf}: no verdict, stop reason or effects")
            continue
        verdict = await judge(episode_of(task, world, nodes, effects, stop, own), checks)
        if verdict != trace.verdicts[leaf]:
            differences.append(f"leaf {leaf}: the verdict is {verdict.score:g}, recorded {trace.verdicts[leaf].score:g}")
        if searched and leaf != trace.answer:
            continue
        failed += [f"{part.name}: {'; '.join(part.evidence[:3])}" for part in verdict.parts if not part.passed]
    return Replay(trace.id, not differences and not failed, tuple(differences), tuple(failed))


async def _branch(task: Task, world: World, trace: Trace, leaf: int, nodes: Sequence[Node], own: Sequence[ToolSpec]) -> list[str]:
    """Runs one branch's calls in a fresh session; what came out differently."""
    out: list[str] = []
    own_tools = {spec.name: tool for spec in own if (tool := again(spec)) is not None}
    waiting: dict[str, tuple[ToolCall, str]] = {}
    rules = stated(task)
    session = kept(await begun(world, task.start), rules, [*offered(world.tools, task), *own])
    try:
        start = session.calls
        attending = session if isinstance(session, Attending) else None
        since = _before(nodes)
        if canonical(attending.before() if attending is not None else ()) != canonical([node.message for node in nodes[:since]]):
            out.append("something else stands before the conversation now")
        for index, node in enumerate(nodes[since:], since):
            actor = "user" if node.message.role == "user" else "agent"
            waiting |= {call.id: (call, actor) for call in node.message.calls}
            recorded = node.message.result
            if recorded is None:
                out += _heard(attending, index, node)
                continue
            made = waiting.pop(recorded.call_id, None)
            if made is None:
                out.append(f"message {index}: a result of no call")
                continue
            call, by = made
            tool = own_tools.get(call.name) if by == "agent" else None
            if tool is not None:
                out += [] if canonical(tool.result(call)) == canonical(recorded) else [f"message {index}: {call.name!r} returns something else"]
            else:
                out += await _called(session, attending, index, call, by, node)
            out += _heard(attending, index, node)
        if canonical(session.effects(start)) != canonical(trace.effects.get(leaf)):
            out.append("the net effects differ")
        if session.digest() != trace.state.get(leaf):
            out.append("the final state differs")
    finally:
        await session.close()
    if waiting:
        out.append(f"calls without a result: {', '.join(sorted(waiting))}")
    return out


async def _called(session: Session, attending: Attending | None, index: int, call: ToolCall, actor: str, node: Node) -> list[str]:
    """Makes a recorded call; what came out differently."""
    out: list[str] = []
    mark = session.calls
    result = await session.call(call, actor)
    if canonical(result) != canonical(node.message.result):
        out.append(f"message {index}: {call.name!r} now returns something else")
    if node.effects and canonical(session.effects(mark)) != canonical(node.effects):
        out.append(f"message {index}: {call.name!r} now has other effects")
    if attending is not None and canonical(attending.notes()) != canonical(node.notes.get(WRAPPER, {})):
        out.append(f"message {index}: a wrapper now does something else to {call.name!r}")
    return out


def _heard(attending: Attending | None, index: int, node: Node) -> list[str]:
    """Lets a session hear a recorded message; whether it would be recorded otherwise now."""
    if attending is None or canonical(attending.hear(node.message)) == canonical(node.message):
        return []
    return [f"message {index}: it would be recorded otherwise now"]
