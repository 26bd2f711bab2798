"""Files to run folders and back, Parquet, the link rules of ADP, and what the command says."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import msgspec
import pytest
from tests.formats.examples import TOOLS, conversation

from artificer.api import convert
from artificer.cli import main
from artificer.core.canon import canonical
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import CheckResult, Verdict
from artificer.formats import adp, format_named, guess, names
from artificer.formats.account import Account
from artificer.formats.base import Item, toolset_digest
from artificer.formats.convert import NOWHERE, parse, read, render, write
from artificer.formats.jsontext import TWICE, loads
from artificer.formats.residue import EDITED
from artificer.formats.source import of_text
from artificer.run.store import RunFolder
from artificer.run.traded import SAME


def test_a_file_becomes_a_run_in_which_the_same_trace_is_one(tmp_path):
    path = tmp_path / "a.jsonl"
    with path.open("wb") as out:
        write([conversation("a"), conversation("b")], out, format_named("chat"), Account())
    done = convert(path, tmp_path / "run", to="artificer")
    assert (done.source, done.read.rows_out, done.written.rows_out) == ("chat", 2, 1)
    assert done.written.dropped[SAME] > 0
    assert done.written.balanced
    again = convert(path, tmp_path / "run", to="artificer")
    assert again.written.rows_out == 0
    with RunFolder.open(tmp_path / "run") as folder:
        ((_, trace),) = folder.read("traces", Trace)
        assert trace.lineage["from"] == {"file": str(path), "row": ":1", "format": "chat"}
    back = convert(tmp_path / "run", tmp_path / "b.jsonl", to="anthropic")
    assert back.written.balanced
    assert json.loads((tmp_path / "b.jsonl").read_bytes())["tools"][0]["name"] == TOOLS[0].name


def test_each_file_of_a_folder_is_of_its_own_format_and_has_its_own_account(tmp_path):
    folder = tmp_path / "data"
    (folder / "more").mkdir(parents=True)
    for name, form, ids in (("a.jsonl", "chat", "ab"), ("more/b.jsonl", "anthropic", "cde"), ("more/c.jsonl", "adp", "f")):
        with (folder / name).open("wb") as out:
            write([conversation(one) for one in ids], out, format_named(form), Account())
    (folder / "README.md").write_text("# What this is\n\nThree conversations.\n")
    (folder / "notes.txt").write_text("nothing")
    (folder / ".hidden").write_text("{}")
    done = convert(folder, tmp_path / "run", to="artificer")
    assert done.source == "chat, anthropic, adp"
    assert done.read.balanced
    found = {file.path.removeprefix(f"{folder}/"): file for file in done.read.files}
    assert {name: (file.form, file.rows_in, file.rows_out) for name, file in found.items()} == {
        "README.md": ("beside the data", 0, 0),
        "notes.txt": ("no format", 1, 0),
        "a.jsonl": ("chat", 2, 2),
        "more/b.jsonl": ("anthropic", 3, 3),
        "more/c.jsonl": ("adp", 1, 1),
    }
    assert all(file.events_in == file.events_out + file.dropped > 0 for name, file in found.items() if name.endswith("l"))
    assert sum(file.events_in for file in found.values()) == done.read.events_in
    assert done.read.places["a file of no known format"] == [str(folder / "notes.txt")]
    assert any(line.startswith(f"{folder}/more/b.jsonl (anthropic): rows 3 -> 3, events in ") for line in done.read.lines())
    with RunFolder.open(tmp_path / "run") as run:
        assert {trace.lineage["from"]["format"] for _, trace in run.read("traces", Trace)} <= {"chat", "anthropic", "adp"}
    forms = {Path(file.path).name: file.form for file in convert(folder, tmp_path / "x.jsonl", to="chat", given="chat").read.files}
    assert (forms.pop("README.md"), set(forms.values())) == ("beside the data", {"chat"})


def test_a_part_without_calls_is_of_the_format_of_the_parts_beside_it(tmp_path):
    plain = {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]}
    called = {
        "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'}]
    }
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "0.jsonl").write_text(json.dumps(called) + "\n")
    (tmp_path / "set" / "1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [plain] * 20 + [called]))
    assert guess(tmp_path / "set" / "1.jsonl")[0].name == "sharegpt"
    done = convert(tmp_path / "set", tmp_path / "out.jsonl", to="chat")
    assert done.source == "hermes"


def test_a_folder_without_a_file_of_a_format_is_told_so(tmp_path):
    (tmp_path / "set").mkdir()
    with pytest.raises(ArtificerError, match="there is no file in it"):
        convert(tmp_path / "set", tmp_path / "out.jsonl")
    (tmp_path / "set" / "notes.txt").write_text("nothing")
    with pytest.raises(ArtificerError, match="nothing in it that can be read"):
        convert(tmp_path / "set", tmp_path / "out.jsonl")


def test_a_verdict_of_no_message_passes_nothing(tmp_path):
    passed, item = Verdict.of((CheckResult("x", 1.0, True),)), conversation("a")
    claimed = Item(msgspec.structs.replace(item.trace, verdicts={0: passed, 99: passed}), item.tools)
    with (tmp_path / "a.jsonl").open("wb") as out:
        write([claimed], out, format_named("adp"), Account(), every=True)
    done = convert(tmp_path / "a.jsonl", tmp_path / "run", to="artificer")
    assert done.read.lost[NOWHERE] == 1
    assert done.read.balanced
    with RunFolder.open(tmp_path / "run") as folder:
        ((_, trace),) = folder.read("traces", Trace)
    assert list(trace.verdicts) == [0]


def test_parquet_is_told_by_its_first_bytes(tmp_path):
    path, target = tmp_path / "a.jsonl", tmp_path / "a.data"
    with path.open("wb") as out:
        write([conversation("a")], out, format_named("sharegpt"), Account())
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM read_json('{path}')) TO '{target}' (FORMAT parquet)")
    account = Account()
    (item,) = read(target, guess(target)[0], account)
    assert [node.message.role for node in item.trace.nodes][-1] == "assistant"
    assert account.balanced
    (tmp_path / "torn").write_bytes(target.read_bytes()[:200])
    with pytest.raises(ArtificerError, match="Parquet"):
        list(read(tmp_path / "torn", format_named("sharegpt"), account))


def test_the_command_prints_the_account(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_text('{"messages":[{"role":"user","content":"x"},{"role":"alien","content":"y"}]}\nbroken\n')
    assert main(["convert", str(path), str(tmp_path / "b.jsonl"), "--to", "sharegpt"]) == 0
    said = capsys.readouterr().out
    assert "events in 2 = out 1 + dropped 1" in said
    assert "a message of the role 'alien' (1)" in said
    assert "not JSON" in said
    assert f"{path}:2" in said


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([("api_action", None), ("text_observation", "1")], ["content[0]: a call directly followed", "content[1]: no earlier call has"]),
        (
            [("api_action", "1"), ("text_observation", "1"), ("api_action", "1"), ("text_observation", None)],
            ["content[2]: the tool_call_id '1' was used"],
        ),
        ([("text_observation", "1"), ("api_action", "1")], ["content[0]: no earlier call has", "content[1]: the call '1' has no result"]),
        ([("api_action", "1"), ("text_observation", "1"), ("text_observation", "1")], ["content[2]: the call '1' was answered"]),
        ([("api_action", "1")], ["content[0]: the call '1' has no result"]),
        ([("message_action", "1")], ["content[0]: a message has the tool_call_id"]),
        ([("api_action", None), ("message_action", None)], []),
        ([("api_action", "1"), ("api_action", "2"), ("text_observation", "2"), ("text_observation", "1")], []),
    ],
)
def test_each_link_rule_of_adp_is_named_with_its_place(content, told):
    found = adp.problems({"content": [{"class_": kind, "tool_call_id": name} for kind, name in content]})
    assert len(found) == len(told), found
    assert all(said.startswith(rule) for said, rule in zip(found, told, strict=True)), found


@pytest.mark.parametrize(("name", "field"), [("adp", "details"), ("atif", "extra"), ("verifiers", "info")])
def test_an_edited_file_keeps_the_edit_and_names_what_is_lost(tmp_path, name, field):
    path = tmp_path / "a.jsonl"
    item = conversation()
    item = msgspec.structs.replace(item, trace=msgspec.structs.replace(item.trace, world="shop", seed=7))
    with path.open("wb") as out:
        write([item], out, format_named(name), Account())
    assert canonical(next(iter(read(path, format_named(name), Account())))) == canonical(item)
    row = json.loads(path.read_bytes())
    assert "artificer" in row[field]
    path.write_text(json.dumps(row).replace("Cancelled.", "Done."))
    account = Account()
    (found,) = read(path, format_named(name), account)
    assert found.trace.nodes[-1].message.text == "Done."
    assert found.trace.world == ""
    assert account.lost[EDITED] == 1
    assert account.balanced


def test_what_verifiers_adds_when_it_saves_a_trace_costs_nothing(tmp_path):
    """Its models put a time on every node and drop fields that they do not know; see benchmarks/parity_trainers.py for the real ones."""
    given = [conversation("a")]
    path = tmp_path / "a.jsonl"
    with path.open("wb") as out:
        write(given, out, format_named("verifiers"), Account())
    row = json.loads(path.read_bytes())
    row["timing"] = {"start": 1.5}
    row["nodes"] = [node | {"timestamp": 1.5, "is_content": []} for node in row["nodes"]]
    path.write_text(json.dumps(row))
    account = Account()
    (found,) = read(path, format_named("verifiers"), account)
    assert not account.lost
    assert found.tools == given[0].tools
    assert [node.message for node in found.trace.nodes] == [node.message for node in given[0].trace.nodes]
    assert found.trace.nodes[0].notes == {"extra": {"timestamp": 1.5}}


def test_an_empty_message_beside_a_call_is_dropped_by_name_where_the_two_are_joined():
    call = ToolCall("c", "find_order", {"id": 7})
    said = [Message("user", "Hi"), Message("assistant", ""), Message("assistant", "", calls=(call,)), Message("assistant", "")]
    nodes = tuple(Node(at - 1 if at else None, one, sampled=one.role == "assistant") for at, one in enumerate(said))
    account = Account()
    assert len(list(render([Item(Trace("a", "a", "", "", nodes), ())], format_named("responses"), account))) == 1
    assert account.balanced
    assert account.dropped.total() == 2


def test_calls_for_trl_are_objects_and_tools_a_text():
    """A template that encodes arguments itself would encode a text a second time."""
    form = format_named("trl")
    (row,) = form.render(conversation("a"), Account())
    assert row["messages"][2]["tool_calls"][0]["function"]["arguments"] == {"id": 7}
    assert [tool["function"]["name"] for tool in json.loads(row["tools"])] == [tool.name for tool in TOOLS]
    large = conversation("b")
    call = msgspec.structs.replace(large.trace.nodes[2].message.calls[0], arguments={"id": {"n": [1 << 63]}})
    message = msgspec.structs.replace(large.trace.nodes[2].message, calls=(call,))
    nodes = (*large.trace.nodes[:2], msgspec.structs.replace(large.trace.nodes[2], message=message))
    (row,) = form.render(msgspec.structs.replace(large, trace=msgspec.structs.replace(large.trace, nodes=nodes)), Account())
    assert row["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"id":{"n":[9223372036854775808]}}'


def test_a_name_of_no_format_is_refused():
    assert "chat" in names()
    with pytest.raises(ArtificerError, match="there is no format 'excel'"):
        format_named("excel")


def test_rows_that_share_tools_and_rows_that_do_not(tmp_path):
    path = tmp_path / "a.jsonl"
    other = (ToolSpec("other", "Another.", {"type": "object"}),)
    for name in ("chat", "trl", "sharegpt", "llamafactory", "nemotron"):
        form = format_named(name)
        given = [msgspec.structs.replace(conversation(f"{name}{at}"), tools=tools) for at, tools in enumerate((TOOLS, TOOLS, other, (), other))]
        with path.open("wb") as out:
            write(given, out, form, Account())
        found = list(read(path, form, Account()))
        assert [[tool.name for tool in item.tools] for item in found] == [[tool.name for tool in item.tools] for item in given]
        assert [item.trace.tools for item in found] == [toolset_digest(item.tools) for item in found]


FUNCTION = {"name": "a", "arguments": "{}"}


@pytest.mark.parametrize("name", ["chat", "nemotron"])
@pytest.mark.parametrize(
    "beside",
    [
        {"reasoning": "x"},
        {"thinking": "x"},
        {"function_call": FUNCTION},
        {"tool_calls": [{"id": "1", "function": FUNCTION}], "function_call": FUNCTION},
    ],
)
@pytest.mark.parametrize("content", ["", None, "hi", "a < b", "<think>\nq\n</think>\n\n", '<TOOLCALL>[{"name": "z", "arguments": {}}]</TOOLCALL>'])
def test_thoughts_and_calls_of_older_names_are_accounted_for(name, beside, content):
    row = {"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": content, **beside}], "metadata": '{"tools": []}'}
    account = Account()
    assert len(list(parse(of_text(json.dumps(row)), format_named(name), account))) == 1
    assert account.balanced
    assert account.events_out > 1


@pytest.mark.parametrize(
    ("text", "times"),
    [('{"a":1,"a":2}', 1), ('{"a":1}', 0), ('{"a":{"a":1}}', 0), ('{"a":{"b":1,"b":2}}', 1), ('{"a":"x:y"}', 0), ('[{"a":1,"a":1}]', 1)],
)
def test_a_key_that_comes_twice_is_said_however_small_the_text(text, times):
    account = Account()
    loads(text.encode(), account)
    assert account.lost[TWICE] == times


def test_fields_that_a_table_gives_to_all_messages_are_not_written(tmp_path):
    path, target = tmp_path / "a.jsonl", tmp_path / "a.parquet"
    rows = [
        {
            "id": "a",
            "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": FUNCTION}]}],
        },
        {
            "id": "b",
            "messages": [{"role": "user", "content": "x", "mood": "glad"}, {"role": "tool", "content": "r", "tool_call_id": "1"}],
            "note": None,
        },
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM read_json('{path}')) TO '{target}' (FORMAT parquet)")
    done = convert(target, tmp_path / "o.jsonl", to="chat")
    assert not done.read.lost
    first, second = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [sorted(message) for message in first["messages"]] == [["content", "role"], ["content", "role", "tool_calls"]]
    assert second == {key: value for key, value in rows[1].items() if value is not None}
