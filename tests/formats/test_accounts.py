"""What an account says of rows and events that were dropped."""

from __future__ import annotations

import json

import pytest

from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.formats.convert import parse
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
