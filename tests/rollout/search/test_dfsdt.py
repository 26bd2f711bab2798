"""DFSDT against visits worked out by hand from the published code."""

from __future__ import annotations

import msgspec
import pytest
from walking import BOARD, TASK, Once, answer, call, path_of, visits, walked

from artificer.core.messages import Message, ToolCall
from artificer.core.trace import Trace
from artificer.core.verdicts import ErrorKind, StopReason
from artificer.formats.openai import conversations
from artificer.formats.toolbench_tree import CODES, FAILED, STATUS
from artificer.models.base import Reply
from artificer.rollout.replay import judged, replay
from artificer.rollout.search.dfsdt import DFSDT, INVENTED
from artificer.rollout.search.scores import Compared, pairwise
from artificer.worlds.base import World

LETTERS = "abc"


def letters(path: str, draw: int) -> str:
    """The i-th child puts the i-th letter; nothing ever comes of it."""
    return LETTERS[draw]


# Depth 4 is two calls without thoughts. A dead end goes back 1: its parent tries the next child.
@pytest.mark.parametrize(
    ("beam", "queries", "order", "asked"),
    [
        (1, 60, ["/", "a", "aa"], 2),
        (1, 5, ["/", "a", "aa"], 2),
        (2, 60, ["/", "a", "aa", "ab", "b", "ba", "bb"], 6),
        (2, 5, ["/", "a", "aa", "ab", "b"], 5),  # the fifth reply reaches the budget and is thrown away
        (3, 60, ["/", "a", "aa", "ab", "ac", "b", "ba", "bb", "bc", "c", "ca", "cb", "cc"], 12),
        (3, 5, ["/", "a", "aa", "ab", "ac"], 5),  # thrown away: b
    ],
)
async def test_dead_ends_in_the_order_of_the_card(beam, queries, order, asked):
    trace, walker = await walked(DFSDT(beam=beam, depth=4, queries=queries), letters)
    assert visits(trace) == order
    account = trace.lineage["search"]
    assert (account["queries"], len(walker.seen), account["expanded"]) == (asked, asked, len(order))
    assert account["discarded"] == (asked == queries)
    assert trace.lineage["chosen"] is None
    assert not trace.passed


# A give-up goes back 2: its parent is not tried again, the parent's parent is.
def gives_up_at(*paths: str):
    return lambda path, draw: "?" if path + LETTERS[draw] in paths else LETTERS[draw]


@pytest.mark.parametrize(
    ("beam", "queries", "given_up", "order", "asked"),
    [
        (1, 60, ("aa",), ["/", "a", "a?"], 2),
        (2, 60, ("aa",), ["/", "a", "a?", "b", "ba", "bb"], 5),
        (2, 5, ("aa",), ["/", "a", "a?", "b", "ba"], 5),
        (2, 60, ("a",), ["/", "?"], 1),  # two up from a child of the root: the search ends
        (3, 60, ("ab", "ba"), ["/", "a", "aa", "a?", "b", "b?", "c", "ca", "cb", "cc"], 9),
        (3, 5, ("ab", "ba"), ["/", "a", "aa", "a?", "b"], 5),
    ],
)
async def test_a_give_up_goes_two_decisions_up(beam, queries, given_up, order, asked):
    trace, walker = await walked(DFSDT(beam=beam, depth=4, queries=queries), gives_up_at(*given_up))
    assert visits(trace) == order
    assert len(walker.seen) == trace.lineage["search"]["queries"] == asked
    assert [trace.stop[leaf] for leaf in trace.lineage["search"]["given_up"]] == [StopReason.gave_up] * sum("?" in place for place in order)


async def test_a_give_up_deeper_down_skips_one_level_only():
    # depth 6, three calls. aaa gives up: aa is not tried again, a is: ab.
    trace, _ = await walked(DFSDT(beam=2, depth=6), lambda path, draw: "?" if path == "aa" else "!" if path == "ab" else LETTERS[draw])
    assert visits(trace) == ["/", "a", "aa", "aa?", "ab", "ab!"]
    assert trace.stop[trace.lineage["chosen"]] is StopReason.user_done


async def test_the_first_answer_unwinds_everything_and_more_are_sought_when_asked():
    def rule(path: str, draw: int) -> str:
        return "!" if len(path) == 1 and draw == 1 else LETTERS[draw]

    trace, _ = await walked(DFSDT(beam=2, depth=4), rule)
    assert visits(trace) == ["/", "a", "aa", "a!"]
    assert trace.lineage["search"]["answers"] == [trace.lineage["chosen"]]
    # An answer goes back 2 like a give-up: from a! to the root's next child.
    trace, _ = await walked(DFSDT(beam=2, depth=4, answers=2), rule)
    assert visits(trace) == ["/", "a", "aa", "a!", "b", "ba", "b!"]
    assert len(trace.lineage["search"]["answers"]) == 2


async def test_depth_counts_nodes_and_thoughts_are_nodes():
    def thinking(path: str, draw: int) -> Message:
        return msgspec.structs.replace(call(len(path) + 1, "put", label=LETTERS[draw]), content="I think.")

    # 12 nodes: six calls without thoughts, four with.
    trace, _ = await walked(DFSDT(beam=1), letters)
    assert [node.notes["search"]["depth"] for node in trace.nodes if "search" in node.notes] == [0, 2, 4, 6, 8, 10, 12]
    trace, _ = await walked(DFSDT(beam=1), thinking)
    assert [node.notes["search"]["depth"] for node in trace.nodes if "search" in node.notes] == [0, 3, 6, 9, 12]
    assert set(trace.stop.values()) == {StopReason.max_depth}


def is_diverse(message: Message) -> bool:
    return message.role == "user" and message.author == "search"


async def test_the_diversity_message_is_for_later_siblings_alone():
    trace, walker = await walked(DFSDT(beam=3, depth=4), letters)
    for view in walker.seen:
        shown = [message for message in view.messages if is_diverse(message)]
        assert len(shown) == (view.draw > 0)
        if shown:
            assert view.messages[-1] is shown[0]
            rows = [f'"label": "{letter}"' in shown[0].text for letter in LETTERS]
            assert rows == [number < view.draw for number in range(3)]
            last = path_of(view)
            assert (f'The last result before these was: "{" ".join(last)}"' in shown[0].text) == bool(last)
    assert not [node for node in trace.nodes if is_diverse(node.message) or "attempt" in node.message.text]
    assert sum("shown" in node.notes.get("search", {}) for node in trace.nodes) == 8


async def test_no_export_holds_a_diversity_message():
    trace, _ = await walked(DFSDT(beam=2, depth=4), lambda path, draw: "!" if path == "b" else LETTERS[draw])
    world = World.of(BOARD)
    trace = await judged(TASK, world, trace, [_Finished()])
    exported = list(conversations(trace, world.tools))
    assert [one.id for one in exported] == [f"{trace.id}/{trace.lineage['chosen']}"]
    assert [message.role for message in exported[0].messages] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    assert exported[0].messages[-1].text == "It is done."
    assert not [message for message in exported[0].messages if is_diverse(message) or "attempt" in message.text]
    assert "Finish" in {tool.name for tool in exported[0].tools}


async def test_a_chosen_answer_is_proven_by_replay():
    world = World.of(BOARD)
    trace, _ = await walked(DFSDT(beam=2, depth=4), lambda path, draw: "!" if path == "b" else LETTERS[draw], world=world)
    trace = await judged(TASK, world, trace, [_Finished()])
    assert trace.passed
    assert set(trace.verdicts) == set(trace.leaves()) == set(trace.stop) == set(trace.state)
    assert sum(verdict.passed for verdict in trace.verdicts.values()) == 1
    assert (await replay(TASK, world, trace, [_Finished()])).proven
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(trace), type=Trace)
    assert again == trace
    forged = list(trace.nodes)
    forged[1] = msgspec.structs.replace(forged[1], message=call(1, "put", label="z"))
    assert not (await replay(TASK, world, msgspec.structs.replace(trace, nodes=tuple(forged)), [_Finished()])).proven


async def test_a_forged_end_is_refuted():
    world = World.of(BOARD)
    trace, _ = await walked(DFSDT(beam=1), lambda path, draw: "!" if path else "a", world=world)
    trace = await judged(TASK, world, trace, [_Finished()])
    nodes = list(trace.nodes)
    at = next(index for index, node in enumerate(nodes) if node.message.result and node.message.result.content == "ended")
    result = msgspec.structs.replace(nodes[at].message.result, content="won")
    nodes[at] = msgspec.structs.replace(nodes[at], message=msgspec.structs.replace(nodes[at].message, result=result))
    assert any("Finish" in one for one in (await replay(TASK, world, msgspec.structs.replace(trace, nodes=tuple(nodes)), [])).differences)


async def test_words_are_an_answer_when_the_user_is_done_and_go_on_when_not():
    trace, _ = await walked(DFSDT(beam=2), lambda path, draw: "Here you are." if path else "a")
    assert trace.stop[trace.lineage["chosen"]] is StopReason.user_done
    trace, _ = await walked(DFSDT(beam=1), lambda path, draw: "a" if not path else "Which?", user=lambda: Once("Go.", "That one."))
    assert [node.message.role for node in trace.nodes] == ["user", "assistant", "tool", "assistant", "user", "assistant"]
    assert trace.stop[trace.lineage["chosen"]] is StopReason.user_done


async def test_an_invented_tool_is_renamed_and_a_finish_without_an_answer_refused():
    def rule(path: str, draw: int) -> Message | str:
        return call(1, "teleport", to="x") if not path and draw == 0 else "b"

    trace, _ = await walked(DFSDT(beam=2, depth=2), rule)
    first = trace.nodes[1]
    assert first.message.calls[0].name == INVENTED
    assert first.notes["search"] == {"invented": ["teleport"], "expand": 1, "depth": 2, "status": 1}
    assert trace.nodes[2].message.result.error is ErrorKind.unknown_tool
    trace, _ = await walked(DFSDT(beam=1, depth=2), lambda path, draw: answer(1, " "))
    assert trace.nodes[1].notes["search"]["status"] == 2
    assert trace.nodes[2].message.result.error is ErrorKind.missing_argument


async def test_a_model_that_is_gone_is_a_dead_end():
    gone = Reply(Message("assistant"), error=ErrorKind.transport, detail="no route")
    trace, _ = await walked(DFSDT(beam=2, depth=4, queries=9), lambda path, draw: gone if draw == 0 else "b")
    assert visits(trace)[0] == "/"
    assert [trace.stop[leaf] for leaf in trace.leaves()].count(StopReason.agent_error) == 3 - 1
    assert trace.lineage["chosen"] is None


def test_status_codes():
    kinds = (ErrorKind.unknown_tool, ErrorKind.mistyped_argument, ErrorKind.timeout, ErrorKind.not_found)
    assert [STATUS.get(kind, FAILED) for kind in kinds] == [1, 2, 5, 6]
    assert all(STATUS.get(CODES[code], FAILED) == code for code in (1, 2, 5, 6, 7, 11, 12))


# with filter


class _Finished:
    name = "finished"

    async def __call__(self, episode):
        from artificer.checks.finished import Finished

        return await Finished()(episode)


class Prefers:
    """The greater last letter is better; asked which of two, it says so, or always the first (`biased`)."""

    def __init__(self, biased: bool = False) -> None:
        self.biased = biased
        self.asked: list[tuple[str, str]] = []

    async def __call__(self, first, second, since):
        words = [message.messages[since].calls[0].arguments["label"] for message in (first, second)]
        self.asked.append((words[0], words[1]))
        return Compared("first" if self.biased or words[0] > words[1] else "second", 1)


async def test_filtered_children_are_made_first_compared_both_ways_and_visited_best_first():
    prefers = Prefers()
    trace, _ = await walked(DFSDT(beam=3, depth=2, compare=prefers), letters)
    assert prefers.asked == [("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("b", "c"), ("c", "b")]
    assert visits(trace) == ["/", "c", "b", "a"]
    assert trace.lineage["search"]["queries"] == 3 + 6
    points = {node.message.calls[0].arguments["label"]: node.notes["search"]["points"] for node in trace.nodes if node.message.calls}
    assert points == {"a": 0.0, "b": 1.0, "c": 2.0}
    trace, _ = await walked(DFSDT(beam=3, depth=2, compare=Prefers(biased=True)), letters)
    assert visits(trace) == ["/", "a", "b", "c"]
    assert {node.notes["search"]["points"] for node in trace.nodes if node.message.calls} == {1.0}


async def test_comparisons_count_against_the_budget():
    # Two children (2), one pair both ways (4), then the first reply below c reaches 5: thrown away.
    trace, _ = await walked(DFSDT(beam=2, depth=4, queries=5, compare=Prefers()), letters)
    assert visits(trace) == ["/", "b"]
    assert trace.lineage["search"]["queries"] == 5
    assert sorted(stop.value for stop in trace.stop.values()) == ["out_of_budget", "pruned"]


def test_points_of_pairs():
    assert pairwise([[0, 1, 0], [0, 0, -1], [0, 0, 0]]) == [1.5, 0.0, 1.5]


async def test_parallel_calls_are_one_decision():
    both = Message("assistant", calls=(ToolCall("x", "put", {"label": "a"}), ToolCall("y", "put", {"label": "no"})))
    trace, _ = await walked(DFSDT(beam=1, depth=4), lambda path, draw: both)
    assert trace.nodes[1].notes["search"] == {"expand": 1, "depth": 4, "status": 2}
