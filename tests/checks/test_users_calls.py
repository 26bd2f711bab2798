"""Calls that a user makes with tools of their own: they are the user's, the agent does not see them, and they prove nothing for it."""

from __future__ import annotations

import msgspec
import pytest

from artificer.checks.confirmed import Confirmed
from artificer.checks.episodes import made
from artificer.checks.grammar import Grammar
from artificer.checks.grounded import Grounded
from artificer.checks.redundancy import Redundancy
from artificer.checks.upstream import heard
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Effect
from artificer.core.trace import Node, Trace, agent_side
from artificer.core.verdicts import ErrorKind, Verdict
from artificer.formats.openai import conversations

RESET = Effect("user.phone", ("memory",), "update", {"value": ("full", "empty")})


@pytest.fixture
def phone(shop):
    return (shop.tool("reset_phone", "write", {"mode": {"type": "string"}}, None),)


def own(*calls: ToolCall) -> Node:
    return Node(None, Message("user", calls=calls))


def played(shop, phone, *more: Node, mode: str = "soft", after: str = "Yes, please do.") -> list[Node]:
    """The right episode, in which the user resets their phone before they say yes."""
    nodes = shop.right_nodes()
    call = ToolCall("u1", "reset_phone", {"mode": mode})
    return [*nodes[:4], own(call), shop.result("u1", {"price": 1.49, "key": 815}, effects=[RESET]), *more, shop.user(after), *nodes[5:]]


async def test_a_user_may_call_before_it_speaks(shop, phone):
    assert (await Grammar()(shop.episode(played(shop, phone), user_tools=phone))).passed
    twice = played(shop, phone, own(ToolCall("u2", "reset_phone", {})), shop.result("u2", 1))
    assert (await Grammar()(shop.episode(twice, user_tools=phone))).passed


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda shop, nodes: [*nodes[:6], *nodes[7:]], ErrorKind.bad_grammar),  # the user's words are missing
        (lambda shop, nodes: [*nodes[:5], *nodes[6:]], ErrorKind.bad_grammar),  # the result is
        (lambda shop, nodes: [*nodes[:6], shop.says("Wait."), *nodes[6:]], ErrorKind.bad_grammar),  # the agent speaks in between
        (lambda shop, nodes: [*nodes[:4], own(ToolCall("u1", "update_track", {"track_id": 4711})), *nodes[5:]], ErrorKind.unknown_tool),
        (lambda shop, nodes: [*nodes[:4], own(ToolCall("u1", "reset_phone", {"mode": 1})), *nodes[5:]], ErrorKind.mistyped_argument),
        (lambda shop, nodes: [*nodes[:4], own(ToolCall("c1", "reset_phone", {})), shop.result("c1", 1), *nodes[6:]], ErrorKind.bad_grammar),
    ],
)
async def test_what_a_user_may_not(shop, phone, spoil, kind):
    found = await Grammar()(shop.episode(spoil(shop, played(shop, phone)), user_tools=phone))
    assert not found.passed
    assert kind in found.kinds


async def test_the_agent_may_not_call_the_users_tools(shop, phone):
    nodes = shop.right_nodes()
    nodes[1:1] = [shop.calls(shop.call("x", "reset_phone")), shop.result("x", 1)]
    assert ErrorKind.unknown_tool in (await Grammar()(shop.episode(nodes, user_tools=phone))).kinds


async def test_what_the_users_tools_showed_grounds_nothing_for_the_agent(shop, phone):
    right = played(shop, phone)
    assert (await Grounded()(shop.episode(right, user_tools=phone))).passed
    wrong = [*right[:7], shop.calls(shop.call("c2", "update_track", track_id=4711, price=1.49)), *right[8:]]
    found = await Grounded()(shop.episode(wrong, user_tools=phone))
    assert found.kinds == (ErrorKind.ungrounded_argument,)
    told = played(shop, phone, after="Yes, please do. My phone shows 1.49.")
    assert (await Grounded()(shop.episode([*told[:7], *wrong[7:]], user_tools=phone))).passed


async def test_a_yes_counts_though_the_user_called_in_between_and_a_call_is_none(shop, phone):
    right = played(shop, phone)
    assert (await Confirmed()(shop.episode(right, user_tools=phone))).passed
    assert (await Confirmed()(shop.episode(right, user_tools=phone))).numbers["writes"] == 1
    assert not (await Confirmed()(shop.episode(played(shop, phone, after="Hm."), user_tools=phone))).passed


async def test_a_users_own_write_is_not_the_agents_redundancy(shop, phone):
    found = await Redundancy()(shop.episode(played(shop, phone), [shop.price], user_tools=phone))
    assert found.numbers["red"] == 0


def test_who_called_is_told(shop, phone):
    nodes = played(shop, phone)
    assert [(one.call.name, one.actor) for one in made(nodes)] == [("search_track", "agent"), ("reset_phone", "user"), ("update_track", "agent")]
    calls, _ = heard(nodes)
    assert [(one.turn, one.call.name, one.actor) for one in calls] == [
        (0, "search_track", "agent"),
        (0, "reset_phone", "user"),
        (1, "update_track", "agent"),
    ]


def test_a_conversation_is_what_the_agent_saw(shop, phone):
    nodes = played(shop, phone)
    assert [index for index in range(len(nodes)) if index not in agent_side(nodes)] == [4, 5]
    linked = tuple(msgspec.structs.replace(node, parent=at - 1 if at else None) for at, node in enumerate(nodes))
    trace = Trace("t", "task-1", "w", "x", linked, verdicts={len(nodes) - 1: Verdict(1.0, True)})
    (only,) = conversations(trace, shop.tools)
    assert only.messages == tuple(node.message for node in [*nodes[:4], *nodes[6:]])
    assert not any("reset_phone" in msgspec.json.encode(message).decode() for message in only.messages)
