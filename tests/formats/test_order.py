"""Results in formats whose rows do not say which call they answer."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from tests.formats.examples import CROSSED, PLAIN, SAID, UNANSWERED, conversation

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.formats import format_named, names
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.formats.convert import parse, write
from artificer.formats.order import MOVED, UNNAMED
from artificer.formats.source import blocks, split

ORDERED = [
    name
    for name in names()
    if (form := format_named(name)).render is not None and "call_ids" not in form.holds and {"parallel", "results", "beside"} <= form.holds
]
ORDERED.append("llamafactory")


def through(said: tuple[Message, ...], name: str) -> tuple[list[Item], Account]:
    out, account, read = io.BytesIO(), Account(), Account()
    write([conversation(said=said)], out, format_named(name), account)
    out.seek(0)
    found = list(parse(split(blocks(out, 0), "x"), format_named(name), read))
    assert account.balanced, account.lines()
    assert read.balanced, read.lines()
    return found, account


def answers(messages: Sequence[Message]) -> list[str]:
    """Each call with what answers it."""
    calls = {call.id: call for one in messages for call in one.calls}
    told = [(calls[one.result.call_id], one.result) for one in messages if one.result is not None]
    return sorted(f"{call.name} {call.arguments}: {result.content} {result.detail}" for call, result in told)


@pytest.mark.parametrize("name", ORDERED)
def test_results_in_another_order_come_back_at_their_calls(name):
    (found,), account = through(CROSSED, name)
    messages = [node.message for node in found.trace.nodes]
    assert answers(messages) == answers(SAID)
    assert account.lost[MOVED] == 1
    assert MOVED not in through(SAID, name)[1].lost


@pytest.mark.parametrize("name", ORDERED)
def test_a_result_that_no_order_can_place_drops_its_row_by_name(name):
    older = (*SAID[:6], Message("tool", result=ToolResult("c1", "late")), *SAID[7:])
    twice = (*SAID[:5], SAID[3], *SAID[5:])
    for said, reason in (
        (UNANSWERED, "a call without a result before one with a result"),
        (older, "a result of a call further back"),
        (twice, "several results of one call"),
    ):
        found, account = through(said, name)
        assert found == []
        assert account.dropped == {f"{name} cannot hold it: {reason}": account.events_in}


def test_calls_at_the_end_need_no_result_and_results_need_no_name():
    (found,), account = through((*SAID[:4], *SAID[5:]), "sharegpt")
    assert [node.message.result.call_id for node in found.trace.nodes if node.message.result] == ["c2.0", "c4.0"]
    unnamed = (*SAID[:3], Message("tool", result=ToolResult("?", "a")), SAID[3], *SAID[5:])
    (found,), account = through(unnamed, "sharegpt")
    assert [node.message.result.content for node in found.trace.nodes[3:5]] == [{"id": 7, "state": "open"}, "a"]
    assert account.lost[UNNAMED] == account.lost[MOVED] == 1


def test_ids_that_come_again_are_those_of_the_last_calls():
    call = Message("assistant", calls=(ToolCall("c1", "find_order", {"id": 9}),))
    (found,), account = through((*PLAIN[:4], call, Message("tool", result=ToolResult("c1", "nine"))), "sharegpt")
    assert [node.message.result.content for node in found.trace.nodes if node.message.result] == [{"id": 7, "state": "open"}, "nine"]
    assert not account.dropped
    assert MOVED not in account.lost


def test_a_message_of_more_calls_than_a_text_is_read_for_is_dropped_by_name():
    calls = tuple(ToolCall(str(at), "f", {"x": at}) for at in range(40))
    said = (Message("user", "All."), Message("assistant", calls=calls), *[Message("tool", result=ToolResult(call.id, call.id)) for call in calls])
    found, account = through(said, "hermes")
    assert found == []
    assert account.dropped == {"hermes cannot hold it: calls that its text does not say": 81}
