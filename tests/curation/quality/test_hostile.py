"""Long, deep and broken input: looked at in time linear in its size, and never a traceback."""

from __future__ import annotations

import pytest
from tests.curation.quality.building import calls, item, result, says, user

from artificer.core.messages import Message, Text
from artificer.core.tools import ToolSpec
from artificer.curation.quality.counting import Counting
from artificer.curation.quality.language import language
from artificer.curation.quality.private import Mask, private
from artificer.curation.quality.secrets import secrets
from artificer.formats.base import Item

SIZE = 300_000
PIECES = [
    "a", "1", "a@", "@a.", "1.", "1-", "1 ", "(1", "+1 ", "::", "a:", "0:", "://a:", "sk-", "sk-a", "eyJ", "eyJa.", "eyJaaaaaaaaa.", "-----BEGIN ",
    "password=", "password: ", "token is ", "DE89 ", "DE89", "<think", "AKIA", "https://", "a.b.", "\u0301", "\ud800", "é", "中", "\n",
    " ", "hf_", "x-",
    "111.111.", "1234 5678 ", "AAAAAA11A", "api_key='", "[TOOL_", "e" * 64 + "@", "a.a@a.a.", "1:2:3:",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_long_texts_end(piece):
    text = piece * (SIZE // len(piece))
    for _ in secrets(text):
        pass
    for _ in private(text):
        pass
    language(text)


def test_ten_megabytes_in_every_place():
    long = "word 12 " * 1_250_000
    Counting().add(item(user(long), says(long[:1000])))
    part = long[:1_000_000]
    Counting().add(item(user(part), calls(("a", "find", {"id": part})), result("a", {"x": part}), says(part)))


def test_deep_values():
    deep: object = "x@y.de"
    for _ in range(20_000):
        deep = {"a": [deep]}
    found = Counting().add(item(user(), calls(("a", "find", {"id": deep})), result("a", deep), says()))
    assert {"arguments_invalid", "email"} <= {one.rule for one in found}


ODD = {
    "nan": float("nan"),
    "inf": float("inf"),
    "huge": 10**5000,
    "half": "\ud800",
    "halves": {"\ud800": "\udfff"},
    "list": [None] * 50_000,
    "object": {str(n): n for n in range(20_000)},
}


@pytest.mark.parametrize("name", ODD)
def test_odd_values(name):
    value = ODD[name]
    Counting().add(item(user("\ud800"), calls(("\ud800", "find", {"id": value})), result("\ud800", value), says("\udfff"), name="\ud800"))


def test_many_of_everything():
    many = [(f"c{n}", "find", {"id": n}) for n in range(3_000)]
    found = Counting().add(item(user(), calls(*many), *(result(f"c{n}") for n in range(3_000)), says()))
    assert len(found) <= 201 + 2
    private_many = " ".join(f"a{n}@b{n}.de" for n in range(5_000))
    assert len(Counting().add(item(user(private_many), says()))) <= 200
    tools = tuple(ToolSpec(f"t{n}", "", {"type": "object"}) for n in range(3_000))
    Counting().add(item(user(), says(), tools=tools))


SCHEMAS = {
    "loop": {"$ref": "#"},
    "remote": {"$ref": "http://nowhere.example/x"},
    "pattern": {"pattern": "("},
    "slow": {"properties": {"id": {"pattern": "(a+)+$"}}},
    "wrong": {"properties": 3},
    "none": {"enum": []},
    "half": {"type": "\ud800"},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_odd_schemas(name):
    tool = ToolSpec("find", "", SCHEMAS[name])
    said = item(user(), calls(("a", "find", {"id": "a" * 5_000 + "!"})), result(), says(), tools=())
    Counting().add(Item(said.trace, (tool,)))


def test_parts_and_nothing():
    Counting().add(item(Message("user", ()), Message("assistant", (Text(""), Text("x")))))
    Counting().add(item(tools=()))


def test_masking_many_words_goes_through_each_text_once():
    words = {f"p{n}x{n % 7}@corp{n % 50}.org" for n in range(30_000)}
    mask = Mask(words)
    for n in range(2_000):  # each word looked for in each text would be sixty million searches
        word = f"p{n}x{n % 7}@corp{n % 50}.org"
        assert mask(f"t{n} says {word} to p29999") == f"t{n} says {word[:2]}… ({len(word)} characters) to p29999"


@pytest.mark.parametrize("number", [1, 500])
def test_few_and_many_words_are_masked_alike(number):
    mask = Mask({"a b secret", 'with "quotes"', *(f"word-{n:04}" for n in range(number))})
    assert mask('see a b secret, with \\"quotes\\" and word-0000.') == "see a … (10 characters), wi… (13 characters) and wo… (9 characters)."
    cut = "x " * 200 + "a b secr"
    assert mask(cut) == "x " * 200 + "…"


def test_a_faulty_schema_does_not_show_a_secret():
    key = "sk-abcdefghij0123456789ABCDEF"
    (fault,) = [one for one in Counting().add(Item(item(user(), says()).trace, (ToolSpec("t", "", {"type": key}),))) if one.rule == "tool_schema"]
    assert key[:12] not in fault.evidence
