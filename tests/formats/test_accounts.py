"""What an account says of rows and events that were dropped."""

from __future__ import annotations

import json

import pytest
from tests.formats.examples import SAID, conversation

from artificer.api import convert
from artificer.core.trace import Trace
from artificer.formats import format_named, names
from artificer.formats.account import Account
from artificer.formats.base import Item, toolset_digest
from artificer.formats.convert import NOTHING, parse, render
from artificer.formats.holding import NOT_PASSED
from artificer.formats.parts import labelled
from artificer.formats.source import of_text

GOOD = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}


def _read(text: str, name: str) -> Account:
    account = Account()
    list(parse(of_text(text), format_named(name), account))
    assert account.balanced
    assert account.rows_by.total() == account.rows_dropped
    return account


def test_rows_are_counted_by_the_reason_for_which_nothing_came_out_of_them():
    account = _read("\n".join([json.dumps(GOOD), "broken", "{", json.dumps({"messages": [{"role": "user", "content": 7}]})]), "chat")
    assert account.rows_by == {"not JSON": 2, "not of the format chat: content is int, not text": 1}
    lines = account.lines()
    assert "dropped: not JSON (2 rows), e.g. text:2, text:3" in lines
    assert "dropped: not of the format chat: content is int, not text (1 row, 1 event), e.g. text:4" in lines


def test_events_of_rows_that_stay_are_counted_alone():
    account = _read(json.dumps({"messages": [*GOOD["messages"], {"role": "alien", "content": "y"}]}), "chat")
    assert not account.rows_by
    assert "dropped: a message of the role 'alien' (1), e.g. text:1" in account.lines()


@pytest.mark.parametrize("rows", [1, 2_150])
def test_many_rows_are_written_as_people_write_numbers(rows):
    account = Account()
    for _ in range(rows):
        account.drop_row("not JSON")
    assert f"dropped: not JSON ({rows:,} row{'s' * (rows > 1)})" in account.lines()


@pytest.mark.parametrize("name", [name for name in names() if format_named(name).render is not None])
def test_a_trace_of_which_no_row_is_made_is_named(name):
    empty = Item(Trace("e", "e", "", toolset_digest(()), ()), ())
    account = Account()
    made = list(render([empty, conversation("a", SAID[1:2])], format_named(name), account))
    assert account.balanced
    assert account.rows_dropped + len(made) >= 2
    assert account.rows_by.total() == account.rows_dropped
    assert all(account.rows_by)


def test_a_row_without_messages_is_named_when_it_cannot_be_written(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "e", "messages": []}) + "\n" + json.dumps(GOOD) + "\n")
    done = convert(tmp_path / "a.jsonl", tmp_path / "o.jsonl", to="chat", given="chat")
    assert (done.read.rows_out, done.written.rows_in, done.written.rows_out) == (2, 2, 1)
    assert done.written.rows_by == {NOTHING: 1}
    assert f"dropped: {NOTHING} (1 row), e.g. e" in done.written.lines()


def test_a_trace_that_did_not_pass_is_a_row_that_was_left_out():
    failed = labelled(conversation("a").trace, "label", False)
    account = Account()
    assert not list(render([Item(failed, ())], format_named("chat"), account))
    assert account.balanced
    assert account.rows_by == {NOT_PASSED: 1}


@pytest.mark.parametrize("row", [{"foo": 1}, {"messages": 7}, {"messages": [7]}, {"messages": [[]]}, {"messages": {"a": 1}}, {"messages": "x"}])
def test_why_a_row_is_of_no_format_is_not_told_in_words_of_the_interpreter(row):
    account = Account()
    assert not list(parse(of_text(json.dumps(row)), format_named("chat"), account))
    (reason,) = account.rows_by
    assert reason == "not of the format chat" or reason.startswith("not of the format chat: no ")
