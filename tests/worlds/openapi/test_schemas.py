"""Schemas of any dialect, and of none, become schemas that a validator accepts; references stay references within a number of bytes."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.core.canon import rng
from artificer.worlds.openapi.cutting import Cutter, refs_of
from artificer.worlds.openapi.document import Document
from artificer.worlds.openapi.patterns import fitting
from artificer.worlds.openapi.schemas import Schemas
from artificer.worlds.openapi.shapes import Shapes
from artificer.worlds.openapi.values import Maker


def schemas_of(definitions: dict | None = None, version: str = "3.0.0") -> Schemas:
    return Schemas(Document({"openapi": version, "components": {"schemas": definitions or {}}}, "test"))


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
        ({"type": "integer", "exclusiveMaximum": 5}, {"type": "integer", "exclusiveMaximum": 5}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"type": "file"}, {"type": "string"}),
        ({"type": "int"}, {"type": "integer"}),
        ({"type": "spaceship"}, {}),
        ({"type": "string", "enum": [1, True, None]}, {"type": "string", "enum": ["1", "true"]}),
        ({"type": "string", "enum": []}, {"type": "string"}),
        ({"type": "string", "pattern": "("}, {"type": "string"}),
        ({"type": "string", "minLength": -1, "maxLength": "x"}, {"type": "string"}),
        ({"type": "object", "required": ["a", "a", 3]}, {"type": "object", "required": ["a"]}),
        ({"type": "object", "required": True}, {"type": "object"}),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ({"allOf": [{"type": "string"}], "description": "d"}, {"type": "string", "description": "d"}),
        ({"allOf": [{"type": "string"}], "nullable": True}, {"type": "string"}),
        ({"$ref": "#/components/schemas/A", "nullable": True}, {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}),
        ({"$ref": "#/components/schemas/None"}, {}),
        ({"$ref": "https://evil.example/a.json"}, {}),
        ({"example": 3}, {"examples": [3]}),
        ({"type": "object", "discriminator": {"propertyName": "x"}, "xml": {}, "x-a": 1}, {"type": "object"}),
        ({"items": [{"type": "string"}]}, {"prefixItems": [{"type": "string"}]}),
        (True, True),
        (None, {}),
        ("text", {}),
    ],
)
def test_dialects(stated, expected) -> None:
    assert schemas_of({"A": {"type": "string"}}).convert(stated, "here") == expected


def test_what_an_only_part_of_allof_is_extended_by_is_not_lost() -> None:
    schemas = schemas_of({"A": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}})
    extended = {"allOf": [{"$ref": "#/components/schemas/A"}], "required": ["b"], "properties": {"b": {"type": "integer"}}}
    shape = Shapes(schemas).of(schemas.convert(extended, "x"))
    assert shape is not None
    assert (list(shape.properties), shape.required) == (["a", "b"], ("a", "b"))


def test_what_makes_no_sense_is_reported() -> None:
    document = Document({"openapi": "3.0.0"}, "test")
    Schemas(document).convert({"type": "spaceship", "pattern": "(", "enum": [], "required": 7, "properties": {"a": {"$ref": "#/nowhere"}}}, "here")
    assert len(document.problems) == 5
    assert {problem.where for problem in document.problems} == {"here", "here.a"}


def test_three_one_keeps_what_stands_beside_a_reference() -> None:
    schema = {"$ref": "#/components/schemas/A", "minLength": 3, "description": "d"}
    definitions = {"A": {"type": "string"}}
    assert schemas_of(definitions, "3.1.0").convert(schema, "x") == {"allOf": [{"$ref": "#/$defs/A"}, {"minLength": 3, "description": "d"}]}
    assert schemas_of(definitions, "3.0.3").convert(schema, "x") == {"description": "d", "$ref": "#/$defs/A"}


words = st.sampled_from(
    [
        "type",
        "properties",
        "items",
        "allOf",
        "oneOf",
        "anyOf",
        "not",
        "enum",
        "const",
        "required",
        "pattern",
        "minLength",
        "maximum",
        "multipleOf",
        "$ref",
        "nullable",
        "additionalProperties",
        "patternProperties",
        "exclusiveMinimum",
        "prefixItems",
        "if",
        "then",
        "uniqueItems",
        "default",
        "example",
        "examples",
        "readOnly",
        "format",
        "description",
        "title",
        "$defs",
        "a",
        "b",
    ]
)
scalars = st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats(allow_nan=False) | st.text(max_size=6)
scalars |= st.sampled_from(["string", "integer", "object", "array", "#/components/schemas/A", "#/components/schemas/B", "(", "[a-z]+", "#"])
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5), max_leaves=25)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(words, anything, max_size=6), anything, anything)
def test_whatever_a_schema_holds_a_validator_takes_what_becomes_of_it(schema, one, other) -> None:
    schemas = schemas_of({"A": one, "B": other}, "3.1.0")
    made = schemas.convert(schema, "here")
    assert isinstance(made, dict)
    bundled, _ = Cutter(schemas).bundled(made, 2000)
    jsonschema_rs.Draft202012Validator(bundled)
    json.dumps(Maker(Shapes(schemas)).value(made, rng("any")))


def test_circles_end() -> None:
    definitions = {
        "Node": {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#/components/schemas/Node"}}},
        "A": {"$ref": "#/components/schemas/B"},
        "B": {"$ref": "#/components/schemas/A"},
        "All": {"allOf": [{"$ref": "#/components/schemas/All"}], "properties": {"x": {"type": "string"}}},
    }
    schemas = schemas_of(definitions)
    node = schemas.convert({"$ref": "#/components/schemas/Node"}, "x")
    bundled, cut = Cutter(schemas).bundled(node, 1000)
    assert bundled == {"$ref": "#/$defs/Node", "$defs": {"Node": schemas.definition("Node")}}
    assert not cut
    maker = Maker(Shapes(schemas))
    assert isinstance(maker.value(node, rng(1)), dict)
    for name in ("A", "All"):
        maker.value(schemas.convert({"$ref": f"#/components/schemas/{name}"}, "x"), rng(1))


def test_large_graphs_are_cut_within_the_bytes_allowed() -> None:
    definitions = {
        f"D{n}": {"type": "object", "properties": {f"p{k}": {"$ref": f"#/components/schemas/D{(3 * n + k) % 200}"} for k in range(20)}}
        for n in range(200)
    }
    schemas = schemas_of(definitions)
    cutter = Cutter(schemas)
    bundled, cut = cutter.bundled(schemas.convert({"$ref": "#/components/schemas/D1"}, "x"), 8000)
    assert cut
    assert len(json.dumps(bundled)) < 16_000
    assert set(refs_of(bundled)) <= set(bundled["$defs"]), "what is referred to is there, as a stub at least"
    jsonschema_rs.Draft202012Validator(bundled)
    shared = cutter.bundled(schemas.convert({"$ref": "#/components/schemas/D1"}, "y"), 8000)[0]
    assert shared["$defs"] is bundled["$defs"], "definitions are shared, not copied"


def test_properties_may_be_called_like_keywords() -> None:
    schemas = schemas_of({"A": {"type": "string"}})
    inner = {name: {"$ref": "#/components/schemas/A"} for name in ("default", "enum", "const", "examples", "properties", "required", "$ref")}
    made = schemas.convert({"type": "object", "properties": inner}, "x")
    bundled, _ = Cutter(schemas).bundled(made, 2000)
    assert bundled["$defs"] == {"A": {"type": "string"}}
    jsonschema_rs.Draft202012Validator(bundled)


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{3}-[0-9]{4}$",
        r"^\d{2}/\w+$",
        "^(red|green|blue)$",
        "^[^/]+$",
        "^#[0-9a-fA-F]{6}$",
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "^(?:ab)+c?$",
        r"^\+?[1-9]\d{1,14}$",
        "^[\\w.-]+@[\\w.-]+$",
        "^x{0}$",
    ],
)
def test_texts_for_patterns(pattern) -> None:
    validator = jsonschema_rs.Draft202012Validator({"pattern": pattern})
    for seed in range(30):
        assert validator.is_valid(fitting(pattern, rng(pattern, seed)))


@pytest.mark.parametrize("pattern", ["(", "[a", "a{9999999}", "(" * 500, "\\", "(?P<x>a)(?P=x)", "a{2,1}", "[z-a]"])
def test_patterns_that_cannot_be_read_give_some_short_text(pattern) -> None:
    assert len(fitting(pattern, rng(1))) < 10_000


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 5, "maximum": 5},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "integer", "multipleOf": 7, "minimum": 50, "maximum": 60},
        {"type": "string", "minLength": 30, "maxLength": 31},
        {"type": "string", "maxLength": 2},
        {"type": "string", "pattern": "^[A-Z]{2}$", "minLength": 2},
        {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
        {"type": "object", "required": ["undeclared"], "properties": {"a": {"type": "string"}}},
        {"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}},
        {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "boolean"}}}]},
        {"anyOf": [{"type": "null"}, {"type": "object", "required": ["a"], "properties": {"a": {"const": 3}}}]},
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"type": ["null", "string"], "enum": [None, "x"]},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "uuid"},
        {"type": "string", "format": "email"},
    ],
)
def test_values_are_true_to_their_schema(schema) -> None:
    schemas = schemas_of(version="3.1.0")
    made = schemas.convert(schema, "x")
    validator = jsonschema_rs.Draft202012Validator(made, validate_formats=True)
    for seed in range(20):
        value = Maker(Shapes(schemas)).value(made, rng("values", seed))
        assert validator.is_valid(value), value
