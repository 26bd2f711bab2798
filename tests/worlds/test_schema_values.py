"""Schema-true values: whatever is drawn satisfies its schema, by another validator than ours; what cannot is NoSample."""

from __future__ import annotations

import re
from random import Random

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.worlds.schema_patterns import BadPattern, text_for
from artificer.worlds.schema_texts import FORMATS
from artificer.worlds.schema_values import NoSample, Sampler, sample

CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER


def agrees(schema, value):
    return jsonschema.Draft202012Validator(schema, format_checker=CHECKER).is_valid(value)


@st.composite
def numbers(draw, kind):
    low = draw(st.integers(-1000, 1000))
    keywords = draw(
        st.sampled_from([(), ("minimum",), ("maximum",), ("exclusiveMinimum",), ("minimum", "maximum"), ("exclusiveMinimum", "exclusiveMaximum")])
    )
    schema = {"type": kind} | {key: low + (draw(st.integers(5, 500)) if key.endswith("aximum") else 0) for key in keywords}
    if draw(st.booleans()) and len(keywords) < 2:
        schema["multipleOf"] = draw(st.integers(1, 7))
    return schema


@st.composite
def texts(draw):
    form = draw(st.integers(0, 3))
    if form == 0:
        least = draw(st.integers(0, 30))
        return {"type": "string", "minLength": least, "maxLength": least + draw(st.integers(0, 20))}
    if form == 1:
        return {"type": "string", "format": draw(st.sampled_from(sorted(FORMATS)))}
    if form == 2:
        return {"type": "string", "pattern": draw(st.sampled_from([r"^[A-Z]{2}-\d+$", r"\d{3}", r"^(a|bc)*x?$", r"^[^\s@]+@[^\s@]+$", r"^\w{4,8}$"]))}
    return {"type": "string"}


def containers(inner):
    named = st.dictionaries(st.sampled_from(["id", "name", "city", "price", "due_date", "tags", "a b", "$ref", "type"]), inner, max_size=5)
    objects = st.builds(
        lambda properties, some, closed: {
            "type": "object",
            "properties": properties,
            "required": [key for key in properties if some],
            **({"additionalProperties": False} if closed else {}),
        },
        named,
        st.booleans(),
        st.booleans(),
    )
    lists = st.builds(
        lambda items, least, more: {"type": "array", "items": items, "minItems": least, "maxItems": least + more}, inner, *[st.integers(0, 3)] * 2
    )
    maps = st.builds(lambda items, least: {"type": "object", "additionalProperties": items, "minProperties": least}, inner, st.integers(0, 3))
    either = st.builds(lambda options, keyword: {keyword: options}, st.lists(inner, min_size=1, max_size=3), st.just("anyOf"))
    merged = st.builds(lambda one: {"allOf": [one, {"description": "also"}]}, inner)
    unless = st.builds(lambda one: {"oneOf": [one, {"const": "never drawn of the other"}]}, objects)
    return st.one_of(objects, lists, maps, either, merged, unless)


leaves = st.one_of(
    numbers("integer"),
    numbers("number"),
    texts(),
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.just(True),
    st.builds(lambda values: {"enum": values}, st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=5)), min_size=1, max_size=4)),
    st.builds(lambda value: {"const": value}, st.one_of(st.integers(), st.text(max_size=5))),
    st.just({"type": ["string", "null"], "examples": ["x", 3]}),
    st.just({"type": "integer", "not": {"const": 3}, "minimum": 1, "maximum": 5}),
)
schemas = st.recursive(leaves, containers, max_leaves=12)


@settings(max_examples=150, deadline=None)
@given(schemas, st.integers(0, 2**32))
def test_every_sample_satisfies_its_schema(schema, seed):
    value = sample(schema, Random(seed))
    assert agrees(schema, value)
    assert sample(schema, Random(seed)) == value


PET = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "kin": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}},
    "required": ["name"],
}
HARD = [
    {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/N"}},
        "required": ["a"],
        "$defs": {"N": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"$ref": "#/$defs/N"}, "minItems": 1}]}},
    },
    {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}}, "required": ["a"]},
            {"properties": {"a": {"maximum": 4}, "b": {"const": 1}}, "required": ["b"]},
        ]
    },
    {"type": "integer", "if": {"minimum": 10}, "then": {"multipleOf": 5}, "minimum": 8, "maximum": 20},
    {"type": "array", "items": {"enum": [1, 2, 3, 4]}, "uniqueItems": True, "minItems": 4},
    {"type": "array", "items": {"type": "integer"}, "contains": {"const": 7}, "minContains": 2},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False, "minItems": 2},
    {"type": "object", "patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": False, "minProperties": 2},
    {"type": "object", "propertyNames": {"pattern": "^[a-f]{3}$"}, "minProperties": 2},
    {"type": "object", "properties": {"card": {}}, "required": ["card"], "dependentRequired": {"card": ["zip"]}},
    {"type": "string", "pattern": "^(?=.*[a-z])[a-z0-9]{6}$"},
    {"type": "string", "pattern": "^[A-Z]+$", "minLength": 40, "maxLength": 50},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
    {"type": ["integer", "object"], "required": ["n"], "properties": {"n": {"$ref": "#"}}},
    {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 5}]},
    {"type": "string", "enum": ["a", 1, None]},
    {"type": "object", "properties": {"x": False, "y": {"type": "string"}}, "required": ["y"]},
    {"$ref": "#/definitions/a%25b", "definitions": {"a%b": {"const": 4}}},
    {"type": "object", "unevaluatedProperties": False, "allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}]},
]


@pytest.mark.parametrize("schema", HARD, ids=range(len(HARD)))
def test_what_is_not_drawn_by_construction(schema):
    sampler = Sampler(schema)
    for seed in range(25):
        assert agrees(schema, sampler.sample(Random(seed)))


def test_definitions_may_be_given_beside_the_schema():
    value = sample({"$ref": "#/components/schemas/Pet"}, Random(3), defs={"Pet": PET}, depth=3)
    assert isinstance(value["name"], str)
    assert agrees({**PET, "components": {"schemas": {"Pet": PET}}}, value)


def test_names_guide_what_is_drawn():
    schema = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("email", "due_date", "city")},
        "required": ["email", "due_date", "city"],
    }
    value = sample(schema, Random(1))
    assert value["email"].endswith("@mail.example")
    assert re.fullmatch(r"2026-\d\d-\d\d", value["due_date"])
    assert value["city"].istitle()


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"enum": []},
        {"$ref": "#"},
        {"type": "integer", "minimum": 4, "maximum": 3},
        {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        {"type": "string", "minLength": 10**9},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "pattern": "("},
        {"type": "string", "pattern": "a{99999}"},
        {"type": "string", "pattern": "(" * 500 + ")" * 500},
        {"type": "string", "pattern": "(?=x)", "maxLength": 0},
        {"type": "nonsense"},
        {"type": 5},
        {"properties": 5},
        {"type": "object", "required": "a"},
        {"not": {}},
        {"anyOf": [False]},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": 5},
        {"type": "integer", "minimum": 10**400},
        "text",
        None,
    ],
    ids=str,
)
def test_what_no_value_satisfies_is_no_sample(schema):
    with pytest.raises(NoSample):
        sample(schema, Random(1))


def test_a_hostile_schema_stays_small():
    wide = {"type": "object", "properties": {f"p{at}": {"$ref": "#/$defs/wide"} for at in range(40)}}
    value = sample({**wide, "$defs": {"wide": wide}}, Random(2), depth=5)
    assert len(str(value)) < 200_000
    deep = {"type": "string"}
    for _ in range(1500):
        deep = {"anyOf": [deep]}
    with pytest.raises(NoSample):
        sample(deep, Random(2))


@given(
    st.integers(0, 2**32),
    st.sampled_from(
        [
            r"^\d{3}-[a-f]+$",
            r"(foo|ba[rz])+",
            r"^[^a-z]{2,5}$",
            r"^\u0041\x42?\.\/$",
            r"^a+?b*?c{2}$",
            r"^(?:x|y){3}$",
            r"^[\w.-]+$",
            r"^\S\W\D$",
            r"^[]a]$",
        ]
    ),
)
def test_a_pattern_matches_what_is_drawn_for_it(seed, pattern):
    assert re.search(pattern, text_for(pattern, Random(seed)), re.ASCII)


@pytest.mark.parametrize("pattern", ["(", ")", "[", "[z-a]", "a{5,2}", "(?#x)", r"\x4", "a" * 3000, r"\p{Greek}", r"[^\s\S]"])
def test_a_pattern_that_cannot_be_read_is_refused(pattern):
    with pytest.raises(BadPattern):
        text_for(pattern, Random(1))
