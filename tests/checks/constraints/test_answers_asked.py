"""What is asked of final answers, by hand; templates against a plain reading; hostile texts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.constraints.response import LARGEST, answer, unanswered
from artificer.checks.constraints.rules import Format, Identifiers, Length, Punctuation, Rule
from artificer.checks.constraints.templates import Template
from artificer.checks.constraints.text import read
from artificer.core.errors import ArtificerError

TABLE = "| Step | Result |\n|---|:---:|\n| 1 | x |\n| 2 | y |"
CASES: list[tuple[str, str, bool]] = [
    ("length 3..5", "abc", True),
    ("length 3..5", "abcde", True),
    ("length 3..5", "ab", False),
    ("length 3..5", "abcdef", False),
    ("length ..2 words", "two  words\n", True),
    ("length ..2 words", "now three words", False),
    ("format json", '{"a": 1}', True),
    ("format json", '{"a": 1} ', True),
    ("format json", "[1]", False),
    ("format json", 'The answer: {"a": 1}', False),
    ('format json "a", "b"', '{"a": 1, "b": 2, "c": 3}', True),
    ('format json "a", "b" only', '{"a": 1, "b": 2, "c": 3}', False),
    ('format json "a", "b"', '{"a": 1}', False),
    ("format json", '{"a": NaN}', False),
    ("format markdown", "plain", False),
    ("format markdown", "a **bold** word", True),
    ("format table 3..", TABLE, True),
    ("format table 4..", TABLE, False),
    ('format table "Step", "Result"', TABLE, True),
    ('format table "Cost"', TABLE, False),
    ("format table", "| a | b |\nno dashes", False),
    ("format bullets 2..3", "- a\n* b", True),
    ("format bullets 2..3", "- a", False),
    ("format bullets 2..3", "- a\n- b\n- c\n- d", False),
    ("format bullets", "```\n- in code\n```", False),
    ("format numbered 2..", "1. a\n2) b", True),
    ("format headings", "## Title\ntext", True),
    ("format headings", "#no space", False),
    ("format bold 1..1", "**07/2008**", True),
    ("format bold", "** **", False),
    ("format code", "`x` here", True),
    ("format code", "```\nx = 1\n```", True),
    ("format code", "```\nnever closed", False),
    ("format lines ..1", "one\n\n", True),
    ("format lines ..1", "one\ntwo", False),
    ("format paragraphs 2", "a\nb\n\nc", True),
    ("format sentences 2", "It is 3.5 km. Go!", True),
    ('identifiers start "Dear"', "Dear all", True),
    ('identifiers start "Dear"', "My Dear", False),
    ('identifiers end "Final Answer: {int} days{mark}"', "So. Final Answer: 12 days.", True),
    ('identifiers end "Final Answer: {int} days{mark}"', "So. Final Answer: twelve days.", False),
    ('identifiers end "Final Answer: {int} days{mark}"', "Final Answer: 12 days. Bye", False),
    ('identifiers include "[[{text}]]"', "it is [[Baseball]]!", True),
    ('identifiers include "[[{text}]]"', "it is [[]]!", False),
    ('identifiers exclude "sorry"', "I am sorry", False),
    ('identifiers exclude "sorry"', "I am glad", True),
    ('identifiers include "{{{date}}}"', "on {2024-05-24}", True),
    ('punctuation end "."', "Done.", True),
    ('punctuation end "."', "Done. ", True),
    ('punctuation end "."', "Done", False),
    ('punctuation end ".!"', "Done!", True),
    ('punctuation exclude "!"', "Done!", False),
]


@pytest.mark.parametrize(("rule", "text", "right"), CASES)
def test_by_hand(rule, text, right):
    assert (unanswered(answer(text), read(rule)[0]) == []) is right


def test_thoughts_are_cut_out():
    assert answer("<think>long, long</think> yes ") == "yes"
    assert answer("a<THINK>b</think>c<think>d") == "ac<think>d"
    assert answer("</think>x") == "</think>x"
    assert answer("<think>" * 3 + "a</think>b") == "b"


HOLES = {"int": r"[+-]?[0-9]{1,40}+", "word": r"\w{1,64}+", "mark": r"[^\w\s]", "text": r"(?s:.+)"}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "{int}", "{word}", "{mark}", "{text}", "ab", "."]), min_size=1, max_size=6),
    st.text("ab1 .", max_size=12),
    st.sampled_from(["start", "end", "anywhere", "whole"]),
)
def test_templates_mean_what_the_plain_pattern_means(pieces, text, where):
    pattern = "".join(HOLES[piece[1:-1]] if piece[0] == "{" else re.escape(piece) for piece in pieces)
    pattern = {"start": r"\A{}", "end": r"{}\Z", "anywhere": "{}", "whole": r"\A{}\Z"}[where].replace("{}", f"(?:{pattern})")
    assert Template("".join(pieces)).fits(text, where) == bool(re.search(pattern, text))


@pytest.mark.parametrize("text", ["", "x" * 2001, "{nope}", "a{b", "}", "{}", "{int}" * 9])
def test_templates_that_are_none(text):
    with pytest.raises(ArtificerError):
        Template(text)


HOSTILE = [
    "a" * 10_000_000,
    "<think>" * 1_000_000,
    "**" * 400_000,
    "`" * 900_000,
    "[" * 900_000,
    '{"a":' * 150_000,
    "|-" * 450_000 + "\n" + "|-" * 40_000,
    "| a |\n" * 100_000,
    "- " * 450_000,
    "-" * 900_000 + "x",
    " " * 900_000 + "x",
    "1" * 900_000,
    "1," * 450_000,
    "." * 900_000,
    "\ud800" * 1000,
    "Final Answer: " * 60_000,
    "\x00\n" * 100_000,
]
RULES: tuple[Rule, ...] = (
    Length(1, 5),
    Length(1, 5, "words"),
    *(
        Format(shape)
        for shape in ("json", "markdown", "table", "bullets", "numbered", "headings", "bold", "code", "lines", "paragraphs", "sentences")
    ),
    Identifiers("Final Answer: {int}{text}{number}", "{number} {word}{mark}", ("{word}-{word}-{word}{int}", "{date}"), ("{text}z", "(a+)+$")),
    Punctuation(".", "!?"),
)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_answers_take_time_in_proportion(number):
    """None of these ends a test run when it is read as it should be; a pattern that goes back would never end."""
    text = answer(HOSTILE[number])
    for rule in RULES:
        for _, why in unanswered(text, rule):
            assert len(why) < 2500


def test_an_answer_too_long_to_read_has_no_form():
    text = "{" + "a" * LARGEST
    assert unanswered(text, Format("lines"))[0][0] == "format"
    assert unanswered(text, Punctuation("a"))[0][0] == "content"
    assert unanswered(text, Length(1)) == []
