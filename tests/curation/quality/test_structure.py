"""Every rule of form has a conversation that breaks it at a known place, and a neighbour that does not."""

from __future__ import annotations

import pytest
from tests.curation.quality.building import DROP, FIND, GOOD, calls, item, result, says, user

from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import ErrorKind, Verdict
from artificer.curation.quality.counting import Counting
from artificer.curation.quality.findings import RULES
from artificer.formats.account import Account
from artificer.formats.base import Item

COUNTED = {"thought_missing", "unfinished", "ungrounded_argument"}


def rules(looked, *, all_of_them=False):
    return [(one.rule, one.at) for one in Counting().add(looked) if all_of_them or one.rule not in COUNTED]


def test_nothing_is_wrong_with_a_good_one():
    assert rules(item(*GOOD)) == []
    assert (
        rules(
            item(
                Message("system", "Be brief."),
                *GOOD,
                user("And 8?"),
                calls(("b", "find", {"id": 8}), ("c", "drop", {})),
                result("b"),
                result("c"),
                says(),
            )
        )
        == []
    )


LINKS = [
    ("call_id_twice", 3, (user(), calls(("a", "find", {"id": 7})), result(), calls(("a", "find", {"id": 7})), result("a"), says())),
    ("result_of_no_call", 2, (user(), calls(("a", "find", {"id": 7})), result("z"), result("a"), says())),
    ("result_before_call", 1, (user(), result("a"), calls(("a", "find", {"id": 7})), result("a"), says())),
    ("result_twice", 3, (user(), calls(("a", "find", {"id": 7})), result(), result(), says())),
    ("call_unanswered", 1, (user(), calls(("a", "find", {"id": 7})), says())),
    ("call_unanswered", 1, (user(), calls(("a", "find", {"id": 7}), ("b", "drop", {})), result("b"), says())),
    ("call_open", 1, (user(), calls(("a", "find", {"id": 7})))),
    ("call_without_id", 1, (user(), calls(("", "find", {"id": 7})), result(""), says())),
]


@pytest.mark.parametrize(("rule", "at", "said"), LINKS)
def test_links(rule, at, said):
    found = [one for one in rules(item(*said)) if RULES[one[0]].group == "links"]
    assert (rule, at) in found
    assert {name for name, _ in found} <= {rule, "result_twice"} if rule == "call_id_twice" else {name for name, _ in found} == {rule}


GRAMMAR = [
    ("opening", 0, (says("Hello"), user(), says())),
    ("role_order", 1, (user(), user("And?"), says())),
    ("role_order", 2, (user(), says(), says())),
    ("role_order", 2, (user(), calls(("a", "find", {"id": 7})), user(), result(), says())),
    ("several_system", 2, (user(), says(), Message("system", "Be kind."), user(), says())),
    ("empty_turn", 1, (user(), says(" \n"))),
    ("ending", 2, (user(), says(), user("Thanks"))),
    ("misplaced", 1, (user(), Message("tool"), says())),
    ("misplaced", 0, (Message("system", "s", calls=(ToolCall("a", "find", {"id": 7}),)), user(), says())),
    ("result_in_text", 1, (user(), says('<tool_call>{"name": "find"}</tool_call>'))),
    ("think_tag", 1, (user(), says("<think>hm</think> Yes."))),
]


@pytest.mark.parametrize(("rule", "at", "said"), GRAMMAR)
def test_grammar(rule, at, said):
    assert (rule, at) in rules(item(*said))
    assert rule not in {name for name, _ in rules(item(*GOOD))}


def test_an_empty_one():
    assert rules(item()) == [("empty", None)]


def test_users_may_have_tools_of_their_own():
    theirs = Message("user", calls=(ToolCall("u", "look_around", {}),))
    assert rules(item(user(), says(), theirs, result("u"), user("I see."), says())) == []


def test_a_finish_ends_a_conversation():
    finish = ToolSpec("finish", "Ends.", {"type": "object"})
    assert rules(item(user(), calls(("a", "finish", {})), result("a"), tools=(finish,))) == []
    assert rules(item(user(), calls(("a", "find", {"id": 7})), result("a"))) == [("ending", 2)]


SCHEMA = [
    ("unknown_tool", 1, (user(), calls(("a", "found", {"id": 7})), result(), says()), (FIND, DROP)),
    ("arguments_invalid", 1, (user(), calls(("a", "find", {"id": "7"})), result(), says()), (FIND, DROP)),
    ("arguments_invalid", 1, (user(), calls(("a", "find", {})), result(), says()), (FIND, DROP)),
    ("arguments_invalid", 1, (user(), calls(("a", "find", {"id": 7, "x": 1})), result(), says()), (FIND, DROP)),
    ("arguments_unreadable", 1, (user(), calls(("a", "find", {"$text": "{id: 7"})), result(), says()), (FIND, DROP)),
    ("tools_missing", 1, (user(), calls(("a", "find", {"id": 7})), result(), says()), ()),
    ("tool_schema", None, GOOD, (FIND, ToolSpec("bad", "", {"type": "integr"}))),
    ("tool_twice", None, GOOD, (FIND, FIND)),
]


@pytest.mark.parametrize(("rule", "at", "said", "tools"), SCHEMA)
def test_schemas(rule, at, said, tools):
    assert rules(item(*said, tools=tools)) == [(rule, at)]


def test_a_call_that_the_tool_refused_is_excused():
    counting = Counting()
    found = counting.add(item(user(), calls(("a", "find", {"id": "x"})), result(error=ErrorKind.mistyped_argument), says()))
    assert [(one.rule, one.severity) for one in found if one.rule == "arguments_invalid"] == [("arguments_invalid", "note")]
    assert counting.figures()["arguments"] == 0
    assert counting.figures()["errors"] == 0


def test_ungrounded_values_and_an_agents_own_words():
    said = (
        user("Is it there?"),
        calls(("a", "find", {"id": 7}), ("b", "drop", {"why": "because I think that nobody ever wanted it"})),
        result("a"),
        result("b"),
        says(),
    )
    counting = Counting()
    found = [one for one in counting.add(item(*said)) if one.rule == "ungrounded_argument"]
    assert [(one.at, one.evidence) for one in found] == [(1, "find.id = 7")]
    card = counting.card("x", "chat", Account(rows_in=1), {})
    assert (card.values, card.worded, card.figures["ungrounded"]) == (2, 1, 0.5)


def test_scripts_without_spaces_ground_their_values():
    asked = user("\u8bf7\u67e5\u8be27\u53f7\u8ba2\u5355")
    assert ("ungrounded_argument", 1) not in rules(item(asked, calls(("a", "find", {"id": 7})), result(), says()), all_of_them=True)
    assert ("ungrounded_argument", 1) in rules(item(asked, calls(("a", "find", {"id": 8})), result(), says()), all_of_them=True)


def test_what_branches_share_is_told_once():
    nodes = (
        Node(None, user("")),
        Node(0, says("yes")),
        Node(0, calls(("a", "nosuch", {}))),
    )
    trace = Trace("t", "t", "", "", nodes, {1: Verdict(1.0, True), 2: Verdict(0.0, False)})
    found = rules(Item(trace, (FIND,)))
    assert found.count(("empty_turn", 0)) == 1
    assert ("unknown_tool", 2) in found
    assert ("ending", 2) not in found


def test_a_parent_that_does_not_come_before():
    nodes = (Node(None, user()), Node(5, says()), Node(2, says()))
    assert ("opening", 1) in rules(Item(Trace("t", "t", "", "", nodes), ()))
    assert Counting().add(Item(Trace("t", "t", "", "", (Node(0, Message("tool", result=ToolResult("x"))),)), ()))


def test_a_refusal_excuses_its_own_call_only():
    """Ids count from 0 in every turn; the first call is wrong and went through, the second is right and failed."""
    wrong, right = calls(("0", "find", {"id": "x"}), text="a"), calls(("0", "find", {"id": 7}), text="b")
    found = Counting().add(item(user(), wrong, result("0"), right, result("0", error=ErrorKind.not_found), says()))
    assert [(one.severity, one.at) for one in found if one.rule == "arguments_invalid"] == [("error", 1)]
    found = Counting().add(item(user(), right, result("0"), wrong, result("0", error=ErrorKind.not_found), says()))
    assert [(one.severity, one.at) for one in found if one.rule == "arguments_invalid"] == [("note", 3)]
    both = calls(("0", "find", {"id": "x"}), ("0", "find", {"id": "y"}), text="a")
    found = Counting().add(item(user(), both, result("0", error=ErrorKind.not_found), result("0"), says()))
    assert [(one.severity, one.evidence[-40:][:3]) for one in found if one.rule == "arguments_invalid"] != []
    assert sorted(one.severity for one in found if one.rule == "arguments_invalid") == ["error", "note"]
