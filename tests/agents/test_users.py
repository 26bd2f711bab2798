"""Users: manners over a scripted user, a user that a model plays, reference dialogues, users with tools of their own."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.agents.base import User, View
from artificer.agents.gold import passages
from artificer.agents.hearing import Hearing, says, wavers
from artificer.agents.users.goal import GoalUser
from artificer.agents.users.lines import ReferenceUser
from artificer.agents.users.llm import STOP, TRANSFER, LLMUser, Manner, brief_of
from artificer.agents.users.modifiers import MODIFIERS, BreaksPolicy, ChangesMind, Impatient, Insists, Misstates, Slips, Vague
from artificer.agents.users.values import another, written
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Effect, Fact, Goal, Start, Task, Want
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Model, Reply, Request
from artificer.models.scripted import Scripted

GOAL = Goal(
    wants=(
        Want("update:track:unit_price", gold=(ToolCall("g1", "update_track", {"track_id": 77123, "unit_price": 1.29}),)),
        Want("delete:invoice"),
    ),
    facts=(
        Fact("0", None, "change the unit price of a track"),
        Fact("0.track.name", "Black Dog", 'the track called "Black Dog"', "asked"),
        Fact("0.set.unit_price", 1.29, "make the unit price 1.29", "asked"),
        Fact("1", None, "delete an invoice"),
    ),
    effects=(Effect("track", (77123,), "update", {"unit_price": (0.99, 1.29)}),),
    script={
        "open:0": "Please change the unit price of a track.",
        "open:1": "Also delete an invoice.",
        "ask:0.track.name": 'It is the track called "Black Dog".',
        "ask:0.set.unit_price": "Please make the unit price 1.29.",
        "confirm:0": "Yes, go ahead.",
    },
)
TASK = Task("task-1", "sqlite:x", Start(), GOAL.script["open:0"], GOAL, ("reached", "nothing_else"), GOAL.wants[0].gold)
AGENT = (
    "Which track is it?",
    "And the unit price?",
    "I will make it 1.29. Shall I go ahead?",
    "Done. Anything else?",
    "I cannot do that. Anything else?",
)


def goal_user() -> GoalUser:
    return GoalUser(GOAL, Random(0))


async def talk(user: User, *assistant: str, most: int = 12) -> list[str]:
    """What the user says to an agent that repeats a question until it is answered as the goal has it, then goes on."""
    messages: list[Message] = []
    said: list[str] = []
    hearing = Hearing(GOAL.facts)
    left = list(assistant)
    while len(said) < most:
        reply = await user.speak(View(messages))
        if reply is None:
            return said
        message = reply.message if isinstance(reply, Reply) else reply
        said.append(message.text)
        messages.append(message)
        hearing.listen(messages)
        asked = next((message.text for message in reversed(messages) if message.role == "assistant"), None)
        if asked is not None and wavers(said[-1]):
            messages.append(Message("assistant", asked))
        else:
            messages.append(Message("assistant", left.pop(0) if left else "Done. Anything else?"))
    return said


async def test_misstating_is_corrected_at_the_next_turn():
    said = await talk(Misstates(goal_user(), GOAL, Random(1), 1.0), *AGENT)
    wrong, right = said[1], said[2]
    assert not says(wrong, GOAL.facts[1].phrase)
    assert wavers(wrong)
    assert says(right, GOAL.facts[1].phrase)
    assert not wavers(right)


async def test_a_mind_is_changed_about_what_is_wanted_and_not_about_what_there_is():
    said = await talk(ChangesMind(goal_user(), GOAL, Random(1), 1.0), *AGENT)
    assert said[1] == GOAL.script["ask:0.track.name"]
    assert not says(said[2], GOAL.facts[2].phrase)
    assert says(said[3], GOAL.facts[2].phrase)


async def test_a_vague_user_opens_with_nothing_and_answers_when_asked_again():
    user = Vague(goal_user(), GOAL, Random(2), 1.0)
    messages: list[Message] = []
    said = []
    for answer in ("What can I do?", "Which track is it?", "Which track is it?", ""):
        reply = await user.speak(View(messages))
        assert isinstance(reply, Message)
        said.append(reply.text)
        messages += [reply, Message("assistant", answer)]
    assert not any(says(said[0], fact.phrase) for fact in GOAL.facts)
    assert said[1] == GOAL.script["open:0"]
    assert wavers(said[2])
    assert said[3] == GOAL.script["ask:0.track.name"]


async def test_a_slip_holds_the_wrong_value_and_then_the_right_one():
    said = await talk(Slips(goal_user(), GOAL, Random(3), 1.0), *AGENT)
    assert said[1].endswith(GOAL.script["ask:0.track.name"])
    assert len(said[1]) > len(GOAL.script["ask:0.track.name"]) + 10


async def test_insisting_follows_a_refusal_and_not_a_question():
    user = Insists(goal_user(), GOAL, Random(4), times=2)
    view = View([Message("assistant", "I cannot do that. Shall I do something like it?")])
    assert (await user.speak(View(()))).text == GOAL.script["open:0"]
    assert (await user.speak(view)).text == "Yes, go ahead."
    refused = View([Message("assistant", "I am sorry, that is not allowed. Anything else?")])
    pleas = [(await user.speak(refused)).text for _ in range(2)]
    assert not any(says(plea, fact.phrase) for plea in pleas for fact in GOAL.facts)
    assert (await user.speak(refused)).text == GOAL.script["open:1"]


async def test_what_the_rules_forbid_is_asked_for_once_at_the_start():
    said = await talk(BreaksPolicy(goal_user(), GOAL, Random(5), 1.0), *AGENT)
    assert said[0].startswith(GOAL.script["open:0"])
    assert len(said[0]) > len(GOAL.script["open:0"])
    assert said[1] == GOAL.script["ask:0.track.name"]


async def test_patience_ends():
    assert len(await talk(Impatient(goal_user(), GOAL, Random(6), 1.0, patience=2), *AGENT)) == 2
    assert len(await talk(Impatient(goal_user(), GOAL, Random(6), 1.0), *AGENT)) == len(await talk(goal_user(), *AGENT))


@given(st.lists(st.sampled_from(sorted(MODIFIERS)), max_size=4), st.integers(0, 5000), st.floats(0, 1))
async def test_whatever_the_manners_all_is_said_in_the_end_and_no_id(names, seed, rate):
    user: User = goal_user()
    for place, name in enumerate(names):
        user = MODIFIERS[name](user, GOAL, Random(seed + place), rate)
    said = await served(user)
    assert all(any(says(text, fact.phrase) for text in said) for fact in GOAL.facts)
    assert not any("77123" in text for text in said)
    priced = [text for text in said if "unit price" in text and any(letter.isdigit() for letter in text)]
    assert says(priced[-1], "make the unit price 1.29")  # whatever was said before


async def served(user: User) -> list[str]:
    """What a user says to an agent that asks until it has heard everything."""
    messages: list[Message] = []
    said: list[str] = []
    for _ in range(60):
        reply = await user.speak(View(messages))
        if reply is None:
            return said
        assert isinstance(reply, Message)
        said.append(reply.text)
        heard = {fact.path for fact in GOAL.facts if any(says(text, fact.phrase) for text in said)}
        missing = next((path for path in ("0", "0.track.name", "0.set.unit_price") if path not in heard), "")
        asks = {"0": "What can I do for you?", "0.track.name": "Which track is it?", "0.set.unit_price": "And the new unit price?"}
        messages += [reply, Message("assistant", asks.get(missing, "I cannot do that. Anything else?"))]
    raise AssertionError("no end")


@pytest.mark.parametrize("name", sorted(MODIFIERS))
async def test_a_copy_goes_on_by_itself(name):
    user = MODIFIERS[name](goal_user(), GOAL, Random(8), 1.0)
    first = [await user.speak(View([]))]
    other = user.fork()
    asked = [Message("user", "x"), Message("assistant", "Which track is it?")]
    before = [await user.speak(View(asked)) for _ in range(3)]
    after = [await other.speak(View(asked)) for _ in range(3)]
    assert before == after, "the copy says what the user would have said"
    assert first


@given(
    st.one_of(st.integers(-(10**6), 10**6), st.floats(0, 10**5).map(lambda x: round(x, 2)), st.text(max_size=30), st.dates().map(str)), st.integers()
)
def test_another_value_is_another(value, seed):
    other = another(value, Random(seed))
    assert other is None or other not in written(value)
    assert other is None or other != str(value)


def test_some_values_have_no_other():
    assert [another(value, Random(0)) for value in (True, None, [1], "ab", "...")] == [None] * 5


# a model


class Said(Model):
    """A model that answers from a list, and keeps what it was asked."""

    name = "test:said"

    def __init__(self, *replies: Reply | str) -> None:
        self.left = [Reply(Message("assistant", one)) if isinstance(one, str) else one for one in replies]
        self.asked: list[Request] = []

    async def reply(self, request: Request) -> Reply:
        self.asked.append(request)
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


PHONE = (ToolSpec("toggle_airplane_mode", "Toggles airplane mode.", {"type": "object", "properties": {}}, None, "write"),)


async def test_the_conversation_is_turned_round_and_the_end_is_a_token():
    model = Said("I need a price changed.", "Blue Dog, no, Black Dog.", f"Thanks! {STOP}")
    user = LLMUser(model, brief_of(TASK))
    first = await user.speak(View(()))
    assert first is not None
    assert (first.message.role, first.message.text, first.message.author) == ("user", "I need a price changed.", "llm-user")
    view = View([first.message, Message("assistant", "Which track?")])
    assert (await user.speak(view)).message.text == "Blue Dog, no, Black Dog."
    assert [message.role for message in model.asked[1].messages] == ["system", "assistant", "user"]
    assert await user.speak(view) is None


@pytest.mark.parametrize("token", [TRANSFER, "###OUT-OF-SCOPE###"])
async def test_a_user_may_end_in_other_ways(token):
    assert await LLMUser(Said(token), "x").speak(View([Message("assistant", "Bye.")])) is None


async def test_a_brief_holds_the_users_words_and_nothing_of_the_gold():
    model = Said("Hello.")
    await LLMUser(model, brief_of(TASK), Manner(persona="a student", reveals="gradually")).speak(View((), PHONE))
    prompt = "".join(message.text for request in model.asked for message in request.messages)
    for fact in GOAL.facts:
        assert fact.phrase in prompt
    assert "a student" in prompt
    for private in ("77123", "track_id", "update_track", "reached", "nothing_else", "update:track", "effects", "gold"):
        assert private not in prompt, private


async def test_a_flag_in_json_ends_too():
    flag = Manner(done="flag")
    said = Said('{"user_message": "Hi, a price please.", "is_task_complete": false}', '{"user_message": "Thanks", "is_task_complete": true}')
    user = LLMUser(said, "x", flag)
    first = await user.speak(View(()))
    assert first is not None
    assert first.message.text == "Hi, a price please."
    assert said.asked[0].schema is not None
    assert await user.speak(View([first.message, Message("assistant", "Done.")])) is None
    taken = await LLMUser(Said("no JSON at all"), "x", flag).speak(View(()))
    assert taken is not None
    assert taken.message.text == "no JSON at all"


@pytest.mark.parametrize("reply", ["", STOP, "  \n"])
async def test_a_model_that_says_nothing_is_asked_again_and_then_gone(reply):
    model = Said(reply)
    got = await LLMUser(model, "x").speak(View(()))
    assert got is not None
    assert got.error is ErrorKind.internal
    assert len(model.asked) == 3
    assert len({request.sampling.seed for request in model.asked}) == 3
    mended = await LLMUser(Said(reply, "Hello."), "x").speak(View(()))
    assert mended is not None
    assert (mended.message.text, len(mended.repairs)) == ("Hello.", 1)


async def test_a_model_that_is_gone_is_told():
    gone = Reply(Message("assistant"), error=ErrorKind.transport, detail="no route")
    got = await LLMUser(Said(gone), "x").speak(View(()))
    assert got is not None
    assert (got.error, got.detail) == (ErrorKind.transport, "no route")


async def test_its_thoughts_and_calls_are_not_the_agents_to_see():
    call = ToolCall("c9", "toggle_airplane_mode", {})
    thinking = Reply(Message("assistant", "Let me look.", reasoning="The brief says 1.29.", calls=(call,)))
    user = LLMUser(Said(thinking, "It is off."), "x")
    got = await user.speak(View([Message("assistant", "Toggle it.")], PHONE))
    assert got is not None
    assert got.message.calls == (ToolCall("u1", "toggle_airplane_mode", {}),)
    assert (got.message.text, got.message.reasoning) == ("", None)
    assert got.notes == {"reasoning": "The brief says 1.29."}


async def test_calls_without_tools_are_not_made():
    got = await LLMUser(Said(Reply(Message("assistant", "Hi.", calls=(ToolCall("c", "x", {}),)))), "x").speak(View(()))
    assert got is not None
    assert (got.message.calls, got.message.text) == ((), "Hi.")


async def test_a_scripted_model_plays_a_user_that_forks():
    model = Scripted.saying(["One.", "Two."])
    user = LLMUser(model, "x")
    assert user.fork()._model is model


async def test_manners_go_over_a_model_too():
    said = Said("Hello, a price.", 'It is the track called "Black Dog".')
    user = Misstates(LLMUser(said, "x"), GOAL, Random(1), 1.0)
    await user.speak(View(()))
    asked = View([Message("user", "Hello"), Message("assistant", "Which track?")])
    first, second = [await user.speak(asked) for _ in range(2)]
    assert isinstance(first, Message)
    assert wavers(first.text)
    assert isinstance(second, Reply)
    assert second.message.text.endswith('It is the track called "Black Dog".')


# reference dialogues, and gold for two


async def test_a_reference_is_replayed_and_yes_is_said_to_questions_only():
    turns = ["I want a refund.", "Yes, please.", "For order R-1.", "Thanks"]
    asked = [Message("assistant", "Shall I?")]
    stated = [Message("assistant", "Done.")]

    async def said(user: ReferenceUser, *views: list[Message]) -> list[str]:
        return [reply.text for view in views if (reply := await user.speak(View(view))) is not None]

    assert await said(ReferenceUser(turns), [], asked, asked, stated, stated) == turns
    assert await said(ReferenceUser(turns), [], stated, stated, stated) == [turns[0], *turns[2:]]
    assert await said(ReferenceUser(turns, adapt=False), [], stated, stated, stated, stated) == turns


def test_gold_is_cut_where_the_sides_change():
    calls = {name: ToolCall(name, name, {}) for name in "abcd"}
    cut = passages([calls["a"], calls["b"], calls["c"], calls["d"]], {"b", "d"})
    assert cut == [((calls["a"],), (calls["b"],)), ((calls["c"],), (calls["d"],))]
    assert passages([], {"b"}) == [((), ())]
    assert passages([calls["b"], calls["a"]], {"b"}) == [((), (calls["b"],)), ((calls["a"],), ())]


def test_a_brief_of_a_scenario_is_the_scenario():
    scenario = msgspec.structs.replace(GOAL, script={"open:0": "Hi", "scenario": "You are Ann."})
    assert brief_of(msgspec.structs.replace(TASK, goal=scenario)) == "You are Ann."
