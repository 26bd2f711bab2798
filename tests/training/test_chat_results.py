"""Results of tools: rows of tokens, rows for trainers and requests to served models show one and the same text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from tests.formats.strategies import results
from tests.training.test_chat_rows import TOOL, template_of, tokenizer_of

from artificer.core.canon import Json
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.trace import Node, Trace
from artificer.formats import trl
from artificer.formats.account import Account
from artificer.formats.base import Item
from artificer.formats.parts import result_of
from artificer.models.anthropic import Messages
from artificer.models.base import Request
from artificer.models.openai import ChatCompletions
from artificer.models.tokens import Tokens
from artificer.training.chat.rows import CONTEXT, render

RECORDED = [
    'total 2\n-rw a.txt\tsays "hi"',
    "error: not_found: no such order 7",
    "error: timeout",
    "Error: no such file",
    "1e3",
    "1000",
    "",
    " ",
    "null",
    "[]",
    '{"state":"open"}',
    '{"cut": ',
    "a\u2028b \U0001f600",
]
"""Results as others recorded them, as text."""
FAMILIES = ("qwen25", "qwen3", "hermes", "glm45")
"""Families that are told as trainers' rows are, and print no date."""


def told_of(result: ToolResult) -> list[Node]:
    said = [
        Message("user", "Cancel 7."),
        Message("assistant", "", calls=(ToolCall("c1", "find_order", {"id": 7}),)),
        Message("tool", result=result),
        Message("assistant", "It is open."),
        Message("user", "Thanks"),
        Message("assistant", "Bye."),
    ]
    return [Node(at - 1 if at else None, one, sampled=one.role == "assistant") for at, one in enumerate(said)]


def trainers_row(nodes: list[Node]) -> dict[str, Json]:
    (row,) = trl.render(Item(Trace("t", "", "", "", tuple(nodes)), (TOOL,)), Account())
    return row


def same(nodes: list[Node], family: str) -> None:
    tokenizer, template, row = tokenizer_of(family), template_of(family), trainers_row(nodes)
    messages = [Tokens(tokenizer).harmless_all(one | {"content": one["content"] or ""}) for one in row["messages"]]
    found = render(nodes, template, (TOOL,))
    assert not found.missing
    for one in found.rows:
        for at in {*one.owner} - {CONTEXT}:
            before = tokenizer.apply_chat_template(messages[:at], json.loads(row["tools"]), add_generation_prompt=True, return_dict=False)
            assert list(one.ids[: one.owner.index(at)]) == before


@pytest.mark.parametrize("family", FAMILIES)
def test_what_stands_before_a_message_is_the_trainers_row_in_the_template(family):
    for text in RECORDED:
        same(told_of(result_of("c1", text)), family)


@given(results)
@settings(max_examples=30, deadline=None)
def test_any_result_stands_as_in_the_trainers_row(result):
    same(told_of(ToolResult("c1", result.content, error=result.error, detail=result.detail)), "qwen25")


@pytest.mark.parametrize("text", RECORDED)
def test_a_served_model_is_told_what_was_recorded(text):
    nodes = told_of(result_of("c1", text))
    request = Request(tuple(node.message for node in nodes[:3]))
    shown = {
        json.loads(ChatCompletions("m").encode(request))["messages"][2]["content"],
        json.loads(Messages("m").encode(request))["messages"][2]["content"][0]["content"],
        trainers_row(nodes)["messages"][2]["content"],
        template_of("qwen25").records([node.message for node in nodes])[2]["content"],
    }
    assert shown == {text}
