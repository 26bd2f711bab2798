"""Additive increase, multiplicative decrease: by hand, and that nobody is left waiting."""

from __future__ import annotations

import asyncio

import pytest

from artificer.models.endpoints.pace import Pace


async def rounds(pace: Pace, factors: list[float | None]) -> list[float]:
    """Each factor ends one full round: as many requests as the limit lets in, all with it; the limit after each."""
    limits: list[float] = []
    for factor in factors:
        entered = [await pace.enter() for _ in range(int(pace.limit))]
        for one in entered:
            pace.leave(one, factor)
        limits.append(round(pace.limit, 3))
    return limits


async def test_it_doubles_until_trouble_and_then_grows_by_a_step() -> None:
    pace = Pace(most=64, start=4)  # a step is 64 / 32 = 2
    assert await rounds(pace, [1.0, 1.0]) == [8.0, 16.0]
    assert await rounds(pace, [0.5]) == [8.0], "all sixteen failed together: halved once"
    grown = await rounds(pace, [1.0, 1.0])
    assert grown[0] == pytest.approx(8 + 2, abs=0.25)
    assert grown[1] == pytest.approx(8 + 4, abs=0.5)


async def test_it_never_falls_below_one_nor_grows_above_most() -> None:
    pace = Pace(most=4, start=4)
    assert await rounds(pace, [0.5] * 4) == [2.0, 1.0, 1.0, 1.0]
    assert (await rounds(pace, [1.0] * 9))[-1] == 4.0


async def test_what_says_nothing_changes_nothing() -> None:
    assert await rounds(Pace(most=8, start=4), [None]) == [4.0]


async def test_requests_of_an_earlier_round_shrink_it_no_further() -> None:
    pace = Pace(most=8, start=8)
    first = [await pace.enter() for _ in range(8)]
    pace.leave(first[0], 0.5)
    assert pace.limit == 4.0
    for one in first[1:]:
        pace.leave(one, 0.5)
    assert pace.limit == 4.0
    pace.leave(await pace.enter(), 0.5)
    assert pace.limit == 1.0, "now only one was in flight: that is what was too much"


async def test_first_come_first_served_and_cancelled_ones_take_no_room() -> None:
    pace = Pace(most=1, start=1)
    order: list[int] = []

    async def one(number: int) -> None:
        entered = await pace.enter()
        order.append(number)
        await asyncio.sleep(0)
        pace.leave(entered, 1.0)

    tasks = [asyncio.create_task(one(number)) for number in range(6)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 1, 3, 4, 5]
    assert pace.busy == 0


async def test_cancelled_between_being_let_in_and_waking_up() -> None:
    pace = Pace(most=1, start=1)
    entered = await pace.enter()
    waiting = asyncio.create_task(pace.enter())
    await asyncio.sleep(0)
    pace.leave(entered, 1.0)  # lets it in
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert pace.busy == 0
    pace.leave(await asyncio.wait_for(pace.enter(), 1), 1.0)


def test_a_rest_is_kept_by_all_and_ends(in_virtual_time) -> None:
    async def main() -> tuple[list[float], float]:
        loop = asyncio.get_running_loop()
        pace = Pace(most=4, start=4)
        pace.rest(10)
        pace.rest(3)  # the longer one counts
        began = loop.time()

        async def one() -> float:
            pace.leave(await pace.enter(), 1.0)
            return loop.time() - began

        return await asyncio.gather(*(one() for _ in range(6))), pace.resting

    (times, resting), _ = in_virtual_time(main)
    assert all(10 <= moment < 10.5 for moment in times)
    assert resting == 0
