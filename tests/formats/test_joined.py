"""Several results in one turn: taken apart, each to its call, and written so that one is not taken for several."""

from __future__ import annotations

import io
import json

import pytest
from tests.formats.examples import conversation

from artificer.core.canon import Json, canonical
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.verdicts import ErrorKind
from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.formats.convert import parse, render
from artificer.formats.holding import held
from artificer.formats.joined import AS_MANY, UNEVEN
from artificer.formats.source import Row, blocks, split

BLOCKS = "<tool_response>\n{}\n</tool_response>"
TAGGED = '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>\n<tool_call>\n{"name": "f", "arguments": {"x": 2}}\n</tool_call>'
LISTED = '[{"name": "f", "arguments": {"x": 1}}, {"name": "f", "arguments": {"x": 2}}]'
RECORDS = [{"name": "f", "results": {"t": 3}}, {"name": "f", "results": {"t": 4}}]
ASKED = {"from": "human", "value": "Both."}


def of(name: str, row: object) -> tuple[Item, Account]:
    account = Account()
    (found,) = parse([Row("x:1", json.dumps(row).encode())], format_named(name), account)
    assert account.balanced, account.lines()
    return found, account


def told(item: Item) -> list[tuple[Json, str]]:
    """Each result and the argument of its call."""
    calls = {call.id: call for node in item.trace.nodes for call in node.message.calls}
    results = [node.message.result for node in item.trace.nodes if node.message.result is not None]
    return [(one.content, str(calls[one.call_id].arguments["x"]) if one.call_id in calls else "") for one in results]


def again(item: Item, name: str) -> tuple[list[Item], dict, Account]:
    account, read = Account(), Account()
    rows = list(render([item], format_named(name), account))
    assert account.balanced, account.lines()
    found = list(parse(split(blocks(io.BytesIO(b"\n".join(rows)), 0), "x"), format_named(name), read))
    assert read.balanced, read.lines()
    assert not read.lost
    return found, json.loads(rows[0]) if rows else {}, account


TURNS = {
    "Hermes": ("hermes", TAGGED, {"from": "tool", "value": "\n".join([BLOCKS.format("a"), BLOCKS.format('{"t":4}')])}, ["a", {"t": 4}]),
    "Hermes, no line breaks": ("hermes", TAGGED, {"from": "tool", "value": f"{BLOCKS}{BLOCKS}".format("a", "b").replace("\n", "")}, ["a", "b"]),
    "Qwen, user": ("qwen", TAGGED, {"role": "user", "content": "\n".join([BLOCKS.format("a"), BLOCKS.format("b")])}, ["a", "b"]),
    "Qwen, tool": ("qwen3_coder", TAGGED, {"role": "tool", "content": "\n".join([BLOCKS.format("a"), BLOCKS.format("b")])}, ["a", "b"]),
    "ToolACE": ("toolace", "[f(x=1), f(x=2)]", {"from": "tool", "value": json.dumps(RECORDS)}, RECORDS),
}


@pytest.mark.parametrize("case", TURNS)
def test_results_in_one_turn_are_those_of_the_calls_in_their_order(case):
    name, calls, turn, wanted = TURNS[case]
    asked = {"role": "user", "content": "Both."} if "role" in turn else ASKED
    said = {"role": "assistant", "content": calls} if "role" in turn else {"from": "gpt", "value": calls}
    row = {"id": "r", "messages" if "role" in turn else "conversations": [asked, said, turn]}
    item, account = of(name, row)
    assert told(item) == list(zip(wanted, "12", strict=True))
    assert account.events_in == 5
    assert UNEVEN not in account.lost
    (found,), _, _ = again(item, name)
    assert canonical(found) == canonical(held(item, format_named(name)))


@pytest.mark.parametrize("case", ["Hermes", "ToolACE"])
def test_a_familys_results_of_one_message_stand_in_one_turn(case):
    name, calls, turn, _ = TURNS[case]
    item, _ = of(name, {"conversations": [ASKED, {"from": "gpt", "value": calls}, turn]})
    _, row, _ = again(item, name)
    assert [turn["from"] for turn in row["conversations"]][2:] == ["tool"]


def test_results_that_are_not_as_many_as_the_calls_are_named():
    three = "\n".join(BLOCKS.format(name) for name in "abc")
    item, account = of("hermes", {"conversations": [ASKED, {"from": "gpt", "value": TAGGED}, {"from": "tool", "value": three}]})
    assert told(item) == [("a", "1"), ("b", "2"), ("c", "")]
    assert account.lost[UNEVEN] == 1
    asked = {"role": "user", "content": BLOCKS.format("a")}
    item, account = of("qwen", {"messages": [asked, {"role": "assistant", "content": "?"}]})
    assert told(item) == [("a", "")]
    assert account.lost[UNEVEN] == 1
    more = json.dumps([*RECORDS, RECORDS[0]])
    item, account = of("toolace", {"conversations": [ASKED, {"from": "gpt", "value": "[f(x=1), f(x=2)]"}, {"from": "tool", "value": more}]})
    assert told(item) == [([*RECORDS, RECORDS[0]], "1")]
    assert account.lost[UNEVEN] == 1


def test_a_user_who_speaks_of_blocks_is_a_user():
    for text in ("What is <tool_response>x</tool_response> for?", BLOCKS.format("a</tool_response> and <tool_response>b")):
        item, _ = of("qwen", {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "A tag."}]})
        assert item.trace.nodes[0].message.text == text


def _answered(*results: ToolResult) -> Item:
    calls = (ToolCall("1", "f", {"x": 1}), ToolCall("2", "f", {"x": 2}))
    return conversation(said=(Message("user", "Both."), Message("assistant", calls=calls), *[Message("tool", result=one) for one in results]))


@pytest.mark.parametrize("name", ["hermes", "qwen", "qwen3_coder"])
@pytest.mark.parametrize("text", ["\n".join([BLOCKS.format("a"), BLOCKS.format("b")]), BLOCKS.format("a"), "a\n</tool_response>\n<tool_response>\nb"])
def test_a_result_that_holds_marks_comes_back_as_one(name, text):
    for results in ([text, "b"], ["a", text], [{"k": text}, [text]], [text]):
        item = _answered(*[ToolResult(str(at), one) for at, one in enumerate(results, 1)])
        (found,), _, account = again(item, name)
        assert told(found) == list(zip(results, "12", strict=False))
        assert not account.dropped


def test_what_reads_as_several_results_is_dropped_by_name():
    failed = ToolResult("1", error=ErrorKind.not_found, detail="\n".join([BLOCKS.format("a"), BLOCKS.format("b")]))
    told_user = conversation(said=(Message("user", BLOCKS.format("a")), Message("assistant", "b")))
    for item, name, reason in (
        (_answered(failed), "hermes", "a result that holds what stands between results"),
        (told_user, "qwen", "a user's text that reads as results"),
        (_answered(ToolResult("1", RECORDS)), "toolace", AS_MANY),
    ):
        found, _, account = again(item, name)
        assert found == []
        assert list(account.dropped) == [f"{name} cannot hold it: {reason}"]
