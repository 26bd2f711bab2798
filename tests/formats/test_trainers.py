"""Rows as trainers and NVIDIA's sets have them: each is guessed, read whole, and written as the trainer takes it."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from tests.formats.examples import FIXTURES, TOOLS, conversation

from artificer.core.messages import Image, Message, Text, ToolCall, ToolResult
from artificer.core.trace import Node, Trace
from artificer.formats import format_named, guess
from artificer.formats.account import Account
from artificer.formats.base import Item, toolset_digest
from artificer.formats.convert import parse, render
from artificer.formats.llamafactory import JOIN, PASSED_OVER
from artificer.formats.source import Row
from artificer.formats.trl import WEIGHT

FIND = {"type": "function", "function": {"name": "find", "description": "Finds.", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "1", "type": "function", "function": {"name": "find", "arguments": '{"id": 7}'}}
ASK = {"role": "user", "content": "Is 7 open?"}
SAY = {"role": "assistant", "content": "Yes."}
HUMAN, GPT = {"from": "human", "value": "Is 7 open?"}, {"from": "gpt", "value": "Yes."}

ROWS = {
    "Nemotron, tools in metadata": (
        "nemotron",
        {"uuid": "u1", "category": "tool_calling", "messages": [ASK, {**SAY, "tool_calls": [CALL]}], "metadata": json.dumps({"tools": [FIND]})},
    ),
    "Nemotron Agentic": (
        "chat",
        {"uuid": "u1", "reasoning": "on", "tools": [FIND], "messages": [ASK, {"role": "assistant", "content": "", "reasoning_content": "Hm."}]},
    ),
    "Llama-Nemotron": (
        "nemotron",
        {"input": [ASK], "output": "<think>\nHm.\n</think>\n\nYes.", "category": "chat", "reasoning": "on", "system_prompt": "detailed thinking on"},
    ),
    "When2Call": (
        "nemotron",
        {"tools": [json.dumps(FIND["function"])], "messages": [ASK, {"role": "assistant", "content": "<TOOLCALL>[]</TOOLCALL>"}]},
    ),
    "When2Call pairs": ("nemotron", {"tools": [json.dumps(FIND["function"])], "messages": [ASK], "chosen_response": SAY, "rejected_response": SAY}),
    "NeMo Gym": ("nemotron", {"responses_create_params": {"input": [ASK], "tools": [FIND]}, "ground_truth": "x"}),
    "LLaMA-Factory, Alpaca": ("llamafactory", {"instruction": "Is it open?", "input": "7", "output": "Yes.", "history": [["Hi", "Hello"]]}),
    "LLaMA-Factory, images": ("llamafactory", {"messages": [{"role": "user", "content": "<image>What?"}, SAY], "images": ["a.jpg"]}),
    "LLaMA-Factory, KTO": ("llamafactory", {"conversations": [HUMAN, GPT], "kto_tag": True}),
    "LLaMA-Factory, tools": ("sharegpt", {"conversations": [HUMAN, GPT], "system": "Be brief.", "tools": json.dumps([FIND["function"]])}),
    "LLaMA-Factory, pairs": ("dpo", {"conversations": [HUMAN], "chosen": GPT, "rejected": GPT}),
    "LLaMA-Factory, Alpaca pairs": ("dpo", {"instruction": "Is it open?", "input": "7", "chosen": "Yes.", "rejected": "No."}),
    "axolotl, tools": ("chat", {"messages": [ASK, SAY], "tools": [FIND]}),
    "axolotl, training": ("axolotl", {"messages": [{**ASK, "train": False}, {**SAY, "train": True}], "tools": [FIND]}),
    "axolotl, turns": ("axolotl", {"conversations": [HUMAN, {**GPT, "train_detail": [{"begin_offset": 0, "end_offset": 1, "train": False}]}]}),
    "axolotl, weights": ("sharegpt", {"conversations": [HUMAN, {**GPT, "weight": 0}]}),
    "TRL, prompt and completion": ("chat", {"prompt": [ASK], "completion": [SAY], "chat_template_kwargs": {"enable_thinking": False}}),
    "TRL, text": ("chat", {"prompt": "Is 7 open?", "completion": "Yes."}),
    "TRL, pairs": ("dpo", {"prompt": [ASK], "chosen": [SAY], "rejected": [SAY]}),
}


def of(name: str, *rows: object) -> tuple[list[Item], Account]:
    account = Account()
    found = list(parse([Row(f"x:{at}", json.dumps(row).encode()) for at, row in enumerate(rows, 1)], format_named(name), account))
    assert account.balanced, account.lines()
    return found, account


def written(item: Item, name: str) -> tuple[dict, Account]:
    account = Account()
    (raw,) = render([item], format_named(name), account)
    assert account.balanced, account.lines()
    return json.loads(raw), account


@pytest.mark.parametrize("case", ROWS)
def test_rows_are_guessed_and_read_whole(tmp_path, case):
    name, row = ROWS[case]
    path = tmp_path / "data.jsonl"
    path.write_text((json.dumps(row) + "\n") * 3)
    assert guess(path)[0].name == name
    found, account = of(name, row)
    assert len(found) == 1
    assert not account.dropped
    assert account.events_in > (case != "NeMo Gym")  # a prompt of one message


@pytest.mark.parametrize("name", ["toolbench", "toolalpaca", "glaive", "xlam", "dpo", "agentdojo", "inspect"])
def test_fixtures_are_guessed_as_before(name):
    assert guess(FIXTURES / f"{name}.jsonl")[0].name == name


# NVIDIA


def test_tools_and_thoughts_of_nemotron():
    (item,), account = of("nemotron", ROWS["Nemotron, tools in metadata"][1])
    assert (item.trace.id, [tool.name for tool in item.tools]) == ("u1", ["find"])
    assert item.trace.nodes[1].message.calls == (ToolCall("1", "find", {"id": 7}),)
    assert item.trace.lineage == {"extra": {"category": "tool_calling"}}
    row, _ = written(item, "nemotron")
    assert json.loads(row["metadata"]) == {"tools": [FIND]}
    assert (row["uuid"], row["category"]) == ("u1", "tool_calling")
    (item,), account = of("nemotron", ROWS["Llama-Nemotron"][1])
    said = [node.message for node in item.trace.nodes]
    assert [(one.role, one.text, one.reasoning) for one in said] == [
        ("system", "detailed thinking on", None),
        ("user", "Is 7 open?", None),
        ("assistant", "Yes.", "Hm."),
    ]
    assert account.events_in == 4


def test_calls_in_the_text_of_when2call():
    calls = '<TOOLCALL>[{"name": "find", "arguments": {"id": 7}}, {"name": "find", "arguments": {"id": 8}}]</TOOLCALL>'
    tools = [json.dumps(FIND["function"])]
    said = [ASK, {"role": "assistant", "content": calls}, {"role": "tool", "content": "open"}, {"role": "tool", "content": "shut"}]
    (item,), account = of("nemotron", {"tools": tools, "messages": said})
    assert [call.arguments for call in item.trace.nodes[1].message.calls] == [{"id": 7}, {"id": 8}]
    assert [node.message.result.call_id for node in item.trace.nodes[2:]] == ["c1.0", "c1.1"]
    assert account.events_in == 5
    (torn,), account = of("nemotron", {"tools": tools, "messages": [ASK, {"role": "assistant", "content": "<TOOLCALL>[oops</TOOLCALL>"}]})
    assert torn.trace.nodes[1].message.text == "<TOOLCALL>[oops</TOOLCALL>"
    assert account.lost["calls that cannot be read: kept as text"] == 1
    (pair,), _ = of(
        "nemotron", {"tools": tools, "messages": [ASK], "chosen_response": {"role": "assistant", "content": calls}, "rejected_response": SAY}
    )
    assert [verdict.passed for verdict in pair.trace.verdicts.values()] == [True, False]
    assert [len(pair.trace.nodes[leaf].message.calls) for leaf in pair.trace.leaves()] == [2, 0]


def test_a_prompt_of_nemo_gym():
    (item,), _ = of("nemotron", ROWS["NeMo Gym"][1])
    assert [node.message.text for node in item.trace.nodes] == ["Is 7 open?"]
    assert item.trace.lineage["extra"]["ground_truth"] == "x"
    assert [tool.name for tool in item.tools] == ["find"]


# LLaMA-Factory


def test_turns_alternate_as_llama_factory_wants_them():
    row, account = written(conversation(), "llamafactory")
    turns = row["conversations"]
    assert [turn["from"] for turn in turns] == ["human", "function_call", "observation", "function_call", "observation", "gpt"]
    assert all((a["from"] in ("human", "observation")) != (b["from"] in ("human", "observation")) for a, b in pairwise(turns))
    assert (row["system"], row["images"]) == ("Be brief.", ["data:image/png;base64,AA"])
    assert turns[0]["value"] == "Cancel 7, Grüße 🙂<image>"
    assert turns[1]["value"].startswith("<think>\nFirst the order.\n</think>\n\n[{")
    assert turns[2]["value"] == '{"id":7,"state":"open"}' + JOIN + "error: not_found: no order 8"
    assert [tool["name"] for tool in json.loads(row["tools"])] == ["find_order", "cancel"]
    assert account.dropped == {"text beside calls": 1}
    assert PASSED_OVER not in account.lost


def _item(*said: Message) -> Item:
    nodes = tuple(Node(at - 1 if at else None, one, sampled=one.role == "assistant") for at, one in enumerate(said))
    return Item(Trace("t", "t", "", toolset_digest(TOOLS), nodes), TOOLS)


def test_a_row_that_llama_factory_passes_over_is_named():
    for said in ([Message("user", "a"), Message("user", "b"), Message("assistant", "c")], [Message("user", "a")]):
        _, account = written(_item(*said), "llamafactory")
        assert account.lost[PASSED_OVER] == 1


@pytest.mark.parametrize(
    "said",
    [
        [Message("user", (Text("what is <image>?"), Image("a.png", "image/png"))), Message("assistant", "b")],
        [Message("user", "a"), Message("assistant", calls=(ToolCall("1", "f", {}),)), Message("tool", result=ToolResult("1", f"a{JOIN}b"))],
    ],
)
def test_texts_that_hold_a_mark_are_dropped_by_name(said):
    account = Account()
    assert list(render([_item(*said)], format_named("llamafactory"), account)) == []
    assert account.balanced
    assert any("that hold" in reason for reason in account.dropped)


def test_rows_of_llama_factory_are_read():
    alpaca, images, kto = (ROWS[f"LLaMA-Factory, {name}"][1] for name in ("Alpaca", "images", "KTO"))
    (item,), account = of("llamafactory", alpaca)
    assert [node.message.text for node in item.trace.nodes] == ["Hi", "Hello", "Is it open?\n7", "Yes."]
    assert account.events_in == 4
    (item,), _ = of("llamafactory", images)
    assert item.trace.nodes[0].message.content == (Image("a.jpg", "image/jpeg"), Text("What?"))
    (item,), account = of("llamafactory", {**images, "images": ["a.jpg", "b.jpg"]})
    assert account.lost["images without a mark in a user's text"] == 1
    (good,), _ = of("llamafactory", kto)
    (bad,), _ = of("llamafactory", {**kto, "kto_tag": False})
    assert (good.trace.passed, bad.trace.passed) == (True, False)
    assert good.trace.lineage["extra"]["kto_tag"] is True
    (pair,), account = of("dpo", ROWS["LLaMA-Factory, Alpaca pairs"][1])
    assert pair.trace.nodes[0].message.text == "Is it open?\n7"
    assert account.events_in == 3


# axolotl


def test_what_axolotl_trains_on():
    row = {"messages": [ASK, {**SAY, "train": False}, {**ASK, "train": True}, {**SAY, "training": True}]}
    (item,), account = of("axolotl", row)
    assert [node.sampled for node in item.trace.nodes] == [False, False, False, True]
    made, _ = written(item, "axolotl")
    assert [message["train"] for message in made["messages"]] == [False, False, True, True]  # a user's turn that its source trains on stays one
    assert not any("weight" in message for message in made["messages"])
    parts = [{"type": "text", "text": "a", "train": False}, {"type": "text", "text": "b", "train": True}]
    (item,), account = of("axolotl", {"messages": [ASK, {"role": "assistant", "content": parts}]})
    assert item.trace.nodes[1].sampled
    assert account.lost["which parts of a text are trained on"] == 1
    (item,), _ = of("axolotl", {"messages": [ASK, {"role": "assistant", "content": parts[:1]}]})
    assert not item.trace.nodes[1].sampled


def test_axolotls_messages_and_tools_as_text():
    tool = {"type": "function", "function": {**FIND["function"], "parameters": json.dumps(FIND["function"]["parameters"])}}
    (item,), account = of("axolotl", {"messages": json.dumps([ASK, {**SAY, "train": True}]), "tools": json.dumps([tool])})
    assert [node.message.text for node in item.trace.nodes] == ["Is 7 open?", "Yes."]
    assert [tool.name for tool in item.tools] == ["find"]
    assert not account.lost


# TRL


def test_a_prompt_is_not_a_models_own():
    row = {"prompt": [ASK, SAY, ASK], "completion": [SAY], "chat_template_kwargs": {"a": 1}}
    (item,), account = of("chat", row)
    assert [node.sampled for node in item.trace.nodes] == [False, False, False, True]
    assert item.trace.lineage == {"extra": {"chat_template_kwargs": {"a": 1}}}
    assert account.events_in == 4
    (item,), _ = of("chat", {"messages": [ASK, SAY], "prompt": "kept"})
    assert item.trace.lineage == {"extra": {"prompt": "kept"}}


def test_results_without_ids_follow_the_order_of_calls():
    calls = [{"function": {"name": "f", "arguments": "{}"}}, {"function": {"name": "g", "arguments": "{}"}}]
    said = [ASK, {"role": "assistant", "content": None, "tool_calls": calls}, {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}]
    (item,), _ = of("chat", {"messages": said})
    assert [node.message.result.call_id for node in item.trace.nodes[2:]] == ["c1.0", "c1.1"]


def test_rows_of_llamafactory_v1_are_read():
    """`data/v1_sft_demo.jsonl` and `data/reason_tool_use_demo_50.jsonl` have this form."""
    call = {"type": "tool_call", "value": '{"name": "look", "arguments": {"at": "sky"}}'}
    row = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "value": "Dark?"}], "loss_weight": 0.0},
            {
                "role": "assistant",
                "content": [
                    {"type": "reasoning", "value": "I look."},
                    call,
                ],
                "loss_weight": 0.0,
            },
            {"role": "tool", "content": [{"type": "text", "value": "yes"}]},
            {"role": "assistant", "content": [{"type": "text", "value": "Yes"}, {"type": "text", "value": "."}], "loss_weight": 1.0},
        ]
    }
    (item,), account = of("llamafactory", row)
    asked, called, told, answer = item.trace.nodes
    assert account.events_in == account.events_out == 5
    assert (called.message.reasoning, called.message.calls[0].name, called.message.calls[0].arguments) == ("I look.", "look", {"at": "sky"})
    assert told.message.result.call_id == called.message.calls[0].id
    assert (called.sampled, answer.sampled, answer.message.text) == (False, True, "Yes.")
    assert asked.notes == {"extra": {"loss_weight": 0.0}}
    torn = {"messages": [{"role": "assistant", "content": [{"type": "tool_call", "value": "{"}]}]}
    assert of("llamafactory", torn)[0] == []


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ('[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]', ["f"]),
        ('{"type": "function", "function": {"name": "f"}}\n{"name": "g", "parameters": {}}', ["f", "g"]),
        ("f: does things", []),
        ("", []),
    ],
)
def test_tools_that_a_system_prompt_lists_between_tags_are_read_and_come_back(listed, names):
    prompt = f"Signatures stand within <tools></tools> tags:\n<tools>\n{listed}\n</tools>\nCall with <tool_call>."
    turns = [{"from": "system", "value": prompt}, HUMAN, {"from": "gpt", "value": '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'}]
    (item,), account = of("hermes", {"conversations": turns})
    assert [tool.name for tool in item.tools] == names
    assert ("tools in a system prompt that are not JSON: they stay there alone" in account.lost) == (listed == "f: does things")
    assert item.trace.nodes[0].message.text == prompt
    again, _ = written(Item(item.trace), "hermes")
    assert of("hermes", again)[0][0].tools == ()


def test_a_file_of_which_few_rows_have_calls_between_tags_is_read_with_them(tmp_path):
    called = {"conversations": [HUMAN, {"from": "gpt", "value": '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'}]}
    apart = {"conversations": [HUMAN, {"from": "function_call", "value": '{"name": "f", "arguments": {}}'}]}
    plain = {"conversations": [HUMAN, GPT]}
    for rows, name in (([*[plain] * 9, called], "hermes"), ([plain] * 9, "sharegpt"), ([plain, called, apart], "sharegpt")):
        (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
        assert guess(tmp_path / "x.jsonl")[0].name == name


def test_the_label_of_an_unpaired_preference_is_a_verdict(tmp_path):
    said = {"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}]}
    for good in (True, False):
        ((item,), account) = of("chat", said | {"label": good})
        assert [(leaf, verdict.passed) for leaf, verdict in item.trace.verdicts.items()] == [(1, good)]
        assert account.balanced
    ((item,), _) = of("chat", {"messages": [{"role": "user", "content": "q"}], "label": False})
    assert item.trace.verdicts == {}
    assert item.trace.lineage["extra"] == {"label": False}


def test_that_trl_learns_what_nobody_sampled_is_said():
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 0}]
    ((item,), _) = of("chat", {"messages": messages})
    account = Account()
    (row,) = render([item], format_named("trl"), account)
    assert json.loads(row)["messages"] == messages
    assert account.lost[WEIGHT] == 1


def test_a_speaker_that_is_null_is_none_for_axolotl():
    row = {"messages": [{"role": "user", "content": "q", "from": None}, {"role": "assistant", "content": "a", "train": False, "from": None}]}
    ((item,), account) = of("axolotl", row)
    assert [(one.message.role, one.sampled, one.notes) for one in item.trace.nodes] == [("user", False, {}), ("assistant", False, {})]
    assert account.balanced
