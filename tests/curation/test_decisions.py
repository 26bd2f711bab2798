from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Goal, Start, Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import ErrorKind, Verdict
from artificer.curation.decisions import Cut, balanced, decisions, offer, window

TOOLS = [ToolSpec(f"tool_{letter}", "", {"type": "object"}) for letter in "abcdefgh"]
TASK = Task("task", "w", Start(3), "", Goal((), (), ()), tags=("update",), lineage={"entities": ["track:7"]})
PASSED, FAILED = Verdict(1.0, True), Verdict(0.0, False)


def call(at: int, name: str = "tool_a", **arguments: object) -> Message:
    return Message("assistant", "I will look.", calls=(ToolCall(f"c{at}", name, dict(arguments)),), author="oracle")


def told(at: int, content: object = None, error: ErrorKind | None = None) -> Message:
    return Message("tool", result=ToolResult(f"c{at}", content, error, "no" if error else None))


def trace(messages: list[Message], verdict: Verdict = PASSED, parents: list[int | None] | None = None) -> Trace:
    before = parents or [None, *range(len(messages) - 1)]
    nodes = tuple(Node(parent, message, sampled=message.role == "assistant") for parent, message in zip(before, messages, strict=True))
    leaves = sorted(set(range(len(nodes))) - {parent for parent in before if parent is not None})
    return Trace("trace", "task", "w", "d", nodes, dict.fromkeys(leaves, verdict))


TALK = [
    Message("user", "Change it", author="goal"),
    call(1, x=1),
    told(1, error=ErrorKind.not_found),
    call(2, x=2),
    told(2, {"id": 2}),
    Message("assistant", "Shall I?"),
    Message("user", "Yes"),
    call(3, "tool_b", id=2),
    told(3, {"ok": True}),
    Message("assistant", "Done. " + "x" * 300),
]


def test_refused_calls_are_context_and_never_targets() -> None:
    made = list(decisions(TASK, trace(TALK), TOOLS))
    assert [one.target.text or one.target.calls[0].arguments for one in made] == [{"x": 2}, "Shall I?", {"id": 2}]
    assert made[0].context[-1].result == TALK[2].result
    assert [[c.id for c in one.prefix] for one in made] == [["c1"], ["c1", "c2"], ["c1", "c2"]]
    assert all(one.start == Start(3) and one.entities == ("track:7",) and one.tags[0] == "update" for one in made)
    assert [one.tags[-1] for one in made] == ["call", "text", "call"]


def test_injected_errors_are_no_targets_even_if_they_were_answered() -> None:
    talk = trace(TALK)
    nodes = [node if at != 3 else Node(node.parent, node.message, sampled=True, notes={"error": "injected"}) for at, node in enumerate(talk.nodes)]
    marked = Trace("trace", "task", "w", "d", tuple(nodes), talk.verdicts)
    assert [one.target.calls[0].id for one in decisions(TASK, marked, TOOLS, Cut(text=False))] == ["c3"]


def test_only_passed_branches_teach() -> None:
    assert list(decisions(TASK, trace(TALK, FAILED), TOOLS)) == []
    forked = [Message("user", "Change it"), call(1, x=1), told(1, {"id": 1}), Message("assistant", "One."), Message("assistant", "Two.")]
    both = trace(forked, parents=[None, 0, 1, 2, 2])
    assert [one.target.text for one in decisions(TASK, both, TOOLS) if one.target.text] == ["One.", "Two."]
    assert len([one for one in decisions(TASK, both, TOOLS) if one.target.calls]) == 1  # the shared step once


def test_calls_side_by_side_are_one_target() -> None:
    side = Message("assistant", calls=(ToolCall("c1", "tool_a", {}), ToolCall("c2", "tool_b", {})))
    talk = [Message("user", "Both"), side, told(1, 1), told(2, 2), Message("assistant", "There.")]
    assert len(next(iter(decisions(TASK, trace(talk), TOOLS))).target.calls) == 2
    broken = [*talk[:3], told(2, error=ErrorKind.forbidden), talk[4]]
    assert [one.target.text for one in decisions(TASK, trace(broken), TOOLS)] == ["There."]


def test_hidden_tools_are_seen_nowhere() -> None:
    assert list(decisions(TASK, trace(TALK), TOOLS, Cut(hidden=("tool_b",)))) == []
    made = list(decisions(TASK, trace(TALK), TOOLS, Cut(tools=7, hidden=("tool_h",))))
    assert made
    assert all("tool_h" not in one.tools and {"tool_a", "tool_b"} <= set(one.tools) and len(one.tools) == 7 for one in made)


@given(st.sets(st.sampled_from([tool.name for tool in TOOLS]), min_size=1), st.integers(0, 10), st.text(max_size=4))
def test_an_offer_holds_what_is_needed_and_depends_on_its_key_alone(used: set[str], count: int, key: str) -> None:
    names = [tool.name for tool in TOOLS]
    offered = offer(used, names, Cut(tools=count), key)
    assert used <= set(offered)
    assert len(offered) == len(set(offered)) == max(len(used), min(count, len(names)))
    assert offered == offer(sorted(used, reverse=True), names, Cut(tools=count), key)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(0, 300))
def test_a_window_keeps_the_first_and_the_newest(sizes: list[int], budget: int) -> None:
    messages = [Message("user" if at == 0 else ("assistant" if at % 2 else "tool"), "x" * size) for at, size in enumerate(sizes)]
    kept = window(messages, budget)
    assert kept[0] == messages[0]
    assert kept[-1] == messages[-1]
    assert kept[1:] == messages[len(messages) - len(kept) + 1 :]
    assert len(kept) < 2 or kept[1].role != "tool"
    if sum(sizes) <= budget:
        assert kept == messages


@pytest.mark.parametrize(("texts", "expected"), [(0.0, 0), (0.25, 1), (0.5, 3)])
def test_words_are_thinned_to_their_share(texts: float, expected: int) -> None:
    talk = [Message("user", "go")]
    for at in range(1, 4):
        talk += [call(at), told(at, at), Message("assistant", f"Step {at}."), Message("user", "on")]
    made = list(decisions(TASK, trace(talk), TOOLS))
    kept = balanced(made, texts, 1)
    assert sum(not one.target.calls for one in kept) == expected
    assert [one for one in made if one in kept] == kept
