from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.worlds.catalogue.words import normal, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("getUserByID", "get user id"),
        ("get_user_by_id", "get user id"),
        ("get-user by ID.", "get user id"),
        ("HTTPServer2", "http server 2"),
        ("parseURLs and IDs", "parse url id"),
        ("To be or not to be", "to be or not to be"),
        ("The Who", "the who"),
        ("isNot", "is not"),
        ("XMLHttpRequest", "xml http request"),
        ("api.v2/list", "api v 2 list"),
        ("queries classes tracks status address gas", "query classe track status address gas"),
        ("Café naïve ÜBER", "cafe naive uber"),
        ("überGroß2Go", "uber gross 2 go"),
        ("ПолучитьИмя", "получить имя"),
        ("東京の天気", "東京 京の の天 天気"),
        ("天", "天"),
        ("ｆｕｌｌｗｉｄｔｈ", "fullwidth"),
        ("ge\u200bt_us\u202eer", "get user"),
        ("\ud800lone", "lone"),
        ("", ""),
        ("___ --- ...", ""),
    ],
)
def test_hand_made_table(text: str, expected: str) -> None:
    assert words(text) == expected.split()


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=8), min_size=1, max_size=5))
def test_the_ways_of_writing_a_name_are_one(parts: list[str]) -> None:
    camel = parts[0] + "".join(part.capitalize() for part in parts[1:])
    assert words("_".join(parts)) == words("-".join(parts)) == words(" ".join(parts)) == words(camel)


@given(st.text(max_size=200))
def test_any_text_has_words_and_they_have_no_spaces_or_capitals(text: str) -> None:
    for word in words(text):
        assert word
        assert word == word.casefold()
        assert not any(character.isspace() for character in word)
    assert normal(normal(text)) == normal(text)
