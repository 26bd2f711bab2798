from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.core.canon import canonical
from artificer.core.messages import Message, ToolCall
from artificer.core.verdicts import ErrorKind
from artificer.models.dialect import LIMIT, MOST_CALLS, call_text, message_text, parse

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
arguments = st.dictionaries(st.text(max_size=12), json_values, max_size=5)
calls = st.lists(st.tuples(st.text(min_size=1, max_size=20), arguments), min_size=1, max_size=4)


@given(calls)
def test_what_is_written_is_read_back_without_repair(written: list[tuple[str, dict[str, object]]]) -> None:
    message = Message("assistant", calls=tuple(ToolCall(f"c{at}", name, given) for at, (name, given) in enumerate(written, 1)))
    read = parse(message_text(message))
    assert read.error is None
    assert read.repairs == ()
    assert canonical(read.calls) == canonical(message.calls)


@given(st.text(alphabet=st.sampled_from('{}[]":,\\ \n`namerguts01eE+-.\u2028\ud800')) | st.text())
def test_no_text_crashes_the_reader(text: str) -> None:
    read = parse(text)
    assert read.error is None or read.calls == ()


@given(calls, st.integers(1, 60))
def test_a_call_cut_short_is_mended_and_said_so_or_an_error(written: list[tuple[str, dict[str, object]]], cut: int) -> None:
    text = call_text(*written[0])[:-cut]
    read = parse(text)
    assert not read.calls or read.repairs


@pytest.mark.parametrize(
    ("text", "repair"),
    [
        ('```json\n{"name": "f", "arguments": {"x": 1}}\n```', "code fence"),
        ('Sure! {"name": "f", "arguments": {"x": 1}}', "text beside the call"),
        ('{"name": "f", "arguments": {"x": 1,}}', "trailing comma"),
        ('{"name": "f", "arguments": {"x": 1', "open bracket"),
        ('{"name": "f", "parameters": {"x": 1}}', "key 'parameters' for the arguments"),
        ('{"name": "f", "arguments": "{\\"x\\": 1}"}', "arguments as a string"),
        ('{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}', "function wrapper"),
    ],
)
def test_repairs_are_made_and_named(text: str, repair: str) -> None:
    read = parse(text)
    assert [(call.name, call.arguments) for call in read.calls] == [("f", {"x": 1})]
    assert repair in read.repairs


@pytest.mark.parametrize(
    "text", ['{"name": "f", "arguments": nonsense}', '{"name": "f"', '{"name": 1, "arguments": {}}', '{"name": "f", "arguments": [1]}']
)
def test_a_call_that_cannot_be_read_is_an_error(text: str) -> None:
    read = parse(text)
    assert read.error is ErrorKind.unparsable_call
    assert read.calls == ()


@pytest.mark.parametrize("text", ["", "Hello there.", "The set {1, 2} has two members.", '{"answer": 42}', "NaN"])
def test_words_are_words(text: str) -> None:
    read = parse(text)
    assert (read.calls, read.text, read.error) == ((), text, None)


def test_numbers_that_json_does_not_have_are_refused() -> None:
    assert parse('{"name": "f", "arguments": {"x": NaN}}').error is ErrorKind.unparsable_call


@pytest.mark.parametrize(
    "unit", ["{", '{"name":', "[", '{"a":[', "```", '"', '{"name":"f","arguments":{}}', "\\", '{"name":"f","arguments":"', " ", "{,"]
)
def test_ten_megabytes_do_not_hang(unit: str) -> None:
    text = unit * (10_000_000 // len(unit))
    begun = time.process_time()
    read = parse(text)
    assert time.process_time() - begun < 2
    assert "truncated" in read.repairs
    assert len(read.calls) <= MOST_CALLS
    assert len(read.text) <= LIMIT
