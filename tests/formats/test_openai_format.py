from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.core.canon import canonical
from artificer.core.errors import ArtificerError
from artificer.core.messages import Image, Message, Text, ToolCall, ToolResult
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import ErrorKind, Verdict
from artificer.formats.openai import LOSSES, Conversation, conversations, read, write

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
calls = st.lists(
    st.builds(
        ToolCall, st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8), st.dictionaries(st.text(max_size=6), json_values, max_size=3)
    ),
    max_size=3,
)
results = st.builds(ToolResult, st.text(max_size=6), json_values) | st.builds(
    lambda call, error, detail: ToolResult(call, error=error, detail=detail), st.text(max_size=6), st.sampled_from(ErrorKind), st.none() | st.text()
)
author = st.none() | st.text(min_size=1, max_size=6)
messages = st.one_of(
    st.builds(lambda text, name: Message("user", text, author=name), st.text(), author),
    st.builds(lambda text: Message("user", (Text(text), Image("data:image/png;base64,AA", "image/png"))), st.text()),
    st.builds(
        lambda text, made, thought, name: Message("assistant", text, thought, tuple(made), author=name),
        st.text(),
        calls,
        st.none() | st.text(),
        author,
    ),
    st.builds(lambda result: Message("tool", result=result), results),
    st.builds(lambda text: Message("system", text), st.text()),
)


def round_trip(items: list[Conversation], folder: Path) -> list[Conversation]:
    path = folder / "chat.jsonl"
    with path.open("wb") as out:
        assert write(items, out) == len(items)
    return list(read(path))


@given(st.lists(messages, min_size=1, max_size=5), st.text(max_size=5))
@settings(max_examples=150)
def test_what_the_format_holds_comes_back(tmp_path_factory: pytest.TempPathFactory, said: list[Message], name: str) -> None:
    tool = ToolSpec("f", "Does f.", {"type": "object", "properties": {"x": {"type": "integer"}}})
    item = Conversation(tuple(said), (tool,), name)
    (back,) = round_trip([item], tmp_path_factory.mktemp("chat"))
    assert canonical(back) == canonical(item)


def test_the_written_form_is_the_published_one() -> None:
    out = io.BytesIO()
    spec = ToolSpec("f", "Does f.", {"type": "object"}, effect="read")
    asked = Message("assistant", calls=(ToolCall("c1", "f", {"x": 1}),))
    write([Conversation((Message("user", "go"), asked, Message("tool", result=ToolResult("c1", [1]))), (spec,))], out)
    assert msgspec.json.decode(out.getvalue()) == {
        "messages": [
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}],
            },
            {"role": "tool", "content": "[1]", "tool_call_id": "c1"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "Does f.", "parameters": {"type": "object"}}}],
    }


def test_only_passed_branches_are_conversations() -> None:
    nodes = (
        Node(None, Message("user", "go")),
        Node(0, Message("assistant", "good"), sampled=True),
        Node(0, Message("assistant", "bad"), sampled=True),
    )
    trace = Trace("t", "k", "w", "d", nodes, {1: Verdict(1.0, True), 2: Verdict(0.0, False)})
    made = list(conversations(trace, (), "Be kind."))
    assert [[message.text for message in one.messages] for one in made] == [["Be kind.", "go", "good"]]
    assert any("branches" in loss for loss in LOSSES)


@pytest.mark.parametrize(
    "line",
    [
        "junk",
        "[]",
        "{}",
        '{"messages": 3}',
        '{"messages": [{"role": "alien", "content": ""}]}',
        '{"messages": [{"role": "user", "content": 3}]}',
        '{"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]}',
        '{"messages": [], "tools": [{}]}',
        "[" * 100_000,
        '"\\ud800',
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"messages": []}\n\n' + line + "\n")
    with pytest.raises(ArtificerError) as raised:
        list(read(path))
    assert f"{path}:3" in str(raised.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArtificerError, match="cannot be read"):
        list(read(tmp_path / "none.jsonl"))
