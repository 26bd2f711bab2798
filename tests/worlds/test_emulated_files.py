"""Files of emulated worlds: the forms that are read, and what of bad ones is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artificer.core.errors import ArtificerError, SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds.base import World
from artificer.worlds.emulated.files import linted, read_material, read_scenarios

HERE = Path(__file__).parent
SHOP = str(HERE.parents[1] / "examples" / "emulated_shop.toml")
TEXT = {"type": "string"}
PARAMETERS = {"type": "object", "properties": {"city": TEXT}, "required": ["city"]}


def write(tmp_path, value, name="tools.json"):
    path = tmp_path / name
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.mark.parametrize(
    "value",
    [
        [{"type": "function", "function": {"name": "get_sky", "description": "d", "parameters": PARAMETERS}}],
        {"tools": [{"type": "function", "name": "get_sky", "description": "d", "parameters": PARAMETERS}]},
        {
            "tools": [
                {
                    "name": "get_sky",
                    "description": "d",
                    "inputSchema": PARAMETERS,
                    "outputSchema": {"type": "object"},
                    "annotations": {"readOnlyHint": True},
                }
            ]
        },
        {"tools": [{"name": "get_sky", "description": "d", "input_schema": PARAMETERS}]},
        {"toolkit": "get_", "tools": [{"name": "sky", "summary": "d", "parameters": [{"name": "city", "type": "string", "required": True}]}]},
    ],
    ids=["OpenAI chat", "OpenAI responses", "MCP", "Anthropic", "ToolEmu"],
)
def test_forms_of_tools(tmp_path, value):
    world = World.of(f"emulated:{write(tmp_path, value)}")
    tool = world.tools[0]
    assert (tool.name, tool.description, tool.effect) == ("get_sky", "d", "read")
    assert tool.parameters["properties"]["city"]["type"] == "string"
    assert world.problems == ()


async def test_a_conversation_is_a_world_and_its_own_dialogue(tmp_path):
    call = {"id": "1", "type": "function", "function": {"name": "get_sky", "arguments": '{"city": "Rome"}'}}
    messages = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": '"grey"'},
    ]
    tools = [{"type": "function", "function": {"name": "get_sky", "parameters": PARAMETERS}}]
    path = write(tmp_path, "\n" + json.dumps({"messages": []}) + "\n" + json.dumps({"messages": messages, "tools": tools}) + "\n", "run.jsonl")
    world = World.of(f"emulated:{path}", line="2")
    session = await world.open(Start())
    assert (await session.call(ToolCall("c", "get_sky", {"city": "Rome"}))).content == "grey"
    assert session.origins[0].made == "dialogue"
    for line, words in (("1", "no usable tool"), ("3", "no line 3"), ("x", "whole number")):
        with pytest.raises(SourceError, match=words):
            World.of(f"emulated:{path}", line=line)


def test_what_cannot_be_used_is_left_out_with_the_reason(tmp_path):
    tools = [
        {"name": "good", "parameters": PARAMETERS},
        {"name": "good", "parameters": PARAMETERS},
        {"name": "ｆｕｌｌ width/name", "parameters": {}},
        {"name": "日本"},
        {"name": ""},
        {"name": "array", "parameters": {"type": "array"}},
        {"name": "broken", "parameters": {"type": "object", "properties": {"a": {"type": "nonsense"}}}},
        {"name": "half", "parameters": PARAMETERS, "returns": {"type": 5}},
        "text",
        {
            "name": "circular",
            "parameters": {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/A"}},
                "$defs": {"A": {"type": "array", "items": {"$ref": "#/$defs/A"}}},
            },
        },
    ]
    material = read_material(write(tmp_path, {"tools": tools, "state": {"rows": [1, {"id": 1}], "more": {"k": {"a": 1}}}}))
    assert [tool.name for tool in material.tools] == ["good", "width_name", "half", "circular"]
    assert [problem.where for problem in material.problems] == [
        "good",
        "tools[2]",
        "tools[3]",
        "tools[4]",
        "array",
        "broken",
        "half",
        "tools[8]",
        "state.rows",
    ]
    assert material.rows == {"rows": ({"id": 1},), "more": ({"id": "k", "a": 1},)}


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("{", "tools.json"),
        ("[" * 100_000 + "]" * 100_000, "tools.json"),
        ("a = ", "tools.toml"),
        ("a = 1\n" * 1_000_000, "tools.toml"),
        ("[]", "tools.json"),
        ("5", "tools.json"),
        ('{"tools": {}}', "tools.json"),
        ('{"tools": [{"name": "a"}], "state": 5}', "tools.json"),
        ('{"tools": [{"name": "a"}], "scenario": {"risky": 1, "outcomes": 5}}', "tools.json"),
        ('{"tools": [{"name": "a"}], "messages": [{"role": "ghost"}]}', "tools.json"),
        ("\udcff", "tools.json"),
    ],
    ids=range(11),
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, value, name):
    path = tmp_path / name
    path.write_bytes(value.encode("utf-8", "surrogateescape"))
    with pytest.raises(SourceError) as caught:
        World.of(f"emulated:{path}")
    assert str(path) in str(caught.value)
    assert caught.value.remedy


def test_a_large_document_loads_or_is_refused(tmp_path):
    tool = {"name": "t", "description": "x" * 2_000, "parameters": PARAMETERS}
    many = write(tmp_path, [{**tool, "name": f"get_thing_{at}"} for at in range(1_000)])
    assert len(World.of(f"emulated:{many}").tools) == 1_000
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(SourceError, match="too much"):
        World.of(f"emulated:{huge}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "chaotic"}, "no mode"),
        ({"mode": "adversarial"}, "needs a model"),
        ({"seed": "x"}, "seed must be"),
        ({"rows": "-1"}, "rows must be"),
        ({"rows": "99999999"}, "rows must be"),
        ({"case": "none"}, "no case"),
        ({"scenario": "/no/such"}, "cannot be read"),
        ({"dialogue": SHOP}, "no messages"),
        ({"policy": "/no/such"}, "policy"),
        ({"records": "/"}, "records"),
        ({"records": SHOP}, "holds no records"),
        ({"model": "nobody"}, "is not a model"),
        ({"colour": "red"}, "do not take that option"),
    ],
)
def test_options_that_cannot_be_used_say_why(options, words):
    with pytest.raises(ArtificerError, match=words):
        World.of(f"emulated:{SHOP}", **options)


def test_cases_are_linted():
    cases = read_scenarios(HERE / "emulated_cases.json")
    assert linted(cases, {"Mailbox"}) == []
    assert [problem.what for problem in linted(cases, set())] == ["there is no toolkit 'Mailbox'"]
    bare = type(cases[0])(name="bare", instruction="Send <name> the file")
    assert [problem.where for problem in linted((bare,), set())] == ["scenario bare"] * 3


def test_the_policy_and_the_case_may_come_from_files(tmp_path):
    world = World.of(f"emulated:{SHOP}", policy=str(write(tmp_path, "Be kind.", "policy.txt")), case="wrong order", rows="2", seed="3")
    assert world.policy == "Be kind."
    assert world.scenario is not None
    assert world.scenario.achievements
    assert {len(rows) for rows in world.state.values()} == {2}
