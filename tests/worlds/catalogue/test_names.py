from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.worlds.base import TOOL_NAME
from artificer.worlds.catalogue.names import skeleton, suspicious


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        ("gеt_user", "get_user"),  # Cyrillic e
        ("get_usеr", "get_user"),
        ("ｇｅｔ_user", "get_user"),  # fullwidth
        ("get\u200b_user", "get_user"),  # zero-width space
        ("gᵉt_user", "get_user"),  # superscript
        ("\u202eget_user", "get_user"),  # right-to-left override
        ("fi1e_read", "file_read"),
        ("send_rnail", "send_mail"),
        ("read_0", "read_O"),
        ("GET_USER", "get_user"),
        ("ΑΒΕ", "ABE"),  # Greek capitals
    ],
)
def test_names_that_can_be_mistaken(name: str, alike: str) -> None:
    assert skeleton(name) == skeleton(alike)
    found = suspicious([alike, name])
    assert any("can be mistaken for" in problem.what for problem in found)
    assert all(problem.where.isascii() and problem.what.isascii() for problem in found)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("gеt", "mixes scripts: Cyrillic, Latin"),
        ("ge\u200bt", "U+200B"),
        ("get\u202e", "U+202E"),
        ("ﬁle", "compatibility"),
        ("a\nb", "U+000A"),
    ],
)
def test_names_that_hide_something(name: str, what: str) -> None:
    assert any(what in problem.what for problem in suspicious([name]))


@pytest.mark.parametrize("name", ["get_user", "получить_имя", "東京_weather", "天気を見る", "größe_ändern", "naïve_bayes", "tool_2", "날씨_api"])
def test_honest_names(name: str) -> None:
    assert suspicious([name]) == []


def test_different_names_stay_different() -> None:
    names = ["get_user", "get_users", "set_user", "get_order", "list_orders", "track_order", "cancel_order", "search_2", "search_3"]
    assert suspicious(names) == []
    assert suspicious(["a", "a"]) == []


@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_names(names: list[str]) -> None:
    for problem in suspicious(names):
        assert problem.where.isascii()


@given(st.from_regex(TOOL_NAME, fullmatch=True))
def test_a_plain_name_by_itself_is_never_suspicious(name: str) -> None:
    assert suspicious([name]) == []
