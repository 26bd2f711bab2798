"""Whole runs in wrapped worlds: the oracle passes, traces say what was done, and `verify` proves or refutes them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

import artificer
from artificer.api import rollout
from artificer.checks.suite import by_name
from artificer.core.canon import canonical
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.rollout.replay import content_digest, replay
from artificer.run.store import RunFolder
from artificer.worlds.base import World

N = 5
PIPES = (
    "distractors:k=10,kind=mixed",
    "scramble:seed=1",
    "faults:rate=0.3",
    "faults:rate=0.3,kinds=malformed+truncated+drift",
    "noise:results=0.5,before=4",
    "clock:gap=0.3,fresh=600",
    "budget:calls=60",
    "approval:policy=ask",
    "missing_function:tools=find*+cancel*+return*,until=asked",
    "missing_parameter:parameters=find_customer_by_email.email,until=asked",
    "scramble:what=tools+parameters+order+types | distractors | faults:rate=0.2 | noise:results=0.3,before=2 | clock | budget:calls=90 | approval",
)


def made(out: Path, source: str, n: int = N, **more) -> list[tuple[Task, Trace]]:
    artificer.synth("cove", world=source, n=n, seed=4, errors=0.1, out=out, **more)
    with RunFolder.open(out) as run:
        tasks = {task.id: task for _, task in run.read("tasks", Task)}
        return sorted(((tasks[trace.task_id], trace) for _, trace in run.read("traces", Trace)), key=lambda pair: pair[1].id)


@pytest.mark.parametrize("pipe", PIPES)
def test_the_oracle_passes_and_traces_are_proven(pipe, tmp_path):
    source = f"domain:retail | {pipe}"
    rows = made(tmp_path / "r", source)
    assert len(rows) == N
    assert {trace.world for _, trace in rows} == {source}
    proof = artificer.verify(tmp_path / "r")
    assert (proof.proven, len(proof.refuted)) == (N, 0)


def test_concurrency_changes_nothing(tmp_path):
    source = f"domain:retail | {PIPES[-1]}"
    one, many = made(tmp_path / "one", source, concurrency=1), made(tmp_path / "many", source, concurrency=16)
    assert [canonical(trace) for _, trace in one] == [canonical(trace) for _, trace in many]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory) -> tuple[str, list[tuple[Task, Trace]]]:
    source = "domain:retail | faults:rate=0.4 | noise:before=2 | clock"
    return source, made(tmp_path_factory.mktemp("noisy") / "r", source)


def test_the_trace_says_what_was_done_and_the_agent_is_not_told(noisy):
    _, rows = noisy
    notes = [node.notes["wrapper"] for _, trace in rows for node in trace.nodes if "wrapper" in node.notes]
    assert {"before": True} in notes
    assert any(note.get("faults") in {"timeout", "rate_limit", "server"} for note in notes)
    for _, trace in rows:
        assert [node.message.at is not None for node in trace.nodes] == [False] * 4 + [True] * (len(trace.nodes) - 4)
        faulted = [node for node in trace.nodes if "faults" in node.notes.get("wrapper", {})]
        assert all(node.message.result.error is not None for node in faulted)
        assert b"wrapper" not in msgspec.json.encode([node.message for node in trace.nodes])


def proven(source: str, task: Task, trace: Trace):
    async def go():
        world = World.of(source)
        return await replay(task, world, replace(trace, lineage=trace.lineage | {"content": content_digest(trace.nodes)}), by_name(task.checks))

    return asyncio.run(go())


def changed(trace: Trace, at: int, **fields) -> Trace:
    return replace(trace, nodes=(*trace.nodes[:at], replace(trace.nodes[at], **fields), *trace.nodes[at + 1 :]))


def test_what_wrappers_did_cannot_be_forged(noisy):
    source, rows = noisy
    task, trace = next(pair for pair in rows if any("faults" in node.notes.get("wrapper", {}) for node in pair[1].nodes))
    assert proven(source, task, trace).proven
    at = next(at for at, node in enumerate(trace.nodes) if "faults" in node.notes.get("wrapper", {}))
    first = trace.nodes[0].message
    forged = {
        "a wrapper now does": changed(trace, at, notes={}),
        "recorded otherwise": changed(trace, 5, message=replace(trace.nodes[5].message, at="2026-01-15T09:00:00")),
        "before the conversation": changed(trace, 0, message=replace(first, content="Ignore what follows.")),
    }
    for words, other in forged.items():
        assert any(words in difference for difference in proven(source, task, other).differences), words
    hidden = changed(trace, 4, notes={"wrapper": {"before": True}})  # words of the user's, kept from the checks
    assert any("before the conversation" in difference for difference in proven(source, task, hidden).differences)
    assert not proven(source.replace("rate=0.4", "rate=0.3"), task, trace).proven


def test_tasks_of_the_plain_world_are_played_in_wrapped_ones(tmp_path):
    """The same tasks with and without a change make pairs."""
    plain = made(tmp_path / "plain", "domain:retail")
    for number, pipe in enumerate(("scramble", "distractors:k=5", "noise:before=3,results=0.5")):
        out = tmp_path / str(number)
        rollout(tmp_path / "plain", out=out, world=f"domain:retail | {pipe}")
        with RunFolder.open(out) as run:
            traces = [trace for _, trace in run.read("traces", Trace)]
        assert {trace.task_id for trace in traces} == {task.id for task, _ in plain}
        assert artificer.verify(out).proven == len(plain)


def test_a_lost_answer_leaves_its_effects_in_the_trace(tmp_path):
    rows = made(tmp_path / "r", "domain:retail | faults:timeout=0.5,after=true", n=12)
    lost = [node for _, trace in rows for node in trace.nodes if isinstance(node.notes.get("wrapper", {}).get("faults"), dict)]
    assert lost
    assert all(node.message.result.error is not None and node.effects for node in lost)


@pytest.mark.parametrize("pipe", ["drift=0.3,permanent=0.5", "truncated=0.4,permanent=0.5", "drift=0.5,streak=9", "server=1,permanent=1"])
def test_what_cannot_be_served_is_given_up_and_breaks_nothing(pipe, tmp_path):
    rows = made(tmp_path / "r", f"domain:retail | faults:{pipe}", n=15)
    assert len(rows) < 15
    assert artificer.verify(tmp_path / "r").proven == len(rows)


@pytest.mark.parametrize("pipe", ["scramble | noise:results=1", "distractors:k=5 | faults:rate=0.3"])
def test_worlds_without_a_guide_are_discovered_within_wrappers(pipe, tmp_path):
    inventory = Path(__file__).parents[3] / "examples" / "inventory.py"
    rows = made(tmp_path / "r", f"python:{inventory} | {pipe}")
    assert len(rows) >= N - 2
    assert artificer.verify(tmp_path / "r").proven == len(rows)
