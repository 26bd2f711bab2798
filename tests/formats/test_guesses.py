"""Which format a file is taken for, and what becomes of rows that are of another one."""

from __future__ import annotations

import io
import json

import pytest
from tests.formats.examples import SAID, conversation

from artificer.api import convert
from artificer.formats import format_named, guess
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.formats.convert import parse, write
from artificer.formats.parts import ANTHROPICS, OPENAIS, PART_FIELDS
from artificer.formats.source import of_text

TOOL = {"name": "w", "description": "d", "parameters": {"type": "object", "properties": {"c": {"type": "string"}}}}
CALL = '<tool_call>\n{"name": "w", "arguments": {"c": "Oslo"}}\n</tool_call>'
CODE = "<function=w>\n<parameter=c>\nOslo\n</parameter>\n</function>"


def _said(*contents: object, keys: tuple[str, str] = ("role", "content")) -> list[dict[str, object]]:
    who = ("user", "assistant") if keys[0] == "role" else ("human", "gpt")
    return [{keys[0]: who[at % 2], keys[1]: content} for at, content in enumerate(contents)]


PLAIN = {"messages": _said("Hello", "Hi")}
TURNS = {"conversations": _said("Hello", "Hi", keys=("from", "value"))}
USES = {
    "messages": _said(
        "Weather?",
        [{"type": "text", "text": "Looking."}, {"type": "tool_use", "id": "t1", "name": "w", "input": {"c": "Oslo"}}],
        [{"type": "tool_result", "tool_use_id": "t1", "content": "cold"}],
        [{"type": "text", "text": "Cold."}],
    ),
    "system": "S",
    "tools": [{"name": "w", "description": "d", "input_schema": TOOL["parameters"]}],
}


def _file(tmp_path, plain, odd):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row | {"id": str(at)}) + "\n" for at, row in enumerate([plain] * 6 + [odd] + [plain] * 5)))
    return path


@pytest.mark.parametrize(
    ("plain", "odd", "name"),
    [
        (PLAIN, USES, "anthropic"),
        ({"messages": _said("Hello", [{"type": "text", "text": "Hi"}])}, USES, "anthropic"),
        ({"messages": [{"role": "system", "content": "S"}, *_said("Hello", "Hi")]}, USES, "anthropic"),
        (PLAIN, {"messages": _said([{"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}], "Hi")}, "anthropic"),
        (PLAIN, {"messages": _said("Hello", "Hi"), "system": [{"type": "text", "text": "S"}]}, "anthropic"),
        (PLAIN, {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "train": False}]}, "axolotl"),
        (TURNS, {"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y", "train": False}]}, "axolotl"),
        (PLAIN, PLAIN | {"tools": [json.dumps(TOOL)]}, "nemotron"),
        (PLAIN, PLAIN | {"metadata": json.dumps({"tools": [{"type": "function", "function": TOOL}]})}, "nemotron"),
        (TURNS, {"conversations": _said("<image>What?", "A cat.", keys=("from", "value")), "images": ["a.png"]}, "llamafactory"),
        (TURNS, {"conversations": _said("Weather?", CALL, keys=("from", "value"))}, "hermes"),
        (PLAIN, {"messages": _said("Weather?", CALL)}, "qwen"),
        (PLAIN, {"messages": _said("Weather?", CODE)}, "qwen3_coder"),
        (PLAIN, {"messages": _said("Weather?", '[TOOL_CALLS][{"name": "w", "arguments": {"c": "Oslo"}}]')}, "mistral"),
        (PLAIN, {"messages": _said("Weather?", "Final Answer: 7")}, "chat"),
        (PLAIN, PLAIN, "chat"),
        (TURNS, TURNS, "sharegpt"),
    ],
)
def test_a_few_rows_of_a_format_decide_where_the_others_could_be_any_ones(tmp_path, plain, odd, name):
    assert guess(_file(tmp_path, plain, odd))[0].name == name


def test_messages_with_calls_of_openais_are_not_read_as_what_a_few_others_are(tmp_path):
    called = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": TOOL}]}]}
    assert guess(_file(tmp_path, called, USES))[0].name == "chat"


def test_nothing_is_lost_of_a_file_of_anthropics_whose_first_rows_are_plain(tmp_path):
    done = convert(_file(tmp_path, PLAIN, USES), tmp_path / "o.jsonl", to="chat")
    assert (done.source, done.read.rows_out, done.written.rows_out) == ("anthropic", 12, 12)
    assert not done.read.dropped
    assert not done.read.lost
    row = json.loads((tmp_path / "o.jsonl").read_text().splitlines()[6])
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert row["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"c":"Oslo"}'


def test_what_artificer_writes_for_anthropic_is_read_as_that(tmp_path):
    out = io.BytesIO()
    plain = conversation("p", SAID[-1:])
    write([Item(plain.trace, ())] * 11 + [conversation("a")], out, format_named("anthropic"), Account())
    (tmp_path / "a.jsonl").write_bytes(out.getvalue())
    assert guess(tmp_path / "a.jsonl")[0].name == "anthropic"


def _read(row: object, name: str) -> tuple[list[Item], Account]:
    account = Account()
    found = list(parse(of_text(json.dumps(row)), format_named(name), account))
    assert account.balanced
    return found, account


@pytest.mark.parametrize("name", ["chat", "trl", "axolotl", "nemotron"])
@pytest.mark.parametrize("kind", ["tool_use", "tool_result", "thinking", "redacted_thinking", "server_tool_use"])
def test_a_row_of_anthropics_among_chat_is_left_out_by_name(name, kind):
    block = {"type": kind, "id": "t", "tool_use_id": "t", "name": "w", "input": {}, "thinking": "x", "data": "z", "content": "cold"}
    found, account = _read({"messages": _said("x", [{"type": "text", "text": "y"}, block], [block])}, name)
    assert not found
    assert account.rows_by == {f"not of the format {name}: {ANTHROPICS}": 1}


@pytest.mark.parametrize(
    ("row", "name", "said"),
    [
        ({"messages": _said("x", [{"type": "tool-call", "toolName": "w"}])}, "chat", "calls, results or thoughts in parts of the content"),
        ({"messages": [*_said("x"), {"type": "function_call", "name": "w"}]}, "chat", "items of the Responses API, which are no messages"),
        ({"messages": [*_said("x"), {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": TOOL}]}]}, "anthropic", OPENAIS),
        ({"messages": [*_said("x"), {"role": "tool", "content": "r", "tool_call_id": "1"}]}, "anthropic", OPENAIS),
        ({"messages": [*_said("x"), {"role": "assistant", "content": "y", "reasoning_content": "t"}]}, "anthropic", OPENAIS),
        ({"input": [*_said("x"), {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": TOOL}]}]}, "responses", OPENAIS),
        ({"messages": [*_said("x"), {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": TOOL}]}]}, "qwen", OPENAIS),
        ({"conversations": [*_said("x"), {"role": "assistant", "content": "", "function_call": TOOL}]}, "sharegpt", OPENAIS),
        ({"conversations": [*_said("x"), {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": TOOL}]}]}, "hermes", OPENAIS),
        (PLAIN, "responses", "no 'input'"),
        ({"input": _said("x", [{"type": "tool_use", "id": "1", "name": "w", "input": {}}])}, "responses", ANTHROPICS),
    ],
)
def test_a_row_that_another_format_would_keep_whole_is_left_out_by_name(row, name, said):
    found, account = _read(row, name)
    assert not found
    assert account.rows_by == {f"not of the format {name}: {said}": 1}


@pytest.mark.parametrize("system", ["S", [{"type": "text", "text": "S"}]])
@pytest.mark.parametrize("name", ["chat", "trl", "axolotl", "llamafactory"])
def test_a_system_prompt_beside_messages_is_the_first_of_them(name, system):
    (item,), account = _read({**PLAIN, "system": system}, name)
    assert [node.message.text for node in item.trace.nodes] == ["S", "Hello", "Hi"]
    assert not item.trace.lineage
    (item,), account = _read({"messages": [{"role": "system", "content": "T"}, *PLAIN["messages"]], "system": "S"}, name)
    assert [node.message.text for node in item.trace.nodes] == ["T", "Hello", "Hi"]
    assert item.trace.lineage == {"extra": {"system": "S"}}
    assert not account.lost


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "image_url": "https://x/y.png"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
    ],
)
def test_images_in_others_words_are_images(part):
    (item,), account = _read({"messages": _said([{"type": "text", "text": "What?"}, part], "A cat.")}, "chat")
    assert item.trace.nodes[0].message.content[1].uri == "https://x/y.png"
    assert not account.lost


def test_messages_of_openais_under_sharegpts_name_keep_their_calls(tmp_path):
    calls = [{"id": "1", "type": "function", "function": {"name": "w", "arguments": "{}"}}]
    said = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "content": "r", "tool_call_id": "1"},
    ]
    done = convert(_file(tmp_path, {"conversations": said}, {"conversations": said}), tmp_path / "o.jsonl", to="chat")
    assert done.source == "chat"
    assert done.read.events_out == 36
    assert json.loads((tmp_path / "o.jsonl").read_text().splitlines()[0])["messages"][1]["tool_calls"] == calls
    assert guess(_file(tmp_path, {"conversations": said[:1]}, {"conversations": said[:1]}))[0].name != "chat"


@pytest.mark.parametrize(
    ("part", "times"),
    [
        ({"type": "text", "text": "y", "cache_control": {"type": "ephemeral"}}, 1),
        ({"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}, 1),
        ({"type": "text", "text": "y", "image_url": None}, 0),
    ],
)
def test_what_parts_say_besides_is_named(part, times):
    _, account = _read({"messages": _said([part], "A cat.")}, "chat")
    assert account.lost == ({PART_FIELDS: times} if times else {})
