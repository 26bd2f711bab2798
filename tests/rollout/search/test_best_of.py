"""Best of n, beam, and what concurrency must not change."""

from __future__ import annotations

import asyncio
import random

import pytest
from walking import BOARD, TASK, Once, Walker, path_of, walked

from artificer.agents.base import View
from artificer.core.canon import canonical
from artificer.core.messages import Message
from artificer.core.verdicts import StopReason
from artificer.rollout.episode import play
from artificer.rollout.search.beam import Beam, aggregate
from artificer.rollout.search.best_of import BestOf
from artificer.rollout.search.forks import RewardedTree
from artificer.rollout.search.scores import Scored
from artificer.worlds.base import World


def put(trace, leaf) -> str:
    """What was put on the way to a leaf."""
    return "".join(one.arguments["label"] for node in trace.branch(leaf) for one in node.message.calls if one.name == "put")


class Worth:
    """What the letters put are worth: `scores[letter]` of the last one."""

    gold = False
    asks = 0

    def __init__(self, scores: dict[str, float]) -> None:
        self.scores = scores

    async def __call__(self, line, since, stop):
        letters = [one.arguments["label"] for message in line.messages for one in message.calls if one.name == "put"]
        return Scored(self.scores.get(letters[-1] if letters else "", 0.0))


def letter_then_answer(path: str, draw: int) -> str:
    return "!" if path else "abcdefgh"[draw]


async def test_the_best_of_those_that_ended_is_chosen():
    search = BestOf(4, score=Worth({"a": 0.2, "b": 0.9, "c": 0.9, "d": 0.1}), finish=True)
    trace, walker = await walked(search, letter_then_answer)
    leaves = trace.leaves()
    assert len(leaves) == 4
    assert trace.lineage["chosen"] == leaves[1]  # the earlier of two equally good
    assert trace.lineage["search"]["answers"] == leaves
    assert trace.usage.turns == len(walker.seen) == 8
    assert [trace.nodes[leaf].notes["search"]["value"] for leaf in leaves] == [0.2, 0.9, 0.9, 0.1]


async def test_one_that_ended_beats_one_worth_more_that_did_not():
    rule = lambda path, draw: "?" if path == "a" else letter_then_answer(path, draw)  # noqa: E731
    trace, _ = await walked(BestOf(2, score=Worth({"a": 0.9, "b": 0.1}), finish=True), rule)
    assert trace.lineage["chosen"] == trace.leaves()[1]


# Attempts a, b give up after one step, c answers: six queries.
@pytest.mark.parametrize(
    ("queries", "asked", "leaves", "found"), [(60, 6, 3, True), (6, 6, 3, True), (5, 5, 3, False), (4, 4, 2, False), (1, 1, 1, False)]
)
async def test_react_at_n_stops_at_the_first_answer_or_with_the_budget(queries, asked, leaves, found):
    trace, walker = await walked(
        BestOf(8, first=True, finish=True, queries=queries), lambda path, draw: "abc"[draw] if not path else "!" if path == "c" else "?"
    )
    assert len(walker.seen) == trace.lineage["search"]["queries"] == asked
    assert len(trace.leaves()) == leaves
    assert (trace.lineage["chosen"] is not None) == found == (StopReason.user_done in trace.stop.values())


@pytest.mark.parametrize(
    "search",
    [
        BestOf(5, finish=True, score=Worth({"c": 1.0})),
        BestOf(5, finish=True, queries=7),
        Beam(width=3, keep=2, score=Worth({"b": 0.5, "c": 0.7}), answers=2),
        RewardedTree(4, 2, finish=True),
    ],
)
async def test_the_time_that_replies_take_changes_nothing(search):
    class Slow(Walker):
        def __init__(self, seed: int) -> None:
            super().__init__(lambda path, draw: "!" if len(path) == 2 else "abcde"[draw])
            self.random = random.Random(seed)

        async def act(self, view: View):
            for _ in range(self.random.randrange(6)):
                await asyncio.sleep(0)
            return await super().act(view)

    world = World.of(BOARD)
    made = {canonical(await play(TASK, world, lambda *_, seed=seed: Slow(seed), lambda *_: Once(), search=search)) for seed in range(8)}
    assert len(made) == 1


def test_aggregates():
    assert [aggregate((0.5, 1.0, 0.2), how) for how in ("min", "product", "last")] == [0.2, 0.1, 0.2]
    assert aggregate((0.5, 1.0, 0.3), "mean") == pytest.approx(0.6)
    assert aggregate((), "product") == 1.0


async def test_a_beam_keeps_the_best_and_counts_every_expansion():
    # Level 1: a .1, b .5, c .7: keeps c, b. Level 2 by the mean: ca .4, cb .6, cc .7, ba .3, bb .5, bc .6: keeps cc, and cb,
    # which is as good as bc and comes before it. Level 3 answers.
    scores = Worth({"a": 0.1, "b": 0.5, "c": 0.7})
    trace, walker = await walked(Beam(width=3, keep=2, score=scores, answers=1), lambda path, draw: "!" if len(path) == 2 else "abc"[draw])
    assert [path_of(view) for view in walker.seen] == [path for path in ("", "c", "b", "cc", "cb") for _ in range(3)]
    assert trace.lineage["search"]["queries"] == 15
    assert put(trace, trace.answer) == "cc"


async def test_groups_of_a_diverse_tree_do_not_compete():
    scores = Worth({"a": 0.1, "b": 0.9, "c": 0.8, "d": 0.2})
    rule = lambda path, draw: "!" if len(path) == 2 else "abcd"[draw]  # noqa: E731
    _, walker = await walked(Beam(width=4, keep=2, trees=2, score=scores, aggregate="last"), rule)
    # groups {a, c} and {b, d}: c and b go on, then the best child of each
    assert {path_of(view) for view in walker.seen if len(path_of(view)) == 2} == {"cb", "bb"}
    _, walker = await walked(Beam(width=4, keep=2, trees=1, score=scores, aggregate="last"), rule)
    assert {path_of(view) for view in walker.seen if len(path_of(view)) == 2} == {"bb", "cb"}
    _, walker = await walked(Beam(width=4, keep=2, trees=2, score=Worth(scores.scores | {"c": 0.0}), aggregate="last"), rule)
    assert {path_of(view) for view in walker.seen if len(path_of(view)) == 1} == {"a", "b"}  # d is worth more than a, but b's rival
    _, walker = await walked(Beam(width=4, keep=1, trees=1, score=scores, aggregate="last"), rule)
    assert {path_of(view) for view in walker.seen if path_of(view)} == {"b", "bb"}


@pytest.mark.parametrize("queries", [1, 2, 4, 7])
async def test_a_beam_never_takes_more_than_its_budget(queries):
    trace, walker = await walked(Beam(width=3, keep=2, queries=queries), lambda path, draw: "abc"[draw])
    assert len(walker.seen) == trace.lineage["search"]["queries"] == queries
    assert set(trace.stop.values()) <= {StopReason.out_of_budget, StopReason.pruned}
    assert set(trace.leaves()) == set(trace.stop)


async def test_a_perfect_verifier_finds_what_is_there_and_a_constant_one_takes_the_first():
    right = Worth({"g": 1.0})
    rule = letter_then_answer
    for n in (1, 4, 7, 8):
        trace, _ = await walked(BestOf(n, score=right, finish=True), rule)
        assert (put(trace, trace.answer) == "g") == (n >= 7)  # pass@n
    trace, _ = await walked(BestOf(8, score=Worth({}), finish=True), rule)
    assert trace.answer == trace.leaves()[0]


async def test_a_user_with_nothing_to_say_ends_it():
    class Nobody(Once):
        async def speak(self, view):
            return None

    trace, _ = await walked(BestOf(2), letter_then_answer, user=Nobody)
    assert trace.nodes == ()


async def test_words_without_calls():
    trace, _ = await walked(BestOf(2), lambda path, draw: Message("assistant", f"Answer {draw}."))
    assert [trace.nodes[leaf].message.text for leaf in trace.leaves()] == ["Answer 0.", "Answer 1."]
