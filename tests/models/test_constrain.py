from __future__ import annotations

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from artificer.core.tools import ToolSpec
from artificer.models.constrain import ITEMS, TEXT, bounded, call_schema

PLAIN = {
    "type": "object",
    "properties": {"id": {"type": "integer", "x-ref": "t.id"}, "name": {"type": "string", "format": "email"}},
    "required": ["id"],
}


def test_only_calls_of_the_tools_fit() -> None:
    schema = call_schema([ToolSpec("get", "", PLAIN), ToolSpec("stop", "", {"type": "object", "properties": {}})])
    checker = jsonschema.Draft202012Validator(schema)
    assert checker.is_valid({"name": "get", "arguments": {"id": 1, "name": "x"}})
    assert checker.is_valid({"name": "stop", "arguments": {}})
    for wrong in (
        {"name": "other", "arguments": {}},
        {"name": "get", "arguments": {}},
        {"name": "get", "arguments": {"id": "1"}},
        {"name": "get", "arguments": {"id": 1, "more": 2}},
        {"name": "get", "arguments": {"id": 10**12}},
        {"name": "get", "arguments": {"id": 1, "name": "x" * (TEXT + 1)}},
        {"name": "stop"},
    ):
        assert not checker.is_valid(wrong), wrong


def test_references_and_unions_are_resolved_and_endless_ones_end() -> None:
    tree = {
        "$defs": {"node": {"type": "object", "properties": {"value": {"type": ["integer", "null"]}, "child": {"$ref": "#/$defs/node"}}}},
        "type": "object",
        "properties": {"root": {"$ref": "#/$defs/node"}, "kinds": {"type": "array", "items": {"enum": ["a", "b"]}}, "any": {}},
    }
    arguments = call_schema([ToolSpec("f", "", tree)])["oneOf"][0]["properties"]["arguments"]
    assert "$ref" not in str(arguments)
    assert arguments["properties"]["kinds"] == {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": ITEMS}
    assert arguments["properties"]["root"]["properties"]["value"] == {"oneOf": [bounded({"type": "integer"}, {}), {"type": "null"}]}
    assert arguments["properties"]["any"] == {"type": "string", "maxLength": TEXT}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["type", "properties", "items", "anyOf", "$ref", "required", "enum", "maxLength"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_no_schema_crashes_it(schema: object) -> None:
    assert isinstance(bounded(schema, {}), dict)
