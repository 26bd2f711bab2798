"""Formats of benchmarks: BFCL's questions, answers and results; tau2-bench's simulations and tasks."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.examples import FIXTURES, TOOLS, conversation
from tests.formats.strategies import items, json_values, names, words
from tests.formats.test_data_sets import back, fixture, of

from artificer import convert
from artificer.core.canon import canonical
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import StopReason
from artificer.formats import format_named, guess
from artificer.formats.account import Account
from artificer.formats.base import Item, toolset_digest
from artificer.formats.bfcl import RESULTS, SAID, SAMPLED, STEPS
from artificer.formats.bfcl_calls import EMPTY
from artificer.formats.bfcl_schemas import DEEPEST, from_bfcl, to_bfcl
from artificer.formats.convert import render, write
from artificer.formats.tau2_tasks import SAID as DONE


def said(item: Item) -> list[tuple[str, str, list[tuple[str, dict]]]]:
    return [(one.role, one.text, [(call.name, call.arguments) for call in one.calls]) for one in (node.message for node in item.trace.nodes)]


def rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (FIXTURES / f"{name}.jsonl").read_bytes().splitlines()]


def written(item: Item, name: str) -> tuple[dict, Account]:
    account = Account()
    (row,) = render([item], format_named(name), account)
    assert account.balanced, account.lines()
    return json.loads(row), account


# BFCL


def test_a_question_says_what_is_said_first_and_its_tools():
    found, account = fixture("bfcl")
    assert not account.dropped
    simple, java, held_out = found[0], found[6], found[7]
    assert said(simple) == [("user", "Find the area of a triangle with a base of 10 units and height of 5 units.", [])]
    (tool,) = simple.tools
    assert tool.parameters["type"] == "object"
    assert tool.parameters["required"] == ["base", "height"]
    assert not any(node.sampled for node in simple.trace.nodes)
    assert {part.get("type") for part in java.tools[0].parameters["properties"].values()} <= {"object", "string", "boolean", "array", "integer", None}
    assert len(held_out.trace.nodes) == 1  # four turns are to come: nobody has said them yet
    assert [len(turn) for turn in held_out.trace.lineage["extra"]["question"]] == [1, 1, 1, 0, 1]


def test_an_answer_is_the_reference_and_nobody_sampled_it():
    found, _ = fixture("bfcl")
    assert said(found[1]) == [("assistant", "", [("calculate_triangle_area", {"base": 10, "height": 5, "unit": "units"})])]
    assert not found[1].trace.nodes[0].sampled
    live = found[3].trace.nodes[0].message.calls[0]
    assert live.name == "ChaDri.change_drink"
    assert live.arguments["new_preferences"]["special_instructions"] == "served boiling hot"  # of four that are allowed the first
    turns = found[8].trace.nodes
    assert [len(node.message.calls) for node in turns] == [3, 2, 0, 1, 4]  # in the third turn the right thing is to call nothing
    assert turns[3].message.calls[0].arguments == {"$text": "sort('final_report.pdf')"}  # by position, and no tools are known
    assert said(found[9]) == [("assistant", "Michael", [])]


def test_a_result_is_what_a_model_did_with_its_log_where_there_is_one():
    found, _ = fixture("bfcl")
    native, text, none, logged, bare = found[11:]
    assert native.trace.nodes[0].sampled
    assert native.trace.nodes[0].message.calls[0].arguments == {"base": 10, "height": 5, "unit": "units"}
    assert [call.arguments["artist"] for call in text.trace.nodes[0].message.calls] == ["Taylor Swift", "Maroon 5"]
    assert said(none) == [("assistant", "None of the functions can compute an area.", [])]
    assert [node.message.role for node in logged.trace.nodes] == ["user", "assistant", "tool", "assistant", "tool", "assistant", "user", "assistant"]
    assert logged.trace.nodes[2].message.result.content == {"current_working_directory": "document"}
    assert logged.trace.nodes[2].message.result.call_id == logged.trace.nodes[1].message.calls[0].id
    assert logged.trace.nodes[3].message.reasoning == "Now the folder."
    assert [len(node.message.calls) for node in bare.trace.nodes] == [1, 0, 1, 0]


def test_rows_that_nobody_changed_are_written_as_they_stood():
    found, _ = fixture("bfcl")
    for item, row in zip(found, rows("bfcl"), strict=True):
        assert written(item, "bfcl")[0] == row


def test_a_row_that_was_changed_is_written_anew():
    found, _ = fixture("bfcl")
    call = ToolCall("x", "calculate_triangle_area", {"base": 11})
    changed = Item(Trace("simple_python_0", "t", "", "", (Node(None, Message("assistant", calls=(call,))),), lineage=found[1].trace.lineage))
    row, _ = written(changed, "bfcl")
    assert row["ground_truth"] == [{"calculate_triangle_area": {"base": [11]}}]


def test_a_conversation_becomes_turns_with_their_reference():
    row, account = written(conversation(), "bfcl")
    assert row["id"].startswith("multi_turn_base_")
    assert row["trace_id"] == "t1"
    assert [[message["role"] for message in turn] for turn in row["question"]] == [["system", "user"]]
    assert row["ground_truth"] == [["find_order(id=7)", "find_order(id=8)", 'cancel(id=7, why="wish")']]
    assert row["function"][0]["parameters"] == {
        "type": "dict",
        "properties": {"id": {"type": "integer", "description": "Its number."}},
        "required": ["id"],
    }
    assert account.dropped == {RESULTS: 3, SAID: 4}
    assert account.lost[SAMPLED] == account.lost[STEPS] == 1


def test_the_category_is_what_is_offered_and_wanted():
    def row(calls: int, tools: int, text: str = "") -> dict:
        made = tuple(ToolCall(f"c{at}", "find_order", {"id": at}) for at in range(calls))
        nodes = (Node(None, Message("user", "q")), Node(0, Message("assistant", text, calls=made), sampled=True))
        return written(Item(Trace("x", "x", "", toolset_digest(TOOLS[:tools]), nodes), TOOLS[:tools]), "bfcl")[0]

    kinds = [row(1, 1), row(1, 2), row(2, 1), row(2, 2), row(0, 1, "I cannot.")]
    assert [one["id"].rpartition("_")[0] for one in kinds] == ["simple_python", "multiple", "parallel", "parallel_multiple", "irrelevance"]
    assert kinds[4]["ground_truth"] == []


def test_rows_of_others_are_not_taken_for_ours():
    fits = format_named("bfcl").fits
    assert fits({"id": "1", "prompt": [], "ground_truth": [{}]}) == 0.0
    assert fits({"id": "job-1", "result": "done"}) < 0.4
    assert fits({"id": "simple_python_1", "result": "done"}) > 0.9


def test_answers_of_executed_categories_are_calls():
    (item,), _ = of("bfcl", {"id": "exec_parallel_0", "ground_truth": ["area(base=3, height=4)", "area(base=5, height=6)"]})
    assert [call.arguments for call in item.trace.nodes[0].message.calls] == [{"base": 3, "height": 4}, {"base": 5, "height": 6}]


def test_a_parameter_that_the_function_lacks_is_left_out_where_it_may_be():
    question = {
        "question": [[{"role": "user", "content": "q"}]],
        "function": [{"name": "f", "parameters": {"type": "dict", "properties": {"a": {}}}}],
    }
    (item,), _ = of("bfcl", {"id": "simple_python_1", **question, "ground_truth": [{"f": {"a": [1], "b": ["", 0.1], "c": [2]}}]})
    assert item.trace.nodes[1].message.calls[0].arguments == {"a": 1, "c": 2}


def test_an_empty_text_is_said_to_be_lost():
    call = ToolCall("c", "f", {"a": "", "b": [{"c": 1}], "d": {"e": 2}})
    _, account = written(Item(Trace("x", "x", "", "", (Node(None, Message("user", "q")), Node(0, Message("assistant", calls=(call,)))))), "bfcl")
    assert account.lost[EMPTY] == 1


def test_schemas_are_read_to_a_depth():
    deep: dict = {"type": "dict"}
    for _ in range(DEEPEST + 2):
        deep = {"type": "array", "items": deep}
    for read in (lambda: from_bfcl(deep), lambda: to_bfcl(deep, Account())):
        with pytest.raises(ValueError, match="too deeply"):
            read()


def _without_empty(value: object) -> bool:
    """Whether no argument is an empty text, which BFCL reads as left out; in objects, and in lists of objects, too."""
    inside = value if isinstance(value, list) else [value]
    return value != "" and not any("" in one.values() for one in inside if isinstance(one, dict))


values = json_values.filter(_without_empty)
schemas = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number", "string", "boolean", "array", "object"])}, optional={"description": words, "enum": st.just([1])}
) | st.just({"description": "anything"})


@st.composite
def references(draw):
    """Turns of questions, each with what the reference calls; one turn, or several."""
    offered = tuple(
        ToolSpec(name, draw(words), {"type": "object", "properties": draw(st.dictionaries(names, schemas, max_size=2)), "required": ["x"]})
        for name in draw(st.lists(names, max_size=2, unique=True))
    )
    nodes: list[Node] = []
    for turn in range(draw(st.integers(1, 3))):
        if turn == 0 and draw(st.booleans()):
            nodes.append(Node(None, Message("system", draw(words))))
        nodes.append(Node(len(nodes) - 1 if nodes else None, Message("user", draw(words))))
        calls = [ToolCall(f"c{turn}.{at}", draw(names), draw(st.dictionaries(names, values, max_size=3))) for at in range(draw(st.integers(0, 3)))]
        nodes.append(Node(len(nodes) - 1, Message("assistant", calls=tuple(calls))))
    name = draw(names | st.just("simple_python_7"))
    return Item(Trace(name, name, "", toolset_digest(offered), tuple(nodes)), offered)


@given(references())
@settings(max_examples=200, deadline=None)
def test_questions_with_their_references_come_back(item):
    (found,), account = back(item, "bfcl")
    assert not account.dropped
    assert canonical(_plain(found)) == canonical(_plain(item))


@given(items(tree=True))
@settings(max_examples=60, deadline=None)
def test_whatever_is_written_for_bfcl_is_read_and_accounted_for(item):
    found, account = back(item, "bfcl")
    assert len(found) == account.rows_out


def _plain(item: Item) -> object:
    return item.trace.id, [(node.parent, node.sampled, said) for node, said in zip(item.trace.nodes, said(item), strict=True)], item.tools


# tau2-bench


def test_a_simulation_has_two_sides_and_a_verdict():
    (full, bare), account = fixture("tau2")
    assert not account.dropped
    trace = full.trace
    assert trace.world == "tau2:telecom"
    assert [node.message.role for node in trace.nodes] == [
        "system",
        "assistant",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
        "tool",
        "tool",
        "user",
    ]
    assert trace.nodes[0].message.text == "Help with technical issues only."
    assert [node.sampled for node in trace.nodes if node.message.role == "assistant"] == [False, True, True]  # the greeting is fixed
    assert [call.name for call in trace.nodes[6].message.calls] == ["check_status_bar", "set_network"]
    assert [node.message.result.error is not None for node in trace.nodes if node.message.result] == [False, False, True]
    assert trace.stop == {9: StopReason.user_done}
    verdict = trace.verdicts[9]
    assert (verdict.score, verdict.passed, [part.name for part in verdict.parts]) == (0.0, False, ["ENV_ASSERTION"])
    assert verdict.parts[0].evidence == ("does not hold: assert_mobile_data_status",)
    assert trace.lineage["extra"]["task"]["ticket"]
    assert trace.lineage["extra"]["run"]["user_info"] == {"implementation": "user_simulator", "llm": "some-model", "llm_args": {"temperature": 0.0}}
    assert bare.trace.world == ""
    assert bare.trace.verdicts == {}
    assert bare.trace.stop == {5: StopReason.cancelled}
    assert written(bare, "tau2")[0]["termination_reason"] == "timeout"
    (other,), _ = of("tau2", {**rows("tau2")[1], "termination_reason": "unexpected_error"})
    assert other.trace.stop == {5: StopReason.world_error}
    assert written(other, "tau2")[0]["termination_reason"] == "unexpected_error"


@pytest.mark.parametrize("name", ["tau2", "tau2_tasks"])
def test_what_the_user_is_told_is_never_a_message(name):
    found, _ = fixture(name)
    for item in found:
        task = item.trace.lineage["extra"].get("task")
        if task is None:
            continue
        told = task["user_scenario"]["instructions"]
        shown = json.dumps([node.message.text for node in item.trace.nodes])
        for secret in [told] if isinstance(told, str) else [text for key, text in told.items() if text and key != "domain"]:
            assert json.dumps(secret)[1:-1] not in shown
        for other in ("chat", "sharegpt", "anthropic", "hermes"):
            for row in render([item], format_named(other), Account()):
                record = json.loads(row)
                messages = record.get("messages", record.get("conversations", []))
                assert "task_instructions" not in json.dumps(messages)


def test_simulations_come_back_and_make_one_document(tmp_path):
    found, _ = fixture("tau2")
    done = convert(str(FIXTURES / "tau2.jsonl"), str(tmp_path / "out.json"), to="tau2")
    assert done.read.balanced
    assert done.written.balanced
    document = json.loads((tmp_path / "out.json").read_bytes())
    assert [one["id"] for one in document["simulations"]] == [item.trace.id for item in found]
    assert document["tasks"][0]["user_scenario"]["instructions"]["domain"] == "telecom"
    assert guess(tmp_path / "out.json")[0].name == "tau2"
    account = Account()
    again = list(read_all(tmp_path / "out.json", account))
    assert [canonical(item) for item in again] == [canonical(item) for item in found]
    original = rows("tau2")[1]
    for key in ("id", "task_id", "termination_reason", "start_time", "agent_cost", "trial", "seed", "reward_info"):
        assert document["simulations"][1][key] == original[key]
    calls = document["simulations"][0]["messages"][5]["tool_calls"]
    assert {call["requestor"] for call in calls} == {"user"}
    assert [one["requestor"] for one in document["simulations"][0]["messages"] if one["role"] == "tool"] == ["assistant", "user", "user"]


def read_all(path, account):
    from artificer.formats.convert import read

    return read(path, format_named("tau2"), account)


def test_an_empty_document_is_a_document():
    out = io.BytesIO()
    write([], out, format_named("tau2"), Account())
    assert json.loads(out.getvalue())["simulations"] == []


def test_simulations_in_ticks_are_named():
    row = rows("tau2")[1]
    (), account = of("tau2", {**row, "messages": None, "ticks": [{"tick_id": 0}]})
    assert list(account.dropped) == ["not of the format tau2: a simulation in ticks, without messages"]


def test_spoken_messages_are_read_by_their_script():
    row = rows("tau2")[1]
    spoken = {"role": "user", "content": "UklGRg==", "is_audio": True, "audio_script_gold": "My phone is slow."}
    (item,), account = of("tau2", {**row, "messages": [spoken]})
    assert item.trace.nodes[0].message.text == "My phone is slow."
    assert list(account.lost) == ["audio of messages: the script is read"]


@pytest.mark.parametrize(
    ("reward", "breakdown", "passed"), [(1.0, {"DB": 1.0, "COMMUNICATE": 1.0}, True), (0.0, {"DB": 0.0}, False), (0.9999999, None, True)]
)
def test_rewards_are_verdicts(reward, breakdown, passed):
    info = {"reward": reward, "reward_breakdown": breakdown, "db_check": {"db_match": passed, "db_reward": reward}}
    (item,), _ = of("tau2", {**rows("tau2")[1], "reward_info": info})
    (verdict,) = item.trace.verdicts.values()
    assert verdict.passed is passed
    assert {part.name: part.score for part in verdict.parts} == (breakdown or {})
    assert written(item, "tau2")[0]["reward_info"] == info


def test_a_task_is_its_history_and_the_rest_is_lineage():
    found, account = fixture("tau2_tasks")
    assert not account.dropped
    assert [len(item.trace.nodes) for item in found] == [4, 0, 0, 0]
    assert [node.message.role for node in found[0].trace.nodes] == ["user", "assistant", "tool", "assistant"]
    assert [item.trace.world for item in found] == ["", "", "tau2:telecom", "tau2:airline"]
    for item, row in zip(found, rows("tau2_tasks"), strict=True):
        assert written(item, "tau2_tasks")[0] == row


def test_tasks_are_kept_apart_in_a_run(tmp_path):
    convert(str(FIXTURES / "tau2_tasks.jsonl"), str(tmp_path / "run"), to="artificer")
    done = convert(str(tmp_path / "run"), str(tmp_path / "tasks.json"), to="tau2_tasks")
    assert not done.written.dropped
    again = json.loads((tmp_path / "tasks.json").read_bytes())
    assert sorted(map(json.dumps, again)) == sorted(map(json.dumps, rows("tau2_tasks")))


def test_a_simulation_gives_its_task_and_a_conversation_gives_none():
    (full, bare), _ = fixture("tau2")
    row, account = written(full, "tau2_tasks")
    assert row == rows("tau2")[0]["tasks"][0]
    assert account.dropped == {DONE: 11}
    account = Account()
    assert list(render([bare, conversation()], format_named("tau2_tasks"), account)) == []
    assert account.balanced
    assert list(account.dropped) == ["tau2_tasks cannot hold it: no task is known for it"]
