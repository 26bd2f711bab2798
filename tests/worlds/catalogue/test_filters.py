from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.core.errors import SourceError
from artificer.core.tools import ToolSpec
from artificer.worlds.catalogue.filters import Filter, Op, Where, allowed, read_where, where_of

QUOTE = ToolSpec(
    "get_quote",
    "Latest price of a share.",
    {"type": "object"},
    effect="read",
    attributes={
        "timeliness": "realtime",
        "intent": "informational",
        "domains": ["equity", "fund"],
        "cost": 2,
        "limits": {"per_hour": 10},
        "free": True,
    },
)
BARE = ToolSpec("buy", "", {"type": "object"})


@pytest.mark.parametrize(
    ("field", "op", "value", "holds"),
    [
        ("intent", "is", "informational", True),
        ("intent", "is_not", "transactional", True),
        ("intent", "in", ["informational", "advisory"], True),
        ("intent", "not_in", ["informational"], False),
        ("domains", "has", "equity", True),
        ("domains", "has", "bond", False),
        ("domains", "overlaps", ["bond", "fund"], True),
        ("domains", "overlaps", ["bond"], False),
        ("domains", "within", ["equity", "fund", "bond"], True),
        ("domains", "within", ["equity"], False),
        ("domains", "is", ["equity", "fund"], True),
        ("cost", "below", 2, False),
        ("cost", "at_most", 2, True),
        ("cost", "above", 1.5, True),
        ("cost", "at_least", 3, False),
        ("cost", "below", "3", False),  # a number is not compared with a text
        ("free", "is", 1, False),  # true is not 1
        ("free", "at_least", 0, False),
        ("timeliness", "below", "s", True),
        ("limits.per_hour", "at_least", 10, True),
        ("limits.per_day", "present", None, False),
        ("limits", "present", None, True),
        ("sensitivity", "absent", None, True),
        ("name", "like", "get_*", True),
        ("name", "like", "get_[q]*", False),  # brackets are no pattern
        ("description", "like", "*price*", True),
        ("effect", "is", "read", True),
    ],
)
def test_each_operator(field: str, op: str, value: object, holds: bool) -> None:
    assert Filter(field, op, value).holds(QUOTE) is holds  # type: ignore[arg-type]


@pytest.mark.parametrize("op", sorted({*get_args(Op)} - {"absent"}))
@pytest.mark.parametrize("field", ["intent", "effect", "description", "a.b"])
def test_what_is_not_known_satisfies_nothing(op: str, field: str) -> None:
    assert Filter(field, op, "x").holds(BARE) is False  # type: ignore[arg-type]


def test_conditions_together_and_what_they_report() -> None:
    where = Where(
        all=(Filter("intent", "in", ["informational"]),),
        any=(Filter("domains", "has", "equity"), Filter("domains", "has", "bond")),
        none=(Filter("cost", "above", 5),),
    )
    assert where.holds(QUOTE)
    assert not where.holds(BARE)
    assert [condition.field for condition in where.unmet(BARE)] == ["intent", "domains", "domains"]
    dear = ToolSpec("x", "", {}, attributes=QUOTE.attributes | {"cost": 6, "intent": "transactional"})
    assert [condition.field for condition in where.unmet(dear)] == ["intent", "cost"]
    assert allowed([QUOTE, BARE, dear], where) == [QUOTE]
    assert allowed([QUOTE, BARE], None) == [QUOTE, BARE]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


@given(st.sampled_from(["is", "in", "has", "overlaps", "within", "below", "like"]), json_values, json_values)
def test_no_values_are_too_strange_to_compare(op: str, left: object, right: object) -> None:
    tool = ToolSpec("t", "", {}, attributes={"a": left})
    assert Filter("a", op, right).holds(tool) in (True, False)  # type: ignore[arg-type]


def test_from_a_file(tmp_path) -> None:
    path = tmp_path / "where.toml"
    path.write_text('[[all]]\nfield = "intent"\nop = "in"\nvalue = ["informational"]\n[[none]]\nfield = "domains"\nop = "has"\nvalue = "bond"\n')
    where = read_where(path)
    assert where.holds(QUOTE)
    assert where == where_of(
        {"all": [{"field": "intent", "op": "in", "value": ["informational"]}], "none": [{"field": "domains", "op": "has", "value": "bond"}]}
    )
    assert where.key() == read_where(path).key()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("all = 3", "no condition"),
        ("[[all]]\nfield = 'a'\nop = 'equals'\nvalue = 1", "no condition"),
        ("[[all]]\nfield = 'a'\nop = 'is'\nvalue = 1\nmore = 2", "no condition"),
        ("[[some]]\nfield = 'a'", "no condition"),
        ("[[all]]\nfield = 'a'\nop = 'in'\nvalue = 'x'", "needs a list"),
        ("[[all]]\nfield = 'a'\nop = 'is'", "needs a value"),
        ("[[all]]\nfield = 'a'\nop = 'like'\nvalue = 3", "needs a text"),
        ("[[all]]\nfield = 'a'\nop = 'present'\nvalue = 3", "takes no value"),
        ("[[all]]\nfield = ''\nop = 'is'\nvalue = 3", "names no field"),
        ("all = [", "no TOML"),
        ("__import__('os')", "no TOML"),
    ],
)
def test_mistakes_are_told(tmp_path, text: str, wrong: str) -> None:
    path = tmp_path / "where.toml"
    path.write_text(text)
    with pytest.raises(SourceError, match=wrong) as raised:
        read_where(path)
    assert str(path) in str(raised.value)
    assert raised.value.remedy


def test_a_missing_file(tmp_path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_where(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SourceError, match="no TOML"):
        read_where(tmp_path / "bytes.toml")
