"""The whole suite: the right episode passes, and each planted mistake fails the check that is there for it, with its kind."""

import msgspec
import pytest

from artificer.checks import by_name, judge, standard
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.core.tasks import Effect
from artificer.core.verdicts import ErrorKind, StopReason, Verdict


async def proof(episode) -> Verdict:
    return await judge(episode, standard())


def failed(verdict: Verdict) -> dict[str, tuple[ErrorKind, ...]]:
    return {part.name: part.kinds for part in verdict.parts if not part.passed}


async def test_the_right_episode_is_proven(shop) -> None:
    verdict = await proof(shop.episode())
    assert failed(verdict) == {}
    assert verdict.passed
    assert verdict.score == 1.0
    assert all(not part.evidence for part in verdict.parts)


async def test_a_missing_write_is_found(shop) -> None:
    nodes = shop.right_nodes()
    nodes = [*nodes[:5], shop.says("Done: the price is now $1.29.")]
    verdict = await proof(shop.episode(nodes, effects=()))
    assert failed(verdict) == {"reached": (ErrorKind.missing_effect,), "redundancy": ()}
    assert verdict.score == 0.0
    reached = verdict.parts[0]
    assert reached.numbers == {"goal": 1, "found": 0, "sat": 0.0}
    assert "track[4711]" in reached.evidence[0]
    assert "price = 1.29" in reached.evidence[0]


async def test_an_extra_write_is_found(shop) -> None:
    extra = Effect("track", (9,), "delete", {"name": ("Old", None)})
    nodes = shop.right_nodes()
    nodes[5:7] = [
        shop.calls(shop.call("c2", "update_track", track_id=4711, price=1.29), shop.call("c3", "delete_track", track_id=4711)),
        shop.result("c2", {"track_id": 4711}, effects=[shop.price]),
        shop.result("c3", None, effects=[extra]),
    ]
    verdict = await proof(shop.episode(nodes, effects=(shop.price, extra)))
    assert failed(verdict) == {"nothing_else": (ErrorKind.extra_effect,), "redundancy": (ErrorKind.redundant_write,)}
    redundancy = verdict.parts[2]
    assert redundancy.numbers == {"sat": 1.0, "red": 1, "writes": 2, "S": 0.75}
    assert "delete track[9]" in verdict.parts[1].evidence[0]


async def test_a_write_that_is_undone_later_is_redundant_although_the_state_is_right(shop) -> None:
    there = Effect("track", (4711,), "update", {"name": ("Blue Lamp", "Yes")})
    back = Effect("track", (4711,), "update", {"name": ("Yes", "Blue Lamp")})
    nodes = shop.right_nodes()
    nodes[5:5] = [
        shop.calls(shop.call("x1", "update_track", track_id=4711, name="Yes")),
        shop.result("x1", {"track_id": 4711}, effects=[there]),
        shop.calls(shop.call("x2", "update_track", track_id=4711, name="Blue Lamp")),
        shop.result("x2", {"track_id": 4711}, effects=[back]),
    ]
    verdict = await proof(shop.episode(nodes))
    assert failed(verdict) == {"redundancy": (ErrorKind.redundant_write,)}
    assert verdict.parts[2].numbers["red"] == 2
    assert verdict.score == 0.5


async def test_a_wrong_value_is_found(shop) -> None:
    wrong = Effect("track", (4711,), "update", {"price": (0.99, 1.92)})
    nodes = shop.right_nodes()
    nodes[5] = shop.calls(shop.call("c2", "update_track", track_id=4711, price=1.92))
    nodes[6] = shop.result("c2", {"track_id": 4711}, effects=[wrong])
    found = failed(await proof(shop.episode(nodes, effects=(wrong,))))
    assert found == {
        "reached": (ErrorKind.wrong_value,),
        "nothing_else": (ErrorKind.wrong_value,),
        "redundancy": (ErrorKind.redundant_write,),
        "grounded": (ErrorKind.ungrounded_argument,),
    }


async def test_a_guessed_id_is_found_even_when_it_is_the_right_one(shop) -> None:
    nodes = shop.right_nodes()
    del nodes[1:3]
    found = failed(await proof(shop.episode(nodes)))
    assert found == {"grounded": (ErrorKind.ungrounded_argument,)}


async def test_an_id_from_the_user_grounds_nothing_and_is_a_leak(shop) -> None:
    nodes = shop.right_nodes()
    nodes[0] = shop.user("Change the price of a track: the name is Blue Lamp, its number is 4711, make the price $1.29.")
    del nodes[1:3]
    found = failed(await proof(shop.episode(nodes)))
    assert found == {"grounded": (ErrorKind.ungrounded_argument,), "leaks": (ErrorKind.leaked_id,)}


async def test_an_id_that_a_tool_showed_before_may_be_said(shop) -> None:
    nodes = shop.right_nodes()
    nodes[4] = shop.user("Yes, please do, for 4711.")
    assert (await proof(shop.episode(nodes))).passed


async def test_an_unconfirmed_write_is_found(shop) -> None:
    nodes = shop.right_nodes()
    del nodes[3:5]
    assert failed(await proof(shop.episode(nodes))) == {"confirmed": (ErrorKind.policy_breach,)}


async def test_a_missing_answer_is_found(shop) -> None:
    nodes = shop.right_nodes()
    nodes[3] = shop.says("I will set the price of Blue Lamp as you say. Shall I go ahead?")
    nodes[7] = shop.says("Done. Anything else?")
    assert failed(await proof(shop.episode(nodes))) == {"told": (ErrorKind.not_told,)}


async def test_swapped_results_and_repeated_call_ids_are_found(shop) -> None:
    nodes = shop.right_nodes()
    nodes[1:3] = [
        shop.calls(shop.call("a", "search_track", name="Blue Lamp"), shop.call("b", "search_track", limit=10)),
        shop.result("b", []),
        shop.result("a", [{"track_id": 4711, "name": "Blue Lamp"}]),
    ]
    assert failed(await proof(shop.episode(nodes))) == {"grammar": (ErrorKind.bad_grammar,)}
    nodes = shop.right_nodes()
    nodes[5] = shop.calls(shop.call("c1", "update_track", track_id=4711, price=1.29))
    nodes[6] = shop.result("c1", {"track_id": 4711}, effects=[shop.price])
    assert failed(await proof(shop.episode(nodes))) == {"grammar": (ErrorKind.bad_grammar,)}


@pytest.mark.parametrize("stop", [stop for stop in StopReason if stop is not StopReason.user_done])
async def test_only_a_user_who_is_done_finishes(shop, stop: StopReason) -> None:
    verdict = await proof(shop.episode(stop=stop))
    assert failed(verdict) == {"finished": ()}
    assert stop.value in verdict.parts[-1].evidence[0]


async def test_call_ids_and_wording_do_not_matter(shop) -> None:
    nodes = shop.right_nodes()
    before = await proof(shop.episode(nodes))
    renamed = {"c1": "call_9f", "c2": "call_00"}
    other = []
    for node in nodes:
        message = node.message
        if message.calls:
            message = msgspec.structs.replace(message, calls=tuple(msgspec.structs.replace(one, id=renamed[one.id]) for one in message.calls))
        if message.result:
            message = msgspec.structs.replace(message, result=msgspec.structs.replace(message.result, call_id=renamed[message.result.call_id]))
        other.append(msgspec.structs.replace(node, message=message))
    assert await proof(shop.episode(other)) == before
    other[3] = shop.says("Blue Lamp will cost 1.29 from now on. Is that right?")
    assert await proof(shop.episode(other)) == before


async def test_checks_are_found_by_name(shop) -> None:
    names = [check.name for check in standard()]
    assert names == ["reached", "nothing_else", "redundancy", "grounded", "told", "confirmed", "grammar", "leaks", "finished"]
    assert [check.name for check in by_name(["told", "reached"])] == ["told", "reached"]
    with pytest.raises(ArtificerError, match="there is no check 'tolled'"):
        by_name(["told", "tolled"])


async def test_an_episode_of_nothing_is_judged(shop) -> None:
    found = failed(await proof(shop.episode([], effects=())))
    assert set(found) == {"reached", "redundancy", "told", "grammar"}


async def test_what_must_not_change_and_did_not_is_proven(shop) -> None:
    task = shop.right_task()
    want = msgspec.structs.replace(task.goal.wants[0], outcome="refused", tell=(("cannot", "not possible"),), gold=())
    task = msgspec.structs.replace(task, goal=msgspec.structs.replace(task.goal, wants=(want,), effects=()), gold=())
    nodes = [*shop.right_nodes()[:3], shop.says("Sorry, that is not possible.")]
    assert (await proof(shop.episode(nodes, effects=(), task=task))).passed
    assert not (await proof(shop.episode(task=task))).passed


def test_results_are_plain_data(shop) -> None:
    assert isinstance(shop.right_nodes()[0].message, Message)
