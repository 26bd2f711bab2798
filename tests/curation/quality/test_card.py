"""From a file to its card: figures, thresholds, pages, the command, and what strangers may put in it."""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from html.parser import HTMLParser

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.curation.quality.building import GOOD, calls, item, result, says, user
from tests.formats.strategies import items

import artificer
from artificer.cli import main
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message
from artificer.curation.quality.card import Card
from artificer.curation.quality.counting import Counting
from artificer.curation.quality.length import Lengths, about_tokens
from artificer.curation.quality.licence import beside
from artificer.curation.quality.markdown import cell, markdown, percent
from artificer.curation.quality.thresholds import Threshold, judged, thresholds
from artificer.formats import format_named
from artificer.formats.account import Account
from artificer.formats.convert import render
from artificer.studio.card import card_page

EVIL = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\"'`|[x](javascript:1)\n---\nlicense: mit\n\x1b[2J\u202e"


def written(path, *looked):
    path.write_bytes(b"".join(row + b"\n" for row in render(looked, format_named("chat"), Account())))
    return path


def test_the_whole_way(tmp_path):
    bad = item(user(), calls(("a", "found", {"id": 7})), result(), says(), name="t2")
    data = written(tmp_path / "d.jsonl", item(*GOOD), item(*GOOD), bad, item(user("Mail me: jane.roe@firma.de"), says(), name="t4"))
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n# Data\n")
    card = artificer.check(data, near=False, findings=tmp_path / "f.jsonl")
    assert (card.traces, card.form, card.rows) == (4, "chat", 4)
    assert {name: tally.findings for name, tally in card.found.items()} == {
        "unknown_tool": 1, "thought_missing": 1, "unfinished": 3, "duplicate": 1, "email": 1
    }  # fmt: skip
    assert (card.figures["unknown_tools"], card.figures["duplicates"], card.figures["personal"], card.figures["licence"]) == (1 / 3, 0.25, 0.25, 1.0)
    assert (card.beside, card.status, card.tools) == ({"README.md": "cc-by-4.0"}, "fail", {"find": 2, "found": 1})
    rows = [json.loads(line) for line in (tmp_path / "f.jsonl").read_text().splitlines()]
    assert len(rows) == 7
    assert [row for row in rows if row["rule"] == "unknown_tool"] == [
        {"rule": "unknown_tool", "at": 1, "evidence": "found", "severity": "error", "trace": "t2", "where": f"{data}:3"}
    ]
    with pytest.raises(ArtificerError, match="already"):
        artificer.check(data, near=False, findings=tmp_path / "f.jsonl")


@pytest.mark.parametrize("wrong", [b'{"foo": 1}', b'{"messages": [', b"prose"])
def test_every_row_that_cannot_be_read_counts(tmp_path, wrong):
    data = written(tmp_path / "d.jsonl", *[item(user(f"Hello {number}"), says()) for number in range(20)])
    data.write_bytes(data.read_bytes() + 20 * (wrong + b"\n"))
    card = artificer.check(data, near=False, given="chat")
    line = next(line for line in card.lines if line.figure == "rows_dropped")
    assert (line.status, line.value, card.rows, list(card.dropped.values())) == ("fail", 0.5, 40, [20])


def test_events_that_cannot_be_read_count_where_the_row_can(tmp_path):
    account = Account(rows_in=4, events_in=40, dropped=Counter({"of no role": 4}))
    assert Counting().card("", "", account, {}).figures["rows_dropped"] == 0.1
    account.rows_dropped = 2
    assert Counting().card("", "", account, {}).figures["rows_dropped"] == 0.5


def test_a_card_is_data(tmp_path):
    card = artificer.check(written(tmp_path / "d.jsonl", item(*GOOD)), near=False)
    assert msgspec.json.decode(msgspec.json.encode(card), type=Card) == card


def test_thresholds_of_ones_own(tmp_path):
    data = written(tmp_path / "d.jsonl", item(user("Mail me: jane.roe@firma.de"), says()))
    mine = tmp_path / "mine.toml"
    mine.write_text("[personal]\nfail_above = 0\n")
    assert artificer.check(data, near=False).status == "warn"
    card = artificer.check(data, near=False, thresholds=mine)
    line = next(line for line in card.lines if line.figure == "personal")
    assert (line.status, line.value, line.bound, line.source) == ("fail", 1.0, "warn above 0%, fail above 0%", str(mine))
    for wrong in ("[nosuch]\nfail_above = 0\n", "[personal]\nfail_over = 0\n", "personal = 3\n", "[personal]\nfail_above = 'x'\n", "[", "[personal]"):
        mine.write_text(wrong)
        if wrong == "[personal]":
            assert artificer.check(data, near=False, thresholds=mine).status == "warn"
            continue
        with pytest.raises(ArtificerError) as told:
            artificer.check(data, near=False, thresholds=mine)
        assert told.value.remedy


def test_bounds_hold_where_they_say():
    bounds = Threshold("", "", fail_above=0.5, warn_above=0.2)
    assert [bounds.status(value) for value in (None, 0.2, 0.21, 0.5, 0.51)] == ["undecided", "pass", "warn", "warn", "fail"]
    assert [Threshold("", "", fail_up_to=0.8).status(value) for value in (0.8, 0.81)] == ["fail", "pass"]
    assert [Threshold("", "", fail_below=0.8).status(value) for value in (0.79, 0.8)] == ["fail", "pass"]
    figures = Counting().card("", "", Account(), {}).figures
    assert set(thresholds()) == set(figures)


def test_the_command(tmp_path, capsys):
    data = str(written(tmp_path / "d.jsonl", item(*GOOD), item(user(), calls(("a", "found", {})), result(), says(), name="t2")))
    assert main(["stats", data, "-o", str(tmp_path / "out")]) == 0
    assert "unknown_tool" in capsys.readouterr().out
    assert (tmp_path / "out" / "card.md").read_text().startswith("---\n")
    assert "<html" in (tmp_path / "out" / "card.html").read_text()
    assert main(["stats", data, "-o", str(tmp_path / "out" / "card.md")]) == 1
    assert "already" in capsys.readouterr().err
    assert main(["stats", data, "-o", str(tmp_path / "card.pdf")]) == 1
    assert "Markdown or HTML" in capsys.readouterr().err
    assert main(["stats", data, "--strict"]) == 1
    assert main(["stats", data, "--json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out[out.index("{") :])["traces"] == 2


def test_runs_of_ours_and_imported_ones(tmp_path, capsys):
    run, data = str(tmp_path / "run"), str(tmp_path / "d.jsonl")
    assert main(["synth", "cove", "--world", "domain:retail", "-n", "3", "--quiet", "-o", run]) == 0
    capsys.readouterr()
    assert main(["stats", run]) == 0
    assert "verdict" not in capsys.readouterr().out
    assert main(["stats", run, "--card"]) == 0
    assert "verdict" in capsys.readouterr().out
    assert main(["stats", run, "--card", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["traces"], record["card"]["traces"], record["card"]["form"]) == (3, 3, "artificer")
    assert main(["convert", run, data]) == 0
    assert main(["convert", data, str(tmp_path / "imported"), "--to", "artificer"]) == 0
    capsys.readouterr()
    assert main(["stats", str(tmp_path / "imported")]) == 0
    assert "imported (artificer): 3 traces" in capsys.readouterr().out


def evil_card():
    looked = item(user(EVIL), calls((EVIL, EVIL, {EVIL: EVIL})), Message("tool"), says(EVIL), name=EVIL, lineage={"license": EVIL, "source": EVIL})
    counting = Counting()
    counting.add(looked, EVIL)
    return judged(counting.card(EVIL, EVIL, Account(rows_in=1, dropped=Counter({EVIL: 1})), {EVIL: EVIL}), thresholds())


class _Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)


def test_strangers_are_no_markup():
    page = card_page(evil_card(), command=EVIL)
    assert not _Tags(page).tags & {"script", "img"}
    text = markdown(evil_card())
    head, _, body = text.removeprefix("---\n").partition("\n---\n")
    assert "<script" not in body
    assert "](" not in body
    assert "\x1b" not in text
    front = yaml.safe_load(head)
    assert (front["license"], front["size_categories"]) == ("other", ["n<1K"])
    assert set(front) == {"pretty_name", "license", "license_name", "size_categories", "task_categories", "tags"}


def test_front_matter_of_the_hub(tmp_path):
    looked = item(*GOOD, user("Thank you for all of this"), says(), lineage={"extra": {"license": "MIT"}})
    card = artificer.check(written(tmp_path / "d.jsonl", looked), near=False)
    front = yaml.safe_load(markdown(card).split("\n---\n")[0].removeprefix("---\n"))
    assert (front["license"], front["language"], front["task_categories"]) == ("mit", ["en"], ["text-generation"])
    assert card.licences == {"MIT": 1}


@pytest.mark.parametrize(
    ("text", "licences"),
    [
        ("---\nlicense: apache-2.0\n---\n", ["apache-2.0"]),
        ("---\nlicense:\n- mit\n- cc-by-4.0\ntags: []\n---\n", ["mit", "cc-by-4.0"]),
        ('---\r\nlicense: "odc-by"\r\n---', ["odc-by"]),
        ("# license: mit\n", []),
        ("---\ntags: []\n---\nlicense: mit\n", []),
    ],
)
def test_licences_beside_the_data(tmp_path, text, licences):
    (tmp_path / "README.md").write_bytes(text.encode())
    assert [licence for licence, _ in beside(tmp_path / "d.jsonl")] == licences


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60))
def test_percentiles_within_one_percent(values):
    lengths = Lengths()
    for value in values:
        lengths.add(value)
    found = lengths.spread()
    assert (found.n, found.least, found.most, found.total) == (len(values), min(values), max(values), sum(values))
    assert sum(found.bins.values()) == len(values)
    for share, got in ((0.1, found.p10), (0.5, found.p50), (0.9, found.p90), (0.99, found.p99)):
        right = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
        assert got == right if right <= 256 else abs(got - right) <= 0.011 * right + 1


def test_tokens_by_a_rule_of_thumb():
    assert [about_tokens(text) for text in ("", "abcd", "abcde", "日本語", "Grüße")] == [0, 1, 2, 3, 2]
    counting = Counting(tokens=len)
    counting.add(item(user("four"), says("12")))
    card = counting.card("", "", Account(rows_in=1), {})
    assert (card.lengths["tokens"].total, card.tokens_by) == (6, "the tokenizer that was given")


def test_shares_for_people():
    assert [percent(share) for share in (None, 0, 0.00001, 0.5, 0.99999, 1)] == ["-", "0.0%", "<0.1%", "50.0%", ">99.9%", "100.0%"]
    assert cell("a|b\n<i>") == "a\\|b &lt;i&gt;"


@settings(max_examples=40)
@given(items(tree=True))
def test_any_trace_can_be_looked_at(looked):
    counting = Counting()
    again = Counting()
    found = counting.add(looked)
    assert found == again.add(looked)
    card = judged(counting.card("x", "y", Account(rows_in=1), {}), thresholds())
    assert all(value is None or 0 <= value <= 1 for value in card.figures.values())
    assert markdown(card)
    assert card_page(card)


def test_near_duplicates(tmp_path):
    words = "the quick brown fox jumps over the lazy dog and runs away into the green forest where nobody has ever seen it again until today"
    near = [item(user(f"{words} {end}"), says("Is that so?"), name=end) for end in ("once", "twice", "thrice")]
    other = item(user("Something else altogether, if you please, and quickly."), says("Yes, at once."), name="other")
    card = artificer.check(written(tmp_path / "d.jsonl", *near, near[0], other))
    assert (card.found["near_duplicate"].findings, card.found["duplicate"].findings) == (2, 1)
    assert card.found["near_duplicate"].examples[0].trace == "twice"
    assert card.found["near_duplicate"].examples[0].evidence == "near once"
    assert card.figures["near_duplicates"] == 0.5
    assert not card.notes


def test_order_changes_no_figure():
    looked = [item(*GOOD, name=f"t{n}") for n in range(3)] + [item(user(f"mail a{n}@b{n}.de"), says(), name=f"u{n}") for n in range(5)]
    cards = []
    for seed in range(3):
        random.Random(seed).shuffle(looked)
        counting = Counting()
        for one in looked:
            counting.add(one)
        cards.append(counting.card("x", "y", Account(rows_in=8), {}))
    assert cards[0].figures == cards[1].figures == cards[2].figures
    assert cards[0].lengths == cards[1].lengths


def test_front_matter_says_what_the_name_is():
    name = 'set 😀 é "x": #1\n---\nlicense: mit \uffff'
    front = markdown(Counting().card("s", "chat", Account(), {}), name).split("---\n")[1]
    loaded = yaml.safe_load(front)
    assert (loaded["pretty_name"], loaded["license"]) == (name.replace("\n", " "), "unknown")


@pytest.mark.parametrize("name", ["www.evil.com", "see WWW.evil.com", "http://evil.com", "x@evil.com", "a|b", "`x`", "|", "<a>"])
def test_no_cell_is_a_link_or_ends_its_cell(name):
    shown = cell(name)
    assert not re.search(r"(?i)www\.|(?<!\\)[:@|`]|[<>]", shown)
