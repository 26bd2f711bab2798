"""Collect: order and concurrency change nothing; errors are made and mended; limits end what does not end."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from artificer.agents.base import View
from artificer.checks.suite import standard
from artificer.core.canon import canonical
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Task
from artificer.core.trace import Trace
from artificer.core.verdicts import ErrorKind, StopReason
from artificer.rollout.collect import collect
from artificer.rollout.episode import play
from artificer.rollout.line import Limits
from artificer.rollout.parties import agent_maker, user_maker
from artificer.run.stage import Reject
from artificer.synthesis.goals import GoalSpec, sample
from artificer.synthesis.tasks import worded
from artificer.worlds.base import World

CHECKS = tuple(check.name for check in standard())


@pytest.fixture(scope="module")
def world() -> World:
    return World.of("sqlite:chinook")


@pytest.fixture(scope="module")
def tasks(world) -> list[Task]:
    async def make() -> list[Task]:
        out = []
        for number in range(30):
            sampled = await sample(world, world.guide, str(number), GoalSpec(), seed=5)
            assert not isinstance(sampled, Reject)
            task = worded(sampled, CHECKS, 5, (1, 2))
            assert isinstance(task, Task)
            out.append(task)
        return out

    return asyncio.run(make())


async def gathered(tasks, world, **options) -> list[Trace]:
    agent = agent_maker("scripted:oracle", world.guide, error_rate=options.pop("errors", 0.0))
    return [trace async for trace in collect(tasks, world, agent=agent, user=user_maker(), **options)]


async def test_order_and_concurrency_change_nothing(tasks, world):
    one = sorted(canonical(trace) for trace in await gathered(tasks, world, concurrency=1))
    assert sorted(canonical(trace) for trace in await gathered(tasks[::-1], world, concurrency=50)) == one
    assert len(set(one)) == len(tasks)


async def test_trials_differ_in_words_and_agree_in_effects(tasks, world):
    traces = await gathered(tasks[:5], world, trials=4)
    assert len({trace.id for trace in traces}) == 20
    by_task = {task.id: {canonical(trace.effects[len(trace.nodes) - 1]) for trace in traces if trace.task_id == task.id} for task in tasks[:5]}
    assert all(len(effects) == 1 for effects in by_task.values())


async def test_injected_errors_are_refused_by_the_world_and_mended(tasks, world):
    traces = await gathered(tasks, world, errors=1.0)
    assert all(trace.passed for trace in traces)
    refused = [node.message.result for trace in traces for node in trace.nodes if node.message.result and node.message.result.error]
    assert len(refused) > len(tasks) / 3
    injected = {result.error for result in refused} - {ErrorKind.constraint}  # a delete that the database itself forbids
    assert injected <= {ErrorKind.mistyped_argument, ErrorKind.missing_argument, ErrorKind.not_found}
    assert all(trace.usage.errors == sum(bool(n.message.result and n.message.result.error) for n in trace.nodes) for trace in traces)


async def test_leaving_early_cancels_the_rest(tasks, world):
    agent = agent_maker("scripted:oracle", world.guide)
    async with aclosing(collect(tasks * 50, world, agent=agent, user=user_maker(), concurrency=4)) as traces:
        async for _ in traces:
            break
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


class _Repeats:
    """Calls the same tool for ever."""

    def __init__(self, arguments: dict) -> None:
        self.arguments = arguments
        self.calls = 0

    async def act(self, view: View) -> Message:
        self.calls += 1
        return Message("assistant", calls=(ToolCall(f"x{self.calls}", "search_tracks", self.arguments),))


@pytest.mark.parametrize(
    ("arguments", "limits", "stop"),
    [
        ({"limit": 1}, Limits(turns=5), StopReason.max_turns),
        ({"limit": 1}, Limits(calls=4), StopReason.max_calls),
        ({"limit": "many"}, Limits(errors=3), StopReason.too_many_errors),
    ],
)
async def test_what_does_not_end_is_ended_with_its_reason(tasks, world, arguments, limits, stop):
    trace = await play(tasks[0], world, lambda *_: _Repeats(arguments), user_maker(), limits=limits)
    assert trace.stop == {len(trace.nodes) - 1: stop}
    assert trace.usage.calls <= 5


class _Spy:
    """Keeps what it is shown and says goodbye."""

    seen: list[str]

    def __init__(self) -> None:
        self.seen = []

    async def act(self, view: View) -> Message:
        self.seen.append(repr(view))
        return Message("assistant", "I cannot help with that.")


async def test_nothing_private_reaches_an_agent(tasks, world):
    for task in tasks:
        spy = _Spy()
        await play(task, world, lambda *_, spy=spy: spy, user_maker())
        shown = " ".join(spy.seen)
        private = [line for key, line in task.goal.script.items() if key.startswith("ask:")]
        assert not [line for line in private if line in shown]
        assert "gold" not in shown
        assert task.id not in shown
