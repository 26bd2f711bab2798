"""Contamination: what is planted is found by its kind, what is only on the same tools is not, and what is left out is a row of the rejects."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import artificer
from artificer.cli import main
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.trace import Node, Trace
from artificer.curation.contamination.calls import exact, values, within
from artificer.curation.contamination.index import Bounds, Index
from artificer.curation.contamination.texts import GAP, form, runs, words
from artificer.formats.base import Item
from artificer.run.store import RunFolder

ASKED = "Please book a table for four people at Luigi's on Friday evening at seven, and tell me the name of the street."
BOOK = ToolCall("c", "table.book", {"place": "Luigi's", "people": 4, "at": "19:00"})


def item(*said, calls=(), name="row", tools=()):
    messages = [Message("user", text) for text in said] + ([Message("assistant", calls=tuple(calls))] if calls else [])
    nodes = tuple(Node(at - 1 if at else None, message) for at, message in enumerate(messages))
    return Item(Trace(name, name, "", "", nodes), tools)


@pytest.fixture
def index():
    made = Index()
    made.add("exam", item(ASKED, calls=[BOOK]))
    return made


def kinds(index, *said, calls=()):
    return {hit.kind for hit in index.find(item(*said, calls=calls))}


def test_texts():
    assert words("Don't  STOP_at ４２!") == ["don", "t", "stop", "at", "42"]
    assert words("北京 weather") == ["北", "京", "weather"]
    assert runs(["a", "b", "c"], 2) == {"a b", "b c"}
    assert runs(["a"], 2) == set()
    assert form("Book a flight to New York on May 4") == (f"{GAP} a flight to {GAP} on {GAP}", 4)


def test_calls():
    assert exact(ToolCall("x", "Math.Hypot", {"b": 5.0, "a": " Two  words"})) == exact(ToolCall("y", "math_hypot", {"a": "two words", "b": 5}))
    assert values([ToolCall("x", "f", {"a": [1, {"b": "Q"}], "c": None, "d": True, "e": ""})]) == {"1", "q"}
    assert within(["a", "c"], ["a", "b", "c"])
    assert not within(["c", "a"], ["a", "b", "c"])
    deep = {}
    for _ in range(500):
        deep = {"a": deep}
    assert exact(ToolCall("x", "f", deep))


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (ASKED, {"exact", "ngram", "share", "form"}),
        (ASKED.upper().replace(",", " !"), {"exact", "ngram", "share"}),
        (f"Hello there. {ASKED} Thanks!", {"ngram", "share"}),
        (ASKED.replace("Luigi", "Mario").replace("Friday", "Sunday"), {"form"}),
        ("Please book a table for four people at noon.", set()),
        ("What is the weather like in Rome today? I would like to know whether it is going to rain in the evening.", set()),
    ],
)
def test_a_message_is_found_by_what_it_has_in_common(index, said, wanted):
    assert kinds(index, said) == wanted


def test_calls_are_found_under_other_words_and_among_others(index):
    look = ToolCall("l", "look", {"for": "anything"})
    alike = ToolCall("z", "table_book", {"at": "19:00", "people": 4.0, "place": "LUIGI'S"})
    assert kinds(index, "As we said.", calls=[look, alike, look]) == {"calls"}
    assert kinds(index, "As we said.", calls=[ToolCall("z", "table_book", {"at": "20:00", "people": 2, "place": "Luigi's"})]) == set()


def test_calls_in_the_same_order_with_other_values_are_told_as_no_contamination():
    index = Index()
    index.add("exam", item("Hi", calls=[BOOK, ToolCall("p", "pay", {"sum": 12})]))
    other = [ToolCall("a", "table.book", {"place": "Mario's", "people": 9, "at": "8"}), ToolCall("b", "pay", {"sum": 9})]
    assert kinds(index, "x", calls=other) == {"shape"}


def test_values_that_many_rows_have_tell_none_from_another():
    index = Index()
    for number in range(60):
        index.add("exam", item("Hi", calls=[ToolCall("a", "grant", {"app": "messaging", "what": "sms"}), ToolCall("b", f"f{number}", {})]))
    index.add("exam", item("Hi", calls=[ToolCall("a", "grant", {"app": "camera", "what": "photos"})]))
    assert kinds(index, "x", calls=[ToolCall("a", "grant", {"app": "messaging", "what": "sms"}), ToolCall("b", "f7", {})]) == {"shape"}
    assert kinds(index, "x", calls=[ToolCall("a", "grant", {"app": "camera", "what": "photos"})]) == {"calls"}


def test_short_messages_say_nothing_and_are_counted():
    index = Index()
    index.add("exam", item("Hello there!"))
    index.add("exam", item("Yes, go ahead with that now.", "No more of this, thank you."))
    assert index.blind["exam"] == 2
    assert kinds(index, "Hello there!", "Yes, go ahead with that now.") == set()


def test_bounds_that_find_nothing_are_refused():
    with pytest.raises(ArtificerError, match="these bounds find nothing"):
        Bounds(ngram=5, run=8)
    with pytest.raises(ArtificerError, match="these bounds find nothing"):
        Bounds(share=0)


@pytest.mark.parametrize("text", ["a " * 300_000, "\ud800 \x00 " * 1000, "", "((((" * 100_000, "北" * 100_000])
def test_hostile_texts_are_looked_at_in_linear_time(index, text):
    assert kinds(index, text) == set()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    for name, seed in (("data", 3), ("exam", 4)):
        artificer.synth("cove", world="domain:retail", n=6, seed=seed, out=place / name, progress=None)
    artificer.merge([place / "data", place / "exam"], out=place / "both")
    return place


def test_a_run_that_holds_an_exam_is_written_without_it_and_is_still_proven(data, tmp_path):
    found = artificer.decontaminate([data / "both"], [str(data / "exam")], out=tmp_path / "clean")
    exam = found.suites[str(data / "exam")]
    assert found.traces == 12
    assert found.contaminated == exam.traces >= 6
    assert exam.shared == 0 or exam.alike <= exam.shared <= exam.tools
    assert sum(found.made.kept.values()) == 12 - found.contaminated
    assert artificer.verify(tmp_path / "clean").holds
    with RunFolder.open(tmp_path / "clean") as folder:
        rejects = list(folder.rejects())
    assert len(rejects) == found.contaminated
    assert all(row.stage == "decontaminate" and row.reason.startswith("contaminated: ") and row.detail for row in rejects)


def test_without_a_folder_it_is_only_told(data, capsys):
    assert main(["decontaminate", str(data / "both"), "--against", str(data / "exam"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["contaminated"] >= 6
    assert told["made"] is None
    assert main(["decontaminate", str(data / "both"), "--against", str(data / "exam")]) == 1
    assert "of 12 traces hold something" in capsys.readouterr().out


def test_users_mistakes_are_one_message(data):
    with pytest.raises(ArtificerError, match="no suite to compare with"):
        artificer.decontaminate([data / "both"], [])
    with pytest.raises(ArtificerError, match="no such run or file"):
        artificer.decontaminate([data / "nowhere"], [str(data / "exam")])
    with pytest.raises(ArtificerError, match="no kind of contamination"):
        artificer.decontaminate([data / "both"], [str(data / "exam")], kinds=["shape"])


def test_tools_are_told_apart(tmp_path):
    tool = ToolSpec("table.book", "", {"type": "object", "properties": {"place": {}}})
    index = Index()
    index.add("exam", item(ASKED, tools=(tool,)))
    assert index.tools["exam"] == {"table_book": frozenset({"place"})}


def test_marks_upon_marks_take_no_square():
    """Sorting combining marks is quadratic: 400,000 of them at once would take minutes."""
    assert len(words("a" + "\u0301\u0323" * 200_000)) < 400_000


def test_the_report_is_the_same_in_every_process(tmp_path):
    row = {
        "messages": [
            {"role": "user", "content": "please tell me all about the twelve old grey towers of the city"},
            {"role": "assistant", "content": "a"},
        ]
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    asked = "import artificer, msgspec; print(msgspec.json.encode(artificer.decontaminate(['a.jsonl'], ['a.jsonl'])))"
    told: set[bytes] = set()
    for seed in range(3):
        env = {**os.environ, "PYTHONHASHSEED": str(seed)}
        told.add(subprocess.run([sys.executable, "-c", asked], cwd=tmp_path, env=env, capture_output=True, check=True).stdout)
    assert len(told) == 1
    assert b'"contaminated":1' in told.pop()
