# ruff: noqa: E501
"""Every family: what is written is read back, real examples are read, repairs are named, and no text harms the reader."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.core.canon import canonical
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind
from artificer.formats.calls import DIALECTS, dialect
from artificer.formats.calls.reading import LIMIT, MOST_CALLS

FAMILIES = [name for name in DIALECTS if name != "auto"]
OWN_MARKS = {"json", "llama", "llama4", "python"}  # a brace or bracket in their text can pass for a call

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
tricky = st.sampled_from(
    [
        "", " ", "5", "-0", "1e5", "true", "True", "None", "null", "NaN", '"', '"5"', "{", '{"a": 1}', "[1]", "\n", "\nx\n", "'", "\\", "\\u003c",
        '"\\u003c"', "</parameter>", "</tool_call>", "<tool_call>", "</function>", "<parameter=a>", "</think>", "[/ARGS]", "[TOOL_CALLS]", "&lt;", "&amp;lt;",
        "\nAction: f", "Observation:", "import os", "```", "]", ")]", "\u2028", "\x00", "\x7f", "\\N{DASH}", "C:\\dir", "é", "\U0001f600", "a=b", "<|im_end|>",
    ]
)  # fmt: skip
words = st.text(max_size=12) | st.sampled_from(
    ["get_order", "shop.get-order", "a", "if", "x.y", "None", "a b", "f(", "é", ">", '"', "\n", "{", "name"]
)
arguments = st.dictionaries(words, json_values | tricky, max_size=5)
calls = st.lists(st.tuples(words.filter(bool), arguments), min_size=1, max_size=4)
plain = st.text(st.characters(whitelist_categories=("L", "N", "Zs"), whitelist_characters=".,!?-'\"\n")).map(str.strip)


def message_of(written, text="", reasoning=None):
    return Message("assistant", text, reasoning, tuple(ToolCall(f"c{at}", name, given) for at, (name, given) in enumerate(written, 1)))


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=60)
@given(calls)
def test_calls_are_read_back_as_they_were_written(family, written):
    message = message_of(written)
    read = dialect(family).parse(dialect(family).write(message))
    assert (read.error, read.detail, read.repairs, read.text) == (None, None, (), "")
    assert canonical(read.calls) == canonical(message.calls)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mark", ["<function=f>", "<|python_tag|>", "<tool_call>", "[TOOL_CALLS]", "<function="])
def test_marks_of_families_inside_arguments_are_read_back(family, mark):
    message = message_of([("f", {mark: "x", "a": f"{mark}{{}}", "b": ">"}), ("g", {})])
    read = dialect(family).parse(dialect(family).write(message))
    assert canonical(read.calls) == canonical(message.calls)
    assert read.error is None


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["f", "shop.find"]), arguments), max_size=2), plain, st.none() | plain)
def test_words_and_reasoning_are_read_back(family, written, text, reasoning):
    message = message_of(written, text, reasoning)
    read = dialect(family).parse(dialect(family).write(message))
    assert (read.text, read.reasoning) == (text, reasoning)
    assert canonical(read.calls) == canonical(message.calls)
    assert canonical(read.message.calls) == canonical(message.calls)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in OWN_MARKS])
@settings(max_examples=40)
@given(calls, st.lists(tricky | st.text(max_size=6)).map("".join), st.lists(tricky | st.text(max_size=6)).map("".join))
def test_no_text_beside_calls_adds_or_hides_one(family, written, text, reasoning):
    message = message_of(written[:2], text, reasoning)
    read = dialect(family).parse(dialect(family).write(message))
    assert canonical(read.calls) == canonical(message.calls)


@pytest.mark.parametrize("family", ["qwen3_coder", "xml"])
@settings(max_examples=60)
@given(st.text() | tricky, st.integers(), st.lists(st.text(max_size=4) | tricky, max_size=3), st.text() | tricky)
def test_where_the_schema_is_known_text_stands_bare(family, name, count, tags, other):
    schema = {"name": {"type": "string"}, "count": {"type": "integer"}, "tags": {"type": "array"}, "other": {}}
    tools = (ToolSpec("f", "", {"type": "object", "properties": schema}),)
    message = message_of([("f", {"name": name, "count": count, "tags": tags, "other": other})])
    text = dialect(family).write(message, tools)
    read = dialect(family).parse(text, tools=tools)
    assert read.repairs == ()
    assert canonical(read.calls) == canonical(message.calls)
    if family == "qwen3_coder" and "<" not in name and '"' not in name:
        assert f"<parameter=name>\n{name}\n</parameter>" in text


ALPHABET = [
    "<tool_call>", "</tool_call>", "<function=f>", "</function>", "<parameter=a>", "</parameter>", "[TOOL_CALLS]", "[ARGS]", "<|python_tag|>", "<invoke",
    ' name="f">', '<parameter name="a">', "</invoke>", "<function_calls>", "<name>", "f</name>", "<arguments>", "Thought:", "\nAction:", "\nAction Input:",
    "Final Answer:", "Observation:", "[f(", "f(a=", ")]", "**{", "<think>", "</think>", '{"name":"f",', '"arguments":', "'", '"', "{", "}", "[", "]", "(", ")",
    ",", ":", "=", "\\", "\\u", "d83d", "1", "-", "e9", "NaN", "None", "true", "\n", " ", "```", "```json", "\ud800", "x", "lambda", "*", "&lt;", "\x00", "'''",
]  # fmt: skip


@pytest.mark.parametrize("family", DIALECTS)
@settings(max_examples=80)
@given(st.lists(st.sampled_from(ALPHABET), max_size=24).map("".join) | st.text())
def test_no_text_crashes_a_reader_and_whatever_it_reads_can_be_kept(family, text):
    read = dialect(family).parse(text)
    canonical(read)
    assert read.error is None or (read.calls == () and read.detail)
    assert dialect(family).parse(text) == read
    if read.calls:
        again = dialect(family).parse(dialect(family).write(Message("assistant", calls=read.calls)))
        assert [(call.name, canonical(call.arguments)) for call in again.calls] == [(call.name, canonical(call.arguments)) for call in read.calls]


def test_a_mark_in_a_value_of_the_own_form_decides_nothing():
    named = ToolCall("c0", "<tool_call>", {"a": "[TOOL_CALLS]"})
    read = dialect("auto").parse(dialect("auto").write(Message("assistant", calls=(named,))))
    assert [(call.name, call.arguments) for call in read.calls] == [("<tool_call>", {"a": "[TOOL_CALLS]"})]
    assert read.repairs == ()


@pytest.mark.parametrize("family", DIALECTS)
@settings(max_examples=40)
@given(calls, st.integers(1, 60))
def test_a_call_cut_short_is_mended_and_said_so_or_no_call(family, written, cut):
    whole = dialect(family).write(message_of(written))
    read = dialect(family).parse(whole[:-cut])
    if read.calls and not read.repairs:  # only whole calls were left
        assert canonical(read.calls) == canonical(message_of(written).calls[: len(read.calls)])


UNITS = [
    "{", '{"name":', "[", '{"a":[', "```", '"', '{"name":"f","arguments":{}}', "\\", '{"name":"f","arguments":"', " ", "{,", "<tool_call>", '<tool_call>{"a":"',
    "<tool_call>[", "<function=f>", "<parameter=a>", "<tool_call><function=f><parameter=a>", "</parameter>", "<invoke name=", '<invoke name="f">', "<a>", "[f(a=",
    "[f(", "f(", "-", "(-", "1+", "not ", "a.", "[f(a='", "lambda:", "Thought:", "Action: f\n", "\nAction: f\nAction Input: {", "*", "\n***", "[TOOL_CALLS]",
    "[TOOL_CALLS]f{", "[ARGS]", "<|python_tag|>", "<think>", "</think>", "</s>", " </s>", "\ud800", "<tool_call><name>", "&lt;", "\\u0041", "['", "'", "\t\n", "9",
    '{"name":"f","arguments":{"a":[', "<tool_call>{\"name\":\"f\",\"arguments\":{'", "[f(a=1),", "[f(**{", '"""',
]  # fmt: skip


READERS = {dialect.parse: name for name, dialect in DIALECTS.items()}


@pytest.mark.parametrize("unit", UNITS)
def test_ten_megabytes_of_anything_do_not_hang(unit):
    text = unit * (10_000_000 // len(unit))
    for parse, family in READERS.items():
        begun = time.process_time()
        read = parse(text)
        assert time.process_time() - begun < 2, family
        assert "truncated" in read.repairs, family
        assert len(read.calls) <= MOST_CALLS
        assert len(read.text) <= LIMIT
        canonical(read)


@pytest.mark.parametrize(
    "start", ["<tool_call>", "<tool_call>\n<function=f>\n<parameter=a>\n", "[TOOL_CALLS]", "[f(a=", "Action: f\nAction Input: ", ""]
)
def test_a_mark_before_a_bomb_does_not_hang(start):
    for unit in ("{'a':", "[", "(", "-", '{"a":"x', "1,", "a.", "'", " ", "\\", "{", "<a>"):
        for parse, family in READERS.items():
            begun = time.process_time()
            parse(start + unit * (LIMIT // len(unit)))
            assert time.process_time() - begun < 2, (family, unit)


def test_an_unknown_dialect_is_said():
    with pytest.raises(ArtificerError, match="There is no dialect 'klingon'"):
        dialect("klingon")


@pytest.mark.parametrize("family", DIALECTS)
@pytest.mark.parametrize("text", ["", "Hello there.", "The set {1, 2} has two members.", "NaN", "Prices: [1, 2]"])
def test_words_are_words(family, text):
    read = dialect(family).parse(text)
    assert (read.calls, read.text, read.error, read.repairs) == ((), text, None, ())


@pytest.mark.parametrize("family", DIALECTS)
def test_numbers_that_json_does_not_have_are_refused(family):
    for value in ("NaN", "1e999", "-Infinity"):
        text = '{"name": "f", "arguments": {"x": ' + value + "}}"
        assert dialect(family).parse(text).error is ErrorKind.unparsable_call
