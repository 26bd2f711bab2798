"""ShareGPT's turns (and with them LLaMA-Factory's) as data sets have them: lists of results, Python texts, thoughts within a text, broken calls."""

from __future__ import annotations

import json

import pytest
from tests.formats.examples import conversation
from tests.formats.test_joined import ASKED, LISTED, again, of, told

from artificer.core.canon import Json, canonical
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.formats.base import HOLDS
from artificer.formats.convert import parse, render
from artificer.formats.holding import held
from artificer.formats.joined import AS_MANY, UNEVEN
from artificer.formats.sharegpt import UNREAD
from artificer.formats.source import Row

BOTH = pytest.mark.parametrize("name", ["sharegpt", "llamafactory"])

ONE = '{"name": "f", "arguments": {"x": 1}}'


def turns(*said: tuple[str, str]) -> dict[str, Json]:
    return {"id": "r", "conversations": [ASKED, *[{"from": who, "value": text} for who, text in said]]}


# results


@BOTH
@pytest.mark.parametrize(("text", "wanted"), [("[1, 2]", [1, 2]), ('["a", {"t": "error: not_found"}]', ["a", {"t": "error: not_found"}])])
def test_a_list_as_long_as_the_calls_is_a_result_for_each(name, text, wanted):
    item, account = of(name, turns(("function_call", LISTED), ("observation", text), ("gpt", "Done.")))
    assert told(item) == list(zip(wanted, "12", strict=True))
    assert account.events_in == 6
    (found,), _, _ = again(item, name)
    assert canonical(found) == canonical(held(item, format_named(name)))


@BOTH
def test_a_list_stays_one_result_where_it_is_not_for_each_call(name):
    item, account = of(name, turns(("function_call", LISTED), ("observation", "[1, 2, 3]")))
    assert told(item) == [([1, 2, 3], "1")]
    assert account.lost[UNEVEN] == 1
    for said in (
        (("function_call", LISTED), ("observation", "[1, 2]"), ("observation", "x")),
        (("function_call", ONE), ("observation", "[1, 2]")),
    ):
        item, account = of(name, turns(*said))
        assert told(item)[0] == ([1, 2], "1")
        assert UNEVEN not in account.lost


@BOTH
def test_one_result_that_would_be_read_as_all_drops_its_row_by_name(name):
    calls = (ToolCall("1", "f", {"x": 1}), ToolCall("2", "f", {"x": 2}))
    said = [Message("user", "Both."), Message("assistant", calls=calls), Message("tool", result=ToolResult("1", [1, 2]))]
    found, _, account = again(conversation(said=tuple(said)), name)
    assert found == []
    assert account.dropped == {f"{name} cannot hold it: {AS_MANY}": 4}
    more = (*said, Message("tool", result=ToolResult("2", "x")))
    assert told(again(conversation(said=more), name)[0][0]) == [([1, 2], "1"), ("x", "2")]


# thoughts


@pytest.mark.parametrize("name", ["sharegpt", "llamafactory", "nemotron"])
def test_marks_of_a_thought_within_a_text_stay_text_by_name(name):
    item = conversation(said=(Message("user", "Hi."), Message("assistant", "<think>secret</think>Hello"), Message("assistant", "<think> is a tag")))
    (found,), _, account = again(item, name)
    assert [node.message.text for node in found.trace.nodes[1:]] == ["< think>secret< /think>Hello", "<think> is a tag"]
    assert account.events_in == account.events_out == 3
    assert account.lost[HOLDS["words"]] == 1


# calls


@pytest.mark.parametrize(
    ("name", "given"),
    [(name, given) for name in ("sharegpt", "llamafactory") for given in ("not json", "[1]", "7")] + [("nemotron", "not json")],
)
def test_arguments_that_are_no_object_are_written_as_they_were(name, given):
    call = ToolCall("1", "f", {"$text": given})
    item = conversation(said=(Message("user", "Hi."), Message("assistant", calls=(call,))))
    account, read = Account(), Account()
    (raw,) = render([item], format_named(name), account)
    assert b"$text" not in raw
    (found,) = parse([Row("x", raw)], format_named(name), read)
    assert found.trace.nodes[1].message.calls[0].arguments == call.arguments
    assert account.balanced
    assert read.balanced


@pytest.mark.parametrize(
    ("text", "calls", "repair"),
    [
        ("{'name': 'f', 'arguments': {'x': True}}", [("f", {"x": True})], "single quotes"),
        ("[{'name': 'f', 'arguments': {'x': 1}}, {'name': 'g', 'arguments': {}}]", [("f", {"x": 1}), ("g", {})], "single quotes"),
        ('{"name": "f", "arguments": {"x": 1},}', [("f", {"x": 1})], "trailing comma"),
    ],
)
@BOTH
def test_a_call_in_a_python_text_is_mended_by_name(name, text, calls, repair):
    item, account = of(name, turns(("function_call", text)))
    assert [(call.name, call.arguments) for call in item.trace.nodes[1].message.calls] == calls
    assert account.lost[f"a text as it was written: mended ({repair})"] == 1


@pytest.mark.parametrize(
    "text", [f"<think>\nHm.\n</think>\n\n{LISTED}", "f(x=1)", "[]", '[{"name": "f"}, 1]', '{"name": ""}', "{'name': 'f'} and more"]
)
def test_a_turn_of_calls_that_cannot_be_read_is_a_text(text):
    for before in ((), (("gpt", ""),), (("gpt", "I look."),), (("gpt", "<think>\nHm.\n</think>\n\n"),), (("gpt", ""), ("bing", "?"))):
        item, account = of("sharegpt", turns(*before, ("function_call", text), ("observation", "[1, 2]"), ("gpt", "Done.")))
        assert all(not node.message.calls for node in item.trace.nodes)
        assert text in [node.message.text for node in item.trace.nodes]
        assert account.lost[UNREAD] == 1


def test_an_empty_turn_of_calls_is_accounted_for():
    item, account = of("sharegpt", turns(("gpt", "<think>\nHm.\n</think>\n\n"), ("function_call", "")))
    assert (item.trace.nodes[1].message.reasoning, account.dropped.total()) == ("Hm.", 1)


@BOTH
def test_a_call_without_a_name_is_dropped_by_name(name):
    item = conversation(said=(Message("user", "Hi."), Message("assistant", calls=(ToolCall("1", "", {}),))))
    found, _, account = again(item, name)
    assert found == []
    assert account.dropped == {f"{name} cannot hold it: a call without a name": 2}


@pytest.mark.parametrize("name", ["sharegpt", "llamafactory", "hermes"])
def test_a_column_that_cannot_be_read_is_named(name):
    account = Account()
    assert list(parse([Row("x:1", json.dumps(turns(("gpt", "Hi.")) | {"tools": "{oops"}).encode())], format_named(name), account)) == []
    assert list(account.dropped) == [f"not of the format {name}: the column 'tools' is not JSON"]


# LLaMA-Factory


def test_what_only_llama_factory_has_marks_its_rows():
    form = format_named("llamafactory")
    plain = turns(("function_call", LISTED), ("observation", "a"), ("observation", "b"), ("gpt", "Done."))
    thought = turns(("function_call", "<think>\nHm.\n</think>\n\n" + LISTED), ("observation", "a"), ("gpt", "Done."))
    joined = turns(("function_call", LISTED), ("observation", "a\n</tool_response>\n<tool_response>\nb"), ("gpt", "Done."))
    assert form.fits(thought) == form.fits(joined) > format_named("sharegpt").fits(joined) > form.fits(plain) > 0
    parts = turns(("gpt", "Done.")) | {"conversations": [ASKED, {"from": "gpt", "value": [{"type": "text", "text": "Done."}]}]}
    assert form.fits(parts) > 0
    for row in (thought, joined):
        item, account = of("llamafactory", row)
        assert [call.name for call in item.trace.nodes[1].message.calls] == ["f", "f"]
        assert not account.lost
