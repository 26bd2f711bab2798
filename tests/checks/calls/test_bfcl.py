"""The preset `bfcl`: upstream's recorded verdicts, rules by hand, planted errors, hostile answers."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.checks.calls.base import Expected
from artificer.checks.calls.bfcl import bfcl, case, first_wrong, match, match_decoded, match_text
from artificer.checks.calls.bfcl_decode import Undecodable, calls_of_json, calls_of_native, calls_of_text, well_formed
from artificer.checks.calls.bfcl_literals import java, javascript
from artificer.checks.calls.bfcl_parameters import plain, same_text
from artificer.core.errors import SourceError
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

RECORDED = json.loads((Path(__file__).parent / "bfcl_cases.json").read_text("utf-8"))


def found(one, answer):
    made = match_text(one, answer["text"]) if "text" in answer else match_decoded(one, answer["calls"])
    return None if made.passed else made.faults[0].source


# upstream's own verdicts, recorded


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row["id"])
def test_recorded_verdicts(row):
    for answer in row["answers"]:
        one = case(row["functions"], row["ground_truth"], row["category"], underscores=answer.get("underscores", False))
        assert found(one, answer) == answer["error"], answer


def test_the_record_holds_every_category_and_error():
    assert len({row["category"] for row in RECORDED}) == 13
    errors = {answer["error"] for row in RECORDED for answer in row["answers"]}
    assert len(errors) >= 22
    assert None in errors


# rules by hand


def one_function(properties, answer, required=(), category="simple_python", **options):
    functions = [{"name": "f.g", "parameters": {"type": "dict", "properties": properties, "required": list(required)}}]
    return case(functions, [{"f.g": answer}], category, **options)


def why(properties, answer, given, required=(), category="simple_python", **options):
    wrong = first_wrong(one_function(properties, answer, required, category, **options), [{"f.g": given}])
    return None if wrong is None else wrong[0]


TEXT, WHOLE, REAL = {"type": "string"}, {"type": "integer"}, {"type": "float"}
LIST, OBJECT = {"type": "array", "items": TEXT}, {"type": "dict"}
ROWS = {"type": "array", "items": OBJECT}
REALS = {"type": "array", "items": REAL}
PAIR = {"type": "tuple", "items": REAL}


@pytest.mark.parametrize(
    ("schema", "possible", "value", "error"),
    [
        (TEXT, ["New York, NY"], "new york ny", None),
        (TEXT, ["it's"], 'IT"S', None),
        (TEXT, ["a"], "b", "value_error:string"),
        (TEXT, ["a"], 1, "type_error:simple"),
        (TEXT, [5], 5, None),  # the reference's own type is taken where the schema says another
        (WHOLE, [1], True, "type_error:simple"),
        (WHOLE, [1], 1.0, "type_error:simple"),
        (WHOLE, [1], 2, "value_error:others"),
        (WHOLE, ["n"], "n", None),
        (WHOLE, ["n"], "N", "value_error:others"),
        (REAL, [1.0], 1, None),
        (REAL, [2.5], 2.5, None),
        ({"type": "boolean"}, [True], 1, "type_error:simple"),
        ({"type": "any"}, ["x"], "X", None),
        (LIST, [["a", "b"]], ["A", "b."], None),
        (LIST, [["a", "b"]], ["b", "a"], "value_error:list/tuple"),
        (LIST, [["a"], ["b"]], ["b"], None),
        (LIST, [["a"]], [1], "type_error:nested"),
        (LIST, [["a"]], ("a",), "type_error:simple"),
        (LIST, [["a"], ""], [], None),
        (REALS, [[1.0]], [1], "type_error:nested"),
        (PAIR, [[1.0, 2.0]], (1.0, 2.0), None),
        (OBJECT, [{"a": ["x", ""], "b": [1]}], {"b": 1}, None),
        (OBJECT, [{"a": ["x"], "b": [1]}], {"b": 1}, "value_error:dict_key"),
        (OBJECT, [{"a": ["x"]}], {"a": "X", "c": 1}, "value_error:dict_key"),
        (OBJECT, [{"a": ["x"]}], {"a": "y"}, "value_error:dict_value"),
        (ROWS, [[{"a": [1]}, {"a": [2]}]], [{"a": 1}, {"a": 2}], None),
        (ROWS, [[{"a": [1]}, {"a": [2]}]], [{"a": 2}, {"a": 1}], "value_error:dict_value"),
        (ROWS, [[{"a": [1]}]], [], "value_error:list_dict_count"),
        (ROWS, [[{"a": [1]}], ""], ["x"], "value_error:no_object"),
    ],
)
def test_values(schema, possible, value, error):
    assert why({"p": schema}, {"p": possible}, {"p": value}) == error


def test_names_counts_and_what_may_be_left_out():
    properties, answer = {"a": TEXT, "b": WHOLE}, {"a": ["x"], "b": [1, ""]}
    group = "simple_function_checker:"
    assert why(properties, answer, {"a": "x"}) is None
    assert why(properties, answer, {"b": 1}, required=["a"]) == f"{group}missing_required"
    assert why(properties, answer, {"b": 1}) == f"{group}missing_optional"
    assert why(properties, answer, {"a": "x", "c": 1}) == f"{group}unexpected_param"
    one = one_function(properties, answer)
    assert first_wrong(one, [{"f_g": {"a": "x"}}]) == (f"{group}wrong_func_name", "")
    assert first_wrong(one_function(properties, answer, underscores=True), [{"f_g": {"a": "x"}}]) is None
    assert first_wrong(one, []) == (f"{group}wrong_count", "")
    assert match(one, []).faults[0].kind is ErrorKind.no_call


@pytest.mark.parametrize(
    ("schema", "text", "possible", "error"),
    [
        ({"type": "long"}, "5L", [5], None),
        ({"type": "long"}, "5", [5], "type_error:simple"),
        ({"type": "float"}, "3.5f", [3.5], None),
        ({"type": "double"}, "3e2", [300.0], None),
        ({"type": "boolean"}, "true", [True], None),
        ({"type": "integer"}, 5, [5], "type_error:java"),
        ({"type": "ArrayList", "items": {"type": "String"}}, 'new ArrayList<>(Arrays.asList("a", "b"))', [["a", "b"]], None),
        ({"type": "Array", "items": {"type": "integer"}}, "new int[]{1, 2}", [[1, 2]], None),
        ({"type": "HashMap"}, 'new HashMap<>() {{ put("k", "v"); put("n", 1); }}', [{"k": ["v"], "n": [1]}], None),
        ({"type": "any"}, "new Path('/a')", ["new Path('/a')"], None),
    ],
)
def test_java(schema, text, possible, error):
    assert why({"p": schema}, {"p": possible}, {"p": text}, category="simple_java") == error


@pytest.mark.parametrize(
    ("schema", "text", "possible", "error"),
    [
        ({"type": "String"}, "'a'", ["a"], None),
        ({"type": "Bigint"}, "12n", [12], None),
        ({"type": "Boolean"}, "false", [False], None),
        ({"type": "float"}, 1.5, [1.5], "type_error:js"),
        ({"type": "array", "items": {"type": "String"}}, "['a', \"b\"]", [["a", "b"]], None),
        ({"type": "array", "items": {"type": "array"}}, "[[1, 2], [3]]", [[[1, 2], [3]]], None),
        ({"type": "dict"}, "{a: 1, 'b': [1, 2]}", [{"a": [1], "b": [[1, 2]]}], None),
    ],
)
def test_javascript(schema, text, possible, error):
    assert why({"p": schema}, {"p": possible}, {"p": text}, category="simple_javascript") == error


def many(answers, mode="code"):
    functions = [{"name": name, "parameters": {"properties": {"x": TEXT}, "required": []}} for name in "fg"]
    return case(functions, answers, "parallel_multiple", mode=mode)


def test_parallel_calls_in_any_order_each_once():
    one = many([{"f": {"x": ["a"]}}, {"g": {"x": ["b"]}}, {"f": {"x": ["c"]}}])
    calls = [{"f": {"x": "c"}}, {"g": {"x": "b"}}, {"f": {"x": "a"}}]
    assert match(one, calls).passed
    assert match(one, calls).pairs == ((2, 0), (1, 1), (0, 2))
    repeated = match(one, [calls[0], calls[1], calls[0]])
    assert repeated.faults[0].source == "parallel_function_checker_no_order:cannot_find_match"
    assert repeated.faults[0].kind is ErrorKind.wrong_value
    assert match(one, calls[:2]).faults[0].kind is ErrorKind.missing_call
    assert match(one, [*calls, calls[0]]).faults[0].kind is ErrorKind.extra_call


def test_strict_finds_the_assignment_that_greedy_misses():
    answers = [{"f": {"x": ["a", "b"]}}, {"f": {"x": ["a"]}}]
    calls = [{"f": {"x": "a"}}, {"f": {"x": "b"}}]
    assert not match(many(answers), calls).passed
    assert match(many(answers, "strict"), calls).passed
    assert match(many(answers, "strict"), calls[::-1]).passed
    assert not match(many(answers, "strict"), [calls[1], calls[1]]).passed


@given(st.lists(st.sets(st.integers(0, 4), min_size=1), min_size=1, max_size=5), st.permutations(range(5)))
def test_strict_agrees_with_trying_every_order(allowed, order):
    from itertools import permutations

    calls = [{"f": {"x": str(index)}} for index in order[: len(allowed)]]
    answers = [{"f": {"x": [str(value) for value in sorted(values)]}} for values in allowed]
    tried = any(all(int(call["f"]["x"]) in values for call, values in zip(turned, allowed, strict=True)) for turned in permutations(calls))
    strict, code = match(many(answers, "strict"), calls), match(many(answers), calls)
    assert strict.passed == (tried if len(allowed) > 1 or calls else True)
    assert strict.passed or not code.passed


def test_strict_mends_what_is_another_value():
    assert why({"p": TEXT}, {"p": ["1.5"]}, {"p": "15"}) is None
    assert why({"p": TEXT}, {"p": ["1.5"]}, {"p": "15"}, mode="strict") == "value_error:string"
    assert why({"p": TEXT}, {"p": ["-3"]}, {"p": "3"}, mode="strict") == "value_error:string"
    assert why({"p": TEXT}, {"p": ["a", ""]}, {"p": "--"}) is None
    assert why({"p": TEXT}, {"p": ["a", ""]}, {"p": "--"}, mode="strict") == "value_error:string"
    assert why({"p": TEXT}, {"p": ["April 1, 2024"]}, {"p": "april 1,2024"}, mode="strict") is None
    assert why({"p": REALS}, {"p": [[1.0, 2.0]]}, {"p": [1, 2]}, mode="strict") is None
    whole = {"type": "array", "items": WHOLE}
    assert why({"p": whole}, {"p": [[1], ""]}, {"p": [True]}) is None
    assert why({"p": whole}, {"p": [[1], ""]}, {"p": [True]}, mode="strict") == "value_error:list/tuple"
    assert calls_of_text("[f(x=+5, y=~5)]") == [{"f": {"x": -5, "y": -5}}]
    assert calls_of_text("[f(x=+5, y=~5)]", "strict") == [{"f": {"x": 5, "y": -6}}]


def test_relevance():
    functions = [{"name": "f", "parameters": {"properties": {}, "required": []}}]
    without, withal = case(functions, [], "irrelevance"), case(functions, [], "live_relevance")
    for text in ("I cannot help.", "[]", "[{}]", "", "f"):
        assert match_text(without, text).passed
        assert match_text(withal, text).faults[0].source == "relevance_error:decoder_failed"
    called = match_text(without, "[f()]")
    assert called.faults[0].kind is ErrorKind.needless_call
    assert match_text(withal, "[anything(x=1)]").passed


# errors that are planted


GOLD = [Expected("find", {"city": ("Paris",), "days": (3,), "units": ("metric",)}, frozenset({"units"}))]
FIND = ToolSpec(
    "find",
    "",
    {"type": "object", "properties": {"city": TEXT, "days": WHOLE, "units": TEXT}, "required": ["city"]},
)
OTHER = ToolSpec("other", "", {"type": "object", "properties": {}, "required": []})
RIGHT = {"city": "Paris", "days": 3}


@pytest.mark.parametrize(
    ("calls", "kind"),
    [
        ([], ErrorKind.no_call),
        ([("find", RIGHT), ("find", RIGHT)], ErrorKind.extra_call),
        ([("other", {})], ErrorKind.wrong_tool),
        ([("made_up", RIGHT)], ErrorKind.unknown_tool),
        ([("find", {"days": 3})], ErrorKind.missing_argument),
        ([("find", {"city": "Paris"})], ErrorKind.missing_argument),
        ([("find", {**RIGHT, "when": "now"})], ErrorKind.extra_argument),
        ([("find", {**RIGHT, "days": "3"})], ErrorKind.mistyped_argument),
        ([("find", {**RIGHT, "days": 4})], ErrorKind.wrong_value),
        ([("find", {**RIGHT, "units": "imperial"})], ErrorKind.wrong_value),
    ],
)
def test_planted_errors_have_their_kind(calls, kind):
    made = [ToolCall(str(at), name, arguments) for at, (name, arguments) in enumerate(calls)]
    found = bfcl(made, GOLD, (FIND, OTHER))
    assert not found.passed
    assert found.faults[0].kind is kind
    assert found.faults[0].why


def test_planted_errors_beside_these():
    assert match_text(one_function({}, {}), "[f.g(").faults[0].kind is ErrorKind.unparsable_call
    two = [Expected("find", {"city": ("Rome",)}), Expected("other")]
    assert bfcl([ToolCall("a", "other", {})], two, (FIND, OTHER)).faults[0].kind is ErrorKind.missing_call
    assert bfcl([ToolCall("a", "other", {})], [], (FIND, OTHER)).faults[0].kind is ErrorKind.needless_call


values = st.recursive(
    st.integers(-99, 99) | st.booleans() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(
        st.tuples(st.sampled_from("fgh"), st.dictionaries(st.text(min_size=1, max_size=4), st.integers() | st.text(min_size=1, max_size=5))),
        max_size=4,
    )
)
def test_reflexive_whatever_the_order_of_calls_keys_and_ids(calls):
    made = [ToolCall(str(at), name, arguments) for at, (name, arguments) in enumerate(calls)]
    expected = [Expected.exactly(call) for call in made]
    turned = [ToolCall(f"x{at}", call.name, dict(reversed(call.arguments.items()))) for at, call in enumerate(reversed(made))]
    for mode in ("code", "strict"):
        assert bfcl(made, expected, mode=mode).passed
        assert bfcl(turned, expected, mode=mode).passed


@given(st.dictionaries(st.sampled_from(["city", "days", "units", "more"]), values, max_size=4))
def test_any_arguments_are_judged(arguments):
    one = bfcl([ToolCall("a", "find", arguments)], GOLD, (FIND,))
    assert one.passed == (not one.faults)
    assert one == bfcl([ToolCall("b", "find", dict(reversed(arguments.items())))], GOLD, (FIND,)) or not one.passed


def test_a_reference_that_cannot_be():
    with pytest.raises(SourceError, match="not among the functions"):
        case([], [{"f": {}}], "parallel")
    with pytest.raises(SourceError, match="there is no type 'quaternion'"):
        one_function({"p": {"type": "quaternion"}}, {"p": ["1"]})


# decoding


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("f(x=1)", [{"f": {"x": 1}}]),
        ("```\n[a.b.f(x='y', z=[1, (2, 3)]), g()]\n```", [{"a.b.f": {"x": "y", "z": [1, (2, 3)]}}, {"g": {}}]),
        ("[f(1, 2, x=3)]", [{"f": {"x": 3}}]),
        ("[f(x=name, y=g(), z=g(a=1), w=a[0])]", [{"f": {"x": "name", "y": "g()", "z": {"g": {"a": 1}}, "w": "a[0]"}}]),
        ("[f(x=2 * 3 + 1, y='a' + 'b', z=2 ** 10)]", [{"f": {"x": 7, "y": "ab", "z": 1024}}]),
        ("[f(x=..., y=None, z=-1.5)]", [{"f": {"x": "...", "y": None, "z": -1.5}}]),
        ("[f(x=1, x=2)]", [{"f": {"x": 2}}]),
        ("[]", []),
    ],
)
def test_calls_of_text(text, calls):
    assert calls_of_text(text) == calls


@pytest.mark.parametrize(
    "text", ["x", "[1]", "f(x=1", "[f(x=a.b)]", "[f(x={**y})]", "[f(x=1 if y else 2)]", "[f(x={[]: 1})]", "\x00", "[f(x='\ud800"]
)
def test_no_calls(text):
    with pytest.raises(Undecodable):
        calls_of_text(text)


def test_json_and_native_calls():
    wanted = [{"f": {"x": 1}}]
    assert calls_of_json('Sure: [{"function": "f", "parameters": {"x": 1}}].') == wanted
    assert calls_of_json('[{"name": "f", "arguments": "{\\"x\\": 1}"}]') == wanted
    assert calls_of_native([ToolCall("a", "f", {"x": 1})]) == wanted
    for text in ("", "[", "[1]", '[{"name": 1}]', '[{"name": "f", "arguments": "{"}]', "[" * 100_000 + "]" * 100_000):
        with pytest.raises(Undecodable):
            calls_of_json(text)


def test_the_shape_of_what_others_decode():
    assert well_formed([])
    assert well_formed([{"f": {}}])
    for wrong in (None, {}, "f", [1], [{}], [{"f": 1}], [{"f": {}, "g": {}}]):
        assert not well_formed(wrong)
    assert match_decoded(one_function({}, {}), ["f"]).faults[0].source == "ast_decoder:decoder_wrong_output_format"


@given(st.text(max_size=60) | st.text(alphabet="[]()f=,'x+-1{}:*.", max_size=40))
def test_any_text_is_calls_or_undecodable(text):
    for mode in ("code", "strict"):
        try:
            assert well_formed(calls_of_text(text, mode))
        except Undecodable:
            pass


# hostile answers


BOMBS = [
    "[" * 100_000,
    "f(" * 50_000,
    "[f(x=" + "-" * 50_000 + "1)]",
    "[f(x=a" + ".b" * 50_000 + ")]",
    "[f(x=" + "1+" * 50_000 + "1)]",
    "[f(x=9**9**9**9)]",
    "[f(x=9**99999999)]",
    "[f(x='a'*10**9)]",
    "[f(x=1e308*10, y=1/0)]",
    "[f(x=" + "[" * 150 + "]" * 150 + ")]",
    "[f(x='" + "a" * 10_000_000 + "')]",
    "\ud800" * 1000,
    "[f(x='\ud800')]",
    "[f(x=" + "9" * 5000 + ")]",
    "[f(x=" + "not " * 900 + "1)]",
    "[f(x=" + "lambda:" * 3000 + "1)]",
]


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
@pytest.mark.parametrize("mode", ["code", "strict"])
def test_bombs_are_answers_like_others(text, mode):
    one = one_function({"x": TEXT}, {"x": ["a"]}, mode=mode)
    assert not match_text(one, text).passed
    assert not match_text(one, f"[f.g(x={text})]").passed


def test_code_in_arguments_is_never_run(tmp_path):
    mark = tmp_path / "ran"
    code = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    for text in (f"[f(x={code})]", f"[f(x={code} + 1)]", f"[f(x=1 + {code})]", f"[{code}]", f"[f(x=[{code}][0])]", f"[f(x=(lambda: {code})())]"):
        match_text(one_function({"x": TEXT}, {"x": ["a"]}), text)
    assert not mark.exists()


def test_big_and_odd_values():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for value in ("a" * 10_000_000, deep, [deep], {"a": deep}, float("nan"), 10**5000, "\ud800", None, [None], {1: 2}):
        for schema, possible in ((TEXT, ["a"]), (WHOLE, [1]), (REAL, [1.0]), (LIST, [["a"]]), (OBJECT, [{"a": ["x"]}]), (ROWS, [[{"a": [1]}], ""])):
            for mode in ("code", "strict"):
                one = one_function({"p": schema}, {"p": possible}, mode=mode)
                assert not match(one, [{"f.g": {"p": value}}]).passed
    while deep:  # taken apart by hand: a deep list is freed level by level
        deep = deep.pop()


REGEX_BOMBS = [
    "[[1]," * 900,
    "new Array([1]," + "[1]," * 900,
    "new HashMap<>(){" + " " * 3900,
    "new HashMap<>(){ " * 240,
    "new ArrayList<>() {{" + " " * 3900,
    "new ArrayList<>(Arrays.asList(" * 130,
    "new HashMap<" + ">()" * 1300,
    "{a: 1," + " " * 3900 + "}",
    "put(" * 1000,
    "1" * 4000,
    "[" * 4000,
    "new int[]{" * 400,
    "a" * 10_000_000,
]


@pytest.mark.parametrize("text", REGEX_BOMBS, ids=range(len(REGEX_BOMBS)))
def test_literals_that_would_hang_a_pattern(text):
    for of in ("ArrayList", "Array", "HashMap", "integer", "float", "long", "double"):
        java(text, of, "integer")
    for of in ("array", "dict", "integer", "float", "Bigint", "String"):
        javascript(text, of, "integer")


@given(st.lists(st.sampled_from(["[", "[[", "]", "],", "]]", " ", "\n", "1", "'a'", ",", "new Array(", ")", "] , ["]), max_size=12).map("".join))
def test_arrays_of_arrays_as_the_pattern_reads_them(code):
    """Against upstream's pattern itself, on texts too short to hang it."""
    from artificer.checks.calls.bfcl_literals import _rows

    pattern = r"\[\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*\]|\bnew\s+Array\(\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*\)"
    wanted = re.match(pattern, code)
    assert _rows(code) == (wanted[0] if wanted else None)


@given(st.lists(st.sampled_from(["new HashMap<>", "()", " ", "{", "}", "{{", "}}", 'put("a", 1)', ";", "x", "\n", ">"]), max_size=10).map("".join))
def test_maps_as_the_pattern_reads_them(text):
    pattern = r"new\s+HashMap<.*?>\s*\(\)\s*\{\s*\{?\s*(.*?)\s*\}?\s*\}"
    wanted = re.search(pattern, text, re.DOTALL)
    value = java(text, "HashMap")
    if wanted:
        assert value == ({"a": 1} if 'put("a", 1)' in wanted[1] else {})
    else:
        assert value in ({}, text)


@given(st.text(max_size=20), st.text(max_size=20))
def test_texts_are_compared_both_ways_alike(left, right):
    assert same_text(left, right) == same_text(right, left)
    assert same_text(left, left)
    assert plain(left) == re.sub(r"[ \,\.\/\-\_\*\^]", "", left).lower().replace("'", '"')


def test_nothing_heavy_is_imported():
    import subprocess

    code = "import sys, artificer.checks.calls.bfcl; print([n for n in ('torch', 'numpy', 'mcp', 'ray', 'apsw', 'mpmath') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
