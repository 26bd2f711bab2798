"""Results compared: what is the same, what is the same by a tolerance that is named, what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.core.errors import ArtificerError
from artificer.core.messages import ToolResult
from artificer.core.verdicts import ErrorKind
from artificer.rollout.foreign import alike
from artificer.rollout.foreign.alike import Difference, compare
from artificer.rollout.foreign.carried import Carried
from artificer.rollout.foreign.failed import failure
from artificer.rollout.foreign.ignored import Likeness


def compared(recorded, now, *, like=(), near=0.0, carried=None, tool="get"):
    return compare(ToolResult("a", recorded), ToolResult("b", now), tool, Likeness(tuple(like), near), carried or Carried())


@pytest.mark.parametrize(
    ("recorded", "now", "tolerance"),
    [
        ({"a": 1, "b": [None, True]}, {"b": [None, True], "a": 1.0}, None),
        ('{"a": 1,\n "b": 2}', {"b": 2, "a": 1}, alike.JSON_TEXT),
        ({"a": 1}, '{"a":1}', alike.JSON_TEXT),
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}', alike.JSON_TEXT),
        ("{'a': None, 'b': (1, 2)}", {"a": None, "b": [1, 2]}, alike.LITERAL),
        ("None", None, alike.LITERAL),
        ("12.50", 12.5, alike.JSON_TEXT),
        (" fine\r\n", "fine", alike.SPACE),
        ("", None, alike.NOTHING),
    ],
)
def test_the_same_in_another_form(recorded, now, tolerance):
    found = compared(recorded, now)
    assert found.level == "exact"
    assert list(found.used) == ([tolerance] if tolerance else [])


@pytest.mark.parametrize(
    ("recorded", "now", "differences"),
    [
        ({"a": {"b/c": 1}}, {"a": {"b/c": 2}}, [Difference("/a/b~1c", "1", "2")]),
        ({"a": 1}, {"a": True}, [Difference("/a", "1", "true")]),
        ({"a": "1"}, {"a": 1}, [Difference("/a", '"1"', "1")]),
        ({"a": 1}, {"b": 1}, [Difference("/a", "1", "absent"), Difference("/b", "absent", "1")]),
        ([1, 2, 3], [1, 5], [Difference("", "3 entries", "2 entries"), Difference("/1", "2", "5")]),
        ("12", "12.0", [Difference("", '"12"', '"12.0"')]),
        ("fine", {"a": 1}, [Difference("", '"fine"', '{"a":1}')]),
        ("x" * 300 + "a", "x" * 300 + "b", [Difference("", '…"xxxxxxxxxxxxxxxxxxxxa"', '…"xxxxxxxxxxxxxxxxxxxxb"')]),
    ],
)
def test_what_differs_is_named_by_field(recorded, now, differences):
    found = compared(recorded, now)
    assert (found.level, found.differences, found.count) == ("differs", differences, len(differences))


@pytest.mark.parametrize(
    ("pattern", "level"),
    [
        ("id", "exact"),
        ("/rows/*/id", "exact"),
        ("/rows/**", "exact"),
        ("**/i?", "exact"),
        ("get:/**", "exact"),
        ("get:/rows/0/id", "exact"),
        ("put:/**", "differs"),
        ("/rows/id", "differs"),
        ("/rows/*", "exact"),
        ("/id", "differs"),
    ],
)
def test_fields_that_are_to_be_ignored(pattern, level):
    recorded, now = {"rows": [{"id": "aaaa", "n": 1}]}, {"rows": [{"id": "bbbb", "n": 1}]}
    assert compared(recorded, now, like=[pattern]).level == level
    assert compared(recorded, now).level == "differs"
    assert compared(recorded, {"rows": [{"id": "bbbb", "n": 2}]}, like=["id"]).level == "differs"


def test_an_ignored_field_may_be_absent():
    assert compared({"at": 1, "a": 2}, {"a": 2}, like=["at"]).level == "exact"


def test_numbers_that_are_nearly_the_same_only_when_asked():
    assert compared({"a": 0.1 + 0.2}, {"a": 0.3}).level == "differs"
    assert compared({"a": 0.1 + 0.2}, {"a": 0.3}, near=1e-9).level == "exact"
    assert compared({"a": 1}, {"a": True}, near=0.5).level == "differs"
    assert compared({"a": 100}, {"a": 101}, near=1e-3).level == "differs"


def test_values_written_as_text_only_when_asked():
    recorded, now = {"a": "4.0", "b": "True", "c": "None", "d": "x"}, {"a": 4.0, "b": True, "c": None, "d": "x"}
    assert compared(recorded, now).level == "differs"
    found = compare(ToolResult("a", recorded), ToolResult("a", now), "get", Likeness(as_text=True), Carried())
    assert (found.level, dict(found.used)) == ("exact", {alike.AS_TEXT: 3})
    for left, right in (("5", 4), ("1", True), ("[]", []), ("x", None)):
        found = compare(ToolResult("a", {"a": left}), ToolResult("a", {"a": right}), "get", Likeness(as_text=True), Carried())
        assert found.level == "differs"


@pytest.mark.parametrize("bad", ["", "/", "get:/"])
def test_a_pattern_that_names_nothing_is_refused(bad):
    with pytest.raises(ArtificerError, match="names no field"):
        Likeness((bad,))
    with pytest.raises(ArtificerError, match="near"):
        Likeness(near=-1)


def test_what_is_ignored_is_carried_to_where_it_is_used_again():
    carried = Carried()
    assert compared({"id": "R-1111", "n": 7}, {"id": "R-2222", "n": 9}, like=["id", "n"], carried=carried).level == "exact"
    assert carried.replaced({"order": ["R-1111"], "n": 7, "m": 7}) == {"order": ["R-2222"], "n": 9, "m": 7}
    assert carried.replaced({"order_n": 7, "id": "R-1111"}) == {"order_n": 9, "id": "R-2222"}
    found = compared({"text": "order R-1111 sent"}, {"text": "order R-2222 sent"}, carried=carried)
    assert (found.level, dict(found.used)) == ("exact", {alike.CARRIED: 1})


FOUND = ToolResult("b", None, ErrorKind.not_found, "no order R-1")


@pytest.mark.parametrize(
    ("recorded", "level", "tolerance"),
    [
        (ToolResult("a", None, ErrorKind.not_found, "no order R-1"), "exact", None),
        (ToolResult("a", None, ErrorKind.not_found, "there is no such order"), "like", alike.WORDS),
        (ToolResult("a", None, ErrorKind.internal, "no order R-1"), "exact", alike.FAILED),
        (ToolResult("a", None, ErrorKind.internal, "Error: no order R-1"), "exact", alike.FAILED),
        (ToolResult("a", None, ErrorKind.forbidden, "no order R-1"), "differs", None),
        (ToolResult("a", "Error: no order R-1"), "exact", alike.FAILED),
        (ToolResult("a", "error while looking it up"), "like", alike.FAILED),
        (ToolResult("a", {"error": "no such order"}), "like", alike.FAILED),
        (ToolResult("a", {"order": "R-1"}), "differs", None),
        (ToolResult("a", "there are no errors"), "differs", None),
    ],
)
def test_failures(recorded, level, tolerance):
    found = compare(recorded, FOUND, "get", Likeness(), Carried())
    assert (found.level, list(found.used)[:1]) == (level, [tolerance] if tolerance else [])


def test_a_call_that_went_well_and_cannot_be_made_now():
    for kind in (ErrorKind.unknown_tool, ErrorKind.missing_argument, ErrorKind.mistyped_argument):
        assert compare(ToolResult("a", 1), ToolResult("a", None, kind, "no"), "get", Likeness(), Carried()).level == "cannot"
        assert compare(ToolResult("a", None, kind, "no"), ToolResult("a", 1), "get", Likeness(), Carried()).level == "differs"


def test_hostile_values_are_compared():
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    other: object = 2
    for _ in range(5000):
        other = [other]
    assert compared(deep, other, like=["**/x", "/*/*/**/y/**/z"]).level == "differs"
    assert compared("\ud800", "\ud800").level == "exact"
    assert compared("(" * 100_000, "[" * 100_000).level == "differs"
    assert compared({"a": float("nan")}, {"a": float("nan")}).level == "exact"
    assert compared("{" * 1_000_000, {"a": 1}).level == "differs"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_is_itself_also_as_text(value):
    import json

    assert compared(value, value).level == "exact"
    assert compared(json.dumps(value, indent=2), value).level == "exact"
    assert compared(value, value, like=["**"]).level == "exact"


@given(VALUES, VALUES)
def test_comparing_is_even_handed_and_ignoring_all_ignores_all(left, right):
    assert (compared(left, right).level == "exact") == (compared(right, left).level == "exact")
    assert compared(left, right, like=["get:/**"]).level == "exact"


def test_many_differences_that_lie_deep_are_counted_and_few_are_written_out():
    """Twenty thousand differences below each other: written out, their paths have two hundred million steps."""

    def deep(leaf):
        value = leaf
        for _ in range(20_000):
            value = {"x": value, "q": leaf}
        return value

    found = compare(ToolResult("a", deep(1)), ToolResult("a", deep(2)), "t", Likeness(), Carried())
    assert (found.level, found.count) == ("differs", 20_001)
    assert [one.path for one in found.differences[:2]] == ["/q", "/x/q"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Error: no lamp", "Error: no lamp"),
        ("ValueError: no lamp", "ValueError: no lamp"),
        ("sqlite3.IntegrityError: no lamp", "sqlite3.IntegrityError: no lamp"),
        ("An error occurred", "An error occurred"),
        ({"error": "no lamp"}, "no lamp"),
        ('{"error": "no lamp"}', "no lamp"),
        ("{'error': 'no lamp'}", "no lamp"),
        ({"error": {"message": "no lamp", "code": 4}}, "no lamp"),
        ({"error": True, "detail": "no lamp"}, "no lamp"),
        ({"success": False}, ""),
        ({"error": None, "lamps": 3}, None),
        ('{"error": null, "lamps": 3}', None),
        ({"error": "", "success": True}, None),
        ({"error": 0.03}, None),
        ("Errors are rare.", None),
        ("Terror at sea", None),
        ("", None),
        (None, None),
    ],
)
def test_what_a_record_says_of_a_failure(content, said):
    assert failure(ToolResult("a", content)) == said


def test_a_failure_with_a_kind_says_its_detail():
    assert failure(ToolResult("a", error=ErrorKind.not_found, detail="no lamp")) == "no lamp"
