"""Documents of any kind become tools, or are one clear error: JSON, YAML, Swagger, several files, and what strangers may send."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tasks import Start
from artificer.worlds.base import World

HERE = Path(__file__).parent
MINIMAL = {"openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "paths": {"/a": {"get": {"operationId": "a", "responses": {}}}}}


def world_of(folder: Path, content: object, name: str = "api.json", **options: str) -> World:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return World.of(f"openapi:{path}", **options)


@pytest.mark.parametrize("encode", [str.encode, lambda text: text.encode("utf-8-sig"), lambda text: text.encode("utf-16")])
def test_json_in_every_usual_encoding(tmp_path, encode) -> None:
    assert [tool.name for tool in world_of(tmp_path, encode(json.dumps(MINIMAL))).tools] == ["a"]


def test_yaml_keeps_what_looks_like_other_types(tmp_path) -> None:
    text = """
openapi: 3.0.0
info: {title: t, version: 1}
paths:
  /a:
    get:
      operationId: no
      parameters:
        - {name: on, in: query, schema: {type: string, enum: [no, yes, 2020-01-01, 1e3x]}}
      responses:
        200: {description: fine, content: {application/json: {schema: {type: integer}}}}
"""
    tool = world_of(tmp_path, text.encode(), "api.yaml").tools[0]
    assert tool.name == "no"
    assert tool.parameters["properties"]["on"]["enum"] == ["no", "yes", "2020-01-01", "1e3x"]
    assert tool.returns == {"type": "integer"}


def test_without_the_extra_json_works_and_yaml_says_what_to_install(tmp_path) -> None:
    (tmp_path / "api.json").write_text(json.dumps(MINIMAL))
    code = f"""
import sys
sys.modules["yaml"] = None
from artificer import World
from artificer.core.errors import MissingExtra
print(len(World.of("openapi:{tmp_path}/api.json").tools))
try:
    World.of("openapi:{HERE}/library.yaml")
except MissingExtra as error:
    print(error.remedy)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "1\npip install 'artificer[openapi]'\n", done.stderr


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(12))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"[]", "not an object"),
        (b"just a text", "not an object"),
        (b"{", "no YAML"),
        (b"a: [", "no YAML"),
        (b"a: !!python/object/apply:os.system ['true']", "no YAML"),
        (b"\xff\xfe\x00", "not an object|no YAML|empty"),
        (BOMB.encode(), "values once its aliases are followed"),
        (b"a: &a {b: *a}", "contains itself"),
        (b"[" * 100_000, "no YAML|nested too deep"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested"),
        ({"openapi": "4.0.0", "paths": {}}, "none: '4.0.0'"),
        ({"paths": {}}, "states no version"),
        ({"openapi": "3.0.0", "paths": {}}, "no usable operation"),
        ({"openapi": "3.0.0"}, "has no paths"),
        ({"openapi": "3.0.0", "paths": []}, "is no object"),
        ({"openapi": "3.0.0", "paths": {"/a": 7, "b": {}, "/c": {"get": "x"}}}, "no usable operation"),
    ],
)
def test_what_is_no_document_is_one_clear_error(tmp_path, content, words) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        world_of(tmp_path, content)
    assert caught.value.remedy


def test_files_that_are_not_there(tmp_path) -> None:
    for name in ("none.json", ".", "a\0b"):
        with pytest.raises(SourceError):
            World.of(f"openapi:{tmp_path}/{name}")


def test_a_document_of_50_mb(tmp_path) -> None:
    large = {**MINIMAL, "info": {"title": "t", "version": "1", "description": "x" * 50_000_000}}
    world = world_of(tmp_path, large)
    assert [tool.name for tool in world.tools] == ["a"]
    assert len(world.policy) <= 1500
    with pytest.raises(SourceError, match="more than the 1000000 allowed"):
        World.of(f"openapi:{tmp_path}/api.json", max_document="1000000")
    with pytest.raises(SourceError, match="too large for YAML"):
        world_of(tmp_path, b"openapi: 3.0.0\ndescription: " + b"x" * 50_000_000, "api.yaml")
    with pytest.raises(SourceError, match="no JSON"):
        world_of(tmp_path, b'{"openapi": "3.0.0", "x": "' + b"x" * 50_000_000, "cut.json")


def test_swagger_2_becomes_the_same_tools(tmp_path) -> None:
    swagger = {
        "swagger": "2.0",
        "host": "pets.example",
        "basePath": "/v2",
        "consumes": ["application/json"],
        "securityDefinitions": {"k": {"type": "apiKey", "in": "query", "name": "api_key"}},
        "definitions": {"Pet": {"type": "object", "required": ["name"], "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}},
        "paths": {
            "/pets": {
                "post": {
                    "operationId": "addPet",
                    "parameters": [
                        {"in": "body", "name": "pet", "required": True, "schema": {"$ref": "#/definitions/Pet"}},
                        {"in": "query", "name": "api_key", "type": "string"},
                    ],
                    "responses": {"200": {"description": "", "schema": {"$ref": "#/definitions/Pet"}}},
                },
                "get": {
                    "operationId": "pets",
                    "parameters": [{"in": "query", "name": "tags", "type": "array", "items": {"type": "string"}, "collectionFormat": "multi"}],
                    "responses": {"200": {"description": "", "schema": {"type": "array", "items": {"$ref": "#/definitions/Pet"}}}},
                },
            },
            "/pets/{id}/photo": {
                "post": {
                    "operationId": "upload",
                    "consumes": ["multipart/form-data"],
                    "parameters": [
                        {"in": "path", "name": "id", "required": True, "type": "integer"},
                        {"in": "formData", "name": "photo", "type": "file", "required": True},
                    ],
                    "responses": {"default": {"description": ""}},
                }
            },
        },
    }
    world = world_of(tmp_path, swagger)
    add, pets, upload = world.tools
    assert list(add.parameters["properties"]) == ["name", "id"], "the body's properties; the key is no argument"
    assert add.parameters["required"] == ["name"]
    assert add.returns is not None
    assert add.returns["$ref"] == "#/$defs/Pet"
    assert pets.parameters["properties"]["tags"] == {"type": "array", "items": {"type": "string"}}
    assert upload.parameters["required"] == ["id", "photo"]
    assert upload.parameters["properties"]["photo"]["type"] == "string"


async def test_documents_of_several_files_are_brought_together_within_their_folder(tmp_path) -> None:
    inside = tmp_path / "api"
    inside.mkdir()
    (tmp_path / "secret.json").write_text('{"type": "object", "properties": {"secret": {"const": "hunter22"}}}')
    (inside / "link.json").symlink_to(tmp_path / "secret.json")
    (inside / "parts").mkdir()
    (inside / "parts" / "pet.yaml").write_text("Pet: {type: object, properties: {tag: {$ref: '../tag.json#/Tag'}, next: {$ref: '#/Pet'}}}")
    (inside / "tag.json").write_text('{"Tag": {"type": "string", "enum": ["a"]}}')
    answers = {
        name: {
            "get": {"operationId": name[1:], "responses": {"200": {"description": "", "content": {"application/json": {"schema": {"$ref": ref}}}}}}
        }
        for name, ref in {
            "/good": "parts/pet.yaml#/Pet",
            "/up": "../secret.json",
            "/link": "link.json",
            "/absolute": str(tmp_path / "secret.json"),
            "/url": "https://evil.example/x.json",
            "/none": "missing.json",
        }.items()
    }
    world = world_of(inside, {**MINIMAL, "paths": answers})
    tools = {tool.name: tool for tool in world.tools}
    assert "hunter22" not in str(tools)
    good = tools["good"].returns
    assert good is not None
    assert set(good["$defs"]) == {"Pet", "Tag"}
    assert {name for name, tool in tools.items() if tool.returns is None} == {"up", "link", "absolute", "url", "none"}
    assert sum("lies outside the document" in problem.what for problem in world.problems) == 5
    session = await world.open(Start())
    assert (await session.call(ToolCall("c", "good", {}))).content["tag"] == "a"
