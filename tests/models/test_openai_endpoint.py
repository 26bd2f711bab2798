"""The client against a real local server that misbehaves in the ways endpoints do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Model, Reply, Request, Sampling
from artificer.models.openai import OpenAI, Patience, reply_of

KEY = "sk-very-secret"
TOOL = ToolSpec("get_lamp", "Shows a lamp.", {"type": "object", "properties": {"lamp_id": {"type": "integer"}}})
ASK = Request((Message("user", "lamp 1"),), (TOOL,), Sampling(max_tokens=9))
QUICK = Patience(tries=3, pause_s=0.01, longest_s=0.05, timeout_s=0.5)
SAID = {"choices": [{"message": {"role": "assistant", "content": "Hello."}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
CALLED = {
    "choices": [
        {
            "message": {
                "content": None,
                "tool_calls": [{"id": "x", "type": "function", "function": {"name": "get_lamp", "arguments": '{"lamp_id":1}'}}],
            }
        }
    ]
}
Serve = Callable[..., Any]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server that gives its answers one after another (the last for ever); yields a maker of (base address, requests seen)."""
    runners: list[web.AppRunner] = []

    async def start(*answers: tuple[int, Any, dict[str, str]] | float) -> tuple[str, list[Any]]:
        left = list(answers)
        seen: list[Any] = []

        async def handle(request: web.Request) -> web.Response:
            seen.append((request.headers.get("Authorization"), await request.json()))
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, float):
                await asyncio.sleep(answer)
                return web.Response(text="late")
            status, body, headers = answer
            return web.Response(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode(), headers=headers)

        app = web.Application()
        app.router.add_post("/v1/chat/completions", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/v1", seen

    yield start
    for runner in runners:
        await runner.cleanup()


async def ask(base: str, request: Request = ASK, key: str | None = KEY) -> Reply:
    model = OpenAI("m", base, key, QUICK)
    try:
        return await model.reply(request)
    finally:
        await model.close()


async def test_a_call_and_what_was_sent(serve: Serve) -> None:
    base, seen = await serve((200, CALLED, {}))
    talk = (
        Message("system", "Be kind."),
        Message("user", "lamp 1"),
        Message("assistant", calls=(ToolCall("a", "get_lamp", {"lamp_id": 0}),)),
        Message("tool", result=ToolResult("a", error=ErrorKind.not_found, detail="no such lamp")),
    )
    reply = await ask(base, Request(talk, (TOOL,), Sampling(max_tokens=9), constrained=True))
    assert reply.message.calls == (ToolCall("x", "get_lamp", {"lamp_id": 1}),)
    authorization, body = seen[0]
    assert authorization == f"Bearer {KEY}"
    assert body["tools"][0]["function"]["name"] == "get_lamp"
    assert body["tool_choice"] == "required"
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert body["messages"][3]["content"] == "error: not_found: no such lamp"


@pytest.mark.parametrize("first", [(429, {"error": "slow down"}, {"Retry-After": "0.02"}), (503, b"", {}), (429, {}, {"Retry-After": "soon"}), 5.0])
async def test_what_passes_is_tried_again(serve: Serve, first: Any) -> None:
    base, seen = await serve(first, (200, SAID, {}))
    reply = await ask(base)
    assert (reply.message.text, reply.usage.tokens_in, reply.error) == ("Hello.", 3, None)
    assert len(seen) == 2


@pytest.mark.parametrize(("answer", "kind"), [((500, {"error": "broken"}, {}), ErrorKind.transport), (5.0, ErrorKind.timeout)])
async def test_what_does_not_pass_is_a_reply_with_an_error(serve: Serve, answer: Any, kind: ErrorKind) -> None:
    base, seen = await serve(answer)
    reply = await ask(base)
    assert (reply.error, len(seen)) == (kind, 3)
    assert "3 tries" in (reply.detail or "")


async def test_nobody_there() -> None:
    reply = await ask("http://127.0.0.1:9/v1")
    assert reply.error is ErrorKind.transport


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "ARTIFICER_API_KEY"), (404, "model's name"), (400, "chat completions"), (302, "chat completions")]
)
async def test_refusals_are_errors_that_do_not_name_the_key(serve: Serve, status: int, remedy: str) -> None:
    base, seen = await serve((status, {"error": "no"}, {"Location": "http://elsewhere.example/"} if status == 302 else {}))
    with pytest.raises(ArtificerError, match=remedy) as raised:
        await ask(base)
    assert KEY not in str(raised.value)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":[{"message":null}]}',
        b'{"choices":[{"message":{"content":7}}]}',
        b"[" * 50_000,
    ],
)
async def test_junk_is_a_reply_with_an_error(serve: Serve, body: bytes) -> None:
    base, _ = await serve((200, body, {}))
    assert (await ask(base)).error is ErrorKind.transport


async def test_arguments_that_are_no_json(serve: Serve) -> None:
    broken = {"choices": [{"message": {"tool_calls": [{"id": "x", "function": {"name": "get_lamp", "arguments": '{"lamp_id":'}}]}}]}
    base, _ = await serve((200, broken, {}))
    reply = await ask(base)
    assert (reply.error, reply.message.calls) == (ErrorKind.unparsable_call, ())


def test_calls_left_in_the_text_are_read() -> None:
    text = {"choices": [{"message": {"content": '```json\n{"name":"get_lamp","arguments":{"lamp_id":1}}\n```'}}]}
    reply = reply_of(json.dumps(text).encode())
    assert reply.message.calls[0].arguments == {"lamp_id": 1}
    assert "code fence" in reply.repairs


async def test_many_at_once_stay_in_order(serve: Serve) -> None:
    base, seen = await serve((200, SAID, {}))
    model = OpenAI("m", base, None, QUICK, parallel=3)
    replies = await model.replies([ASK] * 10)
    await model.close()
    assert [reply.message.text for reply in replies] == ["Hello."] * 10
    assert len(seen) == 10
    assert seen[0][0] is None


@pytest.mark.parametrize(
    "text", ["gpt", "openai:", "openai:name", "openai:name@ftp://x", "alien:x", "scripted:nobody", "hf:/no/such/folder", "local:/no/such.gguf"]
)
def test_an_unknown_string_names_what_to_write(text: str) -> None:
    with pytest.raises(ArtificerError, match="do: "):
        Model.of(text)


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    model = Model.of("openai:org/m@v2@http://localhost:8000/v1")
    assert model.name == "openai:org/m@v2@http://localhost:8000/v1"
    assert KEY not in repr(model) + model.name
