"""Rows out with workers that may be lost, without any cluster: what is left of a row, who takes it, when it is given up."""

import asyncio
import pickle

import msgspec
import pytest
import ray_rows
import run_chains
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.core.errors import MissingExtra, SourceError
from artificer.run.chain import Outcome, RowFailed, Work, open_chain, parts_of
from artificer.run.failures import Failure, failure_of, raised
from artificer.run.inflight import LOST_NODES, TRIES, Bell, Feed, Hand, UnderWay
from artificer.run.ray_worker import Actor, Finished, Given, Leg, Order, Report, Setup
from artificer.run.store import Dropped, Rejected

CHAIN = parts_of(run_chains.stages())[0]
TYPES = [None, *(link.last.of for link in CHAIN)]


def outcomes_of(work):
    made = []

    async def play():
        async with open_chain(CHAIN) as runner:
            await runner.play(work, made.append)

    asyncio.run(play())
    return made


def decoded(link, item):
    return msgspec.json.decode(item) if TYPES[link] is None else msgspec.json.decode(item, type=TYPES[link])


def stable(outcomes):
    return [(o.link, o.of, o.keys, o.lines, o.dropped, o.outs) for o in outcomes]


@settings(max_examples=60, deadline=None)
@given(number=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_a_row_goes_on_elsewhere_wherever_it_is_cut(number, cuts):
    """Card 44, check 6: what crosses a hop is bytes, and another worker continues with the identical next state."""
    whole = outcomes_of(Work(0, f"{number}", number))
    row = UnderWay(0, Work(0, f"{number}", number), msgspec.json.encode(number), 0)
    seen = []
    for cut in [*cuts, 10_000]:
        legs = tuple(Leg(link, key, row.payload if item is None else item) for link, key, item in row.legs())
        order = msgspec.msgpack.decode(msgspec.msgpack.encode(Order(0, legs)), type=Order)
        given = [o for leg in order.legs for o in outcomes_of(Work(leg.link, leg.key, decoded(leg.link, leg.item)))][:cut]
        for outcome in msgspec.msgpack.decode(msgspec.msgpack.encode(given), type=list[Outcome]):
            row.gave(outcome, len(CHAIN))
            seen.append(outcome)
        row.lost(with_node=False)
        if row.through:
            break
    assert row.through
    assert stable(seen) == stable(whole)  # nothing is missing, and nothing was made twice


def test_what_was_not_due_is_a_bug():
    row = UnderWay(0, Work(0, "a", 1), b"1", 1)
    with pytest.raises(RuntimeError, match="'b' at link 0 when 'a' at 0 was due"):
        row.gave(Outcome(0, "b", (), b"", Dropped(), (), ()), 2)


def test_the_last_try_is_alone_and_then_the_row_is_given_up():
    async def play():
        feed = Feed([Work(0, f"{n}", n) for n in range(4)], lambda item: item, 1 << 20)
        first = Hand(3)
        assert [row.number for row in feed.take(first)] == [0, 1, 2]
        for _ in range(TRIES - 1):
            for row in first.rows.values():
                row.lost(with_node=False)
        feed.back(first.rows.values())
        second = Hand(3)
        assert [row.number for row in feed.take(second)] == [3]  # no suspect goes beside another row
        feed.through(second.rows.pop(3))
        assert [row.number for row in feed.take(second)] == [0]  # and only one at a time
        assert not second.limited
        assert second.full
        assert [row.number for row in feed.take(Hand(3))] == [1]
        row = second.rows[0]
        row.lost(with_node=False)
        assert row.hopeless
        outcome = row.given_up(CHAIN, "out of memory")
        (line,) = msgspec.json.Decoder(Rejected).decode_lines(outcome.dropped.lines)
        assert (line.key, line.stage, line.reason, line.item) == ("0", "split", "lost_worker", 0)
        assert line.detail == "3 workers died while they played it, the last one alone: out of memory"
        row.gave(outcome, len(CHAIN))
        assert row.through

    asyncio.run(play())


def test_a_child_is_given_up_alone_and_its_sisters_go_on():
    row = UnderWay(0, Work(0, "3", 3), b"3", 1)
    split = outcomes_of(Work(0, "3", 3))[0]
    row.gave(split, len(CHAIN))
    assert split.keys == ("3/0", "3/1", "3/2")
    for _ in range(TRIES):
        row.lost(with_node=False)
    outcome = row.given_up(CHAIN, "killed, or crashed")
    assert (outcome.link, outcome.of, outcome.outs) == (1, "3/0", (0, 0))
    (line,) = msgspec.json.Decoder(Rejected).decode_lines(outcome.dropped.lines)
    assert (line.stage, line.item["number"]) == ("dress", 3)
    row.gave(outcome, len(CHAIN))
    assert [key for _, key, _ in row.legs()] == ["3/1", "3/2"]
    assert not row.suspect  # their own tries begin anew


def test_machines_that_vanish_are_not_the_rows_fault():
    row = UnderWay(0, Work(0, "a", 1), b"1", 1)
    for _ in range(LOST_NODES - 1):
        assert not row.hopeless
        row.lost(with_node=True)
    assert row.suspect
    row.lost(with_node=True)
    assert row.hopeless  # but there is an end


def test_the_source_is_pulled_only_as_there_is_room_in_rows_and_bytes():
    async def play():
        pulled = []

        def endless():
            for n in range(10**9):
                pulled.append(n)
                yield Work(0, f"{n}", "x" * 98)  # 100 bytes of JSON

        feed = Feed(endless(), lambda item: item, 250)
        one, two = Hand(2), Hand(100)
        assert len(feed.take(one)) == 2
        assert len(feed.take(two)) == 1  # 300 bytes are out
        assert len(pulled) == 3
        assert len(feed.take(Hand(5))) == 1  # but nobody is left idle
        bell = feed.changed.next()
        feed.through(one.rows.pop(0))
        assert bell.done()  # room again
        assert feed.take(one) == []  # 300 still out
        feed.through(one.rows.pop(1))
        feed.through(two.rows.pop(2))
        assert len(feed.take(two)) == 2
        assert len(pulled) == 6

    asyncio.run(play())


def test_it_is_over_when_everything_is_through():
    async def play():
        feed = Feed([Work(0, "a", 1)], lambda item: item, 10)
        hand = Hand(2)
        bell = feed.changed.next()
        feed.take(hand)
        assert not feed.over
        feed.back([hand.rows[0]])
        assert bell.done()
        again = Hand(2)
        assert list(feed.take(again)) == [hand.rows[0]]
        bell = feed.changed.next()
        feed.through(again.rows[0])
        assert feed.over
        assert bell.done()

    asyncio.run(play())


def test_a_bell_wakes_everybody_once_and_forgets_who_left():
    async def play():
        bell = Bell()
        first, second = bell.next(), bell.next()
        first.cancel()
        bell.ring()
        assert second.done()
        assert not bell.next().done()

    asyncio.run(play())


@pytest.mark.parametrize(
    "error",
    [RowFailed("play", "k", "KeyError: 1"), SourceError("no", where="there", remedy="do"), MissingExtra("ray", "this"), ValueError("x")],
)
def test_an_error_is_the_same_on_the_other_side(error):
    try:
        raise error
    except Exception as caught:
        told = msgspec.msgpack.decode(msgspec.msgpack.encode(failure_of(3, caught)), type=Failure)
    again = raised(told)
    if isinstance(error, ValueError):
        assert (type(again), str(again)) == (RuntimeError, "a worker could not start: ValueError: x")
    else:
        assert (type(again), str(again)) == (type(error), str(error))


# the worker, with this test as its parent


class Parent:
    """Keeps one worker supplied; `most` is how many rows it ever had in hand."""

    def __init__(self, stage, window):
        chain = parts_of([stage])[0]
        self.actor = Actor(msgspec.msgpack.encode(Setup(pickle.dumps((chain, None)), "", window, ".", ())))
        self.most = 0
        self.limits = []

    async def play(self, rows):
        assert msgspec.msgpack.decode(await self.actor.enter()) is None
        left, hand, limit, given = list(range(rows)), 0, 2, []
        while left or hand:
            new = [left.pop(0) for _ in range(min(len(left), max(0, limit - hand)))]
            hand += len(new)
            self.most = max(self.most, hand)
            orders = [Order(n, (Leg(0, f"{n}", b"%d" % n),)) for n in new]
            report = msgspec.msgpack.decode(await self.actor.trade(msgspec.msgpack.encode(orders), [], hand >= limit), type=Report)
            given += [reply for reply in report.replies if isinstance(reply, Given)]
            hand -= sum(isinstance(reply, Finished) for reply in report.replies)
            limit = report.limit
            self.limits.append(limit)
        await self.actor.leave()
        return given


async def test_rows_that_wait_fill_the_window_and_rows_that_compute_do_not():
    waiting = Parent(ray_rows.waits(0.05), 32)
    assert len(await waiting.play(200)) == 200
    assert waiting.most == 32
    computing = Parent(ray_rows.computes(0.03), 32)
    assert len(await computing.play(12)) == 12
    assert computing.most <= 4


async def test_a_newer_call_lets_the_older_one_return():
    actor = Parent(ray_rows.waits(5), 4).actor
    await actor.enter()
    first = asyncio.create_task(actor.trade(msgspec.msgpack.encode([Order(0, (Leg(0, "0", b"0"),))]), [], False))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(actor.trade(msgspec.msgpack.encode([]), [], False))
    assert msgspec.msgpack.decode(await first, type=Report).replies == []
    await asyncio.sleep(0.01)
    assert not second.done()
    second.cancel()
    await actor.leave()  # the row in flight is cancelled, not waited for
