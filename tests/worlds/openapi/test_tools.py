"""Tools from operations: names, arguments, effects, attributes, and what is said of everything that could not be used as it was."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.cli import main
from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec
from artificer.worlds.base import TOOL_NAME, World
from artificer.worlds.openapi.document import Document
from artificer.worlds.openapi.names import tool_name
from artificer.worlds.openapi.specs import Sizes
from artificer.worlds.openapi.world import Api

LIBRARY = f"openapi:{Path(__file__).parent}/library.yaml"


def api_of(paths: dict, **more: object) -> Api:
    return Api(Document({"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": paths, **more}, "test"), Sizes(), {})


def operation(**more: object) -> dict:
    return {"responses": {"200": {"description": ""}}, **more}


def problems(api: Api) -> list[tuple[str, str]]:
    return [(problem.where, problem.what) for problem in api.document.problems]


@pytest.fixture(scope="module")
def library() -> dict[str, ToolSpec]:
    return {tool.name: tool for tool in World.of(LIBRARY).tools}


def test_arguments_are_parameters_and_properties_of_the_body(library) -> None:
    tool = library["createBook"]
    assert list(tool.parameters["properties"]) == ["X-Trace", "title", "genre", "pages"]
    assert tool.parameters["required"] == ["title", "genre"]
    assert tool.parameters["additionalProperties"] is False
    assert tool.parameters["$defs"] == {"Genre": {"type": "string", "enum": ["novel", "poetry", "science", "history"]}}
    assert tool.effect == "write"
    assert library["listBooks"].effect == "read"
    assert library["search"].effect == "unknown"


def test_attributes_tell_where_a_tool_is_from_and_how_it_pages(library) -> None:
    assert library["listBooks"].attributes == {
        "method": "GET",
        "path": "/books",
        "tags": ["books"],
        "auth": ["apiKey"],
        "paging": {"limit": "limit", "offset": "offset"},
    }


def test_attributes_of_the_documents_own_are_kept_when_they_are_small_and_typed() -> None:
    own = {"timeliness": "daily", "domains": ["equity", "fund"], "risk": 2, "method": "mine", "deep": {"a": 1}}
    api = api_of(
        {"/a": {"get": operation(operationId="a", **{"x-artificer": own}), "post": operation(operationId="b", **{"x-artificer": {"x": "y" * 9000}})}}
    )
    expected = {"timeliness": "daily", "domains": ["equity", "fund"], "risk": 2, "method": "GET", "path": "/a"}
    assert api.specs["a"].attributes == expected
    assert api.specs["b"].attributes == {"method": "POST", "path": "/a"}
    assert [where for where, _ in problems(api)] == ["GET /a", "POST /a"]


def test_results_that_refer_to_themselves_stay_references(library) -> None:
    returns = library["getBook"].returns
    assert returns is not None
    assert returns["$ref"] == "#/$defs/Book"
    assert returns["$defs"]["Book"]["allOf"][1]["properties"]["sequel"] == {"$ref": "#/$defs/Book"}
    assert library["deleteBook"].returns is None


def test_what_stands_in_path_and_body_is_said_once(library) -> None:
    assert list(library["putMember"].parameters["properties"]) == ["username", "email", "note"]


def test_names_are_unique_and_every_doubt_is_reported() -> None:
    api = api_of(
        {
            "/a": {"get": operation(operationId="same"), "post": operation(operationId="same"), "put": operation(operationId="SAME")},
            "/b": {"get": operation(operationId="lіst")},  # a Cyrillic letter
            "/c": {"get": operation(operationId="list"), "post": operation(operationId="ｌｉｓｔ")},
            "/d/{x}": {"get": operation(operationId="\u202eevil\u202c"), "post": operation()},
            "/e": {"get": operation(operationId="日本"), "post": operation(operationId=7), "head": operation(operationId="a" * 200)},
        }
    )
    names = list(api.specs)
    assert names[:3] == ["same", "same_2", "SAME_3"]
    assert names[3:6] == ["l_st", "list", "list_2"]
    assert names[6:] == ["evil", "post_d_by_x", "get_e", "post_e", names[-1]]
    assert len(names[-1]) == 64
    assert len({name.lower() for name in names}) == len(names)
    said = problems(api)
    assert ("POST /a", "the name 'same' is taken by another operation; called 'same_2'") in said
    assert any(where == "GET /b" and "only look like letters" in what for where, what in said)
    assert any("'x' of the path is not declared" in what for _, what in said)


@given(st.text(max_size=120), st.sampled_from(["get", "post"]), st.text(max_size=40))
def test_any_operation_id_gives_a_tool_name(name, method, path) -> None:
    assert TOOL_NAME.fullmatch(tool_name(name, method, "/" + path))


def test_parameters_that_make_no_sense_are_left_out_and_reported() -> None:
    raw = [
        {"name": "a", "in": "nowhere"},
        {"in": "query"},
        {"$ref": "#/components/parameters/None"},
        "text",
        {"name": "gone", "in": "path", "required": True},
        {"name": "bad header\r\n", "in": "header", "schema": {}},
        {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
        {"name": "$top", "in": "query", "schema": {"type": "integer"}},
        {"name": "filter[a]", "in": "query", "schema": {"type": "string"}},
        {"name": "x", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
    ]
    api = api_of({"/a/{id}": {"get": operation(operationId="a", parameters=raw)}})
    properties = api.specs["a"].parameters["properties"]
    assert set(properties) == {"id", "top", "filter_a", "x"}
    assert properties["top"]["description"] == "(sent as $top)"
    assert len(problems(api)) == 7


def test_bodies_that_are_no_plain_object_are_one_argument() -> None:
    def body(schema: object, media: str = "application/json") -> dict:
        return operation(requestBody={"required": True, "content": {media: {"schema": schema}}})

    kinds = {
        "list": body({"type": "array", "items": {"type": "string"}}),
        "either": body({"oneOf": [{"type": "object", "properties": {"a": {}}}, {"type": "object", "properties": {"b": {}}}]}),
        "map": body({"type": "object", "additionalProperties": {"type": "string"}}),
        "xml": body({"type": "object", "properties": {"a": {}}}, "application/xml"),
    }
    api = api_of({f"/{name}": {"post": {**entry, "operationId": name}} for name, entry in kinds.items()})
    assert {name: list(tool.parameters["properties"]) for name, tool in api.specs.items()} == {name: ["body"] for name in kinds}
    assert api.specs["xml"].parameters["properties"]["body"]["type"] == "string"


def test_a_body_property_named_like_a_parameter_keeps_a_name_of_its_own() -> None:
    entry = operation(
        operationId="a",
        parameters=[{"name": "name", "in": "query", "schema": {"type": "integer"}}],
        requestBody={"content": {"application/json": {"schema": {"type": "object", "properties": {"name": {"type": "string"}}}}}},
    )
    tool = api_of({"/a": {"post": entry}}).specs["a"]
    assert tool.parameters["properties"] == {"name": {"type": "integer"}, "body_name": {"type": "string", "description": "(sent as name)"}}


def test_texts_from_strangers_hide_nothing() -> None:
    tool = api_of({"/a": {"get": operation(operationId="a", summary="Look\u202e\u200b at\x1b[2J\n\nthis " + "x" * 5000)}}).specs["a"]
    assert tool.description.startswith("Look at [2J this xxx")
    assert len(tool.description) <= 600


def test_schemas_are_cut_to_the_bytes_allowed_and_it_is_said(tmp_path) -> None:
    wide = {
        "type": "object",
        "properties": {f"p{n}": {"type": "object", "properties": {f"q{k}": {"type": "string"} for k in range(30)}} for n in range(40)},
    }
    content = {"content": {"application/json": {"schema": wide}}}
    path = tmp_path / "api.json"
    entry = {"operationId": "a", "requestBody": content, "responses": {"200": {"description": "", **content}}}
    path.write_text(json.dumps({"openapi": "3.0.0", "paths": {"/a": {"post": entry}}}))
    world = World.of(f"openapi:{path}", parameters_bytes="4000", returns_bytes="3000")
    assert len(json.dumps(world.tools[0].parameters)) < 4500
    assert len(json.dumps(world.tools[0].returns)) < 3500
    assert [problem.where for problem in world.problems] == ["schemas of parameters", "schemas of results"]
    assert list(world.tools[0].parameters["properties"]) == [f"p{n}" for n in range(40)], "what is at the top stays"


KEYS = (
    "get",
    "post",
    "parameters",
    "requestBody",
    "responses",
    "content",
    "application/json",
    "schema",
    "$ref",
    "name",
    "in",
    "200",
    "tags",
    "/a/{id}",
    "operationId",
    "servers",
    "security",
    "type",
    "properties",
    "description",
    "summary",
    "examples",
    "required",
    "x",
)
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["#/components/x", "#/paths", "object", "query", "path", "/a", "id"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=40,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["/a", "/a/{id}", "/b/{x}/{y}"]), junk, max_size=3), junk, st.sampled_from(["2.0", "3.0.0", "3.1.0"]))
def test_any_document_gives_valid_tools_or_problems(paths, components, version) -> None:
    key = "swagger" if version == "2.0" else "openapi"
    api = Api(Document({key: version, "paths": paths, "components": components, "definitions": components}, "test"), Sizes(), {})
    for tool in api.specs.values():
        assert TOOL_NAME.fullmatch(tool.name)
        jsonschema_rs.Draft202012Validator(tool.parameters)
        if tool.returns is not None:
            jsonschema_rs.Draft202012Validator(tool.returns)


def test_the_command_line_lists_tools_and_problems_as_json(tmp_path, capsys) -> None:
    path = tmp_path / "api.json"
    path.write_text(json.dumps({"openapi": "3.0.0", "paths": {"/a": {"get": operation(operationId="a"), "trace": operation()}}}))
    assert main(["tools", f"openapi:{path}", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [tool["name"] for tool in listed["tools"]] == ["a"]
    assert listed["problems"] == [{"where": "TRACE /a", "what": "TRACE operations are no tools; left out"}]
    assert main(["tools", f"openapi:{path}"]) == 0
    assert re.search(r"TRACE /a +TRACE operations are no tools", capsys.readouterr().out)


def test_a_scheme_of_an_unknown_kind_is_reported() -> None:
    api = api_of(
        {"/a": {"get": operation(operationId="a")}},
        components={"securitySchemes": {"m": {"type": "mutualTLS"}, "bad": {"type": "apiKey", "in": "x"}}},
    )
    assert [where for where, _ in problems(api)] == ["security scheme m", "security scheme bad"]


def test_an_unknown_option_is_one_clear_error() -> None:
    with pytest.raises(SourceError, match="do not take the options"):
        World.of(LIBRARY, template="x")
