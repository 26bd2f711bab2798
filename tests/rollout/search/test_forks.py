"""Forks at chosen places, the rewarded tree, and that no branch sees what another did: on every kind of world."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walking import BOARD, TASK, Once, Walker, path_of, visits, walked

from artificer.core.errors import SourceError
from artificer.core.messages import Message, ToolCall
from artificer.core.verdicts import ErrorKind, StopReason
from artificer.models.base import Reply
from artificer.rollout.episode import Linear, play
from artificer.rollout.line import Limits, Line
from artificer.rollout.search.beam import Beam
from artificer.rollout.search.best_of import BestOf
from artificer.rollout.search.dfsdt import DFSDT
from artificer.rollout.search.forks import HINT, Forks, RewardedTree
from artificer.rollout.search.mcts import MCTS
from artificer.rollout.tree import Tree
from artificer.worlds.base import World
from artificer.worlds.observe import Probe

SERVER = Path(__file__).parents[2] / "worlds" / "servers"


def expert(path: str, draw: int) -> str:
    """Puts a, b, then speaks; other attempts put the letter of their number."""
    if draw:
        return "abcdef"[draw % 6]
    return "ab"[len(path)] if len(path) < 2 else "There."


async def test_alternatives_at_every_state_leave_the_conversation_as_it_was():
    plain, _ = await walked(Linear(), expert)
    trace, _ = await walked(Forks(k=3), expert)
    main = trace.branch(trace.answer)
    assert [node.message for node in main] == [node.message for node in plain.nodes]
    assert trace.state[trace.answer] == plain.state[len(plain.nodes) - 1]
    branches = [leaf for leaf in trace.leaves() if leaf != trace.answer]
    # three states, three alternatives each; the second state's draw 1 is b, the expert's own: asked again
    assert trace.lineage["search"] == {"name": "forks", "where": "every", "queries": 3 + 3 + 4 + 3, "branches": 9, "dropped": 0}
    assert len(branches) == 9
    assert {trace.stop[leaf] for leaf in branches} == {StopReason.pruned}
    assert [node.notes["search"]["draw"] for node in trace.nodes if "search" in node.notes] == [1, 2, 3, 2, 3, 4, 1, 2, 3]


async def test_alternatives_that_stay_the_same_are_dropped():
    trace, walker = await walked(Forks(k=2, tries=3), lambda path, draw: "a" if len(path) < 1 else "There.")
    assert trace.lineage["search"] == {"name": "forks", "where": "every", "queries": 2 + 2 * 6, "branches": 0, "dropped": 4}
    assert len(walker.seen) == 14
    assert trace.leaves() == [trace.answer]


async def test_recoveries_from_an_error_are_played_to_the_end_after_a_hint():
    def rule(path: str, draw: int) -> str:
        return {"": "no", "no": "a"}.get(path, "There.") if draw != 2 else "There."

    trace, walker = await walked(Forks(where="errors", k=2, steps=None, feedback=HINT), rule)
    assert trace.nodes[2].message.result.error is ErrorKind.invalid_argument
    assert len(trace.leaves()) == 3
    assert {trace.stop[leaf] for leaf in trace.leaves()} == {StopReason.user_done}
    hinted = [view for view in walker.seen if view.messages[-1].text == HINT]
    assert [view.draw for view in hinted] == [1, 2]
    assert not [view for view in walker.seen if HINT in [message.text for message in view.messages[:-1]]]
    assert not [node for node in trace.nodes if node.message.text == HINT]
    assert [node.notes["search"]["feedback"] for node in trace.nodes if "search" in node.notes] == [HINT, HINT]


async def test_another_agent_may_act_on_branches():
    other = Walker(lambda path, draw: "z")
    trace, walker = await walked(Forks(k=1, policy=other), lambda path, draw: "a" if not path else "There.")
    assert len(other.seen) == 2
    assert len(walker.seen) == 2
    assert sum("z" in str(node.message.calls) for node in trace.nodes) == 2


@pytest.mark.parametrize("f", [1, 2, 3])
async def test_a_rewarded_tree_has_n_trajectories_at_every_level(f):
    def rule(path: str, draw: int) -> str:
        return "There." if len(path) > 1 and (len(path) + draw) % 3 == 0 else "abcdef"[draw]

    trace, _ = await walked(RewardedTree(n=6, f=f, depth=5), rule)
    levels = trace.lineage["search"]["levels"]
    assert all(level["alive"] + level["done"] == 6 for level in levels)
    assert [level["candidates"] for level in levels] == [6] + [level["alive"] * f for level in levels[:-1]]
    assert max(node.notes.get("search", {}).get("level", 0) for node in trace.nodes) <= 5
    assert set(trace.leaves()) == set(trace.stop)
    again, _ = await walked(RewardedTree(n=6, f=f, depth=5), rule)
    assert again == trace
    messages = [(node.parent, str(node.message)) for node in trace.nodes if node.message.role == "assistant"]
    if f == 1:
        assert sum(parent == 0 for parent, _ in messages) == 6  # nothing forks later


@pytest.mark.parametrize("search", [Forks(queries=3), RewardedTree(queries=3), DFSDT(queries=3)])
async def test_budgets(search):
    trace, walker = await walked(search, lambda path, draw: "abcdef"[draw])
    assert len(walker.seen) == 3
    assert set(trace.leaves()) == set(trace.stop)


async def test_limits_end_lines_of_a_search():
    trace, _ = await walked(DFSDT(beam=2, depth=12), lambda path, draw: "ab"[draw], limits=Limits(calls=2))
    assert visits(trace) == ["/", "a", "aa", "ab", "b", "ba", "bb"]
    assert set(trace.stop.values()) == {StopReason.max_calls}


# isolation

NOTEBOOK = f"mcp:{sys.executable} {SERVER / 'notebook.py'}"
WORLDS = {
    "python": (BOARD, [("put", {"label": "x"}), ("put", {"label": "y"}), ("put", {"label": "no"}), ("look", {})]),
    "wrapped": (f"{BOARD} | faults:rate=0.3,seed=4 | budget:calls=30", [("put", {"label": "x"}), ("put", {"label": "y"}), ("look", {})]),
    "sqlite": (
        "sqlite:chinook",
        [
            ("update_track", {"track_id": 1, "name": "x"}),
            ("update_track", {"track_id": 2, "name": "y"}),
            ("remove_track_from_playlist", {"playlist_id": 1, "track_id": 1}),
            ("search_tracks", {"limit": 1}),
        ],
    ),
}


async def line_in(world: World) -> Line:
    line = Line(Tree(), TASK, world, await world.open(TASK.start), Walker(lambda *_: ""), Once(), Limits())
    assert await line.hear() is None
    return line


async def ran(line: Line, number: int, name: str, arguments: dict) -> None:
    message = line.take(Reply(Message("assistant", calls=(ToolCall(f"c{number}", name, arguments),))))
    await line.run(message)


@pytest.fixture(scope="module")
def worlds() -> dict[str, World]:
    return {kind: World.of(source) for kind, (source, _) in WORLDS.items()}


@pytest.mark.parametrize("kind", sorted(WORLDS))
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_what_a_branch_writes_no_other_sees(worlds, kind, data):
    world, calls = worlds[kind], WORLDS[kind][1]

    async def check() -> None:
        index = st.integers(0, len(calls) - 1)
        lines = [await line_in(world)]
        done: list[list[tuple[str, dict]]] = [[]]
        for step in range(data.draw(st.integers(1, 8))):
            at = data.draw(st.integers(0, len(lines) - 1))
            before = [line.session.digest() for line in lines]
            effects = [line.effects() for line in lines]
            if data.draw(st.booleans()):
                lines.append(await lines[at].fork())
                done.append(list(done[at]))
                assert lines[-1].session.digest() == before[at]
                continue
            made = calls[data.draw(index)]
            await ran(lines[at], step, *made)
            done[at].append(made)
            for other, line in enumerate(lines):
                if other != at:
                    assert line.session.digest() == before[other]
                    assert line.effects() == effects[other]
        for line, made in zip(lines, done, strict=True):  # each is as if it had been alone
            alone = await line_in(world)
            for number, one in enumerate(made):
                await ran(alone, number, *one)
            assert alone.session.digest() == line.session.digest()
            assert alone.effects() == line.effects()
            assert [node.message.result.content for node in line.path() if node.message.result] == [
                node.message.result.content for node in alone.path() if node.message.result
            ]
            await alone.drop()
            await line.drop()

    asyncio.run(check())


async def test_a_parent_is_what_it_was_after_its_children_ran():
    seen = {}

    for source, calls in WORLDS.values():
        world = World.of(source)
        line = await line_in(world)
        await ran(line, 0, *calls[0])
        before = line.session.digest()
        for number, one in enumerate(calls, 1):
            child = await line.fork()
            await ran(child, number, *one)
            assert number == 1 or one[0].startswith(("look", "search")) or one[1].get("label") == "no" or child.session.digest() != before
            grandchild = await child.fork()
            await ran(grandchild, number + 10, *calls[0])
            await grandchild.leave(StopReason.pruned)
            await child.leave(StopReason.pruned)
            assert line.session.digest() == before
        seen[source] = line.session.digest()
        await line.leave(StopReason.pruned)
        assert not line.tree.open
        assert len(line.tree.stop) == len(calls)
        await world.close()
    assert len(seen) == len(WORLDS)


async def test_a_world_that_forks_by_replay_keeps_branches_apart():
    world = World.of(NOTEBOOK)
    world.probes = (Probe("list_notes", {}),)
    assert world.forks == "replay"
    line = await line_in(world)
    await ran(line, 0, "rename_note", {"note_id": "note-12", "title": "Trip"})
    before = line.session.digest()
    deletes, renames = await line.fork(), await line.fork()
    await ran(deletes, 1, "delete_note", {"note_id": "note-40"})
    await ran(renames, 1, "rename_note", {"note_id": "note-40", "title": "Taxes"})
    assert line.session.digest() == before
    assert len({line.session.digest(), deletes.session.digest(), renames.session.digest()}) == 3
    again = await line.fork()
    await ran(again, 1, "delete_note", {"note_id": "note-40"})
    assert again.session.digest() == deletes.session.digest()
    assert again.effects() == deletes.effects()
    for one in (line, deletes, renames, again):
        await one.leave(StopReason.pruned)
    await world.close()


class Counting(World):
    """A world that counts its open sessions. After `most` forks it can fork no more."""

    most = 10**9

    def __init__(self, inner: World) -> None:
        self.inner, self.name, self.tools, self.policy, self.forks = inner, inner.name, inner.tools, inner.policy, inner.forks
        self.open_now = 0

    async def open(self, start):
        return Counted(self, await self.inner.open(start))


class Counted:
    def __init__(self, world: Counting, inner) -> None:
        self.world, self.inner, self.closed = world, inner, False
        world.open_now += 1

    @property
    def calls(self) -> int:
        return self.inner.calls

    async def call(self, call, actor="agent"):
        return await self.inner.call(call, actor)

    async def fork(self):
        self.world.most -= 1
        if self.world.most < 0:
            raise SourceError("it did something else when it was repeated", where="here", remedy="none")
        return Counted(self.world, await self.inner.fork())

    def digest(self) -> str:
        return self.inner.digest()

    def effects(self, since=0):
        return self.inner.effects(since)

    async def close(self) -> None:
        if not self.closed:
            self.world.open_now -= 1
            self.closed = True


class Breaks(Walker):
    async def act(self, view):
        if path_of(view) == "ab":
            raise RuntimeError("broken")
        return await super().act(view)


async def test_every_session_of_a_search_is_closed_whatever_happens():
    searches = (DFSDT(), BestOf(3), Beam(), MCTS(), Forks(k=2), RewardedTree(3))
    for search in searches:
        world = Counting(World.of(BOARD))
        for rule in (lambda path, draw: "abcdef"[draw], lambda path, draw: "There." if path else "abcdef"[draw]):
            await play(TASK, world, lambda *_, rule=rule: Walker(rule), lambda *_: Once(), search=search, limits=Limits(turns=4))
            assert world.open_now == 0
        with pytest.raises(RuntimeError, match="broken"):
            await play(TASK, world, lambda *_: Breaks(lambda path, draw: "ab"[len(path) % 2]), lambda *_: Once(), search=search)
        assert world.open_now == 0


@pytest.mark.parametrize("most", [0, 1, 2, 5])
async def test_a_world_that_cannot_be_repeated_ends_the_search_and_not_the_run(most):
    for search in (DFSDT(depth=6), BestOf(3), Beam(), MCTS(), Forks(k=2), RewardedTree(3)):
        world = Counting(World.of(BOARD))
        world.most = most
        trace = await play(TASK, world, lambda *_: Walker(lambda path, draw: "abcdef"[draw]), lambda *_: Once(), search=search)
        if world.most < 0:
            assert trace.lineage["chosen"] is None
            assert trace.lineage["search"]["failed"] == "it did something else when it was repeated"
            assert set(trace.leaves()) == set(trace.stop)
        assert world.open_now == 0
        world.most, world.forks = 0, "none"
        with pytest.raises(SourceError, match="something else"):
            await play(TASK, world, lambda *_: Walker(lambda path, draw: "abcdef"[draw]), lambda *_: Once(), search=search)
        assert world.open_now == 0
