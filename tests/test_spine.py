"""The spine holds: a thousand seeds of two worlds are solved by the oracle and proven; every tampering is found; other right paths pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from artificer.agents.hearing import Hearing
from artificer.agents.oracle import Oracle
from artificer.checks.base import Episode
from artificer.checks.suite import judge, standard
from artificer.core.canon import canonical
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Task
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import StopReason, Verdict
from artificer.recipes.synthesis.cove import Knobs, source, stages
from artificer.rollout.episode import episode_rng, play
from artificer.rollout.line import offered
from artificer.rollout.parties import user_maker
from artificer.rollout.replay import judged, replay
from artificer.run.engine import execute
from artificer.run.store import RunFolder
from artificer.worlds.base import World

N = 1000
WORLDS = ("domain:retail", "sqlite:chinook")
Made = tuple[World, list[tuple[Task, Trace]]]


def synthesise(folder, world: str, n: int, seed: int, engine: str = "local", concurrency: int = 64) -> list[tuple[str, bytes]]:
    """The run's lines, sorted: tasks and traces."""
    knobs = Knobs(world=world, n=n, seed=seed)
    with RunFolder.create_or_continue(folder, {"recipe": "cove", "world": world, "seed": seed}) as run:
        asyncio.run(execute(stages(knobs), source(knobs), run, engine=engine, concurrency=concurrency))
        return sorted((f"{name}:{key}", canonical(item)) for name, kind in (("tasks", Task), ("traces", Trace)) for key, item in run.read(name, kind))


@pytest.fixture(scope="module", params=WORLDS)
def made(request, tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("spine")
    first = synthesise(folder / "run", request.param, N, seed=7)
    assert synthesise(folder / "again", request.param, N, seed=7, engine="processes:2") == first
    with RunFolder.open(folder / "run") as run:
        tasks = dict(run.read("tasks", Task))
        return World.of(request.param), [(tasks[key], trace) for key, trace in run.read("traces", Trace, ordered=True)]


def test_the_oracle_is_proven_on_nearly_every_seed(made: Made):
    _, pairs = made
    assert len(pairs) >= 0.97 * N
    assert all(trace.passed for _, trace in pairs)
    assert len({task.prompt for task, _ in pairs}) >= 0.9 * len(pairs)
    turns = [sum(node.message.role == "user" for node in trace.nodes) for _, trace in pairs]
    assert sum(turns) / len(turns) >= 3


def test_every_trace_is_proven_again_on_a_fresh_world(made: Made):
    world, pairs = made

    async def run() -> list[str]:
        shown = [await replay(task, world, trace, standard()) for task, trace in pairs]
        return [f"{one.trace_id}: {one.differences} {one.failed}" for one in shown if not one.proven]

    assert asyncio.run(run()) == []


Edit = Callable[[Task, Trace], list[Message] | None]


async def rejudged(world: World, task: Task, script: list[Message]) -> Verdict:
    """Executes a dialogue's calls anew and judges what came of it."""
    session = await world.open(task.start)
    nodes: list[Node] = []

    def add(message: Message, **fields) -> None:
        nodes.append(Node(len(nodes) - 1 if nodes else None, message, **fields))

    for message in script:
        add(message, sampled=message.role == "assistant")
        for call in message.calls:
            mark = session.calls
            result = await session.call(call)
            add(Message("tool", result=result), effects=session.effects(mark))
    verdict = await judge(Episode(task, offered(world.tools, task), nodes, session.effects(), StopReason.user_done, world.policy), standard())
    await session.close()
    return verdict


def spoken(trace: Trace) -> list[Message]:
    return [node.message for node in trace.nodes if node.message.role != "tool"]


def writes(trace: Trace) -> list[str]:
    """Ids of the calls that changed something."""
    return [node.message.result.call_id for node in trace.nodes if node.effects and node.message.result]


def without(messages: list[Message], ids: set[str]) -> list[Message]:
    out = []
    for message in messages:
        calls = tuple(call for call in message.calls if call.id not in ids)
        if calls or not message.calls:
            out.append(msgspec.structs.replace(message, calls=calls))
    return out


def failing(world: World, edits: list[tuple[Task, list[Message]]]) -> list[set[str]]:
    async def run() -> list[set[str]]:
        return [{part.name for part in (await rejudged(world, task, script)).parts if not part.passed} for task, script in edits]

    return asyncio.run(run())


def test_the_dialogues_as_they_are_pass_when_they_are_executed_anew(made: Made):
    world, pairs = made
    assert failing(world, [(task, spoken(trace)) for task, trace in pairs[:200]]) == [set()] * 200


def test_removing_any_write_fails(made: Made):
    world, pairs = made
    edits = [(task, without(spoken(trace), {removed})) for task, trace in pairs for removed in writes(trace)]
    assert len(edits) > N / 3
    assert all("reached" in failed for failed in failing(world, edits))


def test_adding_a_write_fails(made: Made):
    world, pairs = made
    gold = [(task, task.gold[0]) for task, _ in pairs if task.gold]
    edits = []
    for index, (task, trace) in enumerate(pairs):
        other, call = gold[(index * 7 + 1) % len(gold)]
        cells = {(effect.table, effect.key) for effect in task.goal.effects} & {(effect.table, effect.key) for effect in other.goal.effects}
        if other.id != task.id and not cells:
            script = spoken(trace)
            extra = Message("assistant", "One more thing.", calls=(ToolCall("extra", call.name, call.arguments),))
            edits.append((task, [*script[:-1], extra, script[-1]]))
    assert len(edits) > 0.8 * N
    outcome = failing(world, edits)
    took = [failed for failed in outcome if "nothing_else" in failed]
    refused = [failed for failed in outcome if "nothing_else" not in failed]
    assert len(took) > 0.8 * len(edits)
    assert all("confirmed" in failed or "grounded" in failed or not failed for failed in refused)


def test_guessing_an_id_fails(made: Made):
    world, pairs = made
    edits = []
    for task, trace in pairs:
        changed = set(writes(trace))
        reads = {call.id for message in spoken(trace) for call in message.calls} - changed
        named = [call for message in spoken(trace) for call in message.calls if call.id in changed and refers(world, call)]
        if named and reads:
            edits.append((task, without(spoken(trace), reads)))
    assert len(edits) > N / 4
    assert all("grounded" in failed for failed in failing(world, edits))


def refers(world: World, call: ToolCall) -> bool:
    """Whether the call takes a surrogate id."""
    spec = next(tool for tool in world.tools if tool.name == call.name)
    return any("x-ref" in spec.parameters["properties"].get(name, {}) for name in call.arguments)


class _LastFirst(Hearing):
    """Takes up the wants of a message in reverse order: another right path."""

    def listen(self, messages, since: int = 0) -> None:
        before = len(self.wants)
        super().listen(messages, since)
        self.wants[before:] = self.wants[before:][::-1]


def test_serving_the_wants_in_another_order_passes(made: Made):
    world, pairs = made
    chosen = [task for task, _ in pairs if len(task.goal.wants) > 1][:150]
    assert len(chosen) == 150

    async def run() -> list[str]:
        failed = []
        for task in chosen:
            at_once = msgspec.structs.replace(task, goal=msgspec.structs.replace(task.goal, pace=len(task.goal.wants)))

            def agent(task: Task, world: World, trial: int) -> Oracle:
                assert world.guide is not None
                ops = tuple(want.op for want in task.goal.wants)
                return Oracle(world.guide, _LastFirst(task.goal.facts), ops, episode_rng(task, trial, "agent"))

            trace = await judged(at_once, world, await play(at_once, world, agent, user_maker()), standard())
            failed += [f"{task.id}: {part.name} {part.evidence}" for part in trace.verdicts[len(trace.nodes) - 1].parts if not part.passed]
        return failed

    failed = asyncio.run(run())
    # Another order may make a later description ambiguous, which is then asked about; it must not make effects wrong.
    assert len(failed) <= 5, failed


@pytest.mark.parametrize("world", WORLDS)
def test_the_same_seed_gives_the_same_bytes_however_it_is_run(world: str, tmp_path):
    first = synthesise(tmp_path / "a", world, 120, seed=11, concurrency=1)
    assert synthesise(tmp_path / "b", world, 120, seed=11, concurrency=500) == first
    assert synthesise(tmp_path / "c", world, 120, seed=11, engine="processes:2", concurrency=10) == first
    other = synthesise(tmp_path / "d", world, 120, seed=12)
    assert {line for _, line in other} & {line for _, line in first} == set()


def test_a_tampered_trace_is_found(made: Made):
    world, pairs = made

    def tampered(trace: Trace, index: int, message: Message) -> Trace:
        nodes = list(trace.nodes)
        nodes[index] = msgspec.structs.replace(nodes[index], message=message)
        return msgspec.structs.replace(trace, nodes=tuple(nodes))

    async def run() -> int:
        found = 0
        for task, trace in pairs[:100]:
            text = next(i for i, node in enumerate(trace.nodes) if node.message.role == "assistant" and node.message.content)
            said = tampered(trace, text, msgspec.structs.replace(trace.nodes[text].message, content="Trust me."))
            forged = msgspec.structs.replace(trace, effects=dict.fromkeys(trace.effects, ()), verdicts=trace.verdicts)
            found += not (await replay(task, world, said, standard())).proven
            found += not trace.effects[len(trace.nodes) - 1] or not (await replay(task, world, forged, standard())).proven
        return found

    assert asyncio.run(run()) == 200
