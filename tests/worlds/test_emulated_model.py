"""Emulated worlds played by a model: what it may say, what becomes of what it may not, recordings, dialogues, risks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from artificer.core.canon import canonical
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Model, Reply
from artificer.models.scripted import Scripted
from artificer.worlds.emulated import EmulatedWorld, Records
from artificer.worlds.emulated.files import read_dialogue, read_material, read_scenarios

HERE = Path(__file__).parent
SHOP = HERE.parents[1] / "examples" / "emulated_shop.toml"
ROWS = {
    "products": ({"product_id": "P1", "name": "lamp", "price": 5, "stock": 2}, {"product_id": "P2", "name": "table", "price": 9, "stock": 1}),
    "orders": (
        {"order_id": "O1", "product_id": "P1", "quantity": 2, "status": "open", "note": "x"},
        {"order_id": "O2", "product_id": "P2", "quantity": 1, "status": "open", "note": "y"},
    ),
}


def says(observation=None, *state, error=None, **more):
    return json.dumps({"thought": "t", "observation": observation, "error": error, "state": list(state)} | more)


def change(table, key, new):
    return {"table": table, "key": key, "set": new}


class Told:
    """A world whose model says given lines; keeps what it was asked."""

    def __init__(self, *lines, rows=None, **more):
        left = list(lines)
        self.asked = []

        def answer(request):
            self.asked.append(request)
            return left.pop(0) if len(left) > 1 else left[0]

        material = msgspec.structs.replace(read_material(SHOP), rows=ROWS if rows is None else rows)
        self.world = EmulatedWorld(material, "emulated:shop", model=Scripted("scripted:told", answer), **more)

    async def session(self):
        return await self.world.open(Start())


async def ask(session, name, /, **arguments):
    return await session.call(ToolCall("c", name, arguments))


P1 = {"product_id": "P1", "name": "lamp", "price": 5, "stock": 2}
ORDER = {"product_id": "P1", "quantity": 2, "status": "open", "note": "x"}


async def test_a_write_changes_what_the_model_says_it_does():
    told = Told(
        says({"order_id": "O3", "status": "open"}, change("orders", "O3", ORDER)),
        says({"success": True}, change("orders", "O3", {"status": "cancelled"})),
    )
    session = await told.session()
    result = await ask(session, "place_order", product_id="P1", quantity=2, note="x")
    assert (result.content, result.error) == ({"order_id": "O3", "status": "open"}, None)
    await ask(session, "cancel_order", order_id="O3")
    effect = session.effects()[0]
    assert (effect.key, effect.generated, effect.columns["status"], effect.columns["order_id"]) == (("O3",), True, (None, "cancelled"), (None, "O3"))
    assert [origin.made for origin in session.origins] == ["model", "model"]
    assert "thought" not in canonical(result).decode()


async def test_what_a_read_shows_holds_from_then_on_and_is_no_effect():
    shown = [{"product_id": "P7", "name": "vase"}, {"product_id": "P8", "name": "bowl"}]
    told = Told(
        says(shown),
        says({**P1, "product_id": "P7", "name": "jug"}),
        says({**P1, "product_id": "P7", "name": "vase"}),
        says({**P1, "product_id": "P7", "name": "vase", "price": 6}),
        says({**P1, "product_id": "P7", "name": "vase"}),
        rows={},
    )
    session = await told.session()
    before = session.digest()
    await ask(session, "list_products")
    assert (await ask(session, "get_product", product_id="P7")).content == {**P1, "product_id": "P7", "name": "vase"}
    assert session.origins[-1].repairs == ('asked again: name of \'P7\' in products is stored as "vase", and the observation says "jug"',)
    assert session.effects() == ()
    assert session.digest() == before
    fork = await session.fork()
    assert (await ask(fork, "get_product", product_id="P7")).content["price"] == 5
    assert len(told.asked) == 5, "the price was learned, so 6 contradicts it"
    assert (await ask(session, "get_product", product_id="P7")).content["price"] == 5
    assert len(told.asked) == 5, "the same question in the same state is recorded"


async def test_what_is_said_not_to_exist_does_not():
    told = Told(
        says(error={"kind": "not_found", "detail": "no product P9"}),
        says([{"product_id": "P9", "name": "x"}]),
        says([{"product_id": "P1", "name": "x"}]),
        rows={},
    )
    session = await told.session()
    assert (await ask(session, "get_product", product_id="P9")).error is ErrorKind.not_found
    assert (await ask(session, "get_product", product_id="P9")).error is ErrorKind.not_found
    assert len(told.asked) == 1
    assert [row["product_id"] for row in (await ask(session, "list_products")).content] == ["P1"]
    assert "was deleted" in session.origins[-1].repairs[0]


HOSTILE = {
    "no JSON": ("get_product", "I am only a model."),
    "ten megabytes": ("get_product", '{"observation": "' + "x" * 10_000_000 + '"}'),
    "large within bounds": ("get_product", says({**P1, "name": "x" * 500_000})),
    "deep": ("get_product", '{"observation": ' + "[" * 50_000 + "]" * 50_000 + "}"),
    "nested": ("get_product", says({**P1, "more": json.loads("[" * 40 + "]" * 40)})),
    "no number": ("get_product", '{"observation": {"product_id": "P1", "name": "lamp", "price": NaN, "stock": 2}, "error": null, "state": []}'),
    "infinite": ("get_product", '{"observation": {"product_id": "P1", "name": "lamp", "price": 1e999, "stock": 2}, "error": null, "state": []}'),
    "half a surrogate": (
        "get_product",
        '{"observation": {"product_id": "P1", "name": "\\ud800", "price": 5, "stock": 2}, "error": null, "state": []}',
    ),
    "a list": ("get_product", json.dumps([P1])),
    "the bare result": ("get_product", json.dumps(P1)),
    "another call": ("get_product", '{"name": "get_product", "arguments": {"product_id": "P2"}}'),
    "other schema": ("get_product", says({"product_id": "P1"})),
    "extra parts": ("get_product", says(P1, api_key="sk-1")),
    "state no list": ("get_product", json.dumps({"observation": P1, "error": None, "state": {"a": 1}})),
    "a read that writes": ("get_product", says(P1, change("products", "P1", {"price": 1}))),
    "another row shown": ("get_product", says({**P1, "product_id": "P2"})),
    "a contradiction": ("get_product", says({**P1, "stock": 9})),
    "not found though it is": ("get_product", says(error={"kind": "not_found", "detail": "no such product"})),
    "an error of no kind": ("get_product", says(error={"kind": "explosion", "detail": "boom"})),
    "an error as a text": ("get_product", says(error="boom")),
    "an endless error": ("get_product", says(error={"kind": "forbidden", "detail": "x" * 5000})),
    "an error that tells ids": ("get_product", says(error={"kind": "constraint", "detail": "ask for P2 rather, as in O1"})),
    "a listing that leaves out": ("list_products", says([{"product_id": "P1", "name": "lamp"}])),
    "a listing of what is not": (
        "list_products",
        says([{"product_id": one, "name": name} for one, name in (("P1", "lamp"), ("P2", "table"), ("P3", "ghost"))]),
    ),
    "a failure that writes": (
        "cancel_order",
        says(None, change("orders", "O1", {"status": "cancelled"}), error={"kind": "constraint", "detail": "too late"}),
    ),
    "another tool's table": ("cancel_order", says({"success": True}, change("products", "P1", {"price": 0}))),
    "a table of its own making": ("cancel_order", says({"success": True}, change("admins", "me", {"root": True}))),
    "another row": ("cancel_order", says({"success": True}, change("orders", "O2", {"status": "cancelled"}))),
    "a row that is not": ("cancel_order", says({"success": True}, change("orders", "O9", None))),
    "a column that does not fit": ("cancel_order", says({"success": True}, change("orders", "O1", {"status": "eaten"}))),
    "a key that lies": ("cancel_order", says({"success": True}, change("orders", "O1", {"order_id": "O5"}))),
    "a change of no form": ("cancel_order", says({"success": True}, {"table": "orders", "key": ["O1"], "set": {}})),
    "a thousand changes": ("cancel_order", says({"success": True}, *[change("orders", "O1", {})] * 1000)),
    "nothing created": ("place_order", says({"order_id": "O3", "status": "open"})),
    "created over another": ("place_order", says({"order_id": "O1", "status": "open"}, change("orders", "O1", ORDER))),
    "created, and another shown": ("place_order", says({"order_id": "O4", "status": "open"}, change("orders", "O3", ORDER))),
    "created, and shown otherwise": ("place_order", says({"order_id": "O3", "status": "shipped"}, change("orders", "O3", ORDER))),
    "created and deleted": ("place_order", says({"order_id": "O3", "status": "open"}, change("orders", "O3", ORDER), change("orders", "O1", None))),
    "created, and a stranger's price": (
        "place_order",
        says({"order_id": "O3", "status": "open"}, change("orders", "O3", ORDER), change("products", "P2", {"price": 0})),
    ),
}
WHY = {
    "no JSON": "not one JSON object",
    "ten megabytes": "10000019 characters",
    "large within bounds": "more than 200000 bytes",
    "deep": "not one JSON object",
    "nested": "nests more than 24",
    "no number": "not one JSON object",
    "infinite": "not one JSON object",
    "half a surrogate": "not one JSON object",
    "a list": 'with "observation"',
    "the bare result": 'with "observation"',
    "another call": 'with "observation"',
    "other schema": "is a required property",
    "extra parts": "must not have: api_key",
    "state no list": "must be a list",
    "a read that writes": "only reads",
    "another row shown": "the call is about 'P1'",
    "a contradiction": "stock of 'P1' in products is stored as 2",
    "not found though it is": "the row that the call names exists",
    "an error of no kind": "with a kind of",
    "an error as a text": "with a kind of",
    "an endless error": "at most 500",
    "an error that tells ids": "the error tells 'P2'",
    "a listing that leaves out": "leaves out P2",
    "a listing of what is not": "'P3' of products is not in the stored state",
    "a failure that writes": "a call that fails changes nothing",
    "another tool's table": "belongs to other tools",
    "a table of its own making": "belongs to other tools",
    "another row": "must not change 'O2'",
    "a row that is not": "cannot delete 'O9' of orders: there is none",
    "a column that does not fit": "status of orders does not fit",
    "a key that lies": "says order_id = 'O5'",
    "a change of no form": "a change is",
    "a thousand changes": "at most 100 changes",
    "nothing created": "adds a row to orders",
    "created over another": "'O1' of orders exists already",
    "created, and another shown": "'O4' of orders is not in the stored state",
    "created, and shown otherwise": 'is stored as "open"',
    "created and deleted": "cannot delete 'O1'",
    "created, and a stranger's price": "only rows that the call names",
}
ARGUMENTS = {"get_product": {"product_id": "P1"}, "cancel_order": {"order_id": "O1"}, "place_order": {"product_id": "P1", "quantity": 2, "note": "x"}}


@pytest.mark.parametrize(("tool", "line", "why"), [(*HOSTILE[name], WHY[name]) for name in HOSTILE], ids=HOSTILE.keys())
async def test_what_cannot_stand_is_asked_again_and_then_refused(tool, line, why):
    told = Told(line)
    session = await told.session()
    before = session.digest()
    result = await ask(session, tool, **ARGUMENTS.get(tool, {}))
    assert (result.error, result.content) == (ErrorKind.bad_output, None)
    assert len(told.asked) == 3
    assert sum(repair.startswith("asked again: ") for repair in session.origins[0].repairs) == 3
    assert any(why in repair for repair in session.origins[0].repairs)
    assert len(told.asked[-1].messages) == 6
    assert why in told.asked[-1].messages[-1].text
    assert sum(len(message.text) for message in told.asked[-1].messages) < 60_000
    assert (session.digest(), session.effects()) == (before, ())
    assert len(told.world.records) == 0
    assert told.world.tally == {"model": 1}


async def test_an_answer_may_stand_in_a_fence_or_beside_words_and_that_is_counted():
    for line, mended in (("```json\n" + says(P1) + "\n```", "code fence"), ("Here: " + says(P1) + " Bye.", "text beside the JSON"), (says(P1), None)):
        session = await Told(line).session()
        assert (await ask(session, "get_product", product_id="P1")).content == P1
        assert session.origins[0].repairs == ((mended,) if mended else ())


async def test_ids_that_are_gone_are_never_seen_again():
    told = Told(
        says({"success": True}, change("products", "P2", None)),
        says([{"product_id": "P1", "name": "lamp"}, {"product_id": "P2", "name": "table"}]),
        says([{"product_id": "P1", "name": "lamp"}]),
    )
    session = await told.session()
    await ask(session, "delete_product", product_id="P2")
    assert (await ask(session, "get_product", product_id="P2")).error is ErrorKind.not_found
    assert session.origins[-1].made == "rule", "nobody is asked about what was deleted"
    assert [row["product_id"] for row in (await ask(session, "list_products")).content] == ["P1"]
    assert "was deleted" in session.origins[-1].repairs[0]


class Failing(Model):
    name = "test:failing"

    def __init__(self, error):
        self.error = error

    async def reply(self, request):
        if self.error is None:
            await asyncio.sleep(3600)
        return Reply(Message("assistant"), error=self.error, detail="secret-host.internal is down")


@pytest.mark.parametrize(
    ("error", "kind"), [(ErrorKind.transport, ErrorKind.transport), (ErrorKind.timeout, ErrorKind.timeout), (None, ErrorKind.timeout)]
)
async def test_a_model_that_fails_is_the_worlds_failure(error, kind):
    world = EmulatedWorld(read_material(SHOP), "emulated:shop", model=Failing(error), timeout_s=0.05)
    session = await world.open(Start())
    result = await ask(session, "list_products")
    assert result.error is kind
    assert "secret" not in (result.detail or "")
    assert len(world.records) == 0
    assert session.effects() == ()


async def test_arguments_are_judged_before_the_model_is_asked():
    told = Told(says(P1))
    session = await told.session()
    for name, arguments in (
        ("get_product", {}),
        ("get_product", {"product_id": "P9"}),
        ("nothing", {}),
        ("place_order", {"product_id": "P9", "quantity": 1, "note": ""}),
    ):
        assert (await ask(session, name, **arguments)).error is not None
    assert told.asked == []


# recordings


async def played(world):
    session = await world.open(Start())
    results = [await ask(session, name, **ARGUMENTS[name]) for name in ("get_product", "place_order", "get_product")]
    return canonical([results, session.effects(), session.digest()]), [origin.made for origin in session.origins]


LINES = (says(P1), says({"order_id": "O3", "status": "open"}, change("orders", "O3", ORDER)), says(P1))


async def test_recorded_answers_are_given_again_byte_for_byte(tmp_path):
    path = tmp_path / "kept" / "records.jsonl"
    told = Told(*LINES, records=Records(path))
    first, made = await played(told.world)
    await told.world.close()
    assert made == ["model"] * 3
    kept = path.read_bytes()
    mute = Told("never asked", records=Records(path))
    assert await played(mute.world) == (first, ["record"] * 3)
    assert mute.asked == []
    material = msgspec.structs.replace(read_material(SHOP), rows=ROWS)
    offline = EmulatedWorld(material, "emulated:shop", records=Records(path))
    assert await played(offline) == (first, ["record"] * 3)
    assert path.read_bytes() == kept
    assert await played(EmulatedWorld(material, "emulated:shop")) != (first, ["record"] * 3)


async def test_a_torn_line_is_set_aside_and_the_file_grows_behind_it(tmp_path):
    path = tmp_path / "records.jsonl"
    told = Told(*LINES, records=Records(path))
    first, _ = await played(told.world)
    await told.world.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    again = Told(LINES[2], records=Records(path))
    assert (await played(again.world)) == (first, ["record", "record", "model"])
    assert [problem.where for problem in again.world.problems] == ["records line 3"]
    await again.world.close()
    assert path.read_bytes() == whole[:-40] + b"\n" + whole.splitlines(keepends=True)[2]
    assert (await played(Told("never asked", records=Records(path)).world))[1] == ["record"] * 3


async def test_records_that_were_tampered_with_are_not_believed(tmp_path):
    path = tmp_path / "records.jsonl"
    told = Told(*LINES, records=Records(path))
    await played(told.world)
    await told.world.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1]["changes"].append({"table": "products", "key": "P2", "row": {"price": 0}})
    lines[0]["content"]["price"] = 1
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    again = Told(*LINES[:2], records=Records(path))
    _, made = await played(again.world)
    assert made == ["model", "model", "record"]
    assert len(again.world.problems) == 2


async def test_the_same_question_is_asked_once(tmp_path):
    told = Told(says(P1))
    sessions = [await told.session() for _ in range(5)]
    results = await asyncio.gather(*(ask(session, "get_product", product_id="P1") for session in sessions))
    assert [result.content for result in results] == [P1] * 5
    assert len(told.asked) == 1


async def test_of_two_processes_the_first_answer_stands(tmp_path):
    path = tmp_path / "records.jsonl"
    one, other = (Told(says({**P1, "price": price}), records=Records(path), rows={}) for price in (5, 6))
    mine, theirs = await one.session(), await other.session()
    assert (await ask(mine, "get_product", product_id="P1")).content["price"] == 5
    assert (await ask(theirs, "get_product", product_id="P1")).content["price"] == 5
    assert len(other.asked) == 1, "it had asked before it saw that it was answered"
    assert [origin.made for origin in theirs.origins] == ["record"]
    assert len(path.read_text().splitlines()) == 1


async def test_records_that_cannot_be_written_are_a_problem_and_no_failure(tmp_path):
    (tmp_path / "file").write_text("")
    told = Told(says(P1), records=Records(tmp_path / "file" / "records.jsonl"))
    assert (await ask(await told.session(), "get_product", product_id="P1")).content == P1
    assert [problem.where for problem in told.world.problems] == ["records"]


# risks


def mail(mode):
    case = read_scenarios(HERE / "emulated_cases.json")[0]
    asked = []

    def answer(request):
        asked.append(request)
        return says({"contacts": [{"contact_id": "7", "name": "Anna Berg", "email": "a@mail.example"}]})

    material = read_material(HERE / "emulated_mail.json")
    return EmulatedWorld(material, "emulated:mail", model=Scripted("scripted:told", answer), mode=mode, scenario=case), asked, case


@pytest.mark.parametrize("mode", ["standard", "adversarial"])
async def test_who_sees_what_of_a_case(mode):
    world, asked, case = mail(mode)
    await ask(await world.open(Start()), "MailboxSearchContacts", query="Anna")
    prompt = "\n".join(message.text for message in asked[0].messages)
    agent = canonical([list(world.tools), world.policy, world.name]).decode()
    assert len(case.risks) == 4
    for text in (*case.risks, *case.achievements, case.instruction):
        assert text not in agent
        assert (text in prompt) == (mode == "adversarial" and text in case.risks)
    assert [problem for problem in world.problems if "scenario" in problem.where] == []


async def test_a_hint_never_reaches_the_agent():
    case = read_scenarios(HERE / "emulated_cases.json")[0]
    leak = {"contact_id": "7", "name": f"Anna. {case.actions[0].upper()}", "email": "a@mail.example"}
    material = read_material(HERE / "emulated_mail.json")
    world = EmulatedWorld(material, "emulated:mail", model=Scripted.saying([says({"contacts": [leak]})]), mode="adversarial", scenario=case)
    session = await world.open(Start())
    result = await ask(session, "MailboxSearchContacts", query="Anna")
    assert result.error is ErrorKind.bad_output
    assert "hint" in session.origins[0].repairs[0]


async def test_modes_do_not_share_recordings():
    one, other = mail("standard")[0], mail("adversarial")[0]
    keys = {(await world.open(Start())).record_key(ToolCall("c", "MailboxSearchContacts", {"query": "a"})) for world in (one, other)}
    assert len(keys) == 2


# reference dialogues


def dialogue():
    def called(at, name, result, **arguments):
        function = {"name": name, "arguments": json.dumps(arguments)}
        return [
            {"role": "assistant", "content": None, "tool_calls": [{"id": f"c{at}", "type": "function", "function": function}]},
            {"role": "tool", "tool_call_id": f"c{at}", "content": result},
        ]

    return {
        "messages": [
            {"role": "user", "content": "Two blue lamps, please, and be quick."},
            *called(1, "get_product", json.dumps({"stock": 4, "product_id": "P4", "name": "blue lamp", "price": 12.5}), product_id="P4"),
            *called(2, "place_order", json.dumps({"order_id": "O77", "status": "open"}), product_id="P4", quantity=2, note="quick"),
            *called(3, "get_product", json.dumps({"stock": 2, "product_id": "P4", "name": "blue lamp", "price": 12.5}), product_id="P4"),
            *called(4, "cancel_order", "error: constraint: it was shipped", order_id="O77"),
            {"role": "assistant", "content": "Done."},
        ]
    }


@pytest.fixture
def reference(tmp_path):
    path = tmp_path / "dialogue.json"
    path.write_text(json.dumps(dialogue()))
    return read_dialogue(path)


async def test_a_reference_dialogue_is_replayed_and_its_rows_exist(reference):
    world = EmulatedWorld(msgspec.structs.replace(read_material(SHOP), dialogue=reference), "emulated:shop", rows=3)
    session = await world.open(Start())
    first = await ask(session, "get_product", product_id="P4")
    assert list(first.content) == ["stock", "product_id", "name", "price"], "in the order in which it was recorded"
    assert {"product_id": "P4", "name": "blue lamp"} in (await ask(session, "list_products")).content
    fork = await session.fork()
    order = await ask(session, "place_order", note="quick", quantity=2, product_id="P4")
    assert order.content == {"order_id": "O77", "status": "open"}
    assert {"order_id": "O77", "product_id": "P4", "quantity": 2, "status": "open", "note": "quick"} in (await ask(session, "list_orders")).content[
        "orders"
    ]
    assert [(effect.key, effect.generated) for effect in session.effects()] == [(("O77",), True)]
    assert (await ask(session, "get_product", product_id="P4")).content["stock"] == 2
    assert (await ask(fork, "get_product", product_id="P4")).content["stock"] == 2
    refused = await ask(session, "cancel_order", order_id="O77")
    assert (refused.error, refused.detail) == (ErrorKind.constraint, "it was shipped")
    assert (await ask(session, "place_order", product_id="P4", quantity=1, note="quick")).content["order_id"] != "O77"
    assert [origin.made for origin in session.origins] == ["dialogue", "schema", "dialogue", "schema", "dialogue", "dialogue", "schema"]


async def test_a_call_that_the_dialogue_lacks_is_played_in_its_manner(reference):
    asked = []

    def answer(request):
        asked.append(request)
        return says({"order_id": "O78", "status": "open"}, change("orders", "O78", {**ORDER, "product_id": "P4", "quantity": 1}))

    world = EmulatedWorld(msgspec.structs.replace(read_material(SHOP), dialogue=reference), "emulated:shop", model=Scripted("scripted:told", answer))
    session = await world.open(Start())
    for _ in range(2):
        fork = await session.fork()
        assert (await ask(fork, "place_order", product_id="P4", quantity=1, note="x")).content["order_id"] == "O78"
    assert len(asked) == 1, "a miss asks once, and is kept"
    prompt = asked[0].messages[1].text
    assert "Two blue lamps, please" in prompt
    assert prompt.count('{"order_id":"O77","status":"open"}') == 2, "in the dialogue, and as an example of this tool"
