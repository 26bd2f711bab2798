"""Rules as short text, as JSON and as sentences."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.constraints.prompt import render, sentence
from artificer.checks.constraints.rules import (
    CATEGORY,
    DIMENSION,
    Acceptable,
    Available,
    Calls,
    CallsOf,
    Format,
    Identifiers,
    Keys,
    Length,
    Limit,
    Order,
    Parallel,
    Parameters,
    Punctuation,
    Rounds,
    Rule,
    Together,
    Values,
)
from artificer.checks.constraints.stated import Rules, stated
from artificer.checks.constraints.text import read
from artificer.checks.constraints.written import write
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Constraint, Goal, Start, Task

NAMES = st.one_of(st.sampled_from(["search", "get-it", "if", "or", "only", "3", "none", "tools", "end"]), st.text(min_size=1, max_size=8))
LEAST = st.integers(0, 9)
MOST = st.one_of(st.none(), st.integers(9, 20))
LETTERS = st.characters(exclude_characters="{}", exclude_categories=["Cs"])  # halves of surrogate pairs no file could hold
TEXTS = st.one_of(
    st.sampled_from(["Dear", "Final Answer: {int}", '"', ";", "a\nb", "\\"]),
    st.text(LETTERS, min_size=1, max_size=9),
)
SOME = st.lists(NAMES, min_size=2, max_size=3).map(tuple)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(0, 1), st.text(max_size=5))
LIMITS = st.builds(Limit, st.one_of(st.none(), st.lists(VALUES, max_size=2).map(tuple)), st.none() | st.floats(0, 1), st.none() | st.floats(2, 3))
RULES: st.SearchStrategy[Rule] = st.one_of(
    st.builds(Rounds, LEAST, MOST),
    st.builds(Calls, LEAST, MOST),
    st.builds(CallsOf, st.dictionaries(NAMES, st.integers(9, 20), min_size=1, max_size=2), st.dictionaries(NAMES, LEAST, max_size=2)),
    st.builds(Order, st.lists(SOME, min_size=1, max_size=2).map(tuple), st.none() | NAMES),
    st.builds(Together, st.lists(SOME, min_size=1, max_size=2).map(tuple)),
    st.builds(Parallel, LEAST, MOST, st.sampled_from(["calls", "tools"])),
    st.builds(Available, st.none() | st.lists(NAMES, max_size=3).map(tuple)),
    st.builds(Acceptable, NAMES, st.lists(VALUES, min_size=1, max_size=3).map(tuple), st.booleans()),
    st.builds(Parameters, st.dictionaries(NAMES, st.builds(Keys, SOME), max_size=1)),
    st.builds(Values, st.dictionaries(NAMES, st.dictionaries(NAMES, LIMITS, max_size=1), max_size=1)),
    st.builds(Length, LEAST, MOST, st.sampled_from(["characters", "words"])),
    st.builds(Format, st.sampled_from(["bullets", "lines", "code"]), LEAST, MOST),
    st.builds(Format, st.just("json"), st.just(1), st.none(), SOME, st.booleans()),
    st.builds(Identifiers, TEXTS, st.none() | TEXTS, st.lists(TEXTS, max_size=2).map(tuple), st.lists(TEXTS, max_size=2).map(tuple)),
    st.builds(Punctuation, st.just(".!"), st.sampled_from(["", "?", ";\"'"])),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(RULES, min_size=1, max_size=3))
def test_text_and_json_give_the_rules_back(rules):
    lines = [write(rule) for rule in rules]
    assert all("\n" not in line for line in lines)
    assert read("\n".join(lines)) == tuple(rules) == read(" ; ".join(lines))
    stated = Rules(tuple(rules), "strict", repairs=2).constraint()
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(stated.arguments)), Rules) == Rules(tuple(rules), "strict", repairs=2)
    for rule in rules:
        assert sentence(rule).endswith((".", ")"))
        assert DIMENSION[CATEGORY[type(rule)]] in ("resource", "behaviour", "toolset", "response")
    assert render(rules).count("\n- ") >= len(rules)


def test_there_are_twelve_categories_in_four_dimensions():
    assert len(DIMENSION) == len(set(CATEGORY.values())) == 12
    assert {name: list(DIMENSION.values()).count(name) for name in set(DIMENSION.values())} == dict.fromkeys(
        ("resource", "behaviour", "toolset", "response"), 3
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense 3", "there is no rule 'nonsense'"),
        ("calls", "a span is missing"),
        ("calls 5..2", "at least 5 and at most 2"),
        ("calls ..5 more", "'more' is too much"),
        ("order a", "two tools or more"),
        ("order a >", "something is missing"),
        ("together a + ", "something is missing"),
        ("format nothing", "there is no shape 'nothing'"),
        ("format bullets 1.. x", "has no keys"),
        ("identifiers begin x", "'begin' is none of"),
        ("identifiers", "it asks for nothing"),
        ('identifiers end "{x}"', "has no hole"),
        ('punctuation end "." exclude "."', "every mark"),
        ("calls ..5 §", "cannot be read"),
        ('{"rule": "calls", "most": -1}', "Expected `int` >= 0"),
        ('{"rule": "calls", "mots": 1}', "unknown field"),
    ],
)
def test_what_is_no_rule(text, says):
    with pytest.raises(ArtificerError) as error:
        read(text)
    assert says in str(error.value)


def test_a_task_states_them():
    def task(*constraints: Constraint) -> Task:
        return Task("t", "w", Start(), "p", Goal((), (), ()), constraints=constraints)

    assert stated(task(Constraint("answer", {"gold": 1}))) is None
    both = stated(task(Rules(read("calls ..5"), "strict").constraint(), Rules(read("rounds ..3")).constraint()))
    assert both == Rules(read("calls ..5; rounds ..3"), "strict")
    with pytest.raises(ArtificerError, match="its constraints cannot be read"):
        stated(task(Constraint("constraints", {"rules": [{"rule": "rounds", "least": 4, "most": 2}]})))


def test_what_an_agent_is_told():
    text = "rounds 2..8; calls 1; calls_of a ..1, b 2..; order a > b, c > d if a; together a + a or a + b; parallel 2..3 tools"
    rules = read(f'{text}; length ..100 words; format json "k" only')
    assert render(rules).split("\n")[1:] == [
        "- Take 2 to 8 messages in all, the one with your final answer among them.",
        "- Make exactly 1 tool call in all.",
        "- Call a at most 1 time and b at least 2 times.",
        "- If the first tool you call is a: call in this order, each in a later message than the one before: a, then b; c, then d.",
        "- Call a or b only as part of one message that calls (a and a) or (a and b) together.",
        "- Call at most 3 different tools in one message and at least once call 2 different tools or more in one message.",
        "- Your final answer must have at most 100 words.",
        "- Your final answer must be one JSON object with the keys 'k' and no others, and nothing else.",
    ]
