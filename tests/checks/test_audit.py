"""The audit on conversations made by hand: one fault planted in each, of users, of agents, of both, of the world, of nobody."""

from __future__ import annotations

import msgspec
import pytest

from artificer.checks.audit import audit
from artificer.checks.blame import Blame
from artificer.checks.suite import judge, standard
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Effect, Fact, Goal, Want
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind, StopReason, Verdict

OTHER = Effect("track", (4712,), "update", {"price": (0.99, 1.29)})
WRONG = Effect("track", (4711,), "update", {"price": (0.99, 1.49)})
DELETED = Effect("track", (4712,), "delete", {"name": ("Red Lamp", None)})


async def blamed(episode) -> Blame:
    verdict = await judge(episode, standard())
    assert not verdict.passed, "nothing failed, so there is nothing to audit"
    return audit(episode, verdict)


def opening(shop, text="Hi, I'd like to change the price of a track: the name is Blue Lamp, make the price $1.29."):
    return shop.user(text)


def found(shop):
    row = {"track_id": 4711, "name": "Blue Lamp", "album_id": 15, "price": 0.99}
    return [shop.calls(shop.call("c1", "search_track", name="Blue Lamp")), shop.result("c1", [row])]


def ask_leave(shop, price="1.29"):
    return shop.says(f"I will set the price of Blue Lamp to {price}. Shall I go ahead?")


def written(shop, price=1.29, effect=None, track=4711, id="c2"):
    made = shop.call(id, "update_track", track_id=track, price=price)
    return [shop.calls(made), shop.result(id, {"track_id": track}, effects=[effect or shop.price])]


def done(shop, price="$1.29"):
    return shop.says(f"Done: the price is now {price}. Anything else?")


def asked_task(shop):
    """The new price is said only when it is asked for."""
    task = shop.right_task()
    facts = (*task.goal.facts[:2], msgspec.structs.replace(task.goal.facts[2], reveal="asked"))
    script = {"open:0": "I'd like to change the price of a track: the name is Blue Lamp.", "ask:0.set.price": "Please make the price $1.29."}
    return msgspec.structs.replace(task, goal=msgspec.structs.replace(task.goal, facts=facts, script=script))


def two_wants(shop):
    task = shop.right_task()
    goal = task.goal
    more = Fact("1", None, "remove a playlist for good")
    wants = (*goal.wants, Want("delete:playlist"))
    script = goal.script | {"open:1": "Also, remove a playlist for good."}
    effects = (*goal.effects, Effect("playlist", (3,), "delete", {"name": ("Old", None)}))
    return msgspec.structs.replace(task, goal=Goal(wants, (*goal.facts, more), effects, script))


def user_cases(shop):
    """(kind of the fault, episode): in each the agent does what it can."""
    brief_opening = opening(shop, "I'd like to change the price of a track: the name is Blue Lamp.")
    asks = shop.says("What should the new price be?")
    late = {"task": asked_task(shop)}
    nothing = shop.says("Then I have not changed anything. Anything else?")
    say = shop.user
    wrong_price = opening(shop, "I'd like to change the price of a track: the name is Blue Lamp, make the price $1.49.")
    right = [opening(shop), *found(shop), ask_leave(shop)]
    phone = shop.tool("reset_phone", "write", {}, None)
    reset = Effect("user.phone", ("memory",), "update", {"value": ("full", "empty")})
    return [
        (
            "contradicts",
            shop.episode(
                [wrong_price, *found(shop), ask_leave(shop, "1.49"), say("Yes."), *written(shop, 1.49, WRONG), done(shop, "$1.49")], [WRONG]
            ),
        ),
        (
            "contradicts",
            shop.episode(
                [
                    brief_opening,
                    asks,
                    say("Make the price $1.59."),
                    *found(shop),
                    ask_leave(shop, "1.59"),
                    say("Yes."),
                    *written(shop, 1.59, msgspec.structs.replace(WRONG, columns={"price": (0.99, 1.59)})),
                    done(shop, "$1.59"),
                ],
                [msgspec.structs.replace(WRONG, columns={"price": (0.99, 1.59)})],
                **late,
            ),
        ),
        (
            "invented",
            shop.episode(
                [
                    brief_opening,
                    asks,
                    say("Put it at 1.77 if you can."),
                    *found(shop),
                    ask_leave(shop, "1.77"),
                    say("Yes."),
                    *written(shop, 1.77, msgspec.structs.replace(WRONG, columns={"price": (0.99, 1.77)})),
                    done(shop, "$1.77"),
                ],
                [msgspec.structs.replace(WRONG, columns={"price": (0.99, 1.77)})],
                **late,
            ),
        ),
        ("withheld", shop.episode([brief_opening, asks, say("That is all I know."), nothing], [], **late)),
        ("refused_own_wish", shop.episode([*right, say("No."), nothing], [])),
        ("left_early", shop.episode([brief_opening, asks], [], **late)),
        ("left_early", shop.episode([*right, say("Yes."), *written(shop), done(shop)], task=two_wants(shop))),
        ("leaked", shop.episode([opening(shop, opening(shop).message.text + " Its id is 4711."), *shop.right_nodes()[1:]])),
        ("spoke_as_agent", shop.episode([opening(shop), *found(shop), ask_leave(shop), say("How can I help you today?"), nothing], [])),
        ("out_of_role", shop.episode([*right, say("As a simulated user I follow my persona ###STOP###"), nothing], [])),
        ("silent", shop.episode([*right, say(" "), nothing], [])),
        ("out_of_turn", shop.episode([opening(shop), say("Are you there?"), *found(shop), ask_leave(shop), say("Yes."), *written(shop), done(shop)])),
        ("failed", shop.episode([opening(shop), shop.says("Which album is it on?")], [], stop=StopReason.user_error)),
        (
            "looped",
            shop.episode(
                [part for at in range(4) for part in (opening(shop, "Change the price of a track, now."), shop.says(f"Answer {at}?"))],
                [],
                stop=StopReason.max_turns,
            ),
        ),
        (
            "asked_more",
            shop.episode(
                [
                    opening(shop),
                    *found(shop),
                    ask_leave(shop),
                    say("Yes. And please delete everything by Anna Nymous."),
                    *written(shop),
                    shop.calls(shop.call("c3", "search_track", name="Anna Nymous")),
                    shop.result("c3", [{"track_id": 4712, "name": "Red Lamp"}]),
                    shop.says("I will delete Red Lamp. Shall I go ahead?"),
                    say("Yes."),
                    shop.calls(shop.call("c4", "delete_track", track_id=4712)),
                    shop.result("c4", None, effects=[DELETED]),
                    done(shop),
                ],
                [shop.price, DELETED],
            ),
        ),
        (
            "meddled",
            shop.episode(
                [
                    opening(shop),
                    *found(shop),
                    ask_leave(shop),
                    Node(None, Message("user", calls=(ToolCall("u1", "reset_phone", {}),))),
                    shop.result("u1", "ok", effects=[reset]),
                    say("Yes."),
                    *written(shop),
                    done(shop),
                ],
                [shop.price, reset],
                user_tools=(phone,),
            ),
        ),
        (
            "did_nothing",
            shop.episode(
                [opening(shop), *found(shop), shop.says("Please reset your phone first."), say("I would rather not."), nothing],
                [],
                user_tools=(phone,),
                task=msgspec.structs.replace(shop.right_task(), gold=(ToolCall("g0", "reset_phone", {}), *shop.right_task().gold)),
            ),
        ),
        (
            "wrong_tool",
            shop.episode(
                [
                    opening(shop),
                    *found(shop),
                    ask_leave(shop),
                    Node(None, Message("user", calls=(ToolCall("u1", "fly", {}),))),
                    shop.result("u1", error=ErrorKind.unknown_tool),
                    say("No idea."),
                    nothing,
                ],
                [],
            ),
        ),
    ]


def agent_cases(shop):
    """(kind of the fault, episode): in each the user does its part."""
    say, yes = shop.user, shop.user("Yes, please do.")
    start = [opening(shop), *found(shop)]
    late = {"task": asked_task(shop)}
    brief_opening = opening(shop, "I'd like to change the price of a track: the name is Blue Lamp.")
    nonsense = [part for at in range(4) for part in (shop.calls(shop.call(f"n{at}", "fix_it")), shop.result(f"n{at}", error=ErrorKind.unknown_tool))]
    phone = shop.tool("reset_phone", "write", {}, None)
    unread = Node(None, Message("assistant", '<tool_call>{"name": '), notes={"error": {"kind": "unparsable_call", "detail": "no JSON"}})
    back = Effect("track", (4711,), "update", {"name": ("Blue Lamp", "Blue Lamp 2")})
    return [
        ("ungrounded", shop.episode([opening(shop), ask_leave(shop), yes, *written(shop), done(shop)])),
        ("unconfirmed", shop.episode([*start, *written(shop), done(shop)])),
        ("wrong_value", shop.episode([*start, ask_leave(shop), yes, *written(shop, 1.49, WRONG), done(shop)], [WRONG])),
        (
            "extra_effect",
            shop.episode([*start, ask_leave(shop), yes, *written(shop), *written(shop, 1.29, OTHER, 4712, "c3"), done(shop)], [shop.price, OTHER]),
        ),
        ("missing_effect", shop.episode([*start, ask_leave(shop), yes, done(shop)], [])),
        ("gave_up", shop.episode([*start, shop.says("I am sorry, I cannot do that. Anything else?")], [])),
        ("never_asked", shop.episode([brief_opening, *found(shop), shop.says("All right. Anything else?")], [], **late)),
        ("not_told", shop.episode([*start, shop.says("I will do that. Shall I go ahead?"), yes, *written(shop), shop.says("Done. Anything else?")])),
        (
            "redundant",
            shop.episode(
                [
                    *start,
                    ask_leave(shop),
                    yes,
                    *written(shop),
                    shop.calls(shop.call("c3", "update_track", track_id=4711, name="Blue Lamp")),
                    shop.result("c3", {}, effects=[back]),
                    done(shop),
                ],
                [shop.price],
            ),
        ),
        ("failed", shop.episode([opening(shop), shop.says("Hm.")], [], stop=StopReason.agent_error)),
        ("kept_failing", shop.episode([opening(shop), *nonsense], [], stop=StopReason.too_many_errors)),
        (
            "looped",
            shop.episode(
                [
                    opening(shop),
                    *[
                        part
                        for at in range(5)
                        for part in (shop.calls(shop.call(f"l{at}", "search_track", name="Blue Lamp")), shop.result(f"l{at}", []))
                    ],
                ],
                [],
                stop=StopReason.max_calls,
            ),
        ),
        ("silent", shop.episode([*start, shop.says(""), say("Hello?"), shop.says("")], [], stop=StopReason.max_turns)),
        ("unreadable_call", shop.episode([*start, unread, say("What is that?"), shop.says("Sorry, nothing. Anything else?")], [])),
        (
            "never_instructed",
            shop.episode(
                [*start, shop.says("All set. Anything else?")],
                [],
                user_tools=(phone,),
                task=msgspec.structs.replace(shop.right_task(), gold=(ToolCall("g0", "reset_phone", {}),)),
            ),
        ),
        (
            "misdirected",
            shop.episode(
                [
                    *start,
                    shop.says("Please reset your phone."),
                    Node(None, Message("user", calls=(ToolCall("u1", "reset_phone", {}),))),
                    shop.result("u1", "ok", effects=[Effect("user.phone", ("m",), "update", {"value": (1, 0)})]),
                    say("Done."),
                    ask_leave(shop),
                    yes,
                    *written(shop),
                    done(shop),
                ],
                [shop.price, Effect("user.phone", ("m",), "update", {"value": (1, 0)})],
                user_tools=(phone,),
            ),
        ),
        (
            "too_long",
            shop.episode(
                [*start, *[part for at in range(3) for part in (shop.says(f"Let us see {at}."), say(f"Fine {at}."))]], [], stop=StopReason.max_turns
            ),
        ),
    ]


USERS = 18
AGENTS = 17


@pytest.mark.parametrize("number", range(USERS))
async def test_the_user_is_blamed_for_the_users_faults(shop, number):
    kind, episode = user_cases(shop)[number]
    blame = await blamed(episode)
    assert blame.label == "user", (kind, blame)
    assert kind in {fault.kind for fault in blame.causes if fault.side == "user"}
    assert all(fault.evidence for fault in blame.faults)


@pytest.mark.parametrize("number", range(AGENTS))
async def test_the_agent_is_blamed_for_the_agents_faults(shop, number):
    kind, episode = agent_cases(shop)[number]
    blame = await blamed(episode)
    assert blame.label == "agent", (kind, blame)
    if kind != "too_long":
        assert kind in {fault.kind for fault in blame.causes if fault.side == "agent"}


def test_every_case_is_looked_at(shop):
    assert (len(user_cases(shop)), len(agent_cases(shop))) == (USERS, AGENTS)
    assert min(len({kind for kind, _ in cases}) for cases in (user_cases(shop), agent_cases(shop))) >= 10


async def test_what_both_did_wrong_is_both(shop):
    leaked = opening(shop, opening(shop).message.text + " Its id is 4711.")
    blame = await blamed(shop.episode([leaked, *found(shop), *written(shop), done(shop)]))
    assert blame.label == "both"
    assert {(fault.side, fault.kind) for fault in blame.causes} == {("user", "leaked"), ("agent", "unconfirmed")}


async def test_a_service_that_stays_away_is_the_worlds_fault(shop):
    down = [shop.calls(shop.call("c1", "search_track", name="Blue Lamp")), shop.result("c1", error=ErrorKind.timeout)]
    blame = await blamed(shop.episode([opening(shop), *down, shop.says("The service does not answer, sorry. Anything else?")], []))
    assert (blame.label, blame.causes[0].kind) == ("world", "unavailable")
    back = [*down, *[msgspec.structs.replace(node) for node in found(shop)]]
    assert (await blamed(shop.episode([opening(shop), *back, shop.says("I cannot do that. Anything else?")], []))).label == "agent"
    assert (await blamed(shop.episode([opening(shop), shop.says("Hm.")], [], stop=StopReason.world_error))).label == "world"


async def test_a_value_taken_back_is_no_fault_of_the_users(shop):
    first = opening(shop, "I'd like to change the price of a track: the name is Blue Lamp, make the price $1.49. No, sorry, make the price $1.29.")
    blame = await blamed(
        shop.episode([first, *found(shop), ask_leave(shop, "1.49"), shop.user("Yes."), *written(shop, 1.49, WRONG), done(shop)], [WRONG])
    )
    assert blame.label == "agent"


async def test_small_talk_is_noted_and_blames_nobody(shop):
    """A number of years is not in the goal; the agent had no use for it, so the failure is the agent's."""
    first = opening(shop, opening(shop).message.text + " I have been a customer for 17 years.")
    blame = await blamed(shop.episode([first, *found(shop), *written(shop), done(shop)]))
    assert blame.label == "agent"
    assert [(fault.kind, fault.cause) for fault in blame.faults if fault.side == "user"] == [("invented", False)]


async def test_what_no_rule_explains_is_undecided(shop):
    """A check that says nothing of a cause failed."""
    episode = shop.episode()
    verdict = await judge(episode, standard())
    assert verdict.passed
    odd = Verdict(0.0, False, (msgspec.structs.replace(verdict.parts[0], name="style", passed=False, score=0.0),))
    assert audit(episode, odd) == Blame("undecided")


async def test_in_other_words_is_not_withheld(shop):
    """A model that plays a user does not use the phrases of the goal."""
    first = opening(shop, "Could you fix what a track costs? I mean Blue Lamp, price of the track.")
    asks = shop.says("What should the new price be?")
    nodes = [first, asks, shop.user("A dollar 29, so 1.29."), shop.says("I cannot do that. Anything else?")]
    blame = await blamed(shop.episode(nodes, [], task=asked_task(shop)))
    assert blame.label == "agent"
