"""The matcher `strict`, F1s, the last call, the first wrong call, and every preset against planted errors."""

from __future__ import annotations

import inspect
import itertools
import random
import unicodedata
from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from artificer.checks.base import Episode
from artificer.checks.calls import radar, strict
from artificer.checks.calls.base import Expected
from artificer.checks.calls.check import Called
from artificer.checks.calls.f1 import action_em, argument_f1, tool_f1
from artificer.checks.calls.firsts import process
from artificer.checks.calls.presets import PRESETS, matcher
from artificer.checks.calls.texts import nearly
from artificer.checks.values import unified
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall
from artificer.core.tasks import Constraint, Goal, Start, Task
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind, StopReason


def spec(name, **properties):
    schema = {"type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()}, "required": list(properties)}
    return ToolSpec(name, name, schema)


TOOLS = (spec("find", word="string"), spec("pay", to="string", amount="number"), spec("note", text="string"))
GOLD = (ToolCall("g1", "find", {"word": "lamp"}), ToolCall("g2", "pay", {"to": "Ada", "amount": 12.5}))
EXPECTED = tuple(Expected.exactly(call) for call in GOLD)


def made(*calls):
    return [ToolCall(f"c{at}", name, arguments) for at, (name, arguments) in enumerate(calls)]


RIGHT = [("find", {"word": "lamp"}), ("pay", {"to": "Ada", "amount": 12.5})]
PLANTED = {
    ErrorKind.wrong_tool: [RIGHT[0], ("note", {"text": "x"})],
    ErrorKind.unknown_tool: [RIGHT[0], ("fly", {"to": "Ada", "amount": 12.5})],
    ErrorKind.missing_call: [RIGHT[0]],
    ErrorKind.extra_call: [*RIGHT, ("note", {"text": "x"})],
    ErrorKind.missing_argument: [RIGHT[0], ("pay", {"to": "Ada"})],
    ErrorKind.extra_argument: [RIGHT[0], ("pay", {"to": "Ada", "amount": 12.5, "tip": 1})],
    ErrorKind.mistyped_argument: [RIGHT[0], ("pay", {"to": "Ada", "amount": "12.5"})],
    ErrorKind.wrong_value: [RIGHT[0], ("pay", {"to": "Bob", "amount": 12.5})],
    ErrorKind.wrong_order: [RIGHT[1], RIGHT[0]],
    ErrorKind.repetition: [*RIGHT, RIGHT[0]],
    ErrorKind.no_call: [],
    ErrorKind.needless_call: [RIGHT[0]],
}
"""Calls with one fault each; `needless_call` is judged against a reference without calls."""
BLIND = {
    ("strict", ""): {ErrorKind.wrong_order},  # unless it is asked for with `ordered`
    ("bfcl", "code"): {ErrorKind.wrong_order},
    ("bfcl", "strict"): {ErrorKind.wrong_order},
    ("mcptoolbench", "code"): {ErrorKind.missing_argument, ErrorKind.extra_argument},  # only arguments that both give are judged
    ("mcptoolbench", "strict"): set(),
    ("mnms", "code"): {ErrorKind.mistyped_argument},  # values are compared as they are written
    ("mnms", "strict"): {ErrorKind.mistyped_argument},
    ("acebench", "code"): {ErrorKind.wrong_order},
    ("acebench", "strict"): {ErrorKind.wrong_order},
    ("looptool", ""): {ErrorKind.wrong_order},
    ("radar", ""): set(),  # each of these faults touches the last call; of earlier ones it sees nothing
}
"""What a preset lets pass by its source's own rules."""
_LAST = dict.fromkeys((ErrorKind.missing_call, ErrorKind.extra_call, ErrorKind.wrong_order, ErrorKind.repetition), ErrorKind.wrong_tool)
"""To who looks at the last call alone it is of a wrong tool."""
NAMED = {
    ("bfcl", "code"): {ErrorKind.repetition: ErrorKind.extra_call},  # calls are counted, not compared with each other
    ("bfcl", "strict"): {ErrorKind.repetition: ErrorKind.extra_call},
    ("mcptoolbench", "code"): _LAST | {ErrorKind.mistyped_argument: ErrorKind.wrong_value},
    ("mcptoolbench", "strict"): {ErrorKind.mistyped_argument: ErrorKind.wrong_value},  # its rules know no types
    ("acebench", "code"): {ErrorKind.repetition: ErrorKind.extra_call},
    ("radar", ""): _LAST,
}
"""What a preset calls a fault that it sees as another; all else it calls by its name."""
HOSTILE = [float("nan"), 10**5000, "x" * 10_000_000, "\ud800", "a" + "\u0300\u0327" * 200_000, "__import__('os').system('x')", "(a+)+$" * 1000]


def preset(name, mode):
    return partial(matcher(name), mode=mode) if mode else matcher(name)


@pytest.mark.parametrize("kind", PLANTED)
def test_strict_names_each_planted_error(kind):
    expected = () if kind is ErrorKind.needless_call else EXPECTED
    found = strict.match(made(*PLANTED[kind]), expected, TOOLS, ordered=True)
    assert not found.passed
    assert {fault.kind for fault in found.faults} == {kind}
    assert all(fault.why for fault in found.faults)


def test_the_table_holds_every_preset_and_mode():
    modes = {(name, mode) for name in PRESETS for mode in (("code", "strict") if "mode" in inspect.signature(matcher(name)).parameters else ("",))}
    assert modes == set(BLIND)


@pytest.mark.parametrize(("name", "mode"), BLIND)
def test_every_preset_is_reflexive_and_refuses_what_it_can_see(name, mode):
    match = preset(name, mode)
    assert match(list(GOLD), EXPECTED, TOOLS).passed
    assert match([], (), TOOLS).passed
    passed = set()
    for kind, calls in PLANTED.items():
        found = match(made(*calls), () if kind is ErrorKind.needless_call else EXPECTED, TOOLS)
        assert found.passed == (not found.faults), kind
        if found.passed:
            passed.add(kind)
        else:
            assert {fault.kind for fault in found.faults} == {NAMED.get((name, mode), {}).get(kind, kind)}, kind
    assert passed == BLIND[name, mode]


def test_the_assignment_with_the_fewest_faults_is_found():
    expected = [Expected("pay", {"to": ("Ada",), "amount": (1,)}), Expected("pay", {"to": ("Ada",), "amount": (2,)})]
    found = strict.match(made(("pay", {"to": "Ada", "amount": 2}), ("pay", {"to": "Ada", "amount": 1})), expected, TOOLS)
    assert found.passed
    assert set(found.pairs) == {(0, 1), (1, 0)}
    half = strict.match(made(("pay", {"to": "Ada", "amount": 2}), ("pay", {"to": "Bob", "amount": 3})), expected, TOOLS)
    assert (half.numbers["right"], half.score) == (1, 0.5)
    assert [(fault.kind, fault.call, fault.path) for fault in half.faults] == [(ErrorKind.wrong_value, 1, "to"), (ErrorKind.wrong_value, 1, "amount")]


@pytest.mark.parametrize(
    ("value", "wanted", "rel", "kind"),
    [
        (1, 1.0, 0.0, None),
        (1, True, 0.0, ErrorKind.mistyped_argument),
        ("1", 1, 0.0, ErrorKind.mistyped_argument),
        (1.05, 1, 0.0, ErrorKind.wrong_value),
        (1.05, 1, 0.1, None),
        (1.2, 1, 0.1, ErrorKind.wrong_value),
        ({"a": [1.05]}, {"a": [1]}, 0.1, None),
        ({"a": [1.05, 2]}, {"a": [1]}, 0.1, ErrorKind.wrong_value),
        (True, 1, 0.5, ErrorKind.mistyped_argument),
        (10**400, 1, 0.1, ErrorKind.wrong_value),
        (None, "x", 0.0, ErrorKind.mistyped_argument),
    ],
)
def test_values_are_typed_and_numbers_may_be_near(value, wanted, rel, kind):
    found = strict.match(made(("free", {"x": value})), [Expected("free", {"x": (wanted,)})], (), rel=rel)
    assert [fault.kind for fault in found.faults] == ([] if kind is None else [kind])


def test_optional_arguments_and_alternatives():
    expected = [Expected("find", {"word": ("lamp", "light"), "limit": (5,)}, frozenset({"limit"}))]
    assert strict.match(made(("find", {"word": "light"})), expected).passed
    assert strict.match(made(("find", {"word": "lamp", "limit": 5})), expected).passed
    assert not strict.match(made(("find", {"word": "lamp", "limit": 6})), expected).passed


def test_f1_by_hand():
    """Card 06: 2 wanted arguments; one full, one half, one invented: P = 1.5/3, R = 1.5/2, F1 = 0.6."""
    calls = made(("pay", {"to": "Ada", "amount": 3, "tip": 1}))
    assert argument_f1(calls, EXPECTED[1:], ((0, 0),)) == pytest.approx(0.6)
    assert argument_f1([], (), ()) == 1.0
    assert argument_f1(calls, (), ()) == 0.0
    assert argument_f1(made(("find", {"word": "x"})), [Expected("find", {"word": ("x",), "limit": (5,)}, frozenset({"limit"}))], ((0, 0),)) == 1.0
    assert tool_f1(made(("a", {}), ("a", {}), ("b", {})), [Expected("a"), Expected("c")]) == pytest.approx(0.4)
    assert (action_em(GOLD, EXPECTED), action_em(GOLD[::-1], EXPECTED)) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("calls", "options", "first", "prefix", "wrong", "missing"),
    [
        (RIGHT, {}, None, 2, 0, ()),
        (RIGHT[::-1], {}, 0, 0, 1, (1,)),  # pay is not due; then find is right, and pay is never made again
        (RIGHT[::-1], {"ordered": False}, None, 2, 0, ()),
        ([RIGHT[0], ("note", {"text": "x"}), RIGHT[1]], {}, 1, 1, 1, ()),
        ([RIGHT[0], ("note", {"text": "x"}), RIGHT[1]], {"tolerate": {"note"}}, None, 2, 0, ()),
        ([], {}, None, 0, 0, (0, 1)),
        (RIGHT[::-1], {"after": {1: {0}}}, 0, 0, 1, (1,)),
        (RIGHT[::-1], {"after": {}}, None, 2, 0, ()),
    ],
)
def test_the_first_wrong_call(calls, options, first, prefix, wrong, missing):
    found = process(made(*calls), EXPECTED, **options)
    assert (found.first_wrong, found.prefix, found.wrong, found.missing) == (first, prefix, wrong, missing)
    assert found.progress == prefix / 2
    assert found.complete == (not wrong and not missing)


def test_radar_by_the_table_of_its_card():
    """N = 4: two right; one fails at call 2 of 3 with 1 wrong; one fails for a reason that is no tool's."""
    rows = [radar.Row(True, 2), radar.Row(True, 1), radar.Row(False, 3, 1, 1), radar.Row(False, 2), radar.Row(False, 0)]
    found = radar.over(rows)
    assert (found.n, found.silent, found.ra) == (4, 1, 0.5)
    assert found.fep == pytest.approx((1 + 1 + 1 / 3 + 1) / 4)
    assert found.tcpa == pytest.approx(1 - (1 / 3) / 4)
    assert radar.over([]).ra is None
    assert radar.normalised([100, 200, 150]) == [1.0, 0.0, 0.5]
    assert radar.normalised([3.0]) == [1.0]


def test_radar_judges_the_last_call():
    expected = [Expected("pay", {"to": ("Ada Lovelace",), "on": ("2024-05-01",)})]
    assert radar.match(made(("find", {}), ("pay", {"to": "ada  lovelace", "on": "May 1, 2024"})), expected).passed
    assert radar.match(made(("pay", {"to": "Ada Lovelace", "on": "2024-05-01"}), ("find", {})), expected).faults[0].kind is ErrorKind.wrong_tool


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Hello  World", "hello world", True),
        ("12", "12.0", True),
        ("A-17", "A-18", False),
        ("May 1, 2024", "2024-05-01", True),
        ("please send the red lamp to me today", "please send the red lamp to me", True),
        ("red", "blue", False),
        ("", "", True),
    ],
)
def test_nearly_the_same(one, other, same):
    assert nearly(one, other) == same
    assert nearly(other, one) == same


values = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text(max_size=3) | st.lists(st.integers(0, 2), max_size=2)
some_calls = st.lists(st.tuples(st.sampled_from(["find", "pay", "note"]), st.dictionaries(st.sampled_from("abc"), values, max_size=3)), max_size=5)


@given(some_calls, st.randoms())
@settings(deadline=None)
def test_strict_is_reflexive_symmetric_and_blind_to_order_ids_and_keys(calls, draw: random.Random):
    gold = [Expected.exactly(call) for call in made(*calls)]
    assert strict.match(made(*calls), gold, ordered=True).passed
    shuffled = [(name, dict(sorted(arguments.items(), reverse=True))) for name, arguments in calls]
    draw.shuffle(shuffled)
    assert strict.match(made(*shuffled), gold).passed


@given(some_calls, some_calls)
@settings(deadline=None)
def test_strict_is_symmetric(one, other):
    left = strict.match(made(*one), [Expected.exactly(call) for call in made(*other)])
    right = strict.match(made(*other), [Expected.exactly(call) for call in made(*one)])
    assert left.passed == right.passed
    assert left.score == pytest.approx(right.score)
    assert left.numbers["argument_f1"] == pytest.approx(right.numbers["argument_f1"])


def episode(*calls, gold=GOLD, **stated):
    nodes = [Node(None, Message("user", "?")), Node(0, Message("assistant", calls=tuple(made(*calls))), sampled=True)]
    constraints = (Constraint("calls", stated),) if stated else ()
    return Episode(Task("t", "w", Start(), "?", Goal((), (), ()), gold=gold, constraints=constraints), TOOLS, nodes, (), StopReason.agent_done)


async def test_the_check():
    right = await Called()(episode(*RIGHT))
    assert (right.passed, right.score, right.mode) == (True, 1.0, "strict")
    assert right.numbers["first_wrong"] == -1
    wrong = await Called()(episode(*RIGHT[::-1], ordered=True))
    assert (wrong.passed, wrong.kinds) == (False, (ErrorKind.wrong_order,))
    stated = {"preset": "bfcl", "expected": [{"name": "pay", "arguments": {"to": ["ADA", "Bob"], "amount": [12.5]}}]}
    assert (await Called()(episode(RIGHT[1], **stated))).passed
    assert not (await Called()(episode(RIGHT[0], **stated))).passed
    assert "states no calls" in (await Called()(episode(gold=None))).evidence[0]
    for bad in ({"preset": "x"}, {"order": True}, {"preset": "bfcl", "ordered": True}, {"expected": [{"nam": "x"}]}):
        with pytest.raises(ArtificerError):
            await Called()(episode(**bad))


_KEYS = pytest.mark.xfail(strict=True, reason="the source compares values as they are written, nested keys in their order: `strict` does not")


@pytest.mark.parametrize(("name", "mode"), [pytest.param(*one, marks=_KEYS if one == ("mnms", "code") else ()) for one in BLIND])
def test_presets_do_not_depend_on_ids_or_on_the_order_of_keys(name, mode):
    tools = [spec("put", where="object", text="string")]
    arguments = {"where": {"a": 1, "b": {"c": 2, "d": 3}}, "text": "x"}
    turned = {"text": "x", "where": {"b": {"d": 3, "c": 2}, "a": 1}}
    wrong = {"text": "y", "where": {"b": {"d": 4, "c": 2}, "a": 1}}
    for one, other in ((arguments, turned), (wrong, dict(reversed(wrong.items())))):
        wanted = [Expected.exactly(ToolCall("g", "put", arguments))]
        found = [preset(name, mode)([ToolCall(key, "put", given)], wanted, tools) for key, given in (("1", one), ("2", other))]
        assert (found[0].passed, found[0].score) == (found[1].passed, found[1].score)
        assert found[0].passed == (one is arguments)


@pytest.mark.parametrize(("name", "mode"), BLIND)
def test_presets_bear_hostile_calls(name, mode):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    try:
        for value in (*HOSTILE, deep):
            found = preset(name, mode)(made(("find", {"word": value})), EXPECTED[:1], TOOLS)
            assert not found.passed
        for key in ("\ud800", "x" * 1_000_000):
            assert not preset(name, mode)(made((key, {key: 1})), EXPECTED[:1], TOOLS).passed
    finally:
        while deep:  # taken apart by hand: freeing a deep list may recurse
            deep = deep[0]


def test_many_calls_of_one_tool_have_no_order():
    calls = [("find", {"word": str(at)}) for at in range(300)]
    wanted = [Expected.exactly(call) for call in made(*calls)]
    random.Random(1).shuffle(calls)
    assert strict.match(made(*calls), wanted).passed
    calls[7] = ("find", {"word": "none"})
    found = strict.match(made(*calls), wanted)
    assert [fault.kind for fault in found.faults] == [ErrorKind.wrong_value]
    assert found.numbers["right"] == 299


@given(st.lists(st.sampled_from("ab"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
@example(["b", "a"], ["a", "b", "c", "a"])
@settings(deadline=None)
def test_no_more_calls_are_out_of_order_than_have_to_move(given_names, wanted_names):
    found = strict.match(made(*((name, {}) for name in given_names)), [Expected(name) for name in wanted_names], ordered=True)
    common = max(len(run) for run in common_runs(given_names, wanted_names))
    both = sum(min(given_names.count(name), wanted_names.count(name)) for name in "ab")
    assert sum(fault.kind is ErrorKind.wrong_order for fault in found.faults) == both - common


def common_runs(one, other):
    """All subsequences of the first that are also of the second."""
    for size in range(len(one) + 1):
        for run in itertools.combinations(one, size):
            rest = iter(other)
            if all(name in rest for name in run):
                yield run


@given(st.lists(st.integers(0, 2), max_size=4), st.lists(st.sets(st.integers(0, 2), min_size=1), max_size=4))
@example([0, 1], [{0, 1}, {0}])
@example([0, 0, 1, 2], [{0, 1}, {0, 2}, {0}, {0, 1}])
@settings(deadline=None)
def test_the_first_wrong_call_is_the_first_that_no_choice_can_place(words, allowed):
    wanted = [Expected("find", {"word": tuple(sorted(one))}) for one in allowed]
    found = process(made(*(("find", {"word": word}) for word in words)), wanted, ordered=False)

    def placed(calls):
        ways = itertools.permutations(range(len(allowed)), len(calls))
        return len(calls) <= len(allowed) and any(all(word in allowed[to] for word, to in zip(calls, way, strict=True)) for way in ways)

    assert found.first_wrong == next((at for at in range(len(words)) if not placed(words[: at + 1])), None)
    assert found.right == max(size for size in range(len(words) + 1) if any(placed(some) for some in itertools.combinations(words, size)))


@given(st.text(alphabet="aé\u0300\u0327\ufb01\u1100\u1161가", max_size=20))
def test_unified_is_nfkc_for_what_languages_write(text):
    assert unified(text) == unicodedata.normalize("NFKC", text)


def test_a_part_of_a_number_is_mistyped_where_the_schema_says_integer():
    tools = [spec("find", limit="integer")]
    kinds = [strict.match(made(("find", {"limit": value})), [Expected("find", {"limit": (2,)})], tools).faults[0].kind for value in (1.5, 1.0, 1)]
    assert kinds == [ErrorKind.mistyped_argument, ErrorKind.wrong_value, ErrorKind.wrong_value]


async def test_the_process_is_judged_by_the_preset_that_the_task_states():
    expected = [{"name": "pay", "arguments": {"to": ["Ada"], "amount": [12.5]}}]
    alike = await Called()(episode(("pay", {"to": "ADA", "amount": 12.5}), preset="bfcl", expected=expected))
    near = await Called()(episode(("pay", {"to": "Ada", "amount": 13}), rel=0.1, expected=expected))
    for found in (alike, near):
        assert (found.passed, found.numbers["first_wrong"], found.numbers["progress"]) == (True, -1, 1.0)
