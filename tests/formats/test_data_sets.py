"""Formats of published data sets: what their rows say, read from real files or rows written to their public form."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.examples import FIXTURES, TOOLS, conversation
from tests.formats.strategies import arguments, items, names, results, tools, verdicts, words

from artificer.api import convert
from artificer.core.canon import canonical
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import CheckResult, ErrorKind, StopReason, Verdict
from artificer.formats import format_named, guess, parquet, xlam
from artificer.formats.account import Account
from artificer.formats.base import HOLDS, Item, toolset_digest
from artificer.formats.convert import parse, read, write
from artificer.formats.holding import held
from artificer.formats.prompts import CALLED, LATER, turns
from artificer.formats.source import Row, blocks, split


def of(name: str, *rows: object) -> tuple[list[Item], Account]:
    account = Account()
    found = list(parse([Row(f"x:{at}", json.dumps(row).encode()) for at, row in enumerate(rows, 1)], format_named(name), account))
    assert account.balanced, account.lines()
    return found, account


def fixture(name: str) -> tuple[list[Item], Account]:
    account = Account()
    found = list(read(FIXTURES / f"{name}.jsonl", format_named(name), account))
    assert account.balanced, account.lines()
    return found, account


def back(item: Item, name: str) -> tuple[list[Item], Account]:
    out, written = io.BytesIO(), Account()
    write([item], out, format_named(name), written)
    assert written.balanced, written.lines()
    out.seek(0)
    read_again = Account()
    found = list(parse(split(blocks(out, 0), "x"), format_named(name), read_again))
    assert read_again.balanced, read_again.lines()
    return found, written


@pytest.mark.parametrize("name", ["chat", "anthropic", "responses", "sharegpt", "adp", "atif", "verifiers", "hermes", "qwen", "react", "dpo"])
def test_a_policy_stays(name):
    item = conversation()
    if name == "dpo":
        last = len(item.trace.nodes)
        nodes = (*item.trace.nodes, Node(last - 2, Message("assistant", "No."), sampled=True))
        judged = {last - 1: Verdict(1.0, True), last: Verdict(0.0, False)}
        item = Item(Trace("t", "t", "", item.trace.tools, nodes, judged), item.tools)
    (found,), written = back(item, name)
    assert found.trace.nodes[0].message.text == "Be brief."
    assert not written.dropped


# ToolBench


def test_a_search_tree_is_read_as_a_tree():
    (big, small), account = fixture("toolbench")
    assert not account.dropped
    trace = big.trace
    leaves = trace.leaves()
    assert [trace.stop[leaf] for leaf in leaves] == [StopReason.gave_up, StopReason.pruned, StopReason.pruned, StopReason.agent_done]
    assert [trace.verdicts[leaf].passed for leaf in leaves] == [False, False, False, True]
    won = [trace.nodes[index].message for index in trace.path(leaves[-1])]
    assert [said.role for said in won] == ["system", "user"] + ["assistant", "tool"] * 4
    assert [call.name for said in won for call in said.calls] == ["products_for_seo_api", "news_for_seo_api", "search_b_for_seo_api", "Finish"]
    assert won[2].calls[0].arguments == {"query": "latest iPhone 14"}
    assert won[6].reasoning.startswith("Based on the current state")
    assert won[5].result.error.value == "bad_output"  # its status code says "Message error"
    assert {tool.name for tool in big.tools} >= {"video_for_seo_api", "Finish"}
    assert trace.lineage["extra"]["win"] is True
    assert small.trace.nodes[0].message.role == "user"  # without train_messages the query alone is known


def test_thoughts_that_nothing_followed_stand_alone():
    def thought(text, *children):
        return {"node_type": "Thought", "description": text, "children": list(children)}

    def action(name, *children):
        return {"node_type": "Action", "description": name, "children": list(children)}

    def given(arguments, code, *children):
        return {"node_type": "Action Input", "description": arguments, "observation": "seen", "observation_code": code, "children": list(children)}

    tree = {
        "children": [thought("a", action("f", given("{}", 0, thought("b"), action("g")))), thought("c", thought("d", action("h", given("{}", 4))))]
    }
    found, account = of("toolbench", {"win": False, "tree": {"tree": tree}, "answer_generation": {"query": "q", "function": []}})
    (item,) = found
    said = [
        (node.parent, node.message.role, node.message.reasoning, node.message.text, [call.name for call in node.message.calls])
        for node in item.trace.nodes
        if node.message.role != "tool"
    ]
    assert said == [
        (None, "user", None, "q", []),
        (0, "assistant", "a", "", ["f"]),
        (2, "assistant", "b", "", []),
        (2, "assistant", None, "Action: g", []),
        (0, "assistant", "c", "", []),
        (5, "assistant", "d", "", ["h"]),
    ]
    bad = {"children": [action("f", thought("x"))]}
    (), account = of("toolbench", {"win": False, "tree": {"tree": bad}, "answer_generation": {"query": "q", "function": []}})
    assert list(account.dropped) == ["not of the format toolbench: an action is followed by its input"]


def test_single_chains_and_converted_answers():
    account = Account()
    chain, converted = read(FIXTURES / "toolbench-more.jsonl", format_named("toolbench"), account)
    assert account.balanced
    assert not account.dropped
    assert [one.message.role for one in chain.trace.nodes] == ["user", "assistant", "tool", "assistant", "tool"]
    assert chain.trace.stop == {4: StopReason.pruned}
    assert not chain.trace.passed
    said = [one.message for one in converted.trace.nodes]
    assert converted.trace.id == "588"
    assert [call.name for one in said for call in one.calls] == ["transfermarkt_search_for_theclique", "Finish"]
    assert said[3].reasoning.startswith("I apologize")  # a thought and the call behind it are one message
    assert converted.trace.passed
    assert converted.trace.lineage["extra"]["method"] == "DFS_woFilter_w2"


def test_attempts_are_branches_and_messages_alone_are_read():
    def given(code, **more):
        return {"node_type": "Action Input", "description": "{}", "observation": "seen", "observation_code": code} | more

    tries = [{"chain": [{"node_type": "Thought", "description": "a"}, {"node_type": "Action", "description": "f"}, given(0)]}, {"chain": []}]
    tries.append({"chain": [{"node_type": "Action", "description": "Finish"}, given(3)]})
    (item,), _ = of("toolbench", {"win": True, "trys": tries, "answer_generation": {"query": "q", "function": []}})
    assert [(one.parent, one.message.role) for one in item.trace.nodes] == [
        (None, "user"),
        (0, "assistant"),
        (1, "tool"),
        (0, "assistant"),
        (3, "tool"),
    ]
    assert [verdict.passed for verdict in item.trace.verdicts.values()] == [False, True]
    steps = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "I look", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "seen"},
        {"role": "assistant", "content": "Enough"},
        {"role": "assistant", "content": None, "function_call": {"name": "Finish", "arguments": "{}"}},
    ]
    (item,), _ = of("toolbench", {"trys": [], "answer_generation": {"query": "q", "function": [], "train_messages": [steps[:3], steps]}})
    assert [one.message.reasoning for one in item.trace.nodes] == [None, None, "I look", None, "Enough"]
    assert item.trace.nodes[3].message.result.call_id == item.trace.nodes[2].message.calls[0].id


def test_a_tree_is_written_as_the_search_dumps_it():
    item = conversation()
    nodes = (*item.trace.nodes, Node(4, Message("assistant", "", "Hm.", (ToolCall("c9", "cancel", {"id": 8}),)), sampled=True))
    nodes += (Node(8, Message("tool", result=ToolResult("c9", error=ErrorKind.timeout))),)
    stop = {7: StopReason.agent_done, 9: StopReason.pruned}
    item = Item(Trace("t", "t", "", item.trace.tools, nodes, {7: Verdict(1.0, True), 9: Verdict(0.0, False)}, stop), TOOLS)
    out = io.BytesIO()
    write([item], out, format_named("toolbench"), Account())
    row = json.loads(out.getvalue())

    def shown(one):
        return [one["node_type"], one["description"], one.get("observation_code"), *map(shown, one["children"])]

    assert shown(row["tree"]["tree"])[3] == [
        "Thought",
        "First the order.\nI look.",
        None,
        ["Action", "find_order", None, ["Action Input", '{"id":7}', 0, ["Action", "find_order", None, [
            "Action Input", '{"id":8}', 6,
            ["Action", "cancel", None, ["Action Input", '{"id":7,"why":"wish"}', 0, [
                "Thought", "That was all.", None,
                ["Action", "Finish", None, ["Action Input", '{"return_type":"give_answer","final_answer":"Cancelled."}', 3]],
            ]]],
            ["Thought", "Hm.", None, ["Action", "cancel", None, ["Action Input", '{"id":8}', 5]]],
        ]]]],
    ]  # fmt: skip
    assert (row["tree"]["size"], row["tree"]["max_length"]) == (14, 11)
    steps = row["answer_generation"]["train_messages"]
    assert [len(step) for step in steps] == [4, 6, 8, 11]
    called = ["assistant", "function"]
    assert [one["role"] for one in steps[-1]] == ["system", "user", "assistant", *called * 3, "assistant", "assistant"]
    assert steps[-1][-1]["function_call"]["name"] == "Finish"
    assert row["answer_generation"]["final_answer"] == '{"return_type":"give_answer","final_answer":"Cancelled."}'
    assert row["answer_generation"]["query"] == "Cancel 7, Grüße 🙂"
    assert [tool["name"] for tool in row["answer_generation"]["function"]] == ["find_order", "cancel", "Finish"]
    assert [one["description"] for one in row["compare_candidates"][0]][-2:] == ["Finish", row["answer_generation"]["final_answer"]]
    (found,), _ = back(item, "toolbench")
    assert canonical(found) == canonical(item)
    row.pop("artificer")  # another reader sees a tree with what it can say
    (plain,), _ = of("toolbench", row)
    assert [plain.trace.verdicts[leaf].passed for leaf in plain.trace.leaves()] == [True, False]
    assert [call.name for one in plain.trace.nodes for call in one.message.calls] == ["find_order", "find_order", "cancel", "Finish", "cancel"]


def test_a_tree_too_deep_for_readers_is_dropped_by_name():
    said = [Message("user", "q")] + [Message("assistant", "", str(at)) for at in range(401)]
    nodes = tuple(Node(at - 1 if at else None, one, sampled=at > 0) for at, one in enumerate(said))
    found, written = back(Item(Trace("t", "t", "", toolset_digest(()), nodes)), "toolbench")
    assert found == []
    assert any("behind each other" in reason for reason in written.dropped)


# ToolAlpaca, Glaive, xLAM


def test_worked_instances():
    found, account = fixture("toolalpaca")
    assert not account.dropped
    assert [len(item.trace.nodes) for item in found] == [2, 2, 2, 2, 4, 4, 2]
    golden, worked = found[1], found[4]
    assert golden.trace.nodes[1].message.calls[0].arguments == {"color": "wild", "gender": "", "size": "medium", "page": 1}
    said = [node.message for node in worked.trace.nodes]
    assert said[0].text == "How high is the tide in Brest at 6?"  # the hint was for the annotator
    assert (said[1].reasoning, said[1].calls[0].name, said[1].calls[0].arguments) == ("I look the tide up.", "getTide", {"port": "Brest", "hour": 6})
    assert (said[3].text, said[3].reasoning) == ("It stands at 4.2 metres.", " I have what I need.")
    tide = worked.tools[0].parameters
    assert {name: part["type"] for name, part in tide["properties"].items()} == {"port": "string", "hour": "integer"}
    assert tide["required"] == ["port"]


def test_one_text_with_speakers():
    (first, second), account = fixture("glaive")
    said = [node.message for node in first.trace.nodes]
    assert [one.role for one in said] == ["system", "user", "assistant", "tool", "assistant", "user", "assistant", "tool", "assistant"]
    assert said[2].calls[0].arguments == {"port": "O'Brien's pier"}
    assert said[3].result.content == {"height": 4.2}
    assert (said[6].text, said[6].calls[0].name) == ("I list the ports too.", "ports")
    assert [tool.name for tool in first.tools] == ["find_tide", "ports"]
    assert first.tools[0].parameters["required"] == ["port"]
    assert second.trace.nodes[-1].message.text.startswith("<functioncall>")
    assert account.lost["calls that cannot be read: kept as text"] == 1


def test_a_query_and_its_calls():
    (found, empty), _ = fixture("xlam")
    assert found.trace.id == "7"
    assert [call.arguments for call in found.trace.nodes[1].message.calls] == [{"port": "Brest"}, {"port": "Cork"}]
    schema = found.tools[0].parameters
    assert schema["properties"]["hours"] == {"type": "array", "items": {"type": "integer"}, "description": "Which"}
    assert schema["properties"]["kind"] == {"description": "k (Callable[[float], float])", "default": "x"}
    assert schema["required"] == ["port"]
    assert empty.trace.nodes[1].message.calls == ()


@given(words, st.lists(st.builds(ToolCall, st.just("x"), names, arguments), max_size=3))
@settings(deadline=None)
def test_a_query_and_its_calls_come_back(asked, calls):
    made = tuple(ToolCall(f"c1.{at}", call.name, call.arguments) for at, call in enumerate(calls))
    nodes = (Node(None, Message("user", asked)), Node(0, Message("assistant", "", calls=made), sampled=True))
    item = Item(Trace("t", "t", "", toolset_digest(TOOLS), nodes), TOOLS)
    (found,), _ = back(item, "xlam")
    assert canonical(found) == canonical(item)


@st.composite
def worked(draw):
    """A question, steps of one call each, an answer: all that a worked instance holds."""
    said = [Message("user", draw(words))]
    for _ in range(draw(st.integers(0, 3))):
        thought = draw(st.none() | st.sampled_from(["First.", "a\nb", "Grüße 🙂"]))
        said.append(Message("assistant", "", thought, (ToolCall(f"c{len(said)}.0", draw(names), draw(arguments)),)))
        result = draw(results)
        said.append(Message("tool", result=ToolResult(said[-1].calls[0].id, result.content, result.error, result.detail)))
    if len(said) == 1 or draw(st.booleans()):
        answer = draw(words)
        said.append(Message("assistant", answer, draw(st.none() | words) if answer else None))
    offered = tuple(ToolSpec(tool.name, tool.description, tool.parameters) for tool in draw(tools))
    nodes = tuple(Node(at - 1 if at else None, one, sampled=one.role == "assistant") for at, one in enumerate(said))
    return Item(Trace("t", "t", "", toolset_digest(offered), nodes), offered)


@given(worked())
@settings(deadline=None, max_examples=200)
def test_worked_instances_come_back(item):
    (found,), written = back(item, "toolalpaca")
    assert canonical(found) == canonical(item)
    assert not written.dropped
    assert set(written.lost) <= {HOLDS["call_ids"]}


@given(words, st.lists(st.builds(ToolCall, st.just("x"), names, arguments), min_size=1, max_size=3))
@settings(deadline=None)
def test_golden_answers_come_back(asked, calls):
    made = tuple(ToolCall(f"c1.{at}", call.name, call.arguments) for at, call in enumerate(calls))
    nodes = (Node(None, Message("user", asked)), Node(0, Message("assistant", "", calls=made), sampled=True))
    item = Item(Trace("t", "t", "", toolset_digest(TOOLS), nodes), TOOLS)
    (found,), _ = back(item, "toolalpaca")
    assert canonical(found) == canonical(item)


def test_more_than_a_worked_instance_is_dropped_by_name():
    said = [
        Message("user", "q"),
        Message("assistant", "Well:", "a\nAction: b", (ToolCall("c", "f", {}),)),
        Message("tool", result=ToolResult("c", 1)),
    ]
    item = conversation("t", (*said, Message("assistant", "So.")))
    (found,), written = back(item, "toolalpaca")
    assert found.trace.nodes[1].message.reasoning == "a"
    assert written.dropped == {HOLDS["beside"]: 1}
    assert written.lost[HOLDS["words"]] == 1
    assert back(conversation("t", (*said, Message("user", "And?"))), "toolalpaca")[0] == []
    (), written = back(conversation("t", said[:2]), "toolalpaca")
    assert list(written.dropped) == ["toolalpaca cannot hold it: steps that are not one call and its result"]


def test_many_functions_with_one_schema_do_not_multiply():
    """A schema of a megabyte that a thousand functions point to is not written a thousand times."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "description": "x" * 1_000_000}}}
    path = {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}
    record = {
        "Name": "n",
        "Function_Description": {f"f{at}": "d" for at in range(1000)},
        "Function_Projection": {f"f{at}": ["/f", "post"] for at in range(1000)},
        "Documentation": json.dumps({"paths": {"/f": path}}),
        "Instances": [{"input": "q", "output": "a", "intermediate_steps": []}],
    }
    (item,), _ = of("toolalpaca", record)
    assert [len(tool.parameters["properties"]) for tool in item.tools[:3]] == [1, 0, 0]


def test_more_than_a_query_is_dropped_by_name():
    found, written = back(conversation(), "xlam")
    assert found == []
    assert any("more than one question" in reason for reason in written.dropped)


@pytest.mark.parametrize(
    ("parameters", "by_name"),
    [
        (TOOLS[0].parameters, {"id": {"description": "Its number.", "type": "int"}}),
        (TOOLS[1].parameters, {"id": {"description": "", "type": "int, optional"}, "why": {"description": "", "type": "str, optional"}}),
        (
            {"type": "object", "properties": {"n": {"type": "array", "items": {"type": "number"}, "default": [1.5]}}},
            {"n": {"description": "", "type": "List[float]", "default": [1.5]}},
        ),
        ({"type": "object", "properties": {"n": {"type": "string", "enum": ["a"]}}}, None),
        ({"type": "object", "properties": {"n": {"anyOf": []}}, "additionalProperties": False}, None),
    ],
)
def test_parameters_are_written_by_name_where_that_says_all(parameters, by_name):
    spec = ToolSpec("f", "d", parameters)
    record = xlam.record_of(spec)
    assert record["parameters"] == (parameters if by_name is None else by_name)
    assert xlam.tool(record) == spec


def test_apigen_mt_is_a_conversation():
    assert format_named("apigen-mt").name == "sharegpt"
    (item,) = read(FIXTURES / "sharegpt-apigen-mt.jsonl", format_named("apigen-mt"), Account())
    assert [one.message.role for one in item.trace.nodes] == ["system", "user", "assistant", "user", "assistant", "tool", "assistant"]
    assert item.trace.nodes[5].message.result.call_id == item.trace.nodes[4].message.calls[0].id
    assert [tool.name for tool in item.tools] == ["get_user"]


def test_toolace_has_names_with_spaces_and_tools_in_its_prompt():
    (item,), account = fixture("toolace")
    call = item.trace.nodes[2].message.calls[0]
    assert (call.name, call.arguments) == ("Market Trends API", {"trend_type": "MARKET_INDEXES", "country": "us"})
    assert item.trace.nodes[3].message.result.call_id == call.id
    (tool,) = item.tools
    assert (tool.name, tool.parameters["type"]) == ("Market Trends API", "object")
    assert account.lost == {"a text as it was written: mended (spaces in a name)": 1}
    (again,), _ = back(item, "toolace")  # a name that Python could not have is written as a record
    assert canonical(again) == canonical(held(item, format_named("toolace")))
    said = {"from": "assistant", "value": "[see the notes (here)] and [a b(c)]"}
    (item,), account = of("toolace", {"conversations": [{"from": "user", "value": "?"}, said]})
    assert item.trace.nodes[1].message.text == said["value"]  # no call: words in brackets


# pairs


@given(items(tree=True, rich=False), st.data())
@settings(max_examples=100, deadline=None)
def test_pairs_come_back(item, data):
    trace = item.trace
    judged = {leaf: data.draw(verdicts) for leaf in trace.leaves()}
    item = Item(Trace(trace.id, trace.id, "", trace.tools, trace.nodes, judged), item.tools)
    found, written = back(item, "dpo")
    good = [leaf for leaf, verdict in judged.items() if verdict.passed]
    bad = [leaf for leaf in judged if leaf not in good]
    whole = {index for leaf in judged for index in trace.path(leaf)}
    if not good or not bad or any(trace.path(a)[0] != trace.path(b)[0] for a in good for b in bad if len({trace.path(a)[0], trace.path(b)[0]}) > 1):
        return
    assert len(found) == len(good) * len(bad)
    pairs = [(better, worse) for better in good for worse in bad]
    for (better, worse), pair in zip(pairs, found, strict=True):
        leaves = pair.trace.leaves()
        assert [pair.trace.verdicts[leaf].passed for leaf in leaves] == [True, False]
        for leaf, mine in zip((better, worse), leaves, strict=True):
            one = [held(item, format_named("dpo")).trace.nodes[index].message for index in trace.path(leaf)]
            other = [pair.trace.nodes[index].message for index in pair.trace.path(mine)]
            assert [said.role for said in one] == [said.role for said in other]
            assert [said.calls for said in one] == [said.calls for said in other]
    assert whole
    assert not written.dropped


CHOSEN, REJECTED = {"role": "assistant", "content": "yes"}, {"role": "assistant", "content": "no"}
ASKED = {"role": "user", "content": "?"}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": [ASKED], "chosen": [CHOSEN], "rejected": [REJECTED]},
        {"prompt": "?", "chosen": "yes", "rejected": "no"},
        {"chosen": [ASKED, CHOSEN], "rejected": [ASKED, REJECTED]},
        {"conversations": [{"from": "human", "value": "?"}], "chosen": {"from": "gpt", "value": "yes"}, "rejected": {"from": "gpt", "value": "no"}},
        {"instruction": "?", "input": "", "output": ["yes", "no"]},
        {"input": {"messages": [ASKED], "tools": []}, "preferred_output": [CHOSEN], "non_preferred_output": [REJECTED]},
    ],
)
def test_pairs_in_the_forms_that_are_in_use(row):
    (item,), account = of("dpo", row)
    trace = item.trace
    assert not account.dropped
    assert [(node.parent, node.message.text, node.sampled) for node in trace.nodes] == [(None, "?", False), (0, "yes", True), (0, "no", True)]
    assert trace.verdicts == {
        1: Verdict(1.0, True, (CheckResult("preference", 1.0, True),)),
        2: Verdict(0.0, False, (CheckResult("preference", 0.0, False, ("the source prefers another answer",)),)),
    }


def test_steps_of_toolpreference_are_calls():
    account = Account()
    (item,) = read(FIXTURES / "dpo-toolpreference.jsonl", format_named("toolpreference"), account)
    assert account.balanced
    assert not account.dropped
    asked, better, worse = [one.message for one in item.trace.nodes]
    assert asked.text.startswith("You are AutoGPT")
    assert (better.reasoning, better.calls[0].name, better.calls[0].arguments) == ("I look.", "f", {"a": 1})
    assert worse.calls[0].arguments == {"return_type": "give_up_and_restart"}
    assert [item.trace.verdicts[leaf].passed for leaf in (1, 2)] == [True, False]
    assert (item.trace.id, item.trace.lineage["extra"]) == ("G1_1", {"category": "G1"})


# prompts for reinforcement learning


def test_prompts_for_reinforcement_learning(tmp_path):
    chat = tmp_path / "chat.jsonl"
    with chat.open("wb") as out:
        write([conversation("a"), conversation("b")], out, format_named("chat"), Account())
    done = convert(chat, tmp_path / "prompts.jsonl", to="grpo")
    assert done.written.balanced
    rows = [json.loads(line) for line in (tmp_path / "prompts.jsonl").read_text().splitlines()]
    assert [message["role"] for message in rows[0]["prompt"]] == ["system", "user"]
    assert rows[0]["answer"] == "Cancelled."
    assert [call["name"] for call in json.loads(rows[0]["calls"])] == ["find_order", "find_order", "cancel"]
    assert done.written.dropped[LATER] == 2 * 10
    convert(chat, tmp_path / "prompts.parquet", to="verl")
    found = list(parquet.read(tmp_path / "prompts.parquet"))
    assert [row["data_source"] for row in found] == ["artificer", "artificer"]
    assert found[0]["reward_model"] == {"style": "rule", "ground_truth": "Cancelled."}
    assert json.loads(found[1]["extra_info"]["calls"])[2]["arguments"] == {"id": 7, "why": "wish"}
    with pytest.raises(ArtificerError, match="already"):
        convert(chat, tmp_path / "prompts.parquet", to="verl")
    (tmp_path / "none.jsonl").write_text('{"messages": [{"role": "assistant", "content": "hi"}]}\n')
    with pytest.raises(ArtificerError, match="nothing to write"):
        convert(tmp_path / "none.jsonl", tmp_path / "none.parquet", to="verl")
    assert not (tmp_path / "none.parquet").exists()


def test_each_question_is_a_prompt_with_what_the_model_did_about_it(tmp_path):
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    messages = [
        {"role": "user", "content": "Capital of France?"},
        {"role": "assistant", "content": "Paris."},
        {"role": "user", "content": "And its weather?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "mild"},
        {"role": "assistant", "content": "Mild."},
        {"role": "user", "content": "Thanks."},
    ]
    (tmp_path / "chat.jsonl").write_text(json.dumps({"id": "t", "messages": messages}) + "\n")
    done = convert(tmp_path / "chat.jsonl", tmp_path / "grpo.jsonl", to="grpo")
    rows = [json.loads(line) for line in (tmp_path / "grpo.jsonl").read_text().splitlines()]
    assert [(row["id"], len(row["prompt"]), row["answer"], json.loads(row["calls"])) for row in rows] == [
        ("t", 1, "Paris.", []),
        ("t/2", 3, "Mild.", [{"name": "f", "arguments": {"x": 1}}]),
    ]
    assert done.written.balanced
    assert (done.written.shared, done.written.dropped) == (1, {LATER: 4})
    assert rows[1]["prompt"][1] == {"role": "assistant", "content": "Paris."}
    messages += [{"role": "assistant", "content": "Welcome."}]
    (tmp_path / "chat.jsonl").write_text(json.dumps({"id": "t", "messages": messages}) + "\n")
    done = convert(tmp_path / "chat.jsonl", tmp_path / "three.jsonl", to="grpo")
    last = json.loads((tmp_path / "three.jsonl").read_text().splitlines()[-1])["prompt"]
    assert (last[3]["content"], last[3]["tool_calls"][0]["function"]["arguments"]) == ("", {"x": 1})
    done = convert(tmp_path / "chat.jsonl", tmp_path / "verl.parquet", to="verl")
    assert [row["reward_model"]["ground_truth"] for row in parquet.read(tmp_path / "verl.parquet")] == ["Paris.", "Mild."]
    assert done.written.lost[CALLED] == 1
    assert done.written.balanced


@given(items(rich=False))
@settings(max_examples=200, deadline=None)
def test_no_prompt_holds_what_it_asks_for(item):
    account = Account()
    try:
        found = turns(item.trace.nodes, account)
    except ValueError:
        return
    for turn, following in zip(found, [*found[1:], None], strict=True):
        assert turn.asked == len(item.trace.nodes) or item.trace.nodes[turn.asked].sampled
        assert not any(one.message.role == "user" for one in item.trace.nodes[turn.asked : turn.done])
        assert following is None or turn.done < following.asked
        assert any(one.message.role == "user" for one in item.trace.nodes[: turn.asked])


@pytest.mark.parametrize("name", ["grpo", "verl"])
def test_prompts_come_back_with_their_references(name):
    form = format_named(name)

    @given(items(rich=False, holds=form.holds))
    @settings(max_examples=100, deadline=None)
    def come(item: Item) -> None:
        nodes = tuple(msgspec.structs.replace(one, sampled=False) for one in item.trace.nodes)
        item = Item(msgspec.structs.replace(item.trace, nodes=nodes, world="w", task_id="k"), item.tools)
        found, written = back(item, name)
        if all(one.message.role != "user" for one in nodes):
            assert found == []
            assert written.rows_dropped == 1
            return
        assert not written.dropped
        (one,) = found
        assert (one.trace.world, one.trace.task_id) == ("w", "k")
        one = Item(msgspec.structs.replace(one.trace, world="", task_id=one.trace.id), one.tools)
        wanted = held(item, form)
        wanted = Item(msgspec.structs.replace(wanted.trace, nodes=tuple(_unsampled(wanted))), wanted.tools)
        assert canonical(one) == canonical(wanted)

    come()


def _unsampled(item):
    return [msgspec.structs.replace(one, sampled=False) for one in item.trace.nodes]


def test_a_reference_is_no_word_of_the_model(tmp_path):
    asked = {"role": "user", "content": "What is 2+2?"}
    ours, theirs = tmp_path / "ours.jsonl", tmp_path / "gsm.jsonl"
    with ours.open("wb") as out:
        write([conversation("a")], out, format_named("chat"), Account())
    for name in ("grpo", "verl"):
        path = tmp_path / f"a.{name}"
        convert(ours, path, to=name)
        (item,) = read(path, format_named(name), Account())
        assert [one.message.role for one in item.trace.nodes] == ["system", "user"]
        assert item.trace.lineage["extra"]["reference"]["answer"] == "Cancelled."
        again = tmp_path / f"b.{name}"
        convert(path, again, to=name)  # the format is guessed
        if name == "grpo":
            assert again.read_bytes() == path.read_bytes()
        else:
            assert list(parquet.read(again)) == list(parquet.read(path))
    row = {  # as verl's examples prepare GSM8K
        "data_source": "openai/gsm8k",
        "prompt": [asked],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": "4"},
        "extra_info": {"split": "train", "index": 0, "answer": "2+2=4", "question": "What is 2+2?"},
    }
    theirs.write_text(json.dumps(row) + "\n")
    assert guess(theirs)[0].name == "verl"
    (item,) = read(theirs, format_named("verl"), Account())
    assert [one.message.text for one in item.trace.nodes] == ["What is 2+2?"]
    out = io.BytesIO()
    write([item], out, format_named("verl"), Account())
    assert json.loads(out.getvalue()) == row
    (item,), _ = of("grpo", {"prompt": "What is 2+2?", "solution": "4"})  # a text, and a column of one's own
    assert item.trace.lineage == {"extra": {"solution": "4"}}
