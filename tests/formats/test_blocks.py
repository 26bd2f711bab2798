"""Anthropic's blocks: what a message of ours does not say comes back, and is named where it does not."""

from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.formats.anthropic_blocks import CHANGED
from artificer.formats.base import HOLDS, Item
from artificer.formats.convert import parse, write
from artificer.formats.source import of_text

TEXT = {"type": "text", "text": "x"}
CALL = {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}}
IMAGE = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
MARK = {"cache_control": {"type": "ephemeral"}}


def _result(**fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "1", **fields}


def _thought(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": f"of {text}"}


def _row(*messages: list[dict[str, Any]] | str) -> dict[str, Any]:
    """A row whose messages are the assistant's and the user's by turns."""
    said = [{"role": "assistant" if at % 2 else "user", "content": content} for at, content in enumerate(("hi", *messages, "ok"))]
    return {"id": "r", "messages": said[: len(messages) + 1 + len(messages) % 2]}


def _read(row: dict[str, Any], name: str = "anthropic") -> tuple[Item, Account]:
    account = Account()
    (item,) = parse(of_text(json.dumps(row)), format_named(name), account)
    assert account.balanced
    return item, account


def _written(item: Item, name: str) -> tuple[dict[str, Any], Account]:
    account, out = Account(), io.BytesIO()
    write([item], out, format_named(name), account)
    assert account.balanced, account.lines()
    return json.loads(out.getvalue()), account


WHOLE = [
    _row([_thought("t1"), {"type": "redacted_thinking", "data": "zzz"}, TEXT]),
    _row([{"type": "redacted_thinking", "data": "zzz"}, CALL], [_result(content="r")]),
    _row([_thought("t1"), TEXT, _thought("t2"), CALL], [_result(content=[IMAGE])]),
    _row([TEXT, CALL, TEXT], [_result(content="r"), TEXT]),
    _row([CALL], [TEXT, _result(content=[{"type": "text", "text": "r", **MARK}])]),
    _row([CALL], [_result(content=[TEXT, IMAGE], is_error=True, **MARK), {"type": "text", "text": ""}]),
    _row([{**TEXT, "citations": [{"type": "char_location", "cited_text": "q"}]}, TEXT]),
    _row([TEXT, {**CALL, **MARK}], [_result(content="r", **MARK), {**IMAGE, **MARK}]),
]


@pytest.mark.parametrize("row", WHOLE)
def test_blocks_that_are_more_than_a_message_come_back(row):
    item, read = _read(row)
    assert not read.lost
    assert not read.dropped
    back, account = _written(item, "anthropic")
    assert back == row
    assert not account.lost


@pytest.mark.parametrize("name", ["chat", "trl", "sharegpt", "hermes", "responses"])
@pytest.mark.parametrize("row", WHOLE)
def test_other_formats_name_what_they_do_not_keep_of_them(row, name):
    assert _written(_read(row)[0], name)[1].lost[HOLDS["blocks"]] == 1


@pytest.mark.parametrize("content", ["no such order", [{"type": "text", "text": "no such order"}], '{"why":"none"}'])
@pytest.mark.parametrize("name", ["chat", "trl", "sharegpt", "llamafactory", "hermes", "responses", "axolotl", "nemotron"])
def test_an_error_without_a_kind_gets_no_words_that_nobody_wrote(content, name):
    row = _row([CALL], [_result(content=content, is_error=True)])
    item, _ = _read(row)
    told = content if isinstance(content, str) else content[0]["text"]
    assert _written(item, "anthropic")[0] == _row([CALL], [_result(content=told, is_error=True)])
    back, account = _written(item, name)
    assert account.lost[HOLDS["flagged"]] == 1
    assert "internal" not in json.dumps(back)
    assert json.dumps(told)[1:-1] in json.dumps(back)


def test_a_text_that_reads_as_an_error_and_is_none_stays_one():
    row = _row([CALL], [_result(content="error: timeout: 5 s")])
    assert _written(_read(row)[0], "anthropic")[0] == row


def test_thoughts_are_not_joined_with_those_that_cannot_be_read():
    item, _ = _read(WHOLE[0])
    assert item.trace.nodes[1].message.reasoning == "t1"


def test_a_message_that_was_changed_since_keeps_the_change():
    item, _ = _read(WHOLE[3])
    nodes = list(item.trace.nodes)
    nodes[1] = msgspec.structs.replace(nodes[1], message=msgspec.structs.replace(nodes[1].message, content="changed"))
    back, account = _written(Item(msgspec.structs.replace(item.trace, nodes=tuple(nodes)), ()), "anthropic")
    assert back["messages"][1]["content"] == [{"type": "text", "text": "changed"}, CALL]
    assert account.lost[CHANGED] == 1
    assert back["messages"][2] == WHOLE[3]["messages"][2]


@pytest.mark.parametrize("notes", [7, [7], [{"type": "text"}], [{"type": "tool_use"}], []])
def test_notes_that_are_no_blocks_are_passed_over(notes):
    item, _ = _read(WHOLE[3])
    nodes = [msgspec.structs.replace(one, notes={"blocks": notes}) for one in item.trace.nodes]
    back, account = _written(Item(msgspec.structs.replace(item.trace, nodes=tuple(nodes)), ()), "anthropic")
    assert back["messages"][1]["content"] == [{"type": "text", "text": "xx"}, CALL]
    assert account.lost[CHANGED]


def test_fields_of_a_message_that_holds_only_results_are_named():
    row = _row([CALL], [_result(content="r")])
    row["messages"][2]["id"] = "m1"
    _, account = _read(row)
    assert account.lost == {"fields of messages that hold only results": 1}


ids = st.sampled_from(["1", "2"])
texts = st.builds(
    lambda text, more: {"type": "text", "text": text, **more}, st.sampled_from(["", "x", "\n", '{"a": 1}']), st.sampled_from([{}, MARK])
)
thoughts = st.sampled_from([_thought("t1"), _thought("t2"), {"type": "thinking", "thinking": ""}, {"type": "redacted_thinking", "data": "z"}])
pictures = st.sampled_from([IMAGE, {"type": "image", "source": {"type": "file", "file_id": "f1"}}])
answers = st.builds(
    lambda call, content, more: {"type": "tool_result", "tool_use_id": call, **content, **more},
    ids,
    st.none().map(lambda _: {})
    | st.builds(lambda content: {"content": content}, st.sampled_from(["", "r", "7", "error: timeout"]) | st.lists(texts | pictures)),
    st.sampled_from([{}, MARK, {"is_error": True}, {"is_error": False}]),
)
calls = st.builds(lambda call, more: {**CALL, "id": call, **more}, ids, st.sampled_from([{}, MARK]))
other = st.just({"type": "document", "source": {}})
contents = st.lists(texts | thoughts | pictures | answers | calls | other, max_size=4) | st.just("plain")
rows_of_blocks = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), contents), min_size=1, max_size=4).map(
    lambda said: {"id": "r", "messages": [{"role": role, "content": content} for role, content in said]}
)


@given(rows_of_blocks)
@settings(deadline=None)
def test_what_was_read_of_any_blocks_comes_back(row):
    item, read = _read(row)
    assume(item.trace.nodes)
    assert not read.lost
    back, account = _written(item, "anthropic")
    again, second = _read(back)
    assert not second.dropped
    assert [one.message for one in again.trace.nodes] == [one.message for one in item.trace.nodes] or account.dropped
