"""Answers against references: tables worked by hand, properties, and hostile text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.answered import Answered
from artificer.checks.answers import Rule, exact_match, final_answer, grade, kind_of, normalised, quoted, token_f1
from artificer.checks.answers.maths import Mathematician
from artificer.checks.answers.quantities import Quantity, close, quantity
from artificer.checks.answers.quotes import references
from artificer.checks.base import Episode
from artificer.core.messages import Message
from artificer.core.tasks import Constraint, Goal, Start, Task
from artificer.core.trace import Node
from artificer.core.verdicts import ErrorKind, StopReason


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{\frac{1}{2}} it is", r"\frac{1}{2}"),
        (r"\boxed{1} then \boxed{2}", "2"),
        (r"\boxed{never closed", r"\boxed{never closed"),
        ("We add them.\nThe answer is 42.", "42"),
        ("Final answer: **Paris**", "Paris"),
        ("The answer is 1. No: the answer is 2.", "2"),
        ('Here:\n```json\n["a", "b"]\n```\nDone.', '["a", "b"]'),
        ("first line\nlast line.", "last line"),
        ("3.5", "3.5"),
        ("", ""),
        ("   \n  ", ""),
    ],
)
def test_the_final_answer(text: str, answer: str) -> None:
    assert final_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("1,234.5", 1234.5, ""),
        ("1.234,5", 1234.5, ""),
        ("-5", -5, ""),
        ("\u22125", -5, ""),
        ("$3.2 million", 3.2e6, "usd"),
        ("-$3", -3, "usd"),
        ("€1.000,50", 1000.5, "eur"),
        ("12%", 0.12, "percent"),
        ("12 percent", 0.12, "percent"),
        ("1.2万", 12000, ""),
        ("3/4", 0.75, ""),
        ("2 1/2", 2.5, ""),
        ("1.5e3 km", 1.5e6, "length"),
        ("5 miles", 8046.72, "length"),
        ("0 °C", 273.15, "temperature"),
        ("32 degrees Fahrenheit", 273.15, "temperature"),
        ("about 7 widgets", 7, "widgets"),
        ("90 minutes", 5400, "time"),
        ("10 m", 10, "length"),
        ("3 m people", 3e6, "people"),
        (".5", 0.5, ""),
    ],
)
def test_amounts_as_people_write_them(text: str, value: float, kind: str) -> None:
    found = quantity(text)
    assert found is not None
    assert found.value == pytest.approx(value)
    assert found.kind == kind


@pytest.mark.parametrize("text", ["", "none", "3/0", "3 and 4", "1.2.3.4", "12 to 15", "x" * 200, "$"])
def test_what_is_no_single_amount(text: str) -> None:
    assert quantity(text) is None


def test_amounts_agree_within_what_is_allowed() -> None:
    assert close(Quantity(105), Quantity(100), rel=0.1)
    assert not close(Quantity(105), Quantity(100), rel=0.01)
    assert close(Quantity(0.1 + 0.2), Quantity(0.3), rel=0)
    assert not close(Quantity(5, "usd"), Quantity(5, "eur"), rel=0.1)
    assert close(Quantity(5), Quantity(5, "eur"), rel=0)
    assert close(Quantity(12), Quantity(0.12, "percent"), rel=0)
    assert not close(Quantity(12), Quantity(0.12), rel=0)
    assert close(Quantity(12), Quantity(0.12), rel=0, percent=True)


@pytest.mark.parametrize(
    ("answer", "gold", "rule", "right", "score"),
    [
        ("b", "B", Rule(), True, 1),
        ("(B) because", "B", Rule(), True, 1),
        ("A or B", "B", Rule(), False, 0),
        ("1,000", 1000, Rule(), True, 1),
        ("1 km", "1000 m", Rule(), True, 1),
        ("1001", "1000", Rule(), False, 0),
        ("1001", "1000", Rule(rel=0.1), True, 1),
        ("many", "1000", Rule(), False, 0),
        ("May 6, 2024", "2024-05-06", Rule(), True, 1),
        ("2024-05-07", "2024-05-06", Rule(), False, 0),
        ('["a", "b"]', ["a", "b"], Rule(), True, 1),
        ("a, b", ["b", "a"], Rule(), False, 0),
        ("a, b", ["b", "a"], Rule("set"), True, 1),
        ("a and b", ["b", "a", "c"], Rule("set"), False, 0.8),
        ("a, a", ["a"], Rule("set"), False, 2 / 3),
        ("1.0001, 2", ["1", "2"], Rule("set", rel=0.01), True, 1),
        ('{"x": 1, "y": "two"}', {"y": "two", "x": 1.0}, Rule(), True, 1),
        ('{"x": 1, "y": "three"}', {"x": 1, "y": "two"}, Rule(), False, 0.5),
        ('{"x": 1, "z": 0}', {"x": 1}, Rule(), False, 2 / 3),
        ("nothing", {"x": 1}, Rule(), False, 0),
        ("The Eiffel Tower", "eiffel tower", Rule(), True, 1),
        ("the tower", "the Eiffel tower", Rule(), False, 2 / 3),
        ("yes", True, Rule(), True, 1),
        ("no", True, Rule(), False, 0),
        ("", "x y", Rule(), False, 0),
    ],
)
def test_grades(answer: str, gold: object, rule: Rule, right: bool, score: float) -> None:
    found = grade(answer, gold, rule)
    assert (found.right, found.score) == (right, pytest.approx(score))
    assert found.right or found.why


@pytest.mark.parametrize(
    ("gold", "kind"),
    [
        ("B", "choice"),
        ("1.2万", "number"),
        ('{"a": 1}', "json"),
        ("[1, 2]", "list"),
        ("2024-05-06", "date"),
        (r"\frac{1}{2}", "maths"),
        ("Paris", "text"),
        (3, "number"),
    ],
)
def test_the_kind_is_read_from_the_reference(gold: object, kind: str) -> None:
    assert kind_of(gold) == kind


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("The  Cat's hat!", "cat s hat"),
        ("$1,234.50", "1234.50"),
        ("-5 and x-ray", "-5 and x ray"),
        ("Ａ１", "a1"),
        ("50%", "50%"),
        ("don\u2019t", "don t"),
    ],
)
def test_normalisation(text: str, plain: str) -> None:
    assert normalised(text) == plain


def test_words_are_counted_as_a_multiset() -> None:
    assert token_f1("a cat cat", ["cat"]) == pytest.approx(2 * (1 / 2) * 1 / (1.5))
    assert token_f1("dog", ["cat", "a dog"]) == 1
    assert token_f1("", [""]) == 1
    assert token_f1("x", []) == 0


answers = st.text(st.characters(exclude_categories=()), max_size=40)


@given(answers)
def test_everything_equals_itself_and_normalising_twice_changes_nothing(text: str) -> None:
    assert exact_match(text, [text])
    assert normalised(normalised(text)) == normalised(text)
    assert token_f1(text, [text]) == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | answers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(answers, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(answers, values, st.sampled_from([None, "choice", "number", "date", "list", "set", "json", "text", "maths"]))
def test_no_answer_and_no_reference_breaks_the_grader(answer: str, gold: object, kind) -> None:
    found = grade(answer, gold, Rule(kind))
    assert 0 <= found.score <= 1
    assert not found.right or found.score == 1


@pytest.mark.parametrize(
    "hostile",
    [
        "[" * 100_000,
        "1," * 500_000,
        "9" * 1_000_000,
        "\ud800" * 1000,
        r"\boxed{" * 100_000,
        "answer is " * 300_000,
        "```json\n" * 100_000,
        "a" * 10_000_000,
        '{"a":' * 50_000,
    ],
    ids=["brackets", "list", "digits", "surrogates", "boxes", "phrases", "fences", "long", "objects"],
)
def test_hostile_answers_take_no_time(hostile: str) -> None:
    answer = final_answer(hostile)
    for gold in ("1", ["1", "2"], {"a": 1}, "B", "2024-05-06", "words of a text"):
        assert not grade(answer, gold).right
    quoted(references(hostile), hostile, ["x"])


@pytest.fixture(scope="module")
def mathematician():
    made = Mathematician(seconds=20)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        (r"\frac{1}{2}", "0.5", True),
        (r"$\sqrt{8}$", r"2\sqrt{2}", True),
        ("(x+1)^2", "x^2+2x+1", True),
        ("[1, 2]", "(1,2]", False),
        (r"\frac{1}{3}", "0.5", False),
        ("", "1", False),
    ],
)
def test_expressions(mathematician: Mathematician, answer: str, gold: str, right: bool) -> None:
    assert grade(answer, gold, Rule("maths"), mathematician).right is right


def test_code_is_not_run_and_what_takes_too_long_is_killed(mathematician: Mathematician, tmp_path) -> None:
    target = tmp_path / "made"
    assert not mathematician.same(f"__import__('os').system('touch {target}')", "1")
    assert not target.exists()
    hasty = Mathematician(seconds=0.5)
    assert not hasty.same("9^{9^{9^{9}}}", r"\sum_{k=1}^{10^{9}} \sin(k!)")
    assert hasty.same(r"\frac{2}{4}", "1/2") or hasty.killed  # a new child serves the next
    hasty.close()
    assert not mathematician.same("1" * 5000, "2")


def test_quotations() -> None:
    context = (
        "The shop opens at nine. The lamp costs 12 euros. Returns take 30 days. " * 1
        + "Nothing else is known of it, and much more could be said. " * 3
    )
    good = quoted(["the lamp  costs 12 euros"], context, ["12 euros"])
    assert (good.score, good.faithful, good.invented) == (1, 1, 0)
    assert quoted(["the lamp costs 13 euros"], context, ["12 euros"]).score == 0
    assert quoted(["The shop opens at nine."], context, ["12 euros"]).score == 0
    copied = quoted([context], context, ["12 euros"])
    assert copied.score == 0
    assert copied.copied == 1
    assert quoted([context], context, ["12 euros"], most=1).score == 1
    assert quoted(["The shop opens", "lamp costs 12 euros"], context, ["12 euros", "30 days"]).score == 0.5
    assert quoted([], context, []).score == 0
    assert references("<reference> a </reference> b <reference></reference><REFERENCE>c</REFERENCE>") == ["a", "c"]


def task(**constraint: object) -> Task:
    return Task("t", "w", Start(), "?", Goal((), (), ()), constraints=(Constraint("answer", dict(constraint)),) if constraint else ())


def episode(said: str, **constraint: object) -> Episode:
    nodes = [Node(None, Message("user", "?")), Node(0, Message("assistant", said))]
    return Episode(task(**constraint), (), nodes, (), StopReason.user_done)


async def test_the_check() -> None:
    check = Answered()
    right = await check(episode("It took a while. The answer is 1,200 km.", gold="1200000 m"))
    assert (right.passed, right.score) == (True, 1)
    wrong = await check(episode("The answer is Rome.", gold="Paris"))
    assert (wrong.passed, wrong.kinds) == (False, (ErrorKind.wrong_value,))
    part = await check(episode("red, blue", gold=["red", "green"], kind="set"))
    assert (part.passed, part.score) == (False, 0.5)
    assert (await check(episode("", gold="x"))).kinds == (ErrorKind.not_told,)
    assert "states no answer" in (await check(episode("x"))).evidence[0]
