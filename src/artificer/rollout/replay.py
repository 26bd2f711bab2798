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

from artificer.checks.base import Check
from artificer.checks.suite import judge
from artificer.core.canon import canonical, digest
from artificer.core.tasks import Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import UNDECIDED, Verdict
from artificer.rollout.past import episode_of, opened, repeated
from artificer.rollout.tree import own_specs
from artificer.worlds.base import World


class Replay(Struct, frozen=True):
    """What replaying one trace showed. `proven`: nothing differs, and every check of the answer passes (of every branch,
    when no search chose one).
    """

    trace_id: str
    proven: bool
    differences: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    opinions: int = 0
    """Parts of verdicts that only a judge can decide and that were taken as recorded, since there is none here."""


def content_digest(nodes: Sequence[Node]) -> str:
    """Digest of everything said and done in a trace; kept in `lineage["content"]`."""
    return digest(list(nodes))


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
    opinions = 0
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
        verdict, taken = _with_opinions(await judge(episode_of(task, world, nodes, effects, stop, own), checks), trace.verdicts[leaf])
        opinions += taken
        if verdict != trace.verdicts[leaf]:
            differences.append(f"leaf {leaf}: the verdict is {verdict.score:g}, recorded {trace.verdicts[leaf].score:g}")
        if searched and leaf != trace.answer:
            continue
        failed += [f"{part.name}: {'; '.join(part.evidence[:3])}" for part in verdict.parts if not part.passed]
    return Replay(trace.id, not differences and not failed, tuple(differences), tuple(failed), opinions)


def _with_opinions(verdict: Verdict, recorded: Verdict) -> tuple[Verdict, int]:
    """The verdict with recorded parts for those that are undecided without a judge and were decided with one; how many."""
    known = {part.name: part for part in recorded.parts if not part.numbers.get(UNDECIDED)}
    taken = [part.name for part in verdict.parts if part.numbers.get(UNDECIDED) and part.name in known]
    if not taken:
        return verdict, 0
    return Verdict.of(tuple(known[part.name] if part.name in taken else part for part in verdict.parts)), len(taken)


async def _branch(task: Task, world: World, trace: Trace, leaf: int, nodes: Sequence[Node], own: Sequence[ToolSpec]) -> list[str]:
    """Runs one branch's calls in a fresh session; what came out differently."""
    session = await opened(task, world, own)
    try:
        start = session.calls
        out = await repeated(session, nodes, own)
        if canonical(session.effects(start)) != canonical(trace.effects.get(leaf)):
            out.append("the net effects differ")
        if session.digest() != trace.state.get(leaf):
            out.append("the final state differs")
    finally:
        await session.close()
    return out
