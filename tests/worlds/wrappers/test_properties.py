"""What holds for wrapped worlds whatever is called in them: transparency, isolation, determinism, harmlessness."""

from __future__ import annotations

import asyncio
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.worlds.base import World
from artificer.worlds.wrappers.base import Wrapped

QUIET = (
    "faults:rate=0",
    "noise",
    "distractors:k=0",
    "budget:calls=100000,told=false",
    "approval:policy=always",
    'scramble:what=""',
    "clock",
)
"""Wrappers that are told to do nothing (a clock only stamps messages)."""
LOUD = (
    "faults:rate=0.7,kinds=timeout+rate_limit+server+malformed+truncated+drift,permanent=0.2,streak=2",
    "noise:results=0.7,before=3",
    "distractors:k=7,kind=mixed",
    "budget:calls=5,each=3",
    "approval:policy=never",
    "approval:policy=ask",
    "scramble:seed=5",
    "clock:gap=0.5,fresh=30,cache=30",
    "missing_function:tools=update_*+get_genre,until=2",
    "missing_parameter:parameters=update_track.unit_price,until=2",
)
CALLS = st.one_of(
    st.builds(lambda key: ("get_track", {"track_id": key}), st.integers(1, 3)),
    st.builds(lambda key, price: ("update_track", {"track_id": key, "unit_price": price}), st.integers(1, 3), st.sampled_from([0.5, 1.5, -1, "x"])),
    st.builds(lambda name: ("create_genre", {"name": name}), st.sampled_from(["Folk", "Ska", None])),
    st.builds(lambda key: ("delete_genre", {"genre_id": key}), st.sampled_from([1, 999])),
    st.sampled_from([("get_genre", {"genre_id": 1}), ("search_genres", {}), ("nothing_there", {}), ("get_track", {"wrong": 1})]),
    st.just(("say", {})),
)
RUNS = st.lists(CALLS, max_size=8)
common = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def world(*pipes: str) -> World:
    return World.of(" | ".join(("sqlite:chinook", *pipes)))


def outward(world: World, call: ToolCall) -> ToolCall:
    """A call of the innermost world in the names of a wrapped one."""
    if not isinstance(world, Wrapped):
        return call
    return world.outward(outward(world.inner, call))


async def step(session, where, number, name, arguments):
    """Makes one call, or has the user and the agent say something; all that can be seen of it."""
    if name == "say":
        heard = [session.hear(Message("assistant", "Shall I?")), session.hear(Message("user", "Yes."))] if hasattr(session, "hear") else []
        return ("said", heard)
    result = await session.call(outward(where, ToolCall(f"c{number}", name, arguments)))
    return result, session.digest(), session.effects(), session.calls, session.notes() if hasattr(session, "notes") else {}


async def played(session, where, run):
    return [await step(session, where, number, *call) for number, call in enumerate(run)]


@pytest.mark.parametrize("pipe", QUIET)
@common
@given(run=RUNS, seed=st.integers(0, 3))
def test_a_quiet_wrapper_is_not_there(pipe, run, seed):
    plain, wrapped = world(), world(pipe)
    assert (wrapped.toolset(), wrapped.policy, wrapped.forks) == (plain.toolset(), plain.policy, plain.forks)
    assert list(wrapped.tools) == list(plain.tools)

    async def both():
        bare, session = await plain.open(Start(seed)), await wrapped.open(Start(seed))
        assert session.before() == ()
        assert list(session.shown(wrapped.tools)) == list(plain.tools)
        for number, (name, arguments) in enumerate(run):
            seen = await step(session, wrapped, number, name, arguments)
            if name != "say":
                assert seen == await step(bare, plain, number, name, arguments)

    asyncio.run(both())


@pytest.mark.parametrize("pipe", LOUD)
@common
@given(first=RUNS, left=RUNS, right=RUNS)
def test_forks_go_their_own_ways(pipe, first, left, right):
    """A fork goes on as its parent would have, and neither sees what the other does."""
    where = world(pipe)

    async def check():
        session = await where.open(Start(1))
        await played(session, where, first)
        fork = await session.fork()
        seen = [], []
        for number in range(max(len(left), len(right))):  # in turn, so that what leaks would show
            for side, run, out in ((session, left, seen[0]), (fork, right, seen[1])):
                if number < len(run):
                    out.append(await step(side, where, number, *run[number]))
        for run, out in ((left, seen[0]), (right, seen[1])):
            alone = await where.open(Start(1))
            await played(alone, where, first)
            assert await played(alone, where, run) == out

    asyncio.run(check())


@pytest.mark.parametrize("pipe", LOUD)
@common
@given(runs=st.lists(RUNS, min_size=2, max_size=3), order=st.randoms(use_true_random=False))
def test_sessions_do_not_depend_on_each_other(pipe, runs, order):
    where = world(pipe)

    async def check():
        alone = [await played(await where.open(Start(seed)), where, run) for seed, run in enumerate(runs)]
        sessions = [await where.open(Start(seed)) for seed in range(len(runs))]
        together: list[list[object]] = [[] for _ in runs]
        turns = [index for index, run in enumerate(runs) for _ in run]
        order.shuffle(turns)
        for index in turns:
            number = len(together[index])
            together[index].append(await step(sessions[index], where, number, *runs[index][number]))
        assert together == alone

    asyncio.run(check())


@pytest.mark.parametrize("pipe", LOUD)
@common
@given(run=RUNS)
def test_what_was_refused_or_faulted_changed_nothing(pipe, run):
    where = world(pipe)

    async def check():
        session = await where.open(Start(2))
        for number, (name, arguments) in enumerate(run):
            mark, before = session.calls, session.digest()
            seen = await step(session, where, number, name, arguments)
            if name != "say" and seen[0].error is not None:
                assert session.digest() == before
                assert session.effects(mark) == ()

    asyncio.run(check())


@common
@given(run=RUNS, what=st.sampled_from(["tools", "parameters", "tools+parameters", "order", "tools+parameters+order+types"]), seed=st.integers(0, 2))
def test_scrambled_names_are_a_bijection(run, what, seed):
    """What is done in other names is the same, and can be read back."""
    plain, other = world(), world(f"scramble:what={what},seed={seed}")
    assert len({tool.name for tool in other.tools}) == len(plain.tools)

    async def check():
        bare, session = await plain.open(Start()), await other.open(Start())
        for number, (name, arguments) in enumerate(run):
            if name == "say":
                continue
            call = ToolCall(f"c{number}", name, arguments)
            assert other.inward(other.outward(call)) == call
            expected, result = await bare.call(call), await session.call(other.outward(call))
            assert (result.error, other.understood(result).content) == (expected.error, expected.content)
            assert (session.digest(), session.effects()) == (bare.digest(), bare.effects())

    asyncio.run(check())


@given(
    content=st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner))
)
def test_any_result_can_be_read_back(content):
    other = world("scramble:seed=1")
    assert other.understood(other.answered(ToolResult("c", content))).content == content


def test_order_of_wrappers_matters():
    """A budget within faults counts what reached it; a budget around them counts what was tried."""

    async def calls(*pipes):
        where = world(*pipes)
        session = await where.open(Start())
        return [(await session.call(ToolCall("c", "get_genre", {"genre_id": key}))).detail for key in range(1, 5)]

    fault, spent = "no answer within", "the budget is spent"
    within = asyncio.run(calls("budget:calls=2", "faults:timeout=1"))
    around = asyncio.run(calls("faults:timeout=1", "budget:calls=2"))
    assert [detail[: len(fault)] for detail in within] == [fault] * 4
    assert [detail.startswith(fault) for detail in around] == [True, True, False, False]
    assert all(detail.startswith(spent) for detail in around[2:])
