import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.calls import acebench
from artificer.checks.calls.acebench_special import PHRASES, Refusal, process_accuracy, special, written
from artificer.checks.calls.acebench_values import normalised
from artificer.checks.calls.base import Expected
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

MODES = ("code", "strict")
RECORDED = json.loads((Path(__file__).parent / "data" / "presets.json").read_text("utf-8"))["acebench"]


def call(name, **arguments):
    return ToolCall("", name, arguments)


def tool(name, required=(), **types):
    return ToolSpec(
        name,
        "",
        {
            "type": "object",
            "properties": {key: kind if isinstance(kind, dict) else {"type": kind} for key, kind in types.items()},
            "required": list(required),
        },
    )


LISTS = {"type": "array", "items": {"type": "string"}}
OBJECTS = {"type": "array", "items": {"type": "object"}}
BOOK = tool("book", ["city"], city="string", nights="integer", pets="boolean", tags=LISTS, guests=OBJECTS, room="object")
TOOLS = [BOOK, tool("cancel", ["id"], id="string"), tool("noop")]
RIGHT = call(
    "book", city="New York", nights=2, pets=True, tags=["quiet", "sea view"], guests=[{"name": "Eve"}], room={"size": 12, "view": {"side": "sea"}}
)


def match(made, *gold, mode="code", tools=TOOLS, agent=False):
    return acebench.match(made, [Expected.exactly(one) for one in gold], tools, mode=mode, agent=agent)


def but(**changed):
    arguments = {**RIGHT.arguments, **changed}
    return ToolCall("", "book", {name: value for name, value in arguments.items() if value != "-"})


@pytest.mark.parametrize("case", RECORDED, ids=range(len(RECORDED)))
def test_verdicts_are_those_of_the_original(case):
    made = [ToolCall("", name, arguments) for name, arguments in case["made"]]
    wanted = [Expected(name, {key: (value,) for key, value in arguments.items()}) for name, arguments in case["gold"].items()]
    found = acebench.match(made, wanted, [ToolSpec(name, "", parameters) for name, parameters in case["tools"].items()])
    assert found.passed == case["valid"]
    assert found.passed or found.faults[0].source == case["word"]


@pytest.mark.parametrize("mode", MODES)
def test_the_answer_is_right(mode):
    found = match([RIGHT, call("cancel", id="b")], RIGHT, call("cancel", id="b"), mode=mode)
    assert found.passed
    assert found.score == 1
    assert found.numbers == {"right_calls": 2}


@pytest.mark.parametrize(
    ("made", "word", "kind"),
    [
        ([], "wrong functions number", ErrorKind.no_call),
        ([RIGHT, RIGHT], "wrong functions number", ErrorKind.extra_call),
        ([call("cancel", id="x")], "function_mismatch", ErrorKind.wrong_tool),
        ([call("nowhere", id="x")], "function_mismatch", ErrorKind.unknown_tool),
        ([but(city="-")], "lack_args", ErrorKind.missing_argument),
        ([but(more=1)], "addition_args", ErrorKind.extra_argument),
        ([but(city=5)], "type_error", ErrorKind.mistyped_argument),
        ([but(nights="two")], "type_error", ErrorKind.mistyped_argument),
        ([but(city="Boston")], "value_error:string", ErrorKind.wrong_value),
        ([but(tags=["sea view", "quiet"])], "value_error:list/tuple", ErrorKind.wrong_value),
        ([but(guests=[])], "value_error:list_dict_count", ErrorKind.wrong_value),
        ([but(guests=[{"name": "Bob"}])], "value_error", ErrorKind.wrong_value),
        ([but(room={"size": 12, "view": {"side": "yard"}})], "value_error", ErrorKind.wrong_value),
        ([call("book")], "wrong_param", ErrorKind.missing_argument),
    ],
)
def test_every_name_of_an_error(made, word, kind):
    found = match(made, RIGHT)
    assert not found.passed
    assert found.score == 0
    assert [(fault.source, fault.kind) for fault in found.faults] == [(word, kind)]
    strict = match(made, RIGHT, mode="strict")
    assert not strict.passed
    assert kind in {ErrorKind.extra_call, *(fault.kind for fault in strict.faults)}


def test_the_other_names_of_errors():
    assert acebench.malformed("no list").faults[0].source == "wrong_output_format"
    one, two = call("book", city="Rome"), call("cancel", id="7")
    assert match([one, one], one, two).faults[0].source == "function_mismatch"
    assert match([two, one], one, call("cancel", id="8")).faults[0].source == "simple_function_checker:unclear"
    assert match([call("book_now", city="Rome")], call("book_now", city="Rome")).faults[0].source == "wrong_function_name"
    items = tool("list_all", all={"type": "objectArray"})
    assert match([call("list_all", all=[{"a": 1}])], call("list_all", all=[{"a": 1}, {}]), tools=[items]).faults[0].source == "value_error:dict_items"


def test_a_text_is_right_when_the_wanted_one_stands_in_it_and_for_agents_when_equal():
    made = [but(city="the new-york area")]
    assert match(made, RIGHT).passed
    assert match(made, RIGHT, mode="strict").passed
    assert not match(made, RIGHT, agent=True).passed
    assert not match(made, RIGHT, mode="strict", agent=True).passed
    assert match([but(city="new_york.")], RIGHT, agent=True).passed


@pytest.mark.parametrize(
    ("made", "gold"),
    [
        (but(nights=3), RIGHT),  # numbers and booleans: by type alone
        (but(pets=False), RIGHT),
        (but(nights="-"), RIGHT),  # not required by the schema
        (but(room={"size": 112, "view": {"side": "sea"}}), RIGHT),  # 12 stands in 112
        (but(city="Rome"), but(city=5)),  # the answer's type is not the schema's
        (call("noop", made_up=1), call("noop")),
    ],
)
def test_what_the_code_lets_pass_and_strict_does_not(made, gold):
    assert match([made], gold).passed
    assert not match([made], gold, mode="strict").passed


def test_what_the_code_fails_and_strict_does_not():
    assert not match([call("noop")], call("noop")).passed
    assert match([call("noop")], call("noop"), mode="strict").passed
    second = tool("learn_2", who="string")
    made = call("learn_2", who="x")
    assert not match([made], made, tools=[second]).passed
    assert match([made], made, tools=[second], mode="strict").passed


def test_one_call_for_two_of_the_answer():
    first, second = call("cancel", id="a"), call("cancel", id="b")
    made = [call("cancel", id="ab"), call("cancel", id="zz")]
    assert match(made, first, second).passed
    assert not match(made, first, second, mode="strict").passed


@pytest.mark.parametrize("mode", MODES)
def test_order_of_calls_does_not_matter_and_any_answer_will_do(mode):
    one, two = call("book", city="Rome"), call("cancel", id="7")
    assert match([two, one], one, two, mode=mode).passed
    answers = [[Expected.exactly(one)], [Expected.exactly(two)]]
    assert acebench.match_any([two], answers, TOOLS, mode=mode).passed
    missed = acebench.match_any([call("cancel", id="9")], answers, TOOLS, mode=mode)
    assert missed.faults[0].expected in (None, 0)
    assert not acebench.match_any([two], [], TOOLS, mode=mode).passed


def test_texts_in_a_list_are_equal():
    for mode in MODES:
        assert match([but(tags=["Quiet", "sea-view"])], RIGHT, mode=mode).passed
        assert not match([but(tags=["very quiet", "sea view"])], RIGHT, mode=mode).passed
        inside = but(room={"beds": ["big"]})
        assert match([inside], inside, mode=mode).passed
        assert not match([but(room={"beds": ["the big"]})], inside, mode=mode).passed


def test_turns_and_the_overall_figure():
    assert acebench.turns([True, True, False]) == (0, 0.667)
    assert acebench.turns([True]) == (1, 1)
    assert acebench.turns([]) == (0, 0)
    assert acebench.overall(0.927, 0.933, 0.715) == pytest.approx(0.896, abs=0.001)  # as reported of gpt-4o-2024-11-20


SPECIAL = [
    (
        "incomplete",
        {"book": ["city", "nights"]},
        "Missing necessary parameters (city, nights) for the api (book)",
        Refusal("incomplete", "book", ("city", "nights")),
        "",
    ),
    (
        "incomplete",
        {"book": ["city", "nights"]},
        "Missing necessary parameters (city) for the api (book)",
        Refusal("incomplete", "book", ("city",)),
        "error_correction",
    ),
    (
        "incomplete",
        {"book": ["city"]},
        "Missing necessary parameters (city) for the api (other)",
        Refusal("incomplete", "other", ("city",)),
        "error_correction",
    ),
    ("incomplete", {"book": ["city"]}, "[book(nights=1)]", Refusal("irrelevant"), "error_detection"),
    ("error_param", {"id": ["#1"]}, "There is incorrect value (#1) for the parameters (id)", Refusal("error_param", "", ("#1",)), ""),
    ("error_param", {"id": ["#1"]}, "There is incorrect value for the parameters (id)", Refusal("error_param"), "error_correction"),
    ("error_param", {"id": ["#1"]}, "Done, #1", Refusal("incomplete", "", ("#1",)), "error_detection"),
    ("irrelevant", {}, "Due to the limitations of the function, I cannot solve this problem.", Refusal("irrelevant"), ""),
    ("irrelevant", {}, "No.", Refusal("error_param"), "error_detection"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("kind", "wanted", "text", "refusal", "word"), SPECIAL)
def test_faulty_instructions_by_words_and_by_meaning(kind, wanted, text, refusal, word, mode):
    for said in (text, refusal):
        found = special(kind, said, wanted, mode=mode)
        assert found.passed == (not word)
        assert {fault.source for fault in found.faults} <= {word}
        expected = {"error_detection": ErrorKind.missed_refusal, "error_correction": ErrorKind.not_told}
        assert all(fault.kind is expected[word] for fault in found.faults)


def test_a_call_along_with_the_right_words_and_stray_spaces():
    assert special("irrelevant", PHRASES["irrelevant"], {}, [RIGHT]).passed
    assert not special("irrelevant", PHRASES["irrelevant"], {}, [RIGHT], mode="strict").passed
    text, wanted = "Missing necessary parameters (city) for the api (book)", {"book": [" city "]}
    assert not special("incomplete", text, wanted).passed
    assert special("incomplete", text, wanted, mode="strict").passed


def test_an_agents_way_by_milestones():
    way = ["a", "b", "c"]
    assert process_accuracy(["a", "x", "c"], way, mode="strict") == pytest.approx(2 / 3)
    assert process_accuracy(["a", "x", "c"], way) == pytest.approx(1 / 3)  # b is sought to the end, and c is not there
    assert process_accuracy(["c", "a"], way, mode="strict") == process_accuracy(["c", "a"], way) == pytest.approx(1 / 3)
    assert process_accuracy([], way, end_right=True) == 1
    assert process_accuracy(["a", " b "], [way, ["a", "b"]]) == 1
    assert process_accuracy(["a"], [way, ["b"]]) == 0.333
    assert process_accuracy([], []) == 1
    assert written(call("send", to="Eve's", times=2)) == "[send(to='Eve's', times=2)]"


words = st.sampled_from(["a", "b", "true", "", "é", "\ud800", "a b", "x_1"])
values = st.recursive(
    words | st.integers() | st.floats() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
kinds = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "objectArray", "enum", "list(enum)", "odd", None, 5])
schemas = st.fixed_dictionaries(
    {
        "properties": st.dictionaries(
            words, st.fixed_dictionaries({"type": kinds}, optional={"items": st.fixed_dictionaries({"type": kinds})}), max_size=3
        )
    }
)
calls = st.lists(st.builds(ToolCall, words, words, st.dictionaries(words, values, max_size=3)), max_size=4)


@settings(max_examples=150, deadline=None)
@given(calls, calls, st.lists(st.builds(ToolSpec, words, words, schemas), max_size=3), st.booleans())
def test_anything_is_judged_and_gold_is_right(made, gold, tools, agent):
    assert match(gold, *gold, mode="strict", tools=[], agent=agent).passed
    for mode in MODES:
        found = match(made, *gold, mode=mode, tools=tools, agent=agent)
        assert found.passed == (not found.faults) == bool(found.score)
        other = [ToolCall("other", one.name, dict(reversed(one.arguments.items()))) for one in made]
        assert match(other, *gold, mode=mode, tools=tools, agent=agent).passed == found.passed


@given(st.text(max_size=30))
def test_texts_are_normalised_as_by_the_originals_pattern(text):
    assert normalised(text) == re.sub(r"[ \,\.\/\-\_\*\^]", "", text).lower().replace("'", '"')


@pytest.mark.parametrize("mode", MODES)
def test_hostile_calls(mode):
    deep, nested = [], {}
    for _ in range(50_000):
        deep, nested = [deep], {"a": nested}
    for kind in ("string", "array", "object", "number", "float"):
        tools = [tool("t", x=kind)]
        for value in (deep, nested, "x" * 10_000_000, float("nan"), 10**5000, "\ud800", None):
            for gold in ("a", ["a"], {"a": "b"}, 1.5):
                found = match([call("t", x=value)], call("t", x=gold), mode=mode, tools=tools)
                assert all(len(fault.why) < 1000 for fault in found.faults)
    assert not match([call("t")] * 3000, call("t", x=1), mode=mode, tools=tools).passed
