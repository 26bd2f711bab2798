"""Checks that read words: told, confirmed, grammar, leaks."""

import msgspec
import pytest

from artificer.checks.confirmed import Confirmed, affirms, asks
from artificer.checks.grammar import Grammar
from artificer.checks.leaks import Leaks, goal_leaks, gold_ids
from artificer.checks.told import tells
from artificer.checks.values import fold
from artificer.core.messages import File, Message, Text
from artificer.core.tasks import Effect, Fact
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind, StopReason


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("The total is 1,234.50 today.", "1234.5"),
        ("The total is $1234.5.", "1,234.50"),
        ("It costs €5", "5.00"),
        ("It was on March 5, 2024.", "2024-03-05"),
        ("It COULD NOT be found", "could not"),
        ("There are 12,000 of them", "12000"),
        ("it is twelve", "12"),
        ("Track 9.99 is $9.99 (net)", "$9.99"),
        ("we shipped 1,234 boxes", "1234 boxes"),
        ("Albums: Ode, To Joy", "to joy"),
    ],
)
def test_what_is_told_in_another_form_is_told(text: str, option: str) -> None:
    assert tells([fold(text)], (option,))


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("The total is 12345", "1234"),
        ("The total is 1.5", "5"),
        ("The total is 12,000", "12"),
        ("The total is 12.5", "12"),
        ("It was on March 5, 2025.", "2024-03-05"),
        ("unfounded", "found"),
        ("", "x"),
        ("anything", ""),
    ],
)
def test_what_merely_resembles_it_is_not(text: str, option: str) -> None:
    assert not tells([fold(text)], (option,))


YES = ["Yes", "yes please!", "Sure, go ahead.", "That's right.", "No problem, go ahead", "Yes, don't forget the receipt", "I confirm.", "sounds good"]
NO = [
    "No",
    "Yes, but make it two",
    "Wait, yes... no",
    "What would that cost?",
    "Are you sure?",
    "Is that correct?",
    "don't do it",
    "",
    "The name is Ann",
]


@pytest.mark.parametrize("text", YES)
def test_a_yes(text: str) -> None:
    assert affirms(text)


@pytest.mark.parametrize("text", NO)
def test_no_yes(text: str) -> None:
    assert not affirms(text)


@pytest.mark.parametrize(
    "text",
    [
        "Price: 1.29. Shall I go ahead?",
        "Please confirm.",
        "I'll cancel it, ok?",
        "Reply **yes** to proceed.",
        "Does that look right?",
        "Confirm? (yes/no)",
    ],
)
def test_asking_for_leave(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize("text", ["Which one do you want?", "What is the correct name?", "Is there anything else?", "Your order is confirmed.", ""])
def test_asking_for_something_else(text: str) -> None:
    assert not asks(text)


async def unconfirmed(shop, nodes) -> float:
    result = await Confirmed()(shop.episode(nodes))
    assert result.kinds == (() if result.passed else (ErrorKind.policy_breach,))
    return result.numbers["unconfirmed"]


async def test_each_write_needs_a_yes_right_before_it(shop) -> None:
    write = [shop.calls(shop.call("1", "update_track", track_id=1)), shop.result("1", {})]
    again = [shop.calls(shop.call("2", "delete_track", track_id=1)), shop.result("2", {})]
    ask, yes = shop.says("Shall I?"), shop.user("Yes.")
    start = shop.user("yes, delete it")
    assert await unconfirmed(shop, [start, ask, yes, *write, *again]) == 0
    assert await unconfirmed(shop, [start, *write]) == 1
    assert await unconfirmed(shop, [start, ask, yes, *write, shop.says("Done."), shop.user("And yes, the other."), *again]) == 1
    assert await unconfirmed(shop, [start, ask, shop.user("Hm, the red one"), *write]) == 1
    assert await unconfirmed(shop, [start, ask, yes, shop.says("Which?"), shop.user("Yes, the red one"), *write]) == 1
    read = [shop.calls(shop.call("3", "get_track", track_id=1)), shop.result("3", {})]
    assert await unconfirmed(shop, [start, *read, ask, yes, *read, *write]) == 0
    refused = [shop.calls(shop.call("4", "update_track")), shop.result("4", error=ErrorKind.missing_argument)]
    assert await unconfirmed(shop, [start, *refused]) == 0


async def test_a_tool_of_unknown_effect_needs_one_when_it_did_change_something(shop) -> None:
    nodes = [shop.user("hi"), shop.calls(shop.call("1", "note", text="x")), shop.result("1", {})]
    assert await unconfirmed(shop, nodes) == 0
    nodes[2] = shop.result("1", {}, effects=[shop.price])
    assert await unconfirmed(shop, nodes) == 1


async def faults(shop, nodes, stop: StopReason = StopReason.user_done) -> tuple[ErrorKind, ...]:
    result = await Grammar()(shop.episode(nodes, stop=stop))
    assert result.passed == (not result.kinds) == (not result.evidence)
    return result.kinds


async def test_well_formed_dialogues(shop) -> None:
    system = Node(None, Message("system", "Be good."))
    parts = Node(None, Message("user", (Text("look"), File("a.png", "image/png"))))
    assert await faults(shop, [system, system, *shop.right_nodes()]) == ()
    assert await faults(shop, [parts, shop.says("nice")]) == ()
    assert await faults(shop, shop.right_nodes()[:3], StopReason.max_turns) == ()


@pytest.mark.parametrize(
    "order",
    ["", "a", "u", "ua u u a".replace(" ", ""), "uaa", "ut", "uat", "usa", "uc", "ucta"[:3], "ucca", "uctta", "ucua", "uE", "Ea", "tu"],
)
async def test_malformed_dialogues(shop, order: str) -> None:
    kinds = {
        "u": shop.user("hi"),
        "a": shop.says("hello"),
        "s": Node(None, Message("system", "x")),
        "c": shop.calls(shop.call("1", "search_track", name="x")),
        "t": shop.result("1", []),
        "E": Node(None, Message("user" if order[:1] == "E" else "assistant", " \n")),
    }
    assert await faults(shop, [kinds[letter] for letter in order]) == (ErrorKind.bad_grammar,)


async def test_calls_and_results_in_the_wrong_places(shop) -> None:
    call, answer = shop.call("1", "search_track"), shop.result("1", [])
    user_calls = Node(None, Message("user", "x", calls=(call,)))
    # the user's own calls are followed by the user's words, and this world gives the user no tools
    assert await faults(shop, [user_calls, answer, shop.says("ok")]) == (ErrorKind.bad_grammar, ErrorKind.unknown_tool)
    bare = Node(None, Message("tool", "no result"))
    assert await faults(shop, [shop.user("x"), shop.calls(call), bare, shop.says("ok")]) == (ErrorKind.bad_grammar,)
    assert await faults(shop, [shop.user("x"), shop.calls(shop.call("", "search_track")), shop.result("", []), shop.says("ok")]) == (
        ErrorKind.bad_grammar,
    )


@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        ("drop_table", {}, ErrorKind.unknown_tool),
        ("get_track", {}, ErrorKind.missing_argument),
        ("get_track", {"track_id": "x"}, ErrorKind.mistyped_argument),
        ("get_track", {"track_id": 1, "y": 1}, ErrorKind.extra_argument),
    ],
)
async def test_no_bad_call_was_accepted(shop, name: str, arguments: dict, kind: ErrorKind) -> None:
    nodes = [shop.user("x"), shop.calls(shop.call("1", name, **arguments)), shop.result("1", []), shop.says("ok")]
    assert await faults(shop, nodes) == (kind,)
    nodes[2] = shop.result("1", error=kind)
    assert await faults(shop, nodes) == ()


def with_script(shop, line: str, *facts: Fact):
    task = shop.right_task()
    goal = msgspec.structs.replace(task.goal, script={"open:0": "hello", "ask:0.x": line}, facts=(*task.goal.facts, *facts))
    return msgspec.structs.replace(task, goal=goal)


def test_ids_of_the_gold_are_known(shop) -> None:
    assert gold_ids(shop.right_task(), shop.tools) == [4711]
    other = shop.right_task()
    created = Effect("track", (99,), "insert", {}, generated=True)
    deleted = Effect("album", (7,), "delete", {})
    pair = Effect("playlist_track", (1, 2), "delete", {})
    goal = msgspec.structs.replace(other.goal, effects=(created, deleted, pair))
    assert gold_ids(msgspec.structs.replace(other, goal=goal), shop.tools) == [7, 4711]


def test_lines_that_state_an_id_leak(shop) -> None:
    assert goal_leaks(shop.right_task(), [4711]) == ()
    assert goal_leaks(shop.right_task()) == ()
    leaky = with_script(shop, "It is number 4711, I think.")
    assert goal_leaks(leaky, [4711]) == ("ask:0.x: the id 4711 stands in it",)
    assert goal_leaks(leaky) == goal_leaks(leaky, [4711])
    assert goal_leaks(with_script(shop, "It is number 47110."), [4711]) == ()
    assert goal_leaks(with_script(shop, "there are 4,711 of them"), [4711]) != ()
    assert goal_leaks(with_script(shop, "see W4711X"), ["W4711"]) != ()
    assert goal_leaks(with_script(shop, "see A1 there"), ["A1"]) != ()
    assert goal_leaks(with_script(shop, "see BA12 there"), ["A1"]) == ()


def test_a_facts_own_number_is_no_id(shop) -> None:
    fact = Fact("0.x", 4711, "the quantity is 4711")
    assert goal_leaks(with_script(shop, "Well, the quantity is 4711.", fact), [4711]) == ()
    assert goal_leaks(with_script(shop, "The quantity is 4711. Number 4711.", fact), [4711]) != ()
    assert goal_leaks(with_script(shop, "hello", Fact("0.x", "W4711", "order W4711")), ["W4711"]) != ()


async def test_one_is_no_id_and_neither_is_what_the_agent_was_shown(shop) -> None:
    task = shop.right_task()
    gold = (shop.call("g", "update_track", track_id=1, price=1.29),)
    goal = msgspec.structs.replace(task.goal, effects=(), wants=(msgspec.structs.replace(task.goal.wants[0], gold=gold),))
    task = msgspec.structs.replace(task, gold=gold, goal=goal)
    for text, leaks in (("the one with the lamp", 0), ("number 1", 1), ("track 21", 0)):
        result = await Leaks()(shop.episode([shop.user(text)], task=task))
        assert result.numbers["leaked"] == leaks, text
