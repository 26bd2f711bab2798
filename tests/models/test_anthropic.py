"""The words of Anthropic's messages, against a real local server."""

from __future__ import annotations

from typing import Any

import pytest
from endpoint_double import Answer, Serving, one_after_another

from artificer.core.errors import ArtificerError
from artificer.core.messages import Image, Message, Text, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.models.base import Model, Reply, Request, Sampling

TOOL = ToolSpec("get_lamp", "Shows a lamp.", {"type": "object", "properties": {"lamp_id": {"type": "integer"}}})
ASK = Request((Message("user", "lamp 1"),), (TOOL,), Sampling(max_tokens=9))
THOUGHT = {"type": "thinking", "thinking": "The lamp is one.", "signature": "sig=="}
HIDDEN = {"type": "redacted_thinking", "data": "abc"}
USED = {"type": "tool_use", "id": "toolu_1", "name": "get_lamp", "input": {"lamp_id": 1}}


def message(*content: dict[str, Any], stop: str = "end_turn") -> Answer:
    usage = {"input_tokens": 10, "output_tokens": 4, "cache_read_input_tokens": 5}
    return Answer({"type": "message", "role": "assistant", "content": list(content), "stop_reason": stop, "usage": usage})


async def talk(answer: Answer, *requests: Request, options: str = "tries=2") -> tuple[list[Reply], list[Any]]:
    async with Serving(one_after_another(answer)) as endpoint:
        model = Model.of(f"anthropic:claude@{endpoint.url}?{options}")
        try:
            replies = [await model.reply(request) for request in requests]
        finally:
            await model.close()
    return replies, endpoint.seen


async def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    said = (
        Message("system", "Be kind."),
        Message("user", "lamp 1"),
        Message("assistant", "I look.", calls=(ToolCall("c1", "get_lamp", {"lamp_id": 1}), ToolCall("c2", "get_lamp", {"lamp_id": 2}))),
        Message("tool", result=ToolResult("c1", {"on": True})),
        Message("tool", result=ToolResult("c2", error=ErrorKind.not_found, detail="no such lamp")),
        Message("user", (Text("this one"), Image("data:image/png;base64,QUJD", "image/png"))),
    )
    _, seen = await talk(message({"type": "text", "text": "On."}), Request(said, (TOOL,), Sampling(max_tokens=9), constrained=True))
    assert seen[0].path == "/v1/messages"
    assert seen[0].headers["x-api-key"] == "sk-ant-secret"
    assert seen[0].headers["anthropic-version"] == "2023-06-01"
    assert seen[0].body == {
        "model": "claude",
        "max_tokens": 9,
        "temperature": 0.0,
        "system": "Be kind.",
        "tool_choice": {"type": "any"},
        "tools": [{"name": "get_lamp", "description": "Shows a lamp.", "input_schema": TOOL.parameters}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "lamp 1"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "c1", "name": "get_lamp", "input": {"lamp_id": 1}},
                    {"type": "tool_use", "id": "c2", "name": "get_lamp", "input": {"lamp_id": 2}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": '{"on":true}'},
                    {"type": "tool_result", "tool_use_id": "c2", "content": "error: not_found: no such lamp", "is_error": True},
                    {"type": "text", "text": "this one"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
                ],
            },
        ],
    }


@pytest.mark.parametrize("messages", [(), (Message("assistant", "Hello, I am here."),), (Message("user", "  "),)])
async def test_a_conversation_begins_with_the_user_and_has_no_empty_blocks(messages: tuple[Message, ...]) -> None:
    _, seen = await talk(message({"type": "text", "text": "On."}), Request(messages))
    assert seen[0].body["messages"][0] == {"role": "user", "content": [{"type": "text", "text": "(start)"}]}


async def test_what_comes_back() -> None:
    answer = message(THOUGHT, {"type": "text", "text": "I look."}, USED, stop="tool_use")
    replies, _ = await talk(answer, ASK)
    assert replies[0].message == Message("assistant", "I look.", "The lamp is one.", (ToolCall("toolu_1", "get_lamp", {"lamp_id": 1}),))
    assert (replies[0].usage.tokens_in, replies[0].usage.tokens_out, replies[0].notes) == (15, 4, {})


async def test_thoughts_are_sent_back_as_they_came() -> None:
    """Agents give calls ids of their own and name the author; a thought belongs to what was said with it all the same."""
    said = Message("assistant", "I look.", "The lamp is one.", (ToolCall("c7", "get_lamp", {"lamp_id": 1}),), author="anthropic:claude@x")
    other = Message("assistant", "I look.", "Not mine.", (ToolCall("c8", "get_lamp", {"lamp_id": 1}),))
    result = Message("tool", result=ToolResult("c7", 1))
    answer = message(THOUGHT, HIDDEN, {"type": "text", "text": "I look."}, USED)
    _, seen = await talk(answer, ASK, Request((*ASK.messages, said, result)), Request((*ASK.messages, other, result)))
    sent = seen[1].body["messages"][1]["content"]
    assert sent[:2] == [THOUGHT, HIDDEN]
    assert [block["type"] for block in sent[2:]] == ["text", "tool_use"]
    assert [block["type"] for block in seen[2].body["messages"][1]["content"]] == ["text", "tool_use"]


async def test_a_schema_is_a_tool_that_must_be_called() -> None:
    schema = {"type": "object", "properties": {"on": {"type": "boolean"}}}
    answer = message({"type": "tool_use", "id": "t", "name": "reply", "input": {"on": True}}, stop="tool_use")
    replies, seen = await talk(answer, Request(ASK.messages, schema=schema))
    assert seen[0].body["tools"] == [{"name": "reply", "description": "Gives the reply.", "input_schema": schema}]
    assert seen[0].body["tool_choice"] == {"type": "tool", "name": "reply"}
    assert (replies[0].message.text, replies[0].message.calls) == ('{"on":true}', ())


async def test_options_of_the_body() -> None:
    options = 'body.temperature=null&body.max_tokens=4096&body.thinking={"type":"enabled","budget_tokens":2048}'
    _, seen = await talk(message({"type": "text", "text": "On."}), ASK, options=options)
    assert "temperature" not in seen[0].body
    assert (seen[0].body["max_tokens"], seen[0].body["thinking"]["budget_tokens"]) == (4096, 2048)


@pytest.mark.parametrize(
    ("answer", "error", "finish"),
    [
        (message({**USED, "input": "no object"}), ErrorKind.unparsable_call, None),
        (message({"type": "text", "text": "ab"}, stop="max_tokens"), None, "max_tokens"),
        (message(stop="refusal"), None, "refusal"),
        (message(stop="end_turn"), None, None),
        (Answer({"content": []}), ErrorKind.transport, None),
        (Answer({"type": "error", "error": {"type": "overloaded_error"}}), ErrorKind.transport, None),
        (Answer(b'{"content":[{"type":"te'), ErrorKind.transport, None),
    ],
)
def test_junk_and_ends(answer: Answer, error: ErrorKind | None, finish: str | None, in_virtual_time) -> None:
    (replies, _), _ = in_virtual_time(lambda: talk(answer, ASK))
    assert (replies[0].error, replies[0].notes.get("finish")) == (error, finish)


async def test_no_credit_is_said() -> None:
    answer = Answer({"error": {"type": "invalid_request_error", "message": "Your credit balance is too low to access the API."}}, 400)
    with pytest.raises(ArtificerError, match="credit balance"):
        await talk(answer, ASK)
