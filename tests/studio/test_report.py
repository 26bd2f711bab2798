"""The report: everything it shows is data, and stays data."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import artificer
from artificer.core.messages import Message, ToolCall, ToolResult
from artificer.core.tasks import Effect, Goal, Start, Task, Want
from artificer.core.trace import Node, Trace
from artificer.core.verdicts import CheckResult, ErrorKind, Verdict
from artificer.studio.charts import Bar, bars, ranking
from artificer.studio.dialogue import dialogue
from artificer.studio.html import Html, h, join, text
from artificer.studio.report import Arm, Learned, Share

EVIL = "</pre></style><script>alert(1)</script><img src=x onerror=alert(2)>\"'`\x1b[2J\u202e"


class Tags(HTMLParser):
    """The elements and attributes that a browser would see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "br", "rect", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def hostile_trace() -> tuple[Task, Trace]:
    call = ToolCall(EVIL, EVIL, {EVIL: [EVIL, {"deep": EVIL}]})
    effect = Effect(EVIL, (EVIL, 1), "update", {EVIL: (EVIL, None)})
    nodes = (
        Node(None, Message("user", EVIL, author=EVIL)),
        Node(0, Message("assistant", EVIL, calls=(call, ToolCall("2", "x", {}))), sampled=True),
        Node(1, Message("tool", result=ToolResult(EVIL, content={EVIL: EVIL})), effects=(effect,)),
        Node(2, Message("tool", result=ToolResult("2", error=ErrorKind.not_found, detail=EVIL))),
        Node(3, Message("assistant", EVIL)),
    )
    verdict = Verdict.of((CheckResult(EVIL, 0.0, False, evidence=(EVIL,)),))
    task = Task(EVIL, EVIL, Start(), EVIL, Goal((Want(EVIL, reason=EVIL),), (), ()))
    return task, Trace(EVIL, EVIL, EVIL, "", nodes, verdicts={4: verdict}, effects={4: (effect,)})


def test_a_hostile_trace_is_only_text():
    page = str(dialogue(*hostile_trace()))
    seen = Tags(page)
    assert seen.tags <= {"article", "p", "code", "div", "small", "details", "summary", "pre", "del", "ins", "b", "ul", "li"}
    assert not any(name.startswith("on") for name in seen.attributes)
    assert seen.open == []
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def plant(run: Path) -> None:
    """Rewrites a run so that its traces, tasks, rejects and manifest carry markup."""
    from artificer.run.frames import Note
    from artificer.run.store import Dropped, Rejected, RunFolder

    task, trace = hostile_trace()
    with RunFolder.create_or_continue(run, {"recipe": EVIL, "knobs": {"world": EVIL, EVIL: EVIL}, "about": {"command": EVIL}}) as folder:
        folder.commit("tasks", Note("k", ("k",)), msgspec.json.encode({"key": "k", "item": task}) + b"\n")
        folder.commit("traces", Note("k", ("k",)), msgspec.json.encode({"key": "k", "item": trace}) + b"\n")
        folder.reject(EVIL, "z", Dropped.of([Rejected("z", EVIL, EVIL, EVIL)]))


def test_a_page_about_hostile_data_has_no_script_and_loads_nothing(tmp_path):
    plant(tmp_path / "run")
    share = Share(0.5, 0.4, 0.6, 10)
    learnt = Learned((Arm(EVIL, {EVIL: {EVIL: share}}, {EVIL: 3}), Arm("after", {EVIL: {EVIL: share}})), {EVIL: EVIL})
    page = artificer.report([tmp_path / "run"], learned=learnt, commands=[EVIL]).read_text("utf-8")
    seen = Tags(page)
    assert seen.open == []
    assert seen.tags.isdisjoint({"script", "img", "iframe", "link", "object", "form", "base"})
    assert not any(name.startswith("on") or name == "src" for name in seen.attributes)
    assert "default-src &#x27;none&#x27;" in page
    assert re.search(r"(https?:)?//[a-z]", page) is None
    assert page.count("<style>") == 1


def test_a_page_about_a_real_run_shows_what_was_made(tmp_path):
    artificer.synth("cove", world="domain:retail", n=30, seed=5, out=tmp_path / "run")
    artificer.verify(tmp_path / "run")
    found = artificer.stats(tmp_path / "run")
    page = artificer.report([tmp_path / "run"]).read_text("utf-8")
    assert Tags(page).open == []
    for expected in ("domain:retail", f"{found.traces} proven, 0 refuted", "artificer synth cove -n 30 --seed 5", "prefers-color-scheme: dark"):
        assert expected in page
    assert page.count('<article class="card">') == 3
    assert 20_000 < len(page) < 400_000


def test_two_runs_and_results_stand_on_one_page(tmp_path):
    for name, world in (("a", "domain:retail"), ("b", "sqlite:chinook")):
        artificer.synth("cove", world=world, n=5, out=tmp_path / name)
    before, after = Share(0.02, 0.0, 0.1, 50), Share(0.6, 0.46, 0.72, 50)
    learnt = Learned((Arm("before", {"new rows": {"exact calls": before}}), Arm("after", {"new rows": {"exact calls": after}})))
    page = artificer.report([tmp_path / "a", tmp_path / "b"], tmp_path / "page" / "r.html", learned=learnt).read_text("utf-8")
    assert "+58 points" in page
    assert "sqlite:chinook" in page
    assert 'class="whisker"' in page


@given(st.text(), st.text())
def test_elements_escape_children_and_attributes(child, value):
    made = str(h("p", {"title": value}, child))
    seen = Tags(made)
    assert (seen.tags, seen.attributes, seen.open) == ({"p"}, {"title"}, [])
    assert made.count("<") == 2


def test_markup_is_only_what_was_built_here():
    assert text("<b>") == "&lt;b&gt;"
    assert text(h("b", None, "x")) == "<b>x</b>"
    assert isinstance(join(["<", None, 1]), Html)
    for tag, attributes in (("p onload", {}), ("p", {"onclick": "x"}), ("p", {"a b": "x"}), ("P", {})):
        with pytest.raises(ValueError, match="is not"):
            h(tag, attributes)


def test_bars_stay_within_their_track():
    drawn = str(bars([("t", [Bar("a", 1.7, "170%", low=-0.2, high=2.0), Bar("b", -1.0, "-")])]))
    assert [float(x) for x in re.findall(r'(?:width|x1|x2)="([\d.]+)%"', drawn) if float(x) > 100] == []
    assert "2 others" in ranking({str(n): 9 - n for n in range(5)}, most=3)


def test_errors_stand_on_the_page_as_a_tree(tmp_path):
    artificer.synth("cove", world="domain:retail | faults:rate=0.3", n=12, seed=5, errors=0.8, out=tmp_path / "run")
    found = artificer.stats(tmp_path / "run").mistakes
    page = artificer.report([tmp_path / "run"]).read_text("utf-8")
    assert Tags(page).open == []
    assert f"What went wrong: {found.tree[0].errors} errors in {found.rows.wrong} of {found.rows.n} conversations" in page
    assert all(one.place in page for one in found.tree[1:])
    assert f"stand apart: {next(iter(found.infrastructure))}" in page
