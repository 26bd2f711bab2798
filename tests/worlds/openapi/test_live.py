"""Calls over a real HTTP server: what is sent, and that whatever comes back is a result without secrets."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path

import pytest
from aiohttp import web

from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall, ToolResult
from artificer.core.tasks import Start
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import World

SECRET = "s3cret-te/st+key"
DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "t", "version": "1"},
    "security": [{"key": []}],
    "components": {
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "user": {"type": "http", "scheme": "basic"},
            "asked": {"type": "apiKey", "in": "query", "name": "token"},
        }
    },
    "paths": {
        "/things/{id}": {
            "get": {
                "operationId": "get",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
                    {"name": "tags", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "ids", "in": "query", "explode": False, "schema": {"type": "array", "items": {"type": "integer"}}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                    {"name": "mood", "in": "cookie", "schema": {"type": "string"}},
                ],
                "responses": {"200": {"description": "", "content": {"application/json": {"schema": {"type": "object", "required": ["path"]}}}}},
            },
            "post": {
                "operationId": "change",
                "requestBody": {"content": {"application/json": {"schema": {"type": "object", "properties": {"name": {"type": "string"}}}}}},
                "responses": {"200": {"description": "", "content": {"application/json": {"schema": {}}}}},
            },
        },
        "/form": {
            "post": {
                "operationId": "form",
                "security": [{"user": []}],
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "object"}}}
                        }
                    }
                },
                "responses": {"200": {"description": "", "content": {"application/json": {"schema": {}}}}},
            }
        },
        "/elsewhere": {"servers": [{"url": "http://other.example"}], "get": {"operationId": "elsewhere", "responses": {}}},
    },
}


async def echo(request: web.Request) -> web.Response:
    seen = {"path": request.raw_path, "method": request.method, "headers": dict(request.headers), "body": (await request.text())}
    return web.json_response(seen)


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1000):
        await response.write(b"x" * 65536)
    return response


ZIPPED = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
FIXED = {
    "html": {"text": "<!DOCTYPE html><p>hello", "content_type": "text/html"},
    "bomb": {"body": gzip.compress(b"x" * 50_000_000), "headers": ZIPPED},
    "zipped": {"body": gzip.compress(b'{"path": "z"}'), "headers": ZIPPED},
    "brotli": {"body": b"x", "headers": {"Content-Encoding": "br"}},
    "deep": {"text": "[" * 100_000, "content_type": "application/json"},
}
ONWARD = {"away": "http://evil.example/steal", "loop": "/things/loop", "moved": "/things/here"}


async def answer(request: web.Request) -> web.StreamResponse:
    kind = request.match_info["id"]
    if kind in FIXED:
        return web.Response(**FIXED[kind])
    if kind in ONWARD:
        raise web.HTTPFound(ONWARD[kind])
    if kind == "endless":
        return await endless(request)
    if kind == "never":
        await asyncio.sleep(30)
    if kind == "leak":
        escaped = "".join(f"\\u{ord(mark):04x}" for mark in request.headers["X-Key"])
        return web.Response(text=f'{{"path": "{escaped}", "again": {json.dumps(request.headers["X-Key"])}}}', content_type="application/json")
    if kind == "cut":
        transport = request.transport
        assert transport is not None
        transport.close()
        return web.Response()
    if kind.isdigit():
        return web.json_response({"message": f"no, {request.headers.get('X-Key')}"}, status=int(kind))
    return await echo(request)


@pytest.fixture
async def base():
    app = web.Application()
    app.router.add_get("/v1/things/{id}", answer)
    app.router.add_get("/things/{id}", answer)
    app.router.add_route("*", "/v1/{rest:.*}", echo)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "api.json"
    path.write_text(json.dumps(DOCUMENT))
    return str(path)


@pytest.fixture
async def session(base, document, monkeypatch):
    monkeypatch.setenv("ARTIFICER_OPENAPI_KEY", SECRET)
    monkeypatch.setenv("MY_LOGIN", "ana:hunter22")
    world = World.of(f"openapi:{document}", server=base, timeout="1", max_bytes="100000", **{"auth.user": "MY_LOGIN"})
    session = await world.open(Start())
    yield session
    await session.close()


async def ask(session, name: str, /, **arguments) -> ToolResult:
    return await session.call(ToolCall("c", name, arguments))


async def test_arguments_are_sent_where_they_belong(session) -> None:
    given = {"id": "a/b c?é", "filter": {"x": 1}, "tags": ["p", "q&r"], "ids": [1, 2], "X-Trace": "t1", "mood": "good; bad"}
    result = await ask(session, "get", **given)
    assert result.error is None, result.detail
    content = result.content
    assert content["path"] == "/v1/things/a%2Fb%20c%3F%C3%A9?filter%5Bx%5D=1&tags=p&tags=q%26r&ids=1%2C2"
    assert content["headers"]["X-Trace"] == "t1"
    assert content["headers"]["Cookie"] == "mood=good%3B%20bad"
    assert content["headers"]["X-Key"] == "[hidden]", "the key was sent, and is not shown"


async def test_bodies_are_sent_as_the_document_says(session) -> None:
    posted = (await ask(session, "change", id="7", name="n")).content
    assert (posted["method"], json.loads(posted["body"]), posted["headers"]["Content-Type"]) == ("POST", {"name": "n"}, "application/json")
    form = (await ask(session, "form", a="x y", b={"c": [1]})).content
    assert form["body"] == "a=x+y&b%5Bc%5D%5B%5D=1"
    assert form["headers"]["Authorization"] == "Basic [hidden]"


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("html", ErrorKind.bad_output, "a web page"),
        ("endless", ErrorKind.bad_output, "more than the 100000 bytes"),
        ("bomb", ErrorKind.bad_output, "more than the 100000 bytes"),
        ("brotli", ErrorKind.bad_output, "compressed"),
        ("never", ErrorKind.timeout, "within 1 s"),
        ("away", ErrorKind.transport, "another host (http://evil.example:80)"),
        ("loop", ErrorKind.transport, "redirects more than"),
        ("deep", ErrorKind.bad_output, "no JSON"),
        ("cut", ErrorKind.transport, "the exchange failed"),
        ("404", ErrorKind.not_found, "status 404"),
        ("403", ErrorKind.forbidden, "[hidden]"),
        ("409", ErrorKind.constraint, "status 409"),
        ("422", ErrorKind.invalid_argument, "status 422"),
        ("429", ErrorKind.transport, "status 429"),
        ("500", ErrorKind.internal, "status 500"),
        ("..", ErrorKind.invalid_argument, "cannot stand in a path"),
    ],
)
async def test_whatever_a_server_does_is_a_result(session, kind: str, error: ErrorKind, words: str) -> None:
    result = await ask(session, "get", id=kind)
    assert result.error is error
    assert words in (result.detail or "")
    assert SECRET not in str(result)
    assert (await ask(session, "get", id="fine")).error is None, "the session goes on"


async def test_redirects_within_the_host_and_compressed_answers_are_fine(session) -> None:
    assert (await ask(session, "get", id="moved")).content["path"] == "/things/here"
    assert (await ask(session, "get", id="zipped")).content == {"path": "z"}


async def test_secrets_are_nowhere(session) -> None:
    leaked = await ask(session, "get", id="leak")
    assert leaked.content == {"path": "[hidden]", "again": "[hidden]"}
    assert SECRET not in str(session.effects())


async def test_other_hosts_are_refused(session) -> None:
    result = await ask(session, "elsewhere")
    assert result.error is ErrorKind.forbidden
    assert "other.example" in (result.detail or "")


async def test_writes_that_succeeded_are_effects_and_nothing_forks(session) -> None:
    before = session.digest()
    await ask(session, "get", id="1x")
    assert (session.digest(), session.effects()) == (before, ())
    await ask(session, "change", id="7", name="n")
    assert [effect.key for effect in session.effects()] == [(2, 'change {"id":"7","name":"n"}')]
    assert session.digest() != before
    with pytest.raises(SourceError, match="cannot be forked"):
        await session.fork()


async def test_a_header_that_would_break_is_refused(session) -> None:
    result = await ask(session, "get", id="x", **{"X-Trace": "a\r\nX-Key: b"})
    assert result.error is ErrorKind.invalid_argument


async def test_missing_credentials_are_said_before_anything_is_sent(base, document, monkeypatch) -> None:
    monkeypatch.delenv("ARTIFICER_OPENAPI_KEY", raising=False)
    world = World.of(f"openapi:{document}", server=base)
    assert any("ARTIFICER_OPENAPI_KEY is not set" in problem.what for problem in world.problems)
    session = await world.open(Start())
    result = await ask(session, "get", id="fine")
    assert result.error is ErrorKind.forbidden
    assert "ARTIFICER_OPENAPI_KEY" in (result.detail or "")
    await session.close()
    assert world.forks == "none"


async def test_answers_are_held_to_their_schema_when_asked(base, document, monkeypatch) -> None:
    monkeypatch.setenv("ARTIFICER_OPENAPI_KEY", SECRET)
    session = await World.of(f"openapi:{document}", server=base, strict="true").open(Start())
    assert (await ask(session, "get", id="fine")).error is None
    session2 = await World.of(f"openapi:{document}", server=base).open(Start())
    assert (await ask(session2, "get", id="fine")).error is None
    await session.close()
    await session2.close()
    assert (await ask(session2, "get", id="fine")).error is ErrorKind.transport


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"server": "ftp://x"}, "no http"),
        ({"server": "http://user:pw@host/"}, "no user, password"),
        ({"live": "true"}, "names no server"),
        ({"live": "yes"}, "neither true nor false"),
        ({"allow": "host"}, "none is named"),
        ({"server": "http://host", "allow": "a b://"}, "no host"),
        ({"timeout": "0"}, "number of seconds"),
        ({"max_bytes": "-1"}, "whole number"),
        ({"nonsense": "1"}, "do not take the options"),
    ],
)
def test_options_that_make_no_sense_are_one_clear_error(document, options, words) -> None:
    with pytest.raises(SourceError, match=words):
        World.of(f"openapi:{document}", **options)


@pytest.mark.parametrize(
    "server", ["http://localhost:1/", "http://127.0.0.1/", "http://169.254.169.254/", "http://[::1]/", "http://2130706433/", "http://box/"]
)
def test_a_document_cannot_send_calls_into_a_private_network(tmp_path, server) -> None:
    path = tmp_path / "api.json"
    path.write_text(json.dumps({**DOCUMENT, "servers": [{"url": server}]}))
    with pytest.raises(SourceError, match="private network"):
        World.of(f"openapi:{path}", live="true")


async def test_documents_are_fetched_but_not_from_elsewhere(monkeypatch) -> None:
    async def document(request: web.Request) -> web.Response:
        if request.path == "/moved":
            raise web.HTTPFound("http://evil.example/openapi.json")
        if request.path == "/page":
            return web.Response(text="<html>", content_type="text/html")
        if request.path == "/large":
            return web.Response(body=b" " * 300_000)
        return web.json_response(DOCUMENT) if request.path == "/openapi.json" else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{rest:.*}", document)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        world = await asyncio.to_thread(World.of, f"openapi:{base}/openapi.json")
        assert [tool.name for tool in world.tools] == ["get", "change", "form", "elsewhere"]
        for path, words in (("moved", "another host"), ("page", "web page"), ("none", "status 404"), ("large", "more than the 200000 bytes")):
            with pytest.raises(SourceError, match=words):
                await asyncio.to_thread(World.of, f"openapi:{base}/{path}", max_document="200000")
    finally:
        await runner.cleanup()
    with pytest.raises(SourceError, match="no user or password") as caught:
        World.of("openapi:http://ana:hunter22@host/openapi.json")
    assert "hunter22" not in str(caught.value)
