"""`verify` on runs that were tampered with: every kind of tampering is found, and nothing else is blamed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

import artificer
from artificer.core.messages import ToolResult
from artificer.core.tasks import Task
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import Verdict
from artificer.rollout.proof import Proof
from artificer.rollout.replay import content_digest
from artificer.run.frames import Note
from artificer.run.store import RunFolder

Pair = tuple[Task | None, Trace | None]


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("proof") / "run"
    artificer.synth("cove", world="domain:retail", n=12, seed=2, impossible=0.0, out=run)
    return run


def tampered(honest: Path, out: Path, change: Callable[[Task, Trace], Pair], one: int = 3) -> tuple[Proof, str]:
    """A copy of a run in which row `one` is changed; its proof, and the id of the trace concerned."""
    with RunFolder.open(honest) as run, RunFolder.create_or_continue(out, {k: v for k, v in run.manifest.items() if k != "format"}) as copy:
        tasks, traces = dict(run.read("tasks", Task)), dict(run.read("traces", Trace))
        chosen = sorted(traces)[one]
        for key, task in sorted(tasks.items()):
            pair: Pair = (task, traces.get(key))
            if key == chosen:
                pair = change(task, traces[key])
            for name, item in zip(("tasks", "traces"), pair):
                if item is not None:
                    copy.commit(name, Note(key, (key,)), msgspec.json.encode({"key": key, "item": item}) + b"\n")
    return artificer.verify(out), traces[chosen].id


def sealed(trace: Trace, nodes: tuple[Node, ...]) -> Trace:
    """Changed nodes with a content digest to match: what somebody would do who knows how traces are kept."""
    return replace(trace, nodes=nodes, lineage=trace.lineage | {"content": content_digest(nodes)})


def another_result(task: Task, trace: Trace) -> Pair:
    at = next(at for at, node in enumerate(trace.nodes) if node.message.result is not None)
    message = replace(trace.nodes[at].message, result=ToolResult(trace.nodes[at].message.result.call_id, content={"rows": []}))
    return task, sealed(trace, (*trace.nodes[:at], replace(trace.nodes[at], message=message), *trace.nodes[at + 1 :]))


def another_word(task: Task, trace: Trace) -> Pair:
    first = replace(trace.nodes[0], message=replace(trace.nodes[0].message, content=trace.nodes[0].message.text + "!"))
    return task, replace(trace, nodes=(first, *trace.nodes[1:]))


def a_better_verdict(task: Task, trace: Trace) -> Pair:
    return task, replace(trace, verdicts={leaf: Verdict(1.0, True) for leaf in trace.verdicts})


def no_effects(task: Task, trace: Trace) -> Pair:
    return task, replace(trace, effects=dict.fromkeys(trace.effects, ()))


def another_state(task: Task, trace: Trace) -> Pair:
    return task, replace(trace, state=dict.fromkeys(trace.state, "0" * 16))


def an_easier_goal(task: Task, trace: Trace) -> Pair:
    return replace(task, goal=replace(task.goal, effects=())), trace


def no_checks(task: Task, trace: Trace) -> Pair:
    return replace(task, checks=()), replace(trace, verdicts={leaf: Verdict(1.0, True) for leaf in trace.verdicts})


def an_unknown_check(task: Task, trace: Trace) -> Pair:
    return replace(task, checks=("wishful",)), trace


def nothing_happened(task: Task, trace: Trace) -> Pair:
    return task, replace(sealed(trace, ()), verdicts={}, effects={}, stop={}, state={})


def a_loop(task: Task, trace: Trace) -> Pair:
    return task, sealed(trace, (replace(trace.nodes[0], parent=5), *trace.nodes[1:]))


def of_another_task(task: Task, trace: Trace) -> Pair:
    return replace(task, id="task-000000000000"), trace


def of_other_tools(task: Task, trace: Trace) -> Pair:
    return task, replace(trace, tools="0" * 32)


def without_its_task(task: Task, trace: Trace) -> Pair:
    return None, trace


CHANGES = [
    another_result,
    another_word,
    a_better_verdict,
    no_effects,
    another_state,
    no_checks,
    an_unknown_check,
    nothing_happened,
    a_loop,
    of_another_task,
    of_other_tools,
    without_its_task,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_tampered_trace_is_refuted_and_no_other(honest, tmp_path, change):
    proof, culprit = tampered(honest, tmp_path / "run", change)
    assert [refuted.trace_id for refuted in proof.refuted] == [culprit]
    assert all(refuted.differences or refuted.failed for refuted in proof.refuted)
    assert proof.proven == len(artificer.verify(honest).refuted) + artificer.verify(honest).proven - 1
    assert not proof.holds


def test_a_tampered_goal_is_refuted(honest, tmp_path):
    with RunFolder.open(honest) as run:
        tasks = dict(run.read("tasks", Task))
        writes = next(at for at, key in enumerate(sorted(run.keys("traces"))) if tasks[key].goal.effects)
    proof, culprit = tampered(honest, tmp_path / "run", an_easier_goal, writes)
    assert [refuted.trace_id for refuted in proof.refuted] == [culprit]
    assert "gold calls" in " ".join(proof.refuted[0].differences)


def test_a_removed_trace_is_missing(honest, tmp_path):
    proof, _ = tampered(honest, tmp_path / "run", lambda task, trace: (task, None))
    assert (proof.missing, proof.refuted) == (1, ())
    assert not proof.holds


def test_the_honest_copy_holds_in_one_process_and_in_two(honest, tmp_path):
    proof, _ = tampered(honest, tmp_path / "run", lambda task, trace: (task, trace))
    assert proof.holds
    assert artificer.verify(honest, engine="processes:2") == artificer.verify(honest, engine="local") == proof


def test_a_damaged_shard_is_said(honest, tmp_path):
    import shutil

    shutil.copytree(honest, tmp_path / "run")
    shard = next((tmp_path / "run").glob("traces-*"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 0xFF
    shard.write_bytes(data)
    proof = artificer.verify(tmp_path / "run")
    assert not proof.holds
    assert proof.damaged or proof.missing
