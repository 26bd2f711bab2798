"""The goal user: in pieces, only when asked, confirms, ends."""

from __future__ import annotations

from random import Random

from artificer.agents.base import View
from artificer.agents.users.goal import GoalUser
from artificer.core.messages import Message
from artificer.core.tasks import Fact, Goal, Want

GOAL = Goal(
    wants=(Want("update:track:unit_price"), Want("delete:invoice")),
    facts=(
        Fact("0", None, "change the unit price of a track"),
        Fact("0.track.name", "Black Dog", 'the track called "Black Dog"', "asked"),
        Fact("0.set.unit_price", 1.29, "make the unit price 1.29", "asked"),
        Fact("1", None, "delete an invoice"),
    ),
    effects=(),
    script={
        "open:0": "Please change the unit price of a track.",
        "open:1": "Also delete an invoice.",
        "ask:0.track.name": 'It is the track called "Black Dog".',
        "ask:0.set.unit_price": "Please make the unit price 1.29.",
        "confirm:0": "Yes, go ahead.",
        "unknown:0": "I know nothing more.",
    },
)


async def dialogue(*assistant: str) -> list[str | None]:
    user, messages, said = GoalUser(GOAL, Random(0)), [], []
    for text in ("", *assistant):
        if text:
            messages.append(Message("assistant", text))
        reply = await user.speak(View(messages))
        said.append(reply.text if reply else None)
        if reply:
            messages.append(reply)
    return said


async def test_the_user_says_what_it_is_asked_and_no_more():
    assert await dialogue("What should the unit price be?", "Which track do you mean?") == [
        "Please change the unit price of a track.",
        "Please make the unit price 1.29.",
        'It is the track called "Black Dog".',
    ]


async def test_a_vague_question_gets_the_next_fact_and_then_no_more():
    assert (await dialogue("Could you tell me more?", "And what else?", "And more?"))[1:] == [
        'It is the track called "Black Dog".',
        "Please make the unit price 1.29.",
        "I know nothing more.",
    ]


async def test_confirmations_get_a_yes_even_when_they_name_known_things():
    said = await dialogue("Which track is it?", "What unit price?", "I will make the unit price of the track 1.29. Shall I go ahead?")
    assert said[-1] == "Yes, go ahead."


async def test_wants_come_one_after_another_and_then_the_user_is_done():
    assert (await dialogue("Done. Anything else?", "Done.", "x"))[1:3] == ["Also delete an invoice.", None]
