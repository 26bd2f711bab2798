"""A copy of a trace that holds in this world: results are what the world gives now, effects and states are filled in.

What has another name now has it in later arguments and messages too. Lineage `repaired` says at which messages what
stood there. What was judged or counted of the old content (verdicts, tokens of what follows a change) is taken out: it
would be a claim about another conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct

from artificer.core.canon import Json, canonical
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.trace import Node, Trace
from artificer.rollout.foreign.alike import compare
from artificer.rollout.foreign.branch import made_again
from artificer.rollout.foreign.carried import Carried
from artificer.rollout.foreign.findings import Again, Ends, Now, Terms
from artificer.rollout.foreign.ignored import Likeness
from artificer.rollout.foreign.stale import Stale, stale
from artificer.rollout.replay import content_digest
from artificer.worlds.base import World

REPAIRED = "repaired"


class Repair(Struct, frozen=True, omit_defaults=True):
    """What became of a trace that was to be repaired.

    Args:
        trace: the copy; None where there is none, and `reason` (a fixed word) and `detail` say why.
        changed: messages that are not as they were.
        stale: messages that quote what is gone.
    """

    trace: Trace | None = None
    changed: int = 0
    stale: tuple[Stale, ...] = ()
    reason: str = ""
    detail: str = ""


async def repaired(world: World, trace: Trace, start: Start, terms: Terms, again: Again, ends: Ends, *, force: bool = False) -> Repair:
    """The copy of a trace that was made again with `keep`.

    Args:
        force: also where messages are stale; they are named in the lineage.
    """
    if again.verdict == "cannot":
        problem = next((problem for problem in again.problems if problem.level == "cannot"), None)
        return Repair(reason="cannot_run", detail=problem.what if problem is not None else "")
    results = {index: _result(now.result, recorded) for index, now in ends.now.items() if (recorded := _other(trace.nodes[index], now)) is not None}
    differing = {index for index in results if ends.now[index].level != "like"}
    nodes, changed = _nodes(trace, terms, ends, results)
    paths = [trace.path(leaf) for leaf in trace.leaves()] if differing else []
    found = {one.at: one for path in paths for one in stale(trace.nodes, nodes, path, differing, world.policy)}
    told = tuple(found[at] for at in sorted(found))
    if told and not force:
        return Repair(changed=len(results), stale=told, reason="stale", detail=f"message {told[0].at}: {told[0].why}")
    copy = _copy(world, trace, start, ends, nodes, changed, told)
    if copy.lineage.get(REPAIRED) == trace.lineage.get(REPAIRED):
        return Repair(copy)
    number = len(copy.lineage[REPAIRED][-1]["messages"])
    shown, _ = await made_again(world, copy, start, Terms())
    if shown.verdict != "exact" and terms.like != Likeness():  # a field that is never the same twice
        shown, _ = await made_again(world, copy, start, Terms(terms.like))
    if shown.verdict != "exact":
        why = shown.problems[0].what if shown.problems else ""
        return Repair(changed=number, stale=told, reason="unsteady", detail=f"the copy does not replay either: {why}")
    return Repair(copy, number, told)


def _other(node: Node, now: Now) -> ToolResult | None:
    """What was recorded where the world gives something else, be it only in what is no difference on demand; None where it is the same."""
    recorded = node.message.result
    assert recorded is not None
    same = now.level == "exact" and compare(recorded, now.result, now.call.name, Likeness(), Carried()).level == "exact"
    return None if same else recorded


def _result(now: ToolResult, recorded: ToolResult) -> ToolResult:
    """What the world gives now, under the record's call id."""
    return ToolResult(recorded.call_id, now.content, now.error, now.detail)


def _nodes(trace: Trace, terms: Terms, ends: Ends, results: dict[int, ToolResult]) -> tuple[list[Node], list[Json]]:
    """The copy's nodes, and what stood there where they are others."""
    changed: list[Json] = []
    nodes: list[Node] = []
    others = set[int]()
    for index, node in enumerate(trace.nodes):
        made, message = ends.now.get(index), ends.said.get(index, node.message)
        if message is not node.message:
            was = {"content": node.message.content, "reasoning": node.message.reasoning}
            changed.append({"at": index, "said": msgspec.to_builtins({name: value for name, value in was.items() if value is not None})})
        again = ends.made.get(index, {})
        calls = tuple([again.get(nth) or terms.names.of(call) for nth, call in enumerate(message.calls)])
        if calls != message.calls:
            changed.append({"at": index, "calls": msgspec.to_builtins(_were(message.calls, calls))})
            message = msgspec.structs.replace(message, calls=calls)
        if index in results:
            changed.append({"at": index, "tool": made.call.name if made is not None else "", "was": msgspec.to_builtins(message.result)})
            message = msgspec.structs.replace(message, result=results[index])
        effects = made.effects if made is not None else node.effects
        if node.effects and canonical(node.effects) != canonical(effects):
            changed.append({"at": index, "effects": msgspec.to_builtins(node.effects)})
        if message is not node.message or node.parent in others:
            others.add(index)
        nodes.append(msgspec.structs.replace(node, message=message, tokens=None if index in others else node.tokens, effects=effects))
    return nodes, changed


def _copy(world: World, trace: Trace, start: Start, ends: Ends, nodes: Sequence[Node], changed: list[Json], told: tuple[Stale, ...]) -> Trace:
    changed = changed + [
        {"at": leaf, "effects": msgspec.to_builtins(was)} for leaf, was in trace.effects.items() if canonical(was) != canonical(ends.effects[leaf])
    ]
    changed += [{"at": leaf, "state": was} for leaf, was in trace.state.items() if was != ends.state[leaf]]
    return msgspec.structs.replace(
        trace,
        world=world.name,
        tools=world.toolset(),
        nodes=tuple(nodes),
        verdicts={} if changed else trace.verdicts,
        effects=ends.effects,
        state=ends.state,
        lineage=_lineage(trace, start, nodes, changed, told),
    )


def _lineage(trace: Trace, start: Start, nodes: Sequence[Node], changed: list[Json], told: tuple[Stale, ...]) -> dict[str, Json]:
    """The copy's lineage: where it begins, and what was there where something has changed."""
    lineage: dict[str, Json] = {**trace.lineage, "content": content_digest(nodes)}
    if start != Start():
        lineage["start"] = msgspec.to_builtins(start)
    if not changed:
        return lineage
    note: dict[str, Any] = {"messages": changed}
    if told:
        note["stale"] = msgspec.to_builtins(told)
    if trace.verdicts:
        note["verdicts"] = msgspec.to_builtins(trace.verdicts, str_keys=True)
    before = trace.lineage.get(REPAIRED)
    return lineage | {REPAIRED: [*(cast("list[Json]", before) if isinstance(before, list) else []), note]}


def _were(calls: tuple[ToolCall, ...], now: tuple[ToolCall, ...]) -> list[ToolCall]:
    """Of calls with other names now, those that differ, as they were."""
    return [before for before, after in zip(calls, now, strict=True) if before != after]
