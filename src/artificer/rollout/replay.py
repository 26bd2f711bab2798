"""Proof by replay: a trace is run again from its start on a fresh world, and everything it claims is compared with
what happens.

What is compared: the digest of its content, every tool result, every call's effects, the net effects and the state at
the end, and the verdict of the same checks.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from artificer.checks.base import Check, Episode
from artificer.checks.suite import judge
from artificer.core.canon import canonical, digest
from artificer.core.messages import ToolCall
from artificer.core.tasks import Task
from artificer.core.trace import Node, Trace
from artificer.rollout.episode import offered
from artificer.worlds.base import World


class Replay(Struct, frozen=True):
    """What replaying one trace showed. `proven`: nothing differs and every check passes."""

    trace_id: str
    proven: bool
    differences: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def content_digest(nodes: Sequence[Node]) -> str:
    """Digest of everything said and done in a trace; kept in `lineage["content"]`."""
    return digest(list(nodes))


async def judged(task: Task, world: World, trace: Trace, checks: Sequence[Check]) -> Trace:
    """The trace with a verdict for every leaf, and the digest of its content."""
    verdicts = {}
    for leaf, nodes in trace.branches():
        verdicts[leaf] = await judge(
            Episode(task, offered(world.tools, task), nodes, trace.effects[leaf], trace.stop[leaf], world.policy, world.judge), checks
        )
    return msgspec.structs.replace(trace, verdicts=verdicts, lineage=trace.lineage | {"content": content_digest(trace.nodes)})


async def replay(task: Task, world: World, trace: Trace, checks: Sequence[Check]) -> Replay:
    """Re-executes every branch of `trace` and judges it anew."""
    differences: list[str] = []
    failed: list[str] = []
    if trace.task_id != task.id:
        differences.append(f"the trace belongs to the task {trace.task_id!r}")
    if trace.tools != world.toolset():
        differences.append("the world's tools are not those of the trace")
    if trace.lineage.get("content") != content_digest(trace.nodes):
        differences.append("the content is not what was recorded")
    for leaf, nodes in trace.branches():
        differences += await _branch(task, world, trace, leaf, nodes)
        stop, effects = trace.stop.get(leaf), trace.effects.get(leaf)
        if stop is None or effects is None or leaf not in trace.verdicts:
            differences.append(f"leaf {leaf}: no verdict, stop reason or effects")
            continue
        verdict = await judge(Episode(task, offered(world.tools, task), nodes, effects, stop, world.policy, world.judge), checks)
        if verdict != trace.verdicts[leaf]:
            differences.append(f"leaf {leaf}: the verdict is {verdict.score:g}, recorded {trace.verdicts[leaf].score:g}")
        failed += [f"{part.name}: {'; '.join(part.evidence[:3])}" for part in verdict.parts if not part.passed]
    return Replay(trace.id, not differences and not failed, tuple(differences), tuple(failed))


async def _branch(task: Task, world: World, trace: Trace, leaf: int, nodes: Sequence[Node]) -> list[str]:
    """Runs one branch's calls in a fresh session; what came out differently."""
    out: list[str] = []
    waiting: dict[str, ToolCall] = {}
    session = await world.open(task.start)
    try:
        for call in task.start.setup:
            await session.call(call, actor="setup")
        start = session.calls
        for index, node in enumerate(nodes):
            waiting |= {call.id: call for call in node.message.calls}
            recorded = node.message.result
            if recorded is None:
                continue
            call = waiting.pop(recorded.call_id, None)
            if call is None:
                out.append(f"message {index}: a result of no call")
                continue
            mark = session.calls
            result = await session.call(call)
            if canonical(result) != canonical(recorded):
                out.append(f"message {index}: {call.name!r} now returns something else")
            if node.effects and canonical(session.effects(mark)) != canonical(node.effects):
                out.append(f"message {index}: {call.name!r} now has other effects")
        if canonical(session.effects(start)) != canonical(trace.effects.get(leaf)):
            out.append("the net effects differ")
        if session.digest() != trace.state.get(leaf):
            out.append("the final state differs")
    finally:
        await session.close()
    if waiting:
        out.append(f"calls without a result: {', '.join(sorted(waiting))}")
    return out
