"""Calls whose arguments were no JSON, in formats whose calls stand in a text."""

from __future__ import annotations

import json

import pytest
from tests.formats.examples import conversation

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.formats.broken import CALLS, RESULTS
from artificer.formats.convert import parse, render
from artificer.formats.source import Row

TEXTS = ["hermes", "qwen", "qwen3_coder", "llama", "mistral", "react", "toolace", "xml", "glaive"]
BAD = ToolCall("1", "f", {"$text": "not json"})


@pytest.mark.parametrize("name", TEXTS)
def test_they_are_dropped_by_name_and_their_results_with_them(name):
    said = (
        Message("user", "Both."),
        Message("assistant", "I look.", calls=(BAD,) if name == "glaive" else (BAD, ToolCall("2", "g", {"x": 2}))),
        *([] if name == "glaive" else [Message("tool", result=ToolResult("2", "two"))]),
        Message("tool", result=ToolResult("1", "one")),
        Message("assistant", calls=(BAD,)),
        Message("tool", result=ToolResult("1", "one")),
        Message("assistant", calls=(ToolCall("1", "g", {"x": 3}),)),
        Message("tool", result=ToolResult("1", "three")),
    )
    account, read = Account(), Account()
    (raw,) = render([conversation(said=said)], format_named(name), account)
    assert account.balanced, account.lines()
    assert account.dropped == {CALLS: 2, RESULTS: 2}
    assert "$text" not in raw.decode()
    (found,) = parse([Row("x", raw)], format_named(name), read)
    messages = [node.message for node in found.trace.nodes]
    calls = {call.id: call for one in messages for call in one.calls}
    wanted = [({"x": 3}, "three")] if name == "glaive" else [({"x": 2}, "two"), ({"x": 3}, "three")]
    assert [(calls[one.result.call_id].arguments, one.result.content) for one in messages if one.result is not None] == wanted
    assert messages[1].text == "I look."


def test_where_they_can_be_written_they_stay():
    account = Account()
    (raw,) = render([conversation(said=(Message("user", "Hi."), Message("assistant", calls=(BAD,))))], format_named("sharegpt"), account)
    assert json.loads(json.loads(raw)["conversations"][1]["value"]) == {"name": "f", "arguments": "not json"}
    assert not account.dropped
