"""Each category on its own, by hand: kept, at its edge, broken; which call, and what it says."""

from __future__ import annotations

import pytest

from artificer.checks.constraints.rules import Acceptable, Available, CallsOf, Keys, Limit, Order, Parallel, Parameters, Rule, Together, Values
from artificer.checks.constraints.stated import Rules
from artificer.checks.constraints.steps import State, Violation, by_name, called, ended, spoke
from artificer.checks.constraints.text import read
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

PLACE = {"type": "object", "properties": {"city": {"type": "string"}, "zip": {"type": "integer"}}, "required": ["city"]}
SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer"},
        "unit": {"type": "string", "enum": ["km", "mi"]},
        "place": PLACE,
        "tags": {"type": "array", "items": {"type": ["string", "null"]}},
        "free": {"type": "object"},
    },
    "required": ["n"],
}
TAGS = {"a": {"timeliness": "daily", "domain": ["equity", "bond"]}, "b": {"timeliness": "static"}}
TOOLS = by_name([ToolSpec(name, name, SCHEMA, attributes=TAGS.get(name, {})) for name in "abcd"])


def call(name: str, id: str = "c", **arguments: object) -> ToolCall:
    return ToolCall(id, name, arguments or {"n": 1})


def play(rules: str | tuple[Rule, ...], *messages: str | list[ToolCall], mode: str = "code") -> list[tuple[int, int | None, str]]:
    """What breaks, as (message, call, name). A message is names of tools, calls, or words after `=`."""
    found = told(rules, *messages, mode=mode)
    return [(at, one.call, one.name) for at, one in found]


def told(rules: str | tuple[Rule, ...], *messages: str | list[ToolCall], mode: str = "code") -> list[tuple[int, Violation]]:
    keep = Rules(read(rules) if isinstance(rules, str) else rules, mode)  # type: ignore[arg-type]
    state, found = State(), []
    for at, message in enumerate(messages):
        if isinstance(message, str) and message.startswith("="):
            state = spoke(state)
            found += [(at, one) for one in ended(state, keep, message[1:])]
        else:
            calls = [call(name) for name in message] if isinstance(message, str) else message
            state, wrong = called(state, keep, TOOLS, calls)
            found += [(at, one) for one in wrong]
    return found


CASES: list[tuple[str, tuple[str, ...], list[tuple[int, int | None, str]]]] = [
    # rounds: the answer counts
    ("rounds 2..3", ("a", "=x"), []),
    ("rounds 2..3", ("=x",), [(0, None, "min rounds")]),
    ("rounds 2..3", ("a", "a", "=x"), []),
    ("rounds 2..3", ("a", "a", "a", "=x"), [(3, None, "max rounds")]),
    ("rounds ..2", ("a", "a", "ab"), [(2, 0, "max rounds"), (2, 1, "max rounds")]),
    # calls: in all, refused ones counted
    ("calls 1..3", ("aa", "b", "=x"), []),
    ("calls 1..3", ("=x",), [(0, None, "min calls")]),
    ("calls ..3", ("aa", "bb", "a", "=x"), [(1, 1, "max calls"), (2, 0, "max calls")]),
    ("calls ..0", ("a",), [(0, 0, "max calls")]),
    # calls of single tools
    ("calls_of a ..2", ("aa", "b", "=x"), []),
    ("calls_of a ..2", ("aab", "a"), [(1, 0, "max calls of a tool")]),
    ("calls_of a ..1", ("aa",), [(0, 1, "max calls of a tool")]),
    ("calls_of a 2.., b 1", ("ab", "=x"), [(1, None, "min calls of a tool")]),
    # order: in an earlier message
    ("order a > b > c", ("a", "b", "c", "=x"), []),
    ("order a > b > c", ("ab",), [(0, 1, "order")]),
    ("order a > b > c", ("a", "c"), [(1, 0, "order")]),
    ("order a > b > c", ("b", "a", "b"), [(0, 0, "order")]),
    ("order a > b", ("d", "a", "a", "b", "b"), []),
    ("order a > b if a", ("b", "a"), []),
    ("order a > b if a", ("a", "b"), []),
    ("order a > b > c if a", ("a", "c"), [(1, 0, "order")]),
    ("order a > b if a; order b > a if b", ("b", "a"), []),
    # together: whole groups, counted
    ("together a + b", ("ab", "ba", "abc", "c"), []),
    ("together a + b", ("a", "bc"), [(0, 0, "parallel group"), (1, 0, "parallel group")]),
    ("together a + a", ("aa", "a", "aaa"), [(1, 0, "parallel group")]),
    ("together a + b or a + c", ("ac", "ab", "bc"), [(2, 0, "parallel group"), (2, 1, "parallel group")]),
    ("together a + b or a", ("a", "b"), [(1, 0, "parallel group")]),
    # parallel: at most, and at least once
    ("parallel 2..2", ("ab", "a", "=x"), []),
    ("parallel 2..2", ("a", "b", "=x"), [(2, None, "min parallel calls")]),
    ("parallel ..2", ("aab",), [(0, 2, "max parallel calls")]),
    ("parallel ..1 tools", ("aaa", "aba"), [(1, 1, "max parallel calls"), (1, 2, "max parallel calls")]),
    ("parallel 2.. tools", ("aaa", "=x"), [(1, None, "min parallel calls")]),
    # toolset
    ("available", ("a", "z"), [(1, 0, "available")]),
    ("available a, b", ("ab", "c"), [(1, 0, "available")]),
    ('acceptable timeliness "daily"', ("a", "b", "c"), [(1, 0, "acceptable"), (2, 0, "acceptable")]),
    ('acceptable timeliness "daily" or none', ("a", "c"), []),
    ('acceptable domain "bond", "forex" or none', ("a", "b"), []),
    ('acceptable domain "forex" or none', ("a",), [(0, 0, "acceptable")]),
]


@pytest.mark.parametrize(("rules", "messages", "broken"), CASES)
def test_by_hand(rules, messages, broken):
    assert play(rules, *messages) == broken


ARGUMENTS: list[tuple[dict[str, object], str | None, ErrorKind | None]] = [
    ({"n": 1}, None, None),
    ({"n": True}, "n: integer is asked for, not true", ErrorKind.mistyped_argument),
    ({"n": 1.0}, "n: integer is asked for, not 1.0", ErrorKind.mistyped_argument),
    ({}, "'n' must be given", ErrorKind.missing_argument),
    ({"n": 1, "x": 2}, "it takes no 'x'", ErrorKind.extra_argument),
    ({"n": 1, "unit": "km"}, None, None),
    ({"n": 1, "unit": "m"}, "unit: 'm' is none of 'km', 'mi'", ErrorKind.invalid_argument),
    ({"n": 1, "place": {"city": "Ulm", "zip": 89073}}, None, None),
    ({"n": 1, "place": {"zip": 1}}, "place: 'city' must be given", ErrorKind.missing_argument),
    ({"n": 1, "place": {"city": "Ulm", "street": "x"}}, "place: it takes no 'street'", ErrorKind.extra_argument),
    ({"n": 1, "place": {"city": "Ulm", "zip": "x"}}, "place.zip: integer is asked for, not 'x'", ErrorKind.mistyped_argument),
    ({"n": 1, "tags": ["a", None]}, None, None),
    ({"n": 1, "tags": ["a", 3]}, "tags[1]: string or null is asked for, not 3", ErrorKind.mistyped_argument),
    ({"n": 1, "free": {"any": 1}}, None, None),
]


@pytest.mark.parametrize(("arguments", "why", "kind"), ARGUMENTS)
def test_arguments_by_hand(arguments, why, kind):
    found = told("parameters; values", [ToolCall("c", "a", arguments)])
    assert [(one.why, one.kind) for _, one in found] == ([(f"'a': {why}", kind)] if why else [])


def test_what_a_task_asks_of_arguments():
    rules = (Parameters({"a": Keys(("unit",), ("n", "unit"))}), Values({"a": {"n": Limit(least=0, most=9), "unit": Limit(one_of=("km",))}}))
    assert play(rules, [call("a", n=1, unit="km"), call("b", n=99)]) == []
    assert [one.why for _, one in told(rules, [call("a", n=1)])] == ["'a': 'unit' must be given"]
    assert [one.why for _, one in told(rules, [call("a", n=1, unit="km", tags=[])])] == ["'a': 'tags' may not be given"]
    assert [one.why for _, one in told(rules, [call("a", n=10, unit="mi")])] == ["'a': n: 10 is more than 9", "'a': unit: 'mi' is none of 'km'"]
    assert play((Values({"a": {"unit": Limit(like="{int} {word}")}}),), [call("a", n=1, unit="km")])[0][2] == "values"
    assert play((Values({"a": {"n": Limit(one_of=(1,))}}),), [call("a", n=True)]) == [(0, 0, "values"), (0, 0, "values")]


def test_arguments_are_looked_at_only_where_nothing_else_refuses():
    assert play("calls ..0; parameters", [call("a", x=1)]) == [(0, 0, "max calls")]
    assert play("available; parameters", [call("z", x=1)]) == [(0, 0, "available")]


def test_what_refused_calls_count_for():
    assert play("calls 2..; calls_of a ..1", "aa", "=x") == [(0, 1, "max calls of a tool")]
    assert play("calls 2..; calls_of a ..1", "aa", "=x", mode="strict") == [(0, 1, "max calls of a tool"), (1, None, "min calls")]
    refused = (Order((("a", "b"),)), Available(("b",)))
    assert play(refused, "a", "b") == [(0, 0, "available")]
    assert play(refused, "a", "b", mode="strict") == [(0, 0, "available"), (1, 0, "order")]


def test_texts_name_the_way_out():
    why = {
        "calls ..1": "this would be call 2 of at most 1; no further call is allowed: give the final answer",
        "calls_of a ..1": "this would be call 2 of 'a', of at most 1; use other tools, or what is known",
        "order b > a": "'a' may be called only after 'b', in a later message",
        "together a + a + a": "'a' may be called only in one message with ['a', 'a', 'a']",
        "parallel ..1": "with it this message has 2 calls, of at most 1; make fewer at a time",
        "available b": "'a' may not be called; allowed are 'b'",
    }
    for rules, text in why.items():
        assert told(rules, "aa")[-1][1].why == text


PLANTED = [
    ("rounds ..3", 3, "rounds", ErrorKind.policy_breach),
    ("calls ..2", 2, "calls", ErrorKind.extra_call),
    ("calls_of c ..0", 2, "calls_of", ErrorKind.extra_call),
    ("order b > a", 0, "order", ErrorKind.wrong_order),
    ("together a + b", 0, "together", ErrorKind.policy_breach),
    ("parallel 2..", 3, "parallel", ErrorKind.premature_end),
    ("available a, c", 1, "available", ErrorKind.wrong_tool),
    ('{"rule": "parameters", "tools": {"b": {"required": ["unit"]}}}', 1, "parameters", ErrorKind.missing_argument),
    ('{"rule": "values", "tools": {"c": {"n": {"least": 2}}}}', 2, "values", ErrorKind.invalid_argument),
    ("length ..3", 3, "length", ErrorKind.policy_breach),
    ("format json", 3, "format", ErrorKind.policy_breach),
    ('punctuation end "!"', 3, "content", ErrorKind.policy_breach),
]


@pytest.mark.parametrize(("rule", "step", "category", "kind"), PLANTED)
def test_one_of_each_category_is_found_at_its_step(rule, step, category, kind):
    found = told(rule, "a", "b", "c", "=All is well.")
    first = next((at, one) for at, one in found if at == step)
    assert (first[1].category, first[1].kind) == (category, kind)
    assert all(one.category == category for _, one in found)
    assert first[1].why


def test_rules_that_cannot_be():
    for wrong in (
        lambda: Order((("a",),)),
        lambda: Together(((),)),
        lambda: CallsOf(),
        lambda: Parallel(3, 2),
        lambda: Acceptable("x", ()),
        lambda: Keys(("a",), ()),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            wrong()
