"""The words of chat completions, against a real local server: what is sent, and how what comes back is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from endpoint_double import Answer, Serving, conversation, one_after_another, said
from hypothesis import given
from hypothesis import strategies as st

from artificer.core.errors import ArtificerError
from artificer.core.messages import Image, Message, Text, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Tokens
from artificer.core.verdicts import ErrorKind
from artificer.formats.openai import message_record, tool_record
from artificer.models.base import Model, Reply, Request, Sampling
from artificer.models.openai import ChatCompletions, reply_of

KEY = "sk-very-secret"
TOOL = ToolSpec("get_lamp", "Shows a lamp.", {"type": "object", "properties": {"lamp_id": {"type": "integer"}}})
ASK = Request((Message("user", "lamp 1"),), (TOOL,), Sampling(max_tokens=9))
HELLO = Answer(said("Hello."))
CALLED = Answer(said(None, [("get_lamp", {"lamp_id": 1})]))


async def ask(endpoint: Serving, request: Request = ASK, options: str = "") -> Reply:
    model = Model.of(f"openai:m@{endpoint.url}?timeout=0.5&tries=3{options}")
    try:
        return await model.reply(request)
    finally:
        await model.close()


async def test_a_call_and_what_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    talk = (
        Message("system", "Be kind."),
        Message("user", "lamp 1", author="ana"),
        Message("assistant", calls=(ToolCall("a", "get_lamp", {"lamp_id": 0}),), author="openai:m@http://host/v1"),
        Message("tool", result=ToolResult("a", error=ErrorKind.not_found, detail="no such lamp")),
    )
    async with Serving(one_after_another(CALLED)) as endpoint:
        reply = await ask(endpoint, Request(talk, (TOOL,), Sampling(max_tokens=9), constrained=True))
    assert reply.message.calls == (ToolCall("call_0", "get_lamp", {"lamp_id": 1}),)
    assert (reply.usage.tokens_in, reply.usage.tokens_out) == (30, 12)
    seen = endpoint.seen[0]
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert "x-session-id" not in seen.headers
    body = seen.body
    assert body["tools"][0]["function"]["name"] == "get_lamp"
    assert body["tool_choice"] == "required"
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert body["messages"][3]["content"] == "error: not_found: no such lamp"
    assert body["messages"][1]["name"] == "ana"
    assert "name" not in body["messages"][2], "endpoints refuse names with a slash"
    assert (body["max_tokens"], body["temperature"], body["model"]) == (9, 0.0, "m")


_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_MESSAGES = st.lists(
    st.one_of(
        st.builds(Message, st.just("user"), _TEXT),
        st.builds(lambda text, uri: Message("user", (Text(text), Image(uri, "image/png"))), _TEXT, _TEXT),
        st.builds(
            lambda text, name, value: Message("assistant", text, calls=(ToolCall("c", name, {"a": value}),)),
            _TEXT,
            _TEXT,
            st.one_of(st.none(), _TEXT, st.integers(-9, 9)),
        ),
        st.builds(lambda value: Message("tool", result=ToolResult("c", value)), st.lists(st.integers(-9, 9), max_size=3)),
    ),
    max_size=5,
)


@given(_MESSAGES, st.lists(st.builds(ToolSpec, _TEXT, _TEXT, st.just({"type": "object"})), max_size=3), st.booleans(), st.booleans())
def test_a_spliced_body_is_the_body(messages: list[Message], tools: list[ToolSpec], constrained: bool, schema: bool) -> None:
    dialect = ChatCompletions('a "model"', {"seed": None, "top_k": 3})
    request = Request(tuple(messages), tuple(tools), Sampling(0.5, 0.9, 7, 3), {"type": "object"} if schema else None, constrained)
    whole: dict[str, Any] = {"model": 'a "model"', "messages": [message_record(message) for message in messages]}
    if tools:
        whole["tools"] = [tool_record(tool) for tool in tools]
    whole |= {"temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "top_k": 3}
    if tools and constrained:
        whole["tool_choice"] = "required"
    if schema:
        whole["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "schema": {"type": "object"}}}
    assert json.loads(dialect.encode(request)) == json.loads(json.dumps(whole))
    assert dialect.encode(request) == dialect.encode(request)


def test_pieces_are_never_another_messages() -> None:
    """Messages that are made and dropped share addresses in memory; their bytes must not."""
    dialect = ChatCompletions("m")
    for number in range(200):
        body = json.loads(dialect.encode(Request((Message("user", f"number {number}"),), (ToolSpec(f"t{number}", "", {}),))))
        assert body["messages"][0]["content"] == f"number {number}"
        assert body["tools"][0]["function"]["name"] == f"t{number}"


@pytest.mark.parametrize(
    ("message", "thoughts"),
    [
        ({"content": "42", "reasoning_content": "6 x 7"}, "6 x 7"),
        ({"content": "42", "reasoning": "6 x 7"}, "6 x 7"),
        ({"content": "<think>6 x 7</think>\n42"}, "6 x 7"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "6 x 7"}]}, {"type": "text", "text": "42"}]}, "6 x 7"),
        ({"content": "42", "reasoning": {"effort": "low"}, "reasoning_content": ""}, None),
    ],
)
async def test_thoughts(message: dict[str, Any], thoughts: str | None) -> None:
    async with Serving(one_after_another(Answer({"choices": [{"message": message}]}))) as endpoint:
        reply = await ask(endpoint)
    assert (reply.message.text, reply.message.reasoning) == ("42", thoughts)
    assert (reply.repairs != ()) == ("<think>" in str(message))


LIKELY = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.5}]


@pytest.mark.parametrize(
    ("choice", "tokens"),
    [
        ({"token_ids": [5, 6], "logprobs": {"content": LIKELY}}, Tokens((5, 6), (-0.5, -1.5))),
        ({"token_ids": [5, 6, 7], "logprobs": {"content": LIKELY}}, Tokens((5, 6, 7))),
        ({"token_ids": [5, 6]}, Tokens((5, 6))),
        ({"logprobs": {"content": [{**one, "id": 8} for one in LIKELY]}}, Tokens((8, 8), (-0.5, -1.5))),
        ({"logprobs": {"content": [{**one, "token": "token_id:9"} for one in LIKELY]}}, Tokens((9, 9), (-0.5, -1.5))),
        ({"logprobs": {"content": LIKELY}}, None),
        ({"logprobs": {"content": None}}, None),
        ({}, None),
    ],
)
async def test_tokens(choice: dict[str, Any], tokens: Tokens | None) -> None:
    async with Serving(one_after_another(Answer(said("ab", **choice)))) as endpoint:
        reply = await ask(endpoint, options="&token_ids=1")
    assert reply.tokens == tokens
    assert endpoint.seen[0].body["return_token_ids"] is True
    assert endpoint.seen[0].body["logprobs"] is True


async def test_a_schema_and_what_it_gives() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    text = '{"name":"get_lamp","arguments":{}}'
    async with Serving(one_after_another(Answer(said(text)))) as endpoint:
        reply = await ask(endpoint, Request(ASK.messages, (TOOL,), schema=schema))
    assert endpoint.seen[0].body["response_format"]["json_schema"]["schema"] == schema
    assert (reply.message.text, reply.message.calls) == (text, ()), "an object that was asked for is no call"


async def test_options_of_the_body_the_query_and_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE", "open-sesame")
    options = '&body.seed=null&body.max_tokens=null&body.reasoning={"effort":"low"}&query.api-version=2026&header.X-Gate-Key=${GATE}'
    async with Serving(one_after_another(HELLO)) as endpoint:
        await ask(endpoint, options=options)
    seen = endpoint.seen[0]
    assert seen.path == "/v1/chat/completions?api-version=2026"
    assert seen.headers["x-gate-key"] == "open-sesame"
    assert seen.body["reasoning"] == {"effort": "low"}
    assert not {"seed", "max_tokens"} & set(seen.body)


async def test_several_calls_and_ids_that_are_missing() -> None:
    message = {"tool_calls": [{"function": {"name": "a", "arguments": '{"x":1}'}}, {"id": "k", "function": {"name": "b", "arguments": {"y": 2}}}]}
    async with Serving(one_after_another(Answer({"choices": [{"message": message}]}))) as endpoint:
        reply = await ask(endpoint)
    assert reply.message.calls == (ToolCall("c1", "a", {"x": 1}), ToolCall("k", "b", {"y": 2}))


@pytest.mark.parametrize("arguments", ['{"lamp_id":', "[1]", "null", 7, None])
async def test_arguments_that_are_no_object(arguments: Any) -> None:
    message = {"tool_calls": [{"id": "x", "function": {"name": "get_lamp", "arguments": arguments}}]}
    async with Serving(one_after_another(Answer({"choices": [{"message": message}]}))) as endpoint:
        reply = await ask(endpoint)
    assert (reply.error, reply.message.calls, endpoint.count) == (ErrorKind.unparsable_call, (), 1)


def test_calls_left_in_the_text_are_read() -> None:
    text = {"choices": [{"message": {"content": '```json\n{"name":"get_lamp","arguments":{"lamp_id":1}}\n```'}}]}
    reply = reply_of(json.dumps(text).encode())
    assert reply.message.calls[0].arguments == {"lamp_id": 1}
    assert "code fence" in reply.repairs


def test_why_an_answer_ended_is_noted() -> None:
    assert reply_of(json.dumps(said("ab", finish_reason="length")).encode()).notes == {"finish": "length"}
    assert reply_of(json.dumps(said("ab")).encode()).notes == {}


async def test_many_at_once_stay_in_order() -> None:
    async with Serving(conversation(lambda number: 0.01)) as endpoint:
        model = Model.of(f"openai:m@{endpoint.url}?parallel=3")
        replies = await model.replies([ASK, Request(ASK.messages)] * 10)
        await model.close()
    assert [bool(reply.message.calls) for reply in replies] == [True, False] * 10
    assert endpoint.most == endpoint.connections == 3
    assert endpoint.seen[0].headers.get("authorization") is None


@pytest.mark.parametrize(
    "text", ["gpt", "openai:", "openai:name", "openai:name@ftp://x", "alien:x", "scripted:nobody", "hf:/no/such/folder", "local:/no/such.gguf"]
)
def test_an_unknown_string_names_what_to_write(text: str) -> None:
    with pytest.raises(ArtificerError, match="do: "):
        Model.of(text)
