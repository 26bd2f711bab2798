"""Ours to a format and back: identity for all that the format says it can hold."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from tests.formats.strategies import items

from artificer.core.canon import canonical
from artificer.formats import format_named, names
from artificer.formats.account import Account
from artificer.formats.base import HOLDS, Item, events
from artificer.formats.convert import parse, write
from artificer.formats.holding import branches, held, lost
from artificer.formats.joined import AS_MANY, UNEVEN
from artificer.formats.source import blocks, split

NARROW = {"bfcl", "dpo", "grpo", "tau2_tasks", "toolalpaca", "verl", "xlam"}
"""Hold one shape of conversation only; see their own tests."""
WRITTEN = [name for name in names() if format_named(name).render is not None and format_named(name).parse is not None and name not in NARROW]


def back(given_items: list[Item], name: str) -> tuple[list[Item], Account, Account]:
    form, out, written, read = format_named(name), io.BytesIO(), Account(), Account()
    write(given_items, out, form, written)
    out.seek(0)
    found = list(parse(split(blocks(out, 0), "text"), form, read))
    assert written.balanced, written.lines()
    assert read.balanced, read.lines()
    return found, written, read


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_format_holds_comes_back(name):
    form = format_named(name)

    @given(items(tree=form.whole, holds=form.holds))
    @settings(max_examples=150, deadline=None)
    def holds(item: Item) -> None:
        found, written, read = back([item], name)
        kept = [item] if form.whole else list(branches(item, Account()))
        try:
            wanted = [canonical(held(one, form)) for one in kept]
        except ValueError:  # no order of results says whose they are
            assert written.dropped.total() == written.events_in
            assert not found
            return
        if written.rows_dropped:
            assert list(written.dropped) == [f"{name} cannot hold it: {AS_MANY}"]
            return
        assert not written.dropped or form.told is not None, written.lines()  # a text may read as less than was said: white space alone
        assert not read.dropped
        assert set(read.lost) <= {UNEVEN}
        assert [canonical(one) for one in found] == wanted
        for one in kept:  # what is missing was named
            assert canonical(held(one, form)) == canonical(one) or lost(one, form)
            assert all(written.lost[HOLDS[loss]] for loss in lost(one, form))

    holds()


@pytest.mark.parametrize("name", WRITTEN)
def test_trees_become_their_branches_or_stay_trees(name):
    form = format_named(name)

    @given(items(tree=True))
    @settings(max_examples=60, deadline=None)
    def whole(item: Item) -> None:
        found, written, _ = back([item], name)
        if form.whole:
            assert [canonical(held(item, form))] == [canonical(one) for one in found]
        else:
            wanted = len(list(branches(item, Account())))
            assert len(found) + written.rows_dropped == max(1, wanted)  # a trace without a branch that passed is a row without a row
            assert not written.rows_dropped or not wanted or {"parallel", "call_ids"} - form.holds
            assert written.events_in == events(item.trace)

    whole()
