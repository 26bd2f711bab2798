"""What becomes of tools and calls that say more, or less, than a specification and an object."""

from __future__ import annotations

import json
from typing import Any

import pytest

from artificer.core.messages import Message, ToolCall
from artificer.formats import format_named, python_types
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.formats.convert import parse, render
from artificer.formats.parts import linear, node
from artificer.formats.source import of_text

SAID = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
BARE = {"name": "f", "description": "d", "parameters": SCHEMA}


def _read(rows: list[Any], name: str) -> tuple[list[Item], Account]:
    account = Account()
    found = list(parse(of_text("\n".join(json.dumps(row) for row in rows)), format_named(name), account))
    assert account.balanced
    return found, account


def _written(item: Item, name: str) -> tuple[Any, Account]:
    account = Account()
    made = [json.loads(row) for row in render([item], format_named(name), account)]
    assert account.balanced
    return made[0] if made else None, account


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("name", ["chat", "trl", "axolotl", "sharegpt", "hermes", "nemotron"])
@pytest.mark.parametrize(
    ("tool", "fields"),
    [
        ({"type": "function", "function": {**BARE, "strict": True}}, ["strict"]),
        ({"type": "function", "function": {**BARE, "strict": None}, "x-extra": 1}, ["x-extra"]),
        ({**BARE, "returns": SCHEMA, "required": None, "x": False}, ["returns", "x"]),
        ({**BARE, "cache_control": {"type": "ephemeral"}}, ["cache_control"]),
        (BARE, []),
    ],
)
def test_fields_of_tools_without_a_place_are_named_for_each_row(tool, fields, name, text):
    shared: Any = [tool, BARE | {"name": "g"}]
    said = (
        {"conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi"}]}
        if name in ("sharegpt", "hermes")
        else {"messages": SAID}
    )
    row = said | ({"metadata": json.dumps({"tools": shared})} if name == "nemotron" and text else {"tools": json.dumps(shared) if text else shared})
    found, account = _read([row] * 3, name)
    assert [[one.name for one in item.tools] for item in found] == [["f", "g"]] * 3
    assert account.lost == {f"fields of tools: {field!r}": 3 for field in fields}


@pytest.mark.parametrize("name", ["chat", "anthropic"])
def test_tools_of_the_server_and_what_is_no_tool_are_left_out_by_name(name):
    tools = [{"type": "bash_20250124", "name": "bash"}, {"name": "f", "input_schema": SCHEMA}, 7, {"type": "web_search_20250305", "name": "w"}]
    (item,), account = _read([{"messages": SAID, "tools": tools}], name)
    assert [one.name for one in item.tools] == ["f"]
    assert account.lost == {"tools of the server": 2, "tools that cannot be read": 1}


@pytest.mark.parametrize(("name", "field"), [("chat", "messages"), ("trl", "messages"), ("responses", "input")])
def test_the_role_developer_is_named(name, field):
    (item,), account = _read([{field: [{"role": "developer", "content": "S"}, *SAID]}], name)
    assert item.trace.nodes[0].message.role == "system"
    assert account.lost == {"the role 'developer': read as system": 1}


# xLAM


def _xlam(parameter: dict[str, Any], **more: Any) -> dict[str, Any]:
    tool = {"name": "f", "description": "d", "parameters": {"a": parameter}, **more}
    return {"id": "1", "query": "q", "tools": json.dumps([tool]), "answers": json.dumps([{"name": "f", "arguments": {}}])}


@pytest.mark.parametrize(
    "parameter",
    [
        {"description": "d", "type": "str", "default": ""},
        {"description": "d", "type": "int", "default": None},
        {"description": "d", "type": "List[Union[int, float]]"},
        {"description": "d", "type": "Tuple[int, str]"},
        {"description": "d", "type": "set"},
        {"description": "d", "type": "Set[str], optional"},
        {"description": "d", "type": "Optional[int]"},
        {"description": "d", "type": "Dict[str, List[int]], optional"},
        {"description": "d", "type": "Union[str, List[Tuple[int, int]]]"},
    ],
)
def test_types_and_defaults_of_xlam_come_back(parameter):
    row = _xlam(parameter)
    (item,), account = _read([row], "xlam")
    assert not account.lost
    back, _ = _written(item, "xlam")
    assert json.loads(back["tools"]) == json.loads(row["tools"])


@pytest.mark.parametrize(
    ("parameter", "lost"),
    [
        ({"type": "Callable"}, "types of parameters that JSON does not have: kept in the description"),
        ({"type": "tuple"}, "types of parameters as Python has them: 'tuple'"),
        ({"type": "List[Callable]"}, "types of parameters as Python has them: 'List[Callable]'"),
        ({"type": "int", "default": ""}, "defaults '' of parameters that are no text"),
        ({"type": "list[INT]"}, None),
        ({"type": "string, optional"}, None),
    ],
)
def test_what_xlam_cannot_say_in_a_schema_is_named(parameter, lost):
    _, account = _read([_xlam(parameter)] * 2, "xlam")
    assert account.lost == ({lost: 2} if lost else {})


def test_fields_of_a_parameter_stay_in_its_schema():
    (item,), account = _read([_xlam({"type": "str", "enum": ["x", "y"], "required": False}, returns="str")], "xlam")
    assert item.tools[0].parameters == {"type": "object", "properties": {"a": {"type": "string", "enum": ["x", "y"]}}}
    assert account.lost == {"fields of tools: 'returns'": 1}
    back, _ = _written(item, "xlam")
    (again,), _ = _read([back], "xlam")
    assert again.tools == item.tools


@pytest.mark.parametrize("name", ["List[", "Union[int, Callable]", "[int]", "List" + "[List" * 30 + "]" * 30, "", "int]", "Tuple[int,,str]"])
def test_names_of_no_type_have_no_schema_or_a_shorter_one(name):
    found = python_types.schema_of(name)
    assert found is None or not python_types.same(python_types.name_of(found), name)


# calls


@pytest.mark.parametrize("given", ["{not JSON", [1, 2]])
@pytest.mark.parametrize("name", ["chat", "trl", "axolotl", "responses", "xlam", "nemotron"])
def test_arguments_that_are_no_object_are_written_as_the_text_that_they_were(given, name):
    row = {
        "id": "1",
        "messages": [SAID[0], {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": given}}]}],
    }
    (item,), _ = _read([row], "chat")
    back, account = _written(item, name)
    assert "$text" not in json.dumps(back)
    assert "{not JSON" in json.dumps(back) or "[1,2]" in json.dumps(back)
    assert not account.dropped


def test_anthropic_has_no_place_for_them():
    call = ToolCall("c", "f", {"$text": "{not JSON"})
    item = linear([node(-1, Message("user", "x")), node(0, Message("assistant", calls=(call,)))], ("", ()), name="1")
    back, account = _written(item, "anthropic")
    assert back is None
    assert account.rows_by == {"anthropic cannot hold it: a call whose arguments are no object": 1}
