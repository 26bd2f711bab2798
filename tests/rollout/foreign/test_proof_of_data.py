"""Data that others made, made again in a world of ours: verdicts, the message at fault, and the repaired copy."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import artificer
from artificer.core.errors import ArtificerError
from artificer.core.trace import Trace
from artificer.rollout.foreign.keeping import Keeper
from artificer.run.store import RunFolder

DESK = f"python:{Path(__file__).parent / 'desk.py'}"


def called(call_id, name, **arguments):
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": call_id, "type": "function", "function": function}]}


def answered(call_id, content):
    return {"role": "tool", "tool_call_id": call_id, "content": content if isinstance(content, str) else json.dumps(content)}


def said(text, role="assistant"):
    return {"role": role, "content": text}


GOOD = [
    said("How many of the item lamp are there? And open a ticket: it flickers.", "user"),
    called("a", "count_stock", item="lamp"),
    answered("a", {"item": "lamp", "count": 3, "price": 19.5}),
    called("b", "open_ticket", title="it flickers"),
    answered("b", {"ticket_id": "T-1001", "title": "it flickers", "urgent": False}),
    called("c", "close_ticket", ticket_id="T-1001"),
    answered("c", {"ticket_id": "T-1001", "status": "closed", "open": 0}),
    called("d", "close_ticket", ticket_id="T-9"),
    answered("d", "error: not_found: not found: no ticket T-9"),
    said("Three lamps at 19.5, and T-1001 is done."),
]


def good():
    return copy.deepcopy(GOOD)


def verified(tmp_path, *conversations, **knobs):
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({"id": f"t{at}", "messages": messages}) + "\n" for at, messages in enumerate(conversations)))
    return artificer.verify_data(path, world=knobs.pop("world", DESK), **knobs)


def test_what_was_done_in_this_world_replays_exactly(tmp_path):
    proof = verified(tmp_path, good(), good())
    assert (proof.traces, proof.exact, proof.holds) == (2, 2, True)
    assert proof.calls == {"count_stock": {"exact": 2}, "open_ticket": {"exact": 2}, "close_ticket": {"exact": 4}}


def changed(at, message):
    messages = good()
    messages[at] = message
    return messages


def without(*places):
    return [message for at, message in enumerate(good()) if at not in places]


CASES = [
    ("differs", 2, changed(2, answered("a", {"item": "lamp", "count": 4, "price": 19.5}))),
    ("differs", 8, changed(8, answered("d", {"ticket_id": "T-9", "status": "closed", "open": 0}))),
    ("differs", 8, changed(8, answered("d", "error: forbidden: not found: no ticket T-9"))),
    ("like", 8, changed(8, answered("d", "error: not_found: nothing of that name"))),
    ("cannot", 2, changed(1, called("a", "countStock", item="lamp"))),
    ("cannot", 2, changed(1, called("a", "count_stock", what="lamp"))),
    ("cannot", 2, changed(1, called("a", "count_stock", item=3))),
    ("cannot", 1, without(2)),
    ("cannot", 1, without(1)),
    ("cannot", 9, changed(9, called("e", "list_tickets"))),
]


@pytest.mark.parametrize(("verdict", "at", "messages"), CASES)
def test_the_verdict_and_the_first_message_at_fault(tmp_path, verdict, at, messages):
    proof = verified(tmp_path, good(), messages)
    assert not proof.holds
    assert (proof.traces, proof.exact, getattr(proof, verdict)) == (2, 1, 1)
    assert [(one.trace_id, one.verdict, one.where.endswith(":2")) for one in proof.problems] == [("t1", verdict, True)]
    assert proof.problems[0].problems[0].at == at


def test_a_difference_names_its_fields(tmp_path):
    problem = verified(tmp_path, CASES[0][2]).problems[0].problems[0]
    assert problem.what == '"count_stock" gives something else now'
    assert [(one.path, one.recorded, one.now) for one in problem.differences] == [("/count", "4", "3")]


@pytest.mark.parametrize("written", ['{"item": "lamp"', "lamp", "[1]"])
def test_arguments_that_are_not_json_are_named(tmp_path, written):
    messages = changed(1, called("a", "count_stock"))
    messages[1]["tool_calls"][0]["function"]["arguments"] = written
    proof = verified(tmp_path, messages, repair=tmp_path / "out")
    assert (proof.cannot, proof.rejected) == (1, {"cannot_run": 1})
    assert proof.problems[0].problems[0].what.startswith('"count_stock": its arguments are not JSON: ')
    messages[2] = answered("a", "Error: the arguments are not JSON")
    proof = verified(tmp_path, messages, repair=tmp_path / "copy")
    assert (proof.exact, proof.kept) == (1, 1)
    assert artificer.verify_data(tmp_path / "copy").holds


def test_near_names_are_suggested_and_used_only_when_said(tmp_path):
    renamed = changed(1, called("a", "countStock", what="lamp"))
    proof = verified(tmp_path, renamed)
    assert proof.unknown["countStock"].near[0] == "count_stock"
    assert verified(tmp_path, renamed, names=["countStock=count_stock"]).cannot == 1
    assert verified(tmp_path, renamed, names=["countStock=count_stock", "countStock:what=item"]).holds
    assert verified(tmp_path, changed(1, called("a", "count_stock", items="lamp"))).problems[0].problems[0].near == ("count_stock:items=item",)


def test_ids_of_another_day_are_carried_along(tmp_path):
    proof = verified(tmp_path, good(), seed=5)
    assert proof.differs == 1
    proof = verified(tmp_path, good(), seed=5, like=["ticket_id"])
    assert proof.holds
    assert proof.tolerated == {"fields that were to be ignored": 2}


def test_a_text_of_another_day_is_ignored_for_its_tool_alone(tmp_path):
    messages = [said("When?", "user"), called("a", "say_hours"), answered("a", "Open 8 to 12."), said("From 8 to 12.")]
    assert verified(tmp_path, messages).differs == 1
    assert verified(tmp_path, messages, like=["say_hours:/**"]).holds
    assert verified(tmp_path, messages, like=["count_stock:/**"]).differs == 1


def test_parallel_calls_are_made_in_their_order_whatever_the_order_of_results(tmp_path):
    calls = [called(name, "open_ticket", title=name)["tool_calls"][0] for name in "ab"]
    first = answered("a", {"ticket_id": "T-1001", "title": "a", "urgent": False})
    second = answered("b", {"ticket_id": "T-1002", "title": "b", "urgent": False})
    asks = {"role": "assistant", "content": "both", "tool_calls": calls}
    assert verified(tmp_path, [said("open a and b", "user"), asks, first, second]).holds
    assert verified(tmp_path, [said("open a and b", "user"), asks, second, first]).holds
    again = verified(tmp_path, [said("open a and b", "user"), asks, second]).problems[0]
    assert [(one.level, one.at) for one in again.problems] == [("cannot", 1), ("differs", 2)]  # a was perhaps never made


def test_ids_of_calls_may_come_again(tmp_path):
    pair = [called("a", "count_stock", item="lamp"), answered("a", {"item": "lamp", "count": 3, "price": 19.5})]
    other = [called("a", "count_stock", item="chair"), answered("a", {"item": "chair", "count": 0, "price": 19.5})]
    assert verified(tmp_path, [said("count", "user"), *pair, *other, *pair]).holds
    lost = verified(tmp_path, [said("count", "user"), *pair, other[0], *pair]).problems[0]
    assert [(one.level, one.at) for one in lost.problems] == [("cannot", 3)]


def test_a_conversation_without_calls_proves_nothing(tmp_path):
    proof = verified(tmp_path, [said("Hello", "user"), said("Hello.")])
    assert (proof.exact, proof.silent, proof.holds) == (1, 1, False)


def test_a_guess_that_was_lucky_is_said_beside(tmp_path):
    messages = good()
    messages[0] = said("How many of the item lamp are there? And open a ticket: it is dark.", "user")
    proof = verified(tmp_path, messages, good())
    assert (proof.exact, proof.holds, proof.ungrounded, proof.guessed) == (2, True, 1, 1)


def test_rows_that_cannot_be_read_are_said(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"messages": good()}) + "\nnot json\n")
    proof = artificer.verify_data(path, world=DESK)
    assert (proof.exact, proof.unread, proof.holds) == (1, 1, False)


def test_the_engine_changes_nothing(tmp_path):
    rows = [messages for _, _, messages in CASES] + [good()]
    assert verified(tmp_path, *rows, engine="processes:2") == verified(tmp_path, *rows, engine="local")


# repair


def copied(out):
    with RunFolder.open(out) as folder:
        return {trace.id: trace for _, trace in folder.read("traces", Trace)}, {
            row.item["id"]: row for row in folder.rejects() if row.reason != "same"
        }


def test_the_repaired_copy_replays_exactly_and_says_what_was_there(tmp_path):
    quiet = changed(2, answered("a", {"item": "lamp", "count": 3, "price": 21.25}))
    quiet[9] = said("Done.")
    rows = [good(), quiet, *(messages for _, _, messages in CASES)]
    proof = verified(tmp_path, *rows, repair=tmp_path / "out")
    traces, rejects = copied(tmp_path / "out")
    assert proof.kept == len(traces)
    assert proof.kept + sum(proof.rejected.values()) == len(rows)
    again = artificer.verify_data(tmp_path / "out")
    assert again.holds
    assert again.claims == again.held > 0
    mended = traces["t1"]
    assert mended.nodes[2].message.result.content["price"] == 19.5
    assert mended.nodes[4].effects
    assert mended.lineage["repaired"] == [
        {"messages": [{"at": 2, "tool": "count_stock", "was": {"call_id": "a", "content": {"item": "lamp", "count": 3, "price": 21.25}}}]}
    ]
    assert "repaired" not in traces["t0"].lineage
    assert {row.reason for row in rejects.values()} == {"cannot_run", "stale"}
    assert proof.rejected == {"cannot_run": 6, "stale": 2, "same": 2}


@pytest.mark.parametrize(
    ("price", "words", "stale"),
    [
        (21.25, "Done.", None),
        (21.25, "A lamp is 19.5.", None),
        (21.25, "A lamp is $21.25.", 9),
        (21.25, "All of it is said.", None),
    ],
)
def test_words_that_quote_what_is_gone_are_stale(tmp_path, price, words, stale):
    messages = changed(2, answered("a", {"item": "lamp", "count": 3, "price": price}))
    messages[9] = said(words)
    proof = verified(tmp_path, messages, repair=tmp_path / "out")
    _, rejects = copied(tmp_path / "out")
    assert proof.kept == (stale is None)
    assert [row.detail.split(": ")[2] for row in rejects.values()] == ([f"message {stale}"] if stale is not None else [])
    assert verified(tmp_path, messages, repair=tmp_path / "forced", force=True).kept == 1
    traces, _ = copied(tmp_path / "forced")
    assert ("stale" in traces["t0"].lineage["repaired"][0]) == (stale is not None)
    assert artificer.verify_data(tmp_path / "forced").holds


def test_a_call_that_passes_on_what_is_gone_is_stale(tmp_path):
    messages = changed(4, answered("b", {"ticket_id": "T-7777", "title": "it flickers", "urgent": False}))
    messages[5] = called("c", "close_ticket", ticket_id="T-7777")
    messages[6] = answered("c", {"ticket_id": "T-7777", "status": "closed", "open": 0})
    verified(tmp_path, messages, repair=tmp_path / "out")
    _, rejects = copied(tmp_path / "out")
    assert 'message 5: it passes on "T-7777"' in rejects["t0"].detail


FAILURES = [
    "error: not_found: no lamp",
    "Error: no lamp",
    "KeyError: 'lamp'",
    "An unexpected error occurred.",
    {"error": "no lamp"},
    {"error": {"code": 404, "message": "no lamp"}},
    {"success": False, "message": "no lamp"},
    "{'error': 'no lamp'}",
]


@pytest.mark.parametrize("failure", FAILURES)
def test_an_answer_to_a_failure_that_is_none_now_is_stale(tmp_path, failure):
    messages = changed(2, answered("a", failure))
    messages[3:] = [said("There is none.")]
    verified(tmp_path, messages, repair=tmp_path / "out")
    _, rejects = copied(tmp_path / "out")
    assert "message 3: it answers a call that failed and does not now" in rejects["t0"].detail


@pytest.mark.parametrize("price", [None, 21.25])
def test_an_answer_to_a_result_that_is_none_now_is_stale(tmp_path, price):
    messages = changed(1, called("a", "count_stock", item="table"))
    messages[2] = answered("a", {"item": "table", "count": 3, "price": price, "error": None})
    messages[3:] = [said("There are some.")]
    verified(tmp_path, messages, repair=tmp_path / "out")
    _, rejects = copied(tmp_path / "out")
    assert "message 3: it answers a call that went well and fails now" in rejects["t0"].detail


def test_repaired_with_other_names_and_at_another_seed(tmp_path):
    messages = changed(1, called("a", "countStock", item="lamp"))
    knobs = {"names": ["countStock=count_stock"], "like": ["ticket_id"], "seed": 5}
    assert verified(tmp_path, messages, repair=tmp_path / "out", **knobs).kept == 1
    traces, _ = copied(tmp_path / "out")
    assert traces["t0"].nodes[1].message.calls[0].name == "count_stock"
    assert traces["t0"].lineage["start"] == {"seed": 5}
    mended = traces["t0"].nodes
    assert mended[4].message.result.content["ticket_id"] == "T-1036"  # what the world gives
    assert mended[5].message.calls[0].arguments == {"ticket_id": "T-1036"}
    assert mended[9].message.text == "Three lamps at 19.5, and T-1036 is done."
    was = {one["at"]: one for one in traces["t0"].lineage["repaired"][0]["messages"]}
    assert was[9] == {"at": 9, "said": {"content": GOOD[9]["content"]}}
    assert was[5]["calls"] == [{"id": "c", "name": "close_ticket", "arguments": {"ticket_id": "T-1001"}}]
    assert artificer.verify_data(tmp_path / "out").holds  # at its own start, without the names and without what was no difference


def test_the_copy_is_exact_whatever_was_no_difference(tmp_path):
    messages = changed(2, answered("a", {"item": "lamp", "count": "3", "price": 19.5000001}))
    messages[9] = said("Three lamps.")
    proof = verified(tmp_path, messages, repair=tmp_path / "out", near=1e-3, as_text=True)
    assert (proof.exact, proof.repaired, proof.kept) == (1, 1, 1)
    assert artificer.verify_data(tmp_path / "out").holds


NUMBERED = """
class Orders:
    def __init__(self, seed: int = 0) -> None:
        self.orders: dict[int, str] = {}

    def add_order(self, what: str) -> dict:
        self.orders[12 + len(self.orders)] = what
        return {"id": 11 + len(self.orders), "what": what}

    def get_order(self, order_id: int) -> dict:
        return {"id": order_id, "what": self.orders[order_id]}
"""


@pytest.mark.parametrize(("words", "why"), [("It is there.", None), ("It is order 99.", "message 5: it says 99, which no result shows now")])
def test_what_a_number_is_called_now_is_not_put_into_words(tmp_path, words, why):
    (tmp_path / "orders.py").write_text(NUMBERED)
    asked = [said("Order a lamp.", "user"), called("a", "add_order", what="a lamp"), answered("a", {"id": 99, "what": "a lamp"})]
    messages = [*asked, called("b", "get_order", order_id=99), answered("b", {"id": 99, "what": "a lamp"}), said(words)]
    world = f"python:{tmp_path / 'orders.py'}"
    assert verified(tmp_path, messages, world=world, like=["id"], repair=tmp_path / "out").exact == 1
    traces, rejects = copied(tmp_path / "out")
    assert [why in row.detail for row in rejects.values()] == ([True] if why else [])
    if why is None:
        assert traces["t0"].nodes[3].message.calls[0].arguments == {"order_id": 12}
        assert artificer.verify_data(tmp_path / "out").holds


def test_a_state_is_no_name(tmp_path):
    messages = good()
    messages[6] = answered("c", {"ticket_id": "T-1001", "status": "done", "open": 0})
    messages[9] = said("All is done.")
    assert verified(tmp_path, messages, repair=tmp_path / "out", like=["status"]).rejected == {"stale": 1}
    traces, _ = copied(tmp_path / "out")
    assert traces == {}


def test_a_field_that_is_never_the_same_twice_is_kept_on_its_terms(tmp_path):
    (tmp_path / "clock.py").write_text("COUNT = [0]\n\n\ndef look() -> dict:\n    COUNT[0] += 1\n    return {'at': COUNT[0], 'sky': 'blue'}\n")
    messages = [said("look", "user"), called("a", "look"), answered("a", {"at": 900, "sky": "blue"}), said("Blue.")]
    proof = verified(tmp_path, messages, world=f"python:{tmp_path / 'clock.py'}", like=["at"], repair=tmp_path / "out")
    assert (proof.kept, proof.rejected) == (1, {})
    assert artificer.verify_data(tmp_path / "out").differs == 1
    assert artificer.verify_data(tmp_path / "out", like=["at"]).holds


CHANGES = st.tuples(
    st.sampled_from([2, 4, 6, 8]),
    st.sampled_from([*FAILURES, {}, "done", {"item": "lamp", "count": 3.0, "price": 19.4}, {"ticket_id": "T-77", "status": "closed"}, [1], None]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(CHANGES, max_size=3), min_size=1, max_size=4), st.integers(0, 3), st.sampled_from([[], ["ticket_id"], ["status", "open"]]))
def test_what_a_repair_keeps_is_exact(tmp_path_factory, changes, seed, like):
    place = tmp_path_factory.mktemp("kept")
    rows = [good() for _ in changes]
    for messages, places in zip(rows, changes, strict=True):
        for at, content in places:
            messages[at] = answered(messages[at]["tool_call_id"], content)
    proof = verified(place, *rows, seed=seed, like=like, near=0.01, repair=place / "out", force=True)
    assert proof.kept + sum(proof.rejected.values()) == len(rows)
    again = artificer.verify_data(place / "out")
    assert (again.traces, again.exact) == (proof.kept, proof.kept)


def test_a_repair_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    kept = []

    def fails(self, row, again, repair, given):
        kept.append(row)
        if len(kept) == 2:
            raise OSError(28, "No space left on device")
        return add(self, row, again, repair, given)

    add = Keeper.add
    monkeypatch.setattr(Keeper, "add", fails)
    with pytest.raises(ArtificerError, match="No space left on device"):
        verified(tmp_path, good(), changed(0, said("And now?", "user")), repair=tmp_path / "out")
    assert len(kept) == 2
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


def test_a_world_that_is_never_the_same_twice_repairs_nothing(tmp_path):
    (tmp_path / "dice.py").write_text("COUNT = [0]\n\n\ndef roll() -> int:\n    COUNT[0] += 1\n    return COUNT[0]\n")
    messages = [said("roll", "user"), called("a", "roll"), answered("a", "99"), said("There.")]
    proof = verified(tmp_path, messages, world=f"python:{tmp_path / 'dice.py'}", repair=tmp_path / "out")
    assert (proof.kept, proof.rejected) == (0, {"unsteady": 1})


def test_nothing_that_is_there_is_written_over(tmp_path):
    (tmp_path / "there").write_text("mine")
    for knob in ("repair", "each"):
        with pytest.raises(ArtificerError, match="there already"):
            verified(tmp_path, good(), **{knob: tmp_path / "there"})
    assert (tmp_path / "there").read_text() == "mine"


def test_data_never_choose_their_own_world(tmp_path):
    with pytest.raises(ArtificerError, match="which world"):
        verified(tmp_path, good(), world=None)
    artificer.convert(tmp_path / "data.jsonl", tmp_path / "run", to="artificer")
    with pytest.raises(ArtificerError, match="which world"):
        artificer.verify_data(tmp_path / "run")
    assert artificer.verify_data(tmp_path / "run", world=DESK).holds
