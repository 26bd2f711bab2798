"""Faults by kind, their rates, how long they last, and lost acknowledgements."""

from __future__ import annotations

import msgspec
import pytest

from artificer.core.canon import rng
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import World
from artificer.worlds.wrappers.faults import KINDS, drifted

READ = ToolCall("c", "get_genre", {"genre_id": 1})
ADD = ToolCall("c", "create_genre", {"name": "Folk"})
ERRORS = {
    "timeout": (ErrorKind.timeout, "no answer within"),
    "rate_limit": (ErrorKind.transport, "429 Too Many Requests"),
    "server": (ErrorKind.transport, "50"),
    "malformed": (ErrorKind.bad_output, "the answer is not JSON: <html>"),
}


async def opened(options: str, seed: int = 0):
    return await World.of(f"sqlite:chinook | faults:{options}").open(Start(seed))


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind(kind):
    session = await opened(f"{kind}=1")
    result = await session.call(READ)
    assert session.notes() == {"faults": kind}
    if kind in ERRORS:
        error, words = ERRORS[kind]
        assert (result.error, result.content) == (error, None)
        assert result.detail.startswith(words)
        return
    assert result.error is None
    whole = (await (await World.of("sqlite:chinook").open(Start())).call(READ)).content
    assert result.content != whole
    if kind == "truncated":
        assert msgspec.json.encode(whole).decode().startswith(result.content)


async def test_a_transient_fault_passes_and_a_permanent_one_stays():
    session = await opened("timeout=1,streak=2")
    assert [(await session.call(READ)).error is None for _ in range(6)] == [False, False, True, False, False, True]
    session = await opened("timeout=1,permanent=1")
    results = [await session.call(READ) for _ in range(6)]
    assert all(result.error is ErrorKind.timeout for result in results)
    assert session.notes() == {"faults": {"kind": "timeout", "permanent": True}}
    fork = await session.fork()
    assert (await fork.call(READ)).error is ErrorKind.timeout


async def test_spoiled_answers_come_from_reads_only():
    """A write whose answer was spoiled has taken effect: not without `after`."""
    session = await opened("truncated=0.5,drift=0.5")
    result = await session.call(ADD)
    assert (result.error, session.notes()) == (None, {})
    assert result.content == {"genre_id": 26, "name": "Folk"} or result.content["name"] == "Folk"


@pytest.mark.parametrize("kind", ERRORS)
async def test_a_lost_acknowledgement(kind):
    """The write was made; what the agent is told is what it would be told had it not been."""
    before, after = await opened(f"{kind}=1"), await opened(f"{kind}=1,after=true")
    digest = before.digest()
    first, second = await before.call(ADD), await after.call(ADD)
    assert first == second
    assert (before.digest(), before.effects()) == (digest, ())
    assert [effect.change for effect in after.effects()] == ["insert"]
    assert after.notes() == {"faults": {"kind": kind, "after": True}}
    refused = await after.call(ToolCall("c", "delete_genre", {"genre_id": 999}))  # what the world refuses was not made
    assert (refused.error, after.notes()) == (ErrorKind.not_found, {})


async def test_rates_are_what_was_asked_for():
    """Of 2000 different calls; four standard deviations of a binomial are at most 0.045."""
    counts = dict.fromkeys(KINDS, 0)
    session = await opened("rate=0.3,kinds=timeout+server,malformed=0.1")
    for key in range(2000):
        await session.call(ToolCall("c", "get_track", {"track_id": key}))
        for kind in session.notes().values():
            counts[kind] += 1
    assert all(abs(counts[kind] / 2000 - share) < 0.045 for kind, share in (("timeout", 0.15), ("server", 0.15), ("malformed", 0.1)))
    assert counts["rate_limit"] == counts["truncated"] == counts["drift"] == 0


async def test_only_these_tools_fail():
    session = await opened("timeout=1,only=get_genre")
    assert (await session.call(READ)).error is ErrorKind.timeout
    assert (await session.call(ToolCall("c", "get_track", {"track_id": 1}))).error is None
    assert (await session.call(ToolCall("c", "no_tool", {}))).error is ErrorKind.unknown_tool


async def test_who_makes_a_task_is_not_disturbed():
    session = await opened("timeout=1,permanent=1")
    for actor in ("setup", "gold", "discovery", "guide"):
        assert (await session.call(READ, actor=actor)).error is None
    assert (await session.call(READ, actor="user")).error is ErrorKind.timeout


def test_drift_keeps_to_one_way():
    row = {"genre_id": 1, "deep": [{"unit_price": 0.5}]}
    assert {msgspec.json.encode(drifted(row, rng(seed))).decode() for seed in range(40)} == {
        '{"genreId":1,"deep":[{"unitPrice":0.5}]}',
        '{"genre_id":"1","deep":[{"unit_price":"0.5"}]}',
        '{"data":{"genre_id":1,"deep":[{"unit_price":0.5}]},"meta":{"version":"2"}}',
        '{"genre_id_v2":1,"deep_v2":[{"unit_price_v2":0.5}]}',
    }


@pytest.mark.parametrize(
    "options",
    ["rate=2", "rate=x", "rate=nan", "timeout=0.6,server=0.6", "kinds=fire", "streak=0", "after=perhaps", "only=none", "seed=-1", "colour=red"],
)
def test_bad_options(options):
    with pytest.raises(SourceError):
        World.of(f"sqlite:chinook | faults:{options}")
