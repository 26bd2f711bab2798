"""Where checks get the state from: calls made again, a line's own session, or nowhere."""

from pathlib import Path

import msgspec
import pytest

from artificer.checks.base import Unseen
from artificer.checks.state.attributes import differing
from artificer.checks.state.similarity import unchanged
from artificer.checks.state.snapshots import snapshots_of
from artificer.checks.state.sql import SqlHolds
from artificer.checks.suite import by_name, standard
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Goal, Start, Task, Want
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import StopReason
from artificer.models.scripted import Scripted
from artificer.rollout.episode import play as play_task
from artificer.rollout.parties import agent_maker, user_maker
from artificer.rollout.past import Repeated, episode_of
from artificer.rollout.replay import judged, replay
from artificer.rollout.search.best_of import BestOf
from artificer.rollout.search.scores import Checks
from artificer.worlds.base import Session, World
from artificer.worlds.wrappers.faults import wrap as faulty


def asked(*constraints, checks=("sql",)):
    want = Want("turn", gold=(ToolCall("g", "sell", {"item": 1}),))
    goal = Goal((want,), (), (), {"open:0": "a lamp please"})
    return Task("lamp", "test:shop", Start(), "a lamp please", goal, checks, constraints=constraints)


def seller(*items):
    """An agent that sells these, one in each of its plays."""
    left = [f'<tool_call>{{"name": "sell", "arguments": {{"item": {item}}}}}</tool_call>' for item in items]
    lines = [line for call in left for line in (call, "sold")]
    return agent_maker("scripted:lines", None, model=Scripted.saying(lines))


async def test_a_search_is_scored_by_the_state_that_its_lines_stand_in(shop, sql):
    task = asked(sql("SELECT stock FROM item WHERE id = 1", 2))
    trace = await play_task(task, shop, seller(3, 1), user_maker("lines"), search=BestOf(n=2, score=Checks()))
    trace = await judged(task, shop, trace, by_name(task.checks))
    assert len(trace.leaves()) == 2
    assert [trace.verdicts[leaf].passed for leaf in trace.leaves()] == [False, True]
    assert trace.answer == trace.leaves()[1]
    assert (await replay(task, shop, trace, by_name(task.checks))).proven


async def test_a_verdict_on_the_state_that_was_tampered_with_is_refuted(shop, sql):
    task = asked(sql("SELECT stock FROM item WHERE id = 1", 2))
    trace = await judged(task, shop, await play_task(task, shop, seller(3), user_maker("lines")), by_name(task.checks))
    (leaf,) = trace.leaves()
    assert not trace.verdicts[leaf].passed
    right = msgspec.structs.replace(trace.verdicts[leaf].parts[0], score=1.0, passed=True, evidence=(), kinds=())
    forged = msgspec.structs.replace(trace, verdicts={leaf: type(trace.verdicts[leaf]).of((right,))})
    found = await replay(task, shop, forged, by_name(task.checks))
    assert not found.proven
    assert any("the verdict is 0, recorded 1" in difference for difference in found.differences)


async def test_faults_are_repeated_too(shop, sql):
    """A fault that loses the answer to a write which was made: the state says that it was made."""
    world = faulty(shop, timeout="1.0", seed="1")
    task = asked(sql("SELECT count(*) FROM sale", 0, "greater_than"))
    trace = await judged(task, world, await play_task(task, world, seller(1), user_maker("lines")), by_name(task.checks))
    (leaf,) = trace.leaves()
    done = bool(trace.effects[leaf])
    assert trace.verdicts[leaf].passed is done
    assert (await replay(task, world, trace, by_name(task.checks))).differences == ()


class Remote(World):
    """Somebody's server: it can be called, and shows nothing."""

    forks = "none"

    def __init__(self):
        self.name, self.policy, self.made = "test:remote", "", []
        self.tools = (ToolSpec("sell", "sell", {"type": "object"}, None, "write"),)

    async def open(self, start):
        return RemoteSession(self)


class RemoteSession(Session):
    def __init__(self, world):
        self.world = world

    calls = property(lambda self: len(self.world.made))

    async def call(self, call, actor="agent"):
        self.world.made.append(call.name)
        return ToolResult(call.id, "ok")

    def digest(self):
        return ""

    def effects(self, since=0):
        return ()

    async def close(self):
        pass


async def test_nothing_is_called_again_in_a_world_that_does_not_show_its_state(sql):
    world = Remote()
    task = asked(sql("SELECT 1", 1))
    trace = await play_task(task, world, seller(1), user_maker("lines"))
    assert world.made == ["sell"]
    trace = await judged(task, world, trace, by_name(task.checks))
    assert world.made == ["sell"]
    (verdict,) = trace.verdicts.values()
    assert verdict.parts[0].evidence == ("the world 'test:remote' does not show its state",)


async def test_checks_that_do_not_ask_open_nothing(shop, play, task, monkeypatch):
    opened = []
    made = await play(shop, task(), "hi", ("sell", {"item": 1}), "ho")
    first = shop.open
    monkeypatch.setattr(shop, "open", lambda start: (opened.append(start), first(start))[1])
    for check in standard():
        await check(made)
    assert opened == []
    assert (await made.past.end(lambda session: session.select("SELECT count(*) FROM sale").rows)) == ((1,),)
    assert len(opened) == 1


async def test_a_start_that_fails_is_told(shop, task):
    past = Repeated(task(start=Start(setup=(ToolCall("s", "nothing", {}),))), shop, (), ())
    for found in (await past.start(lambda session: 1), await past.end(lambda session: 1)):
        assert isinstance(found, Unseen)
        assert "the setup call 'nothing' fails" in found.why


async def test_a_look_that_fails_leaves_no_session_open(shop, play, task):
    made = await play(shop, task(), "hi", "ho")
    seen = []
    with pytest.raises(ZeroDivisionError):
        await made.past.end(lambda session: (seen.append(session), 1 / 0))
    with pytest.raises(Exception, match="closed"):
        seen[0].connection.execute("SELECT 1")
    assert (await SqlHolds()(made)).evidence == ("the task states no SQL assertion",)


@pytest.mark.parametrize("source", ["bfcl:multi_turn_base", "tau2:retail", "agentdojo:banking"])
async def test_imported_worlds_show_their_state(source, monkeypatch):
    """Gold is played; the rows at the end are those of the start with what the calls changed, whatever the kind of state."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "worlds" / "published" / "site"))
    world = World.of(source)
    for task in world.tasks():
        trace = await play_task(task, world, agent_maker("scripted:gold", None), user_maker())
        made = episode_of(task, world, trace.nodes, (), StopReason.user_done)
        rebuilt = snapshots_of(made, await made.past.start(lambda session: session.rows()))
        for table, rows in (await made.past.end(lambda session: session.rows())).items():
            mine = rebuilt.rows(table, rebuilt.version(table, len(trace.nodes) - 1))
            assert unchanged(mine, list(rows.values())), (task.id, table)
        objects = await made.past.end(lambda session: session.objects())
        assert objects
        assert not differing(objects, objects)
    await world.close()
