"""The words for searches, strict; entry points; a search through a whole run; judges and their labels."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walking import BOARD, TASK, Once, Walker, walked

import artificer.rollout.search as words
from artificer.api import rollout, stats, synth, verify
from artificer.checks.finished import Finished
from artificer.core.errors import ArtificerError
from artificer.core.messages import Message, ToolCall
from artificer.core.trace import Trace
from artificer.core.verdicts import StopReason
from artificer.curation.decisions import decisions
from artificer.models.base import Counts, Model, Reply
from artificer.models.scripted import Scripted
from artificer.rollout.episode import Linear, play
from artificer.rollout.replay import judged
from artificer.rollout.search import search_of
from artificer.rollout.search.beam import Beam
from artificer.rollout.search.best_of import BestOf
from artificer.rollout.search.dfsdt import DFSDT
from artificer.rollout.search.forks import Forks, RewardedTree
from artificer.rollout.search.mcts import MCTS
from artificer.rollout.search.scores import Checks, Clean, Judge, PairJudge, read_label
from artificer.rollout.stats import count_run
from artificer.run.store import RunFolder
from artificer.studio.dialogue import dialogue
from artificer.worlds.base import World

SILENT = Model.of("scripted:silent")


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("dfsdt", DFSDT()),
        ("dfsdt:beam=3,queries=none,depth=24", DFSDT(3, 24, None)),
        ("react:n=4,queries=60", BestOf(4, True, queries=60)),
        ("best_of:n=8,temperature=0.7", BestOf(8, temperature=0.7)),
        ("best_of:score=checks", BestOf(score=Checks())),
        ("mcts:rule=itool,c=0.5,simulate=0", MCTS(rule="itool", c=0.5)),
        ("beam:width=3,aggregate=min,trees=2", Beam(width=3, aggregate="min", trees=2)),
        ("beam:score=judge", Beam(score=Judge(SILENT))),
        ("beam:judge=scripted:first", None),
        ("dfsdt_filter", DFSDT(compare=PairJudge(SILENT))),
        ("forks:where=errors,steps=none,feedback=Try again.", Forks("errors", steps=None, feedback="Try again.")),
        ("rewarded:n=6,f=2,finish=true", RewardedTree(6, 2, finish=True)),
    ],
)
def test_words_become_searches(text, made):
    found = search_of(text, SILENT)
    assert made is None or found == made


def test_a_conversation_is_the_plain_search():
    assert isinstance(search_of("linear"), Linear)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no search ''"),
        ("depth_first", "use one of beam, best_of"),
        ("dfsdt:", "leave the colon out"),
        ("dfsdt:beam", "is not a search"),
        ("dfsdt:beam=", "is not a search"),
        ("dfsdt:beam=2,", "is not a search"),
        ("dfsdt:=2", "is not a search"),
        ("dfsdt:beam=2,beam=3", "given twice"),
        ("dfsdt:beam=0", "beam=0 does not fit"),
        ("dfsdt:beam=2.5", "does not fit"),
        ("dfsdt:beam=99999999999999999999999", "does not fit"),
        ("dfsdt:finish=1", "true or false"),
        ("dfsdt:temperature=nan", "does not fit"),
        ("dfsdt:compare=x", "takes no option 'compare'"),
        ("dfsdt:score=checks", "takes no option 'score'"),
        ("dfsdt_filter", "needs a model"),
        ("beam:score=judge", "judge=MODEL"),
        ("beam:score=gold", "no score 'gold'"),
        ("mcts:rule=uct", "itool or puct"),
        ("react:first=false", "takes no option 'first'"),
        ("linear:n=2", "takes no options"),
        ("beam:judge=nonsense", "is not a model"),
    ],
)
def test_other_words_are_refused_with_what_to_do(text, says):
    with pytest.raises(ArtificerError) as refused:
        search_of(text)
    assert says in str(refused.value)
    assert "do:" in str(refused.value)


@given(st.text(alphabet="dfst:=,1 befnorcka_\x00\ud800é", max_size=20))
@settings(max_examples=40)
def test_no_text_breaks_the_reading(text):
    for one in (text, f"dfsdt:{text}", f"beam:{text}"):
        try:
            search_of(one, SILENT)
        except ArtificerError:
            pass


def test_searches_of_other_packages(monkeypatch):
    class Point(EntryPoint):
        def load(self):
            if self.value == "broken":
                raise ImportError("gone")
            return lambda options: Linear() if not options else BestOf(int(options["n"]))

    points = [Point("ours", "fine", "artificer.searches"), Point("worse", "broken", "artificer.searches")]
    monkeypatch.setattr(words, "entry_points", lambda group: points if group == "artificer.searches" else [])
    assert search_of("ours:n=3") == BestOf(3)
    assert "ours" in words.search_names()
    with pytest.raises(ArtificerError, match="does not load: ImportError: gone"):
        search_of("worse")


# judges


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('{"label": "right"}', "right"),
        ("The step is wrong.", "wrong"),
        ("right or wrong", "unreadable"),
        ('{"label": "great"}', "unreadable"),
        ("", "unreadable"),
        ("[1]", "unreadable"),
        ("\ud800", "unreadable"),
        ("RIGHT", "right"),
    ],
)
def test_labels_are_closed(text, label):
    assert read_label(text, ["right", "wrong"]) == label


class Grader(Model):
    """Says `right` of steps that put b."""

    name = "scripted:grader"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def reply(self, request) -> Reply:
        text = request.messages[-1].text
        self.asked.append(text)
        step = text.rpartition("== the step ==")[2]
        return Reply(Message("assistant", '{"label": "right"}' if '"b"' in step else "nonsense"), Counts(10, 1))


async def test_a_judge_steers_sees_no_goal_and_is_counted():
    grader = Grader()
    trace, _ = await walked(Beam(width=3, keep=1, score=Judge(grader)), lambda path, draw: "!" if len(path) == 2 else "abc"[draw])
    word = [one.arguments["label"] for node in trace.branch(trace.answer) for one in node.message.calls if one.name == "put"]
    assert word == ["b", "b"]
    account = trace.lineage["search"]
    assert (account["judged"], account["queries"]) == (9, 18)
    assert trace.usage.tokens_in == 90
    assert "gold" not in account
    assert not [text for text in grader.asked if TASK.id in text]
    labels = [node.notes["search"].get("label") for node in trace.nodes if "label" in node.notes.get("search", {})]
    assert labels.count("right") == 2
    assert labels.count("unreadable") == 7


@pytest.mark.parametrize("queries", range(1, 14))
@pytest.mark.parametrize("kind", [Beam, BestOf, MCTS])
async def test_a_judge_never_exceeds_the_budget(kind, queries):
    grader = Grader()
    search = msgspec.structs.replace(kind(), queries=queries, score=Judge(grader), finish=True)
    trace, walker = await walked(search, lambda path, draw: "!" if len(path) > 1 + draw else "abcdefgh"[draw])
    assert len(walker.seen) + len(grader.asked) == trace.lineage["search"]["queries"] <= queries
    assert set(trace.leaves()) <= set(trace.stop)


async def test_a_score_that_reads_the_goal_says_so_in_the_trace():
    trace, _ = await walked(BestOf(2, score=Checks(), finish=True), lambda path, draw: "!" if path or draw else "?")
    assert trace.lineage["search"]["gold"] is True
    assert trace.stop[trace.answer] is StopReason.user_done
    trace, _ = await walked(BestOf(2, score=Clean(), finish=True), lambda path, draw: "!")
    assert "gold" not in trace.lineage["search"]


async def test_pairs_are_asked_in_both_orders():
    asked = []

    def says(request) -> str:
        text = request.messages[-1].text
        a, b = text.partition("== way A ==")[2].split("== way B ==")
        asked.append(('"a"' in a, '"b"' in a))
        return "B" if '"b"' in b else "A"

    trace, _ = await walked(DFSDT(beam=2, depth=2, compare=PairJudge(Scripted("scripted:pairs", says))), lambda path, draw: "ab"[draw])
    assert asked == [(True, False), (False, True)]
    assert {node.message.calls[0].arguments["label"]: node.notes["search"]["points"] for node in trace.nodes if node.message.calls} == {
        "a": 0,
        "b": 1,
    }


# whole runs


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "tasks"
    synth("cove", world="sqlite:chinook", n=3, seed=3, out=out)
    return out


@pytest.mark.parametrize(
    "search", ["dfsdt:beam=2,depth=60", "best_of:n=3", "beam:width=2,depth=60", "mcts:width=2,depth=60", "forks:k=1", "rewarded:n=2,depth=30"]
)
def test_a_run_with_a_search_is_proven(tasks, search, tmp_path):
    summary = rollout(tasks, out=tmp_path / "run", search=search, errors=0.3, concurrency=3)
    assert summary.complete
    proof = verify(tmp_path / "run")
    assert proof.holds
    assert proof.proven == stats(tmp_path / "run").passed
    again = rollout(tasks, out=tmp_path / "again", search=search, errors=0.3, concurrency=1)
    assert again.complete
    with RunFolder.open(tmp_path / "run") as one, RunFolder.open(tmp_path / "again") as two:
        assert list(one.read("traces", Trace, ordered=True)) == list(two.read("traces", Trace, ordered=True))
        assert count_run(one).averages["branches"] >= 1


def test_a_search_that_does_not_exist_is_refused_before_anything_is_written(tasks, tmp_path):
    with pytest.raises(ArtificerError, match="no search 'deep'"):
        rollout(tasks, out=tmp_path / "run", search="deep")
    with pytest.raises(ArtificerError, match="needs a model"):
        rollout(tasks, out=tmp_path / "run", search="dfsdt_filter")
    assert not (tmp_path / "run").exists()


def test_what_finds_no_answer_is_rejected_with_that_reason(tasks, tmp_path):
    rollout(tasks, out=tmp_path / "run", agent="scripted:first", search="dfsdt:depth=2")
    found = stats(tmp_path / "run")
    assert (found.traces, found.rejects) == (0, {"judge": {"search": 3}})
    rollout(tasks, out=tmp_path / "kept", agent="scripted:first", search="dfsdt:depth=2", keep_failed=True)
    assert (stats(tmp_path / "kept").traces, stats(tmp_path / "kept").passed) == (3, 0)


async def test_decisions_leave_finish_out_and_teach_the_words():
    world = World.of(BOARD)
    walker = Walker(lambda path, draw: "!" if path == "b" else "a" if path else "ab"[draw])
    trace = await play(TASK, world, lambda *_: walker, lambda *_: Once(), search=DFSDT(beam=2, depth=4))
    trace = await judged(TASK, world, trace, [Finished()])
    rows = list(decisions(TASK, trace, world.tools))
    assert [[call.name for call in row.target.calls] or row.target.text for row in rows] == [["put"], "It is done."]
    assert [[message.role for message in row.context] for row in rows] == [["user"], ["user", "assistant", "tool"]]
    assert rows[1].prefix == (ToolCall("c1", "put", {"label": "b"}),)
    assert all("Finish" not in row.tools for row in rows)


async def test_the_page_s_own_search_works():
    page = (Path(__file__).parents[3] / "docs" / "search.md").read_text("utf-8")
    block = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[-1]
    names: dict = {}
    exec(compile(block, "search.md", "exec"), names)
    trace, _ = await walked(names["Twice"](), lambda path, draw: ("no" if not path and not draw else "a") if len(path) < 2 else "There.")
    assert len(trace.leaves()) == 2
    assert [node.message.result.content for node in trace.branch(trace.answer) if node.message.result] == ["a", "a a"]


async def test_a_report_shows_the_answer_of_a_search():
    rule = lambda path, draw: "!" if path == "b" else "a" if path else "ab"[draw]  # noqa: E731
    trace, _ = await walked(DFSDT(beam=2, depth=4), rule)
    shown = str(dialogue(TASK, trace))
    assert "the answer of 3 branches" in shown
    assert "It is done." in shown
