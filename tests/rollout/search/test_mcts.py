"""PUCT against numbers worked out by hand, and the trees it grows; fragments of one answer."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walking import BOARD, TASK, Once, Walker, call, path_of, walked

from artificer.core.messages import Message
from artificer.core.trace import Tokens
from artificer.core.verdicts import StopReason
from artificer.models.base import Reply
from artificer.models.scripted import Scripted
from artificer.rollout.episode import play
from artificer.rollout.search.fragments import (
    Continuing,
    Fragments,
    Written,
    fragments,
    option_reward,
    overlap,
    pieces,
    priors,
)
from artificer.rollout.search.mcts import MCTS, prior_of, urgency
from artificer.rollout.search.scores import Scored
from artificer.worlds.base import World


def test_the_formula_of_the_card():
    # .6/2 + .8 sqrt(ln 4 / 2) = .3 + .8 * .832555; .2/1 + .9 sqrt(ln 4) = .2 + .9 * 1.177410
    assert urgency("itool", 0.6, 1, 0.8, 4, 1.0) == pytest.approx(0.9660, abs=5e-5)
    assert urgency("itool", 0.2, 0, 0.9, 4, 1.0) == pytest.approx(1.2597, abs=5e-5)
    assert urgency("itool", 0.6, 1, 0.8, 0, 1.0) == pytest.approx(0.3)


def test_puct_by_hand():
    assert urgency("puct", 3.0, 4, 0.5, 9, 2.0) == pytest.approx(0.75 + 2 * 0.5 * 3 / 5)
    assert urgency("puct", 0.0, 0, 0.25, 16, 1.0) == pytest.approx(1.0)
    assert urgency("puct", 0.0, 0, 0.25, 0, 1.0) == 0.0


def test_priors():
    assert prior_of(Tokens((1, 2, 3, 4), (-2.0, -1.0, -1.0, 0.0))) == pytest.approx(math.exp(-1))
    assert prior_of(Tokens((1,))) is None
    assert prior_of(None) is None


class Letters:
    """`a` is worth nothing, `b` a half, `c` all; by the last letter put."""

    gold = False
    asks = 0

    async def __call__(self, line, since, stop):
        letters = [one.arguments["label"] for message in line.messages for one in message.calls if one.name == "put"]
        return Scored({"a": 0.0, "b": 0.5, "c": 1.0}.get(letters[-1], 0.0) if letters else 0.0)


async def test_visits_and_values_by_hand():
    # width 2, puct, c 1, priors 1/2 each, children b (.5) and c (1).
    # 1: the root is widened: b, c. Equal priors: b is tried, worth .5.        N(root) 1, b 1/.5
    # 2: b: .5 + .5*1/2 = .75; c: 0 + .5*1/1 = .5. b again: widened bb, bc; bb is tried: .5.   root 2, b 2/1.0
    # 3: b: .5 + .5*sqrt2/3 = .736; c: .5*sqrt2 = .707. b: bb .5+.5*sqrt2/2 = .854, bc .5*sqrt2 = .707: bb is at the depth: .5.
    #                                                                          root 3, b 3/1.5, bb 2/1.0
    # 4: b: .5 + .5*sqrt3/4 = .717; c: .5*sqrt3 = .866. c: widened cb, cc; cb is tried: .5.    root 4, c 1/.5
    search = MCTS(simulations=4, width=2, depth=4, score=Letters(), queries=None, answers=9)
    trace, walker = await walked(search, lambda path, draw: "bc"[draw])
    assert [path_of(view) for view in walker.seen] == ["", "", "b", "b", "c", "c"]
    numbers = {}
    for index, node in enumerate(trace.nodes):
        if node.message.calls:
            note = node.notes["search"]
            word = "".join(one.arguments["label"] for step in trace.branch(index) for one in step.message.calls)
            numbers[word] = (note["visits"], note["value"], note["prior"])
    assert numbers == {
        "b": (3, 0.5, 0.5),
        "c": (1, 0.5, 0.5),
        "bb": (2, 0.5, 0.5),
        "bc": (0, 0.0, 0.5),
        "cb": (1, 0.5, 0.5),
        "cc": (0, 0.0, 0.5),
    }
    assert trace.lineage["search"]["simulations"] == 4
    assert set(trace.leaves()) == set(trace.stop)


async def test_children_that_do_the_same_are_one_with_a_greater_prior():
    trace, _ = await walked(MCTS(simulations=1, width=4, depth=2, score=Letters(), answers=9), lambda path, draw: "aaba"[draw])
    priors = {node.message.calls[0].arguments["label"]: node.notes["search"]["prior"] for node in trace.nodes if node.message.calls}
    assert priors == {"a": 0.75, "b": 0.25}


async def test_log_probabilities_make_priors():
    def rule(path: str, draw: int) -> Reply:
        logprob = (-2.0, -0.5)[draw]
        return Reply(call(1, "put", label="ab"[draw]), tokens=Tokens((1, 2), (logprob, logprob)))

    trace, _ = await walked(MCTS(simulations=1, width=2, depth=2, score=Letters()), rule)
    assert [node.notes["search"]["visits"] for node in trace.nodes if node.message.calls] == [0, 1]  # the likelier is tried first


async def test_an_answer_ends_the_search_and_the_best_of_several_is_chosen():
    rule = lambda path, draw: "!" if path else "abc"[draw]  # noqa: E731
    trace, _ = await walked(MCTS(width=3, score=Letters(), answers=9, simulations=30, queries=None), rule)
    word = [one.arguments["label"] for node in trace.branch(trace.answer) for one in node.message.calls if one.name == "put"]
    assert word == ["c"]
    trace, _ = await walked(MCTS(width=1, score=Letters()), rule)
    assert trace.stop[trace.answer] is StopReason.user_done
    assert trace.lineage["search"]["queries"] == 2


@pytest.mark.parametrize("queries", [1, 2, 5, 11])
@pytest.mark.parametrize("simulate", [0, 2])
async def test_the_budget_is_kept(queries, simulate):
    trace, walker = await walked(MCTS(width=3, queries=queries, simulate=simulate, score=Letters()), lambda path, draw: "abc"[draw])
    assert len(walker.seen) == queries
    assert set(trace.leaves()) == set(trace.stop)


# fragments

ANSWER = '[f(a=1, b="x"), g(c=2)]'


def test_pieces_by_hand():
    assert pieces(ANSWER) == ["[f(", "a=", "1, ", "b=", '"x"), ', "g(", "c=", "2)]"]
    assert fragments(ANSWER, 2, 3) == ["[f(a=", "1, b=", '"x"), g(c=2)]']
    assert fragments(ANSWER, 2, 1) == [ANSWER]
    assert pieces("") == []


@given(st.text(alphabet='ab =,(."\n', max_size=40), st.integers(1, 4), st.integers(1, 5))
def test_fragments_joined_are_the_text(text, step, depth):
    assert "".join(pieces(text)) == "".join(fragments(text, step, depth)) == text
    assert len(fragments(text, step, depth)) <= depth


def test_fragment_priors_by_hand():
    tokens = (("[f", -1.0), ("(", -3.0), ("a=1", 0.0))
    assert priors(["[f(", "a="], tokens) == pytest.approx([math.exp(-2), 1.0])
    assert priors(["[f(", "a="], ()) == [0.1, 0.1]


def test_overlap_and_options_by_hand():
    assert overlap("a b c", "b c d e") == pytest.approx(2 / 3)
    assert overlap("", "a") == 0.0
    assert option_reward((1.0, 0, 0, 0)) == 0.25
    assert option_reward((0.5, 0.2, 0.2, 0.1)) == pytest.approx((0.5 + 0.02 - 0.2 - 0.2) / 4)


GOLD = '<tool_call>\n{"name": "put", "arguments": {"label": "b"}}\n</tool_call>'


async def test_a_value_that_is_wrong_in_one_of_three_is_found_by_the_search():
    async def writer(line, prefix, draw) -> Written:
        if any(message.calls for message in line.messages):
            return Written("It is done."[len(prefix) :])
        text = GOLD.replace('"b"', '"bad, very"') if draw == 0 else GOLD
        return Written(text[len(prefix) :] if text.startswith(prefix) else "")

    async def worth(line, text) -> float:
        return 1.0 if text in (GOLD, "It is done.") else 0.0

    search = Fragments(writer, worth, simulations=4, gold=True)
    trace = await play(TASK, World.of(BOARD), lambda *_: Walker(lambda *_: ""), lambda *_: Once(), search=search)
    assert trace.nodes[1].message.calls[0].arguments == {"label": "b"}
    assert trace.nodes[2].message.result.content == "b"
    tree = trace.nodes[1].notes["search"]["fragments"]
    texts = {}
    for number, (parent, fragment, *_rest) in enumerate(tree):
        texts[number] = texts.get(parent, "") + fragment
    ends = {texts[number]: row[3] / max(row[2], 1) for number, row in enumerate(tree) if row[5]}
    assert ends == {GOLD: 1.0, GOLD.replace('"b"', '"bad, very"'): 0.0}
    assert texts[trace.nodes[1].notes["search"]["picked"]] == GOLD
    assert trace.lineage["search"]["gold"] is True
    assert trace.stop[trace.answer] is StopReason.user_done


async def test_a_model_writes_on_from_a_prefix():
    asked = []

    def says(request) -> str:
        asked.append((request.messages[-1].text, request.sampling.seed))
        return "a, b, c"

    writer = Continuing(Scripted("scripted:x", says))

    async def worth(line, text) -> float:
        return 1.0

    trace = await play(TASK, World.of(BOARD), lambda *_: Walker(lambda *_: ""), lambda *_: Once(), search=Fragments(writer, worth, step=1, depth=3))
    assert trace.nodes[-1].message == Message("assistant", "a, b, c")
    assert asked[:3] == [("Please go.", 0), ("Please go.", 1), ("Please go.", 2)]
