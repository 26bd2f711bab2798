"""The classifier, by hand: a right episode has no errors; each spoilt one has the one that was planted, at its step."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks import by_name
from artificer.checks.errors import Errors, errors
from artificer.core.kinds import ErrorGroup
from artificer.core.messages import Message
from artificer.core.tasks import Effect, Goal, Want
from artificer.core.trace import Node
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason, Verdict

K = ErrorKind


def found(episode: Any, verdict: Verdict | None = None) -> list[tuple[int, str]]:
    return [(error.at, error.kind.value) for error in errors(episode, verdict)]


def with_want(shop: Any, want: Want, nodes: list[Node], effects: tuple[Effect, ...] = (), **changes: Any) -> Any:
    """An episode of one want without effects of its own; checks are named, so that effects are judged all the same."""
    goal = Goal((want,), shop.right_task().goal.facts, (), {})
    task = msgspec.structs.replace(shop.right_task(), goal=goal, gold=(), checks=("reached", "nothing_else", "grounded"))
    return shop.episode(nodes, effects, task=task, **changes)


def test_a_right_episode_has_no_errors(shop) -> None:
    assert errors(shop.episode()) == ()


async def test_the_check_passes_and_counts_steps(shop) -> None:
    (check,) = by_name(["errors"])
    result = await check(shop.episode())
    assert (result.passed, result.score, result.numbers) == (True, 1.0, {"steps": 4, "wrong": 0, "errors": 0, "world": 0})


REFUSALS = [kind for kind in ErrorKind if kind.side is ErrorGroup.agent and kind.parent in ("argument", "state", "policy", "tool")]


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refused_call_is_an_error_of_its_step(shop, kind: ErrorKind) -> None:
    nodes = shop.right_nodes()
    nodes[5:5] = [shop.calls(shop.call("x", "get_track", track_id=4711)), shop.result("x", error=kind, detail="no")]
    (error,) = errors(shop.episode(nodes))
    assert (error.at, error.call, error.tool, error.kind, error.why) == (5, 0, "get_track", kind, "get_track: no")


@pytest.mark.parametrize("kind", [K.timeout, K.transport, K.bad_output, K.internal])
async def test_what_the_world_broke_is_no_error_of_the_agent_and_trying_again_no_repetition(shop, kind: ErrorKind) -> None:
    nodes = shop.right_nodes()
    nodes[1:1] = [shop.calls(shop.call("x", "search_track", name="Blue Lamp")), shop.result("x", error=kind, detail="try again")]
    episode = shop.episode(nodes)
    assert found(episode) == [(1, kind.value)]
    result = await Errors()(episode)
    assert (result.passed, result.score, result.kinds, result.numbers["world"]) == (True, 1.0, (), 1)


def test_an_argument_from_nowhere(shop) -> None:
    nodes = shop.right_nodes()
    nodes[1] = shop.calls(shop.call("c1", "search_track", name="Blue Lamp", limit=73))
    assert found(shop.episode(nodes)) == [(1, "ungrounded_argument")]


def test_a_call_accepted_that_breaks_its_schema(shop) -> None:
    nodes = shop.right_nodes()
    nodes[1] = shop.calls(shop.call("c1", "search_track", name=4711))
    assert (1, "mistyped_argument") in found(shop.episode(nodes))
    nodes[1] = shop.calls(shop.call("c1", "search_track", name="Blue Lamp", price=1.29))
    assert found(shop.episode(nodes)) == [(1, "extra_argument")]


def test_the_same_call_again(shop) -> None:
    nodes = shop.right_nodes()
    again = [shop.calls(shop.call("x", "search_track", name="Blue Lamp")), shop.result("x", [])]
    assert found(shop.episode([*nodes[:3], *again, *nodes[3:]])) == [(3, "repetition")]
    assert found(shop.episode([*nodes[:5], *again, *nodes[5:]])) == []  # the user spoke in between
    assert found(shop.episode([*nodes[:7], *again, *nodes[7:]])) == []  # the world changed in between
    other = [shop.calls(shop.call("x", "search_track", name="Blue Lamp", limit=10)), shop.result("x", [])]
    assert found(shop.episode([*nodes[:3], *other, *nodes[3:]])) == []


def test_values_of_other_types_are_other_calls(shop) -> None:
    nodes = shop.right_nodes()
    for first, second, same in ((4711, 4711.0, True), (4711, "4711", False), (1, True, False)):
        pair = [
            shop.calls(shop.call("x", "get_track", track_id=first)),
            shop.result("x", error=K.not_found, detail="a"),
            shop.calls(shop.call("y", "get_track", track_id=second)),
            shop.result("y", error=K.not_found, detail="b"),
        ]
        assert ((5, "repetition") in found(shop.episode([*nodes[:3], *pair, *nodes[3:]]))) is same


def test_the_same_wrong_again_though_it_was_said(shop) -> None:
    nodes = shop.right_nodes()
    pair = [
        shop.calls(shop.call("x", "get_track", id=4711)),
        shop.result("x", error=K.missing_argument, detail="track_id is required"),
        shop.calls(shop.call("y", "get_track", ident=4711)),
        shop.result("y", error=K.missing_argument, detail="track_id is required"),
    ]
    assert found(shop.episode([*nodes[:3], *pair, *nodes[3:]])) == [(3, "missing_argument"), (5, "ignored_result"), (5, "missing_argument")]


def test_a_wrong_value_at_the_write_that_made_it(shop) -> None:
    nodes = shop.right_nodes()
    wrong = Effect("track", (4711,), "update", {"price": (0.99, 1.3)})
    nodes[5] = shop.calls(shop.call("c2", "update_track", track_id=4711, price=1.29))
    nodes[6] = shop.result("c2", {}, effects=[wrong])
    kinds = found(shop.episode(nodes, [wrong]))
    assert (5, "wrong_value") in kinds
    assert "missing_effect" not in [kind for _, kind in kinds]


def test_a_change_nobody_wanted_and_one_undone(shop) -> None:
    nodes = shop.right_nodes()
    other = Effect("track", (9,), "delete", {"name": ("x", None)})
    more = [shop.calls(shop.call("d", "delete_track", track_id=4711)), shop.result("d", True, effects=[other])]
    kinds = found(shop.episode([*nodes[:7], *more, *nodes[7:]], [shop.price, other]))
    assert kinds == [(7, "extra_effect"), (7, "redundant_write")]


def test_a_missing_effect_stands_at_the_end(shop) -> None:
    nodes = shop.right_nodes()
    assert found(shop.episode([*nodes[:5], nodes[7]], [])) == [(5, "missing_effect")]


def test_nothing_called_at_all(shop) -> None:
    assert found(shop.episode([shop.user("hi"), shop.says("the price is 1.29")], [])) == [(1, "missing_effect"), (1, "no_call")]


def test_a_false_refusal_is_of_a_want_that_can_be_served(shop) -> None:
    nodes = [*shop.right_nodes()[:3], shop.says("I am sorry, I cannot change 1.29.")]
    assert found(shop.episode(nodes, [])) == [(3, "false_refusal"), (3, "missing_effect")]
    right = shop.right_nodes()
    right[7] = shop.says("Done: 1.29. I cannot undo it later.")
    assert found(shop.episode(right)) == []  # it was served


def test_words_beside_a_call_are_no_refusal(shop) -> None:
    nodes = [*shop.right_nodes()[:3]]
    nodes[1] = shop.calls(shop.call("c1", "search_track", name="Blue Lamp"), text="I could not find 1.29 yet, let me look.")
    assert found(shop.episode(nodes, [], stop=StopReason.max_turns)) == [(1, "missing_effect")]


CANNOT = Want("update:track", "refused", "not_found", tell=(("no such track", "could not find"),))


def test_a_missed_refusal_is_a_want_that_cannot_be_served_and_was_not_refused(shop) -> None:
    ask, look, shown = shop.right_nodes()[:3]
    assert found(with_want(shop, CANNOT, [ask, look, shown, shop.says("All done!")])) == [(3, "missed_refusal")]
    assert found(with_want(shop, CANNOT, [ask, look, shown, shop.says("I could not find it.")])) == []
    assert found(with_want(shop, CANNOT, [ask, look, shown, shop.says("That is not possible.")])) == [(3, "not_told")]


def test_doing_what_cannot_be_done_is_a_missed_refusal_too(shop) -> None:
    nodes = shop.right_nodes()
    nodes[7] = shop.says("I could not find it.")
    assert found(with_want(shop, CANNOT, nodes, (shop.price,))) == [(5, "extra_effect"), (5, "missed_refusal")]


def test_what_a_tool_showed_and_nobody_said_is_an_ignored_result(shop) -> None:
    ask, look, shown = shop.right_nodes()[:3]
    want = Want("ask:track", "answered", tell=(("0.99",),))
    assert found(with_want(shop, want, [ask, look, shown, shop.says("It is cheap.")])) == [(3, "ignored_result")]
    want = Want("ask:track", "answered", tell=(("77.5",),))
    assert found(with_want(shop, want, [ask, look, shown, shop.says("It is cheap.")])) == [(3, "not_told")]


@pytest.mark.parametrize("stop", [StopReason.agent_done, StopReason.gave_up])
def test_an_agent_that_ends_too_early(shop, stop: StopReason) -> None:
    nodes = [*shop.right_nodes()[:3], shop.says("1.29, goodbye.")]
    assert found(shop.episode(nodes, [], stop=stop)) == [(3, "missing_effect"), (3, "premature_end")]
    assert found(shop.episode(stop=stop)) == []


@pytest.mark.parametrize("stop", [StopReason.agent_error, StopReason.user_error, StopReason.world_error, StopReason.cancelled])
def test_an_end_that_says_nothing_of_the_agent_leaves_nothing_undone(shop, stop: StopReason) -> None:
    assert found(shop.episode(shop.right_nodes()[:3], [], stop=stop)) == []


def _of_gold(shop: Any, *names: str, **changes: Any) -> Any:
    """An episode of a task judged by its gold alone: create, then delete."""
    gold = (shop.call("g1", "create_track", name="Blue Lamp"), shop.call("g2", "delete_track", track_id=4711))
    task = msgspec.structs.replace(shop.right_task(), gold=gold, goal=Goal((), (), ()), checks=("upstream",))
    calls = {"create_track": {"name": "Blue Lamp"}, "delete_track": {"track_id": 4711}}
    nodes = [shop.user("make Blue Lamp, and delete 4711")]
    for place, name in enumerate(names):
        nodes += [shop.calls(shop.call(f"c{place}", name, **calls[name])), shop.result(f"c{place}", True)]
    return shop.episode([*nodes, shop.says("done")], (), task=task, **changes)


FAILED = Verdict(0.0, False, (CheckResult("upstream", 0.0, False),))


def test_the_golds_calls_in_another_order(shop) -> None:
    assert found(_of_gold(shop, "delete_track", "create_track"), FAILED) == [(1, "wrong_order")]
    assert found(_of_gold(shop, "create_track", "delete_track"), FAILED) == []
    assert found(_of_gold(shop, "delete_track", "create_track")) == []  # nothing says that it failed


def test_a_tool_of_the_gold_that_was_never_called(shop) -> None:
    assert found(_of_gold(shop, "delete_track"), FAILED) == [(3, "missing_call")]


def test_a_write_without_leave_where_the_task_asks_for_it(shop) -> None:
    nodes = shop.right_nodes()
    nodes[4] = shop.user("Well, perhaps.")
    task = msgspec.structs.replace(shop.right_task(), checks=("reached", "confirmed"))
    assert found(shop.episode(nodes, task=task)) == [(5, "policy_breach")]
    assert found(shop.episode(nodes)) == []


def test_silence_and_what_could_not_be_read(shop) -> None:
    nodes = shop.right_nodes()
    noted = Node(None, Message("assistant", "<tool_call>{"), notes={"error": {"kind": "unparsable_call", "detail": "no JSON"}})
    assert found(shop.episode([*nodes[:3], noted, shop.says(" "), *nodes[3:]])) == [(3, "unparsable_call"), (4, "bad_grammar")]


def test_what_only_a_check_sees_stands_at_the_end(shop) -> None:
    verdict = Verdict(0.0, False, (CheckResult("judge", 0.0, False, ("it threatened the user",), (K.unsafe_action,)),))
    (error,) = errors(shop.episode(), verdict)
    assert (error.at, error.kind, error.why) == (7, K.unsafe_action, "judge: it threatened the user")


async def test_the_check_says_where_and_what(shop) -> None:
    nodes = shop.right_nodes()
    nodes[1] = shop.calls(shop.call("c1", "search_track", name="Blue Lamp", limit=73))
    result = await Errors()(shop.episode(nodes))
    assert (result.passed, result.score, result.kinds) == (False, 0.75, (K.ungrounded_argument,))
    assert result.numbers == {"steps": 4, "wrong": 1, "errors": 1, "world": 0, "ungrounded_argument": 1}
    assert result.evidence[0].startswith("message 1: ungrounded_argument: search_track.limit = 73")


def test_a_users_own_calls_are_not_the_agents(shop) -> None:
    own = shop.tool("reboot", "write", {}, None)
    nodes = shop.right_nodes()
    asked = [Node(None, Message("user", calls=(shop.call("u", "reboot"),))), shop.result("u", error=K.forbidden, detail="no")]
    assert found(shop.episode([*nodes, *asked, *asked], user_tools=(own,))) == []


def test_an_empty_episode(shop) -> None:
    assert [kind for _, kind in found(shop.episode([], []))] == ["missing_effect", "no_call", "not_told"]


SPOILS = ("repeat", "refuse", "ungrounded", "silent", "extra", "cut")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SPOILS), max_size=4), st.randoms(use_true_random=False))
def test_call_ids_and_the_order_of_keys_change_nothing(shop, spoils: list[str], random: Any) -> None:
    nodes = list(shop.right_nodes())
    for number, spoil in enumerate(spoils):
        call, at = f"s{number}", 3
        if spoil == "repeat":
            nodes[at:at] = [shop.calls(shop.call(call, "search_track", name="Blue Lamp", limit=10)), shop.result(call, [])]
        elif spoil == "refuse":
            nodes[at:at] = [shop.calls(shop.call(call, "nope", a=1, b=2)), shop.result(call, error=K.unknown_tool, detail="no tool nope")]
        elif spoil == "ungrounded":
            nodes[at:at] = [shop.calls(shop.call(call, "search_track", name="Red Lamp", limit=number)), shop.result(call, [])]
        elif spoil == "silent":
            nodes[at:at] = [shop.says("")]
        elif spoil == "cut":
            nodes = nodes[:-1]
    renamed: dict[str, str] = {}

    def again(node: Node) -> Node:
        message = node.message
        calls = tuple(
            msgspec.structs.replace(
                call,
                id=renamed.setdefault(call.id, f"id{random.random()}"),
                arguments=dict(random.sample(list(call.arguments.items()), len(call.arguments))),
            )
            for call in message.calls
        )
        result = message.result and msgspec.structs.replace(message.result, call_id=renamed.get(message.result.call_id, "?"))
        return msgspec.structs.replace(node, message=msgspec.structs.replace(message, calls=calls, result=result))

    first = errors(shop.episode(nodes))
    assert first == errors(shop.episode([again(node) for node in nodes]))
    assert list(first) == sorted(first, key=lambda error: error.at)
