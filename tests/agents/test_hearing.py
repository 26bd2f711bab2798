"""Hearing: what was said, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.agents.hearing import Hearing, affirms, says
from artificer.core.messages import Message
from artificer.core.tasks import Fact

FACTS = (
    Fact("0", None, "change the unit price of a track"),
    Fact("0.track.name", "Black Dog", 'the track called "Black Dog"'),
    Fact("0.set.unit_price", 1.29, "make the unit price 1.29", "asked"),
    Fact("1", None, "delete an invoice"),
)


@pytest.mark.parametrize(
    ("text", "phrase", "expected"),
    [
        ("The order of 12 lamps.", "12 lamps", True),
        ("The order of 112 lamps.", "12 lamps", False),
        ("price 1.299 please", "price 1.29", False),
        ("price 1.29, please", "price 1.29", True),
        ("MAKE IT SO", "make it", True),
        ("remake it", "make it", False),
    ],
)
def test_a_phrase_is_heard_at_word_boundaries(text, phrase, expected):
    assert says(text, phrase) is expected


def test_only_what_was_said_is_heard():
    hearing = Hearing(FACTS)
    messages = [Message("user", 'Hi, I\'d like to change the unit price of a track, it is the track called "Black Dog".')]
    hearing.listen(messages)
    assert hearing.wants == [0]
    assert hearing.heard(0, "") == {"track.name": "Black Dog"}
    messages += [Message("assistant", "make the unit price 1.29?"), Message("user", "Make the unit price 1.29. And delete an invoice.")]
    hearing.listen(messages)
    assert hearing.wants == [0, 1]
    assert hearing.heard(0, "set") == {"set.unit_price": 1.29}


def test_what_an_agent_or_a_tool_says_is_not_heard_from_the_user():
    hearing = Hearing(FACTS)
    hearing.listen([Message("assistant", 'the track called "Black Dog"'), Message("tool", "delete an invoice")])
    assert hearing.wants == []
    assert hearing.heard(0, "") == {}


@given(st.lists(st.sampled_from([fact.phrase for fact in FACTS]), max_size=6))
def test_hearing_in_pieces_is_hearing_at_once(phrases):
    pieces, whole = Hearing(FACTS), Hearing(FACTS)
    messages = [Message("user", phrase + ".") for phrase in phrases]
    for end in range(len(messages) + 1):
        pieces.listen(messages[:end])
    whole.listen([Message("user", " ".join(message.text for message in messages))])
    assert {want: pieces.heard(want, "") for want in (0, 1)} == {want: whole.heard(want, "") for want in (0, 1)}
    assert set(pieces.wants) == set(whole.wants)


@pytest.mark.parametrize(
    ("text", "yes"),
    [("Yes, please go ahead.", True), ("Sure thing", True), ("No, don't.", False), ("Hmm, which one?", False), ("Don't do it", False), ("OK.", True)],
)
def test_a_yes_is_a_yes(text, yes):
    assert affirms(text) is yes
