"""The scheduler: rows wait for nobody, begin a few at a time, and stop cleanly when a budget or the time is over."""

from __future__ import annotations

import asyncio
import gc
import io
import resource
from contextlib import asynccontextmanager
from functools import partial

import pytest

from artificer.core.errors import ArtificerError, BudgetSpent
from artificer.run.engine import execute
from artificer.run.local import each_row
from artificer.run.progress import Progress
from artificer.run.room import room_for
from artificer.run.stage import Reject, each, whole
from artificer.run.store import RunFolder


@asynccontextmanager
async def applying(function):
    async def row(key, item):
        return await function(key, item)

    yield row


def stage(function, name="play", **options):
    return each(name, partial(applying, function), keep=options.pop("keep", "out"), **options)


def run(path, stages, rows, **options):
    with RunFolder.create_or_continue(path, {"seed": 1}) as folder:
        return asyncio.run(execute(stages, [(f"{n:03}", n) for n in range(rows)], folder, **options))


def lines(path, name="out"):
    with RunFolder.open(path) as folder:
        return sorted(folder.read(name))


async def spends(key, item):
    """A module's function, so that worker processes can have it."""
    await asyncio.sleep(0.001)
    if item == 7:
        raise BudgetSpent("the budget of 7 requests is spent", remedy="raise it")
    return item * item


async def squares(key, item):
    return item * item


@pytest.mark.parametrize("engine", ["local", "processes:2"])
def test_a_spent_budget_stops_cleanly_and_the_run_continues(tmp_path, engine):
    summary = run(tmp_path / "a", [stage(spends)], 40, engine=engine, concurrency=4)
    assert not summary.complete
    assert summary.stopped.splitlines()[0] == "the budget of 7 requests is spent"
    kept = [key for key, _ in lines(tmp_path / "a")]
    assert "007" not in kept
    assert {f"{n:03}" for n in range(4)} <= set(kept)
    assert len(kept) < 20  # nothing new is begun
    rest = run(tmp_path / "a", [stage(squares)], 40)
    assert (rest.complete, rest.stopped) == (True, "")
    run(tmp_path / "b", [stage(squares)], 40)
    assert lines(tmp_path / "a") == lines(tmp_path / "b")


def test_rows_in_flight_are_finished_when_the_budget_is_spent(tmp_path):
    gate = asyncio.Event()

    async def row(key, item):
        if item == 0:
            await gate.wait()
            return "finished"
        if item == 1:
            gate.set()
            raise BudgetSpent("spent")
        return "begun too late"

    assert not run(tmp_path, [stage(row)], 9, concurrency=2).complete
    assert lines(tmp_path) == [("000", "finished")]


def test_a_budget_spent_in_a_whole_stops_before_it(tmp_path):
    def total(rows):
        raise BudgetSpent("spent")

    stages = [stage(squares), whole("total", total, keep="total")]
    summary = run(tmp_path, stages, 3)
    assert (summary.complete, summary.stopped, summary["total"].rows_out) == (False, "spent", 0)
    assert len(lines(tmp_path)) == 3


def test_a_bug_is_worth_more_than_a_spent_budget(tmp_path):
    begun = asyncio.Event()

    async def row(key, item):
        if item == 0:
            await begun.wait()
            raise BudgetSpent("spent")
        begun.set()
        await asyncio.sleep(0.01)
        raise ArtificerError("broken")

    with pytest.raises(ArtificerError, match="broken"):
        run(tmp_path, [stage(row)], 2, concurrency=2)


def test_when_the_minutes_are_over_nothing_is_begun_and_the_rest_is_left(tmp_path):
    async def row(key, item):
        await asyncio.sleep(0.02)
        return item

    summary = run(tmp_path, [stage(row)], 500, concurrency=1, minutes=0.1 / 60)
    assert not summary.complete
    assert summary.stopped == "the 0.00166667 minutes are over"
    assert 1 <= len(lines(tmp_path)) < 500
    assert run(tmp_path, [stage(squares)], 500).complete


def test_no_row_waits_for_another(tmp_path):
    """The first row ends when all others have: with batches it never would."""
    others = set(range(1, 100))
    alone = asyncio.Event()

    async def row(key, item):
        if item == 0:
            await alone.wait()
        others.discard(item)
        if not others:
            alone.set()
        return item

    assert run(tmp_path, [stage(row)], 100, concurrency=4).complete


async def test_the_first_rows_end_while_the_last_lanes_are_yet_to_begin():
    events = []

    async def play(row):
        events.append(("begin", row))
        for _ in range(4):
            await asyncio.sleep(0)
        events.append(("end", row))

    await each_row(play, iter(range(1000)), lambda: None, 1000)
    assert events.index(("end", 0)) < events.index(("begin", 100))
    assert len(events) == 2000


async def test_cancelling_leaves_no_row_behind():
    inside = set()

    async def play(row):
        inside.add(row)
        try:
            await asyncio.sleep(3600)
        finally:
            inside.discard(row)

    running = asyncio.create_task(each_row(play, iter(range(100)), lambda: None, 50))
    while len(inside) < 50:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not inside


def told(item):
    return {"requests": 4, "tokens": 3000.0, "usd": 0.25} | ({"error.timeout": 1} if item % 2 else {})


def test_what_stages_tell_is_summed_and_shown(tmp_path):
    async def row(key, item):
        return item if item < 8 else [item, item]

    stream = io.StringIO()
    run(tmp_path, [stage(row, tell=told)], 10, progress=Progress(stream))
    assert ", 48 requests, 36.0k tokens, $3.00, 6 errors (timeout 6)" in stream.getvalue().splitlines()[-1]


def test_the_time_left_is_said_in_what_it_is_long_in():
    from artificer.run.progress import _lasting

    assert [_lasting(seconds) for seconds in (7, 600, 9000)] == ["7 s", "10 min", "2.5 h"]


def test_room_is_given_back():
    before = gc.get_threshold(), resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = before[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (400, hard))
        with room_for(1000):
            assert gc.get_threshold()[0] >= 20_000
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(1256, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert gc.get_threshold() == before[0]


def rejecting(reason):
    async def row(key, item):
        return Reject(reason if item % 3 == 0 else "other") if item % 2 == 0 else [item, item]

    return row


def test_forgotten_rows_are_done_again_and_nothing_else(tmp_path):
    run(tmp_path / "a", [stage(rejecting("gone"))], 30)
    with RunFolder.create_or_continue(tmp_path / "a", {"seed": 1}) as folder:
        kept = dict(folder.read("out"))
        assert folder.forget("play", "out", ["gone"]) == 5
        assert folder.forget("play", "out", ["gone"]) == 0
        assert dict(folder.read("out")) == kept
        assert {row.reason for row in folder.rejects()} == {"other"}
        assert set(folder.family("out").done) == {f"{n:03}" for n in range(30) if n % 6}
    played = []

    async def again(key, item):
        played.append(item)
        return [item, item]

    summary = run(tmp_path / "a", [stage(again)], 30)
    assert sorted(played) == [0, 6, 12, 18, 24]
    assert (summary["play"].rows_in, summary["play"].rows_out, summary["play"].rejects) == (30, 40, {"other": 10})
    with RunFolder.open(tmp_path / "a") as folder:
        keys = [key for key, _ in folder.read("out")]
        assert len(set(keys)) == len(keys) == 40
        assert folder.torn == []


def test_forgetting_crosses_shards(tmp_path):
    with RunFolder.create_or_continue(tmp_path, {"seed": 1}, shard_bytes=200) as folder:
        asyncio.run(execute([stage(rejecting("gone"))], [(f"{n:03}", n) for n in range(60)], folder))
        assert len(list(tmp_path.glob("out-*.zst"))) > 3
        before = dict(folder.read("out"))
        assert folder.forget("play", "out", ["gone", "other"]) == 30
        assert dict(folder.read("out")) == before
        asyncio.run(execute([stage(squares)], [(f"{n:03}", n) for n in range(60)], folder))
        assert len(folder.keys("out")) == 60 + 30
    with RunFolder.open(tmp_path) as folder:
        assert len(folder.keys("out")) == 60 + 30
        assert list(folder.rejects()) == []
